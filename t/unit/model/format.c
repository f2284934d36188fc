/* build: @t/unit/model/sources */

#include "sample.h"
#include "../../../src/model/format.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>


#define TEN(x)  x x x x x x x x x x

typedef struct {
    ehr_format_t   format;
    const char    *fits[16];
    const char    *does_not[24];
} cases_t;


static const cases_t  cases[] = {

    { EHR_FORMAT_NONE,
      { "", "a\tb\r\n" },
      { "\x01", "\x7f", "\x1b[31m" } },

    { EHR_FORMAT_LINE,
      { "", "áé", "<script>" },
      { "a\nb", "\t", "\x7f" } },

    { EHR_FORMAT_EMAIL,
      { "a@b.example", "Ana.Lopez+x@demo-1.example", "o'hara@x.y.z",
        TEN("abcdef") "@b.example" },
      { "", "a", "a@", "@b.example", "a@b", "a@@b.example", "a b@c.example",
        ".a@b.example", "a.@b.example", "a..b@c.example", "a@-b.example",
        "a@b-.example", "a@b..example", "a@b.example.", "a@.example",
        "á@b.example", "a@b.example\n", TEN("abcdefg") "@b.example",
        "\"a\"@b.example", "a@[127.0.0.1]", "a@b_c.example" } },

    { EHR_FORMAT_PHONE,
      { "12345", "+34 600 12 34 56", "(555) 123-4567", "555.123.4567",
        "+12345678901234567890" },
      { "", "1234", "+1234", "123456789012345678901", "12345x", "1+2345",
        "++12345", "12345\n", "abcde", "()-. " } },

    { EHR_FORMAT_URL,
      { "https://a", "http://a.example/", "https://a.example:8080/x?y=z#f",
        "https://a?b", "https://a.example/%20~x" },
      { "", "https://", "ftp://a", "javascript:alert(1)", "HTTPS://a",
        "https://a b", "https://a/ b", "https:///x", "https://a:",
        "https://a:123456", "https://a:1:2", "https://u@a/", "https://-a",
        "https://a..b", "https://a/\"", "https://a/<", "https://a\n",
        "//a.example" } },

    { EHR_FORMAT_CODE,
      { "a", "I10.9", "http://x:/", "1_2-3" },
      { "", "-a", ".a", "a b", "a'", "a\n", "á" } },

    { EHR_FORMAT_NAME_KEY,
      { "A", "HEAD_NURSE", "A1_" },
      { "", "a", "Ab", "_A", "1A", "A-B", "A\n" } },

    { EHR_FORMAT_TIME_ZONE,
      { "UTC", "Europe/Madrid", "America/Argentina/Buenos_Aires",
        "Etc/GMT+5", "America/Port-au-Prince" },
      { "", "/UTC", "Europe/", "Europe//Madrid", "a/b/c/d", "1/2",
        "Europe Madrid", "../etc", "UTC\n" } },

    { EHR_FORMAT_LANGUAGE,
      { "en", "es-MX" },
      { "", "e", "eng", "EN", "en-mx", "en_MX", "en-MXX", "en-M1" } },

    { EHR_FORMAT_CURRENCY,
      { "EUR" },
      { "", "EU", "EURO", "eur", "EU1" } },

    { EHR_FORMAT_WALL_TIME,
      { "00:00", "09:05", "19:30", "23:55", "24:00" },
      { "", "9:00", "09:03", "24:05", "25:00", "09:60", "09.00", "09:000",
        "-9:00" } }
};


static void
checkers_know_their_format(void **state)
{
    size_t       i, j;
    const char  *text;

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (j = 0; j < 16 && (text = cases[i].fits[j]) != NULL; j++) {
            if (ehr_format_check(cases[i].format, text, strlen(text)) != 0) {
                fail_msg("format %zu refuses \"%s\"", i, text);
            }
        }

        for (j = 0; j < 24 && (text = cases[i].does_not[j]) != NULL; j++) {
            if (ehr_format_check(cases[i].format, text, strlen(text)) == 0) {
                fail_msg("format %zu takes \"%s\"", i, text);
            }
        }

        assert_int_not_equal(ehr_format_check(cases[i].format, "a\0", 2), 0);
    }
}


/* The pattern clients read and the checker agree on random texts. */
static void
patterns_say_what_checkers_do(void **state)
{
    int           n, fits, matches;
    char          text[16];
    regex_t       regex;
    size_t        i, j, len;
    const char   *pattern;

    static const char  alphabet[] = "aZ09AB+-._:/ ()e@";

    (void) state;
    srandom(1);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pattern = ehr_format_pattern(cases[i].format);

        if (pattern == NULL || cases[i].format == EHR_FORMAT_LINE
            || cases[i].format == EHR_FORMAT_URL)
        {
            continue;
        }

        assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED|REG_NOSUB), 0);

        for (n = 0; n < 20000; n++) {
            len = (size_t) random() % sizeof(text);

            for (j = 0; j < len; j++) {
                text[j] = alphabet[(size_t) random()
                                   % (sizeof(alphabet) - 1)];
            }

            text[len] = '\0';
            fits = ehr_format_check(cases[i].format, text, len) == 0;
            matches = regexec(&regex, text, 0, NULL, 0) == 0;

            if (fits != matches) {
                fail_msg("format %zu: \"%s\": checker %d, pattern %d", i,
                    text, fits, matches);
            }
        }

        regfree(&regex);
    }
}


static void
utf8_is_counted_or_refused(void **state)
{
    (void) state;

    assert_int_equal(ehr_utf8_length("", 0), 0);
    assert_int_equal(ehr_utf8_length("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
                                     10), 4);
    assert_int_equal(ehr_utf8_length("\xf4\x8f\xbf\xbf", 4), 1);
    assert_int_equal(ehr_utf8_length("\xed\x9f\xbf\xee\x80\x80", 6), 2);
    assert_int_equal(ehr_utf8_length("\x80", 1), -1);
    assert_int_equal(ehr_utf8_length("\xc1\xbf", 2), -1);
    assert_int_equal(ehr_utf8_length("\xe0\x9f\xbf", 3), -1);
    assert_int_equal(ehr_utf8_length("\xf0\x8f\xbf\xbf", 4), -1);
    assert_int_equal(ehr_utf8_length("\xf5\x80\x80\x80", 4), -1);
    assert_int_equal(ehr_utf8_length("\xf0\x9f\x98\x80", 3), -1);
    assert_int_equal(ehr_utf8_length("\xe2\x82\x28", 3), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(checkers_know_their_format),
        cmocka_unit_test(patterns_say_what_checkers_do),
        cmocka_unit_test(utf8_is_counted_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
