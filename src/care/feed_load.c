/*
 * Everything the engine holds, read from a snapshot.
 */

#include "../store/crash_point.h"
#include "feed_private.h"


typedef struct {
    const char              *copy;      /* %1 and %2: the first day and the
                                           one after the last */
    ehr_replication_row_pt   row;
    ngx_int_t              (*end)(ehr_feed_t *feed);
} ehr_feed_step_t;


static ngx_int_t ehr_feed_begin(ehr_feed_t *feed);
static ngx_int_t ehr_feed_next(ehr_feed_t *feed);
static ngx_int_t ehr_feed_step_done(void *data);
static ngx_int_t ehr_feed_clinic_row(void *data, const ehr_column_t *columns,
    ngx_uint_t n);
static void ehr_feed_see(ehr_feed_t *feed);
static ngx_int_t ehr_feed_doctor_add(ehr_feed_t *feed, int32_t number,
    const ehr_uuid_t *uuid);
static ngx_int_t ehr_feed_groups_set(ehr_feed_t *feed,
    ehr_feed_doctor_t *doctor);
static ngx_uint_t ehr_feed_has(const ehr_uuid_t *ids, ngx_uint_t n,
    const ehr_uuid_t *id);


/* Resources come in the order of their uuids, which the engine searches by.
 * The rest by resource, so that what belongs together comes together. */
static const ehr_feed_step_t  ehr_feed_steps[] = {

    { "COPY (SELECT id, time_zone, deleted_at IS NULL FROM ehr.clinics)"
      " TO STDOUT",
      ehr_feed_clinic_row, NULL },

    { "COPY (SELECT id, kind, entity_id FROM ehr.resources"
      " WHERE kind <> 'patient' ORDER BY entity_id) TO STDOUT",
      ehr_feed_resource_row, NULL },

    { "COPY (SELECT r.id, g.id"
      " FROM ehr.resources r JOIN ehr.doctors d ON d.id = r.entity_id"
      " CROSS JOIN LATERAL unnest(d.specialty_ids || d.clinic_ids"
      " || d.department_ids) AS g (id)"
      " WHERE r.kind = 'doctor' AND d.deleted_at IS NULL"
      " ORDER BY r.id) TO STDOUT",
      ehr_feed_group_row, ehr_feed_groups_end },

    { "COPY (SELECT resource, starts_at, ends_at, slot_minutes, capacity,"
      " clinic_id, room_id FROM ehr.open_periods(NULL, '%1', '%2')"
      " ORDER BY resource, starts_at) TO STDOUT",
      ehr_feed_period_row, ehr_feed_periods_end },

    { "COPY (SELECT c.resource, c.seat, c.during"
      " FROM ehr.claims c JOIN ehr.resources r ON r.id = c.resource"
      " WHERE r.kind NOT IN ('patient', 'bed')"
      " AND c.during && tstzrange('%1', '%2')) TO STDOUT",
      ehr_feed_claim_row, NULL },

    { "COPY (SELECT id, hospital_id FROM ehr.wards) TO STDOUT",
      ehr_feed_ward_row, NULL },

    { "COPY (SELECT id, ward_id, room_class_id, sex_policy"
      " FROM ehr.ward_rooms) TO STDOUT",
      ehr_feed_room_row, NULL },

    { "COPY (SELECT b.id, b.ward_room_id, b.status, b.isolation, b.equipment,"
      " b.age_group, b.occupant_sex, b.deleted_at, row_number()"
      " OVER (ORDER BY w.name, r.room_number, b.bed_number, b.id)"
      " FROM ehr.beds b JOIN ehr.ward_rooms r ON r.id = b.ward_room_id"
      " JOIN ehr.wards w ON w.id = r.ward_id) TO STDOUT",
      ehr_feed_bed_row, NULL },

    { "COPY (SELECT c.resource, c.seat, c.during, c.ref, c.kind"
      " FROM ehr.claims c JOIN ehr.resources r ON r.id = c.resource"
      " WHERE r.kind = 'bed' AND coalesce(upper(c.during), 'infinity')"
      " > now()) TO STDOUT",
      ehr_feed_stay_row, NULL },

    { NULL, NULL, NULL }
};


