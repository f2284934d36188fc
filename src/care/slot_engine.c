/*
 * Slots from the engine: see slot.h.
 */

#include "slot.h"


#define EHR_SLOT_AT_ONCE  64


/* What the engine is asked, with what it points to. */
typedef struct {
    ehr_engine_search_t     engine;
    ehr_engine_uuid_t       groups[2];
    ehr_uuid_t              clinic;
    int32_t                 doctor;
} ehr_slot_search_t;


static void ehr_slot_of_engine(const ehr_engine_slot_t *from,
    ehr_slot_t *slot);
static ngx_int_t ehr_slot_is_of_day(const ehr_slot_t *slot, const char *date,
    ehr_slot_clinics_t *unknown);
static void ehr_slot_clinic_unknown(const ehr_uuid_t *clinic,
    ehr_slot_clinics_t *unknown);
static ngx_int_t ehr_slot_groups(const ehr_slot_wish_t *wish,
    ehr_engine_uuid_t groups[2], size_t *n);
static ngx_int_t ehr_slot_search(ehr_engine_t *engine,
    const ehr_slot_wish_t *wish, ehr_slot_search_t *search);


#define ehr_slot_step(second)                                                \
    ((ehr_engine_time_t) (((second) + EHR_SLOT_STEP - 1) / EHR_SLOT_STEP))


ehr_engine_t *
ehr_slot_engine(void)
{
    ehr_engine_t  *engine = ehr_worker.engine;

    return (engine && ehr_engine_state(engine) == EHR_ENGINE_LIVE)
           ? engine : NULL;
}


static void
ehr_slot_of_engine(const ehr_engine_slot_t *from, ehr_slot_t *slot)
{
    ngx_memcpy(slot->doctor.bytes, from->uuid.bytes, sizeof(ehr_uuid_t));
    ngx_memcpy(slot->clinic.bytes, from->clinic.bytes, sizeof(ehr_uuid_t));
    ngx_memcpy(slot->room.bytes, from->room.bytes, sizeof(ehr_uuid_t));

    slot->start = (int64_t) from->start * EHR_SLOT_STEP;
    slot->minutes = from->granules * (EHR_SLOT_STEP / 60);
    slot->free = from->free;
}


/* NGX_OK, NGX_DECLINED: another day; NGX_AGAIN: the clinic is unknown. */

static ngx_int_t
ehr_slot_is_of_day(const ehr_slot_t *slot, const char *date,
    ehr_slot_clinics_t *unknown)
{
    int64_t  from, to;

    if (date == NULL) {
        return NGX_OK;
    }

    if (ehr_slot_day_find(&slot->clinic, date, &from, &to) != NGX_OK) {
        ehr_slot_clinic_unknown(&slot->clinic, unknown);
        return NGX_AGAIN;
    }

    return (slot->start >= from && slot->start < to) ? NGX_OK : NGX_DECLINED;
}


static void
ehr_slot_clinic_unknown(const ehr_uuid_t *clinic,
    ehr_slot_clinics_t *unknown)
{
    ngx_uint_t  i;

    for (i = 0; i < unknown->n; i++) {
        if (ngx_memcmp(unknown->ids[i].bytes, clinic->bytes,
                       sizeof(ehr_uuid_t))
            == 0)
        {
            return;
        }
    }

    if (unknown->n < EHR_SLOT_CLINICS) {
        unknown->ids[unknown->n++] = *clinic;
    }
}


ngx_int_t
ehr_slot_engine_doctor(const ehr_slot_wish_t *wish, int32_t resource,
    ehr_out_t *out, int64_t *first, ehr_slot_clinics_t *unknown)
{
    size_t              i, n;
    ngx_int_t           rc;
    ehr_slot_t          slot;
    ehr_engine_time_t   from, to;
    ehr_engine_slot_t   slots[EHR_SLOT_AT_ONCE];

    *first = 0;
    unknown->n = 0;

    from = ehr_slot_step(ngx_max(wish->from, (int64_t) ngx_time() + 1));
    to = ehr_slot_step(wish->to);

    ehr_out_literal(out, "[");

    do {
        if (ehr_engine_slots(ehr_slot_engine(), resource, from, to,
                             wish->minutes / (EHR_SLOT_STEP / 60), 0, slots,
                             EHR_SLOT_AT_ONCE, &n)
            != EHR_ENGINE_OK)
        {
            return NGX_DECLINED;
        }

        for (i = 0; i < n; i++) {
            ehr_slot_of_engine(&slots[i], &slot);

            rc = ehr_slot_is_of_day(&slot, wish->date, unknown);
            if (rc != NGX_OK) {
                continue;
            }

            if (*first) {
                ehr_out_literal(out, ",");
            } else {
                *first = slot.start;
            }

            ehr_slot_write(out, &slot);
        }

        if (n) {
            from = slots[n - 1].start + 1;
        }

    } while (n == EHR_SLOT_AT_ONCE);

    ehr_out_literal(out, "]");

    return unknown->n ? NGX_AGAIN : NGX_OK;
}


