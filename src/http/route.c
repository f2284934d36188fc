/*
 * The router: a tree of path segments built once from ehr_routes[].
 */

#include "http.h"


typedef struct ehr_node_s  ehr_node_t;

struct ehr_node_s {
    ngx_str_t       segment;        /* of a parameter: what follows it */
    ehr_node_t     *children;
    ehr_node_t     *parameters;     /* those that end in something first */
    ehr_node_t     *next;           /* sibling */
    ngx_uint_t      methods;
    unsigned        flags;          /* of the path's routes */
    ngx_int_t       routes[5];      /* by ehr_method_slot(), -1: none */
};


static ehr_node_t  *ehr_router_root;
static ngx_uint_t   ehr_router_n;


static ngx_int_t ehr_method_slot(ngx_uint_t method);
static int ehr_route_is_template(const char *path);
static const char *ehr_route_fault(const ehr_route_t *route);
static ehr_node_t *ehr_node_create(ngx_pool_t *pool, ngx_str_t *segment);
static ehr_node_t *ehr_node_enter(ngx_pool_t *pool, ehr_node_t *node,
    ngx_str_t *segment);
static ehr_node_t *ehr_node_find(ehr_node_t *list, ngx_str_t *segment);
static ehr_node_t *ehr_node_parameter(ehr_node_t *node, ngx_str_t *value);
static ngx_int_t ehr_next_segment(ngx_str_t *path, ngx_str_t *segment);


static ngx_int_t
ehr_method_slot(ngx_uint_t method)
{
    switch (method) {
    case NGX_HTTP_GET:    return 0;
    case NGX_HTTP_POST:   return 1;
    case NGX_HTTP_PUT:    return 2;
    case NGX_HTTP_PATCH:  return 3;
    case NGX_HTTP_DELETE: return 4;
    }

    return NGX_ERROR;
}


/* Whether each parameter begins a segment and ends in it; text may follow. */

static int
ehr_route_is_template(const char *path)
{
    const char  *p, *end;

    for (p = strchr(path, '{'); p; p = strchr(end, '{')) {

        end = p + strcspn(p, "/}");

        if (p[-1] != '/' || *end != '}') {
            return 0;
        }
    }

    return 1;
}


/* What must never be started: see the rule at ehr_router_init(). */

static const char *
ehr_route_fault(const ehr_route_t *route)
{
    if (route->path[0] != '/') {
        return "its path does not begin with a slash";
    }

    if (!ehr_route_is_template(route->path)) {
        return "a parameter does not begin a segment or end in it";
    }

    if (ehr_method_slot(route->method) == NGX_ERROR) {
        return "its method is not one of GET POST PUT PATCH DELETE";
    }

    if (route->handler == NULL) {
        return "it has no handler";
    }

    if (route->about == NULL) {
        return "it has no description";
    }

    if (route->flags & EHR_ROUTE_PUBLIC) {
        return route->permission ? "it is public and has a permission" : NULL;
    }

    if (route->permission == 0) {
        return "it has no permission";
    }

    if ((route->flags & EHR_ROUTE_ANYONE) == 0) {
        return "it accepts no audience";
    }

    return NULL;
}


static ehr_node_t *
ehr_node_create(ngx_pool_t *pool, ngx_str_t *segment)
{
    ngx_uint_t   i;
    ehr_node_t  *node;

    node = ngx_pcalloc(pool, sizeof(ehr_node_t));
    if (node == NULL) {
        return NULL;
    }

    node->segment = *segment;

    for (i = 0; i < 5; i++) {
        node->routes[i] = -1;
    }

    return node;
}


/* Child for a segment of a template, made if it is not there. */

static ehr_node_t *
ehr_node_enter(ngx_pool_t *pool, ehr_node_t *node, ngx_str_t *segment)
{
    ngx_str_t     text = *segment;
    ehr_node_t   *child, **list;

    list = &node->children;

    if (text.data[0] == '{') {
        text.data = (u_char *) strchr((char *) text.data, '}') + 1;
        text.len = segment->data + segment->len - text.data;
        list = &node->parameters;
    }

    child = ehr_node_find(*list, &text);
    if (child) {
        return child;
    }

    child = ehr_node_create(pool, &text);
    if (child == NULL) {
        return NULL;
    }

    /* the parameter that takes anything comes last */

    while (list == &node->parameters && text.len == 0 && *list) {
        list = &(*list)->next;
    }

    child->next = *list;
    *list = child;

    return child;
}


