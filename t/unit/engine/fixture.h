/*
 * A small hospital in a block of memory: no test by itself.
 *
 * Doctors 1 and 2 (one seat, every half hour, 8 to 12 o'clock), doctor 3
 * (three seats, the same), room 10, equipment 11; days DAY to DAY + 4.
 */

#ifndef EHR_T_UNIT_ENGINE_FIXTURE_H
#define EHR_T_UNIT_ENGINE_FIXTURE_H

#include "engine/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>


#define DAY         20000u
#define DAYS        4u
#define HOUR        12u
#define HALF        6u
#define EIGHT       (8 * HOUR)
#define TWELVE      (12 * HOUR)

#define FEED        100     /* pids */
#define WORKER      101
#define OTHER       102

typedef struct {
    int64_t              now;
    int                  locked;
    int32_t              dead;      /* one pid */
    void                *block;
    size_t               size;
    ehr_engine_t         feed;
    ehr_engine_t         worker;
    ehr_engine_t         other;
} fixture_t;

extern fixture_t  fixture;
extern const ehr_engine_host_t  fixture_host;

/* A time of a day, in granules of it. */
static inline ehr_engine_time_t
at(uint32_t day, uint32_t granule)
{
    return day * EHR_ENGINE_DAY + granule;
}

ehr_engine_uuid_t uuid_of(unsigned kind, unsigned n);

/* With another configuration than the usual, or NULL; nothing is loaded. */
void fixture_create(const ehr_engine_config_t *config);
void fixture_load(void);

int set_up(void **state);
int tear_down(void **state);

ehr_engine_item_t item_of(int32_t resource, ehr_engine_time_t from,
    uint32_t granules);
/* Claims one item. */
ehr_engine_result_t claim(ehr_engine_t *engine, unsigned act,
    ehr_engine_item_t *item);
void settle(ehr_engine_t *engine, unsigned act, int is_committed);

ehr_engine_period_t period_of(ehr_engine_time_t from, ehr_engine_time_t to,
    unsigned slot, unsigned capacity);

#endif /* EHR_T_UNIT_ENGINE_FIXTURE_H */
