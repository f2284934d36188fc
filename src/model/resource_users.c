/*
 * Accounts, roles and system parameters, as administrators see them.
 */

#include "describe.h"


static const char *const  statuses[] = {
    "ACTIVE", "INACTIVE", "BANNED", NULL
};


static const ehr_field_t  role_fields[] = {

    { .name = "name", .column = "name", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_NAME_KEY, .min = 1, .max = 47,
      .about = "The role's name, unique; a built-in one keeps its own." },

    { .name = "description", .column = "description",
      .type = EHR_TYPE_TEXT, .max = 500, .about = "Who should have it." },

    { .name = "permissions", .column = "permissions",
      .type = EHR_TYPE_TEXT_LIST, .flags = EHR_NOT_NULL | EHR_FILTER,
      .max = 64, .fallback = "'{}'::text[]",
      .about = "What it allows; at most what the writer may." },

    { .name = "builtIn", .column = "built_in", .type = EHR_TYPE_BOOLEAN,
      .flags = EHR_SHOWN | EHR_FILTER,
      .about = "Whether it came with the system and cannot be deleted." },
};


const ehr_resource_t  ehr_resource_roles = {
    .name = "roles", .schema = "Role", .table = "roles",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(role_fields),
    .sort = "name",
    .about = "A named set of permissions."
};


static const ehr_field_t  user_fields[] = {

    { .name = "email", .column = "email", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_SENSITIVE | EHR_INDEXED | EHR_FILTER,
      .format = EHR_FORMAT_EMAIL, .max = 254,
      .about = "E-mail address to sign in with, unique, stored encrypted." },

    { .name = "phone", .column = "phone", .type = EHR_TYPE_TEXT,
      .flags = EHR_SENSITIVE | EHR_INDEXED | EHR_FILTER,
      .format = EHR_FORMAT_PHONE, .max = 30,
      .about = "Telephone number, stored encrypted." },

    EHR_FIELDS_NAME(EHR_SORT),

    { .name = "roles", .column = "roles", .type = EHR_TYPE_TEXT_LIST,
      .flags = EHR_MUST | EHR_FILTER, .min = 1, .max = 8,
      .about = "Names of roles; at most what the writer may." },

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_FILTER, .values = statuses,
      .fallback = "'ACTIVE'", .about = "Only ACTIVE accounts sign in." },

    { .name = "emailVerified", .column = "email_verified",
      .type = EHR_TYPE_BOOLEAN, .flags = EHR_SHOWN | EHR_FILTER,
      .about = "Whether the address was shown to be theirs." },

    EHR_FIELD_TIME_ZONE,
    EHR_FIELD_LANGUAGE,
    EHR_FIELD_PICTURE,

    { .name = "lastLoginAt", .column = "last_login_at",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_READ_ONLY,
      .about = "When someone last signed in with it." },
};


const ehr_resource_t  ehr_resource_users = {
    .name = "users", .schema = "User", .table = "users",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(user_fields),
    .sort = "lastName",
    .about = "An account people sign in with."
};


static const ehr_field_t  parameter_fields[] = {

    { .name = "key", .column = "key", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_IMMUTABLE | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_CODE, .min = 1, .max = 200,
      .about = "The parameter's name, unique." },

    { .name = "value", .column = "value", .type = EHR_TYPE_JSON,
      .flags = EHR_MUST, .about = "What it is set to: a number, a text, "
      "whatever the parameter takes." },

    { .name = "description", .column = "description",
      .type = EHR_TYPE_TEXT, .max = 1000, .about = "What it is for." },
};


const ehr_resource_t  ehr_resource_system_parameters = {
    .name = "system-parameters", .schema = "SystemParameter",
    .table = "system_parameters",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(parameter_fields),
    .sort = "key",
    .about = "A setting of the whole installation."
};
