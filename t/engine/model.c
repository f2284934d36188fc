#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


ehr_engine_uuid_t
model_uuid(unsigned kind, unsigned n)
{
    ehr_engine_uuid_t  uuid;

    memset(&uuid, 0, sizeof(uuid));
    uuid.bytes[0] = (uint8_t) kind;
    memcpy(uuid.bytes + 8, &n, sizeof(n));

    return uuid;
}


ehr_engine_uuid_t
model_group(unsigned group)
{
    return model_uuid(20, group);
}


ehr_engine_uuid_t
model_clinic(unsigned clinic)
{
    return model_uuid(30, clinic);
}


int
model_uuid_is(const ehr_engine_uuid_t *one, const ehr_engine_uuid_t *two)
{
    return memcmp(one, two, sizeof(*one)) == 0;
}


int
model_answers(const model_t *model)
{
    return model->is_live
           && llabs(model->now - model->heartbeat) <= MODEL_STALE_AFTER;
}


/* -- busy ------------------------------------------------------------------ */

static uint32_t
granule0(void)
{
    return MODEL_DAY0 * EHR_ENGINE_DAY;
}


void
model_mark(model_t *model, int32_t number, unsigned seat, uint32_t from,
    uint32_t to, int is_busy)
{
    uint32_t  time, first, end;

    if (seat >= MODEL_SEATS || !model->resources[number].is_known) {
        return;
    }

    first = model->first_day * EHR_ENGINE_DAY;
    end = first + MODEL_RING * EHR_ENGINE_DAY;

    for (time = from; time < to; time++) {
        if (time >= first && time < end) {
            model->resources[number].busy[seat][time - granule0()]
                = (uint8_t) is_busy;
        }
    }
}


void
model_forget_busy(model_t *model, int32_t number)
{
    memset(model->resources[number].busy, 0,
           sizeof(model->resources[number].busy));
}


void
model_drop_days(model_t *model, uint32_t first, uint32_t end)
{
    int32_t   number;
    unsigned  seat;

    for (number = 1; number <= MODEL_RESOURCES; number++) {
        for (seat = 0; seat < MODEL_SEATS; seat++) {
            memset(&model->resources[number].busy[seat]
                        [(first - MODEL_DAY0) * EHR_ENGINE_DAY],
                   0, (end - first) * EHR_ENGINE_DAY);
        }
    }
}


/* -- tentative ------------------------------------------------------------- */

int
model_is_over(const model_t *model, const model_tentative_t *entry)
{
    return entry->deadline <= model->now
           || entry->deadline > model->now + EHR_ENGINE_DEADLINE_MAX
           || (!entry->is_committed && !model->is_alive(entry->pid));
}


void
model_tentative_remove(model_t *model, unsigned i)
{
    model->tentative[i] = model->tentative[--model->ntentative];
}


unsigned
model_reap(model_t *model)
{
    unsigned  i, n;

    for (i = 0, n = 0; i < model->ntentative; /* void */) {
        if (model_is_over(model, &model->tentative[i])) {
            model_tentative_remove(model, i);
            n++;
        } else {
            i++;
        }
    }

    return n;
}


static unsigned
sweep(model_t *model, int32_t number)
{
    unsigned  i, n;

    for (i = 0, n = 0; i < model->ntentative; /* void */) {
        if (!model->tentative[i].is_bed
            && model->is_swept_with(number, model->tentative[i].number)
            && model_is_over(model, &model->tentative[i]))
        {
            model_tentative_remove(model, i);
            n++;
        } else {
            i++;
        }
    }

    return n;
}


/* -- seats ----------------------------------------------------------------- */

typedef enum { SEAT_FREE, SEAT_TENTATIVE, SEAT_BUSY } seat_t;

