/*
 * Resources, found by number and by uuid.
 *
 * Workers walk the chains while the feed changes them.  A chain that was left
 * on the way ends somewhere else, so that a resource may not be found: then
 * PostgreSQL is asked.  What is found is compared under its sequence.
 */

#include "internal.h"


static uint32_t *ehr_engine_resource_next(ehr_engine_root_t *root,
    uint32_t reference);
static uint32_t *ehr_engine_number_head(ehr_engine_root_t *root,
    int32_t number);
static uint32_t *ehr_engine_uuid_head(ehr_engine_root_t *root, uint32_t kind,
    const ehr_engine_key_t *uuid);
static ehr_engine_result_t ehr_engine_resource_new(ehr_engine_root_t *root,
    int32_t number, uint32_t kind, const ehr_engine_key_t *uuid);
static void ehr_engine_resource_rename(ehr_engine_root_t *root,
    uint32_t index, uint32_t kind, const ehr_engine_key_t *uuid);
static void ehr_engine_number_unlink(ehr_engine_root_t *root, uint32_t index);
static void ehr_engine_uuid_link(ehr_engine_root_t *root, uint32_t index);
static void ehr_engine_uuid_unlink(ehr_engine_root_t *root, uint32_t index);
static void ehr_engine_resource_empty(ehr_engine_root_t *root,
    uint32_t index);


static uint32_t *
ehr_engine_resource_next(ehr_engine_root_t *root, uint32_t reference)
{
    return &ehr_engine_resource_at(root, reference - 1)->next_number;
}


static uint32_t *
ehr_engine_number_head(ehr_engine_root_t *root, int32_t number)
{
    return ehr_engine_table(root, by_number, uint32_t)
           + (ehr_engine_mix((uint32_t) number) & root->hash_mask);
}


static uint32_t *
ehr_engine_uuid_head(ehr_engine_root_t *root, uint32_t kind,
    const ehr_engine_key_t *uuid)
{
    return ehr_engine_table(root, by_uuid, uint32_t)
           + ((ehr_engine_key_hash(uuid) + kind) & root->hash_mask);
}


uint32_t
ehr_engine_index(ehr_engine_root_t *root, int32_t number)
{
    uint32_t                reference, steps;
    ehr_engine_resource_t  *resource;

    reference = ehr_engine_load_first(*ehr_engine_number_head(root, number));

    for (steps = 0; ehr_engine_is_entry(&root->resource_pool, reference)
                    && steps < root->resource_pool.most; steps++)
    {
        resource = ehr_engine_resource_at(root, reference - 1);

        if (ehr_engine_load(resource->number) == number
            && ehr_engine_load(resource->kind))
        {
            return reference - 1;
        }

        reference = ehr_engine_load_first(resource->next_number);
    }

    return EHR_ENGINE_NOBODY;
}


ehr_engine_result_t
ehr_engine_find(ehr_engine_t *engine, ehr_engine_kind_t kind,
    const ehr_engine_uuid_t *uuid, int32_t *number)
{
    uint32_t                reference, sequence, steps;
    ehr_engine_key_t        key;
    ehr_engine_root_t      *root;
    ehr_engine_resource_t  *resource;

    root = engine->root;
    key = ehr_engine_key(uuid);

    if (kind == EHR_ENGINE_BED) {
        return ehr_engine_bed_number(engine, &key, number);
    }

    reference = ehr_engine_load_first(*ehr_engine_uuid_head(root, kind, &key));

    for (steps = 0; ehr_engine_is_entry(&root->resource_pool, reference)
                    && steps < root->resource_pool.most; steps++)
    {
        resource = ehr_engine_resource_at(root, reference - 1);
        sequence = ehr_engine_load_first(resource->sequence);

        if (ehr_engine_key_equals(&resource->uuid, &key)
            && ehr_engine_load(resource->kind) == (uint32_t) kind)
        {
            *number = ehr_engine_load(resource->number);
            __atomic_thread_fence(__ATOMIC_ACQUIRE);

            if (ehr_engine_load(resource->sequence) == sequence) {
                return EHR_ENGINE_OK;
            }
        }

        reference = ehr_engine_load_first(resource->next_uuid);
    }

    return EHR_ENGINE_NONE;
}


