/*
 * A patient registers: the account, its secret and the patient that it is
 * are one transaction.
 */

#include "account.h"


static ngx_int_t ehr_register_save(ehr_request_t *req,
    ehr_new_account_t *account, const char *hash);
static ngx_int_t ehr_register_add_user(ehr_request_t *req,
    ehr_new_account_t *account, const char *hash, ehr_batch_t *batch);
static ngx_int_t ehr_register_add_patient(ehr_request_t *req,
    ehr_new_account_t *account, ehr_batch_t *batch);


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
    u_char       *p;
    ehr_batch_t  *batch;

    p = ngx_pnalloc(req->pool, 128);

    if (p == NULL || ehr_account_new_id(req, &account->patient) != NGX_OK) {
        return NGX_ERROR;
    }

    account->answer.data = p;
    p = ngx_sprintf(p, "{\"id\":\"%V\",\"patientId\":\"%V\"}%Z",
                    &account->id, &account->patient);
    account->answer.len = p - 1 - account->answer.data;

    batch = ehr_account_begin(req, account);

    if (batch == NULL
        || ehr_register_add_user(req, account, hash, batch) != NGX_OK
        || ehr_register_add_patient(req, account, batch) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_account_send(req, account, batch);
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
