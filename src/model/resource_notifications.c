/*
 * Notifications: what somebody should know.
 */

#include "describe.h"


static const char *const  types[] = {
    "BOOKING_CONFIRMATION", "REMINDER", "PRESCRIPTION", "PAYMENT", "GENERAL",
    NULL
};


static const ehr_field_t  fields[] = {

    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY | EHR_FILTER, .reference = "patients",
      .about = "The patient it is about." },

    { .name = "type", .column = "type", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN | EHR_FILTER, .values = types,
      .about = "What kind of news it is." },

    { .name = "message", .column = "message", .type = EHR_TYPE_TEXT,
      .flags = EHR_SHOWN | EHR_FILTER, .format = EHR_FORMAT_NAME_KEY,
      .max = 64, .about = "The news, such as APPOINTMENT_BOOKED." },

    { .name = "data", .column = "data", .type = EHR_TYPE_OBJECT,
      .flags = EHR_SHOWN,
      .about = "Ids of what it is about, such as appointmentId." },

    { .name = "readAt", .column = "read_at", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_READ_ONLY, .about = "When it was read; null: not yet." },
};


const ehr_resource_t  ehr_resource_notifications = {
    .name = "notifications", .schema = "Notification",
    .table = "notifications",
    .flags = EHR_NO_DELETE | EHR_NO_VERSION,
    EHR_FIELDS(fields),
    .sort = "-createdAt",
    .scope = "t.user_id = ehr.actor()",
    .about = "Something that the account's owner should know."
};
