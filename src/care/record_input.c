/*
 * Bodies that hold a row, alone or beside fields that are no column: a new
 * account's password, the slot of an appointment.
 */

#include "record.h"


static ngx_int_t ehr_record_take_out(json_t *body, json_t *taken,
    const ehr_resource_t *beside);
static int ehr_record_check(ehr_request_t *req, const ehr_fields_t *fields,
    json_t *body, ehr_write_t write, ehr_values_t *values,
    ehr_field_errors_t *errors);


ngx_int_t
ehr_record_body(ehr_request_t *req, ehr_record_t *record, ehr_write_t write,
    ehr_values_t *values)
{
    int                  rc;
    ehr_field_errors_t   errors;

    rc = ehr_validate(record->fields, req->json, write, req->who.permissions,
                      &req->arena, values, &errors);

    if (rc == -1) {
        ehr_reply_invalid(req, &errors);
        return NGX_DONE;
    }

    return (rc == 0) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ehr_record_input(ehr_request_t *req, ehr_record_t *record, ehr_write_t write,
    const ehr_resource_t *beside, ehr_values_t *values, ehr_values_t *more,
    ehr_field_errors_t *errors)
{
    int            rc, other;
    json_t        *taken;
    ehr_fields_t   fields;

    taken = json_object();

    if (taken == NULL
        || ehr_record_take_out(req->json, taken, beside) != NGX_OK)
    {
        json_decref(taken);
        return NGX_ERROR;
    }

    if (write == EHR_ON_CREATE) {
        rc = ehr_record_parent_field(req, record, req->json);

        if (rc != NGX_OK) {
            json_decref(taken);
            return rc;
        }
    }

    ehr_fields_plain(beside, &fields);

    errors->n = 0;
    errors->forbidden = 0;

    rc = ehr_record_check(req, record->fields, req->json, write, values,
                          errors);
    other = ehr_record_check(req, &fields, taken, EHR_ON_CREATE, more,
                             errors);
    json_decref(taken);

    return (rc == -2 || other == -2) ? NGX_ERROR : NGX_OK;
}


/* Moves the members that `beside` names. */

static ngx_int_t
ehr_record_take_out(json_t *body, json_t *taken, const ehr_resource_t *beside)
{
    size_t       i;
    json_t      *value;
    const char  *name;

    for (i = 0; i < beside->nfields; i++) {
        name = beside->fields[i].name;
        value = json_object_get(body, name);

        if (value == NULL) {
            continue;
        }

        if (json_object_set(taken, name, value) != 0) {
            return NGX_ERROR;
        }

        (void) json_object_del(body, name);
    }

    return NGX_OK;
}


/* As ehr_validate(), with the errors added to those there are. */

static int
ehr_record_check(ehr_request_t *req, const ehr_fields_t *fields, json_t *body,
    ehr_write_t write, ehr_values_t *values, ehr_field_errors_t *errors)
{
    int                  rc;
    size_t               i;
    ehr_field_errors_t   found;

    rc = ehr_validate(fields, body, write, req->who.permissions, &req->arena,
                      values, &found);
    if (rc != -1) {
        return rc;
    }

    for (i = 0; i < found.n && errors->n < EHR_MAX_FIELD_ERRORS; i++) {
        errors->items[errors->n++] = found.items[i];
    }

    errors->forbidden |= found.forbidden;

    return rc;
}


ehr_value_t
ehr_record_value(ehr_request_t *req, const ehr_values_t *values,
    const char *name)
{
    int          field;
    ehr_value_t  none = { NULL, 0 };

    field = ehr_field_index(ehr_request_record(req)->fields, name,
                            ngx_strlen(name));

    return (field >= 0) ? values->values[field] : none;
}
