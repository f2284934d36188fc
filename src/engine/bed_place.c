/*
 * Where beds are: rooms, with who lies in them, and groups of beds, which are
 * hospitals, wards and classes of rooms.  They are made when a bed names them
 * and stay until the feed begins anew.
 */

#include "internal.h"


static uint32_t ehr_engine_bed_room_find(ehr_engine_root_t *root,
    const ehr_engine_key_t *uuid);
static uint32_t *ehr_engine_bed_room_head(ehr_engine_root_t *root,
    const ehr_engine_key_t *uuid);
static uint32_t *ehr_engine_bed_group_head(ehr_engine_root_t *root,
    ehr_engine_of_t of, const ehr_engine_key_t *uuid);
static void ehr_engine_bed_room_count(ehr_engine_root_t *root, uint32_t index,
    uint32_t n);


static uint32_t *
ehr_engine_bed_room_next(ehr_engine_root_t *root, uint32_t reference)
{
    return &ehr_engine_bed_room_at(root, reference)->next;
}


static uint32_t *
ehr_engine_bed_group_next(ehr_engine_root_t *root, uint32_t reference)
{
    return &ehr_engine_bed_group_at(root, reference)->next;
}


static uint32_t *
ehr_engine_bed_room_head(ehr_engine_root_t *root,
    const ehr_engine_key_t *uuid)
{
    return ehr_engine_table(root, bed_room_heads, uint32_t)
           + (ehr_engine_key_hash(uuid) & root->bed_room_mask);
}


static uint32_t *
ehr_engine_bed_group_head(ehr_engine_root_t *root, ehr_engine_of_t of,
    const ehr_engine_key_t *uuid)
{
    return ehr_engine_table(root, bed_group_heads, uint32_t)
           + ((ehr_engine_key_hash(uuid) + of) & root->bed_group_mask);
}


/* -- rooms ----------------------------------------------------------------- */

static uint32_t
ehr_engine_bed_room_find(ehr_engine_root_t *root,
    const ehr_engine_key_t *uuid)
{
    uint32_t  reference;

    for (reference = *ehr_engine_bed_room_head(root, uuid); reference;
         reference = *ehr_engine_bed_room_next(root, reference))
    {
        if (ehr_engine_key_equals(&ehr_engine_bed_room_at(root,
                                                          reference)->uuid,
                                  uuid))
        {
            return reference;
        }
    }

    return 0;
}


uint32_t
ehr_engine_bed_room_intern(ehr_engine_root_t *root,
    const ehr_engine_key_t *uuid)
{
    uint32_t                reference, *head;
    ehr_engine_bed_room_t  *room;

    reference = ehr_engine_bed_room_find(root, uuid);

    if (reference) {
        return reference;
    }

    reference = ehr_engine_pool_take(root, &root->bed_room_pool,
                                     ehr_engine_bed_room_next);

    if (reference == 0) {
        return 0;
    }

    room = ehr_engine_bed_room_at(root, reference);
    head = ehr_engine_bed_room_head(root, uuid);

    ehr_engine_clear(room, sizeof(*room));
    ehr_engine_key_store(&room->uuid, uuid);
    ehr_engine_store(room->next, *head);
    ehr_engine_store(*head, reference);

    return reference;
}


void
ehr_engine_bed_room_join(ehr_engine_root_t *root, uint32_t index)
{
    ehr_engine_bed_room_t    *room;
    ehr_engine_bed_record_t  *record;

    record = ehr_engine_bed_at(root, index);

    if (record->room == 0) {
        return;
    }

    room = ehr_engine_bed_room_at(root, record->room);
    ehr_engine_store(record->next_room, room->bed);
    ehr_engine_store(room->bed, index + 1);
    ehr_engine_bed_room_count(root, index, 1);
}


void
ehr_engine_bed_room_leave(ehr_engine_root_t *root, uint32_t index)
{
    uint32_t                 *link;
    ehr_engine_bed_record_t  *record;

    record = ehr_engine_bed_at(root, index);

    if (record->room == 0) {
        return;
    }

    ehr_engine_bed_room_count(root, index, (uint32_t) -1);
    link = &ehr_engine_bed_room_at(root, record->room)->bed;

    while (*link != index + 1) {
        link = &ehr_engine_bed_at(root, *link - 1)->next_room;
    }

    ehr_engine_store(*link, record->next_room);
}


/* One more, or less, of the sex of who lies in this bed; tells all beds of the
 * room who lies there now. */
