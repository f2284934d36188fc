/*
 * Choosing a bed: rows leave those that might do, a few words of each of
 * these say how good it is, and only what is better than the best so far is
 * looked at closely.
 */

#include "internal.h"


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
static void ehr_engine_bed_fill(ehr_engine_bed_try_t *try, uint32_t i,
    uint32_t index, ehr_engine_bed_why_t why);


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
    ehr_engine_census_begin(engine, &search->census);

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

    why = ehr_engine_bed_weigh(try->search, index);

    if (why != EHR_ENGINE_BED_IS_FREE
        && ehr_engine_bed_is_releasing(try->search, index))
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
    ehr_engine_bed_why_t     why;
    ehr_engine_bed_choice_t  choice;

    if (index >= try->root->bed_pool.most) {
        return;         /* a torn row */
    }

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

    why = ehr_engine_bed_weigh(try->search, index);

    if (why != EHR_ENGINE_BED_IS_FREE) {

        if (why == EHR_ENGINE_BED_IS_HELD) {
            try->search->found->why = why;      /* if nothing is found */
        }

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

    is_releasing = ehr_engine_load(root->bed_releasing)
                   > try->search->census.now;

    for (word = 0; word < root->bed_words; word++) {
        bits = ehr_engine_bed_meets(try, word);

        if (bits & ehr_engine_load(ehr_engine_bed_row(root,
                                          EHR_ENGINE_BEDS_UNKNOWN)[word]))
        {
            return 0;
        }

        for ( /* void */ ; is_releasing && bits; bits &= bits - 1) {
            index = word * 64 + (uint32_t) __builtin_ctzll(bits);

            if (index < root->bed_pool.most
                && ehr_engine_bed_is_releasing(try->search, index))
            {
                return 0;
            }
        }
    }

    return 1;
}
