/*
 * One act on an appointment by one function of the database, and its answer.
 */

#include "booking.h"


static void ehr_appointment_acted(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_appointment_act(ehr_request_t *req, ehr_statement_t *statement,
    ngx_uint_t n, ehr_param_t *params)
{
    ehr_batch_t  *batch;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_record_expected(req, &params[1]) != NGX_OK
        || ehr_batch_add(batch, statement, n, params) != NGX_OK
        || ehr_batch_add(batch,
                         ehr_request_record(req)->statements[EHR_SQL_READ],
                         1, params)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_appointment_acted);
}


static void
ehr_appointment_acted(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_booking_reply_freed(req, batch->results[2]);
}
