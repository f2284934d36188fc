/*
 * The stress's workers: they claim, and look at what the feed changes.
 */

#include "stress.h"


int
work_push(ring_t *ring, const commit_t *commit)
{
    if (ring->head >= __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) + RING) {
        return 0;
    }

    ring->commits[ring->head % RING] = *commit;
    __atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);

    return 1;
}


static commit_t
commit_of(uint64_t who, const ehr_engine_item_t *item)
{
    commit_t  commit;

    commit.who = who;
    commit.resource = item->resource;
    commit.seat = item->seat;
    commit.from = item->from;
    commit.to = item->to;
    commit.state = HELD;

    return commit;
}


static void
work_draw_one(ehr_engine_item_t *item)
{
    memset(item, 0, sizeof(*item));
    item->resource = 1 + (int32_t) below(DOCTORS);
    item->from = (DAY0 + below(DAYS)) * EHR_ENGINE_DAY + OPENS
                 + below(12) * 5;
    item->to = item->from + 1 + below(LONGEST);
}


/* One, two, or both seats of one resource for one period: the feed shows them
 * one after the other. */
static size_t
work_draw(ehr_engine_item_t items[2])
{
    work_draw_one(&items[0]);
    work_draw_one(&items[1]);

    if (below(4) == 0) {
        items[1] = items[0];
        return 2;
    }

    return 1 + below(2);
}


/* Refused: all its names are taken back, and then nothing is held. */
static void
work_take_back(uint64_t who, const ehr_engine_item_t *items, size_t n)
{
    size_t             i;
    commit_t           commit;
    ehr_engine_uuid_t  act;

    act = uuid_of(who);

    for (i = 0; i < n; i++) {
        commit = commit_of(who, &items[i]);
        (void) name_change(&commit, who | HELD, 0);
    }

    ehr_engine_settle(&engine, &act, 0, 0);
}


/* Told OK: 0 if the database says that it is not so. */
static int
work_put_names(uint64_t who, const ehr_engine_item_t *items, size_t n,
    const before_t *before)
{
    size_t  i;

    if (below(8) == 0) {
        usleep(300);
    }

    for (i = 0; i < n; i++) {
        if (!name_put(who, &items[i], &before[i])) {
            return 0;
        }
    }

    if (below(4) == 0) {
        usleep(below(300));
    }

    return 1;
}


/* 0: refused, by the database or by chance, or there is no room for it. */
static int
work_commit(ring_t *ring, uint64_t who, const ehr_engine_item_t *items,
    size_t n, const before_t *before)
{
    size_t    i;
    commit_t  commit;

    if (!work_put_names(who, items, n, before)
        || below(2)
        || ring->head + n >= __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE)
                             + RING)
    {
        return 0;
    }

    for (i = 0; i < n; i++) {
        commit = commit_of(who, &items[i]);
        (void) work_push(ring, &commit);
    }

    if (below(8) == 0) {
        usleep(200);
    }

    return 1;
}


static void
work_claim(ring_t *ring, uint64_t who)
{
    size_t               i, n;
    before_t             before[2];
    ehr_engine_uuid_t    act;
    ehr_engine_item_t    items[2];
    ehr_engine_result_t  result;

    n = work_draw(items);

    for (i = 0; i < n; i++) {
        name_remember(&items[i], &before[i]);
    }

    act = uuid_of(who);
    result = ehr_engine_claim(&engine, &act, items, n,
                              host_now(NULL) + 600000);

    if (result != EHR_ENGINE_OK) {
        __atomic_add_fetch(result == EHR_ENGINE_TAKEN ? &common->taken
                                                      : &common->asked,
                           1, __ATOMIC_RELAXED);
        return;
    }

    __atomic_add_fetch(&common->held, 1, __ATOMIC_RELAXED);

    if (work_commit(ring, who, items, n, before)) {
        ehr_engine_settle(&engine, &act, 1, host_now(NULL) + 600000);
    } else {
        work_take_back(who, items, n);
    }
}


/* The two doctors who change as a whole. */
static void
work_look(void)
{
    size_t              i, n, count;
    unsigned            free;
    ehr_engine_slot_t   slots[2 * EHR_ENGINE_DAY];

    if (ehr_engine_slots(&engine, SCHEDULE, DAY0 * EHR_ENGINE_DAY,
                         (DAY0 + DAYS) * EHR_ENGINE_DAY, 0, 0, slots,
                         2 * EHR_ENGINE_DAY, &count) == EHR_ENGINE_OK)
    {
        /* either slots of 6 in each day's first half, or of 4 in the other */
        for (i = 0; i < count; i++) {
            n = slots[i].start % EHR_ENGINE_DAY;

            if (slots[i].slot != slots[0].slot
                || (slots[i].slot == 6) != (n < 144))
            {
                fail("half a schedule", i, count);
            }
        }

        if (count && count != DAYS * (slots[0].slot == 6 ? 24 : 36)) {
            fail("part of a schedule", count, slots[0].slot);
        }
    }

    if (ehr_engine_slots(&engine, LONG, (DAY0 + 1) * EHR_ENGINE_DAY,
                         (DAY0 + 2) * EHR_ENGINE_DAY, 0,
                         EHR_ENGINE_ALSO_FULL, slots, 2 * EHR_ENGINE_DAY,
                         &count) == EHR_ENGINE_OK)
    {
        for (i = 0, free = 0; i < count; i++) {
            free += slots[i].free;
        }

        if (free && free != count) {
            fail("half a day", free, count);
        }
    }

    __atomic_add_fetch(&common->looks, 1, __ATOMIC_RELAXED);
}


static void
work_search(void)
{
    size_t               i, count;
    ehr_engine_slot_t    slots[8];
    ehr_engine_search_t  search;

    memset(&search, 0, sizeof(search));
    search.from = DAY0 * EHR_ENGINE_DAY + below(2 * EHR_ENGINE_DAY);

    if (ehr_engine_first(&engine, &search, slots, 8, &count)
        == EHR_ENGINE_OK)
    {
        for (i = 0; i < count; i++) {
            if (slots[i].start < search.from || slots[i].free == 0
                || slots[i].resource < 1 || slots[i].resource > LONG
                || (i && slots[i].start < slots[i - 1].start))
            {
                fail("search", slots[i].start, (uint64_t) slots[i].resource);
            }
        }
    }
}


void
work(unsigned i)
{
    uint64_t  n;

    for (n = 1; host_now(NULL) < stops_at; n++) {
        work_claim(&common->rings[i], (uint64_t) getpid() << 32 | n << 3);
        n++;
        bed_claim(&common->rings[i], (uint64_t) getpid() << 32 | n << 3);

        switch (below(8)) {
        case 0:
            work_search();
            break;
        case 1:
            (void) ehr_engine_reap(&engine);
            break;
        case 2:
        case 3:
        case 4:
            work_look();
            bed_look();
            break;
        }
    }
}
