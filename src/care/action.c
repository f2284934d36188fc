/*
 * Actions that a statement alone carries out: see action.h.
 */

#include "action.h"


/* What is shown once its audit rows are there. */
typedef struct {
    const char             *table;
    ehr_reply_t             reply;
    ehr_out_t               data;
    ehr_out_t               meta;
} ehr_shown_t;


static ngx_int_t ehr_action_alter(ehr_request_t *req, ngx_uint_t query,
    int versioned);
static ngx_int_t ehr_action_send_made(ehr_request_t *req, ngx_uint_t query,
    const ehr_values_t *values);
static ngx_int_t ehr_action_check_query(ehr_request_t *req,
    ehr_values_t *values, ngx_uint_t least, ngx_uint_t most);
static void ehr_action_shown(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_action_write(ehr_request_t *req, ehr_shown_t *shown,
    PGresult *result);
static ngx_int_t ehr_action_audit(ehr_request_t *req, ehr_shown_t *shown,
    PGresult *result);
static void ehr_action_reply(ehr_request_t *req);


ngx_uint_t
ehr_action_params(ehr_request_t *req, const ngx_str_t *id, int versioned,
    const ehr_values_t *values, ehr_param_t *params)
{
    size_t                 i;
    ngx_uint_t             n = 0;
    const ehr_resource_t  *input = req->route->input;

    ngx_memzero(params, EHR_ACTION_PARAMS * sizeof(ehr_param_t));

    if (id) {
        params[n++].value = (char *) id->data;
    }

    if (versioned && ehr_record_expected(req, &params[n++]) != NGX_OK) {
        return 0;
    }

    for (i = 0; input && i < input->nfields; i++) {
        params[n++].value = values->values[i].text;
    }

    return n;
}


ngx_int_t
ehr_action_make(ehr_request_t *req, ngx_uint_t query)
{
    ngx_int_t     rc;
    ehr_values_t  values;

    rc = ehr_request_input(req, req->route->input, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    return ehr_action_send_made(req, query, &values);
}


static ngx_int_t
ehr_action_send_made(ehr_request_t *req, ngx_uint_t query,
    const ehr_values_t *values)
{
    ngx_str_t     id;
    ngx_uint_t    n;
    ehr_batch_t  *batch;
    ehr_param_t   params[EHR_ACTION_PARAMS];

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_record_new_id(req, &id) != NGX_OK
        || ehr_step_idempotency(req, batch) != NGX_OK)
    {
        return NGX_ERROR;
    }

    n = ehr_action_params(req, &id, 0, values, params);

    if (ehr_batch_add(batch, ehr_queries[query], n, params) != NGX_OK
        || ehr_record_add_made(req, ehr_request_record(req), &id, batch)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_record_made_done);
}


ngx_int_t
ehr_action_change(ehr_request_t *req, ngx_uint_t query)
{
    return ehr_action_alter(req, query, 0);
}


ngx_int_t
ehr_action_change_version(ehr_request_t *req, ngx_uint_t query)
{
    return ehr_action_alter(req, query, 1);
}


static ngx_int_t
ehr_action_alter(ehr_request_t *req, ngx_uint_t query, int versioned)
{
    ngx_int_t      rc;
    ngx_uint_t     n;
    ehr_batch_t   *batch;
    ehr_param_t    params[EHR_ACTION_PARAMS];
    ehr_values_t   values;
    ehr_record_t  *record = ehr_request_record(req);

    rc = req->route->input
         ? ehr_request_input(req, req->route->input, &values) : NGX_OK;

    if (rc != NGX_OK) {
        return rc;
    }

    n = ehr_action_params(req, req->nparams ? &req->params[0] : NULL,
                          versioned, &values, params);

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || n == 0
        || ehr_batch_add(batch, ehr_queries[query], n, params) != NGX_OK
        || ehr_batch_add(batch, record->statements[EHR_SQL_READ], 1, params)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_action_changed);
}


void
ehr_action_changed(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_record_reply_row(req, ehr_request_record(req),
                         batch->results[batch->n - 1], NGX_HTTP_OK,
                         EHR_MESSAGE_SUCCESS);
}


