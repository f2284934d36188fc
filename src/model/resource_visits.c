/*
 * The visit at the clinic: what its actions take and give.
 */

#include "describe.h"


static const char *const  statuses[] = {
    "SCHEDULED", "CONFIRMED", "RESCHEDULED", "ARRIVED", "IN_PROGRESS", NULL
};

static const char *const  types[] = {
    "CONSULTATION", "FOLLOW_UP", "EMERGENCY", NULL
};

#define FIELD_APPOINTMENT(more)                                              \
    { .name = "appointmentId", .column = "appointment_id",                   \
      .type = EHR_TYPE_UUID, .flags = (more), .about = "The appointment." }

#define FIELD_DOCTOR(key, more)                                              \
    { .name = key, .column = "doctor_id", .type = EHR_TYPE_UUID,             \
      .flags = (more), .about = "The doctor." }

#define FIELD_CLINIC(key, more)                                              \
    { .name = key, .column = "clinic_id", .type = EHR_TYPE_UUID,             \
      .flags = (more), .about = "The clinic." }

#define FIELD_NUMBER(key, col, more, says)                                   \
    { .name = key, .column = col, .type = EHR_TYPE_INTEGER,                  \
      .flags = (more), .about = says }

#define FIELD_TIME(key, col, more, says)                                     \
    { .name = key, .column = col, .type = EHR_TYPE_TIMESTAMP,                \
      .flags = (more), .about = says }

#define FIELD_PACE                                                           \
    { .name = "pace", .column = "pace", .type = EHR_TYPE_DECIMAL,            \
      .scale = 3, .flags = EHR_READ_ONLY,                                    \
      .about = "How long the doctor's visits really take, as a factor of "   \
               "what they were booked for." }


/* -- arriving, beginning, completing --------------------------------------- */


static const ehr_field_t  visit_fields[] = {
    FIELD_APPOINTMENT(EHR_MUST)
};

const ehr_resource_t  ehr_input_visit = {
    .name = "visit", .schema = "Visit", EHR_FIELDS(visit_fields),
    .about = "Whose visit it is."
};


/* -- a follow-up ----------------------------------------------------------- */


static const ehr_field_t  follow_up_fields[] = {

    { .name = "appointmentId", .column = "appointment_id",
      .type = EHR_TYPE_UUID,
      .about = "The appointment that it follows; patient, doctor and length "
               "are its own where they are left out." },

    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .about = "The patient, if it follows none." },

    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .about = "The doctor." },

    { .name = "start", .column = "starts_at", .type = EHR_TYPE_TIMESTAMP,
      .about = "When it begins; this or afterDays." },

    { .name = "afterDays", .column = "days", .type = EHR_TYPE_INTEGER,
      .min = 0, .max = 365,
      .about = "Takes the first free start that many days after the "
               "appointment it follows, or after now." },

    { .name = "durationMinutes", .column = "duration_minutes",
      .type = EHR_TYPE_INTEGER, .min = 5, .max = 1440, .unit = "min",
      .about = "How long it is." },

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .max = 1000, .about = "Why the patient comes again." },

    EHR_FIELDS_ROOM,

    EHR_FIELD_VIRTUAL,

    EHR_FIELD_HOLD("One's own hold of that time, used up by this; with "
                   "start."),

    EHR_FIELD_SLOT
};

const ehr_resource_t  ehr_input_follow_up = {
    .name = "follow-up", .schema = "FollowUp", EHR_FIELDS(follow_up_fields),
    .about = "A follow-up to book."
};


/* -- waiting --------------------------------------------------------------- */


static const ehr_field_t  wait_query_fields[] = {
    FIELD_APPOINTMENT(0), FIELD_DOCTOR("doctor", 0), FIELD_CLINIC("clinic", 0)
};

const ehr_resource_t  ehr_input_wait = {
    .name = "wait-query", .schema = "WaitQuery",
    EHR_FIELDS(wait_query_fields), .about = "One of them."
};


