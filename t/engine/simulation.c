/* build: @t/unit/engine/sources t/engine/model.c */

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

#include "model.h"
#include "engine/layout.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define EPISODE         2000        /* steps */
#define PROCESSES       3
#define ACTS            16          /* under way */
#define CLAIMS          256         /* in the database */
#define EVENTS          256         /* the feed lags behind */
#define SLOTS           4096
#define CACHED          64


/* -- chance ---------------------------------------------------------------- */

static uint64_t  seed, chance;
static int       is_traced;
static unsigned  step;

static uint32_t
draw(void)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;

    return (uint32_t) (chance * 0x2545f4914f6cdd1d >> 32);
}


static unsigned
below(unsigned n)
{
    return (unsigned) ((uint64_t) draw() * n >> 32);
}


static int
once_in(unsigned n)
{
    return below(n) == 0;
}


static void __attribute__((format(printf, 1, 2), noreturn))
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


static void __attribute__((format(printf, 1, 2)))
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


#define must(condition, ...)                                                  \
    if (!(condition)) {                                                       \
        fail(__VA_ARGS__);                                                    \
    }


/* What the steps came to: a simulation in which nothing happens is none. */
typedef enum {
    TALLY_HELD, TALLY_TAKEN, TALLY_ASKED, TALLY_SLOTS, TALLY_FIRST,
    TALLY_GLANCES, TALLY_DEATHS, TALLY_REPAIRS, TALLY_LOADS, TALLY_FULL,
    TALLY_QUIET, TALLY_CACHED, TALLIES
} tally_t;

static const char *const  tally_names[TALLIES] = {
    "held", "taken", "asked", "slots listed", "searches answered",
    "looks into a change", "deaths", "repairs", "loads", "did not fit",
    "quiet", "versions kept"
};

static uint64_t  tallies[TALLIES];


/* -- the world ------------------------------------------------------------- */

typedef struct {
    int32_t              number;
    unsigned             seat;
    uint32_t             from;
    uint32_t             to;
    ehr_engine_uuid_t    act;
} claim_t;

typedef enum {
    EVENT_BUSY, EVENT_FREE, EVENT_PERIODS, EVENT_MEMBER, EVENT_RESOURCE,
    EVENT_FORGET
} event_kind_t;

typedef struct {
    event_kind_t         kind;
    claim_t              claim;
    unsigned             group;
    int                  is_member;
    unsigned             nperiods;
    ehr_engine_period_t  periods[MODEL_PERIODS];
} event_t;

typedef struct {
    int                  is_used;
    int                  process;
    int32_t              pid;
    ehr_engine_uuid_t    act;
    size_t               n;
    ehr_engine_item_t    items[4];
} act_t;

/* What PostgreSQL has. */
static struct {
    int                  exists[MODEL_RESOURCES + 1];
    unsigned             nperiods[MODEL_RESOURCES + 1];
    ehr_engine_period_t  periods[MODEL_RESOURCES + 1][MODEL_PERIODS];
    uint8_t              members[MODEL_GROUPS][MODEL_RESOURCES + 1];
    claim_t              claims[CLAIMS];
    unsigned             nclaims;
} database;

static event_t       events[EVENTS];
static unsigned      nevents;

static model_t       model;
static ehr_engine_t  engines[PROCESSES];
static int32_t       pids[PROCESSES], next_pid;
static int           owner;             /* process, or -1 */
static int           is_torn;           /* the feed died within a change */
static uint32_t      today;
static act_t         acts[ACTS];
static unsigned      next_act;

static void         *block;
static size_t        block_size, block_room;
static int           is_small;

static int           is_locked;


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


static int
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


static const ehr_engine_host_t  host = {
    NULL, host_now, host_lock, host_unlock, host_is_alive
};


static int
is_swept_with(int32_t one, int32_t two)
{
    return ehr_engine_bucket(block, one) == ehr_engine_bucket(block, two);
}


static ehr_engine_root_t *
root(void)
{
    return block;
}


/* Something did not fit: ASK is right everywhere. */
static int
is_lenient(void)
{
    return is_torn || root()->page_pool.missing || root()->shape_pool.missing
           || root()->place_pool.missing || root()->resource_pool.missing
           || root()->group_pool.missing;
}


/* -- death ----------------------------------------------------------------- */

static jmp_buf   death;
static unsigned  dies_in;               /* stores; 0: not */
static unsigned  looks_in;
static int       actor;
static int       is_looking;

static void look(void);


/* Called before each store to the block. */
void
simulation_step(void)
{
    if (is_looking) {
        return;
    }

    if (looks_in && --looks_in == 0) {
        is_looking = 1;
        look();
        is_looking = 0;
    }

    if (dies_in && --dies_in == 0) {
        longjmp(death, 1);
    }
}


static void
attach(int process)
{
    pids[process] = next_pid++;
    must(ehr_engine_attach(&engines[process], block, block_size, &host,
                           pids[process]) == EHR_ENGINE_OK, "attach");
}


/* The process's successor has another pid. */
static void
die(int process)
{
    trace("process %d (pid %d) dies", process, pids[process]);

    if (owner == process) {
        owner = -1;
    }

    tallies[TALLY_DEATHS]++;
    is_locked = 0;
    attach(process);
}


/* -- looking while others write -------------------------------------------- */

typedef struct {
    int32_t              number;
    int                  is_slots;
    uint32_t             from;
    uint32_t             to;
    uint32_t             granules;
    ehr_engine_item_t    item;
    ehr_engine_result_t  result;
    size_t               count;
    ehr_engine_slot_t    slots[64];
} glance_t;

static glance_t  glance;
static int       is_glanced;            /* and not yet explained */


static uint32_t
some_time(void)
{
    uint32_t  day, granule;

    day = once_in(12) ? today - 1 + below(MODEL_RING + 2)
                      : model.first_day + below(MODEL_RING);

    if (day < MODEL_DAY0) {
        day = today;
    }

    granule = once_in(4) ? 264 + below(48) : 60 + below(48);

    if (!once_in(4)) {
        granule -= granule % 6;
    }

    return day * EHR_ENGINE_DAY + granule;
}


static int
slots_are(const ehr_engine_slot_t *one, const ehr_engine_slot_t *two,
    size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (one[i].resource != two[i].resource
            || one[i].start != two[i].start
            || one[i].granules != two[i].granules
            || one[i].slot != two[i].slot
            || one[i].capacity != two[i].capacity
            || one[i].free != two[i].free
            || (one[i].free && one[i].seat != two[i].seat)
            || !model_uuid_is(&one[i].uuid, &two[i].uuid)
            || !model_uuid_is(&one[i].clinic, &two[i].clinic)
            || !model_uuid_is(&one[i].room, &two[i].room))
        {
            return 0;
        }
    }

    return 1;
}


