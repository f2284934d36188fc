/*
 * The clock of the background work: see housekeeping.h.
 */

#include "housekeeping.h"


#define EHR_TICK     50         /* ms */
#define EHR_LEASE   500         /* a dead holder is followed after this */

typedef struct {
    void              (*begin)(void);
    ngx_msec_t          period;
    ngx_msec_t          due;
    unsigned            busy:1;
} ehr_task_state_t;


static void ehr_housekeeping_tick(ngx_event_t *event);


static ehr_task_state_t  ehr_tasks[EHR_TASKS] = {
    [EHR_TASK_POLL] = { ehr_poll_access, 250, 0, 0 },
    [EHR_TASK_SEAL] = { ehr_seal_audit, 500, 0, 0 },
    [EHR_TASK_PURGE] = { ehr_purge, 60000, 0, 0 },
    [EHR_TASK_REKEY] = { ehr_rekey, 1000, 0, 0 }
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
        ehr_tasks[i].due = ngx_current_msec;
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

    ehr_lease_release(ehr_worker.shared);
}


static void
ehr_housekeeping_tick(ngx_event_t *event)
{
    ngx_uint_t         i;
    ehr_task_state_t  *task;

    if (ngx_exiting) {
        ehr_lease_release(ehr_worker.shared);
        return;
    }

    ngx_add_timer(event, EHR_TICK);

    if (!ehr_lease_take(ehr_worker.shared, EHR_LEASE)) {
        return;
    }

    for (i = 0; i < EHR_TASKS; i++) {
        task = &ehr_tasks[i];

        if (!task->busy
            && (ngx_msec_int_t) (ngx_current_msec - task->due) >= 0)
        {
            task->busy = 1;
            task->begin();
        }
    }
}


void
ehr_task_done(ehr_task_t task, int again)
{
    ehr_tasks[task].busy = 0;
    ehr_tasks[task].due = ngx_current_msec
                          + (again ? 0 : ehr_tasks[task].period);
}


ehr_batch_t *
ehr_housekeeping_batch(ngx_uint_t writes)
{
    ehr_batch_t  *batch;

    batch = ehr_step_system(writes);

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
