/* build: src/http/route.c @build/fuzz/symbols t/fuzz/nginx_text.c t/unit/access/nginx_stubs.c */

/*
 * The router with the real table: any method, any path.  What it finds is
 * compared with a search through the list of routes that knows no tree.
 */

#include "fuzz.h"

#include "../../src/care/routes.c"
#include "../unit/access/nginx_stubs.h"


typedef struct {
    const u_char       *data;
    size_t              len;
} segment_t;

/* More than any route has: a longer path matches none. */
#define MAX_SEGMENTS  32
#define MAX_ROUTES    4096

typedef struct {
    segment_t           segments[MAX_SEGMENTS];
    int                 n;
} template_t;

static template_t  templates[MAX_ROUTES];


/* The handler of every route: see t/fuzz/run. */
ngx_int_t fuzz_handler(ehr_request_t *req);

ngx_int_t
fuzz_handler(ehr_request_t *req)
{
    (void) req;

    return NGX_ERROR;
}


/* The segments of a path, or -1 where it has an empty one or too many. */
static int
segments_of(const u_char *p, size_t len, segment_t *segments)
{
    int            n;
    const u_char  *end = p + len;

    for (n = 0; p < end; n++) {

        if (n == MAX_SEGMENTS || *p != '/') {
            return -1;
        }

        segments[n].data = ++p;

        while (p < end && *p != '/') {
            p++;
        }

        segments[n].len = (size_t) (p - segments[n].data);

        if (segments[n].len == 0) {
            return -1;
        }
    }

    return n;
}


/* How well a segment fits the template's at this position: 0 not; 1 as a
 * parameter; more as one with this much text behind it; most as a word. */
static size_t
fits(const template_t *template, int position, const segment_t *segment)
{
    size_t         len;
    const u_char  *text;

    if (position >= template->n) {
        return 0;
    }

    text = template->segments[position].data;
    len = template->segments[position].len;

    if (text[0] != '{') {
        return segment->len == len && memcmp(segment->data, text, len) == 0
               ? SIZE_MAX : 0;
    }

    while (*text++ != '}') {
        len--;
    }

    len--;

    return segment->len > len
           && memcmp(segment->data + segment->len - len, text, len) == 0
           ? 1 + len : 0;
}


/*
 * The methods of the path, and the route of this one: of the routes that fit
 * so far, those that name the next segment go before those that take any.
 */
static const ehr_route_t *
expected(ngx_uint_t method, const segment_t *segments, int n,
    ngx_uint_t *methods)
{
    int                 i, r;
    size_t              best, fit;
    const ehr_route_t  *found;

    static char  out[MAX_ROUTES];

    memset(out, 0, sizeof(out));

    for (i = 0; i < n; i++) {
        best = 1;

        for (r = 0; ehr_routes[r].path; r++) {
            fit = fits(&templates[r], i, &segments[i]);
            best = !out[r] && fit > best ? fit : best;
        }

        for (r = 0; ehr_routes[r].path; r++) {
            out[r] |= fits(&templates[r], i, &segments[i]) != best;
        }
    }

    *methods = 0;
    found = NULL;

    for (r = 0; ehr_routes[r].path; r++) {

        if (out[r] || templates[r].n != n) {
            continue;
        }

        *methods |= ehr_routes[r].method;

        if (ehr_routes[r].method == method) {
            found = &ehr_routes[r];
        }
    }

    return found;
}


static void
set_up(void)
{
    int          r;
    const char  *path;

    static ngx_pool_t  *pool;

    if (pool) {
        return;
    }

    pool = stub_pool_create();
    fuzz_assert(ehr_router_init(pool) == NULL);

    for (r = 0; ehr_routes[r].path; r++) {
        fuzz_assert(r < MAX_ROUTES);
        path = ehr_routes[r].path;
        templates[r].n = segments_of((const u_char *) path, strlen(path),
                                     templates[r].segments);
        fuzz_assert(templates[r].n > 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                 n;
    u_char             *copy;
    ngx_str_t           path;
    ngx_uint_t          i, method, methods;
    segment_t           segments[MAX_SEGMENTS];
    ehr_match_t         match;
    const ehr_route_t  *route;

    static const ngx_uint_t  choices[] = {
        NGX_HTTP_GET, NGX_HTTP_HEAD, NGX_HTTP_POST, NGX_HTTP_PUT,
        NGX_HTTP_PATCH, NGX_HTTP_DELETE, NGX_HTTP_OPTIONS, NGX_HTTP_UNKNOWN
    };

    set_up();

    if (size == 0) {
        return 0;
    }

    method = choices[data[0] % 8];
    copy = fuzz_copy(data + 1, size - 1);
    path.data = copy;
    path.len = size - 1;

    ehr_router_match(method, &path, &match);

    fuzz_assert(path.data == copy && path.len == size - 1);

    method = method == NGX_HTTP_HEAD ? NGX_HTTP_GET : method;
    n = segments_of(copy, size - 1, segments);
    route = NULL;
    methods = 0;

    if (n >= 0) {
        route = expected(method, segments, n, &methods);
    }

    fuzz_assert(match.route == route);
    fuzz_assert(match.methods == methods);
    fuzz_assert(match.n <= EHR_PATH_PARAMETERS);

    for (i = 0; i < match.n; i++) {
        fuzz_assert(match.values[i].len > 0);
        fuzz_assert(match.values[i].data > copy);
        fuzz_assert(match.values[i].data + match.values[i].len
                    <= copy + path.len);
    }

    free(copy);

    return 0;
}
