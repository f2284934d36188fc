/*
 * How the block is laid out: its words, its tables, and where they are.
 * README.md says what keeps it whole.
 */

#ifndef EHR_ENGINE_LAYOUT_H
#define EHR_ENGINE_LAYOUT_H

#include "engine.h"

#include <string.h>


/* Words of the block are shared by processes: always through these.  A store
 * is never seen before an earlier one.  A test may want to know of each. */
#ifdef EHR_ENGINE_STEP
void EHR_ENGINE_STEP(void);
#define ehr_engine_step()  EHR_ENGINE_STEP()
#else
#define ehr_engine_step()  (void) 0
#endif

#define ehr_engine_load(word)                                                 \
    __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define ehr_engine_load_first(word)                                           \
    __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#define ehr_engine_store(word, value)                                         \
    (ehr_engine_step(), __atomic_store_n(&(word), (value), __ATOMIC_RELEASE))
#define ehr_engine_count(word, n)                                             \
    ((void) __atomic_add_fetch(&(word), (n), __ATOMIC_RELAXED))

#if defined(__x86_64__) || defined(__i386__)
#define ehr_engine_pause()  __builtin_ia32_pause()
#else
#define ehr_engine_pause()  __atomic_signal_fence(__ATOMIC_SEQ_CST)
#endif


/* -- tables ---------------------------------------------------------------- */

/* References within the block are a table's index + 1; 0: none. */

/* A uuid as two words. */
typedef struct {
    uint64_t            word[2];
} ehr_engine_key_t;

typedef struct {
    uint32_t            sequence;       /* odd: being changed by the feed */
    uint32_t            kind;           /* 0: not in use */
    int32_t             number;
    uint32_t            next_number;    /* of its chain, or free */
    uint32_t            next_uuid;
    uint32_t            unused;
    int64_t             releasing;      /* until then */
    ehr_engine_key_t    uuid;
} ehr_engine_resource_t;

/* What a resource has on a day; the days of a resource lie together, in a
 * ring. */
typedef struct {
    uint32_t            page;           /* first of its pages, or unknown */
    uint32_t            shape;          /* or unknown */
} ehr_engine_day_t;

/* In page with how many pages would do. */
#define EHR_ENGINE_UNKNOWN          0x80000000

/* Busy granules of one resource, day and seat. */
#define EHR_ENGINE_PAGE_WORDS       (EHR_ENGINE_DAY / 32)

typedef struct {
    uint32_t            next;           /* of the same day, or free */
    uint32_t            seat;
    uint32_t            busy[EHR_ENGINE_PAGE_WORDS];
} ehr_engine_page_t;

/* The part of an open period that lies in a day. */
typedef struct {
    uint32_t            span;           /* from, to << 16; 0: no more */
    uint32_t            grid;           /* slot, first start << 8,
                                         * place << 16 */
    uint32_t            seats;          /* capacity, flags << 16 */
} ehr_engine_piece_t;

#define EHR_ENGINE_GOES_ON          1   /* in the next day */

#define EHR_ENGINE_SHAPE_PIECES     4

/* How a day is open.  Days that are open alike share one. */
typedef struct {
    uint32_t            next;           /* of its chain, or free */
    uint32_t            references;
    uint32_t            hash;
    uint32_t            more;           /* the rest of the pieces */
    ehr_engine_piece_t  pieces[EHR_ENGINE_SHAPE_PIECES];
} ehr_engine_shape_t;

typedef struct {
    ehr_engine_key_t    clinic;
    ehr_engine_key_t    room;
    uint32_t            next;           /* of its chain */
    uint32_t            unused;
} ehr_engine_place_t;

typedef struct {
    ehr_engine_key_t    uuid;
    uint32_t            next;           /* of its chain, or free */
    uint32_t            members;
} ehr_engine_group_t;

typedef enum {
    EHR_ENGINE_TENTATIVE_FREE = 0,
    EHR_ENGINE_TENTATIVE_HELD,
    EHR_ENGINE_TENTATIVE_COMMITTED
} ehr_engine_tentative_state_t;

