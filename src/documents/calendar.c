/*
 * iCalendar texts through libical: it escapes, folds and orders; what is said
 * is decided here.
 */

#include "calendar.h"

#include <libical/ical.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define EHR_CALENDAR_PRODUCT  "-//nginx-ehr//Appointments//EN"

/* Ten times what an event takes while it is made. */
#define EHR_CALENDAR_MEMORY  (64 * 1024)

/* How often who subscribes should look again. */
#define EHR_CALENDAR_REFRESH  "PT15M"


static int ehr_calendar_begin(void);
static struct icaltimetype ehr_calendar_time(int64_t seconds);
static char *ehr_calendar_clean(const char *text);
static void ehr_calendar_add(icalcomponent *component,
    icalproperty *property);
static void ehr_calendar_text(icalcomponent *component,
    icalproperty *(*make)(const char *), const char *text);
static void ehr_calendar_extension(icalcomponent *component,
    const char *name, const char *text);
static void ehr_calendar_organizer(icalcomponent *component,
    const ehr_calendar_event_t *event);
static char *ehr_calendar_print(icalcomponent *component);


void
ehr_calendar_init(void)
{
    icalerror_set_errors_are_fatal(0);
    (void) icaltimezone_get_utc_timezone();
}


/* Before each text: whether there is memory for it.  libical dies of most
 * allocations that fail; what is asked for and given back here is there for
 * it, since nothing else runs meanwhile. */

static int
ehr_calendar_begin(void)
{
    void *volatile  memory;     /* or the compiler knows better */

    icalerror_clear_errno();
    errno = 0;

    memory = malloc(EHR_CALENDAR_MEMORY);
    free(memory);

    return memory != NULL;
}


/* UTC, so that no description of a time zone is needed: the reader's program
 * shows it in the reader's own. */

static struct icaltimetype
ehr_calendar_time(int64_t seconds)
{
    return icaltime_from_timet_with_zone((time_t) seconds, 0,
                                         icaltimezone_get_utc_timezone());
}


/* A copy without control characters: libical writes them as they are, in an
 * address even a line's end. */

static char *
ehr_calendar_clean(const char *text)
{
    char           *copy;
    unsigned char  *p;

    copy = strdup(text);
    if (copy == NULL) {
        return NULL;
    }

    for (p = (unsigned char *) copy; *p; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            *p = ' ';
        }
    }

    return copy;
}


/* A property that could not be made shows at the end: ehr_calendar_print(). */

static void
ehr_calendar_add(icalcomponent *component, icalproperty *property)
{
    if (property == NULL) {
        errno = ENOMEM;
        return;
    }

    icalcomponent_add_property(component, property);
}


static void
ehr_calendar_text(icalcomponent *component,
    icalproperty *(*make)(const char *), const char *text)
{
    char  *clean;

    if (text == NULL || text[0] == '\0') {
        return;
    }

    clean = ehr_calendar_clean(text);
    ehr_calendar_add(component, clean ? make(clean) : NULL);
    free(clean);
}


/* A property that libical does not know by a function of its own. */

static void
ehr_calendar_extension(icalcomponent *component, const char *name,
    const char *text)
{
    icalproperty  *property;

    property = icalproperty_new_x(text);
    if (property) {
        icalproperty_set_x_name(property, name);
    }

    ehr_calendar_add(component, property);
}


/* What is published must name who publishes (RFC 5546).  An id, not a
 * mail address: nobody should be able to answer. */

static void
ehr_calendar_organizer(icalcomponent *component,
    const ehr_calendar_event_t *event)
{
    char           address[64];
    char          *clean;
    icalproperty  *property;

    snprintf(address, sizeof(address), "urn:uuid:%s", event->organizer_id);

    property = icalproperty_new_organizer(address);
    clean = ehr_calendar_clean(event->organizer);

    if (property && clean) {
        icalproperty_add_parameter(property, icalparameter_new_cn(clean));
    }

    ehr_calendar_add(component, clean ? property : NULL);
    free(clean);
}


/* The text; the component is used up.  NULL if any part of it is missing: an
 * event without its room or half a name is worse than none.  libical forgets
 * what went wrong while it goes on; malloc()'s word stays. */

static char *
ehr_calendar_print(icalcomponent *component)
{
    char  *text;

    text = icalcomponent_as_ical_string_r(component);
    icalcomponent_free(component);

    if (icalerrno != ICAL_NO_ERROR || errno == ENOMEM) {
        free(text);
        return NULL;
    }

    return text;
}


char *
ehr_calendar_head(const char *name)
{
    char           *text, *tail, *clean;
    icalcomponent  *calendar;

    calendar = ehr_calendar_begin() ? icalcomponent_new_vcalendar() : NULL;
    if (calendar == NULL) {
        return NULL;
    }

    ehr_calendar_add(calendar, icalproperty_new_version("2.0"));
    ehr_calendar_add(calendar, icalproperty_new_prodid(EHR_CALENDAR_PRODUCT));
    ehr_calendar_add(calendar, icalproperty_new_calscale("GREGORIAN"));
    ehr_calendar_add(calendar, icalproperty_new_method(ICAL_METHOD_PUBLISH));

    if (name) {
        clean = ehr_calendar_clean(name);
        if (clean == NULL) {
            icalcomponent_free(calendar);
            return NULL;
        }

        ehr_calendar_add(calendar, icalproperty_new_name(clean));
        ehr_calendar_extension(calendar, "X-WR-CALNAME", clean);
        free(clean);

        ehr_calendar_add(calendar, icalproperty_new_from_string(
            "REFRESH-INTERVAL;VALUE=DURATION:" EHR_CALENDAR_REFRESH));
        ehr_calendar_extension(calendar, "X-PUBLISHED-TTL",
                               EHR_CALENDAR_REFRESH);
    }

    text = ehr_calendar_print(calendar);

    /* the events come before its last line */

    tail = text ? strstr(text, EHR_CALENDAR_TAIL) : NULL;
    if (tail) {
        *tail = '\0';
    }

    return text;
}


char *
ehr_calendar_event(const ehr_calendar_event_t *event)
{
    icalcomponent  *component;

    component = ehr_calendar_begin() ? icalcomponent_new_vevent() : NULL;
    if (component == NULL) {
        return NULL;
    }

    ehr_calendar_add(component, icalproperty_new_uid(event->id));
    ehr_calendar_add(component,
        icalproperty_new_dtstamp(ehr_calendar_time(event->changed)));
    ehr_calendar_add(component,
        icalproperty_new_lastmodified(ehr_calendar_time(event->changed)));
    ehr_calendar_add(component,
        icalproperty_new_sequence(event->version - 1));
    ehr_calendar_add(component,
        icalproperty_new_dtstart(ehr_calendar_time(event->starts)));
    ehr_calendar_add(component,
        icalproperty_new_dtend(ehr_calendar_time(event->ends)));
    ehr_calendar_add(component,
        icalproperty_new_status(event->cancelled ? ICAL_STATUS_CANCELLED
                                                 : ICAL_STATUS_CONFIRMED));

    /* not for those with whom the reader shares the calendar */
    ehr_calendar_add(component, icalproperty_new_class(ICAL_CLASS_PRIVATE));

    ehr_calendar_text(component, icalproperty_new_summary, event->summary);
    ehr_calendar_text(component, icalproperty_new_location, event->location);
    ehr_calendar_text(component, icalproperty_new_url, event->url);

    if (event->organizer_id && event->organizer_id[0] && event->organizer) {
        ehr_calendar_organizer(component, event);
    }

    return ehr_calendar_print(component);
}
