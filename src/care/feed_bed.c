/*
 * Beds in the engine.  What it holds of a bed comes from three tables, so the
 * wards, rooms and beds are kept here, and whichever row changes, the beds it
 * is about are handed over whole.  All of it is in the rows themselves: nothing
 * is read again, and the order of the changes is the database's.
 */

#include "bed_engine.h"
#include "feed_private.h"


/* The column of a loaded bed that says where it stands. */
#define EHR_FEED_BED_ORDER  8


typedef struct {
    ehr_feed_named_t        named;
    ehr_uuid_t              hospital;
} ehr_feed_ward_t;

typedef struct {
    ehr_feed_named_t        named;
    ehr_uuid_t              ward;
    ehr_uuid_t              room_class;
    uint8_t                 policy;
    unsigned                is_read:1;
} ehr_feed_room_t;

typedef struct {
    ehr_feed_named_t        named;
    ngx_rbtree_node_t       number;     /* key: of the resource; 0: it has not
                                           come yet */
    ehr_uuid_t              room;
    ehr_engine_bed_t        bed;
    unsigned                is_read:1;  /* its row has come */
    unsigned                is_deleted:1;
    unsigned                is_told:1;  /* the engine has it */
} ehr_feed_bed_t;

/* A claim of a bed. */
typedef struct {
    int32_t                 resource;
    int32_t                 seat;
    ehr_engine_second_t     from;
    ehr_engine_second_t     to;
} ehr_feed_stay_t;

/* Which beds are to be handed over again: those in a room or a ward. */
typedef struct {
    const ehr_uuid_t       *room;
    const ehr_uuid_t       *ward;
} ehr_feed_where_t;


static ngx_int_t ehr_feed_bed_take(ehr_feed_bed_t *bed,
    const ehr_column_t *columns);
static ngx_int_t ehr_feed_bed_tell(ehr_feed_t *feed, ehr_feed_bed_t *bed);
static ngx_int_t ehr_feed_bed_forget(ehr_feed_t *feed, ehr_feed_bed_t *bed);
static ngx_int_t ehr_feed_beds_tell(ehr_feed_t *feed,
    const ehr_feed_where_t *where);
static ehr_feed_bed_t *ehr_feed_bed_by_number(ehr_feed_t *feed,
    int32_t number);
static ehr_feed_ward_t *ehr_feed_ward_of(ehr_feed_t *feed,
    const ehr_feed_bed_t *bed);


#define ehr_feed_of_number(link)                                             \
    ((ehr_feed_bed_t *) ((u_char *) (link) - offsetof(ehr_feed_bed_t,        \
                                                      number)))

#define ehr_feed_copy(to, from)                                              \
    ngx_memcpy(to, from, sizeof(ehr_uuid_t))


static const ehr_feed_word_t  ehr_feed_policies[] = {
    { "ANY", EHR_ENGINE_ROOM_ANY },
    { "MALE", EHR_ENGINE_ROOM_MALE },
    { "FEMALE", EHR_ENGINE_ROOM_FEMALE },
    { "SAME", EHR_ENGINE_ROOM_SAME },
    { NULL, 0 }
};

static const ehr_feed_word_t  ehr_feed_statuses[] = {
    { "AVAILABLE", EHR_ENGINE_BED_AVAILABLE },
    { "OCCUPIED", EHR_ENGINE_BED_OCCUPIED },
    { "RESERVED", EHR_ENGINE_BED_RESERVED },
    { "CLEANING", EHR_ENGINE_BED_CLEANING },
    { "OUT_OF_SERVICE", EHR_ENGINE_BED_OUT_OF_SERVICE },
    { NULL, 0 }
};

static const ehr_feed_word_t  ehr_feed_ages[] = {
    { "ADULT", EHR_ENGINE_AGE_ADULT },
    { "CHILD", EHR_ENGINE_AGE_CHILD },
    { "NEWBORN", EHR_ENGINE_AGE_NEWBORN },
    { NULL, 0 }
};