typedef struct {
    uint32_t            state;
    int32_t             pid;
    int32_t             number;
    uint32_t            seat;
    uint32_t            from;
    uint32_t            to;
    int64_t             deadline;
    ehr_engine_key_t    act;
    uint32_t            next;           /* of its resource's chain, or free */
    uint32_t            next_act;
    uint32_t            bed;            /* 0, or of a bed: IS_BED and who is to
                                         * lie there; times are seconds then */
    uint32_t            unused;
} ehr_engine_tentative_t;

/* In bed; the rest is the sex that counts for the room, 0: it does not. */
#define EHR_ENGINE_IS_BED           0x80000000

/* The tentative claims of the resources of one hash. */
typedef struct {
    uint32_t            sequence;       /* odd: being changed */
    uint32_t            head;
} ehr_engine_bucket_t;


/* -- beds ------------------------------------------------------------------ */

/* The groups of beds a bed is in. */
typedef enum {
    EHR_ENGINE_OF_HOSPITAL = 0,
    EHR_ENGINE_OF_WARD,
    EHR_ENGINE_OF_CLASS,
    EHR_ENGINE_OF
} ehr_engine_of_t;

typedef struct {
    int32_t             number;         /* 0: not in use */
    uint32_t            next_number;    /* of its chain, or free */
    uint32_t            next_uuid;
    uint32_t            next_room;      /* of its room's beds */
    uint32_t            room;           /* reference */
    uint32_t            groups[EHR_ENGINE_OF];
    uint32_t            stay;           /* first of them */
    uint32_t            status;
    uint32_t            occupant;       /* sex */
    uint32_t            unused;
    int64_t             releasing;      /* until then */
    ehr_engine_key_t    uuid;
} ehr_engine_bed_record_t;

/* What a search looks at of each bed it comes upon, in an array of its own:
 * attributes (isolation, then equipment), policy << 16, age << 18, the sexes
 * that lie in its room << 20, a bit each. */
#define EHR_ENGINE_TRAIT_POLICY     16
#define EHR_ENGINE_TRAIT_AGE        18
#define EHR_ENGINE_TRAIT_SEXES      20

#define EHR_ENGINE_ATTRIBUTES       16
#define EHR_ENGINE_ATTRIBUTES_MASK  0xffff

/* Rows with a bit for each bed; groups of beds have one each besides. */
#define EHR_ENGINE_BEDS_STATUS      0   /* + status - 1 */
#define EHR_ENGINE_BEDS_WITH        5   /* + attribute */
#define EHR_ENGINE_BEDS_ENDLESS     21  /* has a stay with an open end */
#define EHR_ENGINE_BEDS_UNKNOWN     22  /* something of it did not fit */
#define EHR_ENGINE_BEDS_POLICY      23  /* + MALE or FEMALE - 1 */
#define EHR_ENGINE_BEDS_AGE         25  /* + age - 1 */
#define EHR_ENGINE_BEDS_ROWS        28

typedef struct {
    ehr_engine_key_t    uuid;
    uint32_t            next;           /* of its chain */
    uint32_t            bed;            /* first of them */
    uint32_t            sexes[4];       /* how many of each lie there */
} ehr_engine_bed_room_t;

typedef struct {
    ehr_engine_key_t    uuid;
    uint32_t            next;           /* of its chain */
    uint32_t            of;             /* ehr_engine_of_t */
    uint64_t            version;
} ehr_engine_bed_group_t;

typedef struct {
    uint32_t            next;           /* of the same bed, or free */
    uint32_t            from;
    uint32_t            to;
    uint32_t            unused;
    ehr_engine_key_t    act;            /* all zero: none */
} ehr_engine_stay_t;


/* -- summaries ------------------------------------------------------------- */

/* For each day of the ring there are rows with a bit for each resource: one
 * for each quarter of an hour, in which a slot begins that has a free seat,
 * and these two. */
#define EHR_ENGINE_QUARTER          3
#define EHR_ENGINE_QUARTERS         (EHR_ENGINE_DAY / EHR_ENGINE_QUARTER)
#define EHR_ENGINE_ROW_ANY          EHR_ENGINE_QUARTERS
#define EHR_ENGINE_ROW_UNKNOWN      (EHR_ENGINE_QUARTERS + 1)
#define EHR_ENGINE_ROWS             (EHR_ENGINE_QUARTERS + 2)

