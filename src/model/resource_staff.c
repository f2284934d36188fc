/*
 * Staff who are not doctors: one account, one staff record.
 */

#include "describe.h"


static const char *const  professions[] = {
    "NURSE", "RECEPTIONIST", "PHARMACIST", "LAB_TECHNICIAN", "ADMINISTRATOR",
    "THERAPIST", "OTHER", NULL
};


static const ehr_field_t  fields[] = {

    { .name = "userId", .column = "user_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST | EHR_FILTER, .reference = "users",
      .about = "The account of the member of staff, used once." },

    EHR_FIELDS_NAME(EHR_SORT),

    { .name = "jobTitle", .column = "job_title", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_LINE, .max = 100,
      .about = "The title on the badge." },

    { .name = "profession", .column = "profession", .type = EHR_TYPE_ENUM,
      .flags = EHR_MUST | EHR_FILTER, .values = professions,
      .about = "What the person was trained for." },

    { .name = "employeeNumber", .column = "employee_number",
      .type = EHR_TYPE_TEXT, .flags = EHR_FILTER,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 50,
      .about = "Number in the personnel files, unique." },

    { .name = "departmentId", .column = "department_id",
      .type = EHR_TYPE_UUID, .flags = EHR_FILTER,
      .reference = "departments",
      .about = "The department the person works in." },

    { .name = "hireDate", .column = "hire_date", .type = EHR_TYPE_DATE,
      .flags = EHR_RANGE, .about = "First day of work." },
};


static const ehr_ranking_t  rankings[] = {
    EHR_SEARCH_PEOPLE("staff", "Staff"),
    { .parameter = NULL }
};


const ehr_resource_t  ehr_resource_staff = {
    .name = "staff", .schema = "StaffMember", .table = "staff",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(fields),
    .sort = "lastName",
    .rankings = rankings,
    .about = "A member of staff who is not a doctor."
};
