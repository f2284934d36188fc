/*
 * Tentative claims: a table that workers write under the mutex, with a chain
 * for each hash of a resource, which readers follow without it, and one for
 * each hash of an act.
 *
 * The entries alone count; the chains follow from them.  Who changes them
 * says so in `changing`; if that is found by the next holder of the mutex,
 * the former one is dead, and the chains are made again.
 */

#include "internal.h"


static uint32_t *ehr_engine_tentative_next(ehr_engine_root_t *root,
    uint32_t reference);
static void ehr_engine_tentative_link(ehr_engine_root_t *root,
    uint32_t reference);
static void ehr_engine_tentative_repair(ehr_engine_t *engine);
static void ehr_engine_tentative_relink(ehr_engine_root_t *root,
    int32_t dead);


static uint32_t *
ehr_engine_tentative_next(ehr_engine_root_t *root, uint32_t reference)
{
    return &ehr_engine_tentative_at(root, reference)->next;
}


uint32_t *
ehr_engine_act_head(ehr_engine_root_t *root, const ehr_engine_key_t *act)
{
    return ehr_engine_table(root, act_heads, uint32_t)
           + (ehr_engine_key_hash(act) & root->act_mask);
}


ehr_engine_bucket_t *
ehr_engine_bucket(ehr_engine_root_t *root, int32_t number)
{
    return ehr_engine_table(root, buckets, ehr_engine_bucket_t)
           + (ehr_engine_mix((uint32_t) number) & root->hash_mask);
}


ehr_engine_bucket_t *
ehr_engine_bed_bucket(ehr_engine_root_t *root, int32_t number)
{
    return ehr_engine_table(root, bed_buckets, ehr_engine_bucket_t)
           + (ehr_engine_mix((uint32_t) number) & root->bed_mask);
}


static ehr_engine_bucket_t *
ehr_engine_entry_bucket(ehr_engine_root_t *root,
    const ehr_engine_tentative_t *entry)
{
    return entry->bed ? ehr_engine_bed_bucket(root, entry->number)
                      : ehr_engine_bucket(root, entry->number);
}


/* Between two of these a chain changes: readers of it wait.  Those of beds
 * follow many chains. */
static void
ehr_engine_entry_step(ehr_engine_root_t *root,
    const ehr_engine_tentative_t *entry)
{
    ehr_engine_bucket_t  *bucket;

    bucket = ehr_engine_entry_bucket(root, entry);
    ehr_engine_store(bucket->sequence, bucket->sequence + 1);

    if (entry->bed) {
        ehr_engine_store(root->held_sequence, root->held_sequence + 1);
    }
}


/* -- the mutex ------------------------------------------------------------- */

void
ehr_engine_lock(ehr_engine_t *engine)
{
    engine->host->lock(engine->host->data);

    if (engine->root->changing) {
        ehr_engine_tentative_repair(engine);
    }
}


void
ehr_engine_unlock(ehr_engine_t *engine)
{
    engine->host->unlock(engine->host->data);
}


void
ehr_engine_tentative_change(ehr_engine_t *engine)
{
    ehr_engine_store(engine->root->changing, engine->pid);
}


void
ehr_engine_tentative_changed(ehr_engine_t *engine)
{
    ehr_engine_store(engine->root->changing, 0);
}


/* Chains of n buckets are emptied, and their readers wait. */
static void
ehr_engine_buckets_empty(ehr_engine_bucket_t *buckets, uint32_t n)
{
    uint32_t  i;

    for (i = 0; i < n; i++) {
        ehr_engine_store(buckets[i].sequence, buckets[i].sequence | 1);
        ehr_engine_store(buckets[i].head, 0);
    }
}


static void
ehr_engine_buckets_ready(ehr_engine_bucket_t *buckets, uint32_t n)
{
    uint32_t  i;

    for (i = 0; i < n; i++) {
        ehr_engine_store(buckets[i].sequence, buckets[i].sequence + 1);
    }
}


/* Makes chains and free list again from the entries, without those that the
 * dead process may have been adding. */
static void
ehr_engine_tentative_repair(ehr_engine_t *engine)
{
    uint32_t              n, beds;
    ehr_engine_root_t    *root;
    ehr_engine_bucket_t  *buckets, *bed_buckets;

    root = engine->root;
    n = root->hash_mask + 1;
    beds = root->bed_mask + 1;
    buckets = ehr_engine_table(root, buckets, ehr_engine_bucket_t);
    bed_buckets = ehr_engine_table(root, bed_buckets, ehr_engine_bucket_t);

    ehr_engine_store(root->held_sequence, root->held_sequence | 1);
    ehr_engine_buckets_empty(buckets, n);
    ehr_engine_buckets_empty(bed_buckets, beds);
    ehr_engine_clear(ehr_engine_table(root, act_heads, uint32_t),
                     (root->act_mask + 1) * sizeof(uint32_t));

    ehr_engine_tentative_relink(root, root->changing);

    ehr_engine_buckets_ready(buckets, n);
    ehr_engine_buckets_ready(bed_buckets, beds);
    ehr_engine_store(root->held_sequence, root->held_sequence + 1);

    ehr_engine_store(root->changing, 0);
    ehr_engine_count(root->repaired, 1);
}


