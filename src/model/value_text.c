/*
 * A value that came as text, in a query parameter or a cursor, and the
 * canonical form of sensitive ones: see model.h.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "moment.h"
#include "value.h"


/* The longest number in a URL that is looked at. */
#define NUMBER_MAX  40

/* The only state: where ehr_validate_text() leaves its argument. */
static ehr_check_t  check;


static int
is_digit(char character)
{
    return character >= '0' && character <= '9';
}


static size_t
count_digits(const char *text, size_t len)
{
    size_t  n;

    for (n = 0; n < len && is_digit(text[n]); n++) { /* void */ }

    return n;
}


/* An int64_t in decimal. */
static int
is_integer(const char *text, size_t len)
{
    char    copy[NUMBER_MAX + 1];
    size_t  sign;

    sign = len > 0 && text[0] == '-';

    if (len == sign || len > NUMBER_MAX
        || count_digits(text + sign, len - sign) != len - sign)
    {
        return 0;
    }

    memcpy(copy, text, len);
    copy[len] = '\0';

    errno = 0;
    (void) strtoll(copy, NULL, 10);

    return errno == 0;
}


/* "-12.5": no exponent, no bare point. */
static int
is_decimal(const char *text, size_t len)
{
    size_t  n;

    if (len > NUMBER_MAX) {
        return 0;
    }

    if (len > 0 && text[0] == '-') {
        text++;
        len--;
    }

    n = count_digits(text, len);

    if (n == 0 || n == len) {
        return n > 0;
    }

    text += n + 1;
    len -= n + 1;

    return text[-1] == '.' && len > 0 && count_digits(text, len) == len;
}


static int
is_boolean(const char *text, size_t len)
{
    return (len == 4 && memcmp(text, "true", 4) == 0)
           || (len == 5 && memcmp(text, "false", 5) == 0);
}


static ehr_message_t
check_typed(const ehr_field_t *field, const char *text, size_t len)
{
    ehr_moment_t  moment;

    switch (field->type) {

    case EHR_TYPE_UUID:
    case EHR_TYPE_UUID_LIST:
        return ehr_value_parse_uuid(text, len, NULL) == 0
               ? EHR_MESSAGE_NONE : EHR_MESSAGE_VALUE_NOT_UUID;

    case EHR_TYPE_TEXT:
        return ehr_value_check_text(&check, field, text, len, 0);

    case EHR_TYPE_INTEGER:
        return is_integer(text, len) ? EHR_MESSAGE_NONE
                                     : EHR_MESSAGE_VALUE_NOT_INTEGER;

    case EHR_TYPE_DECIMAL:
        return is_decimal(text, len) ? EHR_MESSAGE_NONE
                                     : EHR_MESSAGE_VALUE_NOT_NUMBER;

    case EHR_TYPE_BOOLEAN:
        return is_boolean(text, len) ? EHR_MESSAGE_NONE
                                     : EHR_MESSAGE_VALUE_NOT_BOOLEAN;

    case EHR_TYPE_DATE:
        return ehr_value_check_date(&check, text, len);

    case EHR_TYPE_TIMESTAMP:
        return ehr_instant_parse(text, len, EHR_INSTANT_SQL, &moment) == 0
               ? EHR_MESSAGE_NONE : EHR_MESSAGE_VALUE_NOT_TIMESTAMP;

    case EHR_TYPE_ENUM:
        return ehr_value_check_enum(&check, field, text, len);

    case EHR_TYPE_TEXT_LIST:
        return ehr_value_check_element(&check, field, text, len);

    default:
        return EHR_MESSAGE_VALUE_REFUSED;
    }
}


int
ehr_validate_text(const ehr_field_t *field, const char *text, size_t len,
    const char **argument)
{
    ehr_message_t  message;

    check.argument[0] = '\0';

    message = check_typed(field, text, len);
    *argument = check.argument[0] == '\0' ? NULL : check.argument;

    return (int) message;
}


/* -- canonical forms ------------------------------------------------------- */


/* ASCII only, as in the formats that are compared this way. */
static char
lower(char character)
{
    return character >= 'A' && character <= 'Z'
           ? (char) (character - 'A' + 'a') : character;
}


static int
is_blank(char character)
{
    return character == ' ' || character == '\t' || character == '\r'
           || character == '\n';
}


static int
is_phone_character(char character)
{
    return is_digit(character) || character == '+';
}


size_t
ehr_normalize(const ehr_field_t *field, const char *text, size_t len,
    char *out)
{
    size_t  i, n;

    while (len > 0 && is_blank(text[0])) {
        text++;
        len--;
    }

    while (len > 0 && is_blank(text[len - 1])) {
        len--;
    }

    for (n = 0, i = 0; i < len; i++) {
        if (field->format == EHR_FORMAT_EMAIL) {
            out[n++] = lower(text[i]);

        } else if (field->format != EHR_FORMAT_PHONE
                   || is_phone_character(text[i]))
        {
            out[n++] = text[i];
        }
    }

    return n;
}
