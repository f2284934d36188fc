/*
 * What files of descriptors share (resource_*.c, and what routes of care take
 * and give): abbreviations, and the few fields that mean the same wherever
 * they occur.  Not for other code.
 */

#ifndef EHR_DESCRIBE_H
#define EHR_DESCRIBE_H

#include "model.h"
#include "resources.h"


/* Has to be there and has to be a value. */
#define EHR_MUST  (EHR_REQUIRED | EHR_NOT_NULL)

/* The server fills it in; clients look it up. */
#define EHR_SHOWN  (EHR_READ_ONLY | EHR_NOT_NULL)

#define EHR_FIELDS(list)                                                     \
    .fields = (list), .nfields = sizeof(list) / sizeof((list)[0])

/* Whose record it is: the id in the path of the collection. */
#define EHR_FIELD_PATIENT                                                    \
    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,    \
      .flags = EHR_MUST | EHR_IMMUTABLE | EHR_FILTER,                        \
      .reference = "patients",                                               \
      .about = "The patient whose record this belongs to." }

/* The visit it was written at; another patient's visit is unknown here. */
#define EHR_FIELD_ENCOUNTER                                                  \
    { .name = "encounterId", .column = "encounter_id",                       \
      .type = EHR_TYPE_UUID, .flags = EHR_FILTER,                            \
      .reference = "encounters",                                             \
      .about = "The visit of the same patient it was recorded at." }

/* The id an imported row had where it came from. */
#define EHR_FIELD_EXTERNAL_ID                                                \
    { .name = "externalId", .column = "external_id", .type = EHR_TYPE_TEXT,  \
      .flags = EHR_FILTER, .format = EHR_FORMAT_LINE, .min = 1, .max = 200,  \
      .about = "The identifier in the system it was imported from, unique "  \
               "where it is set." }

/* A coded concept beside its plain text. */
#define EHR_FIELD_CODE                                                       \
    { .name = "code", .column = "code", .type = EHR_TYPE_TEXT,               \
      .flags = EHR_FILTER, .format = EHR_FORMAT_CODE, .max = 64,             \
      .about = "The concept's code in codeSystem." }

#define EHR_FIELD_CODE_SYSTEM                                                \
    { .name = "codeSystem", .column = "code_system",                         \
      .type = EHR_TYPE_TEXT, .format = EHR_FORMAT_LINE, .max = 200,          \
      .about = "The code system, such as http://snomed.info/sct." }

/* What somebody is called; `more` flags, such as EHR_SORT. */
#define EHR_FIELDS_NAME(more)                                                \
    { .name = "firstName", .column = "first_name", .type = EHR_TYPE_TEXT,    \
      .flags = EHR_MUST | (more), .format = EHR_FORMAT_LINE,                 \
      .min = 1, .max = 100, .about = "Given names." },                       \
    { .name = "lastName", .column = "last_name", .type = EHR_TYPE_TEXT,      \
      .flags = EHR_MUST | (more), .format = EHR_FORMAT_LINE,                 \
      .min = 1, .max = 100, .about = "Family name." }

/* How an account is addressed and shown. */
#define EHR_FIELD_LANGUAGE                                                   \
    { .name = "language", .column = "language", .type = EHR_TYPE_TEXT,       \
      .flags = EHR_NOT_NULL, .format = EHR_FORMAT_LANGUAGE,                  \
      .min = 2, .max = 10, .fallback = "'en'",                               \
      .about = "Preferred language, such as en or es-MX." }

#define EHR_FIELD_PICTURE                                                    \
    { .name = "profilePicture", .column = "profile_picture",                 \
      .type = EHR_TYPE_TEXT, .format = EHR_FORMAT_URL, .max = 2000,          \
      .about = "Address of a picture." }

/* Where somebody or something is. */
#define EHR_FIELD_TIME_ZONE                                                  \
    { .name = "timeZone", .column = "time_zone", .type = EHR_TYPE_TEXT,      \
      .flags = EHR_NOT_NULL, .format = EHR_FORMAT_TIME_ZONE, .max = 64,      \
      .fallback = "'UTC'",                                                   \
      .about = "IANA time zone, such as Europe/Madrid." }

