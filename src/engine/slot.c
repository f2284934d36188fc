/*
 * The slots of one resource.
 */

#include "internal.h"


/* Slots found so far. */
typedef struct {
    ehr_engine_slot_t  *slots;
    size_t              n;
    size_t              count;
} ehr_engine_found_t;


static ehr_engine_result_t ehr_engine_slots_day(
    ehr_engine_reading_t *reading, const ehr_engine_wish_t *wish,
    uint32_t day, ehr_engine_found_t *found);
static ehr_engine_result_t ehr_engine_slots_piece(
    ehr_engine_reading_t *reading, const ehr_engine_wish_t *wish,
    uint32_t day, const ehr_engine_open_t *open, ehr_engine_found_t *found);
static void ehr_engine_slot_fill(ehr_engine_reading_t *reading,
    const ehr_engine_open_t *open, ehr_engine_slot_t *slot);


ehr_engine_result_t
ehr_engine_slots(ehr_engine_t *engine, int32_t resource,
    ehr_engine_time_t from, ehr_engine_time_t to, uint32_t granules,
    unsigned flags, ehr_engine_slot_t *slots, size_t n, size_t *count)
{
    uint32_t              tries, index;
    ehr_engine_wish_t     wish;
    ehr_engine_result_t   result;
    ehr_engine_reading_t  reading;

    *count = 0;

    if (from > to || granules > UINT16_MAX) {
        return EHR_ENGINE_INVALID;
    }

    if (ehr_engine_state(engine) != EHR_ENGINE_LIVE) {
        return EHR_ENGINE_ASK;
    }

    wish.from = from;
    wish.to = to;
    wish.granules = granules;
    wish.flags = flags;
    wish.clinic = NULL;

    for (tries = 0; tries < EHR_ENGINE_TRIES; tries++) {
        index = ehr_engine_index(engine->root, resource);

        if (index == EHR_ENGINE_NOBODY) {
            return EHR_ENGINE_ASK;
        }

        result = ehr_engine_read_begin(engine, &reading, index, resource);

        if (result == EHR_ENGINE_ASK) {
            return result;
        }

        if (result != EHR_ENGINE_OK) {
            continue;
        }

        result = ehr_engine_slots_read(&reading, &wish, slots, n, count);

        if (ehr_engine_read_end(&reading)) {
            *count = result == EHR_ENGINE_OK ? *count : 0;
            return result;
        }
    }

    *count = 0;

    return EHR_ENGINE_ASK;
}


ehr_engine_result_t
ehr_engine_slots_read(ehr_engine_reading_t *reading,
    const ehr_engine_wish_t *wish, ehr_engine_slot_t *slots, size_t n,
    size_t *count)
{
    uint32_t             day, end;
    ehr_engine_found_t   found;
    ehr_engine_result_t  result;

    *count = 0;

    if (reading->kind != EHR_ENGINE_DOCTOR) {
        return EHR_ENGINE_NONE;
    }

    if (wish->from == wish->to) {
        return EHR_ENGINE_OK;
    }

    found.slots = slots;
    found.n = n;
    found.count = 0;
    day = wish->from / EHR_ENGINE_DAY;
    end = (wish->to - 1) / EHR_ENGINE_DAY + 1;

    if (day < reading->first_day || end > reading->end_day) {
        return EHR_ENGINE_ASK;
    }

    for (/* void */; day < end && found.count < n; day++) {
        result = ehr_engine_slots_day(reading, wish, day, &found);

        if (result != EHR_ENGINE_OK) {
            return result;
        }
    }

    *count = found.count;

    return EHR_ENGINE_OK;
}


static ehr_engine_result_t
ehr_engine_slots_day(ehr_engine_reading_t *reading,
    const ehr_engine_wish_t *wish, uint32_t day, ehr_engine_found_t *found)
{
    ehr_engine_open_t     open;
    ehr_engine_place_t   *place;
    ehr_engine_pieces_t   pieces;
    ehr_engine_result_t   result;

    result = ehr_engine_pieces_begin(reading->root, &pieces, reading->index,
                                     day);

    while (result == EHR_ENGINE_OK && found->count < found->n
           && ehr_engine_pieces_next(&pieces, &open))
    {
        place = ehr_engine_place_at(reading->root, open.place);

        if (wish->clinic == NULL
            || ehr_engine_key_equals(&place->clinic, wish->clinic))
        {
            result = ehr_engine_slots_piece(reading, wish, day, &open, found);
        }
    }

    return result;
}


static ehr_engine_result_t
ehr_engine_slots_piece(ehr_engine_reading_t *reading,
    const ehr_engine_wish_t *wish, uint32_t day,
    const ehr_engine_open_t *open, ehr_engine_found_t *found)
{
    uint32_t             granules, free, seat;
    ehr_engine_time_t    start, stop, end, midnight;
    ehr_engine_slot_t   *slot;
    ehr_engine_seats_t   seats;
    ehr_engine_result_t  result;

    midnight = day * EHR_ENGINE_DAY;
    granules = wish->granules ? wish->granules : open->slot;
    start = midnight + open->from + open->first;
    stop = midnight + open->to;

    if (stop > wish->to) {
        stop = wish->to;
    }

    if (start < wish->from) {
        start += (wish->from - start + open->slot - 1) / open->slot
                 * open->slot;
    }

    if (start >= stop || found->count == found->n) {
        return EHR_ENGINE_OK;
    }

    end = ehr_engine_open_end(reading, day, open);

    if (end == 0) {
        return EHR_ENGINE_ASK;
    }

    for (/* void */; start < stop && start + granules <= end
                     && found->count < found->n; start += open->slot)
    {
        result = ehr_engine_seats(reading, start, start + granules,
                                  open->capacity, &seats);

        if (result != EHR_ENGINE_OK) {
            return result;
        }

        free = ehr_engine_seats_free(&seats, open->capacity, &seat);

        if (free || wish->flags & EHR_ENGINE_ALSO_FULL) {
            slot = &found->slots[found->count++];
            slot->start = start;
            slot->granules = (uint16_t) granules;
            slot->free = (uint16_t) free;
            slot->seat = (uint16_t) seat;
            ehr_engine_slot_fill(reading, open, slot);
        }
    }

    return EHR_ENGINE_OK;
}


static void
ehr_engine_slot_fill(ehr_engine_reading_t *reading,
    const ehr_engine_open_t *open, ehr_engine_slot_t *slot)
{
    ehr_engine_key_t     key;
    ehr_engine_place_t  *place;

    place = ehr_engine_place_at(reading->root, open->place);

    slot->resource = reading->number;
    slot->slot = (uint16_t) open->slot;
    slot->capacity = (uint16_t) open->capacity;

    key = ehr_engine_key_load(&reading->resource->uuid);
    memcpy(&slot->uuid, &key, sizeof(key));
    key = ehr_engine_key_load(&place->clinic);
    memcpy(&slot->clinic, &key, sizeof(key));
    key = ehr_engine_key_load(&place->room);
    memcpy(&slot->room, &key, sizeof(key));
}
