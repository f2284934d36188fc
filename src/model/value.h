/*
 * One value, checked against its field and converted to SQL text.
 */

#ifndef EHR_VALUE_H
#define EHR_VALUE_H

#include "message.h"
#include "model.h"


/* What applies where a descriptor says max = 0. */
#define EHR_TEXT_MAX     200
#define EHR_LIST_MAX      50

#define EHR_ELEMENT_MAX  200     /* characters of a list's element */
#define EHR_OBJECT_MAX   16384   /* bytes of an object's compact JSON */
#define EHR_UUID_LENGTH  36

#define EHR_ARGUMENT_SIZE  512

/* A check under way. */
typedef struct {
    const ehr_arena_t      *arena;
    char                    argument[EHR_ARGUMENT_SIZE];  /* for the message's
                                                             %s, or empty */
    int                     no_memory;
} ehr_check_t;

/*
 * EHR_MESSAGE_NONE and *value set, or what is wrong (check->argument set).
 * The value points into the arena.  json is not null.  After a
 * call the caller looks at check->no_memory first.
 */
ehr_message_t ehr_value_convert(ehr_check_t *check, const ehr_field_t *field,
    const json_t *json, ehr_value_t *value);

/* The parts of it that a value in a URL needs too. */
ehr_message_t ehr_value_check_text(ehr_check_t *check,
    const ehr_field_t *field, const char *text, size_t len, size_t least);
ehr_message_t ehr_value_check_element(ehr_check_t *check,
    const ehr_field_t *field, const char *text, size_t len);
ehr_message_t ehr_value_check_enum(ehr_check_t *check,
    const ehr_field_t *field, const char *text, size_t len);
ehr_message_t ehr_value_check_date(ehr_check_t *check, const char *text,
    size_t len);
/* Writes 36 lower-case characters to out, which may be NULL; -1 if it is not
 * a UUID. */
int ehr_value_parse_uuid(const char *text, size_t len, char *out);

/* The most and the least elements or characters a field takes. */
size_t ehr_value_max(const ehr_field_t *field);
size_t ehr_value_min(const ehr_field_t *field);
/* Whether a number has a lower or an upper bound at all. */
int ehr_value_has_min(const ehr_field_t *field);
int ehr_value_has_max(const ehr_field_t *field);

#endif /* EHR_VALUE_H */
