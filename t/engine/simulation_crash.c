/*
 * The simulation's deaths: a process dies at any store, and others look at any
 * store.
 */

#include "simulation.h"


/* -- death ----------------------------------------------------------------- */

static jmp_buf   death;
static unsigned  dies_in;               /* stores; 0: not */
static unsigned  looks_in;

int  actor;
int  is_looking;

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


void
attach(int process)
{
    pids[process] = next_pid++;
    must(ehr_engine_attach(&engines[process], block, block_size, &host,
                           pids[process]) == EHR_ENGINE_OK, "attach");
}


/* The process's successor has another pid. */
void
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
    int                  is_bed;        /* which simulation_bed_ask.c keeps */
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


uint32_t
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


int
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

    if (glance.is_bed) {
        return bed_glance_is_right();
    }

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
    glance.is_bed = (int) below(2);

    if (glance.is_bed) {
        bed_look(engine);
        is_glanced = !is_bed_torn && !bed_glance_is_right();
        return;
    }

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
int
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
void
explain_glance(void)
{
    must(!is_glanced || glance_is_right(),
         "in the middle: %s %d, %s: result %d is neither before nor after",
         glance.is_bed ? "beds" : "resource", glance.number,
         glance.is_slots ? "slots" : "item", glance.result);
    is_glanced = 0;
}
