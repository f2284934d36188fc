/*
 * GET /openapi.json: OpenAPI 3.1 made of the route table and the descriptors,
 * once, before fork.  A route cannot be served without being in it.
 */

#include "../model/json_memory.h"
#include "../model/openapi.h"
#include "openapi_route.h"
#include "pages.h"


static ngx_str_t  ehr_openapi_document;


static json_t *ehr_openapi_root(void);
static int ehr_openapi_schemas(json_t *schemas);
static int ehr_openapi_plain_schema(json_t *schemas,
    const ehr_resource_t *resource, ehr_openapi_kind_t kind);
static int ehr_openapi_more(json_t *schema, const ehr_resource_t *input);


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
