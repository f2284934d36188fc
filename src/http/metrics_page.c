/*
 * Metrics in Prometheus' text format.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

#include "pages.h"


static const char *ehr_route_method(ngx_uint_t route);
static const char *ehr_route_path(ngx_uint_t route);
static ngx_int_t ehr_metric_status(void *context,
    const ehr_metric_status_t *value);
static void ehr_metric_latency(ehr_out_t *out, ngx_uint_t route);
static void ehr_metric_store(ehr_out_t *out);


void
ehr_metric_head(ehr_out_t *out, const char *name, const char *type,
    const char *help)
{
    u_char  text[512], *end;

    end = ngx_snprintf(text, sizeof(text),
                       "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                       type);
    ehr_out_raw(out, text, end - text);
}


void
ehr_metric_value(ehr_out_t *out, const char *name, const char *labels,
    uint64_t value)
{
    u_char  text[512], *end;

    end = ngx_snprintf(text, sizeof(text), "%s%s %uL\n", name, labels,
                       value);
    ehr_out_raw(out, text, end - text);
}


/* A metric without labels. */

void
ehr_metric_single(ehr_out_t *out, const char *name, const char *type,
    const char *help, uint64_t value)
{
    ehr_metric_head(out, name, type, help);
    ehr_metric_value(out, name, "", value);
}


void
ehr_metric_seconds(ehr_out_t *out, const char *name, const char *labels,
    uint64_t us)
{
    u_char  text[512], *end;

    end = ngx_snprintf(text, sizeof(text), "%s%s %uL.%06uL\n", name, labels,
                       us / 1000000, us % 1000000);
    ehr_out_raw(out, text, end - text);
}


static const char *
ehr_route_method(ngx_uint_t route)
{
    if (route >= ehr_router_count()) {
        return "-";
    }

    switch (ehr_routes[route].method) {
    case NGX_HTTP_GET:    return "GET";
    case NGX_HTTP_POST:   return "POST";
    case NGX_HTTP_PUT:    return "PUT";
    case NGX_HTTP_PATCH:  return "PATCH";
    default:              return "DELETE";
    }
}


static const char *
ehr_route_path(ngx_uint_t route)
{
    return (route < ehr_router_count()) ? ehr_routes[route].path : "-";
}


static ngx_int_t
ehr_metric_status(void *context, const ehr_metric_status_t *value)
{
    u_char  labels[256];

    ngx_snprintf(labels, sizeof(labels),
                 "{method=\"%s\",route=\"%s\",status=\"%ui\"}%Z",
                 ehr_route_method(value->route),
                 ehr_route_path(value->route), value->status);

    ehr_metric_value(context, "ehr_requests_total", (char *) labels,
                     value->requests);

    return NGX_OK;
}


static void
ehr_metric_latency(ehr_out_t *out, ngx_uint_t route)
{
    u_char                 labels[320];
    uint64_t               total;
    ngx_uint_t             i;
    const char            *method, *path;
    ehr_metric_latency_t   latency;

    ehr_metrics_latency(ehr_worker.shared, route, &latency);

    if (latency.count == 0) {
        return;
    }

    method = ehr_route_method(route);
    path = ehr_route_path(route);
    total = 0;

    for (i = 0; i < EHR_LATENCY_BUCKETS; i++) {
        total += latency.buckets[i];

        ngx_snprintf(labels, sizeof(labels),
                     "{method=\"%s\",route=\"%s\",le=\"%ui.%06ui\"}%Z",
                     method, path, ehr_latency_bounds_us[i] / 1000000,
                     ehr_latency_bounds_us[i] % 1000000);

        ehr_metric_value(out, "ehr_request_seconds_bucket", (char *) labels,
                         total);
    }

    ngx_snprintf(labels, sizeof(labels),
                 "{method=\"%s\",route=\"%s\",le=\"+Inf\"}%Z", method, path);
    ehr_metric_value(out, "ehr_request_seconds_bucket", (char *) labels,
                     latency.count);

    ngx_snprintf(labels, sizeof(labels), "{method=\"%s\",route=\"%s\"}%Z",
                 method, path);
    ehr_metric_value(out, "ehr_request_seconds_count", (char *) labels,
                     latency.count);

    ehr_metric_seconds(out, "ehr_request_seconds_sum", (char *) labels,
                       latency.sum_us);
}


