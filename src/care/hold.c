/*
 * Holds: time that is kept for some minutes while a patient makes up their
 * mind.  The hold's id is its token; it is good for whoever took it.
 */

#include "../http/database_error.h"
#include "booking.h"


static ngx_int_t ehr_hold_input(ehr_request_t *req, ehr_booking_t *booking,
    ehr_values_t *values);
static ngx_int_t ehr_hold_add(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_values_t *values, ehr_batch_t *batch);
static void ehr_hold_taken(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_hold_failed(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_hold_released(ehr_request_t *req, ehr_batch_t *batch);


static const ehr_booking_act_t  ehr_hold = {
    .input = ehr_hold_input, .add = ehr_hold_add,
    .step = ehr_hold_taken, .failed = ehr_hold_failed
};


ngx_int_t
ehr_hold_take(ehr_request_t *req)
{
    return ehr_booking_take(req, &ehr_hold);
}


static ngx_int_t
ehr_hold_input(ehr_request_t *req, ehr_booking_t *booking,
    ehr_values_t *values)
{
    ngx_int_t            rc;
    ehr_field_errors_t   errors;

    if (ehr_request_check(req, &ehr_input_hold, values, &errors) != NGX_OK) {
        return NGX_ERROR;
    }

#define ehr_hold_value(name)  ehr_input_value(&ehr_input_hold, values, name)

    booking->patient = ehr_hold_value("patientId").text;
    booking->doctor = ehr_hold_value("doctorId").text;
    booking->start = ehr_hold_value("start").text;
    booking->minutes = ehr_hold_value("durationMinutes").text;
    booking->room = ehr_hold_value("roomId").text;
    booking->equipment = ehr_hold_value("equipmentIds").text;
    booking->needs_doctor = 1;
    booking->needs_start = 1;

    rc = ehr_booking_time(req, booking, ehr_hold_value("slotId"), &errors);

#undef ehr_hold_value

    return (rc == NGX_OK) ? ehr_record_new_id(req, &booking->id) : rc;
}


static ngx_int_t
ehr_hold_add(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_values_t *values, ehr_batch_t *batch)
{
    ehr_param_t  params[12];

    ngx_memzero(params, sizeof(params));

    params[0].value = (char *) booking->id.data;
    params[1].value = booking->patient;
    params[2].value = booking->doctor;
    params[3].value = booking->start;
    params[4].value = booking->minutes;
    params[5].value = booking->room;
    params[6].value = booking->equipment;
    params[7].value = ehr_booking_seat(booking);

    if (req->key.len
        && ehr_idempotency_params(req, &params[8]) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_HOLD_TAKE], 12,
                         params);
}


static void
ehr_hold_taken(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_str_t  answer;
    ehr_out_t  json;

    answer = ehr_result_value(batch->results[batch->n - 1], 0, 0);

    ehr_out_init(&json, req->pool);
    ehr_out_raw(&json, answer.data, answer.len);
    ehr_answer_created(req, &json);
}


static void
ehr_hold_failed(ehr_request_t *req, ehr_batch_t *batch)
{
    if (ehr_is_replay(batch)) {
        ehr_answer_failed(req, batch);
        return;
    }

    ehr_booking_failed(req, batch);
}


ngx_int_t
ehr_hold_release(ehr_request_t *req)
{
    ehr_batch_t  *batch;
    ehr_param_t   token;

    ngx_memzero(&token, sizeof(ehr_param_t));
    token.value = (char *) req->params[0].data;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_HOLD_RELEASE], 1, &token)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_hold_released);
}


static void
ehr_hold_released(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_str_t  released = ehr_result_value(batch->results[1], 0, 0);

    if (released.len == 0 || released.data[0] != 't') {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return;
    }

    ehr_reply_message(req, NGX_HTTP_OK, EHR_MESSAGE_DELETED);
}
