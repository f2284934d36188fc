/*
 * Acts on admissions.  The rules are functions of the database
 * (sql/migrations/0014_inpatient.sql); here is which of them a route calls,
 * and, for those that take a bed, with which beds in mind.
 */

#include "action.h"
#include "bed_engine.h"


/* What is particular to an act. */
#define EHR_ADMISSION_CREATES  0x1      /* the admission is new */
#define EHR_ADMISSION_TAKES    0x2      /* a bed is taken */
#define EHR_ADMISSION_MOVES    0x4      /* and one is left */


static ngx_int_t ehr_admission_act(ehr_request_t *req, ngx_uint_t query,
    ngx_uint_t flags);
static ngx_int_t ehr_admission_send(ehr_request_t *req);
static ngx_int_t ehr_admission_add(ehr_request_t *req, ehr_batch_t *batch);
static ngx_int_t ehr_admission_add_rows(ehr_request_t *req,
    ehr_batch_t *batch);
static void ehr_admission_done(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_admission_create(ehr_request_t *req)
{
    return ehr_admission_act(req, EHR_QUERY_ADMISSION_CREATE,
                             EHR_ADMISSION_CREATES|EHR_ADMISSION_TAKES);
}


ngx_int_t
ehr_admission_admit(ehr_request_t *req)
{
    return ehr_admission_act(req, EHR_QUERY_ADMISSION_ADMIT,
                             EHR_ADMISSION_TAKES);
}


ngx_int_t
ehr_admission_transfer(ehr_request_t *req)
{
    return ehr_admission_act(req, EHR_QUERY_ADMISSION_TRANSFER,
                             EHR_ADMISSION_TAKES|EHR_ADMISSION_MOVES);
}


ngx_int_t
ehr_admission_swap(ehr_request_t *req)
{
    return ehr_admission_act(req, EHR_QUERY_ADMISSION_SWAP, 0);
}


ngx_int_t
ehr_admission_discharge(ehr_request_t *req)
{
    return ehr_admission_act(req, EHR_QUERY_ADMISSION_DISCHARGE, 0);
}


ngx_int_t
ehr_admission_leave(ehr_request_t *req)
{
    return ehr_admission_act(req, EHR_QUERY_ADMISSION_LEAVE, 0);
}


ngx_int_t
ehr_admission_return(ehr_request_t *req)
{
    return ehr_admission_act(req, EHR_QUERY_ADMISSION_RETURN, 0);
}


ngx_int_t
ehr_admission_cancel(ehr_request_t *req)
{
    return ehr_admission_act(req, EHR_QUERY_ADMISSION_CANCEL, 0);
}


/* What is asked for, checked; and a bed held, if one is taken. */

static ngx_int_t
ehr_admission_act(ehr_request_t *req, ngx_uint_t query, ngx_uint_t flags)
{
    ngx_int_t         rc;
    ehr_admission_t  *admission;

    admission = ngx_pcalloc(req->pool, sizeof(ehr_admission_t));
    if (admission == NULL) {
        return NGX_ERROR;
    }

    req->state = admission;
    admission->query = query;
    admission->creates = (flags & EHR_ADMISSION_CREATES) ? 1 : 0;
    admission->takes = (flags & EHR_ADMISSION_TAKES) ? 1 : 0;
    admission->moves = (flags & EHR_ADMISSION_MOVES) ? 1 : 0;

    if (req->route->input) {
        rc = ehr_request_input(req, req->route->input, &admission->values);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (!admission->creates) {
        admission->id = req->params[0];

    } else if (ehr_record_new_id(req, &admission->id) != NGX_OK) {
        return NGX_ERROR;
    }

    return (admission->takes && ehr_bed_hold(req, admission) == NGX_BUSY)
           ? ehr_bed_refuse(req, admission, ehr_admission_send)
           : ehr_admission_send(req);
}


static ngx_int_t
ehr_admission_send(ehr_request_t *req)
{
    ehr_batch_t      *batch;
    ehr_admission_t  *admission = req->state;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || (admission->creates && ehr_step_idempotency(req, batch) != NGX_OK)
        || ehr_admission_add(req, batch) != NGX_OK
        || ehr_admission_add_rows(req, batch) != NGX_OK)
    {
        ehr_bed_drop(admission);
        return NGX_ERROR;
    }

    return ehr_bed_send(req, admission, batch, ehr_admission_done);
}


/* The act's statement: id, version, fields, and, where it takes a bed, the
 * engine's advice. */

static ngx_int_t
ehr_admission_add(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_uint_t        n;
    ehr_param_t       params[EHR_ACTION_PARAMS];
    ehr_admission_t  *admission = req->state;

    n = ehr_action_params(req, &admission->id, !admission->creates,
                          &admission->values, params);
    if (n == 0) {
        return NGX_ERROR;
    }

    if (admission->takes) {
        params[n++].value = admission->advice;
    }

    return ehr_batch_add(batch, ehr_queries[admission->query], n, params);
}


/* Whose boards are different now, and the admission as it is then. */

static ngx_int_t
ehr_admission_add_rows(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_param_t       id;
    ehr_record_t     *record = ehr_request_record(req);
    ehr_admission_t  *admission = req->state;

    ngx_memzero(&id, sizeof(ehr_param_t));
    id.value = (char *) admission->id.data;
    admission->wards = batch->n;

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_ADMISSION_WARDS], 1, &id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return admission->creates
           ? ehr_record_add_made(req, record, &admission->id, batch)
           : ehr_batch_add(batch, record->statements[EHR_SQL_READ], 1, &id);
}


static void
ehr_admission_done(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_admission_t  *admission = req->state;

    ehr_wards_changed(batch->results[admission->wards]);

    if (admission->creates) {
        ehr_record_made_done(req, batch);

    } else {
        ehr_action_changed(req, batch);
    }
}
