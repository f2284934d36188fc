/*
 * Changes of one item: PUT, PATCH, DELETE and restore.
 *
 * A statement that hits nothing is followed in the same batch by one that
 * tells why: the row is not there (404) or has another version (412).
 */

#include "record.h"


static ngx_int_t ehr_record_write(ehr_request_t *req, ehr_write_t write);
static ngx_int_t ehr_record_add_by_id(ehr_request_t *req,
    ehr_record_t *record, ehr_sql_t kind, ehr_batch_t *batch);
static void ehr_record_write_done(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_record_delete_done(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_record_restore_done(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_record_missed(ehr_request_t *req, PGresult *explained);


ngx_int_t
ehr_record_replace(ehr_request_t *req)
{
    return ehr_record_write(req, EHR_ON_REPLACE);
}


ngx_int_t
ehr_record_patch(ehr_request_t *req)
{
    return ehr_record_write(req, EHR_ON_PATCH);
}


static ngx_int_t
ehr_record_write(ehr_request_t *req, ehr_write_t write)
{
    ngx_int_t      rc;
    ehr_batch_t   *batch;
    ehr_param_t    versions;
    ehr_values_t   values;
    ehr_record_t  *record = ehr_request_record(req);

    rc = ehr_record_body(req, record, write, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_record_add_references(req, record, &values,
                                     (char *) ehr_record_id(req)->data, batch)
           != NGX_OK
        || ehr_record_expected(req, &versions) != NGX_OK
        || ehr_record_add_update(req, record, ehr_record_id(req),
                                 versions.value, &values, batch)
           != NGX_OK
        || ehr_record_add_by_id(req, record, EHR_SQL_EXPLAIN, batch)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_record_write_done);
}


ngx_int_t
ehr_record_add_references(ehr_request_t *req, ehr_record_t *record,
    const ehr_values_t *values, const char *owner, ehr_batch_t *batch)
{
    size_t        i;
    ngx_uint_t    n, given;
    ehr_param_t   params[EHR_MAX_FIELDS + 1];

    if (record->references == NULL) {
        return NGX_OK;
    }

    ngx_memzero(params, sizeof(params));
    n = 0;
    given = 0;

    for (i = 0; i < record->fields->n; i++) {

        if (!ehr_field_is_checked(record->fields, i)) {
            continue;
        }

        if (values->present & ((uint64_t) 1 << i)) {
            params[n].value = values->values[i].text;
            given += params[n].value != NULL;
        }

        n++;
    }

    if (given == 0) {
        return NGX_OK;
    }

    if (ehr_sql_references_owner(record->fields)) {
        params[n++].value = owner;
    }

    return ehr_batch_add(batch, record->references, n, params);
}


ngx_int_t
ehr_record_expected(ehr_request_t *req, ehr_param_t *param)
{
    ngx_str_t  versions;

    ngx_memzero(param, sizeof(ehr_param_t));

    if (ehr_if_match_versions(req, &versions) != NGX_OK) {
        return NGX_ERROR;
    }

    param->value = (char *) versions.data;

    return NGX_OK;
}


ngx_int_t
ehr_record_add_update(ehr_request_t *req, ehr_record_t *record,
    ngx_str_t *id, const char *versions, const ehr_values_t *values,
    ehr_batch_t *batch)
{
    u_char       *mask;
    ngx_array_t   params;
    ehr_param_t  *param;

    mask = ngx_pnalloc(req->pool, NGX_INT64_LEN + 1);

    if (mask == NULL
        || ngx_array_init(&params, req->pool, EHR_MAX_FIELDS + 3,
                          sizeof(ehr_param_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *ngx_sprintf(mask, "%L", (int64_t) values->present) = '\0';

    param = ngx_array_push_n(&params, 3);
    ngx_memzero(param, 3 * sizeof(ehr_param_t));

    param[0].value = (char *) id->data;
    param[1].value = versions;
    param[2].value = (char *) mask;

    if (ehr_record_push_values(req, record, values, id, 1, &params)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_batch_add(batch, record->statements[EHR_SQL_UPDATE],
                         params.nelts, params.elts);
}


static ngx_int_t
ehr_record_add_by_id(ehr_request_t *req, ehr_record_t *record,
    ehr_sql_t kind, ehr_batch_t *batch)
{
    ehr_param_t  param;

    ngx_memzero(&param, sizeof(ehr_param_t));
    param.value = (char *) ehr_record_id(req)->data;

    return ehr_batch_add(batch, record->statements[kind], 1, &param);
}


/* Nothing was hit: another version, or nothing that the actor may change. */

static void
ehr_record_missed(ehr_request_t *req, PGresult *explained)
{
    ngx_str_t  version;

    if (PQntuples(explained)) {
        version = ehr_result_value(explained, 0, 0);

        if (!ehr_if_match(req, ngx_atoi(version.data, version.len))) {
            ehr_reply_message(req, NGX_HTTP_PRECONDITION_FAILED,
                            EHR_MESSAGE_STALE_VERSION);
            return;
        }
    }

    ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
}


static void
ehr_record_write_done(ehr_request_t *req, ehr_batch_t *batch)
{
    PGresult  *updated = batch->results[batch->n - 2];

    if (PQntuples(updated) == 0) {
        ehr_record_missed(req, batch->results[batch->n - 1]);
        return;
    }

    ehr_record_reply_row(req, ehr_request_record(req), updated, NGX_HTTP_OK,
                         EHR_MESSAGE_SUCCESS);
}


ngx_int_t
ehr_record_delete(ehr_request_t *req)
{
    ehr_batch_t   *batch;
    ehr_param_t    params[2];
    ehr_record_t  *record = ehr_request_record(req);

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) ehr_record_id(req)->data;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_record_expected(req, &params[1]) != NGX_OK
        || ehr_batch_add(batch, record->statements[EHR_SQL_DELETE], 2, params)
           != NGX_OK
        || ehr_record_add_by_id(req, record, EHR_SQL_EXPLAIN, batch)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_record_delete_done);
}


static void
ehr_record_delete_done(ehr_request_t *req, ehr_batch_t *batch)
{
    if (PQntuples(batch->results[1]) == 0) {
        ehr_record_missed(req, batch->results[2]);
        return;
    }

    ehr_reply_message(req, NGX_HTTP_OK, EHR_MESSAGE_DELETED);
}


ngx_int_t
ehr_record_restore(ehr_request_t *req)
{
    ehr_batch_t   *batch;
    ehr_record_t  *record = ehr_request_record(req);

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_record_add_by_id(req, record, EHR_SQL_RESTORE, batch) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_record_restore_done);
}


static void
ehr_record_restore_done(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_record_reply_row(req, ehr_request_record(req), batch->results[1],
                         NGX_HTTP_OK, EHR_MESSAGE_RESTORED);
}
