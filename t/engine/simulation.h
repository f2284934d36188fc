/*
 * What the simulation's files share: chance, the world, and what a step does.
 * simulation.c says what it is about.
 */

#ifndef EHR_T_ENGINE_SIMULATION_H
#define EHR_T_ENGINE_SIMULATION_H

#include "model.h"
#include "engine/internal.h"

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

extern uint64_t  seed;
extern unsigned  step;

unsigned below(unsigned n);
int once_in(unsigned n);
void __attribute__((format(printf, 1, 2), noreturn)) fail(const char *format,
    ...);
void __attribute__((format(printf, 1, 2))) trace(const char *format, ...);
int pid_is_alive(int32_t pid);
ehr_engine_root_t *root(void);
int is_lenient(void);

#define must(condition, ...)                                                  \
    if (!(condition)) {                                                       \
        fail(__VA_ARGS__);                                                    \
    }


/* What the steps came to: a simulation in which nothing happens is none. */
typedef enum {
    TALLY_HELD, TALLY_TAKEN, TALLY_ASKED, TALLY_SLOTS, TALLY_FIRST,
    TALLY_GLANCES, TALLY_DEATHS, TALLY_REPAIRS, TALLY_LOADS, TALLY_FULL,
    TALLY_QUIET, TALLY_CACHED, TALLY_BEDS_HELD, TALLY_BEDS_TAKEN,
    TALLY_BEDS_ASKED, TALLY_BEDS_FOUND, TALLY_BEDS_SEEN, TALLY_WARDS_KEPT,
    TALLIES
} tally_t;

extern uint64_t  tallies[TALLIES];


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
    EVENT_FORGET, EVENT_BED, EVENT_BED_FORGET, EVENT_STAY, EVENT_STAY_END
} event_kind_t;

typedef struct {
    event_kind_t         kind;
    claim_t              claim;
    unsigned             group;
    int                  is_member;
    unsigned             nperiods;
    ehr_engine_period_t  periods[MODEL_PERIODS];
    ehr_engine_bed_t     bed;           /* claim.number says which */
    model_stay_t         stay;
} event_t;

typedef struct {
    int                  is_used;
    int                  process;
    int32_t              pid;
    ehr_engine_uuid_t    act;
    size_t               n;
    ehr_engine_item_t    items[4];

    /* or it is about a bed */
    int                     is_bed;
    ehr_engine_bed_wish_t   wish;
    ehr_engine_bed_found_t  found;
} act_t;

/* What PostgreSQL has. */
typedef struct {
    int                  exists[MODEL_RESOURCES + 1];
    unsigned             nperiods[MODEL_RESOURCES + 1];
    ehr_engine_period_t  periods[MODEL_RESOURCES + 1][MODEL_PERIODS];
    uint8_t              members[MODEL_GROUPS][MODEL_RESOURCES + 1];
    claim_t              claims[CLAIMS];
    unsigned             nclaims;
    model_bed_t          beds[MODEL_BEDS + 1];
    model_stay_t         stays[MODEL_STAYS];
    unsigned             nstays;
} database_t;

extern database_t    database;
extern event_t       events[EVENTS];
extern unsigned      nevents;
extern model_t       model;
extern ehr_engine_t  engines[PROCESSES];
extern int32_t       pids[PROCESSES], next_pid;
extern int           owner;             /* process, or -1 */
extern int           is_torn;           /* the feed died within a change */
extern uint32_t      today;
extern act_t         acts[ACTS];
extern unsigned      next_act;
extern void         *block;
extern size_t        block_size, block_room;
extern int           is_small;
extern int           is_locked;
extern const ehr_engine_host_t  host;


/* -- death, and others who look -------------------------------------------- */

extern int  actor;
extern int  is_looking;

void attach(int process);
void die(int process);
uint32_t some_time(void);
int slots_are(const ehr_engine_slot_t *one, const ehr_engine_slot_t *two,
    size_t n);
int run(int process, void (*act)(ehr_engine_t *engine), int may_look);
void explain_glance(void);


/* -- claims under way ------------------------------------------------------ */

/* The engine's record of a claim of the model, or NULL. */
const ehr_engine_tentative_t *entry_of(const model_tentative_t *ours);
const ehr_engine_tentative_t *entry_at_any_deadline(
    const model_tentative_t *ours);
/* Engine and model have the same claims under way. */
void check_tentative(void);
/* Somebody died: what the next holder of the mutex then finds. */
void repair(void);
/* Forgets claims the engine forgot, which `may` allows. */
void follow_losses(int (*may)(const model_tentative_t *entry));
int entry_is_dead(const model_tentative_t *entry);
int entry_may_be_swept(const model_tentative_t *entry);
/* The model has followed, but for those of the dead. */
void after_death(void);


/* -- the database ---------------------------------------------------------- */

event_t *event_new(event_kind_t kind);
int database_is_free(int32_t number, unsigned seat, uint32_t from,
    uint32_t to);
void database_claim(int32_t number, unsigned seat, uint32_t from, uint32_t to,
    const ehr_engine_uuid_t *act);
void database_free(unsigned i);
int database_commit(const act_t *act);
void database_reschedule(int32_t number);
void event_periods(int32_t number);
ehr_engine_kind_t kind_of(int32_t number);
ehr_engine_uuid_t uuid_of(int32_t number);
void step_elsewhere(void);
void step_schedule(void);


/* -- the feed -------------------------------------------------------------- */

/* What the model then knows. */
void model_periods(int32_t number, const ehr_engine_period_t *periods,
    unsigned n);
void model_resource(int32_t number);
void model_forget(int32_t number);
/* A committed claim shows a tentative one, which then is no more; and it is
 * busy. */
void model_shown(const claim_t *claim);
void model_busy(const claim_t *claim);

void step_feed(void);
void step_load(int process);
void step_heartbeat(void);
void step_day(void);


/* -- workers --------------------------------------------------------------- */

void step_claim(int process);
void step_settle(void);
void step_cancel(int process);
/* Says so of what was changed; of the model until when, or NULL. */
void be_releasing(int process, int32_t number, int64_t *releasing);
void step_time(void);
void step_kill(void);
act_t *act_slot(void);
int nobody_is_over(void);


/* -- questions ------------------------------------------------------------- */

void step_slots(int process);
void step_first(int process);
void step_find(int process);
void step_quiet(void);
void cache_forget(void);


/* -- beds ------------------------------------------------------------------ */

extern uint32_t  wall;                  /* seconds */
extern int       is_bed_torn;           /* the feed died in a change of one */

void beds_begin(void);
/* Of the feed's events: made, shown to the model; whether others may look. */
ehr_engine_result_t bed_event(ehr_engine_t *engine, const event_t *event);
void model_bed_event(const event_t *event, ehr_engine_result_t result);
/* The tentative claim that a stay shows, or -1. */
int bed_entry_shown(const event_t *event);
void beds_load(ehr_engine_t *engine);
void model_beds_load(void);
/* Whether a claim under way is in the database. */
int bed_entry_is_loaded(const model_tentative_t *entry);

void bed_look(ehr_engine_t *engine);
int bed_glance_is_right(void);

int database_bed_commit(const act_t *act);
void step_bed_claim(int process);
void step_bed_elsewhere(int process);
void step_bed_find(int process);
void step_bed_counts(int process);
void step_bed_time(void);
void beds_are_quiet(void);

#endif /* EHR_T_ENGINE_SIMULATION_H */
