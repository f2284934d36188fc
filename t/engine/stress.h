/*
 * What the files of the stress share; stress.c says what it is about.
 */

#ifndef EHR_T_ENGINE_STRESS_H
#define EHR_T_ENGINE_STRESS_H

#include "engine/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


#define WORKERS         4
#define DOCTORS         6       /* numbers 1 to 6, with two seats */
#define SEATS           2
#define SCHEDULE        7       /* a doctor whose periods change as a whole */
#define LONG            8       /* a doctor who is busy all day, or not */
#define DAY0            19500u
#define DAYS            3u
#define GRANULES        (DAYS * EHR_ENGINE_DAY)
#define OPENS           40u     /* granules of a day */
#define CLOSES          100u
#define LONGEST         9u      /* granules of a claim */
#define RING            64

#define BED0            1000    /* numbers 1000 to 1255, in rooms of two */
#define BEDS            256u
#define SHIFT           2000    /* a bed that changes as a whole */

/* A word: who (pid << 32 | number of its act << 3), and how far it is. */
#define HELD            1u      /* told OK */
#define COMMITTED       2u      /* in the database */
#define SHOWING         3u      /* being marked by the feed */
#define SHOWN           4u      /* marked */
#define STATE           7u

typedef struct {
    uint64_t             who;
    int32_t              resource;
    unsigned             seat;
    uint32_t             from;
    uint32_t             to;
    unsigned             state;         /* as it was found when loading */
} commit_t;

/* The words of an item's period. */
typedef struct {
    uint64_t             words[SEATS][LONGEST];
} before_t;

/* From one worker to the feed. */
typedef struct {
    uint64_t             head;
    uint64_t             tail;
    commit_t             commits[RING];
} ring_t;

typedef struct {
    int32_t              lock;
    int32_t              feed;          /* pid */
    uint64_t             words[DOCTORS + 1][SEATS][GRANULES];
    uint64_t             beds[BEDS];    /* a word each */
    ring_t               rings[WORKERS];

    uint64_t             held;
    uint64_t             taken;
    uint64_t             asked;
    uint64_t             shown;
    uint64_t             stolen;
    uint64_t             refused;       /* by the database */
    uint64_t             looks;
    uint64_t             loads;
    uint64_t             gone;
    uint64_t             beds_held;
    uint64_t             beds_taken;
    uint64_t             beds_shown;
} common_t;


extern common_t      *common;
extern ehr_engine_t   engine;
extern int64_t        stops_at;     /* of host_now() */

uint32_t below(uint32_t n);
void __attribute__((noreturn)) fail(const char *what, uint64_t one,
    uint64_t two);
int64_t host_now(void *data);
int host_is_alive(void *data, int32_t pid);
ehr_engine_uuid_t uuid_of(uint64_t who);

/* Who has what (stress_names.c). */
uint64_t *word_of(int32_t resource, unsigned seat, uint32_t time);
/* What was there before a claim. */
void name_remember(const ehr_engine_item_t *item, before_t *before);
/* 0: the database refuses it. */
int name_put(uint64_t who, const ehr_engine_item_t *item,
    const before_t *before);
/* Returns whether all of them were `from` before. */
int name_change(const commit_t *commit, uint64_t from, uint64_t to);

/* A worker's life, and to its ring: 0 if there is no room. */
void work(unsigned i);
int work_push(ring_t *ring, const commit_t *commit);

/* The feed's; it ends the process if another one is the owner. */
void feed(void);
void want(ehr_engine_result_t result);

/* Beds (stress_beds.c).  who: a name that was not used before. */
void bed_claim(ring_t *ring, uint64_t who);
void bed_look(void);
void beds_load(void);
void bed_commit(const commit_t *commit);
void bed_cancel(void);
void bed_shift(void);

#endif /* EHR_T_ENGINE_STRESS_H */
