/*
 * What the files of the change feed share.
 *
 *   feed.c         its life, its state as others see it
 *   feed_load.c    everything, from a snapshot
 *   feed_stream.c  rows of the stream
 *   feed_change.c  what a changed row means
 *   feed_bed.c     beds
 *   feed_board.c   wards whose boards look different
 *   feed_named.c   what is known by its uuid
 *   feed_reload.c  doctors and days read again
 *   feed_value.c   texts of columns
 */

#ifndef EHR_FEED_PRIVATE_H
#define EHR_FEED_PRIVATE_H

#include "../store/replication.h"
#include "events.h"
#include "feed.h"


/* Clinics whose doctors are read again, before "all" is simpler. */
#define EHR_FEED_CLINICS  256

/* Doctors read at once, and those of a new day. */
#define EHR_FEED_ASKED  32
#define EHR_FEED_CHUNK  256

/* The relations of one publication. */
#define EHR_FEED_RELATIONS  32

/* Columns of a table that are looked at, and those it has at most. */
#define EHR_FEED_WANTED   8
#define EHR_FEED_COLUMNS  96

#define EHR_FEED_SQL  2048

/* Whether a transaction of the stream, t.id, can be seen.  The stream has the
 * lower half of its number: it is near the snapshot's end. */
#define EHR_FEED_VISIBLE                                                     \
    "pg_visible_in_snapshot((n.xmax"                                         \
    " - ((n.xmax - t.id + 2147483648) & 4294967295)"                         \
    " + 2147483648)::text::xid8, s.now)"
#define EHR_FEED_NOW                                                         \
    " CROSS JOIN (SELECT pg_current_snapshot() AS now) AS s"                 \
    " CROSS JOIN LATERAL (SELECT"                                            \
    " pg_snapshot_xmax(s.now)::text::bigint AS xmax) AS n"

typedef struct {
    ngx_rbtree_node_t       node;       /* key: the resource's number */
    ngx_queue_t             link;       /* in feed->dirty, if is_dirty */
    unsigned                is_dirty:1; /* to be read again */
    unsigned                is_seen:1;  /* it has rows in what is read */
    ehr_uuid_t              uuid;
    ngx_uint_t              ngroups;
    ehr_uuid_t             *groups;
} ehr_feed_doctor_t;

/* A claim that went while days were being read. */
typedef struct {
    int32_t                 resource;
    uint32_t                seat;
    ehr_engine_time_t       from;
    ehr_engine_time_t       to;
} ehr_feed_claim_t;

/* Something known by its uuid, in a tree of such; the beginning of what is
 * kept of it. */
typedef struct {
    ngx_rbtree_node_t       node;       /* key: the uuid's hash */
    ehr_uuid_t              id;
} ehr_feed_named_t;

/* A ward that looks different since a transaction that may not be seen yet. */
typedef struct {
    uint32_t                transaction;
    ehr_uuid_t              ward;
} ehr_feed_touched_t;

typedef struct {
    uint32_t                oid;
    const struct ehr_feed_table_s  *table;      /* NULL: of no interest */
    ngx_uint_t              n;
    int8_t                  wanted[EHR_FEED_COLUMNS];   /* or -1 */
} ehr_feed_relation_t;

typedef struct {
    ehr_replication_t      *replication;
    ehr_engine_t           *engine;
    ngx_log_t              *log;
    ngx_pool_t             *pool;       /* of what was loaded */
    ngx_msec_t              reaped;     /* claims under way, last */

    uint64_t                began;      /* loading; µs */
    ngx_uint_t              step;       /* of loading */
    uint32_t                first;      /* the days that the engine holds */
    uint32_t                end;
    uint64_t                rows;
    unsigned                followed:1; /* all is loaded, changes come */
    unsigned                live:1;     /* and what came meanwhile is in */

    ngx_rbtree_t            doctors;
    ngx_rbtree_node_t       sentinel;

    ngx_rbtree_t            wards;
    ngx_rbtree_t            rooms;
    ngx_rbtree_t            beds;
    ngx_rbtree_t            bed_numbers;    /* key: the resource's number */
    ngx_rbtree_node_t       named_sentinel; /* of the four */

    ngx_array_t             touched;    /* of ehr_feed_touched_t, in the order
                                           of their transactions */
    ngx_uint_t              nlooked;    /* of them are being looked up */
    unsigned                hidden:1;   /* they could not be seen just now */

    /* rows that are taken together: periods, groups of one resource */
    int32_t                 resource;   /* 0: none */
    uint32_t                period_first;   /* days they are about */
    uint32_t                period_end;
    ngx_array_t             periods;
    ngx_array_t             groups;

    ehr_feed_relation_t     relations[EHR_FEED_RELATIONS];
    ngx_uint_t              nrelations;

    ngx_array_t             zones;      /* of clinics; ehr_feed_clinic_t */

    /* what is to be read again, once the transactions that say so can be
     * seen: the stream has them a moment earlier */
    uint32_t                transaction;    /* the stream's, now */
    uint32_t                unseen;         /* the last that said so */
    uint32_t                looked;         /* for that one, last */
    unsigned                wait:1;         /* it is not known to be seen */
    unsigned                roles:1;
    ngx_queue_t             dirty;      /* of ehr_feed_doctor_t */
    ehr_uuid_t              clinics[EHR_FEED_CLINICS];
    ngx_uint_t              nclinics;
    ehr_feed_doctor_t      *asked[EHR_FEED_CHUNK];  /* being read */
    ngx_uint_t              nasked;

    /* new days */
    unsigned                rolling:1;
    uint32_t                old_end;    /* where they begin */
    ngx_rbtree_node_t      *rolled;     /* the last doctor done */
    ngx_array_t             gone;       /* of ehr_feed_claim_t */
} ehr_feed_t;

