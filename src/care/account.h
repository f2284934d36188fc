/*
 * Accounts: signing in and out, registering, and what an action's body and
 * answer look like.
 */

#ifndef EHR_ACCOUNT_H
#define EHR_ACCOUNT_H

#include "record.h"

/* Bodies and answers of the actions (account_input.c). */
extern const ehr_resource_t  ehr_input_login;
extern const ehr_resource_t  ehr_input_refresh;
extern const ehr_resource_t  ehr_input_logout;
extern const ehr_resource_t  ehr_input_register;
extern const ehr_resource_t  ehr_input_setup;
extern const ehr_resource_t  ehr_input_password;
extern const ehr_resource_t  ehr_output_tokens;
extern const ehr_resource_t  ehr_output_token;
extern const ehr_resource_t  ehr_output_registered;
extern const ehr_resource_t  ehr_output_setup;

/* Route handlers. */
ngx_int_t ehr_account_login(ehr_request_t *req);
ngx_int_t ehr_account_portal_login(ehr_request_t *req);
ngx_int_t ehr_account_refresh(ehr_request_t *req);
ngx_int_t ehr_account_portal_refresh(ehr_request_t *req);
ngx_int_t ehr_account_logout(ehr_request_t *req);
ngx_int_t ehr_account_end_session(ehr_request_t *req);
ngx_int_t ehr_account_token(ehr_request_t *req);
ngx_int_t ehr_account_register(ehr_request_t *req);
ngx_int_t ehr_account_setup(ehr_request_t *req);
ngx_int_t ehr_account_create_user(ehr_request_t *req);


/* -- new accounts (account_hash.c) ----------------------------------------- */

typedef struct ehr_new_account_s  ehr_new_account_t;

struct ehr_new_account_s {
    ehr_values_t            values;     /* of the action's input */
    ehr_values_t            row;        /* account_user.c: of the users row */
    ngx_str_t               id;         /* of the new account */
    ngx_str_t               patient;    /* registration: and of its patient */
    ngx_str_t               answer;     /* JSON text, NUL-terminated */

    /* Called with the bcrypt hash.  NGX_ERROR is answered 500. */
    ngx_int_t             (*save)(ehr_request_t *req,
                                  ehr_new_account_t *account,
                                  const char *hash);
};

/* Draws account->id, hashes the password in the thread pool and goes on with
 * account->save; answers 503 when too many wait for a hash. */
ngx_int_t ehr_account_hash(ehr_request_t *req, ehr_new_account_t *account,
    ehr_value_t password);

/* What came of giving the request's password to the threads: NGX_OK, and a
 * client that goes away from now on takes it back; NGX_BUSY, which is answered
 * 503 here and becomes NGX_OK; NGX_ERROR. */
ngx_int_t ehr_account_hashing(ehr_request_t *req, ngx_int_t rc);

/* A batch of the new account as its own actor, with the idempotency check in
 * it.  NULL without memory. */
ehr_batch_t *ehr_account_begin(ehr_request_t *req,
    ehr_new_account_t *account);

/* Keeps account->answer under the request's key, if it has one, and sends:
 * 201 with the answer, again for a repetition.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_account_send(ehr_request_t *req, ehr_new_account_t *account,
    ehr_batch_t *batch);


/* -- tokens (account_tokens.c) --------------------------------------------- */

/* What a login or refresh hands out. */
typedef struct {
    ehr_uuid_t              refresh_id;
    u_char                  refresh_id_text[EHR_UUID_TEXT + 1];
    u_char                  refresh[43];        /* base64url of 32 bytes */
    u_char                  refresh_hash[32];
    u_char                  access_interval[32];    /* "900 seconds" */
    u_char                  refresh_interval[32];
    ngx_str_t               access;
} ehr_tokens_t;

/* A new refresh token with its id, hash and lifetimes. */
ngx_int_t ehr_tokens_draw(ehr_request_t *req, ehr_tokens_t *tokens);
/* SHA-256 of a refresh token as it is stored. */
ngx_int_t ehr_tokens_hash(const u_char *token, size_t len, u_char hash[32]);
/* Roles from a JSON array text into req->who; a portal token is a patient's
 * and nothing else.  NGX_DECLINED: no role fits the audience. */
ngx_int_t ehr_tokens_roles(ehr_request_t *req, ngx_str_t json,
    ehr_audience_t audience);
/* Signs for req->who and answers 200. */
void ehr_tokens_reply(ehr_request_t *req, ehr_tokens_t *tokens,
    ngx_str_t *email);
/* The stored e-mail of a users row. */
ngx_int_t ehr_account_email(ehr_request_t *req, const ngx_str_t *id,
    ngx_str_t hex, ngx_str_t *email);
/* Sets req->who.user and its text. */
ngx_int_t ehr_account_become(ehr_request_t *req, ngx_str_t id);

/* Parameters of a sensitive users or patients field, encrypted for row id:
 * value and blind index. */
ngx_int_t ehr_account_seal(ehr_request_t *req,
    const ehr_resource_t *resource, const char *field, ehr_value_t value,
    ngx_str_t *id, ehr_param_t params[2]);

/* A new id as NUL-terminated text. */
ngx_int_t ehr_account_new_id(ehr_request_t *req, ngx_str_t *id);

/* Adds an audit row for what changes no row. */
ngx_int_t ehr_account_audit(ehr_batch_t *batch, const char *action,
    const char *entity, const char *id);

#endif /* EHR_ACCOUNT_H */
