/*
 * What follows a booking: series, the visit at the clinic, notifications.
 */

#ifndef EHR_VISIT_H
#define EHR_VISIT_H

#include "record.h"

/* Route handlers. */
ngx_int_t ehr_series_create(ehr_request_t *req);
ngx_int_t ehr_series_cancel(ehr_request_t *req);
ngx_int_t ehr_visit_arrive(ehr_request_t *req);
ngx_int_t ehr_visit_begin(ehr_request_t *req);
ngx_int_t ehr_visit_complete(ehr_request_t *req);
ngx_int_t ehr_visit_wait(ehr_request_t *req);
ngx_int_t ehr_visit_queue(ehr_request_t *req);
ngx_int_t ehr_notification_read(ehr_request_t *req);
ngx_int_t ehr_notification_read_all(ehr_request_t *req);

#endif /* EHR_VISIT_H */
