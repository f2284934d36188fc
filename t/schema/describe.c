/*
 * Prints what the descriptors expect of the database, for t/schema.t:
 *
 *   describe statements    every statement text there is, each ending in NUL
 *   describe columns       table, column, type, NOT NULL, sortable, scale
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/model/resources.h"


static void *
allocate(void *context, size_t size)
{
    (void) context;

    return malloc(size);
}

static const ehr_arena_t  arena = { allocate, NULL };


static void
statement(const char *sql)
{
    if (sql) {
        fputs(sql, stdout);
        putchar('\0');
    }
}


/* Every sort and ranking, with all filters and conditions at once. */

static void
lists(const ehr_fields_t *fields)
{
    size_t                i;
    ehr_list_t            list;
    const ehr_ranking_t  *rankings = fields->resource->rankings;

    memset(&list, 0, sizeof(list));

    for (i = 0; i < fields->n; i++) {
        if (fields->fields[i]->flags & EHR_FILTER) {
            list.equal |= (uint64_t) 1 << i;
        }

        if (fields->fields[i]->flags & EHR_RANGE) {
            list.from |= (uint64_t) 1 << i;
        }
    }

    for (i = 0; fields->resource->conditions
                && fields->resource->conditions[i].where; i++)
    {
        list.conditions |= 1u << i;
    }

    list.to = list.from;
    list.since = list.until = 1;
    list.parent = fields->resource->parent != NULL;

    for (i = 0; i < fields->n; i++) {
        if ((fields->fields[i]->flags & EHR_SORT) == 0) {
            continue;
        }

        list.ranking = -1;
        list.sort = (int) i;

        for (list.descending = 0; list.descending < 2; list.descending++) {
            for (list.after = 0; list.after < 2; list.after++) {
                statement(ehr_sql_list(fields, &list, &arena));
            }
        }
    }

    list.descending = 0;
    list.deleted = !(fields->resource->flags & EHR_NO_DELETE);

    for (i = 0; rankings && rankings[i].parameter; i++) {
        list.ranking = (int) i;

        for (list.count = 0; list.count < 2; list.count++) {
            list.after = !list.count;
            statement(ehr_sql_list(fields, &list, &arena));
        }
    }
}


static void
statements(const ehr_fields_t *fields)
{
    int  kind;

    for (kind = 0; kind < EHR_SQL_KINDS; kind++) {
        statement(ehr_sql(fields, kind, &arena));
    }

    statement(ehr_sql_references(fields, &arena));
    lists(fields);
}


static const char *
sql_type(const ehr_field_t *field)
{
    if (field->flags & EHR_SENSITIVE) {
        return "bytea";
    }

    switch (field->type) {
    case EHR_TYPE_UUID:      return "uuid";
    case EHR_TYPE_INTEGER:   return "integer";
    case EHR_TYPE_DECIMAL:   return "numeric";
    case EHR_TYPE_BOOLEAN:   return "boolean";
    case EHR_TYPE_DATE:      return "date";
    case EHR_TYPE_TIMESTAMP: return "timestamp with time zone";
    case EHR_TYPE_TEXT_LIST:
    case EHR_TYPE_UUID_LIST: return "ARRAY";
    case EHR_TYPE_OBJECT:
    case EHR_TYPE_OBJECT_LIST:
    case EHR_TYPE_JSON:        return "jsonb";
    default:                 return "text";
    }
}


static void
columns(const ehr_fields_t *fields)
{
    size_t              i;
    const ehr_field_t  *field;

    for (i = 0; i < fields->n; i++) {
        field = fields->fields[i];

        printf("%s\t%s\t%s\t%d\t%d\t%d\n", fields->resource->table,
               field->column, sql_type(field),
               (field->flags & (EHR_REQUIRED|EHR_NOT_NULL)) != 0,
               (field->flags & EHR_SORT) != 0,
               field->type == EHR_TYPE_DECIMAL ? field->scale : -1);

        if (field->flags & EHR_INDEXED) {
            printf("%s\t%s_index\tbytea\t0\t0\t-1\n",
                   fields->resource->table, field->column);
        }
    }
}


int
main(int argc, char **argv)
{
    size_t               i;
    const char          *fault;
    const ehr_fields_t  *fields;

    fault = ehr_model_init();

    if (fault || argc != 2) {
        fprintf(stderr, "describe: %s\n",
                fault ? fault : "statements or columns");
        return 1;
    }

    for (i = 0; ehr_resources[i]; i++) {
        fields = ehr_fields_of(ehr_resources[i]);

        if (strcmp(argv[1], "statements") == 0) {
            statements(fields);
        } else {
            columns(fields);
        }
    }

    return 0;
}