static seat_t
seat_is(const model_t *model, int32_t number, unsigned seat, uint32_t from,
    uint32_t to)
{
    uint32_t                  time;
    unsigned                  i;
    const model_tentative_t  *entry;

    for (time = from; seat < MODEL_SEATS && time < to; time++) {
        if (model->resources[number].busy[seat][time - granule0()]) {
            return SEAT_BUSY;
        }
    }

    for (i = 0; i < model->ntentative; i++) {
        entry = &model->tentative[i];

        if (entry->number == number && entry->seat == seat
            && entry->from < to && entry->to > from)
        {
            return SEAT_TENTATIVE;
        }
    }

    return SEAT_FREE;
}


/* -- claims ---------------------------------------------------------------- */

static int
day_is_told(const model_resource_t *resource, uint32_t time)
{
    return time / EHR_ENGINE_DAY < resource->periods_end;
}


static const ehr_engine_period_t *
period_at(const model_resource_t *resource, uint32_t time)
{
    unsigned  i;

    for (i = 0; i < resource->nperiods; i++) {
        if (resource->periods[i].from <= time
            && time < resource->periods[i].to
            && day_is_told(resource, time))
        {
            return &resource->periods[i];
        }
    }

    return NULL;
}


static int
is_on_grid(const ehr_engine_period_t *period, uint32_t time)
{
    int64_t  distance;

    distance = (int64_t) time - period->grid;

    return distance % period->slot == 0;
}


/* Whether a doctor is open for it, with how many seats. */
static ehr_engine_why_t
weigh_open(const model_t *model, const ehr_engine_item_t *item,
    unsigned *capacity)
{
    const ehr_engine_period_t  *period;

    period = period_at(&model->resources[item->resource], item->from);

    if (period == NULL) {
        return EHR_ENGINE_OUTSIDE;
    }

    if (period->to > model->end_day * EHR_ENGINE_DAY) {
        return EHR_ENGINE_UNCERTAIN;
    }

    if (item->to > period->to) {
        return EHR_ENGINE_OUTSIDE;
    }

    *capacity = period->capacity;

    return is_on_grid(period, item->from) ? EHR_ENGINE_FREE
                                          : EHR_ENGINE_OFF_GRID;
}


/* As the items before it leave the seat. */
static seat_t
seat_is_for(const model_t *model, const ehr_engine_item_t *items, size_t i,
    unsigned seat)
{
    size_t                    k;
    seat_t                    state;
    const ehr_engine_item_t  *item;

    item = &items[i];
    state = seat_is(model, item->resource, seat, item->from, item->to);

    for (k = 0; k < i && state == SEAT_FREE; k++) {
        if (items[k].resource == item->resource
            && items[k].why == EHR_ENGINE_FREE
            && items[k].seat == seat
            && items[k].from < item->to && items[k].to > item->from)
        {
            state = SEAT_TENTATIVE;
        }
    }

    return state;
}


static ehr_engine_why_t
weigh(const model_t *model, ehr_engine_item_t *items, size_t i)
{
    unsigned                 seat, capacity, busy;
    seat_t                   state;
    ehr_engine_why_t         why;
    ehr_engine_item_t       *item;
    const model_resource_t  *resource;

    item = &items[i];
    item->seat = 0;
    resource = &model->resources[item->resource];
    capacity = 1;

    if (!resource->is_known
        || item->from < model->first_day * EHR_ENGINE_DAY
        || item->to > model->end_day * EHR_ENGINE_DAY)
    {
        return EHR_ENGINE_UNCERTAIN;
    }

    if (resource->kind == EHR_ENGINE_DOCTOR) {
        why = weigh_open(model, item, &capacity);

        if (why != EHR_ENGINE_FREE) {
            return why;
        }
    }

    if (item->capacity) {
        capacity = item->capacity;
    }

    for (seat = 0, busy = 0; seat < capacity; seat++) {
        state = seat_is_for(model, items, i, seat);
        busy += state == SEAT_BUSY;

        if (state == SEAT_FREE) {
            item->seat = (uint16_t) seat;
            return EHR_ENGINE_FREE;
        }
    }

    return busy == capacity ? EHR_ENGINE_IS_BUSY : EHR_ENGINE_IS_TENTATIVE;
}


