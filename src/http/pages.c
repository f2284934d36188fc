/*
 * Health, readiness, keys, and errors that nginx itself answers.
 */

#include "body.h"
#include "pages.h"


ehr_page_more_t  ehr_page_more;


static const char *ehr_page_path(ngx_uint_t serves);
static const char *ehr_not_ready(ehr_request_t *req,
    ehr_store_status_t *status);
static ehr_message_t ehr_error_message(ngx_uint_t status);


static const char *
ehr_page_path(ngx_uint_t serves)
{
    switch (serves) {
    case EHR_SERVES_HEALTH:  return "/health";
    case EHR_SERVES_READY:   return "/ready";
    case EHR_SERVES_METRICS: return "/metrics";
    case EHR_SERVES_JWKS:    return "/.well-known/jwks.json";
    }

    return "";
}


ngx_int_t
ehr_page_handler(ngx_http_request_t *r)
{
    ngx_int_t        rc;
    ngx_str_t        path;
    ehr_match_t      match;
    ehr_request_t   *req;
    ehr_loc_conf_t  *location;

    req = ehr_request_create(r);
    if (req == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    location = ngx_http_get_module_loc_conf(r, ngx_http_ehr_module);
    path.data = (u_char *) ehr_page_path(location->serves);
    path.len = ngx_strlen(path.data);

    ehr_router_match(r->method, &path, &match);

    r->main->count++;

    if (match.route == NULL) {
        if (ehr_reply_allow(req, match.methods) == NGX_ERROR) {
            ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                              EHR_MESSAGE_INTERNAL_ERROR);
        }

        return NGX_DONE;
    }

    req->route = match.route;
    req->route_index = match.index;
    ehr_request_run(req);

    return NGX_DONE;
}


ngx_int_t
ehr_page_health(ehr_request_t *req)
{
    ehr_out_t  out;

    ehr_out_init(&out, req->pool);
    ehr_out_literal(&out, "{\"status\":\"ok\"}\n");
    ehr_reply_plain(req, NGX_HTTP_OK, "application/json", &out);

    return NGX_OK;
}


/* NULL: ready.  Draining comes first, so that a balancer looks away before
 * the listening sockets close. */

static const char *
ehr_not_ready(ehr_request_t *req, ehr_store_status_t *status)
{
    ngx_file_info_t  info;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return "shutting down";
    }

    if (req->conf->drain_file.len
        && ngx_file_info(req->conf->drain_file.data, &info) != NGX_FILE_ERROR)
    {
        return "draining";
    }

    if (status->state != EHR_STORE_UP) {
        return status->reason[0] ? status->reason : "connecting to the "
                                                    "database";
    }

    if (!ehr_shared_is_loaded(ehr_worker.shared)) {
        return "loading roles and revocations";
    }

    return NULL;
}


ngx_int_t
ehr_page_ready(ehr_request_t *req)
{
    ehr_out_t            out;
    const char          *reason;
    ehr_store_status_t   status;

    ehr_store_status(ehr_worker.store, &status);
    reason = ehr_not_ready(req, &status);

    ehr_out_init(&out, req->pool);

    if (reason == NULL) {
        ehr_out_literal(&out, "{\"status\":\"ready\",\"schema\":");
        ehr_out_integer(&out, status.schema);

        if (ehr_page_more.ready) {
            ehr_page_more.ready(&out);
        }

        ehr_out_literal(&out, "}\n");
        ehr_reply_plain(req, NGX_HTTP_OK, "application/json", &out);

        return NGX_OK;
    }

    ehr_out_literal(&out, "{\"status\":\"not ready\",\"reason\":");
    ehr_out_string(&out, (u_char *) reason, ngx_strlen(reason));
    ehr_out_literal(&out, "}\n");
    ehr_reply_plain(req, NGX_HTTP_SERVICE_UNAVAILABLE, "application/json",
                    &out);

    return NGX_OK;
}


ngx_int_t
ehr_page_jwks(ehr_request_t *req)
{
    ngx_str_t  json;
    ehr_out_t  out;

    if (ehr_token_jwks(&req->conf->tokens, req->pool, &json) != NGX_OK) {
        return NGX_ERROR;
    }

    ehr_out_init(&out, req->pool);
    ehr_out_raw(&out, json.data, json.len);
    ehr_reply_plain(req, NGX_HTTP_OK, "application/jwk-set+json", &out);

    return NGX_OK;
}


static ehr_message_t
ehr_error_message(ngx_uint_t status)
{
    switch (status) {
    case NGX_HTTP_NOT_FOUND:                return EHR_MESSAGE_NOT_FOUND;
    case NGX_HTTP_FORBIDDEN:                return EHR_MESSAGE_FORBIDDEN;
    case NGX_HTTP_NOT_ALLOWED:
        return EHR_MESSAGE_METHOD_NOT_ALLOWED;
    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE: return EHR_MESSAGE_BODY_TOO_LARGE;
    case NGX_HTTP_TOO_MANY_REQUESTS:
        return EHR_MESSAGE_TOO_MANY_REQUESTS;
    case NGX_HTTP_BAD_GATEWAY:
    case NGX_HTTP_SERVICE_UNAVAILABLE:
    case NGX_HTTP_GATEWAY_TIME_OUT:         return EHR_MESSAGE_UNAVAILABLE;
    }

    return (status < 500) ? EHR_MESSAGE_MALFORMED_REQUEST
                          : EHR_MESSAGE_INTERNAL_ERROR;
}


ngx_int_t
ehr_page_error(ngx_http_request_t *r)
{
    ngx_uint_t      status;
    ehr_request_t  *req;

    req = ehr_request_create(r);
    if (req == NULL) {
        return NGX_ERROR;
    }

    status = r->err_status ? r->err_status : NGX_HTTP_NOT_FOUND;

    r->main->count++;
    ehr_reply_message(req, status, ehr_error_message(status));

    return NGX_DONE;
}
