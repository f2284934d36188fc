/* build: src/model/json_memory.c -ljansson -lcmocka @t/unit/memory */

/*
 * Reading JSON while each allocation in turn fails: a whole text or none,
 * nothing beyond a buffer, nothing leaked.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/json_memory.h"
#include "../memory.h"


/* Returns how many allocations failed before the text could be read. */
static long
each_fails(const char *text, int all_after)
{
    char          *again;
    long           n;
    json_t        *json;
    json_error_t   error;

    for (n = 0; ; n++) {
        memory_fails_after(n, all_after);
        errno = 0;
        json = ehr_json_load(text, strlen(text), 0, &error);
        memory_comes_back();

        if (json) {
            break;
        }

        assert_int_equal(json_error_code(&error), json_error_out_of_memory);
        assert_int_equal(errno, ENOMEM);
    }

    again = json_dumps(json, JSON_COMPACT);
    assert_string_equal(again, text);
    free(again);
    json_decref(json);

    return n;
}


static const char  sample[] =
    "{\"notes\":\"a text that is longer than the first buffer of sixteen\","
    "\"list\":[1,2.5,true,null,\"\\\"quoted\\\"\"],"
    "\"inner\":{\"a\":{},\"b\":[[]],\"c\":\"\xc3\xa9\"}}";


static void
one_allocation_fails(void **state)
{
    (void) state;
    assert_true(each_fails(sample, 0) > 20);
}


static void
all_allocations_fail(void **state)
{
    (void) state;
    assert_true(each_fails(sample, 1) > 20);
}


/* A text that is larger than the reserve. */
static void
the_reserve_is_exhausted(void **state)
{
    char          *text;
    size_t         n = 6 * 1024 * 1024;
    json_error_t   error;

    (void) state;

    text = __real_malloc(n + 1);
    assert_non_null(text);
    memset(text, 'x', n);
    text[0] = '"';
    text[n - 1] = '"';
    text[n] = '\0';

    memory_fails_after(0, 1);
    assert_null(ehr_json_load(text, n, JSON_DECODE_ANY, &error));
    memory_comes_back();

    assert_int_equal(json_error_code(&error), json_error_out_of_memory);
    free(text);
}


static void
malformed_stays_malformed(void **state)
{
    json_error_t  error;

    (void) state;
    assert_null(ehr_json_load("{\"a\":", 5, 0, &error));
    assert_int_equal(json_error_code(&error),
                     json_error_premature_end_of_input);
    assert_int_equal(error.position, 5);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(one_allocation_fails),
        cmocka_unit_test(all_allocations_fail),
        cmocka_unit_test(the_reserve_is_exhausted),
        cmocka_unit_test(malformed_stays_malformed),
    };

    ehr_json_memory_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
