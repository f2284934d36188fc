/*
 * The stress's beds: workers claim one by what they want or by its number, the
 * feed shows who lies there and who leaves.  All rooms are for one sex, so two
 * who were told OK for one room must be of one, too.
 */

#include "stress.h"


#define NOW             1800000000u
#define WARDS           4u
#define OF_HOSPITAL     1u      /* uuids */
#define OF_WARD         2u
#define OF_CLASS        3u
#define OF_ROOM         4u


static ehr_engine_uuid_t
place_of(unsigned kind, unsigned n)
{
    return uuid_of(((uint64_t) kind << 16 | (n + 1)) << 8);
}


/* By the number of the act: half of them women. */
static uint8_t
sex_of(uint64_t who)
{
    return who >> 3 & 2 ? EHR_ENGINE_SEX_FEMALE : EHR_ENGINE_SEX_MALE;
}


/* -- workers --------------------------------------------------------------- */

/* Of somebody who was told OK and may still count on it.  before: what was
 * there when this claim began; what the feed had shown then is not
 * forgotten. */
static int
is_held(uint64_t there, uint64_t before)
{
    return there && (host_is_alive(NULL, (int32_t) (there >> 32))
                     || ((there & STATE) == SHOWN && there == before));
}


/* 0: the database refuses it. */
static int
put_name(uint64_t who, uint32_t bed, const uint64_t *before)
{
    uint64_t  there;

    there = __atomic_load_n(&common->beds[bed], __ATOMIC_SEQ_CST);

    do {
        if (is_held(there, before[bed])) {
            fail("bed held twice", there, who);
        }

        if ((there & STATE) >= COMMITTED) {
            __atomic_add_fetch(&common->refused, 1, __ATOMIC_RELAXED);
            return 0;
        }
    } while (!__atomic_compare_exchange_n(&common->beds[bed], &there,
                                          who | HELD, 0, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));

    there = __atomic_load_n(&common->beds[bed ^ 1], __ATOMIC_SEQ_CST);

    if (there && sex_of(there) != sex_of(who)) {
        if (is_held(there, before[bed ^ 1])) {
            fail("room of two sexes", there, who);
        }

        return (there & STATE) < COMMITTED;
    }

    return 1;
}


