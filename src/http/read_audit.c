/*
 * The audit rows of reads.
 *
 * Every read of a patient's record is in the audit log before the client
 * gets it.  One insert a read would cost a flush of the write-ahead log each;
 * so a worker has at most one insert under way and gathers what arrives
 * meanwhile for the next one.  Nobody waits for a timer: under light load a
 * read is written at once, under heavy load hundreds share a commit.
 */

#include "body.h"


typedef struct {
    ngx_queue_t         queue;
    ehr_request_t      *req;            /* NULL: gone; still audited */
    ehr_audited_pt      then;

    /* copied, for the request may go */
    u_char              actor[EHR_UUID_TEXT + 1];
    u_char              entity_id[EHR_UUID_TEXT + 1];
    u_char              patient_id[EHR_UUID_TEXT + 1];
    const char         *entity;
    u_char             *context;
    size_t              context_len;
} ehr_audit_entry_t;


#define EHR_AUDIT_AT_ONCE  512

typedef struct {
    ngx_queue_t         waiting;
    ngx_queue_t         sent;
    ngx_uint_t          nwaiting;
    ngx_event_t         flush;
    unsigned            busy:1;
    unsigned            ready:1;
} ehr_read_audit_t;

static ehr_read_audit_t  ehr_reads;


static void ehr_audit_flush(ngx_event_t *event);
static ehr_batch_t *ehr_audit_batch(void);
static ngx_int_t ehr_audit_statement(ehr_batch_t *batch);
static void ehr_audit_done(ehr_batch_t *batch, void *data);
static void ehr_audit_finish(ngx_queue_t *entries, ngx_int_t ok);
static void ehr_audit_free(ehr_audit_entry_t *entry);
static ngx_int_t ehr_audit_column(ngx_pool_t *pool, ehr_param_t *param,
    const char *(*text)(ehr_audit_entry_t *entry), size_t longest);
static const char *ehr_audit_actor(ehr_audit_entry_t *entry);
static const char *ehr_audit_entity(ehr_audit_entry_t *entry);
static const char *ehr_audit_entity_id(ehr_audit_entry_t *entry);
static const char *ehr_audit_patient_id(ehr_audit_entry_t *entry);
static const char *ehr_audit_context(ehr_audit_entry_t *entry);


ngx_int_t
ehr_audit_read(ehr_request_t *req, const char *entity, ngx_str_t *entity_id,
    ngx_str_t *patient_id, ehr_audited_pt then)
{
    ngx_str_t           context;
    ehr_audit_entry_t  *entry;

    if (ehr_request_context(req, &context) != NGX_OK) {
        return NGX_ERROR;
    }

    entry = ngx_calloc(sizeof(ehr_audit_entry_t) + context.len + 1,
                       ngx_cycle->log);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->req = req;
    entry->then = then;
    entry->entity = entity;
    entry->context = (u_char *) (entry + 1);
    entry->context_len = context.len;
    ngx_memcpy(entry->context, context.data, context.len);
    ngx_memcpy(entry->actor, req->who.user_text, EHR_UUID_TEXT);

    if (entity_id && entity_id->len == EHR_UUID_TEXT) {
        ngx_memcpy(entry->entity_id, entity_id->data, EHR_UUID_TEXT);
    }

    if (patient_id && patient_id->len == EHR_UUID_TEXT) {
        ngx_memcpy(entry->patient_id, patient_id->data, EHR_UUID_TEXT);
    }

    if (!ehr_reads.ready) {
        ngx_queue_init(&ehr_reads.waiting);
        ngx_queue_init(&ehr_reads.sent);
        ehr_reads.flush.handler = ehr_audit_flush;
        ehr_reads.flush.log = ngx_cycle->log;
        ehr_reads.ready = 1;
    }

    ngx_queue_insert_tail(&ehr_reads.waiting, &entry->queue);
    ehr_reads.nwaiting++;
    req->waiting = entry;

    if (!ehr_reads.busy) {
        ngx_post_event(&ehr_reads.flush, &ngx_posted_events);
    }

    return NGX_OK;
}


void
ehr_audit_forget(ehr_request_t *req)
{
    ehr_audit_entry_t  *entry = req->waiting;

    entry->req = NULL;
    req->waiting = NULL;
}


static void
ehr_audit_flush(ngx_event_t *event)
{
    ngx_uint_t    n;
    ngx_queue_t  *entry;
    ehr_batch_t  *batch;

    if (ehr_reads.busy || ehr_reads.nwaiting == 0) {
        return;
    }

    for (n = 0; n < EHR_AUDIT_AT_ONCE && ehr_reads.nwaiting > 0; n++) {
        entry = ngx_queue_head(&ehr_reads.waiting);
        ngx_queue_remove(entry);
        ngx_queue_insert_tail(&ehr_reads.sent, entry);
        ehr_reads.nwaiting--;
    }

    batch = ehr_audit_batch();

    if (batch == NULL || ehr_batch_submit(batch, ehr_audit_done, NULL)
                         != NGX_OK)
    {
        ehr_audit_finish(&ehr_reads.sent, 0);

        if (ehr_reads.nwaiting) {
            ngx_post_event(&ehr_reads.flush, &ngx_posted_events);
        }

        return;
    }

    ehr_reads.busy = 1;
}


