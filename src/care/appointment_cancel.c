/*
 * An appointment is cancelled: its time is free again.
 */

#include "booking.h"


static ngx_int_t ehr_cancel_send(ehr_request_t *req, const char *id,
    const char *reason);
static void ehr_cancel_done(ehr_request_t *req, ehr_batch_t *batch);


/* The reason is in the body or in the query. */

ngx_int_t
ehr_appointment_cancel(ehr_request_t *req)
{
    ngx_int_t      rc;
    ehr_values_t   asked, values;

    rc = ehr_request_query(req, &ehr_input_cancel, &asked);

    if (rc == NGX_OK) {
        rc = ehr_request_input(req, &ehr_input_cancel, &values);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ehr_cancel_send(req, (char *) req->params[0].data,
                           values.values[0].text ? values.values[0].text
                                                 : asked.values[0].text);
}


ngx_int_t
ehr_appointment_cancel_one(ehr_request_t *req)
{
    ngx_int_t      rc;
    ehr_values_t   values;

    rc = ehr_request_input(req, &ehr_input_cancel_one, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    return ehr_cancel_send(req,
        ehr_input_value(&ehr_input_cancel_one, &values, "appointmentId").text,
        ehr_input_value(&ehr_input_cancel_one, &values, "reason").text);
}


static ngx_int_t
ehr_cancel_send(ehr_request_t *req, const char *id, const char *reason)
{
    ehr_batch_t  *batch;
    ehr_param_t   params[3];

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(params, sizeof(params));
    params[0].value = id;
    params[2].value = reason;

    if (ehr_record_expected(req, &params[1]) != NGX_OK
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_APPOINTMENT_CANCEL], 3,
                         params)
           != NGX_OK
        || ehr_batch_add(batch,
                         ehr_request_record(req)->statements[EHR_SQL_READ],
                         1, params)
           != NGX_OK)
    {
        ehr_batch_destroy(batch);
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_cancel_done);
}


static void
ehr_cancel_done(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_booking_reply_freed(req, batch->results[2]);
}