typedef struct {
    ehr_uuid_t              id;
    ngx_uint_t              hash;       /* of its time zone and state */
} ehr_feed_clinic_t;

/* A changed row: the columns of its table that are wanted. */
typedef struct {
    ehr_pgoutput_type_t     type;
    ngx_uint_t              has_was;
    ehr_column_t            was[EHR_FEED_WANTED];
    ehr_column_t            now[EHR_FEED_WANTED];
} ehr_feed_row_t;

/* A table that is followed. */
typedef struct ehr_feed_table_s {
    const char             *name;
    ngx_uint_t              is_read;    /* something is, because of it */
    const char             *columns[EHR_FEED_WANTED];
    ngx_int_t             (*changed)(ehr_feed_t *feed,
                                     const ehr_feed_row_t *row);
} ehr_feed_table_t;


/* -- feed_value.c: NGX_OK, or NGX_ERROR for what is no such thing ---------- */

ngx_int_t ehr_feed_uuid(const ehr_column_t *column, ehr_uuid_t *uuid);
ngx_int_t ehr_feed_integer(const ehr_column_t *column, int32_t *integer);
/* An instant as a granule, that it lies in or, `up`, that follows it. */
ngx_int_t ehr_feed_time(const ehr_column_t *column, ngx_uint_t up,
    ehr_engine_time_t *time);
/* A tstzrange; without an end it ends with time itself. */
ngx_int_t ehr_feed_range(const ehr_column_t *column, ehr_engine_time_t *from,
    ehr_engine_time_t *to);
/* The same in seconds, rounded down, as beds have it. */
ngx_int_t ehr_feed_seconds(const ehr_column_t *column,
    ehr_engine_second_t *from, ehr_engine_second_t *to);
/* One of some words, that end with NULL, as the engine has it; null is 0. */
typedef struct {
    const char             *name;
    uint8_t                 value;
} ehr_feed_word_t;

ngx_int_t ehr_feed_word(const ehr_feed_word_t *words,
    const ehr_column_t *column, uint8_t *value);
/* "{uuid,uuid}" of ids at out[EHR_FEED_ARRAY(n)]. */
#define EHR_FEED_ARRAY(n)  ((n) * (EHR_UUID_TEXT + 1) + 3)
void ehr_feed_array(const ehr_uuid_t *ids, ngx_uint_t n, u_char *out);

#define ehr_feed_engine_uuid(uuid)  ((const ehr_engine_uuid_t *) (uuid))
#define ehr_feed_same(one, other)                                            \
    (ngx_memcmp(one, other, sizeof(ehr_uuid_t)) == 0)


/* -- feed_load.c ----------------------------------------------------------- */

/* Handler of the replication: begins to load. */
ngx_int_t ehr_feed_snapshot(void *data);

/* Whether an engine's answer lets the feed go on; what did not fit is the
 * engine's to remember. */
ngx_int_t ehr_feed_accepted(ehr_engine_result_t result);

/* Rows of the same shape are read when loading and when reading again. */
ngx_int_t ehr_feed_group_row(void *data, const ehr_column_t *columns,
    ngx_uint_t n);
ngx_int_t ehr_feed_period_row(void *data, const ehr_column_t *columns,
    ngx_uint_t n);
ngx_int_t ehr_feed_claim_row(void *data, const ehr_column_t *columns,
    ngx_uint_t n);
/* Hands over what was collected. */
ngx_int_t ehr_feed_groups_end(ehr_feed_t *feed);
ngx_int_t ehr_feed_periods_end(ehr_feed_t *feed);

