/*
 * One item by its id.
 */

#include "record.h"


/* A reply that waits for its audit row. */
typedef struct {
    ehr_reply_t     reply;
    ehr_out_t       data;
    ngx_str_t       location;
} ehr_row_reply_t;


static ngx_int_t ehr_record_read_alone(ehr_request_t *req);
static void ehr_record_read_done(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_record_read_row(ehr_request_t *req, PGresult *result,
    int row);
static void ehr_record_reply_at(ehr_request_t *req, ehr_record_t *record,
    PGresult *result, int row, ngx_uint_t status, ehr_message_t message);
static void ehr_record_audit_row(ehr_request_t *req, ehr_record_t *record,
    PGresult *result, int row);
static void ehr_record_reply_now(ehr_request_t *req);
static ngx_int_t ehr_record_location(ehr_request_t *req,
    ehr_record_t *record, const ngx_str_t *id, ngx_str_t *location);


ngx_int_t
ehr_record_parse_fields(ehr_request_t *req, ehr_record_t *record,
    ngx_array_t *arguments, uint64_t *mask)
{
    int              field;
    u_char          *p, *end, *comma;
    uint64_t         wanted, readable;
    ehr_argument_t  *argument;

    readable = ehr_record_readable(req, record);
    *mask = readable;

    argument = ehr_query_take(arguments, "fields", sizeof("fields") - 1);
    if (argument == NULL) {
        return NGX_OK;
    }

    wanted = 0;
    end = argument->value.data + argument->value.len;

    for (p = argument->value.data; p <= end; p = comma + 1) {

        comma = ngx_strlchr(p, end, ',');
        comma = comma ? comma : end;

        field = ehr_field_index(record->fields, (char *) p, comma - p);

        if (field < 0 || (record->shown & ((uint64_t) 1 << field)) == 0) {
            return ehr_query_refuse(req, argument->name.data,
                                    EHR_MESSAGE_FIELD_UNKNOWN);
        }

        wanted |= (uint64_t) 1 << field;
    }

    *mask = wanted & readable;

    return NGX_OK;
}


ngx_int_t
ehr_record_fields(ehr_request_t *req, ehr_record_t *record)
{
    uint64_t         mask;
    ngx_int_t        rc;
    ngx_uint_t       i;
    ngx_array_t     *arguments;
    ehr_argument_t  *argument;

    if (req->http->args.len == 0) {
        return NGX_OK;
    }

    rc = ehr_query_parse(req, &arguments);

    if (rc == NGX_OK) {
        rc = ehr_record_parse_fields(req, record, arguments, &mask);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    argument = arguments->elts;

    for (i = 0; i < arguments->nelts; i++) {
        if (!argument[i].used) {
            return ehr_query_refuse(req, argument[i].name.data,
                                    EHR_MESSAGE_PARAMETER_UNKNOWN);
        }
    }

    req->fields = mask | EHR_FIELDS_GIVEN;

    return NGX_OK;
}


ngx_int_t
ehr_record_read(ehr_request_t *req)
{
    ngx_int_t        rc;
    ehr_record_t    *record;
    ehr_row_read_t   read;

    record = ehr_request_record(req);

    rc = ehr_record_fields(req, record);
    if (rc != NGX_OK) {
        return rc;
    }

    if (record->statements[EHR_SQL_TOGETHER] == NULL) {
        return ehr_record_read_alone(req);
    }

    read.entity = record->resource->table;
    read.patient = *ehr_record_id(req);
    read.rows = record->statements[EHR_SQL_TOGETHER];
    read.read = ehr_record_read_row;
    read.alone = ehr_record_read_alone;

    return ehr_read_together(req, &read);
}


static ngx_int_t
ehr_record_read_alone(ehr_request_t *req)
{
    ehr_batch_t  *batch;
    ehr_param_t   param;

    ngx_memzero(&param, sizeof(ehr_param_t));
    param.value = (char *) ehr_record_id(req)->data;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_batch_add(batch,
                         ehr_request_record(req)->statements[EHR_SQL_READ],
                         1, &param)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_record_read_done);
}


static void
ehr_record_read_done(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_record_reply_row(req, ehr_request_record(req), batch->results[1],
                         NGX_HTTP_OK, EHR_MESSAGE_SUCCESS);
}


static void
ehr_record_read_row(ehr_request_t *req, PGresult *result, int row)
{
    ehr_record_reply_at(req, ehr_request_record(req), result, row,
                        NGX_HTTP_OK, EHR_MESSAGE_SUCCESS);
}


void
ehr_record_reply_row(ehr_request_t *req, ehr_record_t *record,
    PGresult *result, ngx_uint_t status, ehr_message_t message)
{
    if (PQntuples(result) == 0) {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return;
    }

    ehr_record_reply_at(req, record, result, 0, status, message);
}


static void
ehr_record_reply_at(ehr_request_t *req, ehr_record_t *record,
    PGresult *result, int row, ngx_uint_t status, ehr_message_t message)
{
    ngx_str_t         id, version;
    ehr_row_reply_t  *waiting;

    waiting = ngx_pcalloc(req->pool, sizeof(ehr_row_reply_t));
    if (waiting == NULL) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
        return;
    }

    ehr_out_init(&waiting->data, req->pool);
    ehr_record_write_row(req, record, &waiting->data, result, row,
                         req->fields ? req->fields
                                     : ehr_record_readable(req, record),
                         NULL);

    waiting->reply.status = status;
    waiting->reply.message = message;
    waiting->reply.data = &waiting->data;

    if (record->version >= 0) {
        version = ehr_result_value(result, row, record->version);
        waiting->reply.version = ngx_atoi(version.data, version.len);
    }

    id = ehr_result_value(result, row, 0);

    if (status == NGX_HTTP_CREATED
        && ehr_record_location(req, record, &id, &waiting->reply.location)
           != NGX_OK)
    {
        waiting->data.failed = 1;
    }

    req->state = waiting;

    if (record->audited
        && (req->http->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)))
    {
        ehr_record_audit_row(req, record, result, row);
        return;
    }

    ehr_record_reply_now(req);
}


static void
ehr_record_audit_row(ehr_request_t *req, ehr_record_t *record,
    PGresult *result, int row)
{
    ehr_audited_t  audited;

    ngx_memzero(&audited, sizeof(ehr_audited_t));
    audited.entity = ehr_result_value(result, row, 0);

    if (record->patient >= 0) {
        audited.patient = ehr_result_value(result, row, record->patient);
    }

    if (ehr_audit_read(req, record->resource->table, &audited, 1,
                       ehr_record_reply_now)
        != NGX_OK)
    {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


static void
ehr_record_reply_now(ehr_request_t *req)
{
    ehr_row_reply_t  *waiting = req->state;

    ehr_reply(req, &waiting->reply);
}


static ngx_int_t
ehr_record_location(ehr_request_t *req, ehr_record_t *record,
    const ngx_str_t *id, ngx_str_t *location)
{
    u_char          *p;
    size_t           len;
    const char      *hole;
    ehr_loc_conf_t  *conf;

    if (record->item_path == NULL) {
        return NGX_OK;
    }

    conf = ngx_http_get_module_loc_conf(req->http, ngx_http_ehr_module);

    hole = ngx_strchr(record->item_path, '{');
    len = hole - record->item_path;

    p = ngx_pnalloc(req->pool, conf->mount.len + sizeof("/v1") + len
                               + id->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    location->data = p;
    p = ngx_sprintf(p, "%V/v1%*s%V", &conf->mount, len, record->item_path,
                    id);
    location->len = p - location->data;

    return NGX_OK;
}
