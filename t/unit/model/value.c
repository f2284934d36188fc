/* build: @t/unit/model/sources t/unit/model/checking.c */

#include "checking.h"

#include <stdlib.h>


static void
every_type_refuses_the_others(void **state)
{
    size_t  i, j;

    static const char *const  jsons[] = {
        "1", "1.5", "\"x\"", "true", "[]", "{}", "[1]", "[\"x\",null]"
    };

    /* which of the above a field takes, by position */
    static const struct {
        const char     *field;
        ehr_message_t   message;
        const char     *takes;
    } cases[] = {
        { "text", EHR_MESSAGE_VALUE_NOT_TEXT, "--x-----" },
        { "encounterId", EHR_MESSAGE_VALUE_NOT_UUID, "--------" },
        { "any", EHR_MESSAGE_VALUE_NOT_INTEGER, "x-------" },
        { "ratio", EHR_MESSAGE_VALUE_NOT_NUMBER, "xx------" },
        { "active", EHR_MESSAGE_VALUE_NOT_BOOLEAN, "---x----" },
        { "day", EHR_MESSAGE_VALUE_NOT_DATE, "--------" },
        { "at", EHR_MESSAGE_VALUE_NOT_TIMESTAMP, "--------" },
        { "doctorIds", EHR_MESSAGE_VALUE_NOT_UUID_LIST, "----x---" },
        { "details", EHR_MESSAGE_VALUE_NOT_OBJECT, "-----x--" },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (j = 0; j < sizeof(jsons) / sizeof(jsons[0]); j++) {
            if (cases[i].takes[j] == '-') {
                check_value(cases[i].field, jsons[j], cases[i].message, NULL);
            }
        }
    }

    bad("kind", "1", VALUE_NOT_TEXT, NULL);
    bad("tags", "{}", VALUE_NOT_TEXT_LIST, NULL);
    bad("tags", "[1]", VALUE_NOT_TEXT_LIST, NULL);
    bad("tags", "[null]", VALUE_NOT_TEXT_LIST, NULL);
}


static void
texts_are_counted_in_characters(void **state)
{
    (void) state;

    good("name", "\"ab\"", "ab");
    good("name", "\"abcde\"", "abcde");
    bad("name", "\"a\"", VALUE_TOO_SHORT, "2");
    bad("name", "\"abcdef\"", VALUE_TOO_LONG, "5");

    good("name", "\"" SMILE SMILE SMILE SMILE SMILE "\"",
        SMILE SMILE SMILE SMILE SMILE);
    bad("name", "\"" SMILE SMILE SMILE SMILE SMILE SMILE "\"",
        VALUE_TOO_LONG, "5");
    bad("name", "\"" SMILE "\"", VALUE_TOO_SHORT, "2");

    good("text", "\"\"", "");
    good("text", "\"'; DROP TABLE ehr.patients; --\"",
        "'; DROP TABLE ehr.patients; --");
    good("text", "\"" TWENTY("0123456789") "\"", TWENTY("0123456789"));
    bad("text", "\"" TWENTY("0123456789") "a\"", VALUE_TOO_LONG, "200");
}


static void
control_characters_are_refused(void **state)
{
    (void) state;

    good("text", "\"a\\t\\r\\nb\"", "a\t\r\nb");
    good("text", "\"a\\u0085b\"", "a\xc2\x85" "b");
    bad("text", "\"a\\u0001\"", VALUE_CONTROL_CHARACTER, NULL);
    bad("text", "\"a\\u001f\"", VALUE_CONTROL_CHARACTER, NULL);
    bad("text", "\"a\\u007f\"", VALUE_CONTROL_CHARACTER, NULL);
    bad("name", "\"a\\nb\"", VALUE_CONTROL_CHARACTER, NULL);
    bad("name", "\"a\\tb\"", VALUE_CONTROL_CHARACTER, NULL);
    bad("tags", "[\"a\\nb\"]", VALUE_CONTROL_CHARACTER, NULL);
}


/* A parser that lets U+0000 through does not get it past us. */
static void
nul_is_a_control_character(void **state)
{
    json_t  *body;

    (void) state;

    body = json_loads("{\"text\":\"a\\u0000b\",\"kind\":\"A\\u0000\","
                      "\"tags\":[\"\\u0000\"],\"day\":\"2020-01-01\\u0000\"}",
        JSON_ALLOW_NUL, NULL);
    assert_non_null(body);

    assert_int_equal(ehr_validate(sample_fields(), body, EHR_ON_PATCH, ALL,
                                  &sample_arena, &given, &refused), -1);
    json_decref(body);

    assert_int_equal(refused.n, 4);
    assert_int_equal(given.present, 0);
}


static void
integers_have_bounds(void **state)
{
    (void) state;

    good("count", "-5", "-5");
    good("count", "10", "10");
    bad("count", "-6", VALUE_TOO_SMALL, "-5");
    bad("count", "11", VALUE_TOO_LARGE, "10");
    bad("count", "1.0", VALUE_NOT_INTEGER, NULL);
    good("any", "9223372036854775807", "9223372036854775807");
    good("any", "-9223372036854775808", "-9223372036854775808");
}


