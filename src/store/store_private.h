/*
 * What the files of src/store share; nobody else includes this.
 *
 *   store → lane pool → connection → FIFO of units → batch
 */

#ifndef EHR_STORE_PRIVATE_H
#define EHR_STORE_PRIVATE_H

#include "store.h"


typedef struct ehr_pool_s        ehr_pool_t;
typedef struct ehr_connection_s  ehr_connection_t;


/* -- conninfo.c ------------------------------------------------------------ */

/* One address to try, as PQconnectStartParams() takes it. */
typedef struct {
    const char            **keywords;
    const char            **values;
    const char             *name;       /* for the log */
} ehr_target_t;

typedef struct ehr_targets_s {
    ngx_uint_t              n;
    ehr_target_t           *items;
    unsigned                ranked:1;   /* each connect starts at the first:
                                           earlier ones are preferred */
} ehr_targets_t;


/* -- statement.c ----------------------------------------------------------- */

/* Texts a worker may intern. */
#define EHR_STATEMENTS_INTERNED  1024

/* How many statements were registered before fork. */
ngx_uint_t ehr_statement_registered(void);


/* -- units: what a connection has sent and awaits, in order ---------------- */

/* A unit ends with a Sync of its own, so it fails alone. */
typedef enum {
    EHR_UNIT_CHECK,         /* reads the schema's version */
    EHR_UNIT_PREPARE,       /* one statement, for the unit behind it */
    EHR_UNIT_BATCHES        /* one batch, or a group */
} ehr_unit_type_t;

typedef struct {
    ngx_queue_t             link;
    ehr_unit_type_t         type;
    ehr_statement_t        *statement;  /* of a prepare */
    ngx_queue_t             batches;    /* the first one's memory is this
                                           unit's */
    ngx_uint_t              n;          /* of them */
    ehr_batch_t            *batch;      /* whose results are next; of a
                                           prepare: who needs it first */
    ngx_uint_t              missing;    /* results that have not come */
    unsigned                prelude:1;  /* the next result is that of the
                                           statement before a group */
    unsigned                failed:1;   /* one of its results is an error */
} ehr_unit_t;


/* -- batch.c --------------------------------------------------------------- */

typedef enum {
    EHR_BATCH_CREATED,
    EHR_BATCH_QUEUED,       /* in a queue of the pool */
    EHR_BATCH_SENT,         /* in a unit of connection->fifo */
    EHR_BATCH_RESTING,      /* rolled back, a moment before it is sent again */
    EHR_BATCH_OVER          /* done() is running */
} ehr_batch_state_t;

typedef struct {
    ehr_statement_t        *statement;
    int                     n;
    const char            **values;
    int                    *lengths;
    int                    *formats;
} ehr_call_t;

typedef struct ehr_batch_private_s {
    ehr_batch_t            *batch;
    ngx_queue_t             link;       /* in a queue, or in a unit */
    ehr_unit_t              unit;       /* if it is the first of one */
    ehr_batch_state_t       state;
    ngx_uint_t              order;      /* of submission */
    ehr_pool_t             *pool;
    ehr_connection_t       *connection; /* when sent */

    ehr_batch_done_pt       done;       /* null: nobody waits any more */
    void                   *data;
    ngx_event_t             timer;      /* the deadline, then the stuck one */

    ngx_uint_t              position;   /* of the statement whose result is
                                           next */
    unsigned                overdue:1;  /* the deadline has passed */
    unsigned                failed:1;   /* error is filled */
    unsigned                prepare_failed:1;
    unsigned                again:1;    /* this is the second sending */
    unsigned                alone:1;    /* its group has failed */
    unsigned                rested:1;   /* it was rolled back before */
    ngx_event_t             rest;       /* while RESTING */

    ehr_call_t             *calls;      /* as many as batch->results */
    ngx_uint_t              room;       /* for that many */
} ehr_batch_private_t;

/* Takes longer than a read: a commit waits for the disk, background work goes
 * through many rows.  No read should wait behind it. */
#define ehr_batch_lengthy(batch)  ((batch)->writes || (batch)->background)

/* Whether it may be sent in a group. */
static ngx_inline ngx_uint_t
ehr_batch_groupable(const ehr_batch_t *batch)
{
    return batch->groupable && batch->writes && !batch->private->alone;
}

/* The batch of a link in a queue or unit. */
static ngx_inline ehr_batch_t *
ehr_batch_of(ngx_queue_t *link)
{
    ehr_batch_private_t  *private;

    private = ngx_queue_data(link, ehr_batch_private_t, link);

    return private->batch;
}

/* Keeps a result of the batch's statement at `position`. */
void ehr_batch_result(ehr_batch_t *batch, PGresult *result);
/* Fills batch->error from a result, unless there is an error already. */
void ehr_batch_failed(ehr_batch_t *batch, ngx_uint_t statement,
    const PGresult *result);
