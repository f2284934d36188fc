/*
 * Query parameters of lists: see openapi.h.
 */

#include <stdio.h>
#include <string.h>

#include "format.h"
#include "openapi_build.h"


#define NAME_SIZE  80

typedef struct {
    ehr_build_t             build;
    json_t                 *parameters;
} list_t;


/* The schema is stolen. */
static json_t *
make(list_t *list, const char *name, json_t *schema, const char *about)
{
    json_t  *parameter;

    parameter = ehr_build_object(&list->build);
    ehr_build_set_text(&list->build, parameter, "name", name);
    ehr_build_set_text(&list->build, parameter, "in", "query");
    ehr_build_set_text(&list->build, parameter, "description", about);
    ehr_build_set(&list->build, parameter, "schema", schema);

    return parameter;
}


static void
add(list_t *list, const char *name, json_t *schema, const char *about)
{
    ehr_build_append(&list->build, list->parameters,
        make(list, name, schema, about));
}


static json_t *
plain(list_t *list, const char *type, const char *format)
{
    return ehr_build_type(&list->build, type, format);
}


static void
add_limit(list_t *list, int usual, int most)
{
    json_t  *schema;

    schema = plain(list, "integer", NULL);
    ehr_build_set_integer(&list->build, schema, "minimum", 1);
    ehr_build_set_integer(&list->build, schema, "maximum", most);
    ehr_build_set_integer(&list->build, schema, "default", usual);

    add(list, "limit", schema, "How many items at most.");
}


static void
add_sort(list_t *list, const ehr_fields_t *fields)
{
    char                name[NAME_SIZE];
    size_t              i;
    json_t             *schema, *values;
    const ehr_field_t  *field;

    schema = plain(list, "string", NULL);
    values = ehr_build_array(&list->build);

    for (i = 0; i < fields->n; i++) {
        field = fields->fields[i];

        if (field->flags & EHR_SORT) {
            (void) snprintf(name, sizeof(name), "-%s", field->name);
            ehr_build_append_text(&list->build, values, field->name);
            ehr_build_append_text(&list->build, values, name);
        }
    }

    ehr_build_set(&list->build, schema, "enum", values);
    ehr_build_set_text(&list->build, schema, "default",
        fields->resource->sort == NULL ? "id" : fields->resource->sort);

    add(list, "sort", schema, "The order; with - from high to low.");
}


static void
add_common(list_t *list, const ehr_fields_t *fields)
{
    const char  *since, *until;

    if (fields->resource->flags & EHR_NO_VERSION) {
        since = "Only what was made at this time or later.";
        until = "Only what was made before this time.";

    } else {
        since = "Only what was changed at this time or later.";
        until = "Only what was changed before this time.";
    }

    add(list, "cursor", plain(list, "string", NULL),
        "Continues a list: meta.nextCursor of the page before.");
    add_sort(list, fields);
    add(list, "fields", plain(list, "string", NULL),
        "Only these fields, comma-separated.");
    add(list, "total", plain(list, "boolean", NULL),
        "Whether to count all items that match, as meta.total.");
    add(list, "since", plain(list, "string", "date-time"), since);
    add(list, "until", plain(list, "string", "date-time"), until);

    if (!(fields->resource->flags & EHR_NO_DELETE)) {
        add(list, "deleted", plain(list, "boolean", NULL),
            "Whether to show the deleted items instead.");
    }
}


/* A value to compare with may lie outside of what the field itself takes. */
static json_t *
bound_schema(list_t *list, const ehr_field_t *field)
{
    json_t  *schema;

    schema = ehr_build_plain_value(&list->build, field);
    (void) json_object_del(schema, "minimum");
    (void) json_object_del(schema, "maximum");

    return schema;
}


/* What one filter takes: an element where the field is a list. */
static json_t *
filter_schema(list_t *list, const ehr_field_t *field)
{
    switch (field->type) {

    case EHR_TYPE_UUID_LIST:
        return plain(list, "string", "uuid");

    case EHR_TYPE_TEXT_LIST:
        return field->values ? ehr_build_enum(&list->build, field)
                             : plain(list, "string", NULL);

    default:
        return bound_schema(list, field);
    }
}


static void
add_range(list_t *list, const ehr_field_t *field)
{
    char  name[NAME_SIZE], about[NAME_SIZE + 32];

    (void) snprintf(name, sizeof(name), "%sFrom", field->name);
    (void) snprintf(about, sizeof(about), "Only where %s is this or more.",
        field->name);
    add(list, name, bound_schema(list, field), about);

    (void) snprintf(name, sizeof(name), "%sTo", field->name);
    (void) snprintf(about, sizeof(about), "Only where %s is less than this.",
        field->name);
    add(list, name, bound_schema(list, field), about);
}


static void
add_filters(list_t *list, const ehr_fields_t *fields)
{
    char                about[NAME_SIZE + 32];
    size_t              i;
    const ehr_field_t  *field;

    for (i = 0; i < fields->n; i++) {
        field = fields->fields[i];

        if (field->flags & EHR_FILTER) {
            (void) snprintf(about, sizeof(about), "Only where %s %s this.",
                field->name,
                field->type == EHR_TYPE_TEXT_LIST
                || field->type == EHR_TYPE_UUID_LIST ? "has" : "is");
            add(list, field->name, filter_schema(list, field), about);
        }

        if (field->flags & EHR_RANGE) {
            add_range(list, field);
        }
    }
}


/* Several values in one parameter: a,b,c. */
static void
add_several(list_t *list, const ehr_field_t *field)
{
    json_t  *schema, *parameter;

    schema = plain(list, "array", NULL);
    ehr_build_set(&list->build, schema, "items", bound_schema(list, field));

    parameter = make(list, field->name, schema, field->about);
    ehr_build_set(&list->build, parameter, "explode", json_false());
    ehr_build_append(&list->build, list->parameters, parameter);
}


static void
add_conditions(list_t *list, const ehr_resource_t *resource)
{
    const ehr_field_t      *field;
    const ehr_condition_t  *condition;

    condition = resource->conditions;

    for ( /* void */ ; condition != NULL && condition->where; condition++) {
        field = &condition->field;

        if (condition->is_list) {
            add_several(list, field);

        } else {
            add(list, field->name, bound_schema(list, field), field->about);
        }
    }
}


static void
add_rankings(list_t *list, const ehr_resource_t *resource)
{
    json_t               *schema;
    const char           *pattern;
    const ehr_ranking_t  *ranking;

    ranking = resource->rankings;

    for ( /* void */ ; ranking != NULL && ranking->parameter; ranking++) {
        schema = plain(list, "string", NULL);

        pattern = ranking->is_position
                  ? "^-?[0-9]+([.][0-9]+)?,-?[0-9]+([.][0-9]+)?$"
                  : ehr_format_pattern(ranking->format);

        if (pattern != NULL) {
            ehr_build_set_text(&list->build, schema, "pattern", pattern);
        }

        add(list, ranking->parameter, schema,
            ranking->about == NULL ? "The best first." : ranking->about);
    }
}


json_t *
ehr_openapi_list_parameters(const ehr_fields_t *fields, int usual, int most)
{
    list_t  list = { { 0 }, NULL };

    list.parameters = ehr_build_array(&list.build);

    add_limit(&list, usual, most);
    add_common(&list, fields);
    add_filters(&list, fields);
    add_conditions(&list, fields->resource);
    add_rankings(&list, fields->resource);

    return ehr_build_done(&list.build, list.parameters);
}
