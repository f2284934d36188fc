/*
 * A new appointment: an SQL function claims its time and writes the row.
 */

#include "booking.h"


static ngx_int_t ehr_book_input(ehr_request_t *req, ehr_booking_t *booking,
    ehr_values_t *values);
static ngx_int_t ehr_book_add(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_values_t *values, ehr_batch_t *batch);


static const ehr_booking_act_t  ehr_book = {
    .input = ehr_book_input, .add = ehr_book_add,
    .step = ehr_record_made_done, .failed = ehr_booking_failed
};


ngx_int_t
ehr_appointment_book(ehr_request_t *req)
{
    return ehr_booking_take(req, &ehr_book);
}


static ngx_int_t
ehr_book_input(ehr_request_t *req, ehr_booking_t *booking,
    ehr_values_t *values)
{
    ngx_int_t            rc;
    ehr_values_t         more;
    ehr_field_errors_t   errors;

    rc = ehr_record_input(req, ehr_request_record(req), EHR_ON_CREATE,
                          &ehr_input_book, values, &more, &errors);
    if (rc != NGX_OK) {
        return rc;
    }

    booking->patient = ehr_record_value(req, values, "patientId").text;
    booking->doctor = ehr_record_value(req, values, "doctorId").text;
    booking->start = ehr_record_value(req, values, "start").text;
    booking->minutes = ehr_record_value(req, values, "durationMinutes").text;
    booking->room = ehr_record_value(req, values, "roomId").text;
    booking->equipment = ehr_record_value(req, values, "equipmentIds").text;
    booking->hold = ehr_input_value(&ehr_input_book, &more, "holdToken").text;
    /* an emergency that may overbook */
    booking->is_unasked = ehr_record_value(req, values,
                                           "overbookReason").text != NULL;
    booking->needs_doctor = 1;
    booking->needs_start = 1;

    rc = ehr_booking_time(req, booking,
                          ehr_input_value(&ehr_input_book, &more, "slotId"),
                          &errors);

    return (rc == NGX_OK) ? ehr_record_new_id(req, &booking->id) : rc;
}


static ngx_int_t
ehr_book_add(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_values_t *values, ehr_batch_t *batch)
{
    ehr_param_t  params[14];

    ngx_memzero(params, sizeof(params));

    params[0].value = (char *) booking->id.data;
    params[1].value = booking->patient;
    params[2].value = booking->doctor;
    params[3].value = booking->start;
    params[4].value = booking->minutes;
    params[5].value = ehr_record_value(req, values, "type").text;
    params[6].value = ehr_record_value(req, values, "reason").text;
    params[7].value = booking->room;
    params[8].value = booking->equipment;
    params[9].value = booking->hold;
    params[10].value = ehr_record_value(req, values, "isVirtual").text;
    params[11].value = ehr_record_value(req, values, "overbookReason").text;
    params[12].value = ehr_record_value(req, values, "additionalData").text;
    params[13].value = ehr_booking_seat(booking);

    return (ehr_batch_add(batch, ehr_queries[EHR_QUERY_APPOINTMENT_BOOK], 14,
                          params)
            == NGX_OK)
           ? ehr_record_add_made(req, ehr_request_record(req), &booking->id,
                                 batch)
           : NGX_ERROR;
}
