/*
 * What the account actions take and give.
 */

#include "../model/resources.h"
#include "account.h"


#define EHR_FIELDS(list)                                                     \
    .fields = (list), .nfields = sizeof(list) / sizeof((list)[0])

#define EHR_MUST  (EHR_REQUIRED|EHR_NOT_NULL)

#define EHR_FIELD_EMAIL                                                      \
    { .name = "email", .column = "email", .type = EHR_TYPE_TEXT,             \
      .flags = EHR_MUST, .format = EHR_FORMAT_EMAIL, .max = 254,             \
      .about = "The account's e-mail address." }

/* A new password; bcrypt's own limit is taken care of. */
#define EHR_FIELD_NEW_PASSWORD                                               \
    { .name = "password", .column = "password", .type = EHR_TYPE_TEXT,       \
      .flags = EHR_MUST|EHR_WRITE_ONLY, .format = EHR_FORMAT_LINE,           \
      .min = 10, .max = 64, .about = "10 to 64 characters." }

#define EHR_FIELD_NAMES                                                      \
    { .name = "firstName", .column = "first_name", .type = EHR_TYPE_TEXT,    \
      .flags = EHR_MUST, .format = EHR_FORMAT_LINE, .min = 1, .max = 100,    \
      .about = "Given names." },                                             \
    { .name = "lastName", .column = "last_name", .type = EHR_TYPE_TEXT,      \
      .flags = EHR_MUST, .format = EHR_FORMAT_LINE, .min = 1, .max = 100,    \
      .about = "Family name." }

#define EHR_FIELD_ID                                                         \
    { .name = "id", .column = "id", .type = EHR_TYPE_UUID,                   \
      .flags = EHR_READ_ONLY|EHR_NOT_NULL, .about = "The account's id." }


static const ehr_field_t  ehr_login_fields[] = {
    EHR_FIELD_EMAIL,
    { .name = "password", .column = "password", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST|EHR_WRITE_ONLY, .min = 1, .max = 256,
      .about = "The account's password." }
};

const ehr_resource_t  ehr_input_login = {
    .name = "login", .schema = "Login", EHR_FIELDS(ehr_login_fields),
    .about = "Who signs in."
};


static const ehr_field_t  ehr_refresh_fields[] = {
    { .name = "refreshToken", .column = "refresh_token",
      .type = EHR_TYPE_TEXT, .flags = EHR_MUST|EHR_WRITE_ONLY,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 128,
      .about = "The refresh token handed out last." }
};

const ehr_resource_t  ehr_input_refresh = {
    .name = "refresh", .schema = "Refresh", EHR_FIELDS(ehr_refresh_fields),
    .about = "A refresh token; it is used up by this."
};


static const ehr_field_t  ehr_logout_fields[] = {
    { .name = "all", .column = "all", .type = EHR_TYPE_BOOLEAN,
      .flags = EHR_NOT_NULL,
      .about = "Whether all sessions of the account end." }
};

const ehr_resource_t  ehr_input_logout = {
    .name = "logout", .schema = "Logout", EHR_FIELDS(ehr_logout_fields),
    .about = "Which sessions end."
};


static const ehr_field_t  ehr_register_fields[] = {
    EHR_FIELD_EMAIL,
    EHR_FIELD_NEW_PASSWORD,
    EHR_FIELD_NAMES,
    { .name = "phone", .column = "phone", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_PHONE, .max = 30, .about = "Telephone number." },
    { .name = "dateOfBirth", .column = "date_of_birth",
      .type = EHR_TYPE_DATE, .about = "Date of birth." },
    { .name = "gender", .column = "gender", .type = EHR_TYPE_ENUM,
      .values = ehr_genders, .about = "Administrative gender." },
    { .name = "timeZone", .column = "time_zone", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_TIME_ZONE, .max = 50,
      .about = "IANA name of the zone times are shown in." },
    { .name = "language", .column = "language", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_LANGUAGE, .max = 10,
      .about = "Language of messages." }
};

const ehr_resource_t  ehr_input_register = {
    .name = "register", .schema = "Registration",
    EHR_FIELDS(ehr_register_fields), .about = "A patient's new account."
};


