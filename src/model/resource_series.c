/*
 * Series of appointments: recurrences of a wall time.
 */

#include "describe.h"


static const char *const  frequencies[] = {
    "DAILY", "WEEKLY", "MONTHLY", NULL
};

static const char *const  conflict_rules[] = { "SKIP", "FAIL", NULL };

static const char *const  types[] = {
    "CONSULTATION", "FOLLOW_UP", "EMERGENCY", NULL
};

static const char *const  outcomes[] = { "BOOKED", "CONFLICT", NULL };


/* -- how it recurs --------------------------------------------------------- */


static const ehr_field_t  recurrence_fields[] = {

    { .name = "frequency", .column = "frequency", .type = EHR_TYPE_ENUM,
      .flags = EHR_MUST, .values = frequencies,
      .about = "What the interval counts." },

    { .name = "interval", .column = "interval", .type = EHR_TYPE_INTEGER,
      .flags = EHR_NOT_NULL, .min = 1, .max = 60,
      .about = "Every how many days, weeks or months; 1 where it is left "
               "out." },

    { .name = "count", .column = "count", .type = EHR_TYPE_INTEGER,
      .flags = EHR_NOT_NULL, .min = 1, .max = 60,
      .about = "How many dates, the first included; this or until." },

    { .name = "until", .column = "until", .type = EHR_TYPE_DATE,
      .flags = EHR_NOT_NULL,
      .about = "The last day it may fall on, in the clinic's time zone; at "
               "most 60 dates." },

    { .name = "byDay", .column = "by_day", .type = EHR_TYPE_TEXT_LIST,
      .flags = EHR_NOT_NULL, .min = 1, .max = 7,
      .about = "WEEKLY: the days among MON, TUE, WED, THU, FRI, SAT and "
               "SUN; the first date's where it is left out." },
};

static const ehr_resource_t  recurrence = {
    .name = "recurrence", .schema = "Recurrence",
    EHR_FIELDS(recurrence_fields),
    .about = "The dates of a series. Each is at the first one's wall time in "
             "the clinic's time zone: a time that a date does not have counts "
             "with the offset before the gap, one that it has twice is the "
             "second. A month without the first date's day is left out."
};


/* -- what became of each date ---------------------------------------------- */


static const ehr_field_t  date_fields[] = {

    { .name = "start", .column = "start", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_SHOWN, .about = "When it would begin." },

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN, .values = outcomes,
      .about = "Whether it was booked." },

    { .name = "appointmentId", .column = "appointment_id",
      .type = EHR_TYPE_UUID, .flags = EHR_READ_ONLY,
      .about = "The appointment, if it was." },

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY,
      .about = "Why not, such as SLOT_TAKEN or OUTSIDE_SCHEDULE." },

    { .name = "busy", .column = "busy", .type = EHR_TYPE_TEXT_LIST,
      .flags = EHR_READ_ONLY, .about = "Which of them were taken." },

    { .name = "nextFree", .column = "next_free",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_READ_ONLY,
      .about = "The doctor's next free start within two weeks." },
};

static const ehr_resource_t  date = {
    .name = "series-date", .schema = "SeriesDate", EHR_FIELDS(date_fields),
    .about = "What became of a date when the series was booked."
};


/* -- the series ------------------------------------------------------------ */


/* In the order of the statement SERIES_BOOK. */
static const ehr_field_t  input_fields[] = {

    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST, .about = "The patient." },

    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST, .about = "The doctor." },

    { .name = "start", .column = "starts_at", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_MUST, .about = "When the first one begins." },

    { .name = "durationMinutes", .column = "duration_minutes",
      .type = EHR_TYPE_INTEGER, .flags = EHR_MUST, .min = 5, .max = 1440,
      .unit = "min", .about = "How long each is." },

    { .name = "type", .column = "type", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL, .values = types,
      .about = "What kind of visit; CONSULTATION where it is left out." },

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .max = 1000, .about = "Why the patient comes." },

    { .name = "recurrence", .column = "recurrence", .type = EHR_TYPE_OBJECT,
      .flags = EHR_MUST, .shape = &recurrence, .about = "How it recurs." },

    { .name = "onConflict", .column = "on_conflict", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL, .values = conflict_rules,
      .about = "SKIP, as where it is left out: dates that cannot be had are "
               "reported and the others booked; FAIL: then none is." },

    EHR_FIELDS_ROOM,

    EHR_FIELD_VIRTUAL,

    EHR_FIELD_HOLD("One's own hold of the first date, used up by this."),
};

