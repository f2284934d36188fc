/*
 * What is served outside the API's mount, each by its own location.
 */

#ifndef EHR_PAGES_H
#define EHR_PAGES_H

#include "http.h"

/* Content handler of `ehr health|ready|metrics|jwks`: runs the route of the
 * table that has EHR_ROUTE_ROOT and that page's path. */
ngx_int_t ehr_page_handler(ngx_http_request_t *r);
/* Content handler of `ehr error`, the target of error_page: the envelope for
 * what nginx itself refuses. */
ngx_int_t ehr_page_error(ngx_http_request_t *r);

/* Route handlers. */

/* 200 as long as the worker answers: for load balancers (liveness). */
ngx_int_t ehr_page_health(ehr_request_t *req);
/* 200, or 503 with the reason: no database, old schema, draining. */
ngx_int_t ehr_page_ready(ehr_request_t *req);
/* Prometheus text format 0.0.4 (metrics_page.c). */
ngx_int_t ehr_page_metrics(ehr_request_t *req);
/* RFC 7517: public keys of RS256 and ES256. */
ngx_int_t ehr_page_jwks(ehr_request_t *req);
/* The OpenAPI 3.1 document (openapi_page.c). */
ngx_int_t ehr_page_openapi(ehr_request_t *req);

/* Builds the OpenAPI document once, before fork.  NULL, or what is wrong. */
const char *ehr_openapi_init(ngx_cycle_t *cycle);

/* What capabilities add: members of what /ready answers, each after a comma,
 * and lines of /metrics.  Set before a worker serves; NULL: nothing. */
typedef struct {
    void                  (*ready)(ehr_out_t *out);
    void                  (*metrics)(ehr_out_t *out);
} ehr_page_more_t;

extern ehr_page_more_t  ehr_page_more;

/* HELP and TYPE, a value, both at once, and a value of µs in seconds
 * (metrics_page.c). */
void ehr_metric_head(ehr_out_t *out, const char *name, const char *type,
    const char *help);
void ehr_metric_value(ehr_out_t *out, const char *name, const char *labels,
    uint64_t value);
void ehr_metric_single(ehr_out_t *out, const char *name, const char *type,
    const char *help, uint64_t value);
void ehr_metric_seconds(ehr_out_t *out, const char *name, const char *labels,
    uint64_t us);

/* A request object for any location of ours (request.c). */
ehr_request_t *ehr_request_create(ngx_http_request_t *r);
/* 405 (or 204 to OPTIONS) with Allow (request.c). */
ngx_int_t ehr_reply_allow(ehr_request_t *req, ngx_uint_t methods);

#endif /* EHR_PAGES_H */
