/* build: @t/unit/engine/sources t/unit/engine/fixture.c -lcmocka */

#include "fixture.h"


static void
a_block_is_known_again(void **state)
{
    void                *block;
    size_t               size;
    ehr_engine_t         engine;
    ehr_engine_config_t  config;

    (void) state;

    memset(&config, 0, sizeof(config));
    config.resources = EHR_ENGINE_RESOURCES_MAX + 1;
    assert_int_equal(ehr_engine_size(&config), 0);
    config.resources = 10;
    config.days = EHR_ENGINE_DAYS_MAX + 1;
    assert_int_equal(ehr_engine_size(&config), 0);

    config.days = 3;
    size = ehr_engine_size(&config);
    block = aligned_alloc(64, (size + 63) / 64 * 64);
    memset(block, 0, size);

    assert_int_equal(ehr_engine_attach(&engine, block, size, &fixture_host,
                                       1), EHR_ENGINE_FOREIGN);
    assert_int_equal(ehr_engine_create(block, 1000, &config),
                     EHR_ENGINE_FULL);
    assert_int_equal(ehr_engine_create((char *) block + 8, size - 8, &config),
                     EHR_ENGINE_INVALID);
    assert_int_equal(ehr_engine_create(block, size, &config), EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_attach(&engine, block, size, &fixture_host,
                                       1), EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_attach(&engine, block, size - 64,
                                       &fixture_host, 1), EHR_ENGINE_FOREIGN);
    assert_int_equal(ehr_engine_state(&engine), EHR_ENGINE_LOADING);

    /* another version's */
    ((uint32_t *) block)[2]++;
    assert_int_equal(ehr_engine_attach(&engine, block, size, &fixture_host,
                                       1), EHR_ENGINE_FOREIGN);
    free(block);
}


static void
there_is_one_owner(void **state)
{
    uint32_t  generation;

    (void) state;

    assert_int_equal(ehr_engine_feed_heartbeat(&fixture.other),
                     EHR_ENGINE_GONE);

    generation = ehr_engine_generation(&fixture.other);
    assert_int_equal(ehr_engine_feed_begin(&fixture.other, DAY),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_generation(&fixture.other), generation + 1);
    assert_int_equal(ehr_engine_feed_heartbeat(&fixture.feed),
                     EHR_ENGINE_GONE);
    assert_int_equal(ehr_engine_feed_free(&fixture.feed, 1, 0, at(DAY, 0),
                                          at(DAY, 1)), EHR_ENGINE_GONE);
    assert_int_equal(ehr_engine_feed_live(&fixture.other, DAY + DAYS),
                     EHR_ENGINE_OK);
}


