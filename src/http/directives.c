/*
 * Values of the ehr_… directives: see directives.h.
 */

#include "directives.h"
#include "directives_option.h"


static char *ehr_zone_value(ngx_conf_t *cf, ngx_shm_zone_t **zone);
static ngx_int_t ehr_lane_option(ngx_conf_t *cf, ngx_str_t *text,
    ehr_lane_conf_t *lane);
static char *ehr_rate_value(ngx_conf_t *cf, ngx_str_t *text,
    ehr_rate_t *rate);


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
