/*
 * A bed is cleaned, or out of service.  Which moves are legal is the
 * database's to say.
 */

#include "action.h"
#include "bed_engine.h"


static void ehr_bed_changed(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_bed_status(ehr_request_t *req)
{
    ngx_int_t      rc;
    ngx_uint_t     n;
    ehr_batch_t   *batch;
    ehr_param_t    params[EHR_ACTION_PARAMS], id;
    ehr_values_t   values;
    ehr_record_t  *record = ehr_request_record(req);

    rc = ehr_request_input(req, req->route->input, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&id, sizeof(ehr_param_t));
    id.value = (char *) req->params[0].data;

    n = ehr_action_params(req, &req->params[0], 1, &values, params);

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || n == 0
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_BED_STATUS], n, params)
           != NGX_OK
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_BED_WARDS], 1, &id)
           != NGX_OK
        || ehr_batch_add(batch, record->statements[EHR_SQL_READ], 1, &id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_bed_changed);
}


static void
ehr_bed_changed(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_wards_changed(batch->results[2]);
    ehr_bed_released(&req->params[0]);
    ehr_action_changed(req, batch);
}
