/*
 * Holds that are over are forgotten, so that their time looks free at once;
 * who waited for a slot in vain need not wait any longer.
 */

#include "housekeeping.h"


static void ehr_expire_done(ehr_batch_t *batch, void *data);


void
ehr_expire_holds(void)
{
    ehr_batch_t  *batch;

    batch = ehr_housekeeping_batch(EHR_LANE_MAIN, 1);

    if (batch == NULL) {
        ehr_task_done(EHR_TASK_HOLDS, 0);
        return;
    }

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_HOLDS_EXPIRE], 0, NULL)
        != NGX_OK
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_WAITING_EXPIRE], 0,
                         NULL)
           != NGX_OK)
    {
        ehr_batch_destroy(batch);
        ehr_task_done(EHR_TASK_HOLDS, 0);
        return;
    }

    if (ehr_housekeeping_send(batch, ehr_expire_done) != NGX_OK) {
        ehr_task_done(EHR_TASK_HOLDS, 0);
    }
}


static void
ehr_expire_done(ehr_batch_t *batch, void *data)
{
    (void) ehr_housekeeping_failed(batch, "forgetting holds");
    ehr_task_done(EHR_TASK_HOLDS, 0);
}
