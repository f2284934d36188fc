/*
 * Reads of one row whose audit entry is known before they are made.
 *
 * A worker has one transaction of them under way, and gathers what arrives
 * meanwhile for the next; a second begins only when it is full.  One statement
 * reads all its rows, each as its own actor sees it, and behind it the row of
 * the audit log is written that names them all.  So a read crosses to
 * PostgreSQL once, where one that is audited afterwards (read_audit.c) crosses
 * twice, and many share a statement, a wakeup and a flush.
 *
 * The row names what was asked for.  If any of it is not there, or cannot be
 * read, all of them are rolled back, and each is made again by itself and
 * audited afterwards, as far as it found something.  The next gatherings are
 * then half as large, and grow again with each that succeeds.
 *
 * A transaction begins when nothing more has come in a round of the event
 * loop: the clients that were answered by one ask again while the next few
 * rounds last, and would miss a transaction that began at once by little.
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
    ehr_statement_t    *statement;      /* that reads them */
    ngx_event_t         late;           /* EHR_GATHER_SLOW has passed */
    unsigned            slow:1;
} ehr_transaction_t;

typedef struct {
    ngx_queue_t         waiting;
    ngx_uint_t          nwaiting;
    ngx_uint_t          seen;           /* of them, in the last round */
    ngx_uint_t          most;           /* in the next transaction */
    ngx_uint_t          under_way;      /* transactions */
    ngx_uint_t          slow;           /* of them */
    ngx_event_t         flush;
    ehr_transaction_t   transactions[EHR_GATHER_TRANSACTIONS];
} ehr_gather_t;

static ehr_gather_t  ehr_gather;


static void ehr_gather_init(void);
static void ehr_gather_soon(void);
static void ehr_gather_flush(ngx_event_t *event);
static void ehr_gather_begin(ehr_transaction_t *transaction);
static void ehr_gather_take(ehr_transaction_t *transaction);
static ehr_batch_t *ehr_gather_batch(ehr_transaction_t *transaction);
static ngx_int_t ehr_gather_add_reads(ehr_batch_t *batch,
    ehr_transaction_t *transaction);
static u_char *ehr_gather_element(u_char *out, const void *text, size_t len);
static void ehr_gather_done(ehr_batch_t *batch, void *data);
static void ehr_gather_failed(ehr_transaction_t *transaction,
    ngx_queue_t *reads);
static void ehr_gather_answer(ngx_queue_t *reads, PGresult *result);
static int ehr_gather_is_row(const ehr_row_read_t *read, PGresult *result,
    int row);
static void ehr_gather_late(ngx_event_t *event);
static void ehr_gather_alone(ngx_queue_t *reads);
static void ehr_gather_refuse(ngx_queue_t *reads, ngx_int_t rc);
static void ehr_gather_move(ngx_queue_t *to, ngx_queue_t *from);
static ehr_request_t *ehr_gather_next(ngx_queue_t *reads,
    ehr_row_read_t *read);


ngx_int_t
ehr_read_together(ehr_request_t *req, const ehr_row_read_t *read)
{
    ehr_audited_t       audited;
    ehr_audit_entry_t  *entry;

    ehr_gather_init();

    if (ehr_gather.slow) {
        return read->alone(req);
    }

    audited.entity = read->patient;
    audited.patient = read->patient;

    entry = ehr_audit_entry(req, read->entity, &audited, 1);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->read = *read;

    ngx_queue_insert_tail(&ehr_gather.waiting, &entry->queue);
    ehr_gather.nwaiting++;

    ehr_gather_soon();

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
    ehr_gather.flush.data = &ehr_gather;
    ehr_gather.flush.log = ngx_cycle->log;

    for (i = 0; i < EHR_GATHER_TRANSACTIONS; i++) {
        transaction = &ehr_gather.transactions[i];

        ngx_queue_init(&transaction->reads);
        transaction->late.handler = ehr_gather_late;
        transaction->late.data = transaction;
        transaction->late.log = ngx_cycle->log;
    }
}


/* In the next round.  The timer is for a worker that shuts down: it ends as
 * soon as there is none, whatever is posted. */

