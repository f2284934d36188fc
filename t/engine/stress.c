/* build: @t/unit/engine/sources t/engine/stress_beds.c */

/*
 * Several processes on one block at the same time, killed at random: workers
 * that claim, and the feed, which is also stopped and followed by another.
 *
 *   stress SECONDS [SEED]
 *
 * Beside the block there is a word for each resource, seat and granule that
 * says who has it.  Who is told OK puts its name there; if somebody is there
 * who still holds it, two were told OK.  Readers look at resources which the
 * feed changes as a whole, and must never see half of it.  The same with beds,
 * of which there is a word each (stress_beds.c).
 */

#include "stress.h"


common_t             *common;
ehr_engine_t          engine;

static void         *block;
static size_t        block_size;
static uint64_t      chance;
static int64_t       stops_at;


uint32_t
below(uint32_t n)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;

    return (uint32_t) ((chance * 0x2545f4914f6cdd1d >> 32) * n >> 32);
}


void __attribute__((noreturn))
fail(const char *what, uint64_t one, uint64_t two)
{
    printf("pid %d: %s: %" PRIx64 ", %" PRIx64 "\n", getpid(), what, one,
           two);
    fflush(stdout);
    _exit(3);
}


/* -- the host -------------------------------------------------------------- */

int64_t
host_now(void *data)
{
    struct timespec  now;

    (void) data;
    clock_gettime(CLOCK_MONOTONIC, &now);

    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}


