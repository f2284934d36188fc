/*
 * Patients: demographics, contact, insurance.
 */

#include "describe.h"


const char *const  ehr_genders[] = {
    "MALE", "FEMALE", "OTHER", "UNKNOWN", NULL
};

static const char *const  blood_groups[] = {
    "A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-", NULL
};


static const ehr_field_t  fields[] = {

    EHR_FIELDS_NAME(EHR_SORT),

    { .name = "dateOfBirth", .column = "date_of_birth",
      .type = EHR_TYPE_DATE, .flags = EHR_FILTER | EHR_RANGE,
      .about = "Date of birth." },

    { .name = "gender", .column = "gender", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_FILTER, .values = ehr_genders,
      .fallback = "'UNKNOWN'", .about = "Administrative gender." },

    EHR_FIELDS_ADDRESS(EHR_MAY_READ_CONTACT),

    { .name = "phone", .column = "phone", .type = EHR_TYPE_TEXT,
      .flags = EHR_SENSITIVE | EHR_INDEXED | EHR_FILTER,
      .format = EHR_FORMAT_PHONE, .max = 30, .read = EHR_MAY_READ_CONTACT,
      .about = "Telephone number, stored encrypted." },

    { .name = "email", .column = "email", .type = EHR_TYPE_TEXT,
      .flags = EHR_SENSITIVE | EHR_INDEXED | EHR_FILTER,
      .format = EHR_FORMAT_EMAIL, .max = 254, .read = EHR_MAY_READ_CONTACT,
      .about = "E-mail address, stored encrypted." },

    { .name = "emergencyContactName", .column = "emergency_contact_name",
      .type = EHR_TYPE_TEXT, .format = EHR_FORMAT_LINE,
      .read = EHR_MAY_READ_CONTACT,
      .about = "Whom to call in an emergency." },

    { .name = "emergencyContactPhone", .column = "emergency_contact_phone",
      .type = EHR_TYPE_TEXT, .flags = EHR_SENSITIVE,
      .format = EHR_FORMAT_PHONE, .max = 30, .read = EHR_MAY_READ_CONTACT,
      .about = "The emergency contact's number, stored encrypted." },

    { .name = "bloodGroup", .column = "blood_group", .type = EHR_TYPE_ENUM,
      .values = blood_groups, .about = "AB0 and rhesus blood group." },

    { .name = "heightCm", .column = "height_cm", .type = EHR_TYPE_DECIMAL,
      .min = 20, .max = 272, .scale = 1, .unit = "cm",
      .about = "Body height as last told." },

    { .name = "weightKg", .column = "weight_kg", .type = EHR_TYPE_DECIMAL,
      .min = 0.2, .max = 650, .scale = 3, .unit = "kg",
      .about = "Body weight as last told." },

    { .name = "chronicDiseases", .column = "chronic_diseases",
      .type = EHR_TYPE_TEXT_LIST, .flags = EHR_NOT_NULL | EHR_FILTER,
      .max = 50, .fallback = "'{}'::text[]",
      .about = "Long-lasting conditions in plain words." },

    { .name = "insuranceProvider", .column = "insurance_provider",
      .type = EHR_TYPE_TEXT, .format = EHR_FORMAT_LINE,
      .about = "Name of the insurer." },

    { .name = "insurancePolicyNumber", .column = "insurance_policy_number",
      .type = EHR_TYPE_TEXT,
      .flags = EHR_SENSITIVE | EHR_INDEXED | EHR_FILTER,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 50,
      .read = EHR_MAY_READ_INSURANCE, .write = EHR_MAY_WRITE_INSURANCE,
      .about = "Policy number, stored encrypted." },

    { .name = "mrn", .column = "mrn", .type = EHR_TYPE_TEXT,
      .flags = EHR_IMMUTABLE | EHR_NOT_NULL | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_CODE, .min = 1, .max = 50,
      .fallback = "ehr.next_mrn()", .write = EHR_MAY_WRITE_ALL_PATIENTS,
      .about = "Medical record number, unique; given out where absent." },

    { .name = "userId", .column = "user_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "users",
      .write = EHR_MAY_WRITE_USERS,
      .about = "The account by which the patient signs in; it reads the "
               "record." },

    { .name = "primaryDoctorId", .column = "primary_doctor_id",
      .type = EHR_TYPE_UUID, .flags = EHR_FILTER, .reference = "doctors",
      .write = EHR_MAY_WRITE_CARE_TEAM,
      .about = "The doctor first responsible for the patient." },

    { .name = "deceasedAt", .column = "deceased_at", .type = EHR_TYPE_DATE,
      .write = EHR_MAY_WRITE_RECORD, .about = "Date of death." },

    EHR_FIELD_EXTERNAL_ID,

    { .name = "possibleDuplicateIds", .column = "possible_duplicate_ids",
      .type = EHR_TYPE_UUID_LIST, .flags = EHR_SHOWN, .max = 10,
      .reference = "patients", .read = EHR_MAY_READ_DUPLICATES,
      .about = "Patients with the same birth date and a similar name, or "
               "with the same phone or e-mail." },
};


static const ehr_ranking_t  rankings[] = {
    EHR_SEARCH_PEOPLE("patients", "Patients"),
    { .parameter = NULL }
};


const ehr_resource_t  ehr_resource_patients = {
    .name = "patients", .schema = "Patient", .table = "patients",
    .flags = EHR_PATIENT_OWNED | EHR_ADDITIONAL_DATA,
    EHR_FIELDS(fields),
    .sort = "lastName",
    .rankings = rankings,
    .about = "A person the hospital treats."
};
