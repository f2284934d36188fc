/*
 * GET /calendar: appointments, and for staff when a doctor is there and when
 * not.  What is shown of patients is audited, as everywhere.
 */

#include "booking.h"


#define EHR_CALENDAR_USUAL  (7 * 86400)
#define EHR_CALENDAR_MOST   1000

enum {
    ID, PATIENT, DOCTOR, CLINIC, ROOM, START, END, TYPE, STATUS, IS_VIRTUAL
};

typedef struct {
    const char             *doctor;
    u_char                  from[EHR_SLOT_INSTANT + 1];
    u_char                  to[EHR_SLOT_INSTANT + 1];
    unsigned                has_hours:1;    /* asked for them */

    ehr_out_t               data;
    ehr_reply_t             reply;
} ehr_calendar_t;


static ngx_int_t ehr_calendar_query(ehr_request_t *req,
    ehr_calendar_t *calendar);
static ngx_int_t ehr_calendar_add(ehr_request_t *req,
    ehr_calendar_t *calendar, ehr_batch_t *batch);
static void ehr_calendar_done(ehr_request_t *req, ehr_batch_t *batch);
static ngx_int_t ehr_calendar_audit(ehr_request_t *req, PGresult *result,
    int n);
static void ehr_calendar_write(ehr_out_t *out, PGresult *result, int row);
static void ehr_calendar_write_text(ehr_out_t *out, const char *key,
    ngx_str_t value);
static void ehr_calendar_write_time(ehr_out_t *out, const char *key,
    ngx_str_t value);
static void ehr_calendar_reply(ehr_request_t *req);


ngx_int_t
ehr_calendar_view(ehr_request_t *req)
{
    ngx_int_t        rc;
    ehr_batch_t     *batch;
    ehr_calendar_t  *calendar;

    calendar = ngx_pcalloc(req->pool, sizeof(ehr_calendar_t));
    if (calendar == NULL) {
        return NGX_ERROR;
    }

    req->state = calendar;

    rc = ehr_calendar_query(req, calendar);
    if (rc != NGX_OK) {
        return rc;
    }

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL || ehr_calendar_add(req, calendar, batch) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_calendar_done);
}


static ngx_int_t
ehr_calendar_query(ehr_request_t *req, ehr_calendar_t *calendar)
{
    int64_t        from, to;
    ngx_int_t      rc;
    ehr_value_t    value;
    ehr_values_t   values;

    rc = ehr_request_query(req, &ehr_input_calendar, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    calendar->doctor = ehr_input_value(&ehr_input_calendar, &values,
                                       "doctor").text;

    value = ehr_input_value(&ehr_input_calendar, &values, "from");
    from = value.text ? ehr_slot_instant_parse(value.text, value.len, NULL)
                      : ngx_time();

    value = ehr_input_value(&ehr_input_calendar, &values, "to");
    to = value.text ? ehr_slot_instant_parse(value.text, value.len, NULL)
                    : from + EHR_CALENDAR_USUAL;

    ehr_slot_instant_print(calendar->from, from);
    ehr_slot_instant_print(calendar->to, to);

    return ehr_slot_check_period(req, from, to);
}


static ngx_int_t
ehr_calendar_add(ehr_request_t *req, ehr_calendar_t *calendar,
    ehr_batch_t *batch)
{
    u_char       most[NGX_INT_T_LEN + 1];
    ehr_param_t  params[4];

    *ngx_sprintf(most, "%d", EHR_CALENDAR_MOST + 1) = '\0';

    ngx_memzero(params, sizeof(params));
    params[0].value = calendar->doctor;
    params[1].value = (char *) calendar->from;
    params[2].value = (char *) calendar->to;
    params[3].value = (char *) most;

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_CALENDAR_APPOINTMENTS], 4,
                      params)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (calendar->doctor == NULL
        || ngx_strcmp(ehr_request_scope(req), "own") == 0)
    {
        return NGX_OK;
    }

    calendar->has_hours = 1;

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_CALENDAR_TIME_OFF], 3,
                      params)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_CALENDAR_OPEN], 3,
                         params);
}


