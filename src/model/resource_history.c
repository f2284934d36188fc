/*
 * Medical history and treatment plans.
 */

#include "describe.h"


static const char *const  history_statuses[] = {
    "ACTIVE", "RECURRENCE", "REMISSION", "INACTIVE", "RESOLVED", NULL
};

static const char *const  plan_statuses[] = {
    "DRAFT", "ACTIVE", "ON_HOLD", "COMPLETED", "CANCELLED", NULL
};


static const ehr_field_t  history_fields[] = {

    EHR_FIELD_PATIENT,

    EHR_FIELD_ENCOUNTER,

    { .name = "illness", .column = "illness", .type = EHR_TYPE_TEXT,
      .min = 1, .max = 1000,
      .about = "The illness or condition; one of illness, surgeries and "
               "medications is required." },

    { .name = "surgeries", .column = "surgeries", .type = EHR_TYPE_TEXT,
      .min = 1, .max = 5000, .about = "Operations the patient had." },

    { .name = "medications", .column = "medications",
      .type = EHR_TYPE_TEXT, .min = 1, .max = 5000,
      .about = "Medication taken for it." },

    { .name = "onsetDate", .column = "onset_date", .type = EHR_TYPE_DATE,
      .flags = EHR_RANGE, .about = "When it began." },

    { .name = "resolvedDate", .column = "resolved_date",
      .type = EHR_TYPE_DATE, .about = "When it ended, not before onset." },

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_FILTER, .values = history_statuses,
      .fallback = "'ACTIVE'", .about = "Whether it still matters." },

    EHR_FIELD_CODE,

    EHR_FIELD_CODE_SYSTEM,

    { .name = "notes", .column = "notes", .type = EHR_TYPE_TEXT,
      .max = 5000, .about = "Anything else worth knowing." },

    EHR_FIELD_EXTERNAL_ID,
};


const ehr_resource_t  ehr_resource_medical_history = {
    .name = "medical-history", .schema = "MedicalHistory",
    .table = "medical_history",
    .flags = EHR_PATIENT_OWNED | EHR_ADDITIONAL_DATA,
    .parent = "patients", .parent_field = "patientId",
    EHR_FIELDS(history_fields),
    .sort = "-createdAt",
    .about = "An illness, operation or medication of the past or present."
};


static const ehr_field_t  plan_fields[] = {

    EHR_FIELD_PATIENT,

    EHR_FIELD_ENCOUNTER,

    { .name = "appointmentId", .column = "appointment_id",
      .type = EHR_TYPE_UUID, .flags = EHR_FILTER,
      .reference = "appointments",
      .about = "The appointment at which it was made." },

    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "doctors",
      .about = "The doctor responsible for the plan." },

    { .name = "title", .column = "title", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_LINE, .max = 200, .about = "A heading." },

    { .name = "planDetails", .column = "plan_details",
      .type = EHR_TYPE_TEXT, .flags = EHR_MUST, .min = 1, .max = 20000,
      .about = "What is to be done." },

    { .name = "progress", .column = "progress", .type = EHR_TYPE_TEXT,
      .max = 20000, .about = "How it is going." },

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_FILTER, .values = plan_statuses,
      .fallback = "'ACTIVE'", .about = "Whether it is being followed." },

    { .name = "startDate", .column = "start_date", .type = EHR_TYPE_DATE,
      .flags = EHR_RANGE, .about = "First day." },

    { .name = "endDate", .column = "end_date", .type = EHR_TYPE_DATE,
      .about = "Last day, not before the first." },
};


const ehr_resource_t  ehr_resource_treatment_plans = {
    .name = "treatment-plans", .schema = "TreatmentPlan",
    .table = "treatment_plans",
    .flags = EHR_PATIENT_OWNED | EHR_ADDITIONAL_DATA,
    .parent = "patients", .parent_field = "patientId",
    EHR_FIELDS(plan_fields),
    .sort = "-createdAt",
    .about = "A plan of treatment and its progress."
};