static const ehr_feed_word_t  ehr_feed_sexes[] = {
    { "MALE", EHR_ENGINE_SEX_MALE },
    { "FEMALE", EHR_ENGINE_SEX_FEMALE },
    { "OTHER", EHR_ENGINE_SEX_OTHER },
    { "UNKNOWN", EHR_ENGINE_SEX_UNKNOWN },
    { NULL, 0 }
};


ngx_int_t
ehr_feed_beds_begin(ehr_feed_t *feed)
{
    ehr_feed_named_init(feed, &feed->wards);
    ehr_feed_named_init(feed, &feed->rooms);
    ehr_feed_named_init(feed, &feed->beds);
    ngx_rbtree_init(&feed->bed_numbers, &feed->named_sentinel,
                    ngx_rbtree_insert_value);

    return ehr_feed_boards_begin(feed);
}


/* -- rows ------------------------------------------------------------------ */

ngx_int_t
ehr_feed_ward_row(void *data, const ehr_column_t *columns, ngx_uint_t n)
{
    ehr_feed_t        *feed = data;
    ehr_uuid_t         id;
    ehr_feed_ward_t   *ward;
    ehr_feed_where_t   where;

    (void) n;

    if (ehr_feed_uuid(&columns[0], &id) != NGX_OK) {
        return NGX_ERROR;
    }

    ward = ehr_feed_named_add(feed, &feed->wards, &id,
                              sizeof(ehr_feed_ward_t));

    if (ward == NULL || ehr_feed_uuid(&columns[1], &ward->hospital) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!feed->followed) {
        return NGX_OK;
    }

    where.room = NULL;
    where.ward = &ward->named.id;

    if (ehr_feed_touch(feed, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_feed_beds_tell(feed, &where);
}


ngx_int_t
ehr_feed_room_row(void *data, const ehr_column_t *columns, ngx_uint_t n)
{
    ehr_feed_t        *feed = data;
    ehr_uuid_t         id;
    ehr_feed_room_t   *room;
    ehr_feed_where_t   where;

    (void) n;

    if (ehr_feed_uuid(&columns[0], &id) != NGX_OK) {
        return NGX_ERROR;
    }

    room = ehr_feed_named_add(feed, &feed->rooms, &id,
                              sizeof(ehr_feed_room_t));
    if (room == NULL) {
        return NGX_ERROR;
    }

    /* the ward where it was looks different, too */

    if (feed->followed && room->is_read
        && ehr_feed_touch(feed, &room->ward) != NGX_OK)
    {
        return NGX_ERROR;
    }

    room->is_read = 1;

    if (ehr_feed_uuid(&columns[1], &room->ward) != NGX_OK
        || ehr_feed_uuid(&columns[2], &room->room_class) != NGX_OK
        || ehr_feed_word(ehr_feed_policies, &columns[3], &room->policy)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!feed->followed) {
        return NGX_OK;
    }

    where.room = &room->named.id;
    where.ward = NULL;

    if (ehr_feed_touch(feed, &room->ward) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_feed_beds_tell(feed, &where);
}


ngx_int_t
ehr_feed_bed_row(void *data, const ehr_column_t *columns, ngx_uint_t n)
{
    int32_t          order;
    ehr_feed_t      *feed = data;
    ehr_uuid_t       id;
    ehr_feed_bed_t  *bed;

    if (ehr_feed_uuid(&columns[0], &id) != NGX_OK) {
        return NGX_ERROR;
    }

    bed = ehr_feed_named_add(feed, &feed->beds, &id, sizeof(ehr_feed_bed_t));
    if (bed == NULL) {
        return NGX_ERROR;
    }

    /* where it stood looks different, too */

    if (feed->followed && ehr_feed_touch_bed(feed, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    /* one that comes later is behind the others until the next load */

    if (n > EHR_FEED_BED_ORDER) {
        if (ehr_feed_integer(&columns[EHR_FEED_BED_ORDER], &order) != NGX_OK)
        {
            return NGX_ERROR;
        }

        bed->bed.order = order;

    } else if (!bed->is_read) {
        bed->bed.order = UINT32_MAX;
    }

    if (ehr_feed_bed_take(bed, columns) != NGX_OK
        || ehr_feed_bed_tell(feed, bed) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return feed->followed ? ehr_feed_touch_bed(feed, &id) : NGX_OK;
}


static ngx_int_t
ehr_feed_bed_take(ehr_feed_bed_t *bed, const ehr_column_t *columns)
{
    if (ehr_feed_uuid(&columns[1], &bed->room) != NGX_OK
        || ehr_feed_word(ehr_feed_statuses, &columns[2], &bed->bed.status)
           != NGX_OK
        || columns[3].data == NULL
        || columns[4].data == NULL
        || ehr_bed_equipment_bits((const char *) columns[4].data,
                                  columns[4].len, &bed->bed.equipment)
           != NGX_OK
        || ehr_feed_word(ehr_feed_ages, &columns[5], &bed->bed.age) != NGX_OK
        || ehr_feed_word(ehr_feed_sexes, &columns[6], &bed->bed.occupant_sex)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    bed->bed.is_isolation = (columns[3].data[0] == 't');
    bed->is_read = 1;
    bed->is_deleted = (columns[7].data != NULL);

    return NGX_OK;
}


/* -- the engine ------------------------------------------------------------ */

static ehr_feed_ward_t *
ehr_feed_ward_of(ehr_feed_t *feed, const ehr_feed_bed_t *bed)
{
    ehr_feed_room_t  *room;

    room = ehr_feed_named(&feed->rooms, &bed->room);

    return room ? ehr_feed_named(&feed->wards, &room->ward) : NULL;
}


/* Once number, row, room and ward are known. */

static ngx_int_t
ehr_feed_bed_tell(ehr_feed_t *feed, ehr_feed_bed_t *bed)
{
    ehr_feed_room_t  *room;
    ehr_feed_ward_t  *ward;

    if (bed->number.key == 0 || !bed->is_read) {
        return NGX_OK;
    }

    if (bed->is_deleted) {
        return ehr_feed_bed_forget(feed, bed);
    }

    room = ehr_feed_named(&feed->rooms, &bed->room);
    ward = ehr_feed_ward_of(feed, bed);

    if (room == NULL || ward == NULL) {
        return NGX_ERROR;               /* rows come after what they name */
    }

    ehr_feed_copy(&bed->bed.uuid, &bed->named.id);
    ehr_feed_copy(&bed->bed.room, &room->named.id);
    ehr_feed_copy(&bed->bed.room_class, &room->room_class);
    ehr_feed_copy(&bed->bed.ward, &ward->named.id);
    ehr_feed_copy(&bed->bed.hospital, &ward->hospital);
    bed->bed.policy = room->policy;
    bed->is_told = 1;

    return ehr_feed_accepted(ehr_engine_feed_bed(feed->engine,
                                                 bed->number.key, &bed->bed));
}


/* A bed that is deleted has no claim that is still to end. */

static ngx_int_t
ehr_feed_bed_forget(ehr_feed_t *feed, ehr_feed_bed_t *bed)
{
    if (!bed->is_told) {
        return NGX_OK;
    }

    bed->is_told = 0;

    return ehr_feed_accepted(ehr_engine_feed_forget(feed->engine,
                                                    bed->number.key));
}


static ngx_int_t
ehr_feed_beds_tell(ehr_feed_t *feed, const ehr_feed_where_t *where)
{
    ehr_feed_bed_t     *bed;
    ehr_feed_room_t    *room;
    ngx_rbtree_node_t  *node;

    if (feed->beds.root == feed->beds.sentinel) {
        return NGX_OK;
    }

    for (node = ngx_rbtree_min(feed->beds.root, feed->beds.sentinel);
         node;
         node = ngx_rbtree_next(&feed->beds, node))
    {
        bed = (ehr_feed_bed_t *) node;
        room = ehr_feed_named(&feed->rooms, &bed->room);

        if (room == NULL
            || (where->room && !ehr_feed_same(&bed->room, where->room))
            || (where->ward && !ehr_feed_same(&room->ward, where->ward)))
        {
            continue;
        }

        if (ehr_feed_bed_tell(feed, bed) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ehr_feed_bed_numbered(ehr_feed_t *feed, int32_t number, const ehr_uuid_t *id)
{
    ehr_feed_bed_t  *bed;

    bed = ehr_feed_named_add(feed, &feed->beds, id, sizeof(ehr_feed_bed_t));
    if (bed == NULL) {
        return NGX_ERROR;
    }

    if (bed->number.key) {
        return NGX_OK;
    }

    bed->number.key = number;
    ngx_rbtree_insert(&feed->bed_numbers, &bed->number);

    return ehr_feed_bed_tell(feed, bed);
}


/* -- stays ----------------------------------------------------------------- */

static ehr_feed_bed_t *
ehr_feed_bed_by_number(ehr_feed_t *feed, int32_t number)
{
    ngx_rbtree_key_t    key;
    ngx_rbtree_node_t  *node;

    key = number;
    node = feed->bed_numbers.root;

    while (node != feed->bed_numbers.sentinel) {
        if (node->key == key) {
            return ehr_feed_of_number(node);
        }

        node = key < node->key ? node->left : node->right;
    }

    return NULL;
}


ngx_uint_t
ehr_feed_is_bed(ehr_feed_t *feed, int32_t number)
{
    return ehr_feed_bed_by_number(feed, number) != NULL;
}


static ngx_int_t
ehr_feed_stay_of(const ehr_column_t *columns, ehr_feed_stay_t *stay)
{
    return (ehr_feed_integer(&columns[0], &stay->resource) == NGX_OK
            && ehr_feed_integer(&columns[1], &stay->seat) == NGX_OK
            && ehr_feed_seconds(&columns[2], &stay->from, &stay->to)
               == NGX_OK)
           ? NGX_OK : NGX_ERROR;
}


/* One that has ended is kept by PostgreSQL alone.  One that has an end because
 * it is over names no act: that act may just be taking another bed. */

ngx_int_t
ehr_feed_stay_row(void *data, const ehr_column_t *columns, ngx_uint_t n)
{
    ehr_feed_t       *feed = data;
    ehr_uuid_t        act;
    ngx_uint_t        is_over;
    ehr_feed_stay_t   stay;

    (void) n;

    if (ehr_feed_stay_of(columns, &stay) != NGX_OK
        || ehr_feed_uuid(&columns[3], &act) != NGX_OK
        || columns[4].data == NULL)
    {
        return NGX_ERROR;
    }

    feed->rows++;

    is_over = (columns[4].data[0] == 'a' && stay.to != EHR_ENGINE_OPEN_END);

    if (is_over && stay.to <= ngx_time()) {
        return NGX_OK;
    }

    return ehr_feed_accepted(ehr_engine_feed_stay(feed->engine, stay.resource,
                                 stay.seat, stay.from, stay.to,
                                 is_over ? NULL
                                         : ehr_feed_engine_uuid(&act)));
}


ngx_int_t
ehr_feed_stay_ended(ehr_feed_t *feed, const ehr_column_t *columns)
{
    ehr_feed_stay_t  stay;

    if (ehr_feed_stay_of(columns, &stay) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_feed_accepted(ehr_engine_feed_stay_end(feed->engine,
                                 stay.resource, stay.seat, stay.from,
                                 stay.to));
}


/* -- where a bed stands ---------------------------------------------------- */

ngx_int_t
ehr_feed_touch_bed(ehr_feed_t *feed, const ehr_uuid_t *id)
{
    ehr_feed_bed_t   *bed;
    ehr_feed_ward_t  *ward;

    bed = ehr_feed_named(&feed->beds, id);
    ward = bed && bed->is_read ? ehr_feed_ward_of(feed, bed) : NULL;

    return ward ? ehr_feed_touch(feed, &ward->named.id) : NGX_OK;
}
