/* build: @t/unit/model/sources t/unit/model/checking.c */

#include "checking.h"

#include <stdio.h>
#include <stdlib.h>


/* -- rules ----------------------------------------------------------------- */


static void
create_wants_what_is_required(void **state)
{
    (void) state;

    assert_int_equal(check_body("{}", EHR_ON_CREATE, ALL), -1);
    assert_int_equal(refused.n, 2);
    assert_int_equal(error_of("name")->message, EHR_MESSAGE_FIELD_REQUIRED);
    assert_int_equal(error_of("patientId")->message,
        EHR_MESSAGE_FIELD_REQUIRED);

    assert_int_equal(check_body("{" PATIENT "\"name\":\"abc\"}", EHR_ON_CREATE,
                              0), 0);
    assert_int_equal(given.present,
        sample_bit("name") | sample_bit("patientId"));
    assert_null(value_of("at"));

    assert_int_equal(check_body("{" PATIENT "\"name\":\"abc\",\"code\":\"x\","
                              "\"password\":\"p\"}", EHR_ON_CREATE, 0), 0);
    assert_string_equal(value_of("code"), "x");
    assert_string_equal(value_of("password"), "p");
}


static void
all_errors_come_at_once(void **state)
{
    (void) state;

    assert_int_equal(check_body("{\"name\":5,\"count\":99,\"nobody\":1,"
                              "\"trace\":1,\"score\":1,\"version\":2}",
                              EHR_ON_CREATE, ALL), -1);
    assert_int_equal(refused.n, 7);
    assert_int_equal(error_of("name")->message, EHR_MESSAGE_VALUE_NOT_TEXT);
    assert_int_equal(error_of("count")->message,
        EHR_MESSAGE_VALUE_TOO_LARGE);
    assert_string_equal(error_of("count")->argument, "10");
    assert_int_equal(error_of("nobody")->message, EHR_MESSAGE_FIELD_UNKNOWN);
    assert_null(error_of("nobody")->argument);
    assert_int_equal(error_of("trace")->message, EHR_MESSAGE_FIELD_UNKNOWN);
    assert_int_equal(error_of("score")->message,
        EHR_MESSAGE_FIELD_READ_ONLY);
    assert_int_equal(error_of("version")->message,
        EHR_MESSAGE_FIELD_READ_ONLY);
    assert_int_equal(refused.forbidden, 0);
}


static void
null_clears_what_may_be_empty(void **state)
{
    (void) state;

    good("text", "null", NULL);
    good("tags", "null", NULL);
    good("details", "null", NULL);
    good("additionalData", "null", NULL);
    bad("name", "null", FIELD_NOT_NULL, NULL);
    bad("active", "null", FIELD_NOT_NULL, NULL);
    bad("at", "null", FIELD_NOT_NULL, NULL);
}


static void
patch_takes_what_is_named(void **state)
{
    (void) state;

    assert_int_equal(check_body("{}", EHR_ON_PATCH, 0), 0);
    assert_int_equal(given.present, 0);

    bad("code", "\"x\"", FIELD_IMMUTABLE, NULL);
    bad("patientId", "\"" ID "\"", FIELD_IMMUTABLE, NULL);
    bad("score", "1", FIELD_READ_ONLY, NULL);
    bad("id", "\"" ID "\"", FIELD_READ_ONLY, NULL);
}


/* What GET shows can be edited and sent back. */
static void
put_ignores_what_cannot_change(void **state)
{
    (void) state;

    assert_int_equal(check_body(
        "{\"id\":\"x\",\"version\":1,\"createdAt\":null,\"updatedAt\":1,"
        "\"createdBy\":{},\"updatedBy\":[],\"deletedAt\":true,\"score\":5,"
        "\"patientId\":7,\"code\":\"much too long\",\"name\":\"abc\"}",
        EHR_ON_REPLACE, ALL), 0);

    assert_false(given.present & (sample_bit("id") | sample_bit("version")
        | sample_bit("score") | sample_bit("patientId")
        | sample_bit("code")));
    assert_true(given.present & sample_bit("name"));
}


static void
put_clears_what_is_absent(void **state)
{
    uint64_t  kept;

    (void) state;

    assert_int_equal(check_body("{\"name\":\"abc\"}", EHR_ON_REPLACE, ALL), 0);
    kept = sample_bit("id") | sample_bit("patientId") | sample_bit("code")
           | sample_bit("password") | sample_bit("trace")
           | sample_bit("score") | sample_bit("version")
           | sample_bit("createdAt") | sample_bit("updatedAt")
           | sample_bit("createdBy") | sample_bit("updatedBy")
           | sample_bit("deletedAt");
    assert_int_equal(given.present, ((1ull << 28) - 1) & ~kept);
    assert_null(value_of("text"));

    assert_int_equal(check_body("{}", EHR_ON_REPLACE, ALL), -1);
    assert_int_equal(refused.n, 1);
    assert_int_equal(error_of("name")->message, EHR_MESSAGE_FIELD_REQUIRED);
}


