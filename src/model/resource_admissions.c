/*
 * Lying in: admissions, where a patient lay during one, and what the actions
 * on them take.
 */

#include "describe.h"


static const char *const  statuses[] = {
    "PLANNED", "WAITING", "ADMITTED", "ON_LEAVE", "DISCHARGED", "CANCELLED",
    NULL
};

static const char *const  types[] = {
    "EMERGENCY", "ELECTIVE", "TRANSFER_IN", "NEWBORN", "OBSERVATION", NULL
};

static const char *const  dispositions[] = {
    "HOME", "TRANSFERRED", "HOSPICE", "REHABILITATION", "AGAINST_ADVICE",
    "DECEASED", "OTHER", NULL
};

static const char *const  steps[] = { "ORDERED", "DONE", "WITHDRAWN", NULL };

static const char *const  kinds[] = {
    "ADMIT", "TRANSFER", "SWAP", "ROOM_IN", NULL
};

#define REASON  1000

#define FIELD_DIAGNOSIS(more)                                                \
    { .name = "diagnosis", .column = "diagnosis", .type = EHR_TYPE_TEXT,     \
      .min = 1, .max = 1000, more                                            \
      .about = "Why the patient lies in." }

#define FIELD_DIAGNOSIS_CODE(more)                                           \
    { .name = "diagnosisCode", .column = "diagnosis_code",                   \
      .type = EHR_TYPE_TEXT, .format = EHR_FORMAT_CODE, .min = 3, .max = 8,  \
      more                                                                   \
      .about = "The same in ICD-10-CM, such as J18.9." }

#define FIELD_EXPECTED_DISCHARGE(more)                                       \
    { .name = "expectedDischarge", .column = "expected_discharge_at",        \
      .type = EHR_TYPE_TIMESTAMP, .flags = (more),                           \
      .about = "When the patient is expected to go." }

/* For those who see the clinical record. */
#define CLINICAL                                                             \
    .read = EHR_MAY_READ_RECORD, .write = EHR_MAY_READ_RECORD,

#define TIME(key, col, more, says)                                           \
    { .name = key, .column = col, .type = EHR_TYPE_TIMESTAMP,                \
      .flags = (more), .about = says }

#define ID(key, col, what, more, says)                                       \
    { .name = key, .column = col, .type = EHR_TYPE_UUID, .flags = (more),    \
      .reference = what, .about = says }


/* -- admissions ------------------------------------------------------------ */


/* Acts are functions of the database (sql/migrations/0014_inpatient.sql);
 * PATCH changes only what is no part of them. */
