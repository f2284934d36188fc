/*
 * Columns as PostgreSQL writes them for a session in UTC with ISO dates.
 */

#include "../model/moment.h"
#include "feed_private.h"


ngx_int_t
ehr_feed_uuid(const ehr_column_t *column, ehr_uuid_t *uuid)
{
    return column->data ? ehr_uuid_parse(uuid, column->data, column->len)
                        : NGX_ERROR;
}


ngx_int_t
ehr_feed_integer(const ehr_column_t *column, int32_t *integer)
{
    ngx_int_t  n;

    n = column->data ? ngx_atoi((u_char *) column->data, column->len)
                     : NGX_ERROR;

    if (n == NGX_ERROR || n > INT32_MAX) {
        return NGX_ERROR;
    }

    *integer = n;

    return NGX_OK;
}


ngx_int_t
ehr_feed_time(const ehr_column_t *column, ngx_uint_t up,
    ehr_engine_time_t *time)
{
    int64_t       seconds;
    ehr_moment_t  moment;

    if (column->data == NULL
        || ehr_instant_parse((const char *) column->data, column->len,
                             EHR_INSTANT_SQL, &moment)
           != 0)
    {
        return NGX_ERROR;
    }

    seconds = ehr_moment_epoch(&moment);

    if (up) {
        seconds += EHR_ENGINE_GRANULE_SECONDS - 1
                   + (moment.microsecond > 0);
    }

    *time = seconds < 0 ? 0 : seconds / EHR_ENGINE_GRANULE_SECONDS;

    return NGX_OK;
}


/* ["2026-11-21 09:00:00+00","2026-11-21 09:30:00+00") */

ngx_int_t
ehr_feed_range(const ehr_column_t *column, ehr_engine_time_t *from,
    ehr_engine_time_t *to)
{
    const u_char  *p, *comma, *end;
    ehr_column_t   bound;

    if (column->data == NULL || column->len < 4) {
        return NGX_ERROR;
    }

    p = column->data + 1;
    end = column->data + column->len - 1;
    comma = memchr(p, ',', end - p);

    if (comma == NULL || comma - p < 2 || *p != '"') {
        return NGX_ERROR;
    }

    bound.data = p + 1;
    bound.len = comma - p - 2;

    if (ehr_feed_time(&bound, 0, from) != NGX_OK) {
        return NGX_ERROR;
    }

    p = comma + 1;

    if (p == end || *p == 'i') {                    /* none, or infinity */
        *to = UINT32_MAX;
        return NGX_OK;
    }

    if (end - p < 2 || *p != '"') {
        return NGX_ERROR;
    }

    bound.data = p + 1;
    bound.len = end - p - 2;

    return ehr_feed_time(&bound, 1, to);
}


void
ehr_feed_array(const ehr_uuid_t *ids, ngx_uint_t n, u_char *out)
{
    ngx_uint_t  i;

    *out++ = '{';

    for (i = 0; i < n; i++) {
        if (i > 0) {
            *out++ = ',';
        }

        out = ehr_uuid_print(out, &ids[i]);
    }

    *out++ = '}';
    *out = '\0';
}


u_char *
ehr_feed_day(u_char *out, u_char *last, uint32_t day)
{
    ngx_tm_t  tm;

    ngx_gmtime((time_t) day * 86400, &tm);

    return ngx_slprintf(out, last, "%4d-%02d-%02d", tm.ngx_tm_year,
                        tm.ngx_tm_mon, tm.ngx_tm_mday);
}
