/*
 * The simulation's feed loads, rolls from day to day, beats, and may die
 * within it.
 */

#include "simulation.h"


static struct {
    uint32_t             first_day;
    uint32_t             end_day;
    ehr_engine_result_t  result;
    int                  fitted[MODEL_RESOURCES + 1];
} load;


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

    load.result = ehr_engine_feed_begin(engine, load.first_day);

    if (load.result != EHR_ENGINE_OK) {
        return;
    }

    for (number = 1; number <= MODEL_RESOURCES; number++) {
        uuid = uuid_of(number);
        load.fitted[number] = database.exists[number]
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

    load_periods(engine, load.first_day);
    load_claims(engine, load.first_day, load.first_day + MODEL_RING);
    beds_load(engine);
    load.result = ehr_engine_feed_live(engine, load.end_day);
}


static int
claim_is_loaded(const claim_t *claim)
{
    return claim->to > load.first_day * EHR_ENGINE_DAY
           && claim->from < (load.first_day + MODEL_RING) * EHR_ENGINE_DAY;
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
    model.first_day = load.first_day;
    model.end_day = load.end_day;

    for (number = 1; number <= MODEL_RESOURCES; number++) {
        model.resources[number].is_torn = 0;
        model_forget(number);

        if (load.fitted[number]) {
            model_resource(number);
            model.resources[number].releasing = 0;
            model_periods(number, database.periods[number],
                          database.nperiods[number]);
        }

        for (group = 0; group < MODEL_GROUPS; group++) {
            model.members[group][number]
                = (uint8_t) (database.members[group][number]
                             && load.fitted[number]);
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

    must(load.result == EHR_ENGINE_OK, "loading: %d", load.result);

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
    load.first_day = today;
    load.end_day = today + (once_in(4) ? below(MODEL_RING + 1) : MODEL_RING);
    trace("process %d loads days [%u, %u)", process, load.first_day,
          load.end_day);

    nevents = 0;
    owner = process;

    if (!run(process, feed_load, 1)) {
        follow_dead_load(process);

    } else if (load.result == EHR_ENGINE_BUSY) {
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
    load.result = ehr_engine_feed_heartbeat(engine);
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

    must(load.result == EHR_ENGINE_OK, "heartbeat: %d", load.result);
    model.heartbeat = model.now;
}


static void
feed_roll(ehr_engine_t *engine)
{
    uint32_t  end;

    end = model.end_day > today ? model.end_day : today;

    load.result = ehr_engine_feed_roll(engine, today, end);

    if (load.result == EHR_ENGINE_OK) {
        load_periods(engine, today);
        load_claims(engine, load.first_day + MODEL_RING, today + MODEL_RING);
        load.result = ehr_engine_feed_roll(engine, today,
                                           today + MODEL_RING);
    }
}


static void
follow_roll(void)
{
    int32_t         number;
    unsigned        i;
    const claim_t  *claim;

    must(load.result == EHR_ENGINE_OK, "roll: %d", load.result);

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
            && claim->to > (load.first_day + MODEL_RING) * EHR_ENGINE_DAY)
        {
            model_busy(claim);
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

    load.first_day = model.first_day;

    if (run(owner, feed_roll, 0)) {
        follow_roll();

    } else {
        all_are_torn();
        after_death();
    }
}
