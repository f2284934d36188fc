/*
 * Beds do what their time has come for: those that were cleaned become free,
 * reservations begin and end, and who waits is offered what is free.  The
 * rules are ehr.beds_tick() (sql/migrations/0015_bed_flow.sql).
 */

#include "housekeeping.h"


/* The statements of the batch; the first one is its beginning. */
enum { TICK = 1, TOLD };


static void ehr_beds_ticked(ehr_batch_t *batch, void *data);
static void ehr_beds_tick_over(ehr_counter_t how, int more);


void
ehr_tick_beds(void)
{
    static const ehr_task_statement_t  statements[] = {
        { EHR_QUERY_BEDS_TICK, 0, NULL },
        { EHR_QUERY_BED_OFFERS_TOLD, 0, NULL }
    };

    if (ehr_housekeeping_ask(EHR_LANE_MAIN, 1, statements, 2, ehr_beds_ticked,
                             NULL)
        != NGX_OK)
    {
        ehr_beds_tick_over(EHR_COUNT_BED_TICKS_FAILED, 0);
    }
}


/* What did not fit into one round goes on at once. */

static void
ehr_beds_ticked(ehr_batch_t *batch, void *data)
{
    int         more;
    PGresult   *told;
    ngx_uint_t  i;

    /* in the order of the statement's columns */
    static const ehr_counter_t  counters[] = {
        EHR_COUNT_BED_OFFERS_MADE, EHR_COUNT_BED_OFFERS_TAKEN,
        EHR_COUNT_BED_OFFERS_PASSED, EHR_COUNT_BED_OFFERS_EXPIRED
    };

    if (ehr_housekeeping_failed(batch, "looking after beds")) {
        ehr_beds_tick_over(EHR_COUNT_BED_TICKS_FAILED, 0);
        return;
    }

    told = batch->results[TOLD];

    for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        ehr_metrics_count(ehr_worker.shared, counters[i],
                          atoi(PQgetvalue(told, 0, (int) i)));
    }

    more = *PQgetvalue(batch->results[TICK], 0, 0) == 't';
    ehr_beds_tick_over(EHR_COUNT_BED_TICKS, more);
}


static void
ehr_beds_tick_over(ehr_counter_t how, int more)
{
    ehr_metrics_count(ehr_worker.shared, how, 1);
    ehr_task_done(EHR_TASK_BEDS, more);
}
