/*
 * One lane's queue and which connection each batch takes.
 *
 * Batches wait in the queue only until the pump runs, once an event loop's
 * round: it hands them to connections and flushes each once.
 *
 * Reads are packed: a backend that finds the next request in its buffer needs
 * no wakeup, so few busy connections answer far more than many idle ones.
 * They keep away from connections whose oldest batch takes long.  Writes are
 * spread, for commits wait for the disk one after another on a connection,
 * but together on several; so is background work, which may take long.
 */

#include "store_private.h"


/* So long after the last connection was lost, batches are still taken. */
#define EHR_POOL_BLIP  200

/* A batch that takes longer makes reads take another connection. */
#define EHR_POOL_SLOW  2


static ehr_connection_t *ehr_pool_choose(ehr_pool_t *pool,
    ehr_batch_t *batch);
static ngx_uint_t ehr_pool_slow(ehr_connection_t *connection);
static ehr_connection_t *ehr_pool_packed(ehr_pool_t *pool);
static ngx_uint_t ehr_pool_load(ehr_connection_t *connection);
static ehr_connection_t *ehr_pool_least_loaded(ehr_pool_t *pool);
static void ehr_pool_pump_handler(ngx_event_t *ev);
static ngx_int_t ehr_pool_send_head(ehr_pool_t *pool);


ehr_pool_t *
ehr_pool_create(ehr_store_t *store, ehr_lane_t lane)
{
    size_t       statements;
    ngx_uint_t   i;
    ehr_pool_t  *pool;

    pool = ngx_pcalloc(store->pool, sizeof(ehr_pool_t));
    if (pool == NULL) {
        return NULL;
    }

    pool->store = store;
    pool->lane = lane;
    pool->conf = &store->conf->lanes[lane];
    pool->n = pool->conf->connections + 1;
    ngx_queue_init(&pool->queue);

    pool->pump.handler = ehr_pool_pump_handler;
    pool->pump.data = pool;
    pool->pump.log = store->log;

    pool->connections = ngx_pcalloc(store->pool,
                                    pool->n * sizeof(ehr_connection_t));
    if (pool->connections == NULL) {
        return NULL;
    }

    statements = ehr_statement_registered() + EHR_STATEMENTS_INTERNED;

    for (i = 0; i < pool->n; i++) {
        pool->connections[i].pool = pool;
        pool->connections[i].prepared = ngx_pnalloc(store->pool, statements);

        if (pool->connections[i].prepared == NULL) {
            return NULL;
        }
    }

    ehr_supply_start(pool);

    return pool;
}


/* Frees the batches of a queue or FIFO without a word to anybody. */
static void
ehr_pool_drop(ngx_queue_t *queue)
{
    ehr_unit_t   *unit;
    ngx_queue_t  *q;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);
        ngx_queue_remove(q);
        unit = ngx_queue_data(q, ehr_unit_t, link);
        ehr_batch_free(unit->batch);
    }
}


void
ehr_pool_destroy(ehr_pool_t *pool)
{
    ngx_uint_t         i;
    ehr_connection_t  *connection;

    for (i = 0; i < pool->n; i++) {
        connection = &pool->connections[i];

        if (connection->state != EHR_CONNECTION_CLOSED) {
            ehr_connection_close(connection);
            ehr_pool_drop(&connection->fifo);
        }
    }

    ehr_pool_drop(&pool->queue);

    if (pool->pump.posted) {
        ngx_delete_posted_event(&pool->pump);
    }

    if (pool->retry.timer_set) {
        ngx_del_timer(&pool->retry);
    }
}


ngx_uint_t
ehr_pool_accepts(ehr_pool_t *pool)
{
    switch (pool->state) {

    case EHR_STORE_UP:
        return 1;

    case EHR_STORE_CONNECTING:
        return ngx_current_msec - pool->down_since < EHR_POOL_BLIP;

    default:
        return 0;
    }
}


ngx_uint_t
ehr_pool_full(ehr_pool_t *pool)
{
    ngx_uint_t         i, room;
    ehr_connection_t  *connection;

    if (pool->queued < pool->conf->queue) {
        return 0;
    }

    room = pool->conf->queue;

    for (i = 0; i < pool->n; i++) {
        connection = &pool->connections[i];

        if (connection->state == EHR_CONNECTION_UP
            && connection->in_flight < pool->conf->pipeline)
        {
            room += pool->conf->pipeline - connection->in_flight;
        }
    }

    return pool->queued >= room;
}


void
ehr_pool_enqueue(ehr_pool_t *pool, ehr_batch_t *batch, ngx_uint_t first)
{
    ngx_queue_t  *link;

    link = &batch->private->unit.link;

    if (first) {
        ngx_queue_insert_head(&pool->queue, link);
    } else {
        ngx_queue_insert_tail(&pool->queue, link);
    }

    batch->private->state = EHR_BATCH_QUEUED;
    pool->queued++;
}


