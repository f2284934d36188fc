/*
 * Choosing a bed: rows leave those that might do, a few words of each of
 * these say how good it is, and only what is better than the best so far is
 * looked at closely.
 */

#include "layout.h"


/* One of the best so far. */
typedef struct {
    uint32_t                  surplus;  /* then 1 for a room that is not of
                                         * that sex */
    uint32_t                  order;
    int32_t                   number;
    uint32_t                  index;
} ehr_engine_bed_choice_t;

/* One try. */
typedef struct {
    ehr_engine_bed_search_t      *search;
    const ehr_engine_bed_wish_t  *wish;
    ehr_engine_root_t            *root;
    ehr_engine_census_t           census;
    uint32_t                      attributes;   /* wanted */

    /* rows in which a bed must be, and must not be */
    uint64_t                     *with[EHR_ENGINE_OF + EHR_ENGINE_ATTRIBUTES];
    uint64_t                     *without[4];
    uint32_t                      nwith;
    uint32_t                      nwithout;

    ehr_engine_bed_choice_t       best[EHR_ENGINE_BED_FOUND_MAX];
    uint32_t                      count;
} ehr_engine_bed_try_t;


static ehr_engine_result_t ehr_engine_bed_try(ehr_engine_bed_try_t *try);
static ehr_engine_result_t ehr_engine_bed_try_named(ehr_engine_bed_try_t *try);
static int ehr_engine_bed_rows(ehr_engine_bed_try_t *try);
static void ehr_engine_bed_rows_patient(ehr_engine_bed_try_t *try);
static uint64_t ehr_engine_bed_meets(ehr_engine_bed_try_t *try,
    uint32_t word);
static uint64_t ehr_engine_bed_may(ehr_engine_bed_try_t *try, uint32_t word);
static void ehr_engine_bed_consider(ehr_engine_bed_try_t *try,
    uint32_t index);
static int ehr_engine_bed_is_certain(ehr_engine_bed_try_t *try);
static int ehr_engine_bed_is_releasing(ehr_engine_bed_try_t *try,
    uint32_t index);
static ehr_engine_bed_why_t ehr_engine_bed_weigh(ehr_engine_bed_try_t *try,
    uint32_t index);
static int ehr_engine_bed_is_claimed(ehr_engine_bed_try_t *try,
    uint32_t index, int *is_own);
static ehr_engine_bed_why_t ehr_engine_bed_weigh_patient(
    ehr_engine_bed_try_t *try, uint32_t traits);
static int ehr_engine_bed_is_held(ehr_engine_bed_try_t *try, uint32_t index);
static int ehr_engine_bed_room_is_held(ehr_engine_bed_try_t *try,
    uint32_t index);
static int ehr_engine_bed_entries(ehr_engine_bed_try_t *try, int32_t number,
    int is_room);
static void ehr_engine_bed_fill(ehr_engine_bed_try_t *try, uint32_t i,
    uint32_t index, ehr_engine_bed_why_t why);


/* -- reading --------------------------------------------------------------- */

ehr_engine_result_t
ehr_engine_bed_read_begin(ehr_engine_t *engine,
    ehr_engine_bed_reading_t *reading)
{
    ehr_engine_root_t  *root;

    root = engine->root;
    reading->root = root;
    reading->generation = ehr_engine_load_first(root->generation);

    if (ehr_engine_state(engine) != EHR_ENGINE_LIVE) {
        return EHR_ENGINE_ASK;
    }

    reading->sequence = ehr_engine_load_first(root->bed_sequence);
    reading->held = ehr_engine_load_first(root->held_sequence);

    if ((reading->sequence | reading->held) & 1) {
        ehr_engine_pause();
        return EHR_ENGINE_BUSY;
    }

    return EHR_ENGINE_OK;
}


int
ehr_engine_bed_read_end(ehr_engine_bed_reading_t *reading)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    return ehr_engine_load(reading->root->bed_sequence) == reading->sequence
           && ehr_engine_load(reading->root->held_sequence) == reading->held
           && ehr_engine_load(reading->root->generation)
              == reading->generation;
}


/* -- searching ------------------------------------------------------------- */