/* Whether what was seen is what the model says now. */
static int
glance_is_right(void)
{
    size_t                    count;
    ehr_engine_item_t         item;
    ehr_engine_result_t       result;
    static ehr_engine_slot_t  slots[64];

    if (glance.result == EHR_ENGINE_ASK) {
        return 1;
    }

    if (glance.is_slots) {
        result = model_slots(&model, glance.number, glance.from, glance.to,
                             glance.granules, 0, NULL, slots, 64, &count);

        return result == glance.result
               && (result != EHR_ENGINE_OK
                   || (count == glance.count
                       && slots_are(slots, glance.slots, count)));
    }

    item = glance.item;
    result = model_weigh(&model, &item, 1, 0);

    return result == glance.result && item.why == glance.item.why
           && item.seat == glance.item.seat;
}


static void
look(void)
{
    ehr_engine_t  *engine;

    engine = &engines[(actor + 1) % PROCESSES];
    glance.number = 1 + (int32_t) below(MODEL_RESOURCES);
    glance.is_slots = (int) below(2);
    glance.granules = once_in(2) ? 0 : 1 + below(12);

    if (glance.is_slots) {
        glance.from = some_time();
        glance.to = glance.from + below(48);
        glance.result = ehr_engine_slots(engine, glance.number, glance.from,
                                         glance.to, glance.granules, 0,
                                         glance.slots, 64, &glance.count);

    } else {
        memset(&glance.item, 0, sizeof(glance.item));
        glance.item.resource = glance.number;
        glance.item.from = some_time();
        glance.item.to = glance.item.from + 1 + below(12);
        glance.result = ehr_engine_explain(engine, &glance.item, 1);
    }

    is_glanced = !model.resources[glance.number].is_torn
                 && !glance_is_right();
    tallies[TALLY_GLANCES] += glance.result != EHR_ENGINE_ASK;
}


/* -- one act of one process ------------------------------------------------ */

/* Runs it; 0: the process died in it.  The act's data is static, since it has
 * to outlive a jump. */
static int
run(int process, void (*act)(ehr_engine_t *engine), int may_look)
{
    int  is_alive;

    actor = process;
    is_glanced = 0;
    dies_in = once_in(30) ? 1 + below(once_in(2) ? 12 : 150) : 0;
    looks_in = may_look && once_in(2) ? 1 + below(once_in(2) ? 12 : 60) : 0;

    if (setjmp(death) == 0) {
        act(&engines[process]);
        is_alive = 1;

    } else {
        is_alive = 0;
        is_looking = 0;
    }

    dies_in = 0;
    looks_in = 0;

    if (!is_alive) {
        is_glanced = 0;
        die(process);

    } else {
        must(!is_locked, "left locked");
    }

    return is_alive;
}


/* After the model has followed. */
static void
explain_glance(void)
{
    must(!is_glanced || glance_is_right(),
         "in the middle: resource %d, %s: result %d is neither before nor "
         "after", glance.number, glance.is_slots ? "slots" : "item",
         glance.result);
    is_glanced = 0;
}


/* -- tentative claims: the engine's table against the model's -------------- */

static int
entry_is(const ehr_engine_tentative_t *entry, const model_tentative_t *ours)
{
    ehr_engine_key_t  key;

    key = ehr_engine_key(&ours->act);

    return ehr_engine_key_equals(&entry->act, &key)
           && entry->pid == ours->pid && entry->number == ours->number
           && entry->seat == ours->seat && entry->from == ours->from
           && entry->to == ours->to;
}


static const ehr_engine_tentative_t *
entry_of(const model_tentative_t *ours)
{
    uint32_t                       i;
    const ehr_engine_tentative_t  *entry;

    for (i = 1; i <= root()->tentative_pool.top; i++) {
        entry = ehr_engine_tentative_at(root(), i);

        if (entry->state != EHR_ENGINE_TENTATIVE_FREE
            && entry_is(entry, ours))
        {
            return entry;
        }
    }

    return NULL;
}


static void
check_tentative(void)
{
    uint32_t                       i, n;
    const ehr_engine_tentative_t  *entry;

    for (i = 1, n = 0; i <= root()->tentative_pool.top; i++) {
        n += ehr_engine_tentative_at(root(), i)->state
             != EHR_ENGINE_TENTATIVE_FREE;
    }

    must(n == model.ntentative, "%u tentative claims instead of %u", n,
         model.ntentative);
    must(n == root()->tentative_pool.used, "%u tentative claims, %u counted",
         n, root()->tentative_pool.used);

    for (i = 0; i < model.ntentative; i++) {
        entry = entry_of(&model.tentative[i]);
        must(entry && model.tentative[i].is_committed
                      == (entry->state == EHR_ENGINE_TENTATIVE_COMMITTED),
             "tentative claim of resource %d is not as it was",
             model.tentative[i].number);
    }
}


/* Somebody died: what the next holder of the mutex then finds. */
static void
repair(void)
{
    ehr_engine_uuid_t  nobody;

    nobody = model_uuid(99, 0);
    actor = 0;
    ehr_engine_settle(&engines[0], &nobody, 0, 0);
}


/* Forgets claims the engine forgot, which `may` allows. */
static void
follow_losses(int (*may)(const model_tentative_t *entry))
{
    unsigned  i;

    repair();

    for (i = 0; i < model.ntentative; /* void */) {
        if (entry_of(&model.tentative[i])) {
            i++;
            continue;
        }

        must(may(&model.tentative[i]), "a tentative claim was lost");
        model_tentative_remove(&model, i);
    }
}


static int
entry_is_dead(const model_tentative_t *entry)
{
    return !entry->is_committed && !pid_is_alive(entry->pid);
}


static void
after_death(void)
{
    if (once_in(2)) {
        /* nobody has noticed yet */
        follow_losses(entry_is_dead);
        return;
    }

    follow_losses(entry_is_dead);
    ehr_engine_reap(&engines[0]);
    model_reap(&model);
}


/* -- the database ---------------------------------------------------------- */

static event_t *
event_new(event_kind_t kind)
{
    event_t  *event;

    if (owner == -1 || nevents == EVENTS) {
        /* whoever owns the feed next loads all */
        owner = -1;
        nevents = 0;
    }

    event = &events[nevents++];
    memset(event, 0, sizeof(*event));
    event->kind = kind;

    return event;
}