static const ehr_field_t  fields[] = {

    EHR_FIELD_PATIENT,

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN | EHR_FILTER, .values = statuses,
      .about = "PLANNED or WAITING before; ADMITTED and ON_LEAVE while a bed "
               "is the patient's; then DISCHARGED, or CANCELLED." },

    { .name = "type", .column = "type", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN | EHR_FILTER, .values = types,
      .about = "How it came about." },

    ID("bedId", "bed_id", "beds", EHR_READ_ONLY | EHR_FILTER,
       "Where the patient lies, or the bed that is reserved or offered; null "
       "once it is over."),

    ID("wardId", "ward_id", "wards", EHR_READ_ONLY | EHR_FILTER,
       "The ward of that bed; once it is over, of the last one."),

    ID("admittingDoctorId", "admitting_doctor_id", "doctors", EHR_FILTER,
       "Who admits the patient, and is of the care team from then on."),

    FIELD_DIAGNOSIS(CLINICAL),
    FIELD_DIAGNOSIS_CODE(CLINICAL),
    FIELD_EXPECTED_DISCHARGE(EHR_RANGE),

    ID("appointmentId", "appointment_id", "appointments",
       EHR_READ_ONLY | EHR_FILTER, "The appointment it came from."),

    ID("motherAdmissionId", "mother_admission_id", "admissions",
       EHR_READ_ONLY | EHR_FILTER,
       "Of a newborn: the mother's admission, whose bed it shares."),

    TIME("plannedStart", "planned_start", EHR_READ_ONLY | EHR_RANGE,
         "When it is to begin; the bed is reserved from then on."),
    TIME("plannedEnd", "planned_end", EHR_READ_ONLY,
         "Until when the bed is reserved, if that was said."),
    TIME("admittedAt", "admitted_at", EHR_READ_ONLY | EHR_RANGE,
         "When the patient was admitted."),
    TIME("leaveSince", "leave_since", EHR_READ_ONLY,
         "Since when the patient is on leave."),
    TIME("leaveUntil", "leave_until", EHR_READ_ONLY,
         "Until when."),
    TIME("dischargeOrderedAt", "discharge_ordered_at", EHR_READ_ONLY,
         "When the discharge was ordered; the bed is the patient's until it "
         "is done."),
    ID("dischargeOrderedBy", "discharge_ordered_by", "users", EHR_READ_ONLY,
       "Who ordered it."),
    TIME("dischargedAt", "discharged_at", EHR_READ_ONLY | EHR_RANGE,
         "When the patient left."),

    { .name = "disposition", .column = "disposition", .type = EHR_TYPE_ENUM,
      .flags = EHR_READ_ONLY | EHR_FILTER, .values = dispositions,
      .about = "Where to." },

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY, .max = REASON, .about = "Why this bed." },

    { .name = "leaveReason", .column = "leave_reason",
      .type = EHR_TYPE_TEXT, .flags = EHR_READ_ONLY, .max = REASON,
      .about = "Why the patient is on leave." },

    { .name = "dischargeReason", .column = "discharge_reason",
      .type = EHR_TYPE_TEXT, .flags = EHR_READ_ONLY, .max = REASON,
      .about = "Why the patient was discharged, or is to be." },

    { .name = "cancelReason", .column = "cancel_reason",
      .type = EHR_TYPE_TEXT, .flags = EHR_READ_ONLY, .max = REASON,
      .about = "Why it was cancelled." },

    TIME("offerExpiresAt", "offer_expires_at", EHR_READ_ONLY,
         "WAITING: until when bedId is offered; admit takes it."),

    ID("wantedHospitalId", "wanted_hospital_id", "hospitals", EHR_READ_ONLY,
       "What was asked for: the hospital."),
    ID("wantedWardId", "wanted_ward_id", "wards", EHR_READ_ONLY | EHR_FILTER,
       "What was asked for: the ward."),
    ID("wantedRoomClassId", "wanted_room_class_id", "room-classes",
       EHR_READ_ONLY, "What was asked for: the kind of room."),

    { .name = "wantedIsolation", .column = "wanted_isolation",
      .type = EHR_TYPE_BOOLEAN, .flags = EHR_READ_ONLY,
      .about = "What was asked for: whether to isolate the patient." },

    { .name = "wantedEquipment", .column = "wanted_equipment",
      .type = EHR_TYPE_TEXT_LIST, .flags = EHR_READ_ONLY, .max = 10,
      .values = ehr_bed_equipment,
      .about = "What was asked for: what must be at the bed." },
};


const ehr_resource_t  ehr_resource_admissions = {
    .name = "admissions", .schema = "Admission", .table = "admissions",
    .flags = EHR_PATIENT_OWNED | EHR_ADDITIONAL_DATA,
    .parent = "patients", .parent_field = "patientId",
    EHR_FIELDS(fields),
    .sort = "-createdAt",
    .about = "A patient's stay, planned, under way or over."
};


/* -- where the patient lay ------------------------------------------------- */


static const ehr_field_t  movement_fields[] = {

    ID("admissionId", "admission_id", "admissions",
       EHR_MUST | EHR_IMMUTABLE, "The admission."),
    ID("patientId", "patient_id", "patients", EHR_SHOWN, "The patient."),

    { .name = "kind", .column = "kind", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN | EHR_FILTER, .values = kinds,
      .about = "What brought the patient there; ROOM_IN: a newborn in its "
               "mother's bed." },

    ID("bedId", "bed_id", "beds", EHR_SHOWN, "The bed."),
    ID("wardRoomId", "ward_room_id", "ward-rooms", EHR_SHOWN, "Its room."),
    ID("wardId", "ward_id", "wards", EHR_SHOWN, "Its ward."),

    { .name = "seat", .column = "seat", .type = EHR_TYPE_INTEGER,
      .flags = EHR_SHOWN,
      .about = "0: the bed's own patient; from 1 on a newborn beside its "
               "mother." },

    TIME("start", "starts_at", EHR_SHOWN | EHR_SORT, "Since when."),
    TIME("end", "ends_at", EHR_READ_ONLY, "Until when; null: to this day."),

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY, .max = REASON, .about = "Why." },

    TIME("cancelledAt", "cancelled_at", EHR_READ_ONLY,
         "When it was found to have been entered in error."),
};


