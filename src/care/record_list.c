/*
 * Lists: the statement that a query asks for, and its page of rows.
 *
 * The query became an ehr_list_t (which fields, which bounds) and values; the
 * statement's text follows from the former alone.
 */

#include "record_list.h"


static ngx_int_t ehr_list_add(ehr_request_t *req, ehr_listing_t *listing,
    ehr_batch_t *batch, int count);
static ngx_int_t ehr_list_params(ehr_request_t *req, ehr_listing_t *listing,
    int count, ngx_array_t *params);
static ngx_int_t ehr_list_push(ngx_array_t *params, const char *text);
static ngx_int_t ehr_list_push_fields(ngx_array_t *params, uint64_t mask,
    const ehr_value_t *values);
static ngx_int_t ehr_list_push_equal(ehr_request_t *req,
    ehr_listing_t *listing, ngx_array_t *params);
static ngx_int_t ehr_list_push_page(ehr_request_t *req,
    ehr_listing_t *listing, ngx_array_t *params);
static void ehr_list_write(ehr_request_t *req, ehr_listing_t *listing,
    PGresult *result);
static ngx_int_t ehr_list_meta(ehr_request_t *req, ehr_listing_t *listing,
    PGresult *result, PGresult *total);
static const ehr_value_t *ehr_list_asked_for(const ehr_listing_t *listing);
static void ehr_list_reply(ehr_request_t *req);


ehr_listing_t *
ehr_listing_create(ehr_request_t *req, ngx_uint_t limit)
{
    ehr_listing_t  *listing;

    listing = ngx_pcalloc(req->pool, sizeof(ehr_listing_t));
    if (listing == NULL) {
        return NULL;
    }

    listing->record = ehr_request_record(req);
    listing->limit = limit;
    listing->list.ranking = -1;
    listing->list.sort = -1;
    listing->list.parent = listing->record->parent >= 0 && req->nparams > 0;

    req->state = listing;

    return listing;
}


ngx_int_t
ehr_record_list(ehr_request_t *req)
{
    ngx_int_t       rc;
    ehr_listing_t  *listing;

    listing = ehr_listing_create(req, EHR_LIST_LIMIT);
    if (listing == NULL) {
        return NGX_ERROR;
    }

    rc = ehr_list_parse(req, listing);

    return (rc == NGX_OK)
           ? ehr_list_send(req, listing, EHR_LANE_MAIN, ehr_list_done) : rc;
}


