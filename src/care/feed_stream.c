/*
 * Rows of the stream.  Tables and columns are found by name in what the stream
 * says of them, so that a publication may have more.
 */

#include "../store/crash_point.h"
#include "feed_private.h"


static ngx_int_t ehr_feed_relation(ehr_feed_t *feed,
    const ehr_pgoutput_t *message);
static ngx_int_t ehr_feed_row(ehr_feed_t *feed,
    const ehr_pgoutput_t *message);
static void ehr_feed_columns(const ehr_feed_relation_t *relation,
    ehr_pgoutput_list_t values, ehr_column_t *columns);
static ngx_int_t ehr_feed_commit(ehr_feed_t *feed);


ngx_int_t
ehr_feed_message(void *data, const ehr_pgoutput_t *message)
{
    ehr_feed_t  *feed = data;

    switch (message->type) {

    case EHR_PGOUTPUT_BEGIN:
        feed->transaction = message->transaction;
        return NGX_OK;

    case EHR_PGOUTPUT_RELATION:
        return ehr_feed_relation(feed, message);

    case EHR_PGOUTPUT_INSERT:
    case EHR_PGOUTPUT_UPDATE:
    case EHR_PGOUTPUT_DELETE:
        return ehr_feed_row(feed, message);

    case EHR_PGOUTPUT_COMMIT:
        return ehr_feed_commit(feed);

    case EHR_PGOUTPUT_TRUNCATE:
        return NGX_ERROR;                           /* load again */

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ehr_feed_commit(ehr_feed_t *feed)
{
    ehr_availability->feed.transactions++;
    feed->hidden = 0;
    ehr_events_publish();

    return feed->live ? ehr_feed_pump(feed) : NGX_OK;
}


/* -- relations ------------------------------------------------------------- */

static const ehr_feed_table_t *
ehr_feed_table(const ehr_pgoutput_t *message)
{
    const ehr_feed_table_t  *table;

    if (message->schema.len != 3
        || ngx_memcmp(message->schema.data, "ehr", 3) != 0)
    {
        return NULL;
    }

    for (table = ehr_feed_tables; table->name; table++) {
        if (ngx_strlen(table->name) == message->name.len
            && ngx_memcmp(table->name, message->name.data, message->name.len)
               == 0)
        {
            return table;
        }
    }

    return NULL;
}


/* Which of the table's columns the stream's column is, or -1. */

static int8_t
ehr_feed_column(const ehr_feed_table_t *table,
    const ehr_pgoutput_bytes_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < EHR_FEED_WANTED && table->columns[i]; i++) {
        if (ngx_strlen(table->columns[i]) == name->len
            && ngx_memcmp(table->columns[i], name->data, name->len) == 0)
        {
            return i;
        }
    }

    return -1;
}


static ehr_feed_relation_t *
ehr_feed_known(ehr_feed_t *feed, uint32_t oid)
{
    ngx_uint_t  i;

    for (i = 0; i < feed->nrelations; i++) {
        if (feed->relations[i].oid == oid) {
            return &feed->relations[i];
        }
    }

    return NULL;
}


static ngx_int_t
ehr_feed_relation(ehr_feed_t *feed, const ehr_pgoutput_t *message)
{
    ehr_feed_relation_t    *relation;
    ehr_pgoutput_list_t     columns;
    ehr_pgoutput_column_t   column;

    relation = ehr_feed_known(feed, message->relation);

    if (relation == NULL) {
        if (feed->nrelations == EHR_FEED_RELATIONS) {
            return NGX_ERROR;
        }

        relation = &feed->relations[feed->nrelations++];
    }

    relation->oid = message->relation;
    relation->table = ehr_feed_table(message);
    relation->n = 0;

    columns = message->columns;

    while (relation->table && ehr_pgoutput_column(&columns, &column)) {
        if (relation->n == EHR_FEED_COLUMNS) {
            return NGX_ERROR;
        }

        relation->wanted[relation->n++] = ehr_feed_column(relation->table,
                                                          &column.name);
    }

    return NGX_OK;
}


/* -- rows ------------------------------------------------------------------ */

static ngx_int_t
ehr_feed_row(ehr_feed_t *feed, const ehr_pgoutput_t *message)
{
    ehr_feed_row_t        row;
    ehr_feed_relation_t  *relation;

    relation = ehr_feed_known(feed, message->relation);

    if (relation == NULL) {
        return NGX_ERROR;
    }

    if (relation->table == NULL) {
        return NGX_OK;
    }

    ehr_availability->feed.changes++;
    ehr_crash_point("feed-change");

    row.type = message->type;
    row.has_was = (message->old_is != EHR_OLD_NONE);
    ehr_feed_columns(relation, message->old_row, row.was);
    ehr_feed_columns(relation, message->new_row, row.now);

    if (relation->table->is_read) {
        feed->unseen = feed->transaction;
        feed->wait = 1;
    }

    return relation->table->changed(feed, &row);
}


static void
ehr_feed_columns(const ehr_feed_relation_t *relation,
    ehr_pgoutput_list_t values, ehr_column_t *columns)
{
    int8_t                wanted;
    ngx_uint_t            i;
    ehr_pgoutput_value_t  value;

    ngx_memzero(columns, EHR_FEED_WANTED * sizeof(ehr_column_t));

    for (i = 0; i < relation->n && ehr_pgoutput_value(&values, &value); i++) {
        wanted = relation->wanted[i];

        if (wanted >= 0 && value.type == EHR_VALUE_TEXT) {
            columns[wanted] = value.bytes;
        }
    }
}
