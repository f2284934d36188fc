/*
 * $ehr_request_id, $ehr_route, $ehr_user: for log formats.
 */

#ifndef EHR_VARIABLES_H
#define EHR_VARIABLES_H

#include "http.h"

/* Registers them; a module's preconfiguration. */
ngx_int_t ehr_variables_add(ngx_conf_t *cf);

#endif /* EHR_VARIABLES_H */
