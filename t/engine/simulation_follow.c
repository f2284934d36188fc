/*
 * Claims under way, the engine's table against the model's: they are the same,
 * and after a death the model follows what the engine has forgotten.
 */

#include "simulation.h"


/* But for the deadline, which settling moves. */
static int
entry_is(const ehr_engine_tentative_t *entry, const model_tentative_t *ours)
{
    ehr_engine_key_t  key;

    key = ehr_engine_key(&ours->act);

    return ehr_engine_key_equals(&entry->act, &key)
           && entry->pid == ours->pid && entry->number == ours->number
           && entry->seat == ours->seat && entry->from == ours->from
           && entry->to == ours->to
           && entry->bed == (ours->is_bed ? EHR_ENGINE_IS_BED | ours->sex
                                          : 0);
}


const ehr_engine_tentative_t *
entry_at_any_deadline(const model_tentative_t *ours)
{
    uint32_t                       i;
    const ehr_engine_tentative_t  *entry;

    for (i = 1; i <= root()->tentative_pool.top; i++) {
        entry = ehr_engine_tentative_at(root(), i);

        if (entry->state != EHR_ENGINE_TENTATIVE_FREE
            && entry_is(entry, ours))
        {
            return entry;
        }
    }

    return NULL;
}


/* One that is over may have been swept and the same claimed again by the same
 * act: only the deadline tells them apart. */
const ehr_engine_tentative_t *
entry_of(const model_tentative_t *ours)
{
    const ehr_engine_tentative_t  *entry;

    entry = entry_at_any_deadline(ours);

    return entry && entry->deadline == ours->deadline ? entry : NULL;
}


void
check_tentative(void)
{
    uint32_t                       i, n, beds;
    const ehr_engine_tentative_t  *entry;

    for (i = 1, n = 0, beds = 0; i <= root()->tentative_pool.top; i++) {
        entry = ehr_engine_tentative_at(root(), i);

        if (entry->state != EHR_ENGINE_TENTATIVE_FREE) {
            n++;
            beds += entry->bed != 0;
        }
    }

    must(beds == root()->held, "%u claims of beds, %u counted", beds,
         root()->held);

    must(n == model.ntentative, "%u tentative claims instead of %u", n,
         model.ntentative);
    must(n == root()->tentative_pool.used, "%u tentative claims, %u counted",
         n, root()->tentative_pool.used);

    for (i = 0; i < model.ntentative; i++) {
        entry = entry_of(&model.tentative[i]);
        must(entry && model.tentative[i].is_committed
                      == (entry->state == EHR_ENGINE_TENTATIVE_COMMITTED),
             "tentative claim of resource %d is not as it was",
             model.tentative[i].number);
    }
}


void
repair(void)
{
    ehr_engine_uuid_t  nobody;

    nobody = model_uuid(99, 0);
    actor = 0;
    ehr_engine_settle(&engines[0], &nobody, 0, 0);
}


void
follow_losses(int (*may)(const model_tentative_t *entry))
{
    unsigned  i;

    repair();

    for (i = 0; i < model.ntentative; /* void */) {
        if (entry_of(&model.tentative[i])) {
            i++;
            continue;
        }

        must(may(&model.tentative[i]), "a tentative claim was lost");
        model_tentative_remove(&model, i);
    }
}


int
entry_is_dead(const model_tentative_t *entry)
{
    return !entry->is_committed && !pid_is_alive(entry->pid);
}


int
entry_may_be_swept(const model_tentative_t *entry)
{
    return model_is_over(&model, entry);
}


void
after_death(void)
{
    if (once_in(2)) {
        /* nobody has noticed yet */
        follow_losses(entry_is_dead);
        return;
    }

    follow_losses(entry_is_dead);
    ehr_engine_reap(&engines[0]);
    model_reap(&model);
}
