/*
 * Statements about one row of a resource: see model.h for each kind's
 * parameters.
 */

#include <string.h>

#include "sql_text.h"


/* Parameters of UPDATE before the fields: id, version, mask. */
#define UPDATE_FIRST  4
#define CREATE_FIRST  2

typedef void (*compose_pt)(ehr_text_t *text, const ehr_fields_t *fields);


/* -- small pieces ---------------------------------------------------------- */


static int
is_append_only(const ehr_resource_t *resource)
{
    return (resource->flags & EHR_NO_VERSION) != 0;
}


static const char *
version_column(const ehr_resource_t *resource)
{
    return is_append_only(resource) ? "1 AS version" : "t.version";
}


/* " AND …": the row has one of the versions in $2, if any are expected. */
static void
add_expected_version(ehr_text_t *text, const ehr_resource_t *resource)
{
    ehr_text_print(text, " AND ($2::bigint[] IS NULL OR %s = ANY"
        " ($2::bigint[]))", is_append_only(resource) ? "1" : "t.version");
}


/* " FROM …": where the row with id $1 is. */
static void
add_from(ehr_text_t *text, const ehr_resource_t *resource)
{
    const ehr_lookup_t  *lookup;

    lookup = resource->lookups;

    while (lookup != NULL && lookup->field != NULL
           && strcmp(lookup->field, "id") != 0)
    {
        lookup++;
    }

    ehr_sql_from(text, resource,
        lookup != NULL && lookup->field != NULL ? lookup : NULL, 1);
}


/* " WHERE …": the visible row with id $1. */
static void
add_where_id(ehr_text_t *text, const ehr_resource_t *resource,
    ehr_rows_t rows)
{
    ehr_text_add(text, " WHERE t.id = $1::uuid");
    ehr_sql_visible(text, resource, rows, 1);
}


/* A field's new value; `number` is its parameter. */
static void
add_value(ehr_text_t *text, unsigned number, const ehr_field_t *field)
{
    if (field->fallback == NULL) {
        ehr_sql_parameter(text, number, field);
        return;
    }

    ehr_text_add(text, "COALESCE(");
    ehr_sql_parameter(text, number, field);
    ehr_text_add(text, ", ");
    ehr_text_add(text, field->fallback);
    ehr_text_add(text, ")");
}


/* -- reading --------------------------------------------------------------- */


static void
compose_read(ehr_text_t *text, const ehr_fields_t *fields)
{
    ehr_text_add(text, "SELECT ");
    ehr_sql_columns(text, fields);
    add_from(text, fields->resource);
    add_where_id(text, fields->resource, EHR_ROWS_LIVING);
}


static void
compose_together(ehr_text_t *text, const ehr_fields_t *fields)
{
    ehr_text_add(text, "SELECT ");
    ehr_sql_columns(text, fields);
    ehr_text_print(text, " FROM ehr.%s_as($1::text[], $2::text[], $3::uuid[])"
        " AS t", fields->resource->table);
}


static void
compose_explain(ehr_text_t *text, const ehr_fields_t *fields)
{
    ehr_text_print(text, "SELECT %s", version_column(fields->resource));
    add_from(text, fields->resource);
    add_where_id(text, fields->resource, EHR_ROWS_LIVING);

    /* the lock asks the policy of changes: a row that the actor may only
     * read is not there, whatever version is expected of it */
    if ((fields->resource->flags & EHR_PATIENT_OWNED)
        && !is_append_only(fields->resource))
    {
        ehr_text_add(text, " FOR KEY SHARE OF t");
    }
}


static void
compose_parent(ehr_text_t *text, const ehr_fields_t *fields)
{
    const ehr_resource_t  *parent;

    parent = ehr_resource_find(fields->resource->parent);
    if (parent == NULL) {
        return;
    }

    ehr_text_add(text, "SELECT 1");
    add_from(text, parent);
    add_where_id(text, parent, EHR_ROWS_LIVING);
}


