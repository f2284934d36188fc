/*
 * What the files of this folder share: what one does for the others, by the
 * file that does it.
 */

#ifndef EHR_ENGINE_INTERNAL_H
#define EHR_ENGINE_INTERNAL_H

#include "layout.h"


/* -- keys (layout.c) ------------------------------------------------------- */

static inline ehr_engine_key_t
ehr_engine_key(const ehr_engine_uuid_t *uuid)
{
    ehr_engine_key_t  key;

    memcpy(&key, uuid, sizeof(key));

    return key;
}

static inline ehr_engine_key_t
ehr_engine_key_load(const ehr_engine_key_t *shared)
{
    ehr_engine_key_t  key;

    key.word[0] = ehr_engine_load(shared->word[0]);
    key.word[1] = ehr_engine_load(shared->word[1]);

    return key;
}

static inline int
ehr_engine_key_equals(const ehr_engine_key_t *shared,
    const ehr_engine_key_t *key)
{
    return ehr_engine_load(shared->word[0]) == key->word[0]
           && ehr_engine_load(shared->word[1]) == key->word[1];
}

/* As uuids are ordered in PostgreSQL: by their bytes. */
static inline int
ehr_engine_key_compare(const ehr_engine_key_t *one,
    const ehr_engine_key_t *two)
{
    return memcmp(one, two, sizeof(ehr_engine_key_t));
}

void ehr_engine_key_store(ehr_engine_key_t *shared,
    const ehr_engine_key_t *key);
uint64_t ehr_engine_mix(uint64_t value);
uint64_t ehr_engine_key_hash(const ehr_engine_key_t *key);

/* Zeroes shared memory: one step. */
void ehr_engine_clear(void *start, size_t size);


/* -- pools (layout.c) ------------------------------------------------------ */

/* The reference to an entry that was given back, or was never used; 0 if
 * there is none, which is counted.  next: of the entry that is free first,
 * read by the caller's function since each table keeps it elsewhere. */
typedef uint32_t *(*ehr_engine_next_pt)(ehr_engine_root_t *root,
    uint32_t reference);

uint32_t ehr_engine_pool_take(ehr_engine_root_t *root,
    ehr_engine_pool_t *pool, ehr_engine_next_pt next);
void ehr_engine_pool_give(ehr_engine_root_t *root, ehr_engine_pool_t *pool,
    ehr_engine_next_pt next, uint32_t reference);
void ehr_engine_pool_reset(ehr_engine_pool_t *pool);

/* Whether a reference that may be torn is one to an entry. */
static inline int
ehr_engine_is_entry(const ehr_engine_pool_t *pool, uint32_t reference)
{
    return reference != 0 && reference <= pool->most;
}


/* -- the feed's turn (feed.c) ---------------------------------------------- */

/* EHR_ENGINE_OK: this process is the owner and in the middle of a change,
 * until ehr_engine_feed_leave(). */
ehr_engine_result_t ehr_engine_feed_enter(ehr_engine_t *engine);
void ehr_engine_feed_leave(ehr_engine_t *engine);

/* Days that can be filled: [first_day, first_day + days). */
static inline int
ehr_engine_day_is_kept(const ehr_engine_root_t *root, uint32_t day)
{
    return day - root->first_day < root->days;
}


/* -- resources (resource.c) ------------------------------------------------ */

#define EHR_ENGINE_NOBODY           0xffffffff

/* Their index, or EHR_ENGINE_NOBODY.  Readers have to look again whether it
 * is still the same, see ehr_engine_read_begin(). */
uint32_t ehr_engine_index(ehr_engine_root_t *root, int32_t number);

/* Between these, readers of the resource wait. */
void ehr_engine_resource_change(ehr_engine_resource_t *resource);
void ehr_engine_resource_changed(ehr_engine_resource_t *resource);

void ehr_engine_resources_reset(ehr_engine_root_t *root);


/* -- reading a resource (reading.c) ---------------------------------------- */

/* One try at reading what belongs to a resource. */
typedef struct {
    ehr_engine_root_t      *root;
    ehr_engine_resource_t  *resource;
    ehr_engine_bucket_t    *bucket;
    uint32_t                index;
    int32_t                 number;
    uint32_t                kind;
    uint32_t                generation;
    uint32_t                sequence;
    uint32_t                tentative;
    uint32_t                first_day;
    uint32_t                end_day;
} ehr_engine_reading_t;

