/*
 * Lists and objects, checked and converted: see value_convert.h.
 */

#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "text.h"
#include "value_convert.h"


/* Digits that a real number in an object keeps: all that JSON peers agree
 * on, so that 36.6 stays 36.6. */
#define REAL_DIGITS  15

typedef struct {
    ehr_text_t     *text;
    size_t          left;
} object_writer_t;


/* Whether the number of elements is within the field's bounds. */
static ehr_message_t
check_count(ehr_check_t *check, const ehr_field_t *field, const json_t *json)
{
    if (json_array_size(json) < ehr_value_min(field)) {
        return ehr_value_refuse(check, EHR_MESSAGE_VALUE_TOO_FEW,
            ehr_value_min(field));
    }

    if (json_array_size(json) > ehr_value_max(field)) {
        return ehr_value_refuse(check, EHR_MESSAGE_VALUE_TOO_MANY,
            ehr_value_max(field));
    }

    return EHR_MESSAGE_NONE;
}


static ehr_message_t
finish(ehr_check_t *check, ehr_text_t *text, ehr_value_t *value)
{
    value->text = ehr_text_done(text);
    value->len = text->len;
    check->no_memory = value->text == NULL;

    return EHR_MESSAGE_NONE;
}


/* -- texts ----------------------------------------------------------------- */


ehr_message_t
ehr_value_check_element(ehr_check_t *check, const ehr_field_t *field,
    const char *text, size_t len)
{
    long  characters;

    if (field->values != NULL) {
        return ehr_value_check_enum(check, field, text, len);
    }

    characters = ehr_utf8_length(text, len);

    if (characters < 0) {
        return EHR_MESSAGE_VALUE_NOT_UTF8;
    }

    if (characters > EHR_ELEMENT_MAX) {
        return ehr_value_refuse(check, EHR_MESSAGE_VALUE_ELEMENT_TOO_LONG,
            EHR_ELEMENT_MAX);
    }

    return ehr_format_check(EHR_FORMAT_LINE, text, len);
}


/* An element of an array literal: in quotes, so that commas, braces, spaces,
 * NULL and the empty text are plain text. */
static void
add_quoted(ehr_text_t *text, const char *element, size_t len)
{
    size_t  i;

    ehr_text_add_bytes(text, "\"", 1);

    for (i = 0; i < len; i++) {
        if (element[i] == '"' || element[i] == '\\') {
            ehr_text_add_bytes(text, "\\", 1);
        }

        ehr_text_add_bytes(text, element + i, 1);
    }

    ehr_text_add_bytes(text, "\"", 1);
}


ehr_message_t
ehr_value_convert_texts(ehr_check_t *check, const ehr_field_t *field,
    const json_t *json, ehr_value_t *value)
{
    size_t         i;
    json_t        *element;
    ehr_text_t     text;
    ehr_message_t  message;

    if (!json_is_array(json)) {
        return EHR_MESSAGE_VALUE_NOT_TEXT_LIST;
    }

    message = check_count(check, field, json);
    if (message != EHR_MESSAGE_NONE) {
        return message;
    }

    ehr_text_init(&text, check->arena);
    ehr_text_add(&text, "{");

    for (i = 0; i < json_array_size(json); i++) {
        element = json_array_get(json, i);

        if (!json_is_string(element)) {
            return EHR_MESSAGE_VALUE_NOT_TEXT_LIST;
        }

        message = ehr_value_check_element(check, field,
            json_string_value(element), json_string_length(element));
        if (message != EHR_MESSAGE_NONE) {
            return message;
        }

        ehr_text_add(&text, i > 0 ? "," : "");
        add_quoted(&text, json_string_value(element),
            json_string_length(element));
    }

    ehr_text_add(&text, "}");

    return finish(check, &text, value);
}


/* -- ids ------------------------------------------------------------------- */


static int
compare_uuids(const void *one, const void *other)
{
    return memcmp(one, other, EHR_UUID_LENGTH);
}


/* Whether one of n ids, side by side, is there twice.  Sorts a copy: a list
 * is bounded, but not so short that n² were nothing. */
