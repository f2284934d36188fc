/* build: @t/unit/engine/sources t/unit/engine/fixture.c -lcmocka */

/*
 * Readers follow what others write.  Whatever stands in the tables, they come
 * to an end and stay within the block (a sanitizer sees to that).
 */

#include "fixture.h"
#include "engine/internal.h"


static uint64_t  chance = 1;


static uint32_t
below(uint32_t n)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;

    return (uint32_t) ((chance * 0x2545f4914f6cdd1d >> 32) * n >> 32);
}


static uint32_t
nonsense(void)
{
    switch (below(4)) {
    case 0:
        return below(100);
    case 1:
        return UINT32_MAX - below(3);
    case 2:
        return below(1 << 20);
    default:
        return below(UINT32_MAX);
    }
}


/* Words of the tables, most of them where something is. */
static void
spoil(void)
{
    unsigned            i;
    uint32_t           *words;
    uint64_t            offset;
    ehr_engine_root_t  *root;

    root = fixture.block;
    words = fixture.block;

    const uint64_t  starts[] = {
        root->resources, root->by_number, root->by_uuid, root->ring,
        root->rows, root->row_counts, root->runs, root->groups,
        root->group_heads, root->group_bits, root->places, root->shapes,
        root->buckets, root->act_heads, root->tentatives, root->pages,
        root->beds, root->beds_by_number, root->beds_by_uuid,
        root->bed_traits, root->bed_rows, root->bed_rooms,
        root->bed_room_heads, root->bed_groups, root->bed_group_heads,
        root->bed_group_rows, root->bed_buckets, root->stays
    };

    for (i = 0; i < 200; i++) {
        offset = starts[below(sizeof(starts) / sizeof(starts[0]))]
                 + below(1024) * 4;

        if (offset + 4 <= fixture.size) {
            words[offset / 4] = nonsense();
        }
    }
}


static void
ask(void)
{
    size_t               count;
    int32_t              number;
    ehr_engine_item_t    item;
    ehr_engine_slot_t    slots[64];
    ehr_engine_uuid_t    group;
    ehr_engine_search_t  search;

    item = item_of((int32_t) below(12), at(DAY + below(DAYS), below(288)),
                   1 + below(300));
    (void) ehr_engine_explain(&fixture.worker, &item, 1);
    (void) ehr_engine_version(&fixture.worker, item.resource);
    (void) ehr_engine_slots(&fixture.worker, item.resource, at(DAY, 0),
                            at(DAY + DAYS, 0), below(20), below(2), slots, 64,
                            &count);
    assert_true(count <= 64);

    group = uuid_of(7, 1);
    (void) ehr_engine_find(&fixture.worker, EHR_ENGINE_DOCTOR, &group,
                           &number);
    memset(&search, 0, sizeof(search));
    search.from = at(DAY, below(400));
    search.groups = &group;
    search.ngroups = below(2);
    search.granules = below(20);
    (void) ehr_engine_first(&fixture.worker, &search, slots, 64, &count);
    assert_true(count <= 64);
}


static void
add_beds(void)
{
    unsigned               i;
    ehr_engine_bed_t       bed;
    ehr_engine_uuid_t      act;
    ehr_engine_bed_wish_t  wish;
    ehr_engine_bed_found_t found;

    memset(&bed, 0, sizeof(bed));
    memset(&wish, 0, sizeof(wish));
    wish.to = 10;
    wish.sex = EHR_ENGINE_SEX_MALE;

    for (i = 0; i < 70; i++) {
        bed.uuid = uuid_of(60, i);
        bed.ward = uuid_of(62, i / 32);
        bed.room = uuid_of(64, i / 4);
        bed.policy = EHR_ENGINE_ROOM_SAME;
        bed.status = (uint8_t) (1 + i % 5);
        assert_int_equal(ehr_engine_feed_bed(&fixture.feed, 100 + (int32_t) i,
                                             &bed), EHR_ENGINE_OK);
        assert_int_equal(ehr_engine_feed_stay(&fixture.feed,
                                              100 + (int32_t) i, 0, 20,
                                              EHR_ENGINE_OPEN_END, NULL),
                         EHR_ENGINE_OK);
        act = uuid_of(5, i);
        wish.resource = 100 + (int32_t) i;
        (void) ehr_engine_bed_claim(&fixture.worker, &act, &wish,
                                    fixture.now + 1000, &found);
    }
}


