/*
 * The statement that lists a resource: see model.h for its parameters.
 */

#include <string.h>

#include "sql_text.h"


typedef struct {
    ehr_text_t              text;
    const ehr_fields_t     *fields;
    const ehr_list_t       *list;
    const ehr_ranking_t    *ranking;     /* NULL: sorted by a field */
    unsigned                next;        /* the next parameter */
    unsigned                ranked_by;   /* the ranking's parameter: after the
                                            parent's, first otherwise */
} composer_t;


static void
add_ranking_sql(composer_t *c, const char *sql)
{
    ehr_sql_given(&c->text, sql, c->ranked_by, "", "text", "");
}


/* What the rows are ordered by: exact, so that a cursor finds its place. */
static void
add_sort_value(composer_t *c)
{
    if (c->ranking != NULL) {
        ehr_text_add(&c->text, "(");
        add_ranking_sql(c, c->ranking->order);
        ehr_text_add(&c->text, ")::numeric");
        return;
    }

    ehr_text_print(&c->text, "t.%s",
        c->fields->fields[c->list->sort]->column);
}


static int
is_descending(const composer_t *c)
{
    return c->ranking == NULL && c->list->descending;
}


/* -- conditions ------------------------------------------------------------ */


static void
add_parent(composer_t *c)
{
    int          i;
    const char  *name;

    name = c->fields->resource->parent_field;
    i = name == NULL ? -1 : ehr_field_index(c->fields, name, strlen(name));

    if (!c->list->parent) {
        return;
    }

    ehr_text_print(&c->text, " AND t.%s = $%u::uuid",
        i < 0 ? "id" : c->fields->fields[i]->column, c->next++);
}


static void
add_ranking(composer_t *c)
{
    const char  *where;

    if (c->ranking == NULL) {
        return;
    }

    c->next++;
    where = c->ranking->where;

    if (where != NULL) {
        ehr_text_add(&c->text, " AND (");
        add_ranking_sql(c, where);
        ehr_text_add(&c->text, ")");
    }

    /* a count does not order: its parameter needs a type all the same */
    if (where == NULL || strstr(where, "$q") == NULL) {
        ehr_text_print(&c->text, " AND $%u::text IS NOT NULL", c->ranked_by);
    }
}


static void
add_conditions(composer_t *c)
{
    unsigned                i;
    const ehr_condition_t  *condition;

    condition = c->fields->resource->conditions;

    for (i = 0; c->list->conditions >> i; i++) {
        if (((c->list->conditions >> i) & 1) == 0) {
            continue;
        }

        ehr_text_add(&c->text, " AND (");

        if (condition[i].is_list) {
            ehr_sql_given(&c->text, condition[i].where, c->next++,
                "string_to_array(", "text", ", ',')");

        } else {
            ehr_sql_given(&c->text, condition[i].where, c->next++, "",
                ehr_sql_element_type(&condition[i].field), "");
        }

        ehr_text_add(&c->text, ")");
    }
}


static void
add_equal(composer_t *c, const ehr_field_t *field)
{
    if (field->flags & EHR_SENSITIVE) {
        ehr_text_print(&c->text, " AND t.%s_index = ANY ($%u::bytea[])",
            field->column, c->next++);
        return;
    }

    if (field->type == EHR_TYPE_TEXT_LIST
        || field->type == EHR_TYPE_UUID_LIST)
    {
        ehr_text_print(&c->text, " AND t.%s @> ARRAY[$%u::%s]",
            field->column, c->next++, ehr_sql_element_type(field));
        return;
    }

    ehr_text_print(&c->text, " AND t.%s = ", field->column);
    ehr_sql_parameter(&c->text, c->next++, field);
}


static void
add_bound(composer_t *c, const ehr_field_t *field, const char *operator)
{
    ehr_text_print(&c->text, " AND t.%s %s ", field->column, operator);
    ehr_sql_parameter(&c->text, c->next++, field);
}


static void
add_filters(composer_t *c)
{
    size_t               i;
    const ehr_fields_t  *fields;

    fields = c->fields;

    for (i = 0; i < fields->n; i++) {
        if ((c->list->equal >> i) & 1) {
            add_equal(c, fields->fields[i]);
        }
    }

    for (i = 0; i < fields->n; i++) {
        if ((c->list->from >> i) & 1) {
            add_bound(c, fields->fields[i], ">=");
        }
    }

    for (i = 0; i < fields->n; i++) {
        if ((c->list->to >> i) & 1) {
            add_bound(c, fields->fields[i], "<");
        }
    }
}


