/*
 * Wards whose boards look different.  Each is named twice: to the engine at
 * once, so that no worker goes on showing the old board, and again when what
 * changed can be seen, for a worker may have asked in between and kept what it
 * was told.  Streams hear of it then, too: who asks because of it sees the
 * change.
 */

#include "feed_private.h"


/* Of the wards that were touched, those that are looked up at once. */
#define EHR_FEED_LOOKED  128


static ngx_int_t ehr_feed_looked_row(void *data, const ehr_column_t *columns,
    ngx_uint_t n);
static ngx_int_t ehr_feed_looked_done(void *data);
static void ehr_feed_tell_wards(ehr_feed_t *feed, ngx_uint_t n);


ngx_int_t
ehr_feed_boards_begin(ehr_feed_t *feed)
{
    feed->nlooked = 0;
    feed->hidden = 0;

    return ngx_array_init(&feed->touched, feed->pool, 64,
                          sizeof(ehr_feed_touched_t));
}


ngx_int_t
ehr_feed_touch(ehr_feed_t *feed, const ehr_uuid_t *ward)
{
    ngx_uint_t           i;
    ehr_feed_touched_t  *touched;

    touched = feed->touched.elts;

    for (i = feed->touched.nelts;
         i > feed->nlooked
         && touched[i - 1].transaction == feed->transaction;
         i--)
    {
        if (ehr_feed_same(&touched[i - 1].ward, ward)) {
            return NGX_OK;
        }
    }

    touched = ngx_array_push(&feed->touched);
    if (touched == NULL) {
        return NGX_ERROR;
    }

    touched->transaction = feed->transaction;
    touched->ward = *ward;

    ehr_engine_ward_touch(feed->engine, ehr_feed_engine_uuid(ward));

    return NGX_OK;
}


ngx_int_t
ehr_feed_look_wards(ehr_feed_t *feed)
{
    u_char               sql[EHR_FEED_SQL], *p, *last;
    ngx_uint_t           i;
    ehr_feed_touched_t  *touched;

    if (feed->touched.nelts == 0 || feed->hidden) {
        return NGX_DECLINED;
    }

    touched = feed->touched.elts;
    feed->nlooked = ngx_min(feed->touched.nelts, EHR_FEED_LOOKED);

    last = sql + sizeof(sql);

    p = ngx_slprintf(sql, last, "COPY (SELECT bool_and(" EHR_FEED_VISIBLE
                     ") FROM unnest('{");

    for (i = 0; i < feed->nlooked; i++) {
        p = ngx_slprintf(p, last, i ? ",%uD" : "%uD",
                         touched[i].transaction);
    }

    p = ngx_slprintf(p, last, "}'::bigint[]) AS t (id)" EHR_FEED_NOW
                     ") TO STDOUT%Z");

    return ehr_replication_read(feed->replication, (char *) sql,
                                ehr_feed_looked_row, ehr_feed_looked_done);
}


static ngx_int_t
ehr_feed_looked_row(void *data, const ehr_column_t *columns, ngx_uint_t n)
{
    ehr_feed_t  *feed = data;

    (void) n;

    feed->hidden = !(columns[0].len == 1 && columns[0].data[0] == 't');

    return NGX_OK;
}


/* If they cannot be seen yet, the clock or the next commit looks again. */

static ngx_int_t
ehr_feed_looked_done(void *data)
{
    ngx_uint_t   n;
    ehr_feed_t  *feed = data;

    n = feed->nlooked;
    feed->nlooked = 0;

    if (!feed->hidden) {
        ehr_feed_tell_wards(feed, n);
    }

    return ehr_feed_pump_rest(feed);
}


/* The first n. */

static void
ehr_feed_tell_wards(ehr_feed_t *feed, ngx_uint_t n)
{
    ngx_uint_t           i;
    ehr_event_t          event;
    ehr_feed_touched_t  *touched;

    touched = feed->touched.elts;

    for (i = 0; i < n; i++) {
        ehr_engine_ward_touch(feed->engine,
                              ehr_feed_engine_uuid(&touched[i].ward));

        ngx_memzero(&event, sizeof(ehr_event_t));
        event.kind = EHR_EVENT_WARD;
        event.entity = touched[i].ward;
        ehr_events_put(&event);
    }

    ehr_events_publish();

    feed->touched.nelts -= n;
    ngx_memmove(touched, touched + n,
                feed->touched.nelts * sizeof(ehr_feed_touched_t));
}
