/*
 * Forgetting what is past: idempotency keys, revocations, sessions,
 * notifications.
 */

#include "housekeeping.h"


static void ehr_purge_done(ehr_batch_t *batch, void *data);


void
ehr_purge(void)
{
    ehr_batch_t  *batch;
    ehr_param_t   day, month;

    batch = ehr_housekeeping_batch(EHR_LANE_MAIN, 1);

    if (batch == NULL) {
        ehr_task_done(EHR_TASK_PURGE, 0);
        return;
    }

    ngx_memzero(&day, sizeof(ehr_param_t));
    ngx_memzero(&month, sizeof(ehr_param_t));
    day.value = "24 hours";
    month.value = "30 days";

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_IDEMPOTENCY_PURGE], 1,
                      &day)
        != NGX_OK
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_REVOCATIONS_PURGE], 0,
                         NULL)
           != NGX_OK
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_SESSION_PURGE], 1,
                         &month)
           != NGX_OK
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_NOTIFICATIONS_PURGE],
                         0, NULL)
           != NGX_OK)
    {
        ehr_batch_destroy(batch);
        ehr_task_done(EHR_TASK_PURGE, 0);
        return;
    }

    if (ehr_housekeeping_send(batch, ehr_purge_done) != NGX_OK) {
        ehr_task_done(EHR_TASK_PURGE, 0);
    }
}


static void
ehr_purge_done(ehr_batch_t *batch, void *data)
{
    (void) ehr_housekeeping_failed(batch, "purging");
    ehr_task_done(EHR_TASK_PURGE, 0);
}
