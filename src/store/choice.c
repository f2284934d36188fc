/*
 * Which connection a batch takes.
 *
 * Reads are packed: a backend that finds the next request in its buffer needs
 * no wakeup, so few busy connections answer far more than many idle ones.
 * They keep away from connections whose oldest batch takes long.  Writes are
 * spread, for commits wait for the disk one after another on a connection,
 * but together on several; so is background work, which may take long.  One
 * connection is kept clear of both, so that reads go on when all others wait
 * for a lock.
 */

#include "store_private.h"


/* A batch that takes longer makes reads take another connection. */
#define EHR_CHOICE_SLOW  2


static ngx_uint_t ehr_choice_slow(ehr_connection_t *connection);
static ehr_connection_t *ehr_choice_packed(ehr_pool_t *pool);
static ngx_uint_t ehr_choice_load(ehr_connection_t *connection,
    ngx_uint_t lengthy);
static ngx_uint_t ehr_choice_calm(ehr_pool_t *pool);
static ngx_uint_t ehr_choice_allows(ehr_pool_t *pool,
    ehr_connection_t *connection, ehr_batch_t *batch, ngx_uint_t calm);
static ehr_connection_t *ehr_choice_least_loaded(ehr_pool_t *pool,
    ehr_batch_t *batch);


ehr_connection_t *
ehr_choice(ehr_pool_t *pool, ehr_batch_t *batch)
{
    ehr_connection_t  *connection;

    if (!ehr_batch_lengthy(batch)) {
        connection = ehr_choice_packed(pool);

        if (connection != NULL) {
            return connection;
        }
    }

    connection = ehr_choice_least_loaded(pool, batch);

    if (connection != NULL && connection->in_flight == 0) {
        return connection;
    }

    pool->crowded = 1;

    /* behind a slow batch, or a write that may become one, only if no new
     * connection is to be had soon */

    if (connection != NULL
        && (connection->lengthy > 0 || ehr_choice_slow(connection))
        && ehr_supply_growing(pool))
    {
        return NULL;
    }

    return connection;
}


/* Whether a connection's oldest batch takes long. */
static ngx_uint_t
ehr_choice_slow(ehr_connection_t *connection)
{
    return connection->in_flight > 0
           && ngx_current_msec - connection->head_since > EHR_CHOICE_SLOW;
}


/* The first connection with room where nothing is slow; NULL if none is. */
static ehr_connection_t *
ehr_choice_packed(ehr_pool_t *pool)
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
            && !ehr_choice_slow(connection))
        {
            return connection;
        }
    }

    return NULL;
}


/* What a batch has to expect on a connection: lengthy ones may wait for the
 * disk or a lock, and behind a slow batch comes whoever has no choice.  For a
 * read, what is lengthy is worse than what is slow by now: it may just have
 * begun to wait for a lock. */
static ngx_uint_t
ehr_choice_load(ehr_connection_t *connection, ngx_uint_t lengthy)
{
    ngx_uint_t  load, most;

    load = connection->in_flight + connection->lengthy;
    most = 2 * connection->pool->conf->pipeline;

    if (ehr_choice_slow(connection)) {
        load += most;
    }

    if (!lengthy && connection->lengthy) {
        load += 2 * most;
    }

    return load;
}


/* How many connections have nothing lengthy under way. */
static ngx_uint_t
ehr_choice_calm(ehr_pool_t *pool)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < pool->n; i++) {
        n += (pool->connections[i].state == EHR_CONNECTION_UP
              && pool->connections[i].lengthy == 0);
    }

    return n;
}


ngx_uint_t
ehr_choice_free(ehr_pool_t *pool)
{
    ngx_uint_t  calm;

    calm = ehr_choice_calm(pool);

    return (calm > 1) ? calm - 1 : 1;
}


/* Whether a lengthy batch may go to a connection: the last one without
 * anything lengthy is left to reads (the audit lane has none that count), and
 * what may go in a group, or was in one that failed, does not queue up behind
 * something lengthy. */
static ngx_uint_t
ehr_choice_allows(ehr_pool_t *pool, ehr_connection_t *connection,
    ehr_batch_t *batch, ngx_uint_t calm)
{
    if (connection->lengthy == 0) {
        return calm > 1 || pool->up == 1 || pool->lane == EHR_LANE_AUDIT;
    }

    return !batch->groupable;
}


/* The connection with the least load that a batch may take, the last such,
 * where the reads come to at last; NULL if there is none or all are full. */
static ehr_connection_t *
ehr_choice_least_loaded(ehr_pool_t *pool, ehr_batch_t *batch)
{
    ngx_uint_t         i, calm, lengthy;
    ehr_connection_t  *connection, *best;

    best = NULL;
    calm = ehr_choice_calm(pool);
    lengthy = ehr_batch_lengthy(batch);

    for (i = 0; i < pool->n; i++) {
        connection = &pool->connections[i];

        if (connection->state == EHR_CONNECTION_UP
            && connection->in_flight < pool->conf->pipeline
            && (!lengthy || ehr_choice_allows(pool, connection, batch, calm))
            && (best == NULL
                || ehr_choice_load(connection, lengthy)
                   <= ehr_choice_load(best, lengthy)))
        {
            best = connection;
        }
    }

    return best;
}
