/*
 * Parameters of directives: see directives_option.h.
 */

#include "directives.h"
#include "directives_option.h"


ngx_int_t
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


ngx_int_t
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


ngx_int_t
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


char *
ehr_unknown_option(ngx_conf_t *cf, ngx_str_t *text)
{
    return EHR_INVALID("unknown parameter \"%V\"", text);
}