static void
days_pass(void **state)
{
    size_t               count;
    uint32_t             first, end;
    ehr_engine_slot_t    slots[16];
    ehr_engine_period_t  period;

    (void) state;

    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 1, 0,
                                          at(DAY, EIGHT), at(DAY, TWELVE),
                                          NULL), EHR_ENGINE_OK);

    /* room is made, but the new day is not shown before it is loaded */
    assert_int_equal(ehr_engine_feed_roll(&fixture.feed, DAY + 1,
                                          DAY + DAYS), EHR_ENGINE_OK);
    ehr_engine_horizon(&fixture.worker, &first, &end);
    assert_int_equal(first, DAY + 1);
    assert_int_equal(end, DAY + DAYS);
    assert_int_equal(ehr_engine_slots(&fixture.worker, 1, at(DAY, 0),
                                      at(DAY + 1, 0), 0, 0, slots, 16,
                                      &count), EHR_ENGINE_ASK);

    period = period_of(at(DAY + DAYS, EIGHT), at(DAY + DAYS, TWELVE), HALF,
                       1);
    assert_int_equal(ehr_engine_feed_periods(&fixture.feed, 1, DAY + DAYS,
                                             DAY + DAYS + 1, &period, 1),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_slots(&fixture.worker, 1, at(DAY + DAYS, 0),
                                      at(DAY + DAYS + 1, 0), 0, 0, slots, 16,
                                      &count), EHR_ENGINE_ASK);
    assert_int_equal(ehr_engine_feed_roll(&fixture.feed, DAY + 1,
                                          DAY + 1 + DAYS), EHR_ENGINE_OK);

    /* nothing of the day that passed is left in its place */
    assert_int_equal(ehr_engine_slots(&fixture.worker, 1, at(DAY + DAYS, 0),
                                      at(DAY + DAYS + 1, 0), 0, 0, slots, 16,
                                      &count), EHR_ENGINE_OK);
    assert_int_equal(count, 8);

    /* the other days are as they were; time does not go back */
    assert_int_equal(ehr_engine_slots(&fixture.worker, 1, at(DAY + 3, 0),
                                      at(DAY + 4, 0), 0, 0, slots, 16,
                                      &count), EHR_ENGINE_OK);
    assert_int_equal(count, 8);
    assert_int_equal(ehr_engine_feed_roll(&fixture.feed, DAY,
                                          DAY + 1 + DAYS), EHR_ENGINE_OK);
    ehr_engine_horizon(&fixture.worker, &first, &end);
    assert_int_equal(first, DAY + 1);
    assert_int_equal(ehr_engine_feed_roll(&fixture.feed, DAY + 1,
                                          DAY + 2 + DAYS),
                     EHR_ENGINE_INVALID);
}


static void
who_is_forgotten_leaves_nothing(void **state)
{
    size_t               count;
    int32_t              number;
    ehr_engine_slot_t    slots[64];
    ehr_engine_uuid_t    uuid, group;
    ehr_engine_search_t  search;

    (void) state;

    uuid = uuid_of(1, 1);
    group = uuid_of(7, 1);
    assert_int_equal(ehr_engine_find(&fixture.worker, EHR_ENGINE_DOCTOR,
                                     &uuid, &number), EHR_ENGINE_OK);
    assert_int_equal(number, 1);
    assert_int_equal(ehr_engine_find(&fixture.worker, EHR_ENGINE_ROOM, &uuid,
                                     &number), EHR_ENGINE_NONE);

    assert_int_equal(ehr_engine_feed_member(&fixture.feed, &group, 1, 1),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_feed_forget(&fixture.feed, 1),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_feed_forget(&fixture.feed, 1),
                     EHR_ENGINE_NONE);
    assert_int_equal(ehr_engine_find(&fixture.worker, EHR_ENGINE_DOCTOR,
                                     &uuid, &number), EHR_ENGINE_NONE);

    /* whoever gets its place has neither its hours nor its groups */
    uuid = uuid_of(1, 60);
    assert_int_equal(ehr_engine_feed_resource(&fixture.feed, 60,
                                              EHR_ENGINE_DOCTOR, &uuid),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_slots(&fixture.worker, 60, at(DAY, 0),
                                      at(DAY + DAYS, 0), 0, 0, slots, 64,
                                      &count), EHR_ENGINE_OK);
    assert_int_equal(count, 0);

    memset(&search, 0, sizeof(search));
    search.from = at(DAY, 0);
    assert_int_equal(ehr_engine_first(&fixture.worker, &search, slots, 1,
                                      &count), EHR_ENGINE_OK);
    assert_int_equal(slots[0].resource, 2);
    search.groups = &group;
    search.ngroups = 1;
    assert_int_equal(ehr_engine_first(&fixture.worker, &search, slots, 1,
                                      &count), EHR_ENGINE_OK);
    assert_int_equal(count, 0);
}


