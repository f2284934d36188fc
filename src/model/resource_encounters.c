/*
 * Encounters: every contact of a patient with the hospital.
 */

#include "describe.h"


static const char *const  types[] = {
    "AMBULATORY", "EMERGENCY", "INPATIENT", "VIRTUAL", "HOME", "OTHER", NULL
};

static const char *const  statuses[] = {
    "PLANNED", "ARRIVED", "IN_PROGRESS", "COMPLETED", "CANCELLED",
    "ENTERED_IN_ERROR", NULL
};


static const ehr_field_t  fields[] = {

    EHR_FIELD_PATIENT,

    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "doctors",
      .about = "The doctor who sees the patient." },

    { .name = "clinicId", .column = "clinic_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "clinics",
      .about = "The clinic where it takes place." },

    { .name = "hospitalId", .column = "hospital_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "hospitals",
      .about = "The hospital where it takes place." },

    { .name = "departmentId", .column = "department_id",
      .type = EHR_TYPE_UUID, .flags = EHR_FILTER,
      .reference = "departments",
      .about = "The department that is responsible." },

    { .name = "appointmentId", .column = "appointment_id",
      .type = EHR_TYPE_UUID, .flags = EHR_FILTER,
      .reference = "appointments",
      .about = "The appointment it fulfils." },

    { .name = "type", .column = "type", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_FILTER, .values = types,
      .fallback = "'AMBULATORY'", .about = "The setting." },

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_FILTER, .values = statuses,
      .fallback = "'PLANNED'",
      .about = "How far it is: PLANNED, ARRIVED, IN_PROGRESS and COMPLETED "
               "in this order; CANCELLED before it began; ENTERED_IN_ERROR "
               "from any." },

    { .name = "startedAt", .column = "started_at",
      .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_NOT_NULL | EHR_RANGE | EHR_SORT, .fallback = "now()",
      .about = "When it began, or is planned to." },

    { .name = "endedAt", .column = "ended_at", .type = EHR_TYPE_TIMESTAMP,
      .about = "When it ended; set when it is completed." },

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .max = 2000, .about = "Why the patient came." },

    { .name = "diagnosis", .column = "diagnosis", .type = EHR_TYPE_TEXT,
      .max = 5000, .read = EHR_MAY_READ_RECORD,
      .write = EHR_MAY_WRITE_RECORD, .about = "What was found." },

    EHR_FIELD_CODE,

    EHR_FIELD_CODE_SYSTEM,

    EHR_FIELD_EXTERNAL_ID,
};


const ehr_resource_t  ehr_resource_encounters = {
    .name = "encounters", .schema = "Encounter", .table = "encounters",
    .flags = EHR_PATIENT_OWNED | EHR_ADDITIONAL_DATA,
    .parent = "patients", .parent_field = "patientId",
    EHR_FIELDS(fields),
    .sort = "-startedAt",
    .about = "A visit, a stay or another contact of a patient."
};
