/*
 * When doctors are there, what else is booked, and appointments.
 */

#include "describe.h"


static const char *const  exception_kinds[] = {
    "TIME_OFF", "HOLIDAY", "EXTRA_HOURS", NULL
};

static const char *const  types[] = {
    "CONSULTATION", "FOLLOW_UP", "EMERGENCY", NULL
};

static const char *const  statuses[] = {
    "SCHEDULED", "CONFIRMED", "RESCHEDULED", "ARRIVED", "IN_PROGRESS",
    "COMPLETED", "CANCELLED", "NO_SHOW", NULL
};


static const ehr_field_t  equipment_fields[] = {

    { .name = "clinicId", .column = "clinic_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST | EHR_FILTER, .reference = "clinics",
      .about = "The clinic it is at." },

    { .name = "name", .column = "name", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 100,
      .about = "What people call it, unique in its clinic." },

    { .name = "kind", .column = "kind", .type = EHR_TYPE_TEXT,
      .flags = EHR_FILTER, .format = EHR_FORMAT_LINE, .min = 1, .max = 100,
      .about = "Such as Ultrasound or ECG." },

    { .name = "serialNumber", .column = "serial_number",
      .type = EHR_TYPE_TEXT, .format = EHR_FORMAT_LINE, .min = 1,
      .max = 100, .about = "The maker's number." },
};


const ehr_resource_t  ehr_resource_equipment = {
    .name = "equipment", .schema = "Equipment", .table = "equipment",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(equipment_fields),
    .sort = "name",
    .about = "A machine that is booked for an appointment."
};


static const ehr_field_t  schedule_fields[] = {

    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST | EHR_IMMUTABLE | EHR_FILTER,
      .reference = "doctors", .about = "Whose hours they are." },

    { .name = "clinicId", .column = "clinic_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST | EHR_FILTER, .reference = "clinics",
      .about = "Where the doctor is then; the times are in its time zone." },

    { .name = "roomId", .column = "room_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "rooms",
      .about = "The room of the clinic, booked along where it is free." },

    { .name = "dayOfWeek", .column = "day_of_week",
      .type = EHR_TYPE_INTEGER, .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .min = 1, .max = 7, .about = "1 Monday to 7 Sunday." },

    { .name = "startTime", .column = "start_time", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST, .format = EHR_FORMAT_WALL_TIME, .max = 5,
      .about = "From when, as the clock of the clinic shows it." },

    { .name = "endTime", .column = "end_time", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST, .format = EHR_FORMAT_WALL_TIME, .max = 5,
      .about = "Until when; 24:00 is midnight." },

    { .name = "slotMinutes", .column = "slot_minutes",
      .type = EHR_TYPE_INTEGER, .flags = EHR_NOT_NULL, .min = 5,
      .max = 480, .unit = "min", .fallback = "30",
      .about = "From one start to the next, a multiple of 5; as long as an "
               "appointment is unless asked otherwise." },

    { .name = "capacity", .column = "capacity", .type = EHR_TYPE_INTEGER,
      .flags = EHR_NOT_NULL, .min = 1, .max = 500, .fallback = "1",
      .about = "How many patients a slot takes." },

    /* a trigger knows what day it is at the clinic */
    { .name = "validFrom", .column = "valid_from", .type = EHR_TYPE_DATE,
      .flags = EHR_NOT_NULL, .fallback = "NULL",
      .about = "The first day; today at the clinic if it is left out." },

    { .name = "validTo", .column = "valid_to", .type = EHR_TYPE_DATE,
      .about = "The last day; null: for good." },
};


const ehr_resource_t  ehr_resource_schedules = {
    .name = "schedules", .schema = "DoctorSchedule",
    .table = "doctor_schedules",
    .flags = EHR_ADDITIONAL_DATA,
    .parent = "doctors", .parent_field = "doctorId",
    EHR_FIELDS(schedule_fields),
    .sort = "dayOfWeek",
    .about = "When a doctor is there, every week."
};


static const ehr_field_t  exception_fields[] = {

    { .name = "kind", .column = "kind", .type = EHR_TYPE_ENUM,
      .flags = EHR_MUST | EHR_FILTER, .values = exception_kinds,
      .about = "TIME_OFF and HOLIDAY close what is open otherwise, "
               "EXTRA_HOURS open more." },

    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_IMMUTABLE | EHR_FILTER, .reference = "doctors",
      .about = "Whose time it is; null: of all doctors at the clinic." },

    { .name = "clinicId", .column = "clinic_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "clinics",
      .about = "Which clinic; null: the doctor everywhere.  EXTRA_HOURS "
               "need both." },

    { .name = "start", .column = "starts_at", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_MUST | EHR_RANGE | EHR_SORT,
      .about = "From when, a multiple of 5 minutes." },

    { .name = "end", .column = "ends_at", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_MUST | EHR_RANGE,
      .about = "Until when; EXTRA_HOURS are 24 hours at most." },

    { .name = "roomId", .column = "room_id", .type = EHR_TYPE_UUID,
      .reference = "rooms", .about = "Of EXTRA_HOURS: the room." },

    { .name = "slotMinutes", .column = "slot_minutes",
      .type = EHR_TYPE_INTEGER, .min = 5, .max = 480, .unit = "min",
      .about = "Of EXTRA_HOURS: from one start to the next, otherwise 30." },

    { .name = "capacity", .column = "capacity", .type = EHR_TYPE_INTEGER,
      .min = 1, .max = 500,
      .about = "Of EXTRA_HOURS: how many patients a slot takes, "
               "otherwise 1." },

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .max = 500, .read = EHR_MAY_WRITE_SCHEDULES,
      .about = "Why; for those who plan." },
};


