/*
 * Stays: what is claimed of a bed, from when to when, by whom.
 */

#include "internal.h"


static int ehr_engine_stay_add(ehr_engine_root_t *root, uint32_t index,
    ehr_engine_second_t from, ehr_engine_second_t to,
    const ehr_engine_key_t *act);
static void ehr_engine_stay_unknown(ehr_engine_root_t *root, uint32_t index);
static uint32_t *ehr_engine_stay_find(ehr_engine_root_t *root, uint32_t index,
    ehr_engine_second_t from, ehr_engine_second_t to);
static void ehr_engine_stay_remove(ehr_engine_root_t *root, uint32_t *link);
static void ehr_engine_stays_end(ehr_engine_root_t *root, uint32_t index);
static int ehr_engine_stays_drop(ehr_engine_root_t *root, uint32_t index,
    ehr_engine_second_t before);


static uint32_t *
ehr_engine_stay_next(ehr_engine_root_t *root, uint32_t reference)
{
    return &ehr_engine_stay_at(root, reference)->next;
}


ehr_engine_result_t
ehr_engine_feed_stay(ehr_engine_t *engine, int32_t number, uint32_t seat,
    ehr_engine_second_t from, ehr_engine_second_t to,
    const ehr_engine_uuid_t *act)
{
    uint32_t              index;
    ehr_engine_key_t      key;
    ehr_engine_root_t    *root;
    ehr_engine_result_t   result;

    root = engine->root;
    result = ehr_engine_feed_enter(engine);

    if (result != EHR_ENGINE_OK) {
        return result;
    }

    memset(&key, 0, sizeof(key));

    if (act) {
        key = ehr_engine_key(act);
    }

    index = ehr_engine_bed_index(root, number);

    if (index == EHR_ENGINE_NOBODY) {
        result = EHR_ENGINE_NONE;

    } else if (seat == 0 && from < to
               && !ehr_engine_stay_add(root, index, from, to, &key))
    {
        result = EHR_ENGINE_FULL;
    }

    if (index != EHR_ENGINE_NOBODY) {
        ehr_engine_bed_touch(root, index);
    }

    ehr_engine_feed_leave(engine);

    /* claimed first: nobody finds it neither claimed nor tentative */
    if (act && seat == 0) {
        ehr_engine_tentative_shown_bed(engine, number, from, act);
    }

    return result;
}


/* 0: it did not fit. */
static int
ehr_engine_stay_add(ehr_engine_root_t *root, uint32_t index,
    ehr_engine_second_t from, ehr_engine_second_t to,
    const ehr_engine_key_t *act)
{
    uint32_t                  reference;
    ehr_engine_stay_t        *stay;
    ehr_engine_bed_record_t  *record;

    record = ehr_engine_bed_at(root, index);

    if (ehr_engine_bit_is(ehr_engine_bed_row(root, EHR_ENGINE_BEDS_UNKNOWN),
                          index))
    {
        return 1;
    }

    ehr_engine_beds_change(root);
    reference = ehr_engine_pool_take(root, &root->stay_pool,
                                     ehr_engine_stay_next);

    if (reference) {
        stay = ehr_engine_stay_at(root, reference);
        ehr_engine_store(stay->from, from);
        ehr_engine_store(stay->to, to);
        ehr_engine_key_store(&stay->act, act);
        ehr_engine_store(stay->next, record->stay);
        ehr_engine_store(record->stay, reference);
        ehr_engine_stays_end(root, index);

    } else {
        ehr_engine_stay_unknown(root, index);
    }

    ehr_engine_beds_changed(root);

    return reference != 0;
}


/* Until the feed begins anew, or the bed is gone. */
static void
ehr_engine_stay_unknown(ehr_engine_root_t *root, uint32_t index)
{
    ehr_engine_bit(ehr_engine_bed_row(root, EHR_ENGINE_BEDS_UNKNOWN), index,
                   1);
    ehr_engine_bed_stays_clear(root, index);
}


