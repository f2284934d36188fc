/*
 * Laying out the block and getting a view of it.
 */

#include "internal.h"


#define EHR_ENGINE_ALIGNMENT  64

#define EHR_ENGINE_DEFAULT_RESOURCES    1024
#define EHR_ENGINE_DEFAULT_DAYS         120
#define EHR_ENGINE_DEFAULT_GROUPS       1024
#define EHR_ENGINE_DEFAULT_TENTATIVE    16384
#define EHR_ENGINE_DEFAULT_STALE_AFTER  2000
#define EHR_ENGINE_DEFAULT_BEDS         1024

#define EHR_ENGINE_PLACES_MAX           65535
#define EHR_ENGINE_TABLE_MAX            0x10000000

/* A uuid's hash has to spread: at least so many chains. */
#define EHR_ENGINE_CHAINS_MIN           64


static int ehr_engine_complete(ehr_engine_config_t *config);
static uint32_t ehr_engine_chains(uint32_t entries);
static void ehr_engine_root_fill(ehr_engine_root_t *root,
    const ehr_engine_config_t *config);
static uint64_t ehr_engine_divide(ehr_engine_root_t *root);
static uint64_t ehr_engine_divide_beds(ehr_engine_root_t *root, uint64_t end);


size_t
ehr_engine_size(const ehr_engine_config_t *config)
{
    ehr_engine_root_t    root;
    ehr_engine_config_t  complete;

    complete = *config;

    if (!ehr_engine_complete(&complete)) {
        return 0;
    }

    if (complete.pages == 0) {
        complete.pages = complete.resources * complete.days;
    }

    ehr_engine_root_fill(&root, &complete);

    return ehr_engine_divide(&root)
           + (size_t) complete.pages * sizeof(ehr_engine_page_t);
}


ehr_engine_result_t
ehr_engine_create(void *block, size_t size, const ehr_engine_config_t *config)
{
    uint64_t              start, pages;
    ehr_engine_root_t     layout, *root;
    ehr_engine_config_t   complete;

    complete = *config;

    if (!ehr_engine_complete(&complete)
        || (uintptr_t) block % EHR_ENGINE_ALIGNMENT)
    {
        return EHR_ENGINE_INVALID;
    }

    ehr_engine_root_fill(&layout, &complete);
    start = ehr_engine_divide(&layout);

    if (size < start) {
        return EHR_ENGINE_FULL;
    }

    pages = (size - start) / sizeof(ehr_engine_page_t);

    if (pages > complete.pages && complete.pages) {
        pages = complete.pages;
    }

    if (pages > EHR_ENGINE_TABLE_MAX) {
        pages = EHR_ENGINE_TABLE_MAX;
    }

    if (pages < complete.resources) {
        return EHR_ENGINE_FULL;
    }

    memset(block, 0, start);

    root = block;
    *root = layout;
    root->size = size;
    root->page_pool.most = (uint32_t) pages;
    root->generation = 1;
    root->layout = EHR_ENGINE_LAYOUT;
    root->root_size = sizeof(ehr_engine_root_t);
    ehr_engine_store(root->magic, EHR_ENGINE_MAGIC);

    return EHR_ENGINE_OK;
}


ehr_engine_result_t
ehr_engine_attach(ehr_engine_t *engine, void *block, size_t size,
    const ehr_engine_host_t *host, int32_t pid)
{
    ehr_engine_root_t  *root;

    root = block;

    if (size < sizeof(ehr_engine_root_t)
        || ehr_engine_load_first(root->magic) != EHR_ENGINE_MAGIC
        || root->layout != EHR_ENGINE_LAYOUT
        || root->root_size != sizeof(ehr_engine_root_t)
        || root->size != size)
    {
        return EHR_ENGINE_FOREIGN;
    }

    engine->host = host;
    engine->root = root;
    engine->pid = pid;
    engine->generation = 0;

    return EHR_ENGINE_OK;
}


