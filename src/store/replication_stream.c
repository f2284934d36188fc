/*
 * What a walsender streams: frames, and the messages in them.
 */

#include "replication_private.h"


static ngx_int_t ehr_stream_frame(ehr_replication_t *replication, char *data,
    size_t len);
static ngx_int_t ehr_stream_message(ehr_replication_t *replication,
    const ehr_frame_t *frame);
static ngx_int_t ehr_stream_pulse(ehr_replication_t *replication,
    const ehr_pgoutput_t *message);
static ngx_int_t ehr_stream_ended(ehr_replication_t *replication);
static ngx_int_t ehr_stream_fault(ehr_replication_t *replication,
    const char *why);


ngx_int_t
ehr_stream_receive(ehr_replication_t *replication)
{
    ngx_int_t  rc;

    rc = ehr_replication_copied(replication, &replication->stream,
                                ehr_stream_frame);

    return rc == NGX_DONE ? ehr_stream_ended(replication) : rc;
}


static ngx_int_t
ehr_stream_frame(ehr_replication_t *replication, char *data, size_t len)
{
    ehr_frame_t  frame;

    if (ehr_frame_read((u_char *) data, len, &frame) != 0) {
        return ehr_stream_fault(replication, "a frame that is none");
    }

    if (frame.type == EHR_FRAME_DATA) {
        return ehr_stream_message(replication, &frame);
    }

    if (!replication->in_transaction && frame.end > replication->position) {
        replication->position = frame.end;
    }

    return frame.wants_reply ? ehr_stream_status(replication, 0) : NGX_OK;
}


static ngx_int_t
ehr_stream_message(ehr_replication_t *replication, const ehr_frame_t *frame)
{
    ehr_pgoutput_t  message;

    if (ehr_pgoutput_read(frame->payload.data, frame->payload.len, &message)
        != 0)
    {
        return ehr_stream_fault(replication, "a message that is none");
    }

    switch (message.type) {

    case EHR_PGOUTPUT_BEGIN:
        replication->in_transaction = 1;
        break;

    case EHR_PGOUTPUT_COMMIT:
        replication->in_transaction = 0;
        replication->position = message.position;
        break;

    case EHR_PGOUTPUT_MESSAGE:
        return ehr_stream_pulse(replication, &message);

    default:
        break;
    }

    if (replication->handlers->message(replication->data, &message)
        != NGX_OK)
    {
        return ehr_stream_fault(replication, "changes that cannot be taken");
    }

    return NGX_OK;
}


/* "token sent": ours alone is of interest. */
static ngx_int_t
ehr_stream_pulse(ehr_replication_t *replication,
    const ehr_pgoutput_t *message)
{
    u_char  text[64], token[16];
    off_t   sent;
    size_t  len;

    len = message->content.len;

    if (message->name.len != sizeof(EHR_PULSE_PREFIX) - 1
        || ngx_memcmp(message->name.data, EHR_PULSE_PREFIX,
                      sizeof(EHR_PULSE_PREFIX) - 1) != 0
        || len < 10 || len >= sizeof(text))
    {
        return NGX_OK;
    }

    (void) ngx_snprintf(token, sizeof(token), "%08xD ", replication->token);

    if (ngx_memcmp(token, message->content.data, 9) != 0) {
        return NGX_OK;
    }

    sent = ngx_atoof((u_char *) message->content.data + 9, len - 9);

    if (sent == NGX_ERROR
        || replication->handlers->pulse(replication->data, sent) == NGX_OK)
    {
        return NGX_OK;
    }

    return ehr_stream_fault(replication, "changes that cannot be taken");
}


ngx_int_t
ehr_stream_status(ehr_replication_t *replication, ngx_uint_t wants_reply)
{
    char             out[EHR_FRAME_STATUS];
    int64_t          clock;
    ngx_time_t      *now;
    ehr_link_t      *link;

    link = &replication->stream;
    now = ngx_timeofday();
    clock = ((int64_t) now->sec - EHR_PGOUTPUT_EPOCH) * 1000000
            + (int64_t) now->msec * 1000;

    ehr_frame_write_status((u_char *) out, replication->position, clock,
                           wants_reply);

    if (PQputCopyData(link->pg, out, sizeof(out)) != -1) {
        return ehr_link_flush(link);
    }

    ehr_link_explain(link, NULL);

    return NGX_ERROR;
}


static ngx_int_t
ehr_stream_ended(ehr_replication_t *replication)
{
    PGresult  *result;

    if (PQisBusy(replication->stream.pg)) {
        return ehr_stream_fault(replication, "an end without a word");
    }

    result = PQgetResult(replication->stream.pg);
    ehr_link_explain(&replication->stream, result);
    PQclear(result);

    return NGX_ERROR;
}


static ngx_int_t
ehr_stream_fault(ehr_replication_t *replication, const char *why)
{
    ehr_link_t  *link;

    link = &replication->stream;

    (void) ngx_snprintf((u_char *) link->reason, sizeof(link->reason),
                        "the stream brought %s%Z", why);

    return NGX_ERROR;
}
