/*
 * Contradictions in descriptors, found before anything is served.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check.h"


/* Digits after the point a JSON number can be trusted with. */
#define MAX_SCALE   12

/* The longest list a field may hold. */
#define MAX_LIST    1000

/* A column name and "_index" fit in PostgreSQL's 63 bytes. */
#define MAX_COLUMN  56


static char  problem[256];


/* Parameters every list knows; no filter, condition or ranking may be called
 * so. */
static const char *const  list_parameters[] = {
    "limit", "cursor", "sort", "fields", "since", "until", "deleted",
    "total", NULL
};


const char *
ehr_check_problem(void)
{
    return problem;
}


int
ehr_check_complain(const ehr_resource_t *resource, const char *format, ...)
{
    int      len;
    va_list  arguments;

    len = snprintf(problem, sizeof(problem), "resource \"%.60s\": ",
        resource->name == NULL ? "(no name)" : resource->name);

    va_start(arguments, format);
    (void) vsnprintf(problem + len, sizeof(problem) - len, format, arguments);
    va_end(arguments);

    return -1;
}


static int
refuse(const ehr_resource_t *resource, const char *field, const char *why)
{
    return ehr_check_complain(resource, "field \"%.60s\": %s", field, why);
}


/* A name that needs no quotes in SQL: [a-z_][a-z0-9_]*. */
static int
is_sql_name(const char *name)
{
    size_t  len;

    len = name == NULL ? 0 : strlen(name);

    return len > 0 && len <= MAX_COLUMN
           && strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == len
           && strchr("0123456789", name[0]) == NULL;
}


/* A name that needs no quotes in JSON, URLs and SQL literals. */
static int
is_json_name(const char *name)
{
    size_t  len;

    len = name == NULL ? 0 : strlen(name);

    return len > 0 && len <= MAX_COLUMN
           && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len
           && name[0] >= 'a' && name[0] <= 'z';
}


static int
is_list(const ehr_field_t *field)
{
    return field->type == EHR_TYPE_TEXT_LIST
           || field->type == EHR_TYPE_UUID_LIST;
}


static int
is_object(const ehr_field_t *field)
{
    return field->type == EHR_TYPE_OBJECT
           || field->type == EHR_TYPE_OBJECT_LIST
           || field->type == EHR_TYPE_JSON;
}


static int
is_orderable(const ehr_field_t *field)
{
    return !is_list(field) && !is_object(field)
           && field->type != EHR_TYPE_BOOLEAN
           && !(field->flags & EHR_SENSITIVE);
}


static int
check_type(const ehr_resource_t *resource, const ehr_field_t *field)
{
    const char  *name;

    name = field->name;

    if (field->type == EHR_TYPE_ENUM
        && (field->values == NULL || field->values[0] == NULL))
    {
        return refuse(resource, name, "an enum without values");
    }

    if (field->format != EHR_FORMAT_NONE && field->type != EHR_TYPE_TEXT) {
        return refuse(resource, name, "a format without text");
    }

    if (field->scale != 0 && field->type != EHR_TYPE_DECIMAL) {
        return refuse(resource, name, "a scale, but no decimal");
    }

    if (field->scale < 0 || field->scale > MAX_SCALE) {
        return refuse(resource, name, "scale is not 0 to 12");
    }

    if (field->max != 0 && field->min > field->max) {
        return refuse(resource, name, "min is over max");
    }

    if (field->shape != NULL && !is_object(field)) {
        return refuse(resource, name, "a shape without an object");
    }

    if (field->type == EHR_TYPE_OBJECT_LIST
        && !(field->flags & EHR_READ_ONLY))
    {
        return refuse(resource, name, "a list of objects that can be set");
    }

    if (is_list(field) && field->max > MAX_LIST) {
        return refuse(resource, name, "a list longer than 1,000");
    }

    if ((size_t) field->read >= EHR_PERMISSIONS
        || (size_t) field->write >= EHR_PERMISSIONS)
    {
        return refuse(resource, name, "unknown permission");
    }

    return 0;
}


static int
check_reference(const ehr_resource_t *resource, const ehr_field_t *field)
{
    if (field->reference == NULL) {
        return 0;
    }

    if (field->type != EHR_TYPE_UUID && field->type != EHR_TYPE_UUID_LIST) {
        return refuse(resource, field->name,
            "refers to something, but is no id");
    }

    if (ehr_resource_find(field->reference) == NULL) {
        return refuse(resource, field->name, "refers to what does not exist");
    }

    return 0;
}


