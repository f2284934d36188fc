/*
 * Bodies of actions and queries of reads: field lists without a table behind
 * them.
 */

#include "http.h"


static ngx_int_t ehr_query_value(ehr_request_t *req,
    const ehr_resource_t *input, ehr_argument_t *argument,
    ehr_values_t *values);
static ehr_message_t ehr_query_bounds(ehr_request_t *req,
    const ehr_field_t *field, const ehr_argument_t *argument,
    const char **bound);
static ngx_int_t ehr_query_refuse_value(ehr_request_t *req,
    const ehr_argument_t *argument, int message, const char *text);


ngx_int_t
ehr_request_input(ehr_request_t *req, const ehr_resource_t *input,
    ehr_values_t *values)
{
    ehr_field_errors_t   errors;

    if (ehr_request_check(req, input, values, &errors) != NGX_OK) {
        return NGX_ERROR;
    }

    if (errors.n) {
        ehr_reply_invalid(req, &errors);
        return NGX_DONE;
    }

    return NGX_OK;
}


ngx_int_t
ehr_request_check(ehr_request_t *req, const ehr_resource_t *input,
    ehr_values_t *values, ehr_field_errors_t *errors)
{
    int            rc;
    json_t        *body;
    ehr_fields_t   fields;

    ehr_fields_plain(input, &fields);

    body = req->json ? json_incref(req->json) : json_object();
    if (body == NULL) {
        return NGX_ERROR;
    }

    rc = ehr_validate(&fields, body, EHR_ON_CREATE, req->who.permissions,
                      &req->arena, values, errors);
    json_decref(body);

    return (rc == -2) ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ehr_request_query(ehr_request_t *req, const ehr_resource_t *input,
    ehr_values_t *values)
{
    ngx_int_t        rc;
    ngx_uint_t       i;
    ngx_array_t     *arguments;
    ehr_argument_t  *argument;

    ngx_memzero(values, sizeof(ehr_values_t));

    rc = ehr_query_parse(req, &arguments);

    if (rc != NGX_OK) {
        return rc;
    }

    argument = arguments->elts;

    for (i = 0; i < arguments->nelts; i++) {
        rc = ehr_query_value(req, input, &argument[i], values);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ehr_query_value(ehr_request_t *req, const ehr_resource_t *input,
    ehr_argument_t *argument, ehr_values_t *values)
{
    int                 message;
    size_t              i;
    const char         *text;
    const ehr_field_t  *field;

    for (i = 0; i < input->nfields; i++) {
        field = &input->fields[i];

        if (ngx_strcmp(field->name, argument->name.data) == 0) {
            break;
        }
    }

    if (i == input->nfields) {
        return ehr_query_refuse(req, argument->name.data,
                                EHR_MESSAGE_PARAMETER_UNKNOWN);
    }

    if (values->present & ((uint64_t) 1 << i)) {
        return ehr_query_refuse(req, argument->name.data,
                                EHR_MESSAGE_PARAMETER_REPEATED);
    }

    message = ehr_validate_text(field, (char *) argument->value.data,
                                argument->value.len, &text);
    if (message == EHR_MESSAGE_NONE) {
        message = ehr_query_bounds(req, field, argument, &text);
    }

    if (message != EHR_MESSAGE_NONE) {
        return ehr_query_refuse_value(req, argument, message, text);
    }

    values->present |= (uint64_t) 1 << i;
    values->values[i].text = (char *) argument->value.data;
    values->values[i].len = argument->value.len;

    return NGX_OK;
}


/* Of whole numbers; ehr_validate_text() leaves them to its caller. */

static ehr_message_t
ehr_query_bounds(ehr_request_t *req, const ehr_field_t *field,
    const ehr_argument_t *argument, const char **bound)
{
    u_char         *text;
    int64_t         value;
    ehr_message_t   message;

    if (field->type != EHR_TYPE_INTEGER) {
        return EHR_MESSAGE_NONE;
    }

    value = strtoll((char *) argument->value.data, NULL, 10);

    message = (value < (int64_t) field->min) ? EHR_MESSAGE_VALUE_TOO_SMALL
              : (value > (int64_t) field->max) ? EHR_MESSAGE_VALUE_TOO_LARGE
              : EHR_MESSAGE_NONE;

    text = (message == EHR_MESSAGE_NONE)
           ? NULL : ngx_pnalloc(req->pool, NGX_INT64_LEN + 1);

    if (text) {
        ngx_sprintf(text, "%L%Z",
                    (int64_t) (message == EHR_MESSAGE_VALUE_TOO_SMALL
                               ? field->min : field->max));
    }

    *bound = (char *) text;

    return message;
}


/* Says with it the bound that is not kept, or NULL. */

static ngx_int_t
ehr_query_refuse_value(ehr_request_t *req, const ehr_argument_t *argument,
    int message, const char *text)
{
    ehr_field_errors_t  errors;

    errors.n = 1;
    errors.items[0].field = (char *) argument->name.data;
    errors.items[0].message = message;
    errors.items[0].argument = text;

    ehr_reply_fields(req, NGX_HTTP_BAD_REQUEST, &errors);

    return NGX_DONE;
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
