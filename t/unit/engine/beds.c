/* build: @t/unit/engine/sources @t/unit/engine/bed_sources -lcmocka */

/* Which bed is given, and to whom. */

#include "bed_fixture.h"


#define MONITOR     1u
#define OXYGEN      2u


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
    feed_bed(0, &bed);
    bed = bed_of(1, 0, 1);
    bed.equipment = MONITOR;
    bed.policy = EHR_ENGINE_ROOM_SAME;
    bed.order = 7;
    feed_bed(1, &bed);
    bed = bed_of(2, 0, 2);
    bed.equipment = MONITOR;
    bed.policy = EHR_ENGINE_ROOM_FEMALE;
    bed.order = 9;
    feed_bed(2, &bed);
    bed = bed_of(3, 0, 3);
    bed.equipment = MONITOR;
    bed.order = 5;
    feed_bed(3, &bed);

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
    feed_bed(4, &bed);
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
    feed_bed(0, &bed);
    bed = bed_of(1, 0, 1);
    bed.age = EHR_ENGINE_AGE_CHILD;
    feed_bed(1, &bed);

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
    feed_bed(2, &bed);
    bed.uuid = uuid_of(60, 3);
    feed_bed(3, &bed);

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
        feed_bed(0, &bed);
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
    feed_bed(0, &bed);
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
    feed_bed(0, &bed);
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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(each_bed_is_given_once, set_up,
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
