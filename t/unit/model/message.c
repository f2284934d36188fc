/* build: src/model/message.c -lcmocka */

#include "../../../src/model/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>


static void
every_text_is_there_and_has_one_argument(void **state)
{
    int          i, language, n, wanted;
    const char  *text, *at;

    (void) state;

    for (i = 1; i < EHR_MESSAGES; i++) {
        wanted = -1;

        for (language = 0; language < EHR_LANGUAGES; language++) {
            text = ehr_message_text((ehr_message_t) i,
                (ehr_language_t) language);
            assert_true(strlen(text) > 0);

            for (n = 0, at = text; (at = strchr(at, '%')) != NULL; n++) {
                assert_int_equal(at[1], 's');
                at += 2;
            }

            assert_true(n <= 1);
            assert_true(wanted == -1 || wanted == n);
            wanted = n;
        }
    }

    assert_string_equal(ehr_message_text(EHR_MESSAGE_NONE, EHR_SPANISH), "");
    assert_string_equal(ehr_message_text(EHR_MESSAGES, EHR_ENGLISH), "");
    assert_string_equal(
        ehr_message_text(EHR_MESSAGE_NOT_FOUND, EHR_LANGUAGES), "Not found");
}


static void
messages_are_found_by_symbol(void **state)
{
    (void) state;

    assert_int_equal(ehr_message_find("field_required", 14),
        EHR_MESSAGE_FIELD_REQUIRED);
    assert_int_equal(ehr_message_find("field_required", 13), 0);
    assert_int_equal(ehr_message_find("field_required_", 15), 0);
    assert_int_equal(ehr_message_find("none", 4), 0);
    assert_int_equal(ehr_message_find("", 0), 0);
}


static void
languages_are_chosen_by_quality(void **state)
{
    size_t  i;

    static const struct {
        const char      *header;
        ehr_language_t   language;
    } cases[] = {
        { "", EHR_ENGLISH },
        { "es", EHR_SPANISH },
        { "ES-mx", EHR_SPANISH },
        { "en", EHR_ENGLISH },
        { "es-MX,es;q=0.9,en;q=0.8", EHR_SPANISH },
        { "en;q=0.5, es;q=0.7", EHR_SPANISH },
        { "es;q=0.123,en;q=0.124", EHR_ENGLISH },
        { "es,en", EHR_SPANISH },
        { "en,es", EHR_ENGLISH },
        { "*", EHR_ENGLISH },
        { "en;q=0,*", EHR_SPANISH },
        { "en;q=0, es;q=0", EHR_ENGLISH },
        { "*;q=0.5, es;q=0.4", EHR_ENGLISH },
        { "fr-CA, fr;q=0.9", EHR_ENGLISH },
        { "est", EHR_ENGLISH },
        { "es;q=2", EHR_SPANISH },
        { ";;,,;q=1,=,q", EHR_ENGLISH },
        { "es;level=1", EHR_SPANISH },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ehr_language_of(cases[i].header,
                                         strlen(cases[i].header)),
            cases[i].language);
    }

    assert_int_equal(ehr_language_of("es", 1), EHR_ENGLISH);
    assert_int_equal(ehr_language_of("\0es", 3), EHR_ENGLISH);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(every_text_is_there_and_has_one_argument),
        cmocka_unit_test(messages_are_found_by_symbol),
        cmocka_unit_test(languages_are_chosen_by_quality),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
