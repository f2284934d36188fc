/*
 * The simulation's beds in the feed: what it is told, what the model then
 * knows, and what the feed forgets as time passes.
 */

#include "simulation_beds.h"


/* -- the feed -------------------------------------------------------------- */

static ehr_engine_result_t
feed_stay(ehr_engine_t *engine, const model_stay_t *stay)
{
    return ehr_engine_feed_stay(engine, stay->number, stay->seat, stay->from,
                                stay->to, stay->has_act ? &stay->act : NULL);
}


ehr_engine_result_t
bed_event(ehr_engine_t *engine, const event_t *event)
{
    switch (event->kind) {

    case EVENT_BED:
        return ehr_engine_feed_bed(engine, event->claim.number, &event->bed);

    case EVENT_BED_FORGET:
        return ehr_engine_feed_forget(engine, event->claim.number);

    case EVENT_STAY:
        return feed_stay(engine, &event->stay);

    default:
        return ehr_engine_feed_stay_end(engine, event->stay.number,
                                        event->stay.seat, event->stay.from,
                                        event->stay.to);
    }
}


int
stay_is(const model_stay_t *one, const model_stay_t *two)
{
    return one->number == two->number && one->seat == two->seat
           && one->from == two->from && one->to == two->to;
}


void
stays_remove(model_stay_t *stays, unsigned *n, unsigned i)
{
    stays[i] = stays[--*n];
}


static void
model_stay_end(const model_stay_t *stay)
{
    unsigned  i;

    for (i = 0; i < model.nstays; i++) {
        if (stay_is(&model.stays[i], stay)) {
            stays_remove(model.stays, &model.nstays, i);
            return;
        }
    }
}


/* Of two claims of beds: the one of that bed, else of the lowest, and then the
 * earliest. */
static int
is_nearer(const model_tentative_t *one, const model_tentative_t *two,
    int32_t number)
{
    if ((one->number == number) != (two->number == number)) {
        return one->number == number;
    }

    return one->number != two->number ? one->number < two->number
                                      : one->from < two->from;
}


static int
stay_shows(const model_stay_t *stay)
{
    int                       found;
    unsigned                  i;
    const model_tentative_t  *entry;

    if (!stay->has_act || stay->seat) {
        return -1;
    }

    for (i = 0, found = -1; i < model.ntentative; i++) {
        entry = &model.tentative[i];

        if (entry->is_bed && model_uuid_is(&entry->act, &stay->act)
            && (entry->number == stay->number || entry->from <= stay->from)
            && (found < 0 || is_nearer(entry, &model.tentative[found],
                                       stay->number)))
        {
            found = (int) i;
        }
    }

    return found;
}


int
bed_entry_shown(const event_t *event)
{
    return stay_shows(&event->stay);
}


static void
model_stay(const model_stay_t *stay)
{
    int  shown;

    shown = stay_shows(stay);

    if (shown >= 0) {
        model_tentative_remove(&model, (unsigned) shown);
    }

    if (stay->seat == 0 && model.beds[stay->number - MODEL_BED0].is_known) {
        must(model.nstays < MODEL_STAYS, "model is full of stays");
        model.stays[model.nstays++] = *stay;
    }
}


static void
model_bed(unsigned i, const ehr_engine_bed_t *bed)
{
    if (!model.beds[i].is_known) {
        model.beds[i].releasing = 0;
    }

    model.beds[i].is_known = 1;
    model.beds[i].bed = *bed;
    model.is_place[0][model_place_of(&bed->hospital)] = 1;
    model.is_place[1][model_place_of(&bed->ward)] = 1;
    model.is_place[2][model_place_of(&bed->room_class)] = 1;
}


static void
model_bed_forget(unsigned i)
{
    unsigned  k;

    model.beds[i].is_known = 0;

    for (k = 0; k < model.nstays; /* void */) {
        if (model.stays[k].number == (int32_t) i + MODEL_BED0) {
            stays_remove(model.stays, &model.nstays, k);
        } else {
            k++;
        }
    }
}


/* What did not fit is known to the model all the same: the engine says ASK. */
void
model_bed_event(const event_t *event, ehr_engine_result_t result)
{
    unsigned  i;

    (void) result;
    i = (unsigned) (event->claim.number - MODEL_BED0);

    switch (event->kind) {

    case EVENT_BED:
        model_bed(i, &event->bed);
        break;

    case EVENT_BED_FORGET:
        model_bed_forget(i);
        break;

    case EVENT_STAY:
        model_stay(&event->stay);
        break;

    default:
        model_stay_end(&event->stay);
    }
}


void
beds_load(ehr_engine_t *engine)
{
    unsigned  i;

    for (i = 1; i <= MODEL_BEDS; i++) {
        if (database.beds[i].is_known) {
            (void) ehr_engine_feed_bed(engine, (int32_t) i + MODEL_BED0,
                                       &database.beds[i].bed);
        }
    }

    for (i = 0; i < database.nstays; i++) {
        (void) feed_stay(engine, &database.stays[i]);
    }
}


void
model_beds_load(void)
{
    unsigned  i;

    model.nstays = 0;
    memset(model.beds, 0, sizeof(model.beds));
    memset(model.is_place, 0, sizeof(model.is_place));

    for (i = 1; i <= MODEL_BEDS; i++) {
        if (database.beds[i].is_known) {
            model_bed(i, &database.beds[i].bed);
        }
    }

    for (i = 0; i < database.nstays; i++) {
        model_stay(&database.stays[i]);
    }
}


int
bed_entry_is_loaded(const model_tentative_t *entry)
{
    unsigned  i;

    for (i = 0; i < database.nstays; i++) {
        if (database.stays[i].has_act && database.stays[i].seat == 0
            && model_uuid_is(&database.stays[i].act, &entry->act))
        {
            return 1;
        }
    }

    return 0;
}


/* -- time ------------------------------------------------------------------ */

static ehr_engine_result_t  dropped;


static void
feed_drop(ehr_engine_t *engine)
{
    dropped = ehr_engine_feed_stays_drop(engine, wall);
}


static void
drop_past(model_stay_t *stays, unsigned *n)
{
    unsigned  i;

    for (i = 0; i < *n; /* void */) {
        if (stays[i].to <= wall) {
            stays_remove(stays, n, i);
        } else {
            i++;
        }
    }
}


void
step_bed_time(void)
{
    wall += once_in(4) ? below(40) : below(4);

    if (!once_in(3)) {
        return;
    }

    drop_past(database.stays, &database.nstays);

    if (owner < 0 || is_torn) {
        return;
    }

    /* beds go one after the other: what is seen between is neither */
    if (!run(owner, feed_drop, 0)) {
        is_torn = 1;
        is_bed_torn = 1;
        after_death();
        return;
    }

    must(dropped == EHR_ENGINE_OK, "drop: %d", dropped);
    drop_past(model.stays, &model.nstays);
}