ngx_int_t
ehr_list_send(ehr_request_t *req, ehr_listing_t *listing, ehr_lane_t lane,
    ehr_step_pt step)
{
    ngx_int_t      rc;
    ehr_batch_t   *batch;
    ehr_param_t    parent;
    ehr_record_t  *record = listing->record;

    batch = ehr_step_begin(req, lane, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_OK;

    if (listing->list.parent) {
        ngx_memzero(&parent, sizeof(ehr_param_t));
        parent.value = (char *) req->params[0].data;

        listing->parent_at = batch->n;
        rc = ehr_batch_add(batch, record->statements[EHR_SQL_PARENT], 1,
                           &parent);
    }

    if (rc == NGX_OK) {
        listing->rows_at = batch->n;
        rc = ehr_list_add(req, listing, batch, 0);
    }

    if (rc == NGX_OK && listing->total) {
        listing->total_at = batch->n;
        rc = ehr_list_add(req, listing, batch, 1);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, step);
}


static ngx_int_t
ehr_list_add(ehr_request_t *req, ehr_listing_t *listing, ehr_batch_t *batch,
    int count)
{
    const char       *sql;
    ehr_list_t        list = listing->list;
    ngx_array_t       params;
    ehr_statement_t  *statement;

    list.count = count;

    sql = ehr_sql_list(listing->record->fields, &list, &req->arena);
    if (sql == NULL) {
        return NGX_ERROR;
    }

    statement = ehr_statement_intern(ehr_worker.store, batch->pool, sql);

    if (statement == NULL
        || ngx_array_init(&params, req->pool, 16, sizeof(ehr_param_t))
           != NGX_OK
        || ehr_list_params(req, listing, count, &params) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_batch_add(batch, statement, params.nelts, params.elts);
}


static ngx_int_t
ehr_list_push(ngx_array_t *params, const char *text)
{
    ehr_param_t  *param;

    param = ngx_array_push(params);
    if (param == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(param, sizeof(ehr_param_t));
    param->value = text;

    return NGX_OK;
}


/* The values of the fields in a mask, in field order. */

static ngx_int_t
ehr_list_push_fields(ngx_array_t *params, uint64_t mask,
    const ehr_value_t *values)
{
    size_t     i;
    ngx_int_t  rc = NGX_OK;

    for (i = 0; i < EHR_MAX_FIELDS && rc == NGX_OK; i++) {
        if (mask & ((uint64_t) 1 << i)) {
            rc = ehr_list_push(params, values[i].text);
        }
    }

    return rc;
}


/* The same for equality: of a sensitive field its blind indexes. */

static ngx_int_t
ehr_list_push_equal(ehr_request_t *req, ehr_listing_t *listing,
    ngx_array_t *params)
{
    size_t         i;
    ehr_value_t   *value;
    ehr_record_t  *record = listing->record;

    for (i = 0; i < record->fields->n; i++) {

        if ((listing->list.equal & ((uint64_t) 1 << i)) == 0) {
            continue;
        }

        value = &listing->equal[i];

        if (ehr_list_push(params, value->text) != NGX_OK) {
            return NGX_ERROR;
        }

        if ((record->fields->fields[i]->flags & EHR_SENSITIVE)
            && ehr_record_sought(req, record, i, value->text, value->len,
                                 (ehr_param_t *) params->elts
                                 + params->nelts - 1)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Behind the cursor, and how many; one more tells of a next page. */

static ngx_int_t
ehr_list_push_page(ehr_request_t *req, ehr_listing_t *listing,
    ngx_array_t *params)
{
    u_char  *limit;

    if (listing->list.after
        && (ehr_list_push(params, (char *) listing->cursor.value.data)
            != NGX_OK
            || ehr_list_push(params, (char *) listing->cursor.id.data)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    limit = ngx_pnalloc(req->pool, NGX_INT_T_LEN + 1);
    if (limit == NULL) {
        return NGX_ERROR;
    }

    *ngx_sprintf(limit, "%ui", listing->limit + 1) = '\0';

    return ehr_list_push(params, (char *) limit);
}


/* In the order that ehr_sql_list() documents. */

static ngx_int_t
ehr_list_params(ehr_request_t *req, ehr_listing_t *listing, int count,
    ngx_array_t *params)
{
    const ehr_list_t  *list = &listing->list;

    if ((list->parent
         && ehr_list_push(params, (char *) req->params[0].data) != NGX_OK)
        || (list->ranking >= 0
            && ehr_list_push(params, listing->ranking.text) != NGX_OK)
        || ehr_list_push_fields(params, list->conditions,
                                listing->conditions)
           != NGX_OK
        || ehr_list_push_equal(req, listing, params) != NGX_OK
        || ehr_list_push_fields(params, list->from, listing->from) != NGX_OK
        || ehr_list_push_fields(params, list->to, listing->to) != NGX_OK
        || (list->since
            && ehr_list_push(params, listing->since.text) != NGX_OK)
        || (list->until
            && ehr_list_push(params, listing->until.text) != NGX_OK))
    {
        return NGX_ERROR;
    }

    return count ? NGX_OK : ehr_list_push_page(req, listing, params);
}


void
ehr_list_done(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_int_t       rc;
    PGresult       *rows, *total;
    ehr_listing_t  *listing = req->state;

    if (listing->parent_at
        && PQntuples(batch->results[listing->parent_at]) == 0)
    {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return;
    }

    rows = batch->results[listing->rows_at];
    total = listing->total_at ? batch->results[listing->total_at] : NULL;

    ehr_list_write(req, listing, rows);
    rc = ehr_list_meta(req, listing, rows, total);

    listing->reply.status = NGX_HTTP_OK;
    listing->reply.message = EHR_MESSAGE_SUCCESS;
    listing->reply.data = &listing->data;
    listing->reply.meta = &listing->meta;

    if (rc == NGX_OK) {
        rc = ehr_list_audit(req, listing, rows, ehr_list_reply);
    }

    if (rc != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


/* The patient that a list of something else was asked for; NULL: none. */

static const ehr_value_t *
ehr_list_asked_for(const ehr_listing_t *listing)
{
    ngx_uint_t              i;
    const ehr_condition_t  *condition;

    condition = listing->record->resource->conditions;

    for (i = 0; condition && condition[i].where; i++) {
        if ((listing->list.conditions & 1u << i)
            && condition[i].field.reference
            && ngx_strcmp(condition[i].field.reference, "patients") == 0)
        {
            return &listing->conditions[i];
        }
    }

    return NULL;
}


ngx_int_t
ehr_list_audit(ehr_request_t *req, ehr_listing_t *listing, PGresult *result,
    ehr_audited_pt then)
{
    ngx_uint_t          i, n, below;
    ehr_record_t       *record = listing->record;
    ehr_audited_t      *rows, one;
    const ehr_value_t  *asked_for;

    if (!record->audited) {
        asked_for = ehr_list_asked_for(listing);

        if (asked_for == NULL) {
            then(req);
            return NGX_OK;
        }

        ngx_memzero(&one, sizeof(ehr_audited_t));
        one.patient.data = (u_char *) asked_for->text;
        one.patient.len = asked_for->len;

        return ehr_audit_read(req, record->resource->table, &one, 1, then);
    }

    if (record->patient < 0) {
        return ehr_audit_read(req, record->resource->table, NULL, 0, then);
    }

    below = listing->list.parent
            && ngx_strcmp(record->resource->parent, "patients") == 0;

    n = below ? 1 : ngx_min((ngx_uint_t) PQntuples(result), listing->limit);

    rows = ngx_pcalloc(req->pool, (n + 1) * sizeof(ehr_audited_t));
    if (rows == NULL) {
        return NGX_ERROR;
    }

    if (below) {
        rows[0].patient = req->params[0];

    } else {
        for (i = 0; i < n; i++) {
            rows[i].entity = ehr_result_value(result, (int) i, 0);
            rows[i].patient = ehr_result_value(result, (int) i,
                                               record->patient);
        }
    }

    return ehr_audit_read(req, record->resource->table, rows, n, then);
}


static void
ehr_list_reply(ehr_request_t *req)
{
    ehr_listing_t  *listing = req->state;

    ehr_reply(req, &listing->reply);
}


static void
ehr_list_write(ehr_request_t *req, ehr_listing_t *listing, PGresult *result)
{
    int                   row, rows;
    const char           *extra = NULL;
    const ehr_ranking_t  *rankings = listing->record->resource->rankings;

    if (listing->list.ranking >= 0) {
        extra = rankings[listing->list.ranking].field;
    }

    rows = ngx_min(PQntuples(result), (int) listing->limit);

    ehr_out_init(&listing->data, req->pool);
    ehr_out_literal(&listing->data, "[");

    for (row = 0; row < rows; row++) {
        if (row) {
            ehr_out_literal(&listing->data, ",");
        }

        ehr_record_write_row(req, listing->record, &listing->data, result,
                             row, listing->mask, extra);
    }

    ehr_out_literal(&listing->data, "]");
}


static ngx_int_t
ehr_list_meta(ehr_request_t *req, ehr_listing_t *listing, PGresult *result,
    PGresult *total)
{
    ehr_out_t  *out = &listing->meta;
    ngx_str_t   text;

    ehr_out_init(out, req->pool);
    ehr_out_literal(out, "{\"limit\":");
    ehr_out_integer(out, listing->limit);
    ehr_out_literal(out, ",\"nextCursor\":");

    if (PQntuples(result) <= (int) listing->limit) {
        ehr_out_literal(out, "null");

    } else {
        if (ehr_list_next(req, listing, result, (int) listing->limit - 1,
                          &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ehr_out_string(out, text.data, text.len);
    }

    if (total) {
        text = ehr_result_value(total, 0, 0);
        ehr_out_literal(out, ",\"total\":");
        ehr_out_raw(out, text.data, text.len);
    }

    ehr_out_literal(out, "}");

    return NGX_OK;
}


ngx_int_t
ehr_list_next(ehr_request_t *req, ehr_listing_t *listing, PGresult *result,
    int row, ngx_str_t *text)
{
    int           column;
    ehr_cursor_t  cursor;

    column = (listing->list.ranking >= 0)
             ? (int) listing->record->fields->n : listing->list.sort;

    cursor.ranking = listing->list.ranking;
    cursor.sort = listing->list.sort;
    cursor.descending = listing->list.descending;
    cursor.value = ehr_result_value(result, row, column);
    cursor.id = ehr_result_value(result, row, 0);

    return ehr_cursor_print(req, listing->record, &cursor, text);
}
