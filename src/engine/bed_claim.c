/*
 * Claiming a bed, finding some, counting them.
 */

#include "internal.h"


static int ehr_engine_bed_wish_is_valid(const ehr_engine_bed_wish_t *wish);
static ehr_engine_result_t ehr_engine_bed_claim_locked(
    ehr_engine_bed_search_t *search, ehr_engine_result_t before,
    int64_t deadline);
static ehr_engine_result_t ehr_engine_bed_again(
    ehr_engine_bed_search_t *search);
static ehr_engine_result_t ehr_engine_bed_hold(
    ehr_engine_bed_search_t *search, int64_t deadline);
static ehr_engine_result_t ehr_engine_bed_count(ehr_engine_root_t *root,
    const ehr_engine_key_t *const *groups, uint32_t *counts);


ehr_engine_result_t
ehr_engine_bed_claim(ehr_engine_t *engine, const ehr_engine_uuid_t *act,
    const ehr_engine_bed_wish_t *wish, int64_t deadline,
    ehr_engine_bed_found_t *found)
{
    ehr_engine_key_t         key;
    ehr_engine_result_t      result;
    ehr_engine_bed_search_t  search;

    if (!ehr_engine_bed_wish_is_valid(wish)) {
        return EHR_ENGINE_INVALID;
    }

    key = ehr_engine_key(act);
    search.engine = engine;
    search.wish = wish;
    search.act = &key;
    search.found = found;
    search.n = 1;

    result = ehr_engine_bed_search(&search);

    /* most who come too late need no mutex to be told so */
    if (result != EHR_ENGINE_TAKEN || search.is_over) {
        ehr_engine_lock(engine);
        result = ehr_engine_bed_claim_locked(&search, result, deadline);
        ehr_engine_unlock(engine);
    }

    return ehr_engine_claim_counted(engine->root, result);
}


static int
ehr_engine_bed_wish_is_valid(const ehr_engine_bed_wish_t *wish)
{
    return wish->from < wish->to
           && wish->equipment <= EHR_ENGINE_EQUIPMENT_MAX
           && wish->sex <= EHR_ENGINE_SEX_UNKNOWN
           && wish->age <= EHR_ENGINE_AGE_NEWBORN;
}


/* What was found before the mutex was taken is looked at again; if it is not
 * to be had any more, all are. */
static ehr_engine_result_t
ehr_engine_bed_claim_locked(ehr_engine_bed_search_t *search,
    ehr_engine_result_t before, int64_t deadline)
{
    ehr_engine_result_t  result;

    result = EHR_ENGINE_TAKEN;

    if (before == EHR_ENGINE_OK) {
        result = ehr_engine_bed_again(search);
    }

    if (result != EHR_ENGINE_OK) {
        result = ehr_engine_bed_search(search);
    }

    if (result == EHR_ENGINE_TAKEN && search->is_over
        && ehr_engine_tentative_sweep_beds(search->engine))
    {
        result = ehr_engine_bed_search(search);
    }

    return result == EHR_ENGINE_OK ? ehr_engine_bed_hold(search, deadline)
                                   : result;
}


/* The bed that was found, as if it were named.  What the wish says besides was
 * so a moment ago; that of the patient and the time is looked at. */
static ehr_engine_result_t
ehr_engine_bed_again(ehr_engine_bed_search_t *search)
{
    ehr_engine_result_t           result;
    ehr_engine_bed_wish_t         named;
    ehr_engine_bed_search_t       again;

    if (search->wish->resource) {
        return ehr_engine_bed_search(search);
    }

    named = *search->wish;
    named.resource = search->found->resource;

    again = *search;
    again.wish = &named;
    again.act = NULL;
    result = ehr_engine_bed_search(&again);

    return result;
}


static ehr_engine_result_t
ehr_engine_bed_hold(ehr_engine_bed_search_t *search, int64_t deadline)
{
    uint32_t                      bed;
    ehr_engine_item_t             item;
    ehr_engine_pool_t            *pool;
    const ehr_engine_bed_wish_t  *wish;

    wish = search->wish;
    pool = &search->engine->root->tentative_pool;

    if (pool->used == pool->most) {
        ehr_engine_store(pool->missing, pool->missing + 1);
        return EHR_ENGINE_ASK;
    }

    memset(&item, 0, sizeof(item));
    item.resource = search->found->resource;
    item.from = wish->from;
    item.to = wish->to;
    bed = EHR_ENGINE_IS_BED | (wish->is_planned ? 0 : wish->sex);

    ehr_engine_tentative_change(search->engine);
    (void) ehr_engine_tentative_add(search->engine, search->act, &item, bed,
                                    deadline);
    ehr_engine_tentative_changed(search->engine);

    return EHR_ENGINE_OK;
}