/* Postal address; `may` is the permission that shows it, or 0. */
#define EHR_FIELDS_ADDRESS(may)                                              \
    { .name = "address", .column = "address", .type = EHR_TYPE_TEXT,         \
      .max = 500, .read = (may), .about = "Street, number and the like." },  \
    { .name = "city", .column = "city", .type = EHR_TYPE_TEXT,               \
      .flags = EHR_FILTER, .format = EHR_FORMAT_LINE, .max = 100,            \
      .read = (may), .about = "City or town." },                             \
    { .name = "state", .column = "state", .type = EHR_TYPE_TEXT,             \
      .format = EHR_FORMAT_LINE, .max = 100, .read = (may),                  \
      .about = "State, province or region." },                               \
    { .name = "country", .column = "country", .type = EHR_TYPE_TEXT,         \
      .format = EHR_FORMAT_LINE, .max = 100, .read = (may),                  \
      .about = "Country." },                                                 \
    { .name = "postalCode", .column = "postal_code",                         \
      .type = EHR_TYPE_TEXT, .format = EHR_FORMAT_LINE, .max = 20,           \
      .read = (may), .about = "Postal code." }

/* What is booked along with doctor and patient, for the same time. */
#define EHR_FIELDS_ROOM                                                      \
    { .name = "roomId", .column = "room_id", .type = EHR_TYPE_UUID,          \
      .reference = "rooms",                                                  \
      .about = "The room; without one, that of the doctor's hours if it is " \
               "free." },                                                    \
    { .name = "equipmentIds", .column = "equipment_ids",                     \
      .type = EHR_TYPE_UUID_LIST, .flags = EHR_NOT_NULL, .max = 10,          \
      .reference = "equipment", .about = "Machines that are needed." }

#define EHR_FIELD_VIRTUAL                                                    \
    { .name = "isVirtual", .column = "is_virtual",                           \
      .type = EHR_TYPE_BOOLEAN, .flags = EHR_NOT_NULL,                       \
      .about = "Whether it takes place by video." }

/* Doctor, start and length in one. */
#define EHR_FIELD_SLOT                                                       \
    { .name = "slotId", .column = "slot_id", .type = EHR_TYPE_TEXT,          \
      .flags = EHR_NOT_NULL, .format = EHR_FORMAT_LINE, .min = 1, .max = 64, \
      .about = "The id of a slot, instead of doctorId, start and "           \
               "durationMinutes." }

/* The token of one's own hold; `text` says of what. */
#define EHR_FIELD_HOLD(text)                                                 \
    { .name = "holdToken", .column = "hold_token", .type = EHR_TYPE_UUID,    \
      .flags = EHR_NOT_NULL, .about = text }

/* -- search by what someone typed ------------------------------------------ */

/* How far `text`, folded SQL text, is from it: 0 holds it, 1 has nothing
 * of it. */
#define EHR_SEARCH_ORDER(text)                                               \
    "round((1 - public.word_similarity(ehr.folded($q), " text"))::numeric, 4)"

/* Named rows of a small table; the typed % _ and \ are plain characters.  As
 * much alike as ehr.people_named() wants, from three letters on. */
#define EHR_SEARCH_NAMES(text, what)                                         \
    { .parameter = "q",                                                      \
      .where = "starts_with(" text ", ehr.folded($q))"                       \
               " OR strpos(" text ", ' ' || ehr.folded($q)) > 0"             \
               " OR (char_length($q) > 2"                                    \
               " AND public.word_similarity(ehr.folded($q), " text           \
               ") >= 0.35)",                                                 \
      .order = EHR_SEARCH_ORDER(text),                                       \
      .format = EHR_FORMAT_LINE,                                             \
      .about = what " whose name has a word that begins with this text or "  \
               "resembles it, best first." }

/* People, of whom there may be many: ehr.people_named() has an index. */
#define EHR_SEARCH_PEOPLE(table, what)                                       \
    { .parameter = "q",                                                      \
      .where = "t.id IN (SELECT ehr.people_named('" table "', $q))",         \
      .order = EHR_SEARCH_ORDER("t.search_name"),                            \
      .format = EHR_FORMAT_LINE,                                             \
      .about = what " whose name has a word that begins with this text or "  \
               "resembles it, best first." }

#endif /* EHR_DESCRIBE_H */
