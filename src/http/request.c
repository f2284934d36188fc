/*
 * A request's way from nginx's content phase to its capability's handler.
 */

#include "../access/encoding.h"
#include "http.h"
#include "body.h"
#include "pages.h"


static void ehr_request_cleanup(void *data);
static void ehr_request_identify(ehr_request_t *req);
static ngx_int_t ehr_request_route(ehr_request_t *req);
static int ehr_request_has_body(ehr_request_t *req);
static void ehr_request_path(ehr_request_t *req, ngx_str_t *path);
static ngx_int_t ehr_request_params(ehr_request_t *req, ehr_match_t *match);
static ngx_int_t ehr_request_id(ehr_request_t *req, ngx_str_t *value,
    ngx_str_t *param);
static ngx_int_t ehr_request_secret(ehr_request_t *req, ngx_str_t *value,
    ngx_str_t *param);
static ngx_int_t ehr_request_key(ehr_request_t *req);
static ngx_int_t ehr_request_prepare(ehr_request_t *req);
static void *ehr_arena_alloc(void *pool, size_t size);


static void *
ehr_arena_alloc(void *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


/* Content handler.  The reply may come at once or later: always NGX_DONE. */

ngx_int_t
ehr_http_api_handler(ngx_http_request_t *r)
{
    ngx_int_t       rc;
    ehr_request_t  *req;

    req = ehr_request_create(r);
    if (req == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;

    rc = ehr_request_prepare(req);

    if (rc == NGX_DONE) {
        return NGX_DONE;
    }

    if (rc == NGX_ERROR) {
        r->main->count--;
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ehr_request_has_body(req)) {

        /* it counts its own reference */
        r->main->count--;
        rc = ngx_http_read_client_request_body(r, ehr_body_ready);

        return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        r->main->count--;
        return rc;
    }

    r->read_event_handler = ngx_http_test_reading;
    ehr_request_run(req);

    return NGX_DONE;
}


/* Whether there may be one that is of interest. */

static int
ehr_request_has_body(ehr_request_t *req)
{
    if (req->http->method & (NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH)) {
        return 1;
    }

    return req->http->method == NGX_HTTP_DELETE && req->route->input;
}


void
ehr_request_run(ehr_request_t *req)
{
    if (req->route->handler(req) == NGX_ERROR) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                        EHR_MESSAGE_INTERNAL_ERROR);
    }
}


ehr_request_t *
ehr_http_request_of(ngx_http_request_t *r)
{
    return ngx_http_get_module_ctx(r, ngx_http_ehr_module);
}


ehr_request_t *
ehr_request_create(ngx_http_request_t *r)
{
    ehr_request_t       *req;
    ngx_table_elt_t     *language;
    ngx_pool_cleanup_t  *cleanup;

    req = ngx_pcalloc(r->pool, sizeof(ehr_request_t));
    if (req == NULL) {
        return NULL;
    }

    /* an error page comes after the request that failed */

    for (cleanup = r->pool->cleanup; cleanup; cleanup = cleanup->next) {
        if (cleanup->handler == ehr_request_cleanup) {
            req->uncounted = 1;
        }
    }

    cleanup = ngx_pool_cleanup_add(r->pool, 0);
    if (cleanup == NULL) {
        return NULL;
    }

    req->http = r;
    req->pool = r->pool;
    req->arena.alloc = ehr_arena_alloc;
    req->arena.context = r->pool;
    req->conf = ngx_http_get_module_main_conf(r, ngx_http_ehr_module);
    req->route_index = EHR_METRIC_ROUTES - 1;
    req->started = ehr_monotonic_us();

    cleanup->handler = ehr_request_cleanup;
    cleanup->data = req;

    ngx_http_set_ctx(r, req, ngx_http_ehr_module);

    language = ehr_header(r, "accept-language",
                          sizeof("accept-language") - 1);
    if (language) {
        req->language = ehr_language_of((char *) language->value.data,
                                        language->value.len);
    }

    ehr_request_identify(req);

    return req;
}


