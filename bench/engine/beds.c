/*
 * 20,000 beds of which 95 % are occupied: the best free one by criteria, the
 * best and holding it, and counts.
 */

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


#define BEDS        20000u
#define WARD        20u         /* beds of a ward, in rooms of two */
#define HOSPITAL    1000u       /* beds of one */
#define CLASSES     6u
#define KINDS       10u         /* of equipment */
#define NOW         1800000000u

typedef void (*ask_t)(ehr_engine_t *engine, unsigned i, int64_t *time);

/* What somebody wants; the uuids it points to. */
typedef struct {
    ehr_engine_uuid_t      hospital;
    ehr_engine_uuid_t      ward;
    ehr_engine_uuid_t      room_class;
    ehr_engine_bed_wish_t  wish;
} wanted_t;

static unsigned  found;


static ehr_engine_uuid_t
class_of(unsigned ward)
{
    return uuid_of(8, ward % CLASSES);
}


static uint16_t
some_equipment(unsigned n)
{
    unsigned  kinds;

    for (kinds = 0; n; n--) {
        kinds |= 1u << below(KINDS);
    }

    return (uint16_t) kinds;
}


static void
add_bed(ehr_engine_t *engine, unsigned i)
{
    ehr_engine_bed_t   bed;
    ehr_engine_uuid_t  act;

    memset(&bed, 0, sizeof(bed));
    bed.uuid = uuid_of(6, i);
    bed.hospital = uuid_of(7, i / HOSPITAL);
    bed.ward = uuid_of(9, i / WARD);
    bed.room_class = class_of(i / WARD);
    bed.room = uuid_of(10, i / 2);
    bed.order = i;
    bed.equipment = some_equipment(below(5));
    bed.is_isolation = below(20) == 0;
    bed.age = i / WARD % 8 == 0 ? EHR_ENGINE_AGE_CHILD : EHR_ENGINE_AGE_ADULT;
    bed.policy = (uint8_t) below(4);
    bed.status = EHR_ENGINE_BED_AVAILABLE;

    if (below(100) < 95) {
        bed.status = EHR_ENGINE_BED_OCCUPIED;
        bed.occupant_sex = (uint8_t) (bed.policy == EHR_ENGINE_ROOM_MALE
                                      ? EHR_ENGINE_SEX_MALE
                                      : EHR_ENGINE_SEX_FEMALE);
    }

    must(ehr_engine_feed_bed(engine, (int32_t) i + 1, &bed), "bed");

    if (bed.status == EHR_ENGINE_BED_OCCUPIED) {
        act = uuid_of(11, i);
        must(ehr_engine_feed_stay(engine, (int32_t) i + 1, 0,
                                  NOW - below(1000000), EHR_ENGINE_OPEN_END,
                                  &act), "stay");
    }
}


/* By turns any bed of a hospital, of a class, with equipment, of a ward. */
static void
want(wanted_t *wanted, unsigned i)
{
    ehr_engine_bed_wish_t  *wish;

    memset(wanted, 0, sizeof(*wanted));
    wish = &wanted->wish;
    wish->from = NOW;
    wish->to = EHR_ENGINE_OPEN_END;
    wish->sex = (uint8_t) (1 + below(2));
    wish->age = EHR_ENGINE_AGE_ADULT;

    wanted->hospital = uuid_of(7, below(BEDS / HOSPITAL));
    wanted->ward = uuid_of(9, below(BEDS / WARD));
    wanted->room_class = class_of(below(BEDS / WARD));

    switch (i % 4) {
    case 0:
        wish->hospital = &wanted->hospital;
        break;
    case 1:
        wish->room_class = &wanted->room_class;
        break;
    case 2:
        wish->equipment = some_equipment(2);
        wish->is_isolation = below(10) == 0;
        break;
    default:
        wish->ward = &wanted->ward;
    }
}


static void
ask_best(ehr_engine_t *engine, unsigned i, int64_t *time)
{
    size_t                  count;
    int64_t                 start;
    wanted_t                wanted;
    ehr_engine_bed_found_t  bed;

    want(&wanted, i);
    start = processor_ns();
    must(ehr_engine_bed_find(engine, &wanted.wish, &bed, 1, &count), "find");
    *time = processor_ns() - start;
    found += count == 1;
}