/* How often a reader tries before it says ASK. */
#define EHR_ENGINE_TRIES            200

/* EHR_ENGINE_OK: read, and then ask ehr_engine_read_end() whether it counts;
 * EHR_ENGINE_BUSY: try again; EHR_ENGINE_ASK: not LIVE; EHR_ENGINE_NONE:
 * another resource has this index. */
ehr_engine_result_t ehr_engine_read_begin(ehr_engine_t *engine,
    ehr_engine_reading_t *reading, uint32_t index, int32_t number);
int ehr_engine_read_end(ehr_engine_reading_t *reading);


/* -- open periods (shape.c, place.c, period.c) ----------------------------- */

typedef struct {
    uint32_t            from;           /* granules of the day */
    uint32_t            to;
    uint32_t            slot;
    uint32_t            first;          /* first start behind from */
    uint32_t            place;          /* reference */
    uint32_t            capacity;
    uint32_t            goes_on;
} ehr_engine_open_t;

/* More pieces of a day than these are not kept. */
#define EHR_ENGINE_PIECES_MAX       64

/* A day's pieces one after the other. */
typedef struct {
    ehr_engine_root_t  *root;
    uint32_t            shape;
    uint32_t            next;
    uint32_t            seen;
} ehr_engine_pieces_t;

/* EHR_ENGINE_ASK: it is not known how the day is open. */
ehr_engine_result_t ehr_engine_pieces_begin(ehr_engine_root_t *root,
    ehr_engine_pieces_t *pieces, uint32_t index, uint32_t day);
/* 0: there are no more. */
int ehr_engine_pieces_next(ehr_engine_pieces_t *pieces,
    ehr_engine_open_t *open);

/* A reference to a shape with these pieces, or EHR_ENGINE_UNKNOWN; 0 for
 * none.  The caller has a share in it until it drops it. */
uint32_t ehr_engine_shape_intern(ehr_engine_root_t *root,
    const ehr_engine_piece_t *pieces, uint32_t n);
void ehr_engine_shape_drop(ehr_engine_root_t *root, uint32_t shape);
void ehr_engine_shapes_reset(ehr_engine_root_t *root);

/* A reference to a place, 0 if there is no room. */
uint32_t ehr_engine_place_intern(ehr_engine_root_t *root,
    const ehr_engine_uuid_t *clinic, const ehr_engine_uuid_t *room);
void ehr_engine_places_reset(ehr_engine_root_t *root);

/* The end of the open period with this piece of this day; 0 if that is
 * beyond the horizon or unknown. */
ehr_engine_time_t ehr_engine_open_end(ehr_engine_reading_t *reading,
    uint32_t day, const ehr_engine_open_t *open);


/* -- busy granules (page.c) ------------------------------------------------ */

/* Whether any granule in [from, to) of the page is busy. */
int ehr_engine_page_has(const ehr_engine_page_t *page, uint32_t from,
    uint32_t to);
/* Gives back all pages of a day and forgets that it was unknown. */
void ehr_engine_pages_drop(ehr_engine_root_t *root, ehr_engine_day_t *day);


/* -- summaries (summary.c) ------------------------------------------------- */

/* Makes rows and longest free time of a resource's day again after granules
 * [from, to) of it have changed. */
void ehr_engine_summarize(ehr_engine_root_t *root, uint32_t index,
    uint32_t day, uint32_t from, uint32_t to);
/* A day without anything. */
void ehr_engine_summary_clear(ehr_engine_root_t *root, uint32_t day);
void ehr_engine_summaries_reset(ehr_engine_root_t *root);


/* -- groups (group.c) ------------------------------------------------------ */

void ehr_engine_groups_forget(ehr_engine_root_t *root, uint32_t index);
void ehr_engine_groups_reset(ehr_engine_root_t *root);

/* Leaves in mask (of root->words) only who is in all of the groups.
 * EHR_ENGINE_NONE: nobody; EHR_ENGINE_ASK: a group did not fit. */
ehr_engine_result_t ehr_engine_groups_mask(ehr_engine_root_t *root,
    const ehr_engine_uuid_t *groups, size_t n, uint64_t *mask);