/*
 * The connection is gone or the request is over: what is under way must not
 * come back to it.  Also counts the request.
 */

static void
ehr_request_cleanup(void *data)
{
    ehr_request_t  *req = data;

    if (req->batch) {
        ehr_batch_abandon(req->batch);
    }

    if (req->job) {
        ehr_password_cancel(req->job);
    }

    if (req->waiting) {
        ehr_audit_forget(req);
    }

    if (req->json) {
        json_decref(req->json);
    }

    if (req->uncounted) {
        return;
    }

    ehr_metrics_request(ehr_worker.shared, req->route_index,
                        req->http->headers_out.status,
                        ehr_monotonic_us() - req->started);
}


/* The client's X-Request-Id if it is harmless, else one of our own. */

static void
ehr_request_identify(ehr_request_t *req)
{
    u_char           *p;
    size_t            i;
    ehr_uuid_t        uuid;
    ngx_table_elt_t  *given;

    given = ehr_header(req->http, "x-request-id", sizeof("x-request-id") - 1);

    if (given && given->value.len >= 8 && given->value.len <= 64) {

        for (i = 0; i < given->value.len; i++) {
            p = &given->value.data[i];

            if (!((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z')
                  || (*p >= 'a' && *p <= 'z') || *p == '-' || *p == '_'))
            {
                break;
            }
        }

        if (i == given->value.len) {
            req->id = given->value;
            return;
        }
    }

    p = ngx_pnalloc(req->pool, EHR_UUID_TEXT);

    if (p == NULL || ehr_uuid_new(&uuid) != NGX_OK) {
        ngx_str_set(&req->id, "none");
        return;
    }

    req->id.data = p;
    req->id.len = ehr_uuid_print(p, &uuid) - p;
}


/* Everything before the body. NGX_OK: go on; NGX_DONE: answered. */

static ngx_int_t
ehr_request_prepare(ehr_request_t *req)
{
    ngx_int_t  rc;

    rc = ehr_request_limit_address(req, EHR_LIMIT_ADDRESS);

    if (rc == NGX_OK) {
        rc = ehr_request_route(req);
    }

    return rc;
}


/* The path below the mount and, where it is there, below /v1. */

static void
ehr_request_path(ehr_request_t *req, ngx_str_t *path)
{
    ehr_loc_conf_t  *location;

    location = ngx_http_get_module_loc_conf(req->http, ngx_http_ehr_module);

    *path = req->http->uri;

    if (path->len >= location->mount.len) {
        path->data += location->mount.len;
        path->len -= location->mount.len;
    }

    if (path->len >= 3 && ngx_memcmp(path->data, "/v1", 3) == 0
        && (path->len == 3 || path->data[3] == '/'))
    {
        path->data += 3;
        path->len -= 3;
    }
}


static ngx_int_t
ehr_request_route(ehr_request_t *req)
{
    ngx_int_t    rc;
    ngx_str_t    path;
    ehr_match_t  match;

    ehr_request_path(req, &path);
    ehr_router_match(req->http->method, &path, &match);

    if (match.methods == 0 || (match.flags & EHR_ROUTE_ROOT)) {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return NGX_DONE;
    }

    if (match.route == NULL) {
        return ehr_reply_allow(req, match.methods);
    }

    req->route = match.route;
    req->route_index = match.index;

    rc = ehr_request_access(req);

    if (rc == NGX_OK) {
        rc = ehr_request_params(req, &match);
    }

    if (rc == NGX_OK) {
        rc = ehr_request_key(req);
    }

    return rc;
}


/* OPTIONS, or a method that the path does not have. */

ngx_int_t
ehr_reply_allow(ehr_request_t *req, ngx_uint_t methods)
{
    u_char     *p;
    ngx_str_t   value;
    ehr_out_t   nothing;

    value.data = ngx_pnalloc(req->pool,
                             sizeof("GET, HEAD, POST, PUT, PATCH, DELETE, "
                                    "OPTIONS"));
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = value.data;

#define ehr_allow(method, text)                                              \
    if (methods & method) {                                                  \
        p = ngx_cpymem(p, text ", ", sizeof(text ", ") - 1);                 \
    }

    ehr_allow(NGX_HTTP_GET, "GET, HEAD");
    ehr_allow(NGX_HTTP_POST, "POST");
    ehr_allow(NGX_HTTP_PUT, "PUT");
    ehr_allow(NGX_HTTP_PATCH, "PATCH");
    ehr_allow(NGX_HTTP_DELETE, "DELETE");

#undef ehr_allow

    p = ngx_cpymem(p, "OPTIONS", sizeof("OPTIONS") - 1);
    value.len = p - value.data;

    if (ehr_reply_header(req, "Allow", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (req->http->method == NGX_HTTP_OPTIONS) {
        ehr_out_init(&nothing, req->pool);
        ehr_reply_plain(req, NGX_HTTP_NO_CONTENT, "application/json",
                        &nothing);
        return NGX_DONE;
    }

    ehr_reply_message(req, NGX_HTTP_NOT_ALLOWED,
                    EHR_MESSAGE_METHOD_NOT_ALLOWED);

    return NGX_DONE;
}


/* Every path parameter is a UUID, but for the last of a route that takes a
 * secret. */

static ngx_int_t
ehr_request_params(ehr_request_t *req, ehr_match_t *match)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    for (i = 0; i < match->n; i++) {

        rc = ((req->route->flags & EHR_ROUTE_SECRET) && i == match->n - 1)
             ? ehr_request_secret(req, &match->values[i], &req->params[i])
             : ehr_request_id(req, &match->values[i], &req->params[i]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    req->nparams = match->n;

    return NGX_OK;
}


/* Kept lower-case and terminated. */

static ngx_int_t
ehr_request_id(ehr_request_t *req, ngx_str_t *value, ngx_str_t *param)
{
    u_char      *p;
    ehr_uuid_t   uuid;

    if (ehr_uuid_parse(&uuid, value->data, value->len) != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_BAD_REQUEST,
                          EHR_MESSAGE_MALFORMED_REQUEST);
        return NGX_DONE;
    }

    p = ngx_pnalloc(req->pool, EHR_UUID_TEXT + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    param->data = p;
    param->len = EHR_UUID_TEXT;
    *ehr_uuid_print(p, &uuid) = '\0';

    return NGX_OK;
}


/* One that cannot be right is answered as one that is wrong. */

static ngx_int_t
ehr_request_secret(ehr_request_t *req, ngx_str_t *value, ngx_str_t *param)
{
    u_char  bytes[EHR_SECRET_BYTES];

    if (value->len != EHR_SECRET_TEXT
        || ehr_base64url_decode(bytes, value->data, value->len)
           != EHR_SECRET_BYTES)
    {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return NGX_DONE;
    }

    *param = *value;

    return NGX_OK;
}


static ngx_int_t
ehr_request_key(ehr_request_t *req)
{
    size_t            i;
    ngx_table_elt_t  *header;

    if ((req->route->flags & EHR_ROUTE_CREATES) == 0) {
        return NGX_OK;
    }

    header = ehr_header(req->http, "idempotency-key",
                        sizeof("idempotency-key") - 1);
    if (header == NULL) {
        return NGX_OK;
    }

    for (i = 0; i < header->value.len; i++) {
        if (header->value.data[i] <= 0x20 || header->value.data[i] >= 0x7f) {
            break;
        }
    }

    if (i == 0 || i < header->value.len || i > 128) {
        ehr_reply_field(req, NGX_HTTP_BAD_REQUEST, "Idempotency-Key",
                        EHR_MESSAGE_VALUE_REFUSED);
        return NGX_DONE;
    }

    req->key = header->value;

    return NGX_OK;
}


ngx_table_elt_t *
ehr_header(ngx_http_request_t *r, const char *name, size_t len)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (header[i].key.len == len
                && ngx_strncasecmp(header[i].key.data, (u_char *) name, len)
                   == 0)
            {
                return &header[i];
            }
        }
    }

    return NULL;
}
