/*
 * A row of the audit log that holds the reads of several requests.
 *
 * The row is signed as a whole, and each read for its place in it, so that
 * the one that was changed can be named.
 */

#include "read_audit.h"


/* Hex digits of a read's own mac. */
#define EHR_READ_MAC       16


static u_char *ehr_audit_concern(u_char *out, const ngx_str_t *id);
static size_t ehr_audit_size(ngx_queue_t *entries);
static u_char *ehr_audit_reads(u_char *out, ngx_queue_t *entries,
    ehr_uuid_t *read);
static u_char *ehr_audit_ids(u_char *out, ngx_queue_t *entries,
    size_t which);
static u_char *ehr_audit_sign(u_char *out, const ehr_audit_entry_t *entry,
    ehr_uuid_t *read, ngx_uint_t *number);
static u_char *ehr_audit_sign_row(const u_char *id, const u_char *reads,
    size_t len, u_char mac[EHR_AUDIT_SIGNATURE]);


ehr_audit_entry_t *
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

    actor.data = req->who.user_text;
    actor.len = req->signed_in ? EHR_UUID_TEXT : 0;

    entry->actor.data = p;
    p = ehr_audit_concern(p, &actor);
    entry->actor.len = p - entry->actor.data;

    entry->concerns.data = p;

    for (i = 0; i < n; i++) {
        p = ehr_audit_concern(p, &rows[i].entity);
        p = ehr_audit_concern(p, &rows[i].patient);
    }

    entry->concerns.len = p - entry->concerns.data;

    req->waiting = entry;

    return entry;
}


void
ehr_audit_drop(ehr_audit_entry_t *entry)
{
    if (entry->req) {
        entry->req->waiting = NULL;
    }

    ngx_free(entry);
}


void
ehr_audit_forget(ehr_request_t *req)
{
    ehr_audit_entry_t  *entry = req->waiting;

    entry->req = NULL;
    req->waiting = NULL;
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


ngx_int_t
ehr_audit_add_row(ehr_batch_t *batch, ngx_queue_t *entries)
{
    u_char       *reads, *end, *concerns, *signed_to;
    u_char        id[EHR_UUID_TEXT + 1], mac[EHR_AUDIT_SIGNATURE + 1];
    ehr_uuid_t    read;
    ehr_param_t   params[5];

    reads = ngx_pnalloc(batch->pool, ehr_audit_size(entries));

    if (reads == NULL || ehr_uuid_new(&read) != NGX_OK) {
        return NGX_ERROR;
    }

    /* its reads have their number there */
    ngx_memzero(&read.bytes[13], 3);
    *ehr_uuid_print(id, &read) = '\0';

    end = ehr_audit_reads(reads, entries, &read);

    if (end == NULL) {
        return NGX_ERROR;
    }

    signed_to = ehr_audit_sign_row(id, reads, end - 1 - reads, mac);

    if (signed_to == NULL) {
        return NGX_ERROR;
    }

    end[-1] = '\0';
    *signed_to = '\0';

    concerns = ehr_audit_ids(end, entries,
                             offsetof(ehr_audit_entry_t, actor));
    (void) ehr_audit_ids(concerns, entries,
                         offsetof(ehr_audit_entry_t, concerns));

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) id;
    params[1].value = (char *) reads;
    params[2].value = (char *) mac;
    params[3].value = (char *) end;
    params[4].value = (char *) concerns;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_AUDIT_READS], 5,
                         params);
}


/* All reads, each with a form feed behind it; NULL without memory. */

static u_char *
ehr_audit_reads(u_char *out, ngx_queue_t *entries, ehr_uuid_t *read)
{
    ngx_uint_t          number;
    ngx_queue_t        *q;
    ehr_audit_entry_t  *entry;

    number = 0;

    for (q = ngx_queue_head(entries);
         out && q != ngx_queue_sentinel(entries);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        out = ehr_audit_sign(out, entry, read, &number);
    }

    return out;
}


/* The entries' actors or whom they concern, by the member's offset, as an array
 * of PostgreSQL. */

static u_char *
ehr_audit_ids(u_char *out, ngx_queue_t *entries, size_t which)
{
    ngx_str_t          *ids;
    ngx_queue_t        *q;
    ehr_audit_entry_t  *entry;

    *out++ = '{';

    for (q = ngx_queue_head(entries);
         q != ngx_queue_sentinel(entries);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        ids = (ngx_str_t *) ((u_char *) entry + which);
        out = ngx_cpymem(out, ids->data, ids->len);
    }

    /* instead of the last comma, if there is one */
    out -= (out[-1] == ',');
    *out++ = '}';
    *out++ = '\0';

    return out;
}


/* Room for the reads with their macs and for whom they concern. */

static size_t
ehr_audit_size(ngx_queue_t *entries)
{
    size_t              len;
    ngx_queue_t        *q;
    ehr_audit_entry_t  *entry;

    len = 2 * sizeof("{}");

    for (q = ngx_queue_head(entries);
         q != ngx_queue_sentinel(entries);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ehr_audit_entry_t, queue);
        len += entry->reads.len + entry->n * (1 + EHR_READ_MAC)
               + entry->actor.len + entry->concerns.len;
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


static u_char *
ehr_audit_sign_row(const u_char *id, const u_char *reads, size_t len,
    u_char mac[EHR_AUDIT_SIGNATURE])
{
    const ehr_bytes_t  parts[] = {
        { "reads\n", 6 }, { id, EHR_UUID_TEXT }, { "\n", 1 }, { reads, len }
    };

    return ehr_audit_signature(&ehr_worker.conf->keys, parts, 4, mac);
}
