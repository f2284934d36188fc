/*
 * The zone of a node's availability: see availability.h.
 *
 * The zone's slab mutex is the engine's, because nginx frees it when its
 * holder dies.  Nothing is allocated in the zone after it was laid out.
 */

#include "../store/crash_point.h"
#include "availability.h"

#include <signal.h>


#define EHR_AVAILABILITY_MAGIC    0x314c564152484545    /* "EEHRAVL1" */
#define EHR_AVAILABILITY_VERSION  1

/* So many beds for each doctor, room or machine there is room for, a seventh
 * of the zone, and at least that many. */
#define EHR_AVAILABILITY_BEDS_EACH   4
#define EHR_AVAILABILITY_BEDS_LEAST  256


static ngx_int_t ehr_availability_adopt(ngx_shm_zone_t *zone,
    ehr_availability_t *availability, ehr_main_conf_t *conf);
static ngx_int_t ehr_availability_create(ngx_shm_zone_t *zone,
    ngx_slab_pool_t *pool, ehr_main_conf_t *conf);
static ngx_int_t ehr_availability_engine(ngx_shm_zone_t *zone,
    ehr_availability_t *availability);
static uint32_t ehr_availability_days(ehr_main_conf_t *conf);

static int64_t ehr_host_now(void *data);
static void ehr_host_lock(void *data);
static void ehr_host_unlock(void *data);
static int ehr_host_is_alive(void *data, int32_t pid);


ehr_availability_t  *ehr_availability;

static ehr_engine_t       ehr_availability_view;
static ehr_engine_host_t  ehr_availability_host = {
    NULL, ehr_host_now, ehr_host_lock, ehr_host_unlock, ehr_host_is_alive
};


ngx_int_t
ehr_availability_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t  *pool;
    ehr_main_conf_t  *conf;

    conf = zone->data;

    if (data) {
        return ehr_availability_adopt(zone, data, conf);
    }

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        return ehr_availability_adopt(zone, pool->data, conf);
    }

    return ehr_availability_create(zone, pool, conf);
}


/* Other workers are using it: it stays as it was laid out. */

static ngx_int_t
ehr_availability_adopt(ngx_shm_zone_t *zone, ehr_availability_t *availability,
    ehr_main_conf_t *conf)
{
    if (availability->magic != EHR_AVAILABILITY_MAGIC
        || availability->version != EHR_AVAILABILITY_VERSION
        || availability->size != sizeof(ehr_availability_t))
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "ehr zone \"%V\" was laid out by another version of "
                      "the module; restart nginx instead of reloading it",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    if (availability->days != ehr_availability_days(conf)
        || availability->stale_after != conf->feed_stale / 2)
    {
        ngx_log_error(NGX_LOG_WARN, zone->shm.log, 0,
                      "\"ehr_booking_horizon\" and \"ehr_feed_stale\" change "
                      "when nginx is restarted, or at a reload with another "
                      "size of the ehr zone \"%V\"", &zone->shm.name);
    }

    zone->data = availability;

    return NGX_OK;
}


/* Today, and as many days as may be booked from its end on. */

static uint32_t
ehr_availability_days(ehr_main_conf_t *conf)
{
    return conf->horizon + 1;
}


static ngx_int_t
ehr_availability_create(ngx_shm_zone_t *zone, ngx_slab_pool_t *pool,
    ehr_main_conf_t *conf)
{
    size_t               room, head;
    ehr_availability_t  *availability;

    room = pool->pfree * ngx_pagesize;
    head = ngx_align(sizeof(ehr_availability_t), 64);

    availability = room > head ? ngx_slab_calloc(pool, room) : NULL;

    if (availability == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "ehr zone \"%V\" is too small or in use by something "
                      "else", &zone->shm.name);
        return NGX_ERROR;
    }

    availability->pool = pool;
    availability->block = (u_char *) availability + head;
    availability->block_size = room - head;
    availability->days = ehr_availability_days(conf);
    availability->stale_after = conf->feed_stale / 2;

    if (ehr_availability_engine(zone, availability) != NGX_OK) {
        return NGX_ERROR;
    }

    availability->size = sizeof(ehr_availability_t);
    availability->version = EHR_AVAILABILITY_VERSION;
    availability->magic = EHR_AVAILABILITY_MAGIC;

    pool->data = availability;
    zone->data = availability;

    return NGX_OK;
}