ehr_engine_result_t
ehr_engine_bed_find(ehr_engine_t *engine, const ehr_engine_bed_wish_t *wish,
    ehr_engine_bed_found_t *found, size_t n, size_t *count)
{
    ehr_engine_result_t      result;
    ehr_engine_bed_search_t  search;

    *count = 0;

    if (!ehr_engine_bed_wish_is_valid(wish) || n == 0
        || n > EHR_ENGINE_BED_FOUND_MAX)
    {
        return EHR_ENGINE_INVALID;
    }

    search.engine = engine;
    search.wish = wish;
    search.act = NULL;
    search.found = found;
    search.n = wish->resource ? 1 : (uint32_t) n;

    result = ehr_engine_bed_search(&search);
    *count = search.count;

    return result == EHR_ENGINE_TAKEN ? EHR_ENGINE_OK : result;
}


/* -- counting -------------------------------------------------------------- */

ehr_engine_result_t
ehr_engine_bed_counts(ehr_engine_t *engine, const ehr_engine_uuid_t *hospital,
    const ehr_engine_uuid_t *ward, const ehr_engine_uuid_t *room_class,
    uint32_t counts[EHR_ENGINE_BED_STATUSES])
{
    uint32_t                   tries, of;
    ehr_engine_key_t           keys[EHR_ENGINE_OF];
    ehr_engine_root_t         *root;
    ehr_engine_result_t        result;
    const ehr_engine_key_t    *groups[EHR_ENGINE_OF];
    const ehr_engine_uuid_t   *uuids[EHR_ENGINE_OF];
    ehr_engine_bed_reading_t   reading;

    root = engine->root;
    uuids[EHR_ENGINE_OF_HOSPITAL] = hospital;
    uuids[EHR_ENGINE_OF_WARD] = ward;
    uuids[EHR_ENGINE_OF_CLASS] = room_class;

    for (of = 0; of < EHR_ENGINE_OF; of++) {
        groups[of] = NULL;

        if (uuids[of]) {
            keys[of] = ehr_engine_key(uuids[of]);
            groups[of] = &keys[of];
        }
    }

    for (tries = 0; tries < EHR_ENGINE_TRIES; tries++) {
        result = ehr_engine_bed_read_begin(engine, &reading);

        if (result == EHR_ENGINE_ASK) {
            break;
        }

        if (result != EHR_ENGINE_OK) {
            continue;
        }

        result = ehr_engine_bed_count(root, groups, counts);

        if (ehr_engine_bed_read_end(&reading)) {
            return result;
        }
    }

    return EHR_ENGINE_ASK;
}


static ehr_engine_result_t
ehr_engine_bed_count(ehr_engine_root_t *root,
    const ehr_engine_key_t *const *groups, uint32_t *counts)
{
    uint32_t   of, nrows, group, status, word, i;
    uint64_t   bits, *rows[EHR_ENGINE_OF];

    memset(counts, 0, EHR_ENGINE_BED_STATUSES * sizeof(*counts));

    if (ehr_engine_load(root->bed_pool.missing)
        || ehr_engine_load(root->bed_group_pool.missing))
    {
        return EHR_ENGINE_ASK;
    }

    for (of = 0, nrows = 0; of < EHR_ENGINE_OF; of++) {

        if (groups[of] == NULL) {
            continue;
        }

        group = ehr_engine_bed_group(root, (ehr_engine_of_t) of, groups[of]);

        if (group == 0) {
            return EHR_ENGINE_ASK;
        }

        rows[nrows++] = ehr_engine_bed_group_row(root, group);
    }

    for (word = 0; word < root->bed_words; word++) {

        for (status = 1; status < EHR_ENGINE_BED_STATUSES; status++) {
            bits = ehr_engine_load(ehr_engine_bed_row(root,
                               EHR_ENGINE_BEDS_STATUS + status - 1)[word]);

            for (i = 0; i < nrows; i++) {
                bits &= ehr_engine_load(rows[i][word]);
            }

            counts[status] += (uint32_t) __builtin_popcountll(bits);
        }
    }

    for (status = 1; status < EHR_ENGINE_BED_STATUSES; status++) {
        counts[0] += counts[status];
    }

    return EHR_ENGINE_OK;
}