static void
ehr_engine_tentative_relink(ehr_engine_root_t *root, int32_t dead)
{
    uint32_t                 used, held, reference;
    ehr_engine_tentative_t  *entry;

    used = 0;
    held = 0;
    ehr_engine_store(root->tentative_pool.free, 0);

    for (reference = root->tentative_pool.top; reference; reference--) {
        entry = ehr_engine_tentative_at(root, reference);

        if (entry->state == EHR_ENGINE_TENTATIVE_FREE
            || (entry->state == EHR_ENGINE_TENTATIVE_HELD
                && entry->pid == dead))
        {
            ehr_engine_store(entry->state, EHR_ENGINE_TENTATIVE_FREE);
            ehr_engine_store(entry->next, root->tentative_pool.free);
            ehr_engine_store(root->tentative_pool.free, reference);

        } else {
            ehr_engine_tentative_link(root, reference);
            used++;
            held += entry->bed != 0;
        }
    }

    ehr_engine_store(root->tentative_pool.used, used);
    ehr_engine_store(root->held, held);
}


/* -- entries --------------------------------------------------------------- */

int
ehr_engine_tentative_add(ehr_engine_t *engine, const ehr_engine_key_t *act,
    const ehr_engine_item_t *item, uint32_t bed, int64_t deadline)
{
    uint32_t                 reference;
    ehr_engine_root_t       *root;
    ehr_engine_tentative_t  *entry;

    root = engine->root;
    reference = ehr_engine_pool_take(root, &root->tentative_pool,
                                     ehr_engine_tentative_next);

    if (reference == 0) {
        return 0;
    }

    entry = ehr_engine_tentative_at(root, reference);
    ehr_engine_store(entry->number, item->resource);
    ehr_engine_store(entry->bed, bed);

    /* readers that are still at what it was before */
    ehr_engine_entry_step(root, entry);

    ehr_engine_store(entry->pid, engine->pid);
    ehr_engine_store(entry->seat, item->seat);
    ehr_engine_store(entry->from, item->from);
    ehr_engine_store(entry->to, item->to);
    ehr_engine_store(entry->deadline, deadline);
    ehr_engine_key_store(&entry->act, act);
    ehr_engine_store(entry->state, EHR_ENGINE_TENTATIVE_HELD);
    ehr_engine_tentative_link(root, reference);
    ehr_engine_store(root->held, root->held + (bed != 0));

    ehr_engine_entry_step(root, entry);

    return 1;
}


/* The bucket's sequence is odd. */
static void
ehr_engine_tentative_link(ehr_engine_root_t *root, uint32_t reference)
{
    uint32_t                *head;
    ehr_engine_bucket_t     *bucket;
    ehr_engine_tentative_t  *entry;

    entry = ehr_engine_tentative_at(root, reference);
    bucket = ehr_engine_entry_bucket(root, entry);
    head = ehr_engine_act_head(root, &entry->act);

    ehr_engine_store(entry->next, bucket->head);
    ehr_engine_store(bucket->head, reference);
    ehr_engine_store(entry->next_act, *head);
    ehr_engine_store(*head, reference);
}


void
ehr_engine_tentative_remove(ehr_engine_root_t *root, uint32_t reference)
{
    uint32_t                *link;
    ehr_engine_bucket_t     *bucket;
    ehr_engine_tentative_t  *entry;

    entry = ehr_engine_tentative_at(root, reference);
    bucket = ehr_engine_entry_bucket(root, entry);

    ehr_engine_store(entry->state, EHR_ENGINE_TENTATIVE_FREE);

    link = ehr_engine_act_head(root, &entry->act);

    while (*link != reference) {
        link = &ehr_engine_tentative_at(root, *link)->next_act;
    }

    ehr_engine_store(*link, entry->next_act);

    ehr_engine_entry_step(root, entry);

    link = &bucket->head;

    while (*link != reference) {
        link = ehr_engine_tentative_next(root, *link);
    }

    ehr_engine_store(*link, entry->next);
    ehr_engine_pool_give(root, &root->tentative_pool,
                         ehr_engine_tentative_next, reference);
    ehr_engine_store(root->held, root->held - (entry->bed != 0));

    ehr_engine_entry_step(root, entry);
}