ehr_engine_result_t
ehr_engine_bed_search(ehr_engine_bed_search_t *search)
{
    uint32_t                  tries;
    ehr_engine_t             *engine;
    ehr_engine_result_t       result;
    ehr_engine_bed_try_t      try;
    ehr_engine_bed_reading_t  reading;

    engine = search->engine;

    try.search = search;
    try.wish = search->wish;
    try.root = engine->root;
    try.attributes = (uint32_t) (search->wish->is_isolation != 0)
                     | (uint32_t) search->wish->equipment << 1;
    try.census.pid = 0;
    try.census.is_alive = 0;
    try.census.now = engine->host->now(engine->host->data);

    for (tries = 0; tries < EHR_ENGINE_TRIES; tries++) {
        result = ehr_engine_bed_read_begin(engine, &reading);

        if (result == EHR_ENGINE_ASK) {
            break;
        }

        if (result != EHR_ENGINE_OK) {
            continue;
        }

        search->is_over = 0;
        result = search->wish->resource ? ehr_engine_bed_try_named(&try)
                                        : ehr_engine_bed_try(&try);

        if (ehr_engine_bed_read_end(&reading)) {
            return result;
        }
    }

    search->count = 0;
    memset(search->found, 0, sizeof(*search->found));
    search->found->resource = search->wish->resource;
    search->found->why = EHR_ENGINE_BED_IS_UNCERTAIN;

    return EHR_ENGINE_ASK;
}


static ehr_engine_result_t
ehr_engine_bed_try_named(ehr_engine_bed_try_t *try)
{
    uint32_t              index;
    ehr_engine_bed_why_t  why;

    try->search->count = 0;
    index = ehr_engine_bed_index(try->root, try->wish->resource);

    if (index == EHR_ENGINE_NOBODY) {
        memset(try->search->found, 0, sizeof(*try->search->found));
        try->search->found->resource = try->wish->resource;
        try->search->found->why = EHR_ENGINE_BED_IS_UNCERTAIN;
        return EHR_ENGINE_ASK;
    }

    why = ehr_engine_bed_weigh(try, index);

    if (why != EHR_ENGINE_BED_IS_FREE
        && ehr_engine_bed_is_releasing(try, index))
    {
        why = EHR_ENGINE_BED_IS_UNCERTAIN;
    }

    ehr_engine_bed_fill(try, 0, index, why);

    if (why == EHR_ENGINE_BED_IS_FREE) {
        try->search->count = 1;
        return EHR_ENGINE_OK;
    }

    return why == EHR_ENGINE_BED_IS_UNCERTAIN ? EHR_ENGINE_ASK
                                              : EHR_ENGINE_TAKEN;
}


static ehr_engine_result_t
ehr_engine_bed_try(ehr_engine_bed_try_t *try)
{
    uint32_t  word, i;
    uint64_t  bits;

    try->count = 0;
    try->search->count = 0;
    memset(try->search->found, 0, sizeof(*try->search->found));

    if (!ehr_engine_bed_rows(try)) {
        return EHR_ENGINE_ASK;
    }

    for (word = 0; word < try->root->bed_words; word++) {

        for (bits = ehr_engine_bed_may(try, word); bits; bits &= bits - 1) {
            ehr_engine_bed_consider(try, word * 64
                                         + (uint32_t) __builtin_ctzll(bits));
        }
    }

    for (i = 0; i < try->count; i++) {
        ehr_engine_bed_fill(try, i, try->best[i].index,
                            EHR_ENGINE_BED_IS_FREE);
    }

    try->search->count = try->count;

    if (try->count < try->search->n && !ehr_engine_bed_is_certain(try)) {
        return EHR_ENGINE_ASK;
    }

    return try->count ? EHR_ENGINE_OK : EHR_ENGINE_TAKEN;
}


/* -- rows ------------------------------------------------------------------ */