/* A doctor's node, or NULL. */
ehr_feed_doctor_t *ehr_feed_doctor(ehr_feed_t *feed, int32_t resource);
/* A resource that is new.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_feed_resource_row(void *data, const ehr_column_t *columns,
    ngx_uint_t n);


/* -- feed_stream.c --------------------------------------------------------- */

/* Handler of the replication. */
ngx_int_t ehr_feed_message(void *data, const ehr_pgoutput_t *message);


/* -- feed_change.c --------------------------------------------------------- */

/* Ends with one that has no name. */
extern const ehr_feed_table_t  ehr_feed_tables[];

/* Hash of what matters of a clinic, columns id, time_zone, deleted_at; 1 if
 * it is another than before. */
ngx_int_t ehr_feed_clinic_changed(ehr_feed_t *feed,
    const ehr_column_t *columns);
/* Announces slots of a doctor: day 0 is any. */
void ehr_feed_announce(const ehr_uuid_t *doctor, uint32_t day);


/* -- feed_bed.c ------------------------------------------------------------ */

ngx_int_t ehr_feed_beds_begin(ehr_feed_t *feed);

/* Rows of wards (id, hospital_id), rooms (id, ward_id, room_class_id,
 * sex_policy) and beds (id, ward_room_id, status, isolation, equipment,
 * age_group, occupant_sex, deleted_at, and when loaded the place among all),
 * loaded or changed.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_feed_ward_row(void *data, const ehr_column_t *columns,
    ngx_uint_t n);
ngx_int_t ehr_feed_room_row(void *data, const ehr_column_t *columns,
    ngx_uint_t n);
ngx_int_t ehr_feed_bed_row(void *data, const ehr_column_t *columns,
    ngx_uint_t n);

/* A bed's number is known. */
ngx_int_t ehr_feed_bed_numbered(ehr_feed_t *feed, int32_t number,
    const ehr_uuid_t *id);
/* Whether that is a bed. */
ngx_uint_t ehr_feed_is_bed(ehr_feed_t *feed, int32_t number);

/* A claim of a bed is there, or gone; columns resource, seat, during, ref,
 * kind. */
ngx_int_t ehr_feed_stay_row(void *data, const ehr_column_t *columns,
    ngx_uint_t n);
ngx_int_t ehr_feed_stay_ended(ehr_feed_t *feed, const ehr_column_t *columns);

/* The board of the ward where the bed stands looks different. */
ngx_int_t ehr_feed_touch_bed(ehr_feed_t *feed, const ehr_uuid_t *bed);


/* -- feed_board.c ---------------------------------------------------------- */

ngx_int_t ehr_feed_boards_begin(ehr_feed_t *feed);

/* The ward's board looks different. */
ngx_int_t ehr_feed_touch(ehr_feed_t *feed, const ehr_uuid_t *ward);

/* Looks whether what touched wards can be seen, and tells of it then;
 * ehr_feed_pump_rest() goes on.  NGX_DECLINED: there is nothing to look for. */
ngx_int_t ehr_feed_look_wards(ehr_feed_t *feed);


/* -- feed_named.c ---------------------------------------------------------- */

/* A tree of what is known by its uuid, empty. */
void ehr_feed_named_init(ehr_feed_t *feed, ngx_rbtree_t *tree);
/* What has that uuid, or NULL. */
void *ehr_feed_named(ngx_rbtree_t *tree, const ehr_uuid_t *id);
/* The same; it is made, all zero, if there is none.  NULL without memory. */
void *ehr_feed_named_add(ehr_feed_t *feed, ngx_rbtree_t *tree,
    const ehr_uuid_t *id, size_t size);


/* -- feed_reload.c --------------------------------------------------------- */

/* The doctor, the doctors of a clinic, or all of them are to be read again. */
void ehr_feed_mark(ehr_feed_t *feed, ehr_feed_doctor_t *doctor);
void ehr_feed_mark_clinic(ehr_feed_t *feed, const ehr_uuid_t *clinic);
void ehr_feed_mark_all(ehr_feed_t *feed);
/* The doctor's node by the uuid, or NULL. */
ehr_feed_doctor_t *ehr_feed_doctor_of(ehr_feed_t *feed,
    const ehr_uuid_t *uuid);

/* Reads again what is due and rolls the days, if nothing is being read.
 * NGX_OK or NGX_ERROR. */
ngx_int_t ehr_feed_pump(ehr_feed_t *feed);
/* The same but for wards that wait to be seen. */
ngx_int_t ehr_feed_pump_rest(ehr_feed_t *feed);

/* Whether a claim has gone since days began to be read. */
ngx_uint_t ehr_feed_is_gone(ehr_feed_t *feed, const ehr_feed_claim_t *claim);

#endif /* EHR_FEED_PRIVATE_H */
