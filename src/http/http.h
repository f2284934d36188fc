/*
 * request → route → access → parameters and body → step(s) → reply.
 *
 * This is what a capability (src/care) sees of HTTP.  A handler is called
 * with everything checked that can be checked without the database; it
 * prepares a batch and names the step that gets the results; the step writes
 * the reply.  Neither ever waits.
 */

#ifndef EHR_HTTP_H
#define EHR_HTTP_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <jansson.h>

#include "../access/access.h"
#include "../engine/engine.h"
#include "../model/message.h"
#include "../model/model.h"
#include "../store/store.h"


typedef struct ehr_request_s    ehr_request_t;
typedef struct ehr_route_s      ehr_route_t;


/* -- configuration --------------------------------------------------------- */

/* http level: one per nginx instance. */
typedef struct {
    ngx_flag_t              used;           /* some location says `ehr …` */
    ngx_shm_zone_t         *zone;
    ngx_shm_zone_t         *availability;   /* NULL: PostgreSQL is asked about
                                               everything */
    ngx_uint_t              horizon;        /* days of it, from today */
    ngx_msec_t              feed_stale;     /* what it may not know yet */
    ehr_store_conf_t        store;
    ehr_token_conf_t        tokens;
    time_t                  refresh_lifetime;
    ehr_field_keys_t        keys;
    ngx_str_t               audit_head;     /* file; empty: none kept */
    ehr_password_conf_t     passwords;
    ngx_str_t               password_pool;
    ehr_rate_t              rates[EHR_LIMITS];
    ngx_str_t               setup_token;    /* empty: /setup does not exist */
    ngx_str_t               drain_file;     /* /ready fails while it exists */
    ngx_uint_t              max_depth;      /* of JSON bodies */
} ehr_main_conf_t;

typedef enum {
    EHR_SERVES_NOTHING,
    EHR_SERVES_API,
    EHR_SERVES_HEALTH,
    EHR_SERVES_READY,
    EHR_SERVES_METRICS,
    EHR_SERVES_JWKS,
    EHR_SERVES_ERROR        /* error_page target: the envelope for errors
                               that nginx itself answers */
} ehr_serves_t;

typedef struct {
    ngx_uint_t              serves;         /* ehr_serves_t */
    ngx_str_t               mount;          /* location's prefix, no slash at
                                               the end */
} ehr_loc_conf_t;

/* What a worker works with; filled in init_process. */
typedef struct {
    ehr_main_conf_t        *conf;
    ehr_store_t            *store;
    ehr_token_cache_t      *tokens;
    ehr_shared_t           *shared;
    ehr_engine_t           *engine;         /* NULL: no zone for it */
} ehr_worker_t;

extern ehr_worker_t  ehr_worker;
extern ngx_module_t  ngx_http_ehr_module;


/* -- routes (route.c; the table is src/care/routes.c) ---------------------- */

/* Does what the route is for.  NGX_OK: a reply was or will be given;
 * NGX_ERROR: no memory, answered 500 by the caller. */
typedef ngx_int_t (*ehr_handler_pt)(ehr_request_t *req);

/* ehr_route_t.flags */
#define EHR_ROUTE_PUBLIC      0x01  /* no token needed, permission is 0 */
#define EHR_ROUTE_STAFF       0x02  /* a staff token is accepted */
#define EHR_ROUTE_PORTAL      0x04  /* a portal token is accepted */
#define EHR_ROUTE_ANYONE      (EHR_ROUTE_STAFF | EHR_ROUTE_PORTAL)
#define EHR_ROUTE_SELF        0x10  /* the item's id is the actor's */
#define EHR_ROUTE_CREATES     0x20  /* takes an Idempotency-Key */
#define EHR_ROUTE_NO_BODY     0x40  /* POST without a body */
#define EHR_ROUTE_ROOT        0x80  /* mounted by its own location */
#define EHR_ROUTE_LIST       0x100  /* answers a list of the resource */
#define EHR_ROUTE_PLAIN      0x200  /* answers without the envelope, or with
                                       output in it */
#define EHR_ROUTE_ACTION    0x1000  /* the body is the input alone, though it
                                       makes or changes a row */
#define EHR_ROUTE_SECRET     0x400  /* the path's last parameter is a secret
                                       instead of a UUID: see EHR_SECRET_TEXT */