/* Longest free times are bytes: this one and all longer ones. */
#define EHR_ENGINE_RUN_MAX          255


/* -- the root -------------------------------------------------------------- */

#define EHR_ENGINE_MAGIC            0x31454e4745524845  /* "EHREGNE1" */
#define EHR_ENGINE_LAYOUT           2

/* How much of a table is in use. */
typedef struct {
    uint32_t            free;           /* first of those given back */
    uint32_t            top;            /* those behind were never used */
    uint32_t            used;
    uint32_t            most;
    uint32_t            missing;
} ehr_engine_pool_t;

struct ehr_engine_root_s {
    uint64_t            magic;
    uint32_t            layout;
    uint32_t            root_size;
    uint64_t            size;
    uint32_t            days;
    uint32_t            stale_after;
    uint32_t            words;          /* of a row */
    uint32_t            hash_mask;      /* of chains by resource */
    uint32_t            act_mask;
    uint32_t            shape_mask;
    uint32_t            place_mask;
    uint32_t            group_mask;
    uint32_t            bed_words;      /* of a row of beds */
    uint32_t            bed_mask;       /* of chains of beds */
    uint32_t            bed_room_mask;
    uint32_t            bed_group_mask;

    /* offsets of the tables */
    uint64_t            resources;
    uint64_t            by_number;
    uint64_t            by_uuid;
    uint64_t            ring;
    uint64_t            rows;
    uint64_t            row_counts;
    uint64_t            runs;
    uint64_t            groups;
    uint64_t            group_heads;
    uint64_t            group_bits;
    uint64_t            places;
    uint64_t            place_heads;
    uint64_t            shapes;
    uint64_t            shape_heads;
    uint64_t            buckets;
    uint64_t            act_heads;
    uint64_t            tentatives;
    uint64_t            beds;
    uint64_t            beds_by_number;
    uint64_t            beds_by_uuid;
    uint64_t            bed_traits;
    uint64_t            bed_orders;
    uint64_t            bed_rows;
    uint64_t            bed_rooms;
    uint64_t            bed_room_heads;
    uint64_t            bed_groups;
    uint64_t            bed_group_heads;
    uint64_t            bed_group_rows;
    uint64_t            bed_buckets;
    uint64_t            stays;
    uint64_t            pages;

    /* what everybody reads */
    uint32_t            generation __attribute__((aligned(64)));
    uint32_t            state;          /* LOADING or LIVE */
    int64_t             heartbeat;
    uint32_t            first_day;
    uint32_t            end_day;        /* of what is loaded */

    /* of the feed's owner */
    int32_t             writing __attribute__((aligned(64)));
    uint32_t            group_sequence; /* odd: groups are being changed */
    uint32_t            is_sorted;      /* uuids ascend with the index */
    uint32_t            bed_sequence;   /* odd: beds are being changed */
    ehr_engine_key_t    last_uuid;
    ehr_engine_pool_t   resource_pool;
    ehr_engine_pool_t   group_pool;
    ehr_engine_pool_t   place_pool;
    ehr_engine_pool_t   shape_pool;
    ehr_engine_pool_t   page_pool;
    ehr_engine_pool_t   bed_pool;
    ehr_engine_pool_t   bed_room_pool;
    ehr_engine_pool_t   bed_group_pool;
    ehr_engine_pool_t   stay_pool;

    /* under the mutex */
    int32_t             changing __attribute__((aligned(64)));
    uint32_t            held_sequence;  /* odd: tentative claims of beds are
                                         * being changed */
    uint32_t            held;           /* how many of those there are */
    ehr_engine_pool_t   tentative_pool;

    /* of anybody */
    int64_t             bed_releasing;  /* any bed until then */

    uint64_t            claims_held;
    uint64_t            claims_taken;
    uint64_t            claims_asked;
    uint64_t            reaped;
    uint64_t            repaired;
};

#define ehr_engine_table(root, offset, type)                                  \
    ((type *) (void *) ((char *) (root) + (root)->offset))