ngx_int_t
ehr_action_show(ehr_request_t *req, ngx_uint_t query, const char *table,
    ngx_uint_t least, ngx_uint_t most)
{
    ngx_int_t      rc;
    ngx_uint_t     n;
    ehr_batch_t   *batch;
    ehr_param_t    params[EHR_ACTION_PARAMS];
    ehr_shown_t   *shown;
    ehr_values_t   values;

    rc = ehr_action_check_query(req, &values, least, most);
    if (rc != NGX_OK) {
        return rc;
    }

    shown = ngx_pcalloc(req->pool, sizeof(ehr_shown_t));
    if (shown == NULL) {
        return NGX_ERROR;
    }

    shown->table = table;
    req->state = shown;

    n = ehr_action_params(req, NULL, 0, &values, params);

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[query], n, params) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_action_shown);
}


/* NGX_DONE: answered 400. */

static ngx_int_t
ehr_action_check_query(ehr_request_t *req, ehr_values_t *values,
    ngx_uint_t least, ngx_uint_t most)
{
    size_t                 i;
    ngx_int_t              rc;
    ngx_uint_t             given;
    ehr_field_errors_t     errors;
    const ehr_resource_t  *input = req->route->input;

    rc = ehr_request_query(req, input, values);
    if (rc != NGX_OK) {
        return rc;
    }

    given = 0;
    errors.n = 0;

    for (i = 0; i < input->nfields; i++) {
        given += (values->present >> i) & 1;

        errors.items[errors.n].field = input->fields[i].name;
        errors.items[errors.n].message = EHR_MESSAGE_ONE_OF_THESE;
        errors.items[errors.n].argument = NULL;
        errors.n++;
    }

    if (given >= least && given <= most) {
        return NGX_OK;
    }

    ehr_reply_fields(req, NGX_HTTP_BAD_REQUEST, &errors);

    return NGX_DONE;
}


static void
ehr_action_shown(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_int_t     rc;
    PGresult     *result = batch->results[1];
    ehr_shown_t  *shown = req->state;

    ehr_action_write(req, shown, result);

    shown->reply.status = NGX_HTTP_OK;
    shown->reply.message = EHR_MESSAGE_SUCCESS;
    shown->reply.data = &shown->data;

    rc = ehr_action_audit(req, shown, result);

    if (rc == NGX_ERROR) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


static void
ehr_action_write(ehr_request_t *req, ehr_shown_t *shown, PGresult *result)
{
    int        row;
    ngx_str_t  json;
    int        list = (req->route->flags & EHR_ROUTE_LIST) != 0;

    ehr_out_init(&shown->data, req->pool);

    if (list) {
        ehr_out_literal(&shown->data, "[");
    }

    for (row = 0; row < PQntuples(result); row++) {
        if (row) {
            ehr_out_literal(&shown->data, ",");
        }

        json = ehr_result_value(result, row, 2);
        ehr_out_raw(&shown->data, json.data, json.len);
    }

    if (list) {
        ehr_out_literal(&shown->data, "]");
    }
}


/* Each row that is about a patient is a read of that record. */

static ngx_int_t
ehr_action_audit(ehr_request_t *req, ehr_shown_t *shown, PGresult *result)
{
    int             row;
    ngx_uint_t      n = 0;
    ngx_str_t       patient;
    ehr_audited_t  *rows;

    rows = ngx_pcalloc(req->pool,
                       (PQntuples(result) + 1) * sizeof(ehr_audited_t));
    if (rows == NULL) {
        return NGX_ERROR;
    }

    for (row = 0; row < PQntuples(result); row++) {
        patient = ehr_result_value(result, row, 1);

        if (patient.data) {
            rows[n].entity = ehr_result_value(result, row, 0);
            rows[n++].patient = patient;
        }
    }

    if (n == 0) {
        ehr_action_reply(req);
        return NGX_OK;
    }

    return ehr_audit_read(req, shown->table, rows, n, ehr_action_reply);
}


static void
ehr_action_reply(ehr_request_t *req)
{
    ehr_shown_t  *shown = req->state;

    ehr_reply(req, &shown->reply);
}
