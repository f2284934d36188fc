/*
 * The change feed of a node: keeps the engine as the database is, enters
 * revocations and roles when they are committed, and tells what has changed.
 * Runs in the one worker that has the lease.
 */

#ifndef EHR_FEED_H
#define EHR_FEED_H

#include "availability.h"


/* In a worker.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_feed_create(ngx_cycle_t *cycle);

/* This worker has the lease, at every tick; or not, or not any more. */
void ehr_feed_keep(void);
void ehr_feed_leave(void);

/* Whether this worker runs it and it is up to date: changes of roles and
 * revocations need not be polled for. */
ngx_uint_t ehr_feed_is_live(void);

/* "2026-11-21" of a day since 1970. */
u_char *ehr_feed_day(u_char *out, u_char *last, uint32_t day);

/* What the feed adds to /ready and /metrics. */
void ehr_feed_ready(ehr_out_t *out);
void ehr_feed_metrics(ehr_out_t *out);

#endif /* EHR_FEED_H */
