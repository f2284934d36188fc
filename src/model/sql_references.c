/*
 * The statement that checks what a row refers to: see ehr_sql_references().
 */

#include <stdio.h>
#include <string.h>

#include "sql_text.h"


int
ehr_field_is_checked(const ehr_fields_t *fields, size_t i)
{
    const char         *parent_field;
    const ehr_field_t  *field;

    field = fields->fields[i];
    parent_field = fields->resource->parent_field;

    return field->reference != NULL && ehr_field_is_writable(field)
           && (parent_field == NULL
               || strcmp(parent_field, field->name) != 0);
}


/* Whether the field refers to rows that have to be of the same patient. */
static int
is_same_patient(const ehr_fields_t *fields, size_t i)
{
    const ehr_resource_t  *target;

    if (!(fields->resource->flags & EHR_PATIENT_OWNED)
        || !ehr_field_is_checked(fields, i))
    {
        return 0;
    }

    target = ehr_resource_find(fields->fields[i]->reference);

    return target != NULL && (target->flags & EHR_PATIENT_OWNED)
           && strcmp(target->name, "patients") != 0;
}


int
ehr_sql_references_owner(const ehr_fields_t *fields)
{
    size_t  i;

    for (i = 0; i < fields->n; i++) {
        if (is_same_patient(fields, i)) {
            return 1;
        }
    }

    return 0;
}


/* "NOT EXISTS (…)": no visible row of what field i refers to has the id that
 * the SQL text `id` yields.  `owner`: see ehr_sql_references(). */
static void
add_missing(ehr_text_t *text, const ehr_fields_t *fields, size_t i,
    const char *id, unsigned owner)
{
    const char            *table;
    const ehr_resource_t  *target;

    target = ehr_resource_find(fields->fields[i]->reference);
    if (target == NULL) {
        ehr_text_add(text, "true");
        return;
    }

    ehr_text_add(text, "NOT EXISTS (SELECT 1");
    ehr_text_print(text, " FROM ehr.%s AS t WHERE t.id = %s", target->table,
        id);
    ehr_sql_visible(text, target, EHR_ROWS_LIVING, 1);

    if (is_same_patient(fields, i)) {
        table = fields->resource->table;
        ehr_text_print(text, " AND t.patient_id IN ($%u::uuid, (SELECT"
            " o.patient_id FROM ehr.%s AS o WHERE o.id = $%u::uuid))",
            owner, table, owner);
    }

    ehr_text_add(text, ")");
}


/* "CASE WHEN … THEN 'doctorId' END": the name if it is dangling. */
static void
add_reference(ehr_text_t *text, const ehr_fields_t *fields, size_t i,
    unsigned number, unsigned owner)
{
    char                id[32];
    const ehr_field_t  *field;

    field = fields->fields[i];

    if (field->type == EHR_TYPE_UUID_LIST) {
        ehr_text_print(text, "CASE WHEN EXISTS (SELECT 1 FROM"
            " unnest($%u::uuid[]) AS wanted (id) WHERE ", number);
        add_missing(text, fields, i, "wanted.id", owner);
        ehr_text_print(text, ") THEN '%s' END", field->name);
        return;
    }

    (void) snprintf(id, sizeof(id), "$%u::uuid", number);

    ehr_text_print(text, "CASE WHEN %s IS NOT NULL AND ", id);
    add_missing(text, fields, i, id, owner);
    ehr_text_print(text, " THEN '%s' END", field->name);
}


const char *
ehr_sql_references(const ehr_fields_t *fields, const ehr_arena_t *arena)
{
    size_t      i;
    unsigned    n, owner, number;
    ehr_text_t  text;

    for (n = 0, i = 0; i < fields->n; i++) {
        n += ehr_field_is_checked(fields, i) != 0;
    }

    if (n == 0) {
        return NULL;
    }

    owner = n + 1;
    number = 1;

    ehr_text_init(&text, arena);
    ehr_text_add(&text, "SELECT ehr.refuse('EH422', 'reference_unknown',"
                        " dangling.list) FROM (SELECT concat_ws(','");

    for (i = 0; i < fields->n; i++) {
        if (ehr_field_is_checked(fields, i)) {
            ehr_text_add(&text, ", ");
            add_reference(&text, fields, i, number++, owner);
        }
    }

    ehr_text_add(&text, ") AS list OFFSET 0) AS dangling"
                        " WHERE dangling.list <> ''");

    return ehr_text_done(&text);
}
