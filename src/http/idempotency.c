/*
 * Idempotency-Key: the same key and body get the first answer again.
 * (draft-ietf-httpapi-idempotency-key-header)
 */

#include "database_error.h"


static const char  ehr_nobody[] = "00000000-0000-0000-0000-000000000000";


static void ehr_answer_again(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_idempotency_params(ehr_request_t *req, ehr_param_t params[4])
{
    u_char  *hash, *key, *route, *p;
    size_t   i, len, hash_len;

    static ngx_str_t  purpose = ngx_string("idempotency");

    hash = ngx_pnalloc(req->pool, EHR_BLIND_INDEXES);
    key = ngx_pnalloc(req->pool, req->key.len + 1);

    len = ngx_strlen(req->route->path) + 1;
    len += req->nparams * (EHR_UUID_TEXT + 1);
    route = ngx_pnalloc(req->pool, len);

    if (hash == NULL || key == NULL || route == NULL) {
        return NGX_ERROR;
    }

    /* keyed, for a body may hold a password */

    if (ehr_blind_indexes(&req->conf->keys, &purpose, req->body.data,
                          req->body.len, hash, &hash_len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    *ngx_cpymem(key, req->key.data, req->key.len) = '\0';

    p = ngx_sprintf(route, "%s", req->route->path);

    for (i = 0; i < req->nparams; i++) {
        p = ngx_sprintf(p, " %V", &req->params[i]);
    }

    *p = '\0';

    ngx_memzero(params, 4 * sizeof(ehr_param_t));

    params[0].value = req->signed_in ? (char *) req->who.user_text
                                     : ehr_nobody;
    params[1].value = (char *) key;
    params[2].value = (char *) route;
    params[3].value = (char *) hash;
    params[3].len = (int) hash_len;
    params[3].binary = 1;

    return NGX_OK;
}


int
ehr_is_replay(const ehr_batch_t *batch)
{
    return ngx_strcmp(batch->error.sqlstate, "EH200") == 0;
}


ngx_int_t
ehr_answer_keep(ehr_request_t *req, ehr_batch_t *batch, const char *json)
{
    ehr_param_t  params[6];

    req->failed = ehr_answer_failed;

    if (req->key.len == 0) {
        return NGX_OK;
    }

    ngx_memzero(params, sizeof(params));

    if (ehr_idempotency_params(req, params) != NGX_OK) {
        return NGX_ERROR;
    }

    params[4].value = "201";
    params[5].value = json;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_IDEMPOTENCY_KEEP], 6,
                         params);
}


void
ehr_answer_created(ehr_request_t *req, ehr_out_t *json)
{
    ehr_reply_t  reply;

    ngx_memzero(&reply, sizeof(ehr_reply_t));
    reply.status = NGX_HTTP_CREATED;
    reply.message = EHR_MESSAGE_CREATED;
    reply.data = json;

    ehr_reply(req, &reply);
}


void
ehr_answer_failed(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_batch_t  *again;
    ehr_param_t   params[4];

    if (!ehr_is_replay(batch)) {
        ehr_step_failed(req, batch);
        return;
    }

    req->failed = NULL;
    again = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_SYSTEM);

    if (again == NULL || ehr_idempotency_params(req, params) != NGX_OK
        || ehr_batch_add(again, ehr_queries[EHR_QUERY_IDEMPOTENCY_FIND], 2,
                         params)
           != NGX_OK
        || ehr_step_send(req, again, ehr_answer_again) != NGX_OK)
    {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


static void
ehr_answer_again(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_str_t  kept;
    ehr_out_t  json;

    if (PQntuples(batch->results[1]) == 0) {
        ehr_reply_message(req, NGX_HTTP_CONFLICT, EHR_MESSAGE_CONFLICT);
        return;
    }

    req->replayed = 1;
    kept = ehr_result_value(batch->results[1], 0, 0);
    ehr_out_init(&json, req->pool);
    ehr_out_raw(&json, kept.data, kept.len);
    ehr_answer_created(req, &json);
}
