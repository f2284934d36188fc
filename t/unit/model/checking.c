/*
 * No test by itself: linked into those beside it.
 */

#include "checking.h"

#include <stdio.h>
#include <stdlib.h>


ehr_values_t        given;
ehr_field_errors_t  refused;


int
check_body(const char *text, ehr_write_t write, uint64_t permissions)
{
    int      rc;
    json_t  *body;

    body = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(body);

    rc = ehr_validate(sample_fields(), body, write, permissions,
        &sample_arena, &given, &refused);
    json_decref(body);

    assert_int_equal(rc == -1, refused.n > 0);

    return rc;
}


const char *
value_of(const char *name)
{
    int           i;
    ehr_value_t  *value;

    i = ehr_field_index(sample_fields(), name, strlen(name));
    value = &given.values[i];

    if (value->text != NULL) {
        assert_int_equal(strlen(value->text), value->len);
    }

    return value->text;
}


const ehr_field_error_t *
error_of(const char *name)
{
    size_t  i;

    for (i = 0; i < refused.n; i++) {
        if (strcmp(refused.items[i].field, name) == 0) {
            return &refused.items[i];
        }
    }

    return NULL;
}


void
check_value(const char *name, const char *json, ehr_message_t message,
    const char *says)
{
    char                     *body;
    size_t                    size;
    const ehr_field_error_t  *error;

    size = strlen(name) + strlen(json) + 16;
    body = malloc(size);
    (void) snprintf(body, size, "{\"%s\":%s}", name, json);
    (void) check_body(body, EHR_ON_PATCH, ALL);
    free(body);

    error = error_of(name);

    if (message == EHR_MESSAGE_NONE) {
        if (error != NULL) {
            fail_msg("%s: %.80s: refused with %d (%s)", name, json,
                error->message, error->argument);
        }

        assert_int_equal(given.present, sample_bit(name));

        if (says == NULL) {
            assert_null(value_of(name));

        } else {
            assert_string_equal(value_of(name), says);
        }

        return;
    }

    if (error == NULL || error->message != (int) message) {
        fail_msg("%s: %.80s: got %d, not %d", name, json,
            error == NULL ? 0 : error->message, (int) message);
    }

    assert_int_equal(refused.n, 1);
    assert_int_equal(given.present, 0);

    if (says == NULL) {
        assert_null(error->argument);

    } else {
        assert_string_equal(error->argument, says);
    }
}