static ehr_batch_t *
ehr_audit_batch(void)
{
    ehr_batch_t  *batch;
    ehr_param_t   params[3];

    batch = ehr_batch_create(ehr_worker.store, EHR_LANE_MAIN);
    if (batch == NULL) {
        return NULL;
    }

    batch->writes = 1;

    ngx_memzero(params, sizeof(params));
    params[0].value = "";
    params[1].value = "system";
    params[2].value = "";

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_BEGIN], 3, params)
        != NGX_OK
        || ehr_audit_statement(batch) != NGX_OK)
    {
        ehr_batch_destroy(batch);
        return NULL;
    }

    return batch;
}


static const char *
ehr_audit_actor(ehr_audit_entry_t *entry)
{
    return (char *) entry->actor;
}


static const char *
ehr_audit_entity(ehr_audit_entry_t *entry)
{
    return entry->entity;
}


static const char *
ehr_audit_entity_id(ehr_audit_entry_t *entry)
{
    return (char *) entry->entity_id;
}


static const char *
ehr_audit_patient_id(ehr_audit_entry_t *entry)
{
    return (char *) entry->patient_id;
}


static const char *
ehr_audit_context(ehr_audit_entry_t *entry)
{
    return (char *) entry->context;
}


/* One column of all entries as an array literal. */

static ngx_int_t
ehr_audit_column(ngx_pool_t *pool, ehr_param_t *param,
    const char *(*text)(ehr_audit_entry_t *entry), size_t longest)
{
    u_char             *p, *literal;
    size_t              n;
    const char         *from;
    ngx_queue_t        *q;

    n = 0;

    for (q = ngx_queue_head(&ehr_reads.sent);
         q != ngx_queue_sentinel(&ehr_reads.sent);
         q = ngx_queue_next(q))
    {
        n++;
    }

    literal = ngx_pnalloc(pool, n * (2 * longest + 3) + 3);
    if (literal == NULL) {
        return NGX_ERROR;
    }

    p = literal;
    *p++ = '{';

    for (q = ngx_queue_head(&ehr_reads.sent);
         q != ngx_queue_sentinel(&ehr_reads.sent);
         q = ngx_queue_next(q))
    {
        if (p > literal + 1) {
            *p++ = ',';
        }

        from = text(ngx_queue_data(q, ehr_audit_entry_t, queue));

        if (*from == '\0') {
            p = ngx_cpymem(p, "NULL", 4);
            continue;
        }

        *p++ = '"';

        for ( /* void */ ; *from; from++) {
            if (*from == '"' || *from == '\\') {
                *p++ = '\\';
            }

            *p++ = *from;
        }

        *p++ = '"';
    }

    *p++ = '}';
    *p = '\0';

    ngx_memzero(param, sizeof(ehr_param_t));
    param->value = (char *) literal;

    return NGX_OK;
}


static ngx_int_t
ehr_audit_statement(ehr_batch_t *batch)
{
    ehr_param_t  params[5];

    if (ehr_audit_column(batch->pool, &params[0], ehr_audit_actor,
                         EHR_UUID_TEXT)
        != NGX_OK
        || ehr_audit_column(batch->pool, &params[1], ehr_audit_entity, 64)
           != NGX_OK
        || ehr_audit_column(batch->pool, &params[2], ehr_audit_entity_id,
                            EHR_UUID_TEXT)
           != NGX_OK
        || ehr_audit_column(batch->pool, &params[3], ehr_audit_patient_id,
                            EHR_UUID_TEXT)
           != NGX_OK
        || ehr_audit_column(batch->pool, &params[4], ehr_audit_context, 800)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_AUDIT_READS], 5,
                         params);
}


static void
ehr_audit_done(ehr_batch_t *batch, void *data)
{
    ngx_queue_t  entries;

    /* replies may lead to new reads: nothing of this round is left then */

    ngx_queue_init(&entries);

    if (!ngx_queue_empty(&ehr_reads.sent)) {
        ngx_queue_add(&entries, &ehr_reads.sent);
        ngx_queue_init(&ehr_reads.sent);
    }

    ehr_reads.busy = 0;

    if (batch->outcome == EHR_OUTCOME_ERROR) {
        ngx_log_error(NGX_LOG_ERR, batch->log, 0,
                      "ehr: reads could not be audited: database error %s",
                      batch->error.sqlstate);
    }

    ehr_audit_finish(&entries, batch->outcome == EHR_OUTCOME_DONE);

    if (ehr_reads.nwaiting) {
        ngx_post_event(&ehr_reads.flush, &ngx_posted_events);
    }
}


/* Answers all that wait: what was asked for, or 503 if it is not audited. */

static void
ehr_audit_finish(ngx_queue_t *entries, ngx_int_t ok)
{
    ngx_queue_t        *q;
    ehr_request_t      *req;
    ngx_connection_t   *c;
    ehr_audit_entry_t  *entry;

    while (!ngx_queue_empty(entries)) {
        q = ngx_queue_head(entries);
        ngx_queue_remove(q);

        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        req = entry->req;

        if (req == NULL) {
            ehr_audit_free(entry);
            continue;
        }

        c = req->http->connection;
        req->waiting = NULL;

        if (ok) {
            entry->then(req);

        } else {
            ehr_reply_later(req, NGX_HTTP_SERVICE_UNAVAILABLE,
                            EHR_MESSAGE_UNAVAILABLE, 1);
        }

        ehr_audit_free(entry);
        ngx_http_run_posted_requests(c);
    }
}


static void
ehr_audit_free(ehr_audit_entry_t *entry)
{
    ngx_free(entry);
}