/* 0: of what it is to be in nothing is known. */
static int
ehr_engine_bed_rows(ehr_engine_bed_try_t *try)
{
    uint32_t                      of, i, group;
    ehr_engine_key_t              key;
    ehr_engine_root_t            *root;
    const ehr_engine_uuid_t      *groups[EHR_ENGINE_OF];

    root = try->root;
    try->nwith = 0;
    try->nwithout = 0;

    groups[EHR_ENGINE_OF_HOSPITAL] = try->wish->hospital;
    groups[EHR_ENGINE_OF_WARD] = try->wish->ward;
    groups[EHR_ENGINE_OF_CLASS] = try->wish->room_class;

    for (of = 0; of < EHR_ENGINE_OF; of++) {

        if (groups[of] == NULL) {
            continue;
        }

        key = ehr_engine_key(groups[of]);
        group = ehr_engine_bed_group(root, (ehr_engine_of_t) of, &key);

        if (group == 0) {
            return 0;
        }

        try->with[try->nwith++] = ehr_engine_bed_group_row(root, group);
    }

    for (i = 0; i < EHR_ENGINE_ATTRIBUTES; i++) {

        if (try->attributes >> i & 1) {
            try->with[try->nwith++] = ehr_engine_bed_row(root,
                                                 EHR_ENGINE_BEDS_WITH + i);
        }
    }

    ehr_engine_bed_rows_patient(try);

    return 1;
}


/* Beds for others than the patient. */
static void
ehr_engine_bed_rows_patient(ehr_engine_bed_try_t *try)
{
    uint32_t  age, sex;

    for (age = EHR_ENGINE_AGE_ADULT; age <= EHR_ENGINE_AGE_NEWBORN; age++) {

        if (try->wish->age && try->wish->age != age) {
            try->without[try->nwithout++]
                = ehr_engine_bed_row(try->root, EHR_ENGINE_BEDS_AGE + age - 1);
        }
    }

    for (sex = EHR_ENGINE_SEX_MALE; sex <= EHR_ENGINE_SEX_FEMALE; sex++) {

        if (try->wish->sex && try->wish->sex != sex) {
            try->without[try->nwithout++]
                = ehr_engine_bed_row(try->root,
                                     EHR_ENGINE_BEDS_POLICY + sex - 1);
        }
    }
}


/* 64 beds: those that are what is wanted, whether free or not. */
static uint64_t
ehr_engine_bed_meets(ehr_engine_bed_try_t *try, uint32_t word)
{
    uint32_t  i;
    uint64_t  bits;

    bits = 0;

    for (i = 0; i < EHR_ENGINE_BED_STATUSES - 1; i++) {
        bits |= ehr_engine_load(ehr_engine_bed_row(try->root,
                                      EHR_ENGINE_BEDS_STATUS + i)[word]);
    }

    for (i = 0; i < try->nwith; i++) {
        bits &= ehr_engine_load(try->with[i][word]);
    }

    for (i = 0; i < try->nwithout; i++) {
        bits &= ~ehr_engine_load(try->without[i][word]);
    }

    return bits;
}


/* Of these, those that may be free. */
static uint64_t
ehr_engine_bed_may(ehr_engine_bed_try_t *try, uint32_t word)
{
    uint64_t            bits;
    ehr_engine_root_t  *root;

    root = try->root;
    bits = ~ehr_engine_load(ehr_engine_bed_row(root,
                                          EHR_ENGINE_BEDS_UNKNOWN)[word]);

    if (try->wish->is_planned) {
        bits &= ~ehr_engine_load(ehr_engine_bed_row(root,
                                   EHR_ENGINE_BEDS_STATUS
                                   + EHR_ENGINE_BED_OUT_OF_SERVICE - 1)[word]);

    } else {
        bits &= ehr_engine_load(ehr_engine_bed_row(root,
                                          EHR_ENGINE_BEDS_STATUS)[word]);
    }

    /* two without an end meet */
    if (try->wish->to == EHR_ENGINE_OPEN_END) {
        bits &= ~ehr_engine_load(ehr_engine_bed_row(root,
                                          EHR_ENGINE_BEDS_ENDLESS)[word]);
    }

    return bits ? bits & ehr_engine_bed_meets(try, word) : 0;
}


/* -- the best -------------------------------------------------------------- */

static int
ehr_engine_bed_is_better(const ehr_engine_bed_choice_t *one,
    const ehr_engine_bed_choice_t *two)
{
    if (one->surplus != two->surplus) {
        return one->surplus < two->surplus;
    }

    if (one->order != two->order) {
        return one->order < two->order;
    }

    return one->number < two->number;
}


