/*
 * The life of a replication: see replication.h.  Three connections, because a
 * walsender that streams takes no statements, and a statement that takes long
 * must not hold up the pulse.
 */

#include "replication_private.h"


#define EHR_REPLICATION_REFUSED  30000      /* ms, most between tries then */
#define EHR_REPLICATION_SILENCE  15000000   /* µs without a word */
#define EHR_REPLICATION_SLICE    2000       /* µs of work, then others */


static void ehr_replication_connect(ehr_replication_t *replication);
static void ehr_replication_fail(ehr_replication_t *replication,
    const char *reason, ngx_uint_t refused);
static void ehr_replication_retry_handler(ngx_event_t *ev);
static void ehr_replication_timer(ehr_replication_t *replication,
    ngx_event_t *ev, ngx_event_handler_pt handler);

static void ehr_stream_up(ehr_link_t *link);
static ngx_int_t ehr_stream_slot(ehr_replication_t *replication,
    const PGresult *result);

static void ehr_pulse_up(ehr_link_t *link);
static ngx_int_t ehr_pulse_input(ehr_link_t *link);
static void ehr_pulse_handler(ngx_event_t *ev);
static ngx_int_t ehr_pulse_send(ehr_replication_t *replication);


static const ehr_link_handlers_t  ehr_stream_handlers = {
    ehr_stream_up, ehr_stream_input, ehr_replication_down
};

static const ehr_link_handlers_t  ehr_pulse_handlers = {
    ehr_pulse_up, ehr_pulse_input, ehr_replication_down
};


ehr_replication_t *
ehr_replication_create(ngx_cycle_t *cycle, const ehr_replication_conf_t *conf,
    const ehr_replication_handlers_t *handlers, void *data)
{
    ehr_replication_t  *replication;

    replication = ngx_pcalloc(cycle->pool, sizeof(ehr_replication_t));
    if (replication == NULL) {
        return NULL;
    }

    replication->conf = *conf;
    replication->handlers = handlers;
    replication->data = data;
    replication->log = cycle->log;

    replication->stream.log = cycle->log;
    replication->stream.data = replication;
    replication->stream.handlers = &ehr_stream_handlers;

    replication->reader.log = cycle->log;
    replication->reader.data = replication;
    replication->reader.handlers = &ehr_reader_handlers;

    replication->beat.log = cycle->log;
    replication->beat.data = replication;
    replication->beat.handlers = &ehr_pulse_handlers;

    ehr_replication_timer(replication, &replication->retry,
                          ehr_replication_retry_handler);
    ehr_replication_timer(replication, &replication->pulse,
                          ehr_pulse_handler);

    return replication;
}


static void
ehr_replication_timer(ehr_replication_t *replication, ngx_event_t *ev,
    ngx_event_handler_pt handler)
{
    ev->handler = handler;
    ev->data = replication;
    ev->log = replication->log;
    ev->cancelable = 1;
}


uint64_t
ehr_replication_now(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}


ngx_int_t
ehr_replication_copied(ehr_replication_t *replication, ehr_link_t *link,
    ehr_replication_take_pt take)
{
    int         len;
    char       *data;
    uint64_t    until;
    ngx_int_t   rc;

    until = ehr_replication_now() + EHR_REPLICATION_SLICE;

    do {
        len = PQgetCopyData(link->pg, &data, 1);

        if (len <= 0) {
            return len ? NGX_DONE : NGX_OK;
        }

        rc = take(replication, data, len);
        PQfreemem(data);

        if (rc != NGX_OK) {
            return rc;
        }

    } while (ehr_replication_now() < until);

    return NGX_AGAIN;
}


void
ehr_replication_start(ehr_replication_t *replication)
{
    if (replication->state == EHR_REPLICATION_OFF) {
        replication->backoff = replication->conf.store->reconnect_min;
        ehr_replication_connect(replication);
    }
}


void
ehr_replication_stop(ehr_replication_t *replication)
{
    ehr_link_close(&replication->stream);
    ehr_link_close(&replication->reader);
    ehr_link_close(&replication->beat);

    if (replication->retry.timer_set) {
        ngx_del_timer(&replication->retry);
    }

    if (replication->pulse.timer_set) {
        ngx_del_timer(&replication->pulse);
    }

    replication->reading = 0;
    replication->state = EHR_REPLICATION_OFF;
}


