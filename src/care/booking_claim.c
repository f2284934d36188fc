/*
 * What a booking does in the engine: of many who want the same time one goes
 * on to PostgreSQL, the others are refused here.
 *
 * The engine is asked only where it knows all there is to know of a booking
 * but the patient's other ones; the rest is PostgreSQL's to decide.
 */

#include "../store/crash_point.h"
#include "booking.h"


/* How long a claim outlives its batch's deadline, and a commit the feed. */
#define EHR_CLAIM_GRACE      2000
#define EHR_RELEASE_GRACE    1000


typedef struct {
    ehr_engine_item_t       items[EHR_ENGINE_ITEMS];
    const char             *fields[EHR_ENGINE_ITEMS];   /* as refusals say */
    size_t                  n;
} ehr_claim_t;


static ngx_int_t ehr_claim_items(ehr_engine_t *engine,
    ehr_booking_t *booking, ehr_claim_t *claim);
static ngx_int_t ehr_claim_length(ehr_engine_t *engine,
    ehr_booking_t *booking);
static ngx_int_t ehr_claim_add(ehr_engine_t *engine,
    ehr_engine_kind_t kind, const char *uuid, ehr_booking_t *booking,
    ehr_claim_t *claim);
static int ehr_claim_is_own(ehr_booking_t *booking, const char *uuid);
static ngx_int_t ehr_claim_find(ehr_engine_t *engine, ehr_engine_kind_t kind,
    const char *text, int32_t *resource);
static const char *ehr_claim_listed(const char **list, const char *end);
static ngx_int_t ehr_claim_taken(ehr_booking_t *booking,
    const ehr_claim_t *claim);
static void ehr_claim_over(ehr_batch_t *batch, void *data);
static void ehr_claim_release(ehr_engine_kind_t kind, const char *text,
    size_t len);


#define ehr_claim_now(engine)  ((engine)->host->now((engine)->host->data))


ngx_int_t
ehr_booking_claim(ehr_request_t *req, ehr_booking_t *booking)
{
    ehr_claim_t           claim;
    ehr_engine_t         *engine = ehr_slot_engine();
    ehr_engine_result_t   result;

    /* a hold is in its own way there */

    if (engine == NULL || booking->hold || booking->doctor == NULL
        || booking->second <= ngx_time())
    {
        return NGX_OK;
    }

    claim.n = 0;

    if (ehr_claim_items(engine, booking, &claim) != NGX_OK
        || ehr_uuid_parse((ehr_uuid_t *) booking->act.bytes,
                          booking->id.data, booking->id.len)
           != NGX_OK
        || claim.n == 0)
    {
        return NGX_OK;
    }

    result = ehr_engine_claim(engine, &booking->act, claim.items, claim.n,
                              ehr_claim_now(engine)
                              + (int64_t) req->conf->store.deadline
                              + EHR_CLAIM_GRACE);

    if (result == EHR_ENGINE_TAKEN) {
        return ehr_claim_taken(booking, &claim);
    }

    if (result == EHR_ENGINE_OK) {
        booking->is_claimed = 1;

        if (ngx_strcmp(claim.fields[0], "doctor") == 0) {
            ngx_sprintf((u_char *) booking->seat, "%ud%Z",
                        (uint32_t) claim.items[0].seat);
        }
    }

    return NGX_OK;
}


/* The doctor first, then room and equipment.  NGX_DECLINED: not all of it is
 * known to the engine. */

static ngx_int_t
ehr_claim_items(ehr_engine_t *engine, ehr_booking_t *booking,
    ehr_claim_t *claim)
{
    ngx_int_t    rc;
    const char  *list, *uuid;

    rc = ehr_claim_length(engine, booking);

    if (rc == NGX_OK) {
        rc = ehr_claim_add(engine, EHR_ENGINE_DOCTOR, booking->doctor,
                           booking, claim);
    }

    if (rc == NGX_OK && booking->room) {
        rc = ehr_claim_add(engine, EHR_ENGINE_ROOM, booking->room, booking,
                           claim);
    }

    list = booking->equipment;

    while (rc == NGX_OK && list) {
        uuid = ehr_claim_listed(&list, list + ngx_strlen(list));

        if (uuid == NULL) {
            break;
        }

        rc = ehr_claim_add(engine, EHR_ENGINE_EQUIPMENT, uuid, booking,
                           claim);
    }

    return rc;
}