static int
has_repeated(ehr_check_t *check, const char *uuids, size_t n)
{
    char    *sorted;
    size_t   i;

    if (n < 2) {
        return 0;
    }

    sorted = check->arena->alloc(check->arena->context, n * EHR_UUID_LENGTH);
    if (sorted == NULL) {
        check->no_memory = 1;
        return 0;
    }

    memcpy(sorted, uuids, n * EHR_UUID_LENGTH);
    qsort(sorted, n, EHR_UUID_LENGTH, compare_uuids);

    for (i = 1; i < n; i++) {
        if (compare_uuids(sorted + (i - 1) * EHR_UUID_LENGTH,
                          sorted + i * EHR_UUID_LENGTH)
            == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* The ids of a list, lower-case and side by side; NULL if one is not an id
 * or there is no memory. */
static char *
collect_uuids(ehr_check_t *check, const json_t *json)
{
    char    *uuids;
    size_t   i, n;
    json_t  *element;

    n = json_array_size(json);

    uuids = check->arena->alloc(check->arena->context,
        n * EHR_UUID_LENGTH + 1);
    if (uuids == NULL) {
        check->no_memory = 1;
        return NULL;
    }

    for (i = 0; i < n; i++) {
        element = json_array_get(json, i);

        if (!json_is_string(element)
            || ehr_value_parse_uuid(json_string_value(element),
                                    json_string_length(element),
                                    uuids + i * EHR_UUID_LENGTH)
               != 0)
        {
            return NULL;
        }
    }

    return uuids;
}


ehr_message_t
ehr_value_convert_uuids(ehr_check_t *check, const ehr_field_t *field,
    const json_t *json, ehr_value_t *value)
{
    char          *uuids;
    size_t         i, n;
    ehr_text_t     text;
    ehr_message_t  message;

    if (!json_is_array(json)) {
        return EHR_MESSAGE_VALUE_NOT_UUID_LIST;
    }

    message = check_count(check, field, json);
    if (message != EHR_MESSAGE_NONE) {
        return message;
    }

    uuids = collect_uuids(check, json);
    if (uuids == NULL) {
        return EHR_MESSAGE_VALUE_NOT_UUID_LIST;
    }

    n = json_array_size(json);

    if (has_repeated(check, uuids, n)) {
        return EHR_MESSAGE_VALUE_REPEATED;
    }

    ehr_text_init(&text, check->arena);
    ehr_text_add(&text, "{");

    for (i = 0; i < n; i++) {
        ehr_text_add(&text, i > 0 ? "," : "");
        ehr_text_add_bytes(&text, uuids + i * EHR_UUID_LENGTH,
            EHR_UUID_LENGTH);
    }

    ehr_text_add(&text, "}");

    return finish(check, &text, value);
}


/* -- objects --------------------------------------------------------------- */


/* Stops the writing once the object is too large. */
static int
write_object(const char *data, size_t len, void *context)
{
    object_writer_t  *writer = context;

    if (len > writer->left) {
        writer->left = 0;
        return -1;
    }

    writer->left -= len;
    ehr_text_add_bytes(writer->text, data, len);

    return writer->text->failed ? -1 : 0;
}


ehr_message_t
ehr_value_convert_object(ehr_check_t *check, const ehr_field_t *field,
    const json_t *json, ehr_value_t *value)
{
    return json_is_object(json)
           ? ehr_value_convert_json(check, field, json, value)
           : EHR_MESSAGE_VALUE_NOT_OBJECT;
}


ehr_message_t
ehr_value_convert_json(ehr_check_t *check, const ehr_field_t *field,
    const json_t *json, ehr_value_t *value)
{
    ehr_text_t       text;
    object_writer_t  writer;

    (void) field;

    ehr_text_init(&text, check->arena);
    writer.text = &text;
    writer.left = EHR_OBJECT_MAX;

    if (json_dump_callback(json, write_object, &writer,
                           JSON_COMPACT|JSON_ENCODE_ANY
                           |JSON_REAL_PRECISION(REAL_DIGITS))
        != 0)
    {
        check->no_memory = text.failed;
        return ehr_value_refuse(check, EHR_MESSAGE_VALUE_OBJECT_TOO_LARGE,
            EHR_OBJECT_MAX);
    }

    return finish(check, &text, value);
}
