/*
 * What a node does beside requests, in the one worker that holds the lease:
 * follows the change feed, polls roles and revocations where that does not
 * tell of them, seals the audit log and tidies its index, purges, encrypts
 * again under a new key, forgets holds, looks after beds.
 * Each task is a chain of batches; none waits.
 */

#ifndef EHR_HOUSEKEEPING_H
#define EHR_HOUSEKEEPING_H

#include "../http/http.h"

ngx_int_t ehr_housekeeping_start(ngx_cycle_t *cycle);
void ehr_housekeeping_stop(void);

/* A batch with scope 'system' and nobody as actor.  NULL without memory.  The
 * audit lane is for what never waits for a record's lock. */
ehr_batch_t *ehr_housekeeping_batch(ehr_lane_t lane, ngx_uint_t writes);

/* A statement of a task, with its n parameters. */
typedef struct {
    ngx_uint_t           query;
    ngx_uint_t           n;
    const ehr_param_t   *params;
} ehr_task_statement_t;

/* Such a batch with these statements, sent.  NGX_OK, or it came to nothing. */
ngx_int_t ehr_housekeeping_ask(ehr_lane_t lane, ngx_uint_t writes,
    const ehr_task_statement_t *statements, ngx_uint_t n,
    ehr_batch_done_pt done, void *data);

/* Submits; an error is logged with `what` by ehr_housekeeping_failed(). */
ngx_int_t ehr_housekeeping_send(ehr_batch_t *batch, ehr_batch_done_pt done);

/* True, and a line in the log, if the batch did not succeed. */
int ehr_housekeeping_failed(ehr_batch_t *batch, const char *what);

/* The tasks.  Each begins one round and is called again only after
 * ehr_task_done(). */
void ehr_poll_access(void);
void ehr_seal_audit(void);
void ehr_tidy_audit(void);
void ehr_purge(void);
void ehr_rekey(void);
void ehr_expire_holds(void);
void ehr_tick_beds(void);

typedef enum {
    EHR_TASK_POLL,
    EHR_TASK_SEAL,
    EHR_TASK_TIDY,
    EHR_TASK_PURGE,
    EHR_TASK_REKEY,
    EHR_TASK_HOLDS,
    EHR_TASK_BEDS,
    EHR_TASKS
} ehr_task_t;

/* The round is over; `again`: the next one need not wait its period. */
void ehr_task_done(ehr_task_t task, int again);
/* It is over, but in vain: the next one comes after the task's own period. */
void ehr_task_failed(ehr_task_t task);

/* There is something to do: a round begins now or, where one is under way,
 * right after it. */
void ehr_task_soon(ehr_task_t task);

#endif /* EHR_HOUSEKEEPING_H */
