/*
 * Appointments for calendar programs: a file, links and private feeds.
 */

#ifndef EHR_CARE_CALENDAR_H
#define EHR_CARE_CALENDAR_H

#include "../documents/calendar.h"
#include "record.h"

extern const ehr_resource_t  ehr_query_calendar;
extern const ehr_resource_t  ehr_output_calendar_links;
extern const ehr_resource_t  ehr_input_calendar_feed;
extern const ehr_resource_t  ehr_output_calendar_feed;

/* Route handlers. */
ngx_int_t ehr_calendar_appointment(ehr_request_t *req);
ngx_int_t ehr_calendar_feed_create(ehr_request_t *req);
ngx_int_t ehr_calendar_feed_read(ehr_request_t *req);


#define EHR_CALENDAR_TYPE  "text/calendar; charset=utf-8"

/* Columns of CALENDAR_EVENT and CALENDAR_FEED_PAGE. */
enum {
    EHR_EVENT_ID, EHR_EVENT_PATIENT, EHR_EVENT_STARTS, EHR_EVENT_ENDS,
    EHR_EVENT_CHANGED, EHR_EVENT_VERSION, EHR_EVENT_CANCELLED, EHR_EVENT_WHO,
    EHR_EVENT_LOCATION, EHR_EVENT_URL, EHR_EVENT_ORGANIZER_ID, EHR_EVENT_ORGANIZER,
    EHR_EVENT_PLACE
};

/* A row as an event, but for its summary.  It points into the result. */
void ehr_calendar_row(const PGresult *result, int row,
    ehr_calendar_event_t *event);

/* Adds a part of a calendar, which is used up; NULL fails the answer. */
void ehr_calendar_out(ehr_out_t *out, char *part);

#endif /* EHR_CARE_CALENDAR_H */
