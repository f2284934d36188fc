/*
 * A session after its login: refresh, logout, ending another one.
 */

#include "account.h"


typedef struct {
    ehr_audience_t      audience;
    ehr_tokens_t        tokens;
} ehr_refresh_t;


static ngx_int_t ehr_refresh_start(ehr_request_t *req,
    ehr_audience_t audience);
static void ehr_refresh_done(ehr_request_t *req, ehr_batch_t *batch);
static ngx_int_t ehr_refresh_succeed(ehr_request_t *req,
    ehr_refresh_t *refresh, PGresult *result);
static void ehr_refresh_reused(ehr_request_t *req, PGresult *result);
static ngx_int_t ehr_session_end(ehr_request_t *req, const char *session,
    const char *reason, int all);
static void ehr_session_ended(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_account_refresh(ehr_request_t *req)
{
    return ehr_refresh_start(req, EHR_AUDIENCE_STAFF);
}


ngx_int_t
ehr_account_portal_refresh(ehr_request_t *req)
{
    return ehr_refresh_start(req, EHR_AUDIENCE_PORTAL);
}


static ngx_int_t
ehr_refresh_start(ehr_request_t *req, ehr_audience_t audience)
{
    u_char         *hash;
    ngx_int_t       rc;
    ehr_batch_t    *batch;
    ehr_param_t     params[6];
    ehr_value_t     token;
    ehr_values_t    values;
    ehr_refresh_t  *refresh;

    rc = ehr_request_input(req, &ehr_input_refresh, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ehr_request_limit_address(req, EHR_LIMIT_LOGIN_ADDRESS);
    if (rc != NGX_OK) {
        return rc;
    }

    token = ehr_input_value(&ehr_input_refresh, &values, "refreshToken");
    refresh = ngx_pcalloc(req->pool, sizeof(ehr_refresh_t));
    hash = ngx_pnalloc(req->pool, 32);

    if (refresh == NULL || hash == NULL
        || ehr_tokens_hash((u_char *) token.text, token.len, hash) != NGX_OK
        || ehr_tokens_draw(req, &refresh->tokens) != NGX_OK)
    {
        return NGX_ERROR;
    }

    refresh->audience = audience;
    req->state = refresh;

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) hash;
    params[0].len = 32;
    params[0].binary = 1;
    params[1].value = (char *) refresh->tokens.refresh_id_text;
    params[2].value = (char *) refresh->tokens.refresh_hash;
    params[2].len = 32;
    params[2].binary = 1;
    params[3].value = (audience == EHR_AUDIENCE_PORTAL) ? "portal" : "staff";
    params[4].value = (char *) refresh->tokens.refresh_interval;
    params[5].value = (char *) refresh->tokens.access_interval;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_SYSTEM);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_SESSION_REFRESH], 6,
                         params)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_refresh_done);
}


/* status, session_id, user_id, roles, email, audience, issued */

static void
ehr_refresh_done(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_int_t       rc;
    PGresult       *result = batch->results[1];
    ehr_refresh_t  *refresh = req->state;
    const char     *status = PQgetvalue(result, 0, 0);

    rc = ngx_strcmp(status, "ok") == 0
         ? ehr_refresh_succeed(req, refresh, result) : NGX_DECLINED;

    if (rc == NGX_OK) {
        return;
    }

    if (rc == NGX_ERROR) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
        return;
    }

    if (ngx_strcmp(status, "reused") == 0) {
        ehr_refresh_reused(req, result);
    }

    ehr_metrics_count(ehr_worker.shared, EHR_COUNT_TOKENS_REFUSED, 1);
    ehr_reply_message(req, NGX_HTTP_UNAUTHORIZED,
                      EHR_MESSAGE_BAD_REFRESH_TOKEN);
}


/* NGX_DECLINED: no role is left for this audience. */

