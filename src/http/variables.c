/*
 * What logs say of a request: nothing of a patient.
 */

#include "variables.h"


static ngx_int_t ehr_variable_set(ngx_http_variable_value_t *v, u_char *data,
    size_t len);
static ngx_int_t ehr_variable_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ehr_variable_route(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ehr_variable_user(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_http_variable_t  ehr_variables[] = {
    { ngx_string("ehr_request_id"), NULL, ehr_variable_id, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("ehr_route"), NULL, ehr_variable_route, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("ehr_user"), NULL, ehr_variable_user, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
      ngx_http_null_variable
};


ngx_int_t
ehr_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *v, *variable;

    for (v = ehr_variables; v->name.len; v++) {
        variable = ngx_http_add_variable(cf, &v->name, v->flags);
        if (variable == NULL) {
            return NGX_ERROR;
        }

        variable->get_handler = v->get_handler;
        variable->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ehr_variable_set(ngx_http_variable_value_t *v, u_char *data, size_t len)
{
    v->data = data;
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ehr_variable_id(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ehr_request_t  *req = ehr_http_request_of(r);

    return req ? ehr_variable_set(v, req->id.data, req->id.len)
               : ehr_variable_set(v, (u_char *) "-", 1);
}


/* The template, never the path: it names no patient. */

static ngx_int_t
ehr_variable_route(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    const char     *path;
    ehr_request_t  *req = ehr_http_request_of(r);

    path = (req && req->route) ? req->route->path : "-";

    return ehr_variable_set(v, (u_char *) path, ngx_strlen(path));
}


static ngx_int_t
ehr_variable_user(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ehr_request_t  *req = ehr_http_request_of(r);

    return (req && req->signed_in)
           ? ehr_variable_set(v, req->who.user_text, EHR_UUID_TEXT)
           : ehr_variable_set(v, (u_char *) "-", 1);
}


u_char *
ehr_log_request(ngx_http_request_t *r, ngx_http_request_t *current,
    u_char *buf, size_t len)
{
    const char     *path;
    ehr_request_t  *req = ehr_http_request_of(r);

    path = (req && req->route) ? req->route->path : "-";

    return ngx_snprintf(buf, len, ", request: \"%V %s\"", &r->method_name,
                        path);
}