uint64_t
ehr_engine_version(ehr_engine_t *engine, int32_t number)
{
    uint32_t              index;
    uint64_t              version;
    ehr_engine_reading_t  reading;

    index = ehr_engine_index(engine->root, number);

    if (index == EHR_ENGINE_NOBODY
        || ehr_engine_read_begin(engine, &reading, index, number)
           != EHR_ENGINE_OK)
    {
        return 0;
    }

    version = ehr_engine_mix(((uint64_t) reading.generation << 32 | index)
                             + 0x9e3779b97f4a7c15);
    version = ehr_engine_mix(version + ((uint64_t) reading.sequence << 32
                                        | reading.tentative));

    return version ? version : 1;
}


void
ehr_engine_resource_change(ehr_engine_resource_t *resource)
{
    ehr_engine_store(resource->sequence, resource->sequence + 1);
}


void
ehr_engine_resource_changed(ehr_engine_resource_t *resource)
{
    ehr_engine_store(resource->sequence, resource->sequence + 1);
}


/* -- the feed's ------------------------------------------------------------ */

ehr_engine_result_t
ehr_engine_feed_resource(ehr_engine_t *engine, int32_t number,
    ehr_engine_kind_t kind, const ehr_engine_uuid_t *uuid)
{
    uint32_t              index;
    ehr_engine_key_t      key;
    ehr_engine_result_t   result;

    if (kind < EHR_ENGINE_DOCTOR || kind >= EHR_ENGINE_BED) {
        return EHR_ENGINE_INVALID;
    }

    result = ehr_engine_feed_enter(engine);

    if (result != EHR_ENGINE_OK) {
        return result;
    }

    key = ehr_engine_key(uuid);
    index = ehr_engine_index(engine->root, number);

    if (index == EHR_ENGINE_NOBODY) {
        result = ehr_engine_resource_new(engine->root, number, kind, &key);

    } else {
        ehr_engine_resource_rename(engine->root, index, kind, &key);
    }

    ehr_engine_feed_leave(engine);

    return result;
}


static ehr_engine_result_t
ehr_engine_resource_new(ehr_engine_root_t *root, int32_t number,
    uint32_t kind, const ehr_engine_key_t *uuid)
{
    uint32_t                reference, top, *head;
    ehr_engine_resource_t  *resource;

    top = root->resource_pool.top;

    if (root->resource_pool.missing) {
        /* it may be one that did not fit, whose periods were not kept */
        ehr_engine_store(root->resource_pool.missing,
                         root->resource_pool.missing + 1);
        return EHR_ENGINE_FULL;
    }

    reference = ehr_engine_pool_take(root, &root->resource_pool,
                                     ehr_engine_resource_next);

    if (reference == 0) {
        return EHR_ENGINE_FULL;
    }

    if (reference <= top
        || ehr_engine_key_compare(uuid, &root->last_uuid) < 0)
    {
        ehr_engine_store(root->is_sorted, 0);
    }

    ehr_engine_key_store(&root->last_uuid, uuid);

    resource = ehr_engine_resource_at(root, reference - 1);
    head = ehr_engine_number_head(root, number);

    ehr_engine_resource_change(resource);
    ehr_engine_store(resource->number, number);
    ehr_engine_store(resource->kind, kind);
    ehr_engine_store(resource->releasing, 0);
    ehr_engine_key_store(&resource->uuid, uuid);
    ehr_engine_store(resource->next_number, *head);
    ehr_engine_store(*head, reference);
    ehr_engine_uuid_link(root, reference - 1);
    ehr_engine_resource_changed(resource);

    return EHR_ENGINE_OK;
}


static void
ehr_engine_resource_rename(ehr_engine_root_t *root, uint32_t index,
    uint32_t kind, const ehr_engine_key_t *uuid)
{
    uint32_t                day;
    ehr_engine_resource_t  *resource;

    resource = ehr_engine_resource_at(root, index);

    if (resource->kind == kind
        && ehr_engine_key_equals(&resource->uuid, uuid))
    {
        return;
    }

    ehr_engine_store(root->is_sorted, 0);

    ehr_engine_resource_change(resource);
    ehr_engine_uuid_unlink(root, index);
    ehr_engine_store(resource->kind, kind);
    ehr_engine_key_store(&resource->uuid, uuid);
    ehr_engine_uuid_link(root, index);

    for (day = 0; day < root->days; day++) {
        ehr_engine_summarize(root, index, day, 0, EHR_ENGINE_DAY);
    }

    ehr_engine_resource_changed(resource);
}


