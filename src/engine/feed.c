/*
 * The feed's owner: who it is, and its turns.
 *
 * Two may think that they are the owner, when one was stopped for long.  Each
 * change is made in a turn: the owner enters it by putting its pid into
 * `writing` and then looks whether the generation is still its own; a new
 * owner raises the generation and then looks whether anybody is in a turn.
 * So either the old one notices, or the new one waits.
 */

#include "internal.h"


static int ehr_engine_feed_take(ehr_engine_t *engine);
static void ehr_engine_feed_reset(ehr_engine_root_t *root,
    uint32_t first_day);
static void ehr_engine_feed_drop(ehr_engine_root_t *root, uint32_t first,
    uint32_t end);


ehr_engine_result_t
ehr_engine_feed_enter(ehr_engine_t *engine)
{
    int32_t             nobody;
    ehr_engine_root_t  *root;

    root = engine->root;
    nobody = 0;

    if (engine->generation == 0) {
        return EHR_ENGINE_GONE;
    }

    ehr_engine_step();

    if (!__atomic_compare_exchange_n(&root->writing, &nobody, engine->pid, 0,
                                     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    {
        return EHR_ENGINE_GONE;
    }

    if (__atomic_load_n(&root->generation, __ATOMIC_SEQ_CST)
        != engine->generation)
    {
        ehr_engine_feed_leave(engine);
        return EHR_ENGINE_GONE;
    }

    return EHR_ENGINE_OK;
}


void
ehr_engine_feed_leave(ehr_engine_t *engine)
{
    ehr_engine_store(engine->root->writing, 0);
}


ehr_engine_result_t
ehr_engine_feed_begin(ehr_engine_t *engine, uint32_t first_day)
{
    uint32_t            generation;
    ehr_engine_root_t  *root;

    root = engine->root;
    engine->generation = 0;

    ehr_engine_store(root->state, EHR_ENGINE_LOADING);
    ehr_engine_step();
    generation = __atomic_add_fetch(&root->generation, 1, __ATOMIC_SEQ_CST);

    if (!ehr_engine_feed_take(engine)) {
        return EHR_ENGINE_BUSY;
    }

    /* another one has begun since */
    if (__atomic_load_n(&root->generation, __ATOMIC_SEQ_CST) != generation) {
        ehr_engine_feed_leave(engine);
        return EHR_ENGINE_BUSY;
    }

    engine->generation = generation;
    ehr_engine_feed_reset(root, first_day);
    ehr_engine_feed_leave(engine);

    return EHR_ENGINE_OK;
}


/* Enters a turn, over a dead owner if need be. */
static int
ehr_engine_feed_take(ehr_engine_t *engine)
{
    int32_t             former;
    ehr_engine_root_t  *root;

    root = engine->root;
    former = __atomic_load_n(&root->writing, __ATOMIC_SEQ_CST);

    if (former && former != engine->pid
        && engine->host->is_alive(engine->host->data, former))
    {
        return 0;
    }

    ehr_engine_step();

    return __atomic_compare_exchange_n(&root->writing, &former, engine->pid, 0,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}


static void
ehr_engine_feed_reset(ehr_engine_root_t *root, uint32_t first_day)
{
    ehr_engine_store(root->end_day, first_day);
    ehr_engine_store(root->first_day, first_day);

    ehr_engine_resources_reset(root);
    ehr_engine_groups_reset(root);
    ehr_engine_places_reset(root);
    ehr_engine_shapes_reset(root);
    ehr_engine_pool_reset(&root->page_pool);
    ehr_engine_summaries_reset(root);
    ehr_engine_beds_reset(root);
}


ehr_engine_result_t
ehr_engine_feed_live(ehr_engine_t *engine, uint32_t end_day)
{
    ehr_engine_root_t    *root;
    ehr_engine_result_t   result;

    root = engine->root;
    result = ehr_engine_feed_enter(engine);

    if (result != EHR_ENGINE_OK) {
        return result;
    }

    if (end_day < root->first_day || end_day > root->first_day + root->days) {
        ehr_engine_feed_leave(engine);
        return EHR_ENGINE_INVALID;
    }

    ehr_engine_store(root->end_day, end_day);
    ehr_engine_store(root->heartbeat,
                     engine->host->now(engine->host->data));
    ehr_engine_store(root->state, EHR_ENGINE_LIVE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    /* somebody who began in vain meanwhile has called it LOADING */
    if (ehr_engine_load(root->generation) != engine->generation) {
        ehr_engine_store(root->state, EHR_ENGINE_LOADING);
        result = EHR_ENGINE_GONE;
    }

    ehr_engine_feed_leave(engine);

    return result;
}


ehr_engine_result_t
ehr_engine_feed_heartbeat(ehr_engine_t *engine)
{
    ehr_engine_result_t  result;

    result = ehr_engine_feed_enter(engine);

    if (result == EHR_ENGINE_OK) {
        ehr_engine_store(engine->root->heartbeat,
                         engine->host->now(engine->host->data));
        ehr_engine_feed_leave(engine);
    }

    return result;
}


ehr_engine_result_t
ehr_engine_feed_roll(ehr_engine_t *engine, uint32_t first_day,
    uint32_t end_day)
{
    uint32_t              former;
    ehr_engine_root_t    *root;
    ehr_engine_result_t   result;

    root = engine->root;
    result = ehr_engine_feed_enter(engine);

    if (result != EHR_ENGINE_OK) {
        return result;
    }

    former = root->first_day;

    if (first_day < former) {
        first_day = former;
    }

    if (end_day < first_day || end_day > first_day + root->days) {
        ehr_engine_feed_leave(engine);
        return EHR_ENGINE_INVALID;
    }

    if (first_day != former) {
        /* nobody asks for them any more, then they go */
        if (root->end_day < first_day) {
            ehr_engine_store(root->end_day, first_day);
        }

        ehr_engine_store(root->first_day, first_day);
        ehr_engine_feed_drop(root, former, first_day);
    }

    ehr_engine_store(root->end_day, end_day);
    ehr_engine_feed_leave(engine);

    return EHR_ENGINE_OK;
}


static void
ehr_engine_feed_drop(ehr_engine_root_t *root, uint32_t first, uint32_t end)
{
    uint32_t                i, day, shape;
    ehr_engine_day_t       *kept;
    ehr_engine_resource_t  *resource;

    if (end - first > root->days) {
        end = first + root->days;
    }

    for (i = 0; i < root->resource_pool.top; i++) {
        resource = ehr_engine_resource_at(root, i);
        ehr_engine_resource_change(resource);

        for (day = first; day < end; day++) {
            kept = ehr_engine_day_at(root, i, day);
            shape = kept->shape;

            ehr_engine_pages_drop(root, kept);

            if (shape) {
                ehr_engine_store(kept->shape, 0);
                ehr_engine_shape_drop(root, shape);
            }
        }

        ehr_engine_resource_changed(resource);
    }

    for (day = first; day < end; day++) {
        ehr_engine_summary_clear(root, day);
    }
}


/* -- state ----------------------------------------------------------------- */

ehr_engine_state_t
ehr_engine_state(ehr_engine_t *engine)
{
    int64_t             age;
    ehr_engine_root_t  *root;

    root = engine->root;

    if (ehr_engine_load_first(root->state) != EHR_ENGINE_LIVE) {
        return EHR_ENGINE_LOADING;
    }

    age = engine->host->now(engine->host->data)
          - ehr_engine_load(root->heartbeat);

    /* a heartbeat of the future: the clock was set back */
    if (age > (int64_t) root->stale_after
        || age < -(int64_t) root->stale_after)
    {
        return EHR_ENGINE_STALE;
    }

    return EHR_ENGINE_LIVE;
}


uint32_t
ehr_engine_generation(ehr_engine_t *engine)
{
    return ehr_engine_load_first(engine->root->generation);
}


void
ehr_engine_horizon(ehr_engine_t *engine, uint32_t *first, uint32_t *end)
{
    *first = ehr_engine_load_first(engine->root->first_day);
    *end = ehr_engine_load_first(engine->root->end_day);
}
