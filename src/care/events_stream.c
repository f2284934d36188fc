/*
 * GET /events: what has just changed, as server-sent events.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * A worker's streams are served by one timer that looks whether the ring's
 * head has moved.  Each stream has one buffer: while a slow reader has not
 * taken it, the events stay in the ring, and past the ring they are lost and
 * the reader is told so by `reset`.
 */

#include "events_private.h"


#define EHR_STREAMS          1024       /* a worker */
#define EHR_STREAMS_A_USER      8       /* of them */
#define EHR_STREAM_TICK        50       /* ms */
#define EHR_STREAM_CHECK     1000       /* ms: the token, again */
#define EHR_STREAM_PATIENCE 30000       /* ms: for a reader who takes none */

static ngx_int_t ehr_stream_room(ehr_request_t *req);
static ngx_int_t ehr_stream_ask(ehr_stream_t *stream,
    ehr_batch_done_pt done);
static ngx_int_t ehr_stream_take(ehr_stream_t *stream, ehr_batch_t *batch);
static void ehr_stream_step(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_stream_again(ehr_batch_t *batch, void *data);
static void ehr_stream_open(ehr_stream_t *stream);
static ngx_int_t ehr_stream_send_header(ehr_request_t *req);
static void ehr_streams_begin(void);
static void ehr_stream_cleanup(void *data);

static void ehr_streams_tick(ngx_event_t *event);
static ngx_uint_t ehr_stream_is_allowed(ehr_stream_t *stream);
static void ehr_stream_tick(ehr_stream_t *stream);
static void ehr_stream_send(ehr_stream_t *stream, u_char *end);
static void ehr_stream_write_handler(ngx_http_request_t *r);
static void ehr_stream_close(ehr_stream_t *stream, ngx_int_t rc);


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

    if (rc != NGX_OK) {
        return rc;
    }

    ehr_stream_resume(req, stream);
    req->state = stream;

    if (stream->has_own) {
        return ehr_stream_ask(stream, NULL);
    }

    ehr_stream_open(stream);

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


/* -- whose appointments are own -------------------------------------------- */

/* done NULL: for a request that has not been answered. */

static ngx_int_t
ehr_stream_ask(ehr_stream_t *stream, ehr_batch_done_pt done)
{
    ehr_batch_t    *batch;
    ehr_request_t  *req;

    req = stream->req;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_MY_PATIENTS], 0, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (done == NULL) {
        return ehr_step_send(req, batch, ehr_stream_step);
    }

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
    ngx_int_t            rc;
    ngx_pool_cleanup_t  *cleanup;
    ngx_http_request_t  *r;

    r = stream->req->http;

    stream->start = ngx_palloc(stream->req->pool, EHR_STREAM_BUFFER);
    cleanup = ngx_pool_cleanup_add(stream->req->pool, 0);

    rc = (stream->start && cleanup) ? ehr_stream_send_header(stream->req)
                                    : NGX_HTTP_INTERNAL_SERVER_ERROR;

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (ehr_nstreams == 0) {
        ehr_streams_begin();
    }

    cleanup->handler = ehr_stream_cleanup;
    cleanup->data = stream;

    ngx_queue_insert_tail(&ehr_streams, &stream->link);
    ehr_nstreams++;

    stream->checked = ngx_current_msec;
    r->write_event_handler = ehr_stream_write_handler;

    ehr_stream_send(stream, ehr_stream_write_ready(stream));
}


/* As ngx_http_send_header(). */

static ngx_int_t
ehr_stream_send_header(ehr_request_t *req)
{
    ngx_http_request_t  *r = req->http;

    static ngx_str_t  no_store = ngx_string("no-store");
    static ngx_str_t  no = ngx_string("no");

    if (ehr_reply_header(req, "Cache-Control", &no_store) != NGX_OK
        || ehr_reply_header(req, "X-Accel-Buffering", &no) != NGX_OK
        || ehr_reply_header(req, "X-Request-Id", &req->id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    req->replied = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    return ngx_http_send_header(r);
}


/* The first stream of this worker. */

static void
ehr_streams_begin(void)
{
    ngx_queue_init(&ehr_streams);
    ngx_memzero(&ehr_streams_event, sizeof(ngx_event_t));

    ehr_streams_connection.fd = (ngx_socket_t) -1;
    ehr_streams_event.handler = ehr_streams_tick;
    ehr_streams_event.data = &ehr_streams_connection;
    ehr_streams_event.log = ngx_cycle->log;

    ngx_add_timer(&ehr_streams_event, EHR_STREAM_TICK);
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
    u_char  *end;

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

    if (stream->req->batch) {
        return;
    }

    end = ehr_stream_write_events(stream);

    if (end > stream->start) {
        ehr_stream_send(stream, end);
    }
}
