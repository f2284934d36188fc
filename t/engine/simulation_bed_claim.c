/*
 * The simulation's admissions: who claims a bed, by its number or by what is
 * wanted, and what ought to come of it.
 */

#include "simulation_beds.h"


static struct {
    act_t                    act;
    int64_t                  deadline;
    ehr_engine_result_t      result;
} work;


static void
work_claim(ehr_engine_t *engine)
{
    work.result = ehr_engine_bed_claim(engine, &work.act.act, &work.act.wish,
                                       work.deadline, &work.act.found);
}


static void
model_bed_hold(int32_t number)
{
    model_tentative_t  *entry;

    must(model.ntentative < MODEL_TENTATIVE, "model is full");
    entry = &model.tentative[model.ntentative++];
    memset(entry, 0, sizeof(*entry));
    entry->act = work.act.act;
    entry->pid = work.act.pid;
    entry->number = number;
    entry->from = work.act.wish.from;
    entry->to = work.act.wish.to;
    entry->deadline = work.deadline;
    entry->is_bed = 1;
    entry->sex = work.act.wish.is_planned ? 0 : work.act.wish.sex;
}


/* Who died in a claim holds a bed, or none. */
static void
follow_dead_claim(void)
{
    uint32_t                 i;
    unsigned                 t;
    ehr_engine_key_t         key;
    model_tentative_t        ours;
    ehr_engine_tentative_t  *entry;

    repair();
    key = ehr_engine_key(&work.act.act);

    for (i = 1; i <= root()->tentative_pool.top; i++) {
        entry = ehr_engine_tentative_at(root(), i);

        if (entry->state != EHR_ENGINE_TENTATIVE_HELD || !entry->bed
            || entry->deadline != work.deadline
            || !ehr_engine_key_equals(&entry->act, &key)
            || entry->from != work.act.wish.from
            || entry->pid != work.act.pid)
        {
            continue;
        }

        ours.number = entry->number;

        for (t = 0; t < model.ntentative; t++) {
            if (entry_of(&model.tentative[t]) == entry) {
                break;
            }
        }

        if (t == model.ntentative) {
            model_bed_hold(ours.number);
        }
    }
}


/* Whatever else is known: nobody else holds it. */
static void
must_be_alone(void)
{
    unsigned                  t;
    const model_tentative_t  *entry;

    for (t = 0; t < model.ntentative; t++) {
        entry = &model.tentative[t];
        must(!entry->is_bed || model_is_over(&model, entry)
             || entry->number != work.act.found.resource
             || entry->from >= work.act.wish.to
             || entry->to <= work.act.wish.from,
             "bed %d is held twice", entry->number);
    }
}


/* What the claim should have come to, as far as that can be told. */
static ehr_engine_result_t
expected_claim(void)
{
    int                     skips_over;
    size_t                  count;
    ehr_engine_result_t     result;
    ehr_engine_bed_found_t  found;

    skips_over = 0;
    result = model_bed_find(&model, &work.act.wish, &work.act.act, 0, &found,
                            1, &count);

    if (result == EHR_ENGINE_TAKEN) {
        /* the dead and the late are in nobody's way */
        skips_over = 1;
        result = model_bed_find(&model, &work.act.wish, &work.act.act, 1,
                                &found, 1, &count);
    }

    follow_losses(entry_may_be_swept);

    if (is_bed_torn) {
        return work.result;
    }

    if (result == EHR_ENGINE_OK
        && model.ntentative + 1 > root()->tentative_pool.most)
    {
        result = EHR_ENGINE_ASK;

    } else if (is_lenient()) {
        if (work.result == EHR_ENGINE_OK) {
            beds_must_be_free(&work.act.wish, &work.act.act,
                              &work.act.found, 1, 1);
        }

        return work.result == EHR_ENGINE_ASK || work.result == EHR_ENGINE_OK
               ? work.result : result;

    } else if (model_answers(&model)
               && (result == EHR_ENGINE_OK || work.act.wish.resource))
    {
        must(bed_found_is(&found, &work.act.found),
             "bed %d (why %d) instead of %d (why %d)%s",
             work.act.found.resource, work.act.found.why, found.resource,
             found.why, skips_over ? ", swept" : "");
    }

    return result;
}


static void
draw_act(int process)
{
    unsigned                  i;
    static ehr_engine_uuid_t  places[3];

    memset(&work.act, 0, sizeof(work.act));
    work.act.is_used = 1;
    work.act.is_bed = 1;
    work.act.process = process;
    work.act.pid = pids[process];
    work.act.act = model_uuid(70, next_act++);
    bed_draw_wish(&work.act.wish, places);

    i = database.nstays ? below(database.nstays) : 0;

    if (once_in(3) && database.nstays && database.stays[i].has_act) {
        /* whoever it is reserved for comes */
        work.act.act = database.stays[i].act;
    }

    work.deadline = model.now + 1 + below(5000);
}


void
step_bed_claim(int process)
{
    act_t                *slot;
    ehr_engine_result_t   result;

    slot = act_slot();

    if (slot == NULL) {
        return;
    }

    draw_act(process);

    if (!run(process, work_claim, nobody_is_over())) {
        follow_losses(entry_may_be_swept);
        follow_dead_claim();
        after_death();
        return;
    }

    trace("process %d claims bed %d [%u, %u): %d, bed %d, %d", process,
          work.act.wish.resource, work.act.wish.from, work.act.wish.to,
          work.result, work.act.found.resource, work.act.found.why);

    result = expected_claim();
    must(result == work.result, "claim of a bed: %d instead of %d",
         work.result, result);
    tallies[result == EHR_ENGINE_OK ? TALLY_BEDS_HELD
            : result == EHR_ENGINE_TAKEN ? TALLY_BEDS_TAKEN
                                         : TALLY_BEDS_ASKED]++;

    if (work.result == EHR_ENGINE_OK) {
        must_be_alone();
        model_bed_hold(work.act.found.resource);
        *slot = work.act;
    }

    explain_glance();
}
