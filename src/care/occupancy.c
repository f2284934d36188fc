/*
 * GET /occupancy: how many beds are in which state now, and how full they were
 * over time (sql/migrations/0015_bed_flow.sql).
 */

#include "../model/resources.h"
#include "occupancy.h"


/* Columns of OCCUPANCY_NOW. */
enum { HOSPITAL, WARD, ROOM_CLASS, AVAILABLE, OCCUPIED, RESERVED, CLEANING,
       OUT_OF_SERVICE, EHR_OCCUPANCY_COLUMNS };

#define EHR_OCCUPANCY_STATES  (EHR_OCCUPANCY_COLUMNS - AVAILABLE)

typedef struct {
    ehr_param_t             params[6];
    unsigned                over_time:1;    /* is asked for */
    ehr_reply_t             reply;
    ehr_out_t               data;
} ehr_occupancy_t;

typedef struct {
    uint64_t                n[EHR_OCCUPANCY_STATES];
} ehr_bed_states_t;


static ngx_int_t ehr_occupancy_query(ehr_request_t *req,
    ehr_occupancy_t *occupancy);
static ngx_int_t ehr_occupancy_add(ehr_occupancy_t *occupancy,
    ehr_batch_t *batch);
static void ehr_occupancy_done(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_occupancy_write_now(ehr_out_t *out, PGresult *result);
static void ehr_occupancy_write_ward(ehr_out_t *out, PGresult *result,
    int row, const ehr_bed_states_t *states);
static void ehr_occupancy_write_id(ehr_out_t *out, const char *key,
    ngx_str_t id);
static void ehr_occupancy_write_states(ehr_out_t *out,
    const ehr_bed_states_t *states);
static void ehr_occupancy_write_ratio(ehr_out_t *out, uint64_t occupied,
    uint64_t service);


static const char *const  ehr_occupancy_keys[EHR_OCCUPANCY_STATES] = {
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

    batch = ehr_step_begin(req, EHR_LANE_REPORTS, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    if (ehr_occupancy_add(occupancy, batch) != NGX_OK) {
        ehr_batch_destroy(batch);
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
    ngx_str_t         json;
    ehr_out_t        *out;
    ehr_occupancy_t  *occupancy = req->state;

    out = &occupancy->data;
    ehr_out_init(out, req->pool);

    ehr_out_literal(out, "{\"now\":");
    ehr_occupancy_write_now(out, batch->results[1]);
    ehr_out_literal(out, ",\"overTime\":");

    if (occupancy->over_time) {
        json = ehr_result_value(batch->results[2], 0, 0);
        ehr_out_raw(out, json.data, json.len);

    } else {
        ehr_out_literal(out, "null");
    }

    ehr_out_literal(out, "}");

    occupancy->reply.status = NGX_HTTP_OK;
    occupancy->reply.message = EHR_MESSAGE_SUCCESS;
    occupancy->reply.data = out;

    ehr_reply(req, &occupancy->reply);
}


static void
ehr_occupancy_write_now(ehr_out_t *out, PGresult *result)
{
    int                row;
    ngx_uint_t         i;
    ehr_bed_states_t   all, states;

    ngx_memzero(&all, sizeof(ehr_bed_states_t));

    ehr_out_literal(out, "{\"wards\":[");

    for (row = 0; row < PQntuples(result); row++) {

        for (i = 0; i < EHR_OCCUPANCY_STATES; i++) {
            states.n[i] = strtoull(PQgetvalue(result, row, AVAILABLE + i),
                                   NULL, 10);
            all.n[i] += states.n[i];
        }

        if (row) {
            ehr_out_literal(out, ",");
        }

        ehr_occupancy_write_ward(out, result, row, &states);
    }

    ehr_out_literal(out, "]");
    ehr_occupancy_write_states(out, &all);
    ehr_out_literal(out, "}");
}


static void
ehr_occupancy_write_ward(ehr_out_t *out, PGresult *result, int row,
    const ehr_bed_states_t *states)
{
    ehr_occupancy_write_id(out, "{\"hospitalId\":",
                           ehr_result_value(result, row, HOSPITAL));
    ehr_occupancy_write_id(out, ",\"wardId\":",
                           ehr_result_value(result, row, WARD));
    ehr_occupancy_write_id(out, ",\"roomClassId\":",
                           ehr_result_value(result, row, ROOM_CLASS));
    ehr_occupancy_write_states(out, states);
    ehr_out_literal(out, "}");
}


static void
ehr_occupancy_write_id(ehr_out_t *out, const char *key, ngx_str_t id)
{
    ehr_out_raw(out, key, ngx_strlen(key));
    ehr_out_string(out, id.data, id.len);
}


static void
ehr_occupancy_write_states(ehr_out_t *out, const ehr_bed_states_t *states)
{
    uint64_t    beds;
    ngx_uint_t  i;

    for (i = 0, beds = 0; i < EHR_OCCUPANCY_STATES; i++) {
        beds += states->n[i];
        ehr_out_raw(out, ehr_occupancy_keys[i],
                    ngx_strlen(ehr_occupancy_keys[i]));
        ehr_out_integer(out, states->n[i]);
    }

    ehr_out_literal(out, ",\"beds\":");
    ehr_out_integer(out, beds);
    ehr_occupancy_write_ratio(out, states->n[OCCUPIED - AVAILABLE],
                              beds - states->n[OUT_OF_SERVICE - AVAILABLE]);
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
