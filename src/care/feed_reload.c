/*
 * What is read again while the changes go by: doctors whose schedule may be
 * another, and each midnight the days that are new.
 *
 * A read sees the database as it is then, which may be before or after what
 * the stream has shown: a commit is sent as soon as it is written and only then
 * becomes visible.  Periods and groups are read when the last change that
 * marked a doctor can be seen, and one that comes later marks the doctor again,
 * so the last read is the right one.  Claims: one that is read and comes again
 * is busy twice, which is once; one that went meanwhile is remembered in
 * `gone`, for its row may be read after it went.
 */

#include "feed_private.h"
#include "housekeeping.h"


static ngx_int_t ehr_feed_look(ehr_feed_t *feed);
static ngx_int_t ehr_feed_look_row(void *data, const ehr_column_t *columns,
    ngx_uint_t n);
static ngx_int_t ehr_feed_look_done(void *data);
static ngx_int_t ehr_feed_clinic_doctors(ehr_feed_t *feed);
static ngx_int_t ehr_feed_clinic_row(void *data, const ehr_column_t *columns,
    ngx_uint_t n);
static ngx_int_t ehr_feed_clinic_done(void *data);

static ngx_int_t ehr_feed_ask(ehr_feed_t *feed);
static ngx_int_t ehr_feed_ask_periods(ehr_feed_t *feed, uint32_t first,
    uint32_t end, ehr_replication_read_pt done);
static ngx_int_t ehr_feed_ask_groups(ehr_feed_t *feed);
static ngx_int_t ehr_feed_asked_sql(ehr_feed_t *feed, const char *before,
    const char *after, ehr_replication_row_pt row,
    ehr_replication_read_pt done);
static ngx_int_t ehr_feed_asked_periods(ehr_feed_t *feed);
static ngx_int_t ehr_feed_periods_done(void *data);
static ngx_int_t ehr_feed_groups_done(void *data);

static ngx_int_t ehr_feed_roll(ehr_feed_t *feed);
static ngx_int_t ehr_feed_roll_doctors(ehr_feed_t *feed);
static ngx_int_t ehr_feed_roll_periods_done(void *data);
static ngx_int_t ehr_feed_roll_claims(ehr_feed_t *feed);
static ngx_int_t ehr_feed_roll_done(void *data);


/* -- what is due ----------------------------------------------------------- */

void
ehr_feed_mark(ehr_feed_t *feed, ehr_feed_doctor_t *doctor)
{
    if (!doctor->is_dirty) {
        doctor->is_dirty = 1;
        ngx_queue_insert_tail(&feed->dirty, &doctor->link);
    }
}


void
ehr_feed_mark_clinic(ehr_feed_t *feed, const ehr_uuid_t *clinic)
{
    ngx_uint_t  i;

    for (i = 0; i < feed->nclinics; i++) {
        if (ngx_memcmp(&feed->clinics[i], clinic, sizeof(ehr_uuid_t)) == 0) {
            return;
        }
    }

    if (feed->nclinics == EHR_FEED_CLINICS) {
        feed->nclinics = 0;
        ehr_feed_mark_all(feed);
        return;
    }

    feed->clinics[feed->nclinics++] = *clinic;
}


/* The next doctor's node in the order of the numbers, from the first on after
 * NULL. */

static ngx_rbtree_node_t *
ehr_feed_after(ehr_feed_t *feed, ngx_rbtree_node_t *node)
{
    if (node) {
        return ngx_rbtree_next(&feed->doctors, node);
    }

    if (feed->doctors.root == feed->doctors.sentinel) {
        return NULL;
    }

    return ngx_rbtree_min(feed->doctors.root, feed->doctors.sentinel);
}


void
ehr_feed_mark_all(ehr_feed_t *feed)
{
    ngx_rbtree_node_t  *node;

    for (node = ehr_feed_after(feed, NULL);
         node;
         node = ehr_feed_after(feed, node))
    {
        ehr_feed_mark(feed, (ehr_feed_doctor_t *) node);
    }
}


