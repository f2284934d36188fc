/*
 * How claims under way end: PostgreSQL has answered, the feed has shown them,
 * or nobody is there any more who would say so.
 */

#include "internal.h"


static void ehr_engine_tentative_end(ehr_engine_t *engine,
    uint32_t (*choose)(ehr_engine_root_t *root,
                       const ehr_engine_tentative_t *shown),
    const ehr_engine_tentative_t *shown);
static uint32_t ehr_engine_choose_seat(ehr_engine_root_t *root,
    const ehr_engine_tentative_t *shown);
static uint32_t ehr_engine_choose_bed(ehr_engine_root_t *root,
    const ehr_engine_tentative_t *shown);
static int ehr_engine_is_nearer(const ehr_engine_tentative_t *one,
    const ehr_engine_tentative_t *two, int32_t number);
static uint32_t ehr_engine_bucket_sweep(ehr_engine_t *engine,
    ehr_engine_census_t *census, const ehr_engine_bucket_t *bucket);
static uint32_t ehr_engine_reap_some(ehr_engine_t *engine,
    uint32_t first, uint32_t end);


/* -- answered and shown ---------------------------------------------------- */

void
ehr_engine_settle(ehr_engine_t *engine, const ehr_engine_uuid_t *act,
    int is_committed, int64_t deadline)
{
    uint32_t                 reference, next;
    ehr_engine_key_t         key;
    ehr_engine_root_t       *root;
    ehr_engine_tentative_t  *entry;

    root = engine->root;
    key = ehr_engine_key(act);

    ehr_engine_lock(engine);
    ehr_engine_tentative_change(engine);

    for (reference = *ehr_engine_act_head(root, &key); reference;
         reference = next)
    {
        entry = ehr_engine_tentative_at(root, reference);
        next = entry->next_act;

        if (!ehr_engine_key_equals(&entry->act, &key)
            || entry->pid != engine->pid
            || entry->state != EHR_ENGINE_TENTATIVE_HELD)
        {
            continue;
        }

        if (is_committed) {
            ehr_engine_store(entry->deadline, deadline);
            ehr_engine_store(entry->state, EHR_ENGINE_TENTATIVE_COMMITTED);

        } else {
            ehr_engine_tentative_remove(root, reference);
        }
    }

    ehr_engine_tentative_changed(engine);
    ehr_engine_unlock(engine);
}


void
ehr_engine_tentative_shown(ehr_engine_t *engine, int32_t number,
    uint32_t seat, uint32_t from, uint32_t to, const ehr_engine_uuid_t *act)
{
    ehr_engine_tentative_t  shown;

    shown.number = number;
    shown.seat = seat;
    shown.from = from;
    shown.to = to;
    shown.act = ehr_engine_key(act);
    ehr_engine_tentative_end(engine, ehr_engine_choose_seat, &shown);
}


void
ehr_engine_tentative_shown_bed(ehr_engine_t *engine, int32_t number,
    uint32_t from, const ehr_engine_uuid_t *act)
{
    ehr_engine_tentative_t  shown;

    shown.number = number;
    shown.from = from;
    shown.act = ehr_engine_key(act);
    ehr_engine_tentative_end(engine, ehr_engine_choose_bed, &shown);
}


/* Ends one only: what else the act claims is not shown yet. */
static void
ehr_engine_tentative_end(ehr_engine_t *engine,
    uint32_t (*choose)(ehr_engine_root_t *root,
                       const ehr_engine_tentative_t *shown),
    const ehr_engine_tentative_t *shown)
{
    uint32_t            reference;
    ehr_engine_root_t  *root;

    root = engine->root;

    /* it was claimed before it could be committed, and that before now */
    if (ehr_engine_load_first(root->tentative_pool.used) == 0
        && ehr_engine_load(root->changing) == 0)
    {
        return;
    }

    ehr_engine_lock(engine);
    reference = choose(root, shown);

    if (reference) {
        ehr_engine_tentative_change(engine);
        ehr_engine_tentative_remove(root, reference);
        ehr_engine_tentative_changed(engine);
    }

    ehr_engine_unlock(engine);
}


static uint32_t
ehr_engine_choose_seat(ehr_engine_root_t *root,
    const ehr_engine_tentative_t *shown)
{
    uint32_t                 reference, found, lowest;
    ehr_engine_tentative_t  *entry;

    found = 0;
    lowest = UINT32_MAX;

    for (reference = *ehr_engine_act_head(root, &shown->act); reference;
         reference = entry->next_act)
    {
        entry = ehr_engine_tentative_at(root, reference);

        if (!ehr_engine_key_equals(&entry->act, &shown->act)
            || entry->bed
            || entry->number != shown->number
            || entry->from != shown->from
            || entry->to != shown->to)
        {
            continue;
        }

        if (entry->seat == shown->seat) {
            return reference;
        }

        if (entry->seat < lowest) {
            found = reference;
            lowest = entry->seat;
        }
    }

    return found;
}


