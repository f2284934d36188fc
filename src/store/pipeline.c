/*
 * The protocol on a usable connection: units go out, results come in.
 *
 * Each unit ends with its own Sync, so that a failure stays inside of it.  A
 * unit holds one batch, or a group of them that commits or fails as one.
 * The FIFO mirrors what libpq has sent: the result at hand always belongs to
 * its head, and only the Sync's result ends a unit.  libpq 15 can lose a
 * Sync's result when it gets no memory for it, after which every request
 * would be given the answer to another: so results are counted, and one too
 * many or too few ends the connection.
 */

#include "crash_point.h"
#include "store_private.h"


static ngx_int_t ehr_pipeline_sync(ehr_connection_t *connection);
static ngx_int_t ehr_pipeline_prepare(ehr_connection_t *connection,
    ehr_batch_t *batch, ehr_statement_t *statement);
static ngx_int_t ehr_pipeline_prepare_all(ehr_connection_t *connection,
    ehr_batch_t *batch);
static ngx_int_t ehr_pipeline_call(ehr_connection_t *connection,
    ehr_call_t *call);
static ngx_int_t ehr_pipeline_statements(ehr_connection_t *connection,
    ehr_unit_t *unit);
static void ehr_pipeline_next(ehr_unit_t *unit);
static ngx_int_t ehr_pipeline_result(ehr_connection_t *connection,
    PGresult *result);
static ngx_int_t ehr_pipeline_success(ehr_connection_t *connection,
    ehr_unit_t *unit, PGresult *result);
static ngx_int_t ehr_pipeline_failure(ehr_connection_t *connection,
    ehr_unit_t *unit, PGresult *result);
static void ehr_pipeline_prepare_failure(ehr_connection_t *connection,
    ehr_unit_t *unit, PGresult *result);
static ngx_uint_t ehr_pipeline_unfit(ehr_batch_t *batch,
    const char *sqlstate, PGresult *result);
static ngx_int_t ehr_pipeline_synced(ehr_connection_t *connection,
    ehr_unit_t *unit);
static void ehr_pipeline_append(ehr_connection_t *connection,
    ehr_unit_t *unit, ngx_uint_t results);
static void ehr_pipeline_batches_synced(ehr_connection_t *connection,
    ehr_unit_t *unit);


/* A group that meets a lock of somebody else gives way soon: the batch that
 * needs it then waits by itself. */
static const char  ehr_pipeline_prelude[] =
    "SELECT set_config('lock_timeout', '100ms', true)";

static const char  ehr_pipeline_schema[] =
    "SELECT coalesce(max(version), 0) FROM ehr.schema_migrations";


ngx_int_t
ehr_pipeline_check(ehr_connection_t *connection)
{
    connection->schema = -1;
    connection->check.type = EHR_UNIT_CHECK;

    if (PQsendQueryParams(connection->pg, ehr_pipeline_schema, 0, NULL, NULL,
                          NULL, NULL, 0)
        == 0)
    {
        return NGX_ERROR;
    }

    ehr_pipeline_append(connection, &connection->check, 1);

    return ehr_pipeline_sync(connection);
}


ngx_int_t
ehr_pipeline_send(ehr_connection_t *connection, ehr_unit_t *unit)
{
    ngx_uint_t    results;
    ngx_queue_t  *q;
    ehr_batch_t  *batch;

    if (ehr_pipeline_statements(connection, unit) != NGX_OK) {
        return NGX_ERROR;
    }

    unit->batch = ehr_batch_of(ngx_queue_head(&unit->batches));
    results = unit->prelude;

    if (connection->in_flight == 0) {
        connection->head_since = ngx_current_msec;
    }

    for (q = ngx_queue_head(&unit->batches);
         q != ngx_queue_sentinel(&unit->batches);
         q = ngx_queue_next(q))
    {
        batch = ehr_batch_of(q);
        batch->private->state = EHR_BATCH_SENT;
        batch->private->connection = connection;
        connection->lengthy += ehr_batch_lengthy(batch);
        results += batch->n;
    }

    ehr_pipeline_append(connection, unit, results);

    connection->in_flight += unit->n;
    connection->socket.c->idle = 0;
    connection->dirty = 1;

    if (ehr_pipeline_sync(connection) != NGX_OK) {
        return NGX_ABORT;
    }

    ehr_crash_point("unit-sent");

    return NGX_OK;
}


/* All of a unit but its Sync.  Prepares, which have a Sync each, come before
 * everything else. */
