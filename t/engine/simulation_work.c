/*
 * The simulation's workers, who claim, settle and cancel; clocks and deaths.
 */

#include "simulation.h"


/* -- workers --------------------------------------------------------------- */

static struct {
    act_t                act;
    int64_t              deadline;
    int                  is_committed;
    ehr_engine_result_t  result;
    int32_t              number;
} work;


static void
work_claim(ehr_engine_t *engine)
{
    work.result = ehr_engine_claim(engine, &work.act.act, work.act.items,
                                   work.act.n, work.deadline);
}


static void
work_settle(ehr_engine_t *engine)
{
    ehr_engine_settle(engine, &work.act.act, work.is_committed,
                      work.deadline);
}


static void
model_hold(const act_t *act)
{
    size_t              i;
    model_tentative_t  *entry;

    for (i = 0; i < act->n; i++) {
        must(model.ntentative < MODEL_TENTATIVE, "model is full");
        entry = &model.tentative[model.ntentative++];
        entry->act = act->act;
        entry->pid = act->pid;
        entry->number = act->items[i].resource;
        entry->seat = act->items[i].seat;
        entry->from = act->items[i].from;
        entry->to = act->items[i].to;
        entry->deadline = work.deadline;
        entry->is_committed = 0;
        entry->is_bed = 0;
        entry->sex = 0;
    }
}


/* Who died in a claim holds all of it or nothing. */
static void
follow_dead_claim(void)
{
    size_t             i, n;
    uint32_t           k;
    act_t              held;
    ehr_engine_key_t   key;

    repair();
    held = work.act;
    key = ehr_engine_key(&held.act);

    for (i = 0, n = 0; i < held.n; i++) {
        for (k = 1; k <= root()->tentative_pool.top; k++) {
            ehr_engine_tentative_t  *entry = ehr_engine_tentative_at(root(),
                                                                     k);

            if (entry->state == EHR_ENGINE_TENTATIVE_HELD
                && ehr_engine_key_equals(&entry->act, &key)
                && entry->number == held.items[i].resource
                && entry->from == held.items[i].from
                && entry->to == held.items[i].to
                && (n == i || i == 0))
            {
                held.items[i].seat = (uint16_t) entry->seat;
                n++;
                break;
            }
        }
    }

    must(n == 0 || n == held.n, "half a claim is held");

    if (n) {
        model_hold(&held);
    }
}


act_t *
act_slot(void)
{
    unsigned  i;

    for (i = 0; i < ACTS; i++) {
        if (!acts[i].is_used) {
            return &acts[i];
        }
    }

    return NULL;
}


/* Resources all different, so that one may be watched on its own. */
static int
act_may_be_watched(const act_t *act)
{
    size_t  i, k;

    for (i = 0; i < act->n; i++) {
        for (k = 0; k < i; k++) {
            if (act->items[i].resource == act->items[k].resource) {
                return 0;
            }
        }
    }

    return nobody_is_over();
}


int
nobody_is_over(void)
{
    unsigned  t;

    for (t = 0; t < model.ntentative; t++) {
        if (model_is_over(&model, &model.tentative[t])) {
            return 0;
        }
    }

    return 1;
}


static void
draw_act(int process)
{
    size_t              i;
    ehr_engine_item_t  *item;
    model_resource_t   *resource;

    memset(&work.act, 0, sizeof(work.act));
    work.act.is_used = 1;
    work.act.process = process;
    work.act.pid = pids[process];
    work.act.act = model_uuid(50, next_act++);
    work.act.n = once_in(2) ? 1 : 1 + below(3);

    for (i = 0; i < work.act.n; i++) {
        item = &work.act.items[i];
        item->resource = 1 + (int32_t) below(MODEL_RESOURCES);
        item->from = some_time();
        item->capacity = once_in(16) ? (uint16_t) (1 + below(3)) : 0;
        resource = &model.resources[item->resource];

        if (resource->nperiods && !once_in(4)) {
            /* a slot, most likely */
            item->from = resource->periods[below(resource->nperiods)].from;
            item->from += resource->periods[0].slot * below(4);
        }

        item->to = item->from + 1 + below(once_in(16) ? 300 : 9);

        if (i && once_in(4)) {
            /* another seat for the same time */
            *item = work.act.items[i - 1];
        }
    }

    work.deadline = model.now + 1 + below(5000);
}


