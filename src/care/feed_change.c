/*
 * What a changed row means, by its table.
 */

#include "../model/moment.h"
#include "feed_private.h"


static ngx_int_t ehr_feed_claim(ehr_feed_t *feed, const ehr_feed_row_t *row);
static ngx_int_t ehr_feed_claim_freed(ehr_feed_t *feed,
    const ehr_column_t *columns);
static ngx_int_t ehr_feed_claim_taken(ehr_feed_t *feed,
    const ehr_column_t *columns);
static void ehr_feed_claim_announce(ehr_feed_t *feed,
    const ehr_feed_claim_t *claim);
static ngx_int_t ehr_feed_resource(ehr_feed_t *feed,
    const ehr_feed_row_t *row);
static ngx_int_t ehr_feed_ward(ehr_feed_t *feed, const ehr_feed_row_t *row);
static ngx_int_t ehr_feed_room(ehr_feed_t *feed, const ehr_feed_row_t *row);
static ngx_int_t ehr_feed_bed(ehr_feed_t *feed, const ehr_feed_row_t *row);
static ngx_int_t ehr_feed_admission(ehr_feed_t *feed,
    const ehr_feed_row_t *row);
static ngx_int_t ehr_feed_doctor_row(ehr_feed_t *feed,
    const ehr_feed_row_t *row);
static ngx_int_t ehr_feed_schedule(ehr_feed_t *feed,
    const ehr_feed_row_t *row);
static ngx_int_t ehr_feed_clinic(ehr_feed_t *feed, const ehr_feed_row_t *row);
static ngx_int_t ehr_feed_appointment(ehr_feed_t *feed,
    const ehr_feed_row_t *row);
static ngx_int_t ehr_feed_family(ehr_feed_t *feed, const ehr_feed_row_t *row);
static ngx_int_t ehr_feed_revocation(ehr_feed_t *feed,
    const ehr_feed_row_t *row);
static ngx_int_t ehr_feed_role(ehr_feed_t *feed, const ehr_feed_row_t *row);


const ehr_feed_table_t  ehr_feed_tables[] = {

    { "claims", 0, { "resource", "seat", "during", "ref", "kind" },
      ehr_feed_claim },

    { "wards", 0, { "id", "hospital_id" }, ehr_feed_ward },

    { "ward_rooms", 0, { "id", "ward_id", "room_class_id", "sex_policy" },
      ehr_feed_room },

    { "beds", 0, { "id", "ward_room_id", "status", "isolation", "equipment",
                   "age_group", "occupant_sex", "deleted_at" },
      ehr_feed_bed },

    { "admissions", 0, { "id", "bed_id" }, ehr_feed_admission },

    { "resources", 1, { "id", "kind", "entity_id" }, ehr_feed_resource },

    { "doctors", 1, { "id" }, ehr_feed_doctor_row },

    { "doctor_schedules", 1, { "doctor_id", "clinic_id" },
      ehr_feed_schedule },

    { "schedule_exceptions", 1, { "doctor_id", "clinic_id" },
      ehr_feed_schedule },

    { "clinics", 1, { "id", "time_zone", "deleted_at" }, ehr_feed_clinic },

    { "appointments", 0, { "id", "doctor_id", "clinic_id", "patient_id",
                           "starts_at" }, ehr_feed_appointment },

    { "family_members", 0, { "user_id" }, ehr_feed_family },

    { "patients", 0, { "user_id" }, ehr_feed_family },

    { "access_revocations", 0, { "kind", "subject_id", "before", "until" },
      ehr_feed_revocation },

    { "roles", 1, { "id" }, ehr_feed_role },

    { NULL, 0, { NULL }, NULL }
};


/* -- claims: what is busy -------------------------------------------------- */

