/*
 * Parameters of directives, "name=value".
 */

#ifndef EHR_DIRECTIVES_OPTION_H
#define EHR_DIRECTIVES_OPTION_H

#include <ngx_config.h>
#include <ngx_core.h>


/* NGX_OK: it was "name=value" and *value is set; NGX_DECLINED: another. */
ngx_int_t ehr_option(ngx_str_t *text, const char *name, ngx_str_t *value);
/* The same for positive numbers and for times; logs NGX_ERROR. */
ngx_int_t ehr_option_number(ngx_conf_t *cf, ngx_str_t *text,
    const char *name, ngx_uint_t *number);
ngx_int_t ehr_option_time(ngx_conf_t *cf, ngx_str_t *text,
    const char *name, ngx_msec_t *time);
/* Logs that there is no such parameter. */
char *ehr_unknown_option(ngx_conf_t *cf, ngx_str_t *text);

#endif /* EHR_DIRECTIVES_OPTION_H */
