/*
 * The simulation's beds: admissions that claim one, by number or by what is
 * wanted, stays that begin and end, beds that change, and what is asked.
 */

#include "simulation.h"


#define WALL0       1000000u            /* seconds */
#define KINDS       3u                  /* of equipment */
#define FOUND       4u

uint32_t  wall;
int       is_bed_torn;

static struct {
    act_t                    act;
    int64_t                  deadline;
    ehr_engine_result_t      result;
    int32_t                  number;
} work;

/* What somebody saw in the middle of a change. */
static struct {
    ehr_engine_bed_wish_t    wish;
    ehr_engine_uuid_t        places[3];
    ehr_engine_result_t      result;
    size_t                   count;
    ehr_engine_bed_found_t   found[FOUND];
} glance;

/* What a ward was like when it had this version. */
static struct {
    uint64_t                 version;
    uint64_t                 state;
} wards[MODEL_PLACES];


/* -- what beds are like ---------------------------------------------------- */

static uint8_t
draw_sex(void)
{
    return (uint8_t) (once_in(5) ? below(5) : 1 + below(2));
}


static ehr_engine_bed_t
draw_bed(unsigned i)
{
    unsigned          room;
    ehr_engine_bed_t  bed;

    memset(&bed, 0, sizeof(bed));
    room = i % MODEL_PLACES;
    bed.uuid = model_uuid(79, i);
    bed.hospital = model_place(0, below(2));
    bed.ward = model_place(1, once_in(6) ? below(MODEL_PLACES) : room);
    bed.room_class = model_place(2, below(2));
    bed.room = model_place(3, once_in(8) ? below(MODEL_PLACES) : room);
    bed.order = below(3);
    bed.equipment = (uint16_t) (once_in(2) ? 0 : below(1 << KINDS));
    bed.is_isolation = (uint8_t) once_in(4);
    bed.age = (uint8_t) (once_in(2) ? 0 : below(4));
    bed.policy = (uint8_t) (once_in(2) ? EHR_ENGINE_ROOM_SAME : below(4));
    bed.status = (uint8_t) (once_in(2) ? EHR_ENGINE_BED_AVAILABLE
                                       : 1 + below(5));

    if (bed.status == EHR_ENGINE_BED_OCCUPIED || once_in(20)) {
        bed.occupant_sex = draw_sex();
    }

    return bed;
}


static event_t *
event_bed(unsigned i)
{
    event_t  *event;

    event = event_new(EVENT_BED);
    event->claim.number = (int32_t) i + MODEL_BED0;
    event->bed = database.beds[i].bed;

    return event;
}


static void
event_stay(event_kind_t kind, const model_stay_t *stay)
{
    event_t  *event;

    event = event_new(kind);
    event->claim.number = stay->number;
    event->stay = *stay;
}


void
beds_begin(void)
{
    unsigned  i;

    wall = WALL0;
    is_bed_torn = 0;
    memset(wards, 0, sizeof(wards));

    for (i = 1; i <= MODEL_BEDS; i++) {
        database.beds[i].is_known = !once_in(6);
        database.beds[i].bed = draw_bed(i);
    }
}


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


static int
stay_is(const model_stay_t *one, const model_stay_t *two)
{
    return one->number == two->number && one->seat == two->seat
           && one->from == two->from && one->to == two->to;
}


static void
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


/* -- the database ---------------------------------------------------------- */

static int
database_bed_is_free(int32_t number, unsigned seat, uint32_t from,
    uint32_t to)
{
    unsigned             i;
    const model_stay_t  *stay;

    for (i = 0; i < database.nstays; i++) {
        stay = &database.stays[i];

        if (stay->number == number && stay->seat == seat && stay->from < to
            && stay->to > from)
        {
            return 0;
        }
    }

    return database.beds[number - MODEL_BED0].is_known;
}


static int
database_stay(int32_t number, unsigned seat, uint32_t from, uint32_t to,
    const ehr_engine_uuid_t *act)
{
    model_stay_t  *stay;

    if (from >= to || database.nstays >= MODEL_STAYS / 2
        || !database_bed_is_free(number, seat, from, to))
    {
        return 0;
    }

    stay = &database.stays[database.nstays++];
    memset(stay, 0, sizeof(*stay));
    stay->number = number;
    stay->seat = seat;
    stay->from = from;
    stay->to = to;
    stay->has_act = act != NULL;

    if (act) {
        stay->act = *act;
    }

    event_stay(EVENT_STAY, stay);

    return 1;
}


