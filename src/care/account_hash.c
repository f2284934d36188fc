/*
 * What all ways to a new account share: hash the password, then save.
 */

#include "account.h"


static void ehr_account_hashed(void *data, ngx_int_t ok, const char *hash);


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


void
ehr_account_reply_created(ehr_request_t *req, const u_char *json, size_t len)
{
    ehr_out_t    data;
    ehr_reply_t  reply;

    ehr_out_init(&data, req->pool);
    ehr_out_raw(&data, json, len);

    ngx_memzero(&reply, sizeof(ehr_reply_t));
    reply.status = NGX_HTTP_CREATED;
    reply.message = EHR_MESSAGE_CREATED;
    reply.data = &data;

    ehr_reply(req, &reply);
}
