/*
 * Schemas of resources: see openapi.h.
 */

#include <stdio.h>
#include <string.h>

#include "format.h"
#include "openapi_build.h"
#include "value.h"


/* -- values ---------------------------------------------------------------- */


static void
add_bounds(ehr_build_t *build, json_t *schema, const ehr_field_t *field)
{
    if (ehr_value_has_min(field)) {
        ehr_build_set_number(build, schema, "minimum", field->min);
    }

    if (ehr_value_has_max(field)) {
        ehr_build_set_number(build, schema, "maximum", field->max);
    }
}


static json_t *
text_schema(ehr_build_t *build, const ehr_field_t *field)
{
    json_t      *schema;
    const char  *pattern;

    schema = ehr_build_type(build, "string", ehr_format_name(field->format));
    pattern = ehr_format_pattern(field->format);

    if (pattern != NULL) {
        ehr_build_set_text(build, schema, "pattern", pattern);
    }

    if (ehr_value_min(field) > 0) {
        ehr_build_set_integer(build, schema, "minLength",
            (json_int_t) ehr_value_min(field));
    }

    ehr_build_set_integer(build, schema, "maxLength",
        (json_int_t) ehr_value_max(field));

    return schema;
}


static json_t *
integer_schema(ehr_build_t *build, const ehr_field_t *field)
{
    json_t  *schema;

    schema = ehr_build_type(build, "integer", "int64");
    add_bounds(build, schema, field);

    return schema;
}


/* "multipleOf" would be exact only in decimal arithmetic: the scale is an
 * extension. */
static json_t *
decimal_schema(ehr_build_t *build, const ehr_field_t *field)
{
    json_t  *schema;

    schema = ehr_build_type(build, "number", NULL);
    add_bounds(build, schema, field);
    ehr_build_set_integer(build, schema, "x-scale", field->scale);

    return schema;
}


json_t *
ehr_build_enum(ehr_build_t *build, const ehr_field_t *field)
{
    size_t   i;
    json_t  *schema, *values;

    schema = ehr_build_type(build, "string", NULL);
    values = ehr_build_array(build);

    for (i = 0; field->values[i] != NULL; i++) {
        ehr_build_append_text(build, values, field->values[i]);
    }

    ehr_build_set(build, schema, "enum", values);

    return schema;
}


static json_t *
list_schema(ehr_build_t *build, const ehr_field_t *field)
{
    json_t  *schema, *element;

    schema = ehr_build_type(build, "array", NULL);

    if (field->type == EHR_TYPE_UUID_LIST) {
        element = ehr_build_type(build, "string", "uuid");
        ehr_build_set(build, schema, "uniqueItems", json_true());

    } else if (field->values != NULL) {
        element = ehr_build_enum(build, field);

    } else {
        element = ehr_build_type(build, "string", NULL);
        ehr_build_set_integer(build, element, "maxLength", EHR_ELEMENT_MAX);
    }

    ehr_build_set(build, schema, "items", element);

    if (ehr_value_min(field) > 0) {
        ehr_build_set_integer(build, schema, "minItems",
            (json_int_t) ehr_value_min(field));
    }

    ehr_build_set_integer(build, schema, "maxItems",
        (json_int_t) ehr_value_max(field));

    return schema;
}


static json_t *
object_schema(ehr_build_t *build, const ehr_field_t *field)
{
    json_t        *schema;
    ehr_fields_t   fields;

    if (field->shape == NULL) {
        schema = ehr_build_type(build, "object", NULL);
        ehr_build_set(build, schema, "additionalProperties", json_true());

        return schema;
    }

    ehr_fields_plain(field->shape, &fields);

    schema = ehr_openapi_schema(&fields, (field->flags & EHR_READ_ONLY)
                                         ? EHR_OPENAPI_READ
                                         : EHR_OPENAPI_CREATE);
    build->failed |= schema == NULL;

    return schema;
}


static json_t *
objects_schema(ehr_build_t *build, const ehr_field_t *field)
{
    json_t  *schema;

    schema = ehr_build_type(build, "array", NULL);
    ehr_build_set(build, schema, "items", object_schema(build, field));

    return schema;
}


static json_t *
json_schema(ehr_build_t *build)
{
    json_t  *schema, *types;

    types = ehr_build_array(build);
    ehr_build_append_text(build, types, "string");
    ehr_build_append_text(build, types, "number");
    ehr_build_append_text(build, types, "boolean");
    ehr_build_append_text(build, types, "array");
    ehr_build_append_text(build, types, "object");

    schema = ehr_build_object(build);
    ehr_build_set(build, schema, "type", types);

    return schema;
}


json_t *
ehr_build_plain_value(ehr_build_t *build, const ehr_field_t *field)
{
    switch (field->type) {

    case EHR_TYPE_UUID:
        return ehr_build_type(build, "string", "uuid");

    case EHR_TYPE_INTEGER:
        return integer_schema(build, field);

    case EHR_TYPE_DECIMAL:
        return decimal_schema(build, field);

    case EHR_TYPE_BOOLEAN:
        return ehr_build_type(build, "boolean", NULL);

    case EHR_TYPE_DATE:
        return ehr_build_type(build, "string", "date");

    case EHR_TYPE_TIMESTAMP:
        return ehr_build_type(build, "string", "date-time");

    case EHR_TYPE_ENUM:
        return ehr_build_enum(build, field);

    case EHR_TYPE_TEXT_LIST:
    case EHR_TYPE_UUID_LIST:
        return list_schema(build, field);

    case EHR_TYPE_OBJECT:
        return object_schema(build, field);

    case EHR_TYPE_OBJECT_LIST:
        return objects_schema(build, field);

    case EHR_TYPE_JSON:
        return json_schema(build);

    default:
        return text_schema(build, field);
    }
}