static void
database_stay_end(unsigned i)
{
    event_stay(EVENT_STAY_END, &database.stays[i]);
    stays_remove(database.stays, &database.nstays, i);
}


static void
database_status(unsigned i, ehr_engine_bed_status_t status, unsigned sex)
{
    if (database.beds[i].is_known) {
        database.beds[i].bed.status = (uint8_t) status;
        database.beds[i].bed.occupant_sex = (uint8_t) sex;
        (void) event_bed(i);
    }
}


/* What the act had reserved goes over to it. */
static void
database_take_over(const act_t *act)
{
    unsigned  i;

    for (i = 0; i < database.nstays; i++) {
        if (database.stays[i].has_act && database.stays[i].seat == 0
            && model_uuid_is(&database.stays[i].act, &act->act))
        {
            database_stay_end(i);
            return;
        }
    }
}


/* 0: refused.  It may choose another bed than was held. */
int
database_bed_commit(const act_t *act)
{
    int32_t   number;
    unsigned  sex;

    number = once_in(6) ? MODEL_BED0 + 1 + (int32_t) below(MODEL_BEDS)
                        : act->found.resource;
    sex = act->wish.is_planned ? 0 : act->wish.sex;

    if (act->wish.resource) {
        database_take_over(act);
    }

    if (sex && once_in(2)) {
        database_status((unsigned) (number - MODEL_BED0),
                        EHR_ENGINE_BED_OCCUPIED, sex);
        sex = 0;
    }

    if (!database_stay(number, 0, act->wish.from + below(2), act->wish.to,
                       &act->act))
    {
        return 0;
    }

    if (sex) {
        database_status((unsigned) (number - MODEL_BED0),
                        EHR_ENGINE_BED_OCCUPIED, sex);
    }

    return 1;
}


static void
database_leave(void)
{
    int32_t       number;
    unsigned      i;
    model_stay_t  stay;

    if (database.nstays == 0) {
        return;
    }

    i = below(database.nstays);
    stay = database.stays[i];
    number = stay.number;
    database_stay_end(i);

    /* its claim is kept, closed */
    if (stay.from < wall && once_in(2)) {
        (void) database_stay(number, stay.seat, stay.from, wall + below(2),
                             NULL);
    }

    if (stay.seat == 0) {
        database_status((unsigned) (number - MODEL_BED0),
                        EHR_ENGINE_BED_CLEANING, 0);
    }
}


static void
database_bed_gone(unsigned i)
{
    int       is_first;
    unsigned  k;

    /* one transaction: in either order */
    is_first = once_in(2);

    if (is_first) {
        event_new(EVENT_BED_FORGET)->claim.number = (int32_t) i + MODEL_BED0;
    }

    for (k = 0; k < database.nstays; /* void */) {
        if (database.stays[k].number == (int32_t) i + MODEL_BED0) {
            database_stay_end(k);
        } else {
            k++;
        }
    }

    database.beds[i].is_known = 0;

    if (!is_first) {
        event_new(EVENT_BED_FORGET)->claim.number = (int32_t) i + MODEL_BED0;
    }
}


static void
work_releasing(ehr_engine_t *engine)
{
    ehr_engine_releasing(engine, work.number, work.deadline);
}


/* Who changed a bed says so. */
static void
bed_releasing(int process, unsigned i)
{
    work.number = (int32_t) i + MODEL_BED0;
    work.deadline = model.now + 1000;

    if (!run(process, work_releasing, 0)) {
        after_death();

    } else if (model.beds[i].is_known
               && model.beds[i].releasing < work.deadline)
    {
        model.beds[i].releasing = work.deadline;
    }
}


