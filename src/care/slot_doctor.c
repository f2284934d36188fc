/*
 * GET /doctors/{doctorId}/slots: from what this worker answered before, from
 * the engine, or from PostgreSQL, in this order.
 */

#include "../model/moment.h"
#include "booking.h"


/* A local day lies within this of the same day in UTC. */
#define EHR_SLOT_EAST      (14 * 3600)
#define EHR_SLOT_WEST      (12 * 3600)

#define EHR_SLOT_USUAL     (7 * 86400)

typedef struct {
    ehr_slot_wish_t         wish;
    ehr_out_t               data;
    int32_t                 resource;       /* if version is not 0 */
    uint64_t                version;        /* of the engine's answer that
                                               nothing is free */
    unsigned                has_asked:1;    /* what the days are */
} ehr_slots_t;


static ngx_int_t ehr_slots_wish(ehr_request_t *req, ehr_slot_wish_t *wish);
static ngx_int_t ehr_slots_period(ehr_request_t *req,
    const ehr_values_t *values, ehr_slot_wish_t *wish);
static ngx_int_t ehr_slots_from_engine(ehr_request_t *req,
    ehr_slots_t *slots);
static ngx_int_t ehr_slots_ask_days(ehr_request_t *req, ehr_slots_t *slots,
    const ehr_slot_clinics_t *clinics);
static void ehr_slots_days_known(ehr_request_t *req, ehr_batch_t *batch);
static ngx_int_t ehr_slots_ask(ehr_request_t *req, ehr_slots_t *slots);
static void ehr_slots_found(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_slots_of_doctor(ehr_request_t *req)
{
    ngx_int_t     rc;
    ehr_slots_t  *slots;

    slots = ngx_pcalloc(req->pool, sizeof(ehr_slots_t));

    if (slots == NULL
        || ehr_uuid_parse(&slots->wish.doctor, req->params[0].data,
                          req->params[0].len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ehr_out_init(&slots->data, req->pool);

    /* what begins now was not kept */

    if (req->http->args.len
        && ehr_slot_cache_find(&slots->wish.doctor, &req->http->args,
                               &slots->data)
           == NGX_OK)
    {
        ehr_reply_data(req, &slots->data);
        return NGX_OK;
    }

    rc = ehr_slots_wish(req, &slots->wish);
    if (rc != NGX_OK) {
        return rc;
    }

    req->state = slots;

    rc = ehr_slots_from_engine(req, slots);

    return (rc == NGX_DECLINED) ? ehr_slots_ask(req, slots) : rc;
}


static ngx_int_t
ehr_slots_wish(ehr_request_t *req, ehr_slot_wish_t *wish)
{
    ngx_int_t      rc;
    ehr_value_t    value;
    ehr_values_t   values;

    rc = ehr_request_query(req, &ehr_input_slots_of_doctor, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    wish->doctor_text = (char *) req->params[0].data;

    value = ehr_input_value(&ehr_input_slots_of_doctor, &values, "duration");

    if (value.text) {
        wish->minutes = ngx_atoi((u_char *) value.text, value.len);

        if (wish->minutes % (EHR_SLOT_STEP / 60)) {
            ehr_reply_field(req, NGX_HTTP_BAD_REQUEST, "duration",
                            EHR_MESSAGE_OFF_GRANULE);
            return NGX_DONE;
        }
    }

    return ehr_slots_period(req, &values, wish);
}


/* A day, or from when to when. */

static ngx_int_t
ehr_slots_period(ehr_request_t *req, const ehr_values_t *values,
    ehr_slot_wish_t *wish)
{
    ehr_value_t    date, from, to;
    ehr_moment_t   day;

    date = ehr_input_value(&ehr_input_slots_of_doctor, values, "date");
    from = ehr_input_value(&ehr_input_slots_of_doctor, values, "from");
    to = ehr_input_value(&ehr_input_slots_of_doctor, values, "to");

    if (date.text) {
        if (from.text || to.text) {
            ehr_reply_field(req, NGX_HTTP_BAD_REQUEST, "date",
                            EHR_MESSAGE_DATE_OR_PERIOD);
            return NGX_DONE;
        }

        (void) ehr_date_parse(date.text, date.len, &day);

        wish->date = date.text;
        wish->from = ehr_moment_epoch(&day) - EHR_SLOT_EAST;
        wish->to = ehr_moment_epoch(&day) + 86400 + EHR_SLOT_WEST;

        return NGX_OK;
    }

    wish->from = from.text ? ehr_slot_instant_parse(from.text, from.len, NULL)
                           : ngx_time();
    wish->to = to.text ? ehr_slot_instant_parse(to.text, to.len, NULL)
                       : wish->from + EHR_SLOT_USUAL;

    return ehr_slot_check_period(req, wish->from, wish->to);
}


/* NGX_OK (answered), NGX_DECLINED: PostgreSQL must be asked, or NGX_ERROR. */

static ngx_int_t
ehr_slots_from_engine(ehr_request_t *req, ehr_slots_t *slots)
{
    int32_t              resource;
    int64_t              first;
    uint64_t             version;
    ngx_int_t            rc;
    ehr_engine_t        *engine = ehr_slot_engine();
    ehr_slot_clinics_t   clinics;

    if (engine == NULL
        || ehr_engine_find(engine, EHR_ENGINE_DOCTOR,
                           ehr_slot_engine_uuid(&slots->wish.doctor),
                           &resource)
           != EHR_ENGINE_OK)
    {
        return NGX_DECLINED;
    }

    version = ehr_engine_version(engine, resource);

    ehr_out_init(&slots->data, req->pool);
    rc = ehr_slot_engine_doctor(&slots->wish, resource, &slots->data, &first,
                                &clinics);

    if (rc == NGX_AGAIN && !slots->has_asked) {
        return ehr_slots_ask_days(req, slots, &clinics);
    }

    /* nothing free: PostgreSQL tells whether there is such a doctor */

    if (rc == NGX_OK && first == 0) {
        slots->resource = resource;
        slots->version = version;
    }

    if (rc != NGX_OK || first == 0) {
        return NGX_DECLINED;
    }

    /* by default a period begins now, which does not stay */

    if (req->http->args.len) {
        ehr_slot_cache_keep(&slots->wish.doctor, &req->http->args, resource,
                            version,
                            ngx_min(first, ngx_time() + EHR_SLOT_MEMORY),
                            &slots->data);
    }

    ehr_reply_data(req, &slots->data);

    return NGX_OK;
}


static ngx_int_t
ehr_slots_ask_days(ehr_request_t *req, ehr_slots_t *slots,
    const ehr_slot_clinics_t *clinics)
{
    u_char        list[EHR_SLOT_CLINICS * (EHR_UUID_TEXT + 1) + 2], *p;
    ngx_uint_t    i;
    ehr_batch_t  *batch;
    ehr_param_t   params[2];

    p = list;

    for (i = 0; i < clinics->n; i++) {
        *p++ = i ? ',' : '{';
        p = ehr_uuid_print(p, &clinics->ids[i]);
    }

    *p++ = '}';
    *p = '\0';

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) list;
    params[1].value = slots->wish.date;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_SLOT_DAYS], 2, params)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_slots_days_known);
}