static int
items_are(const ehr_engine_item_t *one, const ehr_engine_item_t *two,
    size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (one[i].why != two[i].why || one[i].seat != two[i].seat) {
            return 0;
        }
    }

    return 1;
}


static int
act_is_torn(const act_t *act)
{
    size_t  i;

    for (i = 0; i < act->n; i++) {
        if (model.resources[act->items[i].resource].is_torn) {
            return 1;
        }
    }

    return 0;
}


/* Whatever else is known: nobody else holds it. */
static void
must_be_alone(const act_t *act)
{
    size_t                    i, k;
    unsigned                  t;
    const model_tentative_t  *entry;

    for (i = 0; i < act->n; i++) {
        for (t = 0; t < model.ntentative; t++) {
            entry = &model.tentative[t];
            must(model_is_over(&model, entry)
                 || entry->number != act->items[i].resource
                 || entry->seat != act->items[i].seat
                 || entry->from >= act->items[i].to
                 || entry->to <= act->items[i].from,
                 "resource %d is held twice", entry->number);
        }

        for (k = 0; k < i; k++) {
            must(act->items[k].resource != act->items[i].resource
                 || act->items[k].seat != act->items[i].seat
                 || act->items[k].from >= act->items[i].to
                 || act->items[k].to <= act->items[i].from,
                 "resource %d is held twice by one act",
                 act->items[i].resource);
        }
    }
}


/* What the claim should have come to, as far as that can be told. */
static ehr_engine_result_t
expected_claim(void)
{
    unsigned              most, before;
    model_tentative_t     tentative[MODEL_TENTATIVE];
    ehr_engine_item_t     items[4];
    ehr_engine_result_t   result;

    if (act_is_torn(&work.act)) {
        /* what the feed left is not known, but claims are */
        follow_losses(entry_may_be_swept);
        return work.result;
    }

    most = root()->tentative_pool.most;
    before = model.ntentative;
    memcpy(tentative, model.tentative, sizeof(tentative));
    memcpy(items, work.act.items, sizeof(items));
    result = model_weigh(&model, items, work.act.n, 1);

    if (is_lenient()) {
        /* an item that is uncertain sweeps nothing */
        model.ntentative = before;
        memcpy(model.tentative, tentative, sizeof(tentative));
        follow_losses(entry_may_be_swept);

    } else {
        must(!model_answers(&model)
             || items_are(items, work.act.items, work.act.n),
             "claim: why %d seat %u instead of %d seat %u",
             work.act.items[0].why, work.act.items[0].seat, items[0].why,
             items[0].seat);
    }

    return (result == EHR_ENGINE_OK
            && model.ntentative + work.act.n > most)
           || (work.result == EHR_ENGINE_ASK && is_lenient())
           ? EHR_ENGINE_ASK : result;
}


void
step_claim(int process)
{
    act_t                *slot;
    ehr_engine_result_t   result;

    slot = act_slot();

    if (slot == NULL) {
        return;
    }

    draw_act(process);

    if (!run(process, work_claim, act_may_be_watched(&work.act))) {
        follow_losses(entry_may_be_swept);
        follow_dead_claim();
        after_death();
        return;
    }

    trace("process %d claims resource %d [%u, %u) and %zu more: %d, %d",
          process, work.act.items[0].resource, work.act.items[0].from,
          work.act.items[0].to, work.act.n - 1, work.result,
          work.act.items[0].why);

    result = expected_claim();
    must(result == work.result, "claim: %d instead of %d", work.result,
         result);
    tallies[result == EHR_ENGINE_OK ? TALLY_HELD
            : result == EHR_ENGINE_TAKEN ? TALLY_TAKEN : TALLY_ASKED]++;

    if (work.result == EHR_ENGINE_OK) {
        must_be_alone(&work.act);
        model_hold(&work.act);
        *slot = work.act;
    }

    explain_glance();
}


