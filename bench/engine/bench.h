/*
 * What the files of the engine's bench share (engine.c).
 */

#ifndef EHR_BENCH_ENGINE_H
#define EHR_BENCH_ENGINE_H

#include "engine/engine.h"

extern unsigned  searches;
extern const ehr_engine_host_t  host;

unsigned below(unsigned n);
int64_t processor_ns(void);
void *shared(size_t size);
void must(ehr_engine_result_t result, const char *what);
ehr_engine_uuid_t uuid_of(unsigned kind, unsigned n);

/* Sorts n times and prints median, 999th of a thousand and worst. */
void print_times(const char *fill, const char *what, int64_t *times,
    unsigned n);

void measure_beds(void);

#endif /* EHR_BENCH_ENGINE_H */
