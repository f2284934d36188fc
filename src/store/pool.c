/*
 * One lane's queues.
 *
 * Batches wait only until the pump runs, once an event loop's round: it hands
 * them to connections (choice.c) and flushes each once.  Reads have a queue of
 * their own, for they may find a connection where others do not.
 *
 * What may share a transaction does so when it has to wait: a write goes out
 * at once while there is a connection for it, and those that arrive while all
 * are writing go together on the first that has done.
 */

#include "store_private.h"


/* So long after the last connection was lost, batches are still taken. */
#define EHR_POOL_BLIP  200

/* Most batches in a group. */
#define EHR_POOL_GROUP  32


static void ehr_pool_pump_handler(ngx_event_t *ev);
static ehr_queue_t *ehr_pool_older(ehr_pool_t *pool);
static ngx_int_t ehr_pool_send_head(ehr_pool_t *pool, ehr_queue_t *queue);
static ehr_unit_t *ehr_pool_take(ehr_pool_t *pool, ehr_queue_t *queue);
static void ehr_pool_learn(ehr_pool_t *pool, ehr_unit_t *unit,
    ngx_uint_t failed);


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
    pool->group = EHR_POOL_GROUP;
    ngx_queue_init(&pool->queues[0].batches);
    ngx_queue_init(&pool->queues[1].batches);

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


/* Frees batches without a word to anybody. */
static void
ehr_pool_drop(ngx_queue_t *batches)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(batches)) {
        q = ngx_queue_head(batches);
        ngx_queue_remove(q);
        ehr_batch_free(ehr_batch_of(q));
    }
}


void
ehr_pool_destroy(ehr_pool_t *pool)
{
    ngx_uint_t         i;
    ngx_queue_t        batches;
    ehr_connection_t  *connection;

    for (i = 0; i < pool->n; i++) {
        connection = &pool->connections[i];

        if (connection->state != EHR_CONNECTION_CLOSED) {
            ngx_queue_init(&batches);
            ehr_connection_close(connection);
            ehr_connection_drain(connection, &batches);
            ehr_pool_drop(&batches);
        }
    }

    ehr_pool_drop(&pool->queues[0].batches);
    ehr_pool_drop(&pool->queues[1].batches);

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
        return pool->starting
               || ngx_current_msec - pool->down_since < EHR_POOL_BLIP;

    default:
        return 0;
    }
}


