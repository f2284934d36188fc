/*
 * Making access tokens, and the public keys with which others verify them.
 */

#include "token.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "../model/json_memory.h"
#include "encoding.h"


#define EHR_TOKEN_ID  16

/* as long as a signature: RSA keys of up to 16384 bits */
#define EHR_JWKS_NUMBER_MAX  EHR_SIGNATURE_MAX


static json_t *ehr_token_new_header(ehr_key_t *key);
static json_t *ehr_token_new_claims(ehr_token_conf_t *conf,
    const ehr_principal_t *who, ngx_str_t *email);
static json_t *ehr_token_new_roles(const ehr_principal_t *who);
static ngx_int_t ehr_token_encode(ehr_key_t *key, const char *header,
    const char *claims, ngx_pool_t *pool, ngx_str_t *token);
static json_t *ehr_jwk(ehr_key_t *key);
static json_t *ehr_jwk_number(EVP_PKEY *pkey, const char *name, size_t len);


ngx_int_t
ehr_token_sign(ehr_token_conf_t *conf, ngx_pool_t *pool,
    const ehr_principal_t *who, ngx_str_t *email, ngx_str_t *token)
{
    char       *header, *claims;
    ngx_int_t   rc;

    header = ehr_json_dump(ehr_token_new_header(conf->signer), JSON_COMPACT);
    claims = ehr_json_dump(ehr_token_new_claims(conf, who, email),
                           JSON_COMPACT);
    rc = NGX_ERROR;

    if (header && claims) {
        rc = ehr_token_encode(conf->signer, header, claims, pool, token);
    }

    free(header);
    free(claims);

    return rc;
}


static json_t *
ehr_token_new_header(ehr_key_t *key)
{
    return json_pack("{s:s%, s:s%, s:s}",
                     "alg", key->algorithm.data, key->algorithm.len,
                     "kid", key->id.data, key->id.len,
                     "typ", "JWT");
}


static json_t *
ehr_token_new_claims(ehr_token_conf_t *conf, const ehr_principal_t *who,
    ngx_str_t *email)
{
    time_t   issued, expires;
    u_char   user[EHR_UUID_TEXT], session[EHR_UUID_TEXT];
    u_char   id[ehr_base64url_length(EHR_TOKEN_ID)];
    json_t  *roles, *claims;

    if (ehr_random_token(id, EHR_TOKEN_ID) != NGX_OK) {
        return NULL;
    }

    (void) ehr_uuid_print(user, &who->user);
    (void) ehr_uuid_print(session, &who->session);

    issued = who->issued ? who->issued : ngx_time();
    expires = who->expires ? who->expires : issued + conf->lifetime;

    roles = ehr_token_new_roles(who);

    if (roles == NULL) {
        return NULL;
    }

    /* "o" takes the reference to roles, also when packing fails */
    claims = json_pack("{s:s%, s:s%, s:s%, s:s, s:o, s:I, s:I, s:s%}",
                       "iss", conf->issuer.data, conf->issuer.len,
                       "sub", user, (size_t) EHR_UUID_TEXT,
                       "sid", session, (size_t) EHR_UUID_TEXT,
                       "aud", ehr_audience_name(who->audience),
                       "roles", roles,
                       "iat", (json_int_t) issued,
                       "exp", (json_int_t) expires,
                       "jti", id, sizeof(id));

    if (claims && who->issued_at
        && json_object_set_new(claims, "issued",
                               json_integer((json_int_t) who->issued_at))
           == -1)
    {
        json_decref(claims);
        return NULL;
    }

    if (claims && email->len
        && json_object_set_new(claims, "email",
                               json_stringn((char *) email->data, email->len))
           == -1)
    {
        json_decref(claims);
        return NULL;
    }

    return claims;
}


static json_t *
ehr_token_new_roles(const ehr_principal_t *who)
{
    json_t      *roles;
    ngx_uint_t   i;

    roles = json_array();

    for (i = 0; roles && i < who->nroles; i++) {
        if (json_array_append_new(roles, json_string((char *) who->roles[i]))
            == -1)
        {
            json_decref(roles);
            return NULL;
        }
    }

    return roles;
}


