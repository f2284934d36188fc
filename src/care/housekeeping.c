/*
 * The clock of the background work: see housekeeping.h.
 */

#include "feed.h"
#include "housekeeping.h"


#define EHR_TICK     50         /* ms */
#define EHR_LEASE   500         /* a dead holder is followed after this */
#define EHR_TOLD  10000         /* ms from poll to poll while the feed tells */

typedef struct {
    void              (*begin)(void);
    ngx_msec_t          period;
    ngx_msec_t          since;  /* the end of the last round */
    unsigned            busy:1;
    unsigned            soon:1; /* need not wait for its period */
    unsigned            failed:1;   /* the last round was in vain */
} ehr_task_state_t;


static void ehr_housekeeping_tick(ngx_event_t *event);
static ngx_uint_t ehr_housekeeping_may_ask(void);
static ngx_uint_t ehr_task_is_due(ehr_task_t task);
static void ehr_task_begin(ehr_task_t task);


static ehr_task_state_t  ehr_tasks[EHR_TASKS] = {
    [EHR_TASK_POLL] = { ehr_poll_access, 250, 0, 0, 1 },
    [EHR_TASK_SEAL] = { ehr_seal_audit, 500, 0, 0, 1 },
    [EHR_TASK_TIDY] = { ehr_tidy_audit, 10000, 0, 0, 1 },
    [EHR_TASK_PURGE] = { ehr_purge, 60000, 0, 0, 1 },
    [EHR_TASK_REKEY] = { ehr_rekey, 1000, 0, 0, 1 },
    [EHR_TASK_HOLDS] = { ehr_expire_holds, 250, 0, 0, 1 },
    [EHR_TASK_BEDS] = { ehr_tick_beds, 1000, 0, 0, 1 }
};

static ngx_event_t       ehr_tick;
static ngx_connection_t  ehr_tick_connection;   /* timers log through it */


ngx_int_t
ehr_housekeeping_start(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    ngx_memzero(&ehr_tick, sizeof(ngx_event_t));
    ehr_tick_connection.fd = (ngx_socket_t) -1;

    ehr_tick.handler = ehr_housekeeping_tick;
    ehr_tick.data = &ehr_tick_connection;
    ehr_tick.log = cycle->log;
    ehr_tick.cancelable = 1;

    for (i = 0; i < EHR_TASKS; i++) {
        ehr_tasks[i].busy = 0;
        ehr_tasks[i].soon = 1;
    }

    ngx_add_timer(&ehr_tick, EHR_TICK);

    return NGX_OK;
}


void
ehr_housekeeping_stop(void)
{
    if (ehr_tick.timer_set) {
        ngx_del_timer(&ehr_tick);
    }

    ehr_feed_leave();
    ehr_lease_release(ehr_worker.shared);
}


static void
ehr_housekeeping_tick(ngx_event_t *event)
{
    ngx_uint_t  i;

    if (ngx_exiting) {
        ehr_feed_leave();
        ehr_lease_release(ehr_worker.shared);
        return;
    }

    ngx_add_timer(event, EHR_TICK);

    if (!ehr_lease_take(ehr_worker.shared, EHR_LEASE)) {
        ehr_feed_leave();
        return;
    }

    ehr_feed_keep();

    if (!ehr_housekeeping_may_ask()) {
        return;
    }

    for (i = 0; i < EHR_TASKS; i++) {
        if (ehr_task_is_due(i)) {
            ehr_task_begin(i);
        }
    }
}


/* A round that begins before the database is there has had its turn, and the
 * next may be a minute away. */

static ngx_uint_t
ehr_housekeeping_may_ask(void)
{
    ehr_store_status_t  status;

    ehr_store_status(ehr_worker.store, &status);

    return status.state == EHR_STORE_UP;
}


/* What the feed tells of is polled for only in case, once it is known: the
 * feed may be live before the lane that asks has a connection. */

static ngx_uint_t
ehr_task_is_due(ehr_task_t task)
{
    ngx_msec_t         period;
    ehr_task_state_t  *state;

    state = &ehr_tasks[task];
    period = state->period;

    if (task == EHR_TASK_POLL && !state->failed && ehr_feed_is_live()) {
        period = EHR_TOLD;
    }

    return !state->busy
           && (state->soon || ngx_current_msec - state->since >= period);
}


static void
ehr_task_begin(ehr_task_t task)
{
    ehr_tasks[task].busy = 1;
    ehr_tasks[task].soon = 0;
    ehr_tasks[task].begin();
}


void
ehr_task_done(ehr_task_t task, int again)
{
    ehr_tasks[task].busy = 0;
    ehr_tasks[task].failed = 0;
    ehr_tasks[task].since = ngx_current_msec;

    if (again) {
        ehr_tasks[task].soon = 1;
    }
}


void
ehr_task_failed(ehr_task_t task)
{
    ehr_task_done(task, 0);
    ehr_tasks[task].failed = 1;
}


void
ehr_task_soon(ehr_task_t task)
{
    ehr_tasks[task].soon = 1;

    if (!ehr_tasks[task].busy) {
        ehr_task_begin(task);
    }
}


ehr_batch_t *
ehr_housekeeping_batch(ehr_lane_t lane, ngx_uint_t writes)
{
    ehr_batch_t  *batch;

    batch = ehr_step_system(lane, writes);

    if (batch) {
        batch->background = 1;
    }

    return batch;
}


ngx_int_t
ehr_housekeeping_send(ehr_batch_t *batch, ehr_batch_done_pt done)
{
    return ehr_batch_submit(batch, done, NULL);
}


ngx_int_t
ehr_housekeeping_ask(ehr_lane_t lane, ngx_uint_t writes,
    const ehr_task_statement_t *statements, ngx_uint_t n,
    ehr_batch_done_pt done, void *data)
{
    ngx_uint_t    i;
    ehr_batch_t  *batch;

    batch = ehr_housekeeping_batch(lane, writes);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (ehr_batch_add(batch, ehr_queries[statements[i].query],
                          statements[i].n, statements[i].params)
            != NGX_OK)
        {
            ehr_batch_destroy(batch);
            return NGX_ERROR;
        }
    }

    return ehr_batch_submit(batch, done, data);
}


int
ehr_housekeeping_failed(ehr_batch_t *batch, const char *what)
{
    if (batch->outcome == EHR_OUTCOME_DONE) {
        return 0;
    }

    if (batch->outcome == EHR_OUTCOME_ERROR) {
        ngx_log_error(NGX_LOG_ERR, batch->log, 0,
                      "ehr: %s failed: database error %s in statement %ui",
                      what, batch->error.sqlstate, batch->error.statement);
    }

    return 1;
}