/* Puts in the defaults; 0 if numbers are too large. */
static int
ehr_engine_complete(ehr_engine_config_t *config)
{
#define ehr_engine_default(field, value)                                      \
    if (config->field == 0) {                                                 \
        config->field = (value);                                              \
    }

    ehr_engine_default(resources, EHR_ENGINE_DEFAULT_RESOURCES);

    if (config->resources > EHR_ENGINE_RESOURCES_MAX) {
        return 0;
    }

    ehr_engine_default(days, EHR_ENGINE_DEFAULT_DAYS);
    ehr_engine_default(groups, EHR_ENGINE_DEFAULT_GROUPS);
    ehr_engine_default(places, config->resources / 2 + 64);
    ehr_engine_default(shapes, config->resources * 16);
    ehr_engine_default(tentative, EHR_ENGINE_DEFAULT_TENTATIVE);
    ehr_engine_default(stale_after, EHR_ENGINE_DEFAULT_STALE_AFTER);
    ehr_engine_default(beds, EHR_ENGINE_DEFAULT_BEDS);

    if (config->beds > EHR_ENGINE_BEDS_MAX) {
        return 0;
    }

    ehr_engine_default(bed_rooms, config->beds);
    ehr_engine_default(bed_groups, config->beds / 16 + 64);
    ehr_engine_default(stays, config->beds * 2);

#undef ehr_engine_default

    return config->days <= EHR_ENGINE_DAYS_MAX
           && config->places <= EHR_ENGINE_PLACES_MAX
           && config->groups <= EHR_ENGINE_TABLE_MAX
           && config->shapes <= EHR_ENGINE_TABLE_MAX
           && config->tentative <= EHR_ENGINE_TABLE_MAX
           && config->bed_rooms <= EHR_ENGINE_TABLE_MAX
           && config->bed_groups <= EHR_ENGINE_TABLE_MAX
           && config->stays <= EHR_ENGINE_TABLE_MAX
           && config->pages <= EHR_ENGINE_TABLE_MAX;
}


/* A power of two. */
static uint32_t
ehr_engine_chains(uint32_t entries)
{
    uint32_t  chains;

    for (chains = EHR_ENGINE_CHAINS_MIN; chains < entries; chains *= 2) {
        /* void */
    }

    return chains;
}


static void
ehr_engine_root_fill(ehr_engine_root_t *root,
    const ehr_engine_config_t *config)
{
    memset(root, 0, sizeof(ehr_engine_root_t));

    root->days = config->days;
    root->stale_after = config->stale_after;
    root->words = (config->resources + 63) / 64;

    root->hash_mask = ehr_engine_chains(config->resources) - 1;
    root->act_mask = ehr_engine_chains(config->tentative) - 1;
    root->shape_mask = ehr_engine_chains(config->shapes) - 1;
    root->place_mask = ehr_engine_chains(config->places) - 1;
    root->group_mask = ehr_engine_chains(config->groups) - 1;

    root->bed_words = (config->beds + 63) / 64;
    root->bed_mask = ehr_engine_chains(config->beds) - 1;
    root->bed_room_mask = ehr_engine_chains(config->bed_rooms) - 1;
    root->bed_group_mask = ehr_engine_chains(config->bed_groups) - 1;

    root->resource_pool.most = config->resources;
    root->group_pool.most = config->groups;
    root->place_pool.most = config->places;
    root->shape_pool.most = config->shapes;
    root->tentative_pool.most = config->tentative;
    root->bed_pool.most = config->beds;
    root->bed_room_pool.most = config->bed_rooms;
    root->bed_group_pool.most = config->bed_groups;
    root->stay_pool.most = config->stays;
}


#define ehr_engine_place(offset, n, type)                                     \
    root->offset = end;                                                       \
    end += (uint64_t) (n) * sizeof(type);                                     \
    end = (end + EHR_ENGINE_ALIGNMENT - 1)                                    \
          & ~(uint64_t) (EHR_ENGINE_ALIGNMENT - 1)


/* Sets the tables' offsets; returns that of the pages, which come last. */
static uint64_t
ehr_engine_divide(ehr_engine_root_t *root)
{
    uint64_t  end, resources, chains;

    resources = root->resource_pool.most;
    chains = (uint64_t) root->hash_mask + 1;
    end = (sizeof(ehr_engine_root_t) + EHR_ENGINE_ALIGNMENT - 1)
          & ~(size_t) (EHR_ENGINE_ALIGNMENT - 1);

    ehr_engine_place(resources, resources, ehr_engine_resource_t);
    ehr_engine_place(by_number, chains, uint32_t);
    ehr_engine_place(by_uuid, chains, uint32_t);
    ehr_engine_place(ring, resources * root->days, ehr_engine_day_t);
    ehr_engine_place(rows, (uint64_t) root->days * EHR_ENGINE_ROWS
                           * root->words, uint64_t);
    ehr_engine_place(row_counts, root->days * EHR_ENGINE_ROWS, uint32_t);
    ehr_engine_place(runs, (uint64_t) root->days * root->words * 64, uint8_t);
    ehr_engine_place(groups, root->group_pool.most, ehr_engine_group_t);
    ehr_engine_place(group_heads, root->group_mask + 1, uint32_t);
    ehr_engine_place(group_bits, (uint64_t) root->group_pool.most
                                 * root->words, uint64_t);
    ehr_engine_place(places, root->place_pool.most, ehr_engine_place_t);
    ehr_engine_place(place_heads, root->place_mask + 1, uint32_t);
    ehr_engine_place(shapes, root->shape_pool.most, ehr_engine_shape_t);
    ehr_engine_place(shape_heads, root->shape_mask + 1, uint32_t);
    ehr_engine_place(buckets, chains, ehr_engine_bucket_t);
    ehr_engine_place(act_heads, root->act_mask + 1, uint32_t);
    ehr_engine_place(tentatives, root->tentative_pool.most,
                     ehr_engine_tentative_t);
    end = ehr_engine_divide_beds(root, end);
    root->pages = end;

    return end;
}


