/*
 * From a conninfo string to the targets that are tried one after another.
 *
 * Every address is a target of its own: libpq would resolve names and wait
 * for a dead host without end where our timer cannot tell it to go on.  Names
 * are resolved here, once, before fork, in the order of the list.
 */

#include "conninfo.h"

#include <netdb.h>


/* Connections of the audit lane where it is not configured: one for what goes
 * through many rows. */
#define EHR_CONNINFO_AUDIT  2

static char *ehr_conninfo_at(ngx_conf_t *cf, ehr_store_conf_t *conf,
    ehr_lane_conf_t *lane_conf, ehr_lane_t lane);
static char *ehr_conninfo_lane(ngx_conf_t *cf, ehr_store_conf_t *conf,
    ehr_lane_conf_t *lane_conf, ehr_lane_t lane);
static char *ehr_conninfo_build(ehr_conninfo_t *conninfo, ehr_lane_t lane);


char *
ehr_store_prepare_conf(ngx_conf_t *cf, ehr_store_conf_t *conf)
{
    ngx_uint_t  lane;

    if (conf->lanes[EHR_LANE_AUDIT].conninfo.len == 0) {
        conf->lanes[EHR_LANE_AUDIT] = conf->lanes[EHR_LANE_MAIN];
        conf->lanes[EHR_LANE_AUDIT].connections = EHR_CONNINFO_AUDIT;
    }

    for (lane = 0; lane < EHR_LANES; lane++) {
        if (ehr_conninfo_at(cf, conf, &conf->lanes[lane], lane)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    /* like the main lane, it needs the primary */

    return ehr_conninfo_at(cf, conf, &conf->feed, EHR_LANE_MAIN);
}


/* All directives are read by now: a message would name the last line. */
static char *
ehr_conninfo_at(ngx_conf_t *cf, ehr_store_conf_t *conf,
    ehr_lane_conf_t *lane_conf, ehr_lane_t lane)
{
    char             *rv;
    ngx_conf_file_t   at, *end;

    if (lane_conf->conninfo.len == 0) {
        return NGX_CONF_OK;
    }

    end = cf->conf_file;
    at = *end;
    at.file.name = lane_conf->file;
    at.line = lane_conf->line;

    cf->conf_file = &at;
    rv = ehr_conninfo_lane(cf, conf, lane_conf, lane);
    cf->conf_file = end;

    return rv;
}


static char *
ehr_conninfo_lane(ngx_conf_t *cf, ehr_store_conf_t *conf,
    ehr_lane_conf_t *lane_conf, ehr_lane_t lane)
{
    char            *rv, *text, *error;
    ehr_conninfo_t   conninfo;

    ngx_memzero(&conninfo, sizeof(ehr_conninfo_t));

    conninfo.cf = cf;
    conninfo.store = conf;
    conninfo.lane = lane_conf;

    text = ngx_pnalloc(cf->temp_pool, conninfo.lane->conninfo.len + 1);
    if (text == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_cpystrn((u_char *) text, conninfo.lane->conninfo.data,
                       conninfo.lane->conninfo.len + 1);

    error = NULL;
    conninfo.given = PQconninfoParse(text, &error);

    if (conninfo.given == NULL) {
        text = error ? error : "no memory";

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid database connection string: %*s",
                           strcspn(text, "\n"), text);
        PQfreemem(error);
        return NGX_CONF_ERROR;
    }

    rv = ehr_conninfo_build(&conninfo, lane);

    PQconninfoFree(conninfo.given);

    return rv;
}


const char *
ehr_conninfo_given(ehr_conninfo_t *conninfo, const char *keyword)
{
    PQconninfoOption  *option;

    for (option = conninfo->given; option->keyword != NULL; option++) {
        if (ngx_strcmp(option->keyword, keyword) == 0) {
            return option->val;
        }
    }

    return NULL;
}


const char *
ehr_conninfo_copy(ehr_conninfo_t *conninfo, const char *value)
{
    char    *copy;
    size_t   size;

    size = ngx_strlen(value) + 1;

    copy = ngx_pnalloc(conninfo->cf->pool, size);
    if (copy != NULL) {
        ngx_memcpy(copy, value, size);
    }

    return copy;
}


/* The number of items of a comma-separated list, 0 for none. */
static ngx_uint_t
ehr_conninfo_count(const char *list)
{
    ngx_uint_t  n;

    if (list == NULL || *list == '\0') {
        return 0;
    }

    for (n = 1; *list != '\0'; list++) {
        n += (*list == ',');
    }

    return n;
}


/* Item i of a list, the only one if there is but one; *item is NULL for an
 * empty one.  NGX_OK or NGX_ERROR (no memory). */
static ngx_int_t
ehr_conninfo_item(ehr_conninfo_t *conninfo, const char *list, ngx_uint_t i,
    const char **item)
{
    char    *copy;
    size_t   len;

    *item = NULL;

    if (ehr_conninfo_count(list) == 0) {
        return NGX_OK;
    }

    if (ehr_conninfo_count(list) > 1) {
        while (i-- > 0) {
            list += strcspn(list, ",") + 1;
        }
    }

    len = strcspn(list, ",");

    if (len == 0) {
        return NGX_OK;
    }

    copy = ngx_pnalloc(conninfo->cf->pool, len + 1);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn((u_char *) copy, (u_char *) list, len + 1);
    *item = copy;

    return NGX_OK;
}


static ngx_int_t
ehr_conninfo_push(ehr_conninfo_t *conninfo, const ehr_address_t *from,
    const char *hostaddr)
{
    ehr_address_t  *address;

    address = ngx_array_push(&conninfo->addresses);
    if (address == NULL) {
        return NGX_ERROR;
    }

    *address = *from;
    address->hostaddr = hostaddr;

    return NGX_OK;
}


/* Adds all addresses of a name, which the resolver gives in its order. */
static ngx_int_t
ehr_conninfo_resolve(ehr_conninfo_t *conninfo, const ehr_address_t *from)
{
    int               rc;
    char              text[NI_MAXHOST];
    ngx_int_t         status;
    const char       *hostaddr;
    struct addrinfo   hints, *list, *ai;

    ngx_memzero(&hints, sizeof(struct addrinfo));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;

    rc = getaddrinfo(from->host, NULL, &hints, &list);

    if (rc != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, conninfo->cf, 0,
                           "database host \"%s\" not found: %s",
                           from->host, gai_strerror(rc));
        return NGX_ERROR;
    }

    status = NGX_OK;

    for (ai = list; ai != NULL && status == NGX_OK; ai = ai->ai_next) {
        if (getnameinfo(ai->ai_addr, ai->ai_addrlen, text, sizeof(text),
                        NULL, 0, NI_NUMERICHOST)
            != 0)
        {
            continue;
        }

        hostaddr = ehr_conninfo_copy(conninfo, text);

        status = hostaddr ? ehr_conninfo_push(conninfo, from, hostaddr)
                          : NGX_ERROR;
    }

    freeaddrinfo(list);

    return status;
}


/* Adds the address, or addresses, of item i of the lists. */
static ngx_int_t
ehr_conninfo_address(ehr_conninfo_t *conninfo, ngx_uint_t i)
{
    ehr_address_t  address;

    if (ehr_conninfo_item(conninfo, ehr_conninfo_given(conninfo, "host"), i,
                          &address.host) != NGX_OK
        || ehr_conninfo_item(conninfo,
                             ehr_conninfo_given(conninfo, "hostaddr"), i,
                             &address.hostaddr) != NGX_OK
        || ehr_conninfo_item(conninfo, ehr_conninfo_given(conninfo, "port"),
                             i, &address.port) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (address.hostaddr != NULL
        || address.host == NULL
        || address.host[0] == '/'
        || address.host[0] == '@')
    {
        return ehr_conninfo_push(conninfo, &address, address.hostaddr);
    }

    return ehr_conninfo_resolve(conninfo, &address);
}


static ngx_int_t
ehr_conninfo_addresses(ehr_conninfo_t *conninfo)
{
    ngx_uint_t   i, n, hosts, hostaddrs, ports;
    ngx_conf_t  *cf;

    cf = conninfo->cf;

    hosts = ehr_conninfo_count(ehr_conninfo_given(conninfo, "host"));
    hostaddrs = ehr_conninfo_count(ehr_conninfo_given(conninfo, "hostaddr"));
    ports = ehr_conninfo_count(ehr_conninfo_given(conninfo, "port"));

    n = ngx_max(ngx_max(hosts, hostaddrs), 1);

    if ((hosts > 0 && hosts != n) || (hostaddrs > 0 && hostaddrs != n)
        || (ports > 1 && ports != n))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "host, hostaddr and port of a database do not "
                           "list the same number of items");
        return NGX_ERROR;
    }

    if (ngx_array_init(&conninfo->addresses, cf->temp_pool, n,
                       sizeof(ehr_address_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (ehr_conninfo_address(conninfo, i) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* What libpq would do with keywords that we must do ourselves. */
static ngx_int_t
ehr_conninfo_refuse(ehr_conninfo_t *conninfo)
{
    const char  *sslmode;

    sslmode = ehr_conninfo_given(conninfo, "sslmode");

    if (sslmode != NULL && (ngx_strcmp(sslmode, "prefer") == 0
                            || ngx_strcmp(sslmode, "allow") == 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, conninfo->cf, 0,
                           "sslmode=%s may end in plain text: use "
                           "\"verify-full\", \"require\" or \"disable\"",
                           sslmode);
        return NGX_ERROR;
    }

    if (ehr_conninfo_given(conninfo, "service") != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, conninfo->cf, 0,
                           "\"service\" is not supported in a database "
                           "connection string");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Which kind of server is wanted; NULL: any. */
static const char *
ehr_conninfo_session(ehr_conninfo_t *conninfo, ehr_lane_t lane)
{
    const char  *given;

    given = ehr_conninfo_given(conninfo, "target_session_attrs");

    if (given == NULL && conninfo->addresses.nelts > 1) {
        return lane == EHR_LANE_REPORTS ? "prefer-standby" : "read-write";
    }

    return given;
}


/*
 * A target for each address.  "prefer-standby" is two rounds, as in libpq:
 * every address as a standby first, then as anything.
 */
static char *
ehr_conninfo_build(ehr_conninfo_t *conninfo, ehr_lane_t lane)
{
    ngx_uint_t      i, n, rounds;
    const char     *session;
    ehr_address_t  *addresses;
    ehr_targets_t  *targets;

    if (ehr_conninfo_refuse(conninfo) != NGX_OK
        || ehr_conninfo_addresses(conninfo) != NGX_OK
        || ehr_target_options(conninfo) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    addresses = conninfo->addresses.elts;
    n = conninfo->addresses.nelts;

    session = ehr_conninfo_session(conninfo, lane);
    rounds = 1;

    if (session != NULL && ngx_strcmp(session, "prefer-standby") == 0) {
        rounds = n > 1 ? 2 : 1;
        session = n > 1 ? "standby" : NULL;
    }

    targets = ngx_pcalloc(conninfo->cf->pool, sizeof(ehr_targets_t));
    if (targets == NULL) {
        return NGX_CONF_ERROR;
    }

    targets->n = n * rounds;
    targets->ranked = rounds > 1;
    targets->items = ngx_pcalloc(conninfo->cf->pool,
                                 targets->n * sizeof(ehr_target_t));
    if (targets->items == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < targets->n; i++) {
        if (ehr_target_make(conninfo, &targets->items[i], &addresses[i % n],
                            i < n ? session : NULL)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    conninfo->lane->targets = targets;

    return NGX_CONF_OK;
}
