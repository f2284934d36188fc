/*
 * Groups: sets of resources under the uuid of a specialty, clinic or
 * department, a bit for each.  Readers copy what they need of them under one
 * sequence for all groups, for they seldom change.
 */

#include "internal.h"


static uint32_t *ehr_engine_group_head(ehr_engine_root_t *root,
    const ehr_engine_key_t *key);
static uint32_t ehr_engine_group_find(ehr_engine_root_t *root,
    const ehr_engine_key_t *key);
static uint32_t ehr_engine_group_new(ehr_engine_root_t *root,
    const ehr_engine_key_t *key);
static void ehr_engine_group_set(ehr_engine_root_t *root, uint32_t reference,
    uint32_t index, int is_member);
static void ehr_engine_group_end(ehr_engine_root_t *root, uint32_t reference);
static ehr_engine_result_t ehr_engine_groups_read(ehr_engine_root_t *root,
    const ehr_engine_uuid_t *groups, size_t n, uint64_t *mask);


static ehr_engine_group_t *
ehr_engine_group_at(ehr_engine_root_t *root, uint32_t reference)
{
    return ehr_engine_table(root, groups, ehr_engine_group_t)
           + (reference - 1);
}


static uint64_t *
ehr_engine_group_bits(ehr_engine_root_t *root, uint32_t reference)
{
    return ehr_engine_table(root, group_bits, uint64_t)
           + (size_t) (reference - 1) * root->words;
}


static uint32_t *
ehr_engine_group_next(ehr_engine_root_t *root, uint32_t reference)
{
    return &ehr_engine_group_at(root, reference)->next;
}


static uint32_t *
ehr_engine_group_head(ehr_engine_root_t *root, const ehr_engine_key_t *key)
{
    return ehr_engine_table(root, group_heads, uint32_t)
           + (ehr_engine_key_hash(key) & root->group_mask);
}


static uint32_t
ehr_engine_group_find(ehr_engine_root_t *root, const ehr_engine_key_t *key)
{
    uint32_t             reference, steps;
    ehr_engine_group_t  *group;

    reference = ehr_engine_load(*ehr_engine_group_head(root, key));

    for (steps = 0; ehr_engine_is_entry(&root->group_pool, reference)
                    && steps < root->group_pool.most; steps++)
    {
        group = ehr_engine_group_at(root, reference);

        if (ehr_engine_key_equals(&group->uuid, key)) {
            return reference;
        }

        reference = ehr_engine_load(group->next);
    }

    return 0;
}


/* -- the feed's ------------------------------------------------------------ */

ehr_engine_result_t
ehr_engine_feed_member(ehr_engine_t *engine, const ehr_engine_uuid_t *group,
    int32_t resource, int is_member)
{
    uint32_t              index, reference;
    ehr_engine_key_t      key;
    ehr_engine_root_t    *root;
    ehr_engine_result_t   result;

    root = engine->root;
    result = ehr_engine_feed_enter(engine);

    if (result != EHR_ENGINE_OK) {
        return result;
    }

    key = ehr_engine_key(group);
    index = ehr_engine_index(root, resource);

    if (index == EHR_ENGINE_NOBODY) {
        ehr_engine_feed_leave(engine);
        return EHR_ENGINE_NONE;
    }

    ehr_engine_store(root->group_sequence, root->group_sequence + 1);
    reference = ehr_engine_group_find(root, &key);

    if (reference == 0 && is_member) {
        reference = ehr_engine_group_new(root, &key);
        result = reference ? EHR_ENGINE_OK : EHR_ENGINE_FULL;
    }

    if (reference) {
        ehr_engine_group_set(root, reference, index, is_member);
    }

    ehr_engine_store(root->group_sequence, root->group_sequence + 1);
    ehr_engine_feed_leave(engine);

    return result;
}


static uint32_t
ehr_engine_group_new(ehr_engine_root_t *root, const ehr_engine_key_t *key)
{
    uint32_t             reference, *head;
    ehr_engine_group_t  *group;

    if (root->group_pool.missing) {
        /* it may be one that did not fit, whose members were not kept */
        ehr_engine_store(root->group_pool.missing,
                         root->group_pool.missing + 1);
        return 0;
    }

    reference = ehr_engine_pool_take(root, &root->group_pool,
                                     ehr_engine_group_next);

    if (reference) {
        group = ehr_engine_group_at(root, reference);
        head = ehr_engine_group_head(root, key);

        ehr_engine_clear(ehr_engine_group_bits(root, reference),
                         root->words * sizeof(uint64_t));
        ehr_engine_key_store(&group->uuid, key);
        ehr_engine_store(group->members, 0);
        ehr_engine_store(group->next, *head);
        ehr_engine_store(*head, reference);
    }

    return reference;
}


