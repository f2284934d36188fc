/*
 * What the booking actions take and give.
 */

#include "../model/describe.h"
#include "booking.h"


/* Every query parameter is a value. */
#define EHR_QUERY  EHR_NOT_NULL

#define EHR_REASON  1000


/* -- queries --------------------------------------------------------------- */


#define EHR_QUERY_FROM(text)                                                 \
    { .name = "from", .column = "from_time", .type = EHR_TYPE_TIMESTAMP,     \
      .flags = EHR_QUERY, .about = text }

#define EHR_QUERY_TO(text)                                                   \
    { .name = "to", .column = "to_time", .type = EHR_TYPE_TIMESTAMP,         \
      .flags = EHR_QUERY, .about = text }

#define EHR_QUERY_DURATION                                                   \
    { .name = "duration", .column = "duration", .type = EHR_TYPE_INTEGER,    \
      .flags = EHR_QUERY, .min = 5, .max = EHR_SLOT_MINUTES, .unit = "min",  \
      .about = "How many minutes the visit takes, a multiple of 5; without " \
               "it as long as each slot is." }

#define EHR_QUERY_ID(key, sql, what, text)                                   \
    { .name = key, .column = sql, .type = EHR_TYPE_UUID,                     \
      .flags = EHR_QUERY, .reference = what, .about = text }


static const ehr_field_t  ehr_slots_of_doctor_fields[] = {
    { .name = "date", .column = "date", .type = EHR_TYPE_DATE,
      .flags = EHR_QUERY,
      .about = "A day in the time zone of the clinic where the slot is." },
    EHR_QUERY_FROM("Slots that start at this time or later; now by default."),
    EHR_QUERY_TO("Slots that start before this time; seven days after from "
                 "by default, 31 at most."),
    EHR_QUERY_DURATION
};

const ehr_resource_t  ehr_input_slots_of_doctor = {
    .name = "slots-of-doctor", .schema = "SlotsOfDoctor",
    EHR_FIELDS(ehr_slots_of_doctor_fields),
    .about = "Which slots of a doctor."
};


static const ehr_field_t  ehr_slots_fields[] = {
    EHR_QUERY_ID("specialty", "specialty", "specialties",
                 "Only doctors of this specialty."),
    EHR_QUERY_ID("clinic", "clinic", "clinics",
                 "Only slots at this clinic."),
    EHR_QUERY_ID("department", "department", "departments",
                 "Only doctors of this department."),
    EHR_QUERY_ID("doctor", "doctor", "doctors", "Only this doctor's."),
    EHR_QUERY_DURATION,
    EHR_QUERY_FROM("Slots that start at this time or later; now by default."),
    EHR_QUERY_TO("Slots that start before this time."),
    { .name = "limit", .column = "limit_", .type = EHR_TYPE_INTEGER,
      .flags = EHR_QUERY, .min = 1, .max = 100,
      .about = "How many slots at most, 20 by default." }
};

const ehr_resource_t  ehr_input_slots = {
    .name = "slots", .schema = "SlotsWanted", EHR_FIELDS(ehr_slots_fields),
    .about = "Which slots of all doctors."
};


static const ehr_field_t  ehr_calendar_fields[] = {
    EHR_QUERY_ID("doctor", "doctor", "doctors", "Only this doctor's."),
    EHR_QUERY_FROM("What is not over by this time; now by default."),
    EHR_QUERY_TO("What begins before this time; seven days after from by "
                 "default, 31 at most.")
};

const ehr_resource_t  ehr_input_calendar = {
    .name = "calendar-period", .schema = "CalendarPeriod",
    EHR_FIELDS(ehr_calendar_fields), .about = "Which part of a calendar."
};


/* -- bodies ---------------------------------------------------------------- */


#define EHR_FIELDS_TIME                                                      \
    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,      \
      .flags = EHR_NOT_NULL, .reference = "doctors",                         \
      .about = "The doctor." },                                              \
    { .name = "start", .column = "starts_at", .type = EHR_TYPE_TIMESTAMP,    \
      .flags = EHR_NOT_NULL,                                                 \
      .about = "When it begins: the start of one of the doctor's slots." },  \
    { .name = "durationMinutes", .column = "duration_minutes",               \
      .type = EHR_TYPE_INTEGER, .flags = EHR_NOT_NULL, .min = 5,             \
      .max = EHR_SLOT_MINUTES, .unit = "min",                                \
      .about = "How long, in steps of five minutes." },                      \
    EHR_FIELDS_ROOM

#define EHR_FIELD_APPOINTMENT                                                \
    { .name = "appointmentId", .column = "appointment_id",                   \
      .type = EHR_TYPE_UUID, .flags = EHR_MUST, .reference = "appointments", \
      .about = "The appointment." }

#define EHR_FIELD_REASON(flag)                                               \
    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,           \
      .flags = (flag), .min = 1, .max = EHR_REASON,                          \
      .about = "Why it is cancelled." }