static int
is_releasing(const model_t *model, int32_t number)
{
    int64_t  until;

    until = model->resources[number].releasing;

    return until > model->now
           && until <= model->now + EHR_ENGINE_DEADLINE_MAX;
}


static ehr_engine_result_t
weigh_all(model_t *model, ehr_engine_item_t *items, size_t n, int is_swept)
{
    size_t               i;
    ehr_engine_result_t  result;

    result = EHR_ENGINE_OK;

    for (i = 0; i < n; i++) {
        items[i].why = weigh(model, items, i);

        if (is_swept && items[i].why == EHR_ENGINE_IS_TENTATIVE
            && sweep(model, items[i].resource))
        {
            items[i].why = weigh(model, items, i);
        }

        if (items[i].why == EHR_ENGINE_FREE) {
            continue;
        }

        if (is_releasing(model, items[i].resource)) {
            items[i].why = EHR_ENGINE_UNCERTAIN;
        }

        if (items[i].why != EHR_ENGINE_UNCERTAIN) {
            result = EHR_ENGINE_TAKEN;

        } else if (result == EHR_ENGINE_OK) {
            result = EHR_ENGINE_ASK;
        }
    }

    return result;
}


/* A claim sweeps only if that may help. */
ehr_engine_result_t
model_weigh(model_t *model, ehr_engine_item_t *items, size_t n, int is_claim)
{
    size_t               i;
    ehr_engine_result_t  result;

    if (!model_answers(model)) {
        return EHR_ENGINE_ASK;
    }

    result = weigh_all(model, items, n, 0);

    for (i = 0; i < n; i++) {
        if (items[i].why != EHR_ENGINE_FREE
            && items[i].why != EHR_ENGINE_IS_TENTATIVE
            && items[i].why != EHR_ENGINE_UNCERTAIN)
        {
            return result;
        }
    }

    return is_claim ? weigh_all(model, items, n, 1) : result;
}


/* -- slots ----------------------------------------------------------------- */

/* Whether the slot is listed. */
static int
slot_make(const model_t *model, int32_t number,
    const ehr_engine_period_t *period, uint32_t start, uint32_t granules,
    unsigned flags, ehr_engine_slot_t *slot)
{
    unsigned  seat;

    memset(slot, 0, sizeof(*slot));
    slot->resource = number;
    slot->start = start;
    slot->granules = (uint16_t) granules;
    slot->slot = period->slot;
    slot->capacity = period->capacity;
    slot->uuid = model->resources[number].uuid;
    slot->clinic = period->clinic;
    slot->room = period->room;

    for (seat = 0; seat < period->capacity; seat++) {
        if (seat_is(model, number, seat, start, start + granules)
            == SEAT_FREE)
        {
            slot->seat = slot->free ? slot->seat : (uint16_t) seat;
            slot->free++;
        }
    }

    return slot->free || flags & EHR_ENGINE_ALSO_FULL;
}


ehr_engine_result_t
model_slots(const model_t *model, int32_t number, uint32_t from, uint32_t to,
    uint32_t granules, unsigned flags, const ehr_engine_uuid_t *clinic,
    ehr_engine_slot_t *slots, size_t n, size_t *count)
{
    uint32_t                    start, length;
    ehr_engine_slot_t           slot;
    const model_resource_t     *resource;
    const ehr_engine_period_t  *period;

    *count = 0;
    resource = &model->resources[number];

    if (!model_answers(model) || !resource->is_known) {
        return EHR_ENGINE_ASK;
    }

    if (resource->kind != EHR_ENGINE_DOCTOR) {
        return EHR_ENGINE_NONE;
    }

    if (from < to && (from < model->first_day * EHR_ENGINE_DAY
                      || to > model->end_day * EHR_ENGINE_DAY))
    {
        return EHR_ENGINE_ASK;
    }

    for (start = from; start < to && *count < n; start++) {
        period = period_at(resource, start);

        if (period == NULL || !is_on_grid(period, start)
            || (clinic && !model_uuid_is(clinic, &period->clinic)))
        {
            continue;
        }

        if (period->to > model->end_day * EHR_ENGINE_DAY) {
            *count = 0;
            return EHR_ENGINE_ASK;
        }

        length = granules ? granules : period->slot;

        if (start + length <= period->to
            && slot_make(model, number, period, start, length, flags, &slot))
        {
            slots[(*count)++] = slot;
        }
    }

    return EHR_ENGINE_OK;
}


