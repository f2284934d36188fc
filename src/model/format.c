/*
 * Well-known text formats: see format.h.
 */

#include <string.h>

#include "format.h"


#define LOWER     "abcdefghijklmnopqrstuvwxyz"
#define UPPER     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS    "0123456789"
#define LETTERS   LOWER UPPER

#define MAX_EMAIL        254
#define MAX_EMAIL_LOCAL   64
#define MAX_HOST         253
#define MAX_HOST_LABEL    63
#define MIN_PHONE_DIGITS   5
#define MAX_PHONE_DIGITS  20
#define MAX_TIME_ZONE     64

/* A checker: 1 if the text fits. */
typedef int (*fits_pt)(const char *text, size_t len);

typedef struct {
    fits_pt         fits;
    ehr_message_t   message;
    const char     *name;
    const char     *pattern;
} format_t;


/* -- characters ------------------------------------------------------------ */


/* Unlike strchr(), never finds the terminator. */
static int
is_one_of(char character, const char *set)
{
    return character != '\0' && strchr(set, character) != NULL;
}


/* How many of the first characters are in the set. */
static size_t
span(const char *text, size_t len, const char *set)
{
    size_t  n;

    for (n = 0; n < len && is_one_of(text[n], set); n++) { /* void */ }

    return n;
}


static int
has_control_character(const char *text, size_t len, const char *allowed)
{
    size_t         i;
    unsigned char  character;

    for (i = 0; i < len; i++) {
        character = (unsigned char) text[i];

        if ((character < 0x20 || character == 0x7f)
            && !is_one_of(text[i], allowed))
        {
            return 1;
        }
    }

    return 0;
}


