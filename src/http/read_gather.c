/*
 * Reads of one row whose audit entry is known before they are made.
 *
 * A worker has one transaction of them under way, and gathers what arrives
 * meanwhile for the next; a second begins only when it is full.  In it each
 * read runs under its own actor, and behind the last one the row of the audit
 * log is written that names them all.  So a read crosses to PostgreSQL once,
 * where one that is audited afterwards (read_audit.c) crosses twice, and many
 * share a wakeup and a flush.
 *
 * The row names what was asked for.  That it was found is checked in the
 * transaction: if any read finds nothing, or fails, all of them are rolled
 * back, and each is made again by itself and audited afterwards, as far as it
 * found something.  The next gatherings are then half as large, and grow again
 * with each that succeeds.
 *
 * Who waits does so for EHR_GATHER_SLOW at most: past that the reads that have
 * gathered go by themselves, and so do others until that transaction is over.
 */

#include "read_audit.h"


/* Reads in a transaction; at 20 µs each its first has to wait a millisecond
 * for its last. */
#define EHR_GATHER_MOST  64

/* ms for a transaction before nobody waits for it. */
#define EHR_GATHER_SLOW  20

#define EHR_GATHER_TRANSACTIONS  2

typedef struct {
    ngx_queue_t         reads;          /* that were sent; empty: free */
    ngx_uint_t          n;
    ngx_event_t         late;           /* EHR_GATHER_SLOW has passed */
    unsigned            slow:1;
} ehr_transaction_t;

typedef struct {
    ngx_queue_t         waiting;
    ngx_uint_t          nwaiting;
    ngx_uint_t          most;           /* in the next transaction */
    ngx_uint_t          under_way;      /* transactions */
    ngx_uint_t          slow;           /* of them */
    ngx_event_t         flush;
    ehr_transaction_t   transactions[EHR_GATHER_TRANSACTIONS];
} ehr_gather_t;

static ehr_gather_t  ehr_gather;


static void ehr_gather_init(void);
static void ehr_gather_flush(ngx_event_t *event);
static void ehr_gather_begin(ehr_transaction_t *transaction);
static void ehr_gather_take(ehr_transaction_t *transaction);
static ehr_batch_t *ehr_gather_batch(ehr_transaction_t *transaction);
static void ehr_gather_done(ehr_batch_t *batch, void *data);
static void ehr_gather_late(ngx_event_t *event);
static void ehr_gather_alone(ngx_queue_t *reads);
static void ehr_gather_refuse(ngx_queue_t *reads, ngx_int_t rc);
static void ehr_gather_move(ngx_queue_t *to, ngx_queue_t *from);
static ehr_request_t *ehr_gather_next(ngx_queue_t *reads,
    ehr_batch_t **read, ngx_uint_t *first);


ngx_int_t
ehr_audit_send(ehr_request_t *req, ehr_batch_t *batch, const char *entity,
    const ehr_audited_t *row, ehr_step_pt step)
{
    ehr_audit_entry_t  *entry;

    ehr_gather_init();

    if (ehr_gather.slow) {
        return ehr_step_send(req, batch, step);
    }

    entry = ehr_audit_entry(req, entity, row, 1);
    if (entry == NULL) {
        ehr_batch_destroy(batch);
        return NGX_ERROR;
    }

    req->step = step;
    entry->read = batch;

    ngx_queue_insert_tail(&ehr_gather.waiting, &entry->queue);
    ehr_gather.nwaiting++;

    ngx_post_event(&ehr_gather.flush, &ngx_posted_events);

    return NGX_OK;
}