static int
entry_is_of_act(const model_tentative_t *entry)
{
    return model_uuid_is(&entry->act, &work.act.act) || entry_is_dead(entry);
}


static void
model_settle(void)
{
    unsigned            i;
    model_tentative_t  *entry;

    for (i = 0; i < model.ntentative; /* void */) {
        entry = &model.tentative[i];

        if (!model_uuid_is(&entry->act, &work.act.act)
            || entry->pid != work.act.pid || entry->is_committed)
        {
            i++;

        } else if (work.is_committed) {
            entry->is_committed = 1;
            entry->deadline = work.deadline;
            i++;

        } else {
            model_tentative_remove(&model, i);
        }
    }
}


/* Claims end one after the other, and who looks at beds looks at all of them.
 * A bed's act may have come back for a second one. */
static int
settling_may_be_watched(const act_t *act)
{
    unsigned  t, n;

    if (!act->is_bed) {
        return act->n == 1 || act_may_be_watched(act);
    }

    for (t = 0, n = 0; t < model.ntentative; t++) {
        n += model_uuid_is(&model.tentative[t].act, &act->act);
    }

    return n <= 1 && nobody_is_over();
}


/* Some of its claims may be settled, some not. */
static void
follow_dead_settle(void)
{
    unsigned                       i;
    model_tentative_t             *entry;
    const ehr_engine_tentative_t  *theirs;

    for (i = 0; i < model.ntentative; i++) {
        entry = &model.tentative[i];
        theirs = entry_at_any_deadline(entry);

        if (theirs && model_uuid_is(&entry->act, &work.act.act)) {
            entry->is_committed = theirs->state
                                  == EHR_ENGINE_TENTATIVE_COMMITTED;
            entry->deadline = theirs->deadline;
        }
    }

    follow_losses(entry_is_of_act);
}


/* The transaction of an act under way comes to its end. */
void
step_settle(void)
{
    act_t  *act;

    act = &acts[below(ACTS)];

    if (!act->is_used) {
        return;
    }

    work.act = *act;
    work.is_committed = once_in(4) ? 0
                        : act->is_bed ? database_bed_commit(act)
                                      : database_commit(act);
    work.deadline = model.now + 1 + below(once_in(2) ? 100000 : 3000);
    act->is_used = 0;

    if (pids[act->process] != act->pid || once_in(10)) {
        return;         /* nobody is there to hear, or it was not heard */
    }

    trace("act of process %d is %s", act->process,
          work.is_committed ? "committed" : "refused");

    if (!run(act->process, work_settle, settling_may_be_watched(&work.act))) {
        follow_dead_settle();
        after_death();
        return;
    }

    model_settle();
    explain_glance();
}


static void
work_releasing(ehr_engine_t *engine)
{
    ehr_engine_releasing(engine, work.number, work.deadline);
}


void
be_releasing(int process, int32_t number, int64_t *releasing)
{
    work.number = number;
    work.deadline = model.now + 1000;

    if (!run(process, work_releasing, 0)) {
        after_death();

    } else if (releasing && *releasing < work.deadline) {
        *releasing = work.deadline;
    }
}


/* A claim is cancelled, by one of our workers or elsewhere. */
void
step_cancel(int process)
{
    int32_t            number;
    unsigned           i;
    model_resource_t  *resource;

    if (database.nclaims == 0) {
        return;
    }

    i = below(database.nclaims);
    number = database.claims[i].number;
    database_free(i);

    if (once_in(2)) {
        return;
    }

    resource = &model.resources[number];
    be_releasing(process, number,
                 resource->is_known ? &resource->releasing : NULL);
}


/* -- clocks and deaths ----------------------------------------------------- */

void
step_time(void)
{
    switch (below(40)) {
    case 0:
        model.now += 86400000;
        break;
    case 1:
        model.now -= 86400000;
        break;
    default:
        model.now += below(400);
    }

    if (!once_in(8)) {
        step_heartbeat();
    }

    if (!once_in(4)) {
        ehr_engine_reap(&engines[below(PROCESSES)]);
        model_reap(&model);
    }
}


void
step_kill(void)
{
    die((int) below(PROCESSES));
    after_death();
}