static ehr_node_t *
ehr_node_find(ehr_node_t *list, ngx_str_t *segment)
{
    ehr_node_t  *node;

    for (node = list; node; node = node->next) {
        if (node->segment.len == segment->len
            && ngx_memcmp(node->segment.data, segment->data, segment->len)
               == 0)
        {
            return node;
        }
    }

    return NULL;
}


/* The parameter that takes a segment; what follows is cut off its value. */

static ehr_node_t *
ehr_node_parameter(ehr_node_t *node, ngx_str_t *value)
{
    size_t       len;
    ehr_node_t  *child;

    for (child = node->parameters; child; child = child->next) {

        len = child->segment.len;

        if (value->len > len
            && ngx_memcmp(value->data + value->len - len,
                          child->segment.data, len)
               == 0)
        {
            value->len -= len;
            return child;
        }
    }

    return NULL;
}


/* Cuts "/segment" off path; NGX_DONE at the end, NGX_ERROR if it is empty. */

static ngx_int_t
ehr_next_segment(ngx_str_t *path, ngx_str_t *segment)
{
    u_char  *p, *end;

    if (path->len == 0) {
        return NGX_DONE;
    }

    if (path->data[0] != '/') {
        return NGX_ERROR;
    }

    end = path->data + path->len;

    for (p = path->data + 1; p < end && *p != '/'; p++) { /* void */ }

    segment->data = path->data + 1;
    segment->len = p - segment->data;
    path->data = p;
    path->len = end - p;

    return segment->len ? NGX_OK : NGX_ERROR;
}


const char *
ehr_router_init(ngx_pool_t *pool)
{
    ngx_int_t           slot;
    ngx_str_t           path, segment, none = ngx_null_string;
    const char         *fault;
    ehr_node_t         *node;
    const ehr_route_t  *route;
    static u_char       message[256];

    ehr_router_root = ehr_node_create(pool, &none);
    ehr_router_n = 0;

    for (route = ehr_routes; route->path; route++) {

        fault = ehr_route_fault(route);
        node = ehr_router_root;
        path.data = (u_char *) route->path;
        path.len = ngx_strlen(route->path);

        while (fault == NULL && node
               && ehr_next_segment(&path, &segment) == NGX_OK)
        {
            node = ehr_node_enter(pool, node, &segment);
        }

        if (node == NULL) {
            return "out of memory";
        }

        slot = ehr_method_slot(route->method);

        if (fault == NULL && node->routes[slot] >= 0) {
            fault = "it is there twice";
        }

        if (fault) {
            ngx_snprintf(message, sizeof(message), "route %ui, \"%s\": %s%Z",
                         route->method, route->path, fault);
            return (char *) message;
        }

        node->routes[slot] = route - ehr_routes;
        node->methods |= route->method;
        node->flags |= route->flags;
        ehr_router_n++;
    }

    if (ehr_router_n >= EHR_METRIC_ROUTES) {
        return "there are more routes than EHR_METRIC_ROUTES";
    }

    return NULL;
}


void
ehr_router_match(ngx_uint_t method, ngx_str_t *uri, ehr_match_t *match)
{
    ngx_int_t    rc, slot;
    ngx_str_t    path, segment;
    ehr_node_t  *node, *child;

    ngx_memzero(match, sizeof(ehr_match_t));

    path = *uri;
    node = ehr_router_root;

    while ((rc = ehr_next_segment(&path, &segment)) == NGX_OK) {

        child = ehr_node_find(node->children, &segment);

        if (child == NULL) {
            child = ehr_node_parameter(node, &segment);

            if (child == NULL || match->n == EHR_PATH_PARAMETERS) {
                return;
            }

            match->values[match->n++] = segment;
        }

        node = child;
    }

    if (rc == NGX_ERROR) {
        return;
    }

    match->methods = node->methods;
    match->flags = node->flags;
    slot = ehr_method_slot(method == NGX_HTTP_HEAD ? NGX_HTTP_GET : method);

    if (slot >= 0 && node->routes[slot] >= 0) {
        match->index = node->routes[slot];
        match->route = &ehr_routes[match->index];
    }
}


ngx_uint_t
ehr_router_count(void)
{
    return ehr_router_n;
}
