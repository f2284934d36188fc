/*
 * Beds as they ought to be known: lists, and every bed is looked at.
 */

#include "model.h"

#include <string.h>


ehr_engine_uuid_t
model_place(unsigned kind, unsigned n)
{
    return model_uuid(80 + kind, n);
}


unsigned
model_place_of(const ehr_engine_uuid_t *uuid)
{
    unsigned  n;

    memcpy(&n, uuid->bytes + 8, sizeof(n));

    return n;
}


static int
is_releasing(const model_t *model, unsigned bed)
{
    int64_t  until;

    until = model->beds[bed].releasing;

    return until > model->now && until <= model->now + EHR_ENGINE_DEADLINE_MAX;
}


/* Whether it is what is wanted, and for such a patient; not whether free. */
static int
suits(const ehr_engine_bed_t *bed, const ehr_engine_bed_wish_t *wish)
{
    return (!wish->hospital || model_uuid_is(wish->hospital, &bed->hospital))
           && (!wish->ward || model_uuid_is(wish->ward, &bed->ward))
           && (!wish->room_class
               || model_uuid_is(wish->room_class, &bed->room_class))
           && (bed->equipment & wish->equipment) == wish->equipment
           && (!wish->is_isolation || bed->is_isolation)
           && (!wish->age || !bed->age || wish->age == bed->age)
           && (!wish->sex || bed->policy != EHR_ENGINE_ROOM_MALE
               || wish->sex == EHR_ENGINE_SEX_MALE)
           && (!wish->sex || bed->policy != EHR_ENGINE_ROOM_FEMALE
               || wish->sex == EHR_ENGINE_SEX_FEMALE);
}


/* Whether in the bed's room somebody lies of this sex, or of any other. */
static int
room_has(const model_t *model, unsigned bed, unsigned sex, int is_other)
{
    unsigned  i;

    for (i = 1; i <= MODEL_BEDS; i++) {
        if (model->beds[i].is_known && model->beds[i].bed.occupant_sex
            && (model->beds[i].bed.occupant_sex != sex) == is_other
            && model_uuid_is(&model->beds[i].bed.room,
                             &model->beds[bed].bed.room))
        {
            return 1;
        }
    }

    return 0;
}


static int
is_claimed(const model_t *model, unsigned bed,
    const ehr_engine_bed_wish_t *wish, const ehr_engine_uuid_t *act,
    int *is_own)
{
    int                  claimed;
    unsigned             i;
    const model_stay_t  *stay;

    *is_own = 0;

    for (i = 0, claimed = 0; i < model->nstays; i++) {
        stay = &model->stays[i];

        if (stay->number != (int32_t) bed + MODEL_BED0
            || stay->from >= wish->to || stay->to <= wish->from)
        {
            continue;
        }

        if (wish->resource && act && stay->has_act
            && model_uuid_is(&stay->act, act))
        {
            *is_own = 1;
        } else {
            claimed = 1;
        }
    }

    return claimed;
}


static int
is_held(const model_t *model, unsigned bed,
    const ehr_engine_bed_wish_t *wish, int skips_over)
{
    unsigned                  i, other;
    const model_tentative_t  *entry;

    for (i = 0; i < model->ntentative; i++) {
        entry = &model->tentative[i];

        if (!entry->is_bed || (skips_over && model_is_over(model, entry))) {
            continue;
        }

        other = (unsigned) (entry->number - MODEL_BED0);

        if (other == bed && entry->from < wish->to && entry->to > wish->from)
        {
            return 1;
        }

        if (model->beds[bed].bed.policy == EHR_ENGINE_ROOM_SAME
            && wish->sex && !wish->is_planned && entry->sex
            && entry->sex != wish->sex && model->beds[other].is_known
            && model_uuid_is(&model->beds[other].bed.room,
                             &model->beds[bed].bed.room))
        {
            return 1;
        }
    }

    return 0;
}