/* As nginx's: the parent frees it when its holder has died. */
static void
host_lock(void *data)
{
    int32_t  nobody;

    (void) data;

    for ( ;; ) {
        nobody = 0;

        if (__atomic_compare_exchange_n(&common->lock, &nobody, getpid(), 0,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        {
            return;
        }

        sched_yield();
    }
}


static void
host_unlock(void *data)
{
    (void) data;
    __atomic_store_n(&common->lock, 0, __ATOMIC_RELEASE);
}


int
host_is_alive(void *data, int32_t pid)
{
    (void) data;
    return kill(pid, 0) == 0 || errno != ESRCH;
}


static const ehr_engine_host_t  host = {
    NULL, host_now, host_lock, host_unlock, host_is_alive
};


static void
attach(void)
{
    if (ehr_engine_attach(&engine, block, block_size, &host, getpid())
        != EHR_ENGINE_OK)
    {
        fail("attach", 0, 0);
    }
}


ehr_engine_uuid_t
uuid_of(uint64_t who)
{
    ehr_engine_uuid_t  uuid;

    memset(&uuid, 0, sizeof(uuid));
    who &= ~(uint64_t) STATE;
    memcpy(uuid.bytes, &who, sizeof(who));

    return uuid;
}


/* -- who has what ---------------------------------------------------------- */

static uint64_t *
word_of(int32_t resource, unsigned seat, uint32_t time)
{
    return &common->words[resource][seat][time - DAY0 * EHR_ENGINE_DAY];
}


/* What was there before a claim. */
static void
remember(const ehr_engine_item_t *item, before_t *before)
{
    uint32_t  time;
    unsigned  seat;

    for (seat = 0; seat < SEATS; seat++) {
        for (time = item->from; time < item->to; time++) {
            before->words[seat][time - item->from]
                = __atomic_load_n(word_of(item->resource, seat, time),
                                  __ATOMIC_SEQ_CST);
        }
    }
}


/* 0: the database refuses it.  The engine may forget a claim whose process
 * died before it could say that it is committed, until the feed shows it;
 * what the feed had shown before is not forgotten. */
static int
put_name(uint64_t who, const ehr_engine_item_t *item, const before_t *before)
{
    uint32_t   time;
    uint64_t  *word, there;

    for (time = item->from; time < item->to; time++) {
        word = word_of(item->resource, item->seat, time);
        there = __atomic_load_n(word, __ATOMIC_SEQ_CST);

        do {
            if (there
                && (host_is_alive(NULL, (int32_t) (there >> 32))
                    || ((there & STATE) == SHOWN
                        && there == before->words[item->seat]
                                                 [time - item->from])))
            {
                fail("held twice", there, who);
            }

            if ((there & STATE) >= COMMITTED) {
                __atomic_add_fetch(&common->refused, 1, __ATOMIC_RELAXED);
                return 0;
            }

            if (there) {
                __atomic_add_fetch(&common->stolen, 1, __ATOMIC_RELAXED);
            }
        } while (!__atomic_compare_exchange_n(word, &there, who | HELD, 0,
                                              __ATOMIC_SEQ_CST,
                                              __ATOMIC_SEQ_CST));
    }

    return 1;
}


/* Returns whether all of them were that before. */
static int
change_name(const commit_t *commit, uint64_t from, uint64_t to)
{
    int       all;
    uint32_t  time;
    uint64_t  before;

    all = 1;

    for (time = commit->from; time < commit->to; time++) {
        before = from;
        all &= __atomic_compare_exchange_n(word_of(commit->resource,
                                                   commit->seat, time),
                                           &before, to, 0, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    }

    return all;
}


/* -- workers --------------------------------------------------------------- */

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


static size_t
work_draw(ehr_engine_item_t *items)
{
    size_t  i, n;

    n = 1 + below(2);
    memset(items, 0, n * sizeof(*items));

    for (i = 0; i < n; i++) {
        items[i].resource = 1 + (int32_t) below(DOCTORS);
        items[i].from = (DAY0 + below(DAYS)) * EHR_ENGINE_DAY + OPENS
                        + below(12) * 5;
        items[i].to = items[i].from + 1 + below(LONGEST);
    }

    return n;
}


/* Both seats of one resource for one period: the feed shows them one after
 * the other. */
static void
work_draw_both(ehr_engine_item_t *items)
{
    memset(items, 0, 2 * sizeof(*items));
    items[0].resource = 1 + (int32_t) below(DOCTORS);
    items[0].from = (DAY0 + below(DAYS)) * EHR_ENGINE_DAY + OPENS
                    + below(12) * 5;
    items[0].to = items[0].from + 1 + below(LONGEST);
    items[1] = items[0];
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
        (void) change_name(&commit, who | HELD, 0);
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
        if (!put_name(who, &items[i], &before[i])) {
            return 0;
        }
    }

    if (below(4) == 0) {
        usleep(below(300));
    }

    return 1;
}


static void
work_claim(ring_t *ring, uint64_t who)
{
    size_t             i, n;
    commit_t           commit;
    before_t           before[2];
    ehr_engine_uuid_t  act;
    ehr_engine_item_t  items[2];

    n = 2;

    if (below(4) == 0) {
        work_draw_both(items);
    } else {
        n = work_draw(items);
    }

    for (i = 0; i < n; i++) {
        remember(&items[i], &before[i]);
    }

    act = uuid_of(who);

    switch (ehr_engine_claim(&engine, &act, items, n,
                             host_now(NULL) + 600000))
    {
    case EHR_ENGINE_OK:
        break;

    case EHR_ENGINE_TAKEN:
        __atomic_add_fetch(&common->taken, 1, __ATOMIC_RELAXED);
        return;

    default:
        __atomic_add_fetch(&common->asked, 1, __ATOMIC_RELAXED);
        return;
    }

    __atomic_add_fetch(&common->held, 1, __ATOMIC_RELAXED);

    if (!work_put_names(who, items, n, before)
        || below(2)
        || ring->head + n >= __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE)
                             + RING)
    {
        work_take_back(who, items, n);
        return;
    }

    for (i = 0; i < n; i++) {
        commit = commit_of(who, &items[i]);
        (void) work_push(ring, &commit);
    }

    if (below(8) == 0) {
        usleep(200);
    }

    ehr_engine_settle(&engine, &act, 1, host_now(NULL) + 600000);
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


static void
work(unsigned i)
{
    uint64_t  n;

    attach();

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

    _exit(0);
}


/* -- the feed -------------------------------------------------------------- */

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
    (void) change_name(commit, commit->who | COMMITTED,
                       commit->who | SHOWING);
    want(ehr_engine_feed_busy(&engine, commit->resource, commit->seat,
                              commit->from, commit->to,
                              commit->state == COMMITTED ? &act : NULL));
    (void) change_name(commit, commit->who | SHOWING, commit->who | SHOWN);
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
        if (change_name(&commit, commit.who | HELD, commit.who | COMMITTED)) {
            commit.state = COMMITTED;
            feed_show(&commit);

        } else {
            (void) change_name(&commit, commit.who | COMMITTED, 0);
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
        (void) change_name(&commit, commit.who | SHOWN, 0);
        want(ehr_engine_feed_free(&engine, commit.resource, commit.seat,
                                  commit.from, commit.to));
    }
}


static void
feed(void)
{
    unsigned  i;
    uint32_t  day;

    attach();
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

    _exit(0);
}


/* -- the parent ------------------------------------------------------------ */

static void *
shared(size_t size)
{
    void  *memory;

    memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }

    return memory;
}


