/* build: src/http/body.c src/model/[a-z]*.c t/fuzz/nginx_text.c t/unit/access/nginx_stubs.c -ljansson */

/*
 * A body's way: from nginx's buffers through depth and JSON to validation by
 * a descriptor.  The first three bytes of the input choose the descriptor,
 * who writes and how, and where the body is cut into buffers.
 */

#include "fuzz.h"

#include "../../src/http/body.h"
#include "../unit/access/nginx_stubs.h"


#define MAX_DEPTH  8

typedef struct {
    uint8_t                 resource;
    ehr_write_t             write;
    uint64_t                permissions;
    unsigned                replies;
    unsigned                runs;
} outcome_t;

static outcome_t      outcome;
static ehr_request_t  request;


/* -- what body.c calls ----------------------------------------------------- */

ehr_request_t *
ehr_http_request_of(ngx_http_request_t *r)
{
    (void) r;

    return &request;
}


void
ehr_reply(ehr_request_t *req, const ehr_reply_t *reply)
{
    (void) req;
    fuzz_assert(reply->status == NGX_HTTP_BAD_REQUEST);
    fuzz_assert(reply->message == EHR_MESSAGE_MALFORMED_JSON);
    fuzz_assert(reply->argument != NULL);
    outcome.replies++;
}


void
ehr_reply_message(ehr_request_t *req, ngx_uint_t status, ehr_message_t message)
{
    (void) req;
    (void) message;
    fuzz_assert(status == NGX_HTTP_UNSUPPORTED_MEDIA_TYPE);
    outcome.replies++;
}


/* Buffers that are a file's are none here. */
ssize_t
ngx_read_file(ngx_file_t *file, u_char *buf, size_t size, off_t offset)
{
    (void) file;
    (void) buf;
    (void) size;
    (void) offset;
    abort();
}


/* -- what must hold -------------------------------------------------------- */

static void *
arena_alloc(void *pool, size_t size)
{
    return memset(ngx_palloc(pool, size), 0xa5, size);
}


static size_t
depth_of(json_t *json)
{
    void        *i;
    size_t       n, deepest = 0;
    json_t      *child;

    if (json_is_array(json)) {
        json_array_foreach(json, n, child) {
            deepest = ngx_max(deepest, depth_of(child));
        }

    } else if (json_is_object(json)) {
        for (i = json_object_iter(json); i;
             i = json_object_iter_next(json, i))
        {
            deepest = ngx_max(deepest, depth_of(json_object_iter_value(i)));
        }

    } else {
        return 0;
    }

    return deepest + 1;
}


static void
check_errors(const ehr_field_errors_t *errors)
{
    size_t  i, j;

    fuzz_assert(errors->n <= EHR_MAX_FIELD_ERRORS);

    for (i = 0; i < errors->n; i++) {
        fuzz_assert(strlen(errors->items[i].field) < 80);
        fuzz_assert(errors->items[i].message > 0);
        fuzz_assert(errors->items[i].message < EHR_MESSAGES);

        for (j = 0; j < i; j++) {
            fuzz_assert(strcmp(errors->items[i].field,
                               errors->items[j].field) != 0);
        }
    }
}


static void
check_values(const ehr_fields_t *fields, const ehr_values_t *values)
{
    size_t              i;
    const ehr_value_t  *value;

    for (i = 0; i < fields->n; i++) {
        value = &values->values[i];

        if ((values->present >> i) & 1) {
            fuzz_assert(outcome.write == EHR_ON_CREATE
                        ? ehr_field_is_writable(fields->fields[i])
                        : ehr_field_is_mutable(fields->fields[i]));
        }

        if (value->text) {
            fuzz_assert(strlen(value->text) == value->len);
        }
    }

    fuzz_assert(values->present >> fields->n == 0);
}


/* Where a handler would be. */
void
ehr_request_run(ehr_request_t *req)
{
    int                  rc;
    size_t               n;
    ehr_arena_t          arena = { arena_alloc, req->pool };
    ehr_values_t         values;
    const ehr_fields_t  *fields;
    ehr_field_errors_t   errors;

    outcome.runs++;

    if (req->json == NULL) {
        fuzz_assert(req->body.len == 0);
        return;
    }

    fuzz_assert(depth_of(req->json) <= MAX_DEPTH);

    for (n = 0; ehr_resources[n]; n++) { /* count */ }

    fields = ehr_fields_of(ehr_resources[outcome.resource % n]);
    rc = ehr_validate(fields, req->json, outcome.write, outcome.permissions,
                      &arena, &values, &errors);

    /* what is told does not need the body any more */
    json_decref(req->json);
    req->json = NULL;

    fuzz_assert(rc == (errors.n > 0 ? -1 : 0));
    check_errors(&errors);
    check_values(fields, &values);
}


/* -- the input ------------------------------------------------------------- */

/* As many buffers as the cut says, each in memory of its own. */
static ngx_chain_t *
chain_of(ngx_pool_t *pool, const uint8_t *data, size_t size, size_t cut)
{
    size_t        len;
    ngx_chain_t  *first, **last;

    first = NULL;
    last = &first;

    do {
        len = cut ? ngx_min(cut, size) : size;
        *last = ngx_pcalloc(pool, sizeof(ngx_chain_t));
        (*last)->buf = ngx_pcalloc(pool, sizeof(ngx_buf_t));
        (*last)->buf->memory = 1;
        (*last)->buf->pos = memcpy(ngx_palloc(pool, len), data, len);
        (*last)->buf->last = (*last)->buf->pos + len;
        last = &(*last)->next;
        data += len;
        size -= len;
    } while (size);

    return first;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_http_request_t       http;
    ngx_table_elt_t          type;
    ehr_main_conf_t          conf;
    ngx_http_request_body_t  body;

    static int                ready;
    static const ehr_route_t  route;

    if (!ready++) {
        fuzz_assert(ehr_model_init() == NULL);
    }

    if (size < 3) {
        return 0;
    }

    memset(&http, 0, sizeof(http));
    memset(&type, 0, sizeof(type));
    memset(&conf, 0, sizeof(conf));
    memset(&body, 0, sizeof(body));
    memset(&request, 0, sizeof(request));
    memset(&outcome, 0, sizeof(outcome));

    outcome.resource = data[0];
    outcome.write = (ehr_write_t) (data[1] % 3);
    outcome.permissions = data[1] & 0x80 ? ~(uint64_t) 0 : 0;

    request.http = &http;
    request.pool = stub_pool_create();
    request.conf = &conf;
    request.route = &route;
    conf.max_depth = MAX_DEPTH;
    ngx_str_set(&type.value, "application/json; charset=utf-8");
    http.headers_in.content_type = &type;
    http.request_body = &body;
    body.bufs = chain_of(request.pool, data + 3, size - 3, data[2]);

    ehr_body_ready(&http);

    fuzz_assert(outcome.replies + outcome.runs == 1);

    json_decref(request.json);
    stub_pool_destroy(request.pool);

    return 0;
}
