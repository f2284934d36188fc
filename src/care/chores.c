/*
 * The tasks that are a few statements, one batch a round: holds that are over
 * are forgotten, so that their time looks free at once; what is past is
 * purged; the audit log's index is tidied.
 */

#include "housekeeping.h"


#define EHR_CHORE_STATEMENTS  4

typedef struct {
    ehr_task_t      task;
    ehr_lane_t      lane;
    const char     *what;           /* for the log */
    ngx_uint_t      n;
    struct {
        ngx_uint_t  query;
        const char *age;            /* its parameter; NULL: it has none */
    } statements[EHR_CHORE_STATEMENTS];
} ehr_chore_t;


static void ehr_chore_begin(const ehr_chore_t *chore);
static ngx_int_t ehr_chore_add(const ehr_chore_t *chore, ehr_batch_t *batch);
static void ehr_chore_done(ehr_batch_t *batch, void *data);


/* Who waited for a slot in vain need not wait any longer, either. */

void
ehr_expire_holds(void)
{
    static const ehr_chore_t  chore = {
        EHR_TASK_HOLDS, EHR_LANE_MAIN, "forgetting holds", 2,
        { { EHR_QUERY_HOLDS_EXPIRE, NULL },
          { EHR_QUERY_WAITING_EXPIRE, NULL } }
    };

    ehr_chore_begin(&chore);
}


void
ehr_purge(void)
{
    static const ehr_chore_t  chore = {
        EHR_TASK_PURGE, EHR_LANE_MAIN, "purging", 4,
        { { EHR_QUERY_IDEMPOTENCY_PURGE, "24 hours" },
          { EHR_QUERY_REVOCATIONS_PURGE, NULL },
          { EHR_QUERY_SESSION_PURGE, "30 days" },
          { EHR_QUERY_NOTIFICATIONS_PURGE, NULL } }
    };

    ehr_chore_begin(&chore);
}


/* The index of whom reads concern has what is new in a list, which is merged
 * here so that nobody who reads has to. */

void
ehr_tidy_audit(void)
{
    static const ehr_chore_t  chore = {
        EHR_TASK_TIDY, EHR_LANE_AUDIT, "tidying the audit log's index", 1,
        { { EHR_QUERY_AUDIT_TIDY, NULL } }
    };

    ehr_chore_begin(&chore);
}


static void
ehr_chore_begin(const ehr_chore_t *chore)
{
    ehr_batch_t  *batch;

    batch = ehr_housekeeping_batch(chore->lane, 1);

    if (batch == NULL) {
        ehr_task_done(chore->task, 0);
        return;
    }

    if (ehr_chore_add(chore, batch) != NGX_OK) {
        ehr_batch_destroy(batch);
        ehr_task_done(chore->task, 0);
        return;
    }

    if (ehr_batch_submit(batch, ehr_chore_done, (void *) chore) != NGX_OK) {
        ehr_task_done(chore->task, 0);
    }
}


static ngx_int_t
ehr_chore_add(const ehr_chore_t *chore, ehr_batch_t *batch)
{
    ngx_uint_t   i;
    ehr_param_t  age;

    ngx_memzero(&age, sizeof(ehr_param_t));

    for (i = 0; i < chore->n; i++) {
        age.value = chore->statements[i].age;

        if (ehr_batch_add(batch, ehr_queries[chore->statements[i].query],
                          age.value ? 1 : 0, &age)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ehr_chore_done(ehr_batch_t *batch, void *data)
{
    const ehr_chore_t  *chore = data;

    (void) ehr_housekeeping_failed(batch, chore->what);
    ehr_task_done(chore->task, 0);
}
