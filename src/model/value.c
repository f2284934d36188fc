/*
 * One value, checked and converted: see value.h.
 */

#include <stdio.h>
#include <string.h>

#include "format.h"
#include "moment.h"
#include "value_convert.h"


typedef ehr_message_t (*convert_pt)(ehr_check_t *check,
    const ehr_field_t *field, const json_t *json, ehr_value_t *value);


ehr_message_t
ehr_value_copy(ehr_check_t *check, ehr_value_t *value, const char *text,
    size_t len)
{
    char  *copied;

    copied = check->arena->alloc(check->arena->context, len + 1);
    if (copied == NULL) {
        check->no_memory = 1;
        return EHR_MESSAGE_NONE;
    }

    memcpy(copied, text, len);
    copied[len] = '\0';

    value->text = copied;
    value->len = len;

    return EHR_MESSAGE_NONE;
}


static ehr_message_t
convert_boolean(ehr_check_t *check, const ehr_field_t *field,
    const json_t *json, ehr_value_t *value)
{
    (void) field;

    if (!json_is_boolean(json)) {
        return EHR_MESSAGE_VALUE_NOT_BOOLEAN;
    }

    return json_is_true(json) ? ehr_value_copy(check, value, "true", 4)
                              : ehr_value_copy(check, value, "false", 5);
}


/* -- texts ----------------------------------------------------------------- */


ehr_message_t
ehr_value_check_text(ehr_check_t *check, const ehr_field_t *field,
    const char *text, size_t len, size_t least)
{
    long  characters;

    characters = ehr_utf8_length(text, len);

    if (characters < 0) {
        return EHR_MESSAGE_VALUE_NOT_UTF8;
    }

    if ((size_t) characters < least) {
        return ehr_value_refuse(check, EHR_MESSAGE_VALUE_TOO_SHORT,
            least);
    }

    if ((size_t) characters > ehr_value_max(field)) {
        return ehr_value_refuse(check, EHR_MESSAGE_VALUE_TOO_LONG,
            ehr_value_max(field));
    }

    return ehr_format_check(field->format, text, len);
}


static ehr_message_t
convert_text(ehr_check_t *check, const ehr_field_t *field, const json_t *json,
    ehr_value_t *value)
{
    size_t         len;
    const char    *text;
    ehr_message_t  message;

    if (!json_is_string(json)) {
        return EHR_MESSAGE_VALUE_NOT_TEXT;
    }

    text = json_string_value(json);
    len = json_string_length(json);

    message = ehr_value_check_text(check, field, text, len,
        ehr_value_min(field));

    return message != EHR_MESSAGE_NONE
           ? message : ehr_value_copy(check, value, text, len);
}


/* The allowed values as the argument; those that do not fit are "…". */
static void
list_values(ehr_check_t *check, const char *const *values)
{
    int     n;
    size_t  i, len, room;

    len = 0;

    for (i = 0; values[i] != NULL; i++) {
        room = sizeof(check->argument) - len;

        if (strlen(values[i]) + sizeof(", , …") > room) {
            (void) snprintf(check->argument + len, room, ", …");
            return;
        }

        n = snprintf(check->argument + len, room, "%s%s",
            i > 0 ? ", " : "", values[i]);
        len += (size_t) n;
    }
}


ehr_message_t
ehr_value_check_enum(ehr_check_t *check, const ehr_field_t *field,
    const char *text, size_t len)
{
    size_t  i;

    for (i = 0; field->values[i] != NULL; i++) {
        if (strlen(field->values[i]) == len
            && memcmp(field->values[i], text, len) == 0)
        {
            return EHR_MESSAGE_NONE;
        }
    }

    list_values(check, field->values);

    return EHR_MESSAGE_VALUE_NOT_ALLOWED;
}


static ehr_message_t
convert_enum(ehr_check_t *check, const ehr_field_t *field, const json_t *json,
    ehr_value_t *value)
{
    size_t         len;
    const char    *text;
    ehr_message_t  message;

    if (!json_is_string(json)) {
        return EHR_MESSAGE_VALUE_NOT_TEXT;
    }

    text = json_string_value(json);
    len = json_string_length(json);

    message = ehr_value_check_enum(check, field, text, len);

    return message != EHR_MESSAGE_NONE
           ? message : ehr_value_copy(check, value, text, len);
}


