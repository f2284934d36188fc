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

/*
 * GET that gives rows of entity id, patient id (null: nothing to audit) and
 * JSON.  200 with the JSON of the one row, or of all where the route is a
 * list; the reads are audited as of `table`.  Fewer than `least` or more than
 * `most` parameters of the query are 400.
 */
ngx_int_t ehr_action_show(ehr_request_t *req, ngx_uint_t query,
    const char *table, ngx_uint_t least, ngx_uint_t most);

#endif /* EHR_ACTION_H */
