/*
 * Private feeds: addresses at which a calendar program, which cannot sign in,
 * reads somebody's appointments.
 *
 * Whoever has the address has the calendar.  So its key is 256 random bits,
 * shown once and kept as a hash; the database decides at every read whether
 * the feed's account may still have it; and nothing but the answer to its
 * maker ever holds the address.
 */

#include "account.h"
#include "calendar.h"


/* Events written in one turn of the event loop: about five milliseconds. */
#define EHR_FEED_PAGE  250

#define EHR_FEED_TAG   34           /* 32 digits in quotes */

/* Columns of CALENDAR_FEED_OPEN. */
enum {
    EHR_FEED_ID, EHR_FEED_USER, EHR_FEED_PATIENT, EHR_FEED_DOCTOR,
    EHR_FEED_NAMED, EHR_FEED_NAME, EHR_FEED_LANGUAGE, EHR_FEED_ETAG
};

typedef struct {
    u_char                  hash[32];
    u_char                  after[EHR_UUID_TEXT + 1];
    u_char                  tag[EHR_FEED_TAG + 1];
    ehr_audited_t           feed;
    ngx_array_t             shown;      /* ehr_audited_t: those named */
    ehr_message_t           summary;
    unsigned                named:1;
    ehr_out_t               out;
} ehr_feed_t;

/* One that is being made. */
typedef struct {
    ngx_str_t               id;
    u_char                  key[EHR_SECRET_TEXT];
    u_char                  hash[32];
} ehr_new_feed_t;



static ngx_int_t ehr_feed_address(ehr_request_t *req, ehr_new_feed_t *feed,
    const PGresult *result, ngx_str_t *url);
static ngx_int_t ehr_feed_add_create(ehr_request_t *req,
    ehr_new_feed_t *feed, const ehr_values_t *values, ehr_batch_t *batch);
static void ehr_feed_created(ehr_request_t *req, ehr_batch_t *batch);
static ngx_int_t ehr_feed_add_page(ehr_feed_t *feed, ehr_batch_t *batch);
static void ehr_feed_opened(ehr_request_t *req, ehr_batch_t *batch);
static ngx_int_t ehr_feed_open(ehr_request_t *req, ehr_feed_t *feed,
    const PGresult *result);
static ngx_int_t ehr_feed_copy(ehr_request_t *req, ngx_str_t from,
    ngx_str_t *to);
static int ehr_feed_is_known(ehr_request_t *req, ehr_feed_t *feed);
static void ehr_feed_page(ehr_request_t *req, ehr_batch_t *batch);
static void ehr_feed_write(ehr_request_t *req, const PGresult *result);
static ngx_int_t ehr_feed_write_event(ehr_request_t *req,
    const PGresult *result, int row);
static ngx_int_t ehr_feed_next(ehr_request_t *req);
static void ehr_feed_audit(ehr_request_t *req);
static void ehr_feed_reply(ehr_request_t *req);


static const ehr_field_t  ehr_feed_input_fields[] = {
    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .reference = "doctors",
      .about = "Whose appointments; without it a doctor's own, or a "
               "patient's own and linked family's." },
    { .name = "name", .column = "name", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 100,
      .about = "What to call the calendar." }
};

const ehr_resource_t  ehr_input_calendar_feed = {
    .name = "calendar-feed-input", .schema = "CalendarFeedInput",
    .fields = ehr_feed_input_fields, .nfields = 2,
    .about = "Whose calendar."
};


static const ehr_field_t  ehr_feed_output_fields[] = {
    { .name = "id", .column = "id", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY|EHR_NOT_NULL,
      .about = "Identifies the feed, to end it." },
    { .name = "url", .column = "url", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY, .max = 1000,
      .about = "The address to subscribe to.  It is a secret and shown this "
               "once: null when the request is repeated." }
};

const ehr_resource_t  ehr_output_calendar_feed = {
    .name = "calendar-feed-output", .schema = "CalendarFeedAddress",
    .fields = ehr_feed_output_fields, .nfields = 2,
    .about = "A new feed."
};


