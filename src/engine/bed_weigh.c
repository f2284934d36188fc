/*
 * Whether one bed is free, and why not.
 */

#include "internal.h"


static int ehr_engine_bed_is_claimed(ehr_engine_bed_search_t *search,
    uint32_t index, int *is_own);
static ehr_engine_bed_why_t ehr_engine_bed_weigh_patient(
    ehr_engine_bed_search_t *search, uint32_t traits);
static int ehr_engine_bed_is_held(ehr_engine_bed_search_t *search,
    uint32_t index);
static int ehr_engine_bed_room_is_held(ehr_engine_bed_search_t *search,
    uint32_t index);
static int ehr_engine_bed_entries(ehr_engine_bed_search_t *search,
    int32_t number, int is_room);


int
ehr_engine_bed_is_releasing(ehr_engine_bed_search_t *search, uint32_t index)
{
    int64_t  until;

    until = ehr_engine_load(ehr_engine_bed_at(search->engine->root,
                                              index)->releasing);

    return until > search->census.now
           && until <= search->census.now + EHR_ENGINE_DEADLINE_MAX;
}


ehr_engine_bed_why_t
ehr_engine_bed_weigh(ehr_engine_bed_search_t *search, uint32_t index)
{
    int                    is_own, is_claimed;
    uint32_t               status;
    ehr_engine_root_t     *root;
    ehr_engine_bed_why_t   why;

    root = search->engine->root;

    if (ehr_engine_bit_is(ehr_engine_bed_row(root, EHR_ENGINE_BEDS_UNKNOWN),
                          index))
    {
        return EHR_ENGINE_BED_IS_UNCERTAIN;
    }

    is_claimed = ehr_engine_bed_is_claimed(search, index, &is_own);
    status = ehr_engine_load(ehr_engine_bed_at(root, index)->status);

    if (search->wish->is_planned ? status == EHR_ENGINE_BED_OUT_OF_SERVICE
        : status != EHR_ENGINE_BED_AVAILABLE
          && !(status == EHR_ENGINE_BED_RESERVED && is_own))
    {
        return EHR_ENGINE_BED_IS_NOT_AVAILABLE;
    }

    if (is_claimed) {
        return EHR_ENGINE_BED_IS_CLAIMED;
    }

    why = ehr_engine_bed_weigh_patient(search,
                    ehr_engine_load(ehr_engine_bed_traits(root)[index]));

    if (why != EHR_ENGINE_BED_IS_FREE) {
        return why;
    }

    return ehr_engine_load(root->held) && ehr_engine_bed_is_held(search, index)
           ? EHR_ENGINE_BED_IS_HELD : EHR_ENGINE_BED_IS_FREE;
}


/* Whether another than the act has it in that time; *is_own: the act has it
 * then. */
static int
ehr_engine_bed_is_claimed(ehr_engine_bed_search_t *search, uint32_t index,
    int *is_own)
{
    int                      is_claimed;
    uint32_t                 reference, steps;
    ehr_engine_root_t       *root;
    ehr_engine_stay_t       *stay;
    const ehr_engine_key_t  *act;

    root = search->engine->root;
    act = search->wish->resource ? search->act : NULL;
    is_claimed = 0;
    *is_own = 0;

    reference = ehr_engine_load(ehr_engine_bed_at(root, index)->stay);

    for (steps = 0; ehr_engine_is_entry(&root->stay_pool, reference)
                    && steps < root->stay_pool.most; steps++)
    {
        stay = ehr_engine_stay_at(root, reference);
        reference = ehr_engine_load(stay->next);

        if (ehr_engine_load(stay->from) >= search->wish->to
            || ehr_engine_load(stay->to) <= search->wish->from)
        {
            continue;
        }

        if (act && ehr_engine_key_equals(&stay->act, act)) {
            *is_own = 1;
        } else {
            is_claimed = 1;
        }
    }

    return is_claimed;
}


