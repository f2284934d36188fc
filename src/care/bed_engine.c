/*
 * What taking a bed does in the engine: see bed_engine.h.
 *
 * The engine does not know the patient, so it looks for a bed that is free for
 * anybody of that kind: if there is none, there is none for this patient
 * either, and that is what it refuses.  Whether the bed that it holds suits is
 * PostgreSQL's to say, which looks for another one if it does not.
 */

#include "../access/shared.h"
#include "../model/resources.h"
#include "availability.h"
#include "bed_engine.h"
#include "slot.h"


/* ms that a hold outlives its batch's deadline, and a commit the feed. */
#define EHR_BED_GRACE         2000
#define EHR_BED_RELEASED      1000


static ngx_int_t ehr_bed_wish(ehr_request_t *req, ehr_admission_t *admission,
    ehr_engine_t *engine, ehr_engine_bed_wish_t *wish);
static ngx_int_t ehr_bed_wish_criteria(ehr_request_t *req,
    ehr_admission_t *admission, ehr_engine_bed_wish_t *wish);
static ngx_int_t ehr_bed_wish_time(ehr_request_t *req,
    ehr_admission_t *admission, ehr_engine_bed_wish_t *wish);
static ngx_int_t ehr_bed_wish_uuid(const char *text, ehr_uuid_t *room,
    const ehr_engine_uuid_t **uuid);
static ngx_uint_t ehr_bed_is_refused(ehr_request_t *req,
    ehr_admission_t *admission, const ehr_engine_bed_wish_t *wish,
    const ehr_engine_bed_found_t *found);
static ngx_int_t ehr_bed_advise(ehr_request_t *req,
    ehr_admission_t *admission, const ehr_engine_bed_found_t *found);
static void ehr_bed_over(ehr_batch_t *batch, void *data);


#define ehr_bed_now(engine)  ((engine)->host->now((engine)->host->data))


ngx_int_t
ehr_bed_equipment_bits(const char *list, size_t size, uint16_t *bits)
{
    size_t       len;
    ngx_uint_t   i;
    const char  *p, *end;

    *bits = 0;

    /* PostgreSQL writes them bare, the model in quotes */

    end = list + size;

    for (p = list; p < end; p += len) {
        for (len = 0; p + len < end && !strchr("{\",}", p[len]); len++) {
            /* a name */
        }

        if (len == 0) {
            len = 1;
            continue;
        }

        for (i = 0; ehr_bed_equipment[i]; i++) {
            if (ngx_strlen(ehr_bed_equipment[i]) == len
                && ngx_memcmp(ehr_bed_equipment[i], p, len) == 0)
            {
                break;
            }
        }

        if (ehr_bed_equipment[i] == NULL) {
            return NGX_ERROR;
        }

        *bits |= 1 << i;
    }

    return NGX_OK;
}


/* -- holding --------------------------------------------------------------- */

ngx_int_t
ehr_bed_hold(ehr_request_t *req, ehr_admission_t *admission)
{
    ehr_engine_t            *engine = ehr_slot_engine();
    ehr_engine_result_t      result;
    ehr_engine_bed_wish_t    wish;
    ehr_engine_bed_found_t   found;

    if (engine == NULL
        || ehr_bed_wish(req, admission, engine, &wish) != NGX_OK
        || ehr_uuid_parse((ehr_uuid_t *) admission->act.bytes,
                          admission->id.data, admission->id.len)
           != NGX_OK)
    {
        return NGX_OK;
    }

    ngx_memzero(&found, sizeof(ehr_engine_bed_found_t));

    result = ehr_engine_bed_claim(engine, &admission->act, &wish,
                                  ehr_bed_now(engine)
                                  + (int64_t) req->conf->store.deadline
                                  + EHR_BED_GRACE, &found);

    if (result == EHR_ENGINE_TAKEN) {
        return ehr_bed_is_refused(req, admission, &wish, &found) ? NGX_BUSY
                                                                 : NGX_OK;
    }

    if (result != EHR_ENGINE_OK) {
        return NGX_OK;
    }

    admission->is_held = 1;

    return wish.resource ? NGX_OK : ehr_bed_advise(req, admission, &found);
}


/* NGX_DECLINED: the engine cannot tell, or need not be asked. */

