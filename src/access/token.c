/*
 * Reading access tokens.
 *
 * The order is what makes it safe: the form first, then the header, which
 * only chooses among configured keys and must name exactly the algorithm the
 * key is configured with, then the signature, and only then the claims.
 */

#include "token.h"

#include "../model/json_memory.h"
#include "encoding.h"


/* 9999-12-31: sums of two times below it cannot overflow. */
#define EHR_LAST_TIME  253402300799

#define EHR_TOKEN_ID_MAX  64


typedef struct {
    ngx_str_t           header;
    ngx_str_t           payload;
    ngx_str_t           signature;
} ehr_token_parts_t;


static ehr_token_result_t ehr_token_examine(ehr_token_conf_t *conf,
    const ngx_str_t *token, time_t now, ehr_principal_t *who);
static ngx_int_t ehr_token_split(const ngx_str_t *token,
    ehr_token_parts_t *parts);
static json_t *ehr_token_json(const ngx_str_t *part);
static ehr_token_result_t ehr_token_header(ehr_token_conf_t *conf,
    json_t *header, ehr_key_t **key);
static ehr_key_t *ehr_token_key(ehr_token_conf_t *conf, json_t *id);
static ngx_int_t ehr_token_signed(ehr_key_t *key,
    const ehr_token_parts_t *parts);
static ehr_token_result_t ehr_token_claims(ehr_token_conf_t *conf,
    json_t *claims, time_t now, ehr_principal_t *who);
static ehr_token_result_t ehr_token_origin(ehr_token_conf_t *conf,
    json_t *claims, ehr_principal_t *who);
static ehr_token_result_t ehr_token_subject(json_t *claims,
    ehr_principal_t *who);
static ehr_token_result_t ehr_token_roles(json_t *roles,
    ehr_principal_t *who);
static ehr_token_result_t ehr_token_times(ehr_token_conf_t *conf,
    json_t *claims, time_t now, ehr_principal_t *who);


/* OpenSSL does not tell a bad signature from a lack of memory: malloc() does. */
ehr_token_result_t
ehr_token_read(ehr_token_conf_t *conf, const ngx_str_t *token, time_t now,
    ehr_principal_t *who)
{
    ehr_token_result_t  result;

    errno = 0;
    result = ehr_token_examine(conf, token, now, who);

    return result != EHR_TOKEN_OK && errno == ENOMEM ? EHR_TOKEN_NOT_READY
                                                     : result;
}


static ehr_token_result_t
ehr_token_examine(ehr_token_conf_t *conf, const ngx_str_t *token, time_t now,
    ehr_principal_t *who)
{
    json_t              *json;
    ehr_key_t           *key;
    ehr_token_parts_t    parts;
    ehr_token_result_t   result;

    if (ehr_token_split(token, &parts) != NGX_OK) {
        return EHR_TOKEN_MALFORMED;
    }

    json = ehr_token_json(&parts.header);
    result = ehr_token_header(conf, json, &key);
    json_decref(json);

    if (result != EHR_TOKEN_OK) {
        return result;
    }

    if (!ehr_token_signed(key, &parts)) {
        return EHR_TOKEN_UNTRUSTED;
    }

    ngx_memzero(who, sizeof(ehr_principal_t));

    json = ehr_token_json(&parts.payload);
    result = ehr_token_claims(conf, json, now, who);
    json_decref(json);

    return result;
}


/* Three parts that are not empty, each canonical base64url. */
static ngx_int_t
ehr_token_split(const ngx_str_t *token, ehr_token_parts_t *parts)
{
    u_char      *p, *end, *dot;
    u_char       scratch[ehr_base64url_capacity(EHR_TOKEN_MAX)];
    ngx_str_t   *part[3];
    ngx_uint_t   i;

    if (token->len > EHR_TOKEN_MAX) {
        return NGX_ERROR;
    }

    part[0] = &parts->header;
    part[1] = &parts->payload;
    part[2] = &parts->signature;

    p = token->data;
    end = p + token->len;

    for (i = 0; i < 3; i++) {
        dot = i < 2 ? ngx_strlchr(p, end, '.') : end;

        if (dot == NULL) {
            return NGX_ERROR;
        }

        part[i]->data = p;
        part[i]->len = dot - p;

        if (ehr_base64url_decode(scratch, p, dot - p) < 1) {
            return NGX_ERROR;
        }

        p = dot + 1;
    }

    return NGX_OK;
}