static int
database_is_free(int32_t number, unsigned seat, uint32_t from, uint32_t to)
{
    unsigned        i;
    const claim_t  *claim;

    for (i = 0; i < database.nclaims; i++) {
        claim = &database.claims[i];

        if (claim->number == number && claim->seat == seat
            && claim->from < to && claim->to > from)
        {
            return 0;
        }
    }

    return 1;
}


static void
database_claim(int32_t number, unsigned seat, uint32_t from, uint32_t to,
    const ehr_engine_uuid_t *act)
{
    claim_t  *claim;

    claim = &database.claims[database.nclaims++];
    claim->number = number;
    claim->seat = seat;
    claim->from = from;
    claim->to = to;
    claim->act = *act;

    event_new(EVENT_BUSY)->claim = *claim;
}


static void
database_free(unsigned i)
{
    event_new(EVENT_FREE)->claim = database.claims[i];
    database.claims[i] = database.claims[--database.nclaims];
}


/* -1: none. */
static int
database_seat(const ehr_engine_item_t *item)
{
    unsigned  seat;

    if (!database.exists[item->resource]) {
        return -1;
    }

    if (!once_in(4) && database_is_free(item->resource, item->seat,
                                        item->from, item->to))
    {
        return item->seat;
    }

    for (seat = 0; seat < MODEL_SEATS; seat++) {
        if (database_is_free(item->resource, seat, item->from, item->to)) {
            return (int) seat;
        }

        if (item->resource > MODEL_DOCTORS) {
            break;
        }
    }

    return -1;
}


/* The act's transaction; 0: refused. */
static int
database_commit(const act_t *act)
{
    int       seat;
    size_t    i;
    unsigned  before;

    before = database.nclaims;

    for (i = 0; i < act->n; i++) {
        if (database.nclaims + act->n > CLAIMS
            || database_seat(&act->items[i]) < 0)
        {
            break;
        }

        seat = database_seat(&act->items[i]);

        if (seat < 0) {
            break;
        }

        /* told to the feed only when all are there */
        database.claims[database.nclaims].number = act->items[i].resource;
        database.claims[database.nclaims].seat = (unsigned) seat;
        database.claims[database.nclaims].from = act->items[i].from;
        database.claims[database.nclaims].to = act->items[i].to;
        database.claims[database.nclaims].act = act->act;
        database.nclaims++;
    }

    if (i < act->n) {
        database.nclaims = before;
        return 0;
    }

    for (i = before; i < database.nclaims; i++) {
        event_new(EVENT_BUSY)->claim = database.claims[i];
    }

    return 1;
}


static void
database_reschedule(int32_t number)
{
    unsigned              n;
    uint32_t              time, length, slot;
    ehr_engine_period_t  *period;

    n = 0;
    time = today * EHR_ENGINE_DAY - (once_in(3) ? 20 : 0);

    while (n < MODEL_PERIODS) {
        time += once_in(3) ? below(24) : 60 + below(3) * 60;
        time -= time % 3;
        length = (1 + below(once_in(4) ? 100 : 12)) * 3;
        slot = (1 + below(4)) * (once_in(4) ? 1 : 3);

        if (time > (today + MODEL_RING + 1) * EHR_ENGINE_DAY
            || time + length > (MODEL_DAY0 + MODEL_DAYS) * EHR_ENGINE_DAY)
        {
            break;
        }

        period = &database.periods[number][n++];
        memset(period, 0, sizeof(*period));
        period->from = time;
        period->to = time + length;
        period->grid = once_in(3) ? time + below(20) - 10 : time;
        period->slot = (uint16_t) slot;
        period->capacity = (uint16_t) (1 + below(MODEL_SEATS));
        period->clinic = model_clinic(below(MODEL_CLINICS));
        period->room = model_uuid(40, below(2));
        time = period->to;
    }

    database.nperiods[number] = n;
}


static void
event_periods(int32_t number)
{
    event_t  *event;

    event = event_new(EVENT_PERIODS);
    event->claim.number = number;
    event->nperiods = database.nperiods[number];
    memcpy(event->periods, database.periods[number],
           sizeof(event->periods));
}


static ehr_engine_kind_t
kind_of(int32_t number)
{
    return number <= MODEL_DOCTORS ? EHR_ENGINE_DOCTOR
           : number == MODEL_DOCTORS + 1 ? EHR_ENGINE_ROOM
                                         : EHR_ENGINE_EQUIPMENT;
}


/* Not in the order of the numbers. */
static ehr_engine_uuid_t
uuid_of(int32_t number)
{
    return model_uuid(10 + (unsigned) (number * 5 % 7), (unsigned) number);
}


/* -- the feed -------------------------------------------------------------- */

static struct {
    event_t              event;
    uint32_t             first_day;
    uint32_t             end_day;
    ehr_engine_result_t  result;
    int                  is_done;
    int                  shows;         /* the event, a tentative claim */
    unsigned             shown_seat;
    int                  fitted[MODEL_RESOURCES + 1];
} feed;


static void
feed_event(ehr_engine_t *engine)
{
    ehr_engine_uuid_t  uuid;
    event_t           *event;

    event = &feed.event;

    switch (event->kind) {

    case EVENT_BUSY:
        feed.result = ehr_engine_feed_busy(engine, event->claim.number,
                                           event->claim.seat,
                                           event->claim.from,
                                           event->claim.to,
                                           &event->claim.act);
        break;

    case EVENT_FREE:
        feed.result = ehr_engine_feed_free(engine, event->claim.number,
                                           event->claim.seat,
                                           event->claim.from,
                                           event->claim.to);
        break;

    case EVENT_PERIODS:
        feed.result = ehr_engine_feed_periods(engine, event->claim.number,
                                              model.first_day,
                                              model.first_day + MODEL_RING,
                                              event->periods,
                                              event->nperiods);
        break;

    case EVENT_MEMBER:
        uuid = model_group(event->group);
        feed.result = ehr_engine_feed_member(engine, &uuid,
                                             event->claim.number,
                                             event->is_member);
        break;

    case EVENT_RESOURCE:
        uuid = uuid_of(event->claim.number);
        feed.result = ehr_engine_feed_resource(engine, event->claim.number,
                                               kind_of(event->claim.number),
                                               &uuid);
        break;

    case EVENT_FORGET:
        feed.result = ehr_engine_feed_forget(engine, event->claim.number);
        break;
    }
}


static void
model_periods(int32_t number, const ehr_engine_period_t *periods,
    unsigned n)
{
    model_resource_t  *resource;

    resource = &model.resources[number];

    if (resource->is_known) {
        memcpy(resource->periods, periods, n * sizeof(*periods));
        resource->nperiods = n;
        resource->periods_end = model.first_day + MODEL_RING;
    }
}


