/*
 * Availability in shared memory: who is open when, what is busy, what is just
 * being taken.  Plain C over one block of memory; no nginx, no SQL, no clock
 * of its own.  README.md says how the block is laid out and what a process
 * that dies may leave in it.
 *
 * PostgreSQL alone decides: an answer of the engine can be wrong only so that
 * it costs a question or a refused insert.
 *
 * Who calls what:
 *
 *   the master    ehr_engine_size(), ehr_engine_create()
 *   each process  ehr_engine_attach()
 *   the feed      ehr_engine_feed_...(), one process at a time
 *   any process   the rest
 *
 * Loading:
 *
 *   ehr_engine_feed_begin(engine, today);
 *   ... resources (in the order of their uuids: searching is then quickest),
 *       members of groups, periods and claims of [today, today + days) ...
 *   ehr_engine_feed_live(engine, today + days);
 *   ... changes in the order of their commits, and ehr_engine_feed_heartbeat()
 *       at least every stale_after / 2 ...
 *
 * At midnight:
 *
 *   ehr_engine_feed_roll(engine, today, old_end);       makes room
 *   ... periods and claims of the new day ...
 *   ehr_engine_feed_roll(engine, today, today + days);  shows it
 *
 * Booking, in a worker:
 *
 *   switch (ehr_engine_claim(engine, act, items, n, deadline)) {
 *   case EHR_ENGINE_OK:     ask PostgreSQL with the items' seats, then
 *                           ehr_engine_settle(engine, act, committed, later)
 *   case EHR_ENGINE_TAKEN:  409, each item says why
 *   default:                ask PostgreSQL, nothing is held
 *   }
 *
 * Admitting is the same with ehr_engine_bed_claim(), which holds the best bed
 * that meets a wish.
 */

#ifndef EHR_ENGINE_H
#define EHR_ENGINE_H

#include <stddef.h>
#include <stdint.h>


/* -- time and names -------------------------------------------------------- */

/* Times are granules of five minutes since 1970-01-01T00:00:00Z, days are UTC
 * days since then.  Periods are [from, to). */
#define EHR_ENGINE_GRANULE_SECONDS  300
#define EHR_ENGINE_DAY              288

typedef uint32_t  ehr_engine_time_t;

/* The 16 bytes of a uuid. */
typedef struct {
    uint8_t             bytes[16];
} ehr_engine_uuid_t;

#define EHR_ENGINE_RESOURCES_MAX    65536
#define EHR_ENGINE_DAYS_MAX         1024

/* The most seats a period may have; claims on seats from here up are not
 * kept (an emergency may be squeezed in on seat 1000). */
#define EHR_ENGINE_SEATS            512

/* The most items of one claim. */
#define EHR_ENGINE_ITEMS            64

/* A deadline that is further away than this many ms was set before the clock
 * was set back, and counts as past. */
#define EHR_ENGINE_DEADLINE_MAX     3600000

/* The most granules from one start to the next. */
#define EHR_ENGINE_SLOT_MAX         96

typedef enum {
    EHR_ENGINE_OK = 0,      /* done; a claim: it is held */
    EHR_ENGINE_ASK,         /* the engine cannot tell: ask PostgreSQL */
    EHR_ENGINE_TAKEN,       /* certainly not to be had */
    EHR_ENGINE_NONE,        /* there is no such thing */
    EHR_ENGINE_FULL,        /* no room; what it would have been about is
                             * answered with ASK until the next
                             * ehr_engine_feed_begin(), statistics say what
                             * size would do */
    EHR_ENGINE_GONE,        /* another process is the feed's owner now */
    EHR_ENGINE_BUSY,        /* the former owner is in the middle of a change
                             * and alive: try to begin again later */
    EHR_ENGINE_FOREIGN,     /* the block has another layout */
    EHR_ENGINE_INVALID      /* arguments that make no sense */
} ehr_engine_result_t;