static int
check_flags(const ehr_resource_t *resource, const ehr_field_t *field)
{
    unsigned     flags, unseen;
    const char  *name;

    name = field->name;
    flags = field->flags;
    unseen = flags & (EHR_HIDDEN|EHR_WRITE_ONLY);

    if ((flags & EHR_READ_ONLY)
        && (flags & (EHR_REQUIRED|EHR_IMMUTABLE|EHR_WRITE_ONLY)))
    {
        return refuse(resource, name,
            "read-only, but required, immutable or write-only");
    }

    if ((flags & EHR_HIDDEN) && (flags & (EHR_REQUIRED|EHR_WRITE_ONLY))) {
        return refuse(resource, name, "hidden, but required or write-only");
    }

    if ((flags & EHR_SENSITIVE)
        && (is_list(field) || field->fallback != NULL
            || field->reference != NULL))
    {
        return refuse(resource, name,
            "sensitive, but a list, a reference or with a fallback");
    }

    if ((flags & EHR_INDEXED) && !(flags & EHR_SENSITIVE)) {
        return refuse(resource, name, "indexed, but not sensitive");
    }

    if ((flags & EHR_FILTER)
        && (is_object(field)
            || ((flags & EHR_SENSITIVE) && !(flags & EHR_INDEXED))))
    {
        return refuse(resource, name,
            "a filter over an object or over what is sensitive and not "
            "indexed");
    }

    if ((flags & (EHR_SORT|EHR_RANGE)) && (!is_orderable(field) || unseen))
    {
        return refuse(resource, name,
            "sort or range over what has no order or is not shown");
    }

    return 0;
}


/* Names and columns of the complete list are well-formed and unique. */
static int
check_names(const ehr_fields_t *fields)
{
    size_t              i, j;
    const ehr_field_t  *one, *other;

    for (i = 0; i < fields->n; i++) {
        one = fields->fields[i];

        if (!is_json_name(one->name) || !is_sql_name(one->column)) {
            return refuse(fields->resource,
                one->name == NULL ? "(no name)" : one->name,
                "name or column is not well-formed");
        }

        for (j = 0; j < i; j++) {
            other = fields->fields[j];

            if (strcmp(one->name, other->name) == 0
                || strcmp(one->column, other->column) == 0)
            {
                return refuse(fields->resource, one->name,
                    "name or column appears twice");
            }
        }
    }

    return 0;
}


static int
check_parent(const ehr_fields_t *fields)
{
    int                    i;
    const ehr_field_t     *field;
    const ehr_resource_t  *resource, *parent;

    resource = fields->resource;

    if (resource->parent == NULL) {
        return 0;
    }

    parent = ehr_resource_find(resource->parent);
    if (parent == NULL) {
        return ehr_check_complain(resource, "parent \"%s\" does not exist",
            resource->parent);
    }

    if (ehr_fields_of(parent) == NULL
        || ehr_fields_of(parent)->index >= fields->index)
    {
        return ehr_check_complain(resource, "stands before its parent \"%s\"",
            resource->parent);
    }

    i = resource->parent_field == NULL ? -1
        : ehr_field_index(fields, resource->parent_field,
                          strlen(resource->parent_field));
    if (i < 0) {
        return ehr_check_complain(resource, "parent field does not exist");
    }

    field = fields->fields[i];

    if (field->type != EHR_TYPE_UUID || !ehr_field_is_writable(field)
        || ehr_field_is_mutable(field))
    {
        return refuse(resource, field->name,
            "is the parent field, but not an id that is set once");
    }

    return 0;
}


static int
check_sort(const ehr_fields_t *fields)
{
    int          i;
    const char  *sort;

    sort = fields->resource->sort;

    if (sort == NULL) {
        return 0;
    }

    sort += sort[0] == '-';
    i = ehr_field_index(fields, sort, strlen(sort));

    if (i < 0 || !(fields->fields[i]->flags & EHR_SORT)) {
        return refuse(fields->resource, sort,
            "is the default sort, but not a field to sort by");
    }

    return 0;
}


