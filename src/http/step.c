/*
 * Batches on behalf of a request: on whose authority they run, what happens
 * when they are over, and what the client is told when they failed.
 */

#include "body.h"
#include "database_error.h"


/* The values of a request's context, in the order the mac covers them. */
enum { ID, ACTOR, AT, IP, AGENT, METHOD, ROUTE, EHR_CONTEXT_PARTS };

/* No context is longer. */
#define EHR_CONTEXT_TEXT  640


static ngx_int_t ehr_context_parts(ehr_request_t *req,
    ngx_str_t part[EHR_CONTEXT_PARTS], ngx_str_t *text);
static int ehr_step_is_forced(ehr_request_t *req);
static void ehr_step_done(ehr_batch_t *batch, void *data);
static void ehr_step_refused(ehr_request_t *req,
    const ehr_database_error_t *error, const ehr_refusal_t *refusal,
    const ehr_field_errors_t *errors);
static u_char *ehr_context_text(u_char *out, const u_char *text, size_t len,
    size_t most);


const char *
ehr_request_scope(ehr_request_t *req)
{
    if (!req->signed_in) {
        return "";
    }

    if (!ehr_may(req, EHR_MAY_SEE_ALL_PATIENTS)
        || req->who.audience == EHR_AUDIENCE_PORTAL)
    {
        return "own";
    }

    return ehr_may(req, EHR_MAY_WRITE_ALL_PATIENTS) ? "all" : "team";
}


/* Escapes for JSON; whatever is not printable ASCII becomes '?'. */

static u_char *
ehr_context_text(u_char *out, const u_char *text, size_t len, size_t most)
{
    size_t  i;

    for (i = 0; i < ngx_min(len, most); i++) {
        *out++ = (text[i] < 0x20 || text[i] >= 0x7f || text[i] == '"'
                  || text[i] == '\\')
                 ? '?' : text[i];
    }

    return out;
}


/*
 * What the audit log says about this request: the values, and the text of
 * them joined by newlines.
 */

static ngx_int_t
ehr_context_parts(ehr_request_t *req, ngx_str_t part[EHR_CONTEXT_PARTS],
    ngx_str_t *text)
{
    size_t            i;
    u_char           *p, *end;
    u_char            at[EHR_NOW_TEXT];
    ngx_table_elt_t  *agent;

    static const size_t  most[EHR_CONTEXT_PARTS] = {
        64, 36, 32, 64, 200, 16, 96
    };

    ngx_memzero(part, EHR_CONTEXT_PARTS * sizeof(ngx_str_t));

    part[ID] = req->id;
    part[IP] = req->http->connection->addr_text;
    part[METHOD] = req->http->method_name;
    part[ROUTE].data = (u_char *) (req->route ? req->route->path : "-");
    part[ROUTE].len = ngx_strlen(part[ROUTE].data);

    if (req->signed_in) {
        part[ACTOR].data = req->who.user_text;
        part[ACTOR].len = EHR_UUID_TEXT;
    }

    agent = req->http->headers_in.user_agent;
    if (agent) {
        part[AGENT] = agent->value;
    }

    part[AT].data = at;
    part[AT].len = ehr_now_print(at) - at;

    p = ngx_pnalloc(req->pool, EHR_CONTEXT_TEXT);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for (i = 0; i < EHR_CONTEXT_PARTS; i++) {
        if (i) {
            *p++ = '\n';
        }

        end = ehr_context_text(p, part[i].data, part[i].len, most[i]);
        part[i].data = p;
        part[i].len = end - p;
        p = end;
    }

    text->len = p - text->data;

    return NGX_OK;
}


ngx_int_t
ehr_request_line(ehr_request_t *req, ngx_str_t *line)
{
    ngx_str_t  part[EHR_CONTEXT_PARTS];

    return ehr_context_parts(req, part, line);
}