/* A resource is known by its number in ehr.resources. */
typedef enum {
    EHR_ENGINE_DOCTOR = 1,  /* to be had in its open periods only */
    EHR_ENGINE_ROOM,        /* the others: always open, one seat */
    EHR_ENGINE_EQUIPMENT,
    EHR_ENGINE_BED          /* see the section on beds; not one of those that
                             * ehr_engine_feed_resource() takes */
} ehr_engine_kind_t;


/* -- the block ------------------------------------------------------------- */

/* What the engine needs of the process it runs in. */
typedef struct {
    void               *data;

    /* Milliseconds of a clock all processes share (CLOCK_MONOTONIC). */
    int64_t           (*now)(void *data);

    /* A mutex of all processes.  It must come free when its holder dies. */
    void              (*lock)(void *data);
    void              (*unlock)(void *data);

    /* 0 only if there is certainly no such process any more. */
    int               (*is_alive)(void *data, int32_t pid);
} ehr_engine_host_t;

/* 0 stands for the default. */
typedef struct {
    uint32_t            resources;      /* 1024: doctors, rooms, equipment */
    uint32_t            days;           /* 120 */
    uint32_t            groups;         /* 1024 */
    uint32_t            places;         /* pairs of clinic and room, at most
                                         * 65535; resources / 2 + 64 */
    uint32_t            shapes;         /* different days of open periods;
                                         * resources * 16 */
    uint32_t            tentative;      /* claims under way; 16384 */
    uint32_t            pages;          /* days of a resource and seat that
                                         * have something busy; for
                                         * ehr_engine_size() resources * days,
                                         * for ehr_engine_create() whatever
                                         * is left of the block */
    uint32_t            stale_after;    /* ms without a heartbeat; 2000 */
    uint32_t            beds;           /* 1024 */
    uint32_t            bed_rooms;      /* beds */
    uint32_t            bed_groups;     /* hospitals, wards and classes of
                                         * rooms together; beds / 16 + 64 */
    uint32_t            stays;          /* of beds, that have not ended;
                                         * beds * 2 */
} ehr_engine_config_t;

/* A process's view of a block.  The fields are private. */
typedef struct ehr_engine_root_s  ehr_engine_root_t;

typedef struct {
    const ehr_engine_host_t  *host;
    ehr_engine_root_t        *root;
    int32_t                   pid;
    uint32_t                  generation;   /* as the feed's owner, or 0 */
} ehr_engine_t;

/* Bytes a block needs for this; 0 if the numbers are too large. */
size_t ehr_engine_size(const ehr_engine_config_t *config);

/* Lays out a block, aligned to 64 bytes, of which nobody has a view yet.
 * EHR_ENGINE_FULL if there is not room for at least one page a resource. */
ehr_engine_result_t ehr_engine_create(void *block, size_t size,
    const ehr_engine_config_t *config);

/* A view of a laid out block; host must live as long.  EHR_ENGINE_FOREIGN if
 * it was laid out by another version or with another size.  To be called in
 * each process anew: pid is the caller's, and names it as an owner. */
ehr_engine_result_t ehr_engine_attach(ehr_engine_t *engine, void *block,
    size_t size, const ehr_engine_host_t *host, int32_t pid);


/* -- state ----------------------------------------------------------------- */

typedef enum {
    EHR_ENGINE_LOADING = 0, /* also: never begun */
    EHR_ENGINE_LIVE,
    EHR_ENGINE_STALE        /* no heartbeat for stale_after */
} ehr_engine_state_t;

/* Only LIVE answers; every function for workers says ASK otherwise. */
ehr_engine_state_t ehr_engine_state(ehr_engine_t *engine);

/* Raised by each ehr_engine_feed_begin(). */
uint32_t ehr_engine_generation(ehr_engine_t *engine);

/* The days about which there are answers, [*first, *end). */
void ehr_engine_horizon(ehr_engine_t *engine, uint32_t *first, uint32_t *end);


/* -- the feed -------------------------------------------------------------- */

/* All functions of this section return EHR_ENGINE_GONE, having done nothing,
 * once another process has begun, and none of them may be called before
 * ehr_engine_feed_begin() succeeded in this process. */