/* Whether the patient may lie there, for all that is known of the room. */
static ehr_engine_bed_why_t
ehr_engine_bed_weigh_patient(ehr_engine_bed_search_t *search, uint32_t traits)
{
    uint32_t  age, sex, others;

    age = traits >> EHR_ENGINE_TRAIT_AGE & 3;
    sex = search->wish->sex;

    if (age && search->wish->age && age != search->wish->age) {
        return EHR_ENGINE_BED_IS_FOR_OTHER_AGE;
    }

    if (sex == 0) {
        return EHR_ENGINE_BED_IS_FREE;
    }

    others = traits >> EHR_ENGINE_TRAIT_SEXES & 0xf & ~(1u << (sex - 1));

    switch (traits >> EHR_ENGINE_TRAIT_POLICY & 3) {

    case EHR_ENGINE_ROOM_MALE:
        return sex == EHR_ENGINE_SEX_MALE ? EHR_ENGINE_BED_IS_FREE
                                          : EHR_ENGINE_BED_IS_FOR_OTHER_SEX;

    case EHR_ENGINE_ROOM_FEMALE:
        return sex == EHR_ENGINE_SEX_FEMALE ? EHR_ENGINE_BED_IS_FREE
                                            : EHR_ENGINE_BED_IS_FOR_OTHER_SEX;

    case EHR_ENGINE_ROOM_SAME:
        return others && !search->wish->is_planned
               ? EHR_ENGINE_BED_IS_FOR_OTHER_SEX : EHR_ENGINE_BED_IS_FREE;

    default:
        return EHR_ENGINE_BED_IS_FREE;
    }
}


/* -- claims under way ------------------------------------------------------ */

static int
ehr_engine_bed_is_held(ehr_engine_bed_search_t *search, uint32_t index)
{
    uint32_t            traits;
    ehr_engine_root_t  *root;

    root = search->engine->root;
    traits = ehr_engine_load(ehr_engine_bed_traits(root)[index]);

    if (ehr_engine_bed_entries(search,
                  ehr_engine_load(ehr_engine_bed_at(root, index)->number), 0))
    {
        return 1;
    }

    return (traits >> EHR_ENGINE_TRAIT_POLICY & 3) == EHR_ENGINE_ROOM_SAME
           && search->wish->sex && !search->wish->is_planned
           && ehr_engine_bed_room_is_held(search, index);
}


/* Whether the other sex is coming into the room. */
static int
ehr_engine_bed_room_is_held(ehr_engine_bed_search_t *search, uint32_t index)
{
    uint32_t                  reference, steps;
    ehr_engine_root_t        *root;
    ehr_engine_bed_record_t  *record;

    root = search->engine->root;
    reference = ehr_engine_load(ehr_engine_bed_at(root, index)->room);

    if (!ehr_engine_is_entry(&root->bed_room_pool, reference)) {
        return 0;
    }

    reference = ehr_engine_load(ehr_engine_bed_room_at(root, reference)->bed);

    for (steps = 0; ehr_engine_is_entry(&root->bed_pool, reference)
                    && steps < root->bed_pool.most; steps++)
    {
        record = ehr_engine_bed_at(root, reference - 1);

        if (ehr_engine_bed_entries(search, ehr_engine_load(record->number),
                                   1))
        {
            return 1;
        }

        reference = ehr_engine_load(record->next_room);
    }

    return 0;
}


/* Whether a claim of this bed is in the way: by its time or, of a bed in the
 * same room, by its sex. */
static int
ehr_engine_bed_entries(ehr_engine_bed_search_t *search, int32_t number,
    int is_room)
{
    int                      is_held;
    uint32_t                 reference, steps, sex;
    ehr_engine_root_t       *root;
    ehr_engine_tentative_t  *entry;

    root = search->engine->root;
    is_held = 0;
    reference = ehr_engine_load(ehr_engine_bed_bucket(root, number)->head);

    for (steps = 0; ehr_engine_is_entry(&root->tentative_pool, reference)
                    && steps < root->tentative_pool.most; steps++)
    {
        entry = ehr_engine_tentative_at(root, reference);
        reference = ehr_engine_load(entry->next);

        if (ehr_engine_load(entry->number) != number) {
            continue;
        }

        sex = ehr_engine_load(entry->bed) & ~EHR_ENGINE_IS_BED;

        if (is_room ? sex == 0 || sex == search->wish->sex
                    : ehr_engine_load(entry->from) >= search->wish->to
                      || ehr_engine_load(entry->to) <= search->wish->from)
        {
            continue;
        }

        is_held = 1;
        search->is_over
            |= ehr_engine_tentative_is_over(search->engine, &search->census,
                                            entry);
    }

    return is_held;
}
