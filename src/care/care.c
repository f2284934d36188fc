/*
 * The life of all capabilities: see care.h.
 */

#include "../http/pages.h"
#include "../documents/calendar.h"
#include "care.h"
#include "feed.h"
#include "housekeeping.h"
#include "record.h"


const char *
ehr_care_init(ngx_cycle_t *cycle)
{
    const char  *fault;

    ehr_calendar_init();

    fault = ehr_records_init(cycle);

    return fault ? fault : ehr_openapi_init(cycle);
}


ngx_int_t
ehr_care_start(ngx_cycle_t *cycle)
{
    if (ehr_availability_attach(cycle) != NGX_OK
        || ehr_feed_create(cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ehr_page_more.ready = ehr_feed_ready;
    ehr_page_more.metrics = ehr_feed_metrics;

    return ehr_housekeeping_start(cycle);
}


void
ehr_care_stop(ngx_cycle_t *cycle)
{
    ehr_housekeeping_stop();
}
