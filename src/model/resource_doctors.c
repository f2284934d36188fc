/*
 * Doctors and what patients say of them.
 */

#include "describe.h"


static const ehr_field_t  doctor_fields[] = {

    { .name = "userId", .column = "user_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "users",
      .about = "The account by which the doctor signs in." },

    EHR_FIELDS_NAME(EHR_SORT),

    { .name = "specialization", .column = "specialization",
      .type = EHR_TYPE_TEXT, .flags = EHR_FILTER,
      .format = EHR_FORMAT_LINE,
      .about = "The field of medicine in plain words." },

    { .name = "qualification", .column = "qualification",
      .type = EHR_TYPE_TEXT, .max = 500,
      .about = "Degrees and board certifications." },

    { .name = "licenseNumber", .column = "license_number",
      .type = EHR_TYPE_TEXT, .flags = EHR_MUST | EHR_FILTER,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 50,
      .about = "Number of the licence to practise, unique." },

    { .name = "experienceYears", .column = "experience_years",
      .type = EHR_TYPE_INTEGER, .flags = EHR_NOT_NULL | EHR_SORT,
      .min = 0, .max = 80, .fallback = "0", .unit = "a",
      .about = "Years in practice." },

    { .name = "consultationFee", .column = "consultation_fee",
      .type = EHR_TYPE_DECIMAL, .min = 0, .max = 99999999.99, .scale = 2,
      .about = "Price of a consultation in currency." },

    { .name = "currency", .column = "currency", .type = EHR_TYPE_TEXT,
      .flags = EHR_NOT_NULL, .format = EHR_FORMAT_CURRENCY,
      .min = 3, .max = 3, .fallback = "'USD'",
      .about = "ISO 4217 code of the fee's currency." },

    { .name = "photo", .column = "photo", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_URL, .max = 2000,
      .about = "Address of a portrait." },

    { .name = "isAvailable", .column = "is_available",
      .type = EHR_TYPE_BOOLEAN, .flags = EHR_NOT_NULL | EHR_FILTER,
      .fallback = "true", .about = "Whether patients can book." },

    { .name = "email", .column = "email", .type = EHR_TYPE_TEXT,
      .flags = EHR_SENSITIVE | EHR_INDEXED | EHR_FILTER,
      .format = EHR_FORMAT_EMAIL, .max = 254, .read = EHR_MAY_READ_STAFF,
      .about = "E-mail address, unique, stored encrypted." },

    { .name = "phone", .column = "phone", .type = EHR_TYPE_TEXT,
      .flags = EHR_SENSITIVE | EHR_INDEXED | EHR_FILTER,
      .format = EHR_FORMAT_PHONE, .max = 30, .read = EHR_MAY_READ_STAFF,
      .about = "Telephone number, stored encrypted." },

    { .name = "departmentIds", .column = "department_ids",
      .type = EHR_TYPE_UUID_LIST, .flags = EHR_NOT_NULL | EHR_FILTER,
      .max = 50, .reference = "departments", .fallback = "'{}'::uuid[]",
      .about = "Departments the doctor belongs to." },

    { .name = "clinicIds", .column = "clinic_ids",
      .type = EHR_TYPE_UUID_LIST, .flags = EHR_NOT_NULL | EHR_FILTER,
      .max = 50, .reference = "clinics", .fallback = "'{}'::uuid[]",
      .about = "Clinics the doctor sees patients at." },

    { .name = "specialtyIds", .column = "specialty_ids",
      .type = EHR_TYPE_UUID_LIST, .flags = EHR_NOT_NULL | EHR_FILTER,
      .max = 50, .reference = "specialties", .fallback = "'{}'::uuid[]",
      .about = "Specialties the doctor can be booked for." },

    { .name = "averageRating", .column = "average_rating",
      .type = EHR_TYPE_DECIMAL, .flags = EHR_READ_ONLY,
      .min = 1, .max = 5, .scale = 2,
      .about = "Mean score of all ratings; null while there is none." },

    { .name = "ratingCount", .column = "rating_count",
      .type = EHR_TYPE_INTEGER, .flags = EHR_SHOWN | EHR_SORT,
      .about = "How many patients rated the doctor." },

    EHR_FIELD_EXTERNAL_ID,
};


static const ehr_ranking_t  doctor_rankings[] = {
    EHR_SEARCH_PEOPLE("doctors", "Doctors"),
    { .parameter = NULL }
};


const ehr_resource_t  ehr_resource_doctors = {
    .name = "doctors", .schema = "Doctor", .table = "doctors",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(doctor_fields),
    .sort = "lastName",
    .rankings = doctor_rankings,
    .about = "A doctor's public profile."
};


static const ehr_field_t  rating_fields[] = {

    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST | EHR_IMMUTABLE | EHR_FILTER,
      .reference = "doctors", .about = "The doctor who is rated." },

    { .name = "encounterId", .column = "encounter_id",
      .type = EHR_TYPE_UUID, .flags = EHR_MUST | EHR_IMMUTABLE | EHR_FILTER,
      .reference = "encounters", .read = EHR_MAY_SEE_ALL_PATIENTS,
      .about = "The completed visit the rating is about, rated once." },

    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .flags = EHR_SHOWN, .reference = "patients",
      .read = EHR_MAY_SEE_ALL_PATIENTS,
      .about = "The patient of that visit; other patients do not see it." },

    { .name = "score", .column = "score", .type = EHR_TYPE_INTEGER,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT, .min = 1, .max = 5,
      .about = "1 is poor, 5 is excellent." },

    { .name = "comment", .column = "comment", .type = EHR_TYPE_TEXT,
      .max = 2000, .about = "What the patient says." },
};


const ehr_resource_t  ehr_resource_ratings = {
    .name = "ratings", .schema = "Rating", .table = "ratings",
    .parent = "doctors", .parent_field = "doctorId",
    EHR_FIELDS(rating_fields),
    .sort = "-createdAt",
    .about = "A patient's opinion of a doctor after a completed visit."
};