/* A new reference to the part's JSON object, or NULL. */
static json_t *
ehr_token_json(const ngx_str_t *part)
{
    json_t   *json;
    ssize_t   n;
    u_char    text[ehr_base64url_capacity(EHR_TOKEN_MAX)];

    n = ehr_base64url_decode(text, part->data, part->len);

    if (n == -1) {
        return NULL;
    }

    json = ehr_json_load((char *) text, (size_t) n, JSON_REJECT_DUPLICATES,
                         NULL);

    if (json && !json_is_object(json)) {
        json_decref(json);
        return NULL;
    }

    return json;
}


static ngx_int_t
ehr_json_is(json_t *string, const u_char *text, size_t len)
{
    return json_is_string(string)
           && json_string_length(string) == len
           && ngx_memcmp(json_string_value(string), text, len) == 0;
}


static ehr_token_result_t
ehr_token_header(ehr_token_conf_t *conf, json_t *header, ehr_key_t **key)
{
    json_t  *id, *algorithm, *type;

    id = json_object_get(header, "kid");
    algorithm = json_object_get(header, "alg");
    type = json_object_get(header, "typ");

    if (!json_is_string(id) || !json_is_string(algorithm)
        || !json_is_string(type))
    {
        return EHR_TOKEN_MALFORMED;
    }

    /* nothing but these three: no crit, jwk, jku, x5u, zip … */
    if (json_object_size(header) != 3
        || !ehr_json_is(type, (u_char *) "JWT", 3))
    {
        return EHR_TOKEN_UNTRUSTED;
    }

    *key = ehr_token_key(conf, id);

    if (*key == NULL
        || !ehr_json_is(algorithm, (*key)->algorithm.data,
                        (*key)->algorithm.len))
    {
        return EHR_TOKEN_UNTRUSTED;
    }

    return EHR_TOKEN_OK;
}


static ehr_key_t *
ehr_token_key(ehr_token_conf_t *conf, json_t *id)
{
    ehr_key_t   *key;
    ngx_uint_t   i;

    key = conf->keys.elts;

    for (i = 0; i < conf->keys.nelts; i++) {
        if (key[i].id.len && ehr_json_is(id, key[i].id.data, key[i].id.len)) {
            return &key[i];
        }
    }

    return NULL;
}


static ngx_int_t
ehr_token_signed(ehr_key_t *key, const ehr_token_parts_t *parts)
{
    ssize_t        n;
    const u_char  *text, *end;
    u_char         signature[ehr_base64url_capacity(EHR_TOKEN_MAX)];

    n = ehr_base64url_decode(signature, parts->signature.data,
                             parts->signature.len);
    text = parts->header.data;
    end = parts->payload.data + parts->payload.len;

    return n > 0
           && ehr_signature_fits(key, text, (size_t) (end - text), signature,
                                 (size_t) n);
}


static ehr_token_result_t
ehr_token_claims(ehr_token_conf_t *conf, json_t *claims, time_t now,
    ehr_principal_t *who)
{
    ehr_token_result_t  result;

    if (claims == NULL) {
        return EHR_TOKEN_MALFORMED;
    }

    result = ehr_token_origin(conf, claims, who);

    if (result == EHR_TOKEN_OK) {
        result = ehr_token_subject(claims, who);
    }

    if (result == EHR_TOKEN_OK) {
        result = ehr_token_roles(json_object_get(claims, "roles"), who);
    }

    if (result == EHR_TOKEN_OK) {
        result = ehr_token_times(conf, claims, now, who);
    }

    return result;
}


const char *
ehr_audience_name(ehr_audience_t audience)
{
    return audience == EHR_AUDIENCE_STAFF ? "staff" : "portal";
}


static ehr_token_result_t
ehr_token_origin(ehr_token_conf_t *conf, json_t *claims, ehr_principal_t *who)
{
    json_t  *issuer, *audience;

    issuer = json_object_get(claims, "iss");
    audience = json_object_get(claims, "aud");

    if (!json_is_string(issuer) || !json_is_string(audience)) {
        return EHR_TOKEN_MALFORMED;
    }

    if (!ehr_json_is(issuer, conf->issuer.data, conf->issuer.len)) {
        return EHR_TOKEN_UNTRUSTED;
    }

    if (ehr_json_is(audience, (u_char *) "staff", 5)) {
        who->audience = EHR_AUDIENCE_STAFF;

    } else if (ehr_json_is(audience, (u_char *) "portal", 6)) {
        who->audience = EHR_AUDIENCE_PORTAL;

    } else {
        return EHR_TOKEN_UNTRUSTED;
    }

    return EHR_TOKEN_OK;
}


