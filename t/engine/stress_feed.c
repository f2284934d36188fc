/*
 * The stress's feed: it loads, shows what workers have committed, and changes
 * two doctors as a whole.
 */

#include "stress.h"


void
want(ehr_engine_result_t result)
{
    if (result == EHR_ENGINE_GONE) {
        __atomic_add_fetch(&common->gone, 1, __ATOMIC_RELAXED);
        _exit(0);
    }

    if (result != EHR_ENGINE_OK) {
        fail("feed", (uint64_t) result, 0);
    }
}


static void
feed_schedule(int32_t resource, uint32_t opens, uint32_t closes,
    uint16_t slot, uint16_t capacity)
{
    uint32_t             i;
    ehr_engine_period_t  periods[DAYS];

    memset(periods, 0, sizeof(periods));

    for (i = 0; i < DAYS; i++) {
        periods[i].from = (DAY0 + i) * EHR_ENGINE_DAY + opens;
        periods[i].to = (DAY0 + i) * EHR_ENGINE_DAY + closes;
        periods[i].grid = periods[i].from;
        periods[i].slot = slot;
        periods[i].capacity = capacity;
    }

    want(ehr_engine_feed_periods(&engine, resource, DAY0, DAY0 + DAYS,
                                 periods, DAYS));
}


/* What may have been shown is never shown as new again: it would end the claim
 * of its act's other seat, which here is committed on its own. */
static void
feed_show(const commit_t *commit)
{
    ehr_engine_uuid_t  act;

    act = uuid_of(commit->who);
    (void) name_change(commit, commit->who | COMMITTED,
                       commit->who | SHOWING);
    want(ehr_engine_feed_busy(&engine, commit->resource, commit->seat,
                              commit->from, commit->to,
                              commit->state == COMMITTED ? &act : NULL));
    (void) name_change(commit, commit->who | SHOWING, commit->who | SHOWN);
    __atomic_add_fetch(&common->shown, 1, __ATOMIC_RELAXED);
}


/* The next run of granules that one act has in the database, all in the same
 * state, from time on; at least one, whatever others do to the words
 * meanwhile. */
static int
feed_next(commit_t *commit)
{
    uint64_t  word;

    for (commit->from = commit->to;
         commit->from < (DAY0 + DAYS) * EHR_ENGINE_DAY; commit->from++)
    {
        word = *word_of(commit->resource, commit->seat, commit->from);

        if ((word & STATE) < COMMITTED) {
            continue;
        }

        commit->who = word & ~(uint64_t) STATE;
        commit->state = word & STATE;
        commit->to = commit->from + 1;

        while (commit->to < (DAY0 + DAYS) * EHR_ENGINE_DAY) {

            if (*word_of(commit->resource, commit->seat, commit->to) != word)
            {
                break;
            }

            commit->to++;
        }

        return 1;
    }

    return 0;
}


static void
feed_load(void)
{
    int32_t              i;
    unsigned             seat;
    commit_t             commit;
    ehr_engine_uuid_t    uuid;
    ehr_engine_result_t  result;

    /* the former owner may be stopped in the middle of a change */
    while ((result = ehr_engine_feed_begin(&engine, DAY0))
           == EHR_ENGINE_BUSY)
    {
        usleep(1000);
    }

    want(result);
    __atomic_store_n(&common->feed, getpid(), __ATOMIC_SEQ_CST);

    for (i = 1; i <= LONG; i++) {
        uuid = uuid_of((uint64_t) i << 8);
        want(ehr_engine_feed_resource(&engine, i, EHR_ENGINE_DOCTOR, &uuid));
    }

    for (i = 1; i <= DOCTORS; i++) {
        feed_schedule(i, OPENS, CLOSES, 5, SEATS);

        for (seat = 0; seat < SEATS; seat++) {
            commit.resource = i;
            commit.seat = seat;
            commit.to = DAY0 * EHR_ENGINE_DAY;

            while (feed_next(&commit)) {
                feed_show(&commit);
            }
        }
    }

    beds_load();
    feed_schedule(SCHEDULE, 0, 144, 6, 1);
    feed_schedule(LONG, 0, EHR_ENGINE_DAY, 3, 1);
    want(ehr_engine_feed_live(&engine, DAY0 + DAYS));
    __atomic_add_fetch(&common->loads, 1, __ATOMIC_RELAXED);
}


/* A feed that was stopped may go on here beside its successor: each commit is
 * one's only. */
static void
feed_commits(ring_t *ring)
{
    uint64_t  tail;
    commit_t  commit;

    tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);

    while (tail < __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE)) {
        commit = ring->commits[tail % RING];

        if (!__atomic_compare_exchange_n(&ring->tail, &tail, tail + 1, 0,
                                         __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        {
            continue;
        }

        if (commit.resource >= BED0) {
            bed_commit(&commit);
            tail++;
            continue;
        }

        /* refused if its process died and another has it now */
        if (name_change(&commit, commit.who | HELD, commit.who | COMMITTED)) {
            commit.state = COMMITTED;
            feed_show(&commit);

        } else {
            (void) name_change(&commit, commit.who | COMMITTED, 0);
        }

        tail++;
    }
}


/* Somebody cancels. */
static void
feed_cancel(void)
{
    commit_t  commit;

    commit.resource = 1 + (int32_t) below(DOCTORS);
    commit.seat = below(SEATS);
    commit.to = DAY0 * EHR_ENGINE_DAY + below(GRANULES);

    if (feed_next(&commit)) {
        (void) name_change(&commit, commit.who | SHOWN, 0);
        want(ehr_engine_feed_free(&engine, commit.resource, commit.seat,
                                  commit.from, commit.to));
    }
}


void
feed(void)
{
    unsigned  i;
    uint32_t  day;

    feed_load();
    day = (DAY0 + 1) * EHR_ENGINE_DAY;

    while (host_now(NULL) < stops_at) {

        for (i = 0; i < WORKERS; i++) {

            /* one of them at a time reads the rings, as one database does */
            if (__atomic_load_n(&common->feed, __ATOMIC_SEQ_CST) != getpid())
            {
                want(EHR_ENGINE_GONE);
            }

            feed_commits(&common->rings[i]);
            feed_cancel();
            bed_cancel();
        }

        bed_shift();

        want(ehr_engine_feed_heartbeat(&engine));
        feed_schedule(SCHEDULE, 0, 144, 6, 1);
        want(ehr_engine_feed_busy(&engine, LONG, 0, day,
                                  day + EHR_ENGINE_DAY, NULL));
        feed_schedule(SCHEDULE, 144, EHR_ENGINE_DAY, 4, 1);
        want(ehr_engine_feed_free(&engine, LONG, 0, day,
                                  day + EHR_ENGINE_DAY));
    }
}
