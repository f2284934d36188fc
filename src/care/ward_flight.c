/*
 * Of all who ask a worker for the same board at the same time, one question
 * goes to PostgreSQL and each gets its answer: see ward_board.h.
 *
 * A question belongs to nobody who waits for it: it goes on when its first
 * asker has gone away, and what it brings is kept for the next.  Who comes
 * later joins it only while the engine has heard of no change since it was
 * sent, as with an answer from memory.  One that fails is asked again once, on
 * the authority of the first who still waits; whoever comes after that begins
 * anew.
 */

#include "slot.h"
#include "ward_board.h"


/* A question under way. */
typedef struct {
    ngx_queue_t             link;           /* in ehr_flights */
    ehr_uuid_t              ward;
    ngx_uint_t              sees;
    uint64_t                version;        /* 0: nobody joins */
    ngx_msec_t              since;
    ngx_queue_t             waiting;        /* of ehr_flight_wait_t */
    unsigned                again:1;        /* it has failed once */
} ehr_flight_t;

/* Somebody who waits; in the request's pool. */
typedef struct {
    ngx_queue_t             link;
    ehr_request_t          *req;
    ehr_board_found_pt      found;
    ngx_event_t             deadline;
    unsigned                waits:1;
} ehr_flight_wait_t;


static ehr_flight_wait_t *ehr_flight_wait(ehr_request_t *req,
    ehr_board_found_pt found);
static void ehr_flight_join(ehr_flight_t *flight, ehr_flight_wait_t *wait);
static void ehr_flight_leave(void *data);
static void ehr_flight_late(ngx_event_t *event);
static ehr_flight_t *ehr_flight_find(const ehr_uuid_t *ward,
    ngx_uint_t sees);
static ngx_int_t ehr_flight_send(ehr_flight_t *flight, ehr_request_t *req);
static void ehr_flight_done(ehr_batch_t *batch, void *data);
static ngx_uint_t ehr_flight_again(ehr_flight_t *flight);
static const ehr_board_content_t *ehr_flight_content(ehr_flight_t *flight,
    ehr_batch_t *batch, ehr_board_content_t *content);


static ngx_queue_t  ehr_flights;


ngx_int_t
ehr_board_fetch(ehr_request_t *req, const ehr_uuid_t *ward, ngx_uint_t sees,
    ehr_board_found_pt found)
{
    ngx_int_t           rc;
    ehr_flight_t       *flight;
    ehr_flight_wait_t  *wait;

    wait = ehr_flight_wait(req, found);
    if (wait == NULL) {
        return NGX_ERROR;
    }

    flight = ehr_flight_find(ward, sees);

    if (flight == NULL) {
        flight = ngx_calloc(sizeof(ehr_flight_t), ngx_cycle->log);
        if (flight == NULL) {
            return NGX_ERROR;
        }

        flight->ward = *ward;
        flight->sees = sees;
        ngx_queue_init(&flight->waiting);

        rc = ehr_flight_send(flight, req);

        if (rc != NGX_OK) {
            ngx_free(flight);

            if (rc == NGX_ERROR) {
                return NGX_ERROR;
            }

            ehr_step_away(req, rc);
            return NGX_OK;
        }
    }

    ehr_flight_join(flight, wait);

    return NGX_OK;
}


/* -- who waits ------------------------------------------------------------- */

static ehr_flight_wait_t *
ehr_flight_wait(ehr_request_t *req, ehr_board_found_pt found)
{
    ehr_flight_wait_t   *wait;
    ngx_pool_cleanup_t  *cleanup;

    cleanup = ngx_pool_cleanup_add(req->pool, sizeof(ehr_flight_wait_t));
    if (cleanup == NULL) {
        return NULL;
    }

    wait = cleanup->data;
    ngx_memzero(wait, sizeof(ehr_flight_wait_t));
    wait->req = req;
    wait->found = found;
    wait->deadline.handler = ehr_flight_late;
    wait->deadline.data = req->http->connection;
    wait->deadline.log = req->http->connection->log;
    cleanup->handler = ehr_flight_leave;

    return wait;
}


static void
ehr_flight_join(ehr_flight_t *flight, ehr_flight_wait_t *wait)
{
    ngx_queue_insert_tail(&flight->waiting, &wait->link);
    ngx_add_timer(&wait->deadline, wait->req->conf->store.deadline);
    wait->waits = 1;
}


/* Answered, or gone. */

static void
ehr_flight_leave(void *data)
{
    ehr_flight_wait_t  *wait = data;

    if (wait->waits) {
        ngx_queue_remove(&wait->link);
        wait->waits = 0;
    }

    if (wait->deadline.timer_set) {
        ngx_del_timer(&wait->deadline);
    }
}


