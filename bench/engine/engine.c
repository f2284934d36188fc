/* build: @t/unit/engine/sources bench/engine/beds.c */

/*
 * The engine alone, at the size of a hospital group.  Prints a line
 * `name value` for each measurement; bench/run shows them.
 *
 *   engine [--doctors=10000] [--days=120] [--searched=90] [--searches=20000]
 */

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"


#define DAY0        20000u      /* some day */
#define SLOT        6u          /* half an hour */
#define SLOTS       16u         /* a day */
#define CLAIMS      2000000u    /* of the zone that is to fit into 128 MB */

typedef struct {
    const char  *name;
    /* of a thousand slots, how many are taken on that day */
    unsigned   (*fill)(unsigned day);
} fill_t;


unsigned  searches = 20000;

static unsigned  doctors = 10000, days = 120, searched = 90;
static uint64_t  seed = 88172645463325252u;

static pthread_mutex_t  *mutex;


static uint64_t
draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return seed * 0x2545f4914f6cdd1d;
}


unsigned
below(unsigned n)
{
    return (unsigned) ((draw() >> 32) * n >> 32);
}


/* -- the host -------------------------------------------------------------- */

static int64_t
monotonic_ns(void)
{
    struct timespec  now;

    clock_gettime(CLOCK_MONOTONIC, &now);

    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}


/* Of this process alone: what else the machine does is left out. */
int64_t
processor_ns(void)
{
    struct timespec  now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);

    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}


static int64_t
host_now(void *data)
{
    (void) data;
    return monotonic_ns() / 1000000;
}


static void
host_lock(void *data)
{
    (void) data;
    pthread_mutex_lock(mutex);
}


static void
host_unlock(void *data)
{
    (void) data;
    pthread_mutex_unlock(mutex);
}


static int
host_is_alive(void *data, int32_t pid)
{
    (void) data;
    (void) pid;
    return 1;
}


const ehr_engine_host_t  host = {
    NULL, host_now, host_lock, host_unlock, host_is_alive
};