static void
model_resource(int32_t number)
{
    model_resource_t  *resource;

    resource = &model.resources[number];

    if (!resource->is_known) {
        resource->is_known = 1;
        resource->kind = kind_of(number);
        resource->uuid = uuid_of(number);
        resource->nperiods = 0;
        resource->releasing = 0;
        model_forget_busy(&model, number);
    }
}


static void
model_forget(int32_t number)
{
    unsigned  group;

    model.resources[number].is_known = 0;
    model.resources[number].nperiods = 0;
    model_forget_busy(&model, number);

    for (group = 0; group < MODEL_GROUPS; group++) {
        model.members[group][number] = 0;
    }
}


/* The tentative claim that a committed one shows: that of the same seat, else
 * of the lowest; -1: none. */
static int
entry_shown(const claim_t *claim)
{
    int                       found;
    unsigned                  i;
    const model_tentative_t  *entry;

    for (i = 0, found = -1; i < model.ntentative; i++) {
        entry = &model.tentative[i];

        if (entry->number != claim->number || entry->from != claim->from
            || entry->to != claim->to
            || !model_uuid_is(&entry->act, &claim->act))
        {
            continue;
        }

        if (entry->seat == claim->seat) {
            return (int) i;
        }

        if (found < 0 || entry->seat < model.tentative[found].seat) {
            found = (int) i;
        }
    }

    return found;
}


/* That one only, and not the act's next. */
static int
entry_is_shown_or_dead(const model_tentative_t *entry)
{
    return (feed.shows && entry->seat == feed.shown_seat
            && entry->number == feed.event.claim.number
            && entry->from == feed.event.claim.from
            && entry->to == feed.event.claim.to
            && model_uuid_is(&entry->act, &feed.event.claim.act))
           || entry_is_dead(entry);
}


static void
model_shown(const claim_t *claim)
{
    int  shown;

    shown = entry_shown(claim);

    if (shown >= 0) {
        model_tentative_remove(&model, (unsigned) shown);
    }
}


static void
model_event(void)
{
    int32_t         number;
    const event_t  *event;

    event = &feed.event;
    number = event->claim.number;

    switch (event->kind) {

    case EVENT_BUSY:
        model_mark(&model, number, event->claim.seat, event->claim.from,
                   event->claim.to, 1);

        model_shown(&event->claim);
        break;

    case EVENT_FREE:
        model_mark(&model, number, event->claim.seat, event->claim.from,
                   event->claim.to, 0);
        break;

    case EVENT_PERIODS:
        model_periods(number, event->periods, event->nperiods);
        break;

    case EVENT_MEMBER:
        if (model.resources[number].is_known) {
            model.members[event->group][number] = (uint8_t) event->is_member;
        }
        break;

    case EVENT_RESOURCE:
        if (feed.result == EHR_ENGINE_OK) {
            model_resource(number);
        }
        break;

    case EVENT_FORGET:
        model_forget(number);
        break;
    }
}


/* What is shown is busy first, and then not tentative any more. */
static int
event_may_be_watched(void)
{
    int  shown;

    shown = feed.event.kind == EVENT_BUSY ? entry_shown(&feed.event.claim)
                                          : -1;
    feed.shows = shown >= 0;

    if (feed.shows) {
        feed.shown_seat = model.tentative[shown].seat;
    }

    return !feed.shows;
}


static void
step_feed(void)
{
    unsigned  n;

    for (n = 1 + below(4); n && nevents && owner >= 0 && !is_torn; n--) {
        feed.event = events[0];
        memmove(events, events + 1, --nevents * sizeof(events[0]));
        trace("feed: event %d of resource %d seat %u [%u, %u)",
              feed.event.kind, feed.event.claim.number,
              feed.event.claim.seat, feed.event.claim.from,
              feed.event.claim.to);

        if (!run(owner, feed_event, event_may_be_watched())) {
            is_torn = 1;
            model.resources[feed.event.claim.number].is_torn = 1;
            follow_losses(entry_is_shown_or_dead);
            after_death();
            return;
        }

        tallies[TALLY_FULL] += feed.result == EHR_ENGINE_FULL;
        must(feed.result == EHR_ENGINE_OK
             || feed.result == EHR_ENGINE_NONE
             || (feed.result == EHR_ENGINE_FULL && is_lenient()),
             "feed: %d", feed.result);
        model_event();
        explain_glance();
    }
}


static void
load_claims(ehr_engine_t *engine, uint32_t first, uint32_t end)
{
    unsigned        i;
    const claim_t  *claim;

    for (i = 0; i < database.nclaims; i++) {
        claim = &database.claims[i];

        if (claim->from < end * EHR_ENGINE_DAY
            && claim->to > first * EHR_ENGINE_DAY)
        {
            (void) ehr_engine_feed_busy(engine, claim->number, claim->seat,
                                        claim->from, claim->to, &claim->act);
        }
    }
}


static void
load_periods(ehr_engine_t *engine, uint32_t first)
{
    int32_t  number;

    /* also of one that is gone, but is told only later */
    for (number = 1; number <= MODEL_DOCTORS; number++) {
        (void) ehr_engine_feed_periods(engine, number, first,
                                       first + MODEL_RING,
                                       database.periods[number],
                                       database.nperiods[number]);
    }
}


static void
feed_load(ehr_engine_t *engine)
{
    int32_t            number;
    unsigned           group;
    ehr_engine_uuid_t  uuid;

    feed.is_done = 0;
    feed.result = ehr_engine_feed_begin(engine, feed.first_day);

    if (feed.result != EHR_ENGINE_OK) {
        return;
    }

    feed.is_done = 1;

    for (number = 1; number <= MODEL_RESOURCES; number++) {
        uuid = uuid_of(number);
        feed.fitted[number] = database.exists[number]
            && ehr_engine_feed_resource(engine, number, kind_of(number),
                                        &uuid) == EHR_ENGINE_OK;
    }

    for (group = 0; group < MODEL_GROUPS; group++) {
        for (number = 1; number <= MODEL_RESOURCES; number++) {
            if (database.members[group][number]) {
                uuid = model_group(group);
                (void) ehr_engine_feed_member(engine, &uuid, number, 1);
            }
        }
    }

    load_periods(engine, feed.first_day);
    load_claims(engine, feed.first_day, feed.first_day + MODEL_RING);
    feed.result = ehr_engine_feed_live(engine, feed.end_day);
}


static int
claim_is_loaded(const claim_t *claim)
{
    return claim->to > feed.first_day * EHR_ENGINE_DAY
           && claim->from < (feed.first_day + MODEL_RING) * EHR_ENGINE_DAY;
}


