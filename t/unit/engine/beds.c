/* build: @t/unit/engine/sources t/unit/engine/fixture.c -lcmocka */

#include "fixture.h"


#define NOW         1800000000u
#define HOURS       3600u
#define FIRST       500     /* number of the first bed */
#define MONITOR     1u
#define OXYGEN      2u


/* A ward of two hospitals has rooms of two beds; all beds are plain. */
static ehr_engine_bed_t
bed_of(unsigned n, unsigned ward, unsigned room)
{
    ehr_engine_bed_t  bed;

    memset(&bed, 0, sizeof(bed));
    bed.uuid = uuid_of(60, n);
    bed.hospital = uuid_of(61, ward % 2);
    bed.ward = uuid_of(62, ward);
    bed.room_class = uuid_of(63, 1);
    bed.room = uuid_of(64, room);
    bed.status = EHR_ENGINE_BED_AVAILABLE;

    return bed;
}


static void
feed(unsigned n, const ehr_engine_bed_t *bed)
{
    assert_int_equal(ehr_engine_feed_bed(&fixture.feed, FIRST + (int32_t) n,
                                         bed), EHR_ENGINE_OK);
}


/* Plain beds 0 to n - 1, two a room, four a ward. */
static void
feed_plain(unsigned n)
{
    unsigned          i;
    ehr_engine_bed_t  bed;

    for (i = 0; i < n; i++) {
        bed = bed_of(i, i / 4, i / 2);
        feed(i, &bed);
    }
}


static void
feed_stay(unsigned n, uint32_t from, uint32_t to, unsigned act)
{
    ehr_engine_uuid_t  uuid;

    uuid = uuid_of(5, act);
    assert_int_equal(ehr_engine_feed_stay(&fixture.feed, FIRST + (int32_t) n,
                                          0, from, to, act ? &uuid : NULL),
                     EHR_ENGINE_OK);
}


static ehr_engine_bed_wish_t
any(void)
{
    ehr_engine_bed_wish_t  wish;

    memset(&wish, 0, sizeof(wish));
    wish.from = NOW;
    wish.to = EHR_ENGINE_OPEN_END;

    return wish;
}


static ehr_engine_bed_wish_t
named(unsigned n)
{
    ehr_engine_bed_wish_t  wish;

    wish = any();
    wish.resource = FIRST + (int32_t) n;

    return wish;
}


static ehr_engine_result_t
take(ehr_engine_t *engine, unsigned act, const ehr_engine_bed_wish_t *wish,
    ehr_engine_bed_found_t *found)
{
    ehr_engine_uuid_t  uuid;

    uuid = uuid_of(5, act);

    return ehr_engine_bed_claim(engine, &uuid, wish, fixture.now + 5000,
                                found);
}


/* What becomes of a wish, without holding anything: the bed's n, or -1. */
static int
best(const ehr_engine_bed_wish_t *wish)
{
    size_t                  count;
    ehr_engine_bed_found_t  found;

    assert_int_equal(ehr_engine_bed_find(&fixture.worker, wish, &found, 1,
                                         &count), EHR_ENGINE_OK);

    return count ? (int) found.resource - FIRST : -1;
}


static ehr_engine_bed_why_t
why(const ehr_engine_bed_wish_t *wish)
{
    size_t                  count;
    ehr_engine_bed_found_t  found;

    (void) ehr_engine_bed_find(&fixture.worker, wish, &found, 1, &count);

    return found.why;
}