static void
put_keeps_what_the_writer_cannot_see_or_set(void **state)
{
    uint64_t  reads, writes;

    (void) state;

    reads = ehr_permission_bit(EHR_MAY_READ_CONTACT);
    writes = ehr_permission_bit(EHR_MAY_WRITE_INSURANCE);

    assert_int_equal(check_body("{\"name\":\"abc\"}", EHR_ON_REPLACE, reads),
        0);
    assert_false(given.present & sample_bit("email"));
    assert_int_equal(check_body("{\"name\":\"abc\"}", EHR_ON_REPLACE, writes),
        0);
    assert_false(given.present & sample_bit("email"));
    assert_int_equal(check_body("{\"name\":\"abc\"}", EHR_ON_REPLACE,
                              reads | writes), 0);
    assert_true(given.present & sample_bit("email"));

    /* named, it is set, seen or not */
    assert_int_equal(check_body("{\"name\":\"abc\",\"email\":\"a@b.example\"}",
                              EHR_ON_REPLACE, writes), 0);
    assert_true(given.present & sample_bit("email"));
}


static void
forbidden_fields_make_it_a_403(void **state)
{
    size_t  i;

    static const ehr_write_t  writes[] = {
        EHR_ON_CREATE, EHR_ON_REPLACE, EHR_ON_PATCH
    };

    (void) state;

    for (i = 0; i < 3; i++) {
        assert_int_equal(check_body("{" PATIENT "\"name\":\"abc\","
                                  "\"email\":null}", writes[i], 0), -1);
        assert_int_equal(error_of("email")->message,
            EHR_MESSAGE_FIELD_FORBIDDEN);
        assert_int_equal(refused.forbidden, 1);
    }
}


static void
the_body_is_an_object(void **state)
{
    size_t  i;

    static const char *const  bodies[] = {
        "[]", "null", "1", "\"x\"", "true", "[{}]"
    };

    (void) state;

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_int_equal(check_body(bodies[i], EHR_ON_PATCH, ALL), -1);
        assert_int_equal(refused.n, 1);
        assert_string_equal(refused.items[0].field, "body");
        assert_int_equal(refused.items[0].message,
            EHR_MESSAGE_VALUE_NOT_OBJECT);
    }
}


/* -- hostile input --------------------------------------------------------- */


/* -- objects of a shape ---------------------------------------------------- */


static const char *const  days[] = { "MON", "TUE", NULL };

static const ehr_field_t  rule_fields[] = {
    { .name = "count", .column = "count", .type = EHR_TYPE_INTEGER,
      .flags = EHR_REQUIRED | EHR_NOT_NULL, .min = 1, .max = 60 },
    { .name = "days", .column = "days", .type = EHR_TYPE_TEXT_LIST, .max = 7,
      .values = days }
};

static const ehr_resource_t  rule = {
    .name = "rule", .schema = "Rule", .fields = rule_fields, .nfields = 2
};

static const ehr_field_t  ruled_fields[] = {
    { .name = "rule", .column = "rule", .type = EHR_TYPE_OBJECT,
      .shape = &rule }
};

static const ehr_resource_t  ruled = {
    .name = "ruled", .schema = "Ruled", .fields = ruled_fields, .nfields = 1
};


/* As check_body(), of the list above. */
static int
check_ruled(const char *text)
{
    int           rc;
    json_t       *body;
    ehr_fields_t  fields;

    body = json_loads(text, 0, NULL);
    ehr_fields_plain(&ruled, &fields);
    rc = ehr_validate(&fields, body, EHR_ON_CREATE, ALL, &sample_arena,
        &given, &refused);
    json_decref(body);

    return rc;
}


static void
members_of_a_shape_are_checked(void **state)
{
    (void) state;

    assert_int_equal(check_ruled("{\"rule\":{\"count\":2}}"), 0);
    assert_string_equal(given.values[0].text, "{\"count\":2}");
    assert_int_equal(check_ruled("{\"rule\":null}"), 0);
    assert_null(given.values[0].text);
    assert_int_equal(check_ruled("{\"rule\":[]}"), -1);
    assert_string_equal(refused.items[0].field, "rule");

    assert_int_equal(check_ruled("{\"rule\":{\"count\":61,\"dais\":[]},"
                                 "\"more\":1}"), -1);
    assert_int_equal(refused.n, 3);
    assert_int_equal(error_of("rule.count")->message,
        EHR_MESSAGE_VALUE_TOO_LARGE);
    assert_string_equal(error_of("rule.count")->argument, "60");
    assert_int_equal(error_of("rule.dais")->message,
        EHR_MESSAGE_FIELD_UNKNOWN);

    assert_int_equal(check_ruled("{\"rule\":{\"count\":1,"
                                 "\"days\":[\"MON\",\"SON\"]}}"), -1);
    assert_int_equal(error_of("rule.days")->message,
        EHR_MESSAGE_VALUE_NOT_ALLOWED);
    assert_string_equal(error_of("rule.days")->argument, "MON, TUE");

    assert_int_equal(check_ruled("{\"rule\":{}}"), -1);
    assert_int_equal(error_of("rule.count")->message,
        EHR_MESSAGE_FIELD_REQUIRED);
}


