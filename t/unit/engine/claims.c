/* build: @t/unit/engine/sources t/unit/engine/fixture.c -lcmocka */

#include "fixture.h"


static void
one_has_it_and_the_other_not(void **state)
{
    ehr_engine_item_t  item;

    (void) state;

    item = item_of(1, at(DAY, EIGHT), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_OK);
    assert_int_equal(item.seat, 0);

    assert_int_equal(claim(&fixture.other, 2, &item), EHR_ENGINE_TAKEN);
    assert_int_equal(item.why, EHR_ENGINE_IS_TENTATIVE);

    /* neither by half of it */
    item = item_of(1, at(DAY, EIGHT + HALF), HALF);
    assert_int_equal(claim(&fixture.other, 3, &item), EHR_ENGINE_OK);
    item = item_of(1, at(DAY, EIGHT), 2 * HALF);
    assert_int_equal(claim(&fixture.other, 4, &item), EHR_ENGINE_TAKEN);
}


static void
refused_by_the_database_it_is_free_again(void **state)
{
    ehr_engine_item_t  item;

    (void) state;

    item = item_of(1, at(DAY, EIGHT), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_OK);

    /* only who claimed it may say so */
    settle(&fixture.other, 1, 0);
    assert_int_equal(claim(&fixture.other, 2, &item), EHR_ENGINE_TAKEN);

    settle(&fixture.worker, 1, 0);
    assert_int_equal(claim(&fixture.other, 2, &item), EHR_ENGINE_OK);
}


static void
committed_it_stays_until_the_feed_shows_it(void **state)
{
    ehr_engine_uuid_t        act;
    ehr_engine_item_t        item;
    ehr_engine_statistics_t  statistics;

    (void) state;

    item = item_of(1, at(DAY, EIGHT), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_OK);
    settle(&fixture.worker, 1, 1);
    fixture.dead = WORKER;
    assert_int_equal(ehr_engine_reap(&fixture.other), 0);
    assert_int_equal(claim(&fixture.other, 2, &item), EHR_ENGINE_TAKEN);
    assert_int_equal(item.why, EHR_ENGINE_IS_TENTATIVE);

    /* of another act, or another time of this one: not that */
    act = uuid_of(5, 9);
    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 1, 0, item.from + 60,
                                          item.to + 60, &act),
                     EHR_ENGINE_OK);
    act = uuid_of(5, 1);
    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 1, 0, item.from + 70,
                                          item.to + 70, &act),
                     EHR_ENGINE_OK);
    ehr_engine_statistics(&fixture.worker, &statistics);
    assert_int_equal(statistics.tentative.used, 1);

    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 1, 0, item.from,
                                          item.to, &act), EHR_ENGINE_OK);
    ehr_engine_statistics(&fixture.worker, &statistics);
    assert_int_equal(statistics.tentative.used, 0);
    assert_int_equal(claim(&fixture.other, 3, &item), EHR_ENGINE_TAKEN);
    assert_int_equal(item.why, EHR_ENGINE_IS_BUSY);

    assert_int_equal(ehr_engine_feed_free(&fixture.feed, 1, 0, item.from,
                                          item.to), EHR_ENGINE_OK);
    assert_int_equal(claim(&fixture.other, 4, &item), EHR_ENGINE_OK);
}


/* Two seats of one resource for one period. */
static void
each_seat_of_an_act_ends_when_it_is_shown(void **state)
{
    ehr_engine_uuid_t        act;
    ehr_engine_item_t        items[2], item;
    ehr_engine_statistics_t  statistics;

    (void) state;

    items[0] = items[1] = item_of(3, at(DAY, EIGHT), HALF);
    act = uuid_of(5, 1);
    assert_int_equal(ehr_engine_claim(&fixture.worker, &act, items, 2,
                                      fixture.now + 5000), EHR_ENGINE_OK);
    assert_int_equal(items[1].seat, 1);
    settle(&fixture.worker, 1, 1);

    /* the second seat is the first that is shown */
    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 3, 1, items[0].from,
                                          items[0].to, &act), EHR_ENGINE_OK);
    ehr_engine_statistics(&fixture.worker, &statistics);
    assert_int_equal(statistics.tentative.used, 1);
    item = items[0];
    item.capacity = 2;
    assert_int_equal(claim(&fixture.other, 2, &item), EHR_ENGINE_TAKEN);
    assert_int_equal(item.why, EHR_ENGINE_IS_TENTATIVE);

    /* the database gave another one than was held */
    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 3, 2, items[0].from,
                                          items[0].to, &act), EHR_ENGINE_OK);
    ehr_engine_statistics(&fixture.worker, &statistics);
    assert_int_equal(statistics.tentative.used, 0);
    assert_int_equal(claim(&fixture.other, 2, &item), EHR_ENGINE_OK);
    assert_int_equal(item.seat, 0);
}