static void
each_bed_is_given_once(void **state)
{
    unsigned                i;
    ehr_engine_bed_found_t  found;
    ehr_engine_bed_wish_t   wish;

    (void) state;

    feed_plain(4);
    wish = any();

    for (i = 0; i < 4; i++) {
        assert_int_equal(take(i % 2 ? &fixture.worker : &fixture.other, i + 1,
                              &wish, &found), EHR_ENGINE_OK);
        assert_int_equal(found.resource, FIRST + i);
    }

    assert_int_equal(take(&fixture.worker, 9, &wish, &found),
                     EHR_ENGINE_TAKEN);

    wish = named(2);
    assert_int_equal(take(&fixture.worker, 9, &wish, &found),
                     EHR_ENGINE_TAKEN);
    assert_int_equal(found.why, EHR_ENGINE_BED_IS_HELD);

    /* refused by the database, it is to be had again */
    settle(&fixture.other, 3, 0);
    assert_int_equal(take(&fixture.worker, 9, &wish, &found), EHR_ENGINE_OK);
}


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
    feed(7, &bed);
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
the_fewest_attributes_then_the_room_then_the_order(void **state)
{
    unsigned                i;
    size_t                  count;
    ehr_engine_bed_t        bed;
    ehr_engine_bed_wish_t   wish;
    ehr_engine_bed_found_t  found[5];

    (void) state;

    bed = bed_of(0, 0, 0);
    bed.equipment = MONITOR | OXYGEN;
    feed(0, &bed);
    bed = bed_of(1, 0, 1);
    bed.equipment = MONITOR;
    bed.policy = EHR_ENGINE_ROOM_SAME;
    bed.order = 7;
    feed(1, &bed);
    bed = bed_of(2, 0, 2);
    bed.equipment = MONITOR;
    bed.policy = EHR_ENGINE_ROOM_FEMALE;
    bed.order = 9;
    feed(2, &bed);
    bed = bed_of(3, 0, 3);
    bed.equipment = MONITOR;
    bed.order = 5;
    feed(3, &bed);

    wish = any();
    wish.equipment = MONITOR;
    wish.sex = EHR_ENGINE_SEX_FEMALE;
    assert_int_equal(ehr_engine_bed_find(&fixture.worker, &wish, found, 5,
                                         &count), EHR_ENGINE_OK);
    assert_int_equal(count, 4);
    assert_int_equal(found[0].resource, FIRST + 2);
    assert_int_equal(found[1].resource, FIRST + 3);
    assert_int_equal(found[2].resource, FIRST + 1);
    assert_int_equal(found[3].resource, FIRST + 0);

    for (i = 0; i < 4; i++) {
        assert_int_equal(found[i].surplus, i == 3);
    }

    /* a woman lies in the room for one sex: as good as one for women */
    bed = bed_of(4, 0, 1);
    bed.policy = EHR_ENGINE_ROOM_SAME;
    bed.status = EHR_ENGINE_BED_OCCUPIED;
    bed.occupant_sex = EHR_ENGINE_SEX_FEMALE;
    feed(4, &bed);
    assert_int_equal(best(&wish), 1);

    wish.equipment = MONITOR | OXYGEN;
    assert_int_equal(best(&wish), 0);
    wish.is_isolation = 1;
    assert_int_equal(best(&wish), -1);
}


static void
only_where_the_patient_may_lie(void **state)
{
    ehr_engine_bed_t        bed;
    ehr_engine_bed_wish_t   wish;
    ehr_engine_bed_found_t  found;

    (void) state;

    bed = bed_of(0, 0, 0);
    bed.policy = EHR_ENGINE_ROOM_MALE;
    feed(0, &bed);
    bed = bed_of(1, 0, 1);
    bed.age = EHR_ENGINE_AGE_CHILD;
    feed(1, &bed);

    wish = any();
    wish.sex = EHR_ENGINE_SEX_FEMALE;
    wish.age = EHR_ENGINE_AGE_ADULT;
    assert_int_equal(best(&wish), -1);
    wish.resource = FIRST;
    assert_int_equal(why(&wish), EHR_ENGINE_BED_IS_FOR_OTHER_SEX);
    wish.resource = FIRST + 1;
    assert_int_equal(why(&wish), EHR_ENGINE_BED_IS_FOR_OTHER_AGE);

    wish = any();
    wish.sex = EHR_ENGINE_SEX_OTHER;
    wish.age = EHR_ENGINE_AGE_CHILD;
    assert_int_equal(best(&wish), 1);

    /* a room for one sex, into which somebody is just coming */
    bed = bed_of(2, 2, 2);
    bed.policy = EHR_ENGINE_ROOM_SAME;
    feed(2, &bed);
    bed.uuid = uuid_of(60, 3);
    feed(3, &bed);

    wish = named(2);
    wish.sex = EHR_ENGINE_SEX_MALE;
    assert_int_equal(take(&fixture.worker, 1, &wish, &found), EHR_ENGINE_OK);
    wish = named(3);
    wish.sex = EHR_ENGINE_SEX_FEMALE;
    assert_int_equal(take(&fixture.other, 2, &wish, &found),
                     EHR_ENGINE_TAKEN);
    assert_int_equal(found.why, EHR_ENGINE_BED_IS_HELD);
    wish.sex = EHR_ENGINE_SEX_MALE;
    assert_int_equal(best(&wish), 3);

    /* planned, it is not known who will lie there */
    wish.sex = EHR_ENGINE_SEX_FEMALE;
    wish.is_planned = 1;
    wish.from = NOW + 24 * HOURS;
    assert_int_equal(take(&fixture.other, 2, &wish, &found), EHR_ENGINE_OK);
}


static void
only_what_is_available_but_for_a_plan(void **state)
{
    unsigned                status;
    ehr_engine_bed_t        bed;
    ehr_engine_bed_wish_t   wish, plan;

    (void) state;

    plan = any();
    plan.is_planned = 1;
    plan.from = NOW + HOURS;
    wish = any();

    for (status = EHR_ENGINE_BED_AVAILABLE;
         status <= EHR_ENGINE_BED_OUT_OF_SERVICE; status++)
    {
        bed = bed_of(0, 0, 0);
        bed.status = (uint8_t) status;
        feed(0, &bed);
        assert_int_equal(best(&wish),
                         status == EHR_ENGINE_BED_AVAILABLE ? 0 : -1);
        assert_int_equal(best(&plan),
                         status == EHR_ENGINE_BED_OUT_OF_SERVICE ? -1 : 0);
    }

    wish.resource = FIRST;
    assert_int_equal(why(&wish), EHR_ENGINE_BED_IS_NOT_AVAILABLE);

    /* its status has just been changed here */
    ehr_engine_releasing(&fixture.worker, FIRST, fixture.now + 1000);
    assert_int_equal(why(&wish), EHR_ENGINE_BED_IS_UNCERTAIN);
}