#define EHR_ROUTE_FORCE      0x800  /* takes ?force=true: goes on where
                                       appointments stand in the way */

struct ehr_route_s {
    ngx_uint_t              method;         /* NGX_HTTP_GET … */
    const char             *path;           /* "/patients/{patientId}"; text may
                                               follow a parameter */
    ehr_handler_pt          handler;
    const ehr_resource_t   *resource;       /* NULL: not about a resource */
    ehr_permission_t        permission;     /* 0 only with ROUTE_PUBLIC */
    unsigned                flags;
    const ehr_resource_t   *input;          /* body of an action, query of a
                                               GET, either of a DELETE (a field
                                               list without a table), or NULL */
    const ehr_resource_t   *output;         /* the same for its answer */
    const char             *about;
};

/* All routes; ends with path == NULL. */
extern const ehr_route_t  ehr_routes[];

#define EHR_PATH_PARAMETERS  3

/* A secret in a path: 256 random bits in base64url.  Neither a log nor the
 * audit log shows it: both know the template only. */
#define EHR_SECRET_BYTES     32
#define EHR_SECRET_TEXT      43

typedef struct {
    const ehr_route_t      *route;          /* NULL: no such path or method */
    ngx_uint_t              index;
    ngx_uint_t              methods;        /* all methods of this path */
    unsigned                flags;          /* of any route of this path */
    ngx_str_t               values[EHR_PATH_PARAMETERS];
    ngx_uint_t              n;
} ehr_match_t;

/*
 * Builds the router before fork and refuses a table that is not sound: a
 * route without permission or audience (unless it is public), without handler
 * or description, one that is there twice.  NULL, or what is wrong.
 */
const char *ehr_router_init(ngx_pool_t *pool);

/* Finds the route of a path below the mount ("/patients/…", unescaped).
 * match->route is NULL with methods != 0 when only the method is wrong. */
void ehr_router_match(ngx_uint_t method, ngx_str_t *path, ehr_match_t *match);

ngx_uint_t ehr_router_count(void);


/* -- a request (request.c) ------------------------------------------------- */

typedef void (*ehr_step_pt)(ehr_request_t *req, ehr_batch_t *batch);

/* No field's bit: fields= may leave nothing that the reader may see. */
#define EHR_FIELDS_GIVEN  ((uint64_t) 1 << 63)

struct ehr_request_s {
    ngx_http_request_t     *http;
    ngx_pool_t             *pool;           /* http->pool */
    ehr_arena_t             arena;          /* the same for the model */
    ehr_main_conf_t        *conf;
    const ehr_route_t      *route;          /* NULL: none matched */
    ngx_uint_t              route_index;
    ngx_str_t               id;             /* request id */
    ehr_language_t          language;
    uint64_t                started;        /* µs, monotonic */

    /* path parameters: lower-case UUID texts, NUL-terminated; a secret
       as it was sent, not terminated */
    ngx_str_t               params[EHR_PATH_PARAMETERS];
    ngx_uint_t              nparams;

    unsigned                signed_in:1;
    unsigned                replied:1;
    unsigned                uncounted:1;    /* by the metrics: another object
                                               of the same request is */
    unsigned                replayed:1;     /* Idempotency-Replayed */
    unsigned                audited:1;      /* what it reads is in the audit
                                               log by now */
    unsigned                committed:1;    /* a write was: no failure may be
                                               answered any more */
    ehr_principal_t         who;            /* if signed_in */

    ngx_str_t               body;           /* raw; empty if there is none */
    json_t                 *json;           /* parsed body, or NULL */
    ngx_str_t               key;            /* Idempotency-Key, or empty */

    /* what is under way; at most one of them */
    ehr_batch_t            *batch;          /* begun or sent */
    ehr_step_pt             step;
    ehr_step_pt             failed;         /* instead of ehr_step_failed() */
    ehr_password_job_t     *job;
    void                   *waiting;        /* entry of the read audit, with
                                               or without its read */

    uint64_t                fields;         /* to show of a row, by fields=,
                                               with EHR_FIELDS_GIVEN; 0: all
                                               that may be read */
    void                   *state;          /* the capability's own */
};

