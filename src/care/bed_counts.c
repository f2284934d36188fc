/*
 * Counts of beds from the engine, which counts but does not list: see
 * bed_counts.h.
 *
 * Which wards and classes have beds is remembered from what PostgreSQL said
 * last.  Whether that is still all of it shows in the sum: if the beds of those
 * are as many as all that meet the filter, no other ward or class has any.
 */

#include "../access/shared.h"
#include "../http/pages.h"
#include "availability.h"
#include "bed_counts.h"
#include "slot.h"


#define EHR_COUNTED_FILTERS  64
#define EHR_COUNTED_PLACES   1024       /* more are PostgreSQL's to count */

/* A filter's uuids are all zero where it takes any. */
typedef struct {
    ehr_uuid_t              filter[3];
    ehr_uuid_t            (*places)[3];     /* hospital, ward, class */
    ngx_uint_t              n;
    ngx_uint_t              size;           /* allocated; 0: empty */
} ehr_counted_t;


static ngx_int_t ehr_counted_filter(const ehr_bed_filter_t *filter,
    ehr_uuid_t uuids[3]);
static ehr_counted_t *ehr_counted_place(const ehr_uuid_t filter[3]);
static void ehr_counted_learn(const ehr_bed_filter_t *filter,
    const ehr_bed_count_t *counts, ngx_uint_t n);
static ehr_counted_t *ehr_counted_recall(const ehr_bed_filter_t *filter,
    ehr_uuid_t uuids[3]);
static ngx_int_t ehr_counted_count(ehr_engine_t *engine,
    const ehr_uuid_t place[3], ehr_bed_count_t *count, uint64_t *beds);
static ngx_int_t ehr_counted_ask(ehr_engine_t *engine,
    const ehr_uuid_t uuids[3], uint32_t n[EHR_ENGINE_BED_STATUSES]);


static ehr_counted_t  ehr_counted[EHR_COUNTED_FILTERS];

static const ehr_engine_bed_status_t  ehr_counted_states[EHR_BEDS_STATES] = {
    EHR_ENGINE_BED_AVAILABLE, EHR_ENGINE_BED_OCCUPIED,
    EHR_ENGINE_BED_RESERVED, EHR_ENGINE_BED_CLEANING,
    EHR_ENGINE_BED_OUT_OF_SERVICE
};