static void
a_reservation_blocks_what_reaches_it(void **state)
{
    ehr_engine_bed_t        bed;
    ehr_engine_bed_wish_t   wish;
    ehr_engine_bed_found_t  found;

    (void) state;

    feed_plain(1);
    feed_stay(0, NOW + 10 * HOURS, NOW + 20 * HOURS, 1);

    wish = any();
    assert_int_equal(best(&wish), -1);
    wish.to = NOW + 10 * HOURS;
    assert_int_equal(best(&wish), 0);
    wish.to++;
    assert_int_equal(best(&wish), -1);

    wish = any();
    wish.is_planned = 1;
    wish.from = NOW + 20 * HOURS;
    assert_int_equal(best(&wish), 0);

    /* but not who it is for */
    bed = bed_of(0, 0, 0);
    bed.status = EHR_ENGINE_BED_RESERVED;
    feed(0, &bed);
    wish = named(0);
    wish.from = NOW + 11 * HOURS;
    assert_int_equal(take(&fixture.worker, 2, &wish, &found),
                     EHR_ENGINE_TAKEN);
    assert_int_equal(take(&fixture.worker, 1, &wish, &found), EHR_ENGINE_OK);
    settle(&fixture.worker, 1, 0);

    /* what has passed goes when it is told to */
    assert_int_equal(ehr_engine_feed_stays_drop(&fixture.feed,
                                                NOW + 20 * HOURS - 1),
                     EHR_ENGINE_OK);
    assert_int_equal(why(&wish), EHR_ENGINE_BED_IS_NOT_AVAILABLE);
    bed.status = EHR_ENGINE_BED_AVAILABLE;
    feed(0, &bed);
    assert_int_equal(why(&wish), EHR_ENGINE_BED_IS_CLAIMED);
    assert_int_equal(ehr_engine_feed_stays_drop(&fixture.feed,
                                                NOW + 20 * HOURS),
                     EHR_ENGINE_OK);
    assert_int_equal(why(&wish), EHR_ENGINE_BED_IS_FREE);
}


static void
the_dead_hold_no_bed(void **state)
{
    ehr_engine_bed_wish_t   wish;
    ehr_engine_bed_found_t  found;

    (void) state;

    feed_plain(1);
    wish = any();
    assert_int_equal(take(&fixture.worker, 1, &wish, &found), EHR_ENGINE_OK);
    assert_int_equal(take(&fixture.other, 2, &wish, &found),
                     EHR_ENGINE_TAKEN);
    fixture.dead = WORKER;
    assert_int_equal(take(&fixture.other, 3, &wish, &found), EHR_ENGINE_OK);

    /* a committed claim is kept */
    settle(&fixture.other, 3, 1);
    fixture.dead = OTHER;
    assert_int_equal(take(&fixture.worker, 4, &wish, &found),
                     EHR_ENGINE_TAKEN);
}


/* Of the same process, for the same time: only the deadline is another. */
static void
who_was_too_late_may_come_again(void **state)
{
    ehr_engine_bed_wish_t    wish;
    ehr_engine_bed_found_t   found;
    ehr_engine_statistics_t  statistics;

    (void) state;

    feed_plain(1);
    wish = any();
    assert_int_equal(take(&fixture.worker, 1, &wish, &found), EHR_ENGINE_OK);
    fixture.now += 4999;
    assert_int_equal(ehr_engine_feed_heartbeat(&fixture.feed),
                     EHR_ENGINE_OK);
    assert_int_equal(take(&fixture.worker, 1, &wish, &found),
                     EHR_ENGINE_TAKEN);
    fixture.now++;
    assert_int_equal(take(&fixture.worker, 1, &wish, &found), EHR_ENGINE_OK);

    ehr_engine_statistics(&fixture.worker, &statistics);
    assert_int_equal(statistics.tentative.used, 1);
    assert_int_equal(statistics.reaped, 1);

    /* and has it up to the new deadline */
    assert_int_equal(take(&fixture.other, 2, &wish, &found),
                     EHR_ENGINE_TAKEN);
    settle(&fixture.worker, 1, 0);
    assert_int_equal(take(&fixture.other, 2, &wish, &found), EHR_ENGINE_OK);
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
    feed(5, &bed);

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
    feed(4, &bed);
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
    feed(0, &bed);
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
    feed(2, &bed);
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
        cmocka_unit_test_setup_teardown(each_bed_is_given_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_shown_is_claimed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            the_fewest_attributes_then_the_room_then_the_order, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(only_where_the_patient_may_lie,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_what_is_available_but_for_a_plan,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reservation_blocks_what_reaches_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_dead_hold_no_bed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_was_too_late_may_come_again,
                                        set_up, tear_down),
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
