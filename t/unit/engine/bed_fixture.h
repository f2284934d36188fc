/*
 * Beds of the small hospital: no test by itself.  They have numbers from
 * FIRST on; n is the difference.
 */

#ifndef EHR_T_UNIT_ENGINE_BED_FIXTURE_H
#define EHR_T_UNIT_ENGINE_BED_FIXTURE_H

#include "fixture.h"


#define NOW         1800000000u
#define HOURS       3600u
#define FIRST       500

/* A ward of two hospitals has rooms of two beds; all beds are plain. */
ehr_engine_bed_t bed_of(unsigned n, unsigned ward, unsigned room);

void feed_bed(unsigned n, const ehr_engine_bed_t *bed);
/* Plain beds 0 to n - 1, two a room, four a ward. */
void feed_plain(unsigned n);
/* act 0: of none. */
void feed_stay(unsigned n, uint32_t from, uint32_t to, unsigned act);

/* From now on, open-ended: any bed, or one. */
ehr_engine_bed_wish_t any(void);
ehr_engine_bed_wish_t named(unsigned n);

ehr_engine_result_t take(ehr_engine_t *engine, unsigned act,
    const ehr_engine_bed_wish_t *wish, ehr_engine_bed_found_t *found);
/* What becomes of a wish, without holding anything: the bed's n, or -1. */
int best(const ehr_engine_bed_wish_t *wish);
/* Why a bed is not to be had. */
ehr_engine_bed_why_t why(const ehr_engine_bed_wish_t *wish);

#endif /* EHR_T_UNIT_ENGINE_BED_FIXTURE_H */