static void
a_version_says_what_changed(void **state)
{
    uint64_t             one, two;
    ehr_engine_item_t    item;
    ehr_engine_period_t  period;

    (void) state;

    assert_int_equal(ehr_engine_version(&fixture.worker, 99), 0);
    one = ehr_engine_version(&fixture.worker, 1);
    assert_int_not_equal(one, 0);
    assert_int_equal(ehr_engine_version(&fixture.other, 1), one);

    item = item_of(1, at(DAY, EIGHT), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_OK);
    two = ehr_engine_version(&fixture.worker, 1);
    assert_int_not_equal(two, one);

    settle(&fixture.worker, 1, 0);
    one = ehr_engine_version(&fixture.worker, 1);
    assert_int_not_equal(two, one);

    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 1, 0, at(DAY, 0),
                                          at(DAY, 1), NULL), EHR_ENGINE_OK);
    two = ehr_engine_version(&fixture.worker, 1);
    assert_int_not_equal(two, one);

    period = period_of(at(DAY, EIGHT), at(DAY, TWELVE), HALF, 2);
    assert_int_equal(ehr_engine_feed_periods(&fixture.feed, 1, DAY, DAY + 1,
                                             &period, 1), EHR_ENGINE_OK);
    one = ehr_engine_version(&fixture.worker, 1);
    assert_int_not_equal(two, one);

    /* the same again is no change */
    assert_int_equal(ehr_engine_feed_periods(&fixture.feed, 1, DAY, DAY + 1,
                                             &period, 1), EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_version(&fixture.worker, 1), one);

    fixture_load();
    assert_int_not_equal(ehr_engine_version(&fixture.worker, 1), one);
}


/* Room for one page a resource. */
static void
too_small_is_asked_and_says_what_would_do(void **state)
{
    size_t                   count;
    unsigned                 day;
    ehr_engine_item_t        item;
    ehr_engine_slot_t        slots[8];
    ehr_engine_config_t      config;
    ehr_engine_search_t      search;
    ehr_engine_statistics_t  statistics;

    tear_down(state);
    memset(&config, 0, sizeof(config));
    config.resources = 5;
    config.days = DAYS;
    config.pages = 5;
    fixture_create(&config);
    fixture_load();

    for (day = 0; day < DAYS; day++) {
        assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 1, 0,
                                              at(DAY + day, EIGHT),
                                              at(DAY + day, TWELVE), NULL),
                         EHR_ENGINE_OK);
        assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 2, 0,
                                              at(DAY + day, EIGHT),
                                              at(DAY + day, EIGHT + 1), NULL),
                         EHR_ENGINE_OK);
    }

    /* five of eight are known */
    item = item_of(1, at(DAY, EIGHT), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_TAKEN);
    item = item_of(1, at(DAY + 3, EIGHT), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_ASK);
    assert_int_equal(ehr_engine_slots(&fixture.worker, 1, at(DAY + 3, 0),
                                      at(DAY + 4, 0), 0, 0, slots, 8, &count),
                     EHR_ENGINE_ASK);
    memset(&search, 0, sizeof(search));
    search.from = at(DAY, 0);
    assert_int_equal(ehr_engine_first(&fixture.worker, &search, slots, 1,
                                      &count), EHR_ENGINE_OK);
    search.from = at(DAY + 3, 0);
    assert_int_equal(ehr_engine_first(&fixture.worker, &search, slots, 1,
                                      &count), EHR_ENGINE_ASK);

    ehr_engine_statistics(&fixture.worker, &statistics);
    assert_int_equal(statistics.pages.used, 5);
    assert_int_equal(statistics.pages.missing, 3);
    config.pages = 8;
    assert_int_equal(statistics.size_needed, ehr_engine_size(&config));

    /* a resource too many */
    assert_int_equal(ehr_engine_feed_resource(&fixture.feed, 70,
                                              EHR_ENGINE_DOCTOR,
                                              &slots[0].clinic),
                     EHR_ENGINE_FULL);
    search.from = at(DAY, 0);
    assert_int_equal(ehr_engine_first(&fixture.worker, &search, slots, 1,
                                      &count), EHR_ENGINE_ASK);
    ehr_engine_statistics(&fixture.worker, &statistics);
    assert_int_equal(statistics.resources.missing, 1);
}


