/*
 * Taking time: the engine refuses most of those who come too late, one
 * transaction decides about the others.
 */

#include "booking.h"


static ngx_int_t ehr_booking_ask(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_booking_act_t *act);
static ngx_int_t ehr_booking_make(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_values_t *values, const ehr_booking_act_t *act);
static ngx_int_t ehr_booking_look_up(ehr_request_t *req,
    const ehr_booking_act_t *act);
static void ehr_booking_is_first(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_booking_take(ehr_request_t *req, const ehr_booking_act_t *act)
{
    ngx_int_t       rc;
    ehr_values_t    values;
    ehr_booking_t  *booking;

    booking = ngx_pcalloc(req->pool, sizeof(ehr_booking_t));
    if (booking == NULL) {
        return NGX_ERROR;
    }

    req->state = booking;

    rc = act->input(req, booking, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ehr_booking_ask(req, booking, act);
    if (rc != NGX_OK) {
        return rc;
    }

    return ehr_booking_make(req, booking, &values, act);
}


static ngx_int_t
ehr_booking_make(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_values_t *values, const ehr_booking_act_t *act)
{
    ehr_batch_t  *batch;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_step_idempotency(req, batch) != NGX_OK
        || act->add(req, booking, values, batch) != NGX_OK)
    {
        ehr_booking_drop(booking);
        return NGX_ERROR;
    }

    req->failed = act->failed;

    /* one of many, and seldom refused: the engine has turned most away */
    ehr_step_share(req, batch);

    return ehr_booking_send(req, booking, batch, act->step);
}


/*
 * NGX_OK: it is claimed, or PostgreSQL must decide; NGX_DONE: answered.
 *
 * Under a key it may be the repetition of what succeeded.  What was committed
 * is in everybody's way, so a look at the key is enough; what is only claimed
 * may be the first attempt, still under way, which PostgreSQL has to sort out.
 */

static ngx_int_t
ehr_booking_ask(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_booking_act_t *act)
{
    ngx_int_t  rc;

    if (booking->is_unasked || ehr_booking_claim(req, booking) != NGX_BUSY) {
        return NGX_OK;
    }

    if (req->key.len == 0) {
        rc = ehr_booking_taken(req, booking);

    } else if (booking->is_final) {
        rc = ehr_booking_look_up(req, act);

    } else {
        return NGX_OK;
    }

    return (rc == NGX_OK) ? NGX_DONE : rc;
}


/* The key's lock is free once the first attempt is over and can be seen. */

static ngx_int_t
ehr_booking_look_up(ehr_request_t *req, const ehr_booking_act_t *act)
{
    ehr_batch_t  *batch;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL || ehr_step_idempotency(req, batch) != NGX_OK) {
        return NGX_ERROR;
    }

    req->failed = act->failed;

    return ehr_step_send(req, batch, ehr_booking_is_first);
}


/* No repetition: it is refused as it would be without a key. */

static void
ehr_booking_is_first(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_booking_taken_step(req, req->state);
}