void
step_bed_elsewhere(int process)
{
    unsigned           i;
    uint32_t           from;
    ehr_engine_uuid_t  act;

    i = 1 + below(MODEL_BEDS);
    act = model_uuid(71, next_act++);
    from = once_in(2) ? wall : wall + below(40);

    switch (below(8)) {

    case 0:
        if (database.beds[i].is_known && once_in(4)) {
            database_bed_gone(i);
            return;
        }

        database.beds[i].is_known = 1;
        database.beds[i].bed = draw_bed(i);
        (void) event_bed(i);
        break;

    case 1:
        (void) database_stay((int32_t) i + MODEL_BED0, once_in(4), from,
                             once_in(2) ? EHR_ENGINE_OPEN_END
                                        : from + 1 + below(30), &act);
        break;

    case 2:
    case 3:
    case 4:
        database_leave();
        break;

    default:
        if (database.beds[i].is_known) {
            database_status(i, once_in(3) ? 1 + below(5)
                                          : EHR_ENGINE_BED_AVAILABLE, 0);

            if (once_in(4)) {
                bed_releasing(process, i);
            }
        }
    }
}


/* -- wishes ---------------------------------------------------------------- */

static void
draw_wish(ehr_engine_bed_wish_t *wish, ehr_engine_uuid_t *places)
{
    unsigned  i;

    memset(wish, 0, sizeof(*wish));

    for (i = 0; i < 3; i++) {
        places[i] = model_place(i, below(MODEL_PLACES));
    }

    wish->hospital = once_in(4) ? &places[0] : NULL;
    wish->ward = once_in(3) ? &places[1] : NULL;
    wish->room_class = once_in(4) ? &places[2] : NULL;
    wish->resource = once_in(3)
                     ? MODEL_BED0 + 1 + (int32_t) below(MODEL_BEDS) : 0;
    wish->equipment = (uint16_t) (once_in(3) ? below(1 << KINDS) : 0);
    wish->is_isolation = (uint8_t) once_in(8);
    wish->sex = draw_sex();
    wish->age = (uint8_t) below(4);
    wish->is_planned = (uint8_t) once_in(4);
    wish->from = wish->is_planned ? wall + 1 + below(60) : wall;
    wish->to = once_in(3) ? wish->from + 1 + below(60) : EHR_ENGINE_OPEN_END;
}


static int
found_is(const ehr_engine_bed_found_t *one, const ehr_engine_bed_found_t *two)
{
    return one->resource == two->resource && one->why == two->why
           && one->surplus == two->surplus && one->status == two->status
           && model_uuid_is(&one->uuid, &two->uuid)
           && model_uuid_is(&one->ward, &two->ward)
           && model_uuid_is(&one->room, &two->room);
}


/* Something did not fit: what was found has at least to be free, but for who
 * lies or comes into the room in a bed that is not known. */
static void
must_be_free(const ehr_engine_bed_wish_t *wish, const ehr_engine_uuid_t *act,
    const ehr_engine_bed_found_t *found, size_t n, int skips_over)
{
    size_t                i;
    unsigned              bed;
    ehr_engine_bed_why_t  why;

    for (i = 0; i < n; i++) {
        bed = (unsigned) (found[i].resource - MODEL_BED0);
        why = model_bed_weigh(&model, bed, wish, act, skips_over);
        must(why == EHR_ENGINE_BED_IS_FREE
             || (model.beds[bed].bed.policy == EHR_ENGINE_ROOM_SAME
                 && (why == EHR_ENGINE_BED_IS_FOR_OTHER_SEX
                     || why == EHR_ENGINE_BED_IS_HELD)),
             "bed %d is not free: %d", found[i].resource, why);
    }
}


/* -- looking while others write -------------------------------------------- */

void
bed_look(ehr_engine_t *engine)
{
    size_t  i;

    draw_wish(&glance.wish, glance.places);
    glance.result = ehr_engine_bed_find(engine, &glance.wish, glance.found,
                                        FOUND, &glance.count);

    for (i = 0; i < glance.count; i++) {
        must(glance.found[i].resource > MODEL_BED0
             && glance.found[i].resource <= MODEL_BED0 + MODEL_BEDS,
             "a bed that never was");
    }

    tallies[TALLY_BEDS_SEEN] += glance.result == EHR_ENGINE_OK;
}