ngx_uint_t
ehr_pool_full(ehr_pool_t *pool)
{
    ngx_uint_t         i, room;
    ehr_connection_t  *connection;

    if (ehr_pool_queued(pool) < pool->conf->queue) {
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

    return ehr_pool_queued(pool) >= room;
}


void
ehr_pool_enqueue(ehr_pool_t *pool, ehr_batch_t *batch, ngx_uint_t first)
{
    ehr_queue_t  *queue;

    queue = &pool->queues[ehr_batch_lengthy(batch)];

    if (first) {
        ngx_queue_insert_head(&queue->batches, &batch->private->link);
    } else {
        ngx_queue_insert_tail(&queue->batches, &batch->private->link);
    }

    batch->private->state = EHR_BATCH_QUEUED;
    queue->n++;
}


void
ehr_pool_dequeue(ehr_pool_t *pool, ehr_batch_t *batch)
{
    ngx_queue_remove(&batch->private->link);
    pool->queues[ehr_batch_lengthy(batch)].n--;
}


void
ehr_pool_wake(ehr_pool_t *pool)
{
    if (ehr_pool_queued(pool) > 0) {
        ngx_post_event(&pool->pump, &ngx_posted_events);
    }
}


static void
ehr_pool_pump_handler(ngx_event_t *ev)
{
    ngx_uint_t    i;
    ehr_pool_t   *pool;
    ehr_queue_t  *older, *other;

    pool = ev->data;

    /* what finds no connection does not hold up the other queue */

    while (ehr_pool_queued(pool) > 0) {
        older = ehr_pool_older(pool);
        other = &pool->queues[older == &pool->queues[0]];

        if (ehr_pool_send_head(pool, older) != NGX_OK
            && ehr_pool_send_head(pool, other) != NGX_OK)
        {
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


/* The queue whose head was submitted first; one of them is not empty. */
static ehr_queue_t *
ehr_pool_older(ehr_pool_t *pool)
{
    ngx_uint_t  first, second;

    if (pool->queues[0].n == 0 || pool->queues[1].n == 0) {
        return &pool->queues[pool->queues[0].n == 0];
    }

    first = ehr_queue_head(&pool->queues[0])->private->order;
    second = ehr_queue_head(&pool->queues[1])->private->order;

    return &pool->queues[(ngx_int_t) (second - first) < 0];
}


/* Sends a queue's head, with what may go along with it; NGX_DECLINED if it is
 * empty or no connection has room. */
static ngx_int_t
ehr_pool_send_head(ehr_pool_t *pool, ehr_queue_t *queue)
{
    ngx_int_t          rc;
    ehr_unit_t        *unit;
    ngx_queue_t        batches;
    ehr_connection_t  *connection;

    if (queue->n == 0) {
        return NGX_DECLINED;
    }

    connection = ehr_choice(pool, ehr_queue_head(queue));
    if (connection == NULL) {
        return NGX_DECLINED;
    }

    unit = ehr_pool_take(pool, queue);
    rc = ehr_pipeline_send(connection, unit);

    if (rc != NGX_OK) {
        ehr_connection_lost(connection, "cannot send");
    }

    if (rc == NGX_ERROR) {
        ngx_queue_init(&batches);
        ngx_queue_add(&batches, &unit->batches);
        ehr_pool_settle_back(&batches, ehr_batch_unsendable);
    }

    return NGX_OK;
}


/*
 * Takes the head from a queue, and as its group those behind it that would
 * have to wait: its share of the queue, if each connection that is free takes
 * one.
 */
static ehr_unit_t *
ehr_pool_take(ehr_pool_t *pool, ehr_queue_t *queue)
{
    ngx_uint_t    most, free;
    ehr_unit_t   *unit;
    ehr_batch_t  *batch;

    batch = ehr_queue_head(queue);

    unit = &batch->private->unit;
    ngx_queue_init(&unit->batches);
    unit->n = 0;

    most = 1;

    if (ehr_batch_groupable(batch)) {
        free = ehr_choice_free(pool);
        most = ngx_min((queue->n + free - 1) / free, pool->group);
    }

    do {
        ehr_pool_dequeue(pool, batch);
        ngx_queue_insert_tail(&unit->batches, &batch->private->link);

        if (++unit->n == most || queue->n == 0) {
            break;
        }

        batch = ehr_queue_head(queue);

    } while (ehr_batch_groupable(batch));

    return unit;
}


void
ehr_pool_settle(ehr_pool_t *pool, ehr_unit_t *unit, ngx_uint_t failed)
{
    ngx_queue_t  *q, batches;

    ehr_pool_learn(pool, unit, failed);
    failed = failed && unit->n > 1;

    /* the unit goes with its first batch */

    ngx_queue_init(&batches);
    ngx_queue_add(&batches, &unit->batches);

    if (failed) {
        ehr_pool_settle_back(&batches, ehr_batch_ungroup);
        return;
    }

    while (!ngx_queue_empty(&batches)) {
        q = ngx_queue_head(&batches);
        ngx_queue_remove(q);
        ehr_batch_synced(ehr_batch_of(q));
    }
}


void
ehr_pool_settle_back(ngx_queue_t *batches, void (*settle)(ehr_batch_t *batch))
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(batches)) {
        q = ngx_queue_last(batches);
        ngx_queue_remove(q);
        settle(ehr_batch_of(q));
    }
}


/* A group that fails is work done twice: the next ones are half its size, and
 * grow again with each that succeeds. */
static void
ehr_pool_learn(ehr_pool_t *pool, ehr_unit_t *unit, ngx_uint_t failed)
{
    ehr_store_t  *store;

    store = pool->store;

    if (unit->n > 1 && failed) {
        store->ungrouped++;
        pool->group = unit->n / 2;
        return;
    }

    if (unit->n > 1) {
        store->groups++;
        store->grouped += unit->n;
    }

    if (!failed && unit->n >= pool->group && pool->group < EHR_POOL_GROUP
        && ehr_batch_groupable(ehr_batch_of(ngx_queue_head(&unit->batches))))
    {
        pool->group++;
    }
}


void
ehr_pool_give_up(ehr_pool_t *pool)
{
    ngx_uint_t    n;
    ehr_batch_t  *batch;

    for (n = ehr_pool_queued(pool); n > 0 && ehr_pool_queued(pool) > 0; n--) {
        batch = ehr_queue_head(ehr_pool_older(pool));

        ehr_pool_dequeue(pool, batch);
        ehr_batch_unsent(batch);
    }
}