ehr_engine_bed_why_t
model_bed_weigh(const model_t *model, unsigned bed,
    const ehr_engine_bed_wish_t *wish, const ehr_engine_uuid_t *act,
    int skips_over)
{
    int                      claimed, is_own;
    const ehr_engine_bed_t  *what;

    if (!model->beds[bed].is_known) {
        return EHR_ENGINE_BED_IS_UNCERTAIN;
    }

    what = &model->beds[bed].bed;
    claimed = is_claimed(model, bed, wish, act, &is_own);

    if (wish->is_planned) {
        if (what->status == EHR_ENGINE_BED_OUT_OF_SERVICE) {
            return EHR_ENGINE_BED_IS_NOT_AVAILABLE;
        }

    } else if (what->status != EHR_ENGINE_BED_AVAILABLE
               && (what->status != EHR_ENGINE_BED_RESERVED || !is_own))
    {
        return EHR_ENGINE_BED_IS_NOT_AVAILABLE;
    }

    if (claimed) {
        return EHR_ENGINE_BED_IS_CLAIMED;
    }

    if (wish->age && what->age && wish->age != what->age) {
        return EHR_ENGINE_BED_IS_FOR_OTHER_AGE;
    }

    if (wish->sex
        && ((what->policy == EHR_ENGINE_ROOM_MALE
             && wish->sex != EHR_ENGINE_SEX_MALE)
            || (what->policy == EHR_ENGINE_ROOM_FEMALE
                && wish->sex != EHR_ENGINE_SEX_FEMALE)
            || (what->policy == EHR_ENGINE_ROOM_SAME && !wish->is_planned
                && room_has(model, bed, wish->sex, 1))))
    {
        return EHR_ENGINE_BED_IS_FOR_OTHER_SEX;
    }

    return is_held(model, bed, wish, skips_over) ? EHR_ENGINE_BED_IS_HELD
                                                 : EHR_ENGINE_BED_IS_FREE;
}


/* -- the best -------------------------------------------------------------- */

static unsigned
surplus(const ehr_engine_bed_t *bed, const ehr_engine_bed_wish_t *wish)
{
    unsigned  kind, n;

    n = bed->is_isolation && !wish->is_isolation;

    for (kind = 0; kind < 15; kind++) {
        n += (bed->equipment >> kind & 1) && !(wish->equipment >> kind & 1);
    }

    return n;
}


static int
is_room_of_sex(const model_t *model, unsigned bed,
    const ehr_engine_bed_wish_t *wish)
{
    unsigned  policy;

    policy = model->beds[bed].bed.policy;

    return policy == EHR_ENGINE_ROOM_MALE || policy == EHR_ENGINE_ROOM_FEMALE
           || (policy == EHR_ENGINE_ROOM_SAME && wish->sex
               && room_has(model, bed, wish->sex, 0));
}


static int
is_better(const model_t *model, unsigned one, unsigned two,
    const ehr_engine_bed_wish_t *wish)
{
    const ehr_engine_bed_t  *first, *second;

    first = &model->beds[one].bed;
    second = &model->beds[two].bed;

    if (surplus(first, wish) != surplus(second, wish)) {
        return surplus(first, wish) < surplus(second, wish);
    }

    if (is_room_of_sex(model, one, wish) != is_room_of_sex(model, two, wish))
    {
        return is_room_of_sex(model, one, wish);
    }

    if (first->order != second->order) {
        return first->order < second->order;
    }

    return one < two;
}


static void
describe(const model_t *model, unsigned bed,
    const ehr_engine_bed_wish_t *wish, ehr_engine_bed_why_t why,
    ehr_engine_bed_found_t *found)
{
    memset(found, 0, sizeof(*found));
    found->resource = (int32_t) bed + MODEL_BED0;
    found->why = why;

    if (model->beds[bed].is_known) {
        found->uuid = model->beds[bed].bed.uuid;
        found->ward = model->beds[bed].bed.ward;
        found->room = model->beds[bed].bed.room;
        found->surplus = surplus(&model->beds[bed].bed, wish);
        found->status = model->beds[bed].bed.status;
    }
}