static const ehr_field_t  ehr_setup_fields[] = {
    { .name = "token", .column = "token", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST|EHR_WRITE_ONLY, .format = EHR_FORMAT_LINE,
      .min = 1, .max = 256,
      .about = "What is in the file that ehr_setup_token names." },
    EHR_FIELD_EMAIL,
    EHR_FIELD_NEW_PASSWORD,
    EHR_FIELD_NAMES
};

const ehr_resource_t  ehr_input_setup = {
    .name = "setup", .schema = "Setup", EHR_FIELDS(ehr_setup_fields),
    .about = "The first administrator."
};


static const ehr_field_t  ehr_password_fields[] = {
    EHR_FIELD_NEW_PASSWORD
};

const ehr_resource_t  ehr_input_password = {
    .name = "password", .schema = "NewPassword",
    EHR_FIELDS(ehr_password_fields), .about = "A password to set."
};


static const ehr_field_t  ehr_tokens_fields[] = {
    { .name = "accessToken", .column = "access_token",
      .type = EHR_TYPE_TEXT, .flags = EHR_READ_ONLY|EHR_NOT_NULL,
      .max = 4096, .about = "JWT for the Authorization header." },
    { .name = "refreshToken", .column = "refresh_token",
      .type = EHR_TYPE_TEXT, .flags = EHR_READ_ONLY|EHR_NOT_NULL,
      .about = "Good for one refresh." },
    { .name = "tokenType", .column = "token_type", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY|EHR_NOT_NULL, .about = "Bearer." },
    { .name = "expiresIn", .column = "expires_in", .type = EHR_TYPE_INTEGER,
      .flags = EHR_READ_ONLY|EHR_NOT_NULL, .unit = "s",
      .about = "Lifetime of the access token." },
    { .name = "user", .column = "user", .type = EHR_TYPE_OBJECT,
      .flags = EHR_READ_ONLY|EHR_NOT_NULL,
      .about = "id, email and roles of the account." }
};

const ehr_resource_t  ehr_output_tokens = {
    .name = "tokens", .schema = "Tokens", EHR_FIELDS(ehr_tokens_fields),
    .about = "What a session works with."
};


static const char *const  ehr_audiences[] = { "staff", "portal", NULL };

static const ehr_field_t  ehr_token_fields[] = {
    EHR_FIELD_ID,
    { .name = "sessionId", .column = "session_id", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY|EHR_NOT_NULL,
      .about = "The session, as in /auth/sessions." },
    { .name = "audience", .column = "audience", .type = EHR_TYPE_ENUM,
      .flags = EHR_READ_ONLY|EHR_NOT_NULL, .values = ehr_audiences,
      .about = "Where the token is good for." },
    { .name = "roles", .column = "roles", .type = EHR_TYPE_TEXT_LIST,
      .flags = EHR_READ_ONLY|EHR_NOT_NULL, .max = EHR_MAX_ROLES,
      .about = "Names of the account's roles." },
    { .name = "expiresIn", .column = "expires_in", .type = EHR_TYPE_INTEGER,
      .flags = EHR_READ_ONLY|EHR_NOT_NULL, .unit = "s",
      .about = "What is left of the token's lifetime." }
};

const ehr_resource_t  ehr_output_token = {
    .name = "token", .schema = "Token", EHR_FIELDS(ehr_token_fields),
    .about = "What an access token says."
};


static const ehr_field_t  ehr_registered_fields[] = {
    EHR_FIELD_ID,
    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY|EHR_NOT_NULL,
      .about = "The patient that the account is." }
};

const ehr_resource_t  ehr_output_registered = {
    .name = "registered", .schema = "Registered",
    EHR_FIELDS(ehr_registered_fields), .about = "A new account."
};


static const ehr_field_t  ehr_setup_done_fields[] = {
    EHR_FIELD_ID
};

const ehr_resource_t  ehr_output_setup = {
    .name = "setup-done", .schema = "SetupDone",
    EHR_FIELDS(ehr_setup_done_fields), .about = "The first account."
};
