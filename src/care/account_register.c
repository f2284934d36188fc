/*
 * A patient registers: the account, its secret and the patient that it is
 * are one transaction.
 */

#include "../http/database_error.h"
#include "account.h"


static ngx_int_t ehr_register_save(ehr_request_t *req,
    ehr_new_account_t *account, const char *hash);
static ngx_int_t ehr_register_add_user(ehr_request_t *req,
    ehr_new_account_t *account, const char *hash, ehr_batch_t *batch);
static ngx_int_t ehr_register_add_patient(ehr_request_t *req,
    ehr_new_account_t *account, ehr_batch_t *batch);
static ngx_int_t ehr_register_add_keep(ehr_request_t *req,
    ehr_new_account_t *account, ehr_batch_t *batch);
static void ehr_register_saved(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_register_failed(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_register_replayed(ehr_request_t *req, ehr_batch_t *batch);


#define ehr_register_value(account, name)                                    \
    ehr_input_value(&ehr_input_register, &(account)->values, name)


ngx_int_t
ehr_account_register(ehr_request_t *req)
{
    ngx_int_t           rc;
    ehr_new_account_t  *account;

    account = ngx_pcalloc(req->pool, sizeof(ehr_new_account_t));
    if (account == NULL) {
        return NGX_ERROR;
    }

    account->save = ehr_register_save;

    rc = ehr_request_input(req, &ehr_input_register, &account->values);

    if (rc == NGX_OK) {
        rc = ehr_request_limit_address(req, EHR_LIMIT_LOGIN_ADDRESS);
    }

    return (rc == NGX_OK)
           ? ehr_account_hash(req, account,
                              ehr_register_value(account, "password"))
           : rc;
}


static ngx_int_t
ehr_register_save(ehr_request_t *req, ehr_new_account_t *account,
    const char *hash)
{
    ehr_batch_t  *batch;

    if (ehr_account_become(req, account->id) != NGX_OK) {
        return NGX_ERROR;
    }

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_SYSTEM);

    /* the new account acts, but nobody's request keeps its idempotency key
     * under nobody, so that a repetition finds it */
    req->signed_in = 0;

    if (batch == NULL) {
        return NGX_ERROR;
    }

    if (ehr_step_idempotency(req, batch) != NGX_OK
        || ehr_register_add_user(req, account, hash, batch) != NGX_OK
        || ehr_register_add_patient(req, account, batch) != NGX_OK
        || ehr_register_add_keep(req, account, batch) != NGX_OK)
    {
        ehr_batch_destroy(batch);
        return NGX_ERROR;
    }

    req->failed = ehr_register_failed;

    return ehr_step_send(req, batch, ehr_register_saved);
}


static ngx_int_t
ehr_register_add_user(ehr_request_t *req, ehr_new_account_t *account,
    const char *hash, ehr_batch_t *batch)
{
    ehr_param_t            params[10];
    const ehr_resource_t  *users = ehr_resource_find("users");

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) account->id.data;

    if (ehr_account_seal(req, users, "email",
                         ehr_register_value(account, "email"), &account->id,
                         &params[1])
        != NGX_OK
        || ehr_account_seal(req, users, "phone",
                            ehr_register_value(account, "phone"),
                            &account->id, &params[3])
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    params[5].value = hash;
    params[6].value = ehr_register_value(account, "firstName").text;
    params[7].value = ehr_register_value(account, "lastName").text;
    params[8].value = ehr_register_value(account, "timeZone").text;
    params[9].value = ehr_register_value(account, "language").text;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_REGISTER], 10, params);
}


static ngx_int_t
ehr_register_add_patient(ehr_request_t *req, ehr_new_account_t *account,
    ehr_batch_t *batch)
{
    ehr_param_t            params[10];
    const ehr_resource_t  *patients = ehr_resource_find("patients");

    if (ehr_account_new_id(req, &account->patient) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) account->patient.data;
    params[1].value = (char *) account->id.data;
    params[2].value = ehr_register_value(account, "firstName").text;
    params[3].value = ehr_register_value(account, "lastName").text;
    params[4].value = ehr_register_value(account, "dateOfBirth").text;
    params[5].value = ehr_register_value(account, "gender").text;

    if (ehr_account_seal(req, patients, "email",
                         ehr_register_value(account, "email"),
                         &account->patient, &params[6])
        != NGX_OK
        || ehr_account_seal(req, patients, "phone",
                            ehr_register_value(account, "phone"),
                            &account->patient, &params[8])
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_REGISTER_PATIENT], 10,
                         params);
}


/* The answer's data; with a key it is kept for the repetition. */

static ngx_int_t
ehr_register_add_keep(ehr_request_t *req, ehr_new_account_t *account,
    ehr_batch_t *batch)
{
    u_char       *json;
    ehr_param_t   params[6];

    if (req->key.len == 0) {
        return NGX_OK;
    }

    json = ngx_pnalloc(req->pool, 128);

    if (json == NULL || ehr_idempotency_params(req, params) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_sprintf(json, "{\"id\":\"%V\",\"patientId\":\"%V\"}%Z", &account->id,
                &account->patient);

    ngx_memzero(&params[4], 2 * sizeof(ehr_param_t));
    params[4].value = "201";
    params[5].value = (char *) json;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_IDEMPOTENCY_KEEP], 6,
                         params);
}


static void
ehr_register_saved(ehr_request_t *req, ehr_batch_t *batch)
{
    u_char              json[128], *end;
    ehr_new_account_t  *account = req->state;

    end = ngx_snprintf(json, sizeof(json),
                       "{\"id\":\"%V\",\"patientId\":\"%V\"}",
                       &account->id, &account->patient);

    ehr_account_reply_created(req, json, end - json);
}


static void
ehr_register_failed(ehr_request_t *req, ehr_batch_t *batch)
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
        || ehr_step_send(req, again, ehr_register_replayed) != NGX_OK)
    {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


static void
ehr_register_replayed(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_str_t  json;

    if (PQntuples(batch->results[1]) == 0) {
        ehr_reply_message(req, NGX_HTTP_CONFLICT, EHR_MESSAGE_CONFLICT);
        return;
    }

    json = ehr_result_value(batch->results[1], 0, 0);
    req->replayed = 1;

    ehr_account_reply_created(req, json.data, json.len);
}
