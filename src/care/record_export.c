/*
 * A list as CSV (RFC 4180): the same filters, up to 10,000 rows a page; the
 * next page is named by the Link header (RFC 8288).
 */

#include "record_list.h"


#define EHR_EXPORT_MOST  10000


static void ehr_export_done(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_export_reply(ehr_request_t *req);
static void ehr_export_head(ehr_listing_t *listing, ehr_out_t *out);
static void ehr_export_row(ehr_listing_t *listing, ehr_out_t *out,
    PGresult *result, int row);
static void ehr_export_cell(ehr_out_t *out, const u_char *text, size_t len);
static ngx_int_t ehr_export_link(ehr_request_t *req, ehr_listing_t *listing,
    PGresult *result);


ngx_int_t
ehr_record_export(ehr_request_t *req)
{
    ngx_int_t       rc;
    ehr_listing_t  *listing;

    listing = ehr_listing_create(req, EHR_EXPORT_MOST);
    if (listing == NULL) {
        return NGX_ERROR;
    }

    rc = ehr_list_parse(req, listing);

    return (rc == NGX_OK)
           ? ehr_list_send(req, listing, EHR_LANE_REPORTS, ehr_export_done)
           : rc;
}


static void
ehr_export_done(ehr_request_t *req, ehr_batch_t *batch)
{
    int             row, rows;
    PGresult       *result;
    ehr_listing_t  *listing = req->state;

    result = batch->results[listing->rows_at];
    rows = ngx_min(PQntuples(result), (int) listing->limit);

    ehr_out_init(&listing->data, req->pool);
    ehr_export_head(listing, &listing->data);

    for (row = 0; row < rows; row++) {
        ehr_export_row(listing, &listing->data, result, row);
    }

    if (PQntuples(result) > rows
        && ehr_export_link(req, listing, result) != NGX_OK)
    {
        listing->data.failed = 1;
    }

    if (ehr_list_audit(req, listing, result, ehr_export_reply) != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


static void
ehr_export_reply(ehr_request_t *req)
{
    ehr_listing_t  *listing = req->state;

    ehr_reply_plain(req, NGX_HTTP_OK, "text/csv; charset=utf-8",
                    &listing->data);
}


static void
ehr_export_head(ehr_listing_t *listing, ehr_out_t *out)
{
    size_t       i;
    const char  *separator = "", *name;

    for (i = 0; i < listing->record->fields->n; i++) {
        if (listing->mask & ((uint64_t) 1 << i)) {
            name = listing->record->fields->fields[i]->name;
            ehr_out_raw(out, separator, ngx_strlen(separator));
            ehr_out_raw(out, name, ngx_strlen(name));
            separator = ",";
        }
    }

    ehr_out_literal(out, "\r\n");
}


static void
ehr_export_row(ehr_listing_t *listing, ehr_out_t *out, PGresult *result,
    int row)
{
    size_t              i;
    ngx_str_t           value;
    const char         *separator = "";
    const ehr_field_t  *field;

    for (i = 0; i < listing->record->fields->n; i++) {

        if ((listing->mask & ((uint64_t) 1 << i)) == 0) {
            continue;
        }

        ehr_out_raw(out, separator, ngx_strlen(separator));
        separator = ",";

        field = listing->record->fields->fields[i];
        value = ehr_result_value(result, row, (int) i);

        /* what is encrypted stays so outside the API's own answers */

        if (value.data == NULL || (field->flags & EHR_SENSITIVE)) {
            continue;
        }

        if (field->type == EHR_TYPE_TIMESTAMP) {
            ehr_out_timestamp(out, value.data, value.len);
        } else {
            ehr_export_cell(out, value.data, value.len);
        }
    }

    ehr_out_literal(out, "\r\n");
}


/* Quoted, and never taken for a formula by a spreadsheet. */

static void
ehr_export_cell(ehr_out_t *out, const u_char *text, size_t len)
{
    size_t  i;

    ehr_out_literal(out, "\"");

    if (len && strchr("=+-@\t\r", text[0])) {
        ehr_out_literal(out, "'");
    }

    for (i = 0; i < len; i++) {
        if (text[i] == '"') {
            ehr_out_literal(out, "\"");
        }

        ehr_out_raw(out, &text[i], 1);
    }

    ehr_out_literal(out, "\"");
}


static ngx_int_t
ehr_export_link(ehr_request_t *req, ehr_listing_t *listing, PGresult *result)
{
    u_char     *p;
    ngx_str_t   cursor, value;

    if (ehr_list_next(req, listing, result, (int) listing->limit - 1,
                      &cursor)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(req->pool, cursor.len + 64);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "<?cursor=%V>; rel=\"next\"", &cursor) - p;

    return ehr_reply_header(req, "Link", &value);
}
