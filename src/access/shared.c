/*
 * The zone: its layout, its mutex, the roles, the lease.
 */

#include "shared.h"

#include <signal.h>
#include <openssl/err.h>
#include <openssl/rand.h>


/* The least that is of use; the other tables follow by their shares. */
#define EHR_MIN_REVOCATIONS    1024

/* Hundredths of the room that is left behind the root. */
#define EHR_REVOCATION_SHARE   50
#define EHR_RATE_SHARE         35

#define EHR_SET_SIZE           (EHR_CELL_WAYS * sizeof(ehr_cell_t))


/* Made once by the master and inherited by its workers: the same for all
 * that share a zone, and not to be found in it. */
static u_char      ehr_shared_secret[EHR_SIPHASH_KEY];
static ngx_uint_t  ehr_shared_has_secret;


static ngx_int_t ehr_shared_adopt(ngx_shm_zone_t *zone, ehr_shared_t *shared);
static ngx_int_t ehr_shared_create(ngx_shm_zone_t *zone,
    ngx_slab_pool_t *pool);
static void ehr_shared_divide(ehr_shared_t *shared, size_t room);


ngx_int_t
ehr_shared_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t  *pool;

    if (!ehr_shared_has_secret) {

        if (RAND_bytes(ehr_shared_secret, EHR_SIPHASH_KEY) != 1) {
            ERR_clear_error();
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "no randomness for the ehr zone");
            return NGX_ERROR;
        }

        ehr_shared_has_secret = 1;
    }

    if (data) {
        return ehr_shared_adopt(zone, data);
    }

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        return ehr_shared_adopt(zone, pool->data);
    }

    return ehr_shared_create(zone, pool);
}


static ngx_int_t
ehr_shared_adopt(ngx_shm_zone_t *zone, ehr_shared_t *shared)
{
    if (shared->magic != EHR_SHARED_MAGIC
        || shared->version != EHR_SHARED_VERSION
        || shared->size != sizeof(ehr_shared_t))
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "ehr zone \"%V\" was laid out by another version of "
                      "the module; restart nginx instead of reloading it",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    zone->data = shared;

    return NGX_OK;
}


static ngx_int_t
ehr_shared_create(ngx_shm_zone_t *zone, ngx_slab_pool_t *pool)
{
    size_t         room, least, missing;
    ehr_shared_t  *shared;

    least = sizeof(ehr_shared_t)
            + EHR_MIN_REVOCATIONS * sizeof(ehr_revocation_t) * 100
              / EHR_REVOCATION_SHARE;

    room = pool->pfree * ngx_pagesize;

    if (room < least) {
        missing = least - room;
        missing += missing / ngx_pagesize * sizeof(ngx_slab_page_t);

        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "ehr zone \"%V\" is too small, it needs at least %uzk",
                      &zone->shm.name,
                      (zone->shm.size + missing + 4 * ngx_pagesize) / 1024);
        return NGX_ERROR;
    }

    shared = ngx_slab_calloc(pool, room);

    if (shared == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "ehr zone \"%V\" is in use by something else",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    if (RAND_bytes(shared->seed, EHR_SIPHASH_KEY) != 1) {
        ERR_clear_error();
        return NGX_ERROR;
    }

    ehr_shared_divide(shared, room - sizeof(ehr_shared_t));

    shared->pool = pool;
    shared->generation = 1;
    shared->size = sizeof(ehr_shared_t);
    shared->version = EHR_SHARED_VERSION;
    shared->magic = EHR_SHARED_MAGIC;

    pool->data = shared;
    zone->data = shared;

    return NGX_OK;
}


/* The root's size is a multiple of a cache line, and so is a set's. */
static void
ehr_shared_divide(ehr_shared_t *shared, size_t room)
{
    u_char  *start, *end;

    start = (u_char *) (shared + 1);
    end = start + room;

    shared->rates.cells = (ehr_cell_t *) start;
    shared->rates.sets = room * EHR_RATE_SHARE / 100 / EHR_SET_SIZE;
    start += shared->rates.sets * EHR_SET_SIZE;

    shared->revocations = (ehr_revocation_t *) start;
    shared->nrevocations = room * EHR_REVOCATION_SHARE / 100
                           / sizeof(ehr_revocation_t);
    start += ngx_align(shared->nrevocations * sizeof(ehr_revocation_t),
                       EHR_CACHE_LINE);

    shared->lockouts.cells = (ehr_cell_t *) start;
    shared->lockouts.sets = (size_t) (end - start) / EHR_SET_SIZE;
}


ehr_shared_t *
ehr_shared_of(ngx_shm_zone_t *zone)
{
    return zone->data;
}


void
ehr_shared_lock(ehr_shared_t *shared)
{
    ngx_shmtx_lock(&shared->pool->mutex);

    if (ehr_load(shared->changing)) {
        ehr_shared_changed(shared);
    }
}


void
ehr_shared_unlock(ehr_shared_t *shared)
{
    ngx_shmtx_unlock(&shared->pool->mutex);
}