static int
change_name(uint32_t bed, uint64_t from, uint64_t to)
{
    return __atomic_compare_exchange_n(&common->beds[bed], &from, to, 0,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}


static void
draw(ehr_engine_bed_wish_t *wish, ehr_engine_uuid_t *ward, uint64_t who)
{
    memset(wish, 0, sizeof(*wish));
    *ward = place_of(OF_WARD, below(WARDS));
    wish->from = NOW;
    wish->to = EHR_ENGINE_OPEN_END;
    wish->sex = sex_of(who);
    wish->age = EHR_ENGINE_AGE_ADULT;       /* not the bed that changes */

    switch (below(4)) {
    case 0:
        wish->resource = BED0 + (int32_t) below(BEDS);
        break;
    case 1:
        wish->ward = ward;
        break;
    case 2:
        wish->equipment = (uint16_t) (1u << below(3));
        break;
    default:
        break;
    }
}


void
bed_claim(ring_t *ring, uint64_t who)
{
    uint32_t                bed;
    uint64_t                before[BEDS];
    commit_t                commit;
    ehr_engine_uuid_t       act, ward;
    ehr_engine_result_t     result;
    ehr_engine_bed_wish_t   wish;
    ehr_engine_bed_found_t  found;

    draw(&wish, &ward, who);

    for (bed = 0; bed < BEDS; bed++) {
        before[bed] = __atomic_load_n(&common->beds[bed], __ATOMIC_SEQ_CST);
    }

    act = uuid_of(who);
    result = ehr_engine_bed_claim(&engine, &act, &wish,
                                  host_now(NULL) + 600000, &found);

    if (result != EHR_ENGINE_OK) {
        if (result == EHR_ENGINE_TAKEN) {
            __atomic_add_fetch(&common->beds_taken, 1, __ATOMIC_RELAXED);
        }

        return;
    }

    __atomic_add_fetch(&common->beds_held, 1, __ATOMIC_RELAXED);
    bed = (uint32_t) (found.resource - BED0);

    if (bed >= BEDS) {
        fail("a bed that never was", bed, who);
    }

    if (below(8) == 0) {
        usleep(below(300));
    }

    memset(&commit, 0, sizeof(commit));
    commit.who = who;
    commit.resource = found.resource;

    if (put_name(who, bed, before) && below(2) && work_push(ring, &commit)) {

        if (below(8) == 0) {
            usleep(200);
        }

        ehr_engine_settle(&engine, &act, 1, host_now(NULL) + 600000);
        return;
    }

    (void) change_name(bed, who | HELD, 0);
    ehr_engine_settle(&engine, &act, 0, 0);
}


/* The bed that changes as a whole, and that none of the others is missing. */
void
bed_look(void)
{
    size_t                  count;
    uint32_t                counts[EHR_ENGINE_BED_STATUSES];
    ehr_engine_uuid_t       ward;
    ehr_engine_bed_wish_t   wish;
    ehr_engine_bed_found_t  found;

    if (ehr_engine_bed_counts(&engine, NULL, NULL, NULL, counts)
        == EHR_ENGINE_OK && counts[0] != BEDS + 1)
    {
        fail("a bed is missing", counts[0], BEDS + 1);
    }

    ward = place_of(OF_WARD, WARDS + below(2));
    memset(&wish, 0, sizeof(wish));
    wish.ward = &ward;
    wish.from = NOW;
    wish.to = NOW + 1;

    if (ehr_engine_bed_find(&engine, &wish, &found, 1, &count)
        == EHR_ENGINE_OK && count)
    {
        if (found.resource != SHIFT || found.surplus != 16
            || memcmp(&found.ward, &ward, sizeof(ward)) != 0
            || memcmp(ward.bytes, place_of(OF_WARD, WARDS).bytes,
                      sizeof(ward)) != 0)
        {
            fail("half a bed", (uint64_t) found.resource, found.surplus);
        }
    }
}


/* -- the feed -------------------------------------------------------------- */

static void
feed_bed(uint32_t bed, ehr_engine_bed_status_t status, uint64_t who)
{
    ehr_engine_bed_t  what;

    memset(&what, 0, sizeof(what));
    what.uuid = uuid_of(((uint64_t) bed + 1) << 8);
    what.hospital = place_of(OF_HOSPITAL, 0);
    what.ward = place_of(OF_WARD, bed % WARDS);
    what.room_class = place_of(OF_CLASS, 0);
    what.room = place_of(OF_ROOM, bed / 2);
    what.equipment = (uint16_t) (bed % 8);
    what.policy = EHR_ENGINE_ROOM_SAME;
    what.status = (uint8_t) status;
    what.occupant_sex = status == EHR_ENGINE_BED_OCCUPIED ? sex_of(who) : 0;

    want(ehr_engine_feed_bed(&engine, BED0 + (int32_t) bed, &what));
}


/* Who lies there is known before the claim is not under way any more. */
static void
feed_stay(uint32_t bed, uint64_t who)
{
    ehr_engine_uuid_t  act;

    act = uuid_of(who);
    feed_bed(bed, EHR_ENGINE_BED_OCCUPIED, who);
    want(ehr_engine_feed_stay(&engine, BED0 + (int32_t) bed, 0, NOW,
                              EHR_ENGINE_OPEN_END, &act));
    (void) change_name(bed, who | COMMITTED, who | SHOWN);
    __atomic_add_fetch(&common->beds_shown, 1, __ATOMIC_RELAXED);
}


void
beds_load(void)
{
    uint32_t  bed;
    uint64_t  word;

    for (bed = 0; bed < BEDS; bed++) {
        word = __atomic_load_n(&common->beds[bed], __ATOMIC_SEQ_CST);

        if ((word & STATE) >= COMMITTED) {
            feed_stay(bed, word & ~(uint64_t) STATE);
        } else {
            feed_bed(bed, EHR_ENGINE_BED_AVAILABLE, 0);
        }
    }

    bed_shift();
}


/* Refused if its process died and another has it now. */
void
bed_commit(const commit_t *commit)
{
    uint32_t  bed;

    bed = (uint32_t) (commit->resource - BED0);

    if (change_name(bed, commit->who | HELD, commit->who | COMMITTED)) {
        feed_stay(bed, commit->who);
    }
}


/* Somebody goes home. */
void
bed_cancel(void)
{
    uint32_t  bed;
    uint64_t  word;

    bed = below(BEDS);
    word = __atomic_load_n(&common->beds[bed], __ATOMIC_SEQ_CST);

    if ((word & STATE) == SHOWN && change_name(bed, word, 0)) {
        want(ehr_engine_feed_stay_end(&engine, BED0 + (int32_t) bed, 0, NOW,
                                      EHR_ENGINE_OPEN_END));
        feed_bed(bed, EHR_ENGINE_BED_AVAILABLE, 0);
    }
}


/* With all attributes and free in one ward, or with none and being cleaned in
 * another. */
void
bed_shift(void)
{
    static unsigned    n;
    ehr_engine_bed_t   bed;

    n++;
    memset(&bed, 0, sizeof(bed));
    bed.uuid = uuid_of(SHIFT << 8);
    bed.hospital = place_of(OF_HOSPITAL, n % 2);
    bed.ward = place_of(OF_WARD, WARDS + n % 2);
    bed.room_class = place_of(OF_CLASS, n % 2);
    bed.room = place_of(OF_ROOM, BEDS + n % 2);
    bed.policy = EHR_ENGINE_ROOM_MALE;
    bed.age = EHR_ENGINE_AGE_NEWBORN;
    bed.order = 1;
    bed.status = EHR_ENGINE_BED_CLEANING;

    if (n % 2 == 0) {
        bed.is_isolation = 1;
        bed.equipment = EHR_ENGINE_EQUIPMENT_MAX;
        bed.status = EHR_ENGINE_BED_AVAILABLE;
    }

    want(ehr_engine_feed_bed(&engine, SHIFT, &bed));
}