/* Claims in the database, shown while loading. */
static int
entry_is_in_database(const model_tentative_t *entry)
{
    unsigned        i;
    const claim_t  *claim;

    for (i = 0; i < database.nclaims; i++) {
        claim = &database.claims[i];

        if (claim->number == entry->number && claim->from == entry->from
            && claim->to == entry->to && claim_is_loaded(claim)
            && model_uuid_is(&claim->act, &entry->act))
        {
            return 1;
        }
    }

    return 0;
}


static int
entry_is_in_database_or_dead(const model_tentative_t *entry)
{
    return entry_is_in_database(entry) || entry_is_dead(entry);
}


static void
model_load(void)
{
    int32_t   number;
    unsigned  i, group;

    model.is_live = 1;
    model.heartbeat = model.now;
    model.first_day = feed.first_day;
    model.end_day = feed.end_day;

    for (number = 1; number <= MODEL_RESOURCES; number++) {
        model.resources[number].is_torn = 0;
        model_forget(number);

        if (feed.fitted[number]) {
            model_resource(number);
            model.resources[number].releasing = 0;
            model_periods(number, database.periods[number],
                          database.nperiods[number]);
        }

        for (group = 0; group < MODEL_GROUPS; group++) {
            model.members[group][number]
                = (uint8_t) (database.members[group][number]
                             && feed.fitted[number]);
        }
    }

    for (i = 0; i < database.nclaims; i++) {
        model_mark(&model, database.claims[i].number,
                   database.claims[i].seat, database.claims[i].from,
                   database.claims[i].to, 1);
    }
}


static void
step_load(int process)
{
    unsigned  i;
    int32_t   writer;

    writer = root()->writing;
    feed.first_day = today;
    feed.end_day = today + (once_in(4) ? below(MODEL_RING + 1) : MODEL_RING);
    trace("process %d loads days [%u, %u)", process, feed.first_day,
          feed.end_day);

    nevents = 0;
    owner = process;

    if (!run(process, feed_load, 1)) {
        model.is_live = 0;
        is_torn = 1;
        follow_losses(entry_is_in_database_or_dead);

        /* it may have died before it began, or when it was about to end */
        if (root()->state == EHR_ENGINE_LIVE && !once_in(3)) {
            is_looking = 1;
            (void) ehr_engine_feed_begin(&engines[process], today);
            engines[process].generation = 0;
            is_looking = 0;
        }

        model.is_live = root()->state == EHR_ENGINE_LIVE;

        for (i = 1; i <= MODEL_RESOURCES; i++) {
            model.resources[i].is_torn = 1;
        }

        after_death();
        return;
    }

    if (feed.result == EHR_ENGINE_BUSY) {
        must(pid_is_alive(writer), "waits for a dead owner");
        owner = -1;
        model.is_live = 0;
        return;
    }

    must(feed.result == EHR_ENGINE_OK, "loading: %d", feed.result);

    for (i = 0; i < database.nclaims; i++) {
        if (claim_is_loaded(&database.claims[i])) {
            model_shown(&database.claims[i]);
        }
    }

    is_torn = 0;
    tallies[TALLY_LOADS]++;
    model_load();
    explain_glance();
}


static void
feed_heartbeat(ehr_engine_t *engine)
{
    feed.result = ehr_engine_feed_heartbeat(engine);
}


static void
step_heartbeat(void)
{
    if (owner < 0 || is_torn) {
        return;
    }

    if (!run(owner, feed_heartbeat, 0)) {
        is_torn = 1;
        model.heartbeat = root()->heartbeat;
        after_death();
        return;
    }

    must(feed.result == EHR_ENGINE_OK, "heartbeat: %d", feed.result);
    model.heartbeat = model.now;
}


static void
feed_roll(ehr_engine_t *engine)
{
    uint32_t  end;

    end = model.end_day > today ? model.end_day : today;

    feed.result = ehr_engine_feed_roll(engine, today, end);

    if (feed.result == EHR_ENGINE_OK) {
        load_periods(engine, today);
        load_claims(engine, feed.first_day + MODEL_RING, today + MODEL_RING);
        feed.result = ehr_engine_feed_roll(engine, today,
                                           today + MODEL_RING);
    }
}


static void
step_day(void)
{
    int32_t         number;
    unsigned        i;
    const claim_t  *claim;

    if (today + 2 * MODEL_RING + 4 >= MODEL_DAY0 + MODEL_DAYS) {
        return;
    }

    today += once_in(8) ? 1 + below(MODEL_RING + 1) : 1;
    trace("it is day %u", today);

    for (number = 1; number <= MODEL_DOCTORS; number++) {
        if (database.exists[number]) {
            database_reschedule(number);
            event_periods(number);
        }
    }

    if (owner < 0 || is_torn) {
        return;
    }

    feed.first_day = model.first_day;

    if (!run(owner, feed_roll, 0)) {
        is_torn = 1;

        for (i = 1; i <= MODEL_RESOURCES; i++) {
            model.resources[i].is_torn = 1;
        }

        follow_losses(entry_is_in_database_or_dead);
        after_death();
        return;
    }

    must(feed.result == EHR_ENGINE_OK, "roll: %d", feed.result);

    model_drop_days(&model, model.first_day, today);
    model.first_day = today;
    model.end_day = today + MODEL_RING;

    for (number = 1; number <= MODEL_DOCTORS; number++) {
        model_periods(number, database.periods[number],
                      database.nperiods[number]);
    }

    for (i = 0; i < database.nclaims; i++) {
        claim = &database.claims[i];

        if (claim->from < (today + MODEL_RING) * EHR_ENGINE_DAY
            && claim->to > (feed.first_day + MODEL_RING) * EHR_ENGINE_DAY)
        {
            feed.event.kind = EVENT_BUSY;
            feed.event.claim = *claim;
            model_event();
        }
    }
}


/* -- workers --------------------------------------------------------------- */

static struct {
    act_t                act;
    int64_t              deadline;
    int                  is_committed;
    ehr_engine_result_t  result;
    int32_t              number;
} work;


static void
work_claim(ehr_engine_t *engine)
{
    work.result = ehr_engine_claim(engine, &work.act.act, work.act.items,
                                   work.act.n, work.deadline);
}


static void
work_settle(ehr_engine_t *engine)
{
    ehr_engine_settle(engine, &work.act.act, work.is_committed,
                      work.deadline);
}


