/*
 * Places: pairs of clinic and room in which periods are.  They are few and
 * are kept until the next feed begins.
 */

#include "internal.h"


static uint32_t *
ehr_engine_place_next(ehr_engine_root_t *root, uint32_t reference)
{
    return &ehr_engine_place_at(root, reference)->next;
}


uint32_t
ehr_engine_place_intern(ehr_engine_root_t *root,
    const ehr_engine_uuid_t *clinic, const ehr_engine_uuid_t *room)
{
    uint32_t             reference, *head;
    ehr_engine_key_t     clinic_key, room_key;
    ehr_engine_place_t  *place;

    clinic_key = ehr_engine_key(clinic);
    room_key = ehr_engine_key(room);
    head = ehr_engine_table(root, place_heads, uint32_t)
           + (ehr_engine_mix(ehr_engine_key_hash(&clinic_key)
                             + ehr_engine_key_hash(&room_key))
              & root->place_mask);

    for (reference = *head; reference; reference = place->next) {
        place = ehr_engine_place_at(root, reference);

        if (ehr_engine_key_equals(&place->clinic, &clinic_key)
            && ehr_engine_key_equals(&place->room, &room_key))
        {
            return reference;
        }
    }

    reference = ehr_engine_pool_take(root, &root->place_pool,
                                     ehr_engine_place_next);

    if (reference) {
        place = ehr_engine_place_at(root, reference);
        ehr_engine_key_store(&place->clinic, &clinic_key);
        ehr_engine_key_store(&place->room, &room_key);
        ehr_engine_store(place->next, *head);
        ehr_engine_store(*head, reference);
    }

    return reference;
}


void
ehr_engine_places_reset(ehr_engine_root_t *root)
{
    ehr_engine_clear(ehr_engine_table(root, place_heads, uint32_t),
                     (root->place_mask + 1) * sizeof(uint32_t));
    ehr_engine_pool_reset(&root->place_pool);
}
