/*
 * If-Match and If-None-Match (RFC 9110, sections 13.1.1 and 13.1.2).
 *
 * A row's tag is its version in quotes, and strong: ehr_reply() keeps nginx
 * from weakening it when it compresses, so what was read can be named in
 * If-Match.
 */

#include "http.h"


/* A walk over the tags of all lines of a header. */
typedef struct {
    const char             *name;       /* lower case */
    ngx_list_part_t        *part;       /* the next line is here … */
    ngx_uint_t              line;       /* … at this place */
    u_char                 *p;          /* of the present line, what is left */
    u_char                 *end;
} ehr_tags_t;

/* "version" is 0 when the tag is nobody's version. */
typedef struct {
    ngx_int_t               version;
    unsigned                weak:1;
    unsigned                any:1;      /* it is the header's whole value: * */
} ehr_tag_t;


static void ehr_tags_begin(ngx_http_request_t *r, const char *name,
    ehr_tags_t *tags);
static ngx_table_elt_t *ehr_tags_line(ehr_tags_t *tags);
static ngx_int_t ehr_tags_next(ehr_tags_t *tags, ehr_tag_t *tag);
static ngx_int_t ehr_tag_read(ehr_tags_t *tags, ehr_tag_t *tag);
static ngx_int_t ehr_tag_version(u_char *text, size_t len);
static ngx_int_t ehr_tags_match(ngx_http_request_t *r, const char *name,
    ngx_int_t version, ngx_uint_t weak);


static void
ehr_tags_begin(ngx_http_request_t *r, const char *name, ehr_tags_t *tags)
{
    ngx_memzero(tags, sizeof(ehr_tags_t));
    tags->name = name;
    tags->part = &r->headers_in.headers.part;
}


/* The header's next line; NULL behind the last. */

static ngx_table_elt_t *
ehr_tags_line(ehr_tags_t *tags)
{
    size_t            len = ngx_strlen(tags->name);
    ngx_table_elt_t  *header;

    while (tags->part) {
        header = tags->part->elts;

        if (tags->line == tags->part->nelts) {
            tags->part = tags->part->next;
            tags->line = 0;
            continue;
        }

        header += tags->line++;

        if (header->key.len == len
            && ngx_strncasecmp(header->key.data, (u_char *) tags->name, len)
               == 0)
        {
            return header;
        }
    }

    return NULL;
}


/* NGX_OK; NGX_DONE behind the last tag; NGX_ERROR: it is no list of tags. */

static ngx_int_t
ehr_tags_next(ehr_tags_t *tags, ehr_tag_t *tag)
{
    ngx_table_elt_t  *line;

    for ( ;; ) {

        while (tags->p < tags->end
               && (*tags->p == ' ' || *tags->p == '\t' || *tags->p == ','))
        {
            tags->p++;
        }

        if (tags->p < tags->end) {
            return ehr_tag_read(tags, tag);
        }

        line = ehr_tags_line(tags);
        if (line == NULL) {
            return NGX_DONE;
        }

        tags->p = line->value.data;
        tags->end = tags->p + line->value.len;

        if (line->value.len == 1 && *tags->p == '*') {
            ngx_memzero(tag, sizeof(ehr_tag_t));
            tag->any = 1;
            tags->p++;
            return NGX_OK;
        }
    }
}


/* [W/]"…", and what may follow one in a list. */

static ngx_int_t
ehr_tag_read(ehr_tags_t *tags, ehr_tag_t *tag)
{
    u_char  *text, *p = tags->p;

    tag->any = 0;
    tag->weak = (tags->end - p > 1 && p[0] == 'W' && p[1] == '/');
    p += tag->weak ? 2 : 0;

    if (p == tags->end || *p++ != '"') {
        return NGX_ERROR;
    }

    for (text = p; p < tags->end && *p != '"'; p++) {
        if (*p <= 0x20 || *p == 0x7f) {
            return NGX_ERROR;
        }
    }

    if (p == tags->end) {
        return NGX_ERROR;
    }

    tag->version = ehr_tag_version(text, p++ - text);

    while (p < tags->end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if (p < tags->end && *p != ',') {
        return NGX_ERROR;
    }

    tags->p = p;

    return NGX_OK;
}


/* Each version has one spelling. */

static ngx_int_t
ehr_tag_version(u_char *text, size_t len)
{
    ngx_int_t  version;

    if (len == 0 || text[0] == '0') {
        return 0;
    }

    version = ngx_atoi(text, len);

    return (version > 0 && version <= 0x7fffffff) ? version : 0;
}


/* NGX_OK, NGX_DECLINED, or NGX_ABORT without such a header.  One that is no
 * list of tags matches nothing. */

static ngx_int_t
ehr_tags_match(ngx_http_request_t *r, const char *name, ngx_int_t version,
    ngx_uint_t weak)
{
    ngx_int_t   rc, found;
    ehr_tag_t   tag;
    ehr_tags_t  tags;

    ehr_tags_begin(r, name, &tags);

    if (ehr_tags_line(&tags) == NULL) {
        return NGX_ABORT;
    }

    ehr_tags_begin(r, name, &tags);
    found = NGX_DECLINED;

    while ((rc = ehr_tags_next(&tags, &tag)) == NGX_OK) {
        if (tag.any || (tag.version == version && (weak || !tag.weak))) {
            found = NGX_OK;
        }
    }

    return (rc == NGX_DONE) ? found : NGX_DECLINED;
}


int
ehr_if_match(ehr_request_t *req, ngx_int_t version)
{
    return ehr_tags_match(req->http, "if-match", version, 0) != NGX_DECLINED;
}


int
ehr_if_none_match(ehr_request_t *req, ngx_int_t version)
{
    return ehr_tags_match(req->http, "if-none-match", version, 1)
           != NGX_OK;
}


ngx_int_t
ehr_if_match_versions(ehr_request_t *req, ngx_str_t *array)
{
    u_char           *p;
    size_t            len;
    ngx_int_t         rc;
    ehr_tag_t         tag;
    ehr_tags_t        tags;
    ngx_table_elt_t  *line;

    ngx_str_null(array);
    ehr_tags_begin(req->http, "if-match", &tags);

    /* a tag is longer than its version and a comma */

    for (len = 0; (line = ehr_tags_line(&tags)) != NULL; /* void */ ) {
        len += line->value.len + sizeof("{}");
    }

    if (len == 0) {
        return NGX_OK;
    }

    array->data = ngx_pnalloc(req->pool, len);
    if (array->data == NULL) {
        return NGX_ERROR;
    }

    p = array->data;
    *p++ = '{';

    ehr_tags_begin(req->http, "if-match", &tags);

    while ((rc = ehr_tags_next(&tags, &tag)) == NGX_OK) {

        if (tag.any) {
            ngx_str_null(array);
            return NGX_OK;
        }

        if (tag.version && !tag.weak) {
            p = ngx_sprintf(p, "%i,", tag.version);
        }
    }

    if (rc == NGX_ERROR) {
        p = array->data + 1;
    }

    p -= (p[-1] == ',');
    *p++ = '}';
    *p = '\0';
    array->len = p - array->data;

    return NGX_OK;
}