ehr_engine_result_t
ehr_engine_feed_stay_end(ehr_engine_t *engine, int32_t number, uint32_t seat,
    ehr_engine_second_t from, ehr_engine_second_t to)
{
    uint32_t              index, *link;
    ehr_engine_root_t    *root;
    ehr_engine_result_t   result;

    root = engine->root;
    result = ehr_engine_feed_enter(engine);

    if (result != EHR_ENGINE_OK) {
        return result;
    }

    index = ehr_engine_bed_index(root, number);

    if (index == EHR_ENGINE_NOBODY) {
        ehr_engine_feed_leave(engine);
        return EHR_ENGINE_NONE;
    }

    link = seat == 0 ? ehr_engine_stay_find(root, index, from, to) : NULL;

    if (link) {
        ehr_engine_beds_change(root);
        ehr_engine_stay_remove(root, link);
        ehr_engine_stays_end(root, index);
        ehr_engine_beds_changed(root);
    }

    ehr_engine_bed_touch(root, index);
    ehr_engine_feed_leave(engine);

    return EHR_ENGINE_OK;
}


static uint32_t *
ehr_engine_stay_find(ehr_engine_root_t *root, uint32_t index,
    ehr_engine_second_t from, ehr_engine_second_t to)
{
    uint32_t           *link;
    ehr_engine_stay_t  *stay;

    for (link = &ehr_engine_bed_at(root, index)->stay; *link;
         link = &stay->next)
    {
        stay = ehr_engine_stay_at(root, *link);

        if (stay->from == from && stay->to == to) {
            return link;
        }
    }

    return NULL;
}


static void
ehr_engine_stay_remove(ehr_engine_root_t *root, uint32_t *link)
{
    uint32_t  reference;

    reference = *link;
    ehr_engine_store(*link, ehr_engine_stay_at(root, reference)->next);
    ehr_engine_pool_give(root, &root->stay_pool, ehr_engine_stay_next,
                         reference);
}


/* Whether one of its stays has an open end. */
static void
ehr_engine_stays_end(ehr_engine_root_t *root, uint32_t index)
{
    int                 is_endless;
    uint32_t            reference;
    ehr_engine_stay_t  *stay;

    is_endless = 0;

    for (reference = ehr_engine_bed_at(root, index)->stay; reference;
         reference = stay->next)
    {
        stay = ehr_engine_stay_at(root, reference);
        is_endless |= stay->to == EHR_ENGINE_OPEN_END;
    }

    ehr_engine_bit(ehr_engine_bed_row(root, EHR_ENGINE_BEDS_ENDLESS), index,
                   is_endless);
}


ehr_engine_result_t
ehr_engine_feed_stays_drop(ehr_engine_t *engine, ehr_engine_second_t before)
{
    uint32_t              index;
    ehr_engine_root_t    *root;
    ehr_engine_result_t   result;

    root = engine->root;
    result = ehr_engine_feed_enter(engine);

    if (result != EHR_ENGINE_OK) {
        return result;
    }

    for (index = 0; index < root->bed_pool.top; index++) {

        if (ehr_engine_bed_at(root, index)->number
            && ehr_engine_stays_drop(root, index, before))
        {
            ehr_engine_bed_touch(root, index);
        }
    }

    ehr_engine_feed_leave(engine);

    return EHR_ENGINE_OK;
}


/* Returns whether there were any.  Readers wait for one bed at a time. */
static int
ehr_engine_stays_drop(ehr_engine_root_t *root, uint32_t index,
    ehr_engine_second_t before)
{
    int                 is_changed;
    uint32_t           *link;
    ehr_engine_stay_t  *stay;

    is_changed = 0;
    link = &ehr_engine_bed_at(root, index)->stay;

    while (*link) {
        stay = ehr_engine_stay_at(root, *link);

        if (stay->to > before) {
            link = &stay->next;
            continue;
        }

        if (!is_changed) {
            ehr_engine_beds_change(root);
            is_changed = 1;
        }

        ehr_engine_stay_remove(root, link);
    }

    if (is_changed) {
        ehr_engine_beds_changed(root);
    }

    return is_changed;
}


void
ehr_engine_bed_stays_clear(ehr_engine_root_t *root, uint32_t index)
{
    uint32_t  *link;

    link = &ehr_engine_bed_at(root, index)->stay;

    while (*link) {
        ehr_engine_stay_remove(root, link);
    }

    ehr_engine_bit(ehr_engine_bed_row(root, EHR_ENGINE_BEDS_ENDLESS), index,
                   0);
}