static ngx_int_t
ehr_counted_filter(const ehr_bed_filter_t *filter, ehr_uuid_t uuids[3])
{
    ngx_uint_t   i;
    const char  *texts[3];

    texts[0] = filter->hospital;
    texts[1] = filter->ward;
    texts[2] = filter->room_class;

    ngx_memzero(uuids, 3 * sizeof(ehr_uuid_t));

    for (i = 0; i < 3; i++) {
        if (texts[i]
            && ehr_uuid_parse(&uuids[i], (u_char *) texts[i], EHR_UUID_TEXT)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ehr_counted_t *
ehr_counted_place(const ehr_uuid_t filter[3])
{
    return &ehr_counted[ngx_murmur_hash2((u_char *) filter,
                                         3 * sizeof(ehr_uuid_t))
                        % EHR_COUNTED_FILTERS];
}


/* Beds by status of all that are in each of the three that is not zero. */

static ngx_int_t
ehr_counted_ask(ehr_engine_t *engine, const ehr_uuid_t uuids[3],
    uint32_t n[EHR_ENGINE_BED_STATUSES])
{
    ngx_uint_t                i;
    const ehr_engine_uuid_t  *asked[3];

    static const ehr_uuid_t  any;

    for (i = 0; i < 3; i++) {
        asked[i] = ngx_memcmp(&uuids[i], &any, sizeof(ehr_uuid_t)) == 0
                   ? NULL : ehr_slot_engine_uuid(&uuids[i]);
    }

    return ehr_engine_bed_counts(engine, asked[0], asked[1], asked[2], n)
           == EHR_ENGINE_OK
           ? NGX_OK : NGX_DECLINED;
}


/* What is remembered of a filter; NULL: nothing, or this worker has just
 * changed something that the engine has not heard of. */

static ehr_counted_t *
ehr_counted_recall(const ehr_bed_filter_t *filter, ehr_uuid_t uuids[3])
{
    ehr_counted_t  *counted;

    if (ehr_load(ehr_availability->feed.known)
        <= ehr_load(ehr_availability->acted)
        || ehr_counted_filter(filter, uuids) != NGX_OK)
    {
        return NULL;
    }

    counted = ehr_counted_place(uuids);

    return (counted->size
            && ngx_memcmp(counted->filter, uuids, 3 * sizeof(ehr_uuid_t))
               == 0)
           ? counted : NULL;
}


/* One ward and class; the number of its beds in *beds.  NGX_DECLINED: the
 * engine cannot tell. */

static ngx_int_t
ehr_counted_count(ehr_engine_t *engine, const ehr_uuid_t place[3],
    ehr_bed_count_t *count, uint64_t *beds)
{
    uint32_t    states[EHR_ENGINE_BED_STATUSES];
    ngx_uint_t  state;

    if (ehr_counted_ask(engine, place, states) != NGX_OK) {
        return NGX_DECLINED;
    }

    count->hospital = place[0];
    count->ward = place[1];
    count->room_class = place[2];
    *beds = states[0];

    for (state = 0; state < EHR_BEDS_STATES; state++) {
        count->n[state] = states[ehr_counted_states[state]];
    }

    return NGX_OK;
}


ngx_int_t
ehr_bed_counts(ngx_pool_t *pool, const ehr_bed_filter_t *filter,
    ehr_bed_count_t **counts, ngx_uint_t *n)
{
    uint32_t        states[EHR_ENGINE_BED_STATUSES];
    uint64_t        beds, sum;
    ehr_uuid_t      uuids[3];
    ngx_uint_t      i;
    ehr_engine_t   *engine = ehr_slot_engine();
    ehr_counted_t  *counted;

    counted = engine ? ehr_counted_recall(filter, uuids) : NULL;
    if (counted == NULL) {
        return NGX_DECLINED;
    }

    *counts = ngx_pcalloc(pool, (counted->n + 1) * sizeof(ehr_bed_count_t));
    if (*counts == NULL) {
        return NGX_ERROR;
    }

    sum = 0;
    *n = 0;

    for (i = 0; i < counted->n; i++) {
        if (ehr_counted_count(engine, counted->places[i], &(*counts)[*n],
                              &beds)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        /* the next one takes the place of one without beds */
        *n += (beds != 0);
        sum += beds;
    }

    return (ehr_counted_ask(engine, uuids, states) == NGX_OK
            && states[0] == sum)
           ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ehr_bed_counts_rows(ngx_pool_t *pool, const ehr_bed_filter_t *filter,
    const PGresult *result, ehr_bed_count_t **counts, ngx_uint_t *n)
{
    int               row;
    ngx_uint_t        i;
    ngx_str_t         id;
    ehr_bed_count_t  *count;

    *n = PQntuples(result);

    *counts = ngx_pcalloc(pool, (*n + 1) * sizeof(ehr_bed_count_t));
    if (*counts == NULL) {
        return NGX_ERROR;
    }

    for (row = 0; row < PQntuples(result); row++) {
        count = &(*counts)[row];

        for (i = 0; i < 3; i++) {
            id = ehr_result_value(result, row, i);

            if (ehr_uuid_parse(i == 0 ? &count->hospital
                               : i == 1 ? &count->ward : &count->room_class,
                               id.data, id.len)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        for (i = 0; i < EHR_BEDS_STATES; i++) {
            count->n[i] = strtoull(PQgetvalue(result, row, 3 + i), NULL, 10);
        }
    }

    ehr_counted_learn(filter, *counts, *n);

    return NGX_OK;
}


/* Without memory, or with too many, PostgreSQL is asked again. */

static void
ehr_counted_learn(const ehr_bed_filter_t *filter,
    const ehr_bed_count_t *counts, ngx_uint_t n)
{
    void           *places;
    ehr_uuid_t      uuids[3];
    ngx_uint_t      i;
    ehr_counted_t  *counted;

    if (n > EHR_COUNTED_PLACES
        || ehr_counted_filter(filter, uuids) != NGX_OK)
    {
        return;
    }

    counted = ehr_counted_place(uuids);

    if (counted->size <= n) {
        places = ngx_alloc((n + 16) * sizeof(counted->places[0]),
                           ngx_cycle->log);
        if (places == NULL) {
            return;
        }

        if (counted->size) {
            ngx_free(counted->places);
        }

        counted->places = places;
        counted->size = n + 16;
    }

    ngx_memcpy(counted->filter, uuids, sizeof(uuids));
    counted->n = n;

    for (i = 0; i < n; i++) {
        counted->places[i][0] = counts[i].hospital;
        counted->places[i][1] = counts[i].ward;
        counted->places[i][2] = counts[i].room_class;
    }
}


void
ehr_bed_metrics(ehr_out_t *out)
{
    uint32_t       states[EHR_ENGINE_BED_STATUSES];
    ngx_uint_t     i;
    ehr_engine_t  *engine = ehr_slot_engine();

    static const char *const  labels[EHR_BEDS_STATES] = {
        "{status=\"AVAILABLE\"}", "{status=\"OCCUPIED\"}",
        "{status=\"RESERVED\"}", "{status=\"CLEANING\"}",
        "{status=\"OUT_OF_SERVICE\"}"
    };

    if (engine == NULL
        || ehr_engine_bed_counts(engine, NULL, NULL, NULL, states)
           != EHR_ENGINE_OK)
    {
        return;
    }

    ehr_metric_head(out, "ehr_beds", "gauge", "Beds by status");

    for (i = 0; i < EHR_BEDS_STATES; i++) {
        ehr_metric_value(out, "ehr_beds", labels[i],
                         states[ehr_counted_states[i]]);
    }
}
