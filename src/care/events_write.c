/*
 * The text of a stream of events.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */

#include "events_private.h"


#define EHR_STREAM_EVENT  512           /* bytes an event has at most */

#define EHR_STREAM_RESET  "event: reset\ndata: {}\n\n"


static u_char *ehr_stream_write_next(ehr_stream_t *stream, u_char *out,
    const ehr_event_t *event);
static u_char *ehr_stream_write_id(const ehr_stream_t *stream, u_char *out);
static u_char *ehr_stream_write_event(const ehr_stream_t *stream,
    u_char *out, const ehr_event_t *event);


u_char *
ehr_stream_write_ready(const ehr_stream_t *stream)
{
    u_char  *p;

    p = ngx_sprintf(stream->start, "retry: 1000\n");
    p = ehr_stream_write_id(stream, p);

    return ngx_sprintf(p, "event: ready\ndata: {}\n\n");
}


u_char *
ehr_stream_write_events(ehr_stream_t *stream)
{
    u_char       *p, *last;
    ngx_int_t     rc;
    ehr_event_t   event;

    p = stream->start;
    last = stream->start + EHR_STREAM_BUFFER - EHR_STREAM_EVENT;

    /* once somebody joined or left their family, what follows may be theirs */

    while (p < last && !stream->outdated) {
        rc = ehr_events_next(&stream->place, &event);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_OK) {
            p = ehr_stream_write_next(stream, p, &event);
            continue;
        }

        ehr_events_place(&stream->place);

        if (stream->place.epoch == 0) {
            break;                      /* it is just beginning anew */
        }

        p = ehr_stream_write_id(stream, p);
        p = ngx_cpymem(p, EHR_STREAM_RESET, sizeof(EHR_STREAM_RESET) - 1);
        stream->outdated = stream->has_own;
    }

    if (p == stream->start
        && ngx_current_msec - stream->said >= EHR_STREAM_SILENCE)
    {
        p = ngx_cpymem(p, ":\n\n", 3);
    }

    return p;
}


static u_char *
ehr_stream_write_next(ehr_stream_t *stream, u_char *out,
    const ehr_event_t *event)
{
    if (event->kind == EHR_EVENT_FAMILY) {
        stream->outdated = stream->has_own
                           && ehr_stream_is(&event->entity,
                                            &stream->req->who.user);
        return out;
    }

    if (!ehr_stream_wants(stream, event)) {
        return out;
    }

    ehr_metrics_count(ehr_worker.shared, EHR_COUNT_EVENTS_SENT, 1);

    return ehr_stream_write_event(stream, out, event);
}


static u_char *
ehr_stream_write_id(const ehr_stream_t *stream, u_char *out)
{
    return ngx_sprintf(out, "id: %uL-%uL\n", stream->place.epoch,
                       stream->place.sequence);
}


static u_char *
ehr_stream_write_event(const ehr_stream_t *stream, u_char *out,
    const ehr_event_t *event)
{
    u_char  *p;

    p = ehr_stream_write_id(stream, out);

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
