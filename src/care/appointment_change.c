/*
 * An appointment is changed: to another time, doctor, room or equipment, which
 * is claimed and freed as one act, and in its other fields.
 */

#include "booking.h"


/* Fields that are claims. */
static const char *const  ehr_moving[] = {
    "doctorId", "roomId", "equipmentIds", "start", "durationMinutes", NULL
};


static ngx_int_t ehr_change(ehr_request_t *req, ehr_write_t write);
static ngx_int_t ehr_change_input(ehr_request_t *req, ehr_write_t write,
    ehr_booking_t *booking, ehr_values_t *values);
static void ehr_change_take(ehr_request_t *req, ehr_booking_t *booking,
    ehr_values_t *values);
static ngx_int_t ehr_change_add(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_values_t *values, ehr_batch_t *batch);
static ngx_int_t ehr_change_add_move(ehr_request_t *req,
    ehr_booking_t *booking, ehr_batch_t *batch);
static ngx_int_t ehr_change_send(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_values_t *values);
static void ehr_change_done(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_appointment_replace(ehr_request_t *req)
{
    return ehr_change(req, EHR_ON_REPLACE);
}


ngx_int_t
ehr_appointment_patch(ehr_request_t *req)
{
    return ehr_change(req, EHR_ON_PATCH);
}


static ngx_int_t
ehr_change(ehr_request_t *req, ehr_write_t write)
{
    ngx_int_t       rc;
    ehr_values_t    values;
    ehr_booking_t  *booking;

    booking = ngx_pcalloc(req->pool, sizeof(ehr_booking_t));
    if (booking == NULL) {
        return NGX_ERROR;
    }

    req->state = booking;
    booking->id = req->params[0];

    rc = ehr_change_input(req, write, booking, &values);

    return (rc == NGX_OK) ? ehr_change_send(req, booking, &values) : rc;
}


static ngx_int_t
ehr_change_input(ehr_request_t *req, ehr_write_t write,
    ehr_booking_t *booking, ehr_values_t *values)
{
    ngx_int_t            rc;
    ehr_values_t         more;
    ehr_field_errors_t   errors;

    booking->is_roomless = write == EHR_ON_PATCH
                           && json_is_null(json_object_get(req->json,
                                                           "roomId"));

    rc = ehr_record_input(req, ehr_request_record(req), write,
                          &ehr_input_book, values, &more, &errors);
    if (rc != NGX_OK) {
        return rc;
    }

    ehr_change_take(req, booking, values);
    booking->hold = ehr_input_value(&ehr_input_book, &more, "holdToken").text;

    return ehr_booking_time(req, booking,
                            ehr_input_value(&ehr_input_book, &more,
                                            "slotId"), &errors);
}


/* What is a claim goes from the values to the booking. */

static void
ehr_change_take(ehr_request_t *req, ehr_booking_t *booking,
    ehr_values_t *values)
{
    int         field;
    ngx_uint_t  i;

    booking->doctor = ehr_record_value(req, values, "doctorId").text;
    booking->room = ehr_record_value(req, values, "roomId").text;
    booking->equipment = ehr_record_value(req, values, "equipmentIds").text;
    booking->start = ehr_record_value(req, values, "start").text;
    booking->minutes = ehr_record_value(req, values, "durationMinutes").text;

    for (i = 0; ehr_moving[i]; i++) {
        field = ehr_field_index(ehr_request_record(req)->fields,
                                ehr_moving[i], ngx_strlen(ehr_moving[i]));
        values->present &= ~((uint64_t) 1 << field);
    }
}


ngx_int_t
ehr_appointment_reschedule(ehr_request_t *req)
{
    ngx_int_t       rc;
    ehr_values_t    values, none;
    ehr_booking_t  *booking;
    ehr_field_errors_t  errors;

    booking = ngx_pcalloc(req->pool, sizeof(ehr_booking_t));
    if (booking == NULL) {
        return NGX_ERROR;
    }

    req->state = booking;

    if (ehr_request_check(req, &ehr_input_reschedule, &values, &errors)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

#define ehr_reschedule_value(name)                                           \
    ehr_input_value(&ehr_input_reschedule, &values, name)

    booking->id.data = (u_char *) ehr_reschedule_value("appointmentId").text;
    booking->id.len = EHR_UUID_TEXT;
    booking->doctor = ehr_reschedule_value("doctorId").text;
    booking->start = ehr_reschedule_value("start").text;
    booking->minutes = ehr_reschedule_value("durationMinutes").text;
    booking->room = ehr_reschedule_value("roomId").text;
    booking->equipment = ehr_reschedule_value("equipmentIds").text;
    booking->hold = ehr_reschedule_value("holdToken").text;
    booking->needs_start = 1;

    rc = ehr_booking_time(req, booking, ehr_reschedule_value("slotId"),
                          &errors);

#undef ehr_reschedule_value

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&none, sizeof(ehr_values_t));

    return ehr_change_send(req, booking, &none);
}


static ngx_int_t
ehr_change_send(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_values_t *values)
{
    ehr_batch_t  *batch;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    if (ehr_change_add(req, booking, values, batch) != NGX_OK) {
        ehr_batch_destroy(batch);
        return NGX_ERROR;
    }

    req->failed = ehr_booking_failed;

    return ehr_step_send(req, batch, ehr_change_done);
}


/* Lock, move, the other fields, read: the last statement has the row. */

static ngx_int_t
ehr_change_add(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_values_t *values, ehr_batch_t *batch)
{
    ehr_param_t    params[2];
    ehr_record_t  *record = ehr_request_record(req);

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) booking->id.data;
    booking->before = batch->n;

    if (ehr_record_expected(req, &params[1]) != NGX_OK
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_APPOINTMENT_LOCK], 2,
                         params)
           != NGX_OK
        || ehr_change_add_move(req, booking, batch) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (values->present
        && (ehr_record_add_update(req, record, &booking->id, NULL, values,
                                  batch)
            != NGX_OK
            || ehr_batch_add(batch,
                             ehr_queries[EHR_QUERY_APPOINTMENT_MEETING], 1,
                             params)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ehr_batch_add(batch, record->statements[EHR_SQL_READ], 1, params);
}


static ngx_int_t
ehr_change_add_move(ehr_request_t *req, ehr_booking_t *booking,
    ehr_batch_t *batch)
{
    ehr_param_t  params[9];

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) booking->id.data;
    params[1].value = booking->start;
    params[2].value = booking->minutes;
    params[3].value = booking->doctor;
    params[4].value = booking->room;
    params[5].value = booking->equipment;
    params[6].value = booking->hold;
    params[8].value = booking->is_roomless ? "true" : NULL;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_APPOINTMENT_RESCHEDULE],
                         9, params);
}


static void
ehr_change_done(ehr_request_t *req, ehr_batch_t *batch)
{
    PGresult       *before;
    ehr_booking_t  *booking = req->state;

    before = batch->results[booking->before];

    /* visible, but not the actor's to change: as unknown as a missing one */

    if (PQntuples(before) == 0) {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return;
    }

    ehr_booking_released(ehr_result_value(before, 0, EHR_BEFORE_DOCTOR),
                         ehr_result_value(before, 0, EHR_BEFORE_ROOM),
                         ehr_result_value(before, 0, EHR_BEFORE_EQUIPMENT));

    ehr_record_reply_row(req, ehr_request_record(req),
                         batch->results[batch->n - 1], NGX_HTTP_OK,
                         EHR_MESSAGE_SUCCESS);
}
