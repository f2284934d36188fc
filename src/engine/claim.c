/*
 * Claiming all of a set of items, or none.
 */

#include "internal.h"


static int ehr_engine_items_are_valid(const ehr_engine_item_t *items,
    size_t n);
static int ehr_engine_is_final(const ehr_engine_item_t *items, size_t n);
static ehr_engine_result_t ehr_engine_claim_locked(ehr_engine_t *engine,
    const ehr_engine_uuid_t *act, ehr_engine_item_t *items, size_t n,
    int64_t deadline);
static ehr_engine_result_t ehr_engine_weigh_all(ehr_engine_t *engine,
    ehr_engine_item_t *items, size_t n, int is_locked);
static void ehr_engine_weigh(ehr_engine_t *engine, ehr_engine_item_t *items,
    size_t i);
static ehr_engine_why_t ehr_engine_weigh_read(ehr_engine_reading_t *reading,
    ehr_engine_item_t *items, size_t i);
static ehr_engine_why_t ehr_engine_weigh_open(ehr_engine_reading_t *reading,
    const ehr_engine_item_t *item, uint32_t *capacity);
static void ehr_engine_weigh_earlier(const ehr_engine_item_t *items, size_t i,
    ehr_engine_seats_t *seats);
static int ehr_engine_is_releasing(ehr_engine_t *engine, int32_t number);


ehr_engine_result_t
ehr_engine_claim(ehr_engine_t *engine, const ehr_engine_uuid_t *act,
    ehr_engine_item_t *items, size_t n, int64_t deadline)
{
    ehr_engine_result_t  result;

    if (!ehr_engine_items_are_valid(items, n)) {
        return EHR_ENGINE_INVALID;
    }

    if (ehr_engine_state(engine) != EHR_ENGINE_LIVE) {
        return ehr_engine_claim_counted(engine->root, EHR_ENGINE_ASK);
    }

    result = ehr_engine_weigh_all(engine, items, n, 0);

    /* most who come too late need no mutex to be told so */
    if (result != EHR_ENGINE_TAKEN || !ehr_engine_is_final(items, n)) {
        ehr_engine_lock(engine);
        result = ehr_engine_claim_locked(engine, act, items, n, deadline);
        ehr_engine_unlock(engine);
    }

    return ehr_engine_claim_counted(engine->root, result);
}


ehr_engine_result_t
ehr_engine_claim_counted(ehr_engine_root_t *root, ehr_engine_result_t result)
{
    switch (result) {

    case EHR_ENGINE_OK:
        ehr_engine_count(root->claims_held, 1);
        break;

    case EHR_ENGINE_TAKEN:
        ehr_engine_count(root->claims_taken, 1);
        break;

    default:
        ehr_engine_count(root->claims_asked, 1);
    }

    return result;
}


ehr_engine_result_t
ehr_engine_explain(ehr_engine_t *engine, ehr_engine_item_t *items, size_t n)
{
    if (!ehr_engine_items_are_valid(items, n)) {
        return EHR_ENGINE_INVALID;
    }

    if (ehr_engine_state(engine) != EHR_ENGINE_LIVE) {
        return EHR_ENGINE_ASK;
    }

    return ehr_engine_weigh_all(engine, items, n, 0);
}


static int
ehr_engine_items_are_valid(const ehr_engine_item_t *items, size_t n)
{
    size_t  i;

    if (n == 0 || n > EHR_ENGINE_ITEMS) {
        return 0;
    }

    for (i = 0; i < n; i++) {

        if (items[i].from >= items[i].to
            || items[i].capacity > EHR_ENGINE_SEATS)
        {
            return 0;
        }
    }

    return 1;
}


/* Whether something is in the way that no sweep would take out of it. */
static int
ehr_engine_is_final(const ehr_engine_item_t *items, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (items[i].why == EHR_ENGINE_IS_BUSY
            || items[i].why == EHR_ENGINE_OUTSIDE
            || items[i].why == EHR_ENGINE_OFF_GRID)
        {
            return 1;
        }
    }

    return 0;
}


