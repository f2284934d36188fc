/*
 * What the simulation asks about beds, against the model's answers.
 */

#include "simulation_beds.h"


#define FOUND       4u

/* What somebody saw in the middle of a change. */
static struct {
    ehr_engine_bed_wish_t    wish;
    ehr_engine_uuid_t        places[3];
    ehr_engine_result_t      result;
    size_t                   count;
    ehr_engine_bed_found_t   found[FOUND];
} glance;

/* What a ward was like when it had this version. */
static struct {
    uint64_t                 version;
    uint64_t                 state;
} wards[MODEL_PLACES];


void
wards_forget(void)
{
    memset(wards, 0, sizeof(wards));
}


/* -- wishes ---------------------------------------------------------------- */

void
bed_draw_wish(ehr_engine_bed_wish_t *wish, ehr_engine_uuid_t *places)
{
    unsigned  i;

    memset(wish, 0, sizeof(*wish));

    for (i = 0; i < 3; i++) {
        places[i] = model_place(i, below(MODEL_PLACES));
    }

    wish->hospital = once_in(4) ? &places[0] : NULL;
    wish->ward = once_in(3) ? &places[1] : NULL;
    wish->room_class = once_in(4) ? &places[2] : NULL;
    wish->resource = once_in(3)
                     ? MODEL_BED0 + 1 + (int32_t) below(MODEL_BEDS) : 0;
    wish->equipment = (uint16_t) (once_in(3) ? below(1 << BED_KINDS) : 0);
    wish->is_isolation = (uint8_t) once_in(8);
    wish->sex = bed_draw_sex();
    wish->age = (uint8_t) below(4);
    wish->is_planned = (uint8_t) once_in(4);
    wish->from = wish->is_planned ? wall + 1 + below(60) : wall;
    wish->to = once_in(3) ? wish->from + 1 + below(60) : EHR_ENGINE_OPEN_END;
}


int
bed_found_is(const ehr_engine_bed_found_t *one,
    const ehr_engine_bed_found_t *two)
{
    return one->resource == two->resource && one->why == two->why
           && one->surplus == two->surplus && one->status == two->status
           && model_uuid_is(&one->uuid, &two->uuid)
           && model_uuid_is(&one->ward, &two->ward)
           && model_uuid_is(&one->room, &two->room);
}


void
beds_must_be_free(const ehr_engine_bed_wish_t *wish,
    const ehr_engine_uuid_t *act, const ehr_engine_bed_found_t *found,
    size_t n, int skips_over)
{
    size_t                i;
    unsigned              bed;
    ehr_engine_bed_why_t  why;

    for (i = 0; i < n; i++) {
        bed = (unsigned) (found[i].resource - MODEL_BED0);
        why = model_bed_weigh(&model, bed, wish, act, skips_over);
        must(why == EHR_ENGINE_BED_IS_FREE
             || (model.beds[bed].bed.policy == EHR_ENGINE_ROOM_SAME
                 && (why == EHR_ENGINE_BED_IS_FOR_OTHER_SEX
                     || why == EHR_ENGINE_BED_IS_HELD)),
             "bed %d is not free: %d", found[i].resource, why);
    }
}


/* -- looking while others write -------------------------------------------- */

void
bed_look(ehr_engine_t *engine)
{
    size_t  i;

    bed_draw_wish(&glance.wish, glance.places);
    glance.result = ehr_engine_bed_find(engine, &glance.wish, glance.found,
                                        FOUND, &glance.count);

    for (i = 0; i < glance.count; i++) {
        must(glance.found[i].resource > MODEL_BED0
             && glance.found[i].resource <= MODEL_BED0 + MODEL_BEDS,
             "a bed that never was");
    }

    tallies[TALLY_BEDS_SEEN] += glance.result == EHR_ENGINE_OK;
}


int
bed_glance_is_right(void)
{
    size_t                  i, count, n;
    ehr_engine_result_t     result;
    ehr_engine_bed_found_t  found[FOUND];

    if (glance.result == EHR_ENGINE_ASK || is_lenient()) {
        return 1;
    }

    n = glance.wish.resource ? 1 : FOUND;
    result = model_bed_find(&model, &glance.wish, NULL, 0, found, n, &count);

    if (result == EHR_ENGINE_ASK || count != glance.count) {
        return 0;
    }

    for (i = 0; i < count || (glance.wish.resource && i == 0); i++) {
        if (!bed_found_is(&found[i], &glance.found[i])) {
            return 0;
        }
    }

    return 1;
}


/* -- questions ------------------------------------------------------------- */

void
step_bed_find(int process)
{
    size_t                  i, n, count, expected;
    ehr_engine_uuid_t       places[3];
    ehr_engine_result_t     result, right;
    ehr_engine_bed_wish_t   wish;
    ehr_engine_bed_found_t  found[MODEL_BEDS], wanted[MODEL_BEDS];

    bed_draw_wish(&wish, places);
    n = wish.resource ? 1 : 1 + below(MODEL_BEDS);
    result = ehr_engine_bed_find(&engines[process], &wish, found, n, &count);
    right = model_bed_find(&model, &wish, NULL, 0, wanted, n, &expected);

    if (is_bed_torn) {
        return;
    }

    tallies[TALLY_BEDS_FOUND] += count;

    if (is_lenient()) {
        beds_must_be_free(&wish, NULL, found, count, 0);
        must(result == EHR_ENGINE_ASK || right == EHR_ENGINE_ASK
             || count >= expected,
             "beds: %zu instead of %zu", count, expected);
        return;
    }

    must((result == EHR_ENGINE_ASK) == (right == EHR_ENGINE_ASK)
         && (result == EHR_ENGINE_ASK || result == EHR_ENGINE_OK),
         "beds: %d instead of %d", result, right);
    must(count == expected, "beds: %zu instead of %zu", count, expected);

    for (i = 0; i < count; i++) {
        must(bed_found_is(&found[i], &wanted[i]), "bed %zu is %d instead of %d",
             i, found[i].resource, wanted[i].resource);
    }

    must(!wish.resource || !model_answers(&model)
         || found[0].why == wanted[0].why, "bed %d: why %d instead of %d",
         wish.resource, found[0].why, wanted[0].why);
}


