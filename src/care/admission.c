/*
 * Acts on admissions.  The rules are functions of the database
 * (sql/migrations/0014_inpatient.sql); here is which of them a route calls,
 * and, for those that take a bed, with which beds in mind.
 */

#include "action.h"
#include "admission.h"


static ngx_int_t ehr_admission_begin(ehr_request_t *req,
    ehr_admission_t **admission);
static ngx_int_t ehr_admission_add(ehr_request_t *req, ngx_uint_t query,
    int versioned, ehr_batch_t *batch);
static ngx_int_t ehr_admission_place(ehr_request_t *req, ngx_uint_t query);


/* -- acts that take a bed -------------------------------------------------- */


/* What is asked for, checked.  NGX_DONE: answered. */

static ngx_int_t
ehr_admission_begin(ehr_request_t *req, ehr_admission_t **admission)
{
    *admission = ngx_pcalloc(req->pool, sizeof(ehr_admission_t));
    if (*admission == NULL) {
        return NGX_ERROR;
    }

    req->state = *admission;

    return ehr_request_input(req, req->route->input, &(*admission)->values);
}


/* The act's statement: id, version, fields, and last the engine's advice. */

static ngx_int_t
ehr_admission_add(ehr_request_t *req, ngx_uint_t query, int versioned,
    ehr_batch_t *batch)
{
    ngx_uint_t        n;
    ehr_param_t       params[EHR_ACTION_PARAMS];
    ehr_admission_t  *admission = req->state;

    n = ehr_action_params(req, &admission->id, versioned, &admission->values,
                          params);
    if (n == 0) {
        return NGX_ERROR;
    }

    params[n++].value = admission->advice;

    return ehr_batch_add(batch, ehr_queries[query], n, params);
}


ngx_int_t
ehr_admission_create(ehr_request_t *req)
{
    ngx_int_t         rc;
    ehr_batch_t      *batch;
    ehr_admission_t  *admission;

    rc = ehr_admission_begin(req, &admission);
    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
    }

    if (ehr_record_new_id(req, &admission->id) != NGX_OK) {
        return NGX_ERROR;
    }

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    if (ehr_step_idempotency(req, batch) != NGX_OK
        || ehr_admission_add(req, EHR_QUERY_ADMISSION_CREATE, 0, batch)
           != NGX_OK
        || ehr_record_add_made(req, ehr_request_record(req), &admission->id,
                               batch)
           != NGX_OK)
    {
        ehr_batch_destroy(batch);
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_record_made_done);
}


ngx_int_t
ehr_admission_admit(ehr_request_t *req)
{
    return ehr_admission_place(req, EHR_QUERY_ADMISSION_ADMIT);
}


ngx_int_t
ehr_admission_transfer(ehr_request_t *req)
{
    return ehr_admission_place(req, EHR_QUERY_ADMISSION_TRANSFER);
}


/* The admission of the path gets a bed. */

static ngx_int_t
ehr_admission_place(ehr_request_t *req, ngx_uint_t query)
{
    ngx_int_t         rc;
    ehr_batch_t      *batch;
    ehr_param_t       id;
    ehr_record_t     *record = ehr_request_record(req);
    ehr_admission_t  *admission;

    rc = ehr_admission_begin(req, &admission);
    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
    }

    admission->id = req->params[0];

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&id, sizeof(ehr_param_t));
    id.value = (char *) admission->id.data;

    if (ehr_admission_add(req, query, 1, batch) != NGX_OK
        || ehr_batch_add(batch, record->statements[EHR_SQL_READ], 1, &id)
           != NGX_OK)
    {
        ehr_batch_destroy(batch);
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_action_changed);
}


/* -- other acts ------------------------------------------------------------ */


ngx_int_t
ehr_admission_swap(ehr_request_t *req)
{
    return ehr_action_change_version(req, EHR_QUERY_ADMISSION_SWAP);
}


ngx_int_t
ehr_admission_discharge(ehr_request_t *req)
{
    return ehr_action_change_version(req, EHR_QUERY_ADMISSION_DISCHARGE);
}


ngx_int_t
ehr_admission_leave(ehr_request_t *req)
{
    return ehr_action_change_version(req, EHR_QUERY_ADMISSION_LEAVE);
}


ngx_int_t
ehr_admission_return(ehr_request_t *req)
{
    return ehr_action_change_version(req, EHR_QUERY_ADMISSION_RETURN);
}


ngx_int_t
ehr_admission_cancel(ehr_request_t *req)
{
    return ehr_action_change_version(req, EHR_QUERY_ADMISSION_CANCEL);
}