static ehr_engine_result_t
ehr_engine_claim_locked(ehr_engine_t *engine, const ehr_engine_uuid_t *act,
    ehr_engine_item_t *items, size_t n, int64_t deadline)
{
    size_t                i;
    ehr_engine_key_t      key;
    ehr_engine_pool_t    *pool;
    ehr_engine_result_t   result;

    result = ehr_engine_weigh_all(engine, items, n, 1);

    if (result != EHR_ENGINE_OK) {
        return result;
    }

    pool = &engine->root->tentative_pool;

    if (pool->most - pool->used < n) {
        ehr_engine_store(pool->missing, pool->missing + (uint32_t) n);
        return EHR_ENGINE_ASK;
    }

    key = ehr_engine_key(act);
    ehr_engine_tentative_change(engine);

    for (i = 0; i < n; i++) {
        (void) ehr_engine_tentative_add(engine, &key, &items[i], 0,
                                         deadline);
    }

    ehr_engine_tentative_changed(engine);

    return EHR_ENGINE_OK;
}


static ehr_engine_result_t
ehr_engine_weigh_all(ehr_engine_t *engine, ehr_engine_item_t *items, size_t n,
    int is_locked)
{
    size_t               i;
    ehr_engine_result_t  result;

    result = EHR_ENGINE_OK;

    for (i = 0; i < n; i++) {
        ehr_engine_weigh(engine, items, i);

        if (is_locked && items[i].why == EHR_ENGINE_IS_TENTATIVE
            && ehr_engine_tentative_sweep(engine, items[i].resource))
        {
            ehr_engine_weigh(engine, items, i);
        }

        if (items[i].why == EHR_ENGINE_FREE) {
            continue;
        }

        if (ehr_engine_is_releasing(engine, items[i].resource)) {
            items[i].why = EHR_ENGINE_UNCERTAIN;
        }

        if (items[i].why != EHR_ENGINE_UNCERTAIN) {
            result = EHR_ENGINE_TAKEN;

        } else if (result == EHR_ENGINE_OK) {
            result = EHR_ENGINE_ASK;
        }
    }

    return result;
}


static void
ehr_engine_weigh(ehr_engine_t *engine, ehr_engine_item_t *items, size_t i)
{
    uint32_t              tries, index;
    ehr_engine_why_t      why;
    ehr_engine_item_t    *item;
    ehr_engine_result_t   result;
    ehr_engine_reading_t  reading;

    item = &items[i];
    item->seat = 0;
    item->why = EHR_ENGINE_UNCERTAIN;

    for (tries = 0; tries < EHR_ENGINE_TRIES; tries++) {
        index = ehr_engine_index(engine->root, item->resource);

        if (index == EHR_ENGINE_NOBODY) {
            return;
        }

        result = ehr_engine_read_begin(engine, &reading, index,
                                       item->resource);

        if (result == EHR_ENGINE_ASK) {
            return;
        }

        if (result != EHR_ENGINE_OK) {
            continue;
        }

        why = ehr_engine_weigh_read(&reading, items, i);

        if (ehr_engine_read_end(&reading)) {
            item->why = why;
            return;
        }
    }
}


