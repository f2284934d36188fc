/*
 * Bodies of actions: field lists without a table behind them.
 */

#include "http.h"


ngx_int_t
ehr_request_input(ehr_request_t *req, const ehr_resource_t *input,
    ehr_values_t *values)
{
    int                  rc;
    json_t              *body;
    ehr_fields_t         fields;
    ehr_field_errors_t   errors;

    ehr_fields_plain(input, &fields);

    body = req->json ? json_incref(req->json) : json_object();
    if (body == NULL) {
        return NGX_ERROR;
    }

    rc = ehr_validate(&fields, body, EHR_ON_CREATE, req->who.permissions,
                      &req->arena, values, &errors);
    json_decref(body);

    if (rc == -1) {
        ehr_reply_invalid(req, &errors);
        return NGX_DONE;
    }

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


ehr_value_t
ehr_input_value(const ehr_resource_t *input, const ehr_values_t *values,
    const char *name)
{
    size_t       i;
    ehr_value_t  none = { NULL, 0 };

    for (i = 0; i < input->nfields; i++) {
        if (ngx_strcmp(input->fields[i].name, name) == 0) {
            return values->values[i];
        }
    }

    return none;
}


const char *
ehr_request_text(ehr_request_t *req, const ngx_str_t *text)
{
    u_char  *copy;
    size_t   i, len;

    len = ngx_min(text->len, 200);

    copy = ngx_pnalloc(req->pool, len + 1);
    if (copy == NULL) {
        return NULL;
    }

    for (i = 0; i < len; i++) {
        copy[i] = (text->data[i] >= 0x20 && text->data[i] < 0x7f)
                  ? text->data[i] : '?';
    }

    copy[len] = '\0';

    return (char *) copy;
}
