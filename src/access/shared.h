/*
 * The layout of the zone.  Only the files of this folder know it; see
 * README.md for what keeps it whole when a worker dies.
 */

#ifndef EHR_ACCESS_SHARED_H
#define EHR_ACCESS_SHARED_H

#include "access.h"
#include "hash.h"


#define EHR_CACHE_LINE  64

/* Shared words are read without the mutex: always through these. */
#define ehr_load(word)                                                        \
    __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#define ehr_store(word, value)                                                \
    __atomic_store_n(&(word), (value), __ATOMIC_RELEASE)
#define ehr_add(word, n)                                                      \
    __atomic_add_fetch(&(word), (n), __ATOMIC_ACQ_REL)
#define ehr_count(word, n)                                                    \
    __atomic_add_fetch(&(word), (n), __ATOMIC_RELAXED)


/* -- cells: a fixed table of words under hashed keys (cells.c) ------------- */

#define EHR_CELL_WAYS  8

/* Key 0, 0 is nobody's. */
typedef struct {
    uint64_t            key[2];
    uint64_t            word;           /* 0: nothing is known */
} ehr_cell_t;

typedef struct {
    ehr_cell_t         *cells;
    ngx_uint_t          sets;           /* of EHR_CELL_WAYS cells */
} ehr_cells_t;

/* What would be lost if the word were forgotten; the least goes first. */
typedef uint64_t (*ehr_cell_worth_pt)(uint64_t word, uint64_t now);

/* Without the mutex; NULL if the key has no cell. */
ehr_cell_t *ehr_cells_find(ehr_cells_t *cells, const uint64_t key[2]);
/* Finds, or takes the cell that is worth least and sets its word to 0.  Takes
 * the mutex.  Another worker may take the cell away at any time after: at
 * worst one key's event is then counted for another. */
ehr_cell_t *ehr_cells_claim(ehr_shared_t *shared, ehr_cells_t *cells,
    const uint64_t key[2], ehr_cell_worth_pt worth, uint64_t now);


/* -- revocations (revocation.c) -------------------------------------------- */

/* A revocation lies in one of this many slots that follow its hash. */
#define EHR_REVOCATION_WINDOW  64

typedef enum {
    EHR_REVOKED_SESSION = 1,
    EHR_REVOKED_USER
} ehr_revoked_t;

typedef struct {
    ehr_uuid_t          id;
    uint64_t            kind;           /* ehr_revoked_t */
    int64_t             before;         /* tokens issued_at <= this */
    int64_t             until;          /* 0, or past: the slot is free */
} ehr_revocation_t;

/* Under the mutex. */
ngx_int_t ehr_is_revoked(ehr_shared_t *shared, const ehr_principal_t *who,
    time_t now);


/* -- metrics (metrics.c) --------------------------------------------------- */

typedef struct {
    uint64_t            statuses[EHR_METRIC_STATUSES];
    uint64_t            latency[EHR_LATENCY_BUCKETS + 1];
    uint64_t            sum_us;
} ehr_route_metrics_t;


/* -- the root -------------------------------------------------------------- */

#define EHR_SHARED_MAGIC    0x3152485331524845  /* "EHR1SHR1" */
#define EHR_SHARED_VERSION  1

typedef struct {
    ngx_uint_t          n;
    ehr_role_t          roles[EHR_ROLES];   /* by name */
} ehr_role_list_t;

struct ehr_shared_s {
    uint64_t            magic;
    uint32_t            version;
    uint32_t            size;           /* of this structure */

    ngx_slab_pool_t    *pool;           /* has the mutex */
    u_char              seed[EHR_SIPHASH_KEY];  /* places revocations */

    ehr_cells_t         rates;
    ehr_cells_t         lockouts;
    ehr_revocation_t   *revocations;
    ngx_uint_t          nrevocations;

    /* what every request reads is alone on its line */
    uint64_t            generation __attribute__((aligned(EHR_CACHE_LINE)));
    uint64_t            loaded;

    /* 1 from before a change of roles or revocations until the generation
     * has been raised */
    uint64_t            changing __attribute__((aligned(EHR_CACHE_LINE)));
    uint64_t            active;         /* which of role_lists is in force */
    int64_t             holder;         /* pid with the lease, 0: none */
    uint64_t            deadline;       /* of the lease, monotonic ms */

    ehr_role_list_t     role_lists[2];

    uint64_t            counters[EHR_COUNTERS]
                            __attribute__((aligned(EHR_CACHE_LINE)));
    ehr_route_metrics_t routes[EHR_METRIC_ROUTES]
                            __attribute__((aligned(EHR_CACHE_LINE)));
};

/* Take and give back the zone's mutex.  Taking it also ends a change that a
 * dead worker left half-way. */
void ehr_shared_lock(ehr_shared_t *shared);
void ehr_shared_unlock(ehr_shared_t *shared);

/* Between these, under the mutex, roles or revocations may change; the end
 * raises the generation. */
void ehr_shared_change(ehr_shared_t *shared);
void ehr_shared_changed(ehr_shared_t *shared);

/* ehr_shared_permissions() under the mutex. */
uint64_t ehr_shared_role(ehr_shared_t *shared, const u_char *role);

/* Hashes a limit's kind and key with the secret of this node, which is in no
 * zone. */
void ehr_shared_hash(ngx_uint_t kind, const u_char *key, size_t len,
    uint64_t out[2]);


/* -- with the clock as an argument (rate_limit.c, shared.c) ---------------- */

time_t ehr_rate_take_at(ehr_shared_t *shared, ehr_limit_t limit,
    const ehr_rate_t *rate, const u_char *key, size_t len, uint64_t now_us);
time_t ehr_lockout_remaining_at(ehr_shared_t *shared, const u_char *account,
    size_t len, uint64_t now_us);
void ehr_lockout_failure_at(ehr_shared_t *shared, const u_char *account,
    size_t len, uint64_t now_us);
ngx_int_t ehr_lease_take_at(ehr_shared_t *shared, ngx_msec_t ttl,
    uint64_t now_ms);

#endif /* EHR_ACCESS_SHARED_H */
