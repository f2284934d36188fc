/*
 * Beds: what each is, and for each property a row with a bit for each bed
 * that has it.
 *
 * The feed changes them between two steps of one sequence for all beds: such
 * changes are few and short, and a search sees all beds as they were at one
 * moment.
 */

#include "internal.h"


static uint32_t *ehr_engine_bed_next(ehr_engine_root_t *root,
    uint32_t reference);
static uint32_t *ehr_engine_bed_number_head(ehr_engine_root_t *root,
    int32_t number);
static uint32_t *ehr_engine_bed_uuid_head(ehr_engine_root_t *root,
    const ehr_engine_key_t *uuid);
static int ehr_engine_bed_is_valid(int32_t number,
    const ehr_engine_bed_t *bed);
static ehr_engine_result_t ehr_engine_bed_take(ehr_engine_root_t *root,
    int32_t number, const ehr_engine_bed_t *bed, uint32_t *index);
static int ehr_engine_bed_describe(ehr_engine_root_t *root, uint32_t index,
    const ehr_engine_bed_t *bed);
static void ehr_engine_bed_put_in(ehr_engine_root_t *root, uint32_t index);
static void ehr_engine_bed_take_out(ehr_engine_root_t *root, uint32_t index);
static void ehr_engine_bed_unlink(ehr_engine_root_t *root, uint32_t index);


static uint32_t *
ehr_engine_bed_next(ehr_engine_root_t *root, uint32_t reference)
{
    return &ehr_engine_bed_at(root, reference - 1)->next_number;
}


static uint32_t *
ehr_engine_bed_number_head(ehr_engine_root_t *root, int32_t number)
{
    return ehr_engine_table(root, beds_by_number, uint32_t)
           + (ehr_engine_mix((uint32_t) number) & root->bed_mask);
}


static uint32_t *
ehr_engine_bed_uuid_head(ehr_engine_root_t *root,
    const ehr_engine_key_t *uuid)
{
    return ehr_engine_table(root, beds_by_uuid, uint32_t)
           + (ehr_engine_key_hash(uuid) & root->bed_mask);
}


/* What is torn may be anything, but has to end: readers look again. */
uint32_t
ehr_engine_bed_index(ehr_engine_root_t *root, int32_t number)
{
    uint32_t                 reference, steps;
    ehr_engine_bed_record_t *record;

    reference = ehr_engine_load_first(*ehr_engine_bed_number_head(root,
                                                                  number));

    for (steps = 0; ehr_engine_is_entry(&root->bed_pool, reference)
                    && steps < root->bed_pool.most; steps++)
    {
        record = ehr_engine_bed_at(root, reference - 1);

        if (number && ehr_engine_load(record->number) == number) {
            return reference - 1;
        }

        reference = ehr_engine_load(record->next_number);
    }

    return EHR_ENGINE_NOBODY;
}


ehr_engine_result_t
ehr_engine_bed_number(ehr_engine_t *engine, const ehr_engine_key_t *uuid,
    int32_t *number)
{
    uint32_t                  reference, sequence, steps;
    ehr_engine_root_t        *root;
    ehr_engine_bed_record_t  *record;

    root = engine->root;
    sequence = ehr_engine_load_first(root->bed_sequence);
    reference = ehr_engine_load(*ehr_engine_bed_uuid_head(root, uuid));

    for (steps = 0; ehr_engine_is_entry(&root->bed_pool, reference)
                    && steps < root->bed_pool.most; steps++)
    {
        record = ehr_engine_bed_at(root, reference - 1);

        if (ehr_engine_key_equals(&record->uuid, uuid)) {
            *number = ehr_engine_load(record->number);
            __atomic_thread_fence(__ATOMIC_ACQUIRE);

            return ehr_engine_load(root->bed_sequence) == sequence
                   && !(sequence & 1) ? EHR_ENGINE_OK : EHR_ENGINE_NONE;
        }

        reference = ehr_engine_load(record->next_uuid);
    }

    return EHR_ENGINE_NONE;
}