/* -- tentative claims (tentative.c, tentative_end.c) ----------------------- */

ehr_engine_bucket_t *ehr_engine_bucket(ehr_engine_root_t *root,
    int32_t number);
/* Of beds, whose claims are chained apart. */
ehr_engine_bucket_t *ehr_engine_bed_bucket(ehr_engine_root_t *root,
    int32_t number);

/* Takes the mutex, and repairs what a dead process left. */
void ehr_engine_lock(ehr_engine_t *engine);
void ehr_engine_unlock(ehr_engine_t *engine);

/* Under the mutex: between these the tentative claims may change. */
void ehr_engine_tentative_change(ehr_engine_t *engine);
void ehr_engine_tentative_changed(ehr_engine_t *engine);

/* Between those.  bed: see ehr_engine_tentative_t.  0: there is no room. */
int ehr_engine_tentative_add(ehr_engine_t *engine,
    const ehr_engine_key_t *act, const ehr_engine_item_t *item, uint32_t bed,
    int64_t deadline);
/* Between those: it is nobody's any more. */
void ehr_engine_tentative_remove(ehr_engine_root_t *root,
    uint32_t reference);
/* Under the mutex: where the claims of acts of this one's hash begin, a
 * reference. */
uint32_t *ehr_engine_act_head(ehr_engine_root_t *root,
    const ehr_engine_key_t *act);

/* Ends those of this resource that are over; under the mutex.  Returns how
 * many. */
uint32_t ehr_engine_tentative_sweep(ehr_engine_t *engine, int32_t number);
/* The same for all beds. */
uint32_t ehr_engine_tentative_sweep_beds(ehr_engine_t *engine);
/* The feed has shown it: ends the act's one of this seat, or else of the
 * lowest, if PostgreSQL gave it another. */
void ehr_engine_tentative_shown(ehr_engine_t *engine, int32_t number,
    uint32_t seat, uint32_t from, uint32_t to, const ehr_engine_uuid_t *act);
/* The same for a bed: the act's one of this bed, or else, if it does not begin
 * after from, of the bed with the lowest number; if there are several, the
 * earliest. */
void ehr_engine_tentative_shown_bed(ehr_engine_t *engine, int32_t number,
    uint32_t from, const ehr_engine_uuid_t *act);

/* Whom is_alive() was asked about last. */
typedef struct {
    int64_t             now;
    int32_t             pid;
    int                 is_alive;
} ehr_engine_census_t;

void ehr_engine_census_begin(ehr_engine_t *engine,
    ehr_engine_census_t *census);
/* Whether a claim has ended without anybody having said so. */
int ehr_engine_tentative_is_over(ehr_engine_t *engine,
    ehr_engine_census_t *census, const ehr_engine_tentative_t *entry);


/* -- claiming (claim.c) ---------------------------------------------------- */

/* Counts what became of a claim, and returns it. */
ehr_engine_result_t ehr_engine_claim_counted(ehr_engine_root_t *root,
    ehr_engine_result_t result);


/* -- seats (seat.c) -------------------------------------------------------- */

#define EHR_ENGINE_SEAT_WORDS       (EHR_ENGINE_SEATS / 64)

/* The seats of a resource that are not free in some time. */
typedef struct {
    uint64_t            busy[EHR_ENGINE_SEAT_WORDS];
    uint64_t            tentative[EHR_ENGINE_SEAT_WORDS];
} ehr_engine_seats_t;

/* EHR_ENGINE_ASK: part of it is not known. */
ehr_engine_result_t ehr_engine_seats(ehr_engine_reading_t *reading,
    ehr_engine_time_t from, ehr_engine_time_t to, uint32_t capacity,
    ehr_engine_seats_t *seats);

/* How many are free; *lowest is one of them. */
uint32_t ehr_engine_seats_free(const ehr_engine_seats_t *seats,
    uint32_t capacity, uint32_t *lowest);


/* -- slots (slot.c) -------------------------------------------------------- */

typedef struct {
    ehr_engine_time_t        from;      /* starts in [from, to) */
    ehr_engine_time_t        to;
    uint32_t                 granules;
    unsigned                 flags;
    const ehr_engine_key_t  *clinic;    /* or NULL */
} ehr_engine_wish_t;

