/*
 * A small set of resources that has everything a descriptor can have, and an
 * arena whose every allocation is a malloc().
 */

#ifndef SAMPLE_H
#define SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "../../../src/model/message.h"
#include "../../../src/model/model.h"

extern const ehr_resource_t  sample_patients, sample_doctors,
    sample_encounters, sample_samples, sample_logs;

extern const ehr_arena_t  sample_arena;

/* For every test: builds the registry, and frees what the arena gave. */
int sample_set_up(void **state);
int sample_tear_down(void **state);

/* From now on allocation number n (from 0) and all later ones fail. */
void sample_fail_at(long n);
void sample_fail_never(void);

const ehr_fields_t *sample_fields(void);
const ehr_field_t *sample_field(const char *name);
uint64_t sample_bit(const char *name);

#define SAMPLE_TEST(f)                                                       \
    cmocka_unit_test_setup_teardown(f, sample_set_up, sample_tear_down)

#define ID  "0190a1b2-c3d4-7e5f-89ab-cdef01234567"

#endif /* SAMPLE_H */
