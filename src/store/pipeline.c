/*
 * The protocol on a usable connection: units go out, results come in.
 *
 * Each unit ends with its own Sync, so that a failure stays inside of it.
 * The FIFO mirrors what libpq has sent: the result at hand always belongs to
 * its head, and only the Sync's result ends a unit.
 */

#include "store_private.h"


static ngx_int_t ehr_pipeline_sync(ehr_connection_t *connection);
static ngx_int_t ehr_pipeline_prepare(ehr_connection_t *connection,
    ehr_batch_t *batch, ehr_statement_t *statement);
static ngx_int_t ehr_pipeline_call(ehr_connection_t *connection,
    ehr_call_t *call);
static ngx_int_t ehr_pipeline_result(ehr_connection_t *connection,
    PGresult *result);
static void ehr_pipeline_success(ehr_connection_t *connection,
    ehr_unit_t *unit, PGresult *result);
static ngx_int_t ehr_pipeline_failure(ehr_connection_t *connection,
    ehr_unit_t *unit, PGresult *result);
static void ehr_pipeline_prepare_failure(ehr_connection_t *connection,
    ehr_unit_t *unit, PGresult *result);
static ngx_uint_t ehr_pipeline_unfit(ehr_batch_t *batch,
    const char *sqlstate, PGresult *result);
static void ehr_pipeline_synced(ehr_connection_t *connection,
    ehr_unit_t *unit);


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

    ngx_queue_insert_tail(&connection->fifo, &connection->check.link);

    return ehr_pipeline_sync(connection);
}


ngx_int_t
ehr_pipeline_send(ehr_connection_t *connection, ehr_batch_t *batch)
{
    ngx_uint_t            i;
    ehr_statement_t      *statement;
    ehr_batch_private_t  *private;

    private = batch->private;

    for (i = 0; i < batch->n; i++) {
        statement = private->calls[i].statement;

        if (statement->index != EHR_STATEMENT_UNNAMED
            && !connection->prepared[statement->index]
            && ehr_pipeline_prepare(connection, batch, statement) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < batch->n; i++) {
        if (ehr_pipeline_call(connection, &private->calls[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_queue_insert_tail(&connection->fifo, &private->unit.link);
    private->state = EHR_BATCH_SENT;
    private->connection = connection;

    if (connection->in_flight++ == 0) {
        connection->head_since = ngx_current_msec;
    }

    connection->lengthy += ehr_batch_lengthy(batch);
    connection->socket.c->idle = 0;
    connection->dirty = 1;

    return ehr_pipeline_sync(connection) == NGX_OK ? NGX_OK : NGX_ABORT;
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

    ngx_queue_insert_tail(&connection->fifo, &unit->link);
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

        if (unit->type == EHR_UNIT_BATCH) {
            unit->batch->private->position++;
        }
    }

    return NGX_OK;
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
        ehr_pipeline_success(connection, unit, result);
        return NGX_OK;

    case PGRES_FATAL_ERROR:
        return ehr_pipeline_failure(connection, unit, result);

    case PGRES_PIPELINE_SYNC:
        PQclear(result);
        ehr_pipeline_synced(connection, unit);
        return NGX_OK;

    default:
        ngx_log_error(NGX_LOG_ALERT, connection->pool->store->log, 0,
                      "a statement asks for a protocol we do not speak");
        PQclear(result);
        return NGX_ERROR;
    }
}


static void
ehr_pipeline_success(ehr_connection_t *connection, ehr_unit_t *unit,
    PGresult *result)
{
    ngx_str_t  value;

    if (unit->type == EHR_UNIT_BATCH) {
        ehr_batch_result(unit->batch, result);
        return;
    }

    if (unit->type == EHR_UNIT_CHECK && PQntuples(result) == 1) {
        value = ehr_result_value(result, 0, 0);
        connection->schema = ngx_atoi(value.data, value.len);
    }

    PQclear(result);
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

    switch (unit->type) {

    case EHR_UNIT_BATCH:
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


/* The batch behind will fail for want of the statement; why is known here. */
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


static void
ehr_pipeline_synced(ehr_connection_t *connection, ehr_unit_t *unit)
{
    ngx_queue_remove(&unit->link);

    switch (unit->type) {

    case EHR_UNIT_CHECK:
        ehr_connection_checked(connection);
        break;

    case EHR_UNIT_PREPARE:
        break;

    case EHR_UNIT_BATCH:
        connection->in_flight--;
        connection->lengthy -= ehr_batch_lengthy(unit->batch);
        connection->head_since = ngx_current_msec;
        connection->served++;
        ehr_batch_synced(unit->batch);
        break;
    }
}
