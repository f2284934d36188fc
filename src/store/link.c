/*
 * One connection outside of the pool: see link.h.
 */

#include "link.h"

#include <openssl/ssl.h>


/* Most keywords of a target and one of ours. */
#define EHR_LINK_KEYWORDS  128


static PGconn *ehr_link_start(const ehr_target_t *target,
    ngx_uint_t replication);
static ngx_int_t ehr_link_watch(ehr_link_t *link,
    ngx_event_handler_pt read, ngx_event_handler_pt write);
static void ehr_link_connect_handler(ngx_event_t *ev);
static void ehr_link_connected(ehr_link_t *link);
static void ehr_link_read_handler(ngx_event_t *rev);
static void ehr_link_write_handler(ngx_event_t *wev);
static void ehr_link_timer_handler(ngx_event_t *ev);
static void ehr_link_say(ehr_link_t *link, const char *why);
static void ehr_link_down(ehr_link_t *link);
static ngx_uint_t ehr_link_buffered(ehr_link_t *link);
static void ehr_link_notice(void *arg, const PGresult *result);


ngx_int_t
ehr_link_open(ehr_link_t *link, const ehr_target_t *target,
    ngx_uint_t replication, ngx_msec_t timeout)
{
    link->timer.handler = ehr_link_timer_handler;
    link->timer.data = link;
    link->timer.log = link->log;
    link->timer.cancelable = 1;

    link->is_up = 0;
    link->refused = 0;
    link->more = 0;
    link->reason[0] = '\0';
    link->pg = ehr_link_start(target, replication);

    if (link->pg == NULL
        || PQstatus(link->pg) == CONNECTION_BAD
        || ehr_link_watch(link, ehr_link_connect_handler,
                          ehr_link_connect_handler) != NGX_OK
        || ehr_socket_interest(&link->socket, 0, 1) != NGX_OK)
    {
        ehr_link_explain(link, NULL);
        ehr_link_close(link);
        return NGX_ERROR;
    }

    (void) PQsetNoticeReceiver(link->pg, ehr_link_notice, NULL);

    ngx_add_timer(&link->timer, timeout);

    return NGX_OK;
}


static PGconn *
ehr_link_start(const ehr_target_t *target, ngx_uint_t replication)
{
    ngx_uint_t   n;
    const char  *keywords[EHR_LINK_KEYWORDS], *values[EHR_LINK_KEYWORDS];

    for (n = 0; target->keywords[n] != NULL && n < EHR_LINK_KEYWORDS - 2; n++)
    {
        keywords[n] = target->keywords[n];
        values[n] = target->values[n];
    }

    if (replication) {
        keywords[n] = "replication";
        values[n++] = "database";
    }

    keywords[n] = NULL;
    values[n] = NULL;

    return PQconnectStartParams(keywords, values, 0);
}


static ngx_int_t
ehr_link_watch(ehr_link_t *link, ngx_event_handler_pt read,
    ngx_event_handler_pt write)
{
    return ehr_socket_attach(&link->socket, link->pg, link, link->log, read,
                             write);
}


static void
ehr_link_connect_handler(ngx_event_t *ev)
{
    ngx_uint_t                  write;
    ehr_link_t                 *link;
    ngx_connection_t           *c;
    PostgresPollingStatusType   status;

    c = ev->data;
    link = c->data;

    if (c->close) {
        ehr_link_say(link, "the worker shuts down");
        ehr_link_down(link);
        return;
    }

    status = PQconnectPoll(link->pg);

    switch (status) {

    case PGRES_POLLING_OK:
        ehr_link_connected(link);
        return;

    case PGRES_POLLING_READING:
    case PGRES_POLLING_WRITING:
        write = (status == PGRES_POLLING_WRITING);

        if (ehr_link_watch(link, ehr_link_connect_handler,
                           ehr_link_connect_handler) == NGX_OK
            && ehr_socket_interest(&link->socket, !write, write) == NGX_OK)
        {
            return;
        }

        ehr_link_say(link, "no place in the event loop");
        ehr_link_down(link);
        return;

    default:
        link->refused = (strstr(PQerrorMessage(link->pg), "FATAL") != NULL);
        ehr_link_explain(link, NULL);
        ehr_link_down(link);
    }
}


