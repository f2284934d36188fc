/*
 * An appointment goes its way: confirmed, arrived, in progress, completed, or
 * missed.  Which moves are legal is the database's to say.
 */

#include "booking.h"


static void ehr_move_done(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_appointment_move(ehr_request_t *req)
{
    ngx_int_t         rc;
    ehr_batch_t      *batch;
    ehr_param_t       params[4];
    ehr_values_t      values;

    rc = ehr_request_input(req, &ehr_input_status, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) req->params[0].data;
    params[2].value = ehr_input_value(&ehr_input_status, &values,
                                      "status").text;
    params[3].value = ehr_input_value(&ehr_input_status, &values,
                                      "reason").text;

    if (ehr_record_expected(req, &params[1]) != NGX_OK
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_APPOINTMENT_MOVE], 4,
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

    return ehr_step_send(req, batch, ehr_move_done);
}


static void
ehr_move_done(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_booking_reply_freed(req, batch->results[2]);
}
