/*
 * One appointment for a calendar: as an iCalendar file, or as links that add
 * it.  Both are made to leave: what they say is decided by the view
 * ehr.calendar_events, and the links, which go to others, say less.
 */

#include "calendar.h"


/* An answer that waits for its audit row. */
typedef struct {
    ehr_out_t               out;
    unsigned                links:1;
} ehr_calendar_answer_t;


static int ehr_calendar_wants_links(ehr_request_t *req,
    const ehr_values_t *query);
static void ehr_calendar_found(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_calendar_file(ehr_request_t *req, ehr_out_t *out,
    ehr_calendar_event_t *event, const char *doctor);
static void ehr_calendar_links(ehr_request_t *req, ehr_out_t *out,
    ehr_calendar_event_t *event, const char *place);
static void ehr_calendar_reply(ehr_request_t *req);


static const char *const  ehr_calendar_formats[] = {
    "ics", "links", NULL
};

static const ehr_field_t  ehr_calendar_query_fields[] = {
    { .name = "format", .column = "format", .type = EHR_TYPE_ENUM,
      .values = ehr_calendar_formats,
      .about = "ics: the file; links: JSON with links.  Without it by Accept; "
               "the file unless application/json is preferred." }
};

const ehr_resource_t  ehr_query_calendar = {
    .name = "calendar-query", .schema = "CalendarQuery",
    .fields = ehr_calendar_query_fields, .nfields = 1,
    .about = "How to answer."
};


#define EHR_LINK(link, what)                                                 \
    { .name = link, .column = link, .type = EHR_TYPE_TEXT,                   \
      .flags = EHR_READ_ONLY|EHR_NOT_NULL, .max = 4000, .about = what }

static const ehr_field_t  ehr_calendar_link_fields[] = {
    EHR_LINK("google", "Opens Google Calendar's form."),
    EHR_LINK("outlook", "Opens Outlook.com's form."),
    EHR_LINK("office365", "Opens Microsoft 365's form."),
    EHR_LINK("yahoo", "Opens Yahoo Calendar's form."),
    EHR_LINK("ics", "Path of the iCalendar file; it needs the access token.")
};

const ehr_resource_t  ehr_output_calendar_links = {
    .name = "calendar-links", .schema = "CalendarLinks",
    .fields = ehr_calendar_link_fields,
    .nfields = sizeof(ehr_calendar_link_fields) / sizeof(ehr_field_t),
    .about = "Links that add an appointment to a calendar.  They say its time "
             "and the clinic, nothing else."
};


ngx_int_t
ehr_calendar_appointment(ehr_request_t *req)
{
    ngx_int_t               rc;
    ehr_batch_t            *batch;
    ehr_param_t             id;
    ehr_values_t            query;
    ehr_calendar_answer_t  *answer;

    rc = ehr_request_query(req, &ehr_query_calendar, &query);
    if (rc != NGX_OK) {
        return rc;
    }

    answer = ngx_pcalloc(req->pool, sizeof(ehr_calendar_answer_t));
    if (answer == NULL) {
        return NGX_ERROR;
    }

    answer->links = ehr_calendar_wants_links(req, &query);
    req->state = answer;

    ngx_memzero(&id, sizeof(ehr_param_t));
    id.value = (char *) req->params[0].data;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_CALENDAR_EVENT], 1, &id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_calendar_found);
}


static int
ehr_calendar_wants_links(ehr_request_t *req, const ehr_values_t *query)
{
    ehr_value_t       format;
    ngx_table_elt_t  *accept;

    format = ehr_input_value(&ehr_query_calendar, query, "format");

    if (format.text) {
        return format.text[0] == 'l';
    }

    accept = ehr_header(req->http, "accept", sizeof("accept") - 1);

    return accept
           && ngx_strlcasestrn(accept->value.data,
                               accept->value.data + accept->value.len,
                               (u_char *) "application/json",
                               sizeof("application/json") - 2)
           && !ngx_strlcasestrn(accept->value.data,
                                accept->value.data + accept->value.len,
                                (u_char *) "text/calendar",
                                sizeof("text/calendar") - 2);
}


