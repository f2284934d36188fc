/*
 * Rows as JSON and values as parameters: where plain text meets ciphertext.
 */

#include "../access/encoding.h"
#include "record.h"


static void ehr_record_write_value(ehr_request_t *req, ehr_record_t *record,
    ehr_out_t *out, size_t i, const ngx_str_t *id, ngx_str_t value);
static void ehr_record_write_sensitive(ehr_request_t *req,
    ehr_record_t *record, ehr_out_t *out, size_t i, const ngx_str_t *id,
    ngx_str_t hex);
static ngx_int_t ehr_record_index_param(ehr_request_t *req,
    ehr_record_t *record, size_t field, const ehr_value_t *value,
    ehr_param_t *param);
static ngx_int_t ehr_record_context(ngx_pool_t *pool, ehr_record_t *record,
    size_t field, const ngx_str_t *id, ngx_str_t *context);


void
ehr_record_write_row(ehr_request_t *req, ehr_record_t *record,
    ehr_out_t *out, const PGresult *result, int row, uint64_t mask,
    const char *extra)
{
    size_t      i;
    ngx_str_t   id, value;
    const char *separator = "{";

    id = ehr_result_value(result, row, 0);

    for (i = 0; i < record->fields->n; i++) {

        if ((mask & ((uint64_t) 1 << i)) == 0) {
            continue;
        }

        ehr_out_raw(out, separator, 1);
        ehr_out_raw(out, record->keys[i].data, record->keys[i].len);
        separator = ",";

        value = ehr_result_value(result, row, (int) i);

        if (value.data == NULL) {
            ehr_out_literal(out, "null");
            continue;
        }

        ehr_record_write_value(req, record, out, i, &id, value);
    }

    if (extra) {
        value = ehr_result_value(result, row, (int) record->fields->n);

        ehr_out_raw(out, separator, 1);
        ehr_out_string(out, (u_char *) extra, ngx_strlen(extra));
        ehr_out_literal(out, ":");
        ehr_out_raw(out, value.data, value.len);
        separator = ",";
    }

    if (*separator == '{') {
        ehr_out_literal(out, "{");
    }

    ehr_out_literal(out, "}");
}


static void
ehr_record_write_value(ehr_request_t *req, ehr_record_t *record,
    ehr_out_t *out, size_t i, const ngx_str_t *id, ngx_str_t value)
{
    const ehr_field_t  *field = record->fields->fields[i];

    if (field->flags & EHR_SENSITIVE) {
        ehr_record_write_sensitive(req, record, out, i, id, value);
        return;
    }

    switch (field->type) {

    case EHR_TYPE_INTEGER:
    case EHR_TYPE_DECIMAL:
    case EHR_TYPE_TEXT_LIST:
    case EHR_TYPE_UUID_LIST:
    case EHR_TYPE_OBJECT:
    case EHR_TYPE_OBJECT_LIST:
    case EHR_TYPE_JSON:
        ehr_out_raw(out, value.data, value.len);
        return;

    case EHR_TYPE_BOOLEAN:
        if (value.data[0] == 't') {
            ehr_out_literal(out, "true");
        } else {
            ehr_out_literal(out, "false");
        }

        return;

    case EHR_TYPE_TIMESTAMP:
        ehr_out_timestamp(out, value.data, value.len);
        return;

    default:
        ehr_out_string(out, value.data, value.len);
    }
}


/* A value that does not open must not look like one that is not there. */

static void
ehr_record_write_sensitive(ehr_request_t *req, ehr_record_t *record,
    ehr_out_t *out, size_t i, const ngx_str_t *id, ngx_str_t hex)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = ehr_record_decrypt(req, record, i, id, hex, &text);

    if (rc == NGX_OK) {
        ehr_out_string(out, text.data, text.len);
        return;
    }

    ngx_log_error(NGX_LOG_CRIT, req->http->connection->log, 0,
                  "ehr: %V%V cannot be decrypted: %s",
                  &record->purposes[i], id,
                  rc == NGX_DECLINED
                  ? "its key version is not configured (ehr_field_key)"
                  : "it was changed outside nginx");

    out->failed = 1;
}


/* What is authenticated with a ciphertext: table.column:id */

static ngx_int_t
ehr_record_context(ngx_pool_t *pool, ehr_record_t *record, size_t field,
    const ngx_str_t *id, ngx_str_t *context)
{
    ngx_str_t  *purpose = &record->purposes[field];

    context->len = purpose->len + id->len;
    context->data = ngx_pnalloc(pool, context->len);

    if (context->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ngx_cpymem(context->data, purpose->data, purpose->len),
               id->data, id->len);

    return NGX_OK;
}


ngx_int_t
ehr_record_decrypt(ehr_request_t *req, ehr_record_t *record, size_t field,
    const ngx_str_t *id, ngx_str_t hex, ngx_str_t *text)
{
    u_char     *sealed;
    size_t      len;
    ngx_str_t   context;

    if (hex.len < 2 + 2 * EHR_CIPHER_OVERHEAD) {
        return NGX_ERROR;
    }

    len = (hex.len - 2) / 2;
    sealed = ngx_pnalloc(req->pool, len);
    text->data = ngx_pnalloc(req->pool, len);
    text->len = len - EHR_CIPHER_OVERHEAD;

    if (sealed == NULL || text->data == NULL
        || ehr_record_context(req->pool, record, field, id, &context)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ehr_hex_decode(sealed, hex.data + 2, len) != 0) {
        return NGX_ERROR;
    }

    return ehr_field_decrypt(&req->conf->keys, &context, sealed, len,
                             text->data);
}


