/*
 * GET /events: the streams of a worker.
 */

#ifndef EHR_EVENTS_STREAM_H
#define EHR_EVENTS_STREAM_H

#include "../model/moment.h"
#include "events.h"
#include "feed.h"


/* The handler, and what may be asked for. */
ngx_int_t ehr_events_listen(ehr_request_t *req);
extern const ehr_resource_t  ehr_query_events;

/* How many are open in this worker. */
ngx_uint_t ehr_events_streams(void);

#endif /* EHR_EVENTS_STREAM_H */
