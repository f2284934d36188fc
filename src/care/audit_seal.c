/*
 * Sealing the audit log: rows of transactions that are over are gathered into
 * a segment, chained to the one before by an HMAC whose key is not in the
 * database.  The heads go to a file, so that a cut tail shows.
 * sql/README.md defines digests and mac; bin/ehr-audit-verify checks them.
 *
 * Three batches a round: head, rows, write; and a fourth that tidies the index
 * of what was sealed.  Two nodes that seal at once meet
 * at the primary key of the segment; the later one does nothing.
 */

#include "housekeeping.h"


typedef struct {
    u_char      segment[24];        /* of the head, then of the new one */
    u_char      from_xid[24];
    u_char      to_xid[24];
    u_char      rows[24];
    u_char      previous[72];
    u_char      mac[72];
} ehr_seal_t;

static ehr_seal_t  ehr_seal;
static ngx_uint_t  ehr_seal_behind;


static void ehr_seal_head_done(ehr_batch_t *batch, void *data);
static ngx_uint_t ehr_seal_is_behind(PGresult *head);
static void ehr_seal_rows_done(ehr_batch_t *batch, void *data);
static ngx_int_t ehr_seal_write(ehr_batch_t *batch, PGresult *rows);
static void ehr_seal_written(ehr_batch_t *batch, void *data);
static void ehr_seal_copy(u_char *out, size_t size, PGresult *result,
    int column);
static void ehr_seal_save_head(ngx_log_t *log);
static void ehr_seal_tidy(void);
static void ehr_seal_tidied(ehr_batch_t *batch, void *data);
static void ehr_seal_over(int again);


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


void
ehr_seal_audit(void)
{
    ehr_batch_t  *batch;

    batch = ehr_housekeeping_batch(EHR_LANE_AUDIT, 0);

    if (batch == NULL) {
        ehr_seal_over(0);
        return;
    }

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_AUDIT_SEAL_HEAD], 0, NULL)
        != NGX_OK)
    {
        ehr_batch_destroy(batch);
        ehr_seal_over(0);
        return;
    }

    if (ehr_housekeeping_send(batch, ehr_seal_head_done) != NGX_OK) {
        ehr_seal_over(0);
    }
}


/* segment, to_xid, mac, behind */

static void
ehr_seal_head_done(ehr_batch_t *batch, void *data)
{
    ehr_batch_t  *next;
    ehr_param_t   from;

    if (ehr_housekeeping_failed(batch, "reading the audit log's head")) {
        ehr_seal_over(0);
        return;
    }

    if (ehr_seal_is_behind(batch->results[1])) {
        ehr_seal_over(0);
        return;
    }

    ehr_seal_copy(ehr_seal.segment, sizeof(ehr_seal.segment),
                  batch->results[1], 0);
    ehr_seal_copy(ehr_seal.from_xid, sizeof(ehr_seal.from_xid),
                  batch->results[1], 1);
    ehr_seal_copy(ehr_seal.previous, sizeof(ehr_seal.previous),
                  batch->results[1], 2);

    next = ehr_housekeeping_batch(EHR_LANE_AUDIT, 0);

    if (next == NULL) {
        ehr_seal_over(0);
        return;
    }

    ngx_memzero(&from, sizeof(ehr_param_t));
    from.value = (char *) ehr_seal.from_xid;

    if (ehr_batch_add(next, ehr_queries[EHR_QUERY_AUDIT_SEAL_ROWS], 1, &from)
        != NGX_OK)
    {
        ehr_batch_destroy(next);
        ehr_seal_over(0);
        return;
    }

    if (ehr_housekeeping_send(next, ehr_seal_rows_done) != NGX_OK) {
        ehr_seal_over(0);
    }
}


/* After a logical restore: rows of transactions with such numbers belong to
 * segments that are sealed already, and no verification would take them. */

static ngx_uint_t
ehr_seal_is_behind(PGresult *head)
{
    ngx_uint_t  behind = PQgetvalue(head, 0, 3)[0] == 't';

    if (behind && !ehr_seal_behind) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "ehr: the database's transaction counter is behind its "
                      "audit log, which breaks: stop nginx and restore again, "
                      "as docs/operations.md says under \"Backups\"");
    }

    ehr_seal_behind = behind;

    return behind;
}


