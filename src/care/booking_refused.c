/*
 * What is said when time is taken: by what, and what else could be had.
 */

#include "../http/database_error.h"
#include "booking.h"


#define EHR_ALTERNATIVES  5


static int ehr_booking_names_patient(const ehr_batch_t *batch);
static int ehr_booking_is_taken(const ehr_batch_t *batch);
static ngx_int_t ehr_booking_ask_others(ehr_request_t *req,
    const ehr_slot_wish_t *wish);
static void ehr_booking_others(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_booking_reply_taken(ehr_request_t *req,
    ehr_booking_t *booking, ehr_out_t *slots);


void
ehr_booking_failed(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_refusal_t    refusal;
    ehr_booking_t   *booking = req->state;

    /* the patient of the path is not there: neither is the path */

    if (req->nparams && ehr_booking_names_patient(batch)) {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return;
    }

    if (!ehr_booking_is_taken(batch)) {
        ehr_record_create_failed(req, batch);
        return;
    }

    if (booking->before) {
        ehr_booking_complete(req, booking, batch->results[booking->before]);
    }

    /* the names are copied into the request's pool */

    ehr_database_refusal(&batch->error, NULL, req->pool, &refusal,
                         &booking->taken);
    ehr_booking_taken_step(req, booking);
}


void
ehr_booking_complete(ehr_request_t *req, ehr_booking_t *booking,
    const PGresult *before)
{
    ngx_str_t  value;

    if (before == NULL || PQntuples(before) == 0) {
        return;
    }

    if (booking->doctor == NULL) {
        value = ehr_result_value(before, 0, EHR_BEFORE_DOCTOR);
        booking->doctor = ehr_request_text(req, &value);
    }

    if (booking->length == 0) {
        value = ehr_result_value(before, 0, EHR_BEFORE_MINUTES);
        booking->length = ngx_atoi(value.data, value.len);
    }

    if (booking->start == NULL) {
        value = ehr_result_value(before, 0, EHR_BEFORE_START);
        booking->second = ngx_atotm(value.data, value.len);
    }
}


static int
ehr_booking_names_patient(const ehr_batch_t *batch)
{
    const ngx_str_t  *column = &batch->error.column;

    return ngx_strcmp(batch->error.sqlstate, "EH422") == 0
           && column->len == sizeof("patientId") - 1
           && ngx_memcmp(column->data, "patientId", column->len) == 0;
}


static int
ehr_booking_is_taken(const ehr_batch_t *batch)
{
    const ngx_str_t  *message = &batch->error.message;

    return ngx_strcmp(batch->error.sqlstate, "EH409") == 0
           && ehr_message_find((char *) message->data, message->len)
              == EHR_MESSAGE_SLOT_TAKEN;
}


void
ehr_booking_taken_step(ehr_request_t *req, ehr_booking_t *booking)
{
    req->failed = NULL;

    if (ehr_booking_taken(req, booking) == NGX_ERROR) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


ngx_int_t
ehr_booking_taken(ehr_request_t *req, ehr_booking_t *booking)
{
    ehr_out_t         slots;
    ehr_slot_wish_t   wish;

    ehr_out_init(&slots, req->pool);

    if (booking->doctor == NULL || booking->second == 0) {
        ehr_out_literal(&slots, "[]");
        ehr_booking_reply_taken(req, booking, &slots);
        return NGX_OK;
    }

    ngx_memzero(&wish, sizeof(ehr_slot_wish_t));

    wish.doctor_text = booking->doctor;
    (void) ehr_uuid_parse(&wish.doctor, (u_char *) booking->doctor,
                          EHR_UUID_TEXT);
    wish.from = ngx_max(booking->second + EHR_SLOT_STEP,
                        (int64_t) ngx_time());
    wish.minutes = booking->length;
    wish.limit = EHR_ALTERNATIVES;

    /* an engine that did not know of what is taken may not know yet of the
     * hours either: nothing free is PostgreSQL's to say then */

    if (ehr_slot_engine_next(&wish, &slots) == NGX_OK
        && (booking->is_known || slots.size > sizeof("[]") - 1))
    {
        ehr_booking_reply_taken(req, booking, &slots);
        return NGX_OK;
    }

    return ehr_booking_ask_others(req, &wish);
}


static ngx_int_t
ehr_booking_ask_others(ehr_request_t *req, const ehr_slot_wish_t *wish)
{
    ehr_batch_t  *batch;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    batch->writes = 0;

    if (ehr_slot_add_first(wish, batch) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_booking_others);
}


static void
ehr_booking_others(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_out_t  slots;

    ehr_out_init(&slots, req->pool);
    ehr_slot_write_rows(&slots, batch->results[1]);
    ehr_booking_reply_taken(req, req->state, &slots);
}


static void
ehr_booking_reply_taken(ehr_request_t *req, ehr_booking_t *booking,
    ehr_out_t *slots)
{
    ehr_out_t    data;
    ehr_reply_t  reply;

    ehr_out_init(&data, req->pool);
    ehr_out_literal(&data, "{\"alternatives\":");
    ehr_out_join(&data, slots);
    ehr_out_literal(&data, "}");

    ngx_memzero(&reply, sizeof(ehr_reply_t));

    reply.status = NGX_HTTP_CONFLICT;
    reply.message = EHR_MESSAGE_TIME_TAKEN;
    reply.errors = booking->taken.items;
    reply.nerrors = booking->taken.n;
    reply.data = &data;

    ehr_reply(req, &reply);
}