static const ehr_field_t  wait_doctor_fields[] = {
    FIELD_DOCTOR("doctorId", EHR_SHOWN),
    FIELD_NUMBER("waiting", "waiting", EHR_SHOWN, "How many wait."),
    FIELD_NUMBER("waitMinutes", "wait_minutes", EHR_SHOWN,
                 "How long who came now would wait."),
    FIELD_PACE
};

static const ehr_resource_t  wait_doctor = {
    .name = "wait-doctor", .schema = "WaitOfDoctor",
    EHR_FIELDS(wait_doctor_fields), .about = "The queue of one doctor."
};

static const ehr_field_t  wait_fields[] = {
    FIELD_APPOINTMENT(EHR_READ_ONLY),
    FIELD_DOCTOR("doctorId", EHR_READ_ONLY),
    FIELD_CLINIC("clinicId", EHR_READ_ONLY),
    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_READ_ONLY, .values = statuses,
      .about = "How far the appointment is." },
    FIELD_NUMBER("queueNumber", "queue_number", EHR_READ_ONLY,
                 "The number to be called by."),
    FIELD_NUMBER("place", "place", EHR_READ_ONLY,
                 "The place in the queue; 0: being seen."),
    FIELD_NUMBER("waiting", "waiting", EHR_SHOWN,
                 "How many are before, or, without an appointment, wait."),
    FIELD_NUMBER("waitMinutes", "wait_minutes", EHR_SHOWN,
                 "How long one waits: from now, or from the start of an "
                 "appointment to come; at a clinic with the longest of its "
                 "queues."),
    FIELD_TIME("expectedStart", "expected_start", EHR_READ_ONLY,
               "When one is seen."),
    FIELD_PACE,
    { .name = "doctors", .column = "doctors", .type = EHR_TYPE_OBJECT_LIST,
      .flags = EHR_READ_ONLY, .shape = &wait_doctor,
      .about = "Without an appointment: each doctor who has a queue." }
};

const ehr_resource_t  ehr_output_wait = {
    .name = "wait", .schema = "WaitTime", EHR_FIELDS(wait_fields),
    .about = "How long one waits, by the queue and the doctor's pace."
};


/* -- the queue ------------------------------------------------------------- */


static const ehr_field_t  queue_query_fields[] = {
    FIELD_DOCTOR("doctor", 0), FIELD_CLINIC("clinic", 0)
};

const ehr_resource_t  ehr_input_queue = {
    .name = "queue-query", .schema = "QueueQuery",
    EHR_FIELDS(queue_query_fields), .about = "One of them, or both."
};


static const ehr_field_t  queue_fields[] = {
    FIELD_APPOINTMENT(EHR_SHOWN),
    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .flags = EHR_SHOWN, .about = "The patient." },
    FIELD_DOCTOR("doctorId", EHR_SHOWN),
    FIELD_CLINIC("clinicId", EHR_READ_ONLY),
    FIELD_NUMBER("queueNumber", "queue_number", EHR_READ_ONLY,
                 "The number to be called by."),
    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN, .values = statuses,
      .about = "ARRIVED or IN_PROGRESS." },
    { .name = "type", .column = "type", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN, .values = types, .about = "What kind of visit." },
    FIELD_TIME("start", "starts_at", EHR_SHOWN, "The appointment's time."),
    FIELD_TIME("arrivedAt", "arrived_at", EHR_READ_ONLY,
               "When the patient came."),
    FIELD_TIME("beganAt", "began_at", EHR_READ_ONLY,
               "When the visit began."),
    FIELD_NUMBER("place", "place", EHR_SHOWN,
                 "The place in the doctor's queue; 0: being seen."),
    FIELD_TIME("expectedStart", "expected_start", EHR_READ_ONLY,
               "When the patient is seen."),
    FIELD_NUMBER("waitMinutes", "wait_minutes", EHR_SHOWN,
                 "How long the patient still waits.")
};

const ehr_resource_t  ehr_output_queue = {
    .name = "queue", .schema = "QueueEntry", EHR_FIELDS(queue_fields),
    .about = "A patient who is there."
};