static void
ask_beds(void)
{
    size_t                  count;
    int32_t                 number;
    uint32_t                counts[EHR_ENGINE_BED_STATUSES];
    ehr_engine_uuid_t       ward, bed;
    ehr_engine_bed_wish_t   wish;
    ehr_engine_bed_found_t  found[EHR_ENGINE_BED_FOUND_MAX];

    ward = uuid_of(62, below(3));
    bed = uuid_of(60, below(70));
    memset(&wish, 0, sizeof(wish));
    wish.resource = below(2) ? 100 + (int32_t) below(70) : 0;
    wish.ward = below(2) ? &ward : NULL;
    wish.sex = (uint8_t) below(5);
    wish.is_planned = (uint8_t) below(2);
    wish.to = below(2) ? 15 : EHR_ENGINE_OPEN_END;

    (void) ehr_engine_bed_find(&fixture.other, &wish, found,
                               EHR_ENGINE_BED_FOUND_MAX, &count);
    assert_true(count <= EHR_ENGINE_BED_FOUND_MAX);
    (void) ehr_engine_bed_counts(&fixture.other, NULL, wish.ward, NULL,
                                 counts);
    (void) ehr_engine_ward_version(&fixture.other, &ward);
    ehr_engine_ward_touch(&fixture.other, &ward);
    (void) ehr_engine_find(&fixture.other, EHR_ENGINE_BED, &bed, &number);
    ehr_engine_releasing(&fixture.other, 100 + (int32_t) below(70),
                         fixture.now + 100);
}


static void
nothing_makes_a_reader_stray(void **state)
{
    unsigned           i, k;
    ehr_engine_uuid_t  group;

    (void) state;
    group = uuid_of(7, 1);

    for (i = 0; i < 300; i++) {
        fixture_create(NULL);
        fixture_load();
        assert_int_equal(ehr_engine_feed_member(&fixture.feed, &group, 1, 1),
                         EHR_ENGINE_OK);
        assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 1, 0,
                                              at(DAY, EIGHT),
                                              at(DAY + 1, TWELVE), NULL),
                         EHR_ENGINE_OK);
        add_beds();

        for (k = 0; k < 10; k++) {
            spoil();
            ask();
            ask_beds();
        }

        tear_down(state);
    }
}


static void
loading_again_heals(void **state)
{
    size_t             count;
    ehr_engine_slot_t  slots[64];

    (void) state;

    fixture_create(NULL);
    fixture_load();

    /* what a dead owner leaves: half a change, of which nothing is kept */
    ehr_engine_resource_at(fixture.block, 0)->sequence |= 1;
    assert_int_equal(ehr_engine_slots(&fixture.worker, 1, at(DAY, 0),
                                      at(DAY + 1, 0), 0, 0, slots, 64,
                                      &count), EHR_ENGINE_ASK);
    assert_int_equal(ehr_engine_version(&fixture.worker, 1), 0);
    tear_down(state);

    fixture_create(NULL);
    fixture_load();
    ehr_engine_resource_at(fixture.block, 0)->sequence |= 1;
    ((ehr_engine_root_t *) fixture.block)->writing = FEED;
    assert_int_equal(ehr_engine_feed_begin(&fixture.other, DAY),
                     EHR_ENGINE_BUSY);
    assert_int_equal(ehr_engine_state(&fixture.worker), EHR_ENGINE_LOADING);

    fixture.dead = FEED;
    assert_int_equal(ehr_engine_feed_begin(&fixture.other, DAY),
                     EHR_ENGINE_OK);
    fixture_load();
    assert_int_equal(ehr_engine_slots(&fixture.worker, 1, at(DAY, 0),
                                      at(DAY + 1, 0), 0, 0, slots, 64,
                                      &count), EHR_ENGINE_OK);
    assert_int_equal(count, 8);
    tear_down(state);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(nothing_makes_a_reader_stray),
        cmocka_unit_test(loading_again_heals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
