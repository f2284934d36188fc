/*
 * Hospitals, clinics, departments and specialties.
 */

#include "describe.h"


static const ehr_field_t  hospital_fields[] = {

    { .name = "name", .column = "name", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 200,
      .about = "The hospital's name." },

    EHR_FIELDS_ADDRESS(0),

    { .name = "contactInfo", .column = "contact_info",
      .type = EHR_TYPE_TEXT, .max = 1000,
      .about = "How to reach the hospital, in plain words." },

    { .name = "phone", .column = "phone", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_PHONE, .max = 30,
      .about = "Switchboard number." },

    { .name = "email", .column = "email", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_EMAIL, .max = 254,
      .about = "The hospital's public e-mail address." },

    EHR_FIELD_TIME_ZONE,

    EHR_FIELD_EXTERNAL_ID,
};


static const ehr_ranking_t  hospital_rankings[] = {
    EHR_SEARCH_NAMES("ehr.folded(t.name)", "Hospitals"),
    { .parameter = NULL }
};


const ehr_resource_t  ehr_resource_hospitals = {
    .name = "hospitals", .schema = "Hospital", .table = "hospitals",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(hospital_fields),
    .sort = "name",
    .rankings = hospital_rankings,
    .about = "A hospital of the group."
};


static const ehr_field_t  clinic_fields[] = {

    { .name = "hospitalId", .column = "hospital_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "hospitals",
      .about = "The hospital the clinic is part of." },

    { .name = "name", .column = "name", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 200,
      .about = "The clinic's name." },

    { .name = "description", .column = "description",
      .type = EHR_TYPE_TEXT, .max = 2000,
      .about = "What the clinic offers." },

    EHR_FIELDS_ADDRESS(0),

    { .name = "latitude", .column = "latitude", .type = EHR_TYPE_DECIMAL,
      .min = -90, .max = 90, .scale = 8, .unit = "deg",
      .about = "Latitude, north positive; only together with longitude." },

    { .name = "longitude", .column = "longitude", .type = EHR_TYPE_DECIMAL,
      .min = -180, .max = 180, .scale = 8, .unit = "deg",
      .about = "Longitude, east positive; only together with latitude." },

    { .name = "phone", .column = "phone", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_PHONE, .max = 30,
      .about = "The clinic's public number." },

    { .name = "email", .column = "email", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_EMAIL, .max = 254,
      .about = "The clinic's public e-mail address." },

    { .name = "timeZone", .column = "time_zone", .type = EHR_TYPE_TEXT,
      .flags = EHR_NOT_NULL, .format = EHR_FORMAT_TIME_ZONE, .max = 64,
      .fallback = "'UTC'",
      .about = "IANA time zone its opening hours are told in." },
};


static const ehr_ranking_t  clinic_rankings[] = {
    { .parameter = "near",
      .where = "t.latitude IS NOT NULL",
      .order = "round(ehr.distance_km(t.latitude::double precision,"
               " t.longitude::double precision, $q)::numeric, 3)",
      .field = "distanceKm", .format = EHR_FORMAT_LINE, .is_position = 1,
      .about = "Clinics by distance from this latitude,longitude, nearest "
               "first." },
    EHR_SEARCH_NAMES("ehr.folded(t.name)", "Clinics"),
    { .parameter = NULL }
};


const ehr_resource_t  ehr_resource_clinics = {
    .name = "clinics", .schema = "Clinic", .table = "clinics",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(clinic_fields),
    .sort = "name",
    .rankings = clinic_rankings,
    .about = "A place where patients are seen without being admitted."
};


static const ehr_field_t  department_fields[] = {

    { .name = "name", .column = "name", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 100,
      .about = "The department's name, unique in its hospital." },

    { .name = "description", .column = "description",
      .type = EHR_TYPE_TEXT, .max = 2000,
      .about = "What the department does." },

    { .name = "isActive", .column = "is_active", .type = EHR_TYPE_BOOLEAN,
      .flags = EHR_NOT_NULL | EHR_FILTER, .fallback = "true",
      .about = "Whether the department is open." },

    { .name = "hospitalId", .column = "hospital_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "hospitals",
      .about = "The hospital it is in; none where all share it." },
};


const ehr_resource_t  ehr_resource_departments = {
    .name = "departments", .schema = "Department", .table = "departments",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(department_fields),
    .sort = "name",
    .about = "A department doctors and staff belong to."
};


static const ehr_field_t  specialty_fields[] = {

    { .name = "name", .column = "name", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 100,
      .about = "Such as Cardiology; unique in its clinic." },

    { .name = "clinicId", .column = "clinic_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "clinics",
      .about = "The clinic that offers it; none where it is general." },

    { .name = "description", .column = "description",
      .type = EHR_TYPE_TEXT, .max = 2000,
      .about = "What it covers, in words for patients." },
};


static const ehr_ranking_t  specialty_rankings[] = {
    EHR_SEARCH_NAMES("ehr.folded(t.name)", "Specialties"),
    { .parameter = NULL }
};


const ehr_resource_t  ehr_resource_specialties = {
    .name = "specialties", .schema = "Specialty", .table = "specialties",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(specialty_fields),
    .sort = "name",
    .rankings = specialty_rankings,
    .about = "A field of medicine patients can book."
};