/* A booking without a length is as long as its slot. */

static ngx_int_t
ehr_claim_length(ehr_engine_t *engine, ehr_booking_t *booking)
{
    size_t              n;
    int32_t             doctor;
    ehr_engine_time_t   start;
    ehr_engine_slot_t   slot;

    if (booking->length) {
        return NGX_OK;
    }

    start = (ehr_engine_time_t) (booking->second / EHR_SLOT_STEP);

    if (ehr_claim_find(engine, EHR_ENGINE_DOCTOR, booking->doctor, &doctor)
        != NGX_OK
        || ehr_engine_slots(engine, doctor, start, start + 1, 0,
                            EHR_ENGINE_ALSO_FULL, &slot, 1, &n)
           != EHR_ENGINE_OK
        || n == 0)
    {
        return NGX_DECLINED;
    }

    booking->length = slot.slot * (EHR_SLOT_STEP / 60);

    return NGX_OK;
}


static ngx_int_t
ehr_claim_add(ehr_engine_t *engine, ehr_engine_kind_t kind,
    const char *uuid, ehr_booking_t *booking, ehr_claim_t *claim)
{
    ehr_engine_item_t  *item = &claim->items[claim->n];

    if (ehr_claim_is_own(booking, uuid)) {
        return NGX_OK;
    }

    if (claim->n == EHR_ENGINE_ITEMS) {
        return NGX_DECLINED;
    }

    ngx_memzero(item, sizeof(ehr_engine_item_t));

    item->from = (ehr_engine_time_t) (booking->second / EHR_SLOT_STEP);
    item->to = item->from + booking->length * 60 / EHR_SLOT_STEP;

    claim->fields[claim->n++] = (kind == EHR_ENGINE_DOCTOR) ? "doctor"
                                : (kind == EHR_ENGINE_ROOM) ? "room"
                                : "equipment";

    return ehr_claim_find(engine, kind, uuid, &item->resource);
}


/* Whether it has this already for some of the time: what the engine knows to
 * be busy then may be because of that. */

static int
ehr_claim_is_own(ehr_booking_t *booking, const char *uuid)
{
    return booking->own.len
           && booking->second < booking->own_second
                                + (int64_t) booking->own_length * 60
           && booking->own_second < booking->second
                                    + (int64_t) booking->length * 60
           && ngx_strlcasestrn(booking->own.data,
                               booking->own.data + booking->own.len,
                               (u_char *) uuid, EHR_UUID_TEXT - 1)
              != NULL;
}


static ngx_int_t
ehr_claim_find(ehr_engine_t *engine, ehr_engine_kind_t kind,
    const char *text, int32_t *resource)
{
    ehr_uuid_t  uuid;

    return ehr_uuid_parse(&uuid, (u_char *) text, EHR_UUID_TEXT) == NGX_OK
           && ehr_engine_find(engine, kind, ehr_slot_engine_uuid(&uuid),
                              resource)
              == EHR_ENGINE_OK
           ? NGX_OK : NGX_DECLINED;
}


/* The next of {uuid,uuid}, as the descriptor converted it, or of
 * ["uuid","uuid"], as array_to_json() writes it; NULL: no more. */

static const char *
ehr_claim_listed(const char **list, const char *end)
{
    const char  *uuid;

    for (uuid = *list; end - uuid > EHR_UUID_TEXT; uuid++) {
        if (ngx_strchr("{}[],\" ", *uuid) == NULL) {
            *list = uuid + EHR_UUID_TEXT;
            return uuid;
        }
    }

    return NULL;
}


/*
 * Names what is busy.  What is wrong in another way (no slot at all) is
 * PostgreSQL's to say: NGX_OK.
 */

