/*
 * Bodies: from wherever nginx put them to a checked JSON document.
 */

#include "../model/json_memory.h"
#include "body.h"


/* Twice what the largest body that is taken holds: two objects of
 * EHR_OBJECT_MAX bytes, of numbers of one digit. */
#define EHR_BODY_VALUES  (ngx_uint_t) 32768


static ngx_int_t ehr_body_type(ehr_request_t *req);
static ngx_int_t ehr_body_collect(ehr_request_t *req);
static ngx_int_t ehr_body_part(ehr_request_t *req, ngx_buf_t *buf,
    u_char *out);
static ngx_int_t ehr_body_shape(ehr_request_t *req);
static ngx_int_t ehr_body_refuse(ehr_request_t *req, const char *what,
    ngx_uint_t bound);
static ngx_int_t ehr_body_malformed(ehr_request_t *req,
    const u_char *argument);
static ngx_int_t ehr_body_parse(ehr_request_t *req);


void
ehr_body_ready(ngx_http_request_t *r)
{
    ngx_int_t       rc;
    ehr_request_t  *req;

    req = ehr_http_request_of(r);

    rc = ehr_body_collect(req);

    if (rc == NGX_OK && req->body.len == 0
        && (req->route->flags & EHR_ROUTE_NO_BODY))
    {
        ehr_request_run(req);
        return;
    }

    if (rc == NGX_OK) {
        rc = ehr_body_type(req);
    }

    if (rc == NGX_OK) {
        rc = ehr_body_shape(req);
    }

    if (rc == NGX_OK) {
        rc = ehr_body_parse(req);
    }

    if (rc == NGX_OK) {
        ehr_request_run(req);

    } else if (rc == NGX_ERROR) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                        EHR_MESSAGE_INTERNAL_ERROR);
    }
}


/* application/json, whatever its parameters. */

static ngx_int_t
ehr_body_type(ehr_request_t *req)
{
    ngx_str_t        *type;
    ngx_table_elt_t  *header = req->http->headers_in.content_type;

    static const char  json[] = "application/json";

    if (header) {
        type = &header->value;

        if (type->len >= sizeof(json) - 1
            && ngx_strncasecmp(type->data, (u_char *) json, sizeof(json) - 1)
               == 0
            && (type->len == sizeof(json) - 1
                || type->data[sizeof(json) - 1] == ';'
                || type->data[sizeof(json) - 1] == ' '))
        {
            return NGX_OK;
        }
    }

    ehr_reply_message(req, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                    EHR_MESSAGE_JSON_WANTED);

    return NGX_DONE;
}


/* One piece of memory out of all buffers, in memory or in a file. */

static ngx_int_t
ehr_body_collect(ehr_request_t *req)
{
    off_t                     size;
    u_char                   *p;
    ngx_chain_t              *link;
    ngx_http_request_body_t  *body = req->http->request_body;

    /* of no bytes, but somewhere: the parser wants a pointer */

    ngx_str_set(&req->body, "");

    if (body == NULL) {
        return NGX_OK;
    }

    size = 0;

    for (link = body->bufs; link; link = link->next) {
        size += ngx_buf_size(link->buf);
    }

    if (size == 0) {
        return NGX_OK;
    }

    if (body->bufs->next == NULL && !body->bufs->buf->in_file) {
        req->body.data = body->bufs->buf->pos;
        req->body.len = (size_t) size;
        return NGX_OK;
    }

    p = ngx_pnalloc(req->pool, (size_t) size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    req->body.data = p;

    for (link = body->bufs; link; link = link->next) {
        if (ehr_body_part(req, link->buf, p) != NGX_OK) {
            return NGX_ERROR;
        }

        p += ngx_buf_size(link->buf);
    }

    req->body.len = p - req->body.data;

    return NGX_OK;
}


static ngx_int_t
ehr_body_part(ehr_request_t *req, ngx_buf_t *buf, u_char *out)
{
    size_t   size = (size_t) ngx_buf_size(buf);
    ssize_t  n;

    if (ngx_buf_in_memory(buf)) {
        ngx_memcpy(out, buf->pos, size);
        return NGX_OK;
    }

    if (!buf->in_file) {
        return NGX_OK;
    }

    /* written a moment ago: it comes from the page cache */

    n = ngx_read_file(buf->file, out, size, buf->file_pos);

    if (n != (ssize_t) size) {
        ngx_log_error(NGX_LOG_ALERT, req->http->connection->log, 0,
                      "ehr: body file is shorter than the body");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* jansson recurses, and makes of three bytes an object of hundreds: so depth
 * and number of values are checked before it begins. */

static ngx_int_t
ehr_body_shape(ehr_request_t *req)
{
    u_char      *p, *end;
    unsigned     quoted = 0;
    ngx_uint_t   depth = 0, values = 1;

    end = req->body.data + req->body.len;

    for (p = req->body.data; p < end; p++) {

        if (quoted) {
            if (*p == '\\') {
                p++;

            } else if (*p == '"') {
                quoted = 0;
            }

            continue;
        }

        if (*p == '"') {
            quoted = 1;

        } else if (*p == '{' || *p == '[') {
            depth++;
            values++;

        } else if (*p == ',') {
            values++;

        } else if ((*p == '}' || *p == ']') && depth > 0) {
            depth--;
        }

        if (depth > req->conf->max_depth) {
            return ehr_body_refuse(req, "nested deeper than %ui%Z",
                                   req->conf->max_depth);
        }

        if (values > EHR_BODY_VALUES) {
            return ehr_body_refuse(req, "more than %ui values%Z",
                                   EHR_BODY_VALUES);
        }
    }

    return NGX_OK;
}


/* `what` has one %ui, for the bound. */

static ngx_int_t
ehr_body_refuse(ehr_request_t *req, const char *what, ngx_uint_t bound)
{
    u_char  *argument;

    argument = ngx_pnalloc(req->pool, 64);
    if (argument == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(argument, what, bound);

    return ehr_body_malformed(req, argument);
}


static ngx_int_t
ehr_body_malformed(ehr_request_t *req, const u_char *argument)
{
    ehr_reply_t  reply;

    ngx_memzero(&reply, sizeof(ehr_reply_t));
    reply.status = NGX_HTTP_BAD_REQUEST;
    reply.message = EHR_MESSAGE_MALFORMED_JSON;
    reply.argument = (const char *) argument;
    ehr_reply(req, &reply);

    return NGX_DONE;
}


static ngx_int_t
ehr_body_parse(ehr_request_t *req)
{
    u_char        *argument;
    json_error_t   error;

    req->json = ehr_json_load((char *) req->body.data, req->body.len,
                              JSON_REJECT_DUPLICATES, &error);
    if (req->json) {
        return NGX_OK;
    }

    if (json_error_code(&error) == json_error_out_of_memory) {
        return NGX_ERROR;
    }

    argument = ngx_pnalloc(req->pool, 96);
    if (argument == NULL) {
        return NGX_ERROR;
    }

    /* the position only: the text of the error quotes the body */

    ngx_snprintf(argument, 96, "line %d, column %d, byte %d%s%Z",
                 error.line, error.column, error.position,
                 json_error_code(&error) == json_error_duplicate_key
                 ? " (duplicate key)" : "");

    return ehr_body_malformed(req, argument);
}