static uint32_t
ehr_availability_beds(uint32_t resources)
{
    return ngx_min(ngx_max(EHR_AVAILABILITY_BEDS_EACH * resources,
                           EHR_AVAILABILITY_BEDS_LEAST),
                   EHR_ENGINE_BEDS_MAX);
}


size_t
ehr_availability_needed(const ehr_engine_statistics_t *statistics)
{
    uint32_t             beds;
    ehr_engine_config_t  config;

    if (statistics->beds.missing == 0) {
        return statistics->size_needed;
    }

    /* more beds only come with more of the rest */

    beds = statistics->beds.most + statistics->beds.missing;

    ngx_memzero(&config, sizeof(ehr_engine_config_t));
    config.days = ehr_availability->days;
    config.stale_after = ehr_availability->stale_after;
    config.resources = ngx_max(statistics->resources.most,
                               beds / EHR_AVAILABILITY_BEDS_EACH + 1);
    config.beds = ehr_availability_beds(config.resources);

    return ngx_max(statistics->size_needed, ehr_engine_size(&config));
}


/* As many resources as there is room for if each is busy every day. */

static ngx_int_t
ehr_availability_engine(ngx_shm_zone_t *zone,
    ehr_availability_t *availability)
{
    size_t               size;
    uint32_t             low, high, middle;
    ehr_engine_config_t  config;

    ngx_memzero(&config, sizeof(ehr_engine_config_t));
    config.days = availability->days;
    config.stale_after = availability->stale_after;

    low = 1;
    high = EHR_ENGINE_RESOURCES_MAX + 1;

    while (high - low > 1) {
        middle = low + (high - low) / 2;
        config.resources = middle;
        config.beds = ehr_availability_beds(middle);
        size = ehr_engine_size(&config);

        if (size != 0 && size <= availability->block_size) {
            low = middle;

        } else {
            high = middle;
        }
    }

    config.resources = low;
    config.beds = ehr_availability_beds(low);

    if (ehr_engine_create(availability->block, availability->block_size,
                          &config)
        == EHR_ENGINE_OK)
    {
        ngx_log_error(NGX_LOG_INFO, zone->shm.log, 0,
                      "ehr zone \"%V\" holds %uD doctors, rooms and "
                      "equipment for %uD days, and %uD beds",
                      &zone->shm.name, low, config.days, config.beds);
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                  "ehr zone \"%V\" is too small for %uD days",
                  &zone->shm.name, config.days);

    return NGX_ERROR;
}


ngx_int_t
ehr_availability_attach(ngx_cycle_t *cycle)
{
    if (ehr_worker.conf->availability == NULL) {
        return NGX_OK;
    }

    ehr_availability = ehr_worker.conf->availability->data;
    ehr_availability_host.data = ehr_availability->pool;

    if (ehr_engine_attach(&ehr_availability_view, ehr_availability->block,
                          ehr_availability->block_size,
                          &ehr_availability_host, ngx_pid)
        != EHR_ENGINE_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "the availability zone was laid out by another version "
                      "of the module; restart nginx");
        return NGX_ERROR;
    }

    ehr_worker.engine = &ehr_availability_view;

    return NGX_OK;
}


/* -- what the engine needs of a process ------------------------------------ */

static int64_t
ehr_host_now(void *data)
{
    (void) data;

    return ehr_monotonic_us() / 1000;
}


static void
ehr_host_lock(void *data)
{
    ngx_slab_pool_t  *pool = data;

    ngx_shmtx_lock(&pool->mutex);
    ehr_crash_locked(1);
}


static void
ehr_host_unlock(void *data)
{
    ngx_slab_pool_t  *pool = data;

    ehr_crash_locked(0);
    ngx_shmtx_unlock(&pool->mutex);
}


static int
ehr_host_is_alive(void *data, int32_t pid)
{
    (void) data;

    return kill(pid, 0) == 0 || ngx_errno != ESRCH;
}
