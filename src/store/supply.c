/*
 * Keeps a pool supplied with connections.
 *
 * They are opened one at a time.  While none is up, rounds over the targets
 * are spaced by a jittered, doubling backoff.  The log gets one line for each
 * change of state, and one for the first reason of failure after it.
 */

#include "store_private.h"


/* So long after the last connection was lost, queued batches are given up,
 * rather than hang. */
#define EHR_SUPPLY_PATIENCE  1000


static ngx_uint_t ehr_supply_wanted(ehr_pool_t *pool);
static ehr_connection_t *ehr_supply_worn(ehr_pool_t *pool);
static void ehr_supply_connect(ehr_pool_t *pool);
static void ehr_supply_back_off(ehr_pool_t *pool);
static void ehr_supply_retry_handler(ngx_event_t *ev);
static void ehr_supply_down(ehr_pool_t *pool);


void
ehr_supply_start(ehr_pool_t *pool)
{
    pool->schema = -1;
    pool->backoff = pool->store->conf->reconnect_min;

    pool->retry.handler = ehr_supply_retry_handler;
    pool->retry.data = pool;
    pool->retry.log = pool->store->log;
    pool->retry.cancelable = 1;

    (void) ngx_cpystrn((u_char *) pool->reason,
                       (u_char *) "connecting to PostgreSQL",
                       sizeof(pool->reason));

    pool->starting = 1;
    ehr_supply_down(pool);
    ehr_supply_connect(pool);
}


void
ehr_supply_grow(ehr_pool_t *pool)
{
    if (pool->pending != NULL
        || pool->retry.timer_set
        || pool->store->closing)
    {
        return;
    }

    if (pool->up == 0 || (!ngx_exiting && ehr_supply_wanted(pool))) {
        pool->tried = 0;
        ehr_supply_connect(pool);
    }
}


ngx_uint_t
ehr_supply_growing(ehr_pool_t *pool)
{
    if (pool->pending != NULL) {
        return pool->pending->state != EHR_CONNECTION_MISFIT;
    }

    return pool->up < pool->conf->connections
           && !pool->retry.timer_set
           && !ngx_exiting;
}


static ngx_uint_t
ehr_supply_wanted(ehr_pool_t *pool)
{
    return (pool->crowded && pool->up < pool->conf->connections)
           || ehr_supply_worn(pool) != NULL;
}


/* The usable connection that has served longest past the limit, or NULL. */
static ehr_connection_t *
ehr_supply_worn(ehr_pool_t *pool)
{
    ngx_uint_t         i, limit;
    ehr_connection_t  *connection, *worn;

    limit = pool->store->conf->recycle;

    if (limit == 0) {
        return NULL;
    }

    worn = NULL;

    for (i = 0; i < pool->n; i++) {
        connection = &pool->connections[i];

        if (connection->state == EHR_CONNECTION_UP
            && connection->served >= limit
            && (worn == NULL || connection->served > worn->served))
        {
            worn = connection;
        }
    }

    return worn;
}


/* Tries the targets in turn, from pool->target, each once a round. */
static void
ehr_supply_connect(ehr_pool_t *pool)
{
    ngx_uint_t         i;
    ehr_targets_t     *targets;
    ehr_connection_t  *connection;

    for (i = 0; i < pool->n; i++) {
        if (pool->connections[i].state == EHR_CONNECTION_CLOSED) {
            break;
        }
    }

    if (i == pool->n) {
        ehr_supply_back_off(pool);        /* the last ones are retiring */
        return;
    }

    connection = &pool->connections[i];
    targets = pool->conf->targets;

    if (targets->ranked && pool->tried == 0) {
        pool->target = 0;
    }

    while (pool->tried++ < targets->n) {
        if (ehr_connection_open(connection, &targets->items[pool->target])
            == NGX_OK)
        {
            pool->pending = connection;
            return;
        }

        pool->target = (pool->target + 1) % targets->n;
    }

    if (!pool->complained) {
        pool->complained = 1;
        ngx_log_error(NGX_LOG_ERR, pool->store->log, 0, "%s", pool->reason);
    }

    ehr_supply_back_off(pool);
}


void
ehr_supply_refused(ehr_pool_t *pool)
{
    pool->pending = NULL;

    if (pool->state == EHR_STORE_OLD_SCHEMA) {
        ehr_supply_down(pool);
    }

    pool->target = (pool->target + 1) % pool->conf->targets->n;
    ehr_supply_connect(pool);
}


