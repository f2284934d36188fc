/*
 * A new item.
 */

#include "../http/database_error.h"
#include "record.h"


static ngx_int_t ehr_record_add_insert(ehr_request_t *req,
    ehr_record_t *record, const ehr_values_t *values, ehr_batch_t *batch,
    ngx_str_t *id);
static void ehr_record_replay_done(ehr_request_t *req, ehr_batch_t *batch);
static ngx_int_t ehr_record_replay(ehr_request_t *req);


ngx_int_t
ehr_record_create(ehr_request_t *req)
{
    ngx_int_t      rc;
    ngx_str_t      id;
    ehr_batch_t   *batch;
    ehr_values_t   values;
    ehr_record_t  *record = ehr_request_record(req);

    rc = ehr_record_parent_field(req, record, req->json);

    if (rc == NGX_OK) {
        rc = ehr_record_body(req, record, EHR_ON_CREATE, &values);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_record_add_checked(req, record, &values, batch, &id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ehr_step_share(req, batch);
    req->failed = ehr_record_create_failed;

    return ehr_step_send(req, batch, ehr_record_made_done);
}


ngx_int_t
ehr_record_add_checked(ehr_request_t *req, ehr_record_t *record,
    const ehr_values_t *values, ehr_batch_t *batch, ngx_str_t *id)
{
    if (ehr_step_idempotency(req, batch) != NGX_OK
        || ehr_record_add_references(req, record, values,
                                     record->patient > 0
                                     ? values->values[record->patient].text
                                     : NULL, batch)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_record_add_insert(req, record, values, batch, id);
}


ngx_int_t
ehr_record_new_id(ehr_request_t *req, ngx_str_t *id)
{
    ehr_uuid_t  uuid;

    id->len = EHR_UUID_TEXT;
    id->data = ngx_pcalloc(req->pool, EHR_UUID_TEXT + 1);

    if (id->data == NULL || ehr_uuid_new(&uuid) != NGX_OK) {
        return NGX_ERROR;
    }

    ehr_uuid_print(id->data, &uuid);

    return NGX_OK;
}


ngx_int_t
ehr_record_add_made(ehr_request_t *req, ehr_record_t *record, ngx_str_t *id,
    ehr_batch_t *batch)
{
    ehr_param_t  params[5];

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) id->data;

    if (req->key.len
        && (ehr_idempotency_params(req, &params[1]) != NGX_OK
            || ehr_batch_add(batch, record->statements[EHR_SQL_MADE], 5,
                             params)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    req->failed = ehr_record_create_failed;

    return ehr_batch_add(batch, record->statements[EHR_SQL_READ], 1, params);
}


ngx_int_t
ehr_record_parent_field(ehr_request_t *req, ehr_record_t *record,
    json_t *body)
{
    json_t      *given, *id;
    const char  *name = record->resource->parent_field;

    if (record->parent < 0 || req->nparams == 0 || !json_is_object(body)) {
        return NGX_OK;
    }

    id = json_stringn((char *) req->params[0].data, req->params[0].len);
    if (id == NULL) {
        return NGX_ERROR;
    }

    given = json_object_get(body, name);

    if (given && !json_equal(given, id)) {
        json_decref(id);
        ehr_reply_field(req, 422, name, EHR_MESSAGE_FIELD_IMMUTABLE);
        return NGX_DONE;
    }

    return json_object_set_new(body, name, id) == 0 ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ehr_record_add_insert(ehr_request_t *req, ehr_record_t *record,
    const ehr_values_t *values, ehr_batch_t *batch, ngx_str_t *id)
{
    ehr_sql_t     kind;
    ngx_array_t   params;
    ehr_param_t  *param;

    if (ehr_record_new_id(req, id) != NGX_OK
        || ngx_array_init(&params, req->pool, EHR_MAX_FIELDS,
                          sizeof(ehr_param_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    param = ngx_array_push(&params);
    ngx_memzero(param, sizeof(ehr_param_t));
    param->value = (char *) id->data;

    if (ehr_record_push_values(req, record, values, id, 0, &params)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    kind = EHR_SQL_CREATE;

    if (req->key.len) {
        kind = EHR_SQL_KEEP;

        param = ngx_array_push_n(&params, 4);

        if (param == NULL || ehr_idempotency_params(req, param) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ehr_batch_add(batch, record->statements[kind], params.nelts,
                         params.elts);
}


void
ehr_record_made_done(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_record_reply_created(req, ehr_request_record(req),
                             batch->results[batch->n - 1]);
}


void
ehr_record_reply_created(ehr_request_t *req, ehr_record_t *record,
    PGresult *result)
{
    ehr_record_reply_row(req, record, result, NGX_HTTP_CREATED,
                         EHR_MESSAGE_CREATED);
}


void
ehr_record_create_failed(ehr_request_t *req, ehr_batch_t *batch)
{
    if (!ehr_is_replay(batch)) {
        ehr_step_failed(req, batch);
        return;
    }

    req->failed = NULL;

    if (ehr_record_replay(req) != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                        EHR_MESSAGE_INTERNAL_ERROR);
    }
}


/* The row as it was when it was made, from the idempotency record. */

static ngx_int_t
ehr_record_replay(ehr_request_t *req)
{
    ehr_batch_t   *batch;
    ehr_param_t    params[4];
    ehr_record_t  *record = ehr_request_record(req);

    if (ehr_idempotency_params(req, params) != NGX_OK) {
        return NGX_ERROR;
    }

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_batch_add(batch, record->statements[EHR_SQL_REPLAY], 2, params)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_record_replay_done);
}


static void
ehr_record_replay_done(ehr_request_t *req, ehr_batch_t *batch)
{
    req->replayed = 1;
    ehr_record_reply_created(req, ehr_request_record(req),
                             batch->results[1]);
}
