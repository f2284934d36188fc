/* build: @t/unit/engine/sources @t/unit/engine/bed_sources -lcmocka */

/* What the feed tells of beds, and what is then known of them. */

#include "bed_fixture.h"


static void
what_is_shown_is_claimed(void **state)
{
    ehr_engine_uuid_t        act;
    ehr_engine_bed_t         bed;
    ehr_engine_bed_wish_t    wish;
    ehr_engine_bed_found_t   found;
    ehr_engine_statistics_t  statistics;

    (void) state;

    feed_plain(2);
    wish = any();
    assert_int_equal(take(&fixture.worker, 1, &wish, &found), EHR_ENGINE_OK);
    settle(&fixture.worker, 1, 1);

    /* admitted a little later than it was claimed */
    feed_stay(0, NOW + 1, EHR_ENGINE_OPEN_END, 1);
    ehr_engine_statistics(&fixture.worker, &statistics);
    assert_int_equal(statistics.tentative.used, 0);
    assert_int_equal(statistics.stays.used, 1);
    wish = named(0);
    assert_int_equal(why(&wish), EHR_ENGINE_BED_IS_CLAIMED);

    /* the database gave another bed than was held */
    wish = any();
    assert_int_equal(take(&fixture.worker, 2, &wish, &found), EHR_ENGINE_OK);
    assert_int_equal(found.resource, FIRST + 1);
    bed = bed_of(7, 1, 9);
    feed_bed(7, &bed);
    feed_stay(7, NOW, EHR_ENGINE_OPEN_END, 2);
    assert_int_equal(best(&wish), 1);

    /* it is shown again where who moves comes from */
    assert_int_equal(take(&fixture.worker, 2, &wish, &found), EHR_ENGINE_OK);
    assert_int_equal(found.resource, FIRST + 1);
    feed_stay(7, NOW - 1, NOW, 2);
    assert_int_equal(best(&wish), -1);
    settle(&fixture.worker, 2, 0);

    /* a newborn's seat is nobody's bed */
    act = uuid_of(5, 3);
    assert_int_equal(ehr_engine_feed_stay(&fixture.feed, FIRST + 1, 1, NOW,
                                          EHR_ENGINE_OPEN_END, &act),
                     EHR_ENGINE_OK);
    assert_int_equal(best(&wish), 1);

    /* and who leaves makes room */
    assert_int_equal(ehr_engine_feed_stay_end(&fixture.feed, FIRST, 0,
                                              NOW + 1, EHR_ENGINE_OPEN_END),
                     EHR_ENGINE_OK);
    assert_int_equal(best(&wish), 0);
}


static void
beds_are_counted_by_status(void **state)
{
    unsigned           i;
    uint32_t           counts[EHR_ENGINE_BED_STATUSES];
    ehr_engine_bed_t   bed;
    ehr_engine_uuid_t  ward, hospital, nowhere;

    (void) state;

    feed_plain(10);
    bed = bed_of(5, 1, 2);
    bed.status = EHR_ENGINE_BED_CLEANING;
    feed_bed(5, &bed);

    assert_int_equal(ehr_engine_bed_counts(&fixture.worker, NULL, NULL, NULL,
                                           counts), EHR_ENGINE_OK);
    assert_int_equal(counts[0], 10);
    assert_int_equal(counts[EHR_ENGINE_BED_AVAILABLE], 9);

    ward = uuid_of(62, 1);
    hospital = uuid_of(61, 1);
    assert_int_equal(ehr_engine_bed_counts(&fixture.worker, &hospital, &ward,
                                           NULL, counts), EHR_ENGINE_OK);
    assert_int_equal(counts[0], 4);
    assert_int_equal(counts[EHR_ENGINE_BED_CLEANING], 1);

    hospital = uuid_of(61, 0);
    assert_int_equal(ehr_engine_bed_counts(&fixture.worker, &hospital, &ward,
                                           NULL, counts), EHR_ENGINE_OK);
    assert_int_equal(counts[0], 0);

    nowhere = uuid_of(62, 99);
    assert_int_equal(ehr_engine_bed_counts(&fixture.worker, NULL, &nowhere,
                                           NULL, counts), EHR_ENGINE_ASK);

    /* moved to another ward, and gone */
    bed = bed_of(4, 0, 2);
    feed_bed(4, &bed);
    assert_int_equal(ehr_engine_feed_forget(&fixture.feed, FIRST + 6),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_bed_counts(&fixture.worker, NULL, &ward, NULL,
                                           counts), EHR_ENGINE_OK);
    assert_int_equal(counts[0], 2);

    for (i = 0; i < 2; i++) {
        assert_int_equal(ehr_engine_feed_forget(&fixture.feed, FIRST + 6),
                         EHR_ENGINE_NONE);
    }
}