static const ehr_field_t  ehr_book_fields[] = {
    EHR_FIELD_SLOT,
    EHR_FIELD_HOLD("One's own hold of this time, used up by this.")
};

const ehr_resource_t  ehr_input_book = {
    .name = "book", .schema = "Book", EHR_FIELDS(ehr_book_fields),
    .about = "Which slot, beside the fields of an appointment."
};


static const ehr_field_t  ehr_hold_fields[] = {
    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST, .reference = "patients",
      .about = "For whom the time is held." },
    EHR_FIELDS_TIME,
    EHR_FIELD_SLOT
};

const ehr_resource_t  ehr_input_hold = {
    .name = "hold", .schema = "HoldCreate", EHR_FIELDS(ehr_hold_fields),
    .about = "A time to be held for some minutes."
};


static const ehr_field_t  ehr_reschedule_fields[] = {
    EHR_FIELD_APPOINTMENT,
    EHR_FIELDS_TIME,
    EHR_FIELD_SLOT,
    EHR_FIELD_HOLD("One's own hold of this time, used up by this.")
};

const ehr_resource_t  ehr_input_reschedule = {
    .name = "reschedule", .schema = "Reschedule",
    EHR_FIELDS(ehr_reschedule_fields),
    .about = "An appointment and its new time."
};


static const ehr_field_t  ehr_cancel_fields[] = {
    EHR_FIELD_REASON(EHR_NOT_NULL)
};

const ehr_resource_t  ehr_input_cancel = {
    .name = "cancel", .schema = "Cancel", EHR_FIELDS(ehr_cancel_fields),
    .about = "Why an appointment is cancelled."
};


static const ehr_field_t  ehr_cancel_one_fields[] = {
    EHR_FIELD_APPOINTMENT,
    EHR_FIELD_REASON(EHR_NOT_NULL)
};

const ehr_resource_t  ehr_input_cancel_one = {
    .name = "cancel-one", .schema = "CancelAppointment",
    EHR_FIELDS(ehr_cancel_one_fields),
    .about = "Which appointment is cancelled and why."
};


static const char *const  ehr_moves[] = {
    "CONFIRMED", "ARRIVED", "IN_PROGRESS", "COMPLETED", "CANCELLED",
    "NO_SHOW", NULL
};

static const ehr_field_t  ehr_status_fields[] = {
    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_MUST, .values = ehr_moves,
      .about = "What the appointment becomes." },
    EHR_FIELD_REASON(EHR_NOT_NULL)
};

const ehr_resource_t  ehr_input_status = {
    .name = "status", .schema = "AppointmentStatus",
    EHR_FIELDS(ehr_status_fields),
    .about = "The next status of an appointment; a reason with CANCELLED."
};


/* -- answers --------------------------------------------------------------- */


#define EHR_SHOWN_ID(key, sql, what, text)                                   \
    { .name = key, .column = sql, .type = EHR_TYPE_UUID,                     \
      .flags = EHR_SHOWN, .reference = what, .about = text }

#define EHR_SHOWN_OR_NULL(key, sql, what, text)                              \
    { .name = key, .column = sql, .type = EHR_TYPE_UUID,                     \
      .flags = EHR_READ_ONLY, .reference = what, .about = text }

#define EHR_SHOWN_TIME(key, sql, text)                                       \
    { .name = key, .column = sql, .type = EHR_TYPE_TIMESTAMP,                \
      .flags = EHR_SHOWN, .about = text }

#define EHR_SHOWN_NUMBER(key, sql, text)                                     \
    { .name = key, .column = sql, .type = EHR_TYPE_INTEGER,                  \
      .flags = EHR_SHOWN, .about = text }

#define EHR_SHOWN_TEXT(key, sql, flag, text)                                 \
    { .name = key, .column = sql, .type = EHR_TYPE_TEXT,                     \
      .flags = (flag), .about = text }

#define EHR_SHOWN_START  EHR_SHOWN_TIME("start", "starts_at", "Its start.")
#define EHR_SHOWN_END    EHR_SHOWN_TIME("end", "ends_at", "Its end.")


static const ehr_field_t  ehr_slot_fields[] = {
    EHR_SHOWN_TEXT("id", "id", EHR_SHOWN,
                   "Stands for doctor, start and duration in a booking."),
    EHR_SHOWN_START,
    EHR_SHOWN_END,
    EHR_SHOWN_NUMBER("durationMinutes", "duration_minutes", "How long."),
    EHR_SHOWN_ID("doctorId", "doctor_id", "doctors", "The doctor."),
    EHR_SHOWN_ID("clinicId", "clinic_id", "clinics", "The clinic."),
    EHR_SHOWN_OR_NULL("roomId", "room_id", "rooms", "The room, if known."),
    EHR_SHOWN_NUMBER("free", "free", "How many seats are left.")
};

