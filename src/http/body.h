/*
 * Parts of the request's way that only src/http shares.
 */

#ifndef EHR_BODY_H
#define EHR_BODY_H

#include "http.h"

/* nginx has read the body: parse it and go on (body.c). */
void ehr_body_ready(ngx_http_request_t *r);

/* Token, audience, permission and the account's rate (request_access.c).
 * NGX_OK, or NGX_DONE when it was answered. */
ngx_int_t ehr_request_access(ehr_request_t *req);

/* Calls the route's handler (request.c). */
void ehr_request_run(ehr_request_t *req);

/* The request that waits for its read's audit row is gone
 * (read_audit_row.c). */
void ehr_audit_forget(ehr_request_t *req);

/* From here on the batch is the system's and nobody's request (step.c). */
ngx_int_t ehr_step_add_system(ehr_batch_t *batch);
/* A request's batch is over, its outcome known: goes on with req->step, or
 * answers (step.c).  Runs the connection's posted requests. */
void ehr_step_over(ehr_request_t *req, ehr_batch_t *batch);

#endif /* EHR_BODY_H */