/* Fills the id and its text in one spelling. */
static ngx_int_t
ehr_token_uuid(json_t *claim, ehr_uuid_t *uuid, u_char *text)
{
    if (!json_is_string(claim)
        || ehr_uuid_parse(uuid, (u_char *) json_string_value(claim),
                          json_string_length(claim))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *ehr_uuid_print(text, uuid) = '\0';

    return NGX_OK;
}


static ehr_token_result_t
ehr_token_subject(json_t *claims, ehr_principal_t *who)
{
    json_t  *id, *email;

    id = json_object_get(claims, "jti");
    email = json_object_get(claims, "email");

    if (!json_is_string(id)
        || json_string_length(id) == 0
        || json_string_length(id) > EHR_TOKEN_ID_MAX
        || (email && !json_is_string(email)))
    {
        return EHR_TOKEN_MALFORMED;
    }

    if (ehr_token_uuid(json_object_get(claims, "sub"), &who->user,
                       who->user_text) != NGX_OK
        || ehr_token_uuid(json_object_get(claims, "sid"), &who->session,
                          who->session_text) != NGX_OK)
    {
        return EHR_TOKEN_MALFORMED;
    }

    return EHR_TOKEN_OK;
}


ngx_int_t
ehr_is_role_name(const char *name, size_t len)
{
    size_t  i;

    if (len == 0 || len >= EHR_ROLE_NAME || name[0] < 'A' || name[0] > 'Z') {
        return 0;
    }

    for (i = 1; i < len; i++) {
        if ((name[i] < 'A' || name[i] > 'Z')
            && (name[i] < '0' || name[i] > '9')
            && name[i] != '_')
        {
            return 0;
        }
    }

    return 1;
}


static ehr_token_result_t
ehr_token_roles(json_t *roles, ehr_principal_t *who)
{
    size_t   i, len;
    json_t  *role;

    if (!json_is_array(roles) || json_array_size(roles) > EHR_MAX_ROLES) {
        return EHR_TOKEN_MALFORMED;
    }

    json_array_foreach(roles, i, role) {
        len = json_string_length(role);

        if (!json_is_string(role)
            || !ehr_is_role_name(json_string_value(role), len))
        {
            return EHR_TOKEN_MALFORMED;
        }

        /* the rest of the name is zero already */
        ngx_memcpy(who->roles[i], json_string_value(role), len);
    }

    who->nroles = json_array_size(roles);

    return EHR_TOKEN_OK;
}


static ngx_int_t
ehr_token_time(json_t *claim, time_t *value)
{
    if (!json_is_integer(claim)
        || json_integer_value(claim) < 0
        || json_integer_value(claim) > EHR_LAST_TIME)
    {
        return NGX_ERROR;
    }

    *value = (time_t) json_integer_value(claim);

    return NGX_OK;
}


static ehr_token_result_t
ehr_token_times(ehr_token_conf_t *conf, json_t *claims, time_t now,
    ehr_principal_t *who)
{
    json_t  *not_before, *issued_at;
    time_t   start;

    not_before = json_object_get(claims, "nbf");
    issued_at = json_object_get(claims, "issued");
    start = 0;

    if (ehr_token_time(json_object_get(claims, "iat"), &who->issued) != NGX_OK
        || ehr_token_time(json_object_get(claims, "exp"), &who->expires)
           != NGX_OK
        || (not_before && ehr_token_time(not_before, &start) != NGX_OK)
        || (issued_at && !json_is_integer(issued_at)))
    {
        return EHR_TOKEN_MALFORMED;
    }

    who->issued_at = issued_at ? (int64_t) json_integer_value(issued_at)
                               : (int64_t) who->issued * 1000000;

    if (who->issued > now + conf->leeway
        || start > now + conf->leeway
        || who->expires <= who->issued
        || who->expires - who->issued > conf->lifetime + conf->leeway)
    {
        return EHR_TOKEN_UNTRUSTED;
    }

    return who->expires > now ? EHR_TOKEN_OK : EHR_TOKEN_EXPIRED;
}