static void
ehr_engine_group_set(ehr_engine_root_t *root, uint32_t reference,
    uint32_t index, int is_member)
{
    uint64_t            *word, bit;
    ehr_engine_group_t  *group;

    group = ehr_engine_group_at(root, reference);
    word = ehr_engine_group_bits(root, reference) + index / 64;
    bit = (uint64_t) 1 << index % 64;

    if (((*word & bit) != 0) == (is_member != 0)) {
        return;
    }

    ehr_engine_store(*word, *word ^ bit);
    ehr_engine_store(group->members, is_member ? group->members + 1
                                               : group->members - 1);

    if (group->members == 0) {
        ehr_engine_group_end(root, reference);
    }
}


static void
ehr_engine_group_end(ehr_engine_root_t *root, uint32_t reference)
{
    uint32_t            *link;
    ehr_engine_key_t     key;
    ehr_engine_group_t  *group;

    group = ehr_engine_group_at(root, reference);
    key = ehr_engine_key_load(&group->uuid);

    link = ehr_engine_group_head(root, &key);

    while (*link != reference) {
        link = ehr_engine_group_next(root, *link);
    }

    ehr_engine_store(*link, group->next);
    ehr_engine_pool_give(root, &root->group_pool, ehr_engine_group_next,
                         reference);
}


void
ehr_engine_groups_forget(ehr_engine_root_t *root, uint32_t index)
{
    uint32_t  reference;

    ehr_engine_store(root->group_sequence, root->group_sequence + 1);

    for (reference = 1; reference <= root->group_pool.top; reference++) {

        if (ehr_engine_group_at(root, reference)->members) {
            ehr_engine_group_set(root, reference, index, 0);
        }
    }

    ehr_engine_store(root->group_sequence, root->group_sequence + 1);
}


void
ehr_engine_groups_reset(ehr_engine_root_t *root)
{
    ehr_engine_store(root->group_sequence, (root->group_sequence | 1));
    ehr_engine_clear(ehr_engine_table(root, group_heads, uint32_t),
                     (root->group_mask + 1) * sizeof(uint32_t));
    ehr_engine_pool_reset(&root->group_pool);
    ehr_engine_store(root->group_sequence, root->group_sequence + 1);
}


/* -- reading --------------------------------------------------------------- */

ehr_engine_result_t
ehr_engine_groups_mask(ehr_engine_root_t *root,
    const ehr_engine_uuid_t *groups, size_t n, uint64_t *mask)
{
    uint32_t              tries, sequence;
    uint64_t              before[EHR_ENGINE_RESOURCES_MAX / 64];
    ehr_engine_result_t   result;

    memcpy(before, mask, root->words * sizeof(uint64_t));

    for (tries = 0; tries < EHR_ENGINE_TRIES; tries++) {
        sequence = ehr_engine_load_first(root->group_sequence);

        if (sequence & 1) {
            ehr_engine_pause();
            continue;
        }

        result = ehr_engine_groups_read(root, groups, n, mask);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);

        if (ehr_engine_load(root->group_sequence) == sequence) {
            return result;
        }

        memcpy(mask, before, root->words * sizeof(uint64_t));
    }

    return EHR_ENGINE_ASK;
}


static ehr_engine_result_t
ehr_engine_groups_read(ehr_engine_root_t *root,
    const ehr_engine_uuid_t *groups, size_t n, uint64_t *mask)
{
    size_t             i;
    uint32_t           word, reference;
    uint64_t          *bits, left;
    ehr_engine_key_t   key;

    left = 1;

    for (i = 0; i < n; i++) {
        key = ehr_engine_key(&groups[i]);
        reference = ehr_engine_group_find(root, &key);

        if (reference == 0) {
            return ehr_engine_load(root->group_pool.missing) ? EHR_ENGINE_ASK
                                                             : EHR_ENGINE_NONE;
        }

        bits = ehr_engine_group_bits(root, reference);

        for (word = 0, left = 0; word < root->words; word++) {
            mask[word] &= ehr_engine_load(bits[word]);
            left |= mask[word];
        }
    }

    return left ? EHR_ENGINE_OK : EHR_ENGINE_NONE;
}