/* The Sync arrived: reports and frees.  The batch is in no queue. */
void ehr_batch_synced(ehr_batch_t *batch);
/* It was rolled back with its group: queues it again at the head, to be sent
 * by itself, if anybody can still hear of it.  The batch is in no queue. */
void ehr_batch_ungroup(ehr_batch_t *batch);
/* Its connection is gone: queues it again at the head, or reports.  The batch
 * is in no queue. */
void ehr_batch_lost(ehr_batch_t *batch);
/* Could not be handed to libpq and so cannot have committed: queues it again
 * at the head the first time, else reports.  The batch is in no queue. */
void ehr_batch_unsendable(ehr_batch_t *batch);
/* Gives up a batch that is in no queue any more. */
void ehr_batch_unsent(ehr_batch_t *batch);
/* Frees without reporting; the batch is in no queue. */
void ehr_batch_free(ehr_batch_t *batch);


/* -- socket.c: libpq's socket in the event loop ----------------------------- */

typedef struct {
    ngx_connection_t       *c;          /* over a dup() of it; null: none */
    ino_t                   inode;      /* of the socket that was dup()ed */
} ehr_socket_t;

/* Watches libpq's socket (which may be another one than last time) with these
 * handlers, which find `data` in the connection.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_socket_attach(ehr_socket_t *socket, PGconn *pg, void *data,
    ngx_log_t *log, ngx_event_handler_pt read, ngx_event_handler_pt write);
/* Turns read and write interest on or off.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_socket_interest(ehr_socket_t *socket, ngx_uint_t read,
    ngx_uint_t write);
/* Leaves the event loop; libpq's own socket stays open. */
void ehr_socket_detach(ehr_socket_t *socket);


/* -- connection.c: one connection's life ----------------------------------- */

typedef enum {
    EHR_CONNECTION_CLOSED,
    EHR_CONNECTION_CONNECTING,
    EHR_CONNECTION_CHECKING,    /* connected, schema unknown */
    EHR_CONNECTION_MISFIT,      /* schema does not fit; checked again later */
    EHR_CONNECTION_UP,
    EHR_CONNECTION_RETIRING     /* takes no more, closes when idle */
} ehr_connection_state_t;

struct ehr_connection_s {
    ehr_pool_t             *pool;
    ehr_connection_state_t  state;
    PGconn                 *pg;
    ehr_socket_t            socket;
    ngx_event_t             timer;      /* of connecting and checking */

    ngx_queue_t             fifo;       /* ehr_unit_t, oldest first */
    ngx_uint_t              in_flight;  /* batches in it */
    ngx_uint_t              lengthy;    /* of these, lengthy ones */
    ngx_msec_t              head_since; /* when the oldest became the oldest */
    ngx_uint_t              served;     /* batches since connecting */
    ehr_unit_t              check;
    ngx_int_t               schema;     /* what the check found; -1: none */
    u_char                 *prepared;   /* by statement index */
    unsigned                dirty:1;    /* sent to since the last flush */
    unsigned                unfit:1;    /* an answer says that it should be
                                           replaced */
};

/* Starts connecting to a target: NGX_OK, or NGX_ERROR and the reason is in
 * the pool, the connection closed. */
ngx_int_t ehr_connection_open(ehr_connection_t *connection,
    const ehr_target_t *target);
/* Closes; of the FIFO only batches are left, for the caller. */
void ehr_connection_close(ehr_connection_t *connection);
/* Takes them out of it, in order. */
void ehr_connection_drain(ehr_connection_t *connection, ngx_queue_t *batches);
/* Closes a connection that failed and settles all that is in its FIFO. */
void ehr_connection_lost(ehr_connection_t *connection, const char *why);
/* Writes what libpq buffers; wants write events only while it must.
 * NGX_OK, or NGX_ERROR and the connection is lost. */
ngx_int_t ehr_connection_flush(ehr_connection_t *connection);
/* No new batches; closed now if idle, else after the last answer. */
void ehr_connection_retire(ehr_connection_t *connection);
/* The check's Sync arrived. */
void ehr_connection_checked(ehr_connection_t *connection);


/* -- pipeline.c: the protocol on a usable connection ----------------------- */

/* Sends the query for the schema's version.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_pipeline_check(ehr_connection_t *connection);
/* Sends a unit of batches, with a Prepare before it for each statement that is
 * new to the connection.  NGX_OK: it is in the FIFO.  NGX_ERROR: it is not, nor
 * is its Sync on the way.  NGX_ABORT: it is in the FIFO.  In the last two cases
 * the connection must be dropped. */
ngx_int_t ehr_pipeline_send(ehr_connection_t *connection, ehr_unit_t *unit);
/* Takes all results that have arrived.  NGX_OK, or NGX_ERROR if the
 * connection must be dropped.  Calls done(). */
ngx_int_t ehr_pipeline_receive(ehr_connection_t *connection);


/* -- pool.c: one lane's queues --------------------------------------------- */

/* Batches by the order of their submission. */
typedef struct {
    ngx_queue_t             batches;
    ngx_uint_t              n;
} ehr_queue_t;