size_t
ehr_record_indexes(ehr_record_t *record, size_t field, const char *text,
    size_t len, ngx_pool_t *pool, u_char indexes[EHR_BLIND_INDEXES])
{
    char       *normal;
    size_t      n;
    ngx_str_t   purpose;

    normal = ngx_pnalloc(pool, len + 1);
    if (normal == NULL) {
        return 0;
    }

    len = ehr_normalize(record->fields->fields[field], text, len, normal);

    /* without the colon that separates it from a row's id */
    purpose = record->purposes[field];
    purpose.len--;

    return ehr_blind_indexes(&ehr_worker.conf->keys, &purpose,
                             (u_char *) normal, len, indexes, &n)
           == NGX_OK ? n : 0;
}


/* An array, because a row may have the index of any key. */

ngx_int_t
ehr_record_sought(ehr_request_t *req, ehr_record_t *record, size_t field,
    const char *text, size_t len, ehr_param_t *param)
{
    u_char     *p;
    size_t      i, n;
    ngx_str_t   index;
    u_char      indexes[EHR_BLIND_INDEXES];

    n = ehr_record_indexes(record, field, text, len, req->pool, indexes);
    p = ngx_pnalloc(req->pool, n * (2 + sizeof("\"\\\\x\",")) + 3);

    if (n == 0 || p == NULL) {
        return NGX_ERROR;
    }

    param->value = (char *) p;
    *p++ = '{';

    for (i = 0; i < n; i += EHR_BLIND_INDEX) {
        index = ehr_record_stored(indexes + i);

        p = ngx_sprintf(p, "%s\"\\\\x", i ? "," : "");
        p = ngx_hex_dump(p, index.data, index.len);
        *p++ = '"';
    }

    *p++ = '}';
    *p = '\0';

    return NGX_OK;
}


/* Of version 1 the version is not stored. */

ngx_str_t
ehr_record_stored(u_char index[EHR_BLIND_INDEX])
{
    ngx_str_t  stored = { EHR_BLIND_INDEX, index };

    if (index[0] == 1) {
        stored.len--;
        stored.data++;
    }

    return stored;
}


/* What is to be written: the database chooses among them. */

static ngx_int_t
ehr_record_index_param(ehr_request_t *req, ehr_record_t *record,
    size_t field, const ehr_value_t *value, ehr_param_t *param)
{
    size_t   n;
    u_char  *indexes;

    indexes = ngx_pnalloc(req->pool, EHR_BLIND_INDEXES);
    if (indexes == NULL) {
        return NGX_ERROR;
    }

    n = ehr_record_indexes(record, field, value->text, value->len, req->pool,
                           indexes);
    if (n == 0) {
        return NGX_ERROR;
    }

    param->value = (char *) indexes;
    param->len = (int) n;
    param->binary = 1;

    return NGX_OK;
}


ngx_int_t
ehr_record_push_sensitive(ehr_request_t *req, ehr_record_t *record, size_t i,
    const ehr_value_t *value, ngx_str_t *id, ngx_array_t *params)
{
    u_char       *sealed;
    ngx_str_t     context;
    ehr_param_t  *param;

    param = ngx_array_push(params);
    if (param == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(param, sizeof(ehr_param_t));

    if (value->text) {
        sealed = ngx_pnalloc(req->pool, value->len + EHR_CIPHER_OVERHEAD);

        if (sealed == NULL
            || ehr_record_context(req->pool, record, i, id, &context)
               != NGX_OK
            || ehr_field_encrypt(&req->conf->keys, &context,
                                 (u_char *) value->text, value->len, sealed)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        param->value = (char *) sealed;
        param->len = (int) (value->len + EHR_CIPHER_OVERHEAD);
        param->binary = 1;
    }

    if ((record->fields->fields[i]->flags & EHR_INDEXED) == 0) {
        return NGX_OK;
    }

    param = ngx_array_push(params);
    if (param == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(param, sizeof(ehr_param_t));

    return value->text
           ? ehr_record_index_param(req, record, i, value, param) : NGX_OK;
}


ngx_int_t
ehr_record_push_values(ehr_request_t *req, ehr_record_t *record,
    const ehr_values_t *values, ngx_str_t *id, int only_mutable,
    ngx_array_t *params)
{
    size_t              i;
    ehr_param_t        *param;
    const ehr_field_t  *field;

    for (i = 0; i < record->fields->n; i++) {
        field = record->fields->fields[i];

        if (only_mutable ? !ehr_field_is_mutable(field)
                         : !ehr_field_is_writable(field))
        {
            continue;
        }

        if (field->flags & EHR_SENSITIVE) {
            if (ehr_record_push_sensitive(req, record, i, &values->values[i],
                                          id, params)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        param = ngx_array_push(params);
        if (param == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(param, sizeof(ehr_param_t));
        param->value = values->values[i].text;
    }

    return NGX_OK;
}
