/*
 * The simulation's feed follows: it tells the engine each event of the
 * database, and may die within it.
 */

#include "simulation.h"


static struct {
    event_t              event;
    ehr_engine_result_t  result;
    int                  shows;         /* the event, a tentative claim */
    model_tentative_t    shown;
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


void
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


void
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


void
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


void
model_shown(const claim_t *claim)
{
    int  shown;

    shown = entry_shown(claim);

    if (shown >= 0) {
        model_tentative_remove(&model, (unsigned) shown);
    }
}


void
model_busy(const claim_t *claim)
{
    model_mark(&model, claim->number, claim->seat, claim->from, claim->to, 1);
    model_shown(claim);
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
        model_busy(&event->claim);
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
