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
 * The row is signed as a whole, and each read for its place in it, so that
 * the one that was changed can be named.
 */

#include "body.h"


typedef struct {
    ngx_queue_t         queue;
    ehr_request_t      *req;            /* NULL: gone; still audited */
    ehr_audited_pt      then;

    /* copied, for the request may go */
    ngx_uint_t          n;              /* reads */
    ngx_str_t           reads;          /* by form feeds, without their macs */
    ngx_str_t           concerns;       /* ids, each with a comma behind it */
    u_char              text[];
} ehr_audit_entry_t;


/* One row has no more: of requests, and of bytes but for the last of them. */
#define EHR_AUDIT_AT_ONCE  512
#define EHR_AUDIT_BYTES    (1024 * 1024)

/* Hex digits of a read's own mac. */
#define EHR_READ_MAC       16

typedef struct {
    ngx_queue_t         waiting;
    ngx_queue_t         sent;
    ngx_uint_t          nwaiting;
    ngx_event_t         flush;
    unsigned            busy:1;
    unsigned            ready:1;
} ehr_read_audit_t;

static ehr_read_audit_t  ehr_reads;


static ehr_audit_entry_t *ehr_audit_entry(ehr_request_t *req,
    const char *entity, const ehr_audited_t *rows, ngx_uint_t n);
static u_char *ehr_audit_concern(u_char *out, const ngx_str_t *id);
static void ehr_audit_flush(ngx_event_t *event);
static ehr_batch_t *ehr_audit_batch(void);
static ngx_int_t ehr_audit_statement(ehr_batch_t *batch);
static size_t ehr_audit_size(void);
static u_char *ehr_audit_reads(u_char *out, ehr_uuid_t *read);
static u_char *ehr_audit_concerns(u_char *out);
static u_char *ehr_audit_sign(u_char *out, const ehr_audit_entry_t *entry,
    ehr_uuid_t *read, ngx_uint_t *number);
static ngx_int_t ehr_audit_sign_row(const u_char *id, const u_char *reads,
    size_t len, u_char mac[EHR_AUDIT_MAC]);
static void ehr_audit_done(ehr_batch_t *batch, void *data);
static void ehr_audit_finish(ngx_queue_t *entries, ngx_int_t ok);


ngx_int_t
ehr_audit_read(ehr_request_t *req, const char *entity,
    const ehr_audited_t *rows, ngx_uint_t n, ehr_audited_pt then)
{
    ehr_audit_entry_t  *entry;

    static const ehr_audited_t  nothing;

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
    req->waiting = entry;

    if (!ehr_reads.busy) {
        ngx_post_event(&ehr_reads.flush, &ngx_posted_events);
    }

    return NGX_OK;
}


/* What a request read, as ehr.audit_reads() will have it. */

static ehr_audit_entry_t *
ehr_audit_entry(ehr_request_t *req, const char *entity,
    const ehr_audited_t *rows, ngx_uint_t n)
{
    u_char             *p;
    ngx_str_t           line, actor;
    ngx_uint_t          i;
    ehr_audit_entry_t  *entry;

    if (ehr_request_line(req, &line) != NGX_OK) {
        return NULL;
    }

    entry = ngx_alloc(sizeof(ehr_audit_entry_t) + EHR_UUID_TEXT + 1
                      + n * (line.len + ngx_strlen(entity)
                             + 4 * (EHR_UUID_TEXT + 1) + 2),
                      ngx_cycle->log);
    if (entry == NULL) {
        return NULL;
    }

    entry->req = req;
    entry->n = n;

    p = entry->text;
    entry->reads.data = p;

    for (i = 0; i < n; i++) {
        p = ngx_sprintf(p, "%V\n%s\n%V\n%V\f", &line, entity,
                        &rows[i].entity, &rows[i].patient);
    }

    entry->reads.len = p - entry->text;
    entry->concerns.data = p;

    actor.data = req->who.user_text;
    actor.len = req->signed_in ? EHR_UUID_TEXT : 0;
    p = ehr_audit_concern(p, &actor);

    for (i = 0; i < n; i++) {
        p = ehr_audit_concern(p, &rows[i].entity);
        p = ehr_audit_concern(p, &rows[i].patient);
    }

    entry->concerns.len = p - entry->concerns.data;

    return entry;
}


static u_char *
ehr_audit_concern(u_char *out, const ngx_str_t *id)
{
    if (id->len == 0) {
        return out;
    }

    out = ngx_cpymem(out, id->data, id->len);
    *out++ = ',';

    return out;
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

    if (batch && ehr_audit_statement(batch) != NGX_OK) {
        ehr_batch_destroy(batch);
        return NULL;
    }

    return batch;
}