static pid_t
start(unsigned i)
{
    pid_t  pid;

    chance += 0x9e3779b97f4a7c15;
    pid = fork();

    if (pid == 0) {
        /* who hangs is found */
        alarm((unsigned) ((stops_at - host_now(NULL)) / 1000 + 20));

        if (i == WORKERS) {
            feed();
        }

        work(i);
    }

    return pid;
}


/* Frees the mutex of one that has ended, as the master of nginx does. */
static void
ended(pid_t pid, int status)
{
    int32_t  holder;

    if (!(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
    {
        printf("pid %d ended with status %x\n", pid, (unsigned) status);
        exit(1);
    }

    holder = pid;
    (void) __atomic_compare_exchange_n(&common->lock, &holder, 0, 0,
                                       __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}


static void
bury(pid_t pid)
{
    int  status;

    if (waitpid(pid, &status, 0) != pid) {
        fail("waitpid", (uint64_t) errno, 0);
    }

    ended(pid, status);
}


/* The feed is stopped, another takes over, the first goes on.  One of them
 * finds that it is not the owner any more; which one depends on how far the
 * first was.  Returns the other. */
static pid_t
take_over(pid_t former)
{
    int    status;
    pid_t  next;

    kill(former, SIGSTOP);
    next = start(WORKERS);
    usleep(20000 + below(20000));
    kill(former, SIGCONT);

    for ( ;; ) {

        if (waitpid(former, &status, WNOHANG) == former) {
            ended(former, status);
            return next;
        }

        if (waitpid(next, &status, WNOHANG) == next) {
            ended(next, status);
            return former;
        }

        usleep(200);
    }
}


static void
torment(pid_t *pids)
{
    unsigned  i;
    int64_t   last;

    last = stops_at - 300;

    while (host_now(NULL) < last) {
        usleep(1000 + below(8000));
        i = below(WORKERS + 2);

        if (i > WORKERS) {
            pids[WORKERS] = take_over(pids[WORKERS]);
            continue;
        }

        kill(pids[i], SIGKILL);
        bury(pids[i]);
        pids[i] = start(i);
    }

    for (i = 0; i <= WORKERS; i++) {
        bury(pids[i]);
    }
}


int
main(int argc, char **argv)
{
    pid_t                    pids[WORKERS + 1];
    unsigned                 i;
    ehr_engine_config_t      config;
    ehr_engine_statistics_t  statistics;

    if (argc < 2) {
        fprintf(stderr, "usage: stress SECONDS [SEED]\n");
        return 2;
    }

    chance = argc > 2 ? strtoull(argv[2], NULL, 10) + 1 : 1;
    stops_at = host_now(NULL) + atoi(argv[1]) * 1000;
    alarm((unsigned) atoi(argv[1]) + 30);

    memset(&config, 0, sizeof(config));
    config.resources = 64;
    config.days = DAYS;
    config.tentative = 4096;

    block_size = ehr_engine_size(&config);
    block = shared(block_size);
    common = shared(sizeof(*common));

    if (ehr_engine_create(block, block_size, &config) != EHR_ENGINE_OK) {
        fail("create", 0, 0);
    }

    for (i = 0; i <= WORKERS; i++) {
        pids[i] = start(i);
    }

    torment(pids);
    attach();
    ehr_engine_statistics(&engine, &statistics);

    printf("held %" PRIu64 ", taken %" PRIu64 ", asked %" PRIu64 ", shown %"
           PRIu64 ", stolen from the dead %" PRIu64 ", refused by the "
           "database %" PRIu64 "\n", common->held, common->taken,
           common->asked, common->shown, common->stolen, common->refused);
    printf("looks %" PRIu64 ", loads %" PRIu64 ", feeds that were followed %"
           PRIu64 ", repairs %" PRIu64 "\n", common->looks, common->loads,
           common->gone, statistics.repaired);

    printf("beds held %" PRIu64 ", taken %" PRIu64 ", shown %" PRIu64 "\n",
           common->beds_held, common->beds_taken, common->beds_shown);

    if (common->beds_held < 100 || common->beds_shown < 100
        || common->held < 100 || common->shown < 100 || common->looks < 100
        || common->loads < 3)
    {
        printf("too little happened\n");
        return 1;
    }

    return 0;
}
