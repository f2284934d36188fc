/*
 * The change feed's life: see feed.h.
 */

#include "../access/shared.h"
#include "../http/pages.h"
#include "bed_counts.h"
#include "events_stream.h"
#include "feed_private.h"
#include "housekeeping.h"


/* After this part of that time without a pulse nobody relies on hearing of
 * revocations, which have to be known within a second. */
#define EHR_FEED_DOUBT  4

/* Pulses in the time after which what is known is stale. */
#define EHR_FEED_PULSES  8

/* ms from one look at claims under way to the next */
#define EHR_FEED_REAP  1000

/* seconds for which stays that are over are kept */
#define EHR_FEED_PAST  10


static ngx_int_t ehr_feed_pulse(void *data, uint64_t sent);
static void ehr_feed_lost(void *data);
static void ehr_feed_show(ehr_feed_state_t state, const char *reason);
static ehr_feed_state_t ehr_feed_state(void);
static void ehr_feed_warn(void);


static ehr_feed_t  ehr_feed;

static const ehr_replication_handlers_t  ehr_feed_handlers = {
    ehr_feed_snapshot, ehr_feed_message, ehr_feed_pulse, ehr_feed_lost
};


ngx_int_t
ehr_feed_create(ngx_cycle_t *cycle)
{
    ehr_replication_conf_t  conf;

    if (ehr_worker.engine == NULL) {
        return NGX_OK;
    }

    conf.store = &ehr_worker.conf->store;
    conf.publication = "ehr_feed";
    conf.pulse = ngx_max(ehr_worker.conf->feed_stale / EHR_FEED_PULSES, 20);

    ehr_feed.engine = ehr_worker.engine;
    ehr_feed.log = cycle->log;
    ehr_feed.replication = ehr_replication_create(cycle, &conf,
                                                  &ehr_feed_handlers,
                                                  &ehr_feed);

    return ehr_feed.replication ? NGX_OK : NGX_ERROR;
}


void
ehr_feed_keep(void)
{
    if (ehr_feed.replication == NULL) {
        return;
    }

    ehr_replication_start(ehr_feed.replication);
    ehr_feed_show(ehr_feed_state(), NULL);

    if (ngx_current_msec - ehr_feed.reaped >= EHR_FEED_REAP) {
        ehr_feed.reaped = ngx_current_msec;
        (void) ehr_engine_reap(ehr_feed.engine);

        /* what ended a moment ago may yet be told of by a clock that is late */

        if (ehr_feed.live) {
            (void) ehr_engine_feed_stays_drop(ehr_feed.engine,
                                              ngx_time() - EHR_FEED_PAST);
        }
    }

    ehr_feed.hidden = 0;

    if (ehr_feed.live && ehr_feed_pump(&ehr_feed) != NGX_OK) {
        ehr_replication_restart(ehr_feed.replication);
    }
}


void
ehr_feed_leave(void)
{
    if (ehr_feed.replication == NULL
        || ehr_replication_state(ehr_feed.replication) == EHR_REPLICATION_OFF)
    {
        return;
    }

    ehr_replication_stop(ehr_feed.replication);
    ehr_feed.live = 0;
    ehr_feed_show(EHR_FEED_OFF, "");
}


static ehr_feed_state_t
ehr_feed_state(void)
{
    switch (ehr_replication_state(ehr_feed.replication)) {
    case EHR_REPLICATION_OFF:        return EHR_FEED_OFF;
    case EHR_REPLICATION_CONNECTING: return EHR_FEED_CONNECTING;
    case EHR_REPLICATION_WAITING:    return EHR_FEED_WAITING;
    case EHR_REPLICATION_LOADING:    return EHR_FEED_LOADING;
    case EHR_REPLICATION_FOLLOWING:
        return ehr_feed.live ? EHR_FEED_LIVE : EHR_FEED_CATCHING_UP;
    default:                         return EHR_FEED_FAILED;
    }
}


/* The reason NULL: as it was. */

static void
ehr_feed_show(ehr_feed_state_t state, const char *reason)
{
    ehr_feed_words_t  *words;

    words = &ehr_availability->feed;

    if (reason) {
        ngx_shmtx_lock(&ehr_availability->pool->mutex);
        (void) ngx_cpystrn(words->reason, (u_char *) reason,
                           sizeof(words->reason));
        ngx_shmtx_unlock(&ehr_availability->pool->mutex);
    }

    ehr_store(words->state, state);
}


ngx_uint_t
ehr_feed_is_live(void)
{
    return ehr_feed.live
           && ehr_monotonic_us() - ehr_availability->feed.known
              < (uint64_t) ehr_worker.conf->feed_stale * 1000
                / EHR_FEED_DOUBT;
}


/* The first one after loading shows that all that was committed meanwhile has
 * been taken in, too. */