/* Length of the UTF-8 character at text, 0 if there is none. */
static size_t
utf8_character(const unsigned char *text, size_t len)
{
    size_t         i, n;
    unsigned char  low, high;

    low = 0x80;
    high = 0xbf;

    if (text[0] < 0x80) {
        return 1;
    }

    if (text[0] >= 0xc2 && text[0] <= 0xdf) {
        n = 2;

    } else if ((text[0] & 0xf0) == 0xe0) {
        n = 3;
        low = text[0] == 0xe0 ? 0xa0 : 0x80;
        high = text[0] == 0xed ? 0x9f : 0xbf;

    } else if (text[0] >= 0xf0 && text[0] <= 0xf4) {
        n = 4;
        low = text[0] == 0xf0 ? 0x90 : 0x80;
        high = text[0] == 0xf4 ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    if (n > len || text[1] < low || text[1] > high) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}


long
ehr_utf8_length(const char *text, size_t len)
{
    long    count;
    size_t  n;

    for (count = 0; len > 0; count++) {
        n = utf8_character((const unsigned char *) text, len);
        if (n == 0) {
            return -1;
        }

        text += n;
        len -= n;
    }

    return count;
}


/* -- checkers -------------------------------------------------------------- */


static int
fits_any(const char *text, size_t len)
{
    return !has_control_character(text, len, "\t\r\n");
}


static int
fits_line(const char *text, size_t len)
{
    return !has_control_character(text, len, "");
}


/* Labels of letters, digits and inner hyphens, with a point between; `least`
 * of them. */
static int
fits_host(const char *text, size_t len, int least)
{
    int     labels;
    size_t  n;

    if (len == 0 || len > MAX_HOST) {
        return 0;
    }

    for (labels = 1; /* void */ ; labels++) {
        n = span(text, len, LETTERS DIGITS "-");

        if (n == 0 || n > MAX_HOST_LABEL || text[0] == '-'
            || text[n - 1] == '-')
        {
            return 0;
        }

        if (n == len) {
            return labels >= least;
        }

        if (text[n] != '.') {
            return 0;
        }

        text += n + 1;
        len -= n + 1;
    }
}


/* Runs of the set with one point between: a.b.c */
static int
fits_dotted(const char *text, size_t len, const char *set)
{
    size_t  n;

    for ( ;; ) {
        n = span(text, len, set);

        if (n == 0) {
            return 0;
        }

        if (n == len) {
            return 1;
        }

        if (text[n] != '.') {
            return 0;
        }

        text += n + 1;
        len -= n + 1;
    }
}


static int
fits_email(const char *text, size_t len)
{
    size_t       local;
    const char  *at;

    at = memchr(text, '@', len);
    if (at == NULL || len > MAX_EMAIL) {
        return 0;
    }

    local = (size_t) (at - text);

    return local <= MAX_EMAIL_LOCAL
           && fits_dotted(text, local, LETTERS DIGITS "!#$%&'*+/=?^_`{|}~-")
           && fits_host(at + 1, len - local - 1, 2);
}


static int
fits_phone(const char *text, size_t len)
{
    size_t  i, digits;

    if (len > 0 && text[0] == '+') {
        text++;
        len--;
    }

    if (span(text, len, DIGITS " .()-") != len) {
        return 0;
    }

    for (digits = 0, i = 0; i < len; i++) {
        digits += is_one_of(text[i], DIGITS);
    }

    return digits >= MIN_PHONE_DIGITS && digits <= MAX_PHONE_DIGITS;
}


/* ":" and up to five digits, or nothing. */
static int
fits_port(const char *text, size_t len)
{
    return len == 0
           || (text[0] == ':' && len >= 2 && len <= 6
               && span(text + 1, len - 1, DIGITS) == len - 1);
}


static int
fits_url(const char *text, size_t len)
{
    size_t       host, authority, scheme;

    if (len >= 8 && memcmp(text, "https://", 8) == 0) {
        scheme = 8;

    } else if (len >= 7 && memcmp(text, "http://", 7) == 0) {
        scheme = 7;

    } else {
        return 0;
    }

    text += scheme;
    len -= scheme;

    host = span(text, len, LETTERS DIGITS ".-");
    authority = host + span(text + host, len - host, ":" DIGITS);

    if (!fits_host(text, host, 1)
        || !fits_port(text + host, authority - host))
    {
        return 0;
    }

    if (authority < len && !is_one_of(text[authority], "/?#")) {
        return 0;
    }

    return span(text + authority, len - authority,
                LETTERS DIGITS "._~:/?#[]@!$&'()*+,;=%-")
           == len - authority;
}


static int
fits_code(const char *text, size_t len)
{
    return len > 0 && is_one_of(text[0], LETTERS DIGITS)
           && span(text, len, LETTERS DIGITS "._:/-") == len;
}


static int
fits_name_key(const char *text, size_t len)
{
    return len > 0 && is_one_of(text[0], UPPER)
           && span(text, len, UPPER DIGITS "_") == len;
}


/* One to three parts: UTC, Europe/Madrid, America/Argentina/Salta. */
static int
fits_time_zone(const char *text, size_t len)
{
    int     parts;
    size_t  n;

    if (len == 0 || len > MAX_TIME_ZONE || !is_one_of(text[0], LETTERS)) {
        return 0;
    }

    for (parts = 1; parts <= 3; parts++) {
        n = span(text, len, LETTERS DIGITS "_+-");

        if (n == 0) {
            return 0;
        }

        if (n == len) {
            return 1;
        }

        if (text[n] != '/') {
            return 0;
        }

        text += n + 1;
        len -= n + 1;
    }

    return 0;
}


static int
fits_language(const char *text, size_t len)
{
    if (len != 2 && len != 5) {
        return 0;
    }

    return span(text, 2, LOWER) == 2
           && (len == 2
               || (text[2] == '-' && span(text + 3, 2, UPPER) == 2));
}


static int
fits_currency(const char *text, size_t len)
{
    return len == 3 && span(text, len, UPPER) == 3;
}


/* HH:MM; 24:00 is the end of the day. */
static int
fits_wall_time(const char *text, size_t len)
{
    int  hour;

    if (len != 5 || span(text, 2, DIGITS) != 2 || text[2] != ':'
        || !is_one_of(text[3], "012345") || !is_one_of(text[4], "05"))
    {
        return 0;
    }

    hour = (text[0] - '0') * 10 + text[1] - '0';

    return hour < 24 || memcmp(text, "24:00", 5) == 0;
}


/* -- the table ------------------------------------------------------------- */


static const format_t  formats[] = {

    [EHR_FORMAT_NONE] = {
        fits_any, EHR_MESSAGE_VALUE_CONTROL_CHARACTER, NULL, NULL },

    [EHR_FORMAT_LINE] = {
        fits_line, EHR_MESSAGE_VALUE_CONTROL_CHARACTER, NULL,
        "^[^\\u0000-\\u001f\\u007f]*$" },

    [EHR_FORMAT_EMAIL] = {
        fits_email, EHR_MESSAGE_VALUE_NOT_EMAIL, "email", NULL },

    [EHR_FORMAT_PHONE] = {
        fits_phone, EHR_MESSAGE_VALUE_NOT_PHONE, NULL,
        "^[+]?([ .()-]*[0-9]){5,20}[ .()-]*$" },

    [EHR_FORMAT_URL] = {
        fits_url, EHR_MESSAGE_VALUE_NOT_URL, "uri", "^https?://" },

    [EHR_FORMAT_CODE] = {
        fits_code, EHR_MESSAGE_VALUE_NOT_CODE, NULL,
        "^[A-Za-z0-9][A-Za-z0-9._:/-]*$" },

    [EHR_FORMAT_NAME_KEY] = {
        fits_name_key, EHR_MESSAGE_VALUE_NOT_NAME_KEY, NULL,
        "^[A-Z][A-Z0-9_]*$" },

    [EHR_FORMAT_TIME_ZONE] = {
        fits_time_zone, EHR_MESSAGE_VALUE_NOT_TIME_ZONE, NULL,
        "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$" },

    [EHR_FORMAT_LANGUAGE] = {
        fits_language, EHR_MESSAGE_VALUE_NOT_LANGUAGE, NULL,
        "^[a-z]{2}(-[A-Z]{2})?$" },

    [EHR_FORMAT_CURRENCY] = {
        fits_currency, EHR_MESSAGE_VALUE_NOT_CURRENCY, NULL,
        "^[A-Z]{3}$" },

    [EHR_FORMAT_WALL_TIME] = {
        fits_wall_time, EHR_MESSAGE_VALUE_NOT_WALL_TIME, NULL,
        "^(([01][0-9]|2[0-3]):[0-5][05]|24:00)$" }
};


ehr_message_t
ehr_format_check(ehr_format_t format, const char *text, size_t len)
{
    return formats[format].fits(text, len) ? EHR_MESSAGE_NONE
                                           : formats[format].message;
}


const char *
ehr_format_name(ehr_format_t format)
{
    return formats[format].name;
}


const char *
ehr_format_pattern(ehr_format_t format)
{
    return formats[format].pattern;
}