/* -- making one ------------------------------------------------------------ */


ngx_int_t
ehr_calendar_feed_create(ehr_request_t *req)
{
    ngx_int_t        rc;
    ehr_batch_t     *batch;
    ehr_values_t     values;
    ehr_new_feed_t  *feed;

    rc = ehr_request_input(req, &ehr_input_calendar_feed, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    feed = ngx_pcalloc(req->pool, sizeof(ehr_new_feed_t));

    if (feed == NULL
        || ehr_random_token(feed->key, EHR_SECRET_BYTES) != NGX_OK
        || ehr_tokens_hash(feed->key, EHR_SECRET_TEXT, feed->hash) != NGX_OK
        || ehr_record_new_id(req, &feed->id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    req->state = feed;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_step_idempotency(req, batch) != NGX_OK
        || ehr_feed_add_create(req, feed, &values, batch) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_feed_created);
}


/* The statement, and what a repetition is told: the key is not kept. */

static ngx_int_t
ehr_feed_add_create(ehr_request_t *req, ehr_new_feed_t *feed,
    const ehr_values_t *values, ehr_batch_t *batch)
{
    char         *kept;
    ehr_param_t   params[4];

    kept = ngx_pnalloc(req->pool, EHR_UUID_TEXT + 32);
    if (kept == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf((u_char *) kept, "{\"id\":\"%V\",\"url\":null}%Z", &feed->id);

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) feed->id.data;
    params[1].value = (char *) feed->hash;
    params[1].len = sizeof(feed->hash);
    params[1].binary = 1;
    params[2].value = ehr_input_value(&ehr_input_calendar_feed, values,
                                      "doctorId").text;
    params[3].value = ehr_input_value(&ehr_input_calendar_feed, values,
                                      "name").text;

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_CALENDAR_FEED_CREATE], 4,
                      params)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_answer_keep(req, batch, kept);
}


static void
ehr_feed_created(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_str_t        url;
    ehr_out_t        json;
    ehr_new_feed_t  *feed = req->state;

    /* the last statement but for the one that keeps the answer */

    if (ehr_feed_address(req, feed,
                         batch->results[batch->n - (req->key.len ? 2 : 1)],
                         &url)
        != NGX_OK)
    {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
        return;
    }

    ehr_out_init(&json, req->pool);
    ehr_out_literal(&json, "{\"id\":");
    ehr_out_string(&json, feed->id.data, feed->id.len);
    ehr_out_literal(&json, ",\"url\":");
    ehr_out_string(&json, url.data, url.len);
    ehr_out_literal(&json, "}");

    ehr_answer_created(req, &json);
}


/* Below the configured publicUrl, or as this request called us. */

static ngx_int_t
ehr_feed_address(ehr_request_t *req, ehr_new_feed_t *feed,
    const PGresult *result, ngx_str_t *url)
{
    ngx_str_t        base, *host, scheme = ngx_string("http");
    ehr_loc_conf_t  *conf;

    static ngx_str_t  nobody = ngx_string("localhost");

    conf = ngx_http_get_module_loc_conf(req->http, ngx_http_ehr_module);
    base = ehr_result_value(result, 0, 0);

    host = req->http->headers_in.host ? &req->http->headers_in.host->value
           : req->http->headers_in.server.len
           ? &req->http->headers_in.server : &nobody;

#if (NGX_HTTP_SSL)
    if (req->http->connection->ssl) {
        ngx_str_set(&scheme, "https");
    }
#endif

    url->data = ngx_pnalloc(req->pool, base.len + host->len + conf->mount.len
                                       + EHR_SECRET_TEXT + 64);
    if (url->data == NULL) {
        return NGX_ERROR;
    }

    url->len = (base.len
                ? ngx_sprintf(url->data, "%V", &base)
                : ngx_sprintf(url->data, "%V://%V", &scheme, host))
               - url->data;

    url->len = ngx_sprintf(url->data + url->len,
                           "%V/v1/calendar/feeds/%*s.ics", &conf->mount,
                           (size_t) EHR_SECRET_TEXT, feed->key)
               - url->data;

    return NGX_OK;
}