/* The content handler of `ehr api`. */
ngx_int_t ehr_http_api_handler(ngx_http_request_t *r);
/* The request of r, or NULL: for variables and the log phase. */
ehr_request_t *ehr_http_request_of(ngx_http_request_t *r);

/* permission of the signed-in user; false for anonymous */
#define ehr_may(req, permission)                                             \
    ((req)->signed_in                                                        \
     && ((req)->who.permissions & ehr_permission_bit(permission)))

/*
 * Rate limits (request_access.c): NGX_OK, or NGX_DONE when the request was
 * answered 429 with Retry-After.  ehr_request_wait() is for any other reason
 * to wait: 0 seconds is none.
 */
ngx_int_t ehr_request_limit(ehr_request_t *req, ehr_limit_t limit,
    const u_char *key, size_t len);
ngx_int_t ehr_request_limit_address(ehr_request_t *req, ehr_limit_t limit);
ngx_int_t ehr_request_wait(ehr_request_t *req, time_t seconds);

/* A client's text as printable ASCII, cut to 200 bytes and NUL-terminated:
 * fit for a parameter.  NULL without memory. */
const char *ehr_request_text(ehr_request_t *req, const ngx_str_t *text);

/* Validates the body against an action's field list (route->input) and
 * answers 422 or 403 by itself.  NGX_OK, NGX_DONE (answered) or NGX_ERROR. */
ngx_int_t ehr_request_input(ehr_request_t *req, const ehr_resource_t *input,
    ehr_values_t *values);
/* The same without an answer: what is wrong is in errors.  NGX_OK or
 * NGX_ERROR. */
ngx_int_t ehr_request_check(ehr_request_t *req, const ehr_resource_t *input,
    ehr_values_t *values, ehr_field_errors_t *errors);
/* The same for the query string: 400 names the parameter. */
ngx_int_t ehr_request_query(ehr_request_t *req, const ehr_resource_t *input,
    ehr_values_t *values);
/* Value of a field of that input by name; text NULL if absent or null. */
ehr_value_t ehr_input_value(const ehr_resource_t *input,
    const ehr_values_t *values, const char *name);


/* -- query parameters (query.c) -------------------------------------------- */

typedef struct {
    ngx_str_t               name;
    ngx_str_t               value;          /* unescaped, NUL-terminated,
                                               valid UTF-8 without NUL */
    unsigned                used:1;
} ehr_argument_t;

/* Parses the query string (application/x-www-form-urlencoded).  NGX_OK,
 * NGX_ERROR without memory, NGX_DONE: answered 400, it is malformed (bad
 * escape, NUL, not UTF-8, more than 64 arguments). */
ngx_int_t ehr_query_parse(ehr_request_t *req, ngx_array_t **arguments);
/* Finds and marks as used; NULL if there is none.  A second one of the same
 * name is found by the caller as unused. */
ehr_argument_t *ehr_query_take(ngx_array_t *arguments, const char *name,
    size_t len);
/* Answers 400 with the argument's name: NGX_DONE. */
ngx_int_t ehr_query_refuse(ehr_request_t *req, const u_char *name,
    ehr_message_t message);


/* -- JSON text (json_out.c) ------------------------------------------------ */

typedef struct {
    ngx_pool_t             *pool;
    ngx_chain_t            *first;
    ngx_chain_t            *last;
    size_t                  size;           /* bytes written */
    unsigned                failed:1;       /* out of memory: checked once at
                                               the end */
} ehr_out_t;

void ehr_out_init(ehr_out_t *out, ngx_pool_t *pool);
void ehr_out_raw(ehr_out_t *out, const void *data, size_t len);
#define ehr_out_literal(out, text)  ehr_out_raw(out, text, sizeof(text) - 1)
/* Appends the buffers of part, which is used up. */
void ehr_out_join(ehr_out_t *out, ehr_out_t *part);
/* With quotes, escaped as RFC 8259 wants. */
void ehr_out_string(ehr_out_t *out, const u_char *text, size_t len);
void ehr_out_integer(ehr_out_t *out, int64_t value);
/* "2026-11-21T04:38:11.000Z": the time of this turn of the event loop. */
#define EHR_NOW_TEXT  (sizeof("2026-11-21T04:38:11.000Z") - 1)
u_char *ehr_now_print(u_char *out);
/* PostgreSQL's "2026-11-21 04:38:11.5+00" → "2026-11-21T04:38:11.5Z". */
void ehr_out_timestamp(ehr_out_t *out, const u_char *text, size_t len);

