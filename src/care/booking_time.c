/*
 * When, by what a body says of it: a slot's id, or doctor and start.
 */

#include "booking.h"


static ngx_int_t ehr_booking_slot(ehr_request_t *req, ehr_booking_t *booking,
    ehr_value_t slot, ehr_field_errors_t *errors);
static void ehr_booking_missing(ehr_booking_t *booking,
    ehr_field_errors_t *errors);
static void ehr_booking_error(ehr_field_errors_t *errors, const char *field,
    ehr_message_t message);


ngx_int_t
ehr_booking_time(ehr_request_t *req, ehr_booking_t *booking,
    ehr_value_t slot, ehr_field_errors_t *errors)
{
    int  is_whole;

    if (slot.text) {
        if (ehr_booking_slot(req, booking, slot, errors) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        ehr_booking_missing(booking, errors);
    }

    if (booking->minutes) {
        booking->length = ngx_atoi((u_char *) booking->minutes,
                                   ngx_strlen(booking->minutes));

        if (booking->length % (EHR_SLOT_STEP / 60)) {
            ehr_booking_error(errors, "durationMinutes",
                              EHR_MESSAGE_OFF_GRANULE);
        }
    }

    if (booking->start) {
        booking->second = ehr_slot_instant_parse(booking->start,
                                                 ngx_strlen(booking->start),
                                                 &is_whole);

        if (!is_whole || booking->second % EHR_SLOT_STEP) {
            ehr_booking_error(errors, "start", EHR_MESSAGE_OFF_GRANULE);
        }
    }

    if (errors->n) {
        ehr_reply_invalid(req, errors);
        return NGX_DONE;
    }

    return NGX_OK;
}


static void
ehr_booking_missing(ehr_booking_t *booking, ehr_field_errors_t *errors)
{
    if (booking->needs_doctor && booking->doctor == NULL) {
        ehr_booking_error(errors, "doctorId", EHR_MESSAGE_FIELD_REQUIRED);
    }

    if (booking->needs_start && booking->start == NULL) {
        ehr_booking_error(errors, "start", EHR_MESSAGE_FIELD_REQUIRED);
    }
}


/* A slot's id says doctor, start and minutes at once. */

static ngx_int_t
ehr_booking_slot(ehr_request_t *req, ehr_booking_t *booking, ehr_value_t slot,
    ehr_field_errors_t *errors)
{
    u_char      *doctor, *start, *minutes;
    ngx_int_t    rc;
    ehr_slot_t   said;

    if (booking->doctor || booking->start || booking->minutes) {
        ehr_booking_error(errors, "slotId", EHR_MESSAGE_SLOT_ID_ALONE);
        return NGX_OK;
    }

    rc = ehr_slot_id_parse(slot.text, slot.len, &said);

    if (rc == NGX_DECLINED) {
        ehr_booking_error(errors, "slotId", EHR_MESSAGE_SLOT_ID_UNKNOWN);
        return NGX_OK;
    }

    doctor = ngx_pcalloc(req->pool, EHR_UUID_TEXT + 1);
    start = ngx_pcalloc(req->pool, EHR_SLOT_INSTANT + 1);
    minutes = ngx_pcalloc(req->pool, NGX_INT_T_LEN + 1);

    if (rc != NGX_OK || doctor == NULL || start == NULL || minutes == NULL) {
        return NGX_ERROR;
    }

    ehr_uuid_print(doctor, &said.doctor);
    ehr_slot_instant_print(start, said.start);
    ngx_sprintf(minutes, "%ui", said.minutes);

    booking->doctor = (char *) doctor;
    booking->start = (char *) start;
    booking->minutes = (char *) minutes;

    return NGX_OK;
}


/* One message a field: the first. */

static void
ehr_booking_error(ehr_field_errors_t *errors, const char *field,
    ehr_message_t message)
{
    size_t  i;

    for (i = 0; i < errors->n; i++) {
        if (ngx_strcmp(errors->items[i].field, field) == 0) {
            return;
        }
    }

    if (errors->n == EHR_MAX_FIELD_ERRORS) {
        return;
    }

    errors->items[errors->n].field = field;
    errors->items[errors->n].message = message;
    errors->items[errors->n].argument = NULL;
    errors->n++;
}
