/*
 * Which seats of a resource are free all of some time.
 */

#include "internal.h"


static ehr_engine_result_t ehr_engine_seats_busy(
    ehr_engine_reading_t *reading, uint32_t day, uint32_t from, uint32_t to,
    uint32_t capacity, ehr_engine_seats_t *seats);
static ehr_engine_result_t ehr_engine_seats_tentative(
    ehr_engine_reading_t *reading, ehr_engine_time_t from,
    ehr_engine_time_t to, uint32_t capacity, ehr_engine_seats_t *seats);


ehr_engine_result_t
ehr_engine_seats(ehr_engine_reading_t *reading, ehr_engine_time_t from,
    ehr_engine_time_t to, uint32_t capacity, ehr_engine_seats_t *seats)
{
    uint32_t             day;
    ehr_engine_time_t    start, end;
    ehr_engine_result_t  result;

    memset(seats, 0, sizeof(*seats));

    if (from / EHR_ENGINE_DAY < reading->first_day
        || (to - 1) / EHR_ENGINE_DAY >= reading->end_day)
    {
        return EHR_ENGINE_ASK;
    }

    for (start = from; start < to; start = end) {
        day = start / EHR_ENGINE_DAY;
        end = (day + 1) * EHR_ENGINE_DAY;
        result = ehr_engine_seats_busy(reading, day, start % EHR_ENGINE_DAY,
                                       to < end ? to % EHR_ENGINE_DAY
                                                : EHR_ENGINE_DAY,
                                       capacity, seats);

        if (result != EHR_ENGINE_OK) {
            return result;
        }
    }

    return ehr_engine_seats_tentative(reading, from, to, capacity, seats);
}


static ehr_engine_result_t
ehr_engine_seats_busy(ehr_engine_reading_t *reading, uint32_t day,
    uint32_t from, uint32_t to, uint32_t capacity, ehr_engine_seats_t *seats)
{
    uint32_t            reference, seat, steps;
    ehr_engine_page_t  *page;
    ehr_engine_root_t  *root;

    root = reading->root;
    reference = ehr_engine_load(ehr_engine_day_at(root, reading->index,
                                                  day)->page);

    if (reference & EHR_ENGINE_UNKNOWN) {
        return EHR_ENGINE_ASK;
    }

    /* what is torn may be anything, but has to end */
    for (steps = 0; reference && steps < EHR_ENGINE_SEATS; steps++) {

        if (!ehr_engine_is_entry(&root->page_pool, reference)) {
            return EHR_ENGINE_ASK;
        }

        page = ehr_engine_page_at(root, reference);
        seat = ehr_engine_load(page->seat);

        if (seat < capacity && ehr_engine_page_has(page, from, to)) {
            seats->busy[seat / 64] |= (uint64_t) 1 << seat % 64;
        }

        reference = ehr_engine_load(page->next);
    }

    return EHR_ENGINE_OK;
}


static ehr_engine_result_t
ehr_engine_seats_tentative(ehr_engine_reading_t *reading,
    ehr_engine_time_t from, ehr_engine_time_t to, uint32_t capacity,
    ehr_engine_seats_t *seats)
{
    uint32_t                 reference, seat, steps;
    ehr_engine_root_t       *root;
    ehr_engine_tentative_t  *entry;

    root = reading->root;
    reference = ehr_engine_load(reading->bucket->head);

    for (steps = 0; reference; steps++) {

        if (!ehr_engine_is_entry(&root->tentative_pool, reference)
            || steps == root->tentative_pool.most)
        {
            return EHR_ENGINE_ASK;
        }

        entry = ehr_engine_tentative_at(root, reference);
        seat = ehr_engine_load(entry->seat);

        if (ehr_engine_load(entry->number) == reading->number
            && ehr_engine_load(entry->from) < to
            && ehr_engine_load(entry->to) > from
            && seat < capacity)
        {
            seats->tentative[seat / 64] |= (uint64_t) 1 << seat % 64;
        }

        reference = ehr_engine_load(entry->next);
    }

    return EHR_ENGINE_OK;
}


uint32_t
ehr_engine_seats_free(const ehr_engine_seats_t *seats, uint32_t capacity,
    uint32_t *lowest)
{
    uint32_t  word, free;
    uint64_t  bits;

    free = 0;
    *lowest = 0;

    for (word = 0; word * 64 < capacity; word++) {
        bits = ~(seats->busy[word] | seats->tentative[word]);

        if (capacity < (word + 1) * 64) {
            bits &= ~(uint64_t) 0 >> ((word + 1) * 64 - capacity);
        }

        if (bits && free == 0) {
            *lowest = word * 64 + (uint32_t) __builtin_ctzll(bits);
        }

        free += (uint32_t) __builtin_popcountll(bits);
    }

    return free;
}