static ehr_engine_why_t
ehr_engine_weigh_read(ehr_engine_reading_t *reading, ehr_engine_item_t *items,
    size_t i)
{
    uint32_t             capacity, seat, word, busy;
    ehr_engine_why_t     why;
    ehr_engine_item_t   *item;
    ehr_engine_seats_t   seats;

    item = &items[i];
    capacity = 1;

    if (item->from / EHR_ENGINE_DAY < reading->first_day
        || (item->to - 1) / EHR_ENGINE_DAY >= reading->end_day)
    {
        return EHR_ENGINE_UNCERTAIN;
    }

    if (reading->kind == EHR_ENGINE_DOCTOR) {
        why = ehr_engine_weigh_open(reading, item, &capacity);

        if (why != EHR_ENGINE_FREE) {
            return why;
        }
    }

    if (item->capacity) {
        capacity = item->capacity;
    }

    if (ehr_engine_seats(reading, item->from, item->to, capacity, &seats)
        != EHR_ENGINE_OK)
    {
        return EHR_ENGINE_UNCERTAIN;
    }

    ehr_engine_weigh_earlier(items, i, &seats);

    if (ehr_engine_seats_free(&seats, capacity, &seat)) {
        item->seat = (uint16_t) seat;
        return EHR_ENGINE_FREE;
    }

    for (word = 0, busy = 0; word < EHR_ENGINE_SEAT_WORDS; word++) {
        busy += (uint32_t) __builtin_popcountll(seats.busy[word]);
    }

    return busy == capacity ? EHR_ENGINE_IS_BUSY : EHR_ENGINE_IS_TENTATIVE;
}


/* Whether the item lies in an open period, whose capacity it finds. */
static ehr_engine_why_t
ehr_engine_weigh_open(ehr_engine_reading_t *reading,
    const ehr_engine_item_t *item, uint32_t *capacity)
{
    uint32_t             day, from, behind;
    ehr_engine_open_t    open;
    ehr_engine_time_t    end;
    ehr_engine_pieces_t  pieces;

    day = item->from / EHR_ENGINE_DAY;
    from = item->from % EHR_ENGINE_DAY;

    if (ehr_engine_pieces_begin(reading->root, &pieces, reading->index, day)
        != EHR_ENGINE_OK)
    {
        return EHR_ENGINE_UNCERTAIN;
    }

    do {
        if (!ehr_engine_pieces_next(&pieces, &open)) {
            return EHR_ENGINE_OUTSIDE;
        }
    } while (from < open.from || from >= open.to);

    end = ehr_engine_open_end(reading, day, &open);

    if (end == 0) {
        return EHR_ENGINE_UNCERTAIN;
    }

    if (item->to > end) {
        return EHR_ENGINE_OUTSIDE;
    }

    behind = from - open.from;
    *capacity = open.capacity;

    return behind < open.first || (behind - open.first) % open.slot
           ? EHR_ENGINE_OFF_GRID : EHR_ENGINE_FREE;
}


/* What items before this one in the same set take. */
static void
ehr_engine_weigh_earlier(const ehr_engine_item_t *items, size_t i,
    ehr_engine_seats_t *seats)
{
    size_t  k;

    for (k = 0; k < i; k++) {

        if (items[k].resource == items[i].resource
            && items[k].why == EHR_ENGINE_FREE
            && items[k].from < items[i].to
            && items[k].to > items[i].from)
        {
            seats->tentative[items[k].seat / 64]
                |= (uint64_t) 1 << items[k].seat % 64;
        }
    }
}


/* -- releasing ------------------------------------------------------------- */

void
ehr_engine_releasing(ehr_engine_t *engine, int32_t number, int64_t until)
{
    uint32_t                index;
    ehr_engine_resource_t  *resource;

    index = ehr_engine_index(engine->root, number);

    if (index == EHR_ENGINE_NOBODY) {
        ehr_engine_bed_releasing(engine->root, number, until);
        return;
    }

    resource = ehr_engine_resource_at(engine->root, index);

    if (ehr_engine_load(resource->releasing) < until) {
        ehr_engine_store(resource->releasing, until);
    }
}


static int
ehr_engine_is_releasing(ehr_engine_t *engine, int32_t number)
{
    int64_t   until, now;
    uint32_t  index;

    index = ehr_engine_index(engine->root, number);

    if (index == EHR_ENGINE_NOBODY) {
        return 0;
    }

    until = ehr_engine_load(ehr_engine_resource_at(engine->root,
                                                   index)->releasing);

    if (until == 0) {
        return 0;
    }

    now = engine->host->now(engine->host->data);

    return until > now && until <= now + EHR_ENGINE_DEADLINE_MAX;
}