int
bed_glance_is_right(void)
{
    size_t                  i, count, n;
    ehr_engine_result_t     result;
    ehr_engine_bed_found_t  found[FOUND];

    if (glance.result == EHR_ENGINE_ASK || is_lenient()) {
        return 1;
    }

    n = glance.wish.resource ? 1 : FOUND;
    result = model_bed_find(&model, &glance.wish, NULL, 0, found, n, &count);

    if (result == EHR_ENGINE_ASK || count != glance.count) {
        return 0;
    }

    for (i = 0; i < count || (glance.wish.resource && i == 0); i++) {
        if (!found_is(&found[i], &glance.found[i])) {
            return 0;
        }
    }

    return 1;
}


/* -- claims ---------------------------------------------------------------- */

static void
work_claim(ehr_engine_t *engine)
{
    work.result = ehr_engine_bed_claim(engine, &work.act.act, &work.act.wish,
                                       work.deadline, &work.act.found);
}


static void
model_bed_hold(int32_t number)
{
    model_tentative_t  *entry;

    must(model.ntentative < MODEL_TENTATIVE, "model is full");
    entry = &model.tentative[model.ntentative++];
    memset(entry, 0, sizeof(*entry));
    entry->act = work.act.act;
    entry->pid = work.act.pid;
    entry->number = number;
    entry->from = work.act.wish.from;
    entry->to = work.act.wish.to;
    entry->deadline = work.deadline;
    entry->is_bed = 1;
    entry->sex = work.act.wish.is_planned ? 0 : work.act.wish.sex;
}


/* Who died in a claim holds a bed, or none. */
static void
follow_dead_claim(void)
{
    uint32_t                 i;
    unsigned                 t;
    ehr_engine_key_t         key;
    model_tentative_t        ours;
    ehr_engine_tentative_t  *entry;

    repair();
    key = ehr_engine_key(&work.act.act);

    for (i = 1; i <= root()->tentative_pool.top; i++) {
        entry = ehr_engine_tentative_at(root(), i);

        if (entry->state != EHR_ENGINE_TENTATIVE_HELD || !entry->bed
            || entry->deadline != work.deadline
            || !ehr_engine_key_equals(&entry->act, &key)
            || entry->from != work.act.wish.from
            || entry->pid != work.act.pid)
        {
            continue;
        }

        ours.number = entry->number;

        for (t = 0; t < model.ntentative; t++) {
            if (entry_of(&model.tentative[t]) == entry) {
                break;
            }
        }

        if (t == model.ntentative) {
            model_bed_hold(ours.number);
        }
    }
}


/* Whatever else is known: nobody else holds it. */
static void
must_be_alone(void)
{
    unsigned                  t;
    const model_tentative_t  *entry;

    for (t = 0; t < model.ntentative; t++) {
        entry = &model.tentative[t];
        must(!entry->is_bed || model_is_over(&model, entry)
             || entry->number != work.act.found.resource
             || entry->from >= work.act.wish.to
             || entry->to <= work.act.wish.from,
             "bed %d is held twice", entry->number);
    }
}


/* What the claim should have come to, as far as that can be told. */
static ehr_engine_result_t
expected_claim(void)
{
    int                     skips_over;
    size_t                  count;
    ehr_engine_result_t     result;
    ehr_engine_bed_found_t  found;

    skips_over = 0;
    result = model_bed_find(&model, &work.act.wish, &work.act.act, 0, &found,
                            1, &count);

    if (result == EHR_ENGINE_TAKEN) {
        /* the dead and the late are in nobody's way */
        skips_over = 1;
        result = model_bed_find(&model, &work.act.wish, &work.act.act, 1,
                                &found, 1, &count);
    }

    follow_losses(entry_may_be_swept);

    if (is_bed_torn) {
        return work.result;
    }

    if (result == EHR_ENGINE_OK
        && model.ntentative + 1 > root()->tentative_pool.most)
    {
        result = EHR_ENGINE_ASK;

    } else if (is_lenient()) {
        if (work.result == EHR_ENGINE_OK) {
            must_be_free(&work.act.wish, &work.act.act, &work.act.found, 1,
                         1);
        }

        return work.result == EHR_ENGINE_ASK || work.result == EHR_ENGINE_OK
               ? work.result : result;

    } else if (model_answers(&model)
               && (result == EHR_ENGINE_OK || work.act.wish.resource))
    {
        must(found_is(&found, &work.act.found),
             "bed %d (why %d) instead of %d (why %d)%s",
             work.act.found.resource, work.act.found.why, found.resource,
             found.why, skips_over ? ", swept" : "");
    }

    return result;
}


