/*
 * Open periods, cut into days.
 */

#include "internal.h"


static ehr_engine_result_t ehr_engine_periods_replace(
    ehr_engine_root_t *root, uint32_t index, uint32_t first, uint32_t end,
    const ehr_engine_period_t *periods, size_t n);
static uint32_t ehr_engine_day_shape(ehr_engine_root_t *root, uint32_t day,
    const ehr_engine_period_t *periods, size_t n);
static int ehr_engine_piece_make(ehr_engine_root_t *root,
    ehr_engine_piece_t *piece, uint32_t day,
    const ehr_engine_period_t *period);


ehr_engine_result_t
ehr_engine_feed_periods(ehr_engine_t *engine, int32_t resource,
    uint32_t first_day, uint32_t end_day, const ehr_engine_period_t *periods,
    size_t n)
{
    uint32_t              index, last;
    ehr_engine_root_t    *root;
    ehr_engine_result_t   result;

    root = engine->root;
    result = ehr_engine_feed_enter(engine);

    if (result != EHR_ENGINE_OK) {
        return result;
    }

    index = ehr_engine_index(root, resource);
    last = root->first_day + root->days;

    if (first_day < root->first_day) {
        first_day = root->first_day;
    }

    if (end_day > last) {
        end_day = last;
    }

    if (index == EHR_ENGINE_NOBODY) {
        result = EHR_ENGINE_NONE;

    } else if (first_day < end_day) {
        result = ehr_engine_periods_replace(root, index, first_day, end_day,
                                            periods, n);
    }

    ehr_engine_feed_leave(engine);

    return result;
}


/* All shapes are made before, and old ones dropped after, the moment in which
 * the days change. */
static ehr_engine_result_t
ehr_engine_periods_replace(ehr_engine_root_t *root, uint32_t index,
    uint32_t first, uint32_t end, const ehr_engine_period_t *periods,
    size_t n)
{
    uint32_t                day, shape, changes;
    uint32_t                shapes[EHR_ENGINE_DAYS_MAX];
    ehr_engine_day_t       *kept;
    ehr_engine_result_t     result;
    ehr_engine_resource_t  *resource;

    changes = 0;
    result = EHR_ENGINE_OK;

    for (day = first; day < end; day++) {

        while (n && periods->to <= day * EHR_ENGINE_DAY) {
            periods++;
            n--;
        }

        /* what does not fit, or makes no sense, makes a day unknown */
        shape = ehr_engine_day_shape(root, day, periods, n);
        shapes[day - first] = shape;
        changes += shape != ehr_engine_day_at(root, index, day)->shape;

        if (shape == EHR_ENGINE_UNKNOWN) {
            result = EHR_ENGINE_FULL;
        }
    }

    resource = ehr_engine_resource_at(root, index);

    if (changes) {
        ehr_engine_resource_change(resource);
    }

    for (day = first; day < end; day++) {
        kept = ehr_engine_day_at(root, index, day);
        shape = kept->shape;

        if (shape != shapes[day - first]) {
            ehr_engine_store(kept->shape, shapes[day - first]);
            ehr_engine_summarize(root, index, day, 0, EHR_ENGINE_DAY);
            shapes[day - first] = shape;
        }
    }

    if (changes) {
        ehr_engine_resource_changed(resource);
    }

    for (day = first; day < end; day++) {
        ehr_engine_shape_drop(root, shapes[day - first]);
    }

    return result;
}


static uint32_t
ehr_engine_day_shape(ehr_engine_root_t *root, uint32_t day,
    const ehr_engine_period_t *periods, size_t n)
{
    size_t              i;
    uint32_t            count;
    ehr_engine_time_t   end;
    ehr_engine_piece_t  pieces[EHR_ENGINE_PIECES_MAX];

    count = 0;
    end = day * EHR_ENGINE_DAY;

    for (i = 0; i < n && periods[i].from < (day + 1) * EHR_ENGINE_DAY; i++) {

        if (periods[i].to <= day * EHR_ENGINE_DAY) {
            continue;
        }

        if (count == EHR_ENGINE_PIECES_MAX
            || (count && periods[i].from < end)
            || !ehr_engine_piece_make(root, &pieces[count], day, &periods[i]))
        {
            return EHR_ENGINE_UNKNOWN;
        }

        end = periods[i].to;
        count++;
    }

    return ehr_engine_shape_intern(root, pieces, count);
}


/* 0: it cannot be kept. */
static int
ehr_engine_piece_make(ehr_engine_root_t *root, ehr_engine_piece_t *piece,
    uint32_t day, const ehr_engine_period_t *period)
{
    uint32_t           place, flags, first;
    ehr_engine_time_t  start, from, to;

    if (period->from >= period->to
        || period->slot == 0
        || period->slot > EHR_ENGINE_SLOT_MAX
        || period->capacity == 0
        || period->capacity > EHR_ENGINE_SEATS)
    {
        return 0;
    }

    place = ehr_engine_place_intern(root, &period->clinic, &period->room);

    if (place == 0) {
        return 0;
    }

    start = day * EHR_ENGINE_DAY;
    from = period->from;
    to = period->to;
    flags = 0;

    if (from < start) {
        from = start;
    }

    if (to > start + EHR_ENGINE_DAY) {
        to = start + EHR_ENGINE_DAY;
        flags = EHR_ENGINE_GOES_ON;
    }

    /* from the grid's last time at or before, to its next */
    if (period->grid <= from) {
        first = (from - period->grid) % period->slot;
        first = first ? period->slot - first : 0;

    } else {
        first = (period->grid - from) % period->slot;
    }

    piece->span = (from - start) | (to - start) << 16;
    piece->grid = period->slot | first << 8 | place << 16;
    piece->seats = period->capacity | flags << 16;

    return 1;
}
