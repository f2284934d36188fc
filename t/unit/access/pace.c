/* build: src/access/pace.c -lcmocka -lpthread */

/* A thread that computes leaves the processor again and again, until it need
 * not any more; what it computes does not notice. */

#include "../../../src/access/pace.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>


typedef struct {
    long   with;            /* how often it left the processor by itself */
    long   without;
    int    error;           /* errno, after it did */
    int    policy;
} found_t;


ngx_log_t  ngx_log;


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) log;
    (void) err;

    fail_msg("logged: %s", fmt);
}


/* Computes for 20 ms of processor time. */

static long
rests(void)
{
    struct rusage    before, after;
    struct timespec  used, end;

    getrusage(RUSAGE_THREAD, &before);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    end.tv_nsec += 20000000;

    do {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    } while ((used.tv_sec - end.tv_sec) * 1000000000 + used.tv_nsec
             < end.tv_nsec);

    getrusage(RUSAGE_THREAD, &after);
    return after.ru_nvcsw - before.ru_nvcsw;
}


static void *
computes(void *data)
{
    sigset_t   all;
    found_t   *found = data;
    ngx_log_t  log = { .log_level = NGX_LOG_DEBUG };

    /* as nginx does in its threads */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);

    ehr_pace_begin(&log);
    errno = EDOM;
    found->with = rests();
    found->error = errno;
    ehr_pace_end();

    found->without = rests();
    found->policy = sched_getscheduler(0);

    ehr_pace_begin(&log);
    found->with = ngx_min(found->with, rests());
    ehr_pace_end();

    return NULL;
}


static void
a_thread_rests_until_it_need_not(void **state)
{
    found_t    found;
    pthread_t  thread;

    (void) state;

    assert_int_equal(pthread_create(&thread, NULL, computes, &found), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);

    assert_true(found.with >= 10);
    assert_int_equal(found.without, 0);
    assert_int_equal(found.error, EDOM);
    assert_int_equal(found.policy, SCHED_IDLE);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_rests_until_it_need_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