static void
a_wards_version_changes_with_its_beds(void **state)
{
    uint64_t           before, other;
    ehr_engine_bed_t   bed;
    ehr_engine_uuid_t  ward, second;

    (void) state;

    feed_plain(8);
    ward = uuid_of(62, 0);
    second = uuid_of(62, 1);

    before = ehr_engine_ward_version(&fixture.worker, &ward);
    other = ehr_engine_ward_version(&fixture.worker, &second);
    assert_true(before && other && before != other);
    assert_true(ehr_engine_ward_version(&fixture.worker, &ward) == before);

    feed_stay(0, NOW, EHR_ENGINE_OPEN_END, 1);
    assert_true(ehr_engine_ward_version(&fixture.worker, &ward) != before);
    assert_true(ehr_engine_ward_version(&fixture.worker, &second) == other);

    before = ehr_engine_ward_version(&fixture.worker, &ward);
    ehr_engine_ward_touch(&fixture.other, &ward);
    assert_true(ehr_engine_ward_version(&fixture.worker, &ward) != before);

    /* a bed moves: both are others */
    before = ehr_engine_ward_version(&fixture.worker, &ward);
    bed = bed_of(0, 1, 0);
    feed_bed(0, &bed);
    assert_true(ehr_engine_ward_version(&fixture.worker, &ward) != before);
    assert_true(ehr_engine_ward_version(&fixture.worker, &second) != other);
}


static void
what_did_not_fit_is_asked(void **state)
{
    ehr_engine_bed_t         bed;
    ehr_engine_uuid_t        act, ward;
    ehr_engine_config_t      config;
    ehr_engine_bed_wish_t    wish;
    ehr_engine_bed_found_t   found;
    ehr_engine_statistics_t  statistics;

    (void) state;

    memset(&config, 0, sizeof(config));
    config.resources = 8;
    config.days = DAYS;
    config.beds = 3;
    config.stays = 1;
    config.bed_groups = 8;
    fixture_create(&config);
    fixture_load();

    feed_plain(2);
    feed_stay(0, NOW, EHR_ENGINE_OPEN_END, 1);
    act = uuid_of(5, 2);
    assert_int_equal(ehr_engine_feed_stay(&fixture.feed, FIRST + 1, 0, NOW,
                                          EHR_ENGINE_OPEN_END, &act),
                     EHR_ENGINE_FULL);
    wish = named(1);
    assert_int_equal(take(&fixture.worker, 3, &wish, &found), EHR_ENGINE_ASK);
    assert_int_equal(found.why, EHR_ENGINE_BED_IS_UNCERTAIN);
    wish = any();
    assert_int_equal(take(&fixture.worker, 3, &wish, &found), EHR_ENGINE_ASK);

    /* a bed more than there is room for */
    bed = bed_of(2, 0, 0);
    feed_bed(2, &bed);
    bed = bed_of(3, 0, 0);
    assert_int_equal(ehr_engine_feed_bed(&fixture.feed, FIRST + 3, &bed),
                     EHR_ENGINE_FULL);
    assert_int_equal(take(&fixture.worker, 3, &wish, &found), EHR_ENGINE_OK);
    assert_int_equal(take(&fixture.worker, 4, &wish, &found), EHR_ENGINE_ASK);

    ehr_engine_statistics(&fixture.worker, &statistics);
    assert_int_equal(statistics.beds.missing, 1);
    assert_int_equal(statistics.stays.missing, 1);
    assert_true(statistics.size_needed > statistics.size);

    /* a ward nobody knows may have beds */
    ward = uuid_of(62, 77);
    wish.ward = &ward;
    assert_int_equal(take(&fixture.worker, 5, &wish, &found), EHR_ENGINE_ASK);
}