/* Attributes too many, and whether its room is one of the patient's sex. */
static uint32_t
ehr_engine_bed_surplus(ehr_engine_bed_try_t *try, uint32_t traits)
{
    uint32_t  sex, policy, surplus;

    sex = try->wish->sex;
    policy = traits >> EHR_ENGINE_TRAIT_POLICY & 3;
    surplus = (uint32_t) __builtin_popcount(traits & ~try->attributes
                                            & EHR_ENGINE_ATTRIBUTES_MASK);

    if (policy == EHR_ENGINE_ROOM_ANY
        || (policy == EHR_ENGINE_ROOM_SAME
            && (sex == 0
                || !(traits >> (EHR_ENGINE_TRAIT_SEXES + sex - 1) & 1))))
    {
        return surplus << 1 | 1;
    }

    return surplus << 1;
}


static void
ehr_engine_bed_consider(ehr_engine_bed_try_t *try, uint32_t index)
{
    uint32_t                 i;
    ehr_engine_bed_choice_t  choice;

    choice.index = index;
    choice.surplus = ehr_engine_bed_surplus(try,
                   ehr_engine_load(ehr_engine_bed_traits(try->root)[index]));

    i = try->count;

    if (i == try->search->n && choice.surplus > try->best[i - 1].surplus) {
        return;
    }

    choice.order = ehr_engine_load(ehr_engine_bed_orders(try->root)[index]);
    choice.number = ehr_engine_load(ehr_engine_bed_at(try->root,
                                                      index)->number);

    if (i == try->search->n
        && !ehr_engine_bed_is_better(&choice, &try->best[i - 1]))
    {
        return;
    }

    if (ehr_engine_bed_weigh(try, index) != EHR_ENGINE_BED_IS_FREE) {
        return;
    }

    if (i == try->search->n) {
        i--;
    } else {
        try->count++;
    }

    for ( /* void */ ; i && ehr_engine_bed_is_better(&choice,
                                                     &try->best[i - 1]); i--)
    {
        try->best[i] = try->best[i - 1];
    }

    try->best[i] = choice;
}


static void
ehr_engine_bed_fill(ehr_engine_bed_try_t *try, uint32_t i, uint32_t index,
    ehr_engine_bed_why_t why)
{
    uint32_t                  room, ward;
    ehr_engine_key_t          key;
    ehr_engine_root_t        *root;
    ehr_engine_bed_found_t   *found;
    ehr_engine_bed_record_t  *record;

    root = try->root;
    found = &try->search->found[i];
    record = ehr_engine_bed_at(root, index);

    memset(found, 0, sizeof(*found));
    found->resource = ehr_engine_load(record->number);
    found->status = ehr_engine_load(record->status);
    found->why = why;
    found->surplus = ehr_engine_bed_surplus(try,
                 ehr_engine_load(ehr_engine_bed_traits(root)[index])) >> 1;

    key = ehr_engine_key_load(&record->uuid);
    memcpy(&found->uuid, &key, sizeof(key));

    room = ehr_engine_load(record->room);
    ward = ehr_engine_load(record->groups[EHR_ENGINE_OF_WARD]);

    if (ehr_engine_is_entry(&root->bed_room_pool, room)) {
        key = ehr_engine_key_load(&ehr_engine_bed_room_at(root, room)->uuid);
        memcpy(&found->room, &key, sizeof(key));
    }

    if (ehr_engine_is_entry(&root->bed_group_pool, ward)) {
        key = ehr_engine_key_load(&ehr_engine_bed_group_at(root,
                                                           ward)->uuid);
        memcpy(&found->ward, &key, sizeof(key));
    }
}


/* -- what is certain ------------------------------------------------------- */

