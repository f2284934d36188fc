/*
 * Who is refused hears what is free next.  Many are at once, and for the same:
 * PostgreSQL is asked once a second for each kind of bed.  Where nothing is to
 * be told, because those who are before have only just begun, the act goes on
 * and PostgreSQL refuses it when they are done.
 */

#include "bed_engine.h"


/* What is free next is told again for so long, ms, by what was asked for; and
 * less long if there may be more in a moment. */
#define EHR_EXPECTED_MEMORY   1000
#define EHR_EXPECTED_SHORT    100
#define EHR_EXPECTED_MOST     5
#define EHR_EXPECTED_ANSWERS  64
#define EHR_EXPECTED_KEY      512
#define EHR_EXPECTED_ANSWER   1024

typedef struct {
    u_char                  key[EHR_EXPECTED_KEY];
    size_t                  key_len;
    u_char                  json[EHR_EXPECTED_ANSWER];
    size_t                  len;            /* 0: empty */
    ngx_msec_t              since;
    ngx_msec_t              lasts;
} ehr_expected_t;


static size_t ehr_expected_key(ehr_request_t *req,
    ehr_admission_t *admission, u_char *key);
static ehr_expected_t *ehr_expected_place(const u_char *key, size_t len);
static ngx_int_t ehr_expected_ask(ehr_request_t *req,
    ehr_admission_t *admission);
static void ehr_expected_told(ehr_request_t *req, ehr_batch_t *batch);
static ngx_uint_t ehr_expected_count(const ngx_str_t *json);
static void ehr_bed_reply_refused(ehr_request_t *req,
    ehr_admission_t *admission, const u_char *expected, size_t len);


static ehr_expected_t  ehr_expected_answers[EHR_EXPECTED_ANSWERS];

/* In the order of the statement. */
static const char *const  ehr_expected_names[] = {
    "bedId", "hospitalId", "wardId", "roomClassId", "isolation", "equipment",
    NULL
};

#define EHR_EXPECTED_NAMES  6


ngx_int_t
ehr_bed_refuse(ehr_request_t *req, ehr_admission_t *admission,
    ehr_handler_pt go_on)
{
    size_t           len;
    u_char           key[EHR_EXPECTED_KEY];
    ehr_expected_t  *answer;

    admission->go_on = go_on;

    len = ehr_expected_key(req, admission, key);
    answer = ehr_expected_place(key, len);

    if (len && answer->len
        && ngx_current_msec - answer->since < answer->lasts
        && answer->key_len == len && ngx_memcmp(answer->key, key, len) == 0)
    {
        ehr_bed_reply_refused(req, admission, answer->json, answer->len);
        return NGX_OK;
    }

    return ehr_expected_ask(req, admission);
}


/* What was asked for as one text; 0: too long to be kept. */

static size_t
ehr_expected_key(ehr_request_t *req, ehr_admission_t *admission, u_char *key)
{
    u_char      *p, *last;
    ngx_uint_t   i;
    const char  *text;

    p = key;
    last = key + EHR_EXPECTED_KEY;

    for (i = 0; ehr_expected_names[i]; i++) {
        text = ehr_admission_wish(req, admission, ehr_expected_names[i]);
        p = ngx_slprintf(p, last, "%s|", text ? text : "");
    }

    return p < last ? p - key : 0;
}


static ehr_expected_t *
ehr_expected_place(const u_char *key, size_t len)
{
    return &ehr_expected_answers[ngx_murmur_hash2((u_char *) key, len)
                                 % EHR_EXPECTED_ANSWERS];
}


static ngx_int_t
ehr_expected_ask(ehr_request_t *req, ehr_admission_t *admission)
{
    ngx_uint_t    i;
    ehr_batch_t  *batch;
    ehr_param_t   params[EHR_EXPECTED_NAMES];

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    batch->writes = 0;
    ngx_memzero(params, sizeof(params));

    for (i = 0; ehr_expected_names[i]; i++) {
        params[i].value = ehr_admission_wish(req, admission,
                                             ehr_expected_names[i]);
    }

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_BEDS_EXPECTED],
                      EHR_EXPECTED_NAMES, params)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_expected_told);
}


static void
ehr_expected_told(ehr_request_t *req, ehr_batch_t *batch)
{
    size_t            len;
    u_char            key[EHR_EXPECTED_KEY];
    ngx_str_t         json;
    ngx_uint_t        most;
    ehr_expected_t   *answer;
    ehr_admission_t  *admission = req->state;

    json = ehr_result_value(batch->results[1], 0, 0);
    most = ehr_expected_count(&json);

    if (most == 0) {
        if (admission->go_on(req) != NGX_OK) {
            ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                              EHR_MESSAGE_INTERNAL_ERROR);
        }

        return;
    }

    len = ehr_expected_key(req, admission, key);

    if (len && json.len <= EHR_EXPECTED_ANSWER) {
        answer = ehr_expected_place(key, len);
        answer->since = ngx_current_msec;
        answer->lasts = most < EHR_EXPECTED_MOST ? EHR_EXPECTED_SHORT
                                                 : EHR_EXPECTED_MEMORY;
        answer->key_len = len;
        answer->len = json.len;
        ngx_memcpy(answer->key, key, len);
        ngx_memcpy(answer->json, json.data, json.len);
    }

    ehr_bed_reply_refused(req, admission, json.data, json.len);
}


/* How many beds there are in the list. */

static ngx_uint_t
ehr_expected_count(const ngx_str_t *json)
{
    ngx_uint_t  i, n;

    for (i = 0, n = 0; i < json->len; i++) {
        n += (json->data[i] == '{');
    }

    return n;
}


/* As PostgreSQL's refusal looks when it says the same. */

static void
ehr_bed_reply_refused(ehr_request_t *req, ehr_admission_t *admission,
    const u_char *expected, size_t len)
{
    ehr_out_t           data;
    ehr_reply_t         reply;
    ehr_field_error_t   error;

    ehr_out_init(&data, req->pool);

    if (admission->refusal == EHR_MESSAGE_BED_TAKEN) {
        ehr_out_literal(&data, "{\"rule\":\"bed_taken\",\"expected\":");
    } else {
        ehr_out_literal(&data, "{\"rule\":\"no_bed_free\",\"expected\":");
    }

    ehr_out_raw(&data, expected, len);
    ehr_out_literal(&data, "}");

    ngx_memzero(&reply, sizeof(ehr_reply_t));
    reply.status = NGX_HTTP_CONFLICT;
    reply.message = admission->refusal;
    reply.data = &data;

    if (admission->refusal == EHR_MESSAGE_BED_TAKEN) {
        error.field = "bedId";
        error.message = admission->refusal;
        error.argument = NULL;
        reply.message = EHR_MESSAGE_CONFLICT;
        reply.errors = &error;
        reply.nerrors = 1;
    }

    ehr_reply(req, &reply);
}