static void
draw_act(int process)
{
    unsigned                  i;
    static ehr_engine_uuid_t  places[3];

    memset(&work.act, 0, sizeof(work.act));
    work.act.is_used = 1;
    work.act.is_bed = 1;
    work.act.process = process;
    work.act.pid = pids[process];
    work.act.act = model_uuid(70, next_act++);
    draw_wish(&work.act.wish, places);

    i = database.nstays ? below(database.nstays) : 0;

    if (once_in(3) && database.nstays && database.stays[i].has_act) {
        /* whoever it is reserved for comes */
        work.act.act = database.stays[i].act;
    }

    work.deadline = model.now + 1 + below(5000);
}


void
step_bed_claim(int process)
{
    act_t                *slot;
    ehr_engine_result_t   result;

    slot = act_slot();

    if (slot == NULL) {
        return;
    }

    draw_act(process);

    if (!run(process, work_claim, nobody_is_over())) {
        follow_losses(entry_may_be_swept);
        follow_dead_claim();
        after_death();
        return;
    }

    trace("process %d claims bed %d [%u, %u): %d, bed %d, %d", process,
          work.act.wish.resource, work.act.wish.from, work.act.wish.to,
          work.result, work.act.found.resource, work.act.found.why);

    result = expected_claim();
    must(result == work.result, "claim of a bed: %d instead of %d",
         work.result, result);
    tallies[result == EHR_ENGINE_OK ? TALLY_BEDS_HELD
            : result == EHR_ENGINE_TAKEN ? TALLY_BEDS_TAKEN
                                         : TALLY_BEDS_ASKED]++;

    if (work.result == EHR_ENGINE_OK) {
        must_be_alone();
        model_bed_hold(work.act.found.resource);
        *slot = work.act;
    }

    explain_glance();
}


/* -- questions ------------------------------------------------------------- */

void
step_bed_find(int process)
{
    size_t                  i, n, count, expected;
    ehr_engine_uuid_t       places[3];
    ehr_engine_result_t     result, right;
    ehr_engine_bed_wish_t   wish;
    ehr_engine_bed_found_t  found[MODEL_BEDS], wanted[MODEL_BEDS];

    draw_wish(&wish, places);
    n = wish.resource ? 1 : 1 + below(MODEL_BEDS);
    result = ehr_engine_bed_find(&engines[process], &wish, found, n, &count);
    right = model_bed_find(&model, &wish, NULL, 0, wanted, n, &expected);

    if (is_bed_torn) {
        return;
    }

    tallies[TALLY_BEDS_FOUND] += count;

    if (is_lenient()) {
        must_be_free(&wish, NULL, found, count, 0);
        must(result == EHR_ENGINE_ASK || right == EHR_ENGINE_ASK
             || count >= expected,
             "beds: %zu instead of %zu", count, expected);
        return;
    }

    must((result == EHR_ENGINE_ASK) == (right == EHR_ENGINE_ASK)
         && (result == EHR_ENGINE_ASK || result == EHR_ENGINE_OK),
         "beds: %d instead of %d", result, right);
    must(count == expected, "beds: %zu instead of %zu", count, expected);

    for (i = 0; i < count; i++) {
        must(found_is(&found[i], &wanted[i]), "bed %zu is %d instead of %d",
             i, found[i].resource, wanted[i].resource);
    }

    must(!wish.resource || !model_answers(&model)
         || found[0].why == wanted[0].why, "bed %d: why %d instead of %d",
         wish.resource, found[0].why, wanted[0].why);
}


/* All that is known of a ward, as a number. */
static uint64_t
ward_state(unsigned ward)
{
    size_t          k;
    uint64_t        state;
    unsigned        i, s;
    const uint8_t  *bytes;

    for (i = 1, state = 0; i <= MODEL_BEDS; i++) {
        if (!model.beds[i].is_known
            || model_place_of(&model.beds[i].bed.ward) != ward)
        {
            continue;
        }

        state = ehr_engine_mix(state + i);
        bytes = (const uint8_t *) &model.beds[i].bed;

        for (k = 0; k < sizeof(model.beds[i].bed); k++) {
            state = ehr_engine_mix(state + bytes[k]);
        }

        for (s = 0; s < model.nstays; s++) {
            if (model.stays[s].number == (int32_t) i + MODEL_BED0) {
                state += ehr_engine_mix((uint64_t) model.stays[s].from << 32
                                        | model.stays[s].to);
            }
        }
    }

    return state;
}


