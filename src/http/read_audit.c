/*
 * The audit rows of reads.
 *
 * Every read of a patient's record is in the audit log before the client
 * gets it.  One insert a read would cost a flush of the write-ahead log each;
 * so a worker has at most one insert under way and gathers what arrives
 * meanwhile for the next one.  Nobody waits for a timer: under light load a
 * read is written at once, under heavy load hundreds share a commit.  It has a
 * lane of its own, where no lock of a record holds it up.
 */

#include "body.h"


typedef struct {
    ngx_queue_t         queue;
    ehr_request_t      *req;            /* NULL: gone; still audited */
    ehr_audited_pt      then;

    /* as ehr.audit_reads() wants it; copied, for the request may go */
    size_t              len;
    u_char              line[];
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


ngx_int_t
ehr_audit_read(ehr_request_t *req, const char *entity,
    const ehr_audited_t *rows, ngx_uint_t n, ehr_audited_pt then)
{
    u_char             *p;
    ngx_str_t           line;
    ngx_uint_t          i;
    ehr_audit_entry_t  *entry;

    static const ehr_audited_t  nothing;

    if (ehr_request_line(req, &line) != NGX_OK) {
        return NGX_ERROR;
    }

    if (n == 0) {
        rows = &nothing;
        n = 1;
    }

    entry = ngx_alloc(sizeof(ehr_audit_entry_t)
                      + n * (line.len + ngx_strlen(entity)
                             + 2 * EHR_UUID_TEXT + 4),
                      ngx_cycle->log);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->req = req;
    entry->then = then;

    p = entry->line;

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = '\f';
        }

        p = ngx_sprintf(p, "%V\n%s\n%V\n%V", &line, entity, &rows[i].entity,
                        &rows[i].patient);
    }

    entry->len = p - entry->line;

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

    batch = ehr_step_system(EHR_LANE_AUDIT, 1);

    if (batch && ehr_audit_statement(batch) != NGX_OK) {
        ehr_batch_destroy(batch);
        return NULL;
    }

    return batch;
}


/* All that are about to be sent, in one parameter. */

static ngx_int_t
ehr_audit_statement(ehr_batch_t *batch)
{
    size_t              len;
    u_char             *p, *text;
    ngx_queue_t        *q;
    ehr_param_t         param;
    ehr_audit_entry_t  *entry;

    len = 0;

    for (q = ngx_queue_head(&ehr_reads.sent);
         q != ngx_queue_sentinel(&ehr_reads.sent);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        len += entry->len + 1;
    }

    text = ngx_pnalloc(batch->pool, len);
    if (text == NULL) {
        return NGX_ERROR;
    }

    p = text;

    for (q = ngx_queue_head(&ehr_reads.sent);
         q != ngx_queue_sentinel(&ehr_reads.sent);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        p = ngx_cpymem(p, entry->line, entry->len);
        *p++ = '\f';
    }

    p[-1] = '\0';

    ngx_memzero(&param, sizeof(ehr_param_t));
    param.value = (char *) text;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_AUDIT_READS], 1,
                         &param);
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
            ngx_free(entry);
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

        ngx_free(entry);
        ngx_http_run_posted_requests(c);
    }
}
