/*
 * Idempotency-Key: the same key and body get the first answer again.
 * (draft-ietf-httpapi-idempotency-key-header)
 */

#include "database_error.h"


static const char  ehr_nobody[] = "00000000-0000-0000-0000-000000000000";


ngx_int_t
ehr_idempotency_params(ehr_request_t *req, ehr_param_t params[4])
{
    u_char  *hash, *key, *route, *p;
    size_t   i, len;

    static ngx_str_t  purpose = ngx_string("idempotency");

    hash = ngx_pnalloc(req->pool, EHR_BLIND_INDEX);
    key = ngx_pnalloc(req->pool, req->key.len + 1);

    len = ngx_strlen(req->route->path) + 1;
    len += req->nparams * (EHR_UUID_TEXT + 1);
    route = ngx_pnalloc(req->pool, len);

    if (hash == NULL || key == NULL || route == NULL) {
        return NGX_ERROR;
    }

    /* keyed, for a body may hold a password */

    if (ehr_blind_index(&req->conf->keys, &purpose, req->body.data,
                        req->body.len, hash)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    *ngx_cpymem(key, req->key.data, req->key.len) = '\0';

    p = ngx_sprintf(route, "%s", req->route->path);

    for (i = 0; i < req->nparams; i++) {
        p = ngx_sprintf(p, " %V", &req->params[i]);
    }

    *p = '\0';

    ngx_memzero(params, 4 * sizeof(ehr_param_t));

    params[0].value = req->signed_in ? (char *) req->who.user_text
                                     : ehr_nobody;
    params[1].value = (char *) key;
    params[2].value = (char *) route;
    params[3].value = (char *) hash;
    params[3].len = EHR_BLIND_INDEX;
    params[3].binary = 1;

    return NGX_OK;
}


int
ehr_is_replay(const ehr_batch_t *batch)
{
    return ngx_strcmp(batch->error.sqlstate, "EH200") == 0;
}
