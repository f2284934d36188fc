/*
 * Every route there is.
 *
 * A row: method, path, handler, resource, permission, flags, body and answer
 * of an action, and one sentence for the API's documentation.  A part of the
 * table that is long is a file of rows, routes_*.def.
 */

#include "../http/pages.h"
#include "../model/resources.h"
#include "account.h"
#include "admission.h"
#include "booking.h"
#include "calendar.h"
#include "events_stream.h"
#include "note.h"
#include "occupancy.h"
#include "record.h"
#include "treatment_plan.h"
#include "visit.h"
#include "ward_board.h"


#define STAFF   EHR_ROUTE_STAFF
#define ANYONE  EHR_ROUTE_ANYONE

#define LIST(path, resource, permission, flags, about)                       \
    { NGX_HTTP_GET, path, ehr_record_list, &ehr_resource_##resource,         \
      EHR_MAY_##permission, (flags)|EHR_ROUTE_LIST, NULL, NULL, about }

#define CREATE(path, resource, permission, flags, about)                     \
    { NGX_HTTP_POST, path, ehr_record_create, &ehr_resource_##resource,      \
      EHR_MAY_##permission, (flags)|EHR_ROUTE_CREATES, NULL, NULL, about }

#define READ(path, resource, permission, flags, about)                       \
    { NGX_HTTP_GET, path, ehr_record_read, &ehr_resource_##resource,         \
      EHR_MAY_##permission, flags, NULL, NULL, about }

/* PUT and PATCH */
#define CHANGE(path, resource, permission, flags, about)                     \
    { NGX_HTTP_PUT, path, ehr_record_replace, &ehr_resource_##resource,      \
      EHR_MAY_##permission, flags, NULL, NULL, "Replaces " about },          \
    { NGX_HTTP_PATCH, path, ehr_record_patch, &ehr_resource_##resource,      \
      EHR_MAY_##permission, flags, NULL, NULL,                               \
      "Changes the named fields of " about }

#define REMOVE(path, resource, permission, flags, about)                     \
    { NGX_HTTP_DELETE, path, ehr_record_delete, &ehr_resource_##resource,    \
      EHR_MAY_##permission, flags, NULL, NULL, "Deletes " about }

#define RESTORE_WITH(path, resource, flags, about)                           \
    { NGX_HTTP_POST, path "/restore", ehr_record_restore,                    \
      &ehr_resource_##resource, EHR_MAY_RESTORE,                             \
      STAFF|EHR_ROUTE_NO_BODY|(flags), NULL, NULL, "Restores " about         \
      " that was deleted" }

#define RESTORE(path, resource, about)                                       \
    RESTORE_WITH(path, resource, 0, about)

/* All of one item */
#define ITEM(path, resource, read, write, remove, readers, about)            \
    READ(path, resource, read, readers, "Shows " about),                     \
    CHANGE(path, resource, write, STAFF, about),                             \
    REMOVE(path, resource, remove, STAFF, about),                            \
    RESTORE(path, resource, about)

/* The same of a schedule: ?force=true goes on over appointments */
#define FORCED_ITEM(path, resource, about)                                   \
    READ(path, resource, READ_SCHEDULES, ANYONE, "Shows " about),            \
    CHANGE(path, resource, WRITE_SCHEDULES, STAFF|EHR_ROUTE_FORCE, about),   \
    REMOVE(path, resource, WRITE_SCHEDULES, STAFF|EHR_ROUTE_FORCE, about),   \
    RESTORE_WITH(path, resource, EHR_ROUTE_FORCE, about)

/* A collection and its items at the top, or below a patient or doctor */
#define COLLECTION(path, resource, read, write, remove, readers, one, many)  \
    LIST(path, resource, read, readers, "Lists " many),                      \
    CREATE(path, resource, write, STAFF, "Adds " one),                       \
    ITEM(path "/{id}", resource, read, write, remove, readers, one)

#define OF_PATIENT(name, resource, read, write, one, many)                   \
    LIST("/patients/{patientId}/" name, resource, read, ANYONE,              \
         "Lists a patient's " many),                                         \
    CREATE("/patients/{patientId}/" name, resource, write, STAFF,            \
           "Adds " one " to a patient's record"),                            \
    ITEM("/" name "/{id}", resource, read, write, DELETE_RECORD, ANYONE, one)

#define ORGANISATION(path, resource, one, many)                              \
    COLLECTION(path, resource, READ_ORGANISATION, WRITE_ORGANISATION,        \
               WRITE_ORGANISATION, ANYONE, one, many)

/* One whose change may take the hours of what is booked: ?force=true */
#define WITH_HOURS(path, resource, write, one, many)                         \
    LIST(path, resource, READ_ORGANISATION, ANYONE, "Lists " many),          \
    CREATE(path, resource, write, STAFF, "Adds " one),                       \
    READ(path "/{id}", resource, READ_ORGANISATION, ANYONE, "Shows " one),   \
    CHANGE(path "/{id}", resource, write, STAFF|EHR_ROUTE_FORCE, one),       \
    REMOVE(path "/{id}", resource, write, STAFF, one),                       \
    RESTORE(path "/{id}", resource, one)

#define WARD(path, resource, write, one, many)                               \
    COLLECTION(path, resource, READ_WARDS, write, WRITE_ORGANISATION,        \
               STAFF, one, many)

/* POST that is not about a row's fields */
#define ACTION(path, handler, permission, flags, input, output, about)       \
    { NGX_HTTP_POST, path, handler, NULL, permission, flags, input, output,  \
      about }

#define PAGE(path, handler, flags, about)                                    \
    { NGX_HTTP_GET, path, handler, NULL, 0,                                  \
      EHR_ROUTE_PUBLIC|EHR_ROUTE_PLAIN|(flags), NULL, NULL, about }

#define LOGIN(path, about)                                                   \
    ACTION(path, ehr_account_login, 0, EHR_ROUTE_PUBLIC, &ehr_input_login,   \
           &ehr_output_tokens, about)

#define LOGOUT(path, about)                                                  \
    ACTION(path, ehr_account_logout, EHR_MAY_USE_OWN_ACCOUNT,                \
           ANYONE|EHR_ROUTE_NO_BODY, &ehr_input_logout, NULL, about)

#define REGISTER(path, about)                                                \
    { NGX_HTTP_POST, path, ehr_account_register, &ehr_resource_users, 0,     \
      EHR_ROUTE_PUBLIC|EHR_ROUTE_CREATES, &ehr_input_register,               \
      &ehr_output_registered, about }


const ehr_route_t  ehr_routes[] = {

    /* -- signing in -- */

    REGISTER("/auth/register", "Registers a patient"),
    REGISTER("/register", "Registers a patient (as /auth/register)"),
    REGISTER("/user/signup", "Registers a patient (as /auth/register)"),

    LOGIN("/auth/login", "Signs in"),
    LOGIN("/login", "Signs in (as /auth/login)"),
    LOGIN("/user/login", "Signs in (as /auth/login)"),

    ACTION("/auth/refresh", ehr_account_refresh, 0, EHR_ROUTE_PUBLIC,
           &ehr_input_refresh, &ehr_output_tokens,
           "Swaps a refresh token for new tokens"),

    LOGOUT("/auth/logout", "Ends this session, or all"),
    LOGOUT("/logout", "Ends this session, or all (as /auth/logout)"),
    LOGOUT("/user/logout", "Ends this session, or all (as /auth/logout)"),

    ACTION("/portal/auth/login", ehr_account_portal_login, 0,
           EHR_ROUTE_PUBLIC, &ehr_input_login, &ehr_output_tokens,
           "Signs a patient in to the portal"),
    ACTION("/portal/auth/refresh", ehr_account_portal_refresh, 0,
           EHR_ROUTE_PUBLIC, &ehr_input_refresh, &ehr_output_tokens,
           "Swaps a portal refresh token for new tokens"),

    ACTION("/setup", ehr_account_setup, 0,
           EHR_ROUTE_PUBLIC|EHR_ROUTE_CREATES, &ehr_input_setup,
           &ehr_output_setup, "Makes the first administrator"),

    LIST("/auth/sessions", sessions, USE_OWN_ACCOUNT, ANYONE,
         "Lists one's own sessions"),
    { NGX_HTTP_DELETE, "/auth/sessions/{id}", ehr_account_end_session,
      &ehr_resource_sessions, EHR_MAY_USE_OWN_ACCOUNT, ANYONE, NULL, NULL,
      "Ends one of one's own sessions" },
    { NGX_HTTP_GET, "/auth/token", ehr_account_token, NULL,
      EHR_MAY_USE_OWN_ACCOUNT, ANYONE, NULL, &ehr_output_token,
      "Shows as whom one is signed in, from the token alone" },

    /* -- one's own account -- */

    READ("/user/profile", profile, USE_OWN_ACCOUNT, ANYONE|EHR_ROUTE_SELF,
         "Shows one's own profile"),
    CHANGE("/user/profile", profile, USE_OWN_ACCOUNT, ANYONE|EHR_ROUTE_SELF,
           "one's own profile"),

    LIST("/user/family", family, USE_OWN_ACCOUNT, ANYONE,
         "Lists one's own family"),
    CREATE("/user/family", family, USE_OWN_ACCOUNT, ANYONE,
           "Adds a member to one's own family"),
    READ("/user/family/{id}", family, USE_OWN_ACCOUNT, ANYONE,
         "Shows a member of one's own family"),
    CHANGE("/user/family/{id}", family, USE_OWN_ACCOUNT, ANYONE,
           "a member of one's own family"),
    REMOVE("/user/family/{id}", family, USE_OWN_ACCOUNT, ANYONE,
           "a member of one's own family"),

    /* -- administration -- */

    LIST("/users", users, READ_USERS, STAFF, "Lists accounts"),
    { NGX_HTTP_POST, "/users", ehr_account_create_user, &ehr_resource_users,
      EHR_MAY_WRITE_USERS, STAFF|EHR_ROUTE_CREATES, &ehr_input_password, NULL,
      "Adds an account with a password" },
    ITEM("/users/{id}", users, READ_USERS, WRITE_USERS, WRITE_USERS, STAFF,
         "an account"),
    COLLECTION("/roles", roles, READ_ROLES, WRITE_ROLES, WRITE_ROLES, STAFF,
               "a role", "roles"),
    COLLECTION("/system-parameters", system_parameters, READ_PARAMETERS,
               WRITE_PARAMETERS, WRITE_PARAMETERS, STAFF,
               "a system parameter", "system parameters"),
    LIST("/audit-logs", audit_logs, READ_AUDIT, STAFF,
         "Lists the audit log"),
    READ("/audit-logs/{id}", audit_logs, READ_AUDIT, STAFF,
         "Shows an entry of the audit log"),
    { NGX_HTTP_GET, "/audit-logs/export", ehr_record_export,
      &ehr_resource_audit_logs, EHR_MAY_READ_AUDIT,
      STAFF|EHR_ROUTE_LIST|EHR_ROUTE_PLAIN, NULL, NULL,
      "Exports the audit log as CSV" },

    { NGX_HTTP_GET, "/events", ehr_events_listen, NULL,
      EHR_MAY_READ_SCHEDULES, ANYONE|EHR_ROUTE_PLAIN, &ehr_query_events, NULL,
      "Tells what changes, as server-sent events" },

    /* -- the organisation -- */

    ORGANISATION("/hospitals", hospitals, "a hospital", "hospitals"),
    WITH_HOURS("/clinics", clinics, WRITE_ORGANISATION, "a clinic",
               "clinics"),
    ORGANISATION("/departments", departments, "a department", "departments"),
    ORGANISATION("/specialties", specialties, "a specialty", "specialties"),
    WARD("/wards", wards, WRITE_ORGANISATION, "a ward", "wards"),
    WARD("/room-classes", room_classes, WRITE_ORGANISATION, "a room class",
         "room classes"),
    WARD("/rooms", rooms, WRITE_ORGANISATION, "a consulting room",
         "consulting rooms"),
    WARD("/ward-rooms", ward_rooms, WRITE_ORGANISATION, "a ward's room",
         "rooms of wards"),
    WARD("/beds", beds, WRITE_BEDS, "a bed", "beds"),

    /* -- people -- */

    WITH_HOURS("/doctors", doctors, WRITE_DOCTORS, "a doctor", "doctors"),
    LIST("/doctors/{doctorId}/ratings", ratings, READ_ORGANISATION, ANYONE,
         "Lists a doctor's ratings"),
    CREATE("/doctors/{doctorId}/ratings", ratings, RATE_DOCTORS, ANYONE,
           "Rates a doctor after a completed visit"),
    READ("/ratings/{id}", ratings, READ_ORGANISATION, ANYONE,
         "Shows a rating"),
    CHANGE("/ratings/{id}", ratings, RATE_DOCTORS, ANYONE, "a rating"),
    REMOVE("/ratings/{id}", ratings, RATE_DOCTORS, ANYONE, "a rating"),
    RESTORE("/ratings/{id}", ratings, "a rating"),

    COLLECTION("/staff", staff, READ_STAFF, WRITE_STAFF, WRITE_STAFF, STAFF,
               "a member of staff", "staff"),

    COLLECTION("/patients", patients, READ_PATIENTS, WRITE_PATIENTS,
               DELETE_PATIENTS, ANYONE, "a patient", "patients"),

    LIST("/patients/{patientId}/care-team", care_team, READ_CARE_TEAM, STAFF,
         "Lists who treats a patient"),
    CREATE("/patients/{patientId}/care-team", care_team, WRITE_CARE_TEAM,
           STAFF, "Adds a doctor to those who treat a patient"),
    ITEM("/care-team/{id}", care_team, READ_CARE_TEAM, WRITE_CARE_TEAM,
         WRITE_CARE_TEAM, STAFF, "a member of a care team"),

    /* -- the clinical record -- */

    OF_PATIENT("encounters", encounters, READ_ENCOUNTERS, WRITE_ENCOUNTERS,
               "an encounter", "encounters"),
    OF_PATIENT("vitals", vitals, READ_VITALS, WRITE_VITALS, "vital signs",
               "vital signs"),
    OF_PATIENT("notes", notes, READ_RECORD, WRITE_RECORD, "a clinical note",
               "clinical notes"),
    { NGX_HTTP_POST, "/notes/{id}/sign", ehr_note_sign, &ehr_resource_notes,
      EHR_MAY_SIGN_NOTES, STAFF|EHR_ROUTE_NO_BODY, NULL, NULL,
      "Signs a clinical note" },
    OF_PATIENT("medical-history", medical_history, READ_RECORD, WRITE_RECORD,
               "an entry of medical history", "medical history"),
    OF_PATIENT("treatment-plans", treatment_plans, READ_RECORD, WRITE_RECORD,
               "a treatment plan", "treatment plans"),
    { NGX_HTTP_GET, "/treatment-plan/{appointmentId}",
      ehr_treatment_plan_of_appointment, &ehr_resource_treatment_plans,
      EHR_MAY_READ_RECORD, ANYONE, NULL, NULL,
      "Shows the treatment plan of an appointment" },
    OF_PATIENT("allergies", allergies, READ_MEDICATIONS, WRITE_MEDICATIONS,
               "an allergy", "allergies"),
    OF_PATIENT("medications", medications, READ_MEDICATIONS,
               WRITE_MEDICATIONS, "a medication", "medications"),

    /* -- scheduling -- */

#include "routes_schedules.def"

    /* -- booking -- */

#include "routes_booking.def"
#include "routes_calendar.def"
#include "routes_visits.def"

    /* -- lying in -- */

#include "routes_inpatient.def"

    /* -- operations -- */

    PAGE("/openapi.json", ehr_page_openapi, 0, "This document"),
    PAGE("/health", ehr_page_health, EHR_ROUTE_ROOT,
         "Whether the server answers"),
    PAGE("/ready", ehr_page_ready, EHR_ROUTE_ROOT,
         "Whether the server can do its work, or why not"),
    PAGE("/metrics", ehr_page_metrics, EHR_ROUTE_ROOT,
         "Metrics in Prometheus' text format"),
    PAGE("/.well-known/jwks.json", ehr_page_jwks, EHR_ROUTE_ROOT,
         "Public keys of access tokens"),

    { 0, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL }
};