void
ehr_engine_bed_releasing(ehr_engine_root_t *root, int32_t number,
    int64_t until)
{
    uint32_t                  index;
    ehr_engine_bed_record_t  *record;

    index = ehr_engine_bed_index(root, number);

    if (index == EHR_ENGINE_NOBODY) {
        return;
    }

    record = ehr_engine_bed_at(root, index);

    if (ehr_engine_load(root->bed_releasing) < until) {
        ehr_engine_store(root->bed_releasing, until);
    }

    if (ehr_engine_load(record->releasing) < until) {
        ehr_engine_store(record->releasing, until);
    }
}


void
ehr_engine_beds_change(ehr_engine_root_t *root)
{
    ehr_engine_store(root->bed_sequence, root->bed_sequence + 1);
}


void
ehr_engine_beds_changed(ehr_engine_root_t *root)
{
    ehr_engine_store(root->bed_sequence, root->bed_sequence + 1);
}


void
ehr_engine_bit(uint64_t *row, uint32_t index, int is_set)
{
    uint64_t  bit, word;

    bit = (uint64_t) 1 << index % 64;
    word = is_set ? row[index / 64] | bit : row[index / 64] & ~bit;

    if (word != row[index / 64]) {
        ehr_engine_store(row[index / 64], word);
    }
}


int
ehr_engine_bit_is(uint64_t *row, uint32_t index)
{
    return ehr_engine_load(row[index / 64]) >> index % 64 & 1;
}


/* -- the feed's ------------------------------------------------------------ */

ehr_engine_result_t
ehr_engine_feed_bed(ehr_engine_t *engine, int32_t number,
    const ehr_engine_bed_t *bed)
{
    uint32_t              index;
    ehr_engine_root_t    *root;
    ehr_engine_result_t   result;

    if (!ehr_engine_bed_is_valid(number, bed)) {
        return EHR_ENGINE_INVALID;
    }

    root = engine->root;
    result = ehr_engine_feed_enter(engine);

    if (result != EHR_ENGINE_OK) {
        return result;
    }

    ehr_engine_beds_change(root);

    index = ehr_engine_bed_index(root, number);

    if (index != EHR_ENGINE_NOBODY) {
        /* the ward it leaves, if it does */
        ehr_engine_bed_touch(root, index);
        ehr_engine_bed_take_out(root, index);

    } else {
        result = ehr_engine_bed_take(root, number, bed, &index);
    }

    if (index != EHR_ENGINE_NOBODY) {

        if (!ehr_engine_bed_describe(root, index, bed)) {
            result = EHR_ENGINE_FULL;
        }

        ehr_engine_bed_put_in(root, index);
    }

    ehr_engine_beds_changed(root);

    if (index != EHR_ENGINE_NOBODY) {
        ehr_engine_bed_touch(root, index);
    }

    ehr_engine_feed_leave(engine);

    return result;
}


static int
ehr_engine_bed_is_valid(int32_t number, const ehr_engine_bed_t *bed)
{
    return number != 0
           && bed->equipment <= EHR_ENGINE_EQUIPMENT_MAX
           && bed->age <= EHR_ENGINE_AGE_NEWBORN
           && bed->policy <= EHR_ENGINE_ROOM_SAME
           && bed->status >= EHR_ENGINE_BED_AVAILABLE
           && bed->status <= EHR_ENGINE_BED_OUT_OF_SERVICE
           && bed->occupant_sex <= EHR_ENGINE_SEX_UNKNOWN;
}