static ngx_int_t
ehr_feed_pulse(void *data, uint64_t sent)
{
    uint64_t           took;
    ehr_feed_t        *feed = data;
    ehr_feed_words_t  *words;

    words = &ehr_availability->feed;
    took = ehr_monotonic_us() - sent;

    ehr_store(words->took, took);
    ehr_store(words->known, sent);

    if (!feed->live) {
        if (ehr_feed_accepted(ehr_engine_feed_live(feed->engine, feed->end))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        feed->live = 1;
        words->loads++;
        words->load_us = ehr_monotonic_us() - feed->began;
        ehr_feed_show(EHR_FEED_LIVE, "");

        ngx_log_error(NGX_LOG_NOTICE, feed->log, 0,
                      "change feed: live, %uL rows in %uL ms", feed->rows,
                      words->load_us / 1000);

        ehr_feed_warn();
        ehr_task_soon(EHR_TASK_POLL);
    }

    /* a pulse that took half of the time leaves the other half: the engine's
     * own bound */

    if (took > (uint64_t) ehr_availability->stale_after * 1000) {
        return NGX_OK;
    }

    return ehr_feed_accepted(ehr_engine_feed_heartbeat(feed->engine));
}


/* The zone is too small: said once a load. */

static void
ehr_feed_warn(void)
{
    size_t                   needed;
    ehr_engine_statistics_t  statistics;

    ehr_engine_statistics(ehr_feed.engine, &statistics);
    needed = ehr_availability_needed(&statistics);

    if (needed <= statistics.size) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, ehr_feed.log, 0,
                  "the availability zone is too small, PostgreSQL answers "
                  "for what did not fit: it needs about %uzm",
                  (needed + sizeof(ehr_availability_t) + needed / 64)
                  / (1024 * 1024) + 1);
}


static void
ehr_feed_lost(void *data)
{
    ehr_feed_t  *feed = data;

    feed->live = 0;
    feed->followed = 0;

    ehr_feed_show(EHR_FEED_FAILED,
                  ehr_replication_reason(feed->replication));
    ehr_task_soon(EHR_TASK_POLL);
}


/* -- what others see ------------------------------------------------------- */

static ngx_str_t  ehr_feed_names[] = {
    [EHR_FEED_OFF] = ngx_string("off"),
    [EHR_FEED_CONNECTING] = ngx_string("connecting"),
    [EHR_FEED_WAITING] = ngx_string("waiting"),
    [EHR_FEED_LOADING] = ngx_string("loading"),
    [EHR_FEED_CATCHING_UP] = ngx_string("catching up"),
    [EHR_FEED_LIVE] = ngx_string("live"),
    [EHR_FEED_FAILED] = ngx_string("failed")
};


/* How much later than now what is known was true, µs. */

static uint64_t
ehr_feed_lag(void)
{
    uint64_t  now, known, took;

    known = ehr_load(ehr_availability->feed.known);
    took = ehr_load(ehr_availability->feed.took);
    now = ehr_monotonic_us();

    /* between pulses nothing else is known than how long the last took */

    if (now < known
        || now - known < (uint64_t) ehr_worker.conf->feed_stale * 1000
                         / EHR_FEED_PULSES * 2 + took)
    {
        return took;
    }

    return now - known;
}


void
ehr_feed_ready(ehr_out_t *out)
{
    u_char               reason[256];
    uint64_t             lag;
    ngx_str_t            name;
    ehr_feed_state_t     state;

    if (ehr_availability == NULL) {
        ehr_out_literal(out, ",\"feed\":{\"state\":\"not configured\"}");
        return;
    }

    state = ehr_load(ehr_availability->feed.state);
    lag = ehr_feed_lag();
    name = ehr_feed_names[state];

    if (state == EHR_FEED_LIVE
        && ehr_engine_state(ehr_worker.engine) != EHR_ENGINE_LIVE)
    {
        ngx_str_set(&name, "stale");
    }

    ehr_out_literal(out, ",\"feed\":{\"state\":");
    ehr_out_string(out, name.data, name.len);

    if (state == EHR_FEED_LIVE) {
        ehr_out_literal(out, ",\"lagMilliseconds\":");
        ehr_out_integer(out, lag / 1000);

    } else {
        ngx_shmtx_lock(&ehr_availability->pool->mutex);
        (void) ngx_cpystrn(reason, ehr_availability->feed.reason,
                           sizeof(reason));
        ngx_shmtx_unlock(&ehr_availability->pool->mutex);

        if (reason[0]) {
            ehr_out_literal(out, ",\"reason\":");
            ehr_out_string(out, reason, ngx_strlen(reason));
        }
    }

    ehr_out_literal(out, "}");
}


static void
ehr_feed_metric_seconds(ehr_out_t *out, const char *name, const char *help,
    uint64_t us)
{
    ehr_metric_head(out, name, "gauge", help);
    ehr_metric_seconds(out, name, "", us);
}


