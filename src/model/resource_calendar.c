/*
 * Private feeds of a calendar.
 */

#include "describe.h"


static const ehr_field_t  calendar_feed_fields[] = {

    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY | EHR_FILTER, .reference = "doctors",
      .about = "Whose appointments it shows; null: the account's own and "
               "linked family's." },

    { .name = "name", .column = "name", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY, .format = EHR_FORMAT_LINE, .max = 100,
      .about = "What the calendar is called where it is subscribed to." },

    { .name = "userId", .column = "user_id", .type = EHR_TYPE_UUID,
      .flags = EHR_SHOWN, .reference = "users",
      .about = "The account that made it and whose permissions it has." },
};


const ehr_resource_t  ehr_resource_calendar_feeds = {
    .name = "calendar-feeds", .schema = "CalendarFeed",
    .table = "calendar_feeds",
    EHR_FIELDS(calendar_feed_fields),
    .sort = "-createdAt",
    .about = "An address at which a calendar program reads appointments."
};
