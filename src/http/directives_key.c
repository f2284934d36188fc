/*
 * Directives that name files of keys: see directives.h.
 */

#include "directives.h"
#include "directives_option.h"


static ngx_int_t ehr_jwt_key_options(ngx_conf_t *cf, ehr_key_t *key);
static ngx_int_t ehr_is_algorithm(const u_char *name);
static ngx_int_t ehr_key_version(ngx_conf_t *cf, ngx_str_t *text,
    ehr_key_t *key);
static char *ehr_add_key(ngx_conf_t *cf, ngx_array_t *keys, ehr_key_t *key,
    const char *kind);
static ehr_key_t *ehr_newest_key(const ngx_array_t *keys);


char *
ehr_conf_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    ngx_str_t        *value = cf->args->elts;
    ehr_key_t        *key, *other;
    ehr_main_conf_t  *conf = data;

    other = conf->tokens.keys.elts;

    if (conf->tokens.keys.nelts == conf->tokens.keys.nalloc) {
        return EHR_INVALID("at most %ui keys can be active: the one that "
                           "signs and the one before",
                           conf->tokens.keys.nalloc);
    }

    key = ngx_array_push(&conf->tokens.keys);
    ngx_memzero(key, sizeof(ehr_key_t));

    if (ehr_jwt_key_options(cf, key) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->tokens.keys.nelts == 2
        && key->id.len == other->id.len
        && ngx_memcmp(key->id.data, other->id.data, key->id.len) == 0)
    {
        return EHR_INVALID("two keys have the id \"%V\"", &key->id);
    }

    if (key->sign && conf->tokens.signer) {
        return EHR_INVALID("only one \"ehr_jwt_key\" can sign");
    }

    if (key->sign) {
        conf->tokens.signer = key;
    }

    return ehr_key_read_jwt(cf, &value[1], key) == NGX_OK ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}


