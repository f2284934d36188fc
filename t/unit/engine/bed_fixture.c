#include "bed_fixture.h"


ehr_engine_bed_t
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


void
feed_bed(unsigned n, const ehr_engine_bed_t *bed)
{
    assert_int_equal(ehr_engine_feed_bed(&fixture.feed, FIRST + (int32_t) n,
                                         bed), EHR_ENGINE_OK);
}


void
feed_plain(unsigned n)
{
    unsigned          i;
    ehr_engine_bed_t  bed;

    for (i = 0; i < n; i++) {
        bed = bed_of(i, i / 4, i / 2);
        feed_bed(i, &bed);
    }
}


void
feed_stay(unsigned n, uint32_t from, uint32_t to, unsigned act)
{
    ehr_engine_uuid_t  uuid;

    uuid = uuid_of(5, act);
    assert_int_equal(ehr_engine_feed_stay(&fixture.feed, FIRST + (int32_t) n,
                                          0, from, to, act ? &uuid : NULL),
                     EHR_ENGINE_OK);
}


ehr_engine_bed_wish_t
any(void)
{
    ehr_engine_bed_wish_t  wish;

    memset(&wish, 0, sizeof(wish));
    wish.from = NOW;
    wish.to = EHR_ENGINE_OPEN_END;

    return wish;
}


ehr_engine_bed_wish_t
named(unsigned n)
{
    ehr_engine_bed_wish_t  wish;

    wish = any();
    wish.resource = FIRST + (int32_t) n;

    return wish;
}


ehr_engine_result_t
take(ehr_engine_t *engine, unsigned act, const ehr_engine_bed_wish_t *wish,
    ehr_engine_bed_found_t *found)
{
    ehr_engine_uuid_t  uuid;

    uuid = uuid_of(5, act);

    return ehr_engine_bed_claim(engine, &uuid, wish, fixture.now + 5000,
                                found);
}


int
best(const ehr_engine_bed_wish_t *wish)
{
    size_t                  count;
    ehr_engine_bed_found_t  found;

    assert_int_equal(ehr_engine_bed_find(&fixture.worker, wish, &found, 1,
                                         &count), EHR_ENGINE_OK);

    return count ? (int) found.resource - FIRST : -1;
}


ehr_engine_bed_why_t
why(const ehr_engine_bed_wish_t *wish)
{
    size_t                  count;
    ehr_engine_bed_found_t  found;

    (void) ehr_engine_bed_find(&fixture.worker, wish, &found, 1, &count);

    return found.why;
}