static void
model_hold(const act_t *act)
{
    size_t              i;
    model_tentative_t  *entry;

    for (i = 0; i < act->n; i++) {
        must(model.ntentative < MODEL_TENTATIVE, "model is full");
        entry = &model.tentative[model.ntentative++];
        entry->act = act->act;
        entry->pid = act->pid;
        entry->number = act->items[i].resource;
        entry->seat = act->items[i].seat;
        entry->from = act->items[i].from;
        entry->to = act->items[i].to;
        entry->deadline = work.deadline;
        entry->is_committed = 0;
    }
}


/* Who died in a claim holds all of it or nothing. */
static void
follow_dead_claim(void)
{
    size_t             i, n;
    uint32_t           k;
    act_t              held;
    ehr_engine_key_t   key;

    repair();
    held = work.act;
    key = ehr_engine_key(&held.act);

    for (i = 0, n = 0; i < held.n; i++) {
        for (k = 1; k <= root()->tentative_pool.top; k++) {
            ehr_engine_tentative_t  *entry = ehr_engine_tentative_at(root(),
                                                                     k);

            if (entry->state == EHR_ENGINE_TENTATIVE_HELD
                && ehr_engine_key_equals(&entry->act, &key)
                && entry->number == held.items[i].resource
                && entry->from == held.items[i].from
                && entry->to == held.items[i].to
                && (n == i || i == 0))
            {
                held.items[i].seat = (uint16_t) entry->seat;
                n++;
                break;
            }
        }
    }

    must(n == 0 || n == held.n, "half a claim is held");

    if (n) {
        model_hold(&held);
    }
}


static int
entry_may_be_swept(const model_tentative_t *entry)
{
    return model_is_over(&model, entry);
}


static act_t *
act_slot(void)
{
    unsigned  i;

    for (i = 0; i < ACTS; i++) {
        if (!acts[i].is_used) {
            return &acts[i];
        }
    }

    return NULL;
}


/* Resources all different, so that one may be watched on its own. */
static int
act_may_be_watched(const act_t *act)
{
    size_t    i, k;
    unsigned  t;

    for (i = 0; i < act->n; i++) {
        for (k = 0; k < i; k++) {
            if (act->items[i].resource == act->items[k].resource) {
                return 0;
            }
        }
    }

    for (t = 0; t < model.ntentative; t++) {
        if (model_is_over(&model, &model.tentative[t])) {
            return 0;
        }
    }

    return 1;
}


static void
draw_act(int process)
{
    size_t              i;
    ehr_engine_item_t  *item;
    model_resource_t   *resource;

    memset(&work.act, 0, sizeof(work.act));
    work.act.is_used = 1;
    work.act.process = process;
    work.act.pid = pids[process];
    work.act.act = model_uuid(50, next_act++);
    work.act.n = once_in(2) ? 1 : 1 + below(3);

    for (i = 0; i < work.act.n; i++) {
        item = &work.act.items[i];
        item->resource = 1 + (int32_t) below(MODEL_RESOURCES);
        item->from = some_time();
        item->capacity = once_in(16) ? (uint16_t) (1 + below(3)) : 0;
        resource = &model.resources[item->resource];

        if (resource->nperiods && !once_in(4)) {
            /* a slot, most likely */
            item->from = resource->periods[below(resource->nperiods)].from;
            item->from += resource->periods[0].slot * below(4);
        }

        item->to = item->from + 1 + below(once_in(16) ? 300 : 9);

        if (i && once_in(4)) {
            /* another seat for the same time */
            *item = work.act.items[i - 1];
        }
    }

    work.deadline = model.now + 1 + below(5000);
}


static int
items_are(const ehr_engine_item_t *one, const ehr_engine_item_t *two,
    size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (one[i].why != two[i].why || one[i].seat != two[i].seat) {
            return 0;
        }
    }

    return 1;
}


static int
act_is_torn(const act_t *act)
{
    size_t  i;

    for (i = 0; i < act->n; i++) {
        if (model.resources[act->items[i].resource].is_torn) {
            return 1;
        }
    }

    return 0;
}


/* Whatever else is known: nobody else holds it. */
static void
must_be_alone(const act_t *act)
{
    size_t                    i, k;
    unsigned                  t;
    const model_tentative_t  *entry;

    for (i = 0; i < act->n; i++) {
        for (t = 0; t < model.ntentative; t++) {
            entry = &model.tentative[t];
            must(model_is_over(&model, entry)
                 || entry->number != act->items[i].resource
                 || entry->seat != act->items[i].seat
                 || entry->from >= act->items[i].to
                 || entry->to <= act->items[i].from,
                 "resource %d is held twice", entry->number);
        }

        for (k = 0; k < i; k++) {
            must(act->items[k].resource != act->items[i].resource
                 || act->items[k].seat != act->items[i].seat
                 || act->items[k].from >= act->items[i].to
                 || act->items[k].to <= act->items[i].from,
                 "resource %d is held twice by one act",
                 act->items[i].resource);
        }
    }
}


/* What the claim should have come to, as far as that can be told. */
static ehr_engine_result_t
expected_claim(void)
{
    unsigned              most, before;
    model_tentative_t     tentative[MODEL_TENTATIVE];
    ehr_engine_item_t     items[4];
    ehr_engine_result_t   result;

    if (act_is_torn(&work.act)) {
        /* what the feed left is not known, but claims are */
        follow_losses(entry_may_be_swept);
        return work.result;
    }

    most = root()->tentative_pool.most;
    before = model.ntentative;
    memcpy(tentative, model.tentative, sizeof(tentative));
    memcpy(items, work.act.items, sizeof(items));
    result = model_weigh(&model, items, work.act.n, 1);

    if (is_lenient()) {
        /* an item that is uncertain sweeps nothing */
        model.ntentative = before;
        memcpy(model.tentative, tentative, sizeof(tentative));
        follow_losses(entry_may_be_swept);

    } else {
        must(!model_answers(&model)
             || items_are(items, work.act.items, work.act.n),
             "claim: why %d seat %u instead of %d seat %u",
             work.act.items[0].why, work.act.items[0].seat, items[0].why,
             items[0].seat);
    }

    return (result == EHR_ENGINE_OK
            && model.ntentative + work.act.n > most)
           || (work.result == EHR_ENGINE_ASK && is_lenient())
           ? EHR_ENGINE_ASK : result;
}


