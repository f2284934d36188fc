/*
 * GET /openapi.json: OpenAPI 3.1 made of the route table and the descriptors,
 * once, before fork.  A route cannot be served without being in it.
 */

#include "../model/json_memory.h"
#include "../model/openapi.h"
#include "pages.h"


static ngx_str_t  ehr_openapi_document;


static const char *ehr_method_name(ngx_uint_t method);
static json_t *ehr_openapi_root(void);
static int ehr_openapi_schemas(json_t *schemas);
static int ehr_openapi_plain_schema(json_t *schemas,
    const ehr_resource_t *resource, ehr_openapi_kind_t kind);
static int ehr_openapi_more(json_t *schema, const ehr_resource_t *input);
static int ehr_openapi_route(json_t *paths, const ehr_route_t *route);
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
static int ehr_takes_more(const ehr_route_t *route);
static int ehr_has_action_body(const ehr_route_t *route);
static int ehr_openapi_query(json_t *list, const ehr_resource_t *input);
static json_t *ehr_ref(const char *kind, const char *name);


/* Paths are below this; the pages of EHR_ROUTE_ROOT are not. */
#define EHR_OPENAPI_BASE  "/api/v1"


ngx_int_t
ehr_page_openapi(ehr_request_t *req)
{
    ehr_out_t  out;

    ehr_out_init(&out, req->pool);
    ehr_out_raw(&out, ehr_openapi_document.data, ehr_openapi_document.len);
    ehr_reply_plain(req, NGX_HTTP_OK, "application/json", &out);

    return NGX_OK;
}


