/*
 * Acts on admissions.  The rules are functions of the database
 * (sql/migrations/0014_inpatient.sql); here is which of them a route calls,
 * and, for those that take a bed, with which beds in mind.
 */

#include "action.h"
#include "bed_engine.h"


static ngx_int_t ehr_admission_begin(ehr_request_t *req,
    ehr_admission_t **admission);
static ngx_int_t ehr_admission_add(ehr_request_t *req, ngx_uint_t query,
    int versioned, int takes, ehr_batch_t *batch);
static ngx_int_t ehr_admission_add_wards(ehr_request_t *req,
    ehr_batch_t *batch);
static ngx_int_t ehr_admission_make(ehr_request_t *req);
static void ehr_admission_made(ehr_request_t *req, ehr_batch_t *batch);
static ngx_int_t ehr_admission_place(ehr_request_t *req, ngx_uint_t query,
    int moves);
static ngx_int_t ehr_admission_take(ehr_request_t *req);
static ngx_int_t ehr_admission_change(ehr_request_t *req, ngx_uint_t query);
static ngx_int_t ehr_admission_send(ehr_request_t *req, ngx_uint_t query,
    int takes);
static void ehr_admission_changed(ehr_request_t *req, ehr_batch_t *batch);


/* What is asked for, checked.  NGX_DONE: answered. */

static ngx_int_t
ehr_admission_begin(ehr_request_t *req, ehr_admission_t **admission)
{
    *admission = ngx_pcalloc(req->pool, sizeof(ehr_admission_t));
    if (*admission == NULL) {
        return NGX_ERROR;
    }

    req->state = *admission;

    return req->route->input
           ? ehr_request_input(req, req->route->input, &(*admission)->values)
           : NGX_OK;
}


/* The act's statement: id, version, fields, and, where it takes a bed, the
 * engine's advice. */

static ngx_int_t
ehr_admission_add(ehr_request_t *req, ngx_uint_t query, int versioned,
    int takes, ehr_batch_t *batch)
{
    ngx_uint_t        n;
    ehr_param_t       params[EHR_ACTION_PARAMS];
    ehr_admission_t  *admission = req->state;

    n = ehr_action_params(req, &admission->id, versioned, &admission->values,
                          params);
    if (n == 0) {
        return NGX_ERROR;
    }

    if (takes) {
        params[n++].value = admission->advice;
    }

    return ehr_batch_add(batch, ehr_queries[query], n, params);
}


/* Whose boards are different now. */

static ngx_int_t
ehr_admission_add_wards(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_param_t       id;
    ehr_admission_t  *admission = req->state;

    ngx_memzero(&id, sizeof(ehr_param_t));
    id.value = (char *) admission->id.data;
    admission->wards = batch->n;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_ADMISSION_WARDS], 1,
                         &id);
}


/* -- acts that take a bed -------------------------------------------------- */


ngx_int_t
ehr_admission_create(ehr_request_t *req)
{
    ngx_int_t         rc;
    ehr_admission_t  *admission;

    rc = ehr_admission_begin(req, &admission);
    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
    }

    if (ehr_record_new_id(req, &admission->id) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_bed_hold(req, admission) == NGX_BUSY
           ? ehr_bed_refuse(req, admission, ehr_admission_make)
           : ehr_admission_make(req);
}


static ngx_int_t
ehr_admission_make(ehr_request_t *req)
{
    ehr_batch_t      *batch;
    ehr_admission_t  *admission = req->state;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL) {
        ehr_bed_drop(admission);
        return NGX_ERROR;
    }

    if (ehr_step_idempotency(req, batch) != NGX_OK
        || ehr_admission_add(req, EHR_QUERY_ADMISSION_CREATE, 0, 1, batch)
           != NGX_OK
        || ehr_admission_add_wards(req, batch) != NGX_OK
        || ehr_record_add_made(req, ehr_request_record(req), &admission->id,
                               batch)
           != NGX_OK)
    {
        ehr_bed_drop(admission);
        ehr_batch_destroy(batch);
        return NGX_ERROR;
    }

    return ehr_bed_send(req, admission, batch, ehr_admission_made);
}