static void
ehr_supply_back_off(ehr_pool_t *pool)
{
    ngx_msec_t  delay;

    delay = pool->backoff / 2 + ngx_random() % (pool->backoff / 2 + 1);
    pool->backoff = ngx_min(pool->backoff * 2,
                            pool->store->conf->reconnect_max);
    pool->tried = 0;
    pool->starting = 0;

    if (!pool->retry.timer_set) {
        ngx_add_timer(&pool->retry, delay);
    }

    if (pool->up > 0) {
        ehr_pool_wake(pool);        /* what waited for another connection */

    } else if (ngx_current_msec - pool->down_since >= EHR_SUPPLY_PATIENCE) {
        ehr_pool_give_up(pool);
    }
}


static void
ehr_supply_retry_handler(ngx_event_t *ev)
{
    ehr_supply_grow(ev->data);
}


void
ehr_supply_connected(ehr_pool_t *pool, ehr_connection_t *connection)
{
    ehr_connection_t  *worn;

    pool->pending = NULL;
    pool->schema = connection->schema;
    pool->backoff = pool->store->conf->reconnect_min;
    pool->tried = 0;
    pool->complained = 0;
    pool->up++;

    if (pool->losses > 0) {
        pool->losses--;
        pool->store->reconnects++;
    }

    if (pool->state != EHR_STORE_UP) {
        pool->state = EHR_STORE_UP;
        pool->starting = 0;
        pool->reason[0] = '\0';

        ngx_log_error(NGX_LOG_NOTICE, pool->store->log, 0,
                      "connected to PostgreSQL at %s",
                      pool->conf->targets->items[pool->target].name);
    }

    worn = ehr_supply_worn(pool);

    if (worn != NULL) {
        ehr_connection_retire(worn);
    }

    ehr_pool_wake(pool);
}


void
ehr_supply_misfit(ehr_pool_t *pool, ehr_connection_t *connection)
{
    u_char      *p, *last;
    ngx_int_t    needed;

    needed = pool->store->conf->schema;
    pool->tried = 0;

    if (pool->up > 0) {
        ehr_pool_wake(pool);        /* what waited for another connection */
        return;
    }

    if (pool->state == EHR_STORE_OLD_SCHEMA
        && pool->schema == connection->schema)
    {
        return;
    }

    pool->state = EHR_STORE_OLD_SCHEMA;
    pool->starting = 0;
    pool->schema = connection->schema;

    p = (u_char *) pool->reason;
    last = p + sizeof(pool->reason) - 1;

    if (pool->schema < 0) {
        p = ngx_slprintf(p, last, "the database has no migrations that this "
                         "role can read, the module needs number %i: run "
                         "tools/migrate", needed);

    } else if (pool->schema < needed) {
        p = ngx_slprintf(p, last, "the database is at migration %i, the "
                         "module needs number %i: run tools/migrate",
                         pool->schema, needed);

    } else {
        p = ngx_slprintf(p, last, "the database is at migration %i, the "
                         "module was made for number %i: install the module "
                         "that fits", pool->schema, needed);
    }

    *p = '\0';

    ngx_log_error(NGX_LOG_ERR, pool->store->log, 0, "%s", pool->reason);

    ehr_pool_give_up(pool);
}


void
ehr_supply_unusable(ehr_pool_t *pool, const char *why)
{
    ngx_uint_t  level;

    level = why ? NGX_LOG_ERR : NGX_LOG_NOTICE;

    pool->up--;

    if (why != NULL) {
        pool->losses++;
    }

    if (pool->up > 0) {
        return;
    }

    ngx_log_error(level, pool->store->log, 0,
                  "the last connection to PostgreSQL is gone: %s",
                  why ? why : "it is to be replaced");

    (void) ngx_cpystrn((u_char *) pool->reason,
                       (u_char *) "connection to PostgreSQL lost",
                       sizeof(pool->reason));

    ehr_supply_down(pool);

    if (pool->pending == NULL) {
        ehr_supply_back_off(pool);
    }
}


static void
ehr_supply_down(ehr_pool_t *pool)
{
    pool->state = EHR_STORE_CONNECTING;
    pool->down_since = ngx_current_msec;
    pool->complained = 0;
}
