/*
 * GET /occupancy: how many beds are in which state now, and how full they were
 * over time (sql/migrations/0015_bed_flow.sql).
 */

#include "../model/resources.h"
#include "bed_counts.h"
#include "occupancy.h"


typedef struct {
    ehr_param_t             params[6];
    ehr_bed_filter_t        filter;         /* the first three of them */
    unsigned                over_time:1;    /* is asked for */
    ehr_bed_count_t        *counts;
    ngx_uint_t              ncounts;
    ehr_out_t               data;
} ehr_occupancy_t;


static ngx_int_t ehr_occupancy_query(ehr_request_t *req,
    ehr_occupancy_t *occupancy);
static ngx_int_t ehr_occupancy_add(ehr_occupancy_t *occupancy,
    ehr_batch_t *batch);
static void ehr_occupancy_done(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_occupancy_reply(ehr_request_t *req,
    const ngx_str_t *over_time);
static void ehr_occupancy_write_now(ehr_out_t *out,
    const ehr_bed_count_t *counts, ngx_uint_t n);
static void ehr_occupancy_write_ward(ehr_out_t *out,
    const ehr_bed_count_t *count);
static void ehr_occupancy_write_id(ehr_out_t *out, const char *key,
    const ehr_uuid_t *id);
static void ehr_occupancy_write_states(ehr_out_t *out,
    const ehr_bed_count_t *count);
static void ehr_occupancy_write_ratio(ehr_out_t *out, uint64_t occupied,
    uint64_t service);


static const char *const  ehr_occupancy_keys[EHR_BEDS_STATES] = {
    ",\"available\":", ",\"occupied\":", ",\"reserved\":", ",\"cleaning\":",
    ",\"outOfService\":"
};


ngx_int_t
ehr_occupancy_show(ehr_request_t *req)
{
    ngx_int_t         rc;
    ehr_batch_t      *batch;
    ehr_occupancy_t  *occupancy;

    occupancy = ngx_pcalloc(req->pool, sizeof(ehr_occupancy_t));
    if (occupancy == NULL) {
        return NGX_ERROR;
    }

    req->state = occupancy;

    rc = ehr_occupancy_query(req, occupancy);
    if (rc != NGX_OK) {
        return rc;
    }

    /* what is now the engine knows, if it is LIVE */

    if (!occupancy->over_time) {
        rc = ehr_bed_counts(req->pool, &occupancy->filter, &occupancy->counts,
                            &occupancy->ncounts);
        if (rc != NGX_DECLINED) {
            if (rc == NGX_OK) {
                ehr_occupancy_reply(req, NULL);
            }

            return rc;
        }
    }

    batch = ehr_step_begin(req, EHR_LANE_REPORTS, EHR_AS_ACTOR);

    if (batch == NULL || ehr_occupancy_add(occupancy, batch) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_occupancy_done);
}


/* The statements take the query's fields in their order. */

static ngx_int_t
ehr_occupancy_query(ehr_request_t *req, ehr_occupancy_t *occupancy)
{
    size_t         i;
    ngx_int_t      rc;
    ehr_values_t   values;

    rc = ehr_request_query(req, &ehr_input_occupancy, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < ehr_input_occupancy.nfields; i++) {
        occupancy->params[i].value = values.values[i].text;

        if (i > 2 && values.values[i].text) {
            occupancy->over_time = 1;
        }
    }

    occupancy->filter.hospital = occupancy->params[0].value;
    occupancy->filter.ward = occupancy->params[1].value;
    occupancy->filter.room_class = occupancy->params[2].value;

    return NGX_OK;
}


static ngx_int_t
ehr_occupancy_add(ehr_occupancy_t *occupancy, ehr_batch_t *batch)
{
    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_OCCUPANCY_NOW], 3,
                      occupancy->params)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!occupancy->over_time) {
        return NGX_OK;
    }

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_OCCUPANCY_OVER_TIME],
                         6, occupancy->params);
}


