/* build: @t/unit/engine/sources @t/engine/sources */

/*
 * The engine against a naive model, by chance but repeatably: a database, a
 * feed that lags, workers that claim, settle and cancel, clocks that jump,
 * days that pass, blocks that are too small, and processes that die at any
 * store.  In the middle of a change others look, and have to see what was
 * before, or what is after, or be told to ask.
 *
 *   simulation STEPS SEED      runs episodes of which each has its own seed
 *   SEED=n simulation          runs that episode again, with a trace
 *
 * Built with -DEHR_ENGINE_STEP=simulation_step.
 */

#include "simulation.h"


/* -- chance ---------------------------------------------------------------- */

uint64_t         seed;
unsigned         step;
static uint64_t  chance;
static int       is_traced;

static uint32_t
draw(void)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;

    return (uint32_t) (chance * 0x2545f4914f6cdd1d >> 32);
}


unsigned
below(unsigned n)
{
    return (unsigned) ((uint64_t) draw() * n >> 32);
}


int
once_in(unsigned n)
{
    return below(n) == 0;
}


void __attribute__((format(printf, 1, 2), noreturn))
fail(const char *format, ...)
{
    va_list  list;

    printf("step %u: ", step);
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    printf("\nrepeat by SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    abort();
}


void __attribute__((format(printf, 1, 2)))
trace(const char *format, ...)
{
    va_list  list;

    if (is_traced) {
        printf("%u: ", step);
        va_start(list, format);
        vprintf(format, list);
        va_end(list);
        printf("\n");
    }
}


static const char *const  tally_names[TALLIES] = {
    "held", "taken", "asked", "slots listed", "searches answered",
    "looks into a change", "deaths", "repairs", "loads", "did not fit",
    "quiet", "versions kept", "beds held", "beds taken", "beds asked",
    "beds found", "looks into a change of beds", "versions of wards kept"
};

uint64_t  tallies[TALLIES];


/* -- the world ------------------------------------------------------------- */

database_t      database;

event_t       events[EVENTS];
unsigned      nevents;

model_t       model;
ehr_engine_t  engines[PROCESSES];
int32_t       pids[PROCESSES], next_pid;
int           owner;             /* process, or -1 */
int           is_torn;           /* the feed died within a change */
uint32_t      today;
act_t         acts[ACTS];
unsigned      next_act;

void         *block;
size_t        block_size, block_room;
int           is_small;

int           is_locked;


static int64_t
host_now(void *data)
{
    (void) data;
    return model.now;
}


static void
host_lock(void *data)
{
    (void) data;
    must(!is_locked, "locked twice");
    is_locked = 1;
}


static void
host_unlock(void *data)
{
    (void) data;
    must(is_locked, "not locked");
    is_locked = 0;
}


int
pid_is_alive(int32_t pid)
{
    int  i;

    for (i = 0; i < PROCESSES; i++) {
        if (pids[i] == pid) {
            return 1;
        }
    }

    return 0;
}


static int
host_is_alive(void *data, int32_t pid)
{
    (void) data;
    return pid_is_alive(pid);
}


const ehr_engine_host_t  host = {
    NULL, host_now, host_lock, host_unlock, host_is_alive
};


static int
is_swept_with(int32_t one, int32_t two)
{
    return ehr_engine_bucket(block, one) == ehr_engine_bucket(block, two);
}


ehr_engine_root_t *
root(void)
{
    return block;
}


/* Something did not fit: ASK is right everywhere. */
int
is_lenient(void)
{
    return is_torn || root()->page_pool.missing || root()->shape_pool.missing
           || root()->place_pool.missing || root()->resource_pool.missing
           || root()->group_pool.missing || root()->bed_pool.missing
           || root()->bed_room_pool.missing || root()->stay_pool.missing
           || root()->bed_group_pool.missing;
}


/* -- episodes -------------------------------------------------------------- */

static void
draw_block(void)
{
    ehr_engine_config_t  config;

    memset(&config, 0, sizeof(config));
    is_small = once_in(4);

    config.resources = is_small && once_in(3) ? 4 : MODEL_RESOURCES;
    config.days = MODEL_RING;
    config.groups = is_small && once_in(3) ? 1 : 8;
    config.places = is_small && once_in(3) ? 2 : 16;
    config.shapes = is_small && once_in(2) ? 6 : 64;
    config.tentative = is_small && once_in(2) ? 4 : 48;
    config.pages = is_small ? MODEL_RESOURCES + below(8) : 128;
    config.stale_after = MODEL_STALE_AFTER;
    config.beds = is_small && once_in(3) ? 5 : 16;
    config.bed_rooms = is_small && once_in(3) ? 2 : 8;
    config.bed_groups = is_small && once_in(3) ? 6 : 16;
    config.stays = is_small && once_in(2) ? 1 + below(4) : 128;

    block_size = ehr_engine_size(&config);

    if (block_size > block_room) {
        free(block);
        block = aligned_alloc(64, (block_size + 63) / 64 * 64);
        block_room = block_size;
        must(block != NULL, "no memory");
    }

    memset(block, 0xa5, block_size);
    must(ehr_engine_create(block, block_size, &config) == EHR_ENGINE_OK,
         "create");
}


static void
begin(void)
{
    int      i;
    int32_t  number;

    chance = seed * 0x9e3779b97f4a7c15 + 0x1234567;
    step = 0;

    memset(&model, 0, sizeof(model));
    memset(&database, 0, sizeof(database));
    memset(acts, 0, sizeof(acts));
    cache_forget();
    model.now = 1000000000;
    model.is_alive = pid_is_alive;
    model.is_swept_with = is_swept_with;
    nevents = 0;
    owner = -1;
    is_torn = 0;
    is_locked = 0;
    next_act = 1;
    next_pid = 100;
    today = MODEL_DAY0 + 2;

    draw_block();

    for (i = 0; i < PROCESSES; i++) {
        attach(i);
    }

    for (number = 1; number <= MODEL_RESOURCES; number++) {
        database.exists[number] = !once_in(10);

        if (database.exists[number] && number <= MODEL_DOCTORS) {
            database_reschedule(number);
        }
    }

    beds_begin();
}


static void
one_step(void)
{
    int       process;
    unsigned  what;

    process = (int) below(PROCESSES);
    what = below(300);

    if (owner < 0 && once_in(3)) {
        step_load(process);
    } else if (what < 50) {
        step_claim(process);
    } else if (what < 75) {
        step_settle();
    } else if (what < 110) {
        step_feed();
    } else if (what < 120) {
        step_elsewhere();
    } else if (what < 130) {
        step_cancel(process);
    } else if (what < 138) {
        step_schedule();
    } else if (what < 150) {
        step_time();
    } else if (what < 151) {
        step_day();
    } else if (what < 153) {
        step_kill();
    } else if (what < 154) {
        step_quiet();
    } else if (what < 155) {
        step_load(process);
    } else if (what < 177) {
        step_slots(process);
    } else if (what < 195) {
        step_first(process);
    } else if (what < 200) {
        step_find(process);
    } else if (what < 235) {
        step_bed_claim(process);
    } else if (what < 260) {
        step_bed_elsewhere(process);
    } else if (what < 285) {
        step_bed_find(process);
    } else if (what < 293) {
        step_bed_counts(process);
    } else {
        step_bed_time();
    }

    if (is_traced || step % 16 == 0) {
        check_tentative();
    }
}


static void
episode(unsigned steps)
{
    begin();

    for (step = 0; step < steps; step++) {
        one_step();
    }

    tallies[TALLY_REPAIRS] += root()->repaired;
}


int
main(int argc, char **argv)
{
    unsigned     i;
    uint64_t     steps, done, first;
    const char  *again;

    setvbuf(stdout, NULL, _IOLBF, 0);
    again = getenv("SEED");

    if (again && *again) {
        seed = strtoull(again, NULL, 10);
        is_traced = 1;
        episode(EPISODE);
        printf("seed %" PRIu64 ": as it should be\n", seed);
        return 0;
    }

    if (argc != 3) {
        fprintf(stderr, "usage: simulation STEPS SEED\n");
        return 2;
    }

    steps = strtoull(argv[1], NULL, 10);
    first = strtoull(argv[2], NULL, 10);

    for (done = 0, seed = first; done < steps; done += EPISODE, seed++) {
        episode(EPISODE);
    }

    printf("%" PRIu64 " steps, seeds %" PRIu64 " to %" PRIu64 "\n", done,
           first, seed - 1);

    for (i = 0; i < TALLIES; i++) {
        printf("%s: %" PRIu64 "\n", tally_names[i], tallies[i]);
        must(tallies[i] || done < 100000, "nothing of that happened");
    }

    free(block);

    return 0;
}
