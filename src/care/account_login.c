/*
 * Login.
 *
 * An account that does not exist, one without a password, a wrong password
 * and an account that is not active take the same steps, the same time and
 * get the same answer: find, check against a hash, write an audit row.
 */

#include "account.h"


typedef struct {
    ehr_audience_t      audience;
    ngx_str_t           account;        /* normalized e-mail */
    ngx_str_t           password;
    ngx_str_t           id;             /* NUL-terminated; empty: unknown */
    ngx_str_t           email;
    ehr_uuid_t          session;
    u_char              session_text[EHR_UUID_TEXT + 1];
    ehr_tokens_t        tokens;
    unsigned            active:1;
} ehr_login_t;


static ngx_int_t ehr_login_start(ehr_request_t *req,
    ehr_audience_t audience);
static ngx_int_t ehr_login_input(ehr_request_t *req, ehr_login_t *login,
    ehr_param_t *index);
static ngx_int_t ehr_login_limit(ehr_request_t *req, ehr_login_t *login);
static void ehr_login_found(ehr_request_t *req, ehr_batch_t *batch);
static ngx_int_t ehr_login_row(ehr_request_t *req, ehr_login_t *login,
    PGresult *result);
static void ehr_login_checked(void *data, ngx_int_t ok, const char *hash);
static ngx_int_t ehr_login_record(ehr_request_t *req, ehr_login_t *login);
static void ehr_login_recorded(ehr_request_t *req, ehr_batch_t *batch);
static ngx_int_t ehr_login_refuse(ehr_request_t *req, ehr_login_t *login);
static void ehr_login_refused(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_account_login(ehr_request_t *req)
{
    return ehr_login_start(req, EHR_AUDIENCE_STAFF);
}


ngx_int_t
ehr_account_portal_login(ehr_request_t *req)
{
    return ehr_login_start(req, EHR_AUDIENCE_PORTAL);
}


static ngx_int_t
ehr_login_start(ehr_request_t *req, ehr_audience_t audience)
{
    ngx_int_t     rc;
    ehr_batch_t  *batch;
    ehr_login_t  *login;
    ehr_param_t   index;

    login = ngx_pcalloc(req->pool, sizeof(ehr_login_t));
    if (login == NULL) {
        return NGX_ERROR;
    }

    login->audience = audience;
    req->state = login;

    rc = ehr_login_input(req, login, &index);

    if (rc == NGX_OK) {
        rc = ehr_login_limit(req, login);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_SYSTEM);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_LOGIN_FIND], 1, &index)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_login_found);
}