static int
is_nullable(const ehr_field_t *field)
{
    return !(field->flags & (EHR_REQUIRED|EHR_NOT_NULL));
}


/* {"type":"string"} → {"type":["string","null"]}; an enum has null too. */
static void
allow_null(ehr_build_t *build, json_t *schema)
{
    json_t  *types, *values;

    types = ehr_build_array(build);
    ehr_build_append(build, types,
        json_incref(json_object_get(schema, "type")));
    ehr_build_append_text(build, types, "null");
    ehr_build_set(build, schema, "type", types);

    values = json_object_get(schema, "enum");

    if (values != NULL) {
        ehr_build_append(build, values, json_null());
    }
}


static json_t *
value_schema(ehr_build_t *build, const ehr_field_t *field)
{
    json_t  *schema;

    schema = ehr_build_plain_value(build, field);

    if (is_nullable(field)) {
        allow_null(build, schema);
    }

    if (field->about != NULL) {
        ehr_build_set_text(build, schema, "description", field->about);
    }

    if (field->unit != NULL) {
        ehr_build_set_text(build, schema, "x-unit", field->unit);
    }

    if (field->reference != NULL) {
        ehr_build_set_text(build, schema, "x-reference", field->reference);
    }

    if (field->flags & EHR_READ_ONLY) {
        ehr_build_set(build, schema, "readOnly", json_true());
    }

    if (field->flags & EHR_WRITE_ONLY) {
        ehr_build_set(build, schema, "writeOnly", json_true());
    }

    return schema;
}


json_t *
ehr_openapi_value(const ehr_field_t *field)
{
    ehr_build_t  build = { 0 };
    json_t      *schema;

    schema = value_schema(&build, field);

    return ehr_build_done(&build, schema);
}


/* -- schemas --------------------------------------------------------------- */


static int
is_shown(const ehr_field_t *field, ehr_openapi_kind_t kind)
{
    switch (kind) {

    case EHR_OPENAPI_CREATE:
        return ehr_field_is_writable(field);

    case EHR_OPENAPI_UPDATE:
        return ehr_field_is_mutable(field);

    default:
        return !(field->flags & (EHR_HIDDEN|EHR_WRITE_ONLY));
    }
}


static int
is_parent_field(const ehr_fields_t *fields, const ehr_field_t *field)
{
    const char  *name;

    name = fields->resource->parent_field;

    return name != NULL && strcmp(name, field->name) == 0;
}


/* What a list shows of its order: "distanceKm". */
static void
add_ranking_values(ehr_build_t *build, json_t *properties,
    const ehr_resource_t *resource)
{
    json_t               *schema;
    const ehr_ranking_t  *ranking;

    ranking = resource->rankings;

    for ( /* void */ ; ranking != NULL && ranking->parameter; ranking++) {
        if (ranking->field == NULL) {
            continue;
        }

        schema = ehr_build_type(build, "number", NULL);
        ehr_build_set(build, schema, "readOnly", json_true());
        ehr_build_set_text(build, schema, "description", "In lists ordered "
            "by it: the lower, the earlier.");
        ehr_build_set(build, properties, ranking->field, schema);
    }
}


json_t *
ehr_openapi_schema(const ehr_fields_t *fields, ehr_openapi_kind_t kind)
{
    size_t              i;
    json_t             *schema, *properties, *required;
    ehr_build_t         build = { 0 };
    const ehr_field_t  *field;

    schema = ehr_build_type(&build, "object", NULL);
    properties = ehr_build_object(&build);
    required = ehr_build_array(&build);

    for (i = 0; i < fields->n; i++) {
        field = fields->fields[i];

        if (!is_shown(field, kind)) {
            continue;
        }

        ehr_build_set(&build, properties, field->name,
            value_schema(&build, field));

        if (kind == EHR_OPENAPI_CREATE && (field->flags & EHR_REQUIRED)
            && !is_parent_field(fields, field))
        {
            ehr_build_append_text(&build, required, field->name);
        }
    }

    if (kind == EHR_OPENAPI_READ) {
        add_ranking_values(&build, properties, fields->resource);

    } else {
        ehr_build_set(&build, schema, "additionalProperties", json_false());
    }

    if (fields->resource->about != NULL) {
        ehr_build_set_text(&build, schema, "description",
            fields->resource->about);
    }

    ehr_build_set(&build, schema, "properties", properties);

    if (json_array_size(required) > 0) {
        ehr_build_set(&build, schema, "required", required);

    } else {
        json_decref(required);
    }

    return ehr_build_done(&build, schema);
}


void
ehr_openapi_schema_name(const ehr_fields_t *fields, ehr_openapi_kind_t kind,
    char *out, size_t size)
{
    static const char *const  suffixes[] = {
        [EHR_OPENAPI_READ] = "",
        [EHR_OPENAPI_CREATE] = "Create",
        [EHR_OPENAPI_UPDATE] = "Update"
    };

    (void) snprintf(out, size, "%s%s", fields->resource->schema,
        suffixes[kind]);
}
