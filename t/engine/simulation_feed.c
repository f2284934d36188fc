/*
 * The simulation's feed: it loads, follows, rolls, and may die within it.
 */

#include "simulation.h"


/* -- the feed -------------------------------------------------------------- */

static struct {
    event_t              event;
    uint32_t             first_day;
    uint32_t             end_day;
    ehr_engine_result_t  result;
    int                  is_done;
    int                  shows;         /* the event, a tentative claim */
    model_tentative_t    shown;
    int                  fitted[MODEL_RESOURCES + 1];
} feed;


static void
feed_event(ehr_engine_t *engine)
{
    ehr_engine_uuid_t  uuid;
    event_t           *event;

    event = &feed.event;

    switch (event->kind) {

    case EVENT_BUSY:
        feed.result = ehr_engine_feed_busy(engine, event->claim.number,
                                           event->claim.seat,
                                           event->claim.from,
                                           event->claim.to,
                                           &event->claim.act);
        break;

    case EVENT_FREE:
        feed.result = ehr_engine_feed_free(engine, event->claim.number,
                                           event->claim.seat,
                                           event->claim.from,
                                           event->claim.to);
        break;

    case EVENT_PERIODS:
        feed.result = ehr_engine_feed_periods(engine, event->claim.number,
                                              model.first_day,
                                              model.first_day + MODEL_RING,
                                              event->periods,
                                              event->nperiods);
        break;

    case EVENT_MEMBER:
        uuid = model_group(event->group);
        feed.result = ehr_engine_feed_member(engine, &uuid,
                                             event->claim.number,
                                             event->is_member);
        break;

    case EVENT_RESOURCE:
        uuid = uuid_of(event->claim.number);
        feed.result = ehr_engine_feed_resource(engine, event->claim.number,
                                               kind_of(event->claim.number),
                                               &uuid);
        break;

    case EVENT_FORGET:
        feed.result = ehr_engine_feed_forget(engine, event->claim.number);
        break;

    default:
        feed.result = bed_event(engine, event);
    }
}


static void
model_periods(int32_t number, const ehr_engine_period_t *periods,
    unsigned n)
{
    model_resource_t  *resource;

    resource = &model.resources[number];

    if (resource->is_known) {
        memcpy(resource->periods, periods, n * sizeof(*periods));
        resource->nperiods = n;
        resource->periods_end = model.first_day + MODEL_RING;
    }
}


static void
model_resource(int32_t number)
{
    model_resource_t  *resource;

    resource = &model.resources[number];

    if (!resource->is_known) {
        resource->is_known = 1;
        resource->kind = kind_of(number);
        resource->uuid = uuid_of(number);
        resource->nperiods = 0;
        resource->releasing = 0;
        model_forget_busy(&model, number);
    }
}


static void
model_forget(int32_t number)
{
    unsigned  group;

    model.resources[number].is_known = 0;
    model.resources[number].nperiods = 0;
    model_forget_busy(&model, number);

    for (group = 0; group < MODEL_GROUPS; group++) {
        model.members[group][number] = 0;
    }
}


/* The tentative claim that a committed one shows: that of the same seat, else
 * of the lowest; -1: none. */
static int
entry_shown(const claim_t *claim)
{
    int                       found;
    unsigned                  i;
    const model_tentative_t  *entry;

    for (i = 0, found = -1; i < model.ntentative; i++) {
        entry = &model.tentative[i];

        if (entry->number != claim->number || entry->from != claim->from
            || entry->to != claim->to
            || !model_uuid_is(&entry->act, &claim->act))
        {
            continue;
        }

        if (entry->seat == claim->seat) {
            return (int) i;
        }

        if (found < 0 || entry->seat < model.tentative[found].seat) {
            found = (int) i;
        }
    }

    return found;
}


/* That one only, and not the act's next. */
static int
entry_is_shown_or_dead(const model_tentative_t *entry)
{
    return (feed.shows && entry->number == feed.shown.number
            && entry->seat == feed.shown.seat
            && entry->from == feed.shown.from
            && entry->to == feed.shown.to
            && model_uuid_is(&entry->act, &feed.shown.act))
           || entry_is_dead(entry);
}


static void
model_shown(const claim_t *claim)
{
    int  shown;

    shown = entry_shown(claim);

    if (shown >= 0) {
        model_tentative_remove(&model, (unsigned) shown);
    }
}


static void
model_event(void)
{
    int32_t         number;
    const event_t  *event;

    event = &feed.event;
    number = event->claim.number;

    switch (event->kind) {

    case EVENT_BUSY:
        model_mark(&model, number, event->claim.seat, event->claim.from,
                   event->claim.to, 1);

        model_shown(&event->claim);
        break;

    case EVENT_FREE:
        model_mark(&model, number, event->claim.seat, event->claim.from,
                   event->claim.to, 0);
        break;

    case EVENT_PERIODS:
        model_periods(number, event->periods, event->nperiods);
        break;

    case EVENT_MEMBER:
        if (model.resources[number].is_known) {
            model.members[event->group][number] = (uint8_t) event->is_member;
        }
        break;

    case EVENT_RESOURCE:
        if (feed.result == EHR_ENGINE_OK) {
            model_resource(number);
        }
        break;

    case EVENT_FORGET:
        model_forget(number);
        break;

    default:
        model_bed_event(event, feed.result);
    }
}