/* Whether no other bed than those found may be free. */
static int
ehr_engine_bed_is_certain(ehr_engine_bed_try_t *try)
{
    int                 is_releasing;
    uint32_t            word, index;
    uint64_t            bits;
    ehr_engine_root_t  *root;

    root = try->root;

    if (ehr_engine_load(root->bed_pool.missing)
        || ehr_engine_load(root->bed_group_pool.missing))
    {
        return 0;
    }

    is_releasing = ehr_engine_load(root->bed_releasing) > try->census.now;

    for (word = 0; word < root->bed_words; word++) {
        bits = ehr_engine_bed_meets(try, word);

        if (bits & ehr_engine_load(ehr_engine_bed_row(root,
                                          EHR_ENGINE_BEDS_UNKNOWN)[word]))
        {
            return 0;
        }

        for ( /* void */ ; is_releasing && bits; bits &= bits - 1) {
            index = word * 64 + (uint32_t) __builtin_ctzll(bits);

            if (ehr_engine_bed_is_releasing(try, index)) {
                return 0;
            }
        }
    }

    return 1;
}


static int
ehr_engine_bed_is_releasing(ehr_engine_bed_try_t *try, uint32_t index)
{
    int64_t  until;

    until = ehr_engine_load(ehr_engine_bed_at(try->root, index)->releasing);

    return until > try->census.now
           && until <= try->census.now + EHR_ENGINE_DEADLINE_MAX;
}


/* -- one bed --------------------------------------------------------------- */

static ehr_engine_bed_why_t
ehr_engine_bed_weigh(ehr_engine_bed_try_t *try, uint32_t index)
{
    int                    is_own, is_claimed;
    uint32_t               status;
    ehr_engine_root_t     *root;
    ehr_engine_bed_why_t   why;

    root = try->root;

    if (ehr_engine_bit_is(ehr_engine_bed_row(root, EHR_ENGINE_BEDS_UNKNOWN),
                          index))
    {
        return EHR_ENGINE_BED_IS_UNCERTAIN;
    }

    is_claimed = ehr_engine_bed_is_claimed(try, index, &is_own);
    status = ehr_engine_load(ehr_engine_bed_at(root, index)->status);

    if (try->wish->is_planned ? status == EHR_ENGINE_BED_OUT_OF_SERVICE
        : status != EHR_ENGINE_BED_AVAILABLE
          && !(status == EHR_ENGINE_BED_RESERVED && is_own))
    {
        return EHR_ENGINE_BED_IS_NOT_AVAILABLE;
    }

    if (is_claimed) {
        return EHR_ENGINE_BED_IS_CLAIMED;
    }

    why = ehr_engine_bed_weigh_patient(try,
                    ehr_engine_load(ehr_engine_bed_traits(root)[index]));

    if (why != EHR_ENGINE_BED_IS_FREE) {
        return why;
    }

    return ehr_engine_load(root->held) && ehr_engine_bed_is_held(try, index)
           ? EHR_ENGINE_BED_IS_HELD : EHR_ENGINE_BED_IS_FREE;
}


/* Whether another than the act has it in that time; *is_own: the act has it
 * then. */
static int
ehr_engine_bed_is_claimed(ehr_engine_bed_try_t *try, uint32_t index,
    int *is_own)
{
    int                      is_claimed;
    uint32_t                 reference, steps;
    ehr_engine_root_t       *root;
    ehr_engine_stay_t       *stay;
    const ehr_engine_key_t  *act;

    root = try->root;
    act = try->wish->resource ? try->search->act : NULL;
    is_claimed = 0;
    *is_own = 0;

    reference = ehr_engine_load(ehr_engine_bed_at(root, index)->stay);

    for (steps = 0; ehr_engine_is_entry(&root->stay_pool, reference)
                    && steps < root->stay_pool.most; steps++)
    {
        stay = ehr_engine_stay_at(root, reference);
        reference = ehr_engine_load(stay->next);

        if (ehr_engine_load(stay->from) >= try->wish->to
            || ehr_engine_load(stay->to) <= try->wish->from)
        {
            continue;
        }

        if (act && ehr_engine_key_equals(&stay->act, act)) {
            *is_own = 1;
        } else {
            is_claimed = 1;
        }
    }

    return is_claimed;
}