int
ehr_value_parse_uuid(const char *text, size_t len, char *out)
{
    char    character;
    size_t  i;

    if (len != EHR_UUID_LENGTH) {
        return -1;
    }

    for (i = 0; i < len; i++) {
        character = text[i];

        if (character >= 'A' && character <= 'F') {
            character = (char) (character - 'A' + 'a');
        }

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (character != '-') {
                return -1;
            }

        } else if (!((character >= '0' && character <= '9')
                     || (character >= 'a' && character <= 'f')))
        {
            return -1;
        }

        if (out != NULL) {
            out[i] = character;
        }
    }

    return 0;
}


static ehr_message_t
convert_uuid(ehr_check_t *check, const ehr_field_t *field, const json_t *json,
    ehr_value_t *value)
{
    char  uuid[EHR_UUID_LENGTH];

    (void) field;

    if (!json_is_string(json)
        || ehr_value_parse_uuid(json_string_value(json),
                                json_string_length(json), uuid)
           != 0)
    {
        return EHR_MESSAGE_VALUE_NOT_UUID;
    }

    return ehr_value_copy(check, value, uuid, sizeof(uuid));
}


/* -- dates ----------------------------------------------------------------- */


static ehr_message_t
check_year(ehr_check_t *check, const ehr_moment_t *moment)
{
    if (moment->year < EHR_FIRST_YEAR) {
        (void) strcpy(check->argument, EHR_FIRST_DATE);
        return EHR_MESSAGE_VALUE_TOO_SMALL;
    }

    if (moment->year > EHR_LAST_YEAR) {
        (void) strcpy(check->argument, EHR_LAST_DATE);
        return EHR_MESSAGE_VALUE_TOO_LARGE;
    }

    return EHR_MESSAGE_NONE;
}


ehr_message_t
ehr_value_check_date(ehr_check_t *check, const char *text, size_t len)
{
    ehr_moment_t  moment;

    if (ehr_date_parse(text, len, &moment) != 0) {
        return EHR_MESSAGE_VALUE_NOT_DATE;
    }

    return check_year(check, &moment);
}


static ehr_message_t
convert_date(ehr_check_t *check, const ehr_field_t *field, const json_t *json,
    ehr_value_t *value)
{
    ehr_message_t  message;

    (void) field;

    if (!json_is_string(json)) {
        return EHR_MESSAGE_VALUE_NOT_DATE;
    }

    message = ehr_value_check_date(check, json_string_value(json),
        json_string_length(json));

    return message != EHR_MESSAGE_NONE
           ? message
           : ehr_value_copy(check, value, json_string_value(json),
                  json_string_length(json));
}


static ehr_message_t
convert_timestamp(ehr_check_t *check, const ehr_field_t *field,
    const json_t *json, ehr_value_t *value)
{
    char           text[EHR_INSTANT_SIZE];
    ehr_moment_t   moment;
    ehr_message_t  message;

    (void) field;

    if (!json_is_string(json)
        || ehr_instant_parse(json_string_value(json),
                             json_string_length(json), EHR_INSTANT_RFC3339,
                             &moment)
           != 0)
    {
        return EHR_MESSAGE_VALUE_NOT_TIMESTAMP;
    }

    message = check_year(check, &moment);
    if (message != EHR_MESSAGE_NONE) {
        return message;
    }

    ehr_instant_print(&moment, text);

    return ehr_value_copy(check, value, text, strlen(text));
}


/* -- the table ------------------------------------------------------------- */


static const convert_pt  converters[] = {
    [EHR_TYPE_UUID]      = convert_uuid,
    [EHR_TYPE_TEXT]      = convert_text,
    [EHR_TYPE_INTEGER]   = ehr_value_convert_integer,
    [EHR_TYPE_DECIMAL]   = ehr_value_convert_decimal,
    [EHR_TYPE_BOOLEAN]   = convert_boolean,
    [EHR_TYPE_DATE]      = convert_date,
    [EHR_TYPE_TIMESTAMP] = convert_timestamp,
    [EHR_TYPE_ENUM]      = convert_enum,
    [EHR_TYPE_TEXT_LIST] = ehr_value_convert_texts,
    [EHR_TYPE_UUID_LIST] = ehr_value_convert_uuids,
    [EHR_TYPE_OBJECT]    = ehr_value_convert_object,
    [EHR_TYPE_OBJECT_LIST] = ehr_value_convert_object, /* never: check.c */
    [EHR_TYPE_JSON]      = ehr_value_convert_json
};


ehr_message_t
ehr_value_convert(ehr_check_t *check, const ehr_field_t *field,
    const json_t *json, ehr_value_t *value)
{
    check->argument[0] = '\0';
    check->no_memory = 0;

    return converters[field->type](check, field, json, value);
}
