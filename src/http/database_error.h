/*
 * SQLSTATE → status, message and field: the one table.
 */

#ifndef EHR_DATABASE_ERROR_H
#define EHR_DATABASE_ERROR_H

#include "http.h"

typedef struct {
    ngx_uint_t              status;
    ehr_message_t           message;
    time_t                  retry_after;    /* > 0: may be tried again */
} ehr_refusal_t;

/*
 * What the client is told of a failed batch.  errors gets a message for each
 * field that the constraint or our own exception names (allocated from pool);
 * resource may be NULL.
 */
void ehr_database_refusal(const ehr_database_error_t *error,
    const ehr_resource_t *resource, ngx_pool_t *pool, ehr_refusal_t *refusal,
    ehr_field_errors_t *errors);

/*
 * Parameters of the idempotency statements: actor, key, route, body hash
 * (binary).  Allocated from the request's pool (idempotency.c).
 */
ngx_int_t ehr_idempotency_params(ehr_request_t *req, ehr_param_t params[4]);

/* Whether the batch failed because the same was done before: replay it. */
int ehr_is_replay(const ehr_batch_t *batch);

#endif /* EHR_DATABASE_ERROR_H */
