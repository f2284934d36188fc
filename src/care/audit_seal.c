/*
 * Sealing the audit log: rows of transactions that are over are gathered into
 * a segment, chained to the one before by an HMAC whose key is not in the
 * database.  The heads go to a file, so that a cut tail shows.
 * sql/README.md defines digests and mac; bin/ehr-audit-verify checks them.
 *
 * Three batches a round: head, rows, write.  Two nodes that seal at once meet
 * at the primary key of the segment; the later one does nothing.
 *
 * A node with a newer key than the head's takes over in the name of both.  A
 * wrong key would stay in the chain for ever: so nothing is sealed before the
 * head was found to be of the key that is configured as its.  Once a newer
 * one has sealed, a node that has lost the older says that it is retired.
 */

#include "housekeeping.h"


#define EHR_SEAL_VALUES  12


/* A segment, as text. */
typedef struct {
    u_char      segment[24];
    u_char      from_xid[24];
    u_char      to_xid[24];
    u_char      rows[24];
    u_char      previous[EHR_AUDIT_MAC + 1];
    u_char      mac[EHR_AUDIT_MAC + 1];
    u_char      key[8];                 /* version, 0: there is no segment */
    u_char      oldest[8];
    u_char      takes_over[EHR_AUDIT_MAC + 1];
} ehr_seal_t;

static ehr_seal_t  ehr_seal_head;       /* the newest that there is … */
static ehr_seal_t  ehr_seal;            /* … and the one after it */
static ngx_uint_t  ehr_seal_proved;     /* version of a key that is right … */
static ngx_uint_t  ehr_seal_refused;    /* … or that the log has a line of */
static ngx_uint_t  ehr_seal_behind;


static void ehr_seal_ask(ngx_uint_t query, ngx_uint_t writes,
    ehr_batch_done_pt done, ngx_uint_t n, const void *const values[]);
static void ehr_seal_head_done(ehr_batch_t *batch, void *data);
static ngx_uint_t ehr_seal_is_behind(PGresult *head);
static ngx_int_t ehr_seal_may(PGresult *head, ngx_log_t *log);
static ngx_int_t ehr_seal_is_of(const ehr_seal_t *seal, const ehr_key_t *key,
    const ngx_str_t *digests);
static ngx_uint_t ehr_seal_retires(PGresult *head);
static void ehr_seal_retired(ehr_batch_t *batch, void *data);
static void ehr_seal_rows_done(ehr_batch_t *batch, void *data);
static ngx_int_t ehr_seal_sign(const ngx_str_t *digests);
static ngx_int_t ehr_seal_mac(const ehr_seal_t *seal, const ehr_key_t *key,
    const ngx_str_t *digests, u_char mac[EHR_AUDIT_MAC]);
static ngx_int_t ehr_seal_take_over(const ehr_key_t *from);
static void ehr_seal_written(ehr_batch_t *batch, void *data);
static void ehr_seal_save_head(ngx_log_t *log);


static void
ehr_seal_over(int again)
{
    ehr_task_done(EHR_TASK_SEAL, again);
}


static void
ehr_seal_copy(u_char *out, size_t size, PGresult *result, int column)
{
    ngx_cpystrn(out, (u_char *) PQgetvalue(result, 0, column), size);
}


static ngx_uint_t
ehr_seal_number(const void *text)
{
    return (ngx_uint_t) ngx_atoi((u_char *) text, ngx_strlen(text));
}


/* Sends one statement; the round is over if that fails. */

static void
ehr_seal_ask(ngx_uint_t query, ngx_uint_t writes, ehr_batch_done_pt done,
    ngx_uint_t n, const void *const values[])
{
    ngx_uint_t            i;
    ehr_param_t           params[EHR_SEAL_VALUES];
    ehr_task_statement_t  statement = { query, n, params };

    ngx_memzero(params, sizeof(params));

    for (i = 0; i < n; i++) {
        params[i].value = values[i];
    }

    if (ehr_housekeeping_ask(EHR_LANE_AUDIT, writes, &statement, 1, done,
                             NULL)
        != NGX_OK)
    {
        ehr_seal_over(0);
    }
}


