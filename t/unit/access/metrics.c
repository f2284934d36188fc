/* build: src/access/metrics.c src/access/shared.c src/access/hash.c t/unit/access/nginx_stubs.c -ljansson -lcrypto -lcmocka */

#include "../../../src/access/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "zone.h"


typedef struct {
    ehr_metric_status_t  values[64];
    size_t               n;
    size_t               stop;
} seen_t;


static ngx_int_t
see(void *context, const ehr_metric_status_t *value)
{
    seen_t  *seen = context;

    seen->values[seen->n++] = *value;

    return seen->n == seen->stop ? NGX_ERROR : NGX_OK;
}


static void
requests_are_counted_by_route_and_status(void **state)
{
    seen_t  seen = { .stop = 64 };

    (void) state;

    ehr_metrics_statuses(shared, see, &seen);
    assert_int_equal(seen.n, 0);

    ehr_metrics_request(shared, 3, 200, 100);
    ehr_metrics_request(shared, 3, 200, 100);
    ehr_metrics_request(shared, 3, 503, 100);
    ehr_metrics_request(shared, 3, 418, 100);
    ehr_metrics_request(shared, 100000, 404, 100);

    ehr_metrics_statuses(shared, see, &seen);
    assert_int_equal(seen.n, 4);
    assert_int_equal(seen.values[0].route, 3);
    assert_int_equal(seen.values[0].status, 200);
    assert_int_equal(seen.values[0].requests, 2);
    assert_int_equal(seen.values[1].status, 503);
    assert_int_equal(seen.values[2].status, 0);
    assert_int_equal(seen.values[3].route, EHR_METRIC_ROUTES - 1);
    assert_int_equal(seen.values[3].status, 404);
}


static void
callback_can_stop(void **state)
{
    seen_t  seen = { .stop = 1 };

    (void) state;

    ehr_metrics_request(shared, 1, 200, 100);
    ehr_metrics_request(shared, 2, 200, 100);
    ehr_metrics_statuses(shared, see, &seen);
    assert_int_equal(seen.n, 1);
}


static void
latency_falls_into_its_bucket(void **state)
{
    size_t                i;
    ehr_metric_latency_t  latency;

    (void) state;

    for (i = 0; i < EHR_LATENCY_BUCKETS; i++) {
        ehr_metrics_request(shared, 7, 200, ehr_latency_bounds_us[i]);
        assert_true(i == 0 || ehr_latency_bounds_us[i]
                              > ehr_latency_bounds_us[i - 1]);
    }

    ehr_metrics_request(shared, 7, 200, ehr_latency_bounds_us[0] + 1);
    ehr_metrics_request(shared, 7, 200, 3600 * (uint64_t) 1000000);
    ehr_metrics_latency(shared, 7, &latency);

    assert_int_equal(latency.count, EHR_LATENCY_BUCKETS + 2);
    assert_int_equal(latency.buckets[0], 1);
    assert_int_equal(latency.buckets[1], 2);
    assert_int_equal(latency.buckets[EHR_LATENCY_BUCKETS], 1);
    assert_true(latency.sum_us > 3600 * (uint64_t) 1000000);
}


static void
counters_count(void **state)
{
    (void) state;

    ehr_metrics_count(shared, EHR_COUNT_AUDIT_SEALED, 500);
    ehr_metrics_count(shared, EHR_COUNT_AUDIT_SEALED, 7);
    assert_int_equal(ehr_metrics_counter(shared, EHR_COUNT_AUDIT_SEALED), 507);
    assert_int_equal(ehr_metrics_counter(shared, EHR_COUNT_LOGINS), 0);
}


static void
workers_lose_no_count(void **state)
{
    int                   i, n, status;
    ehr_metric_latency_t  latency;

    (void) state;

    for (n = 0; n < 4; n++) {
        if (fork() == 0) {
            for (i = 0; i < 10000; i++) {
                ehr_metrics_request(shared, 5, 200, 10);
            }

            _exit(0);
        }
    }

    while (wait(&status) != -1) {
        assert_int_equal(status, 0);
    }

    ehr_metrics_latency(shared, 5, &latency);
    assert_int_equal(latency.count, 40000);
    assert_int_equal(latency.sum_us, 400000);
}


#define each(test) \
    cmocka_unit_test_setup_teardown(test, zone_set_up, zone_tear_down)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        each(requests_are_counted_by_route_and_status),
        each(callback_can_stop),
        each(latency_falls_into_its_bucket),
        each(counters_count),
        each(workers_lose_no_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