/* -- reading one ----------------------------------------------------------- */


ngx_int_t
ehr_calendar_feed_read(ehr_request_t *req)
{
    ngx_int_t     rc;
    ehr_feed_t   *feed;
    ehr_batch_t  *batch;
    ehr_param_t   hash;

    feed = ngx_pcalloc(req->pool, sizeof(ehr_feed_t));

    if (feed == NULL
        || ngx_array_init(&feed->shown, req->pool, 8, sizeof(ehr_audited_t))
           != NGX_OK
        || ehr_tokens_hash(req->params[0].data, EHR_SECRET_TEXT, feed->hash)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* each feed has the rate of an account, wherever it is read from */

    rc = ehr_request_limit(req, EHR_LIMIT_ACCOUNT, feed->hash,
                           sizeof(feed->hash));
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memcpy(feed->after, "00000000-0000-0000-0000-000000000000",
               sizeof(feed->after));
    ehr_out_init(&feed->out, req->pool);
    req->state = feed;

    ngx_memzero(&hash, sizeof(ehr_param_t));
    hash.value = (char *) feed->hash;
    hash.len = sizeof(feed->hash);
    hash.binary = 1;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_SYSTEM);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_CALENDAR_FEED_OPEN], 1,
                         &hash)
           != NGX_OK
        || ehr_feed_add_page(feed, batch) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_feed_opened);
}


static ngx_int_t
ehr_feed_add_page(ehr_feed_t *feed, ehr_batch_t *batch)
{
    char         most[NGX_INT_T_LEN + 1];
    ehr_param_t  params[3];

    ngx_sprintf((u_char *) most, "%d%Z", EHR_FEED_PAGE);

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) feed->hash;
    params[0].len = sizeof(feed->hash);
    params[0].binary = 1;
    params[1].value = (char *) feed->after;
    params[2].value = most;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_CALENDAR_FEED_PAGE], 3,
                         params);
}


static void
ehr_feed_opened(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_int_t    rc;
    ehr_feed_t  *feed = req->state;

    if (PQntuples(batch->results[1]) == 0) {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return;
    }

    rc = ehr_feed_open(req, feed, batch->results[1]);

    if (rc == NGX_ERROR) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
        return;
    }

    if (ehr_feed_is_known(req, feed)) {
        ehr_feed_audit(req);
        return;
    }

    ehr_feed_write(req, batch->results[2]);
}


/* From here on the feed's account reads: the audit log names it. */