static ngx_int_t
ehr_refresh_succeed(ehr_request_t *req, ehr_refresh_t *refresh,
    PGresult *result)
{
    ngx_int_t  rc;
    ngx_str_t  session, user, email, issued;

    issued = ehr_result_value(result, 0, 6);
    req->who.issued_at = ngx_atoof(issued.data, issued.len);

    session = ehr_result_value(result, 0, 1);
    user = ehr_result_value(result, 0, 2);

    rc = ehr_tokens_roles(req, ehr_result_value(result, 0, 3),
                          refresh->audience);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ehr_uuid_parse(&req->who.session, session.data, session.len)
        != NGX_OK
        || ehr_account_become(req, user) != NGX_OK
        || ehr_account_email(req, &user, ehr_result_value(result, 0, 4),
                             &email)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *ehr_uuid_print(req->who.session_text, &req->who.session) = '\0';
    ehr_tokens_reply(req, &refresh->tokens, &email);

    return NGX_OK;
}


/* The database has ended the family; this node need not wait to hear it. */

static void
ehr_refresh_reused(ehr_request_t *req, PGresult *result)
{
    ngx_str_t   text;
    ehr_uuid_t  session;

    text = ehr_result_value(result, 0, 1);

    if (ehr_uuid_parse(&session, text.data, text.len) == NGX_OK) {
        (void) ehr_revoke_session(ehr_worker.shared, &session,
                                  ngx_time() + req->conf->tokens.lifetime
                                  + req->conf->tokens.leeway);
    }
}


ngx_int_t
ehr_account_logout(ehr_request_t *req)
{
    ngx_int_t     rc;
    ehr_value_t   all;
    ehr_values_t  values;

    rc = ehr_request_input(req, &ehr_input_logout, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    all = ehr_input_value(&ehr_input_logout, &values, "all");

    return ehr_session_end(req, (char *) req->who.session_text, "LOGOUT",
                           all.text && all.text[0] == 't');
}


ngx_int_t
ehr_account_end_session(ehr_request_t *req)
{
    return ehr_session_end(req, (char *) req->params[0].data, "ENDED", 0);
}


static ngx_int_t
ehr_session_end(ehr_request_t *req, const char *session, const char *reason,
    int all)
{
    ehr_batch_t  *batch;
    ehr_param_t   params[2];

    ngx_memzero(params, sizeof(params));
    params[0].value = all ? NULL : session;
    params[1].value = reason;

    /* the actor sees and ends only own sessions, whatever the scope */

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_batch_add(batch,
                         ehr_queries[all ? EHR_QUERY_SESSION_END_ALL
                                         : EHR_QUERY_SESSION_END],
                         2, params)
           != NGX_OK
        || (all && ehr_account_audit(batch, "LOGOUT", "sessions", NULL)
                   != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_session_ended);
}


/* id, access_until: refused on this node from now on, on others by polling. */

static void
ehr_session_ended(ehr_request_t *req, ehr_batch_t *batch)
{
    int         row;
    PGresult   *result = batch->results[1];
    ngx_str_t   id, until;
    ehr_uuid_t  session;

    if (PQntuples(result) == 0
        && req->route->handler == ehr_account_end_session)
    {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return;
    }

    for (row = 0; row < PQntuples(result); row++) {
        id = ehr_result_value(result, row, 0);
        until = ehr_result_value(result, row, 1);

        if (ehr_uuid_parse(&session, id.data, id.len) != NGX_OK
            || ehr_revoke_session(ehr_worker.shared, &session,
                                  ngx_atotm(until.data, until.len)
                                  + req->conf->tokens.leeway)
               != NGX_OK)
        {
            ehr_metrics_count(ehr_worker.shared, EHR_COUNT_ZONE_FULL, 1);
            ehr_reply_later(req, NGX_HTTP_SERVICE_UNAVAILABLE,
                            EHR_MESSAGE_UNAVAILABLE, 1);
            return;
        }
    }

    ehr_reply_message(req, NGX_HTTP_OK, EHR_MESSAGE_SUCCESS);
}