/* Whether the patient may lie there, for all that is known of the room. */
static ehr_engine_bed_why_t
ehr_engine_bed_weigh_patient(ehr_engine_bed_try_t *try, uint32_t traits)
{
    uint32_t  age, sex, others;

    age = traits >> EHR_ENGINE_TRAIT_AGE & 3;
    sex = try->wish->sex;

    if (age && try->wish->age && age != try->wish->age) {
        return EHR_ENGINE_BED_IS_FOR_OTHER_AGE;
    }

    if (sex == 0) {
        return EHR_ENGINE_BED_IS_FREE;
    }

    others = traits >> EHR_ENGINE_TRAIT_SEXES & 0xf & ~(1u << (sex - 1));

    switch (traits >> EHR_ENGINE_TRAIT_POLICY & 3) {

    case EHR_ENGINE_ROOM_MALE:
        return sex == EHR_ENGINE_SEX_MALE ? EHR_ENGINE_BED_IS_FREE
                                          : EHR_ENGINE_BED_IS_FOR_OTHER_SEX;

    case EHR_ENGINE_ROOM_FEMALE:
        return sex == EHR_ENGINE_SEX_FEMALE ? EHR_ENGINE_BED_IS_FREE
                                            : EHR_ENGINE_BED_IS_FOR_OTHER_SEX;

    case EHR_ENGINE_ROOM_SAME:
        return others && !try->wish->is_planned
               ? EHR_ENGINE_BED_IS_FOR_OTHER_SEX : EHR_ENGINE_BED_IS_FREE;

    default:
        return EHR_ENGINE_BED_IS_FREE;
    }
}


/* -- claims under way ------------------------------------------------------ */

static int
ehr_engine_bed_is_held(ehr_engine_bed_try_t *try, uint32_t index)
{
    uint32_t  traits;

    traits = ehr_engine_load(ehr_engine_bed_traits(try->root)[index]);

    if (ehr_engine_bed_entries(try,
            ehr_engine_load(ehr_engine_bed_at(try->root, index)->number), 0))
    {
        return 1;
    }

    return (traits >> EHR_ENGINE_TRAIT_POLICY & 3) == EHR_ENGINE_ROOM_SAME
           && try->wish->sex && !try->wish->is_planned
           && ehr_engine_bed_room_is_held(try, index);
}


/* Whether the other sex is coming into the room. */
static int
ehr_engine_bed_room_is_held(ehr_engine_bed_try_t *try, uint32_t index)
{
    uint32_t                  reference, steps;
    ehr_engine_root_t        *root;
    ehr_engine_bed_record_t  *record;

    root = try->root;
    reference = ehr_engine_load(ehr_engine_bed_at(root, index)->room);

    if (!ehr_engine_is_entry(&root->bed_room_pool, reference)) {
        return 0;
    }

    reference = ehr_engine_load(ehr_engine_bed_room_at(root, reference)->bed);

    for (steps = 0; ehr_engine_is_entry(&root->bed_pool, reference)
                    && steps < root->bed_pool.most; steps++)
    {
        record = ehr_engine_bed_at(root, reference - 1);

        if (ehr_engine_bed_entries(try, ehr_engine_load(record->number), 1)) {
            return 1;
        }

        reference = ehr_engine_load(record->next_room);
    }

    return 0;
}


/* Whether a claim of this bed is in the way: by its time or, of a bed in the
 * same room, by its sex. */
static int
ehr_engine_bed_entries(ehr_engine_bed_try_t *try, int32_t number, int is_room)
{
    int                      is_held;
    uint32_t                 reference, steps, sex;
    ehr_engine_root_t       *root;
    ehr_engine_tentative_t  *entry;

    root = try->root;
    is_held = 0;
    reference = ehr_engine_load(ehr_engine_bed_bucket(root, number)->head);

    for (steps = 0; ehr_engine_is_entry(&root->tentative_pool, reference)
                    && steps < root->tentative_pool.most; steps++)
    {
        entry = ehr_engine_tentative_at(root, reference);
        reference = ehr_engine_load(entry->next);

        if (ehr_engine_load(entry->number) != number) {
            continue;
        }

        sex = ehr_engine_load(entry->bed) & ~EHR_ENGINE_IS_BED;

        if (is_room ? sex == 0 || sex == try->wish->sex
                    : ehr_engine_load(entry->from) >= try->wish->to
                      || ehr_engine_load(entry->to) <= try->wish->from)
        {
            continue;
        }

        is_held = 1;
        try->search->is_over
            |= ehr_engine_tentative_is_over(try->search->engine, &try->census,
                                            entry);
    }

    return is_held;
}
