/*
 * A batch's life: created → queued → sent → over.
 *
 * It is freed in one place only, ehr_batch_free(), and never while it is in a
 * queue or a FIFO.  Once sent it stays in its connection's FIFO until its Sync
 * or the end of the connection, whoever is or is not waiting for it.
 */

#include "crash_point.h"
#include "store_private.h"


#define EHR_BATCH_POOL  4096

/* Statements that a batch has room for at first. */
#define EHR_BATCH_ROOM  16

/* ms before what was rolled back for the sake of others is sent again: 5 to
 * 44, so that two do not meet again. */
#define EHR_BATCH_REST        5
#define EHR_BATCH_REST_MORE  40


static ngx_int_t ehr_batch_make_room(ehr_batch_t *batch, ngx_uint_t n);
static void ehr_batch_report(ehr_batch_t *batch, ehr_outcome_t outcome);
static void ehr_batch_finish(ehr_batch_t *batch, ehr_outcome_t outcome);
static void ehr_batch_settle(ehr_batch_t *batch, ehr_outcome_t outcome);
static ngx_uint_t ehr_batch_gave_way(ehr_batch_t *batch);
static void ehr_batch_rest(ehr_batch_t *batch);
static void ehr_batch_rest_handler(ngx_event_t *ev);
static void ehr_batch_timer_handler(ngx_event_t *ev);
static void ehr_batch_clear(ehr_batch_t *batch);