/* Those of beds, from end on; returns their end. */
static uint64_t
ehr_engine_divide_beds(ehr_engine_root_t *root, uint64_t end)
{
    uint64_t  beds, chains;

    beds = root->bed_pool.most;
    chains = (uint64_t) root->bed_mask + 1;

    ehr_engine_place(beds, beds, ehr_engine_bed_record_t);
    ehr_engine_place(beds_by_number, chains, uint32_t);
    ehr_engine_place(beds_by_uuid, chains, uint32_t);
    ehr_engine_place(bed_traits, beds, uint32_t);
    ehr_engine_place(bed_orders, beds, uint32_t);
    ehr_engine_place(bed_rows, EHR_ENGINE_BEDS_ROWS * root->bed_words,
                     uint64_t);
    ehr_engine_place(bed_rooms, root->bed_room_pool.most,
                     ehr_engine_bed_room_t);
    ehr_engine_place(bed_room_heads, root->bed_room_mask + 1, uint32_t);
    ehr_engine_place(bed_groups, root->bed_group_pool.most,
                     ehr_engine_bed_group_t);
    ehr_engine_place(bed_group_heads, root->bed_group_mask + 1, uint32_t);
    ehr_engine_place(bed_group_rows, (uint64_t) root->bed_group_pool.most
                                     * root->bed_words, uint64_t);
    ehr_engine_place(bed_buckets, chains, ehr_engine_bucket_t);
    ehr_engine_place(stays, root->stay_pool.most, ehr_engine_stay_t);

    return end;
}

#undef ehr_engine_place


/* -- keys ------------------------------------------------------------------ */

void
ehr_engine_key_store(ehr_engine_key_t *shared, const ehr_engine_key_t *key)
{
    ehr_engine_store(shared->word[0], key->word[0]);
    ehr_engine_store(shared->word[1], key->word[1]);
}


/* splitmix64's finish */
uint64_t
ehr_engine_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;

    return value ^ (value >> 31);
}


uint64_t
ehr_engine_key_hash(const ehr_engine_key_t *key)
{
    return ehr_engine_mix(ehr_engine_mix(key->word[0]) + key->word[1]);
}


void
ehr_engine_clear(void *start, size_t size)
{
    ehr_engine_step();
    memset(start, 0, size);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}


/* -- pools ----------------------------------------------------------------- */

uint32_t
ehr_engine_pool_take(ehr_engine_root_t *root, ehr_engine_pool_t *pool,
    ehr_engine_next_pt next)
{
    uint32_t  reference;

    reference = pool->free;

    if (reference) {
        ehr_engine_store(pool->free, ehr_engine_load(*next(root, reference)));

    } else if (pool->top < pool->most) {
        reference = pool->top + 1;
        ehr_engine_store(pool->top, reference);

    } else {
        ehr_engine_store(pool->missing, pool->missing + 1);
        return 0;
    }

    ehr_engine_store(pool->used, pool->used + 1);

    return reference;
}


void
ehr_engine_pool_give(ehr_engine_root_t *root, ehr_engine_pool_t *pool,
    ehr_engine_next_pt next, uint32_t reference)
{
    ehr_engine_store(*next(root, reference), pool->free);
    ehr_engine_store(pool->free, reference);
    ehr_engine_store(pool->used, pool->used - 1);
}


void
ehr_engine_pool_reset(ehr_engine_pool_t *pool)
{
    ehr_engine_store(pool->free, 0);
    ehr_engine_store(pool->top, 0);
    ehr_engine_store(pool->used, 0);
    ehr_engine_store(pool->missing, 0);
}