/* Becomes the owner, forgets everything but tentative claims, and is LOADING.
 * Days [first_day, first_day + days) can now be filled.  EHR_ENGINE_BUSY
 * leaves it LOADING too. */
ehr_engine_result_t ehr_engine_feed_begin(ehr_engine_t *engine,
    uint32_t first_day);

/* Everything up to end_day is loaded: LIVE. */
ehr_engine_result_t ehr_engine_feed_live(ehr_engine_t *engine,
    uint32_t end_day);

/* The feed has heard from PostgreSQL and applied all it heard. */
ehr_engine_result_t ehr_engine_feed_heartbeat(ehr_engine_t *engine);

/* Drops the days before first_day, of which nothing is left, and says that
 * those before end_day (at most first_day + days) are loaded.  Days dropped
 * are room for as many new ones, from now on to be filled and kept up to
 * date, and empty.  An earlier first_day than before is ignored. */
ehr_engine_result_t ehr_engine_feed_roll(ehr_engine_t *engine,
    uint32_t first_day, uint32_t end_day);

/* A resource that is new, or has another uuid or kind than before; a known
 * one keeps all else.  EHR_ENGINE_FULL: it stays unknown, and so searches
 * over doctors are all answered with ASK if it is one. */
ehr_engine_result_t ehr_engine_feed_resource(ehr_engine_t *engine,
    int32_t resource, ehr_engine_kind_t kind, const ehr_engine_uuid_t *uuid);

/* Forgets a resource with its periods, memberships and busy times; a bed with
 * its stays.  EHR_ENGINE_NONE if it is not known. */
ehr_engine_result_t ehr_engine_feed_forget(ehr_engine_t *engine,
    int32_t resource);

/* An open period; bookable starts are grid + k * slot that lie in it. */
typedef struct {
    ehr_engine_time_t   from;
    ehr_engine_time_t   to;
    ehr_engine_time_t   grid;       /* usually from; any time on the grid */
    uint16_t            slot;       /* granules, 1 to EHR_ENGINE_SLOT_MAX */
    uint16_t            capacity;   /* seats, 1 to EHR_ENGINE_SEATS */
    ehr_engine_uuid_t   clinic;
    ehr_engine_uuid_t   room;       /* all zero: none */
} ehr_engine_period_t;

/* What is open in the days [first_day, end_day) is exactly this, sorted by
 * from.  Parts outside those days or outside the engine's are left out, but a
 * period that goes on there should be given whole.  Readers see all of the
 * old or all of the new.  EHR_ENGINE_FULL: days that did not fit, or of which
 * periods overlap or are not as above, are answered with ASK. */
ehr_engine_result_t ehr_engine_feed_periods(ehr_engine_t *engine,
    int32_t resource, uint32_t first_day, uint32_t end_day,
    const ehr_engine_period_t *periods, size_t n);

/* Puts a resource into the group of a specialty, clinic or department, or
 * takes it out. */
ehr_engine_result_t ehr_engine_feed_member(ehr_engine_t *engine,
    const ehr_engine_uuid_t *group, int32_t resource, int is_member);

/* A claim that was committed.  act is what claims of one act share (their
 * ref), or NULL: one tentative claim of that act on that resource with the
 * same from and to is thereby settled, that of this seat if there is one, else
 * of the lowest (PostgreSQL may have given another).  Parts outside the
 * horizon are left out; seats from EHR_ENGINE_SEATS up are not kept.
 * EHR_ENGINE_NONE: the resource is not known (the act is settled anyhow). */
ehr_engine_result_t ehr_engine_feed_busy(ehr_engine_t *engine,
    int32_t resource, uint32_t seat, ehr_engine_time_t from,
    ehr_engine_time_t to, const ehr_engine_uuid_t *act);

/* A claim that is gone.  A changed claim is the old one free, the new one
 * busy. */
ehr_engine_result_t ehr_engine_feed_free(ehr_engine_t *engine,
    int32_t resource, uint32_t seat, ehr_engine_time_t from,
    ehr_engine_time_t to);


/* -- asking ---------------------------------------------------------------- */