/* A message with its argument, NUL-terminated.  NGX_ERROR without memory. */
ngx_int_t ehr_message_print(ngx_pool_t *pool, ehr_message_t message,
    const char *argument, ehr_language_t language, ngx_str_t *text);


/* -- replies (reply.c): the one place that writes envelopes ---------------- */

typedef struct {
    ngx_uint_t              status;
    ehr_message_t           message;
    const char             *argument;       /* for %s in the message */
    ehr_out_t              *data;           /* JSON text, or NULL: null, and
                                               absent from an error */
    ehr_out_t              *meta;           /* JSON object, or NULL */
    ngx_int_t               version;        /* > 0: ETag */
    ngx_str_t               location;       /* Location header, or empty */
    time_t                  retry_after;    /* > 0: Retry-After, seconds */
    const ehr_field_error_t *errors;
    size_t                  nerrors;
} ehr_reply_t;

/* Sends the reply and ends the request.  Called exactly once; the request
 * may be gone when it returns. */
void ehr_reply(ehr_request_t *req, const ehr_reply_t *reply);

/* Shorthands: a message without data, good or bad. */
void ehr_reply_message(ehr_request_t *req, ngx_uint_t status,
    ehr_message_t message);
/* 200 with data. */
void ehr_reply_data(ehr_request_t *req, ehr_out_t *data);
void ehr_reply_fields(ehr_request_t *req, ngx_uint_t status,
    const ehr_field_errors_t *errors);
/* 422, or 403 if a field that the writer may not set is among them. */
void ehr_reply_invalid(ehr_request_t *req, const ehr_field_errors_t *errors);
void ehr_reply_field(ehr_request_t *req, ngx_uint_t status,
    const char *field, ehr_message_t message);
/* 503 (database away, queue full) or 429 with Retry-After. */
void ehr_reply_later(ehr_request_t *req, ngx_uint_t status,
    ehr_message_t message, time_t seconds);
/* Any body that is not an envelope: JWKS, metrics, OpenAPI, CSV. */
void ehr_reply_plain(ehr_request_t *req, ngx_uint_t status,
    const char *type, ehr_out_t *body);
/* The same with status 200 and an ETag (quotes included): nginx answers 304 if
 * the client has it. */
void ehr_reply_tagged(ehr_request_t *req, const char *type, ngx_str_t *tag,
    ehr_out_t *body);
/* Adds a response header. NGX_ERROR without memory. */
ngx_int_t ehr_reply_header(ehr_request_t *req, const char *name,
    ngx_str_t *value);


/* -- steps (step.c): batches on behalf of a request ------------------------ */

/* A batch whose first statement (position 0) sets who acts (nobody, unless
 * signed in) and what the batch reaches: as far as the actor does, or, for
 * login, registration and the like, as far as the system.  It is req->batch:
 * whatever is not sent goes with the request, so that nobody destroys it.  NULL
 * without memory. */
typedef enum { EHR_AS_ACTOR, EHR_AS_SYSTEM } ehr_as_t;

ehr_batch_t *ehr_step_begin(ehr_request_t *req, ehr_lane_t lane, ehr_as_t as);

/* The same for the worker's own work: scope 'system', nobody's request.
 * `writes` as in ehr_batch_t. */
ehr_batch_t *ehr_step_system(ehr_lane_t lane, ngx_uint_t writes);

/* Lets the batch share a transaction with those of other requests (groupable,
 * see store.h).  Not if it is forced, for that setting would reach them. */
void ehr_step_share(ehr_request_t *req, ehr_batch_t *batch);

/* Adds the idempotency check if the request has a key; after it the batch
 * either is the first of its kind or fails with EH200/EH409/EH422. */
ngx_int_t ehr_step_idempotency(ehr_request_t *req, ehr_batch_t *batch);

/*
 * For a request that creates without being one row of a resource: keeps the
 * answer's data (JSON text) for a repetition, which then gets it by itself.
 * Add it last; sets req->failed.  ehr_answer_created() answers 201.
 */
ngx_int_t ehr_answer_keep(ehr_request_t *req, ehr_batch_t *batch,
    const char *json);
