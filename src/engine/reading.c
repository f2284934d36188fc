/*
 * Reading what belongs to a resource, or to beds, while the feed and other
 * workers write: what was read counts if neither of its two sequences has
 * moved meanwhile.
 */

#include "internal.h"


ehr_engine_result_t
ehr_engine_read_begin(ehr_engine_t *engine, ehr_engine_reading_t *reading,
    uint32_t index, int32_t number)
{
    ehr_engine_root_t  *root;

    root = engine->root;

    reading->root = root;
    reading->index = index;
    reading->number = number;
    reading->resource = ehr_engine_resource_at(root, index);
    reading->bucket = ehr_engine_bucket(root, number);

    reading->generation = ehr_engine_load_first(root->generation);

    if (ehr_engine_load_first(root->state) != EHR_ENGINE_LIVE) {
        return EHR_ENGINE_ASK;
    }

    reading->sequence = ehr_engine_load_first(reading->resource->sequence);
    reading->tentative = ehr_engine_load_first(reading->bucket->sequence);

    if ((reading->sequence | reading->tentative) & 1) {
        ehr_engine_pause();
        return EHR_ENGINE_BUSY;
    }

    reading->first_day = ehr_engine_load(root->first_day);
    reading->end_day = ehr_engine_load(root->end_day);
    reading->kind = ehr_engine_load(reading->resource->kind);

    if (reading->kind == 0
        || ehr_engine_load(reading->resource->number) != number)
    {
        return EHR_ENGINE_NONE;
    }

    return EHR_ENGINE_OK;
}


int
ehr_engine_read_end(ehr_engine_reading_t *reading)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    return ehr_engine_load(reading->resource->sequence) == reading->sequence
           && ehr_engine_load(reading->bucket->sequence) == reading->tentative
           && ehr_engine_load(reading->root->generation)
              == reading->generation;
}


/* -- beds ------------------------------------------------------------------ */

ehr_engine_result_t
ehr_engine_bed_read_begin(ehr_engine_t *engine,
    ehr_engine_bed_reading_t *reading)
{
    ehr_engine_root_t  *root;

    root = engine->root;
    reading->root = root;
    reading->generation = ehr_engine_load_first(root->generation);

    if (ehr_engine_state(engine) != EHR_ENGINE_LIVE) {
        return EHR_ENGINE_ASK;
    }

    reading->sequence = ehr_engine_load_first(root->bed_sequence);
    reading->held = ehr_engine_load_first(root->held_sequence);

    if ((reading->sequence | reading->held) & 1) {
        ehr_engine_pause();
        return EHR_ENGINE_BUSY;
    }

    return EHR_ENGINE_OK;
}


int
ehr_engine_bed_read_end(ehr_engine_bed_reading_t *reading)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    return ehr_engine_load(reading->root->bed_sequence) == reading->sequence
           && ehr_engine_load(reading->root->held_sequence) == reading->held
           && ehr_engine_load(reading->root->generation)
              == reading->generation;
}