/* *index of a new one, or EHR_ENGINE_NOBODY. */
static ehr_engine_result_t
ehr_engine_bed_take(ehr_engine_root_t *root, int32_t number,
    const ehr_engine_bed_t *bed, uint32_t *index)
{
    uint32_t                  reference, *head;
    ehr_engine_key_t          uuid;
    ehr_engine_bed_record_t  *record;

    *index = EHR_ENGINE_NOBODY;

    if (root->bed_pool.missing) {
        /* it may be one that did not fit, whose stays were not kept */
        ehr_engine_store(root->bed_pool.missing, root->bed_pool.missing + 1);
        return EHR_ENGINE_FULL;
    }

    reference = ehr_engine_pool_take(root, &root->bed_pool,
                                     ehr_engine_bed_next);

    if (reference == 0) {
        return EHR_ENGINE_FULL;
    }

    *index = reference - 1;
    record = ehr_engine_bed_at(root, *index);
    uuid = ehr_engine_key(&bed->uuid);

    ehr_engine_store(record->number, number);
    ehr_engine_key_store(&record->uuid, &uuid);
    ehr_engine_store(record->stay, 0);
    ehr_engine_store(record->releasing, 0);

    head = ehr_engine_bed_number_head(root, number);
    ehr_engine_store(record->next_number, *head);
    ehr_engine_store(*head, reference);

    head = ehr_engine_bed_uuid_head(root, &uuid);
    ehr_engine_store(record->next_uuid, *head);
    ehr_engine_store(*head, reference);

    return EHR_ENGINE_OK;
}


/* Writes down what a bed is that is in no room and no row.  0: its places did
 * not fit, and it is not known. */
static int
ehr_engine_bed_describe(ehr_engine_root_t *root, uint32_t index,
    const ehr_engine_bed_t *bed)
{
    uint32_t                  room, traits, groups[EHR_ENGINE_OF], of;
    ehr_engine_key_t          keys[EHR_ENGINE_OF], key;
    ehr_engine_bed_record_t  *record;

    record = ehr_engine_bed_at(root, index);
    keys[EHR_ENGINE_OF_HOSPITAL] = ehr_engine_key(&bed->hospital);
    keys[EHR_ENGINE_OF_WARD] = ehr_engine_key(&bed->ward);
    keys[EHR_ENGINE_OF_CLASS] = ehr_engine_key(&bed->room_class);
    key = ehr_engine_key(&bed->room);

    room = ehr_engine_bed_room_intern(root, &key);
    ehr_engine_store(record->room, room);

    for (of = 0; of < EHR_ENGINE_OF; of++) {
        groups[of] = ehr_engine_bed_group_intern(root, (ehr_engine_of_t) of,
                                                 &keys[of]);
        ehr_engine_store(record->groups[of], groups[of]);
    }

    ehr_engine_store(record->status, bed->status);
    ehr_engine_store(record->occupant, bed->occupant_sex);
    ehr_engine_store(ehr_engine_bed_orders(root)[index], bed->order);

    traits = (uint32_t) (bed->is_isolation != 0)
             | (uint32_t) bed->equipment << 1
             | (uint32_t) bed->policy << EHR_ENGINE_TRAIT_POLICY
             | (uint32_t) bed->age << EHR_ENGINE_TRAIT_AGE;
    ehr_engine_store(ehr_engine_bed_traits(root)[index], traits);

    if (room && groups[EHR_ENGINE_OF_HOSPITAL] && groups[EHR_ENGINE_OF_WARD]
        && groups[EHR_ENGINE_OF_CLASS])
    {
        return 1;
    }

    ehr_engine_bit(ehr_engine_bed_row(root, EHR_ENGINE_BEDS_UNKNOWN), index,
                   1);

    return 0;
}


/* Sets its bits, but for those of stays, which it keeps. */
static void
ehr_engine_bed_put_in(ehr_engine_root_t *root, uint32_t index)
{
    uint32_t                  of, i, traits, policy, age;
    ehr_engine_bed_record_t  *record;

    record = ehr_engine_bed_at(root, index);
    traits = ehr_engine_bed_traits(root)[index];
    policy = traits >> EHR_ENGINE_TRAIT_POLICY & 3;
    age = traits >> EHR_ENGINE_TRAIT_AGE & 3;

    ehr_engine_bit(ehr_engine_bed_row(root, EHR_ENGINE_BEDS_STATUS
                                            + record->status - 1), index, 1);

    for (i = 0; i < EHR_ENGINE_ATTRIBUTES; i++) {
        ehr_engine_bit(ehr_engine_bed_row(root, EHR_ENGINE_BEDS_WITH + i),
                       index, traits >> i & 1);
    }

    if (policy == EHR_ENGINE_ROOM_MALE || policy == EHR_ENGINE_ROOM_FEMALE) {
        ehr_engine_bit(ehr_engine_bed_row(root, EHR_ENGINE_BEDS_POLICY
                                                + policy - 1), index, 1);
    }

    if (age) {
        ehr_engine_bit(ehr_engine_bed_row(root, EHR_ENGINE_BEDS_AGE + age
                                                - 1), index, 1);
    }

    for (of = 0; of < EHR_ENGINE_OF; of++) {

        if (record->groups[of]) {
            ehr_engine_bit(ehr_engine_bed_group_row(root, record->groups[of]),
                           index, 1);
        }
    }

    ehr_engine_bed_room_join(root, index);
}