static ehr_engine_result_t
find_named(const model_t *model, const ehr_engine_bed_wish_t *wish,
    const ehr_engine_uuid_t *act, int skips_over,
    ehr_engine_bed_found_t *found, size_t *count)
{
    unsigned              bed;
    ehr_engine_bed_why_t  why;

    bed = (unsigned) (wish->resource - MODEL_BED0);
    why = model_bed_weigh(model, bed, wish, act, skips_over);

    if (why != EHR_ENGINE_BED_IS_FREE && is_releasing(model, bed)) {
        why = EHR_ENGINE_BED_IS_UNCERTAIN;
    }

    describe(model, bed, wish, why, found);
    *count = why == EHR_ENGINE_BED_IS_FREE;

    return why == EHR_ENGINE_BED_IS_FREE ? EHR_ENGINE_OK
           : why == EHR_ENGINE_BED_IS_UNCERTAIN ? EHR_ENGINE_ASK
                                                : EHR_ENGINE_TAKEN;
}


static int
is_nowhere(const model_t *model, const ehr_engine_uuid_t *place,
    unsigned kind)
{
    return place && !model->is_place[kind][model_place_of(place)];
}


ehr_engine_result_t
model_bed_find(const model_t *model, const ehr_engine_bed_wish_t *wish,
    const ehr_engine_uuid_t *act, int skips_over,
    ehr_engine_bed_found_t *found, size_t n, size_t *count)
{
    int       is_certain;
    unsigned  i, k, best, is_taken[MODEL_BEDS + 1];

    *count = 0;
    is_certain = 1;

    if (!model_answers(model)) {
        return EHR_ENGINE_ASK;
    }

    if (wish->resource) {
        return find_named(model, wish, act, skips_over, found, count);
    }

    if (is_nowhere(model, wish->hospital, 0)
        || is_nowhere(model, wish->ward, 1)
        || is_nowhere(model, wish->room_class, 2))
    {
        return EHR_ENGINE_ASK;
    }

    for (i = 1; i <= MODEL_BEDS; i++) {
        is_taken[i] = !model->beds[i].is_known
                      || !suits(&model->beds[i].bed, wish)
                      || model_bed_weigh(model, i, wish, act, skips_over)
                         != EHR_ENGINE_BED_IS_FREE;
        is_certain &= !model->beds[i].is_known
                      || !suits(&model->beds[i].bed, wish)
                      || !is_releasing(model, i);
    }

    for (k = 0; k < n; k++) {
        for (i = 1, best = 0; i <= MODEL_BEDS; i++) {
            if (!is_taken[i]
                && (best == 0 || is_better(model, i, best, wish)))
            {
                best = i;
            }
        }

        if (best == 0) {
            break;
        }

        is_taken[best] = 1;
        describe(model, best, wish, EHR_ENGINE_BED_IS_FREE,
                 &found[(*count)++]);
    }

    return *count < n && !is_certain ? EHR_ENGINE_ASK
           : *count ? EHR_ENGINE_OK : EHR_ENGINE_TAKEN;
}


ehr_engine_result_t
model_bed_counts(const model_t *model, const ehr_engine_uuid_t *places[3],
    uint32_t counts[EHR_ENGINE_BED_STATUSES])
{
    unsigned                 i;
    const ehr_engine_bed_t  *bed;

    memset(counts, 0, EHR_ENGINE_BED_STATUSES * sizeof(*counts));

    if (!model_answers(model) || is_nowhere(model, places[0], 0)
        || is_nowhere(model, places[1], 1) || is_nowhere(model, places[2], 2))
    {
        return EHR_ENGINE_ASK;
    }

    for (i = 1; i <= MODEL_BEDS; i++) {
        bed = &model->beds[i].bed;

        if (model->beds[i].is_known
            && (!places[0] || model_uuid_is(places[0], &bed->hospital))
            && (!places[1] || model_uuid_is(places[1], &bed->ward))
            && (!places[2] || model_uuid_is(places[2], &bed->room_class)))
        {
            counts[bed->status]++;
            counts[0]++;
        }
    }

    return EHR_ENGINE_OK;
}