static uint32_t
ehr_engine_choose_bed(ehr_engine_root_t *root,
    const ehr_engine_tentative_t *shown)
{
    uint32_t                       reference, found;
    const ehr_engine_tentative_t  *entry;

    found = 0;

    for (reference = *ehr_engine_act_head(root, &shown->act); reference;
         reference = entry->next_act)
    {
        entry = ehr_engine_tentative_at(root, reference);

        /* a stay from before it was claimed is where the patient comes from */
        if (ehr_engine_key_equals(&entry->act, &shown->act) && entry->bed
            && (entry->number == shown->number || entry->from <= shown->from)
            && (found == 0
                || ehr_engine_is_nearer(entry,
                                        ehr_engine_tentative_at(root, found),
                                        shown->number)))
        {
            found = reference;
        }
    }

    return found;
}


/* Of two claims of beds: the one of that bed, else of the lowest, and then the
 * earliest. */
static int
ehr_engine_is_nearer(const ehr_engine_tentative_t *one,
    const ehr_engine_tentative_t *two, int32_t number)
{
    if (one->number == two->number) {
        return one->from < two->from;
    }

    return one->number == number
           || (two->number != number && one->number < two->number);
}


/* -- over ------------------------------------------------------------------ */

uint32_t
ehr_engine_tentative_sweep(ehr_engine_t *engine, int32_t number)
{
    uint32_t             n;
    ehr_engine_census_t  census;

    ehr_engine_census_begin(engine, &census);

    ehr_engine_tentative_change(engine);
    n = ehr_engine_bucket_sweep(engine, &census,
                                ehr_engine_bucket(engine->root, number));
    ehr_engine_tentative_changed(engine);
    ehr_engine_count(engine->root->reaped, n);

    return n;
}


uint32_t
ehr_engine_tentative_sweep_beds(ehr_engine_t *engine)
{
    uint32_t              i, n;
    ehr_engine_root_t    *root;
    ehr_engine_bucket_t  *buckets;
    ehr_engine_census_t   census;

    n = 0;
    root = engine->root;
    buckets = ehr_engine_table(root, bed_buckets, ehr_engine_bucket_t);
    ehr_engine_census_begin(engine, &census);

    ehr_engine_tentative_change(engine);

    for (i = 0; i <= root->bed_mask; i++) {
        n += ehr_engine_bucket_sweep(engine, &census, &buckets[i]);
    }

    ehr_engine_tentative_changed(engine);
    ehr_engine_count(root->reaped, n);

    return n;
}


static uint32_t
ehr_engine_bucket_sweep(ehr_engine_t *engine, ehr_engine_census_t *census,
    const ehr_engine_bucket_t *bucket)
{
    uint32_t                 reference, next, n;
    ehr_engine_tentative_t  *entry;

    n = 0;

    for (reference = bucket->head; reference; reference = next) {
        entry = ehr_engine_tentative_at(engine->root, reference);
        next = entry->next;

        if (ehr_engine_tentative_is_over(engine, census, entry)) {
            ehr_engine_tentative_remove(engine->root, reference);
            n++;
        }
    }

    return n;
}


void
ehr_engine_census_begin(ehr_engine_t *engine, ehr_engine_census_t *census)
{
    census->pid = 0;
    census->is_alive = 0;
    census->now = engine->host->now(engine->host->data);
}


int
ehr_engine_tentative_is_over(ehr_engine_t *engine,
    ehr_engine_census_t *census, const ehr_engine_tentative_t *entry)
{
    int32_t  pid;
    int64_t  deadline;

    deadline = ehr_engine_load(entry->deadline);

    if (deadline <= census->now
        || deadline > census->now + EHR_ENGINE_DEADLINE_MAX)
    {
        return 1;
    }

    pid = ehr_engine_load(entry->pid);

    if (ehr_engine_load(entry->state) == EHR_ENGINE_TENTATIVE_COMMITTED
        || pid == engine->pid)
    {
        return 0;
    }

    if (pid != census->pid) {
        census->pid = pid;
        census->is_alive = engine->host->is_alive(engine->host->data, pid);
    }

    return !census->is_alive;
}


/* The mutex is held for some entries at a time. */
#define EHR_ENGINE_REAP_SOME  1024

uint32_t
ehr_engine_reap(ehr_engine_t *engine)
{
    uint32_t            first, n;
    ehr_engine_root_t  *root;

    n = 0;
    root = engine->root;

    for (first = 0; first < ehr_engine_load(root->tentative_pool.top);
         first += EHR_ENGINE_REAP_SOME)
    {
        n += ehr_engine_reap_some(engine, first,
                                  first + EHR_ENGINE_REAP_SOME);
    }

    return n;
}


static uint32_t
ehr_engine_reap_some(ehr_engine_t *engine, uint32_t first, uint32_t end)
{
    uint32_t                 i, n;
    ehr_engine_root_t       *root;
    ehr_engine_census_t      census;
    ehr_engine_tentative_t  *entry;

    n = 0;
    root = engine->root;
    ehr_engine_census_begin(engine, &census);

    ehr_engine_lock(engine);
    ehr_engine_tentative_change(engine);

    for (i = first; i < end && i < root->tentative_pool.top; i++) {
        entry = ehr_engine_tentative_at(root, i + 1);

        if (entry->state != EHR_ENGINE_TENTATIVE_FREE
            && ehr_engine_tentative_is_over(engine, &census, entry))
        {
            ehr_engine_tentative_remove(root, i + 1);
            n++;
        }
    }

    ehr_engine_tentative_changed(engine);
    ehr_engine_unlock(engine);
    ehr_engine_count(root->reaped, n);

    return n;
}
