/*
 * A route of the table as OpenAPI tells of it.
 */

#ifndef EHR_OPENAPI_ROUTE_H
#define EHR_OPENAPI_ROUTE_H

#include "http.h"

#include <jansson.h>


/* Adds the route to the document's paths.  0, or -1 without memory. */
int ehr_openapi_route(json_t *paths, const ehr_route_t *route);

/* Whether the body is a row, new or changed, and some fields beside. */
int ehr_takes_more(const ehr_route_t *route);
/* Whether the body is an action's own. */
int ehr_has_action_body(const ehr_route_t *route);

#endif /* EHR_OPENAPI_ROUTE_H */