static ngx_int_t
ehr_token_encode(ehr_key_t *key, const char *header, const char *claims,
    ngx_pool_t *pool, ngx_str_t *token)
{
    size_t   n, len, header_len, claims_len;
    u_char  *p, text[EHR_TOKEN_MAX], signature[EHR_SIGNATURE_MAX];

    header_len = ngx_strlen(header);
    claims_len = ngx_strlen(claims);
    len = ehr_base64url_length(header_len) + 1
          + ehr_base64url_length(claims_len);

    if (len > EHR_TOKEN_MAX) {
        return NGX_ERROR;
    }

    p = ehr_base64url_encode(text, (u_char *) header, header_len);
    *p++ = '.';
    p = ehr_base64url_encode(p, (u_char *) claims, claims_len);

    n = ehr_signature_make(key, text, len, signature);

    if (n == 0 || len + 1 + ehr_base64url_length(n) > EHR_TOKEN_MAX) {
        return NGX_ERROR;
    }

    *p++ = '.';
    p = ehr_base64url_encode(p, signature, n);

    token->len = (size_t) (p - text);
    token->data = ngx_pnalloc(pool, token->len);

    if (token->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(token->data, text, token->len);

    return NGX_OK;
}


/* -- public keys ----------------------------------------------------------- */

ngx_int_t
ehr_token_jwks(ehr_token_conf_t *conf, ngx_pool_t *pool, ngx_str_t *json)
{
    char        *text;
    json_t      *set, *keys;
    ehr_key_t   *key;
    ngx_uint_t   i;

    keys = json_array();
    set = json_pack("{s:o}", "keys", keys);
    key = conf->keys.elts;

    for (i = 0; set && i < conf->keys.nelts; i++) {

        /* a key of HS256 is secret as a whole */
        if (key[i].pkey
            && json_array_append_new(keys, ehr_jwk(&key[i])) == -1)
        {
            json_decref(set);
            set = NULL;
        }
    }

    text = ehr_json_dump(set, JSON_COMPACT);
    ERR_clear_error();

    if (text == NULL) {
        return NGX_ERROR;
    }

    json->len = ngx_strlen(text);
    json->data = ngx_pnalloc(pool, json->len);

    if (json->data) {
        ngx_memcpy(json->data, text, json->len);
    }

    free(text);

    return json->data ? NGX_OK : NGX_ERROR;
}


static json_t *
ehr_jwk(ehr_key_t *key)
{
    if (key->algorithm.data[0] == 'R') {
        return json_pack("{s:s, s:s%, s:s, s:s, s:o, s:o}",
                         "kty", "RSA",
                         "kid", key->id.data, key->id.len,
                         "use", "sig",
                         "alg", "RS256",
                         "n", ehr_jwk_number(key->pkey, OSSL_PKEY_PARAM_RSA_N,
                                             0),
                         "e", ehr_jwk_number(key->pkey, OSSL_PKEY_PARAM_RSA_E,
                                             0));
    }

    return json_pack("{s:s, s:s%, s:s, s:s, s:s, s:o, s:o}",
                     "kty", "EC",
                     "kid", key->id.data, key->id.len,
                     "use", "sig",
                     "alg", "ES256",
                     "crv", "P-256",
                     "x", ehr_jwk_number(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X,
                                         32),
                     "y", ehr_jwk_number(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y,
                                         32));
}


/* A number of the public key in base64url; len 0: as short as it can be. */
static json_t *
ehr_jwk_number(EVP_PKEY *pkey, const char *name, size_t len)
{
    u_char   bytes[EHR_JWKS_NUMBER_MAX], *end;
    u_char   text[ehr_base64url_length(EHR_JWKS_NUMBER_MAX)];
    json_t  *json;
    BIGNUM  *number;

    json = NULL;
    number = NULL;

    if (EVP_PKEY_get_bn_param(pkey, name, &number) != 1) {
        return NULL;
    }

    if (len == 0) {
        len = (size_t) BN_num_bytes(number);
    }

    if (len <= sizeof(bytes)
        && BN_bn2binpad(number, bytes, (int) len) == (int) len)
    {
        end = ehr_base64url_encode(text, bytes, len);
        json = json_stringn((char *) text, (size_t) (end - text));
    }

    BN_free(number);

    return json;
}