void
ehr_pool_dequeue(ehr_pool_t *pool, ehr_batch_t *batch)
{
    ngx_queue_remove(&batch->private->unit.link);
    pool->queued--;
}


void
ehr_pool_wake(ehr_pool_t *pool)
{
    if (!ngx_queue_empty(&pool->queue)) {
        ngx_post_event(&pool->pump, &ngx_posted_events);
    }
}


static void
ehr_pool_pump_handler(ngx_event_t *ev)
{
    ngx_uint_t   i;
    ehr_pool_t  *pool;

    pool = ev->data;

    while (!ngx_queue_empty(&pool->queue)) {
        if (ehr_pool_send_head(pool) != NGX_OK) {
            break;
        }
    }

    for (i = 0; i < pool->n; i++) {
        if (pool->connections[i].dirty) {
            (void) ehr_connection_flush(&pool->connections[i]);
        }
    }

    ehr_supply_grow(pool);
    pool->crowded = 0;
}


/* Sends the queue's head; NGX_DECLINED if no connection has room. */
static ngx_int_t
ehr_pool_send_head(ehr_pool_t *pool)
{
    ngx_int_t          rc;
    ehr_unit_t        *unit;
    ehr_batch_t       *batch;
    ehr_connection_t  *connection;

    unit = ngx_queue_data(ngx_queue_head(&pool->queue), ehr_unit_t, link);
    batch = unit->batch;

    connection = ehr_pool_choose(pool, batch);
    if (connection == NULL) {
        return NGX_DECLINED;
    }

    ehr_pool_dequeue(pool, batch);

    rc = ehr_pipeline_send(connection, batch);

    if (rc != NGX_OK) {
        ehr_connection_lost(connection, "cannot send");
    }

    if (rc == NGX_ERROR) {
        ehr_batch_unsendable(batch);
    }

    return NGX_OK;
}


/* The connection for a batch; NULL if all are full. */
static ehr_connection_t *
ehr_pool_choose(ehr_pool_t *pool, ehr_batch_t *batch)
{
    ehr_connection_t  *connection;

    if (!ehr_batch_lengthy(batch)) {
        connection = ehr_pool_packed(pool);

        if (connection != NULL) {
            return connection;
        }
    }

    connection = ehr_pool_least_loaded(pool);

    if (connection != NULL && connection->in_flight == 0) {
        return connection;
    }

    pool->crowded = 1;

    /* behind a slow batch, or a write that may become one, only if no new
     * connection is to be had soon */

    if (connection != NULL
        && (connection->lengthy > 0 || ehr_pool_slow(connection))
        && ehr_supply_growing(pool))
    {
        return NULL;
    }

    return connection;
}


/* Whether a connection's oldest batch takes long. */
static ngx_uint_t
ehr_pool_slow(ehr_connection_t *connection)
{
    return connection->in_flight > 0
           && ngx_current_msec - connection->head_since > EHR_POOL_SLOW;
}


/* The first connection with room where nothing is slow; NULL if none is. */
static ehr_connection_t *
ehr_pool_packed(ehr_pool_t *pool)
{
    ngx_uint_t         i;
    ehr_connection_t  *connection;

    for (i = 0; i < pool->n; i++) {
        connection = &pool->connections[i];

        if (connection->state != EHR_CONNECTION_UP) {
            continue;
        }

        if (connection->in_flight == 0) {
            return connection;
        }

        if (connection->in_flight < pool->conf->pipeline
            && connection->lengthy == 0
            && !ehr_pool_slow(connection))
        {
            return connection;
        }
    }

    return NULL;
}


/* What a batch has to expect on a connection: lengthy ones may wait for the
 * disk or a lock, and behind a slow batch comes whoever has no choice. */
static ngx_uint_t
ehr_pool_load(ehr_connection_t *connection)
{
    return connection->in_flight + connection->lengthy
           + (ehr_pool_slow(connection) ? 2 * connection->pool->conf->pipeline
                                        : 0);
}


/* The connection with the least load, the last such, where the reads come to
 * at last; NULL if all are full. */
static ehr_connection_t *
ehr_pool_least_loaded(ehr_pool_t *pool)
{
    ngx_uint_t         i;
    ehr_connection_t  *connection, *best;

    best = NULL;

    for (i = 0; i < pool->n; i++) {
        connection = &pool->connections[i];

        if (connection->state == EHR_CONNECTION_UP
            && connection->in_flight < pool->conf->pipeline
            && (best == NULL
                || ehr_pool_load(connection) <= ehr_pool_load(best)))
        {
            best = connection;
        }
    }

    return best;
}


void
ehr_pool_give_up(ehr_pool_t *pool)
{
    ngx_uint_t   n;
    ehr_unit_t  *unit;

    for (n = pool->queued; n > 0 && !ngx_queue_empty(&pool->queue); n--) {
        unit = ngx_queue_data(ngx_queue_head(&pool->queue), ehr_unit_t, link);

        ehr_pool_dequeue(pool, unit->batch);
        ehr_batch_unsent(unit->batch);
    }
}
