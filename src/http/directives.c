/*
 * Values of the ehr_… directives: see directives.h.
 */

#include "directives.h"


/* NGX_OK: it was "name=value" and *value is set; NGX_DECLINED: another. */
static ngx_int_t ehr_option(ngx_str_t *text, const char *name,
    ngx_str_t *value);
/* The same for positive numbers and for times; logs NGX_ERROR. */
static ngx_int_t ehr_option_number(ngx_conf_t *cf, ngx_str_t *text,
    const char *name, ngx_uint_t *number);
static ngx_int_t ehr_option_time(ngx_conf_t *cf, ngx_str_t *text,
    const char *name, ngx_msec_t *time);
static char *ehr_unknown_option(ngx_conf_t *cf, ngx_str_t *text);
static char *ehr_zone_value(ngx_conf_t *cf, ngx_shm_zone_t **zone);
static ngx_int_t ehr_lane_option(ngx_conf_t *cf, ngx_str_t *text,
    ehr_lane_conf_t *lane);
static ngx_int_t ehr_is_algorithm(const u_char *name);
static char *ehr_add_key(ngx_conf_t *cf, ngx_array_t *keys, ehr_key_t *key,
    const char *kind);
static ehr_key_t *ehr_newest_key(const ngx_array_t *keys);
static char *ehr_rate_value(ngx_conf_t *cf, ngx_str_t *text,
    ehr_rate_t *rate);


static ngx_int_t
ehr_option(ngx_str_t *text, const char *name, ngx_str_t *value)
{
    size_t  len = ngx_strlen(name);

    if (text->len <= len + 1 || text->data[len] != '='
        || ngx_strncmp(text->data, name, len) != 0)
    {
        return NGX_DECLINED;
    }

    value->data = text->data + len + 1;
    value->len = text->len - len - 1;

    return NGX_OK;
}


static ngx_int_t
ehr_option_number(ngx_conf_t *cf, ngx_str_t *text, const char *name,
    ngx_uint_t *number)
{
    ngx_int_t  n;
    ngx_str_t  value;

    if (ehr_option(text, name, &value) != NGX_OK) {
        return NGX_DECLINED;
    }

    n = ngx_atoi(value.data, value.len);

    if (n == NGX_ERROR || n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" needs a positive number", text);
        return NGX_ERROR;
    }

    *number = n;

    return NGX_OK;
}


static ngx_int_t
ehr_option_time(ngx_conf_t *cf, ngx_str_t *text, const char *name,
    ngx_msec_t *time)
{
    ngx_int_t  n;
    ngx_str_t  value;

    if (ehr_option(text, name, &value) != NGX_OK) {
        return NGX_DECLINED;
    }

    n = ngx_parse_time(&value, 0);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is not a time",
                           text);
        return NGX_ERROR;
    }

    *time = n;

    return NGX_OK;
}


static char *
ehr_unknown_option(ngx_conf_t *cf, ngx_str_t *text)
{
    return EHR_INVALID("unknown parameter \"%V\"", text);
}


static char *
ehr_zone_value(ngx_conf_t *cf, ngx_shm_zone_t **zone)
{
    ssize_t     size;
    ngx_str_t  *value = cf->args->elts;

    if (*zone) {
        return "is duplicate";
    }

    size = ngx_parse_size(&value[2]);

    if (size == NGX_ERROR || size < (ssize_t) (256 * ngx_pagesize)) {
        return EHR_INVALID("zone size \"%V\" is invalid or below 1m",
                           &value[2]);
    }

    *zone = ngx_shared_memory_add(cf, &value[1], size, &ngx_http_ehr_module);

    return *zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ehr_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    char             *rv;
    ehr_main_conf_t  *conf = data;

    rv = ehr_zone_value(cf, &conf->zone);

    if (rv == NGX_CONF_OK) {
        conf->zone->init = ehr_shared_init_zone;
    }

    return rv;
}


char *
ehr_conf_availability(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    ehr_main_conf_t  *conf = data;

    return ehr_zone_value(cf, &conf->availability);
}