ehr_feed_doctor_t *
ehr_feed_doctor_of(ehr_feed_t *feed, const ehr_uuid_t *uuid)
{
    int32_t  resource;

    if (ehr_engine_find(feed->engine, EHR_ENGINE_DOCTOR,
                        ehr_feed_engine_uuid(uuid), &resource)
        != EHR_ENGINE_OK)
    {
        return NULL;
    }

    return ehr_feed_doctor(feed, resource);
}


ngx_int_t
ehr_feed_pump(ehr_feed_t *feed)
{
    ngx_int_t  rc;

    if (!feed->live || ehr_replication_is_reading(feed->replication)) {
        return NGX_OK;
    }

    /* in turn: neither waits for ever while the other goes on and on */

    rc = ehr_feed_look_wards(feed);

    return rc == NGX_DECLINED ? ehr_feed_pump_rest(feed) : rc;
}


ngx_int_t
ehr_feed_pump_rest(ehr_feed_t *feed)
{
    if (feed->wait) {
        return ehr_feed_look(feed);
    }

    if (feed->roles) {
        feed->roles = 0;
        ehr_task_soon(EHR_TASK_POLL);
    }

    if (feed->nclinics > 0) {
        return ehr_feed_clinic_doctors(feed);
    }

    if (!ngx_queue_empty(&feed->dirty)) {
        return ehr_feed_ask(feed);
    }

    return ehr_feed_roll(feed);
}


/* -- whether what the stream has shown can be read ------------------------- */

/* A commit is in the log, and so in the stream, before other sessions see
 * it. */

static ngx_int_t
ehr_feed_look(ehr_feed_t *feed)
{
    u_char  sql[EHR_FEED_SQL];

    feed->looked = feed->unseen;

    (void) ngx_snprintf(sql, sizeof(sql),
               "COPY (SELECT " EHR_FEED_VISIBLE
               " FROM (SELECT %uD::bigint AS id) AS t" EHR_FEED_NOW
               ") TO STDOUT%Z", feed->unseen);

    return ehr_replication_read(feed->replication, (char *) sql,
                                ehr_feed_look_row, ehr_feed_look_done);
}


static ngx_int_t
ehr_feed_look_row(void *data, const ehr_column_t *columns, ngx_uint_t n)
{
    ehr_feed_t  *feed = data;

    (void) n;

    if (columns[0].len == 1 && columns[0].data[0] == 't'
        && feed->looked == feed->unseen)
    {
        feed->wait = 0;
    }

    return NGX_OK;
}


/* If not, the clock asks again. */

static ngx_int_t
ehr_feed_look_done(void *data)
{
    ehr_feed_t  *feed = data;

    return feed->wait ? NGX_OK : ehr_feed_pump(feed);
}


/* -- the doctors of a clinic ----------------------------------------------- */

static ngx_int_t
ehr_feed_clinic_doctors(ehr_feed_t *feed)
{
    u_char  sql[EHR_FEED_SQL], id[EHR_UUID_TEXT + 1];

    *ehr_uuid_print(id, &feed->clinics[--feed->nclinics]) = '\0';

    (void) ngx_snprintf(sql, sizeof(sql),
               "COPY (SELECT doctor_id FROM ehr.doctor_schedules"
               " WHERE clinic_id = '%s'"
               " UNION SELECT doctor_id FROM ehr.schedule_exceptions"
               " WHERE clinic_id = '%s' AND doctor_id IS NOT NULL)"
               " TO STDOUT%Z", id, id);

    return ehr_replication_read(feed->replication, (char *) sql,
                                ehr_feed_clinic_row, ehr_feed_clinic_done);
}


static ngx_int_t
ehr_feed_clinic_row(void *data, const ehr_column_t *columns, ngx_uint_t n)
{
    ehr_feed_t         *feed = data;
    ehr_uuid_t          id;
    ehr_feed_doctor_t  *doctor;

    (void) n;

    if (ehr_feed_uuid(&columns[0], &id) != NGX_OK) {
        return NGX_ERROR;
    }

    doctor = ehr_feed_doctor_of(feed, &id);

    if (doctor) {
        ehr_feed_mark(feed, doctor);
    }

    return NGX_OK;
}


static ngx_int_t
ehr_feed_clinic_done(void *data)
{
    return ehr_feed_pump(data);
}


/* -- doctors --------------------------------------------------------------- */

