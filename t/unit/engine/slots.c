/* build: @t/unit/engine/sources t/unit/engine/fixture.c -lcmocka */

#include "fixture.h"


static ehr_engine_slot_t  slots[64];
static size_t             count;


static ehr_engine_result_t
list(int32_t resource, uint32_t day, uint32_t granules, unsigned flags)
{
    return ehr_engine_slots(&fixture.worker, resource, at(day, 0),
                            at(day + 1, 0), granules, flags, slots, 64,
                            &count);
}


static void
busy(int32_t resource, uint32_t seat, ehr_engine_time_t from,
    uint32_t granules)
{
    assert_int_equal(ehr_engine_feed_busy(&fixture.feed, resource, seat, from,
                                          from + granules, NULL),
                     EHR_ENGINE_OK);
}


static void
periods(int32_t resource, const ehr_engine_period_t *those, size_t n)
{
    assert_int_equal(ehr_engine_feed_periods(&fixture.feed, resource, DAY,
                                             DAY + DAYS, those, n),
                     EHR_ENGINE_OK);
}


static void
a_day_is_its_grid(void **state)
{
    size_t             i;
    ehr_engine_uuid_t  uuid;

    (void) state;

    assert_int_equal(list(1, DAY, 0, 0), EHR_ENGINE_OK);
    assert_int_equal(count, 8);

    for (i = 0; i < count; i++) {
        assert_int_equal(slots[i].start, at(DAY, EIGHT + (uint32_t) i * HALF));
        assert_int_equal(slots[i].granules, HALF);
        assert_int_equal(slots[i].free, 1);
        assert_int_equal(slots[i].capacity, 1);
    }

    uuid = uuid_of(1, 1);
    assert_memory_equal(&slots[0].uuid, &uuid, sizeof(uuid));
    uuid = uuid_of(3, 1);
    assert_memory_equal(&slots[0].clinic, &uuid, sizeof(uuid));
    uuid = uuid_of(4, 1);
    assert_memory_equal(&slots[0].room, &uuid, sizeof(uuid));

    /* longer ones start on the same grid and end before twelve */
    assert_int_equal(list(1, DAY, HOUR, 0), EHR_ENGINE_OK);
    assert_int_equal(count, 7);
    assert_int_equal(list(1, DAY, 4 * HOUR, 0), EHR_ENGINE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(list(1, DAY, 4 * HOUR + 1, 0), EHR_ENGINE_OK);
    assert_int_equal(count, 0);

    /* a room has none, and who is not known has to be asked for */
    assert_int_equal(list(10, DAY, 0, 0), EHR_ENGINE_NONE);
    assert_int_equal(list(99, DAY, 0, 0), EHR_ENGINE_ASK);
    assert_int_equal(list(1, DAY + DAYS, 0, 0), EHR_ENGINE_ASK);
}


static void
what_is_taken_is_missing(void **state)
{
    ehr_engine_item_t  item;

    (void) state;

    busy(1, 0, at(DAY, EIGHT + 2), 1);
    item = item_of(1, at(DAY, EIGHT + HALF), HALF);
    assert_int_equal(claim(&fixture.other, 1, &item), EHR_ENGINE_OK);

    assert_int_equal(list(1, DAY, 0, 0), EHR_ENGINE_OK);
    assert_int_equal(count, 6);
    assert_int_equal(slots[0].start, at(DAY, EIGHT + HOUR));

    assert_int_equal(list(1, DAY, 0, EHR_ENGINE_ALSO_FULL), EHR_ENGINE_OK);
    assert_int_equal(count, 8);
    assert_int_equal(slots[0].free, 0);
    assert_int_equal(slots[2].free, 1);

    busy(3, 0, at(DAY, EIGHT), 4 * HOUR);
    busy(3, 2, at(DAY, EIGHT), HALF);
    assert_int_equal(list(3, DAY, 0, 0), EHR_ENGINE_OK);
    assert_int_equal(count, 8);
    assert_int_equal(slots[0].free, 1);
    assert_int_equal(slots[0].seat, 1);
    assert_int_equal(slots[1].free, 2);
}


static void
a_part_keeps_the_grid(void **state)
{
    ehr_engine_period_t  two[2];

    (void) state;

    /* eight to twelve without 9:10 to 9:20 */
    two[0] = period_of(at(DAY, EIGHT), at(DAY, EIGHT + 14), HALF, 1);
    two[1] = period_of(at(DAY, EIGHT + 16), at(DAY, TWELVE), HALF, 1);
    two[1].grid = two[0].grid;
    periods(1, two, 2);

    assert_int_equal(list(1, DAY, 0, 0), EHR_ENGINE_OK);
    assert_int_equal(count, 7);
    assert_int_equal(slots[1].start, at(DAY, EIGHT + HALF));
    assert_int_equal(slots[2].start, at(DAY, EIGHT + 3 * HALF));
}


static void
midnight_divides_nothing(void **state)
{
    ehr_engine_item_t    item;
    ehr_engine_period_t  night;

    (void) state;

    night = period_of(at(DAY, 280), at(DAY + 1, 20), 7, 1);
    periods(1, &night, 1);

    assert_int_equal(ehr_engine_slots(&fixture.worker, 1, at(DAY, 0),
                                      at(DAY + 2, 0), 10, 0, slots, 64,
                                      &count), EHR_ENGINE_OK);
    assert_int_equal(count, 3);
    assert_int_equal(slots[1].start, at(DAY, 287));
    assert_int_equal(slots[2].start, at(DAY + 1, 6));

    item = item_of(1, at(DAY, 287), 10);
    assert_int_equal(claim(&fixture.worker, 1, &item), EHR_ENGINE_OK);
    busy(1, 0, at(DAY + 1, 15), 1);
    assert_int_equal(ehr_engine_slots(&fixture.worker, 1, at(DAY, 0),
                                      at(DAY + 2, 0), 7, 0, slots, 64,
                                      &count), EHR_ENGINE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(slots[0].start, at(DAY, 280));

    /* what goes on behind the horizon is not known */
    night = period_of(at(DAY + 3, 280), at(DAY + 4, 20), 7, 1);
    periods(1, &night, 1);
    assert_int_equal(list(1, DAY + 3, 0, 0), EHR_ENGINE_ASK);
    item = item_of(1, at(DAY + 3, 280), 7);
    assert_int_equal(claim(&fixture.worker, 2, &item), EHR_ENGINE_ASK);
}


static void
many_parts_of_a_day(void **state)
{
    size_t               i;
    ehr_engine_period_t  parts[65];

    (void) state;

    for (i = 0; i < 65; i++) {
        parts[i] = period_of(at(DAY, (uint32_t) i * 4),
                             at(DAY, (uint32_t) i * 4 + 3), 3, 1);
    }

    periods(1, parts, 64);
    assert_int_equal(list(1, DAY, 0, 0), EHR_ENGINE_OK);
    assert_int_equal(count, 64);

    /* more than can be kept: that day is not known, others are */
    assert_int_equal(ehr_engine_feed_periods(&fixture.feed, 1, DAY,
                                             DAY + DAYS, parts, 65),
                     EHR_ENGINE_FULL);
    assert_int_equal(list(1, DAY, 0, 0), EHR_ENGINE_ASK);
    assert_int_equal(list(1, DAY + 1, 0, 0), EHR_ENGINE_OK);
}


/* -- search ---------------------------------------------------------------- */

static ehr_engine_search_t  search;


static ehr_engine_result_t
first(size_t n)
{
    return ehr_engine_first(&fixture.worker, &search, slots, n, &count);
}


static int
search_set_up(void **state)
{
    memset(&search, 0, sizeof(search));
    search.from = at(DAY, 0);

    return set_up(state);
}


static void
by_start_and_then_by_uuid(void **state)
{
    ehr_engine_uuid_t    uuid;
    ehr_engine_period_t  period;

    (void) state;

    /* added last, but first by its uuid */
    uuid = uuid_of(0, 1);
    assert_int_equal(ehr_engine_feed_resource(&fixture.feed, 50,
                                              EHR_ENGINE_DOCTOR, &uuid),
                     EHR_ENGINE_OK);
    period = period_of(at(DAY, EIGHT), at(DAY, EIGHT + HOUR), HALF, 1);
    periods(50, &period, 1);
    busy(1, 0, at(DAY, EIGHT), HALF);

    assert_int_equal(first(5), EHR_ENGINE_OK);
    assert_int_equal(count, 5);
    assert_int_equal(slots[0].resource, 50);
    assert_int_equal(slots[1].resource, 2);
    assert_int_equal(slots[2].resource, 3);
    assert_int_equal(slots[3].resource, 50);
    assert_int_equal(slots[3].start, at(DAY, EIGHT + HALF));
    assert_int_equal(slots[4].resource, 1);

    assert_int_equal(first(0), EHR_ENGINE_OK);
    assert_int_equal(count, 0);
}


static void
only_who_is_wanted(void **state)
{
    int32_t              numbers[] = { 3, 2 };
    ehr_engine_uuid_t    groups[2], clinic;
    ehr_engine_period_t  period;

    (void) state;

    groups[0] = uuid_of(7, 1);
    groups[1] = uuid_of(7, 2);
    assert_int_equal(ehr_engine_feed_member(&fixture.feed, &groups[0], 2, 1),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_feed_member(&fixture.feed, &groups[0], 3, 1),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_feed_member(&fixture.feed, &groups[1], 3, 1),
                     EHR_ENGINE_OK);

    search.groups = groups;
    search.ngroups = 1;
    assert_int_equal(first(1), EHR_ENGINE_OK);
    assert_int_equal(slots[0].resource, 2);

    search.ngroups = 2;
    assert_int_equal(first(1), EHR_ENGINE_OK);
    assert_int_equal(slots[0].resource, 3);

    assert_int_equal(ehr_engine_feed_member(&fixture.feed, &groups[1], 3, 0),
                     EHR_ENGINE_OK);
    assert_int_equal(first(1), EHR_ENGINE_OK);
    assert_int_equal(count, 0);

    search.ngroups = 0;
    search.resources = numbers;
    search.nresources = 2;
    assert_int_equal(first(2), EHR_ENGINE_OK);
    assert_int_equal(slots[0].resource, 2);
    assert_int_equal(slots[1].resource, 3);

    numbers[0] = 99;
    assert_int_equal(first(2), EHR_ENGINE_ASK);

    search.resources = NULL;
    period = period_of(at(DAY + 1, EIGHT), at(DAY + 1, TWELVE), HALF, 1);
    period.clinic = uuid_of(3, 2);
    periods(1, &period, 1);
    clinic = uuid_of(3, 2);
    search.clinic = &clinic;
    assert_int_equal(first(1), EHR_ENGINE_OK);
    assert_int_equal(slots[0].resource, 1);
    assert_int_equal(slots[0].start, at(DAY + 1, EIGHT));
}


static void
only_when_it_is_wanted(void **state)
{
    (void) state;

    search.from = at(DAY + 1, EIGHT + 1);
    assert_int_equal(first(1), EHR_ENGINE_OK);
    assert_int_equal(slots[0].start, at(DAY + 1, EIGHT + HALF));

    search.until = search.from + 2;
    assert_int_equal(first(1), EHR_ENGINE_OK);
    assert_int_equal(count, 0);

    /* longer than anybody has */
    search.until = 0;
    search.granules = 4 * HOUR + 1;
    assert_int_equal(first(1), EHR_ENGINE_OK);
    assert_int_equal(count, 0);
    search.granules = 4 * HOUR;
    assert_int_equal(first(64), EHR_ENGINE_OK);
    assert_int_equal(count, 3 * (DAYS - 2));

    /* somebody may have something behind the horizon */
    search.until = at(DAY + DAYS, 1);
    assert_int_equal(first(6), EHR_ENGINE_OK);
    assert_int_equal(first(7), EHR_ENGINE_ASK);
    assert_int_equal(count, 0);

    search.until = 0;
    search.from = at(DAY - 1, 0);
    assert_int_equal(first(1), EHR_ENGINE_ASK);
}


static void
held_is_not_offered(void **state)
{
    ehr_engine_item_t  item;

    (void) state;

    item = item_of(1, at(DAY, EIGHT), HALF);
    assert_int_equal(claim(&fixture.other, 1, &item), EHR_ENGINE_OK);
    assert_int_equal(first(1), EHR_ENGINE_OK);
    assert_int_equal(slots[0].resource, 2);

    settle(&fixture.other, 1, 0);
    assert_int_equal(first(1), EHR_ENGINE_OK);
    assert_int_equal(slots[0].resource, 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(a_day_is_its_grid, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_taken_is_missing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_part_keeps_the_grid, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(midnight_divides_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(many_parts_of_a_day, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(by_start_and_then_by_uuid,
                                        search_set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_who_is_wanted, search_set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_when_it_is_wanted,
                                        search_set_up, tear_down),
        cmocka_unit_test_setup_teardown(held_is_not_offered, search_set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