/* The groups that a doctor has to be in. */

static ngx_int_t
ehr_slot_groups(const ehr_slot_wish_t *wish, ehr_engine_uuid_t groups[2],
    size_t *n)
{
    ngx_uint_t   i;
    ehr_uuid_t   uuid;
    const char  *texts[2];

    texts[0] = wish->specialty;
    texts[1] = wish->department;
    *n = 0;

    for (i = 0; i < 2; i++) {
        if (texts[i] == NULL) {
            continue;
        }

        if (ehr_uuid_parse(&uuid, (u_char *) texts[i], EHR_UUID_TEXT)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_memcpy(groups[*n].bytes, uuid.bytes, sizeof(ehr_uuid_t));
        (*n)++;
    }

    return NGX_OK;
}


ngx_int_t
ehr_slot_engine_next(const ehr_slot_wish_t *wish, ehr_out_t *out)
{
    u_char         text[2 * NGX_INT64_LEN + 16];
    int32_t        resource;
    uint64_t       version;
    ngx_str_t      query;
    ehr_engine_t  *engine = ehr_slot_engine();

    /* many are refused for the same slot: no query string looks like this */

    query.data = text;
    query.len = ngx_sprintf(text, " next %L %ui %ui", wish->from,
                            wish->minutes, wish->limit)
                - text;

    if (ehr_slot_cache_find(&wish->doctor, &query, out) == NGX_OK) {
        return NGX_OK;
    }

    if (engine == NULL
        || ehr_engine_find(engine, EHR_ENGINE_DOCTOR,
                           ehr_slot_engine_uuid(&wish->doctor), &resource)
           != EHR_ENGINE_OK)
    {
        return NGX_DECLINED;
    }

    version = ehr_engine_version(engine, resource);

    if (ehr_slot_engine_first(wish, out) != NGX_OK) {
        return NGX_DECLINED;
    }

    /* what is offered begins after the slot that is taken */

    ehr_slot_cache_keep(&wish->doctor, &query, resource, version,
                        ngx_min(wish->from, ngx_time() + EHR_SLOT_MEMORY),
                        out);

    return NGX_OK;
}


ngx_int_t
ehr_slot_engine_first(const ehr_slot_wish_t *wish, ehr_out_t *out)
{
    size_t               i, n;
    ehr_slot_t           slot;
    ehr_engine_t        *engine = ehr_slot_engine();
    ehr_slot_search_t    search;
    ehr_engine_slot_t    slots[100];

    if (engine == NULL
        || ehr_slot_search(engine, wish, &search) != NGX_OK
        || ehr_engine_first(engine, &search.engine, slots,
                            ngx_min(wish->limit, sizeof(slots)
                                                 / sizeof(slots[0])), &n)
           != EHR_ENGINE_OK)
    {
        return NGX_DECLINED;
    }

    ehr_out_literal(out, "[");

    for (i = 0; i < n; i++) {
        if (i) {
            ehr_out_literal(out, ",");
        }

        ehr_slot_of_engine(&slots[i], &slot);
        ehr_slot_write(out, &slot);
    }

    ehr_out_literal(out, "]");

    return NGX_OK;
}


/* NGX_DECLINED: the engine does not know who is asked for. */

static ngx_int_t
ehr_slot_search(ehr_engine_t *engine, const ehr_slot_wish_t *wish,
    ehr_slot_search_t *search)
{
    ngx_memzero(search, sizeof(ehr_slot_search_t));

    if (ehr_slot_groups(wish, search->groups, &search->engine.ngroups)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    search->engine.groups = search->groups;

    if (wish->clinic) {
        (void) ehr_uuid_parse(&search->clinic, (u_char *) wish->clinic,
                              EHR_UUID_TEXT);
        search->engine.clinic = ehr_slot_engine_uuid(&search->clinic);
    }

    if (wish->doctor_text) {
        if (ehr_engine_find(engine, EHR_ENGINE_DOCTOR,
                            ehr_slot_engine_uuid(&wish->doctor),
                            &search->doctor)
            != EHR_ENGINE_OK)
        {
            return NGX_DECLINED;
        }

        search->engine.resources = &search->doctor;
        search->engine.nresources = 1;
    }

    search->engine.from = ehr_slot_step(ngx_max(wish->from,
                                                (int64_t) ngx_time() + 1));
    search->engine.until = wish->to ? ehr_slot_step(wish->to) : 0;
    search->engine.granules = wish->minutes / (EHR_SLOT_STEP / 60);

    return NGX_OK;
}
