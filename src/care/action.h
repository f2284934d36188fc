/*
 * Actions that a statement alone carries out: its parameters are the id in the
 * path, if there is one, and the fields of the route's input in their order.
 */

#ifndef EHR_ACTION_H
#define EHR_ACTION_H

#include "record.h"


/* POST that makes a row of the route's resource: the statement takes the new
 * row's id before the fields.  201 with the row. */
ngx_int_t ehr_action_make(ehr_request_t *req, ngx_uint_t query);

/* POST about a row of the route's resource, whose id is the statement's first
 * parameter.  200 with the row, 404 if there is none. */
ngx_int_t ehr_action_change(ehr_request_t *req, ngx_uint_t query);

/* The same for a statement that takes the versions that If-Match names, or
 * null for any, between the id and the fields. */
ngx_int_t ehr_action_change_version(ehr_request_t *req, ngx_uint_t query);

/*
 * The parts of these, for what does more.  Parameters: `id`, if it is not
 * NULL, the versions of If-Match, if `versioned`, and the fields of the route's
 * input; there is room for EHR_ACTION_PARAMS.  Returns their number, 0 without
 * memory.  The step answers 200 with the row of the batch's last statement.
 */
#define EHR_ACTION_PARAMS  (EHR_MAX_FIELDS + 4)

ngx_uint_t ehr_action_params(ehr_request_t *req, const ngx_str_t *id,
    int versioned, const ehr_values_t *values, ehr_param_t *params);
void ehr_action_changed(ehr_request_t *req, ehr_batch_t *batch);

/*
 * GET that gives rows of entity id, patient id (null: nothing to audit) and
 * JSON.  200 with the JSON of the one row, or of all where the route is a
 * list; the reads are audited as of `table`.  Fewer than `least` or more than
 * `most` parameters of the query are 400.
 */
ngx_int_t ehr_action_show(ehr_request_t *req, ngx_uint_t query,
    const char *table, ngx_uint_t least, ngx_uint_t most);

#endif /* EHR_ACTION_H */