void
ehr_shared_change(ehr_shared_t *shared)
{
    ehr_store(shared->changing, 1);
    ngx_memory_barrier();
}


void
ehr_shared_changed(ehr_shared_t *shared)
{
    (void) ehr_add(shared->generation, 1);
    ehr_store(shared->changing, 0);
}


void
ehr_shared_hash(ngx_uint_t kind, const u_char *key, size_t len,
    uint64_t out[2])
{
    u_char  secret[EHR_SIPHASH_KEY];

    ngx_memcpy(secret, ehr_shared_secret, EHR_SIPHASH_KEY);
    secret[0] ^= (u_char) (kind + 1);

    ehr_siphash(secret, key, len, out);
}


uint64_t
ehr_monotonic_us(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}


void
ehr_shared_set_loaded(ehr_shared_t *shared)
{
    ehr_store(shared->loaded, 1);
}


ngx_int_t
ehr_shared_is_loaded(ehr_shared_t *shared)
{
    return ehr_load(shared->loaded) != 0;
}


/* -- roles ----------------------------------------------------------------- */

static int
ehr_role_compare(const void *one, const void *two)
{
    return ngx_strncmp(((const ehr_role_t *) one)->name,
                       ((const ehr_role_t *) two)->name, EHR_ROLE_NAME);
}


ngx_int_t
ehr_shared_set_roles(ehr_shared_t *shared, const ehr_role_t *roles,
    ngx_uint_t n)
{
    uint64_t          next;
    ngx_uint_t        i;
    ehr_role_list_t   list, *current;

    if (n > EHR_ROLES) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "%ui roles are more than the %d ehr can hold",
                      n, EHR_ROLES);
        return NGX_ERROR;
    }

    ngx_memzero(&list, sizeof(list));
    list.n = n;

    for (i = 0; i < n; i++) {
        ngx_cpystrn(list.roles[i].name, (u_char *) roles[i].name,
                    EHR_ROLE_NAME);
        list.roles[i].permissions = roles[i].permissions;
    }

    ngx_qsort(list.roles, n, sizeof(ehr_role_t), ehr_role_compare);

    ehr_shared_lock(shared);

    current = &shared->role_lists[ehr_load(shared->active) & 1];

    if (ngx_memcmp(current, &list, sizeof(list)) != 0) {

        /* into the list that is not in force; one word puts it in force */
        next = ~ehr_load(shared->active) & 1;

        ehr_shared_change(shared);
        shared->role_lists[next] = list;
        ehr_store(shared->active, next);
        ehr_shared_changed(shared);
    }

    ehr_shared_unlock(shared);

    return NGX_OK;
}


uint64_t
ehr_shared_role(ehr_shared_t *shared, const u_char *role)
{
    int               order;
    ngx_uint_t        low, high, middle;
    ehr_role_list_t  *list;

    list = &shared->role_lists[ehr_load(shared->active) & 1];
    low = 0;
    high = list->n;

    while (low < high) {
        middle = low + (high - low) / 2;
        order = ngx_strncmp(role, list->roles[middle].name, EHR_ROLE_NAME);

        if (order == 0) {
            return list->roles[middle].permissions;
        }

        if (order < 0) {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    return 0;
}


uint64_t
ehr_shared_permissions(ehr_shared_t *shared, const u_char *role)
{
    uint64_t  permissions;

    ehr_shared_lock(shared);
    permissions = ehr_shared_role(shared, role);
    ehr_shared_unlock(shared);

    return permissions;
}


/* -- lease ----------------------------------------------------------------- */

static ngx_int_t
ehr_lease_is_free(ehr_shared_t *shared, uint64_t now_ms)
{
    int64_t  holder;

    holder = ehr_load(shared->holder);

    return holder == 0
           || holder == ngx_pid
           || ehr_load(shared->deadline) <= now_ms
           || (kill((pid_t) holder, 0) == -1 && ngx_errno == ESRCH);
}


ngx_int_t
ehr_lease_take(ehr_shared_t *shared, ngx_msec_t ttl)
{
    return ehr_lease_take_at(shared, ttl, ehr_monotonic_us() / 1000);
}


ngx_int_t
ehr_lease_take_at(ehr_shared_t *shared, ngx_msec_t ttl, uint64_t now_ms)
{
    ngx_int_t  taken;

    ehr_shared_lock(shared);

    taken = ehr_lease_is_free(shared, now_ms);

    if (taken) {
        /* dying between the two leaves a dead holder: free again */
        ehr_store(shared->holder, (int64_t) ngx_pid);
        ehr_store(shared->deadline, now_ms + ttl);
    }

    ehr_shared_unlock(shared);

    return taken;
}


void
ehr_lease_release(ehr_shared_t *shared)
{
    ehr_shared_lock(shared);

    if (ehr_load(shared->holder) == ngx_pid) {
        ehr_store(shared->holder, 0);
    }

    ehr_shared_unlock(shared);
}
