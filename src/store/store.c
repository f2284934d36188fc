/*
 * The store of a worker: its lanes.
 */

#include "store_private.h"


ehr_store_t *
ehr_store_create(ngx_cycle_t *cycle, ehr_store_conf_t *conf)
{
    ngx_uint_t    i;
    ehr_store_t  *store;

    if (conf->lanes[EHR_LANE_MAIN].targets == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "no database is configured");
        return NULL;
    }

    store = ngx_pcalloc(cycle->pool, sizeof(ehr_store_t));
    if (store == NULL) {
        return NULL;
    }

    store->conf = conf;
    store->pool = cycle->pool;
    store->log = cycle->log;

    ngx_rbtree_init(&store->texts, &store->sentinel,
                    ngx_str_rbtree_insert_value);

    for (i = 0; i < EHR_LANES; i++) {
        store->lanes[i] = conf->lanes[i].targets
                          ? ehr_pool_create(store, i)
                          : store->lanes[EHR_LANE_MAIN];

        if (store->lanes[i] == NULL) {
            ehr_store_destroy(store);
            return NULL;
        }
    }

    return store;
}


void
ehr_store_destroy(ehr_store_t *store)
{
    ngx_uint_t  i;

    store->closing = 1;

    for (i = 0; i < EHR_LANES; i++) {
        if (store->lanes[i] != NULL && (ngx_uint_t) store->lanes[i]->lane == i)
        {
            ehr_pool_destroy(store->lanes[i]);
        }
    }
}


void
ehr_store_status(ehr_store_t *store, ehr_store_status_t *status)
{
    ngx_uint_t   i, k;
    ehr_pool_t  *pool;

    ngx_memzero(status, sizeof(ehr_store_status_t));

    pool = store->lanes[EHR_LANE_MAIN];

    status->state = pool->state;
    status->schema = pool->schema;
    status->rejected = store->rejected;
    status->unknown = store->unknown;
    status->reconnects = store->reconnects;
    status->groups = store->groups;
    status->grouped = store->grouped;
    status->ungrouped = store->ungrouped;
    status->rolled_back = store->rolled_back;

    if (pool->state != EHR_STORE_UP) {
        ngx_memcpy(status->reason, pool->reason, sizeof(status->reason));
    }

    for (i = 0; i < EHR_LANES; i++) {
        pool = store->lanes[i];

        if ((ngx_uint_t) pool->lane != i) {
            continue;
        }

        status->connected[i] = pool->up;
        status->queued[i] = ehr_pool_queued(pool);

        for (k = 0; k < pool->n; k++) {
            status->in_flight[i] += pool->connections[k].in_flight;
        }
    }
}
