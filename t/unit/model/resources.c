/* build: src/model/[a-z]*.c -ljansson -lcmocka */

/*
 * The real descriptors: free of contradictions, and everything that follows
 * from them can be composed.
 */

#include "../../../src/model/openapi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>


/* Allocations of one test, freed after it. */
static void   *given[4096];
static size_t  n_given;


static void *
give(void *context, size_t size)
{
    (void) context;

    assert_true(n_given < sizeof(given) / sizeof(given[0]));
    given[n_given] = malloc(size);

    return given[n_given++];
}


static void
take_back(void)
{
    while (n_given > 0) {
        free(given[--n_given]);
    }
}


static void
descriptors_do_not_contradict_themselves(void **state)
{
    const char  *problem;

    (void) state;

    problem = ehr_model_init();
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
}


/* Words that cannot be column names without quotes. */
static void
columns_are_not_reserved_words(void **state)
{
    size_t               i, j, k;
    const ehr_fields_t  *fields;

    static const char *const  reserved[] = {
        "all", "any", "array", "asc", "case", "check", "collate", "column",
        "default", "desc", "distinct", "do", "else", "end", "fetch", "for",
        "from", "grant", "group", "having", "in", "initially", "into",
        "limit", "not", "null", "offset", "on", "only", "or", "order",
        "placing", "primary", "references", "select", "some", "table",
        "then", "to", "trailing", "unique", "user", "using", "when", "where",
        "window", "with"
    };

    (void) state;

    for (i = 0; ehr_resources[i] != NULL; i++) {
        fields = ehr_fields_of(ehr_resources[i]);

        for (j = 0; j < fields->n; j++) {
            for (k = 0; k < sizeof(reserved) / sizeof(reserved[0]); k++) {
                assert_string_not_equal(fields->fields[j]->column,
                    reserved[k]);
            }
        }
    }
}


static void
statements_can_be_composed(void **state)
{
    int                  kind;
    size_t               i;
    const ehr_fields_t  *fields;

    static const ehr_arena_t  arena = { give, NULL };

    (void) state;

    for (i = 0; ehr_resources[i] != NULL; i++) {
        fields = ehr_fields_of(ehr_resources[i]);

        for (kind = 0; kind < EHR_SQL_KINDS; kind++) {
            if (ehr_sql(fields, (ehr_sql_t) kind, &arena) == NULL
                && ehr_resources[i]->lookups == NULL)
            {
                assert_in_set(kind,
                    ((uintmax_t[]) { EHR_SQL_TOGETHER,
                                     EHR_SQL_UPDATE, EHR_SQL_DELETE,
                                     EHR_SQL_RESTORE, EHR_SQL_PARENT }), 5);
            }
        }

        take_back();
    }
}


static void
schemas_can_be_built(void **state)
{
    int      kind;
    size_t   i;
    json_t  *json;

    (void) state;

    for (i = 0; ehr_resources[i] != NULL; i++) {
        for (kind = EHR_OPENAPI_READ; kind <= EHR_OPENAPI_UPDATE; kind++) {
            json = ehr_openapi_schema(ehr_fields_of(ehr_resources[i]),
                (ehr_openapi_kind_t) kind);
            assert_non_null(json);
            json_decref(json);
        }

        json = ehr_openapi_list_parameters(ehr_fields_of(ehr_resources[i]),
            20, 100);
        assert_true(json_array_size(json) >= 7);
        json_decref(json);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(descriptors_do_not_contradict_themselves),
        cmocka_unit_test(columns_are_not_reserved_words),
        cmocka_unit_test(statements_can_be_composed),
        cmocka_unit_test(schemas_can_be_built),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