/* ehr_engine_slots() for one try. */
ehr_engine_result_t ehr_engine_slots_read(ehr_engine_reading_t *reading,
    const ehr_engine_wish_t *wish, ehr_engine_slot_t *slots, size_t n,
    size_t *count);


/* -- beds (bed.c, bed_place.c, bed_stay.c) --------------------------------- */

/* Its index, or EHR_ENGINE_NOBODY; readers do so within a reading. */
uint32_t ehr_engine_bed_index(ehr_engine_root_t *root, int32_t number);
ehr_engine_result_t ehr_engine_bed_number(ehr_engine_t *engine,
    const ehr_engine_key_t *uuid, int32_t *number);

/* Nobody is refused because of it until then; of any process. */
void ehr_engine_bed_releasing(ehr_engine_root_t *root, int32_t number,
    int64_t until);

/* Between these, readers of beds wait. */
void ehr_engine_beds_change(ehr_engine_root_t *root);
void ehr_engine_beds_changed(ehr_engine_root_t *root);

void ehr_engine_bit(uint64_t *row, uint32_t index, int is_set);
int ehr_engine_bit_is(uint64_t *row, uint32_t index);

/* In the feed's turn. */
ehr_engine_result_t ehr_engine_bed_forget(ehr_engine_root_t *root,
    int32_t number);
void ehr_engine_beds_reset(ehr_engine_root_t *root);

/* References to a room or group of beds, made if need be; 0: no room. */
uint32_t ehr_engine_bed_room_intern(ehr_engine_root_t *root,
    const ehr_engine_key_t *uuid);
uint32_t ehr_engine_bed_group_intern(ehr_engine_root_t *root,
    ehr_engine_of_t of, const ehr_engine_key_t *uuid);
/* One that there is, or 0. */
uint32_t ehr_engine_bed_group(ehr_engine_root_t *root, ehr_engine_of_t of,
    const ehr_engine_key_t *uuid);
/* A bed comes into its room, or leaves it, with who lies there. */
void ehr_engine_bed_room_join(ehr_engine_root_t *root, uint32_t index);
void ehr_engine_bed_room_leave(ehr_engine_root_t *root, uint32_t index);
/* The version of a bed's ward, after it was changed. */
void ehr_engine_bed_touch(ehr_engine_root_t *root, uint32_t index);
void ehr_engine_bed_places_reset(ehr_engine_root_t *root);

/* Ends all stays of a bed. */
void ehr_engine_bed_stays_clear(ehr_engine_root_t *root, uint32_t index);


/* -- choosing a bed (reading.c, bed_search.c, bed_weigh.c) ----------------- */

/* One try at reading beds, all of them as they were at one moment. */
typedef struct {
    ehr_engine_root_t      *root;
    uint32_t                generation;
    uint32_t                sequence;
    uint32_t                held;
} ehr_engine_bed_reading_t;

/* As ehr_engine_read_begin() and _end(). */
ehr_engine_result_t ehr_engine_bed_read_begin(ehr_engine_t *engine,
    ehr_engine_bed_reading_t *reading);
int ehr_engine_bed_read_end(ehr_engine_bed_reading_t *reading);

/* What somebody looks for. */
typedef struct {
    ehr_engine_t                 *engine;
    const ehr_engine_bed_wish_t  *wish;
    const ehr_engine_key_t       *act;      /* or NULL */

    /* answer */
    ehr_engine_bed_found_t       *found;
    uint32_t                      n;        /* there is room for */
    uint32_t                      count;
    int                           is_over;  /* in the way was a claim that is
                                             * over */
    ehr_engine_census_t           census;
} ehr_engine_bed_search_t;

/* EHR_ENGINE_OK: as many as there are were found, at least one;
 * EHR_ENGINE_TAKEN: none; EHR_ENGINE_ASK: fewer than wanted, and there may be
 * more. */
ehr_engine_result_t ehr_engine_bed_search(ehr_engine_bed_search_t *search);

/* Within a reading (bed_weigh.c): one bed. */
ehr_engine_bed_why_t ehr_engine_bed_weigh(ehr_engine_bed_search_t *search,
    uint32_t index);
/* Whether a refusal because of it is not certain. */
int ehr_engine_bed_is_releasing(ehr_engine_bed_search_t *search,
    uint32_t index);

#endif /* EHR_ENGINE_INTERNAL_H */