/* Whether a list would understand a query parameter in two ways. */
static int
is_taken(const ehr_fields_t *fields, const char *parameter, int by_fields)
{
    int     field;
    size_t  i;

    for (i = 0; list_parameters[i] != NULL; i++) {
        if (strcmp(list_parameters[i], parameter) == 0) {
            return 1;
        }
    }

    field = by_fields ? ehr_field_index(fields, parameter, strlen(parameter))
                      : -1;

    return field >= 0 && (fields->fields[field]->flags & EHR_FILTER);
}


static int
check_conditions(const ehr_fields_t *fields)
{
    size_t                  i, k;
    const ehr_condition_t  *conditions;

    conditions = fields->resource->conditions;

    for (i = 0; conditions != NULL && conditions[i].where != NULL; i++) {

        if (i == EHR_MAX_CONDITIONS || !is_json_name(conditions[i].field.name)
            || is_taken(fields, conditions[i].field.name, 1)
            || strstr(conditions[i].where, "$q") == NULL)
        {
            return refuse(fields->resource, conditions[i].field.name,
                "one condition too many, or one without its parameter or "
                "whose name is taken");
        }

        for (k = 0; k < i; k++) {
            if (strcmp(conditions[k].field.name, conditions[i].field.name)
                == 0)
            {
                return refuse(fields->resource, conditions[i].field.name,
                    "there are two conditions of this name");
            }
        }

        if (check_type(fields->resource, &conditions[i].field) != 0
            || check_reference(fields->resource, &conditions[i].field) != 0)
        {
            return -1;
        }
    }

    return 0;
}


static int
check_lookups(const ehr_fields_t *fields)
{
    int                  field;
    const ehr_lookup_t  *lookup;

    lookup = fields->resource->lookups;

    for ( /* void */ ; lookup != NULL && lookup->field != NULL; lookup++) {
        field = ehr_field_index(fields, lookup->field, strlen(lookup->field));

        if (field < 0 || fields->fields[field]->type != EHR_TYPE_UUID
            || lookup->rows == NULL || strstr(lookup->rows, "$q") == NULL)
        {
            return refuse(fields->resource, lookup->field,
                "is no id to be looked up, or without its parameter");
        }
    }

    return 0;
}


static int
check_parameters(const ehr_fields_t *fields)
{
    size_t                i;
    const ehr_field_t    *field;
    const ehr_ranking_t  *ranking;

    for (i = 0; i < fields->n; i++) {
        field = fields->fields[i];

        if ((field->flags & EHR_FILTER) && is_taken(fields, field->name, 0)) {
            return refuse(fields->resource, field->name,
                "is a parameter of every list");
        }
    }

    if (check_conditions(fields) != 0 || check_lookups(fields) != 0) {
        return -1;
    }

    ranking = fields->resource->rankings;

    for ( /* void */ ; ranking != NULL && ranking->parameter; ranking++) {
        if (!is_json_name(ranking->parameter) || ranking->order == NULL
            || is_taken(fields, ranking->parameter, 1))
        {
            return refuse(fields->resource, ranking->parameter,
                "a ranking without order or whose name is taken");
        }

        if (ranking->field != NULL
            && (!is_json_name(ranking->field)
                || ehr_field_index(fields, ranking->field,
                                   strlen(ranking->field)) >= 0))
        {
            return refuse(fields->resource, ranking->field,
                "the ranking's field has a name that is taken");
        }
    }

    return 0;
}


int
ehr_check_resource(const ehr_fields_t *fields)
{
    size_t                 i;
    const ehr_field_t     *field;
    const ehr_resource_t  *resource;

    resource = fields->resource;

    if (resource->name == NULL || resource->schema == NULL
        || !is_sql_name(resource->table))
    {
        return ehr_check_complain(resource,
            "name, schema or table is missing");
    }

    if (ehr_resource_find(resource->name) != resource) {
        return ehr_check_complain(resource, "there are two of this name");
    }

    if (check_names(fields) != 0) {
        return -1;
    }

    for (i = 0; i < fields->n; i++) {
        field = fields->fields[i];

        if (check_type(resource, field) != 0
            || check_reference(resource, field) != 0
            || check_flags(resource, field) != 0)
        {
            return -1;
        }
    }

    if (check_parent(fields) != 0 || check_sort(fields) != 0) {
        return -1;
    }

    return check_parameters(fields);
}