static void
compose_replay(ehr_text_t *text, const ehr_fields_t *fields)
{
    ehr_text_add(text, "SELECT ");
    ehr_sql_columns(text, fields);
    ehr_text_print(text, " FROM ehr.idempotency_keys AS k"
        " CROSS JOIN LATERAL jsonb_populate_record(NULL::ehr.%s, k.row) AS t"
        " WHERE k.actor_id = $1::uuid AND k.key = $2::text",
        fields->resource->table);
}


/* -- creating -------------------------------------------------------------- */


static void
add_insert_names(ehr_text_t *text, const ehr_fields_t *fields)
{
    size_t              i;
    const ehr_field_t  *field;

    ehr_text_add(text, "id");

    for (i = 0; i < fields->n; i++) {
        field = fields->fields[i];

        if (!ehr_field_is_writable(field)) {
            continue;
        }

        ehr_text_print(text, ", %s", field->column);

        if (field->flags & EHR_INDEXED) {
            ehr_text_print(text, ", %s_index", field->column);
        }
    }
}


/* Returns the number of the next parameter. */
static unsigned
add_insert_values(ehr_text_t *text, const ehr_fields_t *fields)
{
    size_t              i;
    unsigned            number;
    const ehr_field_t  *field;

    ehr_text_add(text, "$1::uuid");
    number = CREATE_FIRST;

    for (i = 0; i < fields->n; i++) {
        field = fields->fields[i];

        if (!ehr_field_is_writable(field)) {
            continue;
        }

        ehr_text_add(text, ", ");
        add_value(text, number++, field);

        if (field->flags & EHR_INDEXED) {
            ehr_text_print(text, ", $%u::bytea", number++);
        }
    }

    return number;
}


/* "INSERT … RETURNING ": what is returned follows.  Returns the number of
 * the next parameter. */
static unsigned
add_insert(ehr_text_t *text, const ehr_fields_t *fields)
{
    unsigned  number;

    ehr_text_print(text, "INSERT INTO ehr.%s AS t (",
        fields->resource->table);
    add_insert_names(text, fields);
    ehr_text_add(text, ") VALUES (");
    number = add_insert_values(text, fields);
    ehr_text_add(text, ") RETURNING ");

    return number;
}


static void
compose_create(ehr_text_t *text, const ehr_fields_t *fields)
{
    (void) add_insert(text, fields);
    ehr_sql_columns(text, fields);
}


static void
compose_keep(ehr_text_t *text, const ehr_fields_t *fields)
{
    unsigned  number;

    ehr_text_add(text, "WITH made AS (");
    number = add_insert(text, fields);
    ehr_text_print(text, "t.*), kept AS (INSERT INTO ehr.idempotency_keys"
        " (actor_id, key, route, body_hash, status, relation, row)"
        " SELECT $%u::uuid, $%u::text, $%u::text, $%u::bytea, 201,"
        " 'ehr.%s'::regclass, to_jsonb(t) FROM made AS t) SELECT ",
        number, number + 1, number + 2, number + 3,
        fields->resource->table);
    ehr_sql_columns(text, fields);
    ehr_text_add(text, " FROM made AS t");
}


static void
compose_made(ehr_text_t *text, const ehr_fields_t *fields)
{
    ehr_text_print(text, "INSERT INTO ehr.idempotency_keys"
        " (actor_id, key, route, body_hash, status, relation, row)"
        " SELECT $2::uuid, $3::text, $4::text, $5::bytea, 201,"
        " 'ehr.%s'::regclass, to_jsonb(t)", fields->resource->table);
    add_from(text, fields->resource);
    ehr_text_add(text, " WHERE t.id = $1::uuid");
}


/* -- changing -------------------------------------------------------------- */


/* "column = CASE WHEN the mask has the field's bit THEN new ELSE old END",
 * for the field and its blind index.  Returns the next parameter's number. */
static unsigned
add_assignment(ehr_text_t *text, size_t bit, unsigned number,
    const ehr_field_t *field)
{
    ehr_text_print(text, "%s = CASE WHEN ($3::bigint >> %zu) & 1 = 1 THEN ",
        field->column, bit);
    add_value(text, number++, field);
    ehr_text_print(text, " ELSE t.%s END", field->column);

    if (field->flags & EHR_INDEXED) {
        ehr_text_print(text, ", %s_index = CASE WHEN ($3::bigint >> %zu) & 1"
            " = 1 THEN $%u::bytea ELSE t.%s_index END", field->column, bit,
            number++, field->column);
    }

    return number;
}


