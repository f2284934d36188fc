/*
 * Which doctors treat a patient: those who may write to the record.
 */

#include "describe.h"


static const char *const  roles[] = {
    "PRIMARY", "TREATING", "CONSULTING", "COVERING", NULL
};


static const ehr_field_t  fields[] = {

    EHR_FIELD_PATIENT,

    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST | EHR_IMMUTABLE | EHR_FILTER,
      .reference = "doctors", .about = "The doctor; once in a team." },

    { .name = "role", .column = "role", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_FILTER, .values = roles,
      .fallback = "'TREATING'", .about = "The doctor's part in the team." },
};


const ehr_resource_t  ehr_resource_care_team = {
    .name = "care-team", .schema = "CareTeamMember", .table = "care_team",
    .flags = EHR_PATIENT_OWNED,
    .parent = "patients", .parent_field = "patientId",
    EHR_FIELDS(fields),
    .sort = "-createdAt",
    .about = "A doctor who treats the patient and may write to the record."
};