const ehr_resource_t  ehr_resource_schedule_exceptions = {
    .name = "schedule-exceptions", .schema = "ScheduleException",
    .table = "schedule_exceptions",
    .flags = EHR_ADDITIONAL_DATA,
    .parent = "doctors", .parent_field = "doctorId",
    EHR_FIELDS(exception_fields),
    .sort = "start",
    .about = "Time off, a holiday or extra hours of a doctor or a clinic."
};


/* What is booked together, and what moving it changes, is claimed by
 * functions of the database (sql/migrations/0009_appointments.sql). */
static const ehr_field_t  appointment_fields[] = {

    EHR_FIELD_PATIENT,

    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_NOT_NULL | EHR_FILTER, .reference = "doctors",
      .about = "The doctor; slotId may say it too." },

    { .name = "clinicId", .column = "clinic_id", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY | EHR_FILTER, .reference = "clinics",
      .about = "The clinic where the doctor is then." },

    { .name = "start", .column = "starts_at", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_NOT_NULL | EHR_RANGE | EHR_SORT,
      .about = "When it begins: one of the doctor's slots; slotId may say it "
               "too." },

    { .name = "end", .column = "ends_at", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_SHOWN, .about = "When it ends." },

    { .name = "durationMinutes", .column = "duration_minutes",
      .type = EHR_TYPE_INTEGER, .flags = EHR_NOT_NULL, .min = 5,
      .max = 1440, .unit = "min",
      .about = "How long it is, a multiple of 5; otherwise a slot." },

    { .name = "type", .column = "type", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_IMMUTABLE | EHR_FILTER, .values = types,
      .fallback = "'CONSULTATION'", .about = "What kind of visit it is." },

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN | EHR_FILTER, .values = statuses,
      .about = "SCHEDULED, CONFIRMED or RESCHEDULED before the visit; then "
               "ARRIVED, IN_PROGRESS, COMPLETED; or CANCELLED, NO_SHOW." },

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .max = 1000, .about = "Why the patient comes." },

    { .name = "roomId", .column = "room_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "rooms",
      .about = "The room; without one asked for, that of the doctor's hours "
               "if it is free." },

    { .name = "equipmentIds", .column = "equipment_ids",
      .type = EHR_TYPE_UUID_LIST, .flags = EHR_NOT_NULL, .max = 10,
      .reference = "equipment", .fallback = "'{}'",
      .about = "Machines that are needed." },

    { .name = "isVirtual", .column = "is_virtual",
      .type = EHR_TYPE_BOOLEAN, .flags = EHR_NOT_NULL | EHR_FILTER,
      .fallback = "false", .about = "Whether it takes place by video." },

    { .name = "meetingUrl", .column = "meeting_url", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY, .format = EHR_FORMAT_URL, .max = 2000,
      .about = "Where a virtual visit takes place." },

    { .name = "overbookReason", .column = "overbook_reason",
      .type = EHR_TYPE_TEXT, .flags = EHR_IMMUTABLE, .min = 1, .max = 500,
      .write = EHR_MAY_WRITE_APPOINTMENTS,
      .about = "Why an EMERGENCY is squeezed in, if it is." },

    { .name = "seat", .column = "seat", .type = EHR_TYPE_INTEGER,
      .flags = EHR_SHOWN,
      .about = "Which of the slot's places it has; from 1000 on it is "
               "overbooked." },

    { .name = "seriesId", .column = "series_id", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY | EHR_FILTER,
      .about = "What series it is part of." },

    { .name = "followUpOf", .column = "follow_up_of", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY | EHR_FILTER, .reference = "appointments",
      .about = "The appointment it follows." },

    { .name = "cancelReason", .column = "cancel_reason",
      .type = EHR_TYPE_TEXT, .flags = EHR_READ_ONLY, .max = 1000,
      .about = "Why it was cancelled." },

    { .name = "queueNumber", .column = "queue_number",
      .type = EHR_TYPE_INTEGER, .flags = EHR_READ_ONLY,
      .about = "The number to be called by, from arrival on." },

    { .name = "arrivedAt", .column = "arrived_at",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_READ_ONLY,
      .about = "When the patient arrived." },

    { .name = "beganAt", .column = "began_at", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_READ_ONLY, .about = "When the visit began." },

    { .name = "completedAt", .column = "completed_at",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_READ_ONLY,
      .about = "When the visit was over." },

    { .name = "cancelledAt", .column = "cancelled_at",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_READ_ONLY,
      .about = "When it was cancelled, or marked as missed." },

    { .name = "needsAttention", .column = "needs_attention",
      .type = EHR_TYPE_BOOLEAN, .flags = EHR_SHOWN | EHR_FILTER,
      .about = "Whether a change of the schedule left it without a place." },
};


/* EHR_APPOINTMENT_PAST is its place. */
static const ehr_condition_t  appointment_conditions[] = {

    { { .name = "past", .type = EHR_TYPE_BOOLEAN,
        .about = "true: what has begun, or will not any more; false: what is "
                 "to come." },
      .where = "(t.starts_at <= now()"
               " OR t.status IN ('CANCELLED', 'NO_SHOW')) = $q" },

    { .where = NULL }
};


const ehr_resource_t  ehr_resource_appointments = {
    .name = "appointments", .schema = "Appointment",
    .table = "appointments",
    .flags = EHR_PATIENT_OWNED | EHR_ADDITIONAL_DATA,
    .parent = "patients", .parent_field = "patientId",
    EHR_FIELDS(appointment_fields),
    .sort = "start",
    .conditions = appointment_conditions,
    .about = "A patient's time with a doctor."
};
