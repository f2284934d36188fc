/* build: @t/unit/model/sources */

#include "sample.h"
#include "../../../src/model/check.h"


static void
common_fields_follow_the_flags(void **state)
{
    const ehr_fields_t  *fields;

    (void) state;

    fields = sample_fields();
    assert_int_equal(fields->n, 28);
    assert_string_equal(fields->fields[0]->name, "id");
    assert_string_equal(fields->fields[1]->name, "patientId");
    assert_string_equal(fields->fields[21]->name, "additionalData");
    assert_string_equal(fields->fields[27]->name, "deletedAt");

    fields = ehr_fields_of(&sample_logs);
    assert_int_equal(fields->n, 4);
    assert_string_equal(fields->fields[2]->name, "createdAt");
    assert_string_equal(fields->fields[3]->name, "createdBy");
    assert_int_equal(fields->index, 4);
}


static void
fields_are_found_by_exact_name(void **state)
{
    const ehr_fields_t  *fields;

    (void) state;

    fields = sample_fields();
    assert_int_equal(ehr_field_index(fields, "id", 2), 0);
    assert_int_equal(ehr_field_index(fields, "idx", 2), 0);
    assert_int_equal(ehr_field_index(fields, "i", 1), -1);
    assert_int_equal(ehr_field_index(fields, "ID", 2), -1);
    assert_int_equal(ehr_field_index(fields, "id\0abcdef", 9), -1);
    assert_int_equal(ehr_field_index(fields, "", 0), -1);
}


static void
resources_are_found_by_name(void **state)
{
    ehr_resource_t  stranger = sample_logs;

    (void) state;

    assert_ptr_equal(ehr_resource_find("logs"), &sample_logs);
    assert_null(ehr_resource_find("log"));
    assert_null(ehr_fields_of(&stranger));
}


/* One field that contradicts itself, and what is said of it. */
static void
contradictions_are_named(void **state)
{
    size_t          i;
    ehr_fields_t    fields;

    static const char *const  none[] = { NULL };

    static const struct {
        ehr_field_t   field;
        const char   *says;
    } cases[] = {
        { { .name = "a b", .column = "a" }, "well-formed" },
        { { .name = "a", .column = "A" }, "well-formed" },
        { { .name = "a", .column = "a;--" }, "well-formed" },
        { { .name = "id", .column = "a" }, "twice" },
        { { .name = "a", .column = "created_at" }, "twice" },
        { { .name = "a", .column = "a", .type = EHR_TYPE_ENUM }, "enum" },
        { { .name = "a", .column = "a", .type = EHR_TYPE_ENUM,
            .values = none }, "enum" },
        { { .name = "a", .column = "a", .type = EHR_TYPE_DATE,
            .format = EHR_FORMAT_URL }, "format" },
        { { .name = "a", .column = "a", .scale = 1 }, "scale" },
        { { .name = "a", .column = "a", .type = EHR_TYPE_DECIMAL,
            .scale = 13 }, "scale" },
        { { .name = "a", .column = "a", .min = 2, .max = 1 }, "min" },
        { { .name = "a", .column = "a", .type = EHR_TYPE_TEXT_LIST,
            .max = 1001 }, "longer" },
        { { .name = "a", .column = "a", .read = EHR_PERMISSIONS },
          "permission" },
        { { .name = "a", .column = "a", .type = EHR_TYPE_TEXT,
            .reference = "logs" }, "no id" },
        { { .name = "a", .column = "a", .reference = "nobody" },
          "does not exist" },
        { { .name = "a", .column = "a",
            .flags = EHR_READ_ONLY | EHR_REQUIRED }, "read-only" },
        { { .name = "a", .column = "a",
            .flags = EHR_HIDDEN | EHR_REQUIRED }, "hidden" },
        { { .name = "a", .column = "a", .type = EHR_TYPE_TEXT,
            .flags = EHR_SENSITIVE, .fallback = "''" }, "sensitive" },
        { { .name = "a", .column = "a", .flags = EHR_INDEXED }, "indexed" },
        { { .name = "a", .column = "a", .type = EHR_TYPE_TEXT,
            .flags = EHR_SENSITIVE | EHR_FILTER }, "filter" },
        { { .name = "a", .column = "a", .type = EHR_TYPE_TEXT,
            .flags = EHR_SENSITIVE | EHR_SORT }, "sort" },
        { { .name = "a", .column = "a", .type = EHR_TYPE_OBJECT,
            .flags = EHR_RANGE }, "range" },
        { { .name = "a", .column = "a", .type = EHR_TYPE_TEXT,
            .shape = &sample_logs }, "shape" },
        { { .name = "a", .column = "a", .type = EHR_TYPE_OBJECT_LIST },
          "list of objects" },
        { { .name = "limit", .column = "a", .flags = EHR_FILTER },
          "every list" },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fields = *ehr_fields_of(&sample_logs);
        fields.fields[1] = &cases[i].field;

        assert_int_equal(ehr_check_resource(&fields), -1);

        if (strstr(ehr_check_problem(), cases[i].says) == NULL) {
            fail_msg("case %zu: %s", i, ehr_check_problem());
        }

        assert_non_null(strstr(ehr_check_problem(), "\"logs\""));
    }
}


static void
writable_and_mutable_follow_the_flags(void **state)
{
    (void) state;

    assert_true(ehr_field_is_writable(sample_field("code")));
    assert_false(ehr_field_is_mutable(sample_field("code")));
    assert_true(ehr_field_is_mutable(sample_field("password")));
    assert_false(ehr_field_is_writable(sample_field("score")));
    assert_false(ehr_field_is_writable(sample_field("trace")));
    assert_false(ehr_field_is_writable(sample_field("version")));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        SAMPLE_TEST(common_fields_follow_the_flags),
        SAMPLE_TEST(fields_are_found_by_exact_name),
        SAMPLE_TEST(resources_are_found_by_name),
        SAMPLE_TEST(contradictions_are_named),
        SAMPLE_TEST(writable_and_mutable_follow_the_flags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
