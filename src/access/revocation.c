#include "shared.h"


/* Clocks that workers cached differ by a little. */
#define EHR_REVOCATION_SLACK  2


static ngx_int_t ehr_revoke(ehr_shared_t *shared, ehr_revoked_t kind,
    const ehr_uuid_t *id, int64_t before, time_t until);
static ehr_revocation_t *ehr_revocation_find(ehr_shared_t *shared,
    ehr_revoked_t kind, const ehr_uuid_t *id, time_t now,
    ehr_revocation_t **free);


ngx_int_t
ehr_revoke_session(ehr_shared_t *shared, const ehr_uuid_t *session,
    time_t until)
{
    return ehr_revoke(shared, EHR_REVOKED_SESSION, session,
                      INT64_MAX, until);
}


ngx_int_t
ehr_revoke_user(ehr_shared_t *shared, const ehr_uuid_t *user, int64_t before,
    time_t until)
{
    return ehr_revoke(shared, EHR_REVOKED_USER, user, before, until);
}


static ngx_int_t
ehr_revoke(ehr_shared_t *shared, ehr_revoked_t kind, const ehr_uuid_t *id,
    int64_t before, time_t until)
{
    time_t             now;
    ehr_revocation_t  *entry, *free;

    now = ngx_time();

    if (until + EHR_REVOCATION_SLACK < now) {
        return NGX_OK;
    }

    ehr_shared_lock(shared);

    entry = ehr_revocation_find(shared, kind, id, now, &free);

    if (entry) {
        if (before > entry->before || until > entry->until) {
            ehr_shared_change(shared);
            ehr_store(entry->until, ngx_max(until, entry->until));
            ehr_store(entry->before, ngx_max(before, entry->before));
            ehr_shared_changed(shared);
        }

        ehr_shared_unlock(shared);
        return NGX_OK;
    }

    if (free == NULL) {
        ehr_shared_unlock(shared);
        ehr_metrics_count(shared, EHR_COUNT_ZONE_FULL, 1);
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "ehr zone has no room for a revocation; "
                      "make it larger with ehr_zone");
        return NGX_ERROR;
    }

    /* `until` makes the entry count: first and last to be written, so that
     * a worker that dies in here leaves a free slot or a whole entry */
    ehr_shared_change(shared);
    ehr_store(free->until, 0);
    free->id = *id;
    free->kind = kind;
    free->before = before;
    ehr_store(free->until, until);
    ehr_shared_changed(shared);

    ehr_shared_unlock(shared);

    return NGX_OK;
}


/* The entry, or NULL and the first free slot of its window (NULL: none). */
static ehr_revocation_t *
ehr_revocation_find(ehr_shared_t *shared, ehr_revoked_t kind,
    const ehr_uuid_t *id, time_t now, ehr_revocation_t **free)
{
    uint64_t           hash[2];
    ngx_uint_t         i, slot;
    ehr_revocation_t  *entry;

    *free = NULL;

    ehr_siphash(shared->seed, id->bytes, sizeof(id->bytes), hash);
    slot = hash[0] % shared->nrevocations;

    for (i = 0; i < EHR_REVOCATION_WINDOW; i++) {

        entry = &shared->revocations[slot];

        if (++slot == shared->nrevocations) {
            slot = 0;
        }

        if (entry->until == 0 || entry->until + EHR_REVOCATION_SLACK < now) {
            if (*free == NULL) {
                *free = entry;
            }

            continue;
        }

        if (entry->kind == kind
            && ngx_memcmp(&entry->id, id, sizeof(ehr_uuid_t)) == 0)
        {
            return entry;
        }
    }

    return NULL;
}


ngx_int_t
ehr_is_revoked(ehr_shared_t *shared, const ehr_principal_t *who, time_t now)
{
    ehr_revocation_t  *entry, *free;

    entry = ehr_revocation_find(shared, EHR_REVOKED_SESSION, &who->session,
                                now, &free);

    if (entry && who->issued_at <= entry->before) {
        return 1;
    }

    entry = ehr_revocation_find(shared, EHR_REVOKED_USER, &who->user, now,
                                &free);

    return entry && who->issued_at <= entry->before;
}
