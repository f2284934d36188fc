/*
 * The tasks that are a few statements, one batch a round: holds that are over
 * are forgotten, so that their time looks free at once; what is past is
 * purged; the audit log's index is tidied.
 */

#include "housekeeping.h"


#define EHR_CHORE_STATEMENTS  4

typedef struct {
    ehr_task_t              task;
    ehr_lane_t              lane;
    const char             *what;           /* for the log */
    ngx_uint_t              n;
    ehr_task_statement_t    statements[EHR_CHORE_STATEMENTS];
} ehr_chore_t;


/* How old what is purged has to be. */
static const ehr_param_t  ehr_chore_day = { "24 hours", 0, 0 };
static const ehr_param_t  ehr_chore_month = { "30 days", 0, 0 };


static void ehr_chore_begin(const ehr_chore_t *chore);
static void ehr_chore_done(ehr_batch_t *batch, void *data);


/* Who waited for a slot in vain need not wait any longer, either. */

void
ehr_expire_holds(void)
{
    static const ehr_chore_t  chore = {
        EHR_TASK_HOLDS, EHR_LANE_MAIN, "forgetting holds", 2,
        { { EHR_QUERY_HOLDS_EXPIRE, 0, NULL },
          { EHR_QUERY_WAITING_EXPIRE, 0, NULL } }
    };

    ehr_chore_begin(&chore);
}


void
ehr_purge(void)
{
    static const ehr_chore_t  chore = {
        EHR_TASK_PURGE, EHR_LANE_MAIN, "purging", 4,
        { { EHR_QUERY_IDEMPOTENCY_PURGE, 1, &ehr_chore_day },
          { EHR_QUERY_REVOCATIONS_PURGE, 0, NULL },
          { EHR_QUERY_SESSION_PURGE, 1, &ehr_chore_month },
          { EHR_QUERY_NOTIFICATIONS_PURGE, 0, NULL } }
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
        { { EHR_QUERY_AUDIT_TIDY, 0, NULL } }
    };

    ehr_chore_begin(&chore);
}


static void
ehr_chore_begin(const ehr_chore_t *chore)
{
    if (ehr_housekeeping_ask(chore->lane, 1, chore->statements, chore->n,
                             ehr_chore_done, (void *) chore)
        != NGX_OK)
    {
        ehr_task_done(chore->task, 0);
    }
}


static void
ehr_chore_done(ehr_batch_t *batch, void *data)
{
    const ehr_chore_t  *chore = data;

    (void) ehr_housekeeping_failed(batch, chore->what);
    ehr_task_done(chore->task, 0);
}
