/*
 * A route as an operation of OpenAPI: see openapi_route.h.
 */

#include "../model/openapi.h"
#include "openapi_route.h"


static const char *ehr_method_name(ngx_uint_t method);
static json_t *ehr_openapi_operation(const ehr_route_t *route);
static json_t *ehr_openapi_parameters(const ehr_route_t *route);
static int ehr_openapi_path_parameters(json_t *list,
    const ehr_route_t *route);
static json_t *ehr_openapi_body(const ehr_route_t *route);
static json_t *ehr_openapi_responses(const ehr_route_t *route);
static json_t *ehr_openapi_success(const ehr_route_t *route);
static void ehr_openapi_id(const ehr_route_t *route, char *out, size_t size);
static int ehr_is_list(const ehr_route_t *route);
static int ehr_has_row(const ehr_route_t *route);
static int ehr_openapi_query(json_t *list, const ehr_resource_t *input);
static int ehr_openapi_add(json_t *list, const char *name, const char *in,
    const char *about, json_t *schema);
static json_t *ehr_ref(const char *kind, const char *name);


int
ehr_openapi_route(json_t *paths, const ehr_route_t *route)
{
    json_t  *item;

    item = json_object_get(paths, route->path);

    if (item == NULL) {
        item = (route->flags & EHR_ROUTE_ROOT)
               ? json_pack("{s:[{s:s}]}", "servers", "url", "/")
               : json_object();

        if (json_object_set_new(paths, route->path, item) != 0) {
            return -1;
        }
    }

    return json_object_set_new(item, ehr_method_name(route->method),
                               ehr_openapi_operation(route));
}


static const char *
ehr_method_name(ngx_uint_t method)
{
    switch (method) {
    case NGX_HTTP_GET:   return "get";
    case NGX_HTTP_POST:  return "post";
    case NGX_HTTP_PUT:   return "put";
    case NGX_HTTP_PATCH: return "patch";
    default:             return "delete";
    }
}


static json_t *
ehr_ref(const char *kind, const char *name)
{
    char  ref[128];

    ngx_snprintf((u_char *) ref, sizeof(ref), "#/components/%s/%s%Z", kind,
                 name);

    return json_pack("{s:s}", "$ref", ref);
}


static int
ehr_is_list(const ehr_route_t *route)
{
    return (route->flags & EHR_ROUTE_LIST) != 0;
}


/* Whether the answer is a row of the resource. */

static int
ehr_has_row(const ehr_route_t *route)
{
    return route->resource && route->output == NULL
           && (route->method != NGX_HTTP_DELETE
               || route->flags & EHR_ROUTE_ACTION);
}


int
ehr_takes_more(const ehr_route_t *route)
{
    return route->input && route->resource && route->output == NULL
           && !(route->flags & EHR_ROUTE_ACTION)
           && (route->method & (NGX_HTTP_PUT|NGX_HTTP_PATCH)
               || route->flags & EHR_ROUTE_CREATES);
}


int
ehr_has_action_body(const ehr_route_t *route)
{
    return route->input && route->method != NGX_HTTP_GET
           && !ehr_takes_more(route);
}


/* "get /patients/{id}" → "getPatientsById" */

static void
ehr_openapi_id(const ehr_route_t *route, char *out, size_t size)
{
    int          upper = 0;
    char        *last = out + size - 4;
    const char  *p;

    out = (char *) ngx_cpymem(out, ehr_method_name(route->method),
                              ngx_strlen(ehr_method_name(route->method)));

    for (p = route->path; *p && out < last; p++) {

        if (*p == '{') {
            *out++ = 'B';
            *out++ = 'y';
        }

        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')) {
            *out++ = upper ? ngx_toupper(*p) : *p;
            upper = 0;
            continue;
        }

        upper = 1;
    }

    *out = '\0';
}