ngx_int_t
ehr_feed_snapshot(void *data)
{
    ehr_feed_t  *feed = data;

    if (ehr_feed_begin(feed) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_feed_next(feed);
}


static ngx_int_t
ehr_feed_begin(ehr_feed_t *feed)
{
    if (feed->pool) {
        ngx_destroy_pool(feed->pool);
    }

    feed->pool = ngx_create_pool(16384, feed->log);

    if (feed->pool == NULL
        || ehr_feed_beds_begin(feed) != NGX_OK
        || ngx_array_init(&feed->periods, feed->pool, 512,
                          sizeof(ehr_engine_period_t)) != NGX_OK
        || ngx_array_init(&feed->groups, feed->pool, 160, sizeof(ehr_uuid_t))
           != NGX_OK
        || ngx_array_init(&feed->zones, feed->pool, 64,
                          sizeof(ehr_feed_clinic_t)) != NGX_OK
        || ngx_array_init(&feed->gone, feed->pool, 64,
                          sizeof(ehr_feed_claim_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&feed->doctors, &feed->sentinel,
                    ngx_rbtree_insert_value);

    feed->began = ehr_monotonic_us();
    feed->step = 0;
    feed->rows = 0;
    feed->resource = 0;
    feed->nrelations = 0;
    feed->followed = 0;
    feed->live = 0;
    feed->rolling = 0;
    feed->wait = 0;
    feed->roles = 0;
    feed->nclinics = 0;
    feed->nasked = 0;
    ngx_queue_init(&feed->dirty);
    feed->first = ngx_time() / 86400;
    feed->end = feed->first + ehr_availability->days;
    feed->period_first = feed->first;
    feed->period_end = feed->end;

    ehr_events_reset();

    return ehr_engine_feed_begin(feed->engine, feed->first) == EHR_ENGINE_OK
           ? NGX_OK : NGX_ERROR;
}


/* Reads the next table, or goes on to the changes. */

static ngx_int_t
ehr_feed_next(ehr_feed_t *feed)
{
    u_char                 sql[EHR_FEED_SQL], *p, *last;
    const char            *from;
    const ehr_feed_step_t *step;

    step = &ehr_feed_steps[feed->step];

    if (step->copy == NULL) {
        feed->followed = 1;
        return ehr_replication_follow(feed->replication);
    }

    p = sql;
    last = sql + sizeof(sql) - 1;

    for (from = step->copy; *from && p < last; from++) {
        if (*from != '%') {
            *p++ = *from;
            continue;
        }

        from++;
        p = ehr_feed_day(p, last, *from == '1' ? feed->first : feed->end);
    }

    *p = '\0';

    return ehr_replication_read(feed->replication, (char *) sql, step->row,
                                ehr_feed_step_done);
}


static ngx_int_t
ehr_feed_step_done(void *data)
{
    ehr_feed_t             *feed = data;
    const ehr_feed_step_t  *step;

    step = &ehr_feed_steps[feed->step];

    if (step->end && step->end(feed) != NGX_OK) {
        return NGX_ERROR;
    }

    feed->step++;

    return ehr_feed_next(feed);
}


ngx_int_t
ehr_feed_accepted(ehr_engine_result_t result)
{
    if (result == EHR_ENGINE_INVALID) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "change feed: the engine cannot make sense of a row");
    }

    return (result == EHR_ENGINE_GONE || result == EHR_ENGINE_BUSY)
           ? NGX_ERROR : NGX_OK;
}


/* -- clinics and resources ------------------------------------------------- */

static ngx_int_t
ehr_feed_clinic_row(void *data, const ehr_column_t *columns, ngx_uint_t n)
{
    (void) n;

    return ehr_feed_clinic_changed(data, columns) == NGX_ERROR ? NGX_ERROR
                                                               : NGX_OK;
}


ngx_int_t
ehr_feed_resource_row(void *data, const ehr_column_t *columns, ngx_uint_t n)
{
    int32_t      number;
    uint8_t      kind;
    ehr_feed_t  *feed = data;
    ehr_uuid_t   uuid;

    static const ehr_feed_word_t  kinds[] = {
        { "doctor", EHR_ENGINE_DOCTOR },
        { "room", EHR_ENGINE_ROOM },
        { "equipment", EHR_ENGINE_EQUIPMENT },
        { "bed", EHR_ENGINE_BED },
        { NULL, 0 }
    };

    (void) n;

    if (ehr_feed_word(kinds, &columns[1], &kind) != NGX_OK) {
        return NGX_OK;                              /* a patient */
    }

    if (ehr_feed_integer(&columns[0], &number) != NGX_OK
        || ehr_feed_uuid(&columns[2], &uuid) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (kind == EHR_ENGINE_BED) {
        return ehr_feed_bed_numbered(feed, number, &uuid);
    }

    if (kind == EHR_ENGINE_DOCTOR
        && ehr_feed_doctor_add(feed, number, &uuid) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_feed_accepted(ehr_engine_feed_resource(feed->engine, number,
                                          kind, ehr_feed_engine_uuid(&uuid)));
}


static ngx_int_t
ehr_feed_doctor_add(ehr_feed_t *feed, int32_t number, const ehr_uuid_t *uuid)
{
    ehr_feed_doctor_t  *doctor;

    if (ehr_feed_doctor(feed, number)) {
        return NGX_OK;
    }

    doctor = ngx_pcalloc(feed->pool, sizeof(ehr_feed_doctor_t));
    if (doctor == NULL) {
        return NGX_ERROR;
    }

    doctor->node.key = number;
    doctor->uuid = *uuid;
    ngx_rbtree_insert(&feed->doctors, &doctor->node);

    if (feed->followed) {
        ehr_feed_mark(feed, doctor);
    }

    return NGX_OK;
}


ehr_feed_doctor_t *
ehr_feed_doctor(ehr_feed_t *feed, int32_t resource)
{
    ngx_rbtree_key_t    key;
    ngx_rbtree_node_t  *node;

    key = resource;
    node = feed->doctors.root;

    while (node != feed->doctors.sentinel) {
        if (node->key == key) {
            return (ehr_feed_doctor_t *) node;
        }

        node = key < node->key ? node->left : node->right;
    }

    return NULL;
}


static void
ehr_feed_see(ehr_feed_t *feed)
{
    ehr_feed_doctor_t  *doctor;

    doctor = ehr_feed_doctor(feed, feed->resource);

    if (doctor) {
        doctor->is_seen = 1;
    }
}


/* -- groups: of a resource, and then of the next --------------------------- */

ngx_int_t
ehr_feed_group_row(void *data, const ehr_column_t *columns, ngx_uint_t n)
{
    int32_t      resource;
    ehr_feed_t  *feed = data;
    ehr_uuid_t   uuid, *group;

    (void) n;

    if (ehr_feed_integer(&columns[0], &resource) != NGX_OK
        || ehr_feed_uuid(&columns[1], &uuid) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (resource != feed->resource) {
        if (ehr_feed_groups_end(feed) != NGX_OK) {
            return NGX_ERROR;
        }

        feed->resource = resource;
        ehr_feed_see(feed);
    }

    group = ngx_array_push(&feed->groups);
    if (group == NULL) {
        return NGX_ERROR;
    }

    *group = uuid;

    return NGX_OK;
}


ngx_int_t
ehr_feed_groups_end(ehr_feed_t *feed)
{
    ngx_int_t           rc;
    ehr_feed_doctor_t  *doctor;

    doctor = feed->resource ? ehr_feed_doctor(feed, feed->resource) : NULL;

    rc = doctor ? ehr_feed_groups_set(feed, doctor) : NGX_OK;

    feed->resource = 0;
    feed->groups.nelts = 0;

    return rc;
}


/* The doctor is in the groups that were read, and in no others. */

static ngx_int_t
ehr_feed_groups_set(ehr_feed_t *feed, ehr_feed_doctor_t *doctor)
{
    ngx_uint_t   i, n, changed;
    ehr_uuid_t  *groups;

    groups = feed->groups.elts;
    n = feed->groups.nelts;
    changed = 0;

    for (i = 0; i < doctor->ngroups; i++) {
        if (ehr_feed_has(groups, n, &doctor->groups[i])) {
            continue;
        }

        changed = 1;

        if (ehr_feed_accepted(ehr_engine_feed_member(feed->engine,
                              ehr_feed_engine_uuid(&doctor->groups[i]),
                              doctor->node.key, 0))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < n; i++) {
        if (ehr_feed_has(doctor->groups, doctor->ngroups, &groups[i])) {
            continue;
        }

        changed = 1;

        if (ehr_feed_accepted(ehr_engine_feed_member(feed->engine,
                              ehr_feed_engine_uuid(&groups[i]),
                              doctor->node.key, 1))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (!changed) {
        return NGX_OK;
    }

    doctor->groups = ngx_palloc(feed->pool, n * sizeof(ehr_uuid_t) + 1);
    if (doctor->groups == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(doctor->groups, groups, n * sizeof(ehr_uuid_t));
    doctor->ngroups = n;

    return NGX_OK;
}


static ngx_uint_t
ehr_feed_has(const ehr_uuid_t *ids, ngx_uint_t n, const ehr_uuid_t *id)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (ngx_memcmp(&ids[i], id, sizeof(ehr_uuid_t)) == 0) {
            return 1;
        }
    }

    return 0;
}


/* -- periods: of a resource, and then of the next -------------------------- */

ngx_int_t
ehr_feed_period_row(void *data, const ehr_column_t *columns, ngx_uint_t n)
{
    int32_t               resource, minutes, capacity;
    ehr_feed_t           *feed = data;
    ehr_uuid_t            clinic, room;
    ehr_engine_time_t     from, to;
    ehr_engine_period_t  *period;

    (void) n;

    ngx_memzero(&room, sizeof(ehr_uuid_t));

    if (ehr_feed_integer(&columns[0], &resource) != NGX_OK
        || ehr_feed_time(&columns[1], 1, &from) != NGX_OK
        || ehr_feed_time(&columns[2], 0, &to) != NGX_OK
        || ehr_feed_integer(&columns[3], &minutes) != NGX_OK
        || ehr_feed_integer(&columns[4], &capacity) != NGX_OK
        || ehr_feed_uuid(&columns[5], &clinic) != NGX_OK
        || (columns[6].data && ehr_feed_uuid(&columns[6], &room) != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (resource != feed->resource) {
        if (ehr_feed_periods_end(feed) != NGX_OK) {
            return NGX_ERROR;
        }

        feed->resource = resource;
        ehr_feed_see(feed);
    }

    period = ngx_array_push(&feed->periods);
    if (period == NULL) {
        return NGX_ERROR;
    }

    period->from = from;
    period->to = to;
    period->grid = from;
    period->slot = minutes * 60 / EHR_ENGINE_GRANULE_SECONDS;
    period->capacity = capacity;
    ngx_memcpy(&period->clinic, &clinic, sizeof(ehr_uuid_t));
    ngx_memcpy(&period->room, &room, sizeof(ehr_uuid_t));

    feed->rows++;

    return NGX_OK;
}


ngx_int_t
ehr_feed_periods_end(ehr_feed_t *feed)
{
    ngx_int_t  rc;

    rc = NGX_OK;

    if (feed->resource) {
        rc = ehr_feed_accepted(ehr_engine_feed_periods(feed->engine,
                               feed->resource, feed->period_first,
                               feed->period_end, feed->periods.elts,
                               feed->periods.nelts));
    }

    feed->resource = 0;
    feed->periods.nelts = 0;

    return rc;
}


/* -- claims ---------------------------------------------------------------- */

ngx_int_t
ehr_feed_claim_row(void *data, const ehr_column_t *columns, ngx_uint_t n)
{
    int32_t            seat;
    ehr_feed_t        *feed = data;
    ehr_feed_claim_t   claim;

    (void) n;

    if (ehr_feed_integer(&columns[0], &claim.resource) != NGX_OK
        || ehr_feed_integer(&columns[1], &seat) != NGX_OK
        || ehr_feed_range(&columns[2], &claim.from, &claim.to) != NGX_OK)
    {
        return NGX_ERROR;
    }

    claim.seat = seat;
    feed->rows++;
    ehr_crash_point("feed-row");

    if (feed->followed && ehr_feed_is_gone(feed, &claim)) {
        return NGX_OK;
    }

    return ehr_feed_accepted(ehr_engine_feed_busy(feed->engine,
                             claim.resource, seat, claim.from, claim.to,
                             NULL));
}
