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


/* An instant in seconds, or the next whole one if it lies behind it and `up`. */

static ngx_int_t
ehr_feed_second(const ehr_column_t *column, ngx_uint_t up, int64_t *second)
{
    ehr_moment_t  moment;

    if (column->data == NULL
        || ehr_instant_parse((const char *) column->data, column->len,
                             EHR_INSTANT_SQL, &moment)
           != 0)
    {
        return NGX_ERROR;
    }

    *second = ngx_max(ehr_moment_epoch(&moment), 0)
              + (up && moment.microsecond > 0);

    return NGX_OK;
}


ngx_int_t
ehr_feed_time(const ehr_column_t *column, ngx_uint_t up,
    ehr_engine_time_t *time)
{
    int64_t  second;

    if (ehr_feed_second(column, up, &second) != NGX_OK) {
        return NGX_ERROR;
    }

    if (up) {
        second += EHR_ENGINE_GRANULE_SECONDS - 1;
    }

    *time = second / EHR_ENGINE_GRANULE_SECONDS;

    return NGX_OK;
}


/* ["2026-11-21 09:00:00+00","2026-11-21 09:30:00+00"): the texts of both ends;
 * that of the upper is NULL if there is none, or infinity. */

static ngx_int_t
ehr_feed_bounds(const ehr_column_t *column, ehr_column_t bounds[2])
{
    const u_char  *p, *comma, *end;

    if (column->data == NULL || column->len < 4) {
        return NGX_ERROR;
    }

    p = column->data + 1;
    end = column->data + column->len - 1;
    comma = memchr(p, ',', end - p);

    if (comma == NULL || comma - p < 2 || *p != '"') {
        return NGX_ERROR;
    }

    bounds[0].data = p + 1;
    bounds[0].len = comma - p - 2;

    p = comma + 1;

    if (p == end || *p == 'i') {
        bounds[1].data = NULL;
        bounds[1].len = 0;
        return NGX_OK;
    }

    if (end - p < 2 || *p != '"') {
        return NGX_ERROR;
    }

    bounds[1].data = p + 1;
    bounds[1].len = end - p - 2;

    return NGX_OK;
}


ngx_int_t
ehr_feed_range(const ehr_column_t *column, ehr_engine_time_t *from,
    ehr_engine_time_t *to)
{
    ehr_column_t  bounds[2];

    if (ehr_feed_bounds(column, bounds) != NGX_OK
        || ehr_feed_time(&bounds[0], 0, from) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (bounds[1].data == NULL) {
        *to = UINT32_MAX;
        return NGX_OK;
    }

    return ehr_feed_time(&bounds[1], 1, to);
}


ngx_int_t
ehr_feed_seconds(const ehr_column_t *column, ehr_engine_second_t *from,
    ehr_engine_second_t *to)
{
    int64_t       first, last = EHR_ENGINE_OPEN_END;
    ehr_column_t  bounds[2];

    if (ehr_feed_bounds(column, bounds) != NGX_OK
        || ehr_feed_second(&bounds[0], 0, &first) != NGX_OK
        || (bounds[1].data
            && ehr_feed_second(&bounds[1], 0, &last) != NGX_OK))
    {
        return NGX_ERROR;
    }

    *from = ngx_min(first, EHR_ENGINE_OPEN_END);
    *to = ngx_min(last, EHR_ENGINE_OPEN_END);

    return NGX_OK;
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


ngx_int_t
ehr_feed_word(const ehr_feed_word_t *words, const ehr_column_t *column,
    uint8_t *value)
{
    *value = 0;

    if (column->data == NULL) {
        return NGX_OK;
    }

    for (/* void */ ; words->name; words++) {
        if (ngx_strlen(words->name) == column->len
            && ngx_memcmp(words->name, column->data, column->len) == 0)
        {
            *value = words->value;
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}