static void
unknown_keys_are_bounded(void **state)
{
    int      i;
    char     key[300];
    json_t  *body;

    (void) state;

    body = json_object();

    for (i = 0; i < 100000; i++) {
        (void) snprintf(key, sizeof(key), "key%d", i);
        json_object_set_new(body, key, json_null());
    }

    assert_int_equal(ehr_validate(sample_fields(), body, EHR_ON_PATCH, ALL,
                                  &sample_arena, &given, &refused), -1);
    assert_int_equal(refused.n, EHR_MAX_FIELD_ERRORS);
    json_decref(body);

    /* cut between characters, and once though there are two */
    memset(key, 'a', sizeof(key));
    memcpy(key + 63, SMILE, 5);
    key[67] = 'x';
    key[200] = '\0';
    body = json_object();
    json_object_set_new(body, key, json_null());
    key[100] = 'b';
    json_object_set_new(body, key, json_null());

    assert_int_equal(ehr_validate(sample_fields(), body, EHR_ON_PATCH, ALL,
                                  &sample_arena, &given, &refused), -1);
    assert_int_equal(refused.n, 1);
    assert_int_equal(strlen(refused.items[0].field), 63 + strlen("…"));
    json_decref(body);
}


static void
a_megabyte_is_refused_quickly(void **state)
{
    size_t   i;
    char    *text;
    json_t  *body;

    static const char *const  names[] = {
        "name", "text", "email", "encounterId", "day", "at", "kind",
        "password"
    };

    (void) state;

    text = malloc(1000001);
    memset(text, '.', 1000000);
    text[1000000] = '\0';

    body = json_object();

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        json_object_set_new(body, names[i], json_string(text));
    }

    json_object_set_new(body, "details", json_pack("{s:s}", "a", text));
    json_object_set_new(body, "tags", json_pack("[s]", text));
    json_object_set_new(body, "doctorIds", json_pack("[s]", text));

    assert_int_equal(ehr_validate(sample_fields(), body, EHR_ON_PATCH, ALL,
                                  &sample_arena, &given, &refused), -1);
    assert_int_equal(refused.n, 11);

    json_decref(body);
    free(text);
}


static void
no_memory_is_told_apart(void **state)
{
    long     n;
    int      rc;
    json_t  *body;

    (void) state;

    body = json_loads(
        "{" PATIENT "\"name\":\"abc\",\"tags\":[\"a\"],\"details\":{\"a\":1},"
        "\"doctorIds\":[\"" ID "\",\"" OTHER "\"],\"ratio\":1.5,\"any\":1,"
        "\"at\":\"2026-01-31T09:30:00Z\",\"kind\":\"C\",\"nobody\":1,"
        "\"active\":true,\"day\":\"2026-01-31\"}", 0, NULL);
    assert_non_null(body);

    for (n = 0; n < 100; n++) {
        sample_fail_at(n);
        rc = ehr_validate(sample_fields(), body, EHR_ON_CREATE, ALL,
            &sample_arena, &given, &refused);

        if (rc == -1) {
            break;
        }

        assert_int_equal(rc, -2);
    }

    assert_in_range(n, 10, 50);
    assert_int_equal(refused.n, 2);
    json_decref(body);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        SAMPLE_TEST(create_wants_what_is_required),
        SAMPLE_TEST(all_errors_come_at_once),
        SAMPLE_TEST(null_clears_what_may_be_empty),
        SAMPLE_TEST(patch_takes_what_is_named),
        SAMPLE_TEST(put_ignores_what_cannot_change),
        SAMPLE_TEST(put_clears_what_is_absent),
        SAMPLE_TEST(put_keeps_what_the_writer_cannot_see_or_set),
        SAMPLE_TEST(forbidden_fields_make_it_a_403),
        SAMPLE_TEST(the_body_is_an_object),
        SAMPLE_TEST(members_of_a_shape_are_checked),
        SAMPLE_TEST(unknown_keys_are_bounded),
        SAMPLE_TEST(a_megabyte_is_refused_quickly),
        SAMPLE_TEST(no_memory_is_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