static ngx_int_t
ehr_jwt_key_options(ngx_conf_t *cf, ehr_key_t *key)
{
    ngx_str_t   *value = cf->args->elts;
    ngx_uint_t   i;

    ngx_str_set(&key->algorithm, "HS256");

    for (i = 2; i < cf->args->nelts; i++) {

        if (ehr_option(&value[i], "id", &key->id) == NGX_OK
            || ehr_option(&value[i], "algorithm", &key->algorithm) == NGX_OK)
        {
            continue;
        }

        if (ngx_strcmp(value[i].data, "sign") == 0) {
            key->sign = 1;
            continue;
        }

        (void) ehr_unknown_option(cf, &value[i]);
        return NGX_ERROR;
    }

    if (key->id.len == 0) {
        (void) EHR_INVALID("\"ehr_jwt_key\" needs id=, the token's kid");
        return NGX_ERROR;
    }

    if (!ehr_is_algorithm(key->algorithm.data)) {
        (void) EHR_INVALID("\"%V\" is not HS256, RS256 or ES256",
                           &key->algorithm);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ehr_is_algorithm(const u_char *name)
{
    return ngx_strcmp(name, "HS256") == 0 || ngx_strcmp(name, "RS256") == 0
           || ngx_strcmp(name, "ES256") == 0;
}


/* A parameter version=, from 1 to 255: what is stored has room for no other. */

static ngx_int_t
ehr_key_version(ngx_conf_t *cf, ngx_str_t *text, ehr_key_t *key)
{
    return ehr_option_number(cf, text, "version", &key->version) == NGX_OK
           && key->version <= 255 ? NGX_OK : NGX_ERROR;
}


/*
 * Reads the next of several keys into its place by version; `key` has what the
 * parameters say.  `kind` is the word for messages.
 */

static char *
ehr_add_key(ngx_conf_t *cf, ngx_array_t *keys, ehr_key_t *key,
    const char *kind)
{
    ehr_key_t   *place, *first;
    ngx_str_t   *value = cf->args->elts;

    if (ehr_key_of_version(keys, key->version)) {
        return EHR_INVALID("two %s keys have version %ui", kind,
                           key->version);
    }

    if (ehr_key_read(cf, &value[1], key) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    place = ngx_array_push(keys);
    if (place == NULL) {
        return NGX_CONF_ERROR;
    }

    for (first = keys->elts;
         place > first && place[-1].version > key->version;
         place--)
    {
        *place = place[-1];
    }

    *place = *key;

    return NGX_CONF_OK;
}


static ehr_key_t *
ehr_newest_key(const ngx_array_t *keys)
{
    return (ehr_key_t *) keys->elts + keys->nelts - 1;
}


char *
ehr_conf_field_key(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    char             *rc;
    ehr_key_t         key;
    ngx_str_t        *value = cf->args->elts;
    ehr_main_conf_t  *conf = data;

    ngx_memzero(&key, sizeof(ehr_key_t));

    if (ehr_key_version(cf, &value[2], &key) != NGX_OK) {
        return EHR_INVALID("\"ehr_field_key\" needs version= from 1 to 255");
    }

    rc = ehr_add_key(cf, &conf->keys.keys, &key, "field");

    if (rc == NGX_CONF_OK) {
        conf->keys.current = ehr_newest_key(&conf->keys.keys);
    }

    return rc;
}


char *
ehr_conf_index_key(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    char             *rc;
    ngx_str_t        *value = cf->args->elts;
    ngx_uint_t        i;
    ehr_key_t         key, *oldest;
    ehr_main_conf_t  *conf = data;

    if (conf->keys.index_keys.nelts == EHR_INDEX_KEYS) {
        return EHR_INVALID("at most %d index keys can be active: the one in "
                           "use and the one that follows it",
                           EHR_INDEX_KEYS);
    }

    ngx_memzero(&key, sizeof(ehr_key_t));
    key.version = 1;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "write") == 0) {
            key.sign = 1;
            continue;
        }

        if (ehr_key_version(cf, &value[i], &key) != NGX_OK) {
            return EHR_INVALID("\"ehr_index_key\" takes version= from 1 to "
                               "255, and write");
        }
    }

    rc = ehr_add_key(cf, &conf->keys.index_keys, &key, "index");
    oldest = conf->keys.index_keys.elts;

    if (rc == NGX_CONF_OK
        && conf->keys.index_keys.nelts == EHR_INDEX_KEYS && oldest->sign)
    {
        return EHR_INVALID("only the newest index key is written: write "
                           "belongs to version %ui", oldest[1].version);
    }

    return rc;
}


/*
 * Two keys that are one would let an old version's signatures be taken for a
 * new one's word.
 */

char *
ehr_conf_audit_key(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    char             *rc;
    ngx_str_t        *value = cf->args->elts;
    ngx_uint_t        i;
    ehr_key_t         key, *other;
    ehr_main_conf_t  *conf = data;

    ngx_memzero(&key, sizeof(ehr_key_t));
    key.version = 1;

    if (cf->args->nelts == 3
        && ehr_key_version(cf, &value[2], &key) != NGX_OK)
    {
        return EHR_INVALID("\"ehr_audit_key\" takes version= from 1 to 255");
    }

    rc = ehr_add_key(cf, &conf->keys.audit_keys, &key, "audit");

    if (rc != NGX_CONF_OK) {
        return rc;
    }

    other = conf->keys.audit_keys.elts;

    for (i = 0; i < conf->keys.audit_keys.nelts; i++) {

        if (other[i].version != key.version
            && other[i].secret.len == key.secret.len
            && ngx_memcmp(other[i].secret.data, key.secret.data,
                          key.secret.len) == 0)
        {
            return EHR_INVALID("audit keys of versions %ui and %ui are the "
                               "same", other[i].version, key.version);
        }
    }

    conf->keys.audit_key = ehr_newest_key(&conf->keys.audit_keys);

    return NGX_CONF_OK;
}


char *
ehr_conf_setup_token(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    ehr_key_t         key;
    ngx_str_t        *value = cf->args->elts;
    ehr_main_conf_t  *conf = data;

    if (conf->setup_token.len) {
        return "is duplicate";
    }

    ngx_memzero(&key, sizeof(ehr_key_t));

    if (ehr_key_read(cf, &value[1], &key) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    conf->setup_token = key.secret;

    return NGX_CONF_OK;
}