void
ehr_replication_restart(ehr_replication_t *replication)
{
    ehr_replication_fail(replication, "what follows has to be read anew", 0);
}


ehr_replication_state_t
ehr_replication_state(ehr_replication_t *replication)
{
    return replication->state;
}


const char *
ehr_replication_reason(ehr_replication_t *replication)
{
    return replication->reason;
}


const ehr_target_t *
ehr_replication_target(ehr_replication_t *replication)
{
    ehr_targets_t  *targets;

    targets = replication->conf.store->feed.targets;

    return &targets->items[replication->target % targets->n];
}


static void
ehr_replication_connect(ehr_replication_t *replication)
{
    replication->state = EHR_REPLICATION_CONNECTING;
    replication->streaming = 0;
    replication->in_transaction = 0;
    replication->beating = 0;
    replication->position = 0;

    if (ehr_link_open(&replication->stream,
                      ehr_replication_target(replication), 1,
                      replication->conf.store->connect_timeout)
        != NGX_OK)
    {
        ehr_replication_fail(replication, replication->stream.reason, 0);
    }
}


static void
ehr_replication_retry_handler(ngx_event_t *ev)
{
    ehr_replication_connect(ev->data);
}


void
ehr_replication_down(ehr_link_t *link)
{
    ehr_replication_fail(link->data, link->reason, link->refused);
}


/* Closes everything and tries again later: seldom if the server does not want
 * us, which will rather not change by itself. */
static void
ehr_replication_fail(ehr_replication_t *replication, const char *reason,
    ngx_uint_t refused)
{
    ngx_msec_t  most, delay;

    if (ngx_strcmp(replication->reason, reason) != 0
        || replication->state == EHR_REPLICATION_FOLLOWING)
    {
        (void) ngx_cpystrn((u_char *) replication->reason, (u_char *) reason,
                           sizeof(replication->reason));
        ngx_log_error(NGX_LOG_ERR, replication->log, 0,
                      "change feed: %s; answers come from PostgreSQL alone "
                      "meanwhile", reason);
    }

    ehr_replication_stop(replication);
    replication->state = EHR_REPLICATION_RETRYING;
    replication->target++;

    most = refused ? EHR_REPLICATION_REFUSED
                   : replication->conf.store->reconnect_max;
    delay = replication->backoff / 2
            + ngx_random() % (replication->backoff / 2 + 1);
    replication->backoff = ngx_min(replication->backoff * 2, most);

    ngx_add_timer(&replication->retry, delay);

    replication->handlers->lost(replication->data);
}


void
ehr_replication_broken(ehr_replication_t *replication)
{
    ehr_link_t  *link;

    link = replication->stream.reason[0] ? &replication->stream
           : replication->reader.reason[0] ? &replication->reader
           : &replication->beat;

    ehr_replication_fail(replication, link->reason, link->refused);
}


/* -- the slot -------------------------------------------------------------- */

static void
ehr_stream_up(ehr_link_t *link)
{
    u_char              text[256];
    ehr_replication_t  *replication;

    replication = link->data;
    replication->state = EHR_REPLICATION_WAITING;

    /* by default it exports the snapshot in which it is consistent */

    (void) ngx_snprintf((u_char *) replication->slot,
                        sizeof(replication->slot), "ehr_feed_%P_%08xi%Z",
                        ngx_pid, (ngx_int_t) (ngx_random() & 0x7fffffff));

    (void) ngx_snprintf(text, sizeof(text),
                        "CREATE_REPLICATION_SLOT \"%s\" TEMPORARY "
                        "LOGICAL pgoutput%Z", replication->slot);

    if (ehr_link_send(link, (char *) text) != NGX_OK) {
        ehr_replication_broken(replication);
    }
}


ngx_int_t
ehr_stream_input(ehr_link_t *link)
{
    ngx_int_t           rc;
    PGresult           *result;
    ehr_replication_t  *replication;

    replication = link->data;
    replication->heard = ehr_replication_now();

    if (replication->streaming) {
        return ehr_stream_receive(replication);
    }

    while (!PQisBusy(link->pg)) {

        result = PQgetResult(link->pg);
        if (result == NULL) {
            return NGX_OK;
        }

        rc = ehr_stream_slot(replication, result);
        PQclear(result);

        if (rc != NGX_OK) {
            return rc;
        }

        if (replication->streaming) {
            return ehr_stream_receive(replication);
        }
    }

    return NGX_OK;
}


