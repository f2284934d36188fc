/*
 * The life of all capabilities: see care.h.
 */

#include "../http/pages.h"
#include "care.h"
#include "housekeeping.h"
#include "record.h"


const char *
ehr_care_init(ngx_cycle_t *cycle)
{
    const char  *fault;

    fault = ehr_records_init(cycle);

    return fault ? fault : ehr_openapi_init(cycle);
}


ngx_int_t
ehr_care_start(ngx_cycle_t *cycle)
{
    return ehr_housekeeping_start(cycle);
}


void
ehr_care_stop(ngx_cycle_t *cycle)
{
    ehr_housekeeping_stop();
}