static void
ehr_link_connected(ehr_link_t *link)
{
    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    if (PQsetnonblocking(link->pg, 1) != 0
        || ehr_link_watch(link, ehr_link_read_handler,
                          ehr_link_write_handler) != NGX_OK
        || ehr_socket_interest(&link->socket, 1, 0) != NGX_OK)
    {
        ehr_link_explain(link, NULL);
        ehr_link_down(link);
        return;
    }

    link->is_up = 1;
    link->handlers->up(link);
}


static void
ehr_link_read_handler(ngx_event_t *rev)
{
    ngx_int_t          rc;
    ngx_uint_t         ended;
    ehr_link_t        *link;
    ngx_connection_t  *c;

    c = rev->data;
    link = c->data;

    if (c->close) {
        ehr_link_say(link, "the worker shuts down");
        ehr_link_down(link);
        return;
    }

    do {
        /* libpq would take in all that the server has, and move it about in
         * its buffer each time */

        ended = !link->more && PQconsumeInput(link->pg) == 0;

        /* what came before the end still counts */

        rc = link->handlers->input(link);
        link->more = (rc == NGX_AGAIN);

    } while (rc == NGX_OK && !ended && ehr_link_buffered(link));

    if (rc == NGX_AGAIN && !ended) {
        ngx_post_event(rev, &ngx_posted_next_events);
        return;
    }

    if (rc != NGX_ERROR && (ended || PQstatus(link->pg) == CONNECTION_BAD)) {
        ehr_link_say(link, "the server closed the connection");
        rc = NGX_ERROR;
    }

    if (rc == NGX_OK && c->write->active) {
        rc = ehr_link_flush(link);
    }

    if (rc == NGX_ERROR) {
        ehr_link_down(link);
    }
}


static void
ehr_link_write_handler(ngx_event_t *wev)
{
    ehr_link_t        *link;
    ngx_connection_t  *c;

    c = wev->data;
    link = c->data;

    if (ehr_link_flush(link) != NGX_OK) {
        ehr_link_down(link);
    }
}


static void
ehr_link_timer_handler(ngx_event_t *ev)
{
    ehr_link_say(ev->data, "connecting to PostgreSQL timed out");
    ehr_link_down(ev->data);
}


ngx_int_t
ehr_link_send(ehr_link_t *link, const char *sql)
{
    if (PQsendQuery(link->pg, sql) == 1) {
        return ehr_link_flush(link);
    }

    ehr_link_explain(link, NULL);

    return NGX_ERROR;
}


ngx_int_t
ehr_link_flush(ehr_link_t *link)
{
    int  pending;

    pending = PQflush(link->pg);

    if (pending == -1
        || ehr_socket_interest(&link->socket, 1, pending) != NGX_OK)
    {
        ehr_link_say(link, "cannot write to PostgreSQL");
        return NGX_ERROR;
    }

    /* unable to write, libpq has read: epoll will not report that again */

    if (pending) {
        ngx_post_event(link->socket.c->read, &ngx_posted_events);
    }

    return NGX_OK;
}


void
ehr_link_close(ehr_link_t *link)
{
    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    ehr_socket_detach(&link->socket);
    PQfinish(link->pg);
    link->pg = NULL;
    link->is_up = 0;
}


static void
ehr_link_down(ehr_link_t *link)
{
    ehr_link_close(link);
    link->handlers->down(link);
}


static void
ehr_link_say(ehr_link_t *link, const char *why)
{
    (void) ngx_cpystrn((u_char *) link->reason, (u_char *) why,
                       ngx_min(strcspn(why, "\n") + 1,
                               sizeof(link->reason)));
}


void
ehr_link_explain(ehr_link_t *link, const PGresult *result)
{
    const char  *why;

    why = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)
                 : link->pg ? PQerrorMessage(link->pg) : "no memory";

    ehr_link_say(link, why && *why ? why : "an unknown error");
}


/* Whether TLS holds input that the socket no longer shows. */
static ngx_uint_t
ehr_link_buffered(ehr_link_t *link)
{
    SSL  *ssl;

    ssl = PQsslStruct(link->pg, "OpenSSL");

    return ssl != NULL && SSL_pending(ssl) > 0;
}


static void
ehr_link_notice(void *arg, const PGresult *result)
{
    (void) arg;
    (void) result;
}