static void
ehr_admission_made(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_admission_t  *admission = req->state;

    ehr_wards_changed(batch->results[admission->wards]);
    ehr_record_made_done(req, batch);
}


ngx_int_t
ehr_admission_admit(ehr_request_t *req)
{
    return ehr_admission_place(req, EHR_QUERY_ADMISSION_ADMIT, 0);
}


ngx_int_t
ehr_admission_transfer(ehr_request_t *req)
{
    return ehr_admission_place(req, EHR_QUERY_ADMISSION_TRANSFER, 1);
}


/* The admission of the path gets a bed. */

static ngx_int_t
ehr_admission_place(ehr_request_t *req, ngx_uint_t query, int moves)
{
    ngx_int_t         rc;
    ehr_admission_t  *admission;

    rc = ehr_admission_begin(req, &admission);
    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
    }

    admission->id = req->params[0];
    admission->moves = moves;
    admission->query = query;

    return ehr_bed_hold(req, admission) == NGX_BUSY
           ? ehr_bed_refuse(req, admission, ehr_admission_take)
           : ehr_admission_take(req);
}


static ngx_int_t
ehr_admission_take(ehr_request_t *req)
{
    ehr_admission_t  *admission = req->state;

    return ehr_admission_send(req, admission->query, 1);
}


/* -- other acts ------------------------------------------------------------ */


ngx_int_t
ehr_admission_swap(ehr_request_t *req)
{
    return ehr_admission_change(req, EHR_QUERY_ADMISSION_SWAP);
}


ngx_int_t
ehr_admission_discharge(ehr_request_t *req)
{
    return ehr_admission_change(req, EHR_QUERY_ADMISSION_DISCHARGE);
}


ngx_int_t
ehr_admission_leave(ehr_request_t *req)
{
    return ehr_admission_change(req, EHR_QUERY_ADMISSION_LEAVE);
}


ngx_int_t
ehr_admission_return(ehr_request_t *req)
{
    return ehr_admission_change(req, EHR_QUERY_ADMISSION_RETURN);
}


ngx_int_t
ehr_admission_cancel(ehr_request_t *req)
{
    return ehr_admission_change(req, EHR_QUERY_ADMISSION_CANCEL);
}


static ngx_int_t
ehr_admission_change(ehr_request_t *req, ngx_uint_t query)
{
    ngx_int_t         rc;
    ehr_admission_t  *admission;

    rc = ehr_admission_begin(req, &admission);
    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
    }

    admission->id = req->params[0];

    return ehr_admission_send(req, query, 0);
}


/* Act, wards, and the row as it is then. */

static ngx_int_t
ehr_admission_send(ehr_request_t *req, ngx_uint_t query, int takes)
{
    ehr_batch_t      *batch;
    ehr_param_t       id;
    ehr_record_t     *record = ehr_request_record(req);
    ehr_admission_t  *admission = req->state;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL) {
        ehr_bed_drop(admission);
        return NGX_ERROR;
    }

    ngx_memzero(&id, sizeof(ehr_param_t));
    id.value = (char *) admission->id.data;

    if (ehr_admission_add(req, query, 1, takes, batch) != NGX_OK
        || ehr_admission_add_wards(req, batch) != NGX_OK
        || ehr_batch_add(batch, record->statements[EHR_SQL_READ], 1, &id)
           != NGX_OK)
    {
        ehr_bed_drop(admission);
        ehr_batch_destroy(batch);
        return NGX_ERROR;
    }

    return ehr_bed_send(req, admission, batch, ehr_admission_changed);
}


static void
ehr_admission_changed(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_admission_t  *admission = req->state;

    ehr_wards_changed(batch->results[admission->wards]);
    ehr_action_changed(req, batch);
}
