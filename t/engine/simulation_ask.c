/*
 * What the simulation asks of the engine, against the model's answers.
 */

#include "simulation.h"


/* -- questions ------------------------------------------------------------- */

static ehr_engine_slot_t  found[SLOTS], wanted[SLOTS];


/* The answer last kept for each resource. */
static struct {
    uint64_t             version;
    uint32_t             from;
    uint32_t             to;
    size_t               count;
    ehr_engine_slot_t    slots[CACHED];
} cache[MODEL_RESOURCES + 1];


void
cache_forget(void)
{
    memset(cache, 0, sizeof(cache));
}


static void
check_cache(ehr_engine_t *engine, int32_t number, uint32_t from, uint32_t to)
{
    size_t               count;
    uint64_t             version;
    ehr_engine_result_t  result;

    version = ehr_engine_version(engine, number);

    if (version && version == cache[number].version) {
        tallies[TALLY_CACHED]++;
        result = model_slots(&model, number, cache[number].from,
                             cache[number].to, 0, 0, NULL, wanted, CACHED,
                             &count);
        must(result != EHR_ENGINE_OK
             || (count == cache[number].count
                 && slots_are(wanted, cache[number].slots, count)),
             "resource %d has changed, but not its version", number);
    }

    result = ehr_engine_slots(engine, number, from, to, 0, 0,
                              cache[number].slots, CACHED,
                              &cache[number].count);
    cache[number].version = result == EHR_ENGINE_OK ? version : 0;
    cache[number].from = from;
    cache[number].to = to;
}


void
step_slots(int process)
{
    size_t               count, expected;
    int32_t              number;
    uint32_t             from, to, granules;
    unsigned             flags;
    ehr_engine_result_t  result, right;

    number = 1 + (int32_t) below(MODEL_RESOURCES);
    from = some_time();
    to = from + below(once_in(4) ? 900 : 100);
    granules = once_in(2) ? 0 : 1 + below(15);
    flags = below(2);

    if (model.resources[number].is_torn) {
        return;
    }

    result = ehr_engine_slots(&engines[process], number, from, to, granules,
                              flags, found, SLOTS, &count);
    right = model_slots(&model, number, from, to, granules, flags, NULL,
                        wanted, SLOTS, &expected);

    if (result != EHR_ENGINE_ASK || !is_lenient()) {
        must(result == right, "slots of resource %d: %d instead of %d",
             number, result, right);
        tallies[TALLY_SLOTS] += count;
        must(count == expected && slots_are(found, wanted, count),
             "slots of resource %d in [%u, %u): %zu instead of %zu", number,
             from, to, count, expected);
    }

    check_cache(&engines[process], number, from, to);
}


/* What a search names. */
typedef struct {
    int32_t              numbers[3];
    ehr_engine_uuid_t    groups[2];
    ehr_engine_uuid_t    clinic;
} named_t;


/* Returns how many slots are wanted. */
static size_t
draw_search(ehr_engine_search_t *search, named_t *named)
{
    size_t    n;
    unsigned  i;

    memset(search, 0, sizeof(*search));
    search->from = some_time();
    search->until = once_in(2) ? 0 : search->from + below(600);
    search->granules = once_in(2) ? 0 : 1 + below(15);
    search->groups = named->groups;
    search->ngroups = below(3);
    named->clinic = model_clinic(below(MODEL_CLINICS));
    search->clinic = once_in(3) ? &named->clinic : NULL;
    n = 1 + below(8);

    for (i = 0; i < 2; i++) {
        named->groups[i] = model_group(below(MODEL_GROUPS));
    }

    if (once_in(4)) {
        search->resources = named->numbers;
        search->nresources = below(4);

        for (i = 0; i < 3; i++) {
            named->numbers[i] = 1 + (int32_t) below(MODEL_RESOURCES);
        }
    }

    return n;
}


void
step_first(int process)
{
    size_t               i, n, count, expected;
    named_t              named;
    uint32_t             poison;
    ehr_engine_search_t  search;
    ehr_engine_result_t  result, right;

    n = draw_search(&search, &named);
    result = ehr_engine_first(&engines[process], &search, found, n, &count);
    right = model_first(&model, &search, wanted, SLOTS, &expected, &poison);

    if (is_torn || (result == EHR_ENGINE_ASK && is_lenient())) {
        return;
    }

    if (right == EHR_ENGINE_OK && result == EHR_ENGINE_ASK) {
        must(poison != UINT32_MAX
             || (expected < n
                 && search.until > model.end_day * EHR_ENGINE_DAY),
             "search could have been answered");
        return;
    }

    must(result == right, "search: %d instead of %d", result, right);
    tallies[TALLY_FIRST] += count != 0;

    for (i = 0; i < n && i < expected; i++) {
        if (wanted[i].start >= poison) {
            return;
        }

        must(i < count && slots_are(&found[i], &wanted[i], 1),
             "search: slot %zu of %zu is another, %zu expected", i, count,
             expected);
    }

    must(poison != UINT32_MAX || count == i, "search: %zu instead of %zu",
         count, i);
}


void
step_find(int process)
{
    int32_t              number, answer;
    ehr_engine_uuid_t    uuid;
    ehr_engine_result_t  result;

    number = 1 + (int32_t) below(MODEL_RESOURCES);
    uuid = uuid_of(number);
    result = ehr_engine_find(&engines[process], kind_of(number), &uuid,
                             &answer);

    if (is_torn || !model.is_live) {
        return;
    }

    must(result == (model.resources[number].is_known ? EHR_ENGINE_OK
                                                     : EHR_ENGINE_NONE),
         "find: %d", result);
    must(result != EHR_ENGINE_OK || answer == number, "found another");
}


static void
resources_are_quiet(void)
{
    int32_t         number;
    unsigned        i;
    uint32_t        time;
    static uint8_t  busy[MODEL_RESOURCES + 1][MODEL_SEATS][MODEL_GRANULES];

    memset(busy, 0, sizeof(busy));

    for (i = 0; i < database.nclaims; i++) {
        for (time = database.claims[i].from;
             time < database.claims[i].to
             && database.claims[i].seat < MODEL_SEATS; time++)
        {
            busy[database.claims[i].number][database.claims[i].seat]
                [time - MODEL_DAY0 * EHR_ENGINE_DAY] = 1;
        }
    }

    for (number = 1; number <= MODEL_RESOURCES; number++) {
        must(database.exists[number] == model.resources[number].is_known,
             "resource %d is not what the database says", number);

        for (i = 0; i < MODEL_SEATS; i++) {
            for (time = (model.first_day - MODEL_DAY0) * EHR_ENGINE_DAY;
                 time < (model.first_day + MODEL_RING - MODEL_DAY0)
                        * EHR_ENGINE_DAY;
                 time++)
            {
                must(busy[number][i][time]
                     == model.resources[number].busy[i][time],
                     "resource %d, seat %u is not what the database says",
                     number, i);
            }
        }
    }

    for (i = 0; i < 8; i++) {
        step_slots((int) below(PROCESSES));
        step_first((int) below(PROCESSES));
    }
}


/* Everything is told and nothing is under way: engine and database agree. */
void
step_quiet(void)
{
    while (owner >= 0 && !is_torn && nevents) {
        step_feed();
    }

    if (owner < 0 || is_torn || is_lenient() || !model.is_live) {
        return;
    }

    resources_are_quiet();
    beds_are_quiet();
    tallies[TALLY_QUIET]++;
    check_tentative();
}
