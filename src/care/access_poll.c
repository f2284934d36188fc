/*
 * Roles and revocations from the database into the node's shared memory, so
 * that what another node revoked is refused here within a fraction of a
 * second.
 */

#include "../model/json_memory.h"
#include "housekeeping.h"


static void ehr_poll_done(ehr_batch_t *batch, void *data);
static ngx_int_t ehr_poll_roles(PGresult *result);
static ngx_int_t ehr_poll_permissions(ngx_str_t names, uint64_t *mask);
static ngx_int_t ehr_poll_revocations(PGresult *result);


void
ehr_poll_access(void)
{
    static const ehr_task_statement_t  statements[] = {
        { EHR_QUERY_ROLES_LOAD, 0, NULL },
        { EHR_QUERY_REVOCATIONS, 0, NULL }
    };

    if (ehr_housekeeping_ask(EHR_LANE_AUDIT, 0, statements, 2, ehr_poll_done,
                             NULL)
        != NGX_OK)
    {
        ehr_task_failed(EHR_TASK_POLL);
    }
}


static void
ehr_poll_done(ehr_batch_t *batch, void *data)
{
    ngx_int_t  rc;

    if (ehr_housekeeping_failed(batch, "polling roles and revocations")) {
        ehr_task_failed(EHR_TASK_POLL);
        return;
    }

    rc = ehr_poll_roles(batch->results[1]);

    if (rc == NGX_OK) {
        rc = ehr_poll_revocations(batch->results[2]);
    }

    if (rc == NGX_ABORT) {
        /* no memory: what was known stays in force until the next round */
        ehr_task_failed(EHR_TASK_POLL);
        return;
    }

    ehr_task_done(EHR_TASK_POLL, 0);

    if (rc != NGX_OK) {
        ehr_metrics_count(ehr_worker.shared, EHR_COUNT_ZONE_FULL, 1);
        return;
    }

    ehr_shared_set_loaded(ehr_worker.shared);
}


/* ["patients.read", …] → mask; names this version does not know are left
 * out. */

static ngx_int_t
ehr_poll_permissions(ngx_str_t names, uint64_t *mask)
{
    size_t       i;
    json_t      *list, *name;

    list = ehr_json_load((char *) names.data, names.len, 0, NULL);
    if (list == NULL) {
        return NGX_ABORT;
    }

    *mask = 0;

    json_array_foreach(list, i, name) {
        *mask |= ehr_permission_bit(
                    ehr_permission_find(json_string_value(name),
                                        json_string_length(name)));
    }

    json_decref(list);

    /* bit 0 belongs to no permission */
    *mask &= ~(uint64_t) 1;

    return NGX_OK;
}


static ngx_int_t
ehr_poll_roles(PGresult *result)
{
    int                row, n;
    ngx_str_t          name;
    static ehr_role_t  roles[EHR_ROLES];
    static unsigned    told;

    n = PQntuples(result);

    if (n > EHR_ROLES) {
        if (!told) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                          "ehr: there are %d roles, %d can be held; those "
                          "behind allow nothing", n, EHR_ROLES);
            told = 1;
        }

        n = EHR_ROLES;
    }

    ngx_memzero(roles, sizeof(roles));

    for (row = 0; row < n; row++) {
        name = ehr_result_value(result, row, 0);
        ngx_memcpy(roles[row].name, name.data,
                   ngx_min(name.len, EHR_ROLE_NAME - 1));

        if (ehr_poll_permissions(ehr_result_value(result, row, 1),
                                 &roles[row].permissions)
            != NGX_OK)
        {
            return NGX_ABORT;
        }
    }

    return ehr_shared_set_roles(ehr_worker.shared, roles, n);
}


/* kind, id, before, until */

static ngx_int_t
ehr_poll_revocations(PGresult *result)
{
    int         row;
    time_t      until;
    int64_t     before;
    ngx_int_t   rc;
    ngx_str_t   kind, id, text;
    ehr_uuid_t  uuid;

    for (row = 0; row < PQntuples(result); row++) {
        kind = ehr_result_value(result, row, 0);
        id = ehr_result_value(result, row, 1);

        text = ehr_result_value(result, row, 2);
        before = ngx_atoof(text.data, text.len);

        text = ehr_result_value(result, row, 3);
        until = ngx_atotm(text.data, text.len);
        until += ehr_worker.conf->tokens.leeway;

        if (ehr_uuid_parse(&uuid, id.data, id.len) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = (kind.len && kind.data[0] == 's')
             ? ehr_revoke_session(ehr_worker.shared, &uuid, until)
             : ehr_revoke_user(ehr_worker.shared, &uuid, before, until);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