/* The number of a resource, beds included, without the lock.
 * EHR_ENGINE_NONE if it is not known, which is no proof that it does not
 * exist. */
ehr_engine_result_t ehr_engine_find(ehr_engine_t *engine,
    ehr_engine_kind_t kind, const ehr_engine_uuid_t *uuid, int32_t *resource);

/* Differs from every earlier one if an answer about this resource may differ;
 * 0: unknown, or just changing: do not keep what you were answered.  Ask for
 * it before the answer that is to be kept.  Time has to be watched by the
 * caller: slots begin to lie in the past, and LIVE ends. */
uint64_t ehr_engine_version(ehr_engine_t *engine, int32_t resource);

typedef struct {
    int32_t             resource;
    ehr_engine_time_t   start;
    uint16_t            granules;   /* as long as was asked for */
    uint16_t            slot;       /* of the period it lies in */
    uint16_t            capacity;
    uint16_t            free;       /* seats free all the time */
    uint16_t            seat;       /* one of them, the lowest; if none is
                                     * free (EHR_ENGINE_ALSO_FULL), 0 */
    ehr_engine_uuid_t   uuid;       /* of the resource */
    ehr_engine_uuid_t   clinic;
    ehr_engine_uuid_t   room;
} ehr_engine_slot_t;

/* flags */
#define EHR_ENGINE_ALSO_FULL        1   /* list slots without a free seat */

/* Slots of one resource that start in [from, to), by start.  granules 0: each
 * as long as its period's slot.  Fills at most n and sets *count to how many;
 * to go on, ask again from after the last.  Tentative claims count as taken.
 * EHR_ENGINE_NONE: a resource that has no open periods by its kind. */
ehr_engine_result_t ehr_engine_slots(ehr_engine_t *engine, int32_t resource,
    ehr_engine_time_t from, ehr_engine_time_t to, uint32_t granules,
    unsigned flags, ehr_engine_slot_t *slots, size_t n, size_t *count);

typedef struct {
    const ehr_engine_uuid_t  *groups;   /* only doctors who are in all of
                                         * these */
    size_t                    ngroups;
    const int32_t            *resources; /* and, if not NULL, one of these */
    size_t                    nresources;
    const ehr_engine_uuid_t  *clinic;   /* only periods there, or NULL */
    ehr_engine_time_t         from;     /* starts in [from, until) */
    ehr_engine_time_t         until;    /* 0: the horizon's end */
    uint32_t                  granules; /* 0: each period's slot */
} ehr_engine_search_t;

/* The first n free slots of many doctors, by start, then by uuid.  Fewer than
 * n: there are no more.  EHR_ENGINE_ASK also if the horizon ends before until
 * and n were not found, or a doctor in question did not fit into the zone. */
ehr_engine_result_t ehr_engine_first(ehr_engine_t *engine,
    const ehr_engine_search_t *search, ehr_engine_slot_t *slots, size_t n,
    size_t *count);


/* -- claiming -------------------------------------------------------------- */

typedef enum {
    EHR_ENGINE_FREE = 0,
    EHR_ENGINE_IS_BUSY,     /* by committed claims */
    EHR_ENGINE_IS_TENTATIVE, /* it would be free but for claims under way */
    EHR_ENGINE_OUTSIDE,     /* not within one open period */
    EHR_ENGINE_OFF_GRID,    /* within one, but starts between two slots */
    EHR_ENGINE_UNCERTAIN    /* resource or day unknown, or being released */
} ehr_engine_why_t;

typedef struct {
    int32_t             resource;
    ehr_engine_time_t   from;
    ehr_engine_time_t   to;
    uint16_t            capacity;   /* 0: its open period's, 1 without one */
    /* answer */
    uint16_t            seat;
    ehr_engine_why_t    why;
} ehr_engine_item_t;

/* Holds all items for the act or none.  EHR_ENGINE_OK: held, with their
 * seats, until ehr_engine_settle(), the feed shows them, this process dies,
 * or the deadline (of the host's clock) passes.  EHR_ENGINE_TAKEN: at least
 * one item is certainly not to be had; each says why.  EHR_ENGINE_ASK: nothing
 * is certain.  EHR_ENGINE_FULL does not occur: a full table is ASK. */