void
ehr_seal_audit(void)
{
    u_char  proved[NGX_INT_T_LEN + 1];

    *ngx_sprintf(proved, "%ui", ehr_seal_proved) = '\0';

    ehr_seal_ask(EHR_QUERY_AUDIT_SEAL_HEAD, 0, ehr_seal_head_done, 1,
                 (const void *[]) { proved });
}


/* segment, from_xid, to_xid, rows, previous_mac, mac, key_version, oldest_key,
 * digests, serving, known, behind */

static void
ehr_seal_head_done(ehr_batch_t *batch, void *data)
{
    u_char       version[NGX_INT_T_LEN + 1];
    PGresult    *result;
    ehr_key_t   *oldest;
    ehr_seal_t  *head = &ehr_seal_head;

    if (ehr_housekeeping_failed(batch, "reading the audit log's head")) {
        ehr_seal_over(0);
        return;
    }

    result = batch->results[1];

    if (ehr_seal_is_behind(result)) {
        ehr_seal_over(0);
        return;
    }

    ehr_seal_copy(head->segment, sizeof(head->segment), result, 0);
    ehr_seal_copy(head->from_xid, sizeof(head->from_xid), result, 1);
    ehr_seal_copy(head->to_xid, sizeof(head->to_xid), result, 2);
    ehr_seal_copy(head->rows, sizeof(head->rows), result, 3);
    ehr_seal_copy(head->previous, sizeof(head->previous), result, 4);
    ehr_seal_copy(head->mac, sizeof(head->mac), result, 5);
    ehr_seal_copy(head->key, sizeof(head->key), result, 6);
    ehr_seal_copy(head->oldest, sizeof(head->oldest), result, 7);

    if (ehr_seal_may(result, batch->log) != NGX_OK) {
        ehr_seal_over(0);
        return;
    }

    if (ehr_seal_retires(result)) {
        oldest = ehr_worker.conf->keys.audit_keys.elts;
        *ngx_sprintf(version, "%ui", oldest->version) = '\0';
        ehr_seal_ask(EHR_QUERY_AUDIT_KEY_RETIRE, 1, ehr_seal_retired, 1,
                     (const void *[]) { version });
        return;
    }

    ehr_seal_ask(EHR_QUERY_AUDIT_SEAL_ROWS, 0, ehr_seal_rows_done, 2,
                 (const void *[]) { head->to_xid, head->oldest });
}


/* After a logical restore: rows of transactions with such numbers belong to
 * segments that are sealed already, and no verification would take them. */

static ngx_uint_t
ehr_seal_is_behind(PGresult *head)
{
    ngx_uint_t  behind = PQgetvalue(head, 0, 11)[0] == 't';

    if (behind && !ehr_seal_behind) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "ehr: the database's transaction counter is behind its "
                      "audit log, so that nothing can be audited: stop nginx "
                      "and raise it, as docs/operations.md says under "
                      "\"Backups\"");
    }

    ehr_seal_behind = behind;

    return behind;
}


/* Whether this node may follow the head, and one line in the log if not: it
 * must have its key.  Digests are there until that was proved. */