/* First their periods, then their groups. */

static ngx_int_t
ehr_feed_ask(ehr_feed_t *feed)
{
    ngx_queue_t        *q;
    ehr_feed_doctor_t  *doctor;

    feed->nasked = 0;

    while (!ngx_queue_empty(&feed->dirty) && feed->nasked < EHR_FEED_ASKED) {
        q = ngx_queue_head(&feed->dirty);
        ngx_queue_remove(q);

        doctor = ngx_queue_data(q, ehr_feed_doctor_t, link);
        doctor->is_dirty = 0;
        feed->asked[feed->nasked++] = doctor;
    }

    ehr_availability->feed.reloads += feed->nasked;

    return ehr_feed_ask_periods(feed, feed->first, feed->end,
                                ehr_feed_periods_done);
}


static ngx_int_t
ehr_feed_ask_periods(ehr_feed_t *feed, uint32_t first, uint32_t end,
    ehr_replication_read_pt done)
{
    u_char  text[128], *p, *last;

    feed->period_first = first;
    feed->period_end = end;

    last = text + sizeof(text);

    p = ngx_slprintf(text, last, "'::uuid[], '");
    p = ehr_feed_day(p, last, first);
    p = ngx_slprintf(p, last, "', '");
    p = ehr_feed_day(p, last, end);
    p = ngx_slprintf(p, last,
                     "') ORDER BY resource, starts_at) TO STDOUT");
    *p = '\0';

    return ehr_feed_asked_sql(feed,
               "COPY (SELECT resource, starts_at, ends_at, slot_minutes,"
               " capacity, clinic_id, room_id FROM ehr.open_periods('",
               (char *) text, ehr_feed_period_row, done);
}


static ngx_int_t
ehr_feed_ask_groups(ehr_feed_t *feed)
{
    return ehr_feed_asked_sql(feed,
               "COPY (SELECT r.id, g.id"
               " FROM ehr.resources r JOIN ehr.doctors d ON d.id = r.entity_id"
               " CROSS JOIN LATERAL unnest(d.specialty_ids || d.clinic_ids"
               " || d.department_ids) AS g (id)"
               " WHERE r.kind = 'doctor' AND d.deleted_at IS NULL"
               " AND d.id = ANY ('",
               "'::uuid[]) ORDER BY r.id) TO STDOUT",
               ehr_feed_group_row, ehr_feed_groups_done);
}


/* Reads with the ids of those who are asked about in the middle. */

static ngx_int_t
ehr_feed_asked_sql(ehr_feed_t *feed, const char *before, const char *after,
    ehr_replication_row_pt row, ehr_replication_read_pt done)
{
    u_char      *sql, *p;
    size_t       size;
    ngx_int_t    rc;
    ngx_uint_t   i;
    ehr_uuid_t   ids[EHR_FEED_CHUNK];

    size = ngx_strlen(before) + EHR_FEED_ARRAY(feed->nasked)
           + ngx_strlen(after) + 1;

    sql = ngx_alloc(size, feed->log);
    if (sql == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < feed->nasked; i++) {
        ids[i] = feed->asked[i]->uuid;
        feed->asked[i]->is_seen = 0;
    }

    p = ngx_cpymem(sql, before, ngx_strlen(before));
    ehr_feed_array(ids, feed->nasked, p);
    (void) ngx_cpystrn(p + ngx_strlen(p), (u_char *) after,
                       ngx_strlen(after) + 1);

    rc = ehr_replication_read(feed->replication, (char *) sql, row, done);

    ngx_free(sql);

    return rc;
}


/* Who had no row is not open. */