ehr_engine_result_t ehr_engine_claim(ehr_engine_t *engine,
    const ehr_engine_uuid_t *act, ehr_engine_item_t *items, size_t n,
    int64_t deadline);

/* The same answer without holding anything, without the lock. */
ehr_engine_result_t ehr_engine_explain(ehr_engine_t *engine,
    ehr_engine_item_t *items, size_t n);

/* What PostgreSQL said of an act that was claimed by this process.  Not
 * committed: nothing is held any more.  Committed: it is held until the feed
 * shows it or the new deadline passes, also if this process dies.  An outcome
 * that is unknown is not settled: its deadline does that.  What the act has
 * is settled one after the other: others may see some of it held still. */
void ehr_engine_settle(ehr_engine_t *engine, const ehr_engine_uuid_t *act,
    int is_committed, int64_t deadline);

/* This worker has just freed something of the resource, or changed when it is
 * open, or the status of a bed, and the feed may not have shown it: until then
 * (of the host's clock) nobody is refused because of it. */
void ehr_engine_releasing(ehr_engine_t *engine, int32_t resource,
    int64_t until);

/* Ends claims of dead processes and past deadlines; to be called about once a
 * second by somebody.  Returns how many. */
uint32_t ehr_engine_reap(ehr_engine_t *engine);


/* -- beds ------------------------------------------------------------------ */

/* Times of beds are seconds since 1970-01-01T00:00:00Z, rounded down, in what
 * the feed tells as well as in what is asked: so nothing that begins when
 * another ends is refused.  A period that is empty by that is no claim. */
typedef uint32_t  ehr_engine_second_t;

#define EHR_ENGINE_OPEN_END         UINT32_MAX

#define EHR_ENGINE_BEDS_MAX         65536

typedef enum {
    EHR_ENGINE_BED_AVAILABLE = 1,
    EHR_ENGINE_BED_OCCUPIED,
    EHR_ENGINE_BED_RESERVED,
    EHR_ENGINE_BED_CLEANING,
    EHR_ENGINE_BED_OUT_OF_SERVICE
} ehr_engine_bed_status_t;

#define EHR_ENGINE_BED_STATUSES     6   /* an array with a place for each */

/* Sexes and ages: 0 stands for nobody, anybody, not known. */
typedef enum {
    EHR_ENGINE_SEX_NONE = 0,
    EHR_ENGINE_SEX_MALE,
    EHR_ENGINE_SEX_FEMALE,
    EHR_ENGINE_SEX_OTHER,
    EHR_ENGINE_SEX_UNKNOWN  /* as PostgreSQL has it: a sex of its own */
} ehr_engine_sex_t;

typedef enum {
    EHR_ENGINE_AGE_ANY = 0,
    EHR_ENGINE_AGE_ADULT,
    EHR_ENGINE_AGE_CHILD,
    EHR_ENGINE_AGE_NEWBORN
} ehr_engine_age_t;

/* Who may lie in a room. */
typedef enum {
    EHR_ENGINE_ROOM_ANY = 0,
    EHR_ENGINE_ROOM_MALE,
    EHR_ENGINE_ROOM_FEMALE,
    EHR_ENGINE_ROOM_SAME    /* all of one sex */
} ehr_engine_room_policy_t;

/* Kinds of equipment are bits that the callers agree upon, 15 at most. */
#define EHR_ENGINE_EQUIPMENT_MAX    0x7fff

typedef struct {
    ehr_engine_uuid_t   uuid;
    ehr_engine_uuid_t   hospital;
    ehr_engine_uuid_t   ward;
    ehr_engine_uuid_t   room_class;
    ehr_engine_uuid_t   room;
    uint32_t            order;          /* of beds that are equally good, the
                                         * lowest first, then by resource:
                                         * where it stands by ward, room and
                                         * bed number, or 0 */
    uint16_t            equipment;
    uint8_t             is_isolation;
    uint8_t             age;            /* ehr_engine_age_t */
    uint8_t             policy;         /* of its room */
    uint8_t             status;
    uint8_t             occupant_sex;   /* 0: nobody lies there */
} ehr_engine_bed_t;

