/*
 * Everything a database commits, in the order of the commits, from a snapshot
 * on: a temporary logical slot with its exported snapshot, read first, and
 * then the stream of changes behind it.  Knows the protocol and no table.
 *
 *   OFF ─ start ─ CONNECTING ─ WAITING ─ LOADING ─ follow ─ FOLLOWING
 *                     ▲  (for the slot:  (reads the             │
 *                     │   as long as a    snapshot)             │
 *                     │   transaction                           │
 *                     │   that wrote is                         │
 *                     │   open)                                 │
 *                     └── RETRYING ◄──── lost, refused, silent ─┘
 *
 * A slot is gone with its connection, so whoever was lost begins with a new
 * snapshot.  Nothing here waits.
 */

#ifndef EHR_REPLICATION_H
#define EHR_REPLICATION_H

#include "pgoutput.h"
#include "store.h"


typedef struct ehr_replication_s  ehr_replication_t;

typedef enum {
    EHR_REPLICATION_OFF,
    EHR_REPLICATION_CONNECTING,
    EHR_REPLICATION_WAITING,
    EHR_REPLICATION_LOADING,
    EHR_REPLICATION_FOLLOWING,
    EHR_REPLICATION_RETRYING
} ehr_replication_state_t;

/* They may submit batches and read, but neither start nor stop. */
typedef struct {
    /* The snapshot can be read now.  NGX_OK or NGX_ERROR. */
    ngx_int_t             (*snapshot)(void *data);

    /* The next message.  NGX_OK, or NGX_ERROR: what was made of them so far
     * is of no use, begin again. */
    ngx_int_t             (*message)(void *data,
                                     const ehr_pgoutput_t *message);

    /* All that was committed before `sent` (µs of CLOCK_MONOTONIC) has been
     * given out.  NGX_OK or NGX_ERROR. */
    ngx_int_t             (*pulse)(void *data, uint64_t sent);

    /* What follows will begin with a new snapshot. */
    void                  (*lost)(void *data);
} ehr_replication_handlers_t;

typedef struct {
    ehr_store_conf_t       *store;
    const char             *publication;
    ngx_msec_t              pulse;      /* from one to the next */
} ehr_replication_conf_t;

/* One a worker.  NULL without memory. */
ehr_replication_t *ehr_replication_create(ngx_cycle_t *cycle,
    const ehr_replication_conf_t *conf,
    const ehr_replication_handlers_t *handlers, void *data);

/* Begins, or ends with all connections closed and no handler called. */
void ehr_replication_start(ehr_replication_t *replication);
void ehr_replication_stop(ehr_replication_t *replication);
/* Begins again, outside of the handlers. */
void ehr_replication_restart(ehr_replication_t *replication);

ehr_replication_state_t ehr_replication_state(ehr_replication_t *replication);
/* Why it is RETRYING; else empty or the last such reason. */
const char *ehr_replication_reason(ehr_replication_t *replication);

/* A column of a row; data is NULL for SQL null, and terminated by a NUL. */
typedef ehr_pgoutput_bytes_t  ehr_column_t;

#define EHR_REPLICATION_COLUMNS  16

/* Each row; NGX_ERROR: begin again. */
typedef ngx_int_t (*ehr_replication_row_pt)(void *data,
    const ehr_column_t *columns, ngx_uint_t n);
/* All rows were given out.  NGX_ERROR: begin again. */
typedef ngx_int_t (*ehr_replication_read_pt)(void *data);

/*
 * Sends "COPY (SELECT …) TO STDOUT", in the snapshot while it is LOADING, in a
 * transaction of its own afterwards.  Only one at a time: the next from within
 * done() or later.  When the connection is lost neither is called any more.
 * NGX_OK or NGX_ERROR (begin again).
 */
ngx_int_t ehr_replication_read(ehr_replication_t *replication,
    const char *copy, ehr_replication_row_pt row,
    ehr_replication_read_pt done);
ngx_uint_t ehr_replication_is_reading(ehr_replication_t *replication);

/* The snapshot was read: give out what came after it.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_replication_follow(ehr_replication_t *replication);

#endif /* EHR_REPLICATION_H */