static inline ehr_engine_resource_t *
ehr_engine_resource_at(ehr_engine_root_t *root, uint32_t index)
{
    return ehr_engine_table(root, resources, ehr_engine_resource_t) + index;
}

static inline ehr_engine_day_t *
ehr_engine_day_at(ehr_engine_root_t *root, uint32_t index, uint32_t day)
{
    return ehr_engine_table(root, ring, ehr_engine_day_t)
           + (size_t) index * root->days + day % root->days;
}

static inline ehr_engine_page_t *
ehr_engine_page_at(ehr_engine_root_t *root, uint32_t reference)
{
    return ehr_engine_table(root, pages, ehr_engine_page_t) + (reference - 1);
}

static inline ehr_engine_shape_t *
ehr_engine_shape_at(ehr_engine_root_t *root, uint32_t reference)
{
    return ehr_engine_table(root, shapes, ehr_engine_shape_t)
           + (reference - 1);
}

static inline ehr_engine_place_t *
ehr_engine_place_at(ehr_engine_root_t *root, uint32_t reference)
{
    return ehr_engine_table(root, places, ehr_engine_place_t)
           + (reference - 1);
}

static inline ehr_engine_tentative_t *
ehr_engine_tentative_at(ehr_engine_root_t *root, uint32_t reference)
{
    return ehr_engine_table(root, tentatives, ehr_engine_tentative_t)
           + (reference - 1);
}

static inline ehr_engine_bed_record_t *
ehr_engine_bed_at(ehr_engine_root_t *root, uint32_t index)
{
    return ehr_engine_table(root, beds, ehr_engine_bed_record_t) + index;
}

static inline ehr_engine_bed_room_t *
ehr_engine_bed_room_at(ehr_engine_root_t *root, uint32_t reference)
{
    return ehr_engine_table(root, bed_rooms, ehr_engine_bed_room_t)
           + (reference - 1);
}

static inline ehr_engine_bed_group_t *
ehr_engine_bed_group_at(ehr_engine_root_t *root, uint32_t reference)
{
    return ehr_engine_table(root, bed_groups, ehr_engine_bed_group_t)
           + (reference - 1);
}

static inline ehr_engine_stay_t *
ehr_engine_stay_at(ehr_engine_root_t *root, uint32_t reference)
{
    return ehr_engine_table(root, stays, ehr_engine_stay_t) + (reference - 1);
}

static inline uint32_t *
ehr_engine_bed_traits(ehr_engine_root_t *root)
{
    return ehr_engine_table(root, bed_traits, uint32_t);
}

static inline uint32_t *
ehr_engine_bed_orders(ehr_engine_root_t *root)
{
    return ehr_engine_table(root, bed_orders, uint32_t);
}

static inline uint64_t *
ehr_engine_bed_row(ehr_engine_root_t *root, uint32_t row)
{
    return ehr_engine_table(root, bed_rows, uint64_t)
           + (size_t) row * root->bed_words;
}

static inline uint64_t *
ehr_engine_bed_group_row(ehr_engine_root_t *root, uint32_t reference)
{
    return ehr_engine_table(root, bed_group_rows, uint64_t)
           + (size_t) (reference - 1) * root->bed_words;
}

static inline uint64_t *
ehr_engine_row_at(ehr_engine_root_t *root, uint32_t day, uint32_t row)
{
    return ehr_engine_table(root, rows, uint64_t)
           + ((size_t) (day % root->days) * EHR_ENGINE_ROWS + row)
             * root->words;
}

static inline uint32_t *
ehr_engine_row_count_at(ehr_engine_root_t *root, uint32_t day, uint32_t row)
{
    return ehr_engine_table(root, row_counts, uint32_t)
           + (size_t) (day % root->days) * EHR_ENGINE_ROWS + row;
}

static inline uint8_t *
ehr_engine_run_at(ehr_engine_root_t *root, uint32_t day, uint32_t index)
{
    return ehr_engine_table(root, runs, uint8_t)
           + (size_t) (day % root->days) * root->words * 64 + index;
}

#endif /* EHR_ENGINE_LAYOUT_H */
