/*
 * Reading tables for whoever follows their changes: first in the snapshot
 * from which the stream goes on, then at any time.
 */

#include "replication_private.h"


static void ehr_reader_up(ehr_link_t *link);
static ngx_int_t ehr_reader_input(ehr_link_t *link);
static ngx_int_t ehr_reader_result(ehr_replication_t *replication,
    const PGresult *result);
static ngx_int_t ehr_reader_over(ehr_replication_t *replication);
static ngx_int_t ehr_reader_rows(ehr_replication_t *replication);
static ngx_int_t ehr_reader_row(ehr_replication_t *replication, char *data,
    size_t len);
static char *ehr_reader_unescape(char *out, const char *from,
    const char *end);


const ehr_link_handlers_t  ehr_reader_handlers = {
    ehr_reader_up, ehr_reader_input, ehr_replication_down
};


ngx_int_t
ehr_reader_open(ehr_replication_t *replication)
{
    replication->imported = 0;
    replication->finishing = 0;
    replication->reading = 0;
    replication->copying = 0;

    if (ehr_link_open(&replication->reader,
                      ehr_replication_target(replication), 0,
                      replication->conf.store->connect_timeout)
        == NGX_OK)
    {
        return NGX_OK;
    }

    (void) ngx_cpystrn((u_char *) replication->stream.reason,
                       (u_char *) replication->reader.reason,
                       sizeof(replication->stream.reason));

    return NGX_ERROR;
}


static void
ehr_reader_up(ehr_link_t *link)
{
    u_char              text[256];
    ehr_replication_t  *replication;

    replication = link->data;

    (void) ngx_snprintf(text, sizeof(text),
                        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                        " SET TRANSACTION SNAPSHOT '%s'%Z",
                        replication->snapshot);

    if (ehr_link_send(link, (char *) text) != NGX_OK) {
        ehr_replication_broken(replication);
    }
}


ngx_int_t
ehr_replication_read(ehr_replication_t *replication, const char *copy,
    ehr_replication_row_pt row, ehr_replication_read_pt done)
{
    if (ehr_link_send(&replication->reader, copy) != NGX_OK) {
        return NGX_ERROR;
    }

    replication->reading = 1;
    replication->row = row;
    replication->done = done;

    return NGX_OK;
}


ngx_uint_t
ehr_replication_is_reading(ehr_replication_t *replication)
{
    return replication->reading || replication->finishing;
}


static ngx_int_t
ehr_reader_input(ehr_link_t *link)
{
    ngx_int_t           rc;
    PGresult           *result;
    ehr_replication_t  *replication;

    replication = link->data;

    for ( ;; ) {

        if (replication->copying) {
            rc = ehr_reader_rows(replication);

            if (rc != NGX_DONE) {
                return rc;
            }
        }

        if (PQisBusy(link->pg)) {
            return NGX_OK;
        }

        result = PQgetResult(link->pg);

        rc = result ? ehr_reader_result(replication, result)
                    : ehr_reader_over(replication);
        PQclear(result);

        if (rc != NGX_OK) {
            return rc == NGX_DONE ? NGX_OK : rc;
        }
    }
}


/* NGX_OK: go on. */
static ngx_int_t
ehr_reader_result(ehr_replication_t *replication, const PGresult *result)
{
    const char  *state;

    switch (PQresultStatus(result)) {

    case PGRES_COPY_OUT:
        replication->copying = 1;
        return NGX_OK;

    case PGRES_COMMAND_OK:
        return NGX_OK;

    default:
        state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

        (void) ngx_snprintf((u_char *) replication->reader.reason,
                            sizeof(replication->reader.reason),
                            "reading failed with database error %s%Z",
                            state ? state : "of no known kind");
        replication->reader.refused = 1;
        return NGX_ERROR;
    }
}


/* A statement's end.  NGX_OK: another was sent, go on; NGX_DONE: none. */
static ngx_int_t
ehr_reader_over(ehr_replication_t *replication)
{
    ngx_int_t  rc;

    if (replication->finishing) {
        replication->finishing = 0;
        return NGX_DONE;
    }

    if (replication->reading) {
        replication->reading = 0;
        rc = replication->done(replication->data);

    } else if (!replication->imported) {
        replication->imported = 1;
        replication->state = EHR_REPLICATION_LOADING;
        rc = replication->handlers->snapshot(replication->data);

    } else {
        return NGX_DONE;
    }

    if (rc != NGX_OK && replication->reader.reason[0] == '\0') {
        (void) ngx_cpystrn((u_char *) replication->reader.reason,
                           (u_char *) "what was read cannot be taken",
                           sizeof(replication->reader.reason));
    }

    return rc == NGX_OK ? NGX_DONE : NGX_ERROR;
}


/* NGX_DONE: that was the last one; else as input() of a link. */
static ngx_int_t
ehr_reader_rows(ehr_replication_t *replication)
{
    ngx_int_t  rc;

    rc = ehr_replication_copied(replication, &replication->reader,
                                ehr_reader_row);

    if (rc == NGX_DONE) {
        replication->copying = 0;
    }

    if (rc == NGX_ERROR) {
        (void) ngx_cpystrn((u_char *) replication->reader.reason,
                           (u_char *) "what was read cannot be taken",
                           sizeof(replication->reader.reason));
    }

    return rc;
}


/* Splits a line of COPY's text form where it lies. */
static ngx_int_t
ehr_reader_row(ehr_replication_t *replication, char *data, size_t len)
{
    char          *from, *end, *tab;
    ngx_uint_t     n;
    ehr_column_t   columns[EHR_REPLICATION_COLUMNS];

    end = data + len;

    if (len > 0 && end[-1] == '\n') {
        end--;
    }

    for (n = 0, from = data; n < EHR_REPLICATION_COLUMNS; from = tab + 1) {

        tab = memchr(from, '\t', end - from);
        tab = tab ? tab : end;

        if (tab - from == 2 && from[0] == '\\' && from[1] == 'N') {
            columns[n].data = NULL;
            columns[n].len = 0;

        } else {
            columns[n].data = (u_char *) from;
            columns[n].len = ehr_reader_unescape(from, from, tab) - from;
            from[columns[n].len] = '\0';
        }

        n++;

        if (tab == end) {
            return replication->row(replication->data, columns, n);
        }
    }

    return NGX_ERROR;
}


/* Only what our columns can hold: backslashes before the character itself. */
static char *
ehr_reader_unescape(char *out, const char *from, const char *end)
{
    if (memchr(from, '\\', end - from) == NULL) {
        return out + (end - from);
    }

    while (from < end) {
        if (*from == '\\' && from + 1 < end) {
            from++;
        }

        *out++ = *from++;
    }

    return out;
}
