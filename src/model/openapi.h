/*
 * What the OpenAPI 3.1 document says of resources; the paths are made of the
 * route table in src/http.
 *
 * All results are new references; NULL without memory.
 */

#ifndef EHR_OPENAPI_H
#define EHR_OPENAPI_H

#include "model.h"


typedef enum {
    EHR_OPENAPI_READ,       /* "Patient": as answers show it */
    EHR_OPENAPI_CREATE,     /* "PatientCreate": the body of POST; the parent's
                               id is in the path and may be left out */
    EHR_OPENAPI_UPDATE      /* "PatientUpdate": the body of PATCH, and of PUT,
                               which besides ignores what GET showed */
} ehr_openapi_kind_t;

/* A schema object for components.schemas. */
json_t *ehr_openapi_schema(const ehr_fields_t *fields,
    ehr_openapi_kind_t kind);

/* "Patient", "PatientCreate", "PatientUpdate": at most size - 1 bytes. */
void ehr_openapi_schema_name(const ehr_fields_t *fields,
    ehr_openapi_kind_t kind, char *out, size_t size);

/* The schema of one field's value, null included where it may be. */
json_t *ehr_openapi_value(const ehr_field_t *field);

/*
 * The query parameters of a list, as an array of parameter objects: limit
 * (1 to `most`, `usual` by default), cursor, sort, fields, total, since,
 * until, deleted, filters, ranges, conditions, rankings.
 */
json_t *ehr_openapi_list_parameters(const ehr_fields_t *fields, int usual,
    int most);

#endif /* EHR_OPENAPI_H */