static void
ehr_slots_days_known(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_int_t     rc;
    ehr_slots_t  *slots = req->state;

    ehr_slot_day_learn(slots->wish.date, batch->results[1]);
    slots->has_asked = 1;

    rc = ehr_slots_from_engine(req, slots);

    if (rc == NGX_DECLINED) {
        rc = ehr_slots_ask(req, slots);
    }

    if (rc == NGX_ERROR) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


/* The same of PostgreSQL, which also knows whether there is the doctor. */

static ngx_int_t
ehr_slots_ask(ehr_request_t *req, ehr_slots_t *slots)
{
    u_char            from[EHR_SLOT_INSTANT + 1], to[EHR_SLOT_INSTANT + 1];
    u_char            minutes[NGX_INT_T_LEN + 1];
    ehr_batch_t      *batch;
    ehr_param_t       params[5];
    ehr_slot_wish_t  *wish = &slots->wish;

    *ehr_slot_instant_print(from, wish->from) = '\0';
    *ehr_slot_instant_print(to, wish->to) = '\0';
    *ngx_sprintf(minutes, "%ui", wish->minutes) = '\0';

    ngx_memzero(params, sizeof(params));
    params[0].value = wish->doctor_text;
    params[1].value = (char *) from;
    params[2].value = (char *) to;
    params[3].value = wish->date;
    params[4].value = wish->minutes ? (char *) minutes : NULL;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_DOCTOR_FIND], 1, params)
           != NGX_OK
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_SLOTS_OF_DOCTOR], 5,
                         params)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_slots_found);
}


static void
ehr_slots_found(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_slots_t  *slots = req->state;

    if (PQntuples(batch->results[1]) == 0) {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return;
    }

    ehr_out_init(&slots->data, req->pool);
    ehr_slot_write_rows(&slots->data, batch->results[2]);

    /* both say that it is booked up: many will ask */

    if (slots->version && slots->data.size == sizeof("[]") - 1
        && req->http->args.len)
    {
        ehr_slot_cache_keep(&slots->wish.doctor, &req->http->args,
                            slots->resource, slots->version,
                            ngx_time() + EHR_SLOT_MEMORY, &slots->data);
    }

    ehr_reply_data(req, &slots->data);
}
