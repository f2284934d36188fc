/*
 * The simulation's beds as PostgreSQL has them: what they are like, who lies
 * there, and what changes.
 */

#include "simulation_beds.h"


#define WALL0       1000000u            /* seconds */

uint32_t  wall;
int       is_bed_torn;


/* -- what beds are like ---------------------------------------------------- */

uint8_t
bed_draw_sex(void)
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
    bed.equipment = (uint16_t) (once_in(2) ? 0 : below(1 << BED_KINDS));
    bed.is_isolation = (uint8_t) once_in(4);
    bed.age = (uint8_t) (once_in(2) ? 0 : below(4));
    bed.policy = (uint8_t) (once_in(2) ? EHR_ENGINE_ROOM_SAME : below(4));
    bed.status = (uint8_t) (once_in(2) ? EHR_ENGINE_BED_AVAILABLE
                                       : 1 + below(5));

    if (bed.status == EHR_ENGINE_BED_OCCUPIED || once_in(20)) {
        bed.occupant_sex = bed_draw_sex();
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
    wards_forget();

    for (i = 1; i <= MODEL_BEDS; i++) {
        database.beds[i].is_known = !once_in(6);
        database.beds[i].bed = draw_bed(i);
    }
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
                be_releasing(process, (int32_t) i + MODEL_BED0,
                             model.beds[i].is_known
                             ? &model.beds[i].releasing : NULL);
            }
        }
    }
}