static ngx_int_t
ehr_lane_option(ngx_conf_t *cf, ngx_str_t *text, ehr_lane_conf_t *lane)
{
    ngx_int_t  rc;

    rc = ehr_option_number(cf, text, "connections", &lane->connections);

    if (rc == NGX_DECLINED) {
        rc = ehr_option_number(cf, text, "pipeline", &lane->pipeline);
    }

    if (rc == NGX_DECLINED) {
        rc = ehr_option_number(cf, text, "queue", &lane->queue);
    }

    if (rc == NGX_DECLINED) {
        rc = ehr_option_time(cf, text, "statement_timeout",
                             &lane->statement_timeout);
    }

    if (rc == NGX_DECLINED) {
        rc = ehr_option_time(cf, text, "lock_timeout", &lane->lock_timeout);
    }

    if (rc == NGX_DECLINED) {
        (void) ehr_unknown_option(cf, text);
        return NGX_ERROR;
    }

    return rc;
}


static void
ehr_lane_conninfo(ngx_conf_t *cf, ehr_lane_conf_t *lane, ngx_str_t *conninfo)
{
    lane->conninfo = *conninfo;
    lane->file = cf->conf_file->file.name;
    lane->line = cf->conf_file->line;
}


char *
ehr_conf_database(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    ngx_str_t        *value = cf->args->elts;
    ngx_uint_t        i;
    ehr_lane_conf_t  *lane;
    ehr_main_conf_t  *conf = data;

    if (ngx_strcmp(value[1].data, "main") == 0) {
        lane = &conf->store.lanes[EHR_LANE_MAIN];
        lane->statement_timeout = 5000;

    } else if (ngx_strcmp(value[1].data, "reports") == 0) {
        lane = &conf->store.lanes[EHR_LANE_REPORTS];
        lane->statement_timeout = 30000;

    } else if (ngx_strcmp(value[1].data, "audit") == 0) {
        lane = &conf->store.lanes[EHR_LANE_AUDIT];
        lane->statement_timeout = 5000;

    } else {
        return EHR_INVALID("\"%V\" is not a lane: main, reports or audit",
                           &value[1]);
    }

    if (lane->conninfo.len) {
        return "is duplicate";
    }

    ehr_lane_conninfo(cf, lane, &value[2]);
    lane->connections = 8;
    lane->pipeline = 16;
    lane->queue = 1024;
    lane->lock_timeout = 2000;

    for (i = 3; i < cf->args->nelts; i++) {
        if (ehr_lane_option(cf, &value[i], lane) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ehr_conf_feed(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    ngx_str_t        *value = cf->args->elts;
    ehr_main_conf_t  *conf = data;

    if (conf->store.feed.conninfo.len) {
        return "is duplicate";
    }

    ehr_lane_conninfo(cf, &conf->store.feed, &value[1]);

    return NGX_CONF_OK;
}


char *
ehr_conf_reconnect(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    ngx_int_t         least, most;
    ngx_str_t        *value = cf->args->elts;
    ehr_main_conf_t  *conf = data;

    least = ngx_parse_time(&value[1], 0);
    most = ngx_parse_time(&value[2], 0);

    if (least == NGX_ERROR || most == NGX_ERROR || least == 0
        || least > most)
    {
        return EHR_INVALID("\"%V %V\" is not a range of times", &value[1],
                           &value[2]);
    }

    conf->store.reconnect_min = least;
    conf->store.reconnect_max = most;

    return NGX_CONF_OK;
}


static ngx_int_t
ehr_is_algorithm(const u_char *name)
{
    return ngx_strcmp(name, "HS256") == 0 || ngx_strcmp(name, "RS256") == 0
           || ngx_strcmp(name, "ES256") == 0;
}


char *
ehr_conf_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    ngx_str_t        *value = cf->args->elts;
    ngx_uint_t        i;
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

        return ehr_unknown_option(cf, &value[i]);
    }

    if (key->id.len == 0) {
        return EHR_INVALID("\"ehr_jwt_key\" needs id=, the token's kid");
    }

    if (!ehr_is_algorithm(key->algorithm.data)) {
        return EHR_INVALID("\"%V\" is not HS256, RS256 or ES256",
                           &key->algorithm);
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

    if (ehr_option_number(cf, &value[2], "version", &key.version) != NGX_OK
        || key.version > 255)
    {
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

        if (ehr_option_number(cf, &value[i], "version", &key.version)
            != NGX_OK
            || key.version > 255)
        {
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
        && (ehr_option_number(cf, &value[2], "version", &key.version)
            != NGX_OK
            || key.version > 255))
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
ehr_conf_passwords(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    ngx_int_t         rc;
    ngx_str_t        *value = cf->args->elts;
    ngx_uint_t        i;
    ehr_main_conf_t  *conf = data;

    if (conf->password_pool.len) {
        return "is duplicate";
    }

    conf->password_pool = value[1];
    conf->passwords.cost = 10;
    conf->passwords.queue = 64;

    for (i = 2; i < cf->args->nelts; i++) {

        rc = ehr_option_number(cf, &value[i], "cost", &conf->passwords.cost);

        if (rc == NGX_DECLINED) {
            rc = ehr_option_number(cf, &value[i], "queue",
                                   &conf->passwords.queue);
        }

        if (rc == NGX_DECLINED) {
            return ehr_unknown_option(cf, &value[i]);
        }

        if (rc == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }
    }

    if (conf->passwords.cost < 4 || conf->passwords.cost > 16) {
        return EHR_INVALID("bcrypt's cost is from 4 to 16");
    }

    conf->passwords.pool = ngx_thread_pool_add(cf, &conf->password_pool);

    return conf->passwords.pool ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* "rate=600r/m" or "rate=10r/s" */

static char *
ehr_rate_value(ngx_conf_t *cf, ngx_str_t *text, ehr_rate_t *rate)
{
    ngx_int_t   n, scale;
    ngx_str_t   value;

    if (ehr_option(text, "rate", &value) != NGX_OK || value.len < 4) {
        return ehr_unknown_option(cf, text);
    }

    scale = 0;

    if (ngx_strncmp(value.data + value.len - 3, "r/m", 3) == 0) {
        scale = 1;

    } else if (ngx_strncmp(value.data + value.len - 3, "r/s", 3) == 0) {
        scale = 60;
    }

    n = ngx_atoi(value.data, value.len - 3);

    if (scale == 0 || n == NGX_ERROR || n == 0 || n > 10000000) {
        return EHR_INVALID("\"%V\" is not a rate such as 600r/m", text);
    }

    rate->rate = n * scale;

    return NGX_CONF_OK;
}


char *
ehr_conf_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    ngx_str_t        *value = cf->args->elts;
    ngx_uint_t        i;
    ehr_rate_t       *rate;
    ehr_main_conf_t  *conf = data;

    static const char  *names[EHR_LIMITS] = {
        [EHR_LIMIT_ADDRESS] = "address",
        [EHR_LIMIT_ACCOUNT] = "account",
        [EHR_LIMIT_LOGIN_ADDRESS] = "login_address",
        [EHR_LIMIT_LOGIN_ACCOUNT] = "login_account"
    };

    for (i = 0; i < EHR_LIMITS; i++) {
        if (ngx_strcmp(value[1].data, names[i]) == 0) {
            break;
        }
    }

    if (i == EHR_LIMITS) {
        return EHR_INVALID("\"%V\" is not limited: address, account, "
                           "login_address or login_account", &value[1]);
    }

    rate = &conf->rates[i];

    if (rate->rate != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    if (ngx_strcmp(value[2].data, "off") == 0) {
        rate->rate = 0;
        return NGX_CONF_OK;
    }

    if (ehr_rate_value(cf, &value[2], rate) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    rate->burst = ngx_max(rate->rate / 6, 1);

    if (cf->args->nelts == 4
        && ehr_option_number(cf, &value[3], "burst", &rate->burst) != NGX_OK)
    {
        return ehr_unknown_option(cf, &value[3]);
    }

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