static json_t *
ehr_openapi_operation(const ehr_route_t *route)
{
    char         id[160];
    json_t      *operation, *body, *security;
    const char  *tag;

    ehr_openapi_id(route, id, sizeof(id));

    tag = route->resource ? route->resource->name
          : (route->flags & EHR_ROUTE_ROOT) ? "operations" : "account";

    security = (route->flags & EHR_ROUTE_PUBLIC)
               ? json_array() : json_pack("[{s:[]}]", "bearer");

    operation = json_pack("{s:s, s:s, s:[s], s:o, s:o, s:o}",
                          "operationId", id,
                          "summary", route->about,
                          "tags", tag,
                          "security", security,
                          "parameters", ehr_openapi_parameters(route),
                          "responses", ehr_openapi_responses(route));
    if (operation == NULL) {
        return NULL;
    }

    if (route->permission) {
        (void) json_object_set_new(operation, "x-permission",
            json_string(ehr_permission_name(route->permission)));
    }

    body = ehr_openapi_body(route);

    if (body) {
        (void) json_object_set_new(operation, "requestBody", body);
    }

    return operation;
}


static json_t *
ehr_openapi_parameters(const ehr_route_t *route)
{
    int      rc;
    json_t  *list;

    list = (ehr_is_list(route) && route->output == NULL)
           ? ehr_openapi_list_parameters(ehr_fields_of(route->resource), 20,
                                         100)
           : json_array();

    if (list == NULL) {
        return NULL;
    }

    rc = ehr_openapi_path_parameters(list, route);

    if (route->input && route->method & (NGX_HTTP_GET|NGX_HTTP_DELETE)) {
        rc |= ehr_openapi_query(list, route->input);
    }

    if (route->flags & EHR_ROUTE_FORCE) {
        rc |= ehr_openapi_add(list, "force", "query",
                              "Goes on although appointments lose their "
                              "hours: they stay, need attention, and their "
                              "patients are told.",
                              json_pack("{s:s}", "type", "boolean"));
    }

    if (route->flags & EHR_ROUTE_CREATES) {
        rc |= ehr_openapi_add(list, "Idempotency-Key", "header",
                              "Repeats are answered as the first time.",
                              json_pack("{s:s, s:i, s:i}", "type", "string",
                                        "minLength", 1, "maxLength", 128));
    }

    if (route->method & (NGX_HTTP_PUT|NGX_HTTP_PATCH|NGX_HTTP_DELETE)) {
        rc |= ehr_openapi_add(list, "If-Match", "header",
                              "The ETag that was read; 412 if it is another "
                              "now.", json_pack("{s:s}", "type", "string"));
    }

    if (route->method == NGX_HTTP_GET && ehr_has_row(route)
        && !ehr_is_list(route))
    {
        rc |= ehr_openapi_add(list, "fields", "query",
                              "Names of the fields to show, "
                              "comma-separated.",
                              json_pack("{s:s}", "type", "string"));
    }

    if (rc != 0) {
        json_decref(list);
        return NULL;
    }

    return list;
}


static int
ehr_openapi_path_parameters(json_t *list, const ehr_route_t *route)
{
    int          rc = 0;
    json_t      *schema;
    const char  *p, *end;

    for (p = strchr(route->path, '{'); p; p = strchr(end, '{')) {
        end = strchr(p, '}');

        schema = ((route->flags & EHR_ROUTE_SECRET) && !strchr(end, '{'))
                 ? json_pack("{s:s, s:s}", "type", "string",
                             "pattern", "^[A-Za-z0-9_-]{43}$")
                 : json_pack("{s:s, s:s}", "type", "string",
                             "format", "uuid");

        rc |= json_array_append_new(list,
            json_pack("{s:o, s:s, s:b, s:o}",
                      "name", json_stringn(p + 1, end - p - 1),
                      "in", "path", "required", 1, "schema", schema));
    }

    return rc;
}


/* The parameters of a route that has a query of its own. */