static void
add_period(composer_t *c)
{
    const char  *column;

    column = (c->fields->resource->flags & EHR_NO_VERSION) ? "created_at"
                                                           : "updated_at";
    if (c->list->since) {
        ehr_text_print(&c->text, " AND t.%s >= $%u::timestamptz", column,
            c->next++);
    }

    if (c->list->until) {
        ehr_text_print(&c->text, " AND t.%s < $%u::timestamptz", column,
            c->next++);
    }
}


static void
add_bound_of_page(composer_t *c)
{
    ehr_text_add(&c->text, " AND ");
    add_sort_value(c);
    ehr_text_add(&c->text, is_descending(c) ? " <= " : " >= ");
    ehr_sql_parameter(&c->text, c->next,
        c->fields->fields[c->list->sort]);
}


/* The rows behind the last one of the page before.  Where several are made of
 * one that is stored, its index knows their sort value, but no ids. */
static void
add_cursor(composer_t *c)
{
    if (c->fields->resource->lookups != NULL && c->ranking == NULL) {
        add_bound_of_page(c);
    }

    ehr_text_add(&c->text, " AND (");
    add_sort_value(c);
    ehr_text_print(&c->text, ", t.id) %s (", is_descending(c) ? "<" : ">");

    if (c->ranking != NULL) {
        ehr_text_print(&c->text, "$%u::numeric", c->next++);

    } else {
        ehr_sql_parameter(&c->text, c->next++,
            c->fields->fields[c->list->sort]);
    }

    ehr_text_print(&c->text, ", $%u::uuid)", c->next++);
}


/* -- the statement --------------------------------------------------------- */


/* The list's WHERE, but for the cursor.  A list below a parent comes after
 * PARENT in the same batch, so it need not ask for the patient again. */
static void
add_where(composer_t *c)
{
    ehr_text_add(&c->text, " WHERE true");
    add_parent(c);
    add_ranking(c);
    add_conditions(c);
    add_filters(c);
    add_period(c);
    ehr_sql_visible(&c->text, c->fields->resource,
        c->list->deleted ? EHR_ROWS_DELETED : EHR_ROWS_LIVING,
        !c->list->parent);
}


static void
add_columns(composer_t *c)
{
    if (c->list->count) {
        ehr_text_add(&c->text, "count(*) AS n");
        return;
    }

    ehr_sql_columns(&c->text, c->fields);

    if (c->ranking != NULL) {
        ehr_text_add(&c->text, ", ");
        add_sort_value(c);
    }
}


/* The parameter of an equality comes after all these. */
static unsigned
equal_parameter(const composer_t *c, int field)
{
    uint64_t  before;

    before = c->list->equal & (((uint64_t) 1 << field) - 1);

    return (c->list->parent ? 1 : 0) + (c->ranking != NULL ? 1 : 0)
           + (unsigned) __builtin_popcount(c->list->conditions)
           + (unsigned) __builtin_popcountll(before) + 1;
}


/* From where the first of the lookups finds them that is asked for. */
static void
add_from(composer_t *c)
{
    int                  field;
    const ehr_lookup_t  *lookup;

    lookup = c->fields->resource->lookups;

    for ( /* void */ ; lookup != NULL && lookup->field != NULL; lookup++) {
        field = ehr_field_index(c->fields, lookup->field,
            strlen(lookup->field));

        if ((c->list->equal >> field) & 1) {
            ehr_sql_from(&c->text, c->fields->resource, lookup,
                equal_parameter(c, field));
            return;
        }
    }

    ehr_sql_from(&c->text, c->fields->resource, NULL, 0);
}


static void
add_order(composer_t *c)
{
    const char  *direction;

    direction = is_descending(c) ? " DESC" : "";

    ehr_text_add(&c->text, " ORDER BY ");
    add_sort_value(c);
    ehr_text_print(&c->text, "%s, t.id%s LIMIT $%u::bigint", direction,
        direction, c->next++);
}


const char *
ehr_sql_list(const ehr_fields_t *fields, const ehr_list_t *list,
    const ehr_arena_t *arena)
{
    composer_t  c;

    memset(&c, 0, sizeof(composer_t));
    ehr_text_init(&c.text, arena);

    c.fields = fields;
    c.list = list;
    c.ranking = list->ranking < 0 ? NULL
                                  : &fields->resource->rankings[list->ranking];
    c.next = 1;
    c.ranked_by = list->parent ? 2 : 1;

    ehr_text_add(&c.text, "SELECT ");
    add_columns(&c);
    add_from(&c);
    add_where(&c);

    if (!list->count) {
        if (list->after) {
            add_cursor(&c);
        }

        add_order(&c);
    }

    return ehr_text_done(&c.text);
}
