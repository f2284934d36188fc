/*
 * Pieces that statements are composed of: see sql_text.h.
 */

#include <string.h>

#include "sql_text.h"


/* The resource a patient-owned row belongs to, and by which column. */
#define PATIENTS        "patients"
#define PATIENT_COLUMN  "patient_id"


typedef struct {
    const char  *type;
    const char  *element;
} sql_type_t;


static const sql_type_t  sql_types[] = {
    [EHR_TYPE_UUID]      = { "uuid", "uuid" },
    [EHR_TYPE_TEXT]      = { "text", "text" },
    [EHR_TYPE_INTEGER]   = { "bigint", "bigint" },
    [EHR_TYPE_DECIMAL]   = { "numeric", "numeric" },
    [EHR_TYPE_BOOLEAN]   = { "boolean", "boolean" },
    [EHR_TYPE_DATE]      = { "date", "date" },
    [EHR_TYPE_TIMESTAMP] = { "timestamptz", "timestamptz" },
    [EHR_TYPE_ENUM]      = { "text", "text" },
    [EHR_TYPE_TEXT_LIST] = { "text[]", "text" },
    [EHR_TYPE_UUID_LIST] = { "uuid[]", "uuid" },
    [EHR_TYPE_OBJECT]    = { "jsonb", "jsonb" },
    [EHR_TYPE_OBJECT_LIST] = { "jsonb", "jsonb" },
    [EHR_TYPE_JSON]      = { "jsonb", "jsonb" }
};


void
ehr_sql_parameter(ehr_text_t *text, unsigned number, const ehr_field_t *field)
{
    ehr_text_print(text, "$%u::%s", number,
        (field->flags & EHR_SENSITIVE) ? "bytea"
                                       : sql_types[field->type].type);
}


const char *
ehr_sql_element_type(const ehr_field_t *field)
{
    return sql_types[field->type].element;
}


void
ehr_sql_given(ehr_text_t *text, const char *sql, unsigned number,
    const char *before, const char *type, const char *after)
{
    const char  *found;

    while ((found = strstr(sql, "$q")) != NULL) {
        ehr_text_add_bytes(text, sql, (size_t) (found - sql));
        ehr_text_print(text, "%s$%u::%s%s", before, number, type, after);
        sql = found + 2;
    }

    ehr_text_add(text, sql);
}


void
ehr_sql_from(ehr_text_t *text, const ehr_resource_t *resource,
    const ehr_lookup_t *lookup, unsigned number)
{
    if (lookup == NULL) {
        ehr_text_print(text, " FROM ehr.%s AS t", resource->table);
        return;
    }

    ehr_text_add(text, " FROM ");
    ehr_sql_given(text, lookup->rows, number, "", "uuid", "");
    ehr_text_add(text, " AS t");
}


static void
add_column(ehr_text_t *text, const ehr_field_t *field)
{
    if (field->flags & (EHR_HIDDEN|EHR_WRITE_ONLY)) {
        ehr_text_add(text, "NULL");
        return;
    }

    if (field->type == EHR_TYPE_TEXT_LIST
        || field->type == EHR_TYPE_UUID_LIST)
    {
        ehr_text_print(text, "array_to_json(t.%s)", field->column);
        return;
    }

    ehr_text_print(text, "t.%s", field->column);
}


void
ehr_sql_columns(ehr_text_t *text, const ehr_fields_t *fields)
{
    size_t  i;

    for (i = 0; i < fields->n; i++) {
        if (i > 0) {
            ehr_text_add(text, ", ");
        }

        add_column(text, fields->fields[i]);
    }
}


int
ehr_sql_is_patients(const ehr_resource_t *resource)
{
    return strcmp(resource->name, PATIENTS) == 0;
}


/* The column that says to which patient a row belongs; NULL if to none (or
 * if it is the patient). */
static const char *
patient_column(const ehr_resource_t *resource)
{
    size_t  i;

    if (ehr_sql_is_patients(resource)) {
        return NULL;
    }

    if (resource->parent != NULL && strcmp(resource->parent, PATIENTS) == 0) {
        for (i = 0; i < resource->nfields; i++) {
            if (strcmp(resource->fields[i].name, resource->parent_field) == 0)
            {
                return resource->fields[i].column;
            }
        }
    }

    return (resource->flags & EHR_PATIENT_OWNED) ? PATIENT_COLUMN : NULL;
}


void
ehr_sql_visible(ehr_text_t *text, const ehr_resource_t *resource,
    ehr_rows_t rows, int by_patient)
{
    const char            *column;
    const ehr_resource_t  *patients;

    if (!(resource->flags & EHR_NO_DELETE)) {
        ehr_text_add(text, rows == EHR_ROWS_DELETED
                           ? " AND t.deleted_at IS NOT NULL"
                           : " AND t.deleted_at IS NULL");

    } else if (rows == EHR_ROWS_DELETED) {
        ehr_text_add(text, " AND false");
    }

    column = by_patient ? patient_column(resource) : NULL;
    patients = ehr_resource_find(PATIENTS);

    if (column != NULL && patients != NULL) {
        ehr_text_print(text, " AND EXISTS (SELECT 1 FROM ehr.%s AS p"
            " WHERE p.id = t.%s AND p.deleted_at IS NULL)", patients->table,
            column);
    }

    if (resource->scope != NULL) {
        ehr_text_add(text, " AND (");
        ehr_text_add(text, resource->scope);
        ehr_text_add(text, ")");
    }
}