/* All that are about to be sent, as one row. */

static ngx_int_t
ehr_audit_statement(ehr_batch_t *batch)
{
    u_char       *reads, *end;
    u_char        id[EHR_UUID_TEXT + 1], mac[EHR_AUDIT_MAC + 1];
    ehr_uuid_t    read;
    ehr_param_t   params[4];

    reads = ngx_pnalloc(batch->pool, ehr_audit_size());

    if (reads == NULL || ehr_uuid_new(&read) != NGX_OK) {
        return NGX_ERROR;
    }

    /* its reads have their number there */
    ngx_memzero(&read.bytes[13], 3);
    *ehr_uuid_print(id, &read) = '\0';

    end = ehr_audit_reads(reads, &read);

    if (end == NULL
        || ehr_audit_sign_row(id, reads, end - 1 - reads, mac) != NGX_OK)
    {
        return NGX_ERROR;
    }

    end[-1] = '\0';
    mac[EHR_AUDIT_MAC] = '\0';
    *ehr_audit_concerns(end) = '\0';

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) id;
    params[1].value = (char *) reads;
    params[2].value = (char *) mac;
    params[3].value = (char *) end;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_AUDIT_READS], 4,
                         params);
}


/* All reads, each with a form feed behind it; NULL without memory. */

static u_char *
ehr_audit_reads(u_char *out, ehr_uuid_t *read)
{
    ngx_uint_t          number;
    ngx_queue_t        *q;
    ehr_audit_entry_t  *entry;

    number = 0;

    for (q = ngx_queue_head(&ehr_reads.sent);
         out && q != ngx_queue_sentinel(&ehr_reads.sent);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        out = ehr_audit_sign(out, entry, read, &number);
    }

    return out;
}


/* Whom they concern, as an array of PostgreSQL. */

static u_char *
ehr_audit_concerns(u_char *out)
{
    ngx_queue_t        *q;
    ehr_audit_entry_t  *entry;

    *out++ = '{';

    for (q = ngx_queue_head(&ehr_reads.sent);
         q != ngx_queue_sentinel(&ehr_reads.sent);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        out = ngx_cpymem(out, entry->concerns.data, entry->concerns.len);
    }

    /* instead of the last comma, if there is one */
    out -= (out[-1] == ',');
    *out++ = '}';

    return out;
}


/* Room for the reads with their macs and for whom they concern. */

static size_t
ehr_audit_size(void)
{
    size_t              len;
    ngx_queue_t        *q;
    ehr_audit_entry_t  *entry;

    len = sizeof("{}");

    for (q = ngx_queue_head(&ehr_reads.sent);
         q != ngx_queue_sentinel(&ehr_reads.sent);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        len += entry->reads.len + entry->n * (1 + EHR_READ_MAC)
               + entry->concerns.len;
    }

    return len;
}


/*
 * Writes an entry's reads, each with the mac that it has as read `number` of
 * its row, and returns the end; NULL without memory.
 */

static u_char *
ehr_audit_sign(u_char *out, const ehr_audit_entry_t *entry, ehr_uuid_t *read,
    ngx_uint_t *number)
{
    u_char       *line, *next, *end;
    u_char        id[EHR_UUID_TEXT], mac[EHR_AUDIT_MAC];
    ehr_bytes_t   parts[3];

    line = entry->reads.data;
    end = line + entry->reads.len;

    for ( /* void */ ; line < end; line = next + 1) {
        next = ngx_strlchr(line, end, '\f');

        ++*number;
        read->bytes[13] = (*number >> 16) & 0xff;
        read->bytes[14] = (*number >> 8) & 0xff;
        read->bytes[15] = *number & 0xff;
        (void) ehr_uuid_print(id, read);

        parts[0] = (ehr_bytes_t) { id, EHR_UUID_TEXT };
        parts[1] = (ehr_bytes_t) { "\n", 1 };
        parts[2] = (ehr_bytes_t) { line, next - line };

        if (ehr_audit_mac(&ehr_worker.conf->keys, parts, 3, mac) != NGX_OK) {
            return NULL;
        }

        out = ngx_cpymem(out, line, next - line);
        *out++ = '\n';
        out = ngx_cpymem(out, mac, EHR_READ_MAC);
        *out++ = '\f';
    }

    return out;
}


static ngx_int_t
ehr_audit_sign_row(const u_char *id, const u_char *reads, size_t len,
    u_char mac[EHR_AUDIT_MAC])
{
    const ehr_bytes_t  parts[] = {
        { "reads\n", 6 }, { id, EHR_UUID_TEXT }, { "\n", 1 }, { reads, len }
    };

    return ehr_audit_mac(&ehr_worker.conf->keys, parts, 4, mac);
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
