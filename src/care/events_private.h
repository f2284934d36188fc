/*
 * Streams of events, for the files that serve them.
 */

#ifndef EHR_EVENTS_PRIVATE_H
#define EHR_EVENTS_PRIVATE_H

#include "../http/http.h"
#include "events_stream.h"


#define EHR_STREAM_BUFFER    8192
#define EHR_STREAM_SILENCE  15000       /* ms: then a comment */

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


/* What to listen to, as the query says; NGX_DONE: it was answered 400 or 403
 * (events_topics.c). */
ngx_int_t ehr_stream_topics(ehr_request_t *req, ehr_stream_t *stream,
    const ehr_values_t *query);

/* From which event on: from Last-Event-ID, or from now. */
void ehr_stream_resume(ehr_request_t *req, ehr_stream_t *stream);

/* Whether it listens to this. */
int ehr_stream_wants(const ehr_stream_t *stream, const ehr_event_t *event);

int ehr_stream_is(const ehr_uuid_t *one, const ehr_uuid_t *other);


/* Writes to stream->start what a stream begins with (events_write.c). */
u_char *ehr_stream_write_ready(const ehr_stream_t *stream);

/* The events that have come, as many as the buffer holds, or a comment after a
 * silence; stream->start: nothing.  Sets stream->outdated. */
u_char *ehr_stream_write_events(ehr_stream_t *stream);

#endif /* EHR_EVENTS_PRIVATE_H */