static void
ehr_engine_bed_take_out(ehr_engine_root_t *root, uint32_t index)
{
    uint32_t                  of, row;
    ehr_engine_bed_record_t  *record;

    record = ehr_engine_bed_at(root, index);
    ehr_engine_bed_room_leave(root, index);

    for (row = 0; row < EHR_ENGINE_BEDS_ROWS; row++) {

        if (row != EHR_ENGINE_BEDS_ENDLESS && row != EHR_ENGINE_BEDS_UNKNOWN) {
            ehr_engine_bit(ehr_engine_bed_row(root, row), index, 0);
        }
    }

    for (of = 0; of < EHR_ENGINE_OF; of++) {

        if (record->groups[of]) {
            ehr_engine_bit(ehr_engine_bed_group_row(root, record->groups[of]),
                           index, 0);
        }
    }
}


ehr_engine_result_t
ehr_engine_bed_forget(ehr_engine_root_t *root, int32_t number)
{
    uint32_t                  index;
    ehr_engine_bed_record_t  *record;

    index = ehr_engine_bed_index(root, number);

    if (index == EHR_ENGINE_NOBODY) {
        return EHR_ENGINE_NONE;
    }

    record = ehr_engine_bed_at(root, index);

    ehr_engine_beds_change(root);
    ehr_engine_bed_stays_clear(root, index);
    ehr_engine_bed_take_out(root, index);
    ehr_engine_bit(ehr_engine_bed_row(root, EHR_ENGINE_BEDS_UNKNOWN), index,
                   0);
    ehr_engine_bed_unlink(root, index);
    ehr_engine_store(record->number, 0);
    ehr_engine_beds_changed(root);

    ehr_engine_bed_touch(root, index);
    ehr_engine_pool_give(root, &root->bed_pool, ehr_engine_bed_next,
                         index + 1);

    return EHR_ENGINE_OK;
}


static void
ehr_engine_bed_unlink(ehr_engine_root_t *root, uint32_t index)
{
    uint32_t                 *link;
    ehr_engine_bed_record_t  *record;

    record = ehr_engine_bed_at(root, index);

    link = ehr_engine_bed_number_head(root, record->number);

    while (*link != index + 1) {
        link = ehr_engine_bed_next(root, *link);
    }

    ehr_engine_store(*link, record->next_number);

    link = ehr_engine_bed_uuid_head(root, &record->uuid);

    while (*link != index + 1) {
        link = &ehr_engine_bed_at(root, *link - 1)->next_uuid;
    }

    ehr_engine_store(*link, record->next_uuid);
}


void
ehr_engine_beds_reset(ehr_engine_root_t *root)
{
    uint32_t  chains;

    chains = root->bed_mask + 1;

    /* an owner that died may have left it odd */
    ehr_engine_store(root->bed_sequence, root->bed_sequence | 1);

    ehr_engine_clear(ehr_engine_table(root, beds_by_number, uint32_t),
                     chains * sizeof(uint32_t));
    ehr_engine_clear(ehr_engine_table(root, beds_by_uuid, uint32_t),
                     chains * sizeof(uint32_t));
    ehr_engine_clear(ehr_engine_bed_row(root, 0),
                     (size_t) EHR_ENGINE_BEDS_ROWS * root->bed_words
                     * sizeof(uint64_t));
    ehr_engine_pool_reset(&root->bed_pool);
    ehr_engine_pool_reset(&root->stay_pool);
    ehr_engine_bed_places_reset(root);

    ehr_engine_store(root->bed_sequence, root->bed_sequence + 1);
}