ngx_int_t
ehr_request_context(ehr_request_t *req, ngx_str_t *json)
{
    size_t       i;
    u_char      *p;
    u_char       mac[EHR_AUDIT_SIGNATURE], *end;
    ngx_str_t    part[EHR_CONTEXT_PARTS], text;
    ehr_bytes_t  signed_text;

    static const char  *names[EHR_CONTEXT_PARTS] = {
        "id", NULL, "at", "ip", "agent", "method", "route"
    };

    p = ngx_pnalloc(req->pool, EHR_CONTEXT_TEXT + 128);

    if (p == NULL || ehr_context_parts(req, part, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    signed_text = (ehr_bytes_t) { text.data, text.len };

    end = ehr_audit_signature(&req->conf->keys, &signed_text, 1, mac);
    if (end == NULL) {
        return NGX_ERROR;
    }

    json->data = p;

    for (i = 0; i < EHR_CONTEXT_PARTS; i++) {
        if (names[i]) {
            p = ngx_sprintf(p, "%c\"%s\":\"%V\"", i ? ',' : '{', names[i],
                            &part[i]);
        }
    }

    p = ngx_sprintf(p, ",\"mac\":\"%*s\"}%Z", (size_t) (end - mac), mac);

    json->len = p - 1 - json->data;

    return NGX_OK;
}


ehr_batch_t *
ehr_step_begin(ehr_request_t *req, ehr_lane_t lane, ehr_as_t as)
{
    ngx_str_t     context;
    ehr_batch_t  *batch;
    ehr_param_t   params[3];

    ngx_memzero(params, sizeof(params));

    params[0].value = req->signed_in ? (char *) req->who.user_text : "";
    params[1].value = (as == EHR_AS_SYSTEM) ? "system"
                                            : ehr_request_scope(req);
    params[2].value = "";

    batch = ehr_batch_create(ehr_worker.store, lane);
    if (batch == NULL) {
        return NULL;
    }

    req->batch = batch;

    batch->writes = (req->http->method
                     & (NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH
                        |NGX_HTTP_DELETE)) ? 1 : 0;

    if (batch->writes) {
        if (ehr_request_context(req, &context) != NGX_OK) {
            return NULL;
        }

        params[2].value = (char *) context.data;
    }

    if (ehr_batch_add(batch, ehr_queries[ehr_step_is_forced(req)
                                         ? EHR_QUERY_BEGIN_FORCED
                                         : EHR_QUERY_BEGIN], 3, params)
        != NGX_OK)
    {
        return NULL;
    }

    return batch;
}


/* Whether it goes on where appointments stand in the way. */

static int
ehr_step_is_forced(ehr_request_t *req)
{
    ngx_str_t  value;

    return req->route && (req->route->flags & EHR_ROUTE_FORCE)
           && ngx_http_arg(req->http, (u_char *) "force", 5, &value) == NGX_OK
           && value.len == 4 && ngx_strncmp(value.data, "true", 4) == 0;
}


void
ehr_step_share(ehr_request_t *req, ehr_batch_t *batch)
{
    batch->groupable = !ehr_step_is_forced(req);
}


ehr_batch_t *
ehr_step_system(ehr_lane_t lane, ngx_uint_t writes)
{
    ehr_batch_t  *batch;

    batch = ehr_batch_create(ehr_worker.store, lane);
    if (batch == NULL) {
        return NULL;
    }

    batch->writes = writes ? 1 : 0;

    if (ehr_step_add_system(batch) != NGX_OK) {
        ehr_batch_destroy(batch);
        return NULL;
    }

    return batch;
}


ngx_int_t
ehr_step_add_system(ehr_batch_t *batch)
{
    ehr_param_t  params[3];

    ngx_memzero(params, sizeof(params));
    params[0].value = "";
    params[1].value = "system";
    params[2].value = "";

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_BEGIN], 3, params);
}


