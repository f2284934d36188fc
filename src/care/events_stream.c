/*
 * GET /events: what has just changed, as server-sent events.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * A worker's streams are served by one timer that looks whether the ring's
 * head has moved.  Each stream has one buffer: while a slow reader has not
 * taken it, the events stay in the ring, and past the ring they are lost and
 * the reader is told so by `reset`.
 */

#include "../http/http.h"
#include "../model/describe.h"
#include "events_stream.h"


#define EHR_STREAMS          1024       /* a worker */
#define EHR_STREAMS_A_USER      8       /* of them */
#define EHR_STREAM_TICK        50       /* ms */
#define EHR_STREAM_CHECK     1000       /* ms: the token, again */
#define EHR_STREAM_SILENCE  15000       /* ms: then a comment */
#define EHR_STREAM_PATIENCE 30000       /* ms: for a reader who takes none */
#define EHR_STREAM_BUFFER    8192
#define EHR_STREAM_EVENT      512       /* bytes an event has at most */

typedef struct {
    ngx_queue_t             link;
    ehr_request_t          *req;
    ehr_event_place_t       place;

    /* what is listened to */
    ehr_uuid_t              doctor;
    uint32_t                day;
    ehr_uuid_t              queue;      /* a clinic or a doctor */
    ehr_uuid_t              ward;
    ehr_uuid_t             *patients;
    ngx_uint_t              npatients;
    unsigned                has_doctor:1;
    unsigned                has_day:1;
    unsigned                has_queue:1;
    unsigned                has_ward:1;
    unsigned                has_own:1;

    unsigned                outdated:1; /* the patients are to be read anew */
    unsigned                closed:1;   /* only its rest is to be sent */
    ngx_msec_t              said;       /* when something was last sent */
    ngx_msec_t              checked;
    ngx_chain_t             chain;
    ngx_buf_t               buffer;
    u_char                 *start;
} ehr_stream_t;


static ngx_int_t ehr_stream_topics(ehr_request_t *req, ehr_stream_t *stream,
    const ehr_values_t *query);
static ngx_int_t ehr_stream_day(ehr_value_t *date, uint32_t *day);
static ngx_int_t ehr_stream_room(ehr_request_t *req);
static ngx_int_t ehr_stream_resume(ehr_request_t *req, ehr_stream_t *stream);
static ngx_int_t ehr_stream_ask(ehr_stream_t *stream,
    ehr_batch_done_pt done);
