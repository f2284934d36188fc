/*
 * What the engine ought to know, kept in the plainest way: lists, and a byte
 * for each granule.  Everything is looked for by looking at everything.
 */

#ifndef EHR_T_ENGINE_MODEL_H
#define EHR_T_ENGINE_MODEL_H

#include "engine/engine.h"


#define MODEL_RESOURCES     7       /* numbers 1 to 7 */
#define MODEL_DOCTORS       5       /* of which are doctors */
#define MODEL_GROUPS        3
#define MODEL_CLINICS       3
#define MODEL_SEATS         3
#define MODEL_RING          4       /* days the engine keeps */
#define MODEL_DAY0          19000u
#define MODEL_DAYS          40u     /* days there are */
#define MODEL_GRANULES      (MODEL_DAYS * EHR_ENGINE_DAY)
#define MODEL_PERIODS       12
#define MODEL_TENTATIVE     64
#define MODEL_STALE_AFTER   2000
#define MODEL_BED0          100     /* numbers 101 to 109 */
#define MODEL_BEDS          9
#define MODEL_STAYS         96
#define MODEL_PLACES        3       /* hospitals, wards, classes, rooms */

typedef struct {
    int                  is_known;
    ehr_engine_kind_t    kind;
    ehr_engine_uuid_t    uuid;
    ehr_engine_period_t  periods[MODEL_PERIODS];
    unsigned             nperiods;
    uint32_t             periods_end;   /* day up to which they were told */
    int64_t              releasing;
    int                  is_torn;       /* its writer died: anything goes */
    uint8_t              busy[MODEL_SEATS][MODEL_GRANULES];
} model_resource_t;

typedef struct {
    ehr_engine_uuid_t    act;
    int32_t              pid;
    int32_t              number;
    unsigned             seat;
    uint32_t             from;
    uint32_t             to;
    int64_t              deadline;
    int                  is_committed;
    int                  is_bed;
    unsigned             sex;           /* that counts for the room, or 0 */
} model_tentative_t;

typedef struct {
    int                  is_known;
    ehr_engine_bed_t     bed;
    int64_t              releasing;
} model_bed_t;

typedef struct {
    int32_t              number;
    unsigned             seat;
    uint32_t             from;
    uint32_t             to;
    int                  has_act;
    ehr_engine_uuid_t    act;
} model_stay_t;

typedef struct {
    int                  is_live;
    int64_t              now;
    int64_t              heartbeat;
    uint32_t             first_day;
    uint32_t             end_day;
    model_resource_t     resources[MODEL_RESOURCES + 1];    /* by number */
    uint8_t              members[MODEL_GROUPS][MODEL_RESOURCES + 1];
    model_tentative_t    tentative[MODEL_TENTATIVE];
    unsigned             ntentative;

    model_bed_t          beds[MODEL_BEDS + 1];      /* by number - BED0 */
    model_stay_t         stays[MODEL_STAYS];
    unsigned             nstays;
    /* hospitals, wards, classes that a bed was in since it was loaded */
    uint8_t              is_place[3][MODEL_PLACES + 1];

    /* over: dead, or past its deadline */
    int                (*is_alive)(int32_t pid);
    /* whether claims of two resources are swept together */
    int                (*is_swept_with)(int32_t one, int32_t two);
} model_t;


ehr_engine_uuid_t model_uuid(unsigned kind, unsigned n);
ehr_engine_uuid_t model_group(unsigned group);
ehr_engine_uuid_t model_clinic(unsigned clinic);
int model_uuid_is(const ehr_engine_uuid_t *one, const ehr_engine_uuid_t *two);

int model_answers(const model_t *model);

/* Sets granules of a seat within days [first, first + MODEL_RING). */
void model_mark(model_t *model, int32_t number, unsigned seat, uint32_t from,
    uint32_t to, int is_busy);
/* Nothing is busy any more. */
void model_forget_busy(model_t *model, int32_t number);
void model_drop_days(model_t *model, uint32_t first, uint32_t end);

int model_is_over(const model_t *model, const model_tentative_t *entry);
void model_tentative_remove(model_t *model, unsigned i);
unsigned model_reap(model_t *model);

/* May sweep, if is_claim, as the engine does. */
ehr_engine_result_t model_weigh(model_t *model, ehr_engine_item_t *items,
    size_t n, int is_claim);

/* *is_at_end: an open period goes on behind the horizon. */
ehr_engine_result_t model_slots(const model_t *model, int32_t number,
    uint32_t from, uint32_t to, uint32_t granules, unsigned flags,
    const ehr_engine_uuid_t *clinic, ehr_engine_slot_t *slots, size_t n,
    size_t *count);

/* All slots there are, not only the first n.  *poison: the first time at
 * which it cannot be told whether there is one, because its period goes on
 * behind the horizon; UINT32_MAX if always. */
ehr_engine_result_t model_first(const model_t *model,
    const ehr_engine_search_t *search, ehr_engine_slot_t *slots, size_t most,
    size_t *count, uint32_t *poison);

/* -- beds ------------------------------------------------------------------ */

/* A hospital (0), ward (1), class (2) or room (3). */
ehr_engine_uuid_t model_place(unsigned kind, unsigned n);
unsigned model_place_of(const ehr_engine_uuid_t *uuid);

/* Why a bed is not free; with skips_over without the claims that are over. */
ehr_engine_bed_why_t model_bed_weigh(const model_t *model, unsigned bed,
    const ehr_engine_bed_wish_t *wish, const ehr_engine_uuid_t *act,
    int skips_over);

/* EHR_ENGINE_OK: n, or fewer and there are no more; TAKEN: none; ASK. */
ehr_engine_result_t model_bed_find(const model_t *model,
    const ehr_engine_bed_wish_t *wish, const ehr_engine_uuid_t *act,
    int skips_over, ehr_engine_bed_found_t *found, size_t n, size_t *count);

ehr_engine_result_t model_bed_counts(const model_t *model,
    const ehr_engine_uuid_t *places[3],
    uint32_t counts[EHR_ENGINE_BED_STATUSES]);

#endif /* EHR_T_ENGINE_MODEL_H */
