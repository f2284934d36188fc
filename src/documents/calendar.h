/*
 * Appointments as iCalendar (RFC 5545) and as links that add one to a
 * calendar on the web.
 *
 * Plain C11 with libical: no nginx, no SQL, no clock.  An appointment is
 * always written the same, so its text changes only when it does.  What may be
 * said of a patient in it is the caller's business; this folder adds nothing.
 */

#ifndef EHR_CALENDAR_H
#define EHR_CALENDAR_H

#include <stdint.h>


/* Texts are UTF-8; NULL or "" is left out.  A control character in them,
 * line ends too, becomes a blank. */
typedef struct {
    const char             *id;         /* the appointment's UUID */
    int64_t                 starts;     /* seconds since 1970, as those below */
    int64_t                 ends;
    int64_t                 changed;    /* when it last was */
    int                     version;    /* from 1 on, grows with each change */
    int                     cancelled;
    const char             *summary;
    const char             *location;
    const char             *url;        /* of a virtual visit */
    const char             *organizer_id;   /* UUID of who invites */
    const char             *organizer;  /* the name: of the clinic */
} ehr_calendar_event_t;

/* Loads what libical reads from disk at its first use, so that no worker waits
 * for it, and keeps it from ending the process when it is misused.  Before
 * fork; may be called again. */
void ehr_calendar_init(void);

/*
 * The parts of a calendar: its head, any number of events, its tail.  Parts,
 * because a long calendar is made over several turns of the event loop.  Each
 * is allocated by malloc(); NULL without memory.
 *
 * `name` is what a subscribed calendar is called; NULL: a file of one event.
 */
char *ehr_calendar_head(const char *name);
char *ehr_calendar_event(const ehr_calendar_event_t *event);

#define EHR_CALENDAR_TAIL  "END:VCALENDAR\r\n"

typedef enum {
    EHR_CALENDAR_GOOGLE,
    EHR_CALENDAR_OUTLOOK,               /* outlook.live.com */
    EHR_CALENDAR_OFFICE365,             /* outlook.office.com */
    EHR_CALENDAR_YAHOO,
    EHR_CALENDAR_SERVICES
} ehr_calendar_service_t;

/* "google", the key of its link. */
const char *ehr_calendar_service(ehr_calendar_service_t service);

/* An address that opens the service's form with the event filled in: times,
 * summary and location, nothing else.  From malloc(); NULL without memory. */
char *ehr_calendar_link(ehr_calendar_service_t service,
    const ehr_calendar_event_t *event);

#endif /* EHR_CALENDAR_H */