/* All that is known of a ward, as a number. */
static uint64_t
ward_state(unsigned ward)
{
    size_t          k;
    uint64_t        state;
    unsigned        i, s;
    const uint8_t  *bytes;

    for (i = 1, state = 0; i <= MODEL_BEDS; i++) {
        if (!model.beds[i].is_known
            || model_place_of(&model.beds[i].bed.ward) != ward)
        {
            continue;
        }

        state = ehr_engine_mix(state + i);
        bytes = (const uint8_t *) &model.beds[i].bed;

        for (k = 0; k < sizeof(model.beds[i].bed); k++) {
            state = ehr_engine_mix(state + bytes[k]);
        }

        for (s = 0; s < model.nstays; s++) {
            if (model.stays[s].number == (int32_t) i + MODEL_BED0) {
                state += ehr_engine_mix((uint64_t) model.stays[s].from << 32
                                        | model.stays[s].to);
            }
        }
    }

    return state;
}


static void
check_ward(ehr_engine_t *engine, unsigned n)
{
    uint64_t           version, state;
    ehr_engine_uuid_t  ward;

    ward = model_place(1, n);
    version = ehr_engine_ward_version(engine, &ward);
    state = ward_state(n);

    if (is_lenient()) {
        return;
    }

    if (version && version == wards[n].version) {
        tallies[TALLY_WARDS_KEPT]++;
        must(state == wards[n].state, "ward %u has changed, but not its "
             "version", n);
    }

    if (version && once_in(8)) {
        ehr_engine_ward_touch(engine, &ward);
        must(ehr_engine_ward_version(engine, &ward) != version,
             "ward %u was touched", n);
        version = 0;
    }

    wards[n].version = version;
    wards[n].state = state;
}


void
step_bed_counts(int process)
{
    int32_t                   number;
    unsigned                  i;
    uint32_t                  counts[EHR_ENGINE_BED_STATUSES];
    uint32_t                  wanted[EHR_ENGINE_BED_STATUSES];
    ehr_engine_uuid_t         places[3];
    ehr_engine_result_t       result, right;
    const ehr_engine_uuid_t  *asked[3];

    for (i = 0; i < 3; i++) {
        places[i] = model_place(i, below(MODEL_PLACES));
        asked[i] = once_in(2) ? &places[i] : NULL;
    }

    result = ehr_engine_bed_counts(&engines[process], asked[0], asked[1],
                                   asked[2], counts);
    right = model_bed_counts(&model, asked, wanted);

    if (is_bed_torn) {
        return;
    }

    must(result == right || (result == EHR_ENGINE_ASK && is_lenient()),
         "counts: %d instead of %d", result, right);
    must(result != EHR_ENGINE_OK
         || memcmp(counts, wanted, sizeof(counts)) == 0,
         "other counts: %u instead of %u", counts[0], wanted[0]);

    check_ward(&engines[process], below(MODEL_PLACES));

    i = 1 + below(MODEL_BEDS);
    result = ehr_engine_find(&engines[process], EHR_ENGINE_BED,
                             &database.beds[i].bed.uuid, &number);
    must(is_lenient() || !model.is_live
         || result == (model.beds[i].is_known ? EHR_ENGINE_OK
                                              : EHR_ENGINE_NONE),
         "finding bed %u: %d", i, result);
    must(result != EHR_ENGINE_OK || number == (int32_t) i + MODEL_BED0,
         "found another bed");
}




/* Everything is told: what is known of beds is what the database has. */
void
beds_are_quiet(void)
{
    unsigned  i, k, n;

    if (is_bed_torn) {
        return;
    }

    for (i = 1; i <= MODEL_BEDS; i++) {
        must(database.beds[i].is_known == model.beds[i].is_known
             && (!model.beds[i].is_known
                 || memcmp(&database.beds[i].bed, &model.beds[i].bed,
                           sizeof(model.beds[i].bed)) == 0),
             "bed %u is not what the database says", i);
    }

    for (i = 0, n = 0; i < database.nstays; i++) {
        if (database.stays[i].seat || database.stays[i].to <= wall) {
            continue;
        }

        for (k = 0; k < model.nstays; k++) {
            if (stay_is(&model.stays[k], &database.stays[i])) {
                break;
            }
        }

        must(k < model.nstays, "bed %d: a stay is missing",
             database.stays[i].number);
        n++;
    }

    for (k = 0; k < model.nstays; k++) {
        n -= model.stays[k].to > wall;
    }

    must(n == 0, "stays that the database has not");

    for (i = 0; i < 4; i++) {
        step_bed_find((int) below(PROCESSES));
        step_bed_counts((int) below(PROCESSES));
    }
}
