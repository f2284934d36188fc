/*
 * Vital signs.  The bounds are what a living person can have, wide enough
 * for a premature child; beyond them it is a typing error.
 */

#include "describe.h"


static const ehr_field_t  fields[] = {

    EHR_FIELD_PATIENT,

    EHR_FIELD_ENCOUNTER,

    { .name = "recordedAt", .column = "recorded_at",
      .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_NOT_NULL | EHR_RANGE | EHR_SORT, .fallback = "now()",
      .about = "When it was measured; not in the future." },

    { .name = "recordedBy", .column = "recorded_by", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY | EHR_FILTER, .reference = "users",
      .about = "The account that recorded it." },

    { .name = "bpSystolic", .column = "bp_systolic",
      .type = EHR_TYPE_INTEGER, .min = 30, .max = 300, .unit = "mm[Hg]",
      .about = "Systolic blood pressure, above the diastolic." },

    { .name = "bpDiastolic", .column = "bp_diastolic",
      .type = EHR_TYPE_INTEGER, .min = 10, .max = 200, .unit = "mm[Hg]",
      .about = "Diastolic blood pressure." },

    { .name = "heartRate", .column = "heart_rate",
      .type = EHR_TYPE_INTEGER, .min = 10, .max = 350, .unit = "/min",
      .about = "Heart beats in a minute." },

    { .name = "respiratoryRate", .column = "respiratory_rate",
      .type = EHR_TYPE_INTEGER, .min = 2, .max = 120, .unit = "/min",
      .about = "Breaths in a minute." },

    { .name = "temperature", .column = "temperature",
      .type = EHR_TYPE_DECIMAL, .min = 25, .max = 45, .scale = 1,
      .unit = "Cel", .about = "Body temperature." },

    { .name = "weight", .column = "weight", .type = EHR_TYPE_DECIMAL,
      .min = 0.2, .max = 650, .scale = 3, .unit = "kg",
      .about = "Body weight." },

    { .name = "height", .column = "height", .type = EHR_TYPE_DECIMAL,
      .min = 20, .max = 272, .scale = 1, .unit = "cm",
      .about = "Body height or length." },

    { .name = "bmi", .column = "bmi", .type = EHR_TYPE_DECIMAL,
      .flags = EHR_READ_ONLY, .scale = 1, .unit = "kg/m2",
      .about = "Body mass index, derived from weight and height." },

    { .name = "oxygenSaturation", .column = "oxygen_saturation",
      .type = EHR_TYPE_DECIMAL, .min = 0, .max = 100, .scale = 1,
      .unit = "%", .about = "Oxygen saturation of the blood." },

    { .name = "painScale", .column = "pain_scale",
      .type = EHR_TYPE_INTEGER, .min = 0, .max = 10, .unit = "{score}",
      .about = "Pain as the patient tells it, 0 none to 10 worst." },

    { .name = "bloodGlucose", .column = "blood_glucose",
      .type = EHR_TYPE_DECIMAL, .min = 5, .max = 2500, .scale = 1,
      .unit = "mg/dL", .about = "Glucose in the blood." },

    { .name = "notes", .column = "notes", .type = EHR_TYPE_TEXT,
      .max = 2000, .about = "Circumstances worth knowing." },

    EHR_FIELD_EXTERNAL_ID,
};


const ehr_resource_t  ehr_resource_vitals = {
    .name = "vitals", .schema = "Vitals", .table = "vitals",
    .flags = EHR_PATIENT_OWNED | EHR_ADDITIONAL_DATA,
    .parent = "patients", .parent_field = "patientId",
    EHR_FIELDS(fields),
    .sort = "-recordedAt",
    .about = "Vital signs measured at one time; at least one of them."
};