static void
ehr_gather_soon(void)
{
    if (!ehr_gather.flush.timer_set) {
        ngx_add_timer(&ehr_gather.flush, EHR_GATHER_SLOW);
    }

    ngx_post_event(&ehr_gather.flush, &ngx_posted_next_events);
}


static void
ehr_gather_flush(ngx_event_t *event)
{
    ngx_uint_t          i;
    ehr_transaction_t  *transaction;

    if (ehr_gather.nwaiting > ehr_gather.seen
        && ehr_gather.nwaiting < ehr_gather.most
        && ehr_gather.under_way == 0)
    {
        ehr_gather.seen = ehr_gather.nwaiting;
        ehr_gather_soon();
        return;
    }

    ehr_gather.seen = 0;

    if (event->timer_set) {
        ngx_del_timer(event);
    }

    for (i = 0; i < EHR_GATHER_TRANSACTIONS && ehr_gather.nwaiting; i++) {
        transaction = &ehr_gather.transactions[i];

        if (ngx_queue_empty(&transaction->reads)
            && (ehr_gather.under_way == 0
                || ehr_gather.nwaiting >= ehr_gather.most))
        {
            ehr_gather_begin(transaction);
        }
    }

    /* none of them began: nothing else would tell of the others */

    if (ehr_gather.nwaiting && ehr_gather.under_way == 0) {
        ehr_gather_soon();
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


/* Those that go next, by the first one's statement; a request that is gone
 * has read nothing yet. */

static void
ehr_gather_take(ehr_transaction_t *transaction)
{
    ngx_queue_t        *q;
    ehr_audit_entry_t  *entry;

    transaction->n = 0;

    while (ehr_gather.nwaiting && transaction->n < ehr_gather.most) {
        q = ngx_queue_head(&ehr_gather.waiting);
        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);

        if (transaction->n == 0) {
            transaction->statement = entry->read.rows;

        } else if (entry->read.rows != transaction->statement) {
            break;
        }

        ngx_queue_remove(q);
        ehr_gather.nwaiting--;

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
    ehr_batch_t  *batch;

    batch = ehr_batch_create(ehr_worker.store, EHR_LANE_AUDIT);
    if (batch == NULL) {
        return NULL;
    }

    batch->writes = 1;

    if (ehr_gather_add_reads(batch, transaction) != NGX_OK
        || ehr_step_add_system(batch) != NGX_OK
        || ehr_audit_add_row(batch, &transaction->reads) != NGX_OK)
    {
        ehr_batch_destroy(batch);
        return NULL;
    }

    return batch;
}


static ngx_int_t
ehr_gather_add_reads(ehr_batch_t *batch, ehr_transaction_t *transaction)
{
    enum { ACTORS, SCOPES, IDS, ARRAYS };

    size_t              size;
    u_char             *out[ARRAYS];
    ngx_uint_t          i;
    const char         *scope;
    ngx_queue_t        *q;
    ehr_param_t         params[ARRAYS];
    ehr_audit_entry_t  *entry;

    ngx_memzero(params, sizeof(params));

    /* an id is the longest of them */
    size = sizeof("{}") + transaction->n * (EHR_UUID_TEXT + 1);

    for (i = 0; i < ARRAYS; i++) {
        out[i] = ngx_pnalloc(batch->pool, size);
        if (out[i] == NULL) {
            return NGX_ERROR;
        }

        params[i].value = (char *) out[i];
        *out[i]++ = '{';
    }

    for (q = ngx_queue_head(&transaction->reads);
         q != ngx_queue_sentinel(&transaction->reads);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        scope = ehr_request_scope(entry->req);

        out[ACTORS] = ehr_gather_element(out[ACTORS],
                                         entry->req->who.user_text,
                                         entry->req->signed_in
                                         ? EHR_UUID_TEXT : 0);
        out[SCOPES] = ehr_gather_element(out[SCOPES], scope,
                                         ngx_strlen(scope));
        out[IDS] = ehr_gather_element(out[IDS], entry->read.patient.data,
                                      entry->read.patient.len);
    }

    for (i = 0; i < ARRAYS; i++) {
        ngx_memcpy(out[i] - 1, "}", sizeof("}"));
    }

    return ehr_batch_add(batch, transaction->statement, ARRAYS, params);
}


/* An element of an array of PostgreSQL, and a comma. */

static u_char *
ehr_gather_element(u_char *out, const void *text, size_t len)
{
    out = len ? ngx_cpymem(out, text, len) : ngx_cpymem(out, "\"\"", 2);
    *out++ = ',';

    return out;
}


static void
ehr_gather_done(ehr_batch_t *batch, void *data)
{
    ngx_queue_t         reads;
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
        ehr_gather_soon();
    }

    ehr_metrics_count(ehr_worker.shared, EHR_COUNT_READ_TRANSACTIONS, 1);

    if (batch->outcome == EHR_OUTCOME_ERROR) {
        ehr_gather_failed(transaction, &reads);

    } else if (batch->outcome != EHR_OUTCOME_DONE) {
        ehr_gather_refuse(&reads, NGX_DECLINED);

    } else if (PQntuples(batch->results[0]) != (int) transaction->n) {
        ngx_log_error(NGX_LOG_ALERT, batch->log, 0,
                      "ehr: %ui reads got %d rows", transaction->n,
                      PQntuples(batch->results[0]));
        ehr_gather_failed(transaction, &reads);

    } else {
        ehr_metrics_count(ehr_worker.shared, EHR_COUNT_READS_TOGETHER,
                          transaction->n);
        ehr_gather.most = ngx_min(ehr_gather.most + 1, EHR_GATHER_MOST);
        ehr_gather_answer(&reads, batch->results[0]);
    }
}


static void
ehr_gather_failed(ehr_transaction_t *transaction, ngx_queue_t *reads)
{
    ehr_metrics_count(ehr_worker.shared, EHR_COUNT_READ_TRANSACTIONS_FAILED,
                      1);
    ehr_gather.most = ngx_max(transaction->n / 2, 1);
    ehr_gather_alone(reads);
}


static void
ehr_gather_answer(ngx_queue_t *reads, PGresult *result)
{
    int                row;
    ehr_request_t     *req;
    ehr_row_read_t     read;
    ngx_connection_t  *c;

    for (row = 0; !ngx_queue_empty(reads); row++) {
        req = ehr_gather_next(reads, &read);

        if (req == NULL) {
            continue;
        }

        c = req->http->connection;

        if (ehr_gather_is_row(&read, result, row)) {
            req->audited = 1;
            read.read(req, result, row);

        } else {
            ngx_log_error(NGX_LOG_ALERT, c->log, 0,
                          "ehr: request %V: a read got another row", &req->id);
            ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                              EHR_MESSAGE_INTERNAL_ERROR);
        }

        ngx_http_run_posted_requests(c);
    }
}


