/*
 * The simulation's database, and the changes that its feed is told.
 */

#include "simulation.h"


/* -- the database ---------------------------------------------------------- */

event_t *
event_new(event_kind_t kind)
{
    event_t  *event;

    if (owner == -1 || nevents == EVENTS) {
        /* whoever owns the feed next loads all */
        owner = -1;
        nevents = 0;
    }

    event = &events[nevents++];
    memset(event, 0, sizeof(*event));
    event->kind = kind;

    return event;
}


int
database_is_free(int32_t number, unsigned seat, uint32_t from, uint32_t to)
{
    unsigned        i;
    const claim_t  *claim;

    for (i = 0; i < database.nclaims; i++) {
        claim = &database.claims[i];

        if (claim->number == number && claim->seat == seat
            && claim->from < to && claim->to > from)
        {
            return 0;
        }
    }

    return 1;
}


void
database_claim(int32_t number, unsigned seat, uint32_t from, uint32_t to,
    const ehr_engine_uuid_t *act)
{
    claim_t  *claim;

    claim = &database.claims[database.nclaims++];
    claim->number = number;
    claim->seat = seat;
    claim->from = from;
    claim->to = to;
    claim->act = *act;

    event_new(EVENT_BUSY)->claim = *claim;
}


void
database_free(unsigned i)
{
    event_new(EVENT_FREE)->claim = database.claims[i];
    database.claims[i] = database.claims[--database.nclaims];
}


/* -1: none. */
static int
database_seat(const ehr_engine_item_t *item)
{
    unsigned  seat;

    if (!database.exists[item->resource]) {
        return -1;
    }

    if (!once_in(4) && database_is_free(item->resource, item->seat,
                                        item->from, item->to))
    {
        return item->seat;
    }

    for (seat = 0; seat < MODEL_SEATS; seat++) {
        if (database_is_free(item->resource, seat, item->from, item->to)) {
            return (int) seat;
        }

        if (item->resource > MODEL_DOCTORS) {
            break;
        }
    }

    return -1;
}


/* The act's transaction; 0: refused. */
int
database_commit(const act_t *act)
{
    int       seat;
    size_t    i;
    unsigned  before;

    before = database.nclaims;

    for (i = 0; i < act->n; i++) {
        if (database.nclaims + act->n > CLAIMS
            || database_seat(&act->items[i]) < 0)
        {
            break;
        }

        seat = database_seat(&act->items[i]);

        if (seat < 0) {
            break;
        }

        /* told to the feed only when all are there */
        database.claims[database.nclaims].number = act->items[i].resource;
        database.claims[database.nclaims].seat = (unsigned) seat;
        database.claims[database.nclaims].from = act->items[i].from;
        database.claims[database.nclaims].to = act->items[i].to;
        database.claims[database.nclaims].act = act->act;
        database.nclaims++;
    }

    if (i < act->n) {
        database.nclaims = before;
        return 0;
    }

    for (i = before; i < database.nclaims; i++) {
        event_new(EVENT_BUSY)->claim = database.claims[i];
    }

    return 1;
}


void
database_reschedule(int32_t number)
{
    unsigned              n;
    uint32_t              time, length, slot;
    ehr_engine_period_t  *period;

    n = 0;
    time = today * EHR_ENGINE_DAY - (once_in(3) ? 20 : 0);

    while (n < MODEL_PERIODS) {
        time += once_in(3) ? below(24) : 60 + below(3) * 60;
        time -= time % 3;
        length = (1 + below(once_in(4) ? 100 : 12)) * 3;
        slot = (1 + below(4)) * (once_in(4) ? 1 : 3);

        if (time > (today + MODEL_RING + 1) * EHR_ENGINE_DAY
            || time + length > (MODEL_DAY0 + MODEL_DAYS) * EHR_ENGINE_DAY)
        {
            break;
        }

        period = &database.periods[number][n++];
        memset(period, 0, sizeof(*period));
        period->from = time;
        period->to = time + length;
        period->grid = once_in(3) ? time + below(20) - 10 : time;
        period->slot = (uint16_t) slot;
        period->capacity = (uint16_t) (1 + below(MODEL_SEATS));
        period->clinic = model_clinic(below(MODEL_CLINICS));
        period->room = model_uuid(40, below(2));
        time = period->to;
    }

    database.nperiods[number] = n;
}


void
event_periods(int32_t number)
{
    event_t  *event;

    event = event_new(EVENT_PERIODS);
    event->claim.number = number;
    event->nperiods = database.nperiods[number];
    memcpy(event->periods, database.periods[number],
           sizeof(event->periods));
}


ehr_engine_kind_t
kind_of(int32_t number)
{
    return number <= MODEL_DOCTORS ? EHR_ENGINE_DOCTOR
           : number == MODEL_DOCTORS + 1 ? EHR_ENGINE_ROOM
                                         : EHR_ENGINE_EQUIPMENT;
}


/* Not in the order of the numbers. */
ehr_engine_uuid_t
uuid_of(int32_t number)
{
    return model_uuid(10 + (unsigned) (number * 5 % 7), (unsigned) number);
}


/* -- what others change ---------------------------------------------------- */

/* Somebody else claims in the database. */
void
step_elsewhere(void)
{
    uint32_t           from, to;
    int32_t            number;
    unsigned           seat;
    ehr_engine_uuid_t  act;

    number = 1 + (int32_t) below(MODEL_RESOURCES);
    seat = once_in(20) ? 1000
           : number <= MODEL_DOCTORS ? below(MODEL_SEATS) : 0;
    from = some_time();
    to = from + 1 + below(once_in(16) ? 600 : 9);
    act = model_uuid(60, next_act++);

    if (database.exists[number] && database.nclaims < CLAIMS - 4
        && from >= MODEL_DAY0 * EHR_ENGINE_DAY
        && to <= (MODEL_DAY0 + MODEL_DAYS) * EHR_ENGINE_DAY
        && database_is_free(number, seat, from, to))
    {
        database_claim(number, seat, from, to, &act);
    }
}


static void
resource_gone(int32_t number)
{
    unsigned  i, group;

    database.exists[number] = 0;
    database.nperiods[number] = 0;

    for (i = 0; i < database.nclaims; /* void */) {
        if (database.claims[i].number == number) {
            database_free(i);
        } else {
            i++;
        }
    }

    for (group = 0; group < MODEL_GROUPS; group++) {
        database.members[group][number] = 0;
    }

    event_new(EVENT_FORGET)->claim.number = number;
}


/* Somebody begins to work, or leaves. */
static void
resource_comes_or_goes(int32_t number)
{
    if (!database.exists[number]) {
        database.exists[number] = 1;
        event_new(EVENT_RESOURCE)->claim.number = number;

    } else if (once_in(2)) {
        resource_gone(number);
    }
}


void
step_schedule(void)
{
    int32_t   number;
    unsigned  group;
    event_t  *event;

    number = 1 + (int32_t) below(MODEL_DOCTORS);

    if (once_in(2) && database.exists[number]) {
        database_reschedule(number);
        event_periods(number);

    } else if (once_in(4)) {
        resource_comes_or_goes(1 + (int32_t) below(MODEL_RESOURCES));

    } else if (database.exists[number]) {
        group = below(MODEL_GROUPS);
        database.members[group][number] ^= 1;
        event = event_new(EVENT_MEMBER);
        event->claim.number = number;
        event->group = group;
        event->is_member = database.members[group][number];
    }
}
