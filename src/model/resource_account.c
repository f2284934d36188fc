/*
 * What people see and change of their own account: profile, sessions and
 * family.
 */

#include "describe.h"


static const char *const  audiences[] = { "staff", "portal", NULL };

static const char *const  end_reasons[] = {
    "LOGOUT", "ENDED", "PASSWORD", "ACCOUNT", "REUSED", NULL
};


static const char *const  relations[] = {
    "SPOUSE", "CHILD", "PARENT", "SIBLING", "OTHER", NULL
};


static const ehr_field_t  profile_fields[] = {

    EHR_FIELDS_NAME(0),

    { .name = "email", .column = "email", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY | EHR_NOT_NULL | EHR_SENSITIVE | EHR_INDEXED,
      .format = EHR_FORMAT_EMAIL, .max = 254,
      .about = "E-mail address to sign in with; an administrator changes "
               "it." },

    { .name = "phone", .column = "phone", .type = EHR_TYPE_TEXT,
      .flags = EHR_SENSITIVE | EHR_INDEXED,
      .format = EHR_FORMAT_PHONE, .max = 30, .about = "Telephone number." },

    EHR_FIELD_PICTURE,
    EHR_FIELD_TIME_ZONE,
    EHR_FIELD_LANGUAGE,

    { .name = "emailVerified", .column = "email_verified",
      .type = EHR_TYPE_BOOLEAN, .flags = EHR_SHOWN,
      .about = "Whether the address was shown to be theirs." },
};


const ehr_resource_t  ehr_resource_profile = {
    .name = "profile", .schema = "Profile", .table = "users",
    .flags = EHR_NO_DELETE,
    EHR_FIELDS(profile_fields),
    .scope = "t.id = ehr.actor()",
    .about = "The own account."
};


static const ehr_field_t  session_fields[] = {

    { .name = "audience", .column = "audience", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN | EHR_FILTER, .values = audiences,
      .about = "Whether it is for staff or for the patient portal." },

    { .name = "ip", .column = "ip", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY, .format = EHR_FORMAT_LINE,
      .about = "The address it was opened from." },

    { .name = "userAgent", .column = "user_agent", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY, .format = EHR_FORMAT_LINE, .max = 1000,
      .about = "What the client called itself." },

    { .name = "lastUsedAt", .column = "last_used_at",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_SHOWN | EHR_SORT,
      .about = "When its access was last renewed." },

    { .name = "expiresAt", .column = "expires_at",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_SHOWN | EHR_SORT,
      .about = "When it ends unless it is used." },

    { .name = "endedAt", .column = "ended_at", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_READ_ONLY, .about = "When it was ended." },

    { .name = "endReason", .column = "end_reason", .type = EHR_TYPE_ENUM,
      .flags = EHR_READ_ONLY, .values = end_reasons,
      .about = "Why it was ended." },
};


const ehr_resource_t  ehr_resource_sessions = {
    .name = "sessions", .schema = "Session", .table = "sessions",
    .flags = EHR_NO_DELETE | EHR_NO_VERSION,
    EHR_FIELDS(session_fields),
    .sort = "-createdAt",
    .scope = "t.user_id = ehr.actor()",
    .about = "A login of the own account on some device."
};


static const ehr_field_t  family_fields[] = {

    { .name = "relation", .column = "relation", .type = EHR_TYPE_ENUM,
      .flags = EHR_MUST | EHR_FILTER, .values = relations,
      .about = "What they are to the account's owner." },

    EHR_FIELDS_NAME(EHR_SORT),

    { .name = "dateOfBirth", .column = "date_of_birth",
      .type = EHR_TYPE_DATE, .about = "Date of birth." },

    { .name = "gender", .column = "gender", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL, .values = ehr_genders, .fallback = "'UNKNOWN'",
      .about = "Administrative gender." },

    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .flags = EHR_SHOWN | EHR_FILTER, .reference = "patients",
      .about = "Their patient record, made with the entry." },
};


const ehr_resource_t  ehr_resource_family = {
    .name = "family", .schema = "FamilyMember", .table = "family_members",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(family_fields),
    .sort = "firstName",
    .scope = "t.user_id = ehr.actor()",
    .about = "A person the account's owner looks after."
};
