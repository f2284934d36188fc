/*
 * How full wards are.
 */

#ifndef EHR_OCCUPANCY_H
#define EHR_OCCUPANCY_H

#include "record.h"

/* Route handler. */
ngx_int_t ehr_occupancy_show(ehr_request_t *req);

#endif /* EHR_OCCUPANCY_H */
