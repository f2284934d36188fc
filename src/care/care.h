/*
 * What happens: the life of all capabilities in a process.
 */

#ifndef EHR_CARE_H
#define EHR_CARE_H

#include <ngx_config.h>
#include <ngx_core.h>

/* Before fork: statements of all resources and the OpenAPI document.  NULL,
 * or what is wrong. */
const char *ehr_care_init(ngx_cycle_t *cycle);

/* In a worker: starts the housekeeping.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_care_start(ngx_cycle_t *cycle);
/* Before a worker exits. */
void ehr_care_stop(ngx_cycle_t *cycle);

#endif /* EHR_CARE_H */