const ehr_resource_t  ehr_resource_admission_movements = {
    .name = "admission-movements", .schema = "AdmissionMovement",
    .table = "admission_movements",
    .flags = EHR_PATIENT_OWNED | EHR_NO_DELETE | EHR_NO_VERSION,
    .parent = "admissions", .parent_field = "admissionId",
    EHR_FIELDS(movement_fields),
    .sort = "start",
    .about = "A time in one bed."
};


/* -- asking for a bed ------------------------------------------------------ */


/* A bed by its name or by what it must have. */
#define BED                                                                  \
    { .name = "bedId", .column = "bed_id", .type = EHR_TYPE_UUID,            \
      .reference = "beds",                                                   \
      .about = "The bed; or leave it out and say what it must have." },      \
    { .name = "hospitalId", .column = "hospital_id",                         \
      .type = EHR_TYPE_UUID, .reference = "hospitals",                       \
      .about = "Any bed of this hospital." },                                \
    { .name = "wardId", .column = "ward_id", .type = EHR_TYPE_UUID,          \
      .reference = "wards", .about = "Any bed of this ward." },              \
    { .name = "roomClassId", .column = "room_class_id",                      \
      .type = EHR_TYPE_UUID, .reference = "room-classes",                    \
      .about = "Any bed in a room of this kind." },                          \
    { .name = "isolation", .column = "isolation",                            \
      .type = EHR_TYPE_BOOLEAN, .flags = EHR_NOT_NULL,                       \
      .about = "true: a bed for isolation." },                               \
    { .name = "equipment", .column = "equipment",                            \
      .type = EHR_TYPE_TEXT_LIST, .flags = EHR_NOT_NULL, .max = 10,          \
      .values = ehr_bed_equipment,                                           \
      .about = "What must be at the bed; the one with the least beside is "  \
               "taken." }

#define FIELD_REASON(more, says)                                             \
    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,           \
      .flags = (more), .min = 1, .max = REASON, .about = says }

/* Backdated needs admissions.backdate, which the database checks. */
#define FIELD_AT(key, col, says)                                             \
    { .name = key, .column = col, .type = EHR_TYPE_TIMESTAMP, .about = says }


/* In the order of the statement ADMISSION_CREATE. */
static const ehr_field_t  admission_fields[] = {

    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST, .reference = "patients", .about = "The patient." },

    BED,

    { .name = "type", .column = "type", .type = EHR_TYPE_ENUM,
      .flags = EHR_MUST, .values = types, .about = "How it came about." },

    { .name = "admittingDoctorId", .column = "admitting_doctor_id",
      .type = EHR_TYPE_UUID, .reference = "doctors",
      .about = "Who admits the patient, and is of the care team from then "
               "on." },

    FIELD_DIAGNOSIS( ),
    FIELD_DIAGNOSIS_CODE( ),
    FIELD_EXPECTED_DISCHARGE(0),

    { .name = "appointmentId", .column = "appointment_id",
      .type = EHR_TYPE_UUID, .reference = "appointments",
      .about = "The appointment of this patient it came from." },

    { .name = "motherAdmissionId", .column = "mother_admission_id",
      .type = EHR_TYPE_UUID, .reference = "admissions",
      .about = "Of a newborn: the mother's admission; without a bed of its "
               "own it lies in hers." },

    FIELD_AT("admittedAt", "admitted_at",
             "When it was; now where it is left out."),
    TIME("plannedStart", "planned_start", 0,
         "Plans the admission: a bed is reserved from then on."),
    TIME("plannedEnd", "planned_end", 0,
         "Until when the bed of a planned admission is reserved."),

    { .name = "waits", .column = "waits", .type = EHR_TYPE_BOOLEAN,
      .flags = EHR_NOT_NULL,
      .about = "true: waits for a bed where none is free, and is offered "
               "one." },

    FIELD_REASON(0, "Why this bed."),

    { .name = "additionalData", .column = "additional_data",
      .type = EHR_TYPE_OBJECT,
      .about = "Anything else worth keeping; not interpreted." },
};