static void
ehr_calendar_found(ehr_request_t *req, ehr_batch_t *batch)
{
    PGresult               *result = batch->results[1];
    ehr_audited_t           read;
    ehr_calendar_event_t    event;
    ehr_calendar_answer_t  *answer = req->state;

    if (PQntuples(result) == 0) {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return;
    }

    ehr_calendar_row(result, 0, &event);
    ehr_out_init(&answer->out, req->pool);

    if (answer->links) {
        ehr_calendar_links(req, &answer->out, &event,
                           PQgetvalue(result, 0, EHR_EVENT_PLACE));
    } else {
        ehr_calendar_file(req, &answer->out, &event,
                          PQgetvalue(result, 0, EHR_EVENT_WHO));
    }

    read.entity = ehr_result_value(result, 0, EHR_EVENT_ID);
    read.patient = ehr_result_value(result, 0, EHR_EVENT_PATIENT);

    if (ehr_audit_read(req, "appointments", &read, 1, ehr_calendar_reply)
        != NGX_OK)
    {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


void
ehr_calendar_row(const PGresult *result, int row,
    ehr_calendar_event_t *event)
{
#define ehr_event_text(column)    PQgetvalue(result, row, column)
#define ehr_event_number(column)  strtoll(ehr_event_text(column), NULL, 10)

    ngx_memzero(event, sizeof(ehr_calendar_event_t));

    event->id = ehr_event_text(EHR_EVENT_ID);
    event->starts = ehr_event_number(EHR_EVENT_STARTS);
    event->ends = ehr_event_number(EHR_EVENT_ENDS);
    event->changed = ehr_event_number(EHR_EVENT_CHANGED);
    event->version = (int) ehr_event_number(EHR_EVENT_VERSION);
    event->cancelled = ehr_event_text(EHR_EVENT_CANCELLED)[0] == 't';
    event->location = ehr_event_text(EHR_EVENT_LOCATION);
    event->url = ehr_event_text(EHR_EVENT_URL);
    event->organizer_id = ehr_event_text(EHR_EVENT_ORGANIZER_ID);
    event->organizer = ehr_event_text(EHR_EVENT_ORGANIZER);

#undef ehr_event_text
#undef ehr_event_number
}


void
ehr_calendar_out(ehr_out_t *out, char *part)
{
    if (part == NULL) {
        out->failed = 1;
        return;
    }

    ehr_out_raw(out, part, ngx_strlen(part));
    free(part);
}


static void
ehr_calendar_file(ehr_request_t *req, ehr_out_t *out,
    ehr_calendar_event_t *event, const char *doctor)
{
    ngx_str_t  summary;

    if (ehr_message_print(req->pool, EHR_MESSAGE_CALENDAR_WITH, doctor,
                          req->language, &summary)
        != NGX_OK)
    {
        out->failed = 1;
        return;
    }

    event->summary = (char *) summary.data;

    ehr_calendar_out(out, ehr_calendar_head(NULL));
    ehr_calendar_out(out, ehr_calendar_event(event));
    ehr_out_literal(out, EHR_CALENDAR_TAIL);
}


/* Neither the doctor nor the address of a virtual visit: the services get to
 * know the rest. */

static void
ehr_calendar_links(ehr_request_t *req, ehr_out_t *out,
    ehr_calendar_event_t *event, const char *place)
{
    char            *link;
    ngx_str_t        path;
    ngx_uint_t       service;
    const char      *name;
    ehr_loc_conf_t  *conf;

    event->summary = ehr_message_text(EHR_MESSAGE_CALENDAR_APPOINTMENT,
                                      req->language);
    event->location = place;

    ehr_out_literal(out, "{");

    for (service = 0; service < EHR_CALENDAR_SERVICES; service++) {

        link = ehr_calendar_link(service, event);
        if (link == NULL) {
            out->failed = 1;
            return;
        }

        name = ehr_calendar_service(service);
        ehr_out_string(out, (u_char *) name, ngx_strlen(name));
        ehr_out_literal(out, ":");
        ehr_out_string(out, (u_char *) link, ngx_strlen(link));
        ehr_out_literal(out, ",");
        free(link);
    }

    conf = ngx_http_get_module_loc_conf(req->http, ngx_http_ehr_module);

    path.len = conf->mount.len
               + sizeof("/v1/appointments//calendar") + EHR_UUID_TEXT;
    path.data = ngx_pnalloc(req->pool, path.len);
    if (path.data == NULL) {
        out->failed = 1;
        return;
    }

    path.len = ngx_sprintf(path.data, "%V/v1/appointments/%s/calendar",
                           &conf->mount, event->id)
               - path.data;

    ehr_out_literal(out, "\"ics\":");
    ehr_out_string(out, path.data, path.len);
    ehr_out_literal(out, "}");
}


static void
ehr_calendar_reply(ehr_request_t *req)
{
    ehr_calendar_answer_t  *answer = req->state;

    static ngx_str_t  disposition =
        ngx_string("attachment; filename=\"appointment.ics\"");

    if (answer->links) {
        ehr_reply_data(req, &answer->out);
        return;
    }

    if (ehr_reply_header(req, "Content-Disposition", &disposition)
        != NGX_OK)
    {
        answer->out.failed = 1;
    }

    ehr_reply_plain(req, NGX_HTTP_OK, EHR_CALENDAR_TYPE, &answer->out);
}
