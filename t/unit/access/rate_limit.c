/* build: src/access/rate_limit.c src/access/cells.c src/access/shared.c src/access/metrics.c src/access/hash.c t/unit/access/nginx_stubs.c -ljansson -lcrypto -lcmocka */

#include "../../../src/access/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "zone.h"


#define SECOND  ((uint64_t) 1000000)
#define START   (1000 * SECOND)

static time_t
take(const ehr_rate_t *rate, const char *key, uint64_t now)
{
    return ehr_rate_take_at(shared, EHR_LIMIT_ADDRESS, rate, (u_char *) key,
                            strlen(key), now);
}


static void
burst_then_rate(void **state)
{
    int         i;
    ehr_rate_t  rate = { 60, 5 };

    (void) state;

    for (i = 0; i < 5; i++) {
        assert_int_equal(take(&rate, "a", START), 0);
    }

    assert_int_equal(take(&rate, "a", START), 1);
    assert_int_equal(take(&rate, "a", START + SECOND - 1), 1);
    assert_int_equal(take(&rate, "a", START + SECOND), 0);
    assert_int_equal(take(&rate, "a", START + SECOND), 1);

    /* refusals cost nothing: after 5 s the bucket is full */
    for (i = 0; i < 5; i++) {
        assert_int_equal(take(&rate, "a", START + 6 * SECOND), 0);
    }

    assert_int_equal(take(&rate, "a", START + 6 * SECOND), 1);
}


static void
retry_after_is_when_it_works(void **state)
{
    time_t      wait;
    ehr_rate_t  rate = { 7, 2 };

    (void) state;

    assert_int_equal(take(&rate, "a", START), 0);
    assert_int_equal(take(&rate, "a", START), 0);
    wait = take(&rate, "a", START);
    assert_int_equal(wait, 9);
    assert_int_not_equal(take(&rate, "a", START + 8 * SECOND), 0);
    assert_int_equal(take(&rate, "a", START + wait * SECOND), 0);
}


static void
long_run_is_the_rate(void **state)
{
    int         i, passed;
    ehr_rate_t  rate = { 600, 100 };

    (void) state;

    /* a minute of 100 requests a second */
    for (i = 0, passed = 0; i < 6000; i++) {
        passed += take(&rate, "a", START + i * SECOND / 100) == 0;
    }

    assert_in_range(passed, 699, 701);
}


static void
no_rate_is_no_limit(void **state)
{
    int         i;
    ehr_rate_t  rate = { 0, 0 };

    (void) state;

    for (i = 0; i < 1000; i++) {
        assert_int_equal(ehr_rate_take(shared, EHR_LIMIT_ACCOUNT, &rate,
                                       (u_char *) "a", 1), 0);
    }
}


static void
no_burst_is_one_at_a_time(void **state)
{
    ehr_rate_t  rate = { 60, 0 };

    (void) state;

    assert_int_equal(take(&rate, "a", START), 0);
    assert_int_equal(take(&rate, "a", START), 1);
    assert_int_equal(take(&rate, "a", START + SECOND), 0);
}


static void
keys_and_limits_are_apart(void **state)
{
    ehr_rate_t  rate = { 60, 1 };

    (void) state;

    assert_int_equal(take(&rate, "a", START), 0);
    assert_int_equal(take(&rate, "b", START), 0);
    assert_int_equal(ehr_rate_take_at(shared, EHR_LIMIT_LOGIN_ADDRESS, &rate,
                                      (u_char *) "a", 1, START), 0);
    assert_int_equal(take(&rate, "a", START), 1);
}


static void
no_key_is_readable_in_the_zone(void **state)
{
    ehr_rate_t  rate = { 60, 1 };

    (void) state;

    assert_int_equal(take(&rate, "203.0.113.77", START), 0);
    ehr_lockout_failure_at(shared, (u_char *) "patient@demo.example", 20,
                           START);
    assert_null(memmem(zone.shm.addr, zone.shm.size, "203.0.113.77", 12));
    assert_null(memmem(zone.shm.addr, zone.shm.size, "patient@demo", 12));
}


/* A flood of new addresses does not free the one that is being limited. */
static void
flood_does_not_wash_out_the_limited(void **state)
{
    int         i;
    char        key[32];
    ehr_rate_t  rate = { 60, 20 };

    (void) state;

    for (i = 0; i < 20; i++) {
        assert_int_equal(take(&rate, "offender", START), 0);
    }

    for (i = 0; i < 200000; i++) {
        sprintf(key, "address %d", i);
        assert_int_equal(take(&rate, key, START), 0);
    }

    assert_int_not_equal(take(&rate, "offender", START), 0);
}


