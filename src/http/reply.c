/*
 * The envelope.  Every answer of the API is written here and nowhere else.
 */

#include "http.h"


static ngx_table_elt_t *ehr_header_push(ehr_request_t *req, const char *name,
    ngx_str_t *value);
static int ehr_reply_is_read(ehr_request_t *req, const ehr_reply_t *reply);
static void ehr_reply_known(ehr_request_t *req, const ehr_reply_t *reply);
static void ehr_reply_prepare(ngx_http_request_t *r, ngx_uint_t status,
    off_t size);
static ngx_int_t ehr_reply_headers(ehr_request_t *req,
    const ehr_reply_t *reply);
static void ehr_reply_envelope(ehr_request_t *req, const ehr_reply_t *reply,
    ehr_out_t *out);
static void ehr_out_message(ehr_out_t *out, ehr_message_t message,
    const char *argument, ehr_language_t language);
static void ehr_out_errors(ehr_out_t *out, const ehr_reply_t *reply,
    ehr_language_t language);
static void ehr_out_path(ehr_out_t *out, const ngx_str_t *uri);
static void ehr_reply_send(ehr_request_t *req, ngx_uint_t status,
    ehr_out_t *body);


static ngx_table_elt_t *
ehr_header_push(ehr_request_t *req, const char *name, ngx_str_t *value)
{
    ngx_table_elt_t  *header;

    header = ngx_list_push(&req->http->headers_out.headers);
    if (header == NULL) {
        return NULL;
    }

    header->hash = 1;
    header->key.data = (u_char *) name;
    header->key.len = ngx_strlen(name);
    header->value = *value;
    header->lowcase_key = header->key.data;

    return header;
}


