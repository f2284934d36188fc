/*
 * GET /slots: the first free slots of all doctors that fit.
 */

#include "booking.h"


#define EHR_SLOTS_USUAL  20


static ngx_int_t ehr_slots_first_wish(ehr_request_t *req,
    ehr_slot_wish_t *wish);
static ngx_int_t ehr_slots_first_times(ehr_request_t *req,
    const ehr_values_t *values, ehr_slot_wish_t *wish);
static ngx_int_t ehr_slots_first_ask(ehr_request_t *req,
    const ehr_slot_wish_t *wish);
static void ehr_slots_first_found(ehr_request_t *req, ehr_batch_t *batch);


#define ehr_slots_value(values, name)                                        \
    ehr_input_value(&ehr_input_slots, values, name)


ngx_int_t
ehr_slots_first(ehr_request_t *req)
{
    ngx_int_t         rc;
    ehr_out_t         data;
    ehr_slot_wish_t   wish;

    ngx_memzero(&wish, sizeof(ehr_slot_wish_t));

    rc = ehr_slots_first_wish(req, &wish);
    if (rc != NGX_OK) {
        return rc;
    }

    ehr_out_init(&data, req->pool);

    if (ehr_slot_engine_first(&wish, &data) == NGX_OK) {
        ehr_reply_data(req, &data);
        return NGX_OK;
    }

    return ehr_slots_first_ask(req, &wish);
}


static ngx_int_t
ehr_slots_first_wish(ehr_request_t *req, ehr_slot_wish_t *wish)
{
    ngx_int_t      rc;
    ehr_value_t    value;
    ehr_values_t   values;

    rc = ehr_request_query(req, &ehr_input_slots, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    wish->specialty = ehr_slots_value(&values, "specialty").text;
    wish->clinic = ehr_slots_value(&values, "clinic").text;
    wish->department = ehr_slots_value(&values, "department").text;
    wish->doctor_text = ehr_slots_value(&values, "doctor").text;

    if (wish->doctor_text) {
        (void) ehr_uuid_parse(&wish->doctor, (u_char *) wish->doctor_text,
                              EHR_UUID_TEXT);
    }

    value = ehr_slots_value(&values, "duration");
    wish->minutes = value.text ? ngx_atoi((u_char *) value.text, value.len)
                               : 0;

    if (wish->minutes % (EHR_SLOT_STEP / 60)) {
        ehr_reply_field(req, NGX_HTTP_BAD_REQUEST, "duration",
                        EHR_MESSAGE_OFF_GRANULE);
        return NGX_DONE;
    }

    value = ehr_slots_value(&values, "limit");
    wish->limit = value.text ? ngx_atoi((u_char *) value.text, value.len)
                             : EHR_SLOTS_USUAL;

    return ehr_slots_first_times(req, &values, wish);
}


static ngx_int_t
ehr_slots_first_times(ehr_request_t *req, const ehr_values_t *values,
    ehr_slot_wish_t *wish)
{
    ehr_value_t  from, to;

    from = ehr_slots_value(values, "from");
    to = ehr_slots_value(values, "to");

    wish->from = from.text ? ehr_slot_instant_parse(from.text, from.len, NULL)
                           : ngx_time();

    if (to.text == NULL) {
        return NGX_OK;
    }

    wish->to = ehr_slot_instant_parse(to.text, to.len, NULL);

    if (from.text == NULL) {
        /* before now there is nothing */
        wish->to = ngx_max(wish->to, wish->from);
        return NGX_OK;
    }

    if (wish->to <= wish->from) {
        ehr_reply_field(req, NGX_HTTP_BAD_REQUEST, "to",
                        EHR_MESSAGE_ENDS_BEFORE_START);
        return NGX_DONE;
    }

    return NGX_OK;
}


static ngx_int_t
ehr_slots_first_ask(ehr_request_t *req, const ehr_slot_wish_t *wish)
{
    ehr_batch_t  *batch;

    batch = ehr_step_begin(req, EHR_LANE_REPORTS, EHR_AS_ACTOR);

    if (batch == NULL || ehr_slot_add_first(wish, batch) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_slots_first_found);
}


ngx_int_t
ehr_slot_add_first(const ehr_slot_wish_t *wish, ehr_batch_t *batch)
{
    u_char        from[EHR_SLOT_INSTANT + 1], to[EHR_SLOT_INSTANT + 1];
    u_char        minutes[NGX_INT_T_LEN + 1], limit[NGX_INT_T_LEN + 1];
    ehr_param_t   params[8];

    *ehr_slot_instant_print(from, ngx_max(wish->from, (int64_t) ngx_time()))
        = '\0';
    *ehr_slot_instant_print(to, wish->to) = '\0';
    *ngx_sprintf(minutes, "%ui", wish->minutes) = '\0';
    *ngx_sprintf(limit, "%ui", wish->limit) = '\0';

    ngx_memzero(params, sizeof(params));
    params[0].value = wish->specialty;
    params[1].value = wish->clinic;
    params[2].value = wish->department;
    params[3].value = wish->doctor_text;
    params[4].value = (char *) from;
    params[5].value = wish->to ? (char *) to : NULL;
    params[6].value = wish->minutes ? (char *) minutes : NULL;
    params[7].value = (char *) limit;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_SLOTS_FIRST], 8,
                         params);
}


static void
ehr_slots_first_found(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_out_t  data;

    ehr_out_init(&data, req->pool);
    ehr_slot_write_rows(&data, batch->results[1]);
    ehr_reply_data(req, &data);
}
