/*
 * Numbers, checked and converted, and the bounds of fields: see value.h.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value_convert.h"


/* -- bounds ---------------------------------------------------------------- */


size_t
ehr_value_max(const ehr_field_t *field)
{
    if (field->max > 0) {
        return (size_t) field->max;
    }

    return field->type == EHR_TYPE_TEXT_LIST
           || field->type == EHR_TYPE_UUID_LIST ? EHR_LIST_MAX : EHR_TEXT_MAX;
}


size_t
ehr_value_min(const ehr_field_t *field)
{
    return field->min > 0 ? (size_t) field->min : 0;
}


ehr_message_t
ehr_value_refuse(ehr_check_t *check, ehr_message_t message, size_t bound)
{
    (void) snprintf(check->argument, sizeof(check->argument), "%zu", bound);

    return message;
}


int
ehr_value_has_max(const ehr_field_t *field)
{
    return field->max != 0;
}


/* 0 to 0 is no bound at all; 0 to 10 starts at 0. */
int
ehr_value_has_min(const ehr_field_t *field)
{
    return field->min != 0 || field->max != 0;
}


/* The argument is a number, as it reads in a sentence. */
static ehr_message_t
refuse_bound(ehr_check_t *check, ehr_message_t message, double bound)
{
    (void) snprintf(check->argument, sizeof(check->argument), "%.15g", bound);

    return message;
}


/* long double holds every int64_t and every double. */
static ehr_message_t
check_bounds(ehr_check_t *check, const ehr_field_t *field, long double number)
{
    if (ehr_value_has_min(field) && number < (long double) field->min) {
        return refuse_bound(check, EHR_MESSAGE_VALUE_TOO_SMALL, field->min);
    }

    if (ehr_value_has_max(field) && number > (long double) field->max) {
        return refuse_bound(check, EHR_MESSAGE_VALUE_TOO_LARGE, field->max);
    }

    return EHR_MESSAGE_NONE;
}


/* -- numbers --------------------------------------------------------------- */


ehr_message_t
ehr_value_convert_integer(ehr_check_t *check, const ehr_field_t *field,
    const json_t *json, ehr_value_t *value)
{
    int            len;
    char           text[32];
    ehr_message_t  message;

    if (!json_is_integer(json)) {
        return EHR_MESSAGE_VALUE_NOT_INTEGER;
    }

    message = check_bounds(check, field,
        (long double) json_integer_value(json));
    if (message != EHR_MESSAGE_NONE) {
        return message;
    }

    len = snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
        json_integer_value(json));

    return ehr_value_copy(check, value, text, (size_t) len);
}


/* The shortest decimal text that means the same double: what the client
 * wrote, but for zeros at its end. */
static int
print_real(double number, char *out, size_t size)
{
    int  len, precision;

    if (number == 0) {
        number = 0;     /* not -0 */
    }

    for (precision = 15; precision <= 17; precision++) {
        len = snprintf(out, size, "%.*g", precision, number);

        if (strtod(out, NULL) == number) {
            break;
        }
    }

    return len;
}


/* How many digits "1.25", "1.25e-05" or "1e+20" has after the point. */
static long
digits_after_point(const char *text)
{
    long         digits;
    const char  *point, *exponent;

    point = strchr(text, '.');
    exponent = strchr(text, 'e');
    digits = 0;

    if (point != NULL) {
        digits = (long) strspn(point + 1, "0123456789");
    }

    if (exponent != NULL) {
        digits -= strtol(exponent + 1, NULL, 10);
    }

    return digits > 0 ? digits : 0;
}


ehr_message_t
ehr_value_convert_decimal(ehr_check_t *check, const ehr_field_t *field,
    const json_t *json, ehr_value_t *value)
{
    int            len;
    char           text[64];
    ehr_message_t  message;

    if (json_is_integer(json)) {
        return ehr_value_convert_integer(check, field, json, value);
    }

    if (!json_is_real(json)) {
        return EHR_MESSAGE_VALUE_NOT_NUMBER;
    }

    message = check_bounds(check, field,
        (long double) json_real_value(json));
    if (message != EHR_MESSAGE_NONE) {
        return message;
    }

    len = print_real(json_real_value(json), text, sizeof(text));

    if (digits_after_point(text) > field->scale) {
        return ehr_value_refuse(check, EHR_MESSAGE_VALUE_TOO_PRECISE,
            (size_t) field->scale);
    }

    return ehr_value_copy(check, value, text, (size_t) len);
}
