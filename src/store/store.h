/*
 * PostgreSQL for nginx workers: batches of statements go out in pipeline mode
 * over a pool of nonblocking connections and come back as one outcome.
 *
 * A batch is one unit of work: its statements share one Sync and so one
 * implicit transaction, which many batches may share while all succeed.  It
 * is over when the Sync's result has arrived; until then nothing may be
 * acknowledged.  Nothing here ever waits.
 */

#ifndef EHR_STORE_H
#define EHR_STORE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <libpq-fe.h>


typedef struct ehr_store_s      ehr_store_t;        /* one per worker */
typedef struct ehr_batch_s      ehr_batch_t;
typedef struct ehr_statement_s  ehr_statement_t;

typedef enum {
    EHR_LANE_MAIN,          /* short statements, reads and writes */
    EHR_LANE_REPORTS,       /* slow reads; may go to a standby */
    EHR_LANE_AUDIT,         /* what must not wait for locks of records: audit
                               rows of reads, and what every node looks at */
    EHR_LANES
} ehr_lane_t;


/* -- configuration (filled by the module's directives, http main level) --- */

typedef struct {
    ngx_str_t           conninfo;       /* libpq conninfo or URI;
                                           len == 0: lane is not configured;
                                           reports falls back to main, audit
                                           has two connections of main's */
    ngx_str_t           file;           /* where it stands, for messages */
    ngx_uint_t          line;
    ngx_uint_t          connections;    /* per worker */
    ngx_uint_t          pipeline;       /* batches in flight a connection */
    ngx_uint_t          queue;          /* batches waiting beyond that */
    ngx_msec_t          statement_timeout;  /* server side, ms */
    ngx_msec_t          lock_timeout;       /* server side, ms */

    /* filled by ehr_store_prepare_conf() */
    struct ehr_targets_s  *targets;
} ehr_lane_conf_t;

typedef struct {
    ehr_lane_conf_t     lanes[EHR_LANES];
    ehr_lane_conf_t     feed;           /* of the change feed: conninfo and
                                           targets only */
    ngx_msec_t          connect_timeout;
    ngx_msec_t          deadline;       /* default for a batch, from submit */
    ngx_msec_t          reconnect_min;  /* backoff, jittered, doubling */
    ngx_msec_t          reconnect_max;
    ngx_uint_t          recycle;        /* batches after which a connection is
                                           closed once idle (libpq's buffers
                                           never shrink); 0: never */
    ngx_int_t           schema;         /* migration number the module needs */
} ehr_store_conf_t;

/*
 * Prepares hosts of the conninfo strings: resolves names to hostaddr once,
 * before fork (libpq's resolver blocks), sets gssencmode=disable.  Called
 * while the configuration is read; logs to cf, with the directive's line, and
 * returns NGX_CONF_ERROR for what libpq cannot parse.
 */
char *ehr_store_prepare_conf(ngx_conf_t *cf, ehr_store_conf_t *conf);


/* -- statements ------------------------------------------------------------ */

/*
 * A text that is prepared once on each connection that uses it.  Registered
 * before fork, or later by ehr_statement_intern().  The name is what
 * PostgreSQL knows it by: at most 63 bytes, unique.
 */
struct ehr_statement_s {
    const char         *name;
    const char         *sql;
    ngx_uint_t          index;          /* in the registry */
};

/* Registers for the life of the process; both strings must live as long.
 * Called before fork.  NULL without memory. */
ehr_statement_t *ehr_statement_register(ngx_cycle_t *cycle, const char *name,
    const char *sql);

#define EHR_STATEMENT_UNNAMED  ((ngx_uint_t) -1)

/*
 * The statement with this text, per worker, registered on first use (the text
 * is copied).  For texts composed from descriptors: the set is finite, but
 * large, so past a bound (1,024 a worker) the returned statement is allocated
 * from `pool`, has index EHR_STATEMENT_UNNAMED and is sent unnamed.  NULL
 * without memory.
 */
ehr_statement_t *ehr_statement_intern(ehr_store_t *store, ngx_pool_t *pool,
    const char *sql);

/* The named statements of sql/queries, generated at build time:
 * EHR_QUERY_LOGIN_FIND … index ehr_queries[], which ehr_store_init_cycle()
 * fills. */
#include "ehr_queries.h"
extern ehr_statement_t  *ehr_queries[];


/* -- worker life ----------------------------------------------------------- */

/* In init_module and init_process of workers that serve requests. */
ngx_int_t ehr_store_init_cycle(ngx_cycle_t *cycle);
ehr_store_t *ehr_store_create(ngx_cycle_t *cycle, ehr_store_conf_t *conf);
/* In exit_process: closes all connections; calls no done(). */
void ehr_store_destroy(ehr_store_t *store);

typedef enum {
    EHR_STORE_UP,           /* a connection of the main lane is usable */
    EHR_STORE_CONNECTING,   /* none yet, or not any more */
    EHR_STORE_OLD_SCHEMA    /* connected, but the migrations do not match */
} ehr_store_state_t;

/* Room for libpq's words with a path and a host's name in them. */
#define EHR_STORE_REASON  512

