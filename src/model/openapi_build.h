/*
 * Building JSON without looking at every call: a builder that once had no
 * memory stays without.  Used by openapi*.c alone.
 */

#ifndef EHR_OPENAPI_BUILD_H
#define EHR_OPENAPI_BUILD_H

#include "openapi.h"


typedef struct {
    int                     failed;
} ehr_build_t;

json_t *ehr_build_object(ehr_build_t *build);
json_t *ehr_build_array(ehr_build_t *build);
/* The value is stolen; NULL marks the builder. */
void ehr_build_set(ehr_build_t *build, json_t *object, const char *key,
    json_t *value);
void ehr_build_set_text(ehr_build_t *build, json_t *object, const char *key,
    const char *value);
void ehr_build_set_integer(ehr_build_t *build, json_t *object,
    const char *key, json_int_t value);
/* A whole number is written without a point. */
void ehr_build_set_number(ehr_build_t *build, json_t *object,
    const char *key, double value);
void ehr_build_append(ehr_build_t *build, json_t *array, json_t *value);
void ehr_build_append_text(ehr_build_t *build, json_t *array,
    const char *value);

/* The json, or NULL (and it is freed) if anything failed. */
json_t *ehr_build_done(ehr_build_t *build, json_t *json);

/* A field's value without null: what a filter takes. */
json_t *ehr_build_plain_value(ehr_build_t *build, const ehr_field_t *field);
/* A text that is one of the field's values. */
json_t *ehr_build_enum(ehr_build_t *build, const ehr_field_t *field);
/* {"type":"string","format":"date-time"} and the like. */
json_t *ehr_build_type(ehr_build_t *build, const char *type,
    const char *format);

#endif /* EHR_OPENAPI_BUILD_H */