static ngx_int_t
ehr_pipeline_statements(ehr_connection_t *connection, ehr_unit_t *unit)
{
    ngx_uint_t        i;
    ngx_queue_t      *q;
    ehr_batch_t      *batch;

    for (q = ngx_queue_head(&unit->batches);
         q != ngx_queue_sentinel(&unit->batches);
         q = ngx_queue_next(q))
    {
        if (ehr_pipeline_prepare_all(connection, ehr_batch_of(q)) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    unit->prelude = (unit->n > 1);

    if (unit->prelude
        && PQsendQueryParams(connection->pg, ehr_pipeline_prelude, 0, NULL,
                             NULL, NULL, NULL, 0)
           == 0)
    {
        return NGX_ERROR;
    }

    for (q = ngx_queue_head(&unit->batches);
         q != ngx_queue_sentinel(&unit->batches);
         q = ngx_queue_next(q))
    {
        batch = ehr_batch_of(q);

        for (i = 0; i < batch->n; i++) {
            if (ehr_pipeline_call(connection, &batch->private->calls[i])
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* What of a batch the connection has not prepared yet. */
static ngx_int_t
ehr_pipeline_prepare_all(ehr_connection_t *connection, ehr_batch_t *batch)
{
    ngx_uint_t        i;
    ehr_statement_t  *statement;

    for (i = 0; i < batch->n; i++) {
        statement = batch->private->calls[i].statement;

        if (statement->index != EHR_STATEMENT_UNNAMED
            && !connection->prepared[statement->index]
            && ehr_pipeline_prepare(connection, batch, statement) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Ends a unit.  Older versions of libpq write to the socket here, newer ones
 * when they are told to flush. */
static ngx_int_t
ehr_pipeline_sync(ehr_connection_t *connection)
{
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    return PQsendPipelineSync(connection->pg) ? NGX_OK : NGX_ERROR;
#else
    return PQpipelineSync(connection->pg) ? NGX_OK : NGX_ERROR;
#endif
}


static ngx_int_t
ehr_pipeline_prepare(ehr_connection_t *connection, ehr_batch_t *batch,
    ehr_statement_t *statement)
{
    ehr_unit_t  *unit;

    unit = ngx_palloc(batch->pool, sizeof(ehr_unit_t));

    if (unit == NULL
        || PQsendPrepare(connection->pg, statement->name, statement->sql, 0,
                         NULL)
           == 0)
    {
        return NGX_ERROR;
    }

    unit->type = EHR_UNIT_PREPARE;
    unit->batch = batch;
    unit->statement = statement;

    ehr_pipeline_append(connection, unit, 1);
    connection->prepared[statement->index] = 1;

    return ehr_pipeline_sync(connection);
}


static ngx_int_t
ehr_pipeline_call(ehr_connection_t *connection, ehr_call_t *call)
{
    int               sent;
    ehr_statement_t  *statement;

    statement = call->statement;

    if (statement->index == EHR_STATEMENT_UNNAMED) {
        sent = PQsendQueryParams(connection->pg, statement->sql, call->n,
                                 NULL, call->values, call->lengths,
                                 call->formats, 0);
    } else {
        sent = PQsendQueryPrepared(connection->pg, statement->name, call->n,
                                   call->values, call->lengths,
                                   call->formats, 0);
    }

    return sent ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ehr_pipeline_receive(ehr_connection_t *connection)
{
    PGresult    *result;
    ehr_unit_t  *unit;
    ngx_uint_t   nulls;

    nulls = 0;

    while (!ngx_queue_empty(&connection->fifo)
           && !PQisBusy(connection->pg))
    {
        result = PQgetResult(connection->pg);

        if (result != NULL) {
            nulls = 0;

            if (ehr_pipeline_result(connection, result) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        /* the end of a statement; two in a row are the end of libpq */

        if (nulls++ > 0) {
            return NGX_ERROR;
        }

        unit = ngx_queue_data(ngx_queue_head(&connection->fifo), ehr_unit_t,
                              link);

        if (unit->type == EHR_UNIT_BATCHES) {
            ehr_pipeline_next(unit);
        }
    }

    return NGX_OK;
}


/* A statement of a unit is over: whose result is the next? */
static void
ehr_pipeline_next(ehr_unit_t *unit)
{
    ngx_queue_t          *next;
    ehr_batch_private_t  *private;

    if (unit->prelude) {
        unit->prelude = 0;
        return;
    }

    private = unit->batch->private;
    private->position++;

    if (private->position < unit->batch->n) {
        return;
    }

    next = ngx_queue_next(&private->link);

    if (next != ngx_queue_sentinel(&unit->batches)) {
        unit->batch = ehr_batch_of(next);
    }
}


/* Gives a result to the unit at the FIFO's head; owns it. */
static ngx_int_t
ehr_pipeline_result(ehr_connection_t *connection, PGresult *result)
{
    ehr_unit_t  *unit;

    unit = ngx_queue_data(ngx_queue_head(&connection->fifo), ehr_unit_t, link);

    switch (PQresultStatus(result)) {

    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
    case PGRES_PIPELINE_ABORTED:
        return ehr_pipeline_success(connection, unit, result);

    case PGRES_FATAL_ERROR:
        return ehr_pipeline_failure(connection, unit, result);

    case PGRES_PIPELINE_SYNC:
        PQclear(result);
        return ehr_pipeline_synced(connection, unit);

    default:
        ngx_log_error(NGX_LOG_ALERT, connection->pool->store->log, 0,
                      "a statement asks for a protocol we do not speak");
        PQclear(result);
        return NGX_ERROR;
    }
}


/* NGX_ERROR: one result too many. */
static ngx_int_t
ehr_pipeline_success(ehr_connection_t *connection, ehr_unit_t *unit,
    PGresult *result)
{
    ngx_str_t  value;

    if (unit->missing == 0) {
        PQclear(result);
        return NGX_ERROR;
    }

    unit->missing--;

    if (unit->type == EHR_UNIT_BATCHES && !unit->prelude) {
        ehr_crash_point("result-arrived");
        ehr_batch_result(unit->batch, result);
        return NGX_OK;
    }

    if (unit->type == EHR_UNIT_CHECK && PQntuples(result) == 1) {
        value = ehr_result_value(result, 0, 0);
        connection->schema = ngx_atoi(value.data, value.len);
    }

    PQclear(result);

    return NGX_OK;
}


/* An error the server reported, or NGX_ERROR: one that libpq made up because
 * the connection is broken. */
static ngx_int_t
ehr_pipeline_failure(ehr_connection_t *connection, ehr_unit_t *unit,
    PGresult *result)
{
    ehr_batch_t  *batch;
    const char   *sqlstate;

    sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (sqlstate == NULL) {
        PQclear(result);
        return NGX_ERROR;
    }

    /* nothing is missing at the error of the commit */

    unit->missing -= (unit->missing > 0);
    unit->failed = 1;

    switch (unit->type) {

    case EHR_UNIT_BATCHES:
        batch = unit->batch;

        if (ehr_pipeline_unfit(batch, sqlstate, result)) {
            connection->unfit = 1;
        }

        ehr_batch_failed(batch, batch->private->position, result);
        ehr_batch_result(batch, result);
        return NGX_OK;

    case EHR_UNIT_PREPARE:
        ehr_pipeline_prepare_failure(connection, unit, result);
        break;

    case EHR_UNIT_CHECK:
        break;
    }

    PQclear(result);

    return NGX_OK;
}


/* The unit behind will fail for want of the statement; why is known here. */
static void
ehr_pipeline_prepare_failure(ehr_connection_t *connection, ehr_unit_t *unit,
    PGresult *result)
{
    ngx_uint_t            i;
    ehr_batch_private_t  *private;

    private = unit->batch->private;
    private->prepare_failed = 1;

    for (i = 0; i + 1 < unit->batch->n; i++) {
        if (private->calls[i].statement == unit->statement) {
            break;
        }
    }

    ehr_batch_failed(unit->batch, i, result);
    connection->prepared[unit->statement->index] = 0;
}


/*
 * Whether an error says that a new connection would serve better: the server
 * has become a standby, or a prepared statement is gone or out of date.
 */
static ngx_uint_t
ehr_pipeline_unfit(ehr_batch_t *batch, const char *sqlstate,
    PGresult *result)
{
    const char  *function;

    if (ngx_strcmp(sqlstate, "25006") == 0) {
        return batch->writes;
    }

    if (ngx_strcmp(sqlstate, "26000") == 0) {
        return !batch->private->prepare_failed;
    }

    if (ngx_strcmp(sqlstate, "0A000") == 0) {
        function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

        return function != NULL
               && ngx_strcmp(function, "RevalidateCachedQuery") == 0;
    }

    return 0;
}


/* NGX_ERROR: a result is missing; the unit is not over. */
static ngx_int_t
ehr_pipeline_synced(ehr_connection_t *connection, ehr_unit_t *unit)
{
    if (unit->missing && !unit->failed) {
        return NGX_ERROR;
    }

    ngx_queue_remove(&unit->link);

    switch (unit->type) {

    case EHR_UNIT_CHECK:
        ehr_connection_checked(connection);
        break;

    case EHR_UNIT_PREPARE:
        break;

    case EHR_UNIT_BATCHES:
        ehr_pipeline_batches_synced(connection, unit);
        break;
    }

    return NGX_OK;
}


static void
ehr_pipeline_batches_synced(ehr_connection_t *connection, ehr_unit_t *unit)
{
    ngx_uint_t    failed;
    ngx_queue_t  *q;
    ehr_batch_t  *batch;

    failed = 0;

    for (q = ngx_queue_head(&unit->batches);
         q != ngx_queue_sentinel(&unit->batches);
         q = ngx_queue_next(q))
    {
        batch = ehr_batch_of(q);
        failed |= batch->private->failed;
        connection->lengthy -= ehr_batch_lengthy(batch);
    }

    connection->in_flight -= unit->n;
    connection->served += unit->n;
    connection->head_since = ngx_current_msec;

    ehr_crash_point("unit-synced");
    ehr_pool_settle(connection->pool, unit, failed);
}


/* Its results are expected after those of all that is in the FIFO. */
static void
ehr_pipeline_append(ehr_connection_t *connection, ehr_unit_t *unit,
    ngx_uint_t results)
{
    unit->missing = results;
    unit->failed = 0;
    ngx_queue_insert_tail(&connection->fifo, &unit->link);
}