static void
the_dead_and_the_late_hold_nothing(void **state)
{
    ehr_engine_item_t  item;

    (void) state;

    item = item_of(1, at(DAY, EIGHT), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_OK);
    fixture.dead = WORKER;
    assert_int_equal(claim(&fixture.other, 2, &item), EHR_ENGINE_OK);

    fixture.dead = 0;
    assert_int_equal(claim(&fixture.worker, 3, &item), EHR_ENGINE_TAKEN);
    fixture.now += 10000;
    assert_int_equal(ehr_engine_feed_heartbeat(&fixture.feed),
                     EHR_ENGINE_OK);
    assert_int_equal(claim(&fixture.worker, 4, &item), EHR_ENGINE_OK);

    /* a clock that was set back does not make it last */
    fixture.now -= 86400000;
    assert_int_equal(ehr_engine_reap(&fixture.other), 1);
}


static void
all_or_none(void **state)
{
    ehr_engine_uuid_t  act;
    ehr_engine_item_t  item, items[3];

    (void) state;

    item = item_of(10, at(DAY, EIGHT), HOUR);
    assert_int_equal(claim(&fixture.other, 1, &item), EHR_ENGINE_OK);

    act = uuid_of(5, 2);
    items[0] = item_of(1, at(DAY, EIGHT), HALF);
    items[1] = item_of(10, at(DAY, EIGHT), HALF);
    items[2] = item_of(11, at(DAY, EIGHT), HALF);
    assert_int_equal(ehr_engine_claim(&fixture.worker, &act, items, 3,
                                      fixture.now + 1000),
                     EHR_ENGINE_TAKEN);
    assert_int_equal(items[0].why, EHR_ENGINE_FREE);
    assert_int_equal(items[1].why, EHR_ENGINE_IS_TENTATIVE);
    assert_int_equal(items[2].why, EHR_ENGINE_FREE);

    /* so the doctor is still to be had */
    assert_int_equal(ehr_engine_explain(&fixture.worker, items, 1),
                     EHR_ENGINE_OK);

    settle(&fixture.other, 1, 0);
    assert_int_equal(ehr_engine_claim(&fixture.worker, &act, items, 3,
                                      fixture.now + 1000), EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_explain(&fixture.worker, items, 3),
                     EHR_ENGINE_TAKEN);

    /* an act does not get in its own way unnoticed */
    act = uuid_of(5, 3);
    items[0] = item_of(2, at(DAY, EIGHT), HALF);
    items[1] = item_of(2, at(DAY, EIGHT), HALF);
    assert_int_equal(ehr_engine_claim(&fixture.worker, &act, items, 2,
                                      fixture.now + 1000),
                     EHR_ENGINE_TAKEN);
}


static void
every_seat_once(void **state)
{
    unsigned           i;
    ehr_engine_item_t  item;

    (void) state;

    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 3, 1,
                                          at(DAY, EIGHT),
                                          at(DAY, EIGHT + HALF), NULL),
                     EHR_ENGINE_OK);

    for (i = 0; i < 2; i++) {
        item = item_of(3, at(DAY, EIGHT), HALF);
        assert_int_equal(claim(&fixture.worker, i, &item), EHR_ENGINE_OK);
        assert_int_equal(item.seat, 2 * i);
    }

    assert_int_equal(claim(&fixture.worker, 2, &item), EHR_ENGINE_TAKEN);
    assert_int_equal(item.why, EHR_ENGINE_IS_TENTATIVE);

    /* one who was squeezed in takes nobody's seat */
    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 2, 1000,
                                          at(DAY, EIGHT),
                                          at(DAY, EIGHT + HALF), NULL),
                     EHR_ENGINE_OK);
    item = item_of(2, at(DAY, EIGHT), HALF);
    assert_int_equal(claim(&fixture.worker, 3, &item), EHR_ENGINE_OK);
}


