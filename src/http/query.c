/*
 * The query string.
 */

#include "http.h"


#define EHR_MAX_ARGUMENTS  64


static ngx_int_t ehr_query_split(ehr_request_t *req, ngx_array_t *arguments);
static ngx_int_t ehr_query_decode(ngx_pool_t *pool, u_char *from, u_char *end,
    ngx_str_t *out);
static ngx_int_t ehr_hex_digit(u_char c);
static ngx_int_t ehr_is_utf8(u_char *text, size_t len);


static ngx_int_t
ehr_hex_digit(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : NGX_ERROR;
}


/* RFC 3629, by the table of well-formed sequences of the Unicode standard. */

static ngx_int_t
ehr_is_utf8(u_char *text, size_t len)
{
    u_char   low, high, *p, *end;
    ngx_uint_t  more;

    end = text + len;

    for (p = text; p < end; /* void */) {

        if (*p < 0x80) {
            p++;
            continue;
        }

        low = 0x80;
        high = 0xbf;

        if (*p >= 0xc2 && *p <= 0xdf) {
            more = 1;

        } else if (*p >= 0xe0 && *p <= 0xef) {
            more = 2;
            low = (*p == 0xe0) ? 0xa0 : low;
            high = (*p == 0xed) ? 0x9f : high;

        } else if (*p >= 0xf0 && *p <= 0xf4) {
            more = 3;
            low = (*p == 0xf0) ? 0x90 : low;
            high = (*p == 0xf4) ? 0x8f : high;

        } else {
            return 0;
        }

        if ((size_t) (end - p) <= more) {
            return 0;
        }

        for (p++; more > 0; more--, p++) {
            if (*p < low || *p > high) {
                return 0;
            }

            low = 0x80;
            high = 0xbf;
        }
    }

    return 1;
}


static ngx_int_t
ehr_query_decode(ngx_pool_t *pool, u_char *from, u_char *end, ngx_str_t *out)
{
    u_char     *to;
    ngx_int_t   high, low;

    to = ngx_pnalloc(pool, end - from + 1);
    if (to == NULL) {
        return NGX_ERROR;
    }

    out->data = to;

    for ( /* void */ ; from < end; from++) {

        if (*from == '+') {
            *to++ = ' ';
            continue;
        }

        if (*from != '%') {
            *to++ = *from;
            continue;
        }

        if (end - from < 3) {
            return NGX_DECLINED;
        }

        high = ehr_hex_digit(from[1]);
        low = ehr_hex_digit(from[2]);

        if (high == NGX_ERROR || low == NGX_ERROR || (high | low) == 0) {
            return NGX_DECLINED;
        }

        *to++ = (u_char) (high << 4 | low);
        from += 2;
    }

    *to = '\0';
    out->len = to - out->data;

    return ehr_is_utf8(out->data, out->len) ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ehr_query_parse(ehr_request_t *req, ngx_array_t **arguments)
{
    ngx_int_t  rc;

    *arguments = ngx_array_create(req->pool, 8, sizeof(ehr_argument_t));

    rc = *arguments ? ehr_query_split(req, *arguments) : NGX_ERROR;

    if (rc == NGX_DECLINED) {
        ehr_reply_message(req, NGX_HTTP_BAD_REQUEST,
                          EHR_MESSAGE_MALFORMED_REQUEST);
        return NGX_DONE;
    }

    return rc;
}


/* NGX_OK, NGX_ERROR, or NGX_DECLINED: malformed. */

static ngx_int_t
ehr_query_split(ehr_request_t *req, ngx_array_t *arguments)
{
    u_char          *p, *end, *equal, *next;
    ngx_int_t        rc;
    ngx_str_t       *args = &req->http->args;
    ehr_argument_t  *argument;

    end = args->data + args->len;

    for (p = args->data; p < end; p = next + 1) {

        next = ngx_strlchr(p, end, '&');
        next = next ? next : end;

        if (next == p) {
            continue;
        }

        if (arguments->nelts == EHR_MAX_ARGUMENTS) {
            return NGX_DECLINED;
        }

        equal = ngx_strlchr(p, next, '=');
        equal = equal ? equal : next;

        argument = ngx_array_push(arguments);
        if (argument == NULL) {
            return NGX_ERROR;
        }

        argument->used = 0;

        rc = ehr_query_decode(req->pool, p, equal, &argument->name);

        if (rc == NGX_OK) {
            rc = ehr_query_decode(req->pool, ngx_min(equal + 1, next), next,
                                  &argument->value);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ehr_argument_t *
ehr_query_take(ngx_array_t *arguments, const char *name, size_t len)
{
    ngx_uint_t       i;
    ehr_argument_t  *argument = arguments->elts;

    for (i = 0; i < arguments->nelts; i++) {
        if (!argument[i].used && argument[i].name.len == len
            && ngx_memcmp(argument[i].name.data, name, len) == 0)
        {
            argument[i].used = 1;
            return &argument[i];
        }
    }

    return NULL;
}


ngx_int_t
ehr_query_refuse(ehr_request_t *req, const u_char *name,
    ehr_message_t message)
{
    ehr_reply_field(req, NGX_HTTP_BAD_REQUEST, (const char *) name, message);

    return NGX_DONE;
}
