/* build: src/documents/calendar.c src/documents/calendar_link.c -lical -lcmocka */

#include "../../../src/documents/calendar.h"

#include <libical/ical.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>


static const ehr_calendar_event_t  visit = {
    .id = "3f2f0b52-9d1c-4b7a-8f10-0a54b1c7d001",
    .starts = 1795249800, .ends = 1795251600,       /* 2026-11-21 08:30 */
    .changed = 1790000000, .version = 3,
    .summary = "Appointment with Ana Núñez",
    .location = "Clínica Norte, Calle Mayor 1; Madrid",
    .organizer_id = "7b0a2c4e-1111-4222-8333-444455556666",
    .organizer = "Clínica \"Norte\": Madrid",
};


/* A whole calendar of one event, as libical reads it. */

static char *
calendar_text(const char *name, const ehr_calendar_event_t *event)
{
    char    *head, *body, *text;
    size_t   size;

    head = ehr_calendar_head(name);
    body = ehr_calendar_event(event);
    assert_non_null(head);
    assert_non_null(body);

    size = strlen(head) + strlen(body) + sizeof(EHR_CALENDAR_TAIL);
    text = malloc(size);
    assert_non_null(text);

    strcpy(text, head);
    strcat(text, body);
    strcat(text, EHR_CALENDAR_TAIL);

    free(head);
    free(body);

    return text;
}


static icalcomponent *
read_back(const char *name, const ehr_calendar_event_t *event)
{
    char           *text;
    icalcomponent  *calendar;

    text = calendar_text(name, event);
    calendar = icalparser_parse_string(text);
    free(text);

    assert_non_null(calendar);
    assert_int_equal(icalcomponent_count_errors(calendar), 0);
    assert_int_equal(icalrestriction_check(calendar), 1);
    assert_int_equal(icalcomponent_count_errors(calendar), 0);
    assert_int_equal(
        icalcomponent_count_components(calendar, ICAL_VEVENT_COMPONENT), 1);

    return calendar;
}


/* The value of a property of the event, or of the calendar. */

static const char *
value_of(icalcomponent *component, icalproperty_kind kind)
{
    icalproperty  *property;

    if (icalcomponent_isa(component) == ICAL_VCALENDAR_COMPONENT
        && kind != ICAL_METHOD_PROPERTY && kind != ICAL_NAME_PROPERTY)
    {
        component = icalcomponent_get_first_component(component,
            ICAL_VEVENT_COMPONENT);
    }

    property = icalcomponent_get_first_property(component, kind);

    return property ? icalproperty_get_value_as_string(property) : NULL;
}


static void
an_event_says_what_it_was_given(void **state)
{
    icalcomponent  *calendar;

    (void) state;

    calendar = read_back(NULL, &visit);

    assert_string_equal(value_of(calendar, ICAL_METHOD_PROPERTY), "PUBLISH");
    assert_string_equal(value_of(calendar, ICAL_UID_PROPERTY), visit.id);
    assert_string_equal(value_of(calendar, ICAL_DTSTART_PROPERTY),
        "20261121T083000Z");
    assert_string_equal(value_of(calendar, ICAL_DTEND_PROPERTY),
        "20261121T090000Z");
    assert_string_equal(value_of(calendar, ICAL_DTSTAMP_PROPERTY),
        "20260921T141320Z");
    assert_string_equal(value_of(calendar, ICAL_LASTMODIFIED_PROPERTY),
        "20260921T141320Z");
    assert_string_equal(value_of(calendar, ICAL_SEQUENCE_PROPERTY), "2");
    assert_string_equal(value_of(calendar, ICAL_STATUS_PROPERTY),
        "CONFIRMED");
    assert_string_equal(value_of(calendar, ICAL_CLASS_PROPERTY), "PRIVATE");
    assert_string_equal(value_of(calendar, ICAL_SUMMARY_PROPERTY),
        "Appointment with Ana Núñez");
    assert_string_equal(value_of(calendar, ICAL_LOCATION_PROPERTY),
        "Clínica Norte\\, Calle Mayor 1\\; Madrid");
    assert_null(value_of(calendar, ICAL_URL_PROPERTY));
    assert_null(value_of(calendar, ICAL_DESCRIPTION_PROPERTY));
    assert_string_equal(value_of(calendar, ICAL_ORGANIZER_PROPERTY),
        "urn:uuid:7b0a2c4e-1111-4222-8333-444455556666");

    icalcomponent_free(calendar);
}


static void
what_is_cancelled_or_virtual_says_so(void **state)
{
    icalcomponent         *calendar;
    ehr_calendar_event_t   event = visit;

    (void) state;

    event.cancelled = 1;
    event.location = "";
    event.url = "https://meet.example/room?x=1&y=2;z,a";

    calendar = read_back(NULL, &event);
    assert_string_equal(value_of(calendar, ICAL_STATUS_PROPERTY),
        "CANCELLED");
    assert_null(value_of(calendar, ICAL_LOCATION_PROPERTY));
    assert_string_equal(value_of(calendar, ICAL_URL_PROPERTY), event.url);
    icalcomponent_free(calendar);
}


static void
a_subscribed_calendar_has_a_name_and_is_read_again(void **state)
{
    char           *text;
    icalcomponent  *calendar;

    (void) state;

    calendar = read_back("Dr. \"A\"; B, C\n\x01", &visit);
    assert_string_equal(value_of(calendar, ICAL_NAME_PROPERTY),
        "Dr. \"A\"\\; B\\, C");
    icalcomponent_free(calendar);

    text = calendar_text("Appointments", &visit);
    assert_non_null(strstr(text,
        "\r\nREFRESH-INTERVAL;VALUE=DURATION:PT15M\r\n"));
    assert_non_null(strstr(text, "\r\nX-PUBLISHED-TTL:PT15M\r\n"));
    assert_non_null(strstr(text, "\r\nX-WR-CALNAME:Appointments\r\n"));
    free(text);
}


