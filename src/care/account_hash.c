/*
 * What all ways to a new account share: hash the password, save, answer.
 */

#include "account.h"


static void ehr_account_hashed(void *data, ngx_int_t ok, const char *hash);
static void ehr_account_saved(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_account_hash(ehr_request_t *req, ehr_new_account_t *account,
    ehr_value_t password)
{
    ngx_str_t  text;

    text.data = (u_char *) password.text;
    text.len = password.len;

    req->state = account;

    if (ehr_account_new_id(req, &account->id) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_account_hashing(req,
        ehr_password_hash(&req->conf->passwords, &text, ehr_account_hashed,
                          req, &req->job));
}


ngx_int_t
ehr_account_hashing(ehr_request_t *req, ngx_int_t rc)
{
    if (rc == NGX_OK) {
        req->http->read_event_handler = ngx_http_test_reading;

    } else if (rc == NGX_BUSY) {
        ehr_metrics_count(ehr_worker.shared, EHR_COUNT_PASSWORD_REJECTED, 1);
        ehr_reply_later(req, NGX_HTTP_SERVICE_UNAVAILABLE,
                        EHR_MESSAGE_UNAVAILABLE, 2);
        rc = NGX_OK;
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

    if (batch == NULL || ehr_step_idempotency(req, batch) != NGX_OK) {
        return NULL;
    }

    return batch;
}


ngx_int_t
ehr_account_send(ehr_request_t *req, ehr_new_account_t *account,
    ehr_batch_t *batch)
{
    if (ehr_answer_keep(req, batch, (char *) account->answer.data)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_account_saved);
}


static void
ehr_account_saved(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_out_t           json;
    ehr_new_account_t  *account = req->state;

    ehr_out_init(&json, req->pool);
    ehr_out_raw(&json, account->answer.data, account->answer.len);
    ehr_answer_created(req, &json);
}