static void
ehr_engine_bed_room_count(ehr_engine_root_t *root, uint32_t index, uint32_t n)
{
    uint32_t                  i, sexes, reference, *traits;
    ehr_engine_bed_room_t    *room;
    ehr_engine_bed_record_t  *record;

    record = ehr_engine_bed_at(root, index);
    room = ehr_engine_bed_room_at(root, record->room);
    sexes = 0;

    if (record->occupant) {
        i = record->occupant - 1;
        ehr_engine_store(room->sexes[i], room->sexes[i] + n);
    }

    for (i = 0; i < EHR_ENGINE_SEX_UNKNOWN; i++) {
        sexes |= (uint32_t) (room->sexes[i] != 0) << i;
    }

    for (reference = room->bed; reference;
         reference = ehr_engine_bed_at(root, reference - 1)->next_room)
    {
        traits = &ehr_engine_bed_traits(root)[reference - 1];
        ehr_engine_store(*traits,
                         (*traits & ~(0xfu << EHR_ENGINE_TRAIT_SEXES))
                         | sexes << EHR_ENGINE_TRAIT_SEXES);
    }
}


/* -- groups ---------------------------------------------------------------- */

/* Readers do so while it may be torn. */
uint32_t
ehr_engine_bed_group(ehr_engine_root_t *root, ehr_engine_of_t of,
    const ehr_engine_key_t *uuid)
{
    uint32_t                 reference, steps;
    ehr_engine_bed_group_t  *group;

    reference = ehr_engine_load(*ehr_engine_bed_group_head(root, of, uuid));

    for (steps = 0; ehr_engine_is_entry(&root->bed_group_pool, reference)
                    && steps < root->bed_group_pool.most; steps++)
    {
        group = ehr_engine_bed_group_at(root, reference);

        if (ehr_engine_load(group->of) == (uint32_t) of
            && ehr_engine_key_equals(&group->uuid, uuid))
        {
            return reference;
        }

        reference = ehr_engine_load(group->next);
    }

    return 0;
}


uint32_t
ehr_engine_bed_group_intern(ehr_engine_root_t *root, ehr_engine_of_t of,
    const ehr_engine_key_t *uuid)
{
    uint32_t                 reference, *head;
    ehr_engine_bed_group_t  *group;

    reference = ehr_engine_bed_group(root, of, uuid);

    if (reference) {
        return reference;
    }

    reference = ehr_engine_pool_take(root, &root->bed_group_pool,
                                     ehr_engine_bed_group_next);

    if (reference == 0) {
        return 0;
    }

    group = ehr_engine_bed_group_at(root, reference);
    head = ehr_engine_bed_group_head(root, of, uuid);

    ehr_engine_clear(ehr_engine_bed_group_row(root, reference),
                     root->bed_words * sizeof(uint64_t));
    ehr_engine_key_store(&group->uuid, uuid);
    ehr_engine_store(group->of, (uint32_t) of);
    ehr_engine_store(group->next, *head);
    ehr_engine_store(*head, reference);

    return reference;
}


/* -- versions -------------------------------------------------------------- */

/* Group versions only grow, so that those of another group that had this
 * place before are not met again. */
void
ehr_engine_bed_touch(ehr_engine_root_t *root, uint32_t index)
{
    uint32_t  ward;

    ward = ehr_engine_bed_at(root, index)->groups[EHR_ENGINE_OF_WARD];

    if (ward) {
        ehr_engine_step();
        ehr_engine_count(ehr_engine_bed_group_at(root, ward)->version, 1);
    }
}


void
ehr_engine_ward_touch(ehr_engine_t *engine, const ehr_engine_uuid_t *ward)
{
    uint32_t          reference;
    ehr_engine_key_t  key;

    key = ehr_engine_key(ward);
    reference = ehr_engine_bed_group(engine->root, EHR_ENGINE_OF_WARD, &key);

    if (reference) {
        ehr_engine_count(ehr_engine_bed_group_at(engine->root,
                                                 reference)->version, 1);
    }
}


uint64_t
ehr_engine_ward_version(ehr_engine_t *engine, const ehr_engine_uuid_t *ward)
{
    uint32_t                  reference;
    uint64_t                  version;
    ehr_engine_key_t          key;
    ehr_engine_bed_reading_t  reading;

    if (ehr_engine_bed_read_begin(engine, &reading) != EHR_ENGINE_OK) {
        return 0;
    }

    key = ehr_engine_key(ward);
    reference = ehr_engine_bed_group(engine->root, EHR_ENGINE_OF_WARD, &key);

    if (reference == 0) {
        return 0;
    }

    version = ehr_engine_load(ehr_engine_bed_group_at(engine->root,
                                                      reference)->version);

    if (!ehr_engine_bed_read_end(&reading)) {
        return 0;
    }

    version = ehr_engine_mix(((uint64_t) reading.generation << 32 | reference)
                             + 0x9e3779b97f4a7c15)
              + version;
    version = ehr_engine_mix(version);

    return version ? version : 1;
}


void
ehr_engine_bed_places_reset(ehr_engine_root_t *root)
{
    ehr_engine_clear(ehr_engine_table(root, bed_room_heads, uint32_t),
                     (root->bed_room_mask + 1) * sizeof(uint32_t));
    ehr_engine_clear(ehr_engine_table(root, bed_group_heads, uint32_t),
                     (root->bed_group_mask + 1) * sizeof(uint32_t));
    ehr_engine_pool_reset(&root->bed_room_pool);
    ehr_engine_pool_reset(&root->bed_group_pool);
}
