/*
 * Links that add an event to a calendar on the web.
 *
 * Such a link tells the service what it says before the reader agrees to
 * anything, so it says as little as an entry can.
 */

#include "calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


/* Times as 20261121T083000Z, or with the separators of ISO 8601. */
typedef enum { EHR_TIME_BASIC, EHR_TIME_EXTENDED } ehr_time_style_t;

typedef struct {
    const char             *name;
    const char             *address;    /* up to the summary's value */
    const char             *starts;     /* what comes before each value */
    const char             *ends;
    const char             *location;
    ehr_time_style_t        style;
} ehr_service_t;


#define EHR_OUTLOOK(host)                                                    \
    "https://" host "/calendar/0/action/compose?rru=addevent&subject=",      \
    "&startdt=", "&enddt=", "&location=", EHR_TIME_EXTENDED

static const ehr_service_t  ehr_services[EHR_CALENDAR_SERVICES] = {

    [EHR_CALENDAR_GOOGLE] = { "google",
        "https://calendar.google.com/calendar/render?action=TEMPLATE&text=",
        "&dates=", "%2F", "&location=", EHR_TIME_BASIC },

    [EHR_CALENDAR_OUTLOOK] = { "outlook", EHR_OUTLOOK("outlook.live.com") },

    [EHR_CALENDAR_OFFICE365] = { "office365",
        EHR_OUTLOOK("outlook.office.com") },

    [EHR_CALENDAR_YAHOO] = { "yahoo",
        "https://calendar.yahoo.com/?v=60&title=",
        "&st=", "&et=", "&in_loc=", EHR_TIME_BASIC },
};


static void ehr_link_time(FILE *out, int64_t seconds,
    ehr_time_style_t style);
static void ehr_link_text(FILE *out, const char *text);


const char *
ehr_calendar_service(ehr_calendar_service_t service)
{
    return ehr_services[service].name;
}


static void
ehr_link_time(FILE *out, int64_t seconds, ehr_time_style_t style)
{
    char       text[32];
    time_t     moment = (time_t) seconds;
    struct tm  tm;

    if (gmtime_r(&moment, &tm) == NULL) {
        return;
    }

    if (strftime(text, sizeof(text),
                 (style == EHR_TIME_BASIC) ? "%Y%m%dT%H%M%SZ"
                                           : "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
    {
        ehr_link_text(out, text);
    }
}


/* Everything but RFC 3986's unreserved characters escaped. */

static void
ehr_link_text(FILE *out, const char *text)
{
    const unsigned char  *p;

    for (p = (const unsigned char *) text; *p; p++) {

        if ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z')
            || (*p >= '0' && *p <= '9') || strchr("-._~", *p))
        {
            fputc(*p, out);

        } else {
            fprintf(out, "%%%02X", *p);
        }
    }
}


char *
ehr_calendar_link(ehr_calendar_service_t service,
    const ehr_calendar_event_t *event)
{
    int                   failed;
    FILE                 *out;
    char                 *text;
    size_t                size;
    const ehr_service_t  *to = &ehr_services[service];

    out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }

    fputs(to->address, out);
    ehr_link_text(out, event->summary ? event->summary : "");
    fputs(to->starts, out);
    ehr_link_time(out, event->starts, to->style);
    fputs(to->ends, out);
    ehr_link_time(out, event->ends, to->style);

    if (event->location && event->location[0]) {
        fputs(to->location, out);
        ehr_link_text(out, event->location);
    }

    failed = ferror(out);

    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }

    return text;
}
