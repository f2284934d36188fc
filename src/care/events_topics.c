/*
 * What a stream of events listens to, from where on, and who may.
 */

#include "../model/describe.h"
#include "events_private.h"


static ngx_int_t ehr_stream_take_topics(ehr_stream_t *stream,
    const ehr_values_t *query);
static ngx_int_t ehr_stream_id(ehr_value_t value, ehr_uuid_t *id);
static ngx_int_t ehr_stream_day(ehr_value_t *date, uint32_t *day);
static int ehr_stream_may(ehr_request_t *req, const ehr_stream_t *stream);


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


#define ehr_stream_value(query, name)                                        \
    ehr_input_value(&ehr_query_events, query, name)


ngx_int_t
ehr_stream_topics(ehr_request_t *req, ehr_stream_t *stream,
    const ehr_values_t *query)
{
    if (ehr_stream_take_topics(stream, query) != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_BAD_REQUEST,
                          EHR_MESSAGE_MALFORMED_REQUEST);
        return NGX_DONE;
    }

    if (!stream->has_doctor && !stream->has_queue && !stream->has_ward
        && !stream->has_own)
    {
        ehr_reply_field(req, NGX_HTTP_BAD_REQUEST, "doctor",
                        EHR_MESSAGE_FIELD_REQUIRED);
        return NGX_DONE;
    }

    if (!ehr_stream_may(req, stream)) {
        ehr_reply_message(req, NGX_HTTP_FORBIDDEN, EHR_MESSAGE_FORBIDDEN);
        return NGX_DONE;
    }

    return NGX_OK;
}


static ngx_int_t
ehr_stream_take_topics(ehr_stream_t *stream, const ehr_values_t *query)
{
    ehr_value_t  doctor, date, queue, ward, own;

    doctor = ehr_stream_value(query, "doctor");
    date = ehr_stream_value(query, "date");
    queue = ehr_stream_value(query, "queue");
    ward = ehr_stream_value(query, "ward");
    own = ehr_stream_value(query, "appointments");

    stream->has_doctor = (doctor.text != NULL);
    stream->has_day = (date.text != NULL);
    stream->has_queue = (queue.text != NULL);
    stream->has_ward = (ward.text != NULL);
    stream->has_own = (own.text != NULL && own.text[0] == 't');

    if (stream->has_day && ehr_stream_day(&date, &stream->day) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_stream_id(doctor, &stream->doctor) == NGX_OK
           && ehr_stream_id(queue, &stream->queue) == NGX_OK
           && ehr_stream_id(ward, &stream->ward) == NGX_OK
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ehr_stream_id(ehr_value_t value, ehr_uuid_t *id)
{
    return value.text ? ehr_uuid_parse(id, (u_char *) value.text, value.len)
                      : NGX_OK;
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


/* A queue shows whoever comes: nobody has one of their own. */

static int
ehr_stream_may(ehr_request_t *req, const ehr_stream_t *stream)
{
    if ((stream->has_queue || stream->has_own)
        && !ehr_may(req, EHR_MAY_READ_APPOINTMENTS))
    {
        return 0;
    }

    if (stream->has_ward && !ehr_may(req, EHR_MAY_READ_WARDS)) {
        return 0;
    }

    return !stream->has_queue
           || ngx_strcmp(ehr_request_scope(req), "own") != 0;
}


/* From Last-Event-ID on, "epoch-sequence", or from now on. */

void
ehr_stream_resume(ehr_request_t *req, ehr_stream_t *stream)
{
    off_t             epoch, sequence;
    u_char           *dash, *end;
    ngx_table_elt_t  *header;

    ehr_events_place(&stream->place);

    header = ehr_header(req->http, "last-event-id",
                        sizeof("last-event-id") - 1);
    if (header == NULL) {
        return;
    }

    end = header->value.data + header->value.len;
    dash = ngx_strlchr(header->value.data, end, '-');

    epoch = dash ? ngx_atoof(header->value.data, dash - header->value.data)
                 : NGX_ERROR;
    sequence = dash ? ngx_atoof(dash + 1, end - dash - 1) : NGX_ERROR;

    /* what is no id of ours is as one that is too old */

    stream->place.epoch = epoch == NGX_ERROR ? 0 : epoch;
    stream->place.sequence = sequence == NGX_ERROR ? 0 : sequence;
}


int
ehr_stream_wants(const ehr_stream_t *stream, const ehr_event_t *event)
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


int
ehr_stream_is(const ehr_uuid_t *one, const ehr_uuid_t *other)
{
    return ngx_memcmp(one, other, sizeof(ehr_uuid_t)) == 0;
}