ngx_int_t
ehr_reply_header(ehr_request_t *req, const char *name, ngx_str_t *value)
{
    return ehr_header_push(req, name, value) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ehr_reply_headers(ehr_request_t *req, const ehr_reply_t *reply)
{
    u_char              *p;
    ngx_str_t            value;

    static ngx_str_t  bearer = ngx_string("Bearer");
    static ngx_str_t  replayed = ngx_string("true");

    if (reply->version > 0) {
        p = ngx_pnalloc(req->pool, NGX_INT_T_LEN + 2);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.data = p;
        value.len = ngx_sprintf(p, "\"%i\"", reply->version) - p;

        /* not headers_out.etag: gzip would make it weak, and If-Match wants
         * a strong one */

        if (ehr_reply_header(req, "ETag", &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (reply->location.len
        && ehr_reply_header(req, "Location",
                            (ngx_str_t *) &reply->location)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (reply->retry_after > 0) {
        p = ngx_pnalloc(req->pool, NGX_TIME_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.data = p;
        value.len = ngx_sprintf(p, "%T", reply->retry_after) - p;

        if (ehr_reply_header(req, "Retry-After", &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (reply->status == NGX_HTTP_UNAUTHORIZED
        && ehr_reply_header(req, "WWW-Authenticate", &bearer) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (req->replayed) {
        return ehr_reply_header(req, "Idempotency-Replayed", &replayed);
    }

    return NGX_OK;
}


/* Text with its one %s replaced. */

ngx_int_t
ehr_message_print(ngx_pool_t *pool, ehr_message_t message,
    const char *argument, ehr_language_t language, ngx_str_t *text)
{
    u_char      *p;
    const char  *format, *hole;

    format = ehr_message_text(message, language);
    hole = ngx_strstr(format, "%s");
    argument = (hole && argument) ? argument : "";

    p = ngx_pnalloc(pool, ngx_strlen(format) + ngx_strlen(argument) + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    if (hole) {
        p = ngx_cpymem(p, format, hole - format);
        p = ngx_cpymem(p, argument, ngx_strlen(argument));
        format = hole + 2;
    }

    p = ngx_cpymem(p, format, ngx_strlen(format));
    *p = '\0';
    text->len = p - text->data;

    return NGX_OK;
}


static void
ehr_out_message(ehr_out_t *out, ehr_message_t message, const char *argument,
    ehr_language_t language)
{
    ngx_str_t  text;

    if (ehr_message_print(out->pool, message, argument, language, &text)
        != NGX_OK)
    {
        out->failed = 1;
        return;
    }

    ehr_out_string(out, text.data, text.len);
}


static void
ehr_out_errors(ehr_out_t *out, const ehr_reply_t *reply,
    ehr_language_t language)
{
    size_t                    i;
    const ehr_field_error_t  *error;

    ehr_out_literal(out, "{");

    for (i = 0; i < reply->nerrors; i++) {
        error = &reply->errors[i];

        if (i) {
            ehr_out_literal(out, ",");
        }

        ehr_out_string(out, (u_char *) error->field,
                       ngx_strlen(error->field));
        ehr_out_literal(out, ":");
        ehr_out_message(out, error->message, error->argument, language);
    }

    ehr_out_literal(out, "}");
}


/* The path as it was sent, without the query; any stray byte becomes '?'. */

static void
ehr_out_path(ehr_out_t *out, const ngx_str_t *uri)
{
    u_char  *path;
    size_t   i;

    path = ngx_pnalloc(out->pool, uri->len);
    if (path == NULL) {
        out->failed = 1;
        return;
    }

    for (i = 0; i < uri->len && uri->data[i] != '?'; i++) {
        path[i] = (uri->data[i] > 0x20 && uri->data[i] < 0x7f)
                  ? uri->data[i] : '?';
    }

    ehr_out_string(out, path, i);
}


static void
ehr_reply_envelope(ehr_request_t *req, const ehr_reply_t *reply,
    ehr_out_t *out)
{
    u_char  now[EHR_NOW_TEXT];

    ehr_out_init(out, req->pool);
    ehr_out_literal(out, "{\"statusCode\":");
    ehr_out_integer(out, reply->status);

    if (reply->data) {
        ehr_out_literal(out, ",\"data\":");
        ehr_out_join(out, reply->data);

    } else if (reply->status < 400) {
        ehr_out_literal(out, ",\"data\":null");
    }

    ehr_out_literal(out, ",\"message\":");
    ehr_out_message(out, reply->message, reply->argument, req->language);

    if (reply->status >= 400) {
        ehr_out_literal(out, ",\"errors\":");
        ehr_out_errors(out, reply, req->language);
    }

    if (reply->meta) {
        ehr_out_literal(out, ",\"meta\":");
        ehr_out_join(out, reply->meta);
    }

    ehr_out_literal(out, ",\"timestamp\":\"");
    ehr_out_raw(out, now, ehr_now_print(now) - now);
    ehr_out_literal(out, "\",\"path\":");
    ehr_out_path(out, &req->http->unparsed_uri);
    ehr_out_literal(out, "}");
}


/* There is no memory for an answer.  That of a write that is committed is
 * withheld, for 500 would say that nothing was done. */

static void
ehr_reply_starved(ehr_request_t *req)
{
    ngx_http_finalize_request(req->http,
                              req->committed ? NGX_ERROR
                              : NGX_HTTP_INTERNAL_SERVER_ERROR);
}


/* Ends the request with these headers and this body. */

static void
ehr_reply_send(ehr_request_t *req, ngx_uint_t status, ehr_out_t *body)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r = req->http;

    static ngx_str_t  no_store = ngx_string("no-store");

    req->replied = 1;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (body->failed) {
        ehr_reply_starved(req);
        return;
    }

    ehr_reply_prepare(r, status, body->size);

    if (ehr_reply_header(req, "Cache-Control", &no_store) != NGX_OK
        || ehr_reply_header(req, "X-Request-Id", &req->id) != NGX_OK)
    {
        ehr_reply_starved(req);
        return;
    }

    if (body->last == NULL) {
        r->header_only = 1;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    body->last->buf->last_buf = (r == r->main);
    body->last->buf->last_in_chain = 1;
    body->last->next = NULL;

    ngx_http_finalize_request(r, ngx_http_output_filter(r, body->first));
}


static void
ehr_reply_prepare(ngx_http_request_t *r, ngx_uint_t status, off_t size)
{
    r->headers_out.status = status;
    r->headers_out.content_length_n = size;

    if (status == NGX_HTTP_NOT_MODIFIED) {
        ngx_http_clear_content_length(r);
    }

    if (status == 422) {
        /* nginx does not know its name */
        ngx_str_set(&r->headers_out.status_line, "422 Unprocessable Content");
    }

    r->disable_not_modified = (r->method != NGX_HTTP_GET
                               && r->method != NGX_HTTP_HEAD);

    /* ours: nginx would answer with a page of its own and close */
    r->headers_in.if_match = NULL;
    r->headers_in.if_unmodified_since = NULL;

    /* no answer has a date, and a tag is more exact: RFC 9110 13.1.3 */
    r->headers_in.if_modified_since = NULL;
}


/* Whether the reply is a row that is read. */

static int
ehr_reply_is_read(ehr_request_t *req, const ehr_reply_t *reply)
{
    return (req->http->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
           && reply->version != 0;
}


/* The client has this version already. */

static void
ehr_reply_known(ehr_request_t *req, const ehr_reply_t *reply)
{
    ehr_out_t  none;

    ehr_out_init(&none, req->pool);

    if (ehr_reply_headers(req, reply) != NGX_OK) {
        none.failed = 1;
    }

    ehr_reply_send(req, NGX_HTTP_NOT_MODIFIED, &none);
}


void
ehr_reply(ehr_request_t *req, const ehr_reply_t *reply)
{
    ehr_out_t            out;
    ngx_http_request_t  *r = req->http;

    if (req->committed && reply->status == NGX_HTTP_INTERNAL_SERVER_ERROR) {
        ehr_reply_later(req, NGX_HTTP_SERVICE_UNAVAILABLE,
                        EHR_MESSAGE_OUTCOME_UNKNOWN, 1);
        return;
    }

    if (ehr_reply_is_read(req, reply)) {

        if (!ehr_if_match(req, reply->version)) {
            ehr_reply_message(req, NGX_HTTP_PRECONDITION_FAILED,
                              EHR_MESSAGE_STALE_VERSION);
            return;
        }

        if (!ehr_if_none_match(req, reply->version)) {
            ehr_reply_known(req, reply);
            return;
        }
    }

    ehr_reply_envelope(req, reply, &out);

    if (ehr_reply_headers(req, reply) != NGX_OK) {
        out.failed = 1;
    }

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    ehr_reply_send(req, reply->status, &out);
}


void
ehr_reply_plain(ehr_request_t *req, ngx_uint_t status, const char *type,
    ehr_out_t *body)
{
    ngx_http_request_t  *r = req->http;

    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    ehr_reply_send(req, status, body);
}


void
ehr_reply_tagged(ehr_request_t *req, const char *type, ngx_str_t *tag,
    ehr_out_t *body)
{
    req->http->headers_out.etag = ehr_header_push(req, "ETag", tag);

    if (req->http->headers_out.etag == NULL) {
        body->failed = 1;
    }

    ehr_reply_plain(req, NGX_HTTP_OK, type, body);
}


void
ehr_reply_message(ehr_request_t *req, ngx_uint_t status, ehr_message_t message)
{
    ehr_reply_t  reply;

    ngx_memzero(&reply, sizeof(ehr_reply_t));

    reply.status = status;
    reply.message = message;

    ehr_reply(req, &reply);
}


void
ehr_reply_data(ehr_request_t *req, ehr_out_t *data)
{
    ehr_reply_t  reply;

    ngx_memzero(&reply, sizeof(ehr_reply_t));

    reply.status = NGX_HTTP_OK;
    reply.message = EHR_MESSAGE_SUCCESS;
    reply.data = data;

    ehr_reply(req, &reply);
}


void
ehr_reply_fields(ehr_request_t *req, ngx_uint_t status,
    const ehr_field_errors_t *errors)
{
    ehr_reply_t  reply;

    ngx_memzero(&reply, sizeof(ehr_reply_t));

    reply.status = status;
    reply.message = (status == NGX_HTTP_FORBIDDEN)
                    ? EHR_MESSAGE_FORBIDDEN
                    : (status == NGX_HTTP_CONFLICT)
                    ? EHR_MESSAGE_CONFLICT : EHR_MESSAGE_INVALID_FIELDS;
    reply.errors = errors->items;
    reply.nerrors = errors->n;

    ehr_reply(req, &reply);
}


void
ehr_reply_invalid(ehr_request_t *req, const ehr_field_errors_t *errors)
{
    ehr_reply_fields(req, errors->forbidden ? NGX_HTTP_FORBIDDEN : 422,
                     errors);
}


void
ehr_reply_field(ehr_request_t *req, ngx_uint_t status, const char *field,
    ehr_message_t message)
{
    ehr_field_errors_t  errors;

    errors.n = 1;
    errors.items[0].field = field;
    errors.items[0].message = message;
    errors.items[0].argument = NULL;

    ehr_reply_fields(req, status, &errors);
}


void
ehr_reply_later(ehr_request_t *req, ngx_uint_t status, ehr_message_t message,
    time_t seconds)
{
    ehr_reply_t  reply;

    ngx_memzero(&reply, sizeof(ehr_reply_t));

    reply.status = status;
    reply.message = message;
    reply.retry_after = seconds;

    ehr_reply(req, &reply);
}
