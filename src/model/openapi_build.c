/*
 * Building JSON without looking at every call: see openapi_build.h.
 */

#include "openapi_build.h"


/* Beyond it a double is not exact as a whole number. */
#define WHOLE_MAX  9007199254740992.0


static json_t *
keep(ehr_build_t *build, json_t *json)
{
    if (json == NULL) {
        build->failed = 1;
    }

    return json;
}


json_t *
ehr_build_object(ehr_build_t *build)
{
    return keep(build, json_object());
}


json_t *
ehr_build_array(ehr_build_t *build)
{
    return keep(build, json_array());
}


void
ehr_build_set(ehr_build_t *build, json_t *object, const char *key,
    json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        build->failed = 1;
    }
}


void
ehr_build_set_text(ehr_build_t *build, json_t *object, const char *key,
    const char *value)
{
    ehr_build_set(build, object, key, json_string(value));
}


void
ehr_build_set_integer(ehr_build_t *build, json_t *object, const char *key,
    json_int_t value)
{
    ehr_build_set(build, object, key, json_integer(value));
}


void
ehr_build_set_number(ehr_build_t *build, json_t *object, const char *key,
    double value)
{
    int  is_whole;

    is_whole = value > -WHOLE_MAX && value < WHOLE_MAX
               && (double) (json_int_t) value == value;

    ehr_build_set(build, object, key,
        is_whole ? json_integer((json_int_t) value) : json_real(value));
}


void
ehr_build_append(ehr_build_t *build, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        build->failed = 1;
    }
}


void
ehr_build_append_text(ehr_build_t *build, json_t *array, const char *value)
{
    ehr_build_append(build, array, json_string(value));
}


json_t *
ehr_build_done(ehr_build_t *build, json_t *json)
{
    if (!build->failed) {
        return json;
    }

    json_decref(json);

    return NULL;
}


json_t *
ehr_build_type(ehr_build_t *build, const char *type, const char *format)
{
    json_t  *schema;

    schema = ehr_build_object(build);
    ehr_build_set_text(build, schema, "type", type);

    if (format != NULL) {
        ehr_build_set_text(build, schema, "format", format);
    }

    return schema;
}