static ngx_int_t
ehr_feed_asked_periods(ehr_feed_t *feed)
{
    ngx_uint_t          i;
    ehr_feed_doctor_t  *doctor;

    if (ehr_feed_periods_end(feed) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < feed->nasked; i++) {
        doctor = feed->asked[i];

        if (!doctor->is_seen
            && ehr_feed_accepted(ehr_engine_feed_periods(feed->engine,
                                 doctor->node.key, feed->period_first,
                                 feed->period_end, NULL, 0))
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ehr_feed_periods_done(void *data)
{
    ehr_feed_t  *feed = data;

    if (ehr_feed_asked_periods(feed) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_feed_ask_groups(feed);
}


static ngx_int_t
ehr_feed_groups_done(void *data)
{
    ehr_feed_t         *feed = data;
    ngx_uint_t          i;
    ehr_feed_doctor_t  *doctor;

    if (ehr_feed_groups_end(feed) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < feed->nasked; i++) {
        doctor = feed->asked[i];
        ehr_feed_announce(&doctor->uuid, 0);

        if (doctor->is_seen) {
            continue;
        }

        feed->resource = doctor->node.key;          /* in no group */

        if (ehr_feed_groups_end(feed) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ehr_events_publish();

    return ehr_feed_pump(feed);
}


/* -- midnight -------------------------------------------------------------- */

static ngx_int_t
ehr_feed_roll(ehr_feed_t *feed)
{
    uint32_t  today;

    if (feed->rolling) {
        return ehr_feed_roll_doctors(feed);
    }

    today = ngx_time() / 86400;

    if (today <= feed->first) {
        return NGX_OK;
    }

    if (ehr_feed_accepted(ehr_engine_feed_roll(feed->engine, today,
                                               feed->end))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    feed->old_end = feed->end;
    feed->first = today;
    feed->end = today + ehr_availability->days;
    feed->rolled = NULL;
    feed->gone.nelts = 0;
    feed->rolling = 1;

    return ehr_feed_roll_doctors(feed);
}


/* The new days of some doctors more; after them, the claims. */

static ngx_int_t
ehr_feed_roll_doctors(ehr_feed_t *feed)
{
    ngx_rbtree_node_t  *node;

    feed->nasked = 0;

    for (node = ehr_feed_after(feed, feed->rolled);
         node && feed->nasked < EHR_FEED_CHUNK;
         node = ehr_feed_after(feed, node))
    {
        feed->asked[feed->nasked++] = (ehr_feed_doctor_t *) node;
        feed->rolled = node;
    }

    if (feed->nasked == 0) {
        return ehr_feed_roll_claims(feed);
    }

    return ehr_feed_ask_periods(feed, feed->old_end, feed->end,
                                ehr_feed_roll_periods_done);
}


static ngx_int_t
ehr_feed_roll_periods_done(void *data)
{
    ehr_feed_t  *feed = data;

    if (ehr_feed_asked_periods(feed) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_feed_pump(feed);
}


static ngx_int_t
ehr_feed_roll_claims(ehr_feed_t *feed)
{
    u_char  sql[EHR_FEED_SQL], *p, *last;

    last = sql + sizeof(sql);

    p = ngx_slprintf(sql, last,
                     "COPY (SELECT c.resource, c.seat, c.during"
                     " FROM ehr.claims c"
                     " JOIN ehr.resources r ON r.id = c.resource"
                     " WHERE r.kind NOT IN ('patient', 'bed')"
                     " AND c.during && tstzrange('");
    p = ehr_feed_day(p, last, feed->old_end);
    p = ngx_slprintf(p, last, "', '");
    p = ehr_feed_day(p, last, feed->end);
    p = ngx_slprintf(p, last, "')) TO STDOUT");
    *p = '\0';

    return ehr_replication_read(feed->replication, (char *) sql,
                                ehr_feed_claim_row, ehr_feed_roll_done);
}


static ngx_int_t
ehr_feed_roll_done(void *data)
{
    ehr_feed_t  *feed = data;

    feed->rolling = 0;
    feed->gone.nelts = 0;

    if (ehr_feed_accepted(ehr_engine_feed_roll(feed->engine, feed->first,
                                               feed->end))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_feed_pump(feed);
}


ngx_uint_t
ehr_feed_is_gone(ehr_feed_t *feed, const ehr_feed_claim_t *claim)
{
    ngx_uint_t         i;
    ehr_feed_claim_t  *gone;

    gone = feed->gone.elts;

    for (i = 0; i < feed->gone.nelts; i++) {
        if (gone[i].resource == claim->resource
            && gone[i].seat == claim->seat
            && gone[i].from == claim->from
            && gone[i].to == claim->to)
        {
            return 1;
        }
    }

    return 0;
}