static ngx_int_t
ehr_login_input(ehr_request_t *req, ehr_login_t *login, ehr_param_t *index)
{
    int            field;
    ngx_int_t      rc;
    ehr_value_t    email, password;
    ehr_values_t   values;
    ehr_record_t  *users = ehr_record_of(ehr_resource_find("users"));

    rc = ehr_request_input(req, &ehr_input_login, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    email = ehr_input_value(&ehr_input_login, &values, "email");
    password = ehr_input_value(&ehr_input_login, &values, "password");

    login->password.data = (u_char *) password.text;
    login->password.len = password.len;

    field = ehr_field_index(users->fields, "email", 5);

    login->account.data = ngx_pnalloc(req->pool, email.len + 1);
    if (login->account.data == NULL) {
        return NGX_ERROR;
    }

    login->account.len = ehr_normalize(users->fields->fields[field],
                                       email.text, email.len,
                                       (char *) login->account.data);

    ngx_memzero(index, sizeof(ehr_param_t));

    return ehr_record_sought(req, users, field, email.text, email.len, index);
}


static ngx_int_t
ehr_login_limit(ehr_request_t *req, ehr_login_t *login)
{
    ngx_int_t  rc;

    rc = ehr_request_wait(req, ehr_lockout_remaining(ehr_worker.shared,
                                                     login->account.data,
                                                     login->account.len));

    if (rc == NGX_OK) {
        rc = ehr_request_limit_address(req, EHR_LIMIT_LOGIN_ADDRESS);
    }

    if (rc == NGX_OK) {
        rc = ehr_request_limit(req, EHR_LIMIT_LOGIN_ACCOUNT,
                               login->account.data, login->account.len);
    }

    return rc;
}


/* id, password_hash, status, roles, email, deleted, language, time_zone */

static ngx_int_t
ehr_login_row(ehr_request_t *req, ehr_login_t *login, PGresult *result)
{
    ngx_int_t  rc;
    ngx_str_t  id, status, roles, email, deleted;

    id = ehr_result_value(result, 0, 0);
    status = ehr_result_value(result, 0, 2);
    roles = ehr_result_value(result, 0, 3);
    email = ehr_result_value(result, 0, 4);
    deleted = ehr_result_value(result, 0, 5);

    login->id.len = id.len;
    login->id.data = ngx_pcalloc(req->pool, id.len + 1);

    if (login->id.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(login->id.data, id.data, id.len);

    rc = ehr_tokens_roles(req, roles, login->audience);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    login->active = (rc == NGX_OK && deleted.data && deleted.data[0] == 'f'
                     && status.len == 6
                     && ngx_memcmp(status.data, "ACTIVE", 6) == 0);

    return ehr_account_email(req, &id, email, &login->email);
}


static void
ehr_login_found(ehr_request_t *req, ehr_batch_t *batch)
{
    char         *hash = NULL;
    ngx_int_t     rc = NGX_OK;
    PGresult     *result = batch->results[1];
    ehr_login_t  *login = req->state;

    if (PQntuples(result)) {
        rc = ehr_login_row(req, login, result);

        if (!PQgetisnull(result, 0, 1)) {
            hash = PQgetvalue(result, 0, 1);
        }
    }

    if (rc == NGX_OK) {
        rc = ehr_account_hashing(req,
            ehr_password_check(&req->conf->passwords, &login->password, hash,
                               ehr_login_checked, req, &req->job));
    }

    if (rc != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


static void
ehr_login_checked(void *data, ngx_int_t ok, const char *hash)
{
    ngx_int_t          rc;
    ehr_request_t     *req = data;
    ehr_login_t       *login = req->state;
    ngx_connection_t  *c = req->http->connection;

    req->job = NULL;

    if (ok && login->active) {
        rc = ehr_login_record(req, login);

    } else {
        rc = ehr_login_refuse(req, login);
    }

    if (rc != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ehr_login_record(ehr_request_t *req, ehr_login_t *login)
{
    ehr_batch_t  *batch;
    ehr_param_t   params[9];

    if (ehr_uuid_new(&login->session) != NGX_OK
        || ehr_tokens_draw(req, &login->tokens) != NGX_OK
        || ehr_account_become(req, login->id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    req->who.session = login->session;
    *ehr_uuid_print(login->session_text, &login->session) = '\0';
    ngx_memcpy(req->who.session_text, login->session_text,
               sizeof(login->session_text));

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) login->session_text;
    params[1].value = (char *) login->id.data;
    params[2].value = (login->audience == EHR_AUDIENCE_PORTAL) ? "portal"
                                                               : "staff";
    params[3].value = (char *) login->tokens.refresh_id_text;
    params[4].value = (char *) login->tokens.refresh_hash;
    params[4].len = 32;
    params[4].binary = 1;
    params[5].value = (char *) login->tokens.refresh_interval;
    params[6].value = (char *) login->tokens.access_interval;
    params[7].value = ehr_request_text(req,
                                       &req->http->connection->addr_text);
    params[8].value = req->http->headers_in.user_agent
                      ? ehr_request_text(req,
                            &req->http->headers_in.user_agent->value)
                      : NULL;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_SYSTEM);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_LOGIN_RECORD], 9, params)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_login_recorded);
}


static void
ehr_login_recorded(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_int_t     rc;
    ngx_str_t     issued;
    PGresult     *result = batch->results[1];
    ehr_login_t  *login = req->state;

    /* deactivated, or of other roles, since the first step */

    rc = PQntuples(result)
         ? ehr_tokens_roles(req, ehr_result_value(result, 0, 1),
                            login->audience)
         : NGX_DECLINED;

    if (rc == NGX_DECLINED && ehr_login_refuse(req, login) == NGX_OK) {
        return;
    }

    if (rc != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
        return;
    }

    issued = ehr_result_value(result, 0, 2);
    req->who.issued_at = ngx_atoof(issued.data, issued.len);

    ehr_lockout_success(ehr_worker.shared, login->account.data,
                        login->account.len);
    ehr_metrics_count(ehr_worker.shared, EHR_COUNT_LOGINS, 1);

    ehr_tokens_reply(req, &login->tokens, &login->email);
}


static ngx_int_t
ehr_login_refuse(ehr_request_t *req, ehr_login_t *login)
{
    ehr_batch_t  *batch;

    ehr_lockout_failure(ehr_worker.shared, login->account.data,
                        login->account.len);
    ehr_metrics_count(ehr_worker.shared, EHR_COUNT_LOGIN_FAILURES, 1);

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_SYSTEM);

    if (batch == NULL
        || ehr_account_audit(batch, "LOGIN_FAILED", "users",
                             login->id.len ? (char *) login->id.data : NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_login_refused);
}


static void
ehr_login_refused(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_reply_message(req, NGX_HTTP_UNAUTHORIZED, EHR_MESSAGE_BAD_LOGIN);
}