/* That nobody ever gets another's row does not hang on the rows' order. */

static int
ehr_gather_is_row(const ehr_row_read_t *read, PGresult *result, int row)
{
    ngx_str_t  id;

    id = ehr_result_value(result, row, 0);

    return id.len == read->patient.len
           && ngx_strncasecmp(id.data, read->patient.data, id.len) == 0;
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
    ehr_request_t     *req;
    ehr_row_read_t     read;
    ngx_connection_t  *c;

    while (!ngx_queue_empty(reads)) {
        req = ehr_gather_next(reads, &read);

        if (req == NULL) {
            continue;
        }

        c = req->http->connection;

        if (read.alone(req) != NGX_OK) {
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
    ehr_request_t     *req;
    ehr_row_read_t     read;
    ngx_connection_t  *c;

    while (!ngx_queue_empty(reads)) {
        req = ehr_gather_next(reads, &read);

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


/* Takes the first entry: its read, and its request, which waits no more, or
 * NULL if that is gone. */

static ehr_request_t *
ehr_gather_next(ngx_queue_t *reads, ehr_row_read_t *read)
{
    ngx_queue_t        *q;
    ehr_request_t      *req;
    ehr_audit_entry_t  *entry;

    q = ngx_queue_head(reads);
    ngx_queue_remove(q);

    entry = ngx_queue_data(q, ehr_audit_entry_t, queue);

    req = entry->req;
    *read = entry->read;

    ehr_audit_drop(entry);

    return req;
}