static ngx_int_t
ehr_claim_taken(ehr_booking_t *booking, const ehr_claim_t *claim)
{
    size_t              i;
    const char         *field;
    ehr_field_error_t  *error;

    booking->taken.n = 0;
    booking->taken.forbidden = 0;
    booking->is_final = 0;

    for (i = 0; i < claim->n; i++) {

        switch (claim->items[i].why) {

        case EHR_ENGINE_IS_BUSY:
            booking->is_final = 1;
            break;

        case EHR_ENGINE_IS_TENTATIVE:
            break;

        case EHR_ENGINE_OUTSIDE:
        case EHR_ENGINE_OFF_GRID:
            return NGX_OK;

        default:
            continue;
        }

        field = claim->fields[i];

        if (booking->taken.n
            && ngx_strcmp(booking->taken.items[booking->taken.n - 1].field,
                          field)
               == 0)
        {
            continue;
        }

        error = &booking->taken.items[booking->taken.n++];
        error->field = field;
        error->message = EHR_MESSAGE_SLOT_TAKEN;
        error->argument = NULL;
    }

    booking->is_known = (booking->taken.n > 0);

    return booking->is_known ? NGX_BUSY : NGX_OK;
}


ngx_int_t
ehr_booking_send(ehr_request_t *req, ehr_booking_t *booking,
    ehr_batch_t *batch, ehr_step_pt step)
{
    ehr_engine_uuid_t  *act;

    if (booking->is_claimed) {
        act = ngx_palloc(batch->pool, sizeof(ehr_engine_uuid_t));
        if (act == NULL) {
            ehr_booking_drop(booking);
            return NGX_ERROR;
        }

        *act = booking->act;
        batch->over = ehr_claim_over;
        batch->over_data = act;
        ehr_crash_point("booking-claimed");
    }

    return ehr_step_send(req, batch, step);
}


/* The batch's outcome is known, whether or not somebody still waits. */

static void
ehr_claim_over(ehr_batch_t *batch, void *data)
{
    ehr_engine_t  *engine = ehr_worker.engine;

    if (batch->outcome == EHR_OUTCOME_UNKNOWN) {
        /* it may be there: the deadline or the feed will tell */
        return;
    }

    ehr_engine_settle(engine, data, batch->outcome == EHR_OUTCOME_DONE,
                      ehr_claim_now(engine) + EHR_CLAIM_GRACE);
}


void
ehr_booking_drop(ehr_booking_t *booking)
{
    if (booking->is_claimed) {
        ehr_engine_settle(ehr_worker.engine, &booking->act, 0, 0);
        booking->is_claimed = 0;
    }
}


void
ehr_booking_reply_freed(ehr_request_t *req, PGresult *result)
{
    int            i;
    ngx_str_t      values[3];
    ehr_record_t  *record = ehr_request_record(req);

    static const char  *names[] = { "doctorId", "roomId", "equipmentIds" };

    if (PQntuples(result)) {
        for (i = 0; i < 3; i++) {
            values[i] = ehr_result_value(result, 0,
                            ehr_field_index(record->fields, names[i],
                                            ngx_strlen(names[i])));
        }

        ehr_booking_released(values[0], values[1], values[2]);
    }

    ehr_record_reply_row(req, record, result, NGX_HTTP_OK,
                         EHR_MESSAGE_SUCCESS);
}


void
ehr_booking_released(ngx_str_t doctor, ngx_str_t room, ngx_str_t equipment)
{
    const char  *list, *uuid;

    if (ehr_worker.engine == NULL) {
        return;
    }

    ehr_claim_release(EHR_ENGINE_DOCTOR, (char *) doctor.data, doctor.len);
    ehr_claim_release(EHR_ENGINE_ROOM, (char *) room.data, room.len);

    list = (char *) equipment.data;

    while (equipment.len
           && (uuid = ehr_claim_listed(&list, (char *) equipment.data
                                              + equipment.len)))
    {
        ehr_claim_release(EHR_ENGINE_EQUIPMENT, uuid, EHR_UUID_TEXT);
    }
}


static void
ehr_claim_release(ehr_engine_kind_t kind, const char *text, size_t len)
{
    int32_t        resource;
    ehr_engine_t  *engine = ehr_worker.engine;

    if (len == EHR_UUID_TEXT
        && ehr_claim_find(engine, kind, text, &resource) == NGX_OK)
    {
        ehr_engine_releasing(engine, resource,
                             ehr_claim_now(engine) + EHR_RELEASE_GRACE);
    }
}
