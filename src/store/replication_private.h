/*
 * What replication.c, replication_stream.c and replication_reader.c share.
 */

#ifndef EHR_REPLICATION_PRIVATE_H
#define EHR_REPLICATION_PRIVATE_H

#include "link.h"
#include "replication.h"


#define EHR_PULSE_PREFIX  "ehr_feed"

struct ehr_replication_s {
    ehr_replication_conf_t              conf;
    const ehr_replication_handlers_t   *handlers;
    void                               *data;
    ngx_log_t                          *log;

    ehr_replication_state_t             state;
    char                                reason[256];

    ehr_link_t                          stream;     /* the walsender */
    ehr_link_t                          reader;     /* snapshot, later reads */
    ehr_link_t                          beat;       /* the pulse */

    ngx_event_t                         retry;
    ngx_msec_t                          backoff;
    ngx_uint_t                          target;     /* to try, modulo n */

    char                                slot[64];
    char                                snapshot[64];

    unsigned                            imported:1; /* snapshot, by reader */
    unsigned                            streaming:1;
    unsigned                            in_transaction:1;
    unsigned                            finishing:1;    /* the snapshot's
                                                           COMMIT is sent */
    unsigned                            reading:1;
    unsigned                            copying:1;
    unsigned                            beating:1;

    uint64_t                            position;   /* done before this */
    uint64_t                            heard;      /* µs, of anything */

    ngx_event_t                         pulse;
    uint32_t                            token;      /* of our pulses */

    ehr_replication_row_pt              row;
    ehr_replication_read_pt             done;
};


/* CLOCK_MONOTONIC in µs. */
uint64_t ehr_replication_now(void);
/* Hands over what has come by COPY, for a slice of time.  NGX_OK: that is all
 * for now; NGX_AGAIN: there may be more; NGX_DONE: the COPY has ended; or
 * NGX_ERROR as `take` says instead of NGX_OK. */
typedef ngx_int_t (*ehr_replication_take_pt)(ehr_replication_t *replication,
    char *data, size_t len);
ngx_int_t ehr_replication_copied(ehr_replication_t *replication,
    ehr_link_t *link, ehr_replication_take_pt take);
const ehr_target_t *ehr_replication_target(ehr_replication_t *replication);
/* down() of all links, and what to do when a link failed outside of its own
 * handlers: its reason is set. */
void ehr_replication_down(ehr_link_t *link);
void ehr_replication_broken(ehr_replication_t *replication);

/* input() of the stream, which goes on with the messages once they come. */
ngx_int_t ehr_stream_input(ehr_link_t *link);
ngx_int_t ehr_stream_receive(ehr_replication_t *replication);
/* Tells the server how far we are.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_stream_status(ehr_replication_t *replication,
    ngx_uint_t wants_reply);

extern const ehr_link_handlers_t  ehr_reader_handlers;
/* Connects the reader to take over the snapshot.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_reader_open(ehr_replication_t *replication);

#endif /* EHR_REPLICATION_PRIVATE_H */
