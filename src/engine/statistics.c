/*
 * How full the block is, and what would do.
 */

#include "internal.h"


static void
ehr_engine_room(ehr_engine_room_t *room, const ehr_engine_pool_t *pool)
{
    room->used = ehr_engine_load(pool->used);
    room->most = pool->most;
    room->missing = ehr_engine_load(pool->missing);
}


void
ehr_engine_statistics(ehr_engine_t *engine,
    ehr_engine_statistics_t *statistics)
{
    ehr_engine_root_t    *root;
    ehr_engine_config_t   wanted;

    root = engine->root;

    ehr_engine_room(&statistics->resources, &root->resource_pool);
    ehr_engine_room(&statistics->groups, &root->group_pool);
    ehr_engine_room(&statistics->places, &root->place_pool);
    ehr_engine_room(&statistics->shapes, &root->shape_pool);
    ehr_engine_room(&statistics->pages, &root->page_pool);
    ehr_engine_room(&statistics->tentative, &root->tentative_pool);
    ehr_engine_room(&statistics->beds, &root->bed_pool);
    ehr_engine_room(&statistics->bed_rooms, &root->bed_room_pool);
    ehr_engine_room(&statistics->bed_groups, &root->bed_group_pool);
    ehr_engine_room(&statistics->stays, &root->stay_pool);

    statistics->claims_held = ehr_engine_load(root->claims_held);
    statistics->claims_taken = ehr_engine_load(root->claims_taken);
    statistics->claims_asked = ehr_engine_load(root->claims_asked);
    statistics->reaped = ehr_engine_load(root->reaped);
    statistics->repaired = ehr_engine_load(root->repaired);

    wanted.days = root->days;
    wanted.stale_after = root->stale_after;

#define ehr_engine_wanted(field)                                              \
    wanted.field = statistics->field.most + statistics->field.missing

    ehr_engine_wanted(resources);
    ehr_engine_wanted(groups);
    ehr_engine_wanted(places);
    ehr_engine_wanted(shapes);
    ehr_engine_wanted(pages);
    ehr_engine_wanted(tentative);
    ehr_engine_wanted(beds);
    ehr_engine_wanted(bed_rooms);
    ehr_engine_wanted(bed_groups);
    ehr_engine_wanted(stays);

#undef ehr_engine_wanted

    statistics->size = root->size;
    statistics->size_needed = ehr_engine_size(&wanted);

    if (statistics->size_needed < root->size) {
        statistics->size_needed = root->size;
    }
}
