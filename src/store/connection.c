/*
 * One connection's life: connecting → checking → up → retiring → closed.
 *
 * Nothing that a done() may call (submit, abandon, destroy) touches a
 * connection, so a connection never changes under a function that reports.
 */

#include "store_private.h"

#include <openssl/ssl.h>


static ngx_int_t ehr_connection_watch(ehr_connection_t *connection,
    ngx_event_handler_pt read, ngx_event_handler_pt write);
static void ehr_connection_poll(ehr_connection_t *connection);
static void ehr_connection_poll_handler(ngx_event_t *ev);
static void ehr_connection_established(ehr_connection_t *connection);
static void ehr_connection_read_handler(ngx_event_t *rev);
static void ehr_connection_write_handler(ngx_event_t *wev);
static void ehr_connection_timer_handler(ngx_event_t *ev);
static void ehr_connection_refused(ehr_connection_t *connection,
    const char *why);
static ngx_uint_t ehr_connection_told_to_close(ehr_connection_t *connection);
static ngx_uint_t ehr_connection_buffered(ehr_connection_t *connection);
static void ehr_connection_notice(void *arg, const PGresult *result);
static void ehr_connection_explain(ehr_connection_t *connection,
    const char *why);


ngx_int_t
ehr_connection_open(ehr_connection_t *connection, const ehr_target_t *target)
{
    ehr_pool_t  *pool;

    pool = connection->pool;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, pool->store->log, 0,
                   "ehr store: connecting to %s", target->name);

    connection->timer.handler = ehr_connection_timer_handler;
    connection->timer.data = connection;
    connection->timer.log = pool->store->log;
    connection->timer.cancelable = 1;

    ngx_queue_init(&connection->fifo);
    ngx_memzero(connection->prepared,
                ehr_statement_registered() + EHR_STATEMENTS_INTERNED);
    connection->in_flight = 0;
    connection->lengthy = 0;
    connection->served = 0;
    connection->dirty = 0;
    connection->unfit = 0;
    connection->schema = -1;

    connection->pg = PQconnectStartParams(target->keywords, target->values, 0);

    if (connection->pg == NULL
        || PQstatus(connection->pg) == CONNECTION_BAD
        || ehr_connection_watch(connection, ehr_connection_poll_handler,
                                ehr_connection_poll_handler) != NGX_OK
        || ehr_socket_interest(&connection->socket, 0, 1) != NGX_OK)
    {
        ehr_connection_explain(connection, NULL);
        ehr_connection_close(connection);
        return NGX_ERROR;
    }

    (void) PQsetNoticeReceiver(connection->pg, ehr_connection_notice, NULL);

    connection->state = EHR_CONNECTION_CONNECTING;
    ngx_add_timer(&connection->timer, pool->store->conf->connect_timeout);

    return NGX_OK;
}


static ngx_int_t
ehr_connection_watch(ehr_connection_t *connection, ngx_event_handler_pt read,
    ngx_event_handler_pt write)
{
    return ehr_socket_attach(&connection->socket, connection->pg, connection,
                             connection->pool->store->log, read, write);
}


static void
ehr_connection_poll_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    if (c->close) {
        ehr_connection_refused(c->data, "the worker shuts down");
        return;
    }

    ehr_connection_poll(c->data);
}


static void
ehr_connection_poll(ehr_connection_t *connection)
{
    ngx_uint_t                 write;
    PostgresPollingStatusType  status;

    status = PQconnectPoll(connection->pg);

    switch (status) {

    case PGRES_POLLING_OK:
        ehr_connection_established(connection);
        return;

    case PGRES_POLLING_READING:
    case PGRES_POLLING_WRITING:
        write = (status == PGRES_POLLING_WRITING);

        if (ehr_connection_watch(connection, ehr_connection_poll_handler,
                                 ehr_connection_poll_handler) == NGX_OK
            && ehr_socket_interest(&connection->socket, !write, write)
               == NGX_OK)
        {
            return;
        }

        ehr_connection_refused(connection, "no place in the event loop");
        return;

    default:
        ehr_connection_refused(connection, NULL);
        return;
    }
}