static void
why_not(void **state)
{
    ehr_engine_item_t  item;

    (void) state;

    item = item_of(1, at(DAY, TWELVE), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_TAKEN);
    assert_int_equal(item.why, EHR_ENGINE_OUTSIDE);

    item = item_of(1, at(DAY, TWELVE - HALF), HOUR);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_TAKEN);
    assert_int_equal(item.why, EHR_ENGINE_OUTSIDE);

    item = item_of(1, at(DAY, EIGHT + 1), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_TAKEN);
    assert_int_equal(item.why, EHR_ENGINE_OFF_GRID);

    /* rooms have no hours */
    item = item_of(10, at(DAY, 1), 100);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_OK);
}


static void
what_is_not_certain_is_asked(void **state)
{
    ehr_engine_item_t  item;

    (void) state;

    item = item_of(77, at(DAY, EIGHT), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_ASK);
    assert_int_equal(item.why, EHR_ENGINE_UNCERTAIN);

    item = item_of(1, at(DAY + DAYS, EIGHT), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_ASK);
    item = item_of(1, at(DAY - 1, EIGHT), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_ASK);

    /* just cancelled here: the feed may not have shown it */
    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, 1, 0,
                                          at(DAY, EIGHT),
                                          at(DAY, EIGHT + HALF), NULL),
                     EHR_ENGINE_OK);
    ehr_engine_releasing(&fixture.other, 1, fixture.now + 1000);
    item = item_of(1, at(DAY, EIGHT), HALF);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_ASK);
    fixture.now += 1000;
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_TAKEN);

    /* a feed that is silent, and one that loads */
    item = item_of(1, at(DAY, EIGHT + HALF), HALF);
    fixture.now += 1001;
    assert_int_equal(ehr_engine_state(&fixture.worker), EHR_ENGINE_STALE);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_ASK);
    assert_int_equal(ehr_engine_feed_heartbeat(&fixture.feed),
                     EHR_ENGINE_OK);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_feed_begin(&fixture.feed, DAY),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_state(&fixture.worker), EHR_ENGINE_LOADING);
    assert_int_equal(claim(&fixture.worker, 2, &item), EHR_ENGINE_ASK);

    /* what is under way outlives loading */
    fixture_load();
    assert_int_equal(claim(&fixture.worker, 2, &item), EHR_ENGINE_TAKEN);
}


static void
nonsense_is_refused(void **state)
{
    ehr_engine_uuid_t  act;
    ehr_engine_item_t  item;

    (void) state;

    act = uuid_of(5, 1);
    item = item_of(1, at(DAY, EIGHT), 0);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_INVALID);
    item.to--;
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_INVALID);
    item = item_of(1, at(DAY, EIGHT), HALF);
    item.capacity = EHR_ENGINE_SEATS + 1;
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_INVALID);
    assert_int_equal(ehr_engine_claim(&fixture.worker, &act, &item, 0,
                                      fixture.now), EHR_ENGINE_INVALID);
    item = item_of(1, 0, UINT32_MAX);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_ASK);
}


static void
a_full_table_asks(void **state)
{
    unsigned                 i;
    ehr_engine_item_t        item;
    ehr_engine_statistics_t  statistics;

    (void) state;

    for (i = 0; i < 64; i++) {
        item = item_of(10, at(DAY, i), 1);
        assert_int_equal(claim(&fixture.worker, i, &item), EHR_ENGINE_OK);
    }

    item = item_of(10, at(DAY, 64), 1);
    assert_int_equal(claim(&fixture.worker, 64, &item), EHR_ENGINE_ASK);

    ehr_engine_statistics(&fixture.worker, &statistics);
    assert_int_equal(statistics.tentative.missing, 1);
    assert_true(statistics.size_needed > statistics.size);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(one_has_it_and_the_other_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            refused_by_the_database_it_is_free_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            committed_it_stays_until_the_feed_shows_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            each_seat_of_an_act_ends_when_it_is_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_dead_and_the_late_hold_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_or_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_seat_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(why_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_certain_is_asked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_table_asks, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
