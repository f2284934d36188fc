/* build: @t/unit/model/sources */

#include "sample.h"
#include "../../../src/model/openapi.h"

#include <stdlib.h>


static void
check_json(json_t *json, const char *expected)
{
    char    *text;
    json_t  *wanted;

    wanted = json_loads(expected, 0, NULL);
    assert_non_null(wanted);
    assert_non_null(json);

    if (!json_equal(json, wanted)) {
        text = json_dumps(json, 0);
        print_error("got      %s\nexpected %s\n", text, expected);
        free(text);
        fail();
    }

    json_decref(wanted);
    json_decref(json);
}


static void
values_are_described_by_type(void **state)
{
    size_t  i;

    static const struct {
        const char  *field;
        const char  *schema;
    } cases[] = {
        { "id", "{\"type\":\"string\",\"format\":\"uuid\",\"readOnly\":true,"
                "\"description\":\"Identifies the entry.\"}" },
        { "name", "{\"type\":\"string\",\"minLength\":2,\"maxLength\":5,"
                  "\"pattern\":\"^[^\\\\u0000-\\\\u001f\\\\u007f]*$\","
                  "\"description\":\"What it is called.\"}" },
        { "text", "{\"type\":[\"string\",\"null\"],\"maxLength\":200}" },
        { "email", "{\"type\":[\"string\",\"null\"],\"maxLength\":254,"
                   "\"format\":\"email\"}" },
        { "count", "{\"type\":\"integer\",\"format\":\"int64\","
                   "\"minimum\":-5,\"maximum\":10,\"x-unit\":\"/min\"}" },
        { "any", "{\"type\":[\"integer\",\"null\"],\"format\":\"int64\"}" },
        { "amount", "{\"type\":[\"number\",\"null\"],\"minimum\":0.5,"
                    "\"maximum\":100.5,\"x-scale\":2}" },
        { "active", "{\"type\":\"boolean\"}" },
        { "day", "{\"type\":[\"string\",\"null\"],\"format\":\"date\"}" },
        { "at", "{\"type\":\"string\",\"format\":\"date-time\"}" },
        { "kind", "{\"type\":[\"string\",\"null\"],"
                  "\"enum\":[\"A\",\"B\",null]}" },
        { "tags", "{\"type\":[\"array\",\"null\"],\"minItems\":1,"
                  "\"maxItems\":3,\"items\":{\"type\":\"string\","
                  "\"maxLength\":200}}" },
        { "doctorIds", "{\"type\":[\"array\",\"null\"],\"maxItems\":3,"
                       "\"uniqueItems\":true,\"x-reference\":\"doctors\","
                       "\"items\":{\"type\":\"string\","
                       "\"format\":\"uuid\"}}" },
        { "details", "{\"type\":[\"object\",\"null\"],"
                     "\"additionalProperties\":true}" },
        { "password", "{\"type\":[\"string\",\"null\"],\"maxLength\":200,"
                      "\"writeOnly\":true}" },
        { "score", "{\"type\":[\"integer\",\"null\"],\"format\":\"int64\","
                   "\"readOnly\":true}" },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_json(ehr_openapi_value(sample_field(cases[i].field)),
            cases[i].schema);
    }
}


/* Which fields a schema has: one + for each of the complete list. */
static void
check_properties(ehr_openapi_kind_t kind, const char *shown)
{
    size_t               i;
    json_t              *schema, *properties;
    const ehr_fields_t  *fields;

    fields = sample_fields();
    assert_int_equal(strlen(shown), fields->n);

    schema = ehr_openapi_schema(fields, kind);
    properties = json_object_get(schema, "properties");

    for (i = 0; i < fields->n; i++) {
        assert_int_equal(
            json_object_get(properties, fields->fields[i]->name) != NULL,
            shown[i] == '+');
    }

    assert_int_equal(json_object_get(properties, "distance") != NULL,
        kind == EHR_OPENAPI_READ);
    assert_string_equal(
        json_string_value(json_object_get(schema, "description")),
        "Something.");
    assert_int_equal(
        json_is_false(json_object_get(schema, "additionalProperties")),
        kind != EHR_OPENAPI_READ);

    json_decref(schema);
}