static void
ehr_feed_metric_room(ehr_out_t *out, ehr_engine_statistics_t *statistics)
{
    u_char      labels[64];
    ngx_uint_t  i;

    const struct {
        const char               *name;
        const ehr_engine_room_t  *room;
    } rooms[] = {
        { "resources", &statistics->resources },
        { "groups", &statistics->groups },
        { "places", &statistics->places },
        { "shapes", &statistics->shapes },
        { "pages", &statistics->pages },
        { "tentative", &statistics->tentative },
        { "beds", &statistics->beds },
        { "bedRooms", &statistics->bed_rooms },
        { "bedGroups", &statistics->bed_groups },
        { "stays", &statistics->stays }
    };

    ehr_metric_head(out, "ehr_availability_room", "gauge",
                    "Entries of the availability zone: used, most there can "
                    "be, and wanted in vain");

    for (i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        (void) ngx_snprintf(labels, sizeof(labels),
                            "{of=\"%s\",is=\"used\"}%Z", rooms[i].name);
        ehr_metric_value(out, "ehr_availability_room", (char *) labels,
                         rooms[i].room->used);
        (void) ngx_snprintf(labels, sizeof(labels),
                            "{of=\"%s\",is=\"most\"}%Z", rooms[i].name);
        ehr_metric_value(out, "ehr_availability_room", (char *) labels,
                         rooms[i].room->most);
        (void) ngx_snprintf(labels, sizeof(labels),
                            "{of=\"%s\",is=\"missing\"}%Z", rooms[i].name);
        ehr_metric_value(out, "ehr_availability_room", (char *) labels,
                         rooms[i].room->missing);
    }
}


static void
ehr_feed_metric_engine(ehr_out_t *out)
{
    ehr_engine_statistics_t  statistics;

    ehr_engine_statistics(ehr_worker.engine, &statistics);
    ehr_feed_metric_room(out, &statistics);

    ehr_metric_head(out, "ehr_availability_bytes", "gauge",
                    "Size of the engine's memory, and what would do");
    ehr_metric_value(out, "ehr_availability_bytes", "{is=\"size\"}",
                     statistics.size);
    ehr_metric_value(out, "ehr_availability_bytes", "{is=\"needed\"}",
                     ehr_availability_needed(&statistics));

    ehr_metric_head(out, "ehr_availability_claims_total", "counter",
                    "Claims the engine held, refused, or left to PostgreSQL");
    ehr_metric_value(out, "ehr_availability_claims_total",
                     "{answer=\"held\"}", statistics.claims_held);
    ehr_metric_value(out, "ehr_availability_claims_total",
                     "{answer=\"taken\"}", statistics.claims_taken);
    ehr_metric_value(out, "ehr_availability_claims_total",
                     "{answer=\"asked\"}", statistics.claims_asked);

    ehr_metric_single(out, "ehr_availability_reaped_total", "counter",
                    "Claims under way that ended by death or deadline",
                    statistics.reaped);
    ehr_metric_single(out, "ehr_availability_repaired_total", "counter",
                    "Times a process died while it held the engine's lock",
                    statistics.repaired);
}


void
ehr_feed_metrics(ehr_out_t *out)
{
    ehr_feed_words_t  *words;

    if (ehr_availability == NULL) {
        return;
    }

    words = &ehr_availability->feed;

    ehr_metric_single(out, "ehr_feed_live", "gauge",
                    "Whether availability is answered from memory",
                    ehr_engine_state(ehr_worker.engine) == EHR_ENGINE_LIVE);
    ehr_feed_metric_seconds(out, "ehr_feed_lag_seconds",
                            "How far the memory is behind the database",
                            ehr_feed_lag());
    ehr_feed_metric_seconds(out, "ehr_feed_load_seconds",
                            "Time of the last load until it was live",
                            ehr_load(words->load_us));
    ehr_metric_single(out, "ehr_feed_loads_total", "counter",
                    "Times everything was loaded", ehr_load(words->loads));
    ehr_metric_single(out, "ehr_feed_transactions_total", "counter",
                    "Transactions the feed has brought",
                    ehr_load(words->transactions));
    ehr_metric_single(out, "ehr_feed_changes_total", "counter",
                    "Changed rows the feed has brought",
                    ehr_load(words->changes));
    ehr_metric_single(out, "ehr_feed_reloads_total", "counter",
                    "Doctors whose schedule was read again",
                    ehr_load(words->reloads));
    ehr_metric_single(out, "ehr_events", "gauge",
                    "Events since the last load", ehr_load(
                    ehr_availability->head));
    ehr_metric_single(out, "ehr_worker_event_streams", "gauge",
                    "Clients that listen for events at this worker",
                    ehr_events_streams());

    ehr_feed_metric_engine(out);
    ehr_bed_metrics(out);
}