static void
ehr_connection_established(ehr_connection_t *connection)
{
    connection->state = EHR_CONNECTION_CHECKING;

    if (PQsetnonblocking(connection->pg, 1) == 0
        && PQenterPipelineMode(connection->pg) == 1
        && ehr_connection_watch(connection, ehr_connection_read_handler,
                                ehr_connection_write_handler) == NGX_OK
        && ehr_socket_interest(&connection->socket, 1, 0) == NGX_OK
        && ehr_pipeline_check(connection) == NGX_OK)
    {
        (void) ehr_connection_flush(connection);
        return;
    }

    ehr_connection_refused(connection, NULL);
}


void
ehr_connection_checked(ehr_connection_t *connection)
{
    ehr_pool_t  *pool;

    pool = connection->pool;

    if (connection->schema == pool->store->conf->schema) {
        if (connection->timer.timer_set) {
            ngx_del_timer(&connection->timer);
        }

        connection->state = EHR_CONNECTION_UP;
        connection->socket.c->idle = 1;
        ehr_supply_connected(pool, connection);
        return;
    }

    connection->state = EHR_CONNECTION_MISFIT;
    ngx_add_timer(&connection->timer, pool->store->conf->reconnect_max);
    ehr_supply_misfit(pool, connection);
}


/* The connect timeout, or time to look at the schema again. */
static void
ehr_connection_timer_handler(ngx_event_t *ev)
{
    ehr_connection_t  *connection;

    connection = ev->data;

    if (connection->state != EHR_CONNECTION_MISFIT) {
        ehr_connection_refused(connection, "timed out");
        return;
    }

    connection->state = EHR_CONNECTION_CHECKING;
    ngx_add_timer(&connection->timer,
                  connection->pool->store->conf->connect_timeout);

    if (ehr_pipeline_check(connection) != NGX_OK) {
        ehr_connection_refused(connection, NULL);
        return;
    }

    (void) ehr_connection_flush(connection);
}


static void
ehr_connection_read_handler(ngx_event_t *rev)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;
    ehr_connection_t  *connection;

    c = rev->data;
    connection = c->data;

    if (c->close && ehr_connection_told_to_close(connection)) {
        return;
    }

    do {
        rc = PQconsumeInput(connection->pg) ? NGX_OK : NGX_ERROR;

        /* what came before the end still counts */

        if (ehr_pipeline_receive(connection) != NGX_OK) {
            rc = NGX_ERROR;
        }

    } while (rc == NGX_OK && ehr_connection_buffered(connection));

    if (rc != NGX_OK || PQstatus(connection->pg) == CONNECTION_BAD) {
        ehr_connection_lost(connection, "the server closed it");
        return;
    }

    if (connection->state == EHR_CONNECTION_RETIRING || connection->unfit) {
        ehr_connection_retire(connection);
        return;
    }

    if (connection->state == EHR_CONNECTION_UP) {
        c->idle = (connection->in_flight == 0);
    }

    if (c->write->active && ehr_connection_flush(connection) != NGX_OK) {
        return;
    }

    ehr_pool_wake(connection->pool);
}


static void
ehr_connection_write_handler(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    (void) ehr_connection_flush(c->data);
}


ngx_int_t
ehr_connection_flush(ehr_connection_t *connection)
{
    int  pending;

    connection->dirty = 0;

    pending = PQflush(connection->pg);

    if (pending == -1
        || ehr_socket_interest(&connection->socket, 1, pending) != NGX_OK)
    {
        ehr_connection_lost(connection, "cannot write");
        return NGX_ERROR;
    }

    /* unable to write, libpq has read: epoll will not report that again */

    if (pending) {
        ngx_post_event(connection->socket.c->read, &ngx_posted_events);
    }

    return NGX_OK;
}


void
ehr_connection_retire(ehr_connection_t *connection)
{
    ehr_pool_t  *pool;

    pool = connection->pool;

    if (connection->state == EHR_CONNECTION_UP) {
        connection->state = EHR_CONNECTION_RETIRING;
        connection->socket.c->idle = 0;
        ehr_supply_unusable(pool, NULL);
    }

    if (connection->in_flight == 0) {
        ehr_connection_close(connection);
    }

    ehr_pool_wake(pool);
}