static ngx_int_t ehr_stream_take(ehr_stream_t *stream, ehr_batch_t *batch);
static void ehr_stream_step(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_stream_again(ehr_batch_t *batch, void *data);
static void ehr_stream_open(ehr_stream_t *stream);
static void ehr_stream_cleanup(void *data);

static void ehr_streams_tick(ngx_event_t *event);
static void ehr_stream_tick(ehr_stream_t *stream);
static void ehr_stream_fill(ehr_stream_t *stream);
static ngx_uint_t ehr_stream_wants(ehr_stream_t *stream,
    const ehr_event_t *event);
static u_char *ehr_stream_print(ehr_stream_t *stream, u_char *out,
    const ehr_event_t *event);
static u_char *ehr_stream_id(ehr_stream_t *stream, u_char *out);
static void ehr_stream_send(ehr_stream_t *stream, u_char *end);
static void ehr_stream_write_handler(ngx_http_request_t *r);
static void ehr_stream_close(ehr_stream_t *stream, ngx_int_t rc);


static const ehr_field_t  ehr_event_fields[] = {

    { .name = "doctor", .column = "doctor", .type = EHR_TYPE_UUID,
      .about = "Free slots of this doctor." },

    { .name = "date", .column = "date", .type = EHR_TYPE_DATE,
      .about = "Of these only those on this date and the days beside it, for "
               "a date lasts more than a day around the world." },

    { .name = "queue", .column = "queue", .type = EHR_TYPE_UUID,
      .about = "Appointments of this clinic or doctor, for staff." },

    { .name = "ward", .column = "ward", .type = EHR_TYPE_UUID,
      .about = "The board of this ward, for who may read wards." },

    { .name = "appointments", .column = "appointments",
      .type = EHR_TYPE_BOOLEAN,
      .about = "Own appointments, and those of linked family." }
};

const ehr_resource_t  ehr_query_events = {
    .name = "events", .schema = "EventTopics", EHR_FIELDS(ehr_event_fields),
    .about = "What to listen to."
};

static ngx_queue_t       ehr_streams;
static ngx_uint_t        ehr_nstreams;
static ngx_event_t       ehr_streams_event;
static ngx_connection_t  ehr_streams_connection;    /* timers log through it */


ngx_uint_t
ehr_events_streams(void)
{
    return ehr_nstreams;
}


/* -- the request ----------------------------------------------------------- */

ngx_int_t
ehr_events_listen(ehr_request_t *req)
{
    ngx_int_t            rc;
    ehr_values_t         query;
    ehr_stream_t        *stream;

    rc = ehr_request_query(req, &ehr_query_events, &query);
    if (rc != NGX_OK) {
        return rc;
    }

    stream = ngx_pcalloc(req->pool, sizeof(ehr_stream_t));
    if (stream == NULL) {
        return NGX_ERROR;
    }

    stream->req = req;

    rc = ehr_stream_topics(req, stream, &query);

    if (rc == NGX_OK) {
        rc = ehr_stream_room(req);
    }

    if (rc == NGX_OK) {
        rc = ehr_stream_resume(req, stream);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    req->state = stream;

    if (stream->has_own) {
        return ehr_stream_ask(stream, NULL);
    }

    ehr_stream_open(stream);

    return NGX_OK;
}


/* NGX_DONE: it was answered. */

static ngx_int_t
ehr_stream_topics(ehr_request_t *req, ehr_stream_t *stream,
    const ehr_values_t *query)
{
    ehr_value_t  doctor, date, queue, ward, own;

    doctor = ehr_input_value(&ehr_query_events, query, "doctor");
    date = ehr_input_value(&ehr_query_events, query, "date");
    queue = ehr_input_value(&ehr_query_events, query, "queue");
    ward = ehr_input_value(&ehr_query_events, query, "ward");
    own = ehr_input_value(&ehr_query_events, query, "appointments");

    stream->has_doctor = (doctor.text != NULL);
    stream->has_day = (date.text != NULL);
    stream->has_queue = (queue.text != NULL);
    stream->has_ward = (ward.text != NULL);
    stream->has_own = (own.text != NULL && own.text[0] == 't');

    if (!stream->has_doctor && !stream->has_queue && !stream->has_ward
        && !stream->has_own)
    {
        ehr_reply_field(req, NGX_HTTP_BAD_REQUEST, "doctor",
                        EHR_MESSAGE_FIELD_REQUIRED);
        return NGX_DONE;
    }

    if (((stream->has_queue || stream->has_own)
         && !ehr_may(req, EHR_MAY_READ_APPOINTMENTS))
        || (stream->has_ward && !ehr_may(req, EHR_MAY_READ_WARDS)))
    {
        ehr_reply_message(req, NGX_HTTP_FORBIDDEN, EHR_MESSAGE_FORBIDDEN);
        return NGX_DONE;
    }

    /* a queue shows whoever comes */

    if (stream->has_queue && ngx_strcmp(ehr_request_scope(req), "own") == 0) {
        ehr_reply_message(req, NGX_HTTP_FORBIDDEN, EHR_MESSAGE_FORBIDDEN);
        return NGX_DONE;
    }

    if ((stream->has_doctor
         && ehr_uuid_parse(&stream->doctor, (u_char *) doctor.text,
                           doctor.len) != NGX_OK)
        || (stream->has_queue
            && ehr_uuid_parse(&stream->queue, (u_char *) queue.text,
                              queue.len) != NGX_OK)
        || (stream->has_ward
            && ehr_uuid_parse(&stream->ward, (u_char *) ward.text,
                              ward.len) != NGX_OK)
        || (stream->has_day
            && ehr_stream_day(&date, &stream->day) != NGX_OK))
    {
        ehr_reply_message(req, NGX_HTTP_BAD_REQUEST,
                          EHR_MESSAGE_MALFORMED_REQUEST);
        return NGX_DONE;
    }

    return NGX_OK;
}


static ngx_int_t
ehr_stream_day(ehr_value_t *date, uint32_t *day)
{
    ehr_moment_t  moment;

    if (ehr_date_parse(date->text, date->len, &moment) != 0) {
        return NGX_ERROR;
    }

    moment.second = 0;
    moment.microsecond = 0;
    *day = ngx_max(ehr_moment_epoch(&moment), 0) / 86400;

    return NGX_OK;
}


/* NGX_DONE: it was answered that there is none. */

static ngx_int_t
ehr_stream_room(ehr_request_t *req)
{
    ngx_uint_t     own;
    ngx_queue_t   *q;
    ehr_stream_t  *stream;

    if (ehr_availability == NULL || ehr_nstreams >= EHR_STREAMS || ngx_exiting)
    {
        ehr_reply_later(req, NGX_HTTP_SERVICE_UNAVAILABLE,
                        EHR_MESSAGE_UNAVAILABLE, 5);
        return NGX_DONE;
    }

    own = 0;

    for (q = ehr_nstreams ? ngx_queue_head(&ehr_streams) : &ehr_streams;
         q != &ehr_streams;
         q = ngx_queue_next(q))
    {
        stream = ngx_queue_data(q, ehr_stream_t, link);
        own += (ngx_memcmp(&stream->req->who.user, &req->who.user,
                           sizeof(ehr_uuid_t)) == 0);
    }

    if (own < EHR_STREAMS_A_USER) {
        return NGX_OK;
    }

    ehr_reply_later(req, NGX_HTTP_TOO_MANY_REQUESTS,
                    EHR_MESSAGE_TOO_MANY_REQUESTS, 5);

    return NGX_DONE;
}


/* From Last-Event-ID on, "epoch-sequence", or from now on. */

static ngx_int_t
ehr_stream_resume(ehr_request_t *req, ehr_stream_t *stream)
{
    off_t             epoch, sequence;
    u_char           *dash, *end;
    ngx_table_elt_t  *header;

    ehr_events_place(&stream->place);

    header = ehr_header(req->http, "last-event-id",
                        sizeof("last-event-id") - 1);
    if (header == NULL) {
        return NGX_OK;
    }

    end = header->value.data + header->value.len;
    dash = ngx_strlchr(header->value.data, end, '-');

    epoch = dash ? ngx_atoof(header->value.data, dash - header->value.data)
                 : NGX_ERROR;
    sequence = dash ? ngx_atoof(dash + 1, end - dash - 1) : NGX_ERROR;

    /* what is no id of ours is as one that is too old */

    stream->place.epoch = epoch == NGX_ERROR ? 0 : epoch;
    stream->place.sequence = sequence == NGX_ERROR ? 0 : sequence;

    return NGX_OK;
}


/* -- whose appointments are own -------------------------------------------- */

/* done NULL: for a request that has not been answered. */

static ngx_int_t
ehr_stream_ask(ehr_stream_t *stream, ehr_batch_done_pt done)
{
    ehr_batch_t    *batch;
    ehr_request_t  *req;

    req = stream->req;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_MY_PATIENTS], 0, NULL)
        != NGX_OK)
    {
        ehr_batch_destroy(batch);
        return NGX_ERROR;
    }

    if (done == NULL) {
        return ehr_step_send(req, batch, ehr_stream_step);
    }

    req->batch = batch;

    if (ehr_batch_submit(batch, done, stream) != NGX_OK) {
        req->batch = NULL;
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ehr_stream_take(ehr_stream_t *stream, ehr_batch_t *batch)
{
    int         row, n;
    ngx_str_t   value;
    PGresult   *result;

    result = batch->results[1];
    n = PQntuples(result);

    if ((ngx_uint_t) n > stream->npatients || stream->patients == NULL) {
        stream->patients = ngx_palloc(stream->req->pool,
                                      (n + 1) * sizeof(ehr_uuid_t));
        if (stream->patients == NULL) {
            return NGX_ERROR;
        }
    }

    for (row = 0; row < n; row++) {
        value = ehr_result_value(result, row, 0);

        if (ehr_uuid_parse(&stream->patients[row], value.data, value.len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    stream->npatients = n;

    return NGX_OK;
}


static void
ehr_stream_step(ehr_request_t *req, ehr_batch_t *batch)
{
    if (ehr_stream_take(req->state, batch) != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
        return;
    }

    ehr_stream_open(req->state);
}


static void
ehr_stream_again(ehr_batch_t *batch, void *data)
{
    ehr_stream_t      *stream = data;
    ngx_connection_t  *c = stream->req->http->connection;

    stream->req->batch = NULL;

    /* whoever cannot be told what is theirs comes again */

    if (batch->outcome != EHR_OUTCOME_DONE
        || ehr_stream_take(stream, batch) != NGX_OK)
    {
        ehr_stream_close(stream, NGX_OK);
    }

    ngx_http_run_posted_requests(c);
}


/* -- the answer ------------------------------------------------------------ */

static void
ehr_stream_open(ehr_stream_t *stream)
{
    u_char              *p;
    ngx_int_t            rc;
    ehr_request_t       *req;
    ngx_pool_cleanup_t  *cleanup;
    ngx_http_request_t  *r;

    static ngx_str_t  no_store = ngx_string("no-store");
    static ngx_str_t  no = ngx_string("no");

    req = stream->req;
    r = req->http;

    stream->start = ngx_palloc(req->pool, EHR_STREAM_BUFFER);
    cleanup = ngx_pool_cleanup_add(req->pool, 0);

    if (stream->start == NULL || cleanup == NULL
        || ehr_reply_header(req, "Cache-Control", &no_store) != NGX_OK
        || ehr_reply_header(req, "X-Accel-Buffering", &no) != NGX_OK
        || ehr_reply_header(req, "X-Request-Id", &req->id) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    req->replied = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (ehr_nstreams == 0) {
        ngx_queue_init(&ehr_streams);
        ngx_memzero(&ehr_streams_event, sizeof(ngx_event_t));
        ehr_streams_connection.fd = (ngx_socket_t) -1;
        ehr_streams_event.handler = ehr_streams_tick;
        ehr_streams_event.data = &ehr_streams_connection;
        ehr_streams_event.log = ngx_cycle->log;
        ngx_add_timer(&ehr_streams_event, EHR_STREAM_TICK);
    }

    cleanup->handler = ehr_stream_cleanup;
    cleanup->data = stream;

    ngx_queue_insert_tail(&ehr_streams, &stream->link);
    ehr_nstreams++;

    stream->checked = ngx_current_msec;
    r->write_event_handler = ehr_stream_write_handler;

    p = ngx_slprintf(stream->start, stream->start + EHR_STREAM_BUFFER,
                     "retry: 1000\n");
    p = ehr_stream_id(stream, p);
    p = ngx_slprintf(p, stream->start + EHR_STREAM_BUFFER,
                     "event: ready\ndata: {}\n\n");
    ehr_stream_send(stream, p);
}


static void
ehr_stream_cleanup(void *data)
{
    ehr_stream_t  *stream = data;

    ngx_queue_remove(&stream->link);
    ehr_nstreams--;

    if (ehr_nstreams == 0 && ehr_streams_event.timer_set) {
        ngx_del_timer(&ehr_streams_event);
    }
}


/* Ends the answer, which tells the client to come again; at once if it has
 * not even taken what there is. */

static void
ehr_stream_close(ehr_stream_t *stream, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = stream->req->http;

    if (stream->closed) {
        return;
    }

    stream->closed = 1;

    if (ngx_buf_size(&stream->buffer) > 0) {
        rc = NGX_ERROR;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    ngx_http_finalize_request(r, rc);
}


static void
ehr_stream_send(ehr_stream_t *stream, u_char *end)
{
    ngx_buf_t  *b;

    b = &stream->buffer;
    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = stream->start;
    b->end = stream->start + EHR_STREAM_BUFFER;
    b->pos = stream->start;
    b->last = end;
    b->memory = 1;
    b->flush = 1;
    b->last_in_chain = 1;

    stream->chain.buf = b;
    stream->chain.next = NULL;
    stream->said = ngx_current_msec;

    if (ngx_http_output_filter(stream->req->http, &stream->chain)
        == NGX_ERROR)
    {
        ehr_stream_close(stream, NGX_ERROR);
        return;
    }

    ehr_stream_write_handler(stream->req->http);
}


/* The rest of what a reader has not taken. */

static void
ehr_stream_write_handler(ngx_http_request_t *r)
{
    ehr_request_t  *req;
    ngx_event_t    *wev;

    req = ehr_http_request_of(r);
    wev = r->connection->write;

    if (r->connection->buffered || r->out || r->postponed) {
        if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
            ehr_stream_close(req->state, NGX_ERROR);
            return;
        }
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ehr_stream_close(req->state, NGX_ERROR);
    }
}


/* -- the clock ------------------------------------------------------------- */

/* Each once, in turn; when one ends, others may end with it. */

static void
ehr_streams_tick(ngx_event_t *event)
{
    ngx_uint_t         n;
    ngx_queue_t       *q;
    ehr_stream_t      *stream;
    ngx_connection_t  *c;

    for (n = ehr_nstreams; n > 0 && ehr_nstreams > 0; n--) {
        q = ngx_queue_head(&ehr_streams);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ehr_streams, q);

        stream = ngx_queue_data(q, ehr_stream_t, link);
        c = stream->req->http->connection;

        if (ngx_exiting) {
            ehr_stream_close(stream, NGX_OK);

        } else if (!stream->closed) {
            ehr_stream_tick(stream);
        }

        ngx_http_run_posted_requests(c);
    }

    if (ehr_nstreams > 0 && !ngx_exiting) {
        ngx_add_timer(event, EHR_STREAM_TICK);
    }
}


static ngx_uint_t
ehr_stream_is_allowed(ehr_stream_t *stream)
{
    ngx_str_t         token;
    ehr_principal_t  *who;
    ngx_table_elt_t  *header;

    header = stream->req->http->headers_in.authorization;
    token.data = header->value.data + sizeof("Bearer ") - 1;
    token.len = header->value.len - (sizeof("Bearer ") - 1);

    if (ehr_token_verify(&stream->req->conf->tokens, ehr_worker.tokens,
                         ehr_worker.shared, &token, ngx_time(), &who)
        != EHR_TOKEN_OK)
    {
        return 0;
    }

    return who->permissions == stream->req->who.permissions;
}


static void
ehr_stream_tick(ehr_stream_t *stream)
{
    if (ngx_current_msec - stream->checked >= EHR_STREAM_CHECK) {
        stream->checked = ngx_current_msec;

        if (!ehr_stream_is_allowed(stream)) {
            ehr_stream_close(stream, NGX_OK);
            return;
        }
    }

    if (ngx_buf_size(&stream->buffer) > 0) {

        if (ngx_current_msec - stream->said >= EHR_STREAM_PATIENCE) {
            ehr_metrics_count(ehr_worker.shared, EHR_COUNT_STREAMS_DROPPED,
                              1);
            ehr_stream_close(stream, NGX_ERROR);
        }

        return;
    }

    if (stream->outdated && stream->req->batch == NULL) {
        stream->outdated = 0;

        if (ehr_stream_ask(stream, ehr_stream_again) != NGX_OK) {
            ehr_stream_close(stream, NGX_OK);
            return;
        }
    }

    if (stream->req->batch == NULL) {
        ehr_stream_fill(stream);
    }
}


static ngx_uint_t
ehr_stream_is(const ehr_uuid_t *one, const ehr_uuid_t *other)
{
    return ngx_memcmp(one, other, sizeof(ehr_uuid_t)) == 0;
}


/* Sends the events that have come, as many as the buffer holds. */

static void
ehr_stream_fill(ehr_stream_t *stream)
{
    u_char       *p, *last;
    ngx_int_t     rc;
    ngx_uint_t    n;
    ehr_event_t   event;

    p = stream->start;
    last = stream->start + EHR_STREAM_BUFFER - EHR_STREAM_EVENT;
    n = 0;

    while (p < last) {
        rc = ehr_events_next(&stream->place, &event);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_DECLINED) {
            ehr_events_place(&stream->place);

            if (stream->place.epoch == 0) {
                break;                  /* it is just beginning anew */
            }

            p = ehr_stream_id(stream, p);
            p = ngx_cpymem(p, "event: reset\ndata: {}\n\n",
                           sizeof("event: reset\ndata: {}\n\n") - 1);
            stream->outdated = stream->has_own;
            continue;
        }

        if (event.kind == EHR_EVENT_FAMILY) {
            stream->outdated = stream->has_own
                               && ehr_stream_is(&event.entity,
                                                &stream->req->who.user);
            if (stream->outdated) {
                break;                  /* what follows may be theirs */
            }

        } else if (ehr_stream_wants(stream, &event)) {
            p = ehr_stream_print(stream, p, &event);
            n++;
        }
    }

    if (p == stream->start
        && ngx_current_msec - stream->said >= EHR_STREAM_SILENCE)
    {
        p = ngx_cpymem(p, ":\n\n", 3);
    }

    if (p > stream->start) {
        ehr_metrics_count(ehr_worker.shared, EHR_COUNT_EVENTS_SENT, n);
        ehr_stream_send(stream, p);
    }
}


static ngx_uint_t
ehr_stream_wants(ehr_stream_t *stream, const ehr_event_t *event)
{
    ngx_uint_t  i;

    if (event->kind == EHR_EVENT_AVAILABILITY) {
        return stream->has_doctor
               && ehr_stream_is(&stream->doctor, &event->doctor)
               && (!stream->has_day || event->day == 0
                   || (event->day + 1 >= stream->day
                       && event->day <= stream->day + 1));
    }

    if (event->kind == EHR_EVENT_WARD) {
        return stream->has_ward
               && ehr_stream_is(&stream->ward, &event->entity);
    }

    if (stream->has_queue
        && (ehr_stream_is(&stream->queue, &event->clinic)
            || ehr_stream_is(&stream->queue, &event->doctor)))
    {
        return 1;
    }

    for (i = 0; stream->has_own && i < stream->npatients; i++) {
        if (ehr_stream_is(&stream->patients[i], &event->patient)) {
            return 1;
        }
    }

    return 0;
}


static u_char *
ehr_stream_id(ehr_stream_t *stream, u_char *out)
{
    return ngx_sprintf(out, "id: %uL-%uL\n", stream->place.epoch,
                       stream->place.sequence);
}


static u_char *
ehr_stream_print(ehr_stream_t *stream, u_char *out, const ehr_event_t *event)
{
    u_char  *p;

    p = ehr_stream_id(stream, out);

    if (event->kind == EHR_EVENT_AVAILABILITY) {
        p = ngx_sprintf(p, "event: availability\ndata: {\"doctorId\":\"");
        p = ehr_uuid_print(p, &event->doctor);

        if (event->day) {
            p = ngx_sprintf(p, "\",\"date\":\"");
            p = ehr_feed_day(p, out + EHR_STREAM_EVENT, event->day);
        }

        return ngx_sprintf(p, "\"}\n\n");
    }

    if (event->kind == EHR_EVENT_WARD) {
        p = ngx_sprintf(p, "event: ward\ndata: {\"wardId\":\"");
        p = ehr_uuid_print(p, &event->entity);

        return ngx_sprintf(p, "\"}\n\n");
    }

    p = ngx_sprintf(p, "event: appointment\ndata: {\"appointmentId\":\"");
    p = ehr_uuid_print(p, &event->entity);
    p = ngx_sprintf(p, "\",\"doctorId\":\"");
    p = ehr_uuid_print(p, &event->doctor);
    p = ngx_sprintf(p, "\",\"clinicId\":\"");
    p = ehr_uuid_print(p, &event->clinic);

    return ngx_sprintf(p, "\"}\n\n");
}