/* Processes that race for one key let through exactly the burst. */
static void
racing_workers_share_one_bucket(void **state)
{
    int         i, n, status, passed;
    ehr_rate_t  rate = { 60, 5000 };

    (void) state;

    for (n = 0; n < 4; n++) {
        if (fork() == 0) {
            ngx_pid = getpid();

            for (i = 0, passed = 0; i < 3000; i++) {
                passed += take(&rate, "a", START) == 0;
            }

            ehr_metrics_count(shared, EHR_COUNT_LOGINS, passed);
            _exit(0);
        }
    }

    while (wait(&status) != -1) {
        assert_int_equal(status, 0);
    }

    assert_int_equal(ehr_metrics_counter(shared, EHR_COUNT_LOGINS), 5000);
}


static void
fail_login(const char *account, int times, uint64_t now)
{
    while (times--) {
        ehr_lockout_failure_at(shared, (u_char *) account, strlen(account),
                               now);
    }
}


static time_t
remaining(const char *account, uint64_t now)
{
    return ehr_lockout_remaining_at(shared, (u_char *) account,
                                    strlen(account), now);
}


static void
five_failures_lock(void **state)
{
    (void) state;

    assert_int_equal(remaining("a", START), 0);
    fail_login("a", 4, START);
    assert_int_equal(remaining("a", START), 0);
    fail_login("a", 1, START);
    assert_int_equal(remaining("a", START), 30);
    assert_int_equal(remaining("b", START), 0);
    assert_int_equal(remaining("a", START + 29 * SECOND), 1);
    assert_int_equal(remaining("a", START + 30 * SECOND), 0);
}


static void
lock_doubles_up_to_an_hour(void **state)
{
    int       i;
    uint64_t  now = START;

    static const time_t  lengths[] = {
        30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600
    };

    (void) state;

    fail_login("a", 4, now);

    for (i = 0; i < 8; i++) {
        fail_login("a", 1, now);
        assert_int_equal(remaining("a", now), lengths[i]);
        now += ngx_min(lengths[i], 3599) * SECOND;
    }

    fail_login("a", 500, now);
    assert_int_equal(remaining("a", now), 3600);
}


static void
forgotten_an_hour_after_the_last(void **state)
{
    (void) state;

    fail_login("a", 4, START);
    fail_login("a", 1, START + 3600 * SECOND);
    assert_int_equal(remaining("a", START + 3600 * SECOND), 0);

    fail_login("b", 4, START);
    fail_login("b", 1, START + 3599 * SECOND);
    assert_int_equal(remaining("b", START + 3599 * SECOND), 30);
}


static void
success_forgives(void **state)
{
    (void) state;

    fail_login("a", 7, START);
    ehr_lockout_success(shared, (u_char *) "a", 1);
    assert_int_equal(remaining("a", START), 0);
    fail_login("a", 4, START);
    assert_int_equal(remaining("a", START), 0);

    ehr_lockout_success(shared, (u_char *) "never seen", 10);
}


static void
spraying_does_not_unlock(void **state)
{
    int   i;
    char  account[32];

    (void) state;

    fail_login("victim", 6, START);

    for (i = 0; i < 100000; i++) {
        sprintf(account, "account %d", i);
        fail_login(account, 1, START + SECOND);
    }

    assert_int_equal(remaining("victim", START + SECOND), 59);
}


/* What is left when a worker died while it made room for a key. */
static void
half_made_cell_is_taken_again(void **state)
{
    ngx_uint_t  i;
    ehr_rate_t  rate = { 60, 1 };

    (void) state;

    for (i = 0; i < shared->rates.sets * EHR_CELL_WAYS; i++) {
        shared->rates.cells[i].key[0] = 0x1234;
        shared->rates.cells[i].key[1] = 0;
        shared->rates.cells[i].word = 0;
    }

    assert_int_equal(take(&rate, "a", START), 0);
    assert_int_equal(take(&rate, "a", START), 1);
    assert_int_equal(take(&rate, "b", START), 0);
}


#define each(test) \
    cmocka_unit_test_setup_teardown(test, zone_set_up, zone_tear_down)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        each(burst_then_rate),
        each(retry_after_is_when_it_works),
        each(long_run_is_the_rate),
        each(no_rate_is_no_limit),
        each(no_burst_is_one_at_a_time),
        each(keys_and_limits_are_apart),
        each(no_key_is_readable_in_the_zone),
        each(flood_does_not_wash_out_the_limited),
        each(racing_workers_share_one_bucket),
        each(five_failures_lock),
        each(lock_doubles_up_to_an_hour),
        each(forgotten_an_hour_after_the_last),
        each(success_forgives),
        each(spraying_does_not_unlock),
        each(half_made_cell_is_taken_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