static void
step_claim(int process)
{
    act_t                *slot;
    ehr_engine_result_t   result;

    slot = act_slot();

    if (slot == NULL) {
        return;
    }

    draw_act(process);

    if (!run(process, work_claim, act_may_be_watched(&work.act))) {
        follow_losses(entry_may_be_swept);
        follow_dead_claim();
        after_death();
        return;
    }

    trace("process %d claims resource %d [%u, %u) and %zu more: %d, %d",
          process, work.act.items[0].resource, work.act.items[0].from,
          work.act.items[0].to, work.act.n - 1, work.result,
          work.act.items[0].why);

    result = expected_claim();
    must(result == work.result, "claim: %d instead of %d", work.result,
         result);
    tallies[result == EHR_ENGINE_OK ? TALLY_HELD
            : result == EHR_ENGINE_TAKEN ? TALLY_TAKEN : TALLY_ASKED]++;

    if (work.result == EHR_ENGINE_OK) {
        must_be_alone(&work.act);
        model_hold(&work.act);
        *slot = work.act;
    }

    explain_glance();
}


static int
entry_is_of_act(const model_tentative_t *entry)
{
    return model_uuid_is(&entry->act, &work.act.act) || entry_is_dead(entry);
}


static void
model_settle(void)
{
    unsigned            i;
    model_tentative_t  *entry;

    for (i = 0; i < model.ntentative; /* void */) {
        entry = &model.tentative[i];

        if (!model_uuid_is(&entry->act, &work.act.act)
            || entry->pid != work.act.pid || entry->is_committed)
        {
            i++;

        } else if (work.is_committed) {
            entry->is_committed = 1;
            entry->deadline = work.deadline;
            i++;

        } else {
            model_tentative_remove(&model, i);
        }
    }
}


/* Some of its claims may be settled, some not. */
static void
follow_dead_settle(void)
{
    unsigned                       i;
    model_tentative_t             *entry;
    const ehr_engine_tentative_t  *theirs;

    follow_losses(entry_is_of_act);

    for (i = 0; i < model.ntentative; i++) {
        entry = &model.tentative[i];
        theirs = entry_of(entry);

        if (model_uuid_is(&entry->act, &work.act.act)) {
            entry->is_committed = theirs->state
                                  == EHR_ENGINE_TENTATIVE_COMMITTED;
            entry->deadline = theirs->deadline;
        }
    }
}


/* The transaction of an act under way comes to its end. */
static void
step_settle(void)
{
    act_t  *act;

    act = &acts[below(ACTS)];

    if (!act->is_used) {
        return;
    }

    work.act = *act;
    work.is_committed = once_in(4) ? 0 : database_commit(act);
    work.deadline = model.now + 1 + below(once_in(2) ? 100000 : 3000);
    act->is_used = 0;

    if (pids[act->process] != act->pid || once_in(10)) {
        return;         /* nobody is there to hear, or it was not heard */
    }

    trace("act of process %d is %s", act->process,
          work.is_committed ? "committed" : "refused");

    if (!run(act->process, work_settle,
             work.act.n == 1 || act_may_be_watched(&work.act)))
    {
        follow_dead_settle();
        after_death();
        return;
    }

    model_settle();
    explain_glance();
}


static void
work_releasing(ehr_engine_t *engine)
{
    ehr_engine_releasing(engine, work.number, work.deadline);
}


/* A claim is cancelled, by one of our workers or elsewhere. */
static void
step_cancel(int process)
{
    unsigned           i;
    model_resource_t  *resource;

    if (database.nclaims == 0) {
        return;
    }

    i = below(database.nclaims);
    work.number = database.claims[i].number;
    work.deadline = model.now + 1000;
    database_free(i);

    if (once_in(2)) {
        return;
    }

    resource = &model.resources[work.number];

    if (run(process, work_releasing, 0)) {
        if (resource->is_known && resource->releasing < work.deadline) {
            resource->releasing = work.deadline;
        }
    } else {
        after_death();
    }
}


/* Somebody else claims in the database. */
static void
step_elsewhere(void)
{
    uint32_t           from, to;
    int32_t            number;
    unsigned           seat;
    ehr_engine_uuid_t  act;

    number = 1 + (int32_t) below(MODEL_RESOURCES);
    seat = once_in(20) ? 1000
           : number <= MODEL_DOCTORS ? below(MODEL_SEATS) : 0;
    from = some_time();
    to = from + 1 + below(once_in(16) ? 600 : 9);
    act = model_uuid(60, next_act++);

    if (database.exists[number] && database.nclaims < CLAIMS - 4
        && from >= MODEL_DAY0 * EHR_ENGINE_DAY
        && to <= (MODEL_DAY0 + MODEL_DAYS) * EHR_ENGINE_DAY
        && database_is_free(number, seat, from, to))
    {
        database_claim(number, seat, from, to, &act);
    }
}


static void
step_schedule(void)
{
    int32_t   number;
    unsigned  group;
    event_t  *event;

    number = 1 + (int32_t) below(MODEL_DOCTORS);

    if (once_in(2) && database.exists[number]) {
        database_reschedule(number);
        event_periods(number);
        return;
    }

    if (once_in(4)) {
        number = 1 + (int32_t) below(MODEL_RESOURCES);

        if (!database.exists[number]) {
            database.exists[number] = 1;
            event_new(EVENT_RESOURCE)->claim.number = number;
            return;
        }

        if (once_in(2)) {
            unsigned  i;

            database.exists[number] = 0;
            database.nperiods[number] = 0;

            for (i = 0; i < database.nclaims; /* void */) {
                if (database.claims[i].number == number) {
                    database_free(i);
                } else {
                    i++;
                }
            }

            for (group = 0; group < MODEL_GROUPS; group++) {
                database.members[group][number] = 0;
            }

            event_new(EVENT_FORGET)->claim.number = number;
        }

        return;
    }

    if (database.exists[number]) {
        group = below(MODEL_GROUPS);
        database.members[group][number] ^= 1;
        event = event_new(EVENT_MEMBER);
        event->claim.number = number;
        event->group = group;
        event->is_member = database.members[group][number];
    }
}


/* -- clocks and deaths ----------------------------------------------------- */

static void
step_time(void)
{
    switch (below(40)) {
    case 0:
        model.now += 86400000;
        break;
    case 1:
        model.now -= 86400000;
        break;
    default:
        model.now += below(400);
    }

    if (!once_in(8)) {
        step_heartbeat();
    }

    if (!once_in(4)) {
        ehr_engine_reap(&engines[below(PROCESSES)]);
        model_reap(&model);
    }
}


static void
step_kill(void)
{
    die((int) below(PROCESSES));
    after_death();
}


/* -- questions ------------------------------------------------------------- */

static ehr_engine_slot_t  found[SLOTS], wanted[SLOTS];


/* The answer last kept for each resource. */
static struct {
    uint64_t             version;
    uint32_t             from;
    uint32_t             to;
    size_t               count;
    ehr_engine_slot_t    slots[CACHED];
} cache[MODEL_RESOURCES + 1];


