/*
 * What has just changed, as ids: a ring in the availability zone that the
 * change feed's owner writes and the streams of GET /events read.
 */

#ifndef EHR_EVENTS_H
#define EHR_EVENTS_H

#include "availability.h"


typedef enum {
    EHR_EVENT_AVAILABILITY = 1, /* of a doctor, on a day, or any day if 0 */
    EHR_EVENT_APPOINTMENT,      /* entity is its id */
    EHR_EVENT_QUEUE,            /* entity is what waits */
    EHR_EVENT_FAMILY,           /* which patients the user `entity` reaches;
                                   goes to nobody */
    EHR_EVENT_WARD,             /* entity is a ward; its board differs */
    EHR_EVENT_KINDS
} ehr_event_kind_t;


/* -- the owner of the feed ------------------------------------------------- */

/* A new epoch, empty: whoever was listening has missed something. */
void ehr_events_reset(void);
/* Adds an event, seen by nobody before it is published.  The sequence of
 * *event is set here. */
void ehr_events_put(ehr_event_t *event);
void ehr_events_publish(void);


/* -- readers --------------------------------------------------------------- */

typedef struct {
    uint64_t            epoch;
    uint64_t            sequence;       /* the last one seen */
} ehr_event_place_t;

/* The place behind the last event. */
void ehr_events_place(ehr_event_place_t *place);

/* The event after a place, which moves there.  NGX_OK; NGX_DONE: there is
 * none yet; NGX_DECLINED: what came after it is lost. */
ngx_int_t ehr_events_next(ehr_event_place_t *place, ehr_event_t *event);

#endif /* EHR_EVENTS_H */