/* to_xid, first_seq, last_seq, rows, digests */

static void
ehr_seal_rows_done(ehr_batch_t *batch, void *data)
{
    PGresult     *rows;
    ehr_batch_t  *next;

    if (ehr_housekeeping_failed(batch, "reading the audit log")) {
        ehr_seal_over(0);
        return;
    }

    rows = batch->results[1];

    if (PQntuples(rows) == 0) {
        ehr_seal_over(0);
        return;
    }

    next = ehr_housekeeping_batch(EHR_LANE_AUDIT, 1);

    if (next == NULL) {
        ehr_seal_over(0);
        return;
    }

    if (ehr_seal_write(next, rows) != NGX_OK) {
        ehr_batch_destroy(next);
        ehr_seal_over(0);
        return;
    }

    if (ehr_housekeeping_send(next, ehr_seal_written) != NGX_OK) {
        ehr_seal_over(0);
    }
}


static ngx_int_t
ehr_seal_write(ehr_batch_t *batch, PGresult *rows)
{
    u_char        head[160];
    ngx_str_t     digests;
    ehr_bytes_t   signed_text[2];
    ehr_param_t   params[9];

    *ngx_sprintf(ehr_seal.segment, "%i",
                 ngx_atoi(ehr_seal.segment, ngx_strlen(ehr_seal.segment))
                 + 1) = '\0';

    ehr_seal_copy(ehr_seal.to_xid, sizeof(ehr_seal.to_xid), rows, 0);
    ehr_seal_copy(ehr_seal.rows, sizeof(ehr_seal.rows), rows, 3);

    /* "\x…": the digits are what the mac covers */
    digests = ehr_result_value(rows, 0, 4);

    signed_text[0].data = head;
    signed_text[0].len = ngx_snprintf(head, sizeof(head),
                                      "%s\n%s\n%s\n%s\n%s\n",
                                      ehr_seal.segment, ehr_seal.from_xid,
                                      ehr_seal.to_xid, ehr_seal.rows,
                                      ehr_seal.previous)
                         - head;
    signed_text[1].data = digests.data + 2;
    signed_text[1].len = digests.len - 2;

    if (ehr_audit_mac(&ehr_worker.conf->keys, signed_text, 2, ehr_seal.mac)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ehr_seal.mac[EHR_AUDIT_MAC] = '\0';

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) ehr_seal.segment;
    params[1].value = (char *) ehr_seal.from_xid;
    params[2].value = (char *) ehr_seal.to_xid;
    params[3].value = PQgetvalue(rows, 0, 1);
    params[4].value = PQgetvalue(rows, 0, 2);
    params[5].value = (char *) ehr_seal.rows;
    params[6].value = (char *) digests.data;
    params[7].value = (char *) ehr_seal.previous;
    params[8].value = (char *) ehr_seal.mac;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_AUDIT_SEAL_WRITE], 9,
                         params);
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
                          ngx_atoi(ehr_seal.rows,
                                   ngx_strlen(ehr_seal.rows)));
        ehr_seal_save_head(batch->log);
    }

    ehr_seal_tidy();
}


static void
ehr_seal_tidy(void)
{
    ehr_batch_t  *batch;

    batch = ehr_housekeeping_batch(EHR_LANE_AUDIT, 1);

    if (batch == NULL) {
        ehr_seal_over(0);
        return;
    }

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_AUDIT_TIDY], 0, NULL)
        != NGX_OK)
    {
        ehr_batch_destroy(batch);
        ehr_seal_over(0);
        return;
    }

    if (ehr_housekeeping_send(batch, ehr_seal_tidied) != NGX_OK) {
        ehr_seal_over(0);
    }
}


static void
ehr_seal_tidied(ehr_batch_t *batch, void *data)
{
    (void) ehr_housekeeping_failed(batch, "tidying the audit log's index");

    /* a full segment: there is more */
    ehr_seal_over(ngx_atoi(ehr_seal.rows, ngx_strlen(ehr_seal.rows))
                  >= 10000);
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