/* The feed's (see its section for what they return besides).
 *
 * A bed that is new, or is different; its stays are kept, and its uuid never
 * changes.  What a bed says of its room counts for itself only, so if a room
 * changes all its beds are to be fed.  EHR_ENGINE_FULL: from then on nobody is
 * told that there is no bed. */
ehr_engine_result_t ehr_engine_feed_bed(ehr_engine_t *engine,
    int32_t resource, const ehr_engine_bed_t *bed);

/* A claim of a bed, of any kind, that was committed; what has ended already
 * need not be told.  act is the claim's ref (the admission), or NULL if it is
 * one that just ended: the act's tentative claim of this bed is thereby
 * settled, or else, if PostgreSQL gave this one, that of another bed, unless
 * it is from later on (the patient is on the way there).  Seats other than
 * 0 are of the newborn of who lies there and not kept.  EHR_ENGINE_NONE: the
 * bed is not known (the act is settled anyhow); EHR_ENGINE_FULL: the bed is
 * answered for with ASK. */
ehr_engine_result_t ehr_engine_feed_stay(ehr_engine_t *engine,
    int32_t resource, uint32_t seat, ehr_engine_second_t from,
    ehr_engine_second_t to, const ehr_engine_uuid_t *act);

/* A claim that is gone, by the same times as it was told.  A changed claim is
 * the old one ended, and the new one fed if it ends in the future. */
ehr_engine_result_t ehr_engine_feed_stay_end(ehr_engine_t *engine,
    int32_t resource, uint32_t seat, ehr_engine_second_t from,
    ehr_engine_second_t to);

/* Drops the stays that ended by then: room for others.  To be called now and
 * then with what time it is. */
ehr_engine_result_t ehr_engine_feed_stays_drop(ehr_engine_t *engine,
    ehr_engine_second_t before);

/* What is wanted of a bed.  With a resource it is that bed, of which only
 * suitable for the patient and free in the period is asked. */
typedef struct {
    int32_t                   resource;     /* 0: the best of all */
    const ehr_engine_uuid_t  *hospital;     /* NULL: any */
    const ehr_engine_uuid_t  *ward;
    const ehr_engine_uuid_t  *room_class;
    uint16_t                  equipment;    /* all of these */
    uint8_t                   is_isolation;
    uint8_t                   sex;          /* the patient's; 0: not asked */
    uint8_t                   age;          /* likewise */

    /* It begins in the future: the status does not count, unless it is
     * OUT_OF_SERVICE, nor who lies in a room for one sex now; claims do. */
    uint8_t                   is_planned;
    ehr_engine_second_t       from;
    ehr_engine_second_t       to;           /* or EHR_ENGINE_OPEN_END */
} ehr_engine_bed_wish_t;

typedef enum {
    EHR_ENGINE_BED_IS_FREE = 0,
    EHR_ENGINE_BED_IS_NOT_AVAILABLE,    /* see its status */
    EHR_ENGINE_BED_IS_CLAIMED,          /* in that time, maybe from later on */
    EHR_ENGINE_BED_IS_HELD,             /* it would be free but for claims
                                         * under way, of it or, by the other
                                         * sex, of its room */
    EHR_ENGINE_BED_IS_FOR_OTHER_SEX,    /* by its room's policy */
    EHR_ENGINE_BED_IS_FOR_OTHER_AGE,
    EHR_ENGINE_BED_IS_UNCERTAIN         /* not known, or being released */
} ehr_engine_bed_why_t;

typedef struct {
    int32_t                   resource;
    ehr_engine_uuid_t         uuid;
    ehr_engine_uuid_t         ward;
    ehr_engine_uuid_t         room;
    uint32_t                  surplus;  /* attributes not asked for */
    ehr_engine_bed_status_t   status;
    ehr_engine_bed_why_t      why;      /* of the bed that was named; see
                                         * ehr_engine_bed_claim() */
} ehr_engine_bed_found_t;

