/*
 * What all ways to a new account share: hash the password, save, answer.
 */

#include "../http/database_error.h"
#include "account.h"


static void ehr_account_hashed(void *data, ngx_int_t ok, const char *hash);
static void ehr_account_reply(ehr_request_t *req, ngx_str_t answer);
static void ehr_account_saved(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_account_failed(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_account_replayed(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_account_hash(ehr_request_t *req, ehr_new_account_t *account,
    ehr_value_t password)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    text.data = (u_char *) password.text;
    text.len = password.len;

    req->state = account;

    if (ehr_account_new_id(req, &account->id) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ehr_password_hash(&req->conf->passwords, &text, ehr_account_hashed,
                           req, &req->job);

    if (rc == NGX_BUSY) {
        ehr_metrics_count(ehr_worker.shared, EHR_COUNT_PASSWORD_REJECTED, 1);
        ehr_reply_later(req, NGX_HTTP_SERVICE_UNAVAILABLE,
                        EHR_MESSAGE_UNAVAILABLE, 2);
        return NGX_OK;
    }

    return rc;
}


static void
ehr_account_hashed(void *data, ngx_int_t ok, const char *hash)
{
    ngx_int_t           rc;
    ngx_str_t           text;
    ehr_request_t      *req = data;
    ngx_connection_t   *c = req->http->connection;
    ehr_new_account_t  *account = req->state;

    req->job = NULL;
    rc = NGX_ERROR;

    if (ok) {
        text.data = (u_char *) hash;
        text.len = ngx_strlen(hash) + 1;
        text.data = ngx_pstrdup(req->pool, &text);

        if (text.data) {
            rc = account->save(req, account, (char *) text.data);
        }
    }

    if (rc == NGX_ERROR) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }

    ngx_http_run_posted_requests(c);
}


/* -- saving ---------------------------------------------------------------- */


ehr_batch_t *
ehr_account_begin(ehr_request_t *req, ehr_new_account_t *account)
{
    ehr_batch_t  *batch;

    if (ehr_account_become(req, account->id) != NGX_OK) {
        return NULL;
    }

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_SYSTEM);

    /* the new account acts, but nobody's request keeps its idempotency key
     * under nobody, so that a repetition finds it */
    req->signed_in = 0;

    if (batch && ehr_step_idempotency(req, batch) != NGX_OK) {
        ehr_batch_destroy(batch);
        return NULL;
    }

    return batch;
}


ngx_int_t
ehr_account_send(ehr_request_t *req, ehr_new_account_t *account,
    ehr_batch_t *batch)
{
    ehr_param_t  params[6];

    if (req->key.len) {
        ngx_memzero(params, sizeof(params));

        if (ehr_idempotency_params(req, params) != NGX_OK) {
            ehr_batch_destroy(batch);
            return NGX_ERROR;
        }

        params[4].value = "201";
        params[5].value = (char *) account->answer.data;

        if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_IDEMPOTENCY_KEEP], 6,
                          params)
            != NGX_OK)
        {
            ehr_batch_destroy(batch);
            return NGX_ERROR;
        }
    }

    req->failed = ehr_account_failed;

    return ehr_step_send(req, batch, ehr_account_saved);
}


static void
ehr_account_reply(ehr_request_t *req, ngx_str_t answer)
{
    ehr_out_t    data;
    ehr_reply_t  reply;

    ehr_out_init(&data, req->pool);
    ehr_out_raw(&data, answer.data, answer.len);

    ngx_memzero(&reply, sizeof(ehr_reply_t));
    reply.status = NGX_HTTP_CREATED;
    reply.message = EHR_MESSAGE_CREATED;
    reply.data = &data;

    ehr_reply(req, &reply);
}


static void
ehr_account_saved(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_new_account_t  *account = req->state;

    ehr_account_reply(req, account->answer);
}


static void
ehr_account_failed(ehr_request_t *req, ehr_batch_t *batch)
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
        || ehr_step_send(req, again, ehr_account_replayed) != NGX_OK)
    {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


static void
ehr_account_replayed(ehr_request_t *req, ehr_batch_t *batch)
{
    if (PQntuples(batch->results[1]) == 0) {
        ehr_reply_message(req, NGX_HTTP_CONFLICT, EHR_MESSAGE_CONFLICT);
        return;
    }

    req->replayed = 1;
    ehr_account_reply(req, ehr_result_value(batch->results[1], 0, 0));
}
