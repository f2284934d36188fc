/*
 * What the files of the simulation's beds share; simulation.h has the rest.
 */

#ifndef EHR_T_ENGINE_SIMULATION_BEDS_H
#define EHR_T_ENGINE_SIMULATION_BEDS_H

#include "simulation.h"


#define BED_KINDS       3u                  /* of equipment */

uint8_t bed_draw_sex(void);
void bed_draw_wish(ehr_engine_bed_wish_t *wish, ehr_engine_uuid_t *places);

int stay_is(const model_stay_t *one, const model_stay_t *two);
void stays_remove(model_stay_t *stays, unsigned *n, unsigned i);

int bed_found_is(const ehr_engine_bed_found_t *one,
    const ehr_engine_bed_found_t *two);
/* Something did not fit: what was found has at least to be free, but for who
 * lies or comes into the room in a bed that is not known. */
void beds_must_be_free(const ehr_engine_bed_wish_t *wish,
    const ehr_engine_uuid_t *act, const ehr_engine_bed_found_t *found,
    size_t n, int skips_over);

/* The versions that were kept. */
void wards_forget(void);

#endif /* EHR_T_ENGINE_SIMULATION_BEDS_H */