ngx_int_t
ehr_step_idempotency(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_param_t  params[4];

    if (req->key.len == 0) {
        return NGX_OK;
    }

    if (ehr_idempotency_params(req, params) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_IDEMPOTENCY_BEGIN], 4,
                         params);
}


void
ehr_step_away(ehr_request_t *req, ngx_int_t rc)
{
    ehr_metrics_count(ehr_worker.shared,
                      rc == NGX_BUSY ? EHR_COUNT_QUEUE_REJECTED
                                     : EHR_COUNT_DATABASE_AWAY, 1);

    ehr_reply_later(req, NGX_HTTP_SERVICE_UNAVAILABLE,
                    EHR_MESSAGE_UNAVAILABLE, 1);
}


ngx_int_t
ehr_step_send(ehr_request_t *req, ehr_batch_t *batch, ehr_step_pt step)
{
    ngx_int_t  rc;

    req->step = step;

    rc = ehr_batch_submit(batch, ehr_step_done, req);

    if (rc != NGX_OK) {
        req->batch = NULL;
        ehr_step_away(req, rc);
    }

    return NGX_OK;
}


static void
ehr_step_done(ehr_batch_t *batch, void *data)
{
    ehr_request_t  *req = data;

    req->batch = NULL;
    ehr_step_over(req, batch);
}


void
ehr_step_over(ehr_request_t *req, ehr_batch_t *batch)
{
    ngx_connection_t  *c = req->http->connection;

    switch (batch->outcome) {

    case EHR_OUTCOME_DONE:
        req->committed |= batch->writes;
        req->step(req, batch);
        break;

    case EHR_OUTCOME_ERROR:
        if (req->failed) {
            req->failed(req, batch);
        } else {
            ehr_step_failed(req, batch);
        }
        break;

    case EHR_OUTCOME_UNKNOWN:
        ehr_metrics_count(ehr_worker.shared, EHR_COUNT_UNKNOWN_OUTCOME, 1);
        ehr_reply_later(req, NGX_HTTP_SERVICE_UNAVAILABLE,
                        batch->writes ? EHR_MESSAGE_OUTCOME_UNKNOWN
                                      : EHR_MESSAGE_UNAVAILABLE, 1);
        break;

    default: /* EHR_OUTCOME_NOT_SENT */
        ehr_step_away(req, NGX_DECLINED);
    }

    ngx_http_run_posted_requests(c);
}


/* A refusal that says more than a sentence: what stands in the way. */

static void
ehr_step_refused(ehr_request_t *req, const ehr_database_error_t *error,
    const ehr_refusal_t *refusal, const ehr_field_errors_t *errors)
{
    ehr_out_t    data;
    ehr_reply_t  reply;

    ngx_memzero(&reply, sizeof(ehr_reply_t));

    reply.status = refusal->status;
    reply.message = refusal->message;
    reply.errors = errors->items;
    reply.nerrors = errors->n;

    if (error->detail.len) {
        ehr_out_init(&data, req->pool);
        ehr_out_raw(&data, error->detail.data, error->detail.len);
        reply.data = &data;
    }

    ehr_reply(req, &reply);
}


void
ehr_step_failed(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_field_errors_t   errors;
    ehr_refusal_t        refusal;

    ehr_database_refusal(&batch->error,
                         req->route ? req->route->resource : NULL, req->pool,
                         &refusal, &errors);

    if (refusal.status >= NGX_HTTP_INTERNAL_SERVER_ERROR) {
        ngx_log_error((refusal.status == NGX_HTTP_INTERNAL_SERVER_ERROR
                       ? NGX_LOG_ERR : NGX_LOG_WARN),
                      req->http->connection->log, 0,
                      "ehr: request %V: database error %s in statement %ui",
                      &req->id, batch->error.sqlstate,
                      batch->error.statement);
    }

    if (refusal.retry_after) {
        ehr_reply_later(req, refusal.status, refusal.message,
                        refusal.retry_after);
        return;
    }

    ehr_step_refused(req, &batch->error, &refusal, &errors);
}