/* Its oldest; it must not be empty. */
static ngx_inline ehr_batch_t *
ehr_queue_head(ehr_queue_t *queue)
{
    return ehr_batch_of(ngx_queue_head(&queue->batches));
}

struct ehr_pool_s {
    ehr_store_t            *store;
    ehr_lane_t              lane;
    ehr_lane_conf_t        *conf;

    ehr_connection_t       *connections;
    ngx_uint_t              n;          /* slots: conf->connections and one
                                           to open a successor in */
    ngx_uint_t              up;
    ehr_connection_t       *pending;    /* being opened or checked */

    ehr_queue_t             queues[2];  /* of lengthy batches the second */
    ngx_uint_t              submitted;
    ngx_uint_t              group;      /* most batches in a unit, just now */
    unsigned                crowded:1;  /* batches share connections that one
                                           more would have had alone */
    ngx_event_t             pump;       /* posted: send what is queued */

    ngx_event_t             retry;      /* the backoff's timer */
    ngx_msec_t              backoff;
    ngx_uint_t              target;     /* to try next */
    ngx_uint_t              tried;      /* targets in this round */

    ehr_store_state_t       state;
    ngx_msec_t              down_since;
    ngx_int_t               schema;     /* of the database, as last seen */
    char                    reason[EHR_STORE_REASON];
    ngx_uint_t              losses;     /* not yet made up for */
    unsigned                complained:1;   /* since the last success */
    unsigned                starting:1;     /* in its first round: nothing is
                                               known of the database */
};

struct ehr_store_s {
    ehr_store_conf_t       *conf;
    ngx_pool_t             *pool;
    ngx_log_t              *log;
    ehr_pool_t             *lanes[EHR_LANES];   /* reports may be main */

    /* interned statements */
    ngx_rbtree_t            texts;
    ngx_rbtree_node_t       sentinel;
    ngx_uint_t              interned;

    ngx_uint_t              rejected;
    ngx_uint_t              unknown;
    ngx_uint_t              reconnects;
    ngx_uint_t              groups;
    ngx_uint_t              grouped;
    ngx_uint_t              ungrouped;
    ngx_uint_t              rolled_back;
    unsigned                closing:1;
};

/* Begins to connect.  NULL without memory. */
ehr_pool_t *ehr_pool_create(ehr_store_t *store, ehr_lane_t lane);
/* Closes and frees all, batches too, without calling done(). */
void ehr_pool_destroy(ehr_pool_t *pool);

/* Whether batches are taken now: a connection is up, or was a moment ago. */
ngx_uint_t ehr_pool_accepts(ehr_pool_t *pool);
/* Whether queue and free places of the connections are all taken. */
ngx_uint_t ehr_pool_full(ehr_pool_t *pool);
void ehr_pool_enqueue(ehr_pool_t *pool, ehr_batch_t *batch, ngx_uint_t first);
void ehr_pool_dequeue(ehr_pool_t *pool, ehr_batch_t *batch);
/* Sends what is queued before the event loop waits again. */
void ehr_pool_wake(ehr_pool_t *pool);

/* Batches in both queues. */
#define ehr_pool_queued(pool)  ((pool)->queues[0].n + (pool)->queues[1].n)

/* The Sync of a unit has arrived: reports to its batches, or queues those of a
 * group that failed again. */
void ehr_pool_settle(ehr_pool_t *pool, ehr_unit_t *unit, ngx_uint_t failed);
/* Gives batches that may go back to the queue to `settle`, which puts each at
 * its head: the newest first, so that they are in order there. */
void ehr_pool_settle_back(ngx_queue_t *batches,
    void (*settle)(ehr_batch_t *batch));

/* Ends all that is queued as not sent.  What a done() queues in the meantime
 * stays. */
void ehr_pool_give_up(ehr_pool_t *pool);


/* -- choice.c: which connection a batch takes ------------------------------ */

/* NULL if it must wait. */
ehr_connection_t *ehr_choice(ehr_pool_t *pool, ehr_batch_t *batch);
/* How many connections could begin with writes now; 1 if none. */
ngx_uint_t ehr_choice_free(ehr_pool_t *pool);


/* -- supply.c: opening connections, when and how many ---------------------- */

void ehr_supply_start(ehr_pool_t *pool);
/* Opens a connection if one is wanted and none is being opened. */
void ehr_supply_grow(ehr_pool_t *pool);
/* Whether another connection is on its way or may be opened at once. */
ngx_uint_t ehr_supply_growing(ehr_pool_t *pool);

/* What happened to a connection. */
void ehr_supply_connected(ehr_pool_t *pool, ehr_connection_t *connection);
void ehr_supply_misfit(ehr_pool_t *pool, ehr_connection_t *connection);
void ehr_supply_refused(ehr_pool_t *pool);
/* A usable connection is to be used no more; `why` null: by our own will. */
void ehr_supply_unusable(ehr_pool_t *pool, const char *why);

#endif /* EHR_STORE_PRIVATE_H */
