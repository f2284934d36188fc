/* build: @t/unit/model/sources */

/*
 * Random bodies through ehr_validate(), built of what descriptors know and
 * of what they do not.  EHR_FUZZ_SEED and EHR_FUZZ_COUNT for other runs.
 */

#include "sample.h"

#include <stdio.h>
#include <stdlib.h>


static unsigned long  seed;


static unsigned
below(unsigned n)
{
    seed = seed * 6364136223846793005ul + 1442695040888963407ul;

    return (unsigned) (seed >> 33) % n;
}


static json_t *
random_text(void)
{
    unsigned  i, len;
    char      text[400];

    static const char *const  seeds[] = {
        "", "a", ID, "2026-01-31", "2026-02-30", "2026-01-31T09:30:00Z",
        "2026-01-31T09:30:00.123456-23:59", "a@b.example", "A", "true",
        "' OR 1=1 --", "\\", "\"", "{}", "NULL", "\xf0\x9f\x98\x80", "\t",
        "\x01", "\xc2\x85", "\xe2\x80\xae", "%s%n", "$1"
    };

    if (below(4) > 0) {
        return json_string(seeds[below(sizeof(seeds) / sizeof(seeds[0]))]);
    }

    len = below(sizeof(text));

    for (i = 0; i < len; i++) {
        text[i] = (char) (below(8) > 0 ? ' ' + below(95) : 1 + below(127));
    }

    /* a text that began as an id or a date, with one byte changed */
    if (below(3) == 0) {
        len = (unsigned) snprintf(text, sizeof(text), "%s",
            seeds[2 + below(5)]);
        text[below(len)] = (char) (' ' + below(95));
    }

    return json_stringn(text, len);
}


static json_t *
random_json(unsigned depth)
{
    char      key[8];
    json_t   *json;
    unsigned  i, n;

    switch (below(depth > 3 ? 8 : 10)) {

    case 0:
        return json_null();

    case 1:
        return json_boolean(below(2));

    case 2:
        return json_integer((json_int_t) below(30) - 10);

    case 3:
        return json_integer(below(2) ? INT64_MAX : INT64_MIN);

    case 4:
        return json_real((below(2000) - 1000.0) / (1 + below(1000)));

    case 5:
        return json_real(below(2) ? 1e308 : -5e-324);

    case 6:
    case 7:
        return random_text();

    case 8:
        json = json_array();
        n = below(6);

        for (i = 0; i < n; i++) {
            json_array_append_new(json, random_json(depth + 1));
        }

        return json;

    default:
        json = json_object();
        n = below(6);

        for (i = 0; i < n; i++) {
            (void) snprintf(key, sizeof(key), "k%u", below(20));
            json_object_set_new(json, key, random_json(depth + 1));
        }

        return json;
    }
}


static json_t *
random_body(void)
{
    json_t              *body, *name;
    unsigned             i, n;
    const ehr_fields_t  *fields;

    if (below(50) == 0) {
        return random_json(0);
    }

    fields = sample_fields();
    body = json_object();
    n = below(12);

    for (i = 0; i < n; i++) {
        if (below(10) == 0) {
            name = random_text();
            json_object_set_new(body, json_string_value(name),
                random_json(0));
            json_decref(name);

        } else {
            json_object_set_new(body,
                fields->fields[below((unsigned) fields->n)]->name,
                random_json(0));
        }
    }

    return body;
}


/* What must hold whatever the body was. */
static void
check_outcome(int rc, ehr_write_t write, const ehr_values_t *values,
    const ehr_field_errors_t *errors)
{
    size_t               i, j;
    const ehr_fields_t  *fields;

    fields = sample_fields();

    assert_int_equal(rc, errors->n > 0 ? -1 : 0);
    assert_true(errors->n <= EHR_MAX_FIELD_ERRORS);

    for (i = 0; i < errors->n; i++) {
        assert_true(strlen(errors->items[i].field) < 80);
        assert_true(errors->items[i].message > 0);
        assert_int_equal(errors->items[i].argument != NULL,
            strchr(ehr_message_text((ehr_message_t) errors->items[i].message,
                                    EHR_ENGLISH), '%') != NULL);

        for (j = 0; j < i; j++) {
            assert_string_not_equal(errors->items[i].field,
                errors->items[j].field);
        }
    }

    for (i = 0; i < fields->n; i++) {
        if ((values->present >> i) & 1) {
            assert_true(write == EHR_ON_CREATE
                        ? ehr_field_is_writable(fields->fields[i])
                        : ehr_field_is_mutable(fields->fields[i]));
        }

        if (values->values[i].text != NULL) {
            assert_int_equal(strlen(values->values[i].text),
                values->values[i].len);
            assert_true(values->values[i].len <= 16384);
        }
    }

    assert_int_equal(values->present >> fields->n, 0);
}


static void
random_bodies(void **state)
{
    int                  rc;
    long                 i, count;
    json_t              *body;
    uint64_t             permissions;
    ehr_write_t          write;
    ehr_values_t         values;
    ehr_field_errors_t   errors;

    (void) state;

    seed = getenv("EHR_FUZZ_SEED") ? strtoul(getenv("EHR_FUZZ_SEED"), NULL, 0)
                                   : 1;
    count = getenv("EHR_FUZZ_COUNT") ? atol(getenv("EHR_FUZZ_COUNT"))
                                     : 100000;

    for (i = 0; i < count; i++) {
        body = random_body();
        assert_non_null(body);

        write = (ehr_write_t) below(3);
        permissions = below(2) ? ~(uint64_t) 0 : 0;

        if (below(20) == 0) {
            sample_fail_at(below(10));
        }

        rc = ehr_validate(sample_fields(), body, write, permissions,
            &sample_arena, &values, &errors);

        if (rc != -2) {
            /* values outlive the body */
            json_decref(body);
            check_outcome(rc, write, &values, &errors);

        } else {
            json_decref(body);
        }

        sample_fail_never();
        (void) sample_tear_down(state);
    }
}


/* The same for what comes in a query: any bytes. */
static void
random_query_values(void **state)
{
    int          message;
    long         i;
    char         text[64];
    size_t       j, len;
    const char  *argument;

    (void) state;

    for (i = 0; i < 100000; i++) {
        len = below(sizeof(text));

        for (j = 0; j < len; j++) {
            text[j] = (char) (below(4) > 0 ? ' ' + below(95) : below(256));
        }

        message = ehr_validate_text(
            sample_fields()->fields[below((unsigned) sample_fields()->n)],
            text, len, &argument);
        assert_in_range(message, 0, EHR_MESSAGES - 1);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        SAMPLE_TEST(random_bodies),
        SAMPLE_TEST(random_query_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
