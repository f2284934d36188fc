/*
 * JSON text written straight into the buffers that are sent.
 */

#include "http.h"


#define EHR_OUT_BLOCK  4096


static u_char *ehr_out_room(ehr_out_t *out, size_t len);


void
ehr_out_init(ehr_out_t *out, ngx_pool_t *pool)
{
    ngx_memzero(out, sizeof(ehr_out_t));
    out->pool = pool;
}


/*
 * At least one byte of room, at most len is used of it; the caller moves
 * buf->last.  NULL without memory.
 */
static u_char *
ehr_out_room(ehr_out_t *out, size_t len)
{
    ngx_buf_t    *buf;
    ngx_chain_t  *link;

    if (out->last && out->last->buf->last < out->last->buf->end) {
        return out->last->buf->last;
    }

    if (out->failed) {
        return NULL;
    }

    buf = ngx_create_temp_buf(out->pool, ngx_max(len, EHR_OUT_BLOCK));
    link = ngx_alloc_chain_link(out->pool);

    if (buf == NULL || link == NULL) {
        out->failed = 1;
        return NULL;
    }

    link->buf = buf;
    link->next = NULL;

    if (out->last) {
        out->last->next = link;
    } else {
        out->first = link;
    }

    out->last = link;

    return buf->last;
}


void
ehr_out_raw(ehr_out_t *out, const void *data, size_t len)
{
    size_t         part;
    u_char        *room;
    ngx_buf_t     *buf;
    const u_char  *from = data;

    while (len > 0) {
        room = ehr_out_room(out, len);
        if (room == NULL) {
            return;
        }

        buf = out->last->buf;
        part = ngx_min(len, (size_t) (buf->end - room));
        buf->last = ngx_cpymem(room, from, part);
        out->size += part;
        from += part;
        len -= part;
    }
}


void
ehr_out_join(ehr_out_t *out, ehr_out_t *part)
{
    if (part->failed) {
        out->failed = 1;
        return;
    }

    if (part->first == NULL) {
        return;
    }

    if (out->last) {
        out->last->next = part->first;
    } else {
        out->first = part->first;
    }

    out->last = part->last;
    out->size += part->size;
}


void
ehr_out_string(ehr_out_t *out, const u_char *text, size_t len)
{
    u_char         escape[6];
    const u_char  *end, *plain, *p;

    static const u_char  hex[] = "0123456789abcdef";

    ehr_out_literal(out, "\"");

    end = text + len;
    plain = text;

    for (p = text; p < end; p++) {

        if (*p >= 0x20 && *p != '"' && *p != '\\') {
            continue;
        }

        ehr_out_raw(out, plain, p - plain);
        plain = p + 1;

        switch (*p) {
        case '"':  ehr_out_literal(out, "\\\""); break;
        case '\\': ehr_out_literal(out, "\\\\"); break;
        case '\n': ehr_out_literal(out, "\\n");  break;
        case '\r': ehr_out_literal(out, "\\r");  break;
        case '\t': ehr_out_literal(out, "\\t");  break;

        default:
            ngx_memcpy(escape, "\\u00", 4);
            escape[4] = hex[*p >> 4];
            escape[5] = hex[*p & 15];
            ehr_out_raw(out, escape, sizeof(escape));
        }
    }

    ehr_out_raw(out, plain, end - plain);
    ehr_out_literal(out, "\"");
}


void
ehr_out_integer(ehr_out_t *out, int64_t value)
{
    u_char  text[NGX_INT64_LEN + 1], *end;

    end = ngx_snprintf(text, sizeof(text), "%L", value);
    ehr_out_raw(out, text, end - text);
}


void
ehr_out_timestamp(ehr_out_t *out, const u_char *text, size_t len)
{
    /* the session's zone is UTC, so the offset is always "+00" */

    if (len < sizeof("2026-11-21 04:38:11+00") - 1
        || ngx_memcmp(text + len - 3, "+00", 3) != 0)
    {
        ehr_out_string(out, text, len);
        return;
    }

    ehr_out_literal(out, "\"");
    ehr_out_raw(out, text, 10);
    ehr_out_literal(out, "T");
    ehr_out_raw(out, text + 11, len - 11 - 3);
    ehr_out_literal(out, "Z\"");
}


u_char *
ehr_now_print(u_char *out)
{
    ngx_tm_t     tm;
    ngx_time_t  *now = ngx_timeofday();

    ngx_gmtime(now->sec, &tm);

    return ngx_sprintf(out, "%4d-%02d-%02dT%02d:%02d:%02d.%03MZ",
                       tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                       now->msec);
}
