/*
 * The router: a tree of path segments built once from ehr_routes[].
 */

#include "http.h"


typedef struct ehr_node_s  ehr_node_t;

struct ehr_node_s {
    ngx_str_t       segment;        /* empty for a parameter */
    ehr_node_t     *children;
    ehr_node_t     *parameter;      /* the child that takes any segment */
    ehr_node_t     *next;           /* sibling */
    ngx_uint_t      methods;
    unsigned        flags;          /* of the path's routes */
    ngx_int_t       routes[5];      /* by ehr_method_slot(), -1: none */
};


static ehr_node_t  *ehr_router_root;
static ngx_uint_t   ehr_router_n;


static ngx_int_t ehr_method_slot(ngx_uint_t method);
static const char *ehr_route_fault(const ehr_route_t *route);
static ehr_node_t *ehr_node_create(ngx_pool_t *pool, ngx_str_t *segment);
static ehr_node_t *ehr_node_enter(ngx_pool_t *pool, ehr_node_t *node,
    ngx_str_t *segment);
static ehr_node_t *ehr_node_child(ehr_node_t *node, ngx_str_t *segment);
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


/* What must never be started: see the rule at ehr_router_init(). */

static const char *
ehr_route_fault(const ehr_route_t *route)
{
    if (route->path[0] != '/') {
        return "its path does not begin with a slash";
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
    ehr_node_t        *child;
    static ngx_str_t   any = ngx_null_string;

    if (segment->data[0] == '{') {
        if (node->parameter == NULL) {
            node->parameter = ehr_node_create(pool, &any);
        }

        return node->parameter;
    }

    child = ehr_node_child(node, segment);
    if (child) {
        return child;
    }

    child = ehr_node_create(pool, segment);
    if (child) {
        child->next = node->children;
        node->children = child;
    }

    return child;
}


static ehr_node_t *
ehr_node_child(ehr_node_t *node, ngx_str_t *segment)
{
    ehr_node_t  *child;

    for (child = node->children; child; child = child->next) {
        if (child->segment.len == segment->len
            && ngx_memcmp(child->segment.data, segment->data, segment->len)
               == 0)
        {
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

        child = ehr_node_child(node, &segment);

        if (child == NULL) {
            child = node->parameter;

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