static ngx_int_t
ehr_feed_open(ehr_request_t *req, ehr_feed_t *feed, const PGresult *result)
{
    ngx_str_t    name, language;

#define ehr_feed_value(column)  ehr_result_value(result, 0, column)

    language = ehr_feed_value(EHR_FEED_LANGUAGE);
    req->language = ehr_language_of((char *) language.data, language.len);

    feed->named = ehr_feed_value(EHR_FEED_NAMED).data[0] == 't';
    feed->summary = (ehr_feed_value(EHR_FEED_DOCTOR).data[0] == 't')
                    ? EHR_MESSAGE_CALENDAR_OF : EHR_MESSAGE_CALENDAR_WITH;

    ngx_snprintf(feed->tag, EHR_FEED_TAG, "\"%s\"",
                 ehr_feed_value(EHR_FEED_ETAG).data);

    name = ehr_feed_value(EHR_FEED_NAME);
    if (name.len == 0) {
        name.data = (u_char *) ehr_message_text(EHR_MESSAGE_CALENDAR_NAME,
                                                req->language);
    }

    ehr_calendar_out(&feed->out, ehr_calendar_head((char *) name.data));

    if (ehr_feed_copy(req, ehr_feed_value(EHR_FEED_ID), &feed->feed.entity)
        != NGX_OK
        || ehr_feed_copy(req, ehr_feed_value(EHR_FEED_PATIENT),
                         &feed->feed.patient)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_account_become(req, ehr_feed_value(EHR_FEED_USER));

#undef ehr_feed_value
}


static ngx_int_t
ehr_feed_copy(ehr_request_t *req, ngx_str_t from, ngx_str_t *to)
{
    to->len = from.len;
    to->data = from.len ? ngx_pstrdup(req->pool, &from) : NULL;

    return (from.len && to->data == NULL) ? NGX_ERROR : NGX_OK;
}


/* Then no event has to be written.  nginx, which answers 304, must see it the
 * same way: of several tags only the one that fits is left. */

static int
ehr_feed_is_known(ehr_request_t *req, ehr_feed_t *feed)
{
    ngx_table_elt_t  *header = req->http->headers_in.if_none_match;

    if (header == NULL
        || ngx_strnstr(header->value.data, (char *) feed->tag,
                       header->value.len)
           == NULL)
    {
        return 0;
    }

    header->value.data = feed->tag;
    header->value.len = EHR_FEED_TAG;

    return 1;
}


static void
ehr_feed_page(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_feed_write(req, batch->results[1]);
}


static void
ehr_feed_write(ehr_request_t *req, const PGresult *result)
{
    int          row, rows;
    ngx_str_t    id;
    ehr_feed_t  *feed = req->state;

    rows = PQntuples(result);

    for (row = 0; row < rows; row++) {
        if (ehr_feed_write_event(req, result, row) != NGX_OK) {
            feed->out.failed = 1;
        }
    }

    if (rows < EHR_FEED_PAGE || feed->out.failed) {
        ehr_out_literal(&feed->out, EHR_CALENDAR_TAIL);
        ehr_feed_audit(req);
        return;
    }

    id = ehr_result_value(result, rows - 1, EHR_EVENT_ID);
    ngx_memcpy(feed->after, id.data, EHR_UUID_TEXT);

    if (ehr_feed_next(req) != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


static ngx_int_t
ehr_feed_write_event(ehr_request_t *req, const PGresult *result, int row)
{
    ngx_str_t              summary;
    const char            *who;
    ehr_feed_t            *feed = req->state;
    ehr_audited_t         *shown;
    ehr_calendar_event_t   event;

    ehr_calendar_row(result, row, &event);
    who = PQgetvalue(result, row, EHR_EVENT_WHO);

    if (ehr_message_print(req->pool,
                          who[0] ? feed->summary
                                 : EHR_MESSAGE_CALENDAR_APPOINTMENT,
                          who, req->language, &summary)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    event.summary = (char *) summary.data;
    ehr_calendar_out(&feed->out, ehr_calendar_event(&event));

    if (!feed->named) {
        return NGX_OK;
    }

    shown = ngx_array_push(&feed->shown);

    if (shown == NULL
        || ehr_feed_copy(req, ehr_result_value(result, row, EHR_EVENT_ID),
                         &shown->entity)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_feed_copy(req, ehr_result_value(result, row,
                                               EHR_EVENT_PATIENT),
                         &shown->patient);
}


static ngx_int_t
ehr_feed_next(ehr_request_t *req)
{
    ehr_feed_t   *feed = req->state;
    ehr_batch_t  *batch;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_SYSTEM);

    if (batch == NULL || ehr_feed_add_page(feed, batch) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_feed_page);
}


/* Each appointment whose patient was named, or else that the feed was read:
 * who knows only initials has seen nobody's record. */

static void
ehr_feed_audit(ehr_request_t *req)
{
    ngx_int_t    rc;
    ehr_feed_t  *feed = req->state;

    rc = feed->shown.nelts
         ? ehr_audit_read(req, "appointments", feed->shown.elts,
                          feed->shown.nelts, ehr_feed_reply)
         : ehr_audit_read(req, "calendar_feeds", &feed->feed, 1,
                          ehr_feed_reply);

    if (rc != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


static void
ehr_feed_reply(ehr_request_t *req)
{
    ngx_str_t    tag;
    ehr_feed_t  *feed = req->state;

    tag.data = feed->tag;
    tag.len = EHR_FEED_TAG;

    ehr_reply_tagged(req, EHR_CALENDAR_TYPE, &tag, &feed->out);
}