/* The pool of the worker that answers; scrapes meet all in turn. */

static void
ehr_metric_store(ehr_out_t *out)
{
    ngx_uint_t           lane;
    ehr_store_status_t   status;

    static const char  *labels[EHR_LANES] = {
        [EHR_LANE_MAIN] = "{lane=\"main\"}",
        [EHR_LANE_REPORTS] = "{lane=\"reports\"}",
        [EHR_LANE_AUDIT] = "{lane=\"audit\"}"
    };

    ehr_store_status(ehr_worker.store, &status);

    ehr_metric_head(out, "ehr_worker_database_connections", "gauge",
                    "Open database connections of this worker");

    for (lane = 0; lane < EHR_LANES; lane++) {
        ehr_metric_value(out, "ehr_worker_database_connections",
                         labels[lane], status.connected[lane]);
    }

    ehr_metric_head(out, "ehr_worker_database_in_flight", "gauge",
                    "Batches this worker has sent and not yet answered");

    for (lane = 0; lane < EHR_LANES; lane++) {
        ehr_metric_value(out, "ehr_worker_database_in_flight", labels[lane],
                         status.in_flight[lane]);
    }

    ehr_metric_head(out, "ehr_worker_database_queued", "gauge",
                    "Batches of this worker that wait for a connection");

    for (lane = 0; lane < EHR_LANES; lane++) {
        ehr_metric_value(out, "ehr_worker_database_queued", labels[lane],
                         status.queued[lane]);
    }

    ehr_metric_single(out, "ehr_worker_database_reconnects_total", "counter",
                      "Connections of this worker that were lost",
                      status.reconnects);
    ehr_metric_single(out, "ehr_worker_database_groups_total", "counter",
                      "Transactions that several batches shared",
                      status.groups);
    ehr_metric_single(out, "ehr_worker_database_grouped_total", "counter",
                      "Batches that shared a transaction", status.grouped);
    ehr_metric_single(out, "ehr_worker_database_ungrouped_total", "counter",
                      "Groups of batches that failed and ran one by one",
                      status.ungrouped);
    ehr_metric_single(out, "ehr_worker_database_rolled_back_total", "counter",
                      "Batches that ran again after a deadlock",
                      status.rolled_back);
    ehr_metric_single(out, "ehr_worker_database_up", "gauge",
                      "Whether this worker has a usable connection",
                      status.state == EHR_STORE_UP);
}


ngx_int_t
ehr_page_metrics(ehr_request_t *req)
{
    ehr_out_t    out;
    ngx_uint_t   i;

    static const struct {
        const char  *name;
        const char  *help;
    } counters[] = {
#define EHR_COUNTER(symbol, name, help)  { name, help },
#include "../access/counters.def"
#undef EHR_COUNTER
    };

    ehr_out_init(&out, req->pool);

    ehr_metric_head(&out, "ehr_requests_total", "counter",
                    "Requests by route template and status");
    ehr_metrics_statuses(ehr_worker.shared, ehr_metric_status, &out);

    ehr_metric_head(&out, "ehr_request_seconds", "histogram",
                    "Time from the first byte of a request to its end");

    for (i = 0; i < ehr_router_count(); i++) {
        ehr_metric_latency(&out, i);
    }

    for (i = 0; i < EHR_COUNTERS; i++) {
        ehr_metric_single(&out, counters[i].name, "counter",
                          counters[i].help,
                          ehr_metrics_counter(ehr_worker.shared, i));
    }

    ehr_metric_store(&out);

    if (ehr_page_more.metrics) {
        ehr_page_more.metrics(&out);
    }

    ehr_reply_plain(req, NGX_HTTP_OK, "text/plain; version=0.0.4", &out);

    return NGX_OK;
}