void
ehr_connection_close(ehr_connection_t *connection)
{
    ehr_unit_t   *unit;
    ngx_queue_t  *q, *next;

    if (connection->timer.timer_set) {
        ngx_del_timer(&connection->timer);
    }

    ehr_socket_detach(&connection->socket);
    PQfinish(connection->pg);

    connection->pg = NULL;
    connection->state = EHR_CONNECTION_CLOSED;
    connection->in_flight = 0;
    connection->dirty = 0;

    /* a prepare lives in the memory of the batch behind it */

    for (q = ngx_queue_head(&connection->fifo);
         q != ngx_queue_sentinel(&connection->fifo);
         q = next)
    {
        next = ngx_queue_next(q);
        unit = ngx_queue_data(q, ehr_unit_t, link);

        if (unit->type != EHR_UNIT_BATCHES) {
            ngx_queue_remove(q);
        }
    }
}


void
ehr_connection_drain(ehr_connection_t *connection, ngx_queue_t *batches)
{
    ehr_unit_t   *unit;
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&connection->fifo)) {
        q = ngx_queue_head(&connection->fifo);
        ngx_queue_remove(q);
        unit = ngx_queue_data(q, ehr_unit_t, link);
        ngx_queue_add(batches, &unit->batches);
    }
}


void
ehr_connection_lost(ehr_connection_t *connection, const char *why)
{
    ehr_pool_t              *pool;
    ngx_queue_t              batches;
    ehr_connection_state_t   state;

    state = connection->state;

    if (state == EHR_CONNECTION_CHECKING || state == EHR_CONNECTION_MISFIT) {
        ehr_connection_refused(connection, why);
        return;
    }

    pool = connection->pool;

    ehr_connection_close(connection);

    if (state == EHR_CONNECTION_UP) {
        ehr_supply_unusable(pool, why);
    }

    ngx_queue_init(&batches);
    ehr_connection_drain(connection, &batches);
    ehr_pool_settle_back(&batches, ehr_batch_lost);

    ehr_pool_wake(pool);
}


/* It never became usable. */
static void
ehr_connection_refused(ehr_connection_t *connection, const char *why)
{
    ehr_connection_explain(connection, why);
    ehr_connection_close(connection);
    ehr_supply_refused(connection->pool);
}


/*
 * nginx sets c->close on a connection marked idle when the worker begins to
 * shut down, and on all, with c->error, when the time for that is up.  The
 * last idle one is kept, for requests may still come to need it.  Returns 1
 * if the connection is closed.
 */
static ngx_uint_t
ehr_connection_told_to_close(ehr_connection_t *connection)
{
    ngx_connection_t  *c;

    c = connection->socket.c;

    if (c->error) {
        ehr_connection_lost(connection, "the worker shuts down");
        return 1;
    }

    c->close = 0;

    if (connection->state != EHR_CONNECTION_UP
        || connection->in_flight > 0
        || connection->pool->up == 1)
    {
        return 0;
    }

    ehr_connection_retire(connection);

    return 1;
}


/* Whether TLS holds input that the socket no longer shows. */
static ngx_uint_t
ehr_connection_buffered(ehr_connection_t *connection)
{
    SSL  *ssl;

    ssl = PQsslStruct(connection->pg, "OpenSSL");

    return ssl != NULL && SSL_pending(ssl) > 0;
}


/* Notices may hold data: they are dropped. */
static void
ehr_connection_notice(void *arg, const PGresult *result)
{
    (void) arg;
    (void) result;
}


/* Notes why connecting failed: the first line of libpq's message, which
 * before the connection is used holds nothing but our own configuration. */
static void
ehr_connection_explain(ehr_connection_t *connection, const char *why)
{
    size_t       len;
    ehr_pool_t  *pool;

    static const char  prefix[] = "cannot connect to PostgreSQL: ";

    pool = connection->pool;

    if (why == NULL) {
        why = connection->pg ? PQerrorMessage(connection->pg)
                             : "no memory";
    }

    len = ngx_min(strcspn(why, "\n"), sizeof(pool->reason) - sizeof(prefix));

    (void) ngx_snprintf((u_char *) pool->reason, sizeof(pool->reason),
                        "%s%*s%Z", prefix, len, why);
}