const ehr_resource_t  ehr_input_admission = {
    .name = "admission", .schema = "AdmissionCreate",
    EHR_FIELDS(admission_fields),
    .about = "A patient to be admitted, now, later or when a bed is free."
};


/* In the order of the statement ADMISSION_ADMIT. */
static const ehr_field_t  admit_fields[] = {
    BED,
    FIELD_AT("admittedAt", "admitted_at",
             "When it was; now where it is left out."),
    FIELD_REASON(0, "Why this bed.")
};

const ehr_resource_t  ehr_input_admit = {
    .name = "admit", .schema = "Admit", EHR_FIELDS(admit_fields),
    .about = "Where who was planned or waits lies; without a bed the one "
             "that is reserved or offered, or what was asked for."
};


/* In the order of the statement ADMISSION_TRANSFER. */
static const ehr_field_t  transfer_fields[] = {
    BED,
    FIELD_AT("at", "at", "When it was; now where it is left out."),
    FIELD_REASON(0, "Why.")
};

const ehr_resource_t  ehr_input_transfer = {
    .name = "transfer", .schema = "Transfer", EHR_FIELDS(transfer_fields),
    .about = "Where a patient is moved to."
};


/* In the order of the statement ADMISSION_SWAP. */
static const ehr_field_t  swap_fields[] = {

    { .name = "otherAdmissionId", .column = "other_admission_id",
      .type = EHR_TYPE_UUID, .flags = EHR_MUST, .reference = "admissions",
      .about = "Who takes this one's bed and gives theirs." },

    FIELD_AT("at", "at", "When it was; now where it is left out."),
    FIELD_REASON(0, "Why.")
};

const ehr_resource_t  ehr_input_swap = {
    .name = "swap", .schema = "Swap", EHR_FIELDS(swap_fields),
    .about = "Two patients who change beds."
};


/* -- its end --------------------------------------------------------------- */


/* In the order of the statement ADMISSION_DISCHARGE. */
static const ehr_field_t  discharge_fields[] = {

    { .name = "step", .column = "step", .type = EHR_TYPE_ENUM,
      .flags = EHR_MUST, .values = steps,
      .about = "ORDERED by a doctor; DONE when the patient has left, which "
               "frees the bed; WITHDRAWN: the order." },

    { .name = "disposition", .column = "disposition", .type = EHR_TYPE_ENUM,
      .values = dispositions,
      .about = "Where to.  DECEASED and AGAINST_ADVICE need no order." },

    FIELD_AT("at", "at", "When it was; now where it is left out."),
    FIELD_REASON(0, "Why.")
};

const ehr_resource_t  ehr_input_discharge = {
    .name = "discharge", .schema = "Discharge",
    EHR_FIELDS(discharge_fields), .about = "A step of a discharge."
};


/* In the order of the statement ADMISSION_LEAVE. */
static const ehr_field_t  leave_fields[] = {
    TIME("until", "until", EHR_MUST, "When the patient is back."),
    FIELD_REASON(0, "Why.")
};

const ehr_resource_t  ehr_input_leave = {
    .name = "leave", .schema = "Leave", EHR_FIELDS(leave_fields),
    .about = "An absence that keeps the bed."
};


static const ehr_field_t  cancel_fields[] = {
    FIELD_REASON(EHR_MUST, "Why it is cancelled.")
};

const ehr_resource_t  ehr_input_cancel_admission = {
    .name = "cancel-admission", .schema = "CancelAdmission",
    EHR_FIELDS(cancel_fields),
    .about = "Why an admission is cancelled; of an admitted patient: why it "
             "was entered in error."
};
