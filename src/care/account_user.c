/*
 * An administrator creates a user: a row of the users descriptor, and a
 * password.
 */

#include "account.h"


static ngx_int_t ehr_user_save(ehr_request_t *req,
    ehr_new_account_t *account, const char *hash);
static void ehr_user_saved(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_account_create_user(ehr_request_t *req)
{
    ngx_int_t           rc;
    ehr_new_account_t  *account;
    ehr_field_errors_t  errors;

    account = ngx_pcalloc(req->pool, sizeof(ehr_new_account_t));
    if (account == NULL) {
        return NGX_ERROR;
    }

    account->save = ehr_user_save;

    /* hashing is dear: nothing else may be wrong when it begins */

    rc = ehr_record_input(req, ehr_request_record(req), EHR_ON_CREATE,
                          &ehr_input_password, &account->row,
                          &account->values, &errors);

    if (rc == NGX_OK && errors.n) {
        ehr_reply_invalid(req, &errors);
        return NGX_OK;
    }

    return (rc == NGX_OK)
           ? ehr_account_hash(req, account, account->values.values[0]) : rc;
}


static ngx_int_t
ehr_user_save(ehr_request_t *req, ehr_new_account_t *account,
    const char *hash)
{
    ngx_str_t      id;
    ehr_batch_t   *batch;
    ehr_param_t    params[3];
    ehr_record_t  *record = ehr_request_record(req);

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_record_add_checked(req, record, &account->row, batch, &id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) id.data;
    params[1].value = hash;

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_PASSWORD_SET], 3, params)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    req->failed = ehr_record_create_failed;

    return ehr_step_send(req, batch, ehr_user_saved);
}


static void
ehr_user_saved(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_record_reply_created(req, ehr_request_record(req),
                             batch->results[batch->n - 2]);
}