static ngx_int_t
ehr_seal_may(PGresult *head, ngx_log_t *log)
{
    ehr_key_t         *key;
    ngx_str_t          digests;
    ngx_uint_t         version, level;
    ehr_field_keys_t  *keys = &ehr_worker.conf->keys;

    version = ehr_seal_number(ehr_seal_head.key);

    if (version == 0) {
        return NGX_OK;
    }

    key = ehr_key_of_version(&keys->audit_keys, version);
    digests = ehr_result_value(head, 0, 8);

    if (key
        && (version == ehr_seal_proved
            || ehr_seal_is_of(&ehr_seal_head, key, &digests) == NGX_OK))
    {
        ehr_seal_proved = version;
        ehr_seal_refused = 0;
        return NGX_OK;
    }

    if (ehr_seal_refused != version) {
        ehr_seal_refused = version;

        /* others seal meanwhile, if it only has not been reloaded yet */
        level = (version > keys->audit_key->version) ? NGX_LOG_WARN
                                                     : NGX_LOG_CRIT;
        ngx_log_error(level, log, 0,
                      "ehr: this node does not seal the audit log: its "
                      "segment %s is signed by version %ui of the key, %s",
                      ehr_seal_head.segment, version,
                      key ? "but not by the one in that \"ehr_audit_key\""
                          : "which no \"ehr_audit_key\" has");
    }

    return NGX_DECLINED;
}


static ngx_int_t
ehr_seal_is_of(const ehr_seal_t *seal, const ehr_key_t *key,
    const ngx_str_t *digests)
{
    u_char  mac[EHR_AUDIT_MAC];

    return ehr_seal_mac(seal, key, digests, mac) == NGX_OK
           && ngx_memcmp(seal->mac, mac, EHR_AUDIT_MAC) == 0
           ? NGX_OK : NGX_DECLINED;
}


/* Whether a key served that this node has no more, or one was retired and it
 * is not known from when on. */

static ngx_uint_t
ehr_seal_retires(PGresult *head)
{
    ehr_key_t  *oldest = ehr_worker.conf->keys.audit_keys.elts;

    if (ehr_seal_number(ehr_seal_head.key) == 0) {
        return 0;
    }

    return oldest->version > ehr_seal_number(PQgetvalue(head, 0, 9))
           || *PQgetvalue(head, 0, 10) == 'f';
}


static void
ehr_seal_retired(ehr_batch_t *batch, void *data)
{
    ehr_seal_over(!ehr_housekeeping_failed(batch, "retiring an audit key"));
}


/* to_xid, first_seq, last_seq, rows, digests, oldest_key */

static void
ehr_seal_rows_done(ehr_batch_t *batch, void *data)
{
    PGresult    *rows;
    ngx_str_t    digests;
    ehr_seal_t  *seal = &ehr_seal;

    if (ehr_housekeeping_failed(batch, "reading the audit log")) {
        ehr_seal_over(0);
        return;
    }

    rows = batch->results[1];

    if (PQntuples(rows) == 0) {
        ehr_seal_over(0);
        return;
    }

    ehr_seal_copy(seal->to_xid, sizeof(seal->to_xid), rows, 0);
    ehr_seal_copy(seal->rows, sizeof(seal->rows), rows, 3);
    ehr_seal_copy(seal->oldest, sizeof(seal->oldest), rows, 5);
    digests = ehr_result_value(rows, 0, 4);

    if (ehr_seal_sign(&digests) != NGX_OK) {
        ehr_seal_over(0);
        return;
    }

    ehr_seal_ask(EHR_QUERY_AUDIT_SEAL_WRITE, 1, ehr_seal_written,
                 EHR_SEAL_VALUES, (const void *[]) {
                     seal->segment, seal->from_xid, seal->to_xid,
                     PQgetvalue(rows, 0, 1), PQgetvalue(rows, 0, 2),
                     seal->rows, digests.data, seal->previous, seal->mac,
                     seal->key, seal->oldest,
                     seal->takes_over[0] ? seal->takes_over : NULL
                 });
}


/* Completes the segment: where it is in the chain, and who says so. */