/* -- first ----------------------------------------------------------------- */

static int
is_wanted(const model_t *model, const ehr_engine_search_t *search,
    int32_t number)
{
    size_t             i;
    unsigned           group;
    int                is_listed;
    ehr_engine_uuid_t  uuid;

    if (!model->resources[number].is_known
        || model->resources[number].kind != EHR_ENGINE_DOCTOR)
    {
        return 0;
    }

    is_listed = search->resources == NULL;

    for (i = 0; i < search->nresources; i++) {
        is_listed |= search->resources[i] == number;
    }

    for (i = 0; i < search->ngroups; i++) {
        for (group = 0; group < MODEL_GROUPS; group++) {
            uuid = model_group(group);

            if (model_uuid_is(&uuid, &search->groups[i])
                && model->members[group][number])
            {
                break;
            }
        }

        is_listed &= group < MODEL_GROUPS;
    }

    return is_listed;
}


static int
compare_slots(const void *one, const void *two)
{
    const ehr_engine_slot_t  *a = one, *b = two;

    if (a->start != b->start) {
        return a->start < b->start ? -1 : 1;
    }

    return memcmp(&a->uuid, &b->uuid, sizeof(a->uuid));
}


/* The first start in [from, to) in a period that goes on behind the
 * horizon. */
static uint32_t
poison_of(const model_t *model, const ehr_engine_search_t *search,
    int32_t number, uint32_t from, uint32_t to)
{
    uint32_t                    start;
    const ehr_engine_period_t  *period;

    for (start = from; start < to; start++) {
        period = period_at(&model->resources[number], start);

        if (period && period->to > model->end_day * EHR_ENGINE_DAY
            && is_on_grid(period, start)
            && (search->clinic == NULL
                || model_uuid_is(search->clinic, &period->clinic)))
        {
            return start;
        }
    }

    return UINT32_MAX;
}


ehr_engine_result_t
model_first(const model_t *model, const ehr_engine_search_t *search,
    ehr_engine_slot_t *slots, size_t most, size_t *count, uint32_t *poison)
{
    size_t    i, n;
    int32_t   number;
    uint32_t  until, start, end;

    *count = 0;
    *poison = UINT32_MAX;

    if (!model_answers(model)
        || search->from < model->first_day * EHR_ENGINE_DAY)
    {
        return EHR_ENGINE_ASK;
    }

    for (i = 0; i < search->nresources; i++) {
        if (!model->resources[search->resources[i]].is_known) {
            return EHR_ENGINE_ASK;
        }
    }

    end = model->end_day * EHR_ENGINE_DAY;
    until = search->until ? search->until : end;
    until = until > end ? end : until;

    for (number = 1; number <= MODEL_RESOURCES; number++) {

        if (!is_wanted(model, search, number) || search->from >= until) {
            continue;
        }

        start = poison_of(model, search, number, search->from, until);

        if (start < *poison) {
            *poison = start;
        }

        /* what comes before it can be told */
        (void) model_slots(model, number, search->from,
                           start < until ? start : until, search->granules, 0,
                           search->clinic, slots + *count, most - *count, &n);
        *count += n;
    }

    qsort(slots, *count, sizeof(*slots), compare_slots);

    return EHR_ENGINE_OK;
}
