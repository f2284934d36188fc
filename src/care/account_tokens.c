/*
 * What login, refresh and registration share.
 */

#include <openssl/evp.h>

#include "../model/json_memory.h"
#include "account.h"


/* Seconds between the clocks of node and database that nobody is told of. */
#define EHR_CLOCKS_APART  30


static void ehr_tokens_interval(u_char *out, time_t seconds);
static void ehr_tokens_date(ehr_request_t *req);


ngx_int_t
ehr_tokens_hash(const u_char *token, size_t len, u_char hash[32])
{
    return EVP_Digest(token, len, hash, NULL, EVP_sha256(), NULL) == 1
           ? NGX_OK : NGX_ERROR;
}


static void
ehr_tokens_interval(u_char *out, time_t seconds)
{
    *ngx_sprintf(out, "%T seconds", seconds) = '\0';
}


ngx_int_t
ehr_tokens_draw(ehr_request_t *req, ehr_tokens_t *tokens)
{
    ngx_memzero(tokens, sizeof(ehr_tokens_t));

    if (ehr_uuid_new(&tokens->refresh_id) != NGX_OK
        || ehr_random_token(tokens->refresh, 32) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ehr_uuid_print(tokens->refresh_id_text, &tokens->refresh_id);
    ehr_tokens_interval(tokens->access_interval,
                        req->conf->tokens.lifetime);
    ehr_tokens_interval(tokens->refresh_interval,
                        req->conf->refresh_lifetime);

    return ehr_tokens_hash(tokens->refresh, sizeof(tokens->refresh),
                           tokens->refresh_hash);
}


ngx_int_t
ehr_tokens_roles(ehr_request_t *req, ngx_str_t json, ehr_audience_t audience)
{
    size_t            i;
    json_t           *roles, *role;
    const char       *name;
    ehr_principal_t  *who = &req->who;

    roles = ehr_json_load((char *) json.data, json.len, 0, NULL);
    if (roles == NULL) {
        return NGX_ERROR;
    }

    who->audience = audience;
    who->nroles = 0;

    json_array_foreach(roles, i, role) {
        name = json_string_value(role);

        if (name == NULL || who->nroles == EHR_MAX_ROLES
            || (audience == EHR_AUDIENCE_PORTAL
                && ngx_strcmp(name, "PATIENT") != 0))
        {
            continue;
        }

        ngx_cpystrn(who->roles[who->nroles++], (u_char *) name,
                    EHR_ROLE_NAME);
    }

    json_decref(roles);

    return who->nroles ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ehr_account_become(ehr_request_t *req, ngx_str_t id)
{
    if (ehr_uuid_parse(&req->who.user, id.data, id.len) != NGX_OK) {
        return NGX_ERROR;
    }

    *ehr_uuid_print(req->who.user_text, &req->who.user) = '\0';
    req->signed_in = 1;

    return NGX_OK;
}


ngx_int_t
ehr_account_new_id(ehr_request_t *req, ngx_str_t *id)
{
    ehr_uuid_t  uuid;

    id->data = ngx_pcalloc(req->pool, EHR_UUID_TEXT + 1);
    id->len = EHR_UUID_TEXT;

    if (id->data == NULL || ehr_uuid_new(&uuid) != NGX_OK) {
        return NGX_ERROR;
    }

    ehr_uuid_print(id->data, &uuid);

    return NGX_OK;
}


ngx_int_t
ehr_account_email(ehr_request_t *req, const ngx_str_t *id, ngx_str_t hex,
    ngx_str_t *email)
{
    ehr_record_t  *users = ehr_record_of(ehr_resource_find("users"));

    return ehr_record_decrypt(req, users,
                              ehr_field_index(users->fields, "email", 5), id,
                              hex, email);
}


ngx_int_t
ehr_account_seal(ehr_request_t *req, const ehr_resource_t *resource,
    const char *field, ehr_value_t value, ngx_str_t *id,
    ehr_param_t params[2])
{
    int            i;
    ngx_array_t    list;
    ehr_record_t  *record = ehr_record_of(resource);

    i = ehr_field_index(record->fields, field, ngx_strlen(field));

    if (i < 0
        || ngx_array_init(&list, req->pool, 2, sizeof(ehr_param_t))
           != NGX_OK
        || ehr_record_push_sensitive(req, record, i, &value, id, &list)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(params, list.elts, 2 * sizeof(ehr_param_t));

    return NGX_OK;
}


ngx_int_t
ehr_account_audit(ehr_batch_t *batch, const char *action, const char *entity,
    const char *id)
{
    ehr_param_t  params[5];

    ngx_memzero(params, sizeof(params));

    params[0].value = action;
    params[1].value = entity;
    params[2].value = id;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_AUDIT_EVENT], 5,
                         params);
}


/*
 * Not longer than the database thinks: that is how long it keeps the session's
 * tokens revoked, and its answer may have been long in coming, or its clock be
 * behind this node's.
 */
static void
ehr_tokens_date(ehr_request_t *req)
{
    time_t  known;

    known = (time_t) ((req->who.issued_at + 999999) / 1000000);

    req->who.issued = ngx_time();
    req->who.expires = ngx_min(req->who.issued, known)
                       + req->conf->tokens.lifetime;

    if (req->who.issued - known > EHR_CLOCKS_APART) {
        ngx_log_error(NGX_LOG_ERR, req->http->connection->log, 0,
                      "ehr: the database's clock is %T s behind: access "
                      "tokens end so much earlier", req->who.issued - known);
    }
}


void
ehr_tokens_reply(ehr_request_t *req, ehr_tokens_t *tokens, ngx_str_t *email)
{
    ehr_out_t   data;
    ngx_uint_t  i;

    ehr_tokens_date(req);

    if (ehr_token_sign(&req->conf->tokens, req->pool, &req->who, email,
                       &tokens->access)
        != NGX_OK)
    {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
        return;
    }

    ehr_out_init(&data, req->pool);
    ehr_out_literal(&data, "{\"accessToken\":");
    ehr_out_string(&data, tokens->access.data, tokens->access.len);
    ehr_out_literal(&data, ",\"refreshToken\":");
    ehr_out_string(&data, tokens->refresh, sizeof(tokens->refresh));
    ehr_out_literal(&data, ",\"tokenType\":\"Bearer\",\"expiresIn\":");
    ehr_out_integer(&data, req->who.expires - req->who.issued);
    ehr_out_literal(&data, ",\"user\":{\"id\":");
    ehr_out_string(&data, req->who.user_text, EHR_UUID_TEXT);
    ehr_out_literal(&data, ",\"email\":");
    ehr_out_string(&data, email->data, email->len);
    ehr_out_literal(&data, ",\"roles\":[");

    for (i = 0; i < req->who.nroles; i++) {
        if (i) {
            ehr_out_literal(&data, ",");
        }

        ehr_out_string(&data, req->who.roles[i],
                       ngx_strlen(req->who.roles[i]));
    }

    ehr_out_literal(&data, "]}}");

    ehr_reply_data(req, &data);
}
