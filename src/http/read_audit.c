/*
 * Reads in the audit log.
 *
 * Every read of a patient's record is in the audit log before the client
 * gets it.  One insert a read would cost a flush of the write-ahead log each;
 * so a worker has at most one insert under way and gathers what arrives
 * meanwhile for the next one, which makes one row of them all.  Nobody waits
 * for a timer: under light load a read is written at once, under heavy load
 * hundreds share a row.  It has a lane of its own, where no lock of a record
 * holds it up.
 *
 * A single row by its id need not come here: read_gather.c.
 */

#include "read_audit.h"


/* One row has no more: of requests, and of bytes but for the last of them. */
#define EHR_AUDIT_AT_ONCE  512
#define EHR_AUDIT_BYTES    (1024 * 1024)

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
static void ehr_audit_done(ehr_batch_t *batch, void *data);
static void ehr_audit_finish(ngx_queue_t *entries, ngx_int_t ok);


ngx_int_t
ehr_audit_read(ehr_request_t *req, const char *entity,
    const ehr_audited_t *rows, ngx_uint_t n, ehr_audited_pt then)
{
    ehr_audit_entry_t  *entry;

    static const ehr_audited_t  nothing;

    if (req->audited) {
        then(req);
        return NGX_OK;
    }

    entry = n ? ehr_audit_entry(req, entity, rows, n)
              : ehr_audit_entry(req, entity, &nothing, 1);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->then = then;

    if (!ehr_reads.ready) {
        ngx_queue_init(&ehr_reads.waiting);
        ngx_queue_init(&ehr_reads.sent);
        ehr_reads.flush.handler = ehr_audit_flush;
        ehr_reads.flush.log = ngx_cycle->log;
        ehr_reads.ready = 1;
    }

    ngx_queue_insert_tail(&ehr_reads.waiting, &entry->queue);
    ehr_reads.nwaiting++;

    if (!ehr_reads.busy) {
        ngx_post_event(&ehr_reads.flush, &ngx_posted_events);
    }

    return NGX_OK;
}


static void
ehr_audit_flush(ngx_event_t *event)
{
    size_t              len;
    ngx_uint_t          n;
    ngx_queue_t        *q;
    ehr_batch_t        *batch;
    ehr_audit_entry_t  *entry;

    if (ehr_reads.busy || ehr_reads.nwaiting == 0) {
        return;
    }

    len = 0;

    for (n = 0;
         n < EHR_AUDIT_AT_ONCE && len < EHR_AUDIT_BYTES && ehr_reads.nwaiting;
         n++)
    {
        q = ngx_queue_head(&ehr_reads.waiting);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ehr_reads.sent, q);
        ehr_reads.nwaiting--;

        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        len += entry->reads.len;
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

    if (batch && ehr_audit_add_row(batch, &ehr_reads.sent) != NGX_OK) {
        ehr_batch_destroy(batch);
        return NULL;
    }

    return batch;
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
    ehr_audited_pt      then;
    ngx_connection_t   *c;
    ehr_audit_entry_t  *entry;

    while (!ngx_queue_empty(entries)) {
        q = ngx_queue_head(entries);
        ngx_queue_remove(q);

        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        req = entry->req;
        then = entry->then;
        ehr_audit_drop(entry);

        if (req == NULL) {
            continue;
        }

        c = req->http->connection;

        if (ok) {
            then(req);

        } else {
            ehr_reply_later(req, NGX_HTTP_SERVICE_UNAVAILABLE,
                            EHR_MESSAGE_UNAVAILABLE, 1);
        }

        ngx_http_run_posted_requests(c);
    }
}
