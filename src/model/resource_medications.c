/*
 * Allergies and medications.
 */

#include "describe.h"


static const char *const  allergy_types[] = {
    "MEDICATION", "FOOD", "ENVIRONMENT", "BIOLOGIC", "OTHER", NULL
};

static const char *const  severities[] = {
    "MILD", "MODERATE", "SEVERE", "LIFE_THREATENING", NULL
};

static const char *const  allergy_statuses[] = {
    "ACTIVE", "INACTIVE", "RESOLVED", "ENTERED_IN_ERROR", NULL
};

static const char *const  medication_statuses[] = {
    "ACTIVE", "ON_HOLD", "COMPLETED", "STOPPED", "ENTERED_IN_ERROR", NULL
};


static const ehr_field_t  allergy_fields[] = {

    EHR_FIELD_PATIENT,

    EHR_FIELD_ENCOUNTER,

    { .name = "allergen", .column = "allergen", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 200,
      .about = "What the patient does not tolerate." },

    { .name = "type", .column = "type", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_FILTER, .values = allergy_types,
      .fallback = "'OTHER'", .about = "What kind of substance it is." },

    { .name = "reaction", .column = "reaction", .type = EHR_TYPE_TEXT,
      .max = 1000, .about = "What happens on contact." },

    { .name = "severity", .column = "severity", .type = EHR_TYPE_ENUM,
      .flags = EHR_FILTER, .values = severities,
      .about = "How bad the worst known reaction was." },

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_FILTER, .values = allergy_statuses,
      .fallback = "'ACTIVE'", .about = "Whether it still holds." },

    { .name = "recordedDate", .column = "recorded_date",
      .type = EHR_TYPE_DATE, .flags = EHR_NOT_NULL | EHR_RANGE | EHR_SORT,
      .fallback = "CURRENT_DATE",
      .about = "When it became known; not in the future." },

    EHR_FIELD_CODE,

    EHR_FIELD_CODE_SYSTEM,

    { .name = "notes", .column = "notes", .type = EHR_TYPE_TEXT,
      .max = 2000, .about = "Anything else worth knowing." },

    EHR_FIELD_EXTERNAL_ID,
};


const ehr_resource_t  ehr_resource_allergies = {
    .name = "allergies", .schema = "Allergy", .table = "allergies",
    .flags = EHR_PATIENT_OWNED | EHR_ADDITIONAL_DATA,
    .parent = "patients", .parent_field = "patientId",
    EHR_FIELDS(allergy_fields),
    .sort = "-recordedDate",
    .about = "An allergy or intolerance of a patient."
};


static const ehr_field_t  medication_fields[] = {

    EHR_FIELD_PATIENT,

    EHR_FIELD_ENCOUNTER,

    { .name = "drugName", .column = "drug_name", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 500,
      .about = "Name of the drug, with strength and form." },

    { .name = "dosage", .column = "dosage", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_LINE, .about = "How much at a time." },

    { .name = "frequency", .column = "frequency", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_LINE, .about = "How often." },

    { .name = "route", .column = "route", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_LINE, .max = 100,
      .about = "How it gets into the body, such as by mouth." },

    { .name = "prescribedBy", .column = "prescribed_by",
      .type = EHR_TYPE_UUID, .flags = EHR_FILTER, .reference = "doctors",
      .about = "The doctor who prescribed it." },

    { .name = "startDate", .column = "start_date", .type = EHR_TYPE_DATE,
      .flags = EHR_NOT_NULL | EHR_RANGE | EHR_SORT,
      .fallback = "CURRENT_DATE", .about = "First day." },

    { .name = "endDate", .column = "end_date", .type = EHR_TYPE_DATE,
      .about = "Last day, not before the first." },

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_FILTER, .values = medication_statuses,
      .fallback = "'ACTIVE'", .about = "Whether it is being taken." },

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .max = 1000, .about = "What it is for." },

    EHR_FIELD_CODE,

    EHR_FIELD_CODE_SYSTEM,

    { .name = "notes", .column = "notes", .type = EHR_TYPE_TEXT,
      .max = 2000, .about = "Anything else worth knowing." },

    EHR_FIELD_EXTERNAL_ID,
};


const ehr_resource_t  ehr_resource_medications = {
    .name = "medications", .schema = "Medication", .table = "medications",
    .flags = EHR_PATIENT_OWNED | EHR_ADDITIONAL_DATA,
    .parent = "patients", .parent_field = "patientId",
    EHR_FIELDS(medication_fields),
    .sort = "-startDate",
    .about = "A drug the patient takes or took."
};