/* What is shown is busy first, and then not tentative any more. */
static int
event_may_be_watched(void)
{
    int  shown;

    shown = feed.event.kind == EVENT_BUSY ? entry_shown(&feed.event.claim)
            : feed.event.kind == EVENT_STAY ? bed_entry_shown(&feed.event)
                                            : -1;
    feed.shows = shown >= 0;

    if (feed.shows) {
        feed.shown = model.tentative[shown];
    }

    return !feed.shows;
}


void
step_feed(void)
{
    unsigned  n;

    for (n = 1 + below(4); n && nevents && owner >= 0 && !is_torn; n--) {
        feed.event = events[0];
        memmove(events, events + 1, --nevents * sizeof(events[0]));
        trace("feed: event %d of resource %d seat %u [%u, %u)",
              feed.event.kind, feed.event.claim.number,
              feed.event.claim.seat, feed.event.claim.from,
              feed.event.claim.to);

        if (!run(owner, feed_event, event_may_be_watched())) {
            is_torn = 1;

            if (feed.event.kind >= EVENT_BED) {
                is_bed_torn = 1;
            } else {
                model.resources[feed.event.claim.number].is_torn = 1;
            }

            follow_losses(entry_is_shown_or_dead);
            after_death();
            return;
        }

        tallies[TALLY_FULL] += feed.result == EHR_ENGINE_FULL;
        must(feed.result == EHR_ENGINE_OK
             || feed.result == EHR_ENGINE_NONE
             || (feed.result == EHR_ENGINE_FULL && is_lenient()),
             "feed: %d", feed.result);
        model_event();
        explain_glance();
    }
}


static void
load_claims(ehr_engine_t *engine, uint32_t first, uint32_t end)
{
    unsigned        i;
    const claim_t  *claim;

    for (i = 0; i < database.nclaims; i++) {
        claim = &database.claims[i];

        if (claim->from < end * EHR_ENGINE_DAY
            && claim->to > first * EHR_ENGINE_DAY)
        {
            (void) ehr_engine_feed_busy(engine, claim->number, claim->seat,
                                        claim->from, claim->to, &claim->act);
        }
    }
}


static void
load_periods(ehr_engine_t *engine, uint32_t first)
{
    int32_t  number;

    /* also of one that is gone, but is told only later */
    for (number = 1; number <= MODEL_DOCTORS; number++) {
        (void) ehr_engine_feed_periods(engine, number, first,
                                       first + MODEL_RING,
                                       database.periods[number],
                                       database.nperiods[number]);
    }
}


static void
feed_load(ehr_engine_t *engine)
{
    int32_t            number;
    unsigned           group;
    ehr_engine_uuid_t  uuid;

    feed.is_done = 0;
    feed.result = ehr_engine_feed_begin(engine, feed.first_day);

    if (feed.result != EHR_ENGINE_OK) {
        return;
    }

    feed.is_done = 1;

    for (number = 1; number <= MODEL_RESOURCES; number++) {
        uuid = uuid_of(number);
        feed.fitted[number] = database.exists[number]
            && ehr_engine_feed_resource(engine, number, kind_of(number),
                                        &uuid) == EHR_ENGINE_OK;
    }

    for (group = 0; group < MODEL_GROUPS; group++) {
        for (number = 1; number <= MODEL_RESOURCES; number++) {
            if (database.members[group][number]) {
                uuid = model_group(group);
                (void) ehr_engine_feed_member(engine, &uuid, number, 1);
            }
        }
    }

    load_periods(engine, feed.first_day);
    load_claims(engine, feed.first_day, feed.first_day + MODEL_RING);
    beds_load(engine);
    feed.result = ehr_engine_feed_live(engine, feed.end_day);
}


static int
claim_is_loaded(const claim_t *claim)
{
    return claim->to > feed.first_day * EHR_ENGINE_DAY
           && claim->from < (feed.first_day + MODEL_RING) * EHR_ENGINE_DAY;
}


/* Claims in the database, shown while loading. */
static int
entry_is_in_database(const model_tentative_t *entry)
{
    unsigned        i;
    const claim_t  *claim;

    for (i = 0; i < database.nclaims; i++) {
        claim = &database.claims[i];

        if (claim->number == entry->number && claim->from == entry->from
            && claim->to == entry->to && claim_is_loaded(claim)
            && model_uuid_is(&claim->act, &entry->act))
        {
            return 1;
        }
    }

    return 0;
}


static int
entry_is_in_database_or_dead(const model_tentative_t *entry)
{
    return (entry->is_bed ? bed_entry_is_loaded(entry)
                          : entry_is_in_database(entry))
           || entry_is_dead(entry);
}