static ngx_int_t
ehr_bed_wish(ehr_request_t *req, ehr_admission_t *admission,
    ehr_engine_t *engine, ehr_engine_bed_wish_t *wish)
{
    ehr_uuid_t   bed;
    const char  *text;

    ngx_memzero(wish, sizeof(ehr_engine_bed_wish_t));

    text = ehr_admission_wish(req, admission, "bedId");

    if (text) {
        if (ehr_uuid_parse(&bed, (u_char *) text, EHR_UUID_TEXT) != NGX_OK
            || ehr_engine_find(engine, EHR_ENGINE_BED,
                               ehr_slot_engine_uuid(&bed), &wish->resource)
               != EHR_ENGINE_OK)
        {
            return NGX_DECLINED;
        }

    } else if (ehr_bed_wish_criteria(req, admission, wish) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ehr_bed_wish_time(req, admission, wish);
}


/* What a bed that is not named must have.  NGX_DECLINED: nothing (a newborn
 * beside its mother, or what is reserved), or what nobody knows. */

static ngx_int_t
ehr_bed_wish_criteria(ehr_request_t *req, ehr_admission_t *admission,
    ehr_engine_bed_wish_t *wish)
{
    const char  *isolation, *equipment;

    isolation = ehr_admission_wish(req, admission, "isolation");
    equipment = ehr_admission_wish(req, admission, "equipment");

    if (ehr_bed_wish_uuid(ehr_admission_wish(req, admission, "hospitalId"),
                          &admission->hospital, &wish->hospital)
        != NGX_OK
        || ehr_bed_wish_uuid(ehr_admission_wish(req, admission, "wardId"),
                             &admission->ward, &wish->ward)
           != NGX_OK
        || ehr_bed_wish_uuid(ehr_admission_wish(req, admission,
                                                "roomClassId"),
                             &admission->room_class, &wish->room_class)
           != NGX_OK
        || (equipment
            && ehr_bed_equipment_bits(equipment, ngx_strlen(equipment),
                                      &wish->equipment)
               != NGX_OK))
    {
        return NGX_DECLINED;
    }

    wish->is_isolation = (isolation && isolation[0] == 't');

    return (wish->hospital || wish->ward || wish->room_class
            || wish->is_isolation || wish->equipment)
           ? NGX_OK : NGX_DECLINED;
}


/* From now on, unless it is planned or was in the past. */

static ngx_int_t
ehr_bed_wish_time(ehr_request_t *req, ehr_admission_t *admission,
    ehr_engine_bed_wish_t *wish)
{
    int64_t      from, to;
    const char  *at, *start, *end;

    start = ehr_admission_wish(req, admission, "plannedStart");
    end = ehr_admission_wish(req, admission, "plannedEnd");
    at = ehr_admission_wish(req, admission, "admittedAt");
    at = at ? at : ehr_admission_wish(req, admission, "at");
    at = start ? start : at;

    from = at ? ehr_slot_instant_parse(at, ngx_strlen(at), NULL) : ngx_time();
    to = end ? ehr_slot_instant_parse(end, ngx_strlen(end), NULL)
             : EHR_ENGINE_OPEN_END;

    if (from < 0 || to <= from || to > EHR_ENGINE_OPEN_END
        || (start ? from <= ngx_time() : from > ngx_time()))
    {
        return NGX_DECLINED;                    /* PostgreSQL says why not */
    }

    wish->is_planned = (start != NULL);
    wish->from = from;
    wish->to = to;

    return NGX_OK;
}


static ngx_int_t
ehr_bed_wish_uuid(const char *text, ehr_uuid_t *room,
    const ehr_engine_uuid_t **uuid)
{
    if (text == NULL) {
        return NGX_OK;
    }

    *uuid = ehr_slot_engine_uuid(room);

    return ehr_uuid_parse(room, (u_char *) text, EHR_UUID_TEXT);
}


/*
 * Whether PostgreSQL would certainly refuse because of the bed, and with these
 * words.  Not who would wait, nor who may be repeating what succeeded, nor who
 * lies in a bed already, which is not known here.  A bed that is named may be
 * cleaned or reserved; only that somebody lies in it, or is just being laid,
 * is told here.
 */

static ngx_uint_t
ehr_bed_is_refused(ehr_request_t *req, ehr_admission_t *admission,
    const ehr_engine_bed_wish_t *wish, const ehr_engine_bed_found_t *found)
{
    const char  *waits;

    waits = ehr_admission_wish(req, admission, "waits");

    if (req->key.len || admission->moves || (waits && waits[0] == 't')) {
        return 0;
    }

    admission->refusal = wish->resource ? EHR_MESSAGE_BED_TAKEN
                                        : EHR_MESSAGE_NO_BED_FREE;

    /* what is held for others may not suit them, and be given back */

    if (wish->resource == 0) {
        return found->why != EHR_ENGINE_BED_IS_HELD;
    }

    return !wish->is_planned
           && (found->why == EHR_ENGINE_BED_IS_HELD
               || (found->why == EHR_ENGINE_BED_IS_NOT_AVAILABLE
                   && found->status == EHR_ENGINE_BED_OCCUPIED));
}


static ngx_int_t
ehr_bed_advise(ehr_request_t *req, ehr_admission_t *admission,
    const ehr_engine_bed_found_t *found)
{
    u_char  *list;

    list = ngx_pnalloc(req->pool, EHR_UUID_TEXT + 3);
    if (list == NULL) {
        return NGX_OK;                          /* PostgreSQL searches */
    }

    list[0] = '{';
    ngx_memcpy(ehr_uuid_print(list + 1, (ehr_uuid_t *) found->uuid.bytes),
               "}", 2);

    admission->advice = (char *) list;

    return NGX_OK;
}


ngx_int_t
ehr_bed_send(ehr_request_t *req, ehr_admission_t *admission,
    ehr_batch_t *batch, ehr_step_pt step)
{
    ehr_engine_uuid_t  *act;

    if (admission->is_held) {
        act = ngx_palloc(batch->pool, sizeof(ehr_engine_uuid_t));
        if (act == NULL) {
            ehr_bed_drop(admission);
            return NGX_ERROR;
        }

        *act = admission->act;
        batch->over = ehr_bed_over;
        batch->over_data = act;
    }

    return ehr_step_send(req, batch, step);
}


/* The batch's outcome is known, whether or not somebody still waits. */

static void
ehr_bed_over(ehr_batch_t *batch, void *data)
{
    ehr_engine_t  *engine = ehr_worker.engine;

    if (batch->outcome == EHR_OUTCOME_UNKNOWN) {
        /* it may be there: the deadline or the feed will tell */
        return;
    }

    ehr_engine_settle(engine, data, batch->outcome == EHR_OUTCOME_DONE,
                      ehr_bed_now(engine) + EHR_BED_GRACE);
}


void
ehr_bed_drop(ehr_admission_t *admission)
{
    if (admission->is_held) {
        ehr_engine_settle(ehr_worker.engine, &admission->act, 0, 0);
        admission->is_held = 0;
    }
}


/* -- what was changed here ------------------------------------------------- */

void
ehr_wards_changed(const PGresult *result)
{
    int         row;
    ngx_str_t   value;
    ehr_uuid_t  ward;

    if (ehr_worker.engine == NULL) {
        return;
    }

    ehr_store(ehr_availability->acted, ehr_monotonic_us());

    for (row = 0; row < PQntuples(result); row++) {
        value = ehr_result_value(result, row, 0);

        if (ehr_uuid_parse(&ward, value.data, value.len) == NGX_OK) {
            ehr_engine_ward_touch(ehr_worker.engine,
                                  ehr_slot_engine_uuid(&ward));
        }
    }
}


void
ehr_bed_released(const ngx_str_t *bed)
{
    int32_t        resource;
    ehr_uuid_t     uuid;
    ehr_engine_t  *engine = ehr_worker.engine;

    if (engine
        && ehr_uuid_parse(&uuid, bed->data, bed->len) == NGX_OK
        && ehr_engine_find(engine, EHR_ENGINE_BED,
                           ehr_slot_engine_uuid(&uuid), &resource)
           == EHR_ENGINE_OK)
    {
        ehr_engine_releasing(engine, resource,
                             ehr_bed_now(engine) + EHR_BED_RELEASED);
    }
}
