/* build: @t/unit/engine/sources @t/engine/stress_sources */

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


common_t         *common;
ehr_engine_t      engine;
int64_t           stops_at;

static void      *block;
static size_t     block_size;
static uint64_t   chance;


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
        attach();

        if (i == WORKERS) {
            feed();
        } else {
            work(i);
        }

        _exit(0);
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


static void
create(void)
{
    ehr_engine_config_t  config;

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
}


/* Whether enough happened to mean something. */
static int
report(void)
{
    ehr_engine_statistics_t  statistics;

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

    return common->beds_held >= 100 && common->beds_shown >= 100
           && common->held >= 100 && common->shown >= 100
           && common->looks >= 100 && common->loads >= 3;
}


int
main(int argc, char **argv)
{
    pid_t     pids[WORKERS + 1];
    unsigned  i;

    if (argc < 2) {
        fprintf(stderr, "usage: stress SECONDS [SEED]\n");
        return 2;
    }

    chance = argc > 2 ? strtoull(argv[2], NULL, 10) + 1 : 1;
    stops_at = host_now(NULL) + atoi(argv[1]) * 1000;
    alarm((unsigned) atoi(argv[1]) + 30);
    create();

    for (i = 0; i <= WORKERS; i++) {
        pids[i] = start(i);
    }

    torment(pids);

    if (!report()) {
        printf("too little happened\n");
        return 1;
    }

    return 0;
}