static void
ehr_flight_late(ngx_event_t *event)
{
    ngx_connection_t   *c = event->data;
    ehr_flight_wait_t  *wait;

    wait = (ehr_flight_wait_t *)
           ((u_char *) event - offsetof(ehr_flight_wait_t, deadline));

    ehr_flight_leave(wait);
    ehr_step_away(wait->req, NGX_DECLINED);
    ngx_http_run_posted_requests(c);
}


/* -- the question ---------------------------------------------------------- */

/* One that answers who asks now. */

static ehr_flight_t *
ehr_flight_find(const ehr_uuid_t *ward, ngx_uint_t sees)
{
    ngx_queue_t   *q;
    ehr_flight_t  *flight;

    if (ehr_flights.next == NULL) {
        ngx_queue_init(&ehr_flights);
    }

    for (q = ngx_queue_head(&ehr_flights);
         q != ngx_queue_sentinel(&ehr_flights);
         q = ngx_queue_next(q))
    {
        flight = ngx_queue_data(q, ehr_flight_t, link);

        if (flight->version && flight->sees == sees
            && ngx_memcmp(&flight->ward, ward, sizeof(ehr_uuid_t)) == 0
            && ngx_current_msec - flight->since < EHR_BOARD_MEMORY
            && flight->version == ehr_board_version(ward))
        {
            return flight;
        }
    }

    return NULL;
}


/* Asks on the authority of this request, which it outlives.  NGX_OK, NGX_ERROR,
 * or what ehr_batch_submit() says. */

static ngx_int_t
ehr_flight_send(ehr_flight_t *flight, ehr_request_t *req)
{
    u_char        ward[EHR_UUID_TEXT + 1];
    ngx_int_t     rc;
    ehr_batch_t  *batch;
    ehr_param_t   params[4];

    flight->version = ehr_board_version(&flight->ward);
    flight->since = ngx_current_msec;

    *ehr_uuid_print(ward, &flight->ward) = '\0';

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) ward;
    params[1].value = (flight->sees & EHR_BOARD_INITIALS) ? "t" : "f";
    params[2].value = (flight->sees & EHR_BOARD_DETAILS) ? "t" : "f";
    params[3].value = (flight->sees & EHR_BOARD_ALLERGIES) ? "t" : "f";

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_WARD_BOARD], 4, params)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* from here on it is not the request's, which may be gone before it */
    req->batch = NULL;

    /* HEAD asks for as much as GET */
    batch->writes = 0;
    rc = ehr_batch_submit(batch, ehr_flight_done, flight);

    if (rc == NGX_OK) {
        ngx_queue_insert_tail(&ehr_flights, &flight->link);
    }

    return rc;
}


static void
ehr_flight_done(ehr_batch_t *batch, void *data)
{
    ehr_flight_t               *flight = data;
    ehr_request_t              *req;
    ngx_connection_t           *c;
    ehr_flight_wait_t          *wait;
    ehr_board_content_t         content;
    const ehr_board_content_t  *found;

    ngx_queue_remove(&flight->link);

    if (batch->outcome != EHR_OUTCOME_DONE && ehr_flight_again(flight)) {
        return;
    }

    found = ehr_flight_content(flight, batch, &content);

    while (!ngx_queue_empty(&flight->waiting)) {
        wait = ngx_queue_data(ngx_queue_head(&flight->waiting),
                              ehr_flight_wait_t, link);
        req = wait->req;
        c = req->http->connection;
        ehr_flight_leave(wait);

        switch (batch->outcome) {

        case EHR_OUTCOME_DONE:
            wait->found(req, found);
            break;

        case EHR_OUTCOME_ERROR:
            ehr_step_failed(req, batch);
            break;

        default:
            ehr_step_away(req, NGX_DECLINED);
        }

        ngx_http_run_posted_requests(c);
    }

    ngx_free(flight);
}


/* Whether it was asked once more. */

static ngx_uint_t
ehr_flight_again(ehr_flight_t *flight)
{
    ehr_flight_wait_t  *first;

    if (flight->again || ngx_queue_empty(&flight->waiting)) {
        return 0;
    }

    flight->again = 1;
    first = ngx_queue_data(ngx_queue_head(&flight->waiting),
                           ehr_flight_wait_t, link);

    return ehr_flight_send(flight, first->req) == NGX_OK;
}


/* What it brought, kept for whoever comes next; NULL: there is no such ward. */

static const ehr_board_content_t *
ehr_flight_content(ehr_flight_t *flight, ehr_batch_t *batch,
    ehr_board_content_t *content)
{
    PGresult  *result;

    if (batch->outcome != EHR_OUTCOME_DONE
        || PQntuples(batch->results[1]) == 0)
    {
        return NULL;
    }

    result = batch->results[1];
    content->json = ehr_result_value(result, 0, 0);
    content->tag = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
    content->shown = ehr_result_value(result, 0, 2);

    ehr_board_keep(&flight->ward, flight->sees, flight->version,
                   flight->since, content);

    return content;
}