static void
ehr_gather_init(void)
{
    ngx_uint_t          i;
    ehr_transaction_t  *transaction;

    if (ehr_gather.most) {
        return;
    }

    ngx_queue_init(&ehr_gather.waiting);
    ehr_gather.most = EHR_GATHER_MOST;
    ehr_gather.flush.handler = ehr_gather_flush;
    ehr_gather.flush.log = ngx_cycle->log;

    for (i = 0; i < EHR_GATHER_TRANSACTIONS; i++) {
        transaction = &ehr_gather.transactions[i];

        ngx_queue_init(&transaction->reads);
        transaction->late.handler = ehr_gather_late;
        transaction->late.data = transaction;
        transaction->late.log = ngx_cycle->log;
    }
}


static void
ehr_gather_flush(ngx_event_t *event)
{
    ngx_uint_t          i;
    ehr_transaction_t  *transaction;

    for (i = 0; i < EHR_GATHER_TRANSACTIONS && ehr_gather.nwaiting; i++) {
        transaction = &ehr_gather.transactions[i];

        if (ngx_queue_empty(&transaction->reads)
            && (ehr_gather.under_way == 0
                || ehr_gather.nwaiting >= ehr_gather.most))
        {
            ehr_gather_begin(transaction);
        }
    }
}


static void
ehr_gather_begin(ehr_transaction_t *transaction)
{
    ngx_int_t     rc;
    ngx_queue_t   reads;
    ehr_batch_t  *batch;

    ehr_gather_take(transaction);

    if (transaction->n == 0) {
        return;
    }

    batch = ehr_gather_batch(transaction);
    rc = batch ? ehr_batch_submit(batch, ehr_gather_done, transaction)
               : NGX_ERROR;

    if (rc == NGX_OK) {
        ngx_add_timer(&transaction->late, EHR_GATHER_SLOW);
        ehr_gather.under_way++;
        return;
    }

    ehr_gather_move(&reads, &transaction->reads);

    if (rc == NGX_ERROR) {
        ehr_gather_alone(&reads);

    } else {
        ehr_gather_refuse(&reads, rc);
    }
}


/* Those that go next; a request that is gone has read nothing yet. */

static void
ehr_gather_take(ehr_transaction_t *transaction)
{
    ngx_queue_t        *q;
    ehr_audit_entry_t  *entry;

    transaction->n = 0;

    while (ehr_gather.nwaiting && transaction->n < ehr_gather.most) {
        q = ngx_queue_head(&ehr_gather.waiting);
        ngx_queue_remove(q);
        ehr_gather.nwaiting--;

        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);

        if (entry->req == NULL) {
            ehr_audit_drop(entry);
            continue;
        }

        ngx_queue_insert_tail(&transaction->reads, q);
        transaction->n++;
    }
}


/* All its reads, and their row; NULL without memory. */

static ehr_batch_t *
ehr_gather_batch(ehr_transaction_t *transaction)
{
    ngx_queue_t        *q;
    ehr_batch_t        *batch;
    ehr_audit_entry_t  *entry;

    batch = ehr_batch_create(ehr_worker.store, EHR_LANE_AUDIT);
    if (batch == NULL) {
        return NULL;
    }

    batch->writes = 1;

    for (q = ngx_queue_head(&transaction->reads);
         q != ngx_queue_sentinel(&transaction->reads);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        entry->first = batch->n;

        if (ehr_batch_append(batch, entry->read) != NGX_OK) {
            ehr_batch_destroy(batch);
            return NULL;
        }
    }

    if (ehr_step_add_system(batch) != NGX_OK
        || ehr_audit_add_row(batch, &transaction->reads, transaction->n)
           != NGX_OK)
    {
        ehr_batch_destroy(batch);
        return NULL;
    }

    return batch;
}