static void
decimals_keep_what_was_written(void **state)
{
    (void) state;

    good("amount", "0.5", "0.5");
    good("amount", "100.5", "100.5");
    good("amount", "36.6", "36.6");
    good("amount", "99.99", "99.99");
    good("amount", "1e1", "10");
    good("amount", "7", "7");
    good("amount", "12.50", "12.5");
    bad("amount", "0.49", VALUE_TOO_SMALL, "0.5");
    bad("amount", "0", VALUE_TOO_SMALL, "0.5");
    bad("amount", "100.51", VALUE_TOO_LARGE, "100.5");
    bad("amount", "101", VALUE_TOO_LARGE, "100.5");
    bad("amount", "1.001", VALUE_TOO_PRECISE, "2");
    bad("amount", "0.30000000000000004e2", VALUE_TOO_PRECISE, "2");
    bad("amount", "1.00000000000000001e-4", VALUE_TOO_SMALL, "0.5");

    good("ratio", "1e3", "1000");
    good("ratio", "1e20", "1e+20");
    good("ratio", "-0.0", "0");
    good("ratio", "0.000001", "1e-06");
    good("ratio", "123456789012345.67", "123456789012345.67");
    bad("ratio", "0.0000001", VALUE_TOO_PRECISE, "6");
    bad("ratio", "1.0000001", VALUE_TOO_PRECISE, "6");
    bad("ratio", "1e-300", VALUE_TOO_PRECISE, "6");
}


static void
booleans_are_true_or_false(void **state)
{
    (void) state;

    good("active", "true", "true");
    good("active", "false", "false");
    bad("active", "\"true\"", VALUE_NOT_BOOLEAN, NULL);
}


static void
dates_are_of_the_calendar(void **state)
{
    (void) state;

    good("day", "\"2024-02-29\"", "2024-02-29");
    good("day", "\"2000-02-29\"", "2000-02-29");
    good("day", "\"1800-01-01\"", "1800-01-01");
    good("day", "\"2200-12-31\"", "2200-12-31");
    bad("day", "\"1799-12-31\"", VALUE_TOO_SMALL, "1800-01-01");
    bad("day", "\"2201-01-01\"", VALUE_TOO_LARGE, "2200-12-31");
    bad("day", "\"1900-02-29\"", VALUE_NOT_DATE, NULL);
    bad("day", "\"2023-02-29\"", VALUE_NOT_DATE, NULL);
    bad("day", "\"2023-04-31\"", VALUE_NOT_DATE, NULL);
    bad("day", "\"2023-13-01\"", VALUE_NOT_DATE, NULL);
    bad("day", "\"2023-00-01\"", VALUE_NOT_DATE, NULL);
    bad("day", "\"2023-01-00\"", VALUE_NOT_DATE, NULL);
    bad("day", "\"0000-01-01\"", VALUE_NOT_DATE, NULL);
    bad("day", "\"2023-1-1\"", VALUE_NOT_DATE, NULL);
    bad("day", "\"2023-01-01T00:00:00Z\"", VALUE_NOT_DATE, NULL);
    bad("day", "\" 2023-1-01\"", VALUE_NOT_DATE, NULL);
    bad("day", "\"infinity\"", VALUE_NOT_DATE, NULL);
    bad("day", "\"\"", VALUE_NOT_DATE, NULL);
}


static void
timestamps_become_utc(void **state)
{
    (void) state;

    good("at", "\"2026-01-31T09:30:00Z\"", "2026-01-31 09:30:00.000000+00");
    good("at", "\"2026-01-31t09:30:00z\"", "2026-01-31 09:30:00.000000+00");
    good("at", "\"2026-01-31T09:30:00.5Z\"",
        "2026-01-31 09:30:00.500000+00");
    good("at", "\"2026-01-31T09:30:00.123456+00:00\"",
        "2026-01-31 09:30:00.123456+00");
    good("at", "\"2024-03-01T00:30:00+01:00\"",
        "2024-02-29 23:30:00.000000+00");
    good("at", "\"2023-12-31T23:30:00-05:30\"",
        "2024-01-01 05:00:00.000000+00");
    good("at", "\"2024-01-01T00:00:00+00:01\"",
        "2023-12-31 23:59:00.000000+00");
    good("at", "\"2200-12-31T23:59:59.999999Z\"",
        "2200-12-31 23:59:59.999999+00");
    good("at", "\"2026-01-31T09:30:00-00:00\"",
        "2026-01-31 09:30:00.000000+00");

    bad("at", "\"2200-12-31T23:59:59-00:01\"", VALUE_TOO_LARGE,
        "2200-12-31");
    bad("at", "\"1800-01-01T00:00:00+00:01\"", VALUE_TOO_SMALL,
        "1800-01-01");
    bad("at", "\"0001-01-01T00:00:00+23:59\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"9999-12-31T23:59:59-23:59\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"2026-01-31T09:30:00\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"2026-01-31T09:30Z\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"2026-01-31 09:30:00Z\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"2026-01-31T09:30:00+01\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"2026-01-31T09:30:00+0100\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"2026-01-31T09:30:00+24:00\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"2026-01-31T09:30:60Z\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"2026-01-31T24:00:00Z\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"2026-01-31T09:60:00Z\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"2026-01-31T09:30:00.Z\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"2026-01-31T09:30:00.1234567Z\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"2026-02-29T09:30:00Z\"", VALUE_NOT_TIMESTAMP, NULL);
    bad("at", "\"now\"", VALUE_NOT_TIMESTAMP, NULL);
}