ehr_batch_t *
ehr_batch_create(ehr_store_t *store, ehr_lane_t lane)
{
    ngx_pool_t           *pool;
    ehr_batch_t          *batch;
    ehr_batch_private_t  *private;

    pool = ngx_create_pool(EHR_BATCH_POOL, store->log);
    if (pool == NULL) {
        return NULL;
    }

    batch = ngx_pcalloc(pool, sizeof(ehr_batch_t));
    private = ngx_pcalloc(pool, sizeof(ehr_batch_private_t));

    if (batch == NULL || private == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    batch->pool = pool;
    batch->log = store->log;
    batch->deadline = store->conf->deadline;
    batch->private = private;

    private->batch = batch;
    private->unit.type = EHR_UNIT_BATCHES;
    private->pool = store->lanes[lane];

    private->timer.handler = ehr_batch_timer_handler;
    private->timer.data = batch;
    private->timer.log = store->log;

    private->rest.handler = ehr_batch_rest_handler;
    private->rest.data = batch;
    private->rest.log = store->log;

    if (ehr_batch_make_room(batch, EHR_BATCH_ROOM) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    return batch;
}


/* For n statements in all. */
static ngx_int_t
ehr_batch_make_room(ehr_batch_t *batch, ngx_uint_t n)
{
    PGresult             **results;
    ehr_call_t            *calls;
    ehr_batch_private_t   *private;

    private = batch->private;

    if (n <= private->room) {
        return NGX_OK;
    }

    n = ngx_max(n, 2 * private->room);

    results = ngx_pcalloc(batch->pool, n * sizeof(PGresult *));
    calls = ngx_pcalloc(batch->pool, n * sizeof(ehr_call_t));

    if (results == NULL || calls == NULL) {
        return NGX_ERROR;
    }

    if (batch->n > 0) {
        ngx_memcpy(calls, private->calls, batch->n * sizeof(ehr_call_t));
    }

    batch->results = results;
    private->calls = calls;
    private->room = n;

    return NGX_OK;
}


/* A copy of a parameter's value, NUL-terminated; NULL without memory. */
static char *
ehr_batch_copy(ehr_batch_t *batch, const ehr_param_t *param, int *length)
{
    char    *copy;
    size_t   len;

    len = param->binary ? (size_t) param->len : ngx_strlen(param->value);

    copy = ngx_pnalloc(batch->pool, len + 1);
    if (copy == NULL) {
        return NULL;
    }

    ngx_memcpy(copy, param->value, len);
    copy[len] = '\0';
    *length = (int) len;

    return copy;
}


ngx_int_t
ehr_batch_add(ehr_batch_t *batch, ehr_statement_t *statement,
    ngx_uint_t nparams, const ehr_param_t *params)
{
    ngx_uint_t   i;
    ehr_call_t  *call;

    if (ehr_batch_make_room(batch, batch->n + 1) != NGX_OK) {
        return NGX_ERROR;
    }

    call = &batch->private->calls[batch->n];
    call->statement = statement;
    call->n = (int) nparams;

    if (nparams > 0) {
        call->values = ngx_pcalloc(batch->pool, nparams * sizeof(char *));
        call->lengths = ngx_pcalloc(batch->pool, nparams * 2 * sizeof(int));

        if (call->values == NULL || call->lengths == NULL) {
            return NGX_ERROR;
        }

        call->formats = call->lengths + nparams;
    }

    for (i = 0; i < nparams; i++) {
        call->formats[i] = params[i].binary ? 1 : 0;

        if (params[i].value == NULL) {
            continue;
        }

        call->values[i] = ehr_batch_copy(batch, &params[i],
                                         &call->lengths[i]);
        if (call->values[i] == NULL) {
            return NGX_ERROR;
        }
    }

    batch->n++;

    return NGX_OK;
}


ngx_int_t
ehr_batch_submit(ehr_batch_t *batch, ehr_batch_done_pt done, void *data)
{
    ehr_pool_t           *pool;
    ehr_batch_private_t  *private;

    private = batch->private;
    pool = private->pool;

    if (!ehr_pool_accepts(pool)) {
        ehr_batch_destroy(batch);
        return NGX_DECLINED;
    }

    if (ehr_pool_full(pool)) {
        pool->store->rejected++;
        ehr_batch_destroy(batch);
        return NGX_BUSY;
    }

    private->done = done;
    private->data = data;
    private->timer.cancelable = batch->background;
    ngx_add_timer(&private->timer, batch->deadline);
    private->order = pool->submitted++;

    ehr_pool_enqueue(pool, batch, 0);
    ehr_pool_wake(pool);

    return NGX_OK;
}


void
ehr_batch_abandon(ehr_batch_t *batch)
{
    ehr_batch_private_t  *private;

    private = batch->private;

    switch (private->state) {

    case EHR_BATCH_CREATED:
        ehr_batch_free(batch);
        break;

    case EHR_BATCH_QUEUED:
        if (!batch->writes) {
            ehr_pool_dequeue(private->pool, batch);
            ehr_batch_free(batch);
            break;
        }

        private->done = NULL;
        break;

    case EHR_BATCH_RESTING:
        private->done = NULL;
        break;

    case EHR_BATCH_SENT:
        private->done = NULL;

        if (!batch->writes) {
            private->timer.cancelable = 1;
        }

        break;

    case EHR_BATCH_OVER:
        break;
    }
}


void
ehr_batch_destroy(ehr_batch_t *batch)
{
    ehr_batch_free(batch);
}


void
ehr_batch_result(ehr_batch_t *batch, PGresult *result)
{
    ngx_uint_t  position;

    position = batch->private->position;

    /* once overdue nobody will read it; past n it is the commit's error */

    if (batch->private->done == NULL || position >= batch->n) {
        PQclear(result);
        return;
    }

    PQclear(batch->results[position]);
    batch->results[position] = result;
}


/* A field of an error, copied; empty if it is not there. */
static ngx_str_t
ehr_batch_error_field(ehr_batch_t *batch, const PGresult *result, int code)
{
    char       *value;
    ngx_str_t   field, text;

    ngx_str_null(&field);

    value = PQresultErrorField(result, code);

    if (value != NULL) {
        text.data = (u_char *) value;
        text.len = ngx_strlen(value);

        field.data = ngx_pstrdup(batch->pool, &text);
        field.len = field.data ? text.len : 0;
    }

    return field;
}


void
ehr_batch_failed(ehr_batch_t *batch, ngx_uint_t statement,
    const PGresult *result)
{
    char                  *sqlstate;
    ehr_database_error_t  *error;

    if (batch->private->failed) {
        return;
    }

    batch->private->failed = 1;

    error = &batch->error;
    error->statement = statement;

    sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (sqlstate != NULL) {
        (void) ngx_cpystrn((u_char *) error->sqlstate, (u_char *) sqlstate,
                           sizeof(error->sqlstate));
    }

    error->message = ehr_batch_error_field(batch, result,
                                           PG_DIAG_MESSAGE_PRIMARY);
    error->constraint = ehr_batch_error_field(batch, result,
                                              PG_DIAG_CONSTRAINT_NAME);
    error->table = ehr_batch_error_field(batch, result, PG_DIAG_TABLE_NAME);
    error->column = ehr_batch_error_field(batch, result, PG_DIAG_COLUMN_NAME);

    /* PostgreSQL's own would be a sentence with values of rows */

    if (ngx_strncmp(error->sqlstate, "EH", 2) == 0) {
        error->detail = ehr_batch_error_field(batch, result,
                                              PG_DIAG_MESSAGE_DETAIL);
    }
}


void
ehr_batch_synced(ehr_batch_t *batch)
{
    if (ehr_batch_gave_way(batch)) {
        ehr_batch_rest(batch);
        return;
    }

    ehr_batch_finish(batch, batch->private->failed ? EHR_OUTCOME_ERROR
                                                   : EHR_OUTCOME_DONE);
}


/* Whether PostgreSQL rolled it back for the sake of others, for the first
 * time: a deadlock, or what could not be put in an order.  Nothing of it was
 * done and nobody has heard of it, so that it may be sent once more. */
static ngx_uint_t
ehr_batch_gave_way(ehr_batch_t *batch)
{
    ehr_batch_private_t  *private;

    private = batch->private;

    return private->failed && !private->rested && !private->overdue
           && (ngx_strcmp(batch->error.sqlstate, "40P01") == 0
               || ngx_strcmp(batch->error.sqlstate, "40001") == 0);
}


static void
ehr_batch_rest(ehr_batch_t *batch)
{
    ehr_batch_private_t  *private;

    private = batch->private;
    private->rested = 1;
    private->pool->store->rolled_back++;

    ehr_batch_clear(batch);
    private->state = EHR_BATCH_RESTING;
    ngx_add_timer(&private->rest, EHR_BATCH_REST
                                  + ngx_random() % EHR_BATCH_REST_MORE);
}


static void
ehr_batch_rest_handler(ngx_event_t *ev)
{
    ehr_batch_t  *batch;

    batch = ev->data;

    ehr_pool_enqueue(batch->private->pool, batch, 1);
    ehr_pool_wake(batch->private->pool);
}


/* Who was told that nobody knows, or has no time left, is let go: nothing of
 * it was committed. */
void
ehr_batch_ungroup(ehr_batch_t *batch)
{
    ehr_batch_private_t  *private;

    private = batch->private;

    if (private->overdue) {
        ehr_batch_free(batch);
        return;
    }

    private->alone = 1;
    ehr_batch_clear(batch);
    ehr_pool_enqueue(private->pool, batch, 1);
}


void
ehr_batch_lost(ehr_batch_t *batch)
{
    ehr_batch_private_t  *private;

    private = batch->private;

    if (batch->writes || private->again || private->overdue
        || private->done == NULL)
    {
        ehr_batch_finish(batch, EHR_OUTCOME_UNKNOWN);
        return;
    }

    private->again = 1;
    ehr_batch_clear(batch);
    ehr_pool_enqueue(private->pool, batch, 1);
}


void
ehr_batch_unsendable(ehr_batch_t *batch)
{
    ehr_batch_private_t  *private;

    private = batch->private;

    if (private->again) {
        ehr_batch_unsent(batch);
        return;
    }

    private->again = 1;
    ehr_pool_enqueue(private->pool, batch, 1);
}


void
ehr_batch_unsent(ehr_batch_t *batch)
{
    ehr_batch_finish(batch, EHR_OUTCOME_NOT_SENT);
}


void
ehr_batch_free(ehr_batch_t *batch)
{
    if (batch->private->timer.timer_set) {
        ngx_del_timer(&batch->private->timer);
    }

    if (batch->private->rest.timer_set) {
        ngx_del_timer(&batch->private->rest);
    }

    ehr_batch_settle(batch, batch->private->state == EHR_BATCH_SENT
                            ? EHR_OUTCOME_UNKNOWN : EHR_OUTCOME_NOT_SENT);
    ehr_batch_clear(batch);
    ngx_destroy_pool(batch->pool);
}


/* Forgets results and error, as before the first sending. */
static void
ehr_batch_clear(ehr_batch_t *batch)
{
    ngx_uint_t            i;
    ehr_batch_private_t  *private;

    for (i = 0; i < batch->n; i++) {
        PQclear(batch->results[i]);
        batch->results[i] = NULL;
    }

    private = batch->private;
    private->position = 0;
    private->failed = 0;
    private->prepare_failed = 0;
    private->connection = NULL;

    ngx_memzero(&batch->error, sizeof(ehr_database_error_t));
}


/* Tells the submitter, if it still waits, once. */
static void
ehr_batch_report(ehr_batch_t *batch, ehr_outcome_t outcome)
{
    ehr_batch_done_pt     done;
    ehr_batch_state_t     state;
    ehr_batch_private_t  *private;

    private = batch->private;
    done = private->done;

    if (done == NULL) {
        return;
    }

    if (outcome == EHR_OUTCOME_UNKNOWN) {
        private->pool->store->unknown++;
    }

    state = private->state;

    private->state = EHR_BATCH_OVER;
    private->done = NULL;
    batch->outcome = outcome;

    done(batch, private->data);

    private->state = state;
}


/* The end: reports and frees. */
static void
ehr_batch_finish(ehr_batch_t *batch, ehr_outcome_t outcome)
{
    ehr_batch_settle(batch, outcome);
    ehr_crash_point("batch-settled");
    ehr_batch_report(batch, outcome);
    ehr_crash_point("batch-reported");
    ehr_batch_free(batch);
}


/* Tells what does not depend on anybody's waiting, once. */
static void
ehr_batch_settle(ehr_batch_t *batch, ehr_outcome_t outcome)
{
    ehr_batch_done_pt  over;

    over = batch->over;

    if (over != NULL) {
        batch->over = NULL;
        batch->outcome = outcome;
        over(batch, batch->over_data);
    }
}


/*
 * The deadline.  A batch that was sent stays where it is, for its results
 * still arrive; if they do not within the time the server allows a statement,
 * the connection is dead or stuck.
 */
static void
ehr_batch_timer_handler(ngx_event_t *ev)
{
    ehr_pool_t           *pool;
    ehr_batch_t          *batch;
    ehr_batch_private_t  *private;

    batch = ev->data;
    private = batch->private;
    pool = private->pool;

    if (private->state == EHR_BATCH_QUEUED) {
        ehr_pool_dequeue(pool, batch);
        ehr_batch_unsent(batch);
        return;
    }

    if (private->state == EHR_BATCH_RESTING) {
        ehr_batch_unsent(batch);
        return;
    }

    if (private->overdue) {
        ehr_connection_lost(private->connection, "no answer in time");
        return;
    }

    private->overdue = 1;
    ehr_batch_report(batch, EHR_OUTCOME_UNKNOWN);

    private->timer.cancelable = 1;
    ngx_add_timer(&private->timer, pool->conf->statement_timeout
                                   ? pool->conf->statement_timeout
                                   : batch->deadline);
}