static void
a_group_too_many_is_asked(void **state)
{
    size_t               count;
    ehr_engine_uuid_t    groups[2];
    ehr_engine_slot_t    slot;
    ehr_engine_config_t  config;
    ehr_engine_search_t  search;

    tear_down(state);
    memset(&config, 0, sizeof(config));
    config.resources = 8;
    config.days = DAYS;
    config.groups = 1;
    fixture_create(&config);
    fixture_load();

    groups[0] = uuid_of(7, 1);
    groups[1] = uuid_of(7, 2);
    assert_int_equal(ehr_engine_feed_member(&fixture.feed, &groups[0], 1, 1),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_feed_member(&fixture.feed, &groups[1], 1, 1),
                     EHR_ENGINE_FULL);

    memset(&search, 0, sizeof(search));
    search.from = at(DAY, 0);
    search.groups = groups;
    search.ngroups = 1;
    assert_int_equal(ehr_engine_first(&fixture.worker, &search, &slot, 1,
                                      &count), EHR_ENGINE_OK);
    search.groups = &groups[1];
    assert_int_equal(ehr_engine_first(&fixture.worker, &search, &slot, 1,
                                      &count), EHR_ENGINE_ASK);

    /* also when there is room again: some members were not kept */
    assert_int_equal(ehr_engine_feed_member(&fixture.feed, &groups[0], 1, 0),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_feed_member(&fixture.feed, &groups[1], 2, 1),
                     EHR_ENGINE_FULL);
}


/* Of that day nothing is said, of the others all. */
static void
nonsense_is_asked(const ehr_engine_period_t *those, size_t n)
{
    size_t             count;
    ehr_engine_slot_t  slots[64];

    assert_int_equal(ehr_engine_feed_periods(&fixture.feed, 1, DAY,
                                             DAY + DAYS, those, n),
                     EHR_ENGINE_FULL);
    assert_int_equal(ehr_engine_slots(&fixture.worker, 1, at(DAY, 0),
                                      at(DAY + 1, 0), 0, 0, slots, 64,
                                      &count), EHR_ENGINE_ASK);
    assert_int_equal(ehr_engine_slots(&fixture.worker, 1, at(DAY + 1, 0),
                                      at(DAY + 2, 0), 0, 0, slots, 64,
                                      &count), EHR_ENGINE_OK);
}


static void
nonsense_is_refused(void **state)
{
    ehr_engine_period_t  those[2];

    (void) state;

    /* overlapping */
    those[0] = period_of(at(DAY, 10), at(DAY, 20), 5, 1);
    those[1] = period_of(at(DAY, 19), at(DAY, 30), 5, 1);
    nonsense_is_asked(those, 2);

    /* one within the other, and no slot, and too many seats */
    those[1].to = at(DAY, 20) - 1;
    those[1].from = those[0].from;
    nonsense_is_asked(those, 2);
    those[0].slot = 0;
    nonsense_is_asked(those, 1);
    those[0].slot = EHR_ENGINE_SLOT_MAX + 1;
    nonsense_is_asked(those, 1);
    those[0].slot = 5;
    those[0].capacity = EHR_ENGINE_SEATS + 1;
    nonsense_is_asked(those, 1);
    those[0].capacity = 1;
    assert_int_equal(ehr_engine_feed_periods(&fixture.feed, 1, DAY,
                                             DAY + DAYS, those, 1),
                     EHR_ENGINE_OK);

    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 1, 0, 5, 5, NULL),
                     EHR_ENGINE_INVALID);
    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 77, 0, at(DAY, 5),
                                          at(DAY, 6), NULL),
                     EHR_ENGINE_NONE);

    /* for ever, as an admission may be: what is in the horizon of it */
    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 10, 0, 0,
                                          UINT32_MAX, NULL), EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_feed_free(&fixture.feed, 10, 0, 0,
                                          UINT32_MAX), EHR_ENGINE_OK);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(a_block_is_known_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(there_is_one_owner, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(days_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_forgotten_leaves_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_version_says_what_changed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            too_small_is_asked_and_says_what_would_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_group_too_many_is_asked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