static void
enums_name_what_they_take(void **state)
{
    (void) state;

    good("kind", "\"A\"", "A");
    bad("kind", "\"a\"", VALUE_NOT_ALLOWED, "A, B");
    bad("kind", "\"\"", VALUE_NOT_ALLOWED, "A, B");
    bad("kind", "\"AB\"", VALUE_NOT_ALLOWED, "A, B");
}


static void
ids_become_lower_case(void **state)
{
    (void) state;

    good("encounterId", "\"0190A1B2-C3D4-7E5F-89AB-CDEF01234567\"", ID);
    bad("encounterId", "\"{0190a1b2-c3d4-7e5f-89ab-cdef01234567}\"",
        VALUE_NOT_UUID, NULL);
    bad("encounterId", "\"0190a1b2c3d47e5f89abcdef01234567\"",
        VALUE_NOT_UUID, NULL);
    bad("encounterId", "\"0190a1b2-c3d4-7e5f-89ab-cdef0123456g\"",
        VALUE_NOT_UUID, NULL);
    bad("encounterId", "\"0190a1b2-c3d4-7e5f-89abc-def01234567\"",
        VALUE_NOT_UUID, NULL);
}


static void
lists_become_array_literals(void **state)
{
    (void) state;

    good("tags", "[\"a\"]", "{\"a\"}");
    good("tags", "[\"\",\"NULL\",\"a,{}\"]", "{\"\",\"NULL\",\"a,{}\"}");
    good("tags", "[\"q\\\"q\",\"b\\\\b\",\"'\"]",
        "{\"q\\\"q\",\"b\\\\b\",\"'\"}");
    good("tags", "[\"" TWENTY("0123456789") "\"]",
        "{\"" TWENTY("0123456789") "\"}");
    bad("tags", "[\"" TWENTY("0123456789") "a\"]", VALUE_ELEMENT_TOO_LONG,
        "200");
    bad("tags", "[]", VALUE_TOO_FEW, "1");
    bad("tags", "[\"a\",\"b\",\"c\",\"d\"]", VALUE_TOO_MANY, "3");

    good("doctorIds", "[]", "{}");
    good("doctorIds", "[\"" ID "\",\"" OTHER "\"]", "{" ID "," OTHER "}");
    bad("doctorIds", "[\"" ID "\",\"" OTHER "\",\"" ID "\"]", VALUE_REPEATED,
        NULL);
    bad("doctorIds", "[\"" ID "\",\"0190A1B2-C3D4-7E5F-89AB-CDEF01234567\"]",
        VALUE_REPEATED, NULL);
    bad("doctorIds", "[1,2,3,4]", VALUE_TOO_MANY, "3");
    bad("doctorIds", "[\"" ID "\",\"x\"]", VALUE_NOT_UUID_LIST, NULL);
}


static void
objects_are_compact_and_bounded(void **state)
{
    char  *json;

    (void) state;

    good("details", "{ \"b\" : 36.6, \"a\" : [ 1, null ] }",
        "{\"b\":36.6,\"a\":[1,null]}");
    good("details", "{\"a\":\"" SMILE "\\\"\"}",
        "{\"a\":\"" SMILE "\\\"\"}");

    /* {"a":"…"} has eight characters around the text */
    json = malloc(16384 + 16);
    memcpy(json, "{\"a\":\"", 6);
    memset(json + 6, 'x', 16384 - 8);
    memcpy(json + 16384 - 2, "\"}", 3);
    good("details", json, json);

    memcpy(json + 16384 - 2, "x\"}", 4);
    bad("details", json, VALUE_OBJECT_TOO_LARGE, "16384");
    free(json);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        SAMPLE_TEST(every_type_refuses_the_others),
        SAMPLE_TEST(texts_are_counted_in_characters),
        SAMPLE_TEST(control_characters_are_refused),
        SAMPLE_TEST(nul_is_a_control_character),
        SAMPLE_TEST(integers_have_bounds),
        SAMPLE_TEST(decimals_keep_what_was_written),
        SAMPLE_TEST(booleans_are_true_or_false),
        SAMPLE_TEST(dates_are_of_the_calendar),
        SAMPLE_TEST(timestamps_become_utc),
        SAMPLE_TEST(enums_name_what_they_take),
        SAMPLE_TEST(ids_become_lower_case),
        SAMPLE_TEST(lists_become_array_literals),
        SAMPLE_TEST(objects_are_compact_and_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