ehr_engine_result_t
ehr_engine_feed_forget(ehr_engine_t *engine, int32_t number)
{
    uint32_t                index;
    ehr_engine_root_t      *root;
    ehr_engine_result_t     result;
    ehr_engine_resource_t  *resource;

    root = engine->root;
    result = ehr_engine_feed_enter(engine);

    if (result != EHR_ENGINE_OK) {
        return result;
    }

    index = ehr_engine_index(root, number);

    if (index == EHR_ENGINE_NOBODY) {
        result = ehr_engine_bed_forget(root, number);
        ehr_engine_feed_leave(engine);
        return result;
    }

    resource = ehr_engine_resource_at(root, index);

    ehr_engine_groups_forget(root, index);

    ehr_engine_resource_change(resource);
    ehr_engine_resource_empty(root, index);
    ehr_engine_uuid_unlink(root, index);
    ehr_engine_number_unlink(root, index);
    ehr_engine_store(resource->kind, 0);
    ehr_engine_resource_changed(resource);

    ehr_engine_pool_give(root, &root->resource_pool, ehr_engine_resource_next,
                         index + 1);
    ehr_engine_feed_leave(engine);

    return EHR_ENGINE_OK;
}


static void
ehr_engine_resource_empty(ehr_engine_root_t *root, uint32_t index)
{
    uint32_t           day, shape;
    ehr_engine_day_t  *kept;

    for (day = 0; day < root->days; day++) {
        kept = ehr_engine_day_at(root, index, day);
        shape = kept->shape;

        ehr_engine_pages_drop(root, kept);

        if (shape) {
            ehr_engine_store(kept->shape, 0);
            ehr_engine_shape_drop(root, shape);
        }

        ehr_engine_summarize(root, index, day, 0, EHR_ENGINE_DAY);
    }
}


void
ehr_engine_resources_reset(ehr_engine_root_t *root)
{
    uint32_t                i, chains;
    ehr_engine_resource_t  *resource;

    chains = root->hash_mask + 1;

    ehr_engine_clear(ehr_engine_table(root, by_number, uint32_t),
                     chains * sizeof(uint32_t));
    ehr_engine_clear(ehr_engine_table(root, by_uuid, uint32_t),
                     chains * sizeof(uint32_t));

    for (i = 0; i < root->resource_pool.most; i++) {
        resource = ehr_engine_resource_at(root, i);

        if (resource->sequence == 0) {
            break;      /* never used, as are all behind it */
        }

        /* even, and another one than before */
        ehr_engine_store(resource->kind, 0);
        ehr_engine_store(resource->sequence, (resource->sequence | 1) + 1);
    }

    ehr_engine_clear(ehr_engine_table(root, ring, ehr_engine_day_t),
                     (size_t) root->resource_pool.most * root->days
                     * sizeof(ehr_engine_day_t));
    ehr_engine_pool_reset(&root->resource_pool);
    ehr_engine_clear(&root->last_uuid, sizeof(root->last_uuid));
    ehr_engine_store(root->is_sorted, 1);
}


/* -- chains ---------------------------------------------------------------- */

static void
ehr_engine_number_unlink(ehr_engine_root_t *root, uint32_t index)
{
    uint32_t               *link;
    ehr_engine_resource_t  *resource;

    resource = ehr_engine_resource_at(root, index);
    link = ehr_engine_number_head(root, resource->number);

    while (*link != index + 1) {
        link = &ehr_engine_resource_at(root, *link - 1)->next_number;
    }

    ehr_engine_store(*link, resource->next_number);
}


static void
ehr_engine_uuid_link(ehr_engine_root_t *root, uint32_t index)
{
    uint32_t               *head;
    ehr_engine_resource_t  *resource;

    resource = ehr_engine_resource_at(root, index);
    head = ehr_engine_uuid_head(root, resource->kind, &resource->uuid);

    ehr_engine_store(resource->next_uuid, *head);
    ehr_engine_store(*head, index + 1);
}


static void
ehr_engine_uuid_unlink(ehr_engine_root_t *root, uint32_t index)
{
    uint32_t               *link;
    ehr_engine_resource_t  *resource;

    resource = ehr_engine_resource_at(root, index);
    link = ehr_engine_uuid_head(root, resource->kind, &resource->uuid);

    while (*link != index + 1) {
        link = &ehr_engine_resource_at(root, *link - 1)->next_uuid;
    }

    ehr_engine_store(*link, resource->next_uuid);
}