/* Holds one bed for the act, the one named or the best that is free: with the
 * fewest attributes that were not asked for; then in a room for men or for
 * women, or in one for a single sex where that sex lies; then by order.
 *
 * A stay of the same act on the bed that is named, its reservation, is not in
 * the way, and RESERVED is then as good as AVAILABLE.  Answers, ends and
 * ehr_engine_settle() are as those of ehr_engine_claim(); an act should hold
 * one bed at a time.  EHR_ENGINE_TAKEN without a resource: there is certainly
 * none; why is EHR_ENGINE_BED_IS_HELD if there may be one again when claims
 * under way fail.  If PostgreSQL chose another bed than the one held, settle
 * as committed all the same: the feed ends it. */
ehr_engine_result_t ehr_engine_bed_claim(ehr_engine_t *engine,
    const ehr_engine_uuid_t *act, const ehr_engine_bed_wish_t *wish,
    int64_t deadline, ehr_engine_bed_found_t *found);

/* The best n of those that are free, best first, without holding anything and
 * without the lock; for advice, and what might be offered.  Claims under way
 * count as taken.  Fewer than n: there are no more.  EHR_ENGINE_ASK: that is
 * not certain; found and *count are set all the same, though maybe to none.
 * Of a bed that is named, found says why it is not free, *count whether. */
ehr_engine_result_t ehr_engine_bed_find(ehr_engine_t *engine,
    const ehr_engine_bed_wish_t *wish, ehr_engine_bed_found_t *found,
    size_t n, size_t *count);

/* The most that are found. */
#define EHR_ENGINE_BED_FOUND_MAX    64

/* Beds by status, of all that are in each of these that is not NULL; [0] is
 * the sum.  Claims under way do not count.  EHR_ENGINE_ASK also for a
 * hospital, ward or class that is not known: nobody says that it has beds. */
ehr_engine_result_t ehr_engine_bed_counts(ehr_engine_t *engine,
    const ehr_engine_uuid_t *hospital, const ehr_engine_uuid_t *ward,
    const ehr_engine_uuid_t *room_class,
    uint32_t counts[EHR_ENGINE_BED_STATUSES]);

/* Differs from every earlier one if something of a ward's beds, or what it was
 * touched for, may differ; 0: do not keep what you were answered.  Ask for it
 * before the answer that is to be kept.  Any process may touch a ward; one
 * that is not known is nobody's, and not touched. */
uint64_t ehr_engine_ward_version(ehr_engine_t *engine,
    const ehr_engine_uuid_t *ward);
void ehr_engine_ward_touch(ehr_engine_t *engine,
    const ehr_engine_uuid_t *ward);


/* -- statistics ------------------------------------------------------------ */

typedef struct {
    uint32_t            used;
    uint32_t            most;       /* there are */
    uint32_t            missing;    /* that were wanted in vain */
} ehr_engine_room_t;

typedef struct {
    ehr_engine_room_t   resources;
    ehr_engine_room_t   groups;
    ehr_engine_room_t   places;
    ehr_engine_room_t   shapes;
    ehr_engine_room_t   pages;
    ehr_engine_room_t   tentative;
    ehr_engine_room_t   beds;
    ehr_engine_room_t   bed_rooms;
    ehr_engine_room_t   bed_groups;
    ehr_engine_room_t   stays;

    size_t              size;       /* of the block */
    size_t              size_needed; /* size, or what would have held what was
                                     * missing: log it once, with the
                                     * numbers above */

    uint64_t            claims_held;    /* those of beds included */
    uint64_t            claims_taken;
    uint64_t            claims_asked;
    uint64_t            reaped;     /* ended by death or deadline */
    uint64_t            repaired;   /* a process died while it held the lock */
} ehr_engine_statistics_t;

void ehr_engine_statistics(ehr_engine_t *engine,
    ehr_engine_statistics_t *statistics);

#endif /* EHR_ENGINE_H */
