#include "shared.h"


/* The statuses that are answered, by frequency; all others are counted in
 * the last column, as status 0. */
static const uint16_t  ehr_statuses[EHR_METRIC_STATUSES] = {
    200, 201, 204, 304, 401, 403, 404, 409, 422, 429, 503, 400,
    412, 202, 206, 405, 408, 413, 414, 415, 428, 499, 500, 0
};

const ngx_uint_t  ehr_latency_bounds_us[EHR_LATENCY_BUCKETS] = {
    250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
    1000000, 2500000, 10000000
};


void
ehr_metrics_request(ehr_shared_t *shared, ngx_uint_t route, ngx_uint_t status,
    uint64_t elapsed_us)
{
    ngx_uint_t            column, bucket;
    ehr_route_metrics_t  *metrics;

    metrics = &shared->routes[ngx_min(route, EHR_METRIC_ROUTES - 1)];

    for (column = 0; column < EHR_METRIC_STATUSES - 1; column++) {
        if (ehr_statuses[column] == status) {
            break;
        }
    }

    for (bucket = 0; bucket < EHR_LATENCY_BUCKETS; bucket++) {
        if (elapsed_us <= ehr_latency_bounds_us[bucket]) {
            break;
        }
    }

    (void) ehr_count(metrics->statuses[column], 1);
    (void) ehr_count(metrics->latency[bucket], 1);
    (void) ehr_count(metrics->sum_us, elapsed_us);
}


void
ehr_metrics_count(ehr_shared_t *shared, ehr_counter_t counter, ngx_int_t n)
{
    (void) ehr_count(shared->counters[counter], (uint64_t) n);
}


void
ehr_metrics_statuses(ehr_shared_t *shared,
    ngx_int_t (*each)(void *context, const ehr_metric_status_t *value),
    void *context)
{
    ngx_uint_t           column;
    ehr_metric_status_t  value;

    for (value.route = 0; value.route < EHR_METRIC_ROUTES; value.route++) {

        for (column = 0; column < EHR_METRIC_STATUSES; column++) {

            value.status = ehr_statuses[column];
            value.requests =
                       ehr_load(shared->routes[value.route].statuses[column]);

            if (value.requests && each(context, &value) != NGX_OK) {
                return;
            }
        }
    }
}


void
ehr_metrics_latency(ehr_shared_t *shared, ngx_uint_t route,
    ehr_metric_latency_t *out)
{
    ngx_uint_t            bucket;
    ehr_route_metrics_t  *metrics;

    metrics = &shared->routes[ngx_min(route, EHR_METRIC_ROUTES - 1)];

    out->count = 0;
    out->sum_us = ehr_load(metrics->sum_us);

    for (bucket = 0; bucket <= EHR_LATENCY_BUCKETS; bucket++) {
        out->buckets[bucket] = ehr_load(metrics->latency[bucket]);
        out->count += out->buckets[bucket];
    }
}


uint64_t
ehr_metrics_counter(ehr_shared_t *shared, ehr_counter_t counter)
{
    return ehr_load(shared->counters[counter]);
}
