/*
 * No test by itself: linked into those of the engine.
 */

#include "fixture.h"


fixture_t  fixture;


static int64_t
fixture_now(void *data)
{
    (void) data;
    return fixture.now;
}


static void
fixture_lock(void *data)
{
    (void) data;
    assert_int_equal(fixture.locked++, 0);
}


static void
fixture_unlock(void *data)
{
    (void) data;
    assert_int_equal(--fixture.locked, 0);
}


static int
fixture_is_alive(void *data, int32_t pid)
{
    (void) data;
    return pid != fixture.dead;
}


const ehr_engine_host_t  fixture_host = {
    NULL, fixture_now, fixture_lock, fixture_unlock, fixture_is_alive
};


ehr_engine_uuid_t
uuid_of(unsigned kind, unsigned n)
{
    ehr_engine_uuid_t  uuid;

    memset(&uuid, 0, sizeof(uuid));
    uuid.bytes[0] = (uint8_t) kind;
    uuid.bytes[15] = (uint8_t) n;

    return uuid;
}


void
fixture_create(const ehr_engine_config_t *config)
{
    ehr_engine_config_t  usual;

    if (config == NULL) {
        memset(&usual, 0, sizeof(usual));
        usual.resources = 64;
        usual.days = DAYS;
        usual.tentative = 64;
        config = &usual;
    }

    memset(&fixture, 0, sizeof(fixture));
    fixture.now = 1000000;
    fixture.size = ehr_engine_size(config);
    fixture.block = aligned_alloc(64, (fixture.size + 63) / 64 * 64);
    assert_non_null(fixture.block);

    assert_int_equal(ehr_engine_create(fixture.block, fixture.size, config),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_attach(&fixture.feed, fixture.block,
                                       fixture.size, &fixture_host, FEED),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_attach(&fixture.worker, fixture.block,
                                       fixture.size, &fixture_host, WORKER),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_attach(&fixture.other, fixture.block,
                                       fixture.size, &fixture_host, OTHER),
                     EHR_ENGINE_OK);
}


ehr_engine_period_t
period_of(ehr_engine_time_t from, ehr_engine_time_t to, unsigned slot,
    unsigned capacity)
{
    ehr_engine_period_t  period;

    memset(&period, 0, sizeof(period));
    period.from = from;
    period.to = to;
    period.grid = from;
    period.slot = (uint16_t) slot;
    period.capacity = (uint16_t) capacity;
    period.clinic = uuid_of(3, 1);
    period.room = uuid_of(4, 1);

    return period;
}


static void
load_doctor(int32_t number, unsigned capacity)
{
    uint32_t             day;
    ehr_engine_uuid_t    uuid;
    ehr_engine_period_t  periods[DAYS];

    uuid = uuid_of(1, (unsigned) number);
    assert_int_equal(ehr_engine_feed_resource(&fixture.feed, number,
                                              EHR_ENGINE_DOCTOR, &uuid),
                     EHR_ENGINE_OK);

    for (day = 0; day < DAYS; day++) {
        periods[day] = period_of(at(DAY + day, EIGHT),
                                 at(DAY + day, TWELVE), HALF, capacity);
    }

    assert_int_equal(ehr_engine_feed_periods(&fixture.feed, number, DAY,
                                             DAY + DAYS, periods, DAYS),
                     EHR_ENGINE_OK);
}


void
fixture_load(void)
{
    ehr_engine_uuid_t  uuid;

    assert_int_equal(ehr_engine_feed_begin(&fixture.feed, DAY),
                     EHR_ENGINE_OK);
    load_doctor(1, 1);
    load_doctor(2, 1);
    load_doctor(3, 3);

    uuid = uuid_of(1, 10);
    assert_int_equal(ehr_engine_feed_resource(&fixture.feed, 10,
                                              EHR_ENGINE_ROOM, &uuid),
                     EHR_ENGINE_OK);
    uuid = uuid_of(1, 11);
    assert_int_equal(ehr_engine_feed_resource(&fixture.feed, 11,
                                              EHR_ENGINE_EQUIPMENT, &uuid),
                     EHR_ENGINE_OK);
    assert_int_equal(ehr_engine_feed_live(&fixture.feed, DAY + DAYS),
                     EHR_ENGINE_OK);
}


int
set_up(void **state)
{
    (void) state;
    fixture_create(NULL);
    fixture_load();

    return 0;
}


int
tear_down(void **state)
{
    (void) state;
    free(fixture.block);

    return 0;
}


ehr_engine_item_t
item_of(int32_t resource, ehr_engine_time_t from, uint32_t granules)
{
    ehr_engine_item_t  item;

    memset(&item, 0, sizeof(item));
    item.resource = resource;
    item.from = from;
    item.to = from + granules;

    return item;
}


ehr_engine_result_t
claim(ehr_engine_t *engine, unsigned act, ehr_engine_item_t *item)
{
    ehr_engine_uuid_t  uuid;

    uuid = uuid_of(5, act);

    return ehr_engine_claim(engine, &uuid, item, 1, fixture.now + 10000);
}


void
settle(ehr_engine_t *engine, unsigned act, int is_committed)
{
    ehr_engine_uuid_t  uuid;

    uuid = uuid_of(5, act);
    ehr_engine_settle(engine, &uuid, is_committed, fixture.now + 10000);
}
