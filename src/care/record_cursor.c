/*
 * Page marks of lists.
 *
 * A mark holds the sort value of the last row, which may be a patient's
 * name, and travels in URLs: so it is encrypted.  Being authenticated too,
 * it cannot be made up, nor used on another list.
 */

#include "record.h"


#define EHR_CURSOR_HEAD  (3 + EHR_UUID_TEXT)


static ngx_int_t ehr_cursor_context(ehr_request_t *req, ehr_record_t *record,
    ngx_str_t *context);


static ngx_int_t
ehr_cursor_context(ehr_request_t *req, ehr_record_t *record,
    ngx_str_t *context)
{
    u_char  *p;

    p = ngx_pnalloc(req->pool, sizeof("cursor:")
                               + ngx_strlen(record->resource->name));
    if (p == NULL) {
        return NGX_ERROR;
    }

    context->data = p;
    context->len = ngx_sprintf(p, "cursor:%s", record->resource->name) - p;

    return NGX_OK;
}


ngx_int_t
ehr_cursor_print(ehr_request_t *req, ehr_record_t *record,
    const ehr_cursor_t *cursor, ngx_str_t *text)
{
    u_char     *plain, *p;
    ngx_str_t   sealed, context;

    sealed.len = EHR_CURSOR_HEAD + cursor->value.len;

    plain = ngx_pnalloc(req->pool, sealed.len);
    sealed.data = ngx_pnalloc(req->pool, sealed.len + EHR_CIPHER_OVERHEAD);
    text->data = ngx_pnalloc(req->pool,
                             ngx_base64_encoded_length(sealed.len
                                                       + EHR_CIPHER_OVERHEAD));

    if (plain == NULL || sealed.data == NULL || text->data == NULL
        || ehr_cursor_context(req, record, &context) != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = plain;
    *p++ = (u_char) (cursor->ranking + 1);
    *p++ = (u_char) cursor->sort;
    *p++ = (u_char) cursor->descending;
    p = ngx_cpymem(p, cursor->id.data, EHR_UUID_TEXT);
    ngx_memcpy(p, cursor->value.data, cursor->value.len);

    if (ehr_field_encrypt(&req->conf->keys, &context, plain, sealed.len,
                          sealed.data)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    sealed.len += EHR_CIPHER_OVERHEAD;
    ngx_encode_base64url(text, &sealed);

    return NGX_OK;
}


ngx_int_t
ehr_cursor_parse(ehr_request_t *req, ehr_record_t *record, ngx_str_t *text,
    ehr_cursor_t *cursor)
{
    u_char     *plain;
    size_t      len;
    ngx_str_t   sealed, context;

    if (text->len > 2048) {
        return NGX_DECLINED;
    }

    sealed.data = ngx_pnalloc(req->pool,
                              ngx_base64_decoded_length(text->len) + 1);
    plain = ngx_pnalloc(req->pool, text->len + 1);

    if (sealed.data == NULL || plain == NULL
        || ehr_cursor_context(req, record, &context) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_decode_base64url(&sealed, text) != NGX_OK
        || sealed.len < EHR_CURSOR_HEAD + EHR_CIPHER_OVERHEAD
        || ehr_field_decrypt(&req->conf->keys, &context, sealed.data,
                             sealed.len, plain)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    len = sealed.len - EHR_CIPHER_OVERHEAD;
    plain[len] = '\0';

    cursor->ranking = plain[0] - 1;
    cursor->sort = plain[1];
    cursor->descending = plain[2];

    cursor->id.len = EHR_UUID_TEXT;
    cursor->id.data = ngx_pcalloc(req->pool, EHR_UUID_TEXT + 1);

    if (cursor->id.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(cursor->id.data, plain + 3, EHR_UUID_TEXT);

    cursor->value.data = plain + EHR_CURSOR_HEAD;
    cursor->value.len = len - EHR_CURSOR_HEAD;

    return NGX_OK;
}
