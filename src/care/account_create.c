/*
 * New accounts: a patient registers, the first administrator is set up, an
 * administrator creates a user.  The password is hashed before the database
 * is asked; the account and its secret are one transaction.
 */

#include <openssl/crypto.h>

#include "../http/database_error.h"
#include "account.h"


typedef struct ehr_new_account_s  ehr_new_account_t;

struct ehr_new_account_s {
    ehr_values_t        values;
    ngx_str_t           id;
    ngx_str_t           patient;
    ngx_int_t         (*save)(ehr_request_t *req, ehr_new_account_t *account,
                              const char *hash);
};


static ngx_int_t ehr_account_hash(ehr_request_t *req,
    ehr_new_account_t *account, ehr_value_t password);
static void ehr_account_hashed(void *data, ngx_int_t ok, const char *hash);
static ngx_int_t ehr_account_limit(ehr_request_t *req);
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
static void ehr_account_reply(ehr_request_t *req, const u_char *json,
    size_t len);
static ngx_int_t ehr_setup_token_fits(ehr_request_t *req, ehr_value_t token);
static ngx_int_t ehr_setup_save(ehr_request_t *req,
    ehr_new_account_t *account, const char *hash);
static void ehr_setup_saved(ehr_request_t *req, ehr_batch_t *batch);
static ngx_int_t ehr_user_save(ehr_request_t *req,
    ehr_new_account_t *account, const char *hash);
static void ehr_user_saved(ehr_request_t *req, ehr_batch_t *batch);


#define ehr_register_value(account, name)                                    \
    ehr_input_value(&ehr_input_register, &(account)->values, name)


/* -- hashing --------------------------------------------------------------- */


static ngx_int_t
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


/* Hashing is dear: anonymous callers have the login's limit. */

static ngx_int_t
ehr_account_limit(ehr_request_t *req)
{
    time_t      wait;
    ngx_str_t  *address = &req->http->connection->addr_text;

    wait = ehr_rate_take(ehr_worker.shared, EHR_LIMIT_LOGIN_ADDRESS,
                         &req->conf->rates[EHR_LIMIT_LOGIN_ADDRESS],
                         address->data, address->len);
    if (wait == 0) {
        return NGX_OK;
    }

    ehr_metrics_count(ehr_worker.shared, EHR_COUNT_RATE_LIMITED, 1);
    ehr_reply_later(req, NGX_HTTP_TOO_MANY_REQUESTS,
                    EHR_MESSAGE_TOO_MANY_REQUESTS, wait);

    return NGX_DONE;
}


/* -- a patient registers --------------------------------------------------- */


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
        rc = ehr_account_limit(req);
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

    /* nobody's request keeps its idempotency key under nobody */

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_SYSTEM);
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
ehr_account_reply(ehr_request_t *req, const u_char *json, size_t len)
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


static void
ehr_register_saved(ehr_request_t *req, ehr_batch_t *batch)
{
    u_char              json[128], *end;
    ehr_new_account_t  *account = req->state;

    end = ngx_snprintf(json, sizeof(json),
                       "{\"id\":\"%V\",\"patientId\":\"%V\"}",
                       &account->id, &account->patient);

    ehr_account_reply(req, json, end - json);
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

    ehr_account_reply(req, json.data, json.len);
}


/* -- the first administrator ----------------------------------------------- */


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
        rc = ehr_account_limit(req);
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
    size_t      i;
    u_char      different = 0;
    ngx_int_t   byte;
    ngx_str_t  *expected = &req->conf->setup_token;

    if (token.len != 2 * expected->len) {
        return 0;
    }

    for (i = 0; i < expected->len; i++) {
        byte = ngx_hextoi((u_char *) token.text + 2 * i, 2);
        if (byte == NGX_ERROR) {
            return 0;
        }

        different |= (u_char) byte ^ expected->data[i];
    }

    return different == 0;
}


static ngx_int_t
ehr_setup_save(ehr_request_t *req, ehr_new_account_t *account,
    const char *hash)
{
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

    if (ehr_account_become(req, account->id) != NGX_OK
        || ehr_account_seal(req, ehr_resource_find("users"), "email",
                            ehr_input_value(&ehr_input_setup, values,
                                            "email"),
                            &account->id, &params[1])
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_SYSTEM);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_SETUP], 6, params)
        != NGX_OK)
    {
        ehr_batch_destroy(batch);
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_setup_saved);
}


static void
ehr_setup_saved(ehr_request_t *req, ehr_batch_t *batch)
{
    u_char              json[64], *end;
    ehr_new_account_t  *account = req->state;

    end = ngx_snprintf(json, sizeof(json), "{\"id\":\"%V\"}", &account->id);

    ehr_account_reply(req, json, end - json);
}


/* -- an administrator creates a user --------------------------------------- */


/* The users descriptor and a password; the latter is taken out before the
 * former sees the body. */

ngx_int_t
ehr_account_create_user(ehr_request_t *req)
{
    int                  rc;
    json_t              *secret;
    ehr_values_t         values;
    ehr_record_t        *record = ehr_request_record(req);
    ehr_fields_t         fields;
    ehr_new_account_t   *account;
    ehr_field_errors_t   errors;

    account = ngx_pcalloc(req->pool, sizeof(ehr_new_account_t));
    secret = json_object();

    if (account == NULL || secret == NULL) {
        json_decref(secret);
        return NGX_ERROR;
    }

    account->save = ehr_user_save;

    if (json_is_object(req->json) && json_object_get(req->json, "password")) {
        (void) json_object_set(secret, "password",
                               json_object_get(req->json, "password"));
        (void) json_object_del(req->json, "password");
    }

    /* hashing is dear: nothing else may be wrong when it begins */

    ehr_fields_plain(&ehr_input_password, &fields);

    rc = ehr_validate(record->fields, req->json, EHR_ON_CREATE,
                      req->who.permissions, &req->arena, &values, &errors);

    if (rc == 0) {
        rc = ehr_validate(&fields, secret, EHR_ON_CREATE,
                          req->who.permissions, &req->arena,
                          &account->values, &errors);
    }

    json_decref(secret);

    if (rc == -1) {
        ehr_reply_fields(req, errors.forbidden ? NGX_HTTP_FORBIDDEN : 422,
                         &errors);
        return NGX_OK;
    }

    if (rc != 0) {
        return NGX_ERROR;
    }

    return ehr_account_hash(req, account, account->values.values[0]);
}


static ngx_int_t
ehr_user_save(ehr_request_t *req, ehr_new_account_t *account,
    const char *hash)
{
    ngx_int_t      rc;
    ngx_str_t      id;
    ehr_batch_t   *batch;
    ehr_param_t    params[3];
    ehr_record_t  *record = ehr_request_record(req);

    req->state = NULL;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    rc = ehr_record_add_create(req, record, req->json, batch, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) id.data;
    params[1].value = hash;

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_PASSWORD_SET], 3, params)
        != NGX_OK)
    {
        ehr_batch_destroy(batch);
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