void ehr_answer_created(ehr_request_t *req, ehr_out_t *json);
/* The failed handler that is set: answers a repetition as the first time, all
 * else as ehr_step_failed(). */
void ehr_answer_failed(ehr_request_t *req, ehr_batch_t *batch);

/*
 * Submits; step(req, batch) is called when everything is committed.  When the
 * database refused, req->failed, or else ehr_step_failed(), answers; when it
 * is away, or the outcome is unknown, 503 is answered here.  Always NGX_OK: a
 * reply was or will be given.
 */
ngx_int_t ehr_step_send(ehr_request_t *req, ehr_batch_t *batch,
    ehr_step_pt step);

/* Maps what the database said to status, message and field, and answers. */
void ehr_step_failed(ehr_request_t *req, ehr_batch_t *batch);
/* The database does not take it now: counts and answers what
 * ehr_batch_submit() said, NGX_BUSY or NGX_DECLINED. */
void ehr_step_away(ehr_request_t *req, ngx_int_t rc);

/* Audits a read before it is answered: `then` runs when the audit log has it
 * durably, or 503 is answered.  Reads of a worker are written together (see
 * read_audit.c).  NGX_ERROR without memory: nothing is under way. */
typedef void (*ehr_audited_pt)(ehr_request_t *req);

/* What was read: both are UUID texts, or empty. */
typedef struct {
    ngx_str_t               entity;
    ngx_str_t               patient;
} ehr_audited_t;

/* `entity` is the table; one entry for each of the n rows that are shown, or
 * one that names none.  `then` runs at once if ehr_read_together() read it,
 * in whose transaction the row was. */
ngx_int_t ehr_audit_read(ehr_request_t *req, const char *entity,
    const ehr_audited_t *rows, ngx_uint_t n, ehr_audited_pt then);

/* A read of a patient's row by its id. */
typedef struct {
    const char             *entity;     /* the table */
    ngx_str_t               patient;    /* UUID text that lives as long as the
                                           request */
    ehr_statement_t        *rows;       /* EHR_SQL_TOGETHER: reads those of
                                           several requests */
    /* The row was read, and its row of the audit log is durable: replies. */
    void                  (*read)(ehr_request_t *req, PGresult *result,
                                  int row);
    /* Reads it by itself, to be audited afterwards, and replies.  NGX_ERROR
     * without memory. */
    ngx_int_t             (*alone)(ehr_request_t *req);
} ehr_row_read_t;

/*
 * Reads it in one transaction with reads of other requests and their row of
 * the audit log; by itself when any of them found nothing or takes long
 * (read_gather.c).  Calls read->read or read->alone, unless the database is
 * away, which is answered.  NGX_ERROR without memory.
 */
ngx_int_t ehr_read_together(ehr_request_t *req, const ehr_row_read_t *read);

/* ehr.request of the batch: id, address, agent, method, route, time, mac; at
 * most 800 bytes.  NGX_ERROR without memory. */
ngx_int_t ehr_request_context(ehr_request_t *req, ngx_str_t *json);
/* What its mac covers: id, actor, time, address, agent, method, route, joined
 * by newlines. */
ngx_int_t ehr_request_line(ehr_request_t *req, ngx_str_t *line);

/* "own", "team", "all" by permissions, with a portal token always "own"; ""
 * for anonymous. */
const char *ehr_request_scope(ehr_request_t *req);


/* -- conditional and repeated requests ------------------------------------- */

/* Whether a request may go on that meets this version of a row: there is no
 * If-Match, it is *, or it lists the version's tag (strong comparison). */
int ehr_if_match(ehr_request_t *req, ngx_int_t version);
/* The same for reads: If-None-Match does not name it (weak comparison). */
int ehr_if_none_match(ehr_request_t *req, ngx_int_t version);
/* The versions that may be met, as the text of PostgreSQL's array, with NUL
 * behind it: "{}" for none; data is NULL for any.  NGX_ERROR without memory. */
ngx_int_t ehr_if_match_versions(ehr_request_t *req, ngx_str_t *array);

/* Header by name (lower case); NULL if absent. */
ngx_table_elt_t *ehr_header(ngx_http_request_t *r, const char *name,
    size_t len);

#endif /* EHR_HTTP_H */