static int
ehr_openapi_query(json_t *list, const ehr_resource_t *input)
{
    int                 rc = 0;
    size_t              i;
    const ehr_field_t  *field;

    for (i = 0; i < input->nfields; i++) {
        field = &input->fields[i];

        rc |= ehr_openapi_add(list, field->name, "query", field->about,
                              ehr_openapi_value(field));
    }

    return rc;
}


/* A parameter; the schema is its own from now on. */

static int
ehr_openapi_add(json_t *list, const char *name, const char *in,
    const char *about, json_t *schema)
{
    return json_array_append_new(list,
        json_pack("{s:s, s:s, s:s, s:o}", "name", name, "in", in,
                  "description", about, "schema", schema));
}


static json_t *
ehr_openapi_body(const ehr_route_t *route)
{
    char                 name[96];
    ehr_openapi_kind_t   kind;

    if (ehr_has_action_body(route)) {
        ngx_cpystrn((u_char *) name, (u_char *) route->input->schema,
                    sizeof(name));

    } else if ((route->method & (NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH))
               && route->resource && !(route->flags & EHR_ROUTE_NO_BODY))
    {
        kind = (route->method == NGX_HTTP_POST) ? EHR_OPENAPI_CREATE
                                                : EHR_OPENAPI_UPDATE;
        ehr_openapi_schema_name(ehr_fields_of(route->resource), kind, name,
                                sizeof(name));

    } else {
        return NULL;
    }

    return json_pack("{s:b, s:{s:{s:o}}}",
                     "required", !(route->flags & EHR_ROUTE_NO_BODY),
                     "content", "application/json", "schema",
                     ehr_ref("schemas", name));
}


/* The envelope around what the route answers. */

static json_t *
ehr_openapi_success(const ehr_route_t *route)
{
    char     name[96];
    json_t  *data, *envelope;

    if ((route->flags & EHR_ROUTE_PLAIN) && route->output == NULL) {
        return json_pack("{s:s}", "description", route->about);
    }

    if (route->output) {
        data = ehr_ref("schemas", route->output->schema);

    } else if (ehr_has_row(route)) {
        ehr_openapi_schema_name(ehr_fields_of(route->resource),
                                EHR_OPENAPI_READ, name, sizeof(name));
        data = ehr_ref("schemas", name);

    } else {
        data = json_pack("{s:s}", "type", "null");
    }

    if (ehr_is_list(route)) {
        data = json_pack("{s:s, s:o}", "type", "array", "items", data);
    }

    envelope = json_pack("{s:s, s:[s,s,s,s,s], s:{s:{s:s}, s:o, s:{s:s}, "
                         "s:{s:s, s:s}, s:{s:s}}}",
                         "type", "object",
                         "required", "statusCode", "data", "message",
                         "timestamp", "path",
                         "properties",
                         "statusCode", "type", "integer",
                         "data", data,
                         "message", "type", "string",
                         "timestamp", "type", "string", "format",
                         "date-time",
                         "path", "type", "string");

    if (envelope && ehr_is_list(route)) {
        (void) json_object_set_new(
            json_object_get(envelope, "properties"), "meta",
            json_pack("{s:s, s:{s:{s:s}, s:{s:[s,s]}, s:{s:s}}}",
                      "type", "object", "properties",
                      "limit", "type", "integer",
                      "nextCursor", "type", "string", "null",
                      "total", "type", "integer"));
    }

    return json_pack("{s:s, s:{s:{s:o}}}", "description", route->about,
                     "content", "application/json", "schema", envelope);
}


static json_t *
ehr_openapi_responses(const ehr_route_t *route)
{
    json_t  *responses;

    responses = json_pack("{s:o, s:o}",
                          (route->flags & EHR_ROUTE_CREATES) ? "201" : "200",
                          ehr_openapi_success(route),
                          "4XX", ehr_ref("responses", "Error"));
    if (responses) {
        (void) json_object_set_new(responses, "503",
                                   ehr_ref("responses", "Error"));
    }

    return responses;
}