static void
model_load(void)
{
    int32_t   number;
    unsigned  i, group;

    model.is_live = 1;
    model.heartbeat = model.now;
    model.first_day = feed.first_day;
    model.end_day = feed.end_day;

    for (number = 1; number <= MODEL_RESOURCES; number++) {
        model.resources[number].is_torn = 0;
        model_forget(number);

        if (feed.fitted[number]) {
            model_resource(number);
            model.resources[number].releasing = 0;
            model_periods(number, database.periods[number],
                          database.nperiods[number]);
        }

        for (group = 0; group < MODEL_GROUPS; group++) {
            model.members[group][number]
                = (uint8_t) (database.members[group][number]
                             && feed.fitted[number]);
        }
    }

    for (i = 0; i < database.nclaims; i++) {
        model_mark(&model, database.claims[i].number,
                   database.claims[i].seat, database.claims[i].from,
                   database.claims[i].to, 1);
    }
}


static void
all_are_torn(void)
{
    unsigned  i;

    is_torn = 1;

    for (i = 1; i <= MODEL_RESOURCES; i++) {
        model.resources[i].is_torn = 1;
    }

    follow_losses(entry_is_in_database_or_dead);
}


static void
follow_dead_load(int process)
{
    model.is_live = 0;
    is_bed_torn = 1;
    all_are_torn();

    /* it may have died before it began, or when it was about to end */
    if (root()->state == EHR_ENGINE_LIVE && !once_in(3)) {
        is_looking = 1;
        (void) ehr_engine_feed_begin(&engines[process], today);
        engines[process].generation = 0;
        is_looking = 0;
    }

    model.is_live = root()->state == EHR_ENGINE_LIVE;
    after_death();
}


static void
follow_load(void)
{
    unsigned  i;

    must(feed.result == EHR_ENGINE_OK, "loading: %d", feed.result);

    for (i = 0; i < database.nclaims; i++) {
        if (claim_is_loaded(&database.claims[i])) {
            model_shown(&database.claims[i]);
        }
    }

    is_torn = 0;
    is_bed_torn = 0;
    tallies[TALLY_LOADS]++;
    model_load();
    model_beds_load();
    explain_glance();
}


void
step_load(int process)
{
    int32_t  writer;

    writer = root()->writing;
    feed.first_day = today;
    feed.end_day = today + (once_in(4) ? below(MODEL_RING + 1) : MODEL_RING);
    trace("process %d loads days [%u, %u)", process, feed.first_day,
          feed.end_day);

    nevents = 0;
    owner = process;

    if (!run(process, feed_load, 1)) {
        follow_dead_load(process);

    } else if (feed.result == EHR_ENGINE_BUSY) {
        must(pid_is_alive(writer), "waits for a dead owner");
        owner = -1;
        model.is_live = 0;

    } else {
        follow_load();
    }
}


static void
feed_heartbeat(ehr_engine_t *engine)
{
    feed.result = ehr_engine_feed_heartbeat(engine);
}


void
step_heartbeat(void)
{
    if (owner < 0 || is_torn) {
        return;
    }

    if (!run(owner, feed_heartbeat, 0)) {
        is_torn = 1;
        model.heartbeat = root()->heartbeat;
        after_death();
        return;
    }

    must(feed.result == EHR_ENGINE_OK, "heartbeat: %d", feed.result);
    model.heartbeat = model.now;
}


static void
feed_roll(ehr_engine_t *engine)
{
    uint32_t  end;

    end = model.end_day > today ? model.end_day : today;

    feed.result = ehr_engine_feed_roll(engine, today, end);

    if (feed.result == EHR_ENGINE_OK) {
        load_periods(engine, today);
        load_claims(engine, feed.first_day + MODEL_RING, today + MODEL_RING);
        feed.result = ehr_engine_feed_roll(engine, today,
                                           today + MODEL_RING);
    }
}


static void
follow_roll(void)
{
    int32_t         number;
    unsigned        i;
    const claim_t  *claim;

    must(feed.result == EHR_ENGINE_OK, "roll: %d", feed.result);

    model_drop_days(&model, model.first_day, today);
    model.first_day = today;
    model.end_day = today + MODEL_RING;

    for (number = 1; number <= MODEL_DOCTORS; number++) {
        model_periods(number, database.periods[number],
                      database.nperiods[number]);
    }

    for (i = 0; i < database.nclaims; i++) {
        claim = &database.claims[i];

        if (claim->from < (today + MODEL_RING) * EHR_ENGINE_DAY
            && claim->to > (feed.first_day + MODEL_RING) * EHR_ENGINE_DAY)
        {
            feed.event.kind = EVENT_BUSY;
            feed.event.claim = *claim;
            model_event();
        }
    }
}


void
step_day(void)
{
    int32_t  number;

    if (today + 2 * MODEL_RING + 4 >= MODEL_DAY0 + MODEL_DAYS) {
        return;
    }

    today += once_in(8) ? 1 + below(MODEL_RING + 1) : 1;
    trace("it is day %u", today);

    for (number = 1; number <= MODEL_DOCTORS; number++) {
        if (database.exists[number]) {
            database_reschedule(number);
            event_periods(number);
        }
    }

    if (owner < 0 || is_torn) {
        return;
    }

    feed.first_day = model.first_day;

    if (run(owner, feed_roll, 0)) {
        follow_roll();

    } else {
        all_are_torn();
        after_death();
    }
}