typedef struct {
    ehr_store_state_t   state;
    char                reason[EHR_STORE_REASON];   /* for /ready and the log:
                                           what is wrong and what fixes it */
    ngx_int_t           schema;         /* of the database; -1: unknown */
    ngx_uint_t          connected[EHR_LANES];
    ngx_uint_t          in_flight[EHR_LANES];
    ngx_uint_t          queued[EHR_LANES];
    ngx_uint_t          rejected;       /* batches refused: queue full */
    ngx_uint_t          unknown;        /* batches whose outcome is unknown */
    ngx_uint_t          reconnects;
    ngx_uint_t          groups;         /* transactions of several batches */
    ngx_uint_t          grouped;        /* batches in them */
    ngx_uint_t          ungrouped;      /* groups that failed, so that each
                                           batch ran again by itself */
    ngx_uint_t          rolled_back;    /* batches that were in others' way
                                           and ran again */
} ehr_store_status_t;

void ehr_store_status(ehr_store_t *store, ehr_store_status_t *status);


/* -- batches --------------------------------------------------------------- */

typedef enum {
    EHR_OUTCOME_PENDING,
    EHR_OUTCOME_DONE,       /* Sync arrived and every statement succeeded: if
                               it wrote, it is committed */
    EHR_OUTCOME_ERROR,      /* rolled back: batch->error says why */
    EHR_OUTCOME_NOT_SENT,   /* never reached the server (deadline, pool shut
                               down, connection lost while queued) */
    EHR_OUTCOME_UNKNOWN     /* sent, not answered: it may have happened */
} ehr_outcome_t;

typedef struct {
    char                sqlstate[6];    /* "" for a broken connection */
    ngx_uint_t          statement;      /* position in the batch; n if the
                                           commit itself failed */
    ngx_str_t           message;        /* primary; never logged above debug
                                           and never shown: may hold data */
    ngx_str_t           constraint;     /* empty if none, as those below */
    ngx_str_t           table;
    ngx_str_t           column;
    ngx_str_t           detail;         /* of our own states: JSON */
} ehr_database_error_t;

typedef void (*ehr_batch_done_pt)(ehr_batch_t *batch, void *data);

struct ehr_batch_s {
    /* for the submitter, after done() was called */
    ehr_outcome_t           outcome;
    ehr_database_error_t    error;
    PGresult              **results;    /* by position; valid until done()
                                           returns */
    ngx_uint_t              n;

    ngx_pool_t             *pool;       /* the batch's own; freed when it is
                                           over and done() has returned */
    ngx_log_t              *log;        /* the worker's, not a request's */
    ngx_msec_t              deadline;   /* from submit; the configured one,
                                           the submitter may change it */
    /* Set by its maker, or NULL: called once at the end of the batch, also
     * when the requester is gone or the deadline has passed; usually before
     * done().  EHR_OUTCOME_UNKNOWN only if nobody will ever hear of it. */
    ehr_batch_done_pt       over;
    void                   *over_data;  /* lives as long as the batch */

    unsigned                writes:1;   /* set by the submitter: not retried,
                                           goes on when abandoned */
    unsigned                background:1;   /* set by the submitter: does not
                                           hold a worker that shuts down,
                                           done() may then never be called */
    unsigned                groupable:1;    /* set by the submitter of one
                                           that `writes`: may share a
                                           transaction with others of this
                                           kind, see README.md.  It begins with
                                           the statement that sets who acts,
                                           and leaves no other setting */

    struct ehr_batch_private_s  *private;
};

typedef struct {
    const char             *value;      /* NULL: SQL null; text format is
                                           NUL-terminated */
    int                     len;        /* used for binary only */
    int                     binary;     /* bytea parameters in binary */
} ehr_param_t;

/* NULL without memory. */
ehr_batch_t *ehr_batch_create(ehr_store_t *store, ehr_lane_t lane);

/* Appends a statement; params are copied into the batch's pool.
 * NGX_OK or NGX_ERROR. */
ngx_int_t ehr_batch_add(ehr_batch_t *batch, ehr_statement_t *statement,
    ngx_uint_t nparams, const ehr_param_t *params);

/*
 * Hands the batch over.  NGX_OK: done(batch, data) will be called exactly
 * once, from the event loop, never from inside this call.  NGX_BUSY: queue
 * full.  NGX_DECLINED: no connection is up (or old schema) and the batch was
 * not taken.  In the last two cases the batch is destroyed.
 */
ngx_int_t ehr_batch_submit(ehr_batch_t *batch, ehr_batch_done_pt done,
    void *data);

/* The requester is gone: done() will not be called.  A batch with `writes`
 * still runs to its end; another is dropped if it was not sent yet.  The
 * caller must not touch the batch any more. */
void ehr_batch_abandon(ehr_batch_t *batch);

/* Frees a batch that was not submitted. */
void ehr_batch_destroy(ehr_batch_t *batch);


/* -- results --------------------------------------------------------------- */

/* Value of a row, len 0 and data NULL for SQL null; points into the result. */
static ngx_inline ngx_str_t
ehr_result_value(const PGresult *result, int row, int column)
{
    ngx_str_t  value = ngx_null_string;

    if (!PQgetisnull(result, row, column)) {
        value.data = (u_char *) PQgetvalue(result, row, column);
        value.len = PQgetlength(result, row, column);
    }

    return value;
}

#endif /* EHR_STORE_H */
