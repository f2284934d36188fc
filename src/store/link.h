/*
 * One connection outside of the pool, for what does not fit into batches: the
 * change feed.  Connects to a target, keeps its socket in the event loop, and
 * leaves what is said on it to its owner.
 */

#ifndef EHR_LINK_H
#define EHR_LINK_H

#include "store_private.h"


typedef struct ehr_link_s  ehr_link_t;

typedef struct {
    /* Connected, and nonblocking. */
    void                  (*up)(ehr_link_t *link);

    /* Takes what has arrived.  NGX_OK: all of it; NGX_AGAIN: there is more,
     * but others should be served first; NGX_ERROR: the link is to be closed,
     * link->reason says why.  Must not close this link itself. */
    ngx_int_t             (*input)(ehr_link_t *link);

    /* It was closed; link->reason says why. */
    void                  (*down)(ehr_link_t *link);
} ehr_link_handlers_t;

struct ehr_link_s {
    PGconn                     *pg;         /* null: closed */
    ehr_socket_t                socket;
    ngx_event_t                 timer;      /* of connecting */
    ngx_log_t                  *log;
    const ehr_link_handlers_t  *handlers;
    void                       *data;       /* the owner's */
    unsigned                    is_up:1;
    unsigned                    refused:1;  /* the server was reached and said
                                               no */
    unsigned                    more:1;     /* of what was read is not taken */
    char                        reason[256];
};

/* Starts connecting; `replication`: as a walsender's client.  NGX_OK, or
 * NGX_ERROR with a reason, and then down() is not called. */
ngx_int_t ehr_link_open(ehr_link_t *link, const ehr_target_t *target,
    ngx_uint_t replication, ngx_msec_t timeout);

/* Closes without down(); nothing happens to one that is closed. */
void ehr_link_close(ehr_link_t *link);

/* Sends a statement in the simple protocol, or writes out what was handed to
 * libpq otherwise.  NGX_OK, or NGX_ERROR with a reason: the caller has the
 * link closed. */
ngx_int_t ehr_link_send(ehr_link_t *link, const char *sql);
ngx_int_t ehr_link_flush(ehr_link_t *link);

/* Sets the reason from what a result, or NULL the connection, says: its first
 * line.  For statements without data only. */
void ehr_link_explain(ehr_link_t *link, const PGresult *result);

#endif /* EHR_LINK_H */
