/*
 * Beds do what their time has come for: those that were cleaned become free,
 * reservations begin and end, and who waits is offered what is free.  The
 * rules are ehr.beds_tick() (sql/migrations/0015_bed_flow.sql).
 */

#include "housekeeping.h"


static void ehr_beds_ticked(ehr_batch_t *batch, void *data);


void
ehr_tick_beds(void)
{
    ehr_batch_t  *batch;

    batch = ehr_housekeeping_batch(EHR_LANE_MAIN, 1);

    if (batch == NULL) {
        ehr_task_done(EHR_TASK_BEDS, 0);
        return;
    }

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_BEDS_TICK], 0, NULL)
        != NGX_OK)
    {
        ehr_batch_destroy(batch);
        ehr_task_done(EHR_TASK_BEDS, 0);
        return;
    }

    if (ehr_housekeeping_send(batch, ehr_beds_ticked) != NGX_OK) {
        ehr_task_done(EHR_TASK_BEDS, 0);
    }
}


/* What did not fit into one round goes on at once. */

static void
ehr_beds_ticked(ehr_batch_t *batch, void *data)
{
    int  more = 0;

    if (!ehr_housekeeping_failed(batch, "looking after beds")) {
        more = *PQgetvalue(batch->results[batch->n - 1], 0, 0) == 't';
    }

    ehr_task_done(EHR_TASK_BEDS, more);
}