/* Nothing in a text can end its line and begin another property. */

static void
no_text_leaves_its_line(void **state)
{
    char                  *text;
    icalcomponent         *calendar, *component;
    ehr_calendar_event_t   event = visit;

    (void) state;

    event.summary = "a\r\nATTENDEE:mailto:x@y.example\nb\x01\x7f\tc";
    event.location = "END:VEVENT\r\nEND:VCALENDAR\r\n";
    event.url = "https://a.example/\r\nDESCRIPTION:x";
    event.organizer = "a\"\r\nCOMMENT:x\r\n";

    calendar = read_back(NULL, &event);
    component = icalcomponent_get_first_component(calendar,
        ICAL_VEVENT_COMPONENT);
    assert_int_equal(icalcomponent_count_properties(component,
        ICAL_ANY_PROPERTY), 12);
    assert_string_equal(value_of(calendar, ICAL_SUMMARY_PROPERTY),
        "a  ATTENDEE:mailto:x@y.example b   c");
    icalcomponent_free(calendar);

    text = calendar_text(NULL, &event);
    assert_null(strchr(text, '\x01'));
    assert_null(strstr(text, "\nATTENDEE"));
    assert_null(strstr(text, "\nDESCRIPTION"));
    assert_null(strstr(text, "\nCOMMENT"));
    free(text);
}


/* RFC 5545 3.1: at most 75 octets, and here no character cut in two. */

static void
long_lines_are_folded(void **state)
{
    int                    i;
    char                  *text, *line, *end, summary[401] = "";
    icalcomponent         *calendar;
    ehr_calendar_event_t   event = visit;

    (void) state;

    for (i = 0; i < 100; i++) {
        strcat(summary, "\xf0\x9f\xa9\xba");
    }

    event.summary = summary;

    text = calendar_text(NULL, &event);
    assert_string_equal(text + strlen(text) - 2, "\r\n");

    for (line = text; *line; line = end + 2) {
        end = strstr(line, "\r\n");
        assert_non_null(end);
        assert_true(end - line <= 75);
        assert_int_not_equal((unsigned char) line[0] & 0xc0, 0x80);
        assert_true(line[0] != ' '
                    || ((unsigned char) line[1] & 0xc0) != 0x80);
    }

    free(text);

    calendar = read_back(NULL, &event);
    assert_string_equal(value_of(calendar, ICAL_SUMMARY_PROPERTY), summary);
    icalcomponent_free(calendar);
}


static void
the_same_appointment_is_the_same_text(void **state)
{
    char                  *one, *other;
    ehr_calendar_event_t   event = visit;

    (void) state;

    one = ehr_calendar_event(&visit);
    other = ehr_calendar_event(&event);
    assert_string_equal(one, other);
    free(other);

    event.version++;
    other = ehr_calendar_event(&event);
    assert_string_not_equal(one, other);
    free(other);
    free(one);
}


static void
links_open_the_services_forms(void **state)
{
    int                    i;
    char                  *link;
    ehr_calendar_event_t   event = visit;

    static const char *const  expected[EHR_CALENDAR_SERVICES][2] = {
        { "google",
          "https://calendar.google.com/calendar/render?action=TEMPLATE"
          "&text=A%20%26%20%C3%B1%23"
          "&dates=20261121T083000Z%2F20261121T090000Z"
          "&location=Calle%20Mayor%201%2C%20Madrid" },
        { "outlook",
          "https://outlook.live.com/calendar/0/action/compose?rru=addevent"
          "&subject=A%20%26%20%C3%B1%23"
          "&startdt=2026-11-21T08%3A30%3A00Z"
          "&enddt=2026-11-21T09%3A00%3A00Z"
          "&location=Calle%20Mayor%201%2C%20Madrid" },
        { "office365",
          "https://outlook.office.com/calendar/0/action/compose?rru=addevent"
          "&subject=A%20%26%20%C3%B1%23"
          "&startdt=2026-11-21T08%3A30%3A00Z"
          "&enddt=2026-11-21T09%3A00%3A00Z"
          "&location=Calle%20Mayor%201%2C%20Madrid" },
        { "yahoo",
          "https://calendar.yahoo.com/?v=60&title=A%20%26%20%C3%B1%23"
          "&st=20261121T083000Z&et=20261121T090000Z"
          "&in_loc=Calle%20Mayor%201%2C%20Madrid" },
    };

    (void) state;

    event.summary = "A & ñ#";
    event.location = "Calle Mayor 1, Madrid";
    event.url = "https://meet.example/secret";

    for (i = 0; i < EHR_CALENDAR_SERVICES; i++) {
        link = ehr_calendar_link(i, &event);
        assert_string_equal(ehr_calendar_service(i), expected[i][0]);
        assert_string_equal(link, expected[i][1]);
        free(link);
    }

    event.location = NULL;
    link = ehr_calendar_link(EHR_CALENDAR_GOOGLE, &event);
    assert_null(strstr(link, "location"));
    free(link);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(an_event_says_what_it_was_given),
        cmocka_unit_test(what_is_cancelled_or_virtual_says_so),
        cmocka_unit_test(a_subscribed_calendar_has_a_name_and_is_read_again),
        cmocka_unit_test(no_text_leaves_its_line),
        cmocka_unit_test(long_lines_are_folded),
        cmocka_unit_test(the_same_appointment_is_the_same_text),
        cmocka_unit_test(links_open_the_services_forms),
    };

    ehr_calendar_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