static void
check_cache(ehr_engine_t *engine, int32_t number, uint32_t from, uint32_t to)
{
    size_t               count;
    uint64_t             version;
    ehr_engine_result_t  result;

    version = ehr_engine_version(engine, number);

    if (version && version == cache[number].version) {
        tallies[TALLY_CACHED]++;
        result = model_slots(&model, number, cache[number].from,
                             cache[number].to, 0, 0, NULL, wanted, CACHED,
                             &count);
        must(result != EHR_ENGINE_OK
             || (count == cache[number].count
                 && slots_are(wanted, cache[number].slots, count)),
             "resource %d has changed, but not its version", number);
    }

    result = ehr_engine_slots(engine, number, from, to, 0, 0,
                              cache[number].slots, CACHED,
                              &cache[number].count);
    cache[number].version = result == EHR_ENGINE_OK ? version : 0;
    cache[number].from = from;
    cache[number].to = to;
}


static void
step_slots(int process)
{
    size_t               count, expected;
    int32_t              number;
    uint32_t             from, to, granules;
    unsigned             flags;
    ehr_engine_result_t  result, right;

    number = 1 + (int32_t) below(MODEL_RESOURCES);
    from = some_time();
    to = from + below(once_in(4) ? 900 : 100);
    granules = once_in(2) ? 0 : 1 + below(15);
    flags = below(2);

    if (model.resources[number].is_torn) {
        return;
    }

    result = ehr_engine_slots(&engines[process], number, from, to, granules,
                              flags, found, SLOTS, &count);
    right = model_slots(&model, number, from, to, granules, flags, NULL,
                        wanted, SLOTS, &expected);

    if (result != EHR_ENGINE_ASK || !is_lenient()) {
        must(result == right, "slots of resource %d: %d instead of %d",
             number, result, right);
        tallies[TALLY_SLOTS] += count;
        must(count == expected && slots_are(found, wanted, count),
             "slots of resource %d in [%u, %u): %zu instead of %zu", number,
             from, to, count, expected);
    }

    check_cache(&engines[process], number, from, to);
}


static void
step_first(int process)
{
    size_t               i, n, count, expected;
    int32_t              numbers[3];
    uint32_t             poison;
    ehr_engine_uuid_t    groups[2], clinic;
    ehr_engine_search_t  search;
    ehr_engine_result_t  result, right;

    memset(&search, 0, sizeof(search));
    search.from = some_time();
    search.until = once_in(2) ? 0 : search.from + below(600);
    search.granules = once_in(2) ? 0 : 1 + below(15);
    search.groups = groups;
    search.ngroups = below(3);
    clinic = model_clinic(below(MODEL_CLINICS));
    search.clinic = once_in(3) ? &clinic : NULL;
    n = 1 + below(8);

    for (i = 0; i < 2; i++) {
        groups[i] = model_group(below(MODEL_GROUPS));
    }

    if (once_in(4)) {
        search.resources = numbers;
        search.nresources = below(4);

        for (i = 0; i < 3; i++) {
            numbers[i] = 1 + (int32_t) below(MODEL_RESOURCES);
        }
    }

    result = ehr_engine_first(&engines[process], &search, found, n, &count);
    right = model_first(&model, &search, wanted, SLOTS, &expected, &poison);

    if (is_torn || (result == EHR_ENGINE_ASK && is_lenient())) {
        return;
    }

    if (right == EHR_ENGINE_OK && result == EHR_ENGINE_ASK) {
        must(poison != UINT32_MAX
             || (expected < n
                 && search.until > model.end_day * EHR_ENGINE_DAY),
             "search could have been answered");
        return;
    }

    must(result == right, "search: %d instead of %d", result, right);
    tallies[TALLY_FIRST] += count != 0;

    for (i = 0; i < n && i < expected; i++) {
        if (wanted[i].start >= poison) {
            return;
        }

        must(i < count && slots_are(&found[i], &wanted[i], 1),
             "search: slot %zu of %zu is another, %zu expected", i, count,
             expected);
    }

    must(poison != UINT32_MAX || count == i, "search: %zu instead of %zu",
         count, i);
}


static void
step_find(int process)
{
    int32_t              number, answer;
    ehr_engine_uuid_t    uuid;
    ehr_engine_result_t  result;

    number = 1 + (int32_t) below(MODEL_RESOURCES);
    uuid = uuid_of(number);
    result = ehr_engine_find(&engines[process], kind_of(number), &uuid,
                             &answer);

    if (is_torn || !model.is_live) {
        return;
    }

    must(result == (model.resources[number].is_known ? EHR_ENGINE_OK
                                                     : EHR_ENGINE_NONE),
         "find: %d", result);
    must(result != EHR_ENGINE_OK || answer == number, "found another");
}


/* Everything is told and nothing is under way: engine and database agree. */
static void
step_quiet(void)
{
    int32_t         number;
    unsigned        i;
    uint32_t        time;
    static uint8_t  busy[MODEL_RESOURCES + 1][MODEL_SEATS][MODEL_GRANULES];

    while (owner >= 0 && !is_torn && nevents) {
        step_feed();
    }

    if (owner < 0 || is_torn || is_lenient() || !model.is_live) {
        return;
    }

    memset(busy, 0, sizeof(busy));

    for (i = 0; i < database.nclaims; i++) {
        for (time = database.claims[i].from;
             time < database.claims[i].to
             && database.claims[i].seat < MODEL_SEATS; time++)
        {
            busy[database.claims[i].number][database.claims[i].seat]
                [time - MODEL_DAY0 * EHR_ENGINE_DAY] = 1;
        }
    }

    for (number = 1; number <= MODEL_RESOURCES; number++) {
        must(database.exists[number] == model.resources[number].is_known,
             "resource %d is not what the database says", number);

        for (i = 0; i < MODEL_SEATS; i++) {
            for (time = (model.first_day - MODEL_DAY0) * EHR_ENGINE_DAY;
                 time < (model.first_day + MODEL_RING - MODEL_DAY0)
                        * EHR_ENGINE_DAY;
                 time++)
            {
                must(busy[number][i][time]
                     == model.resources[number].busy[i][time],
                     "resource %d, seat %u is not what the database says",
                     number, i);
            }
        }
    }

    for (i = 0; i < 8; i++) {
        step_slots((int) below(PROCESSES));
        step_first((int) below(PROCESSES));
    }

    tallies[TALLY_QUIET]++;
    check_tentative();
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
    memset(cache, 0, sizeof(cache));
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
}


static void
one_step(void)
{
    int       process;
    unsigned  what;

    process = (int) below(PROCESSES);
    what = below(200);

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
    } else {
        step_find(process);
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