static void
ehr_gather_done(ehr_batch_t *batch, void *data)
{
    ngx_uint_t          first;
    ngx_queue_t         reads;
    ehr_batch_t        *read;
    ehr_request_t      *req;
    ehr_transaction_t  *transaction = data;

    /* answers may lead to new reads: the transaction is free by then */

    ehr_gather_move(&reads, &transaction->reads);

    ehr_gather.under_way--;
    ehr_gather.slow -= transaction->slow;
    transaction->slow = 0;

    if (transaction->late.timer_set) {
        ngx_del_timer(&transaction->late);
    }

    if (ehr_gather.nwaiting) {
        ngx_post_event(&ehr_gather.flush, &ngx_posted_events);
    }

    ehr_metrics_count(ehr_worker.shared, EHR_COUNT_READ_TRANSACTIONS, 1);

    if (batch->outcome == EHR_OUTCOME_ERROR) {
        ehr_metrics_count(ehr_worker.shared,
                          EHR_COUNT_READ_TRANSACTIONS_FAILED, 1);
        ehr_gather.most = ngx_max(transaction->n / 2, 1);
        ehr_gather_alone(&reads);
        return;
    }

    ehr_metrics_count(ehr_worker.shared, EHR_COUNT_READS_TOGETHER,
                      transaction->n);
    ehr_gather.most = ngx_min(ehr_gather.most + 1, EHR_GATHER_MOST);

    while (!ngx_queue_empty(&reads)) {
        req = ehr_gather_next(&reads, &read, &first);

        if (req) {
            ehr_batch_return(batch, first, read);
            req->audited = (batch->outcome == EHR_OUTCOME_DONE);
            ehr_step_over(req, read);
        }

        ehr_batch_destroy(read);
    }
}


static void
ehr_gather_late(ngx_event_t *event)
{
    ngx_queue_t         reads;
    ehr_transaction_t  *transaction = event->data;

    transaction->slow = 1;
    ehr_gather.slow++;

    ehr_gather_move(&reads, &ehr_gather.waiting);
    ehr_gather.nwaiting = 0;

    ehr_gather_alone(&reads);
}


/* Each goes by itself, to be audited afterwards. */

static void
ehr_gather_alone(ngx_queue_t *reads)
{
    ngx_uint_t         first;
    ehr_batch_t       *read;
    ehr_request_t     *req;
    ngx_connection_t  *c;

    while (!ngx_queue_empty(reads)) {
        req = ehr_gather_next(reads, &read, &first);

        if (req == NULL) {
            ehr_batch_destroy(read);
            continue;
        }

        c = req->http->connection;

        if (ehr_step_send(req, read, req->step) != NGX_OK) {
            ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                              EHR_MESSAGE_INTERNAL_ERROR);
        }

        ngx_http_run_posted_requests(c);
    }
}


/* Nobody is answered: the database does not take it, as rc says. */

static void
ehr_gather_refuse(ngx_queue_t *reads, ngx_int_t rc)
{
    ngx_uint_t         first;
    ehr_batch_t       *read;
    ehr_request_t     *req;
    ngx_connection_t  *c;

    while (!ngx_queue_empty(reads)) {
        req = ehr_gather_next(reads, &read, &first);
        ehr_batch_destroy(read);

        if (req) {
            c = req->http->connection;
            ehr_step_away(req, rc);
            ngx_http_run_posted_requests(c);
        }
    }
}


static void
ehr_gather_move(ngx_queue_t *to, ngx_queue_t *from)
{
    ngx_queue_init(to);

    if (!ngx_queue_empty(from)) {
        ngx_queue_add(to, from);
        ngx_queue_init(from);
    }
}


/* Takes the first entry: its request, which waits no more, or NULL if that is
 * gone; its read, which is the caller's; and where that began. */

static ehr_request_t *
ehr_gather_next(ngx_queue_t *reads, ehr_batch_t **read, ngx_uint_t *first)
{
    ngx_queue_t        *q;
    ehr_request_t      *req;
    ehr_audit_entry_t  *entry;

    q = ngx_queue_head(reads);
    ngx_queue_remove(q);

    entry = ngx_queue_data(q, ehr_audit_entry_t, queue);

    req = entry->req;
    *read = entry->read;
    *first = entry->first;

    entry->read = NULL;
    ehr_audit_drop(entry);

    return req;
}
