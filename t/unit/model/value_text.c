/* build: @t/unit/model/sources */

#include "sample.h"


static void
query_values_are_checked_alike(void **state)
{
    size_t       i;
    int          message;
    const char  *argument;

    static const struct {
        const char     *field;
        const char     *text;
        ehr_message_t   message;
        const char     *argument;
    } cases[] = {
        { "encounterId", ID, 0, NULL },
        { "encounterId", "x", EHR_MESSAGE_VALUE_NOT_UUID, NULL },
        { "doctorIds", ID, 0, NULL },
        { "doctorIds", "{}", EHR_MESSAGE_VALUE_NOT_UUID, NULL },
        { "tags", "any thing", 0, NULL },
        { "tags", "a\nb", EHR_MESSAGE_VALUE_CONTROL_CHARACTER, NULL },
        { "name", "a", 0, NULL },
        { "name", "abcdef", EHR_MESSAGE_VALUE_TOO_LONG, "5" },
        { "name", "\xff", EHR_MESSAGE_VALUE_NOT_UTF8, NULL },
        { "name", "\xed\xa0\x80", EHR_MESSAGE_VALUE_NOT_UTF8, NULL },
        { "name", "\xc0\x80", EHR_MESSAGE_VALUE_NOT_UTF8, NULL },
        { "name", "\xf4\x90\x80\x80", EHR_MESSAGE_VALUE_NOT_UTF8, NULL },
        { "name", "\xe2\x82", EHR_MESSAGE_VALUE_NOT_UTF8, NULL },
        { "email", "nobody", EHR_MESSAGE_VALUE_NOT_EMAIL, NULL },
        { "count", "11", 0, NULL },
        { "count", "-9223372036854775808", 0, NULL },
        { "count", "9223372036854775808", EHR_MESSAGE_VALUE_NOT_INTEGER,
          NULL },
        { "count", "", EHR_MESSAGE_VALUE_NOT_INTEGER, NULL },
        { "count", "-", EHR_MESSAGE_VALUE_NOT_INTEGER, NULL },
        { "count", " 1", EHR_MESSAGE_VALUE_NOT_INTEGER, NULL },
        { "count", "+1", EHR_MESSAGE_VALUE_NOT_INTEGER, NULL },
        { "count", "1e3", EHR_MESSAGE_VALUE_NOT_INTEGER, NULL },
        { "amount", "36.6123", 0, NULL },
        { "amount", "-1", 0, NULL },
        { "amount", "1.", EHR_MESSAGE_VALUE_NOT_NUMBER, NULL },
        { "amount", ".5", EHR_MESSAGE_VALUE_NOT_NUMBER, NULL },
        { "amount", "1.2.3", EHR_MESSAGE_VALUE_NOT_NUMBER, NULL },
        { "amount", "NaN", EHR_MESSAGE_VALUE_NOT_NUMBER, NULL },
        { "amount", "1x5", EHR_MESSAGE_VALUE_NOT_NUMBER, NULL },
        { "amount", "", EHR_MESSAGE_VALUE_NOT_NUMBER, NULL },
        { "active", "true", 0, NULL },
        { "active", "t", EHR_MESSAGE_VALUE_NOT_BOOLEAN, NULL },
        { "active", "TRUE", EHR_MESSAGE_VALUE_NOT_BOOLEAN, NULL },
        { "day", "2026-01-31", 0, NULL },
        { "day", "today", EHR_MESSAGE_VALUE_NOT_DATE, NULL },
        { "at", "2026-01-31T09:30:00+01:00", 0, NULL },
        { "at", "2026-01-31 09:30:00.5+00", 0, NULL },
        { "at", "2026-01-31 09:30:00", EHR_MESSAGE_VALUE_NOT_TIMESTAMP,
          NULL },
        { "at", "infinity", EHR_MESSAGE_VALUE_NOT_TIMESTAMP, NULL },
        { "kind", "C", EHR_MESSAGE_VALUE_NOT_ALLOWED, "A, B" },
        { "details", "{}", EHR_MESSAGE_VALUE_REFUSED, NULL },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        message = ehr_validate_text(sample_field(cases[i].field),
            cases[i].text, strlen(cases[i].text), &argument);

        if (message != (int) cases[i].message) {
            fail_msg("%s=%s: got %d", cases[i].field, cases[i].text, message);
        }

        if (cases[i].argument == NULL) {
            assert_null(argument);

        } else {
            assert_string_equal(argument, cases[i].argument);
        }
    }

    assert_int_equal(ehr_validate_text(sample_field("name"), "a\0b", 3,
                                       &argument),
        EHR_MESSAGE_VALUE_CONTROL_CHARACTER);
    assert_int_equal(ehr_validate_text(sample_field("kind"), "A\0", 2,
                                       &argument),
        EHR_MESSAGE_VALUE_NOT_ALLOWED);
}


static void
canonical_forms(void **state)
{
    size_t  i, len;
    char    out[64];

    static const struct {
        ehr_format_t   format;
        const char    *text;
        const char    *normal;
    } cases[] = {
        { EHR_FORMAT_EMAIL, " Ana.Lopez@Demo.Example\n",
          "ana.lopez@demo.example" },
        { EHR_FORMAT_PHONE, "+34 (600) 12-34.56", "+34600123456" },
        { EHR_FORMAT_LINE, "  Ab 12 ", "Ab 12" },
        { EHR_FORMAT_LINE, "   ", "" },
        { EHR_FORMAT_NONE, "", "" },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ehr_field_t  field = { .format = cases[i].format };

        len = ehr_normalize(&field, cases[i].text, strlen(cases[i].text),
            out);
        assert_int_equal(len, strlen(cases[i].normal));
        assert_memory_equal(out, cases[i].normal, len);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        SAMPLE_TEST(query_values_are_checked_alike),
        SAMPLE_TEST(canonical_forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
