/*
 * The first administrator, by the token of a file only the operator reads.
 */

#include <openssl/crypto.h>

#include "../access/encoding.h"
#include "account.h"


static ngx_int_t ehr_setup_token_fits(ehr_request_t *req, ehr_value_t token);
static ngx_int_t ehr_setup_save(ehr_request_t *req,
    ehr_new_account_t *account, const char *hash);


ngx_int_t
ehr_account_setup(ehr_request_t *req)
{
    ngx_int_t           rc;
    ehr_new_account_t  *account;

    if (req->conf->setup_token.len == 0) {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return NGX_OK;
    }

    account = ngx_pcalloc(req->pool, sizeof(ehr_new_account_t));
    if (account == NULL) {
        return NGX_ERROR;
    }

    account->save = ehr_setup_save;

    rc = ehr_request_input(req, &ehr_input_setup, &account->values);

    if (rc == NGX_OK) {
        rc = ehr_request_limit_address(req, EHR_LIMIT_LOGIN_ADDRESS);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (!ehr_setup_token_fits(req, ehr_input_value(&ehr_input_setup,
                                                   &account->values,
                                                   "token")))
    {
        ehr_reply_message(req, NGX_HTTP_FORBIDDEN, EHR_MESSAGE_FORBIDDEN);
        return NGX_OK;
    }

    return ehr_account_hash(req, account,
                            ehr_input_value(&ehr_input_setup,
                                            &account->values, "password"));
}


/* The file holds hex; so does the request. */

static ngx_int_t
ehr_setup_token_fits(ehr_request_t *req, ehr_value_t token)
{
    u_char      given[256];
    ngx_str_t  *expected = &req->conf->setup_token;

    return token.len == 2 * expected->len
           && expected->len <= sizeof(given)
           && ehr_hex_decode(given, (u_char *) token.text, expected->len) == 0
           && CRYPTO_memcmp(given, expected->data, expected->len) == 0;
}


static ngx_int_t
ehr_setup_save(ehr_request_t *req, ehr_new_account_t *account,
    const char *hash)
{
    u_char        *p;
    ehr_batch_t   *batch;
    ehr_param_t    params[6];
    ehr_values_t  *values = &account->values;

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) account->id.data;
    params[3].value = hash;
    params[4].value = ehr_input_value(&ehr_input_setup, values,
                                      "firstName").text;
    params[5].value = ehr_input_value(&ehr_input_setup, values,
                                      "lastName").text;

    p = ngx_pnalloc(req->pool, 64);

    if (p == NULL
        || ehr_account_seal(req, ehr_resource_find("users"), "email",
                            ehr_input_value(&ehr_input_setup, values,
                                            "email"),
                            &account->id, &params[1])
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    account->answer.data = p;
    p = ngx_sprintf(p, "{\"id\":\"%V\"}%Z", &account->id);
    account->answer.len = p - 1 - account->answer.data;

    batch = ehr_account_begin(req, account);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_SETUP], 6, params)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_account_send(req, account, batch);
}