static void
compose_update(ehr_text_t *text, const ehr_fields_t *fields)
{
    size_t    i;
    unsigned  number;

    ehr_text_print(text, "UPDATE ehr.%s AS t SET ", fields->resource->table);
    number = UPDATE_FIRST;

    for (i = 0; i < fields->n; i++) {
        if (!ehr_field_is_mutable(fields->fields[i])) {
            continue;
        }

        if (number > UPDATE_FIRST) {
            ehr_text_add(text, ", ");
        }

        number = add_assignment(text, i, number, fields->fields[i]);
    }

    add_where_id(text, fields->resource, EHR_ROWS_LIVING);
    add_expected_version(text, fields->resource);
    ehr_text_add(text, " RETURNING ");
    ehr_sql_columns(text, fields);
}


static void
compose_delete(ehr_text_t *text, const ehr_fields_t *fields)
{
    ehr_text_print(text, "UPDATE ehr.%s AS t SET deleted_at = now()",
        fields->resource->table);
    add_where_id(text, fields->resource, EHR_ROWS_LIVING);
    add_expected_version(text, fields->resource);
    ehr_text_print(text, " RETURNING %s", version_column(fields->resource));
}


static void
compose_restore(ehr_text_t *text, const ehr_fields_t *fields)
{
    ehr_text_print(text, "UPDATE ehr.%s AS t SET deleted_at = NULL",
        fields->resource->table);
    add_where_id(text, fields->resource, EHR_ROWS_DELETED);
    ehr_text_add(text, " RETURNING ");
    ehr_sql_columns(text, fields);
}


/* -- one row --------------------------------------------------------------- */


static const compose_pt  composers[EHR_SQL_KINDS] = {
    [EHR_SQL_READ]    = compose_read,
    [EHR_SQL_TOGETHER] = compose_together,
    [EHR_SQL_CREATE]  = compose_create,
    [EHR_SQL_KEEP]    = compose_keep,
    [EHR_SQL_MADE]    = compose_made,
    [EHR_SQL_REPLAY]  = compose_replay,
    [EHR_SQL_UPDATE]  = compose_update,
    [EHR_SQL_DELETE]  = compose_delete,
    [EHR_SQL_RESTORE] = compose_restore,
    [EHR_SQL_PARENT]  = compose_parent,
    [EHR_SQL_EXPLAIN] = compose_explain
};


static int
has_mutable_field(const ehr_fields_t *fields)
{
    size_t  i;

    for (i = 0; i < fields->n; i++) {
        if (ehr_field_is_mutable(fields->fields[i])) {
            return 1;
        }
    }

    return 0;
}


static int
kind_exists(const ehr_fields_t *fields, ehr_sql_t kind)
{
    switch (kind) {

    case EHR_SQL_TOGETHER:
        return ehr_sql_is_patients(fields->resource);

    case EHR_SQL_CREATE:
    case EHR_SQL_KEEP:
    case EHR_SQL_MADE:
    case EHR_SQL_REPLAY:
        return fields->resource->lookups == NULL;

    case EHR_SQL_UPDATE:
        return !is_append_only(fields->resource) && has_mutable_field(fields);

    case EHR_SQL_DELETE:
    case EHR_SQL_RESTORE:
        return !(fields->resource->flags & EHR_NO_DELETE);

    case EHR_SQL_PARENT:
        return fields->resource->parent != NULL;

    default:
        return kind < EHR_SQL_KINDS;
    }
}


const char *
ehr_sql(const ehr_fields_t *fields, ehr_sql_t kind, const ehr_arena_t *arena)
{
    ehr_text_t  text;

    if (!kind_exists(fields, kind)) {
        return NULL;
    }

    ehr_text_init(&text, arena);
    composers[kind](&text, fields);

    return ehr_text_done(&text);
}