static void
loading_forgets_beds_but_not_claims(void **state)
{
    int32_t                 number;
    ehr_engine_uuid_t       uuid;
    ehr_engine_bed_wish_t   wish;
    ehr_engine_bed_found_t  found;

    (void) state;

    feed_plain(3);
    wish = named(1);
    assert_int_equal(take(&fixture.worker, 1, &wish, &found), EHR_ENGINE_OK);

    assert_int_equal(ehr_engine_feed_begin(&fixture.feed, DAY),
                     EHR_ENGINE_OK);
    wish = any();
    assert_int_equal(take(&fixture.other, 2, &wish, &found), EHR_ENGINE_ASK);
    feed_plain(2);
    assert_int_equal(ehr_engine_feed_live(&fixture.feed, DAY + DAYS),
                     EHR_ENGINE_OK);

    assert_int_equal(best(&wish), 0);
    feed_stay(0, NOW, EHR_ENGINE_OPEN_END, 7);
    assert_int_equal(best(&wish), -1);
    settle(&fixture.worker, 1, 0);
    assert_int_equal(best(&wish), 1);

    uuid = uuid_of(60, 1);
    assert_int_equal(ehr_engine_find(&fixture.worker, EHR_ENGINE_BED, &uuid,
                                     &number), EHR_ENGINE_OK);
    assert_int_equal(number, FIRST + 1);
    uuid = uuid_of(60, 2);
    assert_int_equal(ehr_engine_find(&fixture.worker, EHR_ENGINE_BED, &uuid,
                                     &number), EHR_ENGINE_NONE);
}


static void
nonsense_is_refused(void **state)
{
    size_t                  count;
    ehr_engine_bed_t        bed;
    ehr_engine_bed_wish_t   wish;
    ehr_engine_bed_found_t  found;

    (void) state;

    bed = bed_of(0, 0, 0);
    bed.status = 0;
    assert_int_equal(ehr_engine_feed_bed(&fixture.feed, FIRST, &bed),
                     EHR_ENGINE_INVALID);
    bed.status = EHR_ENGINE_BED_OUT_OF_SERVICE + 1;
    assert_int_equal(ehr_engine_feed_bed(&fixture.feed, FIRST, &bed),
                     EHR_ENGINE_INVALID);
    bed = bed_of(0, 0, 0);
    assert_int_equal(ehr_engine_feed_bed(&fixture.worker, FIRST, &bed),
                     EHR_ENGINE_GONE);
    assert_int_equal(ehr_engine_feed_stay(&fixture.feed, FIRST, 0, NOW,
                                          EHR_ENGINE_OPEN_END, NULL),
                     EHR_ENGINE_NONE);
    assert_int_equal(ehr_engine_feed_stay_end(&fixture.feed, FIRST, 0, NOW,
                                              EHR_ENGINE_OPEN_END),
                     EHR_ENGINE_NONE);

    wish = any();
    wish.to = wish.from;
    assert_int_equal(take(&fixture.worker, 1, &wish, &found),
                     EHR_ENGINE_INVALID);
    wish = any();
    assert_int_equal(ehr_engine_bed_find(&fixture.worker, &wish, &found,
                                         EHR_ENGINE_BED_FOUND_MAX + 1,
                                         &count), EHR_ENGINE_INVALID);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(what_is_shown_is_claimed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(beds_are_counted_by_status, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_wards_version_changes_with_its_beds, set_up, tear_down),
        cmocka_unit_test_teardown(what_did_not_fit_is_asked, tear_down),
        cmocka_unit_test_setup_teardown(loading_forgets_beds_but_not_claims,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
