/*
 * The first free slots of many doctors.
 *
 * Day by day and quarter by quarter of an hour, a row of bits says which
 * doctors may have a slot; of those who are in question each is looked at.
 * What was found in a quarter comes before all of the next one.
 */

#include "internal.h"


/* Resources in question, and the words of them that are not zero. */
typedef struct {
    uint64_t                    mask[EHR_ENGINE_RESOURCES_MAX / 64];
    uint16_t                    words[EHR_ENGINE_RESOURCES_MAX / 64];
    uint32_t                    n;
} ehr_engine_crowd_t;

typedef struct {
    ehr_engine_t               *engine;
    ehr_engine_root_t          *root;
    const ehr_engine_search_t  *search;
    ehr_engine_key_t            clinic;
    ehr_engine_wish_t           wish;       /* of the quarter */
    ehr_engine_time_t           until;
    uint32_t                    is_sorted;
    uint32_t                    generation;

    ehr_engine_slot_t          *slots;      /* in order */
    size_t                      n;
    size_t                      count;

    ehr_engine_crowd_t          all;
    ehr_engine_crowd_t          today;      /* of all, who may have a slot */
} ehr_engine_first_t;


static ehr_engine_result_t ehr_engine_first_whom(ehr_engine_first_t *first);
static void ehr_engine_first_everybody(ehr_engine_first_t *first);
static ehr_engine_result_t ehr_engine_first_listed(ehr_engine_first_t *first);
static ehr_engine_result_t ehr_engine_first_days(ehr_engine_first_t *first,
    uint32_t end_day);
static int ehr_engine_first_meets_unknown(ehr_engine_first_t *first,
    uint32_t day);
static void ehr_engine_first_today(ehr_engine_first_t *first, uint32_t day);
static ehr_engine_result_t ehr_engine_first_day(ehr_engine_first_t *first,
    uint32_t day);
static ehr_engine_result_t ehr_engine_first_quarter(
    ehr_engine_first_t *first, uint32_t day, uint32_t quarter);
static int ehr_engine_first_is_beaten(ehr_engine_first_t *first,
    uint32_t index);
static ehr_engine_result_t ehr_engine_first_look(ehr_engine_first_t *first,
    uint32_t index);
static void ehr_engine_first_insert(ehr_engine_first_t *first,
    const ehr_engine_slot_t *slot);
static int ehr_engine_feed_is_dead(ehr_engine_t *engine);


ehr_engine_result_t
ehr_engine_first(ehr_engine_t *engine, const ehr_engine_search_t *search,
    ehr_engine_slot_t *slots, size_t n, size_t *count)
{
    uint32_t              first_day, end_day;
    ehr_engine_first_t    first;
    ehr_engine_result_t   result;

    *count = 0;

    if (search->granules > UINT16_MAX
        || (search->until && search->from > search->until))
    {
        return EHR_ENGINE_INVALID;
    }

    first.engine = engine;
    first.root = engine->root;
    first.search = search;
    first.slots = slots;
    first.n = n;
    first.count = 0;
    first.generation = ehr_engine_generation(engine);

    if (ehr_engine_state(engine) != EHR_ENGINE_LIVE
        || ehr_engine_feed_is_dead(engine))
    {
        return EHR_ENGINE_ASK;
    }

    ehr_engine_horizon(engine, &first_day, &end_day);
    first.until = search->until ? search->until : end_day * EHR_ENGINE_DAY;
    first.is_sorted = ehr_engine_load(first.root->is_sorted);

    if (search->from / EHR_ENGINE_DAY < first_day) {
        return EHR_ENGINE_ASK;
    }

    result = ehr_engine_first_whom(&first);

    if (result == EHR_ENGINE_OK && n) {
        result = ehr_engine_first_days(&first, end_day);
    }

    if (result == EHR_ENGINE_NONE) {
        result = EHR_ENGINE_OK;
    }

    if (ehr_engine_generation(engine) != first.generation) {
        result = EHR_ENGINE_ASK;
    }

    *count = result == EHR_ENGINE_OK ? first.count : 0;

    return result;
}


/* The rows are not read under a sequence.  What a living owner of the feed is
 * just changing counts as not yet changed, but what a dead one has left may
 * be half of it. */
static int
ehr_engine_feed_is_dead(ehr_engine_t *engine)
{
    int32_t   pid;
    uint32_t  tries;

    for (tries = 0; tries < EHR_ENGINE_TRIES; tries++) {
        pid = ehr_engine_load_first(engine->root->writing);

        if (pid == 0) {
            return 0;
        }

        ehr_engine_pause();
    }

    return !engine->host->is_alive(engine->host->data, pid);
}


/* -- who is in question ---------------------------------------------------- */