static ngx_int_t
ehr_feed_claim(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    if (row->type != EHR_PGOUTPUT_INSERT
        && ehr_feed_claim_freed(feed, row->was) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (row->type != EHR_PGOUTPUT_DELETE
        && ehr_feed_claim_taken(feed, row->now) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ehr_feed_claim_of(const ehr_column_t *columns, ehr_feed_claim_t *claim)
{
    int32_t  seat;

    if (ehr_feed_integer(&columns[0], &claim->resource) != NGX_OK
        || ehr_feed_integer(&columns[1], &seat) != NGX_OK
        || ehr_feed_range(&columns[2], &claim->from, &claim->to) != NGX_OK)
    {
        return NGX_ERROR;
    }

    claim->seat = seat;

    return NGX_OK;
}


static ngx_int_t
ehr_feed_claim_freed(ehr_feed_t *feed, const ehr_column_t *columns)
{
    ehr_feed_claim_t  claim, *gone;

    if (ehr_feed_claim_of(columns, &claim) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ehr_feed_is_bed(feed, claim.resource)) {
        return ehr_feed_stay_ended(feed, columns);
    }

    if (feed->rolling) {
        gone = ngx_array_push(&feed->gone);
        if (gone == NULL) {
            return NGX_ERROR;
        }

        *gone = claim;
    }

    ehr_feed_claim_announce(feed, &claim);

    return ehr_feed_accepted(ehr_engine_feed_free(feed->engine,
                             claim.resource, claim.seat, claim.from,
                             claim.to));
}


static ngx_int_t
ehr_feed_claim_taken(ehr_feed_t *feed, const ehr_column_t *columns)
{
    ehr_uuid_t         act;
    ehr_feed_claim_t   claim;

    if (ehr_feed_claim_of(columns, &claim) != NGX_OK
        || ehr_feed_uuid(&columns[3], &act) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ehr_feed_is_bed(feed, claim.resource)) {
        return ehr_feed_stay_row(feed, columns, 5);
    }

    ehr_feed_claim_announce(feed, &claim);

    return ehr_feed_accepted(ehr_engine_feed_busy(feed->engine,
                             claim.resource, claim.seat, claim.from, claim.to,
                             ehr_feed_engine_uuid(&act)));
}


static void
ehr_feed_claim_announce(ehr_feed_t *feed, const ehr_feed_claim_t *claim)
{
    uint32_t            first, last;
    ehr_feed_doctor_t  *doctor;

    doctor = ehr_feed_doctor(feed, claim->resource);
    first = claim->from / EHR_ENGINE_DAY;
    last = claim->to > claim->from ? (claim->to - 1) / EHR_ENGINE_DAY : first;

    if (doctor == NULL) {
        return;
    }

    if (last - first > 2) {
        ehr_feed_announce(&doctor->uuid, 0);
        return;
    }

    for (/* void */ ; first <= last; first++) {
        ehr_feed_announce(&doctor->uuid, first);
    }
}


void
ehr_feed_announce(const ehr_uuid_t *doctor, uint32_t day)
{
    ehr_event_t  event;

    ngx_memzero(&event, sizeof(ehr_event_t));
    event.kind = EHR_EVENT_AVAILABILITY;
    event.doctor = *doctor;
    event.day = day;

    ehr_events_put(&event);
}


/* -- who and when ---------------------------------------------------------- */

static ngx_int_t
ehr_feed_resource(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    int32_t  number;

    if (row->type != EHR_PGOUTPUT_DELETE) {
        return ehr_feed_resource_row(feed, row->now, 3);
    }

    if (ehr_feed_integer(&row->was[0], &number) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_feed_accepted(ehr_engine_feed_forget(feed->engine, number));
}


/* -- beds: such rows are only marked as deleted ---------------------------- */

static ngx_int_t
ehr_feed_ward(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    return row->type == EHR_PGOUTPUT_DELETE
           ? NGX_OK : ehr_feed_ward_row(feed, row->now, 2);
}


static ngx_int_t
ehr_feed_room(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    return row->type == EHR_PGOUTPUT_DELETE
           ? NGX_OK : ehr_feed_room_row(feed, row->now, 4);
}


static ngx_int_t
ehr_feed_bed(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    return row->type == EHR_PGOUTPUT_DELETE
           ? NGX_OK : ehr_feed_bed_row(feed, row->now, 8);
}


/* What a board shows of who lies there: leave, orders.  Where a bed is taken or
 * left, its own row says so. */

static ngx_int_t
ehr_feed_admission(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    ehr_uuid_t  bed;

    if (row->type == EHR_PGOUTPUT_DELETE
        || ehr_feed_uuid(&row->now[1], &bed) != NGX_OK)
    {
        return NGX_OK;
    }

    return ehr_feed_touch_bed(feed, &bed);
}


/* -- doctors --------------------------------------------------------------- */

/* A doctor who is not known yet will be when the resource comes. */

static void
ehr_feed_mark_doctor(ehr_feed_t *feed, const ehr_column_t *column)
{
    ehr_uuid_t          id;
    ehr_feed_doctor_t  *doctor;

    if (ehr_feed_uuid(column, &id) != NGX_OK) {
        return;
    }

    doctor = ehr_feed_doctor_of(feed, &id);

    if (doctor) {
        ehr_feed_mark(feed, doctor);
    }
}


static ngx_int_t
ehr_feed_doctor_row(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    ehr_feed_mark_doctor(feed, &row->was[0]);
    ehr_feed_mark_doctor(feed, &row->now[0]);

    return NGX_OK;
}


/* Of a doctor; without one, of all doctors of a clinic. */

static ngx_int_t
ehr_feed_schedule(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    ngx_uint_t           i;
    ehr_uuid_t           clinic;
    const ehr_column_t  *columns;

    for (i = 0; i < 2; i++) {
        columns = i ? row->now : row->was;

        if (columns[0].data) {
            ehr_feed_mark_doctor(feed, &columns[0]);

        } else if (ehr_feed_uuid(&columns[1], &clinic) == NGX_OK) {
            ehr_feed_mark_clinic(feed, &clinic);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ehr_feed_clinic(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    ngx_int_t     rc;
    ehr_uuid_t    clinic;
    ehr_column_t  columns[3];

    if (row->type == EHR_PGOUTPUT_DELETE) {
        return NGX_OK;                      /* its schedules went before */
    }

    columns[0] = row->now[0];
    columns[1] = row->now[1];
    columns[2].data = (u_char *) (row->now[2].data ? "f" : "t");
    columns[2].len = 1;

    rc = ehr_feed_clinic_changed(feed, columns);

    if (rc == 1 && ehr_feed_uuid(&columns[0], &clinic) == NGX_OK) {
        ehr_feed_mark_clinic(feed, &clinic);
    }

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ehr_feed_clinic_changed(ehr_feed_t *feed, const ehr_column_t *columns)
{
    ehr_uuid_t          id;
    ngx_uint_t          i, hash;
    ehr_feed_clinic_t  *clinic;

    if (ehr_feed_uuid(&columns[0], &id) != NGX_OK
        || columns[1].data == NULL || columns[2].data == NULL)
    {
        return NGX_ERROR;
    }

    hash = ngx_crc32_long((u_char *) columns[1].data, columns[1].len)
           ^ columns[2].data[0];

    clinic = feed->zones.elts;

    for (i = 0; i < feed->zones.nelts; i++) {
        if (ngx_memcmp(&clinic[i].id, &id, sizeof(ehr_uuid_t)) == 0) {
            break;
        }
    }

    if (i < feed->zones.nelts) {
        if (clinic[i].hash == hash) {
            return 0;
        }

        clinic[i].hash = hash;
        return 1;
    }

    clinic = ngx_array_push(&feed->zones);
    if (clinic == NULL) {
        return NGX_ERROR;
    }

    clinic->id = id;
    clinic->hash = hash;

    return 1;
}


/* -- what only streams and access want to know ----------------------------- */

static ngx_int_t
ehr_feed_appointment(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    ehr_event_t         event;
    ehr_engine_time_t   start;

    (void) feed;

    if (row->type == EHR_PGOUTPUT_DELETE) {
        return NGX_OK;                              /* they are only marked */
    }

    ngx_memzero(&event, sizeof(ehr_event_t));
    event.kind = EHR_EVENT_APPOINTMENT;

    if (ehr_feed_time(&row->now[4], 0, &start) == NGX_OK) {
        event.day = start / EHR_ENGINE_DAY;
    }

    (void) ehr_feed_uuid(&row->now[0], &event.entity);
    (void) ehr_feed_uuid(&row->now[1], &event.doctor);
    (void) ehr_feed_uuid(&row->now[2], &event.clinic);
    (void) ehr_feed_uuid(&row->now[3], &event.patient);

    ehr_events_put(&event);

    return NGX_OK;
}


static ngx_int_t
ehr_feed_family(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    ngx_uint_t            i;
    ehr_event_t           event;
    const ehr_column_t   *column;

    (void) feed;

    for (i = 0; i < 2; i++) {
        column = i ? &row->now[0] : &row->was[0];

        if (column->data) {
            ngx_memzero(&event, sizeof(ehr_event_t));
            event.kind = EHR_EVENT_FAMILY;
            (void) ehr_feed_uuid(column, &event.entity);
            ehr_events_put(&event);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ehr_feed_instant(const ehr_column_t *column, ehr_moment_t *moment)
{
    return column->data
           && ehr_instant_parse((const char *) column->data, column->len,
                                EHR_INSTANT_SQL, moment) == 0
           ? NGX_OK : NGX_ERROR;
}


/* Entered as it is, without asking: it counts at once. */

static ngx_int_t
ehr_feed_revocation(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    time_t               last;
    ehr_uuid_t           id;
    ehr_moment_t         before, until;
    const ehr_column_t  *kind;

    if (row->type == EHR_PGOUTPUT_DELETE) {         /* which is past anyhow */
        return NGX_OK;
    }

    kind = &row->now[0];

    if (kind->len == 0
        || ehr_feed_uuid(&row->now[1], &id) != NGX_OK
        || ehr_feed_instant(&row->now[2], &before) != NGX_OK
        || ehr_feed_instant(&row->now[3], &until) != NGX_OK)
    {
        feed->roles = 1;                            /* read all of it */
        feed->unseen = feed->transaction;
        feed->wait = 1;
        return NGX_OK;
    }

    last = ehr_moment_epoch(&until) + 1 + ehr_worker.conf->tokens.leeway;

    /* without room it has been counted and said */

    (void) (kind->data[0] == 's'
            ? ehr_revoke_session(ehr_worker.shared, &id, last)
            : ehr_revoke_user(ehr_worker.shared, &id,
                              ehr_moment_epoch(&before) * 1000000
                              + before.microsecond, last));

    return NGX_OK;
}


static ngx_int_t
ehr_feed_role(ehr_feed_t *feed, const ehr_feed_row_t *row)
{
    (void) row;

    feed->roles = 1;

    return NGX_OK;
}
