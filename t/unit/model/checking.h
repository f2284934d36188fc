/*
 * Bodies of the sample resource, validated.
 */

#ifndef CHECKING_H
#define CHECKING_H

#include "sample.h"


#define ALL         (~(uint64_t) 0)
#define PATIENT     "\"patientId\":\"" ID "\","
#define SMILE       "\xf0\x9f\x98\x80"
#define OTHER       "0190a1b2-c3d4-7e5f-89ab-cdef01234568"
#define TWENTY(x)   x x x x x x x x x x x x x x x x x x x x

/* What the last check_body() said. */
extern ehr_values_t        given;
extern ehr_field_errors_t  refused;

/* ehr_validate() of a JSON text. */
int check_body(const char *text, ehr_write_t write, uint64_t permissions);
const char *value_of(const char *name);
const ehr_field_error_t *error_of(const char *name);

/* PATCH of one field; `says` is the value or, after an error, the argument. */
void check_value(const char *name, const char *json, ehr_message_t message,
    const char *says);

#define good(name, json, value)                                              \
    check_value(name, json, EHR_MESSAGE_NONE, value)
#define bad(name, json, message, argument)                                   \
    check_value(name, json, EHR_MESSAGE_##message, argument)

#endif /* CHECKING_H */
