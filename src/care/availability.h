/*
 * The zone of a node's availability: the engine's block, what the change feed
 * says of itself, and the ring of events.
 *
 * Workers use ehr_worker.engine as src/engine/engine.h says; it is NULL where
 * there is no zone, and not LIVE while it cannot tell: PostgreSQL is asked
 * then.
 */

#ifndef EHR_AVAILABILITY_H
#define EHR_AVAILABILITY_H

#include "../http/http.h"


/* How many events are kept for those who come back. */
#define EHR_EVENTS  4096

typedef struct {
    uint64_t            sequence;       /* 0 while the entry is being written;
                                           entry i holds those that are i
                                           modulo EHR_EVENTS */
    uint32_t            kind;           /* ehr_event_kind_t */
    uint32_t            day;            /* UTC days since 1970, or 0 */
    ehr_uuid_t          entity;         /* all zero: none; so the others */
    ehr_uuid_t          doctor;
    ehr_uuid_t          clinic;
    ehr_uuid_t          patient;
} ehr_event_t;

typedef enum {
    EHR_FEED_OFF,           /* nobody runs it */
    EHR_FEED_CONNECTING,
    EHR_FEED_WAITING,       /* for transactions that write to end */
    EHR_FEED_LOADING,
    EHR_FEED_CATCHING_UP,   /* with what was committed meanwhile */
    EHR_FEED_LIVE,
    EHR_FEED_FAILED         /* `reason` says why; is tried again */
} ehr_feed_state_t;

/* Written by the feed's owner; words, but for the reason, which has the
 * zone's mutex. */
typedef struct {
    uint64_t            state;          /* ehr_feed_state_t */
    uint64_t            known;          /* all that was committed before this
                                           has been applied; monotonic µs */
    uint64_t            took;           /* µs the last pulse took */
    uint64_t            loads;          /* times it became live */
    uint64_t            load_us;        /* how long that took the last time */
    uint64_t            transactions;
    uint64_t            changes;        /* of rows */
    uint64_t            reloads;        /* doctors read again */
    u_char              reason[256];
} ehr_feed_words_t;

typedef struct {
    uint64_t            magic;
    uint32_t            version;
    uint32_t            size;           /* of this structure */

    ngx_slab_pool_t    *pool;           /* has the mutex */
    u_char             *block;          /* the engine's */
    size_t              block_size;
    uint32_t            days;
    uint32_t            stale_after;    /* ms */

    ehr_feed_words_t    feed;
    uint64_t            acted;          /* when a worker last changed beds, by
                                           the clock of feed.known */

    uint64_t            epoch;          /* of the events' sequence */
    uint64_t            head;           /* last sequence */
    ehr_event_t         events[EHR_EVENTS];
} ehr_availability_t;

/* The worker's, or NULL. */
extern ehr_availability_t  *ehr_availability;

/* init of the zone; its data is the ehr_main_conf_t. */
ngx_int_t ehr_availability_init_zone(ngx_shm_zone_t *zone, void *data);

/* In a worker: sets ehr_availability and ehr_worker.engine.  NGX_OK or
 * NGX_ERROR. */
ngx_int_t ehr_availability_attach(ngx_cycle_t *cycle);

/* Bytes of engine that would have held all that was wanted, with the zone
 * divided as it is; statistics->size if that did. */
size_t ehr_availability_needed(const ehr_engine_statistics_t *statistics);

/* The engine's time of the next whole granule at or after a second. */
#define ehr_availability_time(seconds)                                       \
    ((ehr_engine_time_t) (((seconds) + EHR_ENGINE_GRANULE_SECONDS - 1)       \
                          / EHR_ENGINE_GRANULE_SECONDS))

#endif /* EHR_AVAILABILITY_H */