/* Whatever is free anywhere: the most there is to look at. */
static void
ask_any(ehr_engine_t *engine, unsigned i, int64_t *time)
{
    size_t                  count;
    int64_t                 start;
    wanted_t                wanted;
    ehr_engine_bed_found_t  beds[5];

    want(&wanted, i);
    wanted.wish.hospital = NULL;
    wanted.wish.room_class = NULL;
    wanted.wish.ward = NULL;
    wanted.wish.equipment = 0;
    start = processor_ns();
    must(ehr_engine_bed_find(engine, &wanted.wish, beds, 5, &count), "find");
    *time = processor_ns() - start;
    found += count == 5;
}


/* Held and given back, while 200 others are held. */
static void
ask_claim(ehr_engine_t *engine, unsigned i, int64_t *time)
{
    int64_t                 start;
    wanted_t                wanted;
    ehr_engine_uuid_t       act;
    ehr_engine_result_t     result;
    ehr_engine_bed_found_t  bed;

    want(&wanted, i);
    act = uuid_of(12, i);
    start = processor_ns();
    result = ehr_engine_bed_claim(engine, &act, &wanted.wish,
                                  host.now(NULL) + 10000, &bed);

    if (result == EHR_ENGINE_OK) {
        ehr_engine_settle(engine, &act, 0, 0);
        found++;
    }

    *time = processor_ns() - start;
}


static void
ask_counts(ehr_engine_t *engine, unsigned i, int64_t *time)
{
    int64_t            start;
    uint32_t           counts[EHR_ENGINE_BED_STATUSES];
    ehr_engine_uuid_t  ward;

    ward = uuid_of(9, i % (BEDS / WARD));
    start = processor_ns();
    must(ehr_engine_bed_counts(engine, NULL, &ward, NULL, counts), "counts");
    *time = processor_ns() - start;
    found += counts[0] == WARD;
}


static void
measure(ehr_engine_t *engine, const char *what, ask_t ask)
{
    int64_t   *times;
    unsigned   i;

    found = 0;
    times = calloc(searches, sizeof(*times));

    for (i = 0; i < searches; i++) {

        if (i % 256 == 0) {
            must(ehr_engine_feed_heartbeat(engine), "heartbeat");
        }

        ask(engine, i, &times[i]);
    }

    print_times("beds", what, times, searches);
    printf("beds_%s_found %.2f\n", what, (double) found / searches);
    free(times);
}


static void
hold_some(ehr_engine_t *engine)
{
    unsigned                i;
    wanted_t                wanted;
    ehr_engine_uuid_t       act;
    ehr_engine_bed_found_t  bed;

    for (i = 0; i < 200; i++) {
        want(&wanted, i);
        act = uuid_of(13, i);
        (void) ehr_engine_bed_claim(engine, &act, &wanted.wish,
                                    host.now(NULL) + 1000000, &bed);
    }
}


void
measure_beds(void)
{
    void                 *block;
    size_t                size;
    unsigned              i;
    ehr_engine_t          engine;
    ehr_engine_config_t   config;

    memset(&config, 0, sizeof(config));
    config.resources = 64;
    config.days = 2;
    config.beds = BEDS;
    size = ehr_engine_size(&config);
    block = shared(size);
    must(ehr_engine_create(block, size, &config), "create");
    must(ehr_engine_attach(&engine, block, size, &host, getpid()), "attach");
    must(ehr_engine_feed_begin(&engine, 0), "begin");

    for (i = 0; i < BEDS; i++) {
        add_bed(&engine, i);
    }

    must(ehr_engine_feed_live(&engine, 2), "live");

    measure(&engine, "best", ask_best);
    measure(&engine, "five_of_all", ask_any);
    hold_some(&engine);
    measure(&engine, "claim", ask_claim);
    measure(&engine, "counts", ask_counts);

    config.beds = 1;
    printf("beds_mb %.1f\n",
           (double) (size - ehr_engine_size(&config)) / 1048576);
    munmap(block, size);
}