const ehr_resource_t  ehr_input_series = {
    .name = "series", .schema = "SeriesBooking", EHR_FIELDS(input_fields),
    .about = "A series to book."
};


static const ehr_field_t  cancel_fields[] = {

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .max = 1000, .about = "Why." },

    { .name = "from", .column = "since", .type = EHR_TYPE_TIMESTAMP,
      .about = "Cancels what begins then or later; now where it is left "
               "out." },
};

const ehr_resource_t  ehr_input_series_cancel = {
    .name = "series-cancel", .schema = "SeriesCancel",
    EHR_FIELDS(cancel_fields),
    .about = "What to cancel of a series."
};


static const ehr_field_t  fields[] = {

    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .flags = EHR_SHOWN, .reference = "patients",
      .about = "The patient." },

    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_SHOWN, .reference = "doctors",
      .about = "The doctor." },

    { .name = "start", .column = "starts_at", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_SHOWN, .about = "When the first one begins." },

    { .name = "timeZone", .column = "time_zone", .type = EHR_TYPE_TEXT,
      .flags = EHR_SHOWN, .format = EHR_FORMAT_TIME_ZONE, .max = 64,
      .about = "The clinic's time zone, in which all keep the same wall "
               "time." },

    { .name = "durationMinutes", .column = "duration_minutes",
      .type = EHR_TYPE_INTEGER, .flags = EHR_SHOWN, .unit = "min",
      .about = "How long each is." },

    { .name = "type", .column = "type", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN, .values = types, .about = "What kind of visit." },

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY, .max = 1000,
      .about = "Why the patient comes." },

    { .name = "recurrence", .column = "recurrence", .type = EHR_TYPE_OBJECT,
      .flags = EHR_SHOWN, .shape = &recurrence, .about = "How it recurs." },

    { .name = "onConflict", .column = "on_conflict", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN, .values = conflict_rules,
      .about = "What was to happen with dates that cannot be had." },

    { .name = "roomId", .column = "room_id", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY, .reference = "rooms",
      .about = "The room that was asked for, for each." },

    { .name = "equipmentIds", .column = "equipment_ids",
      .type = EHR_TYPE_UUID_LIST, .flags = EHR_SHOWN, .max = 10,
      .reference = "equipment", .about = "Machines that each needs." },

    { .name = "isVirtual", .column = "is_virtual",
      .type = EHR_TYPE_BOOLEAN, .flags = EHR_SHOWN,
      .about = "Whether they take place by video." },

    { .name = "booked", .column = "booked", .type = EHR_TYPE_INTEGER,
      .flags = EHR_SHOWN, .about = "How many dates were booked." },

    { .name = "dates", .column = "dates", .type = EHR_TYPE_OBJECT_LIST,
      .flags = EHR_SHOWN, .shape = &date,
      .about = "What became of each date when the series was booked; the "
               "appointments are at /appointments?seriesId=." },

    { .name = "cancelledAt", .column = "cancelled_at",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_READ_ONLY,
      .about = "When what was left of it was cancelled." },
};


const ehr_resource_t  ehr_resource_appointment_series = {
    .name = "appointment-series", .schema = "AppointmentSeries",
    .table = "appointment_series",
    .flags = EHR_PATIENT_OWNED | EHR_NO_DELETE,
    EHR_FIELDS(fields),
    .about = "An appointment that recurs."
};