const char *
ehr_openapi_init(ngx_cycle_t *cycle)
{
    char               *text;
    json_t             *root, *paths;
    const ehr_route_t  *route;

    root = ehr_openapi_root();
    if (root == NULL) {
        return "out of memory";
    }

    paths = json_object_get(root, "paths");

    for (route = ehr_routes; route->path; route++) {
        if (ehr_openapi_route(paths, route) != 0) {
            json_decref(root);
            return "out of memory";
        }
    }

    text = ehr_json_dump(root, JSON_COMPACT);

    if (text == NULL) {
        return "out of memory";
    }

    ehr_openapi_document.len = ngx_strlen(text);
    ehr_openapi_document.data = ngx_pnalloc(cycle->pool,
                                            ehr_openapi_document.len);
    if (ehr_openapi_document.data) {
        ngx_memcpy(ehr_openapi_document.data, text,
                   ehr_openapi_document.len);
    }

    free(text);

    return ehr_openapi_document.data ? NULL : "out of memory";
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


static json_t *
ehr_openapi_root(void)
{
    int      rc;
    json_t  *root, *schemas, *error;

    error = json_pack("{s:s, s:[s,s,s,s,s], s:{s:{s:s}, s:{s:s}, "
                      "s:{s:s, s:{s:s}}, s:{s:s, s:s}, s:{s:s, s:s}, "
                      "s:{s:s}}}",
                      "type", "object",
                      "required", "statusCode", "message", "errors",
                      "timestamp", "path",
                      "properties",
                      "statusCode", "type", "integer",
                      "message", "type", "string",
                      "errors", "type", "object", "additionalProperties",
                      "type", "string",
                      "data", "type", "object", "description",
                      "Of some conflicts: what stands in the way, or could "
                      "be had instead.",
                      "timestamp", "type", "string", "format", "date-time",
                      "path", "type", "string");

    root = json_pack("{s:s, s:{s:s, s:s, s:s}, s:[{s:s}], "
                     "s:{}, s:{s:{s:o}, s:{s:{s:s, s:s, s:s}}, "
                     "s:{s:{s:s, s:{s:{s:{s:s}}}}}}}",
                     "openapi", "3.1.0",
                     "info",
                     "title", "nginx-ehr",
                     "version", "1",
                     "description", "Electronic health records inside nginx.",
                     "servers", "url", EHR_OPENAPI_BASE,
                     "paths",
                     "components",
                     "schemas", "Error", error,
                     "securitySchemes", "bearer", "type", "http", "scheme",
                     "bearer", "bearerFormat", "JWT",
                     "responses", "Error", "description",
                     "Refused; message and errors say why.", "content",
                     "application/json", "schema", "$ref",
                     "#/components/schemas/Error");
    if (root == NULL) {
        return NULL;
    }

    schemas = json_object_get(json_object_get(root, "components"),
                              "schemas");

    rc = ehr_openapi_schemas(schemas);

    if (rc != 0) {
        json_decref(root);
        return NULL;
    }

    return root;
}


/* Those that some route speaks of. */

static int
ehr_openapi_schemas(json_t *schemas)
{
    int                  rc = 0;
    char                 name[96];
    const ehr_route_t   *route;
    const ehr_fields_t  *fields;
    ehr_openapi_kind_t   kind;

    for (route = ehr_routes; route->path; route++) {

        if (ehr_has_action_body(route)) {
            rc |= ehr_openapi_plain_schema(schemas, route->input,
                                           EHR_OPENAPI_CREATE);
        }

        if (route->output) {
            rc |= ehr_openapi_plain_schema(schemas, route->output,
                                           EHR_OPENAPI_READ);
        }

        if (route->resource == NULL) {
            continue;
        }

        fields = ehr_fields_of(route->resource);
        kind = (route->flags & EHR_ROUTE_ACTION) ? EHR_OPENAPI_READ
               : (route->method == NGX_HTTP_POST
                  && (route->flags & EHR_ROUTE_CREATES)) ? EHR_OPENAPI_CREATE
               : (route->method & (NGX_HTTP_PUT|NGX_HTTP_PATCH))
               ? EHR_OPENAPI_UPDATE : EHR_OPENAPI_READ;

        ehr_openapi_schema_name(fields, kind, name, sizeof(name));

        if (json_object_get(schemas, name) == NULL) {
            rc |= json_object_set_new(schemas, name,
                                      ehr_openapi_schema(fields, kind));
        }

        if (ehr_takes_more(route)) {
            rc |= ehr_openapi_more(json_object_get(schemas, name),
                                   route->input);
        }

        ehr_openapi_schema_name(fields, EHR_OPENAPI_READ, name,
                                sizeof(name));

        if (json_object_get(schemas, name) == NULL) {
            rc |= json_object_set_new(schemas, name,
                                      ehr_openapi_schema(fields,
                                                         EHR_OPENAPI_READ));
        }
    }

    return rc;
}


static int
ehr_openapi_plain_schema(json_t *schemas, const ehr_resource_t *resource,
    ehr_openapi_kind_t kind)
{
    ehr_fields_t  fields;

    if (json_object_get(schemas, resource->schema)) {
        return 0;
    }

    ehr_fields_plain(resource, &fields);

    return json_object_set_new(schemas, resource->schema,
                               ehr_openapi_schema(&fields, kind));
}


/* Adds the fields of an action to the schema of a new row. */

static int
ehr_openapi_more(json_t *schema, const ehr_resource_t *input)
{
    int           rc;
    json_t       *more;
    ehr_fields_t  fields;

    ehr_fields_plain(input, &fields);

    more = ehr_openapi_schema(&fields, EHR_OPENAPI_CREATE);
    if (more == NULL) {
        return -1;
    }

    rc = json_object_update(json_object_get(schema, "properties"),
                            json_object_get(more, "properties"));

    if (json_array_size(json_object_get(more, "required"))) {
        rc |= json_array_extend(json_object_get(schema, "required"),
                                json_object_get(more, "required"));
    }

    json_decref(more);

    return rc;
}


static int
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


/* Whether the body is a row, new or changed, and some fields beside. */

static int
ehr_takes_more(const ehr_route_t *route)
{
    return route->input && route->resource && route->output == NULL
           && !(route->flags & EHR_ROUTE_ACTION)
           && (route->method & (NGX_HTTP_PUT|NGX_HTTP_PATCH)
               || route->flags & EHR_ROUTE_CREATES);
}


/* Whether the body is an action's own. */

static int
ehr_has_action_body(const ehr_route_t *route)
{
    return route->input && route->method != NGX_HTTP_GET
           && !ehr_takes_more(route);
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
        rc |= json_array_append_new(list,
            json_pack("{s:s, s:s, s:s, s:{s:s}}",
                      "name", "force", "in", "query", "description",
                      "Goes on although appointments lose their hours: they "
                      "stay, need attention, and their patients are told.",
                      "schema", "type", "boolean"));
    }

    if (route->flags & EHR_ROUTE_CREATES) {
        rc |= json_array_append_new(list,
            json_pack("{s:s, s:s, s:s, s:{s:s, s:i, s:i}}",
                      "name", "Idempotency-Key", "in", "header",
                      "description", "Repeats are answered as the first "
                      "time.", "schema", "type", "string", "minLength", 1,
                      "maxLength", 128));
    }

    if (route->method & (NGX_HTTP_PUT|NGX_HTTP_PATCH|NGX_HTTP_DELETE)) {
        rc |= json_array_append_new(list,
            json_pack("{s:s, s:s, s:s, s:{s:s}}",
                      "name", "If-Match", "in", "header", "description",
                      "The ETag that was read; 412 if it is another now.",
                      "schema", "type", "string"));
    }

    if (route->method == NGX_HTTP_GET && ehr_has_row(route)
        && !ehr_is_list(route))
    {
        rc |= json_array_append_new(list,
            json_pack("{s:s, s:s, s:s, s:{s:s}}",
                      "name", "fields", "in", "query", "description",
                      "Names of the fields to show, comma-separated.",
                      "schema", "type", "string"));
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

        rc |= json_array_append_new(list,
            json_pack("{s:s, s:s, s:s, s:o}", "name", field->name,
                      "in", "query", "description", field->about,
                      "schema", ehr_openapi_value(field)));
    }

    return rc;
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