static void
schemas_show_what_may_be_there(void **state)
{
    char     name[16];
    json_t  *schema;

    (void) state;

    check_properties(EHR_OPENAPI_READ,   "++++++++++++++++++--++++++++");
    check_properties(EHR_OPENAPI_CREATE, "-++++++++++++++++++--+------");
    check_properties(EHR_OPENAPI_UPDATE, "---++++++++++++++++--+------");

    schema = ehr_openapi_schema(sample_fields(), EHR_OPENAPI_CREATE);
    check_json(json_incref(json_object_get(schema, "required")),
        "[\"name\"]");
    json_decref(schema);

    ehr_openapi_schema_name(sample_fields(), EHR_OPENAPI_UPDATE, name,
        sizeof(name));
    assert_string_equal(name, "SampleUpdate");
    ehr_openapi_schema_name(sample_fields(), EHR_OPENAPI_CREATE, name, 8);
    assert_string_equal(name, "SampleC");
}


static void
lists_take_what_descriptors_say(void **state)
{
    size_t   i;
    json_t  *parameters, *parameter;

    static const char *const  names[] = {
        "limit", "cursor", "sort", "fields", "total", "since", "until",
        "deleted", "patientId", "code", "email", "count", "countFrom",
        "countTo", "active", "dayFrom", "dayTo", "atFrom", "atTo", "kind",
        "tags", "doctorIds", "teamId", "kinds", "q", "near"
    };

    (void) state;

    parameters = ehr_openapi_list_parameters(sample_fields(), 20, 100);
    assert_int_equal(json_array_size(parameters),
        sizeof(names) / sizeof(names[0]));

    json_array_foreach(parameters, i, parameter) {
        assert_string_equal(
            json_string_value(json_object_get(parameter, "name")), names[i]);
        assert_string_equal(
            json_string_value(json_object_get(parameter, "in")), "query");
        assert_true(json_string_length(json_object_get(parameter,
                                                       "description")) > 0);
    }

    check_json(json_incref(json_object_get(json_array_get(parameters, 0),
                                           "schema")),
        "{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,"
        "\"default\":20}");
    check_json(json_incref(json_object_get(json_array_get(parameters, 2),
                                           "schema")),
        "{\"type\":\"string\",\"default\":\"-at\",\"enum\":[\"id\",\"-id\","
        "\"name\",\"-name\",\"count\",\"-count\",\"at\",\"-at\","
        "\"createdAt\",\"-createdAt\",\"updatedAt\",\"-updatedAt\"]}");
    check_json(json_incref(json_object_get(json_array_get(parameters, 12),
                                           "schema")),
        "{\"type\":\"integer\",\"format\":\"int64\"}");
    check_json(json_incref(json_array_get(parameters, 23)),
        "{\"name\":\"kinds\",\"in\":\"query\","
        "\"description\":\"Of all these kinds.\","
        "\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"string\","
        "\"enum\":[\"A\",\"B\"]}},\"explode\":false}");

    json_decref(parameters);

    parameters = ehr_openapi_list_parameters(ehr_fields_of(&sample_logs), 1,
        1);
    assert_int_equal(json_array_size(parameters), 7);
    json_decref(parameters);
}


/* -- without memory -------------------------------------------------------- */


static long  until_failure;


static void *
failing_malloc(size_t size)
{
    return until_failure-- > 0 ? malloc(size) : NULL;
}


static void
no_memory_is_null(void **state)
{
    long     n;
    json_t  *json;

    (void) state;

    json_set_alloc_funcs(failing_malloc, free);

    for (n = 0; n < 4000; n += 7) {
        until_failure = n;
        json = ehr_openapi_schema(sample_fields(), EHR_OPENAPI_READ);
        json_decref(json);

        if (json != NULL) {
            break;
        }
    }

    assert_in_range(n, 100, 3999);

    for (n = 0; n < 4000; n += 7) {
        until_failure = n;
        json = ehr_openapi_list_parameters(sample_fields(), 20, 100);
        json_decref(json);

        if (json != NULL) {
            break;
        }
    }

    assert_in_range(n, 100, 3999);
    json_set_alloc_funcs(malloc, free);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        SAMPLE_TEST(values_are_described_by_type),
        SAMPLE_TEST(schemas_show_what_may_be_there),
        SAMPLE_TEST(lists_take_what_descriptors_say),
        SAMPLE_TEST(no_memory_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
