/*
 * Values of the ehr_… directives that nginx's own setters do not read.  Each
 * is a setter of ngx_command_t over ehr_main_conf_t; mistakes are logged with
 * the line they are in.
 */

#ifndef EHR_DIRECTIVES_H
#define EHR_DIRECTIVES_H

#include "http.h"

#define EHR_INVALID(...)                                                     \
    (ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, __VA_ARGS__), NGX_CONF_ERROR)

/* ehr_zone name size */
char *ehr_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* ehr_availability_zone name size; src/care has its init */
char *ehr_conf_availability(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* ehr_database main|reports conninfo [connections=] [pipeline=] [queue=]
 * [statement_timeout=] [lock_timeout=] */
char *ehr_conf_database(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* ehr_database_feed conninfo */
char *ehr_conf_feed(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* ehr_database_reconnect min max */
char *ehr_conf_reconnect(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* ehr_jwt_key file id= [algorithm=] [sign] */
char *ehr_conf_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* ehr_field_key file version= */
char *ehr_conf_field_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* ehr_index_key file [version=] [write] */
char *ehr_conf_index_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* ehr_audit_key file [version=] */
char *ehr_conf_audit_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* ehr_password_pool thread_pool [cost=] [queue=] */
char *ehr_conf_passwords(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* ehr_rate_limit what rate=600r/m [burst=] | off */
char *ehr_conf_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* ehr_setup_token file */
char *ehr_conf_setup_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

#endif /* EHR_DIRECTIVES_H */