static void
check_ward(ehr_engine_t *engine, unsigned n)
{
    uint64_t           version, state;
    ehr_engine_uuid_t  ward;

    ward = model_place(1, n);
    version = ehr_engine_ward_version(engine, &ward);
    state = ward_state(n);

    if (is_lenient()) {
        return;
    }

    if (version && version == wards[n].version) {
        tallies[TALLY_WARDS_KEPT]++;
        must(state == wards[n].state, "ward %u has changed, but not its "
             "version", n);
    }

    if (version && once_in(8)) {
        ehr_engine_ward_touch(engine, &ward);
        must(ehr_engine_ward_version(engine, &ward) != version,
             "ward %u was touched", n);
        version = 0;
    }

    wards[n].version = version;
    wards[n].state = state;
}


void
step_bed_counts(int process)
{
    int32_t                   number;
    unsigned                  i;
    uint32_t                  counts[EHR_ENGINE_BED_STATUSES];
    uint32_t                  wanted[EHR_ENGINE_BED_STATUSES];
    ehr_engine_uuid_t         places[3];
    ehr_engine_result_t       result, right;
    const ehr_engine_uuid_t  *asked[3];

    for (i = 0; i < 3; i++) {
        places[i] = model_place(i, below(MODEL_PLACES));
        asked[i] = once_in(2) ? &places[i] : NULL;
    }

    result = ehr_engine_bed_counts(&engines[process], asked[0], asked[1],
                                   asked[2], counts);
    right = model_bed_counts(&model, asked, wanted);

    if (is_bed_torn) {
        return;
    }

    must(result == right || (result == EHR_ENGINE_ASK && is_lenient()),
         "counts: %d instead of %d", result, right);
    must(result != EHR_ENGINE_OK
         || memcmp(counts, wanted, sizeof(counts)) == 0,
         "other counts: %u instead of %u", counts[0], wanted[0]);

    check_ward(&engines[process], below(MODEL_PLACES));

    i = 1 + below(MODEL_BEDS);
    result = ehr_engine_find(&engines[process], EHR_ENGINE_BED,
                             &database.beds[i].bed.uuid, &number);
    must(is_lenient() || !model.is_live
         || result == (model.beds[i].is_known ? EHR_ENGINE_OK
                                              : EHR_ENGINE_NONE),
         "finding bed %u: %d", i, result);
    must(result != EHR_ENGINE_OK || number == (int32_t) i + MODEL_BED0,
         "found another bed");
}


/* -- time ------------------------------------------------------------------ */

static void
feed_drop(ehr_engine_t *engine)
{
    work.result = ehr_engine_feed_stays_drop(engine, wall);
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

    must(work.result == EHR_ENGINE_OK, "drop: %d", work.result);
    drop_past(model.stays, &model.nstays);
}


/* Everything is told: what is known of beds is what the database has. */
void
beds_are_quiet(void)
{
    unsigned  i, k, n;

    if (is_bed_torn) {
        return;
    }

    for (i = 1; i <= MODEL_BEDS; i++) {
        must(database.beds[i].is_known == model.beds[i].is_known
             && (!model.beds[i].is_known
                 || memcmp(&database.beds[i].bed, &model.beds[i].bed,
                           sizeof(model.beds[i].bed)) == 0),
             "bed %u is not what the database says", i);
    }

    for (i = 0, n = 0; i < database.nstays; i++) {
        if (database.stays[i].seat || database.stays[i].to <= wall) {
            continue;
        }

        for (k = 0; k < model.nstays; k++) {
            if (stay_is(&model.stays[k], &database.stays[i])) {
                break;
            }
        }

        must(k < model.nstays, "bed %d: a stay is missing",
             database.stays[i].number);
        n++;
    }

    for (k = 0; k < model.nstays; k++) {
        n -= model.stays[k].to > wall;
    }

    must(n == 0, "stays that the database has not");

    for (i = 0; i < 4; i++) {
        step_bed_find((int) below(PROCESSES));
        step_bed_counts((int) below(PROCESSES));
    }
}