void *
shared(size_t size)
{
    void  *block;

    block = mmap(NULL, size, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (block == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }

    return block;
}


static void
make_mutex(void)
{
    pthread_mutexattr_t  attributes;

    mutex = shared(sizeof(*mutex));
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(mutex, &attributes);
}


void
must(ehr_engine_result_t result, const char *what)
{
    if (result != EHR_ENGINE_OK) {
        fprintf(stderr, "engine: %s: %d\n", what, result);
        exit(1);
    }
}


/* -- the hospital group ---------------------------------------------------- */

ehr_engine_uuid_t
uuid_of(unsigned kind, unsigned n)
{
    ehr_engine_uuid_t  uuid;

    memset(&uuid, 0, sizeof(uuid));
    uuid.bytes[0] = (uint8_t) kind;
    uuid.bytes[12] = (uint8_t) (n >> 24);
    uuid.bytes[13] = (uint8_t) (n >> 16);
    uuid.bytes[14] = (uint8_t) (n >> 8);
    uuid.bytes[15] = (uint8_t) n;

    return uuid;
}


/* Doctors of one clinic open alike; clinics are in six time zones. */
static unsigned
opens(unsigned doctor)
{
    return (6 + doctor / 40 % 6) * 12;
}


static void
add_doctors(ehr_engine_t *engine)
{
    unsigned             i, day, from;
    ehr_engine_uuid_t    uuid, group;
    ehr_engine_period_t *periods;

    periods = calloc(2 * days, sizeof(*periods));

    for (i = 0; i < doctors; i++) {
        uuid = uuid_of(1, i);
        must(ehr_engine_feed_resource(engine, (int32_t) i + 1,
                                      EHR_ENGINE_DOCTOR, &uuid), "resource");
        group = uuid_of(2, i % 40);
        must(ehr_engine_feed_member(engine, &group, (int32_t) i + 1, 1),
             "specialty");
        group = uuid_of(3, i / 40);
        must(ehr_engine_feed_member(engine, &group, (int32_t) i + 1, 1),
             "clinic");

        /* morning and afternoon */
        for (day = 0; day < 2 * days; day++) {
            from = (DAY0 + day / 2) * EHR_ENGINE_DAY + opens(i)
                   + day % 2 * (SLOTS / 2 * SLOT + 12);
            periods[day].from = from;
            periods[day].grid = from;
            periods[day].to = from + SLOTS / 2 * SLOT;
            periods[day].slot = SLOT;
            periods[day].capacity = 1;
            periods[day].clinic = uuid_of(3, i / 40);
            periods[day].room = uuid_of(4, i / 2);
        }

        must(ehr_engine_feed_periods(engine, (int32_t) i + 1, DAY0,
                                     DAY0 + days, periods, 2 * days),
             "periods");
    }

    free(periods);
}


static ehr_engine_time_t
slot_of(unsigned doctor, unsigned day, unsigned slot)
{
    return (DAY0 + day) * EHR_ENGINE_DAY + opens(doctor) + slot * SLOT
           + (slot < SLOTS / 2 ? 0 : 12);
}


static void
take(ehr_engine_t *engine, unsigned doctor, unsigned day, unsigned slot)
{
    ehr_engine_uuid_t  act;
    ehr_engine_time_t  from;

    act = uuid_of(5, doctor);
    from = slot_of(doctor, day, slot);
    must(ehr_engine_feed_busy(engine, (int32_t) doctor + 1, 0, from,
                              from + SLOT, &act), "busy");
}


static size_t
make(ehr_engine_t *engine)
{
    void                 *block;
    size_t                size;
    ehr_engine_config_t   config;

    memset(&config, 0, sizeof(config));
    config.resources = doctors;
    config.days = days;

    size = ehr_engine_size(&config);
    block = shared(size);
    must(ehr_engine_create(block, size, &config), "create");
    must(ehr_engine_attach(engine, block, size, &host, getpid()), "attach");

    return size;
}


static void
drop(ehr_engine_t *engine, size_t size)
{
    munmap(engine->root, size);
}


/* -- memory and loading ---------------------------------------------------- */

static void
measure_load(void)
{
    size_t                   size;
    int64_t                  start;
    unsigned                 i;
    ehr_engine_t             engine;
    ehr_engine_statistics_t  statistics;

    size = make(&engine);
    start = monotonic_ns();
    must(ehr_engine_feed_begin(&engine, DAY0), "begin");
    printf("begin_ms %.1f\n", (double) (monotonic_ns() - start) / 1e6);

    start = monotonic_ns();
    add_doctors(&engine);
    printf("load_doctors_s %.3f\n", (double) (monotonic_ns() - start) / 1e9);

    start = monotonic_ns();

    for (i = 0; i < CLAIMS; i++) {
        take(&engine, below(doctors), below(days), below(SLOTS));
    }

    printf("load_claims_s %.3f\n", (double) (monotonic_ns() - start) / 1e9);
    must(ehr_engine_feed_live(&engine, DAY0 + days), "live");

    ehr_engine_statistics(&engine, &statistics);
    printf("zone_mb %.1f\n", (double) size / 1048576);
    printf("pages %u of %u\n", statistics.pages.used, statistics.pages.most);
    printf("missing %u\n", statistics.pages.missing
           + statistics.shapes.missing + statistics.places.missing
           + statistics.groups.missing);

    start = monotonic_ns();
    must(ehr_engine_feed_roll(&engine, DAY0 + 1, DAY0 + days), "roll");
    printf("roll_ms %.1f\n", (double) (monotonic_ns() - start) / 1e6);

    drop(&engine, size);
}


/* -- searching ------------------------------------------------------------- */

/* The next two weeks are full, the days to the middle nearly, from there on
 * fewer and fewer are taken: 90 % of all. */
static unsigned
fill_realistic(unsigned day)
{
    unsigned  share;

    share = day * 1000 / searched;

    if (share < 150) {
        return 1000;
    }

    return share < 500 ? 998 - (share - 150) / 50
                       : 990 - (share - 500) * 76 / 100;
}


static unsigned
fill_uniform(unsigned day)
{
    (void) day;
    return 900;
}


static int
compare_times(const void *one, const void *two)
{
    int64_t  difference;

    difference = *(const int64_t *) one - *(const int64_t *) two;

    return (difference > 0) - (difference < 0);
}


void
print_times(const char *fill, const char *what, int64_t *times, unsigned n)
{
    qsort(times, n, sizeof(*times), compare_times);
    printf("%s_%s_median_us %.1f\n", fill, what,
           (double) times[n / 2] / 1e3);
    printf("%s_%s_p999_us %.1f\n", fill, what,
           (double) times[n - 1 - n / 1000] / 1e3);
    printf("%s_%s_worst_us %.1f\n", fill, what,
           (double) times[n - 1] / 1e3);
}


static void
search(ehr_engine_t *engine, const char *fill, const char *what,
    unsigned granules, unsigned ngroups, unsigned limit)
{
    size_t               count, found;
    int64_t              start, *times;
    unsigned             i;
    ehr_engine_slot_t    slots[16];
    ehr_engine_uuid_t    groups[2];
    ehr_engine_search_t  wanted;

    times = calloc(searches, sizeof(*times));
    found = 0;

    for (i = 0; i < searches; i++) {
        memset(&wanted, 0, sizeof(wanted));
        groups[0] = uuid_of(2, below(40));
        groups[1] = uuid_of(3, below(doctors / 40));
        wanted.groups = groups;
        wanted.ngroups = ngroups;
        wanted.granules = granules;
        wanted.from = DAY0 * EHR_ENGINE_DAY
                      + below((searched - 1) * EHR_ENGINE_DAY);

        if (i % 2) {
            /* most ask from now on */
            wanted.from = DAY0 * EHR_ENGINE_DAY + below(EHR_ENGINE_DAY);
        }

        wanted.until = (DAY0 + searched) * EHR_ENGINE_DAY;

        if (i % 256 == 0) {
            must(ehr_engine_feed_heartbeat(engine), "heartbeat");
        }

        start = processor_ns();
        must(ehr_engine_first(engine, &wanted, slots, limit, &count),
             "first");
        times[i] = processor_ns() - start;
        found += count;
    }

    print_times(fill, what, times, searches);
    printf("%s_%s_found %.2f\n", fill, what, (double) found / searches);
    free(times);
}


static void
measure_search(const fill_t *fill)
{
    size_t        size;
    unsigned      i, day, slot, taken;
    ehr_engine_t  engine;

    size = make(&engine);
    must(ehr_engine_feed_begin(&engine, DAY0), "begin");
    add_doctors(&engine);
    taken = 0;

    for (i = 0; i < doctors; i++) {
        for (day = 0; day < searched; day++) {
            for (slot = 0; slot < SLOTS; slot++) {
                if (below(1000) < fill->fill(day)) {
                    take(&engine, i, day, slot);
                    taken++;
                }
            }
        }
    }

    must(ehr_engine_feed_live(&engine, DAY0 + days), "live");
    printf("%s_fill %.3f\n", fill->name,
           (double) taken / doctors / searched / SLOTS);

    search(&engine, fill->name, "all", SLOT, 0, 5);
    search(&engine, fill->name, "specialty", SLOT, 1, 5);
    search(&engine, fill->name, "specialty_clinic", SLOT, 2, 5);
    search(&engine, fill->name, "two_hours", 4 * SLOT, 0, 5);
    drop(&engine, size);
}


/* -- claiming -------------------------------------------------------------- */

static unsigned
claim_for(ehr_engine_t *engine, double seconds, int is_taken)
{
    int64_t            stop;
    unsigned           n, doctor;
    ehr_engine_item_t  items[1];
    ehr_engine_uuid_t  act;

    n = 0;
    stop = monotonic_ns() + (int64_t) (seconds * 1e9);

    while (n % 64 || monotonic_ns() < stop) {
        doctor = is_taken ? 0 : below(doctors);
        memset(items, 0, sizeof(items));
        items[0].resource = (int32_t) doctor + 1;
        items[0].from = slot_of(doctor, is_taken ? 0 : below(days),
                                is_taken ? 0 : below(SLOTS));
        items[0].to = items[0].from + SLOT;
        act = uuid_of((unsigned) getpid() & 0xff, n);

        if (ehr_engine_claim(engine, &act, items, 1,
                             host_now(NULL) + 10000) == EHR_ENGINE_OK)
        {
            ehr_engine_settle(engine, &act, 0, 0);
        }

        n++;
    }

    return n;
}


static void
measure_claims(void)
{
    size_t         size;
    int64_t        stop;
    unsigned       i, n, *counts;
    ehr_engine_t   engine, other;

    size = make(&engine);
    must(ehr_engine_feed_begin(&engine, DAY0), "begin");
    add_doctors(&engine);
    take(&engine, 0, 0, 0);
    must(ehr_engine_feed_live(&engine, DAY0 + days), "live");

    n = claim_for(&engine, 1, 0);
    printf("claims_one_process %u\n", n);
    must(ehr_engine_feed_heartbeat(&engine), "heartbeat");
    n = claim_for(&engine, 1, 1);
    printf("refusals_one_process %u\n", n);

    counts = shared(2 * sizeof(*counts));
    must(ehr_engine_feed_heartbeat(&engine), "heartbeat");
    fflush(stdout);

    for (i = 0; i < 2; i++) {
        if (fork() == 0) {
            must(ehr_engine_attach(&other, engine.root, size, &host,
                                   getpid()), "attach");
            seed += (uint64_t) getpid();
            counts[i] = claim_for(&other, 1, 0);
            _exit(0);
        }
    }

    stop = monotonic_ns() + 1000000000;

    while (monotonic_ns() < stop) {
        must(ehr_engine_feed_heartbeat(&engine), "heartbeat");
        usleep(100000);
    }

    while (wait(NULL) > 0) {
        /* void */
    }

    printf("claims_two_processes %u\n", counts[0] + counts[1]);
    drop(&engine, size);
}


int
main(int argc, char **argv)
{
    int                  i;
    size_t               k;
    static const fill_t  fills[] = {
        { "realistic", fill_realistic },
        { "uniform", fill_uniform },
    };

    for (i = 1; i < argc; i++) {
        if (sscanf(argv[i], "--doctors=%u", &doctors) != 1
            && sscanf(argv[i], "--days=%u", &days) != 1
            && sscanf(argv[i], "--searched=%u", &searched) != 1
            && sscanf(argv[i], "--searches=%u", &searches) != 1)
        {
            fprintf(stderr, "usage: engine [--doctors=N] [--days=N]"
                    " [--searched=N] [--searches=N]\n");
            return 2;
        }
    }

    make_mutex();
    measure_load();

    for (k = 0; k < sizeof(fills) / sizeof(fills[0]); k++) {
        measure_search(&fills[k]);
    }

    measure_claims();
    measure_beds();

    return 0;
}
