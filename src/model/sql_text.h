/*
 * Pieces that sql.c and sql_list.c compose statements of.  Every piece ends
 * where it ends: the caller adds the spaces and commas between.
 */

#ifndef EHR_SQL_TEXT_H
#define EHR_SQL_TEXT_H

#include "text.h"


/* Which rows of a resource a statement is about. */
typedef enum {
    EHR_ROWS_LIVING,        /* not deleted */
    EHR_ROWS_DELETED,       /* only the deleted ones */
} ehr_rows_t;


/* "$3::uuid": parameter `number` as what the field is stored as. */
void ehr_sql_parameter(ehr_text_t *text, unsigned number,
    const ehr_field_t *field);

/* The PostgreSQL type of an element of a list field, or of the field. */
const char *ehr_sql_element_type(const ehr_field_t *field);

/* A descriptor's SQL with the parameter, of type `type` between `before` and
 * `after`, for every $q. */
void ehr_sql_given(ehr_text_t *text, const char *sql, unsigned number,
    const char *before, const char *type, const char *after);

/* " FROM … AS t": the table, or with a lookup what it yields for parameter
 * `number`. */
void ehr_sql_from(ehr_text_t *text, const ehr_resource_t *resource,
    const ehr_lookup_t *lookup, unsigned number);

/* "t.id, t.name, NULL, …": a column for each field. */
void ehr_sql_columns(ehr_text_t *text, const ehr_fields_t *fields);

/* Whether its rows are the patients themselves. */
int ehr_sql_is_patients(const ehr_resource_t *resource);

/*
 * " AND …" for what every statement of a resource asks of its rows `t`:
 * deleted or not, the patient they belong to not deleted (unless by_patient
 * is 0 because the caller checks that), the resource's scope.
 */
void ehr_sql_visible(ehr_text_t *text, const ehr_resource_t *resource,
    ehr_rows_t rows, int by_patient);

#endif /* EHR_SQL_TEXT_H */
