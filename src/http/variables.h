/*
 * What logs may say of a request: $ehr_request_id, $ehr_route and $ehr_user
 * for log formats, and the end of each line of the error log.
 */

#ifndef EHR_VARIABLES_H
#define EHR_VARIABLES_H

#include "http.h"

/* Registers them; a module's preconfiguration. */
ngx_int_t ehr_variables_add(ngx_conf_t *cf);

/* Instead of nginx's own r->log_handler, which writes the request line: a
 * query string may hold a patient's name. */
u_char *ehr_log_request(ngx_http_request_t *r, ngx_http_request_t *current,
    u_char *buf, size_t len);

#endif /* EHR_VARIABLES_H */