static ehr_engine_result_t
ehr_engine_first_whom(ehr_engine_first_t *first)
{
    uint32_t                    word;
    ehr_engine_result_t         result;
    const ehr_engine_search_t  *search;

    search = first->search;

    if (search->clinic) {
        first->clinic = ehr_engine_key(search->clinic);
    }

    first->wish.granules = search->granules;
    first->wish.flags = 0;
    first->wish.clinic = search->clinic ? &first->clinic : NULL;
    result = EHR_ENGINE_OK;

    if (search->resources) {
        result = ehr_engine_first_listed(first);

    } else if (ehr_engine_load(first->root->resource_pool.missing)) {
        result = EHR_ENGINE_ASK;

    } else {
        ehr_engine_first_everybody(first);
    }

    if (result == EHR_ENGINE_OK && search->ngroups) {
        result = ehr_engine_groups_mask(first->root, search->groups,
                                        search->ngroups, first->all.mask);
    }

    first->all.n = 0;

    for (word = 0; word < first->root->words; word++) {

        if (first->all.mask[word]) {
            first->all.words[first->all.n++] = (uint16_t) word;
        }
    }

    return result;
}


static void
ehr_engine_first_everybody(ehr_engine_first_t *first)
{
    uint32_t  most;

    most = first->root->resource_pool.most;
    memset(first->all.mask, 0xff, first->root->words * sizeof(uint64_t));

    if (most % 64) {
        first->all.mask[most / 64] = ((uint64_t) 1 << most % 64) - 1;
    }
}


static ehr_engine_result_t
ehr_engine_first_listed(ehr_engine_first_t *first)
{
    size_t    i;
    uint32_t  index;

    memset(first->all.mask, 0, first->root->words * sizeof(uint64_t));

    for (i = 0; i < first->search->nresources; i++) {
        index = ehr_engine_index(first->root, first->search->resources[i]);

        if (index == EHR_ENGINE_NOBODY) {
            return EHR_ENGINE_ASK;
        }

        first->all.mask[index / 64] |= (uint64_t) 1 << index % 64;
    }

    return EHR_ENGINE_OK;
}


/* -- when ------------------------------------------------------------------ */

static ehr_engine_result_t
ehr_engine_first_days(ehr_engine_first_t *first, uint32_t end_day)
{
    uint32_t             day, end;
    ehr_engine_result_t  result;

    if (first->until <= first->search->from) {
        return EHR_ENGINE_OK;
    }

    end = (first->until - 1) / EHR_ENGINE_DAY + 1;

    for (day = first->search->from / EHR_ENGINE_DAY;
         day < end && day < end_day; day++)
    {
        if (ehr_engine_first_meets_unknown(first, day)) {
            return EHR_ENGINE_ASK;
        }

        ehr_engine_first_today(first, day);

        if (first->today.n == 0) {
            continue;
        }

        result = ehr_engine_first_day(first, day);

        if (result != EHR_ENGINE_OK || first->count == first->n) {
            return result;
        }
    }

    return end > end_day ? EHR_ENGINE_ASK : EHR_ENGINE_OK;
}


static int
ehr_engine_first_meets_unknown(ehr_engine_first_t *first, uint32_t day)
{
    uint32_t   i, word;
    uint64_t  *bits;

    if (ehr_engine_load(*ehr_engine_row_count_at(first->root, day,
                                                 EHR_ENGINE_ROW_UNKNOWN))
        == 0)
    {
        return 0;
    }

    bits = ehr_engine_row_at(first->root, day, EHR_ENGINE_ROW_UNKNOWN);

    for (i = 0; i < first->all.n; i++) {
        word = first->all.words[i];

        if (ehr_engine_load(bits[word]) & first->all.mask[word]) {
            return 1;
        }
    }

    return 0;
}


/* Who has something free on that day, and for long enough. */
static void
ehr_engine_first_today(ehr_engine_first_t *first, uint32_t day)
{
    uint8_t   *runs, run;
    uint32_t   i, word;
    uint64_t  *any, bits, left;

    first->today.n = 0;

    if (ehr_engine_load(*ehr_engine_row_count_at(first->root, day,
                                                 EHR_ENGINE_ROW_ANY)) == 0)
    {
        return;
    }

    any = ehr_engine_row_at(first->root, day, EHR_ENGINE_ROW_ANY);

    for (i = 0; i < first->all.n; i++) {
        word = first->all.words[i];
        runs = ehr_engine_run_at(first->root, day, word * 64u);
        bits = ehr_engine_load(any[word]) & first->all.mask[word];

        for (left = bits; left && first->search->granules > 1;
             left &= left - 1)
        {
            run = ehr_engine_load(runs[__builtin_ctzll(left)]);

            if (run < first->search->granules && run != EHR_ENGINE_RUN_MAX) {
                bits ^= left & -left;
            }
        }

        if (bits) {
            first->today.mask[word] = bits;
            first->today.words[first->today.n++] = (uint16_t) word;
        }
    }
}