static void
ehr_occupancy_done(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_str_t         over_time;
    ehr_occupancy_t  *occupancy = req->state;

    if (ehr_bed_counts_rows(req->pool, &occupancy->filter, batch->results[1],
                            &occupancy->counts, &occupancy->ncounts)
        != NGX_OK)
    {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
        return;
    }

    if (!occupancy->over_time) {
        ehr_occupancy_reply(req, NULL);
        return;
    }

    over_time = ehr_result_value(batch->results[2], 0, 0);
    ehr_occupancy_reply(req, &over_time);
}


/* over_time: JSON, or NULL. */

static void
ehr_occupancy_reply(ehr_request_t *req, const ngx_str_t *over_time)
{
    ehr_out_t        *out;
    ehr_occupancy_t  *occupancy = req->state;

    out = &occupancy->data;
    ehr_out_init(out, req->pool);

    ehr_out_literal(out, "{\"now\":");
    ehr_occupancy_write_now(out, occupancy->counts, occupancy->ncounts);
    ehr_out_literal(out, ",\"overTime\":");

    if (over_time) {
        ehr_out_raw(out, over_time->data, over_time->len);
    } else {
        ehr_out_literal(out, "null");
    }

    ehr_out_literal(out, "}");

    ehr_reply_data(req, out);
}


static void
ehr_occupancy_write_now(ehr_out_t *out, const ehr_bed_count_t *counts,
    ngx_uint_t n)
{
    ngx_uint_t       i, state;
    ehr_bed_count_t  all;

    ngx_memzero(&all, sizeof(ehr_bed_count_t));

    ehr_out_literal(out, "{\"wards\":[");

    for (i = 0; i < n; i++) {

        for (state = 0; state < EHR_BEDS_STATES; state++) {
            all.n[state] += counts[i].n[state];
        }

        if (i) {
            ehr_out_literal(out, ",");
        }

        ehr_occupancy_write_ward(out, &counts[i]);
    }

    ehr_out_literal(out, "]");
    ehr_occupancy_write_states(out, &all);
    ehr_out_literal(out, "}");
}


static void
ehr_occupancy_write_ward(ehr_out_t *out, const ehr_bed_count_t *count)
{
    ehr_occupancy_write_id(out, "{\"hospitalId\":", &count->hospital);
    ehr_occupancy_write_id(out, ",\"wardId\":", &count->ward);
    ehr_occupancy_write_id(out, ",\"roomClassId\":", &count->room_class);
    ehr_occupancy_write_states(out, count);
    ehr_out_literal(out, "}");
}


static void
ehr_occupancy_write_id(ehr_out_t *out, const char *key, const ehr_uuid_t *id)
{
    u_char  text[EHR_UUID_TEXT];

    (void) ehr_uuid_print(text, id);

    ehr_out_raw(out, key, ngx_strlen(key));
    ehr_out_string(out, text, EHR_UUID_TEXT);
}


static void
ehr_occupancy_write_states(ehr_out_t *out, const ehr_bed_count_t *count)
{
    uint64_t    beds;
    ngx_uint_t  i;

    for (i = 0, beds = 0; i < EHR_BEDS_STATES; i++) {
        beds += count->n[i];
        ehr_out_raw(out, ehr_occupancy_keys[i],
                    ngx_strlen(ehr_occupancy_keys[i]));
        ehr_out_integer(out, count->n[i]);
    }

    ehr_out_literal(out, ",\"beds\":");
    ehr_out_integer(out, beds);
    ehr_occupancy_write_ratio(out, count->n[EHR_BEDS_OCCUPIED],
                              beds - count->n[EHR_BEDS_OUT_OF_SERVICE]);
}


/* In ten-thousandths, as PostgreSQL rounds what was over time. */

static void
ehr_occupancy_write_ratio(ehr_out_t *out, uint64_t occupied, uint64_t service)
{
    u_char    text[NGX_INT64_LEN + sizeof(".0000")], *end;
    uint64_t  ratio;

    ehr_out_literal(out, ",\"occupancy\":");

    if (service == 0) {
        ehr_out_literal(out, "null");
        return;
    }

    ratio = (occupied * 20000 + service) / (2 * service);
    end = ngx_sprintf(text, "%uL.%04uL", ratio / 10000, ratio % 10000);
    ehr_out_raw(out, text, end - text);
}