/* What is answered to making the slot and to starting the stream. */
static ngx_int_t
ehr_stream_slot(ehr_replication_t *replication, const PGresult *result)
{
    switch (PQresultStatus(result)) {

    case PGRES_TUPLES_OK:
        if (PQnfields(result) < 3 || PQntuples(result) != 1) {
            break;
        }

        (void) ngx_cpystrn((u_char *) replication->snapshot,
                           (u_char *) PQgetvalue(result, 0, 2),
                           sizeof(replication->snapshot));

        return ehr_reader_open(replication);

    case PGRES_COPY_BOTH:
        replication->streaming = 1;
        return NGX_OK;

    default:
        break;
    }

    ehr_link_explain(&replication->stream, result);
    replication->stream.refused = 1;

    return NGX_ERROR;
}


ngx_int_t
ehr_replication_follow(ehr_replication_t *replication)
{
    u_char  text[256];

    if (ehr_link_send(&replication->reader, "COMMIT") != NGX_OK) {
        return NGX_ERROR;
    }

    replication->finishing = 1;

    (void) ngx_snprintf(text, sizeof(text),
                        "START_REPLICATION SLOT \"%s\" LOGICAL 0/0 "
                        "(proto_version '1', publication_names '%s', "
                        "messages 'true')%Z", replication->slot,
                        replication->conf.publication);

    if (ehr_link_send(&replication->stream, (char *) text) != NGX_OK) {
        return NGX_ERROR;
    }

    replication->state = EHR_REPLICATION_FOLLOWING;
    replication->backoff = replication->conf.store->reconnect_min;
    replication->reason[0] = '\0';
    replication->token = (uint32_t) ngx_random();

    return ehr_link_open(&replication->beat,
                         ehr_replication_target(replication), 0,
                         replication->conf.store->connect_timeout);
}


/* -- the pulse: a commit of ours that has to come by in the stream --------- */

static void
ehr_pulse_up(ehr_link_t *link)
{
    ehr_replication_t  *replication;

    replication = link->data;

    if (ehr_pulse_send(replication) != NGX_OK) {
        ehr_replication_broken(replication);
        return;
    }

    ngx_add_timer(&replication->pulse, replication->conf.pulse);
}


static void
ehr_pulse_handler(ngx_event_t *ev)
{
    ehr_replication_t  *replication;

    replication = ev->data;

    if (replication->streaming
        && ehr_replication_now() - replication->heard
           > EHR_REPLICATION_SILENCE)
    {
        ehr_replication_fail(replication, "the server has fallen silent", 0);
        return;
    }

    if (ehr_pulse_send(replication) != NGX_OK
        || (replication->streaming
            && ehr_stream_status(replication, 1) != NGX_OK))
    {
        ehr_replication_broken(replication);
        return;
    }

    ngx_add_timer(ev, replication->conf.pulse);
}


/* The content says whose it is and when it was sent.  While the one before is
 * not committed, there is no use in another. */
static ngx_int_t
ehr_pulse_send(ehr_replication_t *replication)
{
    u_char  text[256];

    if (replication->beating) {
        return NGX_OK;
    }

    replication->beating = 1;

    (void) ngx_snprintf(text, sizeof(text),
                        "SELECT pg_logical_emit_message(true, '"
                        EHR_PULSE_PREFIX "', '%08xD %uL')%Z",
                        replication->token, ehr_replication_now());

    return ehr_link_send(&replication->beat, (char *) text);
}


static ngx_int_t
ehr_pulse_input(ehr_link_t *link)
{
    PGresult           *result;
    ExecStatusType      status;
    ehr_replication_t  *replication;

    replication = link->data;

    while (!PQisBusy(link->pg)) {

        result = PQgetResult(link->pg);

        if (result == NULL) {
            replication->beating = 0;
            return NGX_OK;
        }

        status = PQresultStatus(result);

        if (status != PGRES_TUPLES_OK) {
            ehr_link_explain(link, result);
            PQclear(result);
            return NGX_ERROR;
        }

        PQclear(result);
    }

    return NGX_OK;
}