const ehr_resource_t  ehr_output_slot = {
    .name = "slot", .schema = "Slot", EHR_FIELDS(ehr_slot_fields),
    .about = "A time at which a doctor can be booked."
};


static const ehr_field_t  ehr_held_fields[] = {
    { .name = "holdToken", .column = "hold_token", .type = EHR_TYPE_UUID,
      .flags = EHR_SHOWN,
      .about = "Books what is held, for whoever holds it." },
    EHR_SHOWN_TIME("expiresAt", "expires_at", "Until when it is held.")
};

const ehr_resource_t  ehr_output_hold = {
    .name = "held", .schema = "Hold", EHR_FIELDS(ehr_held_fields),
    .about = "A time that nobody else can book for now."
};


static const ehr_field_t  ehr_shown_appointment_fields[] = {
    EHR_SHOWN_ID("id", "id", "appointments", "Its id."),
    EHR_SHOWN_ID("patientId", "patient_id", "patients", "The patient."),
    EHR_SHOWN_ID("doctorId", "doctor_id", "doctors", "The doctor."),
    EHR_SHOWN_ID("clinicId", "clinic_id", "clinics", "The clinic."),
    EHR_SHOWN_OR_NULL("roomId", "room_id", "rooms", "The room."),
    EHR_SHOWN_START,
    EHR_SHOWN_END,
    EHR_SHOWN_TEXT("type", "type", EHR_SHOWN, "What kind of visit."),
    EHR_SHOWN_TEXT("status", "status", EHR_SHOWN, "How far it is."),
    { .name = "isVirtual", .column = "is_virtual",
      .type = EHR_TYPE_BOOLEAN, .flags = EHR_SHOWN,
      .about = "Whether they meet by video." }
};

static const ehr_resource_t  ehr_shown_appointment = {
    .name = "calendar-appointment", .schema = "CalendarAppointment",
    EHR_FIELDS(ehr_shown_appointment_fields),
    .about = "An appointment as a calendar shows it."
};

static const ehr_field_t  ehr_shown_time_off_fields[] = {
    EHR_SHOWN_ID("id", "id", "schedule-exceptions", "Its id."),
    EHR_SHOWN_TEXT("kind", "kind", EHR_SHOWN, "TIME_OFF or HOLIDAY."),
    EHR_SHOWN_OR_NULL("doctorId", "doctor_id", "doctors",
                      "The doctor; null: all of the clinic."),
    EHR_SHOWN_OR_NULL("clinicId", "clinic_id", "clinics",
                      "The clinic; null: wherever the doctor is."),
    EHR_SHOWN_START,
    EHR_SHOWN_END,
    EHR_SHOWN_TEXT("reason", "reason", EHR_READ_ONLY, "Why.")
};

static const ehr_resource_t  ehr_shown_time_off = {
    .name = "calendar-time-off", .schema = "CalendarTimeOff",
    EHR_FIELDS(ehr_shown_time_off_fields),
    .about = "When a doctor is not there."
};

static const ehr_field_t  ehr_shown_open_fields[] = {
    EHR_SHOWN_ID("doctorId", "doctor_id", "doctors", "The doctor."),
    EHR_SHOWN_ID("clinicId", "clinic_id", "clinics", "The clinic."),
    EHR_SHOWN_OR_NULL("roomId", "room_id", "rooms", "The room."),
    EHR_SHOWN_START,
    EHR_SHOWN_END,
    EHR_SHOWN_NUMBER("slotMinutes", "slot_minutes", "From start to start."),
    EHR_SHOWN_NUMBER("capacity", "capacity", "Seats of each slot.")
};

static const ehr_resource_t  ehr_shown_open = {
    .name = "calendar-open", .schema = "CalendarOpen",
    EHR_FIELDS(ehr_shown_open_fields), .about = "When a doctor is there."
};

#define EHR_SHOWN_LIST(key, sql, of, text)                                   \
    { .name = key, .column = sql, .type = EHR_TYPE_OBJECT_LIST,              \
      .flags = EHR_SHOWN, .shape = &(of), .about = text }

static const ehr_field_t  ehr_calendar_view_fields[] = {
    EHR_SHOWN_LIST("appointments", "appointments", ehr_shown_appointment,
                   "Appointments, by start; patients see their own."),
    EHR_SHOWN_LIST("timeOff", "time_off", ehr_shown_time_off,
                   "When the doctor asked for is not there; for staff."),
    EHR_SHOWN_LIST("open", "open", ehr_shown_open,
                   "When the doctor asked for is there; for staff."),
    { .name = "isComplete", .column = "is_complete",
      .type = EHR_TYPE_BOOLEAN, .flags = EHR_SHOWN,
      .about = "False if there are more appointments: ask for a shorter "
               "time." }
};

const ehr_resource_t  ehr_output_calendar = {
    .name = "calendar", .schema = "Calendar",
    EHR_FIELDS(ehr_calendar_view_fields),
    .about = "A part of a calendar."
};