static ngx_int_t
ehr_seal_sign(const ngx_str_t *digests)
{
    ngx_uint_t         version;
    ehr_seal_t        *seal = &ehr_seal, *head = &ehr_seal_head;
    ehr_field_keys_t  *keys = &ehr_worker.conf->keys;

    *ngx_sprintf(seal->segment, "%ui",
                 ehr_seal_number(head->segment) + 1) = '\0';
    *ngx_sprintf(seal->key, "%ui", keys->audit_key->version) = '\0';
    ngx_memcpy(seal->from_xid, head->to_xid, sizeof(seal->from_xid));
    ngx_memcpy(seal->previous, head->mac, sizeof(seal->previous));

    if (ehr_seal_mac(seal, keys->audit_key, digests, seal->mac) != NGX_OK) {
        return NGX_ERROR;
    }

    seal->mac[EHR_AUDIT_MAC] = '\0';
    seal->takes_over[0] = '\0';

    version = ehr_seal_number(head->key);

    if (version == 0 || version == keys->audit_key->version) {
        return NGX_OK;
    }

    return ehr_seal_take_over(ehr_key_of_version(&keys->audit_keys, version));
}


static ngx_int_t
ehr_seal_mac(const ehr_seal_t *seal, const ehr_key_t *key,
    const ngx_str_t *digests, u_char mac[EHR_AUDIT_MAC])
{
    u_char       head[192], *end;
    ehr_bytes_t  parts[2];

    end = ngx_snprintf(head, sizeof(head), "%s\n%s\n%s\n%s\n%s\n",
                       seal->segment, seal->from_xid, seal->to_xid,
                       seal->rows, seal->previous);

    if (key->version > 1) {
        end = ngx_snprintf(end, head + sizeof(head) - end, "%s\n",
                           seal->oldest);
    }

    parts[0] = (ehr_bytes_t) { head, end - head };
    /* "\x…": the digits are what the mac covers */
    parts[1] = (ehr_bytes_t) { digests->data + 2, digests->len - 2 };

    return ehr_audit_mac_by(key, parts, 2, mac);
}


/* The word of the head's key for the segment in which another follows it. */

static ngx_int_t
ehr_seal_take_over(const ehr_key_t *from)
{
    ehr_seal_t         *seal = &ehr_seal;
    const ehr_bytes_t   parts[] = {
        { "takes over\n", 11 }, { seal->segment, ngx_strlen(seal->segment) },
        { "\n", 1 }, { seal->mac, EHR_AUDIT_MAC }
    };

    seal->takes_over[EHR_AUDIT_MAC] = '\0';

    return ehr_audit_mac_by(from, parts, 4, seal->takes_over);
}


static void
ehr_seal_written(ehr_batch_t *batch, void *data)
{
    if (ehr_housekeeping_failed(batch, "sealing the audit log")) {
        ehr_seal_over(0);
        return;
    }

    if (PQntuples(batch->results[1])) {
        ehr_metrics_count(ehr_worker.shared, EHR_COUNT_AUDIT_SEALED,
                          ehr_seal_number(ehr_seal.rows));

        if (ehr_seal.takes_over[0]) {
            ngx_log_error(NGX_LOG_NOTICE, batch->log, 0,
                          "ehr: from segment %s on the audit log is signed "
                          "by version %s of the key", ehr_seal.segment,
                          ehr_seal.key);
        }

        ehr_seal_save_head(batch->log);
    }

    /* a full segment: there is more */
    ehr_seal_over(ehr_seal_number(ehr_seal.rows) >= 10000);
}


/* One line a segment; one write, so that it is there whole or not at all. */

static void
ehr_seal_save_head(ngx_log_t *log)
{
    u_char      line[256], *end;
    ngx_fd_t    fd;
    ngx_str_t  *file = &ehr_worker.conf->audit_head;

    if (file->len == 0) {
        return;
    }

    end = ngx_snprintf(line, sizeof(line), "%s %s %s\n", ehr_seal.segment,
                       ehr_seal.to_xid, ehr_seal.mac);

    fd = ngx_open_file(file->data, NGX_FILE_APPEND, NGX_FILE_CREATE_OR_OPEN,
                       0600);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "ehr: cannot open the audit head file \"%V\"", file);
        return;
    }

    if (ngx_write_fd(fd, line, end - line) != end - line) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "ehr: cannot write the audit head file \"%V\"", file);
    }

    (void) ngx_close_file(fd);
}