static ehr_engine_result_t
ehr_engine_first_day(ehr_engine_first_t *first, uint32_t day)
{
    uint32_t             quarter;
    ehr_engine_time_t    from, to, start;
    ehr_engine_result_t  result;

    for (quarter = 0; quarter < EHR_ENGINE_QUARTERS; quarter++) {
        start = day * EHR_ENGINE_DAY + quarter * EHR_ENGINE_QUARTER;
        from = start;
        to = start + EHR_ENGINE_QUARTER;

        if (from < first->search->from) {
            from = first->search->from;
        }

        if (to > first->until) {
            to = first->until;
        }

        if (from >= to) {
            continue;
        }

        first->wish.from = from;
        first->wish.to = to;
        result = ehr_engine_first_quarter(first, day, quarter);

        if (result != EHR_ENGINE_OK || first->count == first->n) {
            return result;
        }
    }

    return EHR_ENGINE_OK;
}


static ehr_engine_result_t
ehr_engine_first_quarter(ehr_engine_first_t *first, uint32_t day,
    uint32_t quarter)
{
    uint32_t              i, index, word;
    uint64_t             *row, bits;
    ehr_engine_result_t   result;

    if (ehr_engine_load(*ehr_engine_row_count_at(first->root, day, quarter))
        == 0)
    {
        return EHR_ENGINE_OK;
    }

    row = ehr_engine_row_at(first->root, day, quarter);

    for (i = 0; i < first->today.n; i++) {
        word = first->today.words[i];
        bits = ehr_engine_load(row[word]) & first->today.mask[word];

        for (/* void */; bits; bits &= bits - 1) {
            index = word * 64 + (uint32_t) __builtin_ctzll(bits);

            if (ehr_engine_first_is_beaten(first, index)) {

                if (first->is_sorted) {
                    return EHR_ENGINE_OK;
                }

                continue;
            }

            result = ehr_engine_first_look(first, index);

            if (result != EHR_ENGINE_OK) {
                return result;
            }
        }
    }

    return EHR_ENGINE_OK;
}


/* Whether all that can be found is better than the best of this one.  If
 * uuids ascend with the index, then also than all behind it. */
static int
ehr_engine_first_is_beaten(ehr_engine_first_t *first, uint32_t index)
{
    ehr_engine_key_t    key;
    ehr_engine_slot_t  *last;

    if (first->count < first->n) {
        return 0;
    }

    last = &first->slots[first->n - 1];

    if (last->start != first->wish.from) {
        return 0;
    }

    key = ehr_engine_key_load(&ehr_engine_resource_at(first->root,
                                                      index)->uuid);

    return memcmp(&key, &last->uuid, sizeof(key)) > 0;
}


/* -- one doctor ------------------------------------------------------------ */

static ehr_engine_result_t
ehr_engine_first_look(ehr_engine_first_t *first, uint32_t index)
{
    size_t                 i, count;
    int32_t                number;
    uint32_t               tries;
    ehr_engine_slot_t      slots[EHR_ENGINE_QUARTER];
    ehr_engine_result_t    result;
    ehr_engine_reading_t   reading;

    for (tries = 0; tries < EHR_ENGINE_TRIES; tries++) {
        number = ehr_engine_load(ehr_engine_resource_at(first->root,
                                                        index)->number);
        result = ehr_engine_read_begin(first->engine, &reading, index,
                                       number);

        if (result == EHR_ENGINE_ASK) {
            return result;
        }

        if (result == EHR_ENGINE_NONE) {
            return EHR_ENGINE_OK;       /* just forgotten */
        }

        if (result != EHR_ENGINE_OK) {
            continue;
        }

        result = ehr_engine_slots_read(&reading, &first->wish, slots,
                                       EHR_ENGINE_QUARTER, &count);

        if (!ehr_engine_read_end(&reading)) {
            continue;
        }

        for (i = 0; result == EHR_ENGINE_OK && i < count; i++) {
            ehr_engine_first_insert(first, &slots[i]);
        }

        return result == EHR_ENGINE_NONE ? EHR_ENGINE_OK : result;
    }

    return EHR_ENGINE_ASK;
}


static int
ehr_engine_slot_compare(const ehr_engine_slot_t *one,
    const ehr_engine_slot_t *two)
{
    if (one->start != two->start) {
        return one->start < two->start ? -1 : 1;
    }

    return memcmp(&one->uuid, &two->uuid, sizeof(one->uuid));
}


/* Puts it where it belongs, if that is among the first n. */
static void
ehr_engine_first_insert(ehr_engine_first_t *first,
    const ehr_engine_slot_t *slot)
{
    size_t  low, high, middle;

    low = 0;
    high = first->count;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (ehr_engine_slot_compare(slot, &first->slots[middle]) < 0) {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    if (low == first->n) {
        return;
    }

    if (first->count < first->n) {
        first->count++;
    }

    memmove(&first->slots[low + 1], &first->slots[low],
            (first->count - 1 - low) * sizeof(ehr_engine_slot_t));
    first->slots[low] = *slot;
}