static void
ehr_calendar_done(ehr_request_t *req, ehr_batch_t *batch)
{
    int              row, n;
    ngx_str_t        list;
    ehr_out_t       *out;
    PGresult        *result = batch->results[1];
    ehr_calendar_t  *calendar = req->state;

    out = &calendar->data;
    ehr_out_init(out, req->pool);

    n = ngx_min(PQntuples(result), EHR_CALENDAR_MOST);

    ehr_out_literal(out, "{\"appointments\":[");

    for (row = 0; row < n; row++) {
        if (row) {
            ehr_out_literal(out, ",");
        }

        ehr_calendar_write(out, result, row);
    }

    ehr_out_literal(out, "],\"timeOff\":");

    if (calendar->has_hours) {
        list = ehr_result_value(batch->results[2], 0, 0);
        ehr_out_raw(out, list.data, list.len);
        ehr_out_literal(out, ",\"open\":");
        list = ehr_result_value(batch->results[3], 0, 0);
        ehr_out_raw(out, list.data, list.len);

    } else {
        ehr_out_literal(out, "[],\"open\":[]");
    }

    if (n < PQntuples(result)) {
        ehr_out_literal(out, ",\"isComplete\":false}");
    } else {
        ehr_out_literal(out, ",\"isComplete\":true}");
    }

    calendar->reply.status = NGX_HTTP_OK;
    calendar->reply.message = EHR_MESSAGE_SUCCESS;
    calendar->reply.data = out;

    if (ehr_calendar_audit(req, result, n) != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


static ngx_int_t
ehr_calendar_audit(ehr_request_t *req, PGresult *result, int n)
{
    int             row;
    ehr_audited_t  *audited;

    audited = ngx_palloc(req->pool, (n + 1) * sizeof(ehr_audited_t));
    if (audited == NULL) {
        return NGX_ERROR;
    }

    for (row = 0; row < n; row++) {
        audited[row].entity = ehr_result_value(result, row, ID);
        audited[row].patient = ehr_result_value(result, row, PATIENT);
    }

    return ehr_audit_read(req, "appointments", audited, n,
                          ehr_calendar_reply);
}


static void
ehr_calendar_reply(ehr_request_t *req)
{
    ehr_calendar_t  *calendar = req->state;

    ehr_reply(req, &calendar->reply);
}


static void
ehr_calendar_write(ehr_out_t *out, PGresult *result, int row)
{
    ngx_str_t  value;

#define ehr_calendar_value(column)  ehr_result_value(result, row, column)

    ehr_calendar_write_text(out, "{\"id\":", ehr_calendar_value(ID));
    ehr_calendar_write_text(out, ",\"patientId\":",
                            ehr_calendar_value(PATIENT));
    ehr_calendar_write_text(out, ",\"doctorId\":",
                            ehr_calendar_value(DOCTOR));
    ehr_calendar_write_text(out, ",\"clinicId\":",
                            ehr_calendar_value(CLINIC));
    ehr_calendar_write_text(out, ",\"roomId\":", ehr_calendar_value(ROOM));
    ehr_calendar_write_time(out, ",\"start\":", ehr_calendar_value(START));
    ehr_calendar_write_time(out, ",\"end\":", ehr_calendar_value(END));
    ehr_calendar_write_text(out, ",\"type\":", ehr_calendar_value(TYPE));
    ehr_calendar_write_text(out, ",\"status\":", ehr_calendar_value(STATUS));

    value = ehr_calendar_value(IS_VIRTUAL);

#undef ehr_calendar_value

    if (value.data[0] == 't') {
        ehr_out_literal(out, ",\"isVirtual\":true}");
    } else {
        ehr_out_literal(out, ",\"isVirtual\":false}");
    }
}


static void
ehr_calendar_write_text(ehr_out_t *out, const char *key, ngx_str_t value)
{
    ehr_out_raw(out, key, ngx_strlen(key));

    if (value.data) {
        ehr_out_string(out, value.data, value.len);
    } else {
        ehr_out_literal(out, "null");
    }
}


static void
ehr_calendar_write_time(ehr_out_t *out, const char *key, ngx_str_t value)
{
    ehr_out_raw(out, key, ngx_strlen(key));
    ehr_out_timestamp(out, value.data, value.len);
}
