/*
 * What libpq is given for one address.
 */

#include "conninfo.h"

#include <netdb.h>


#define EHR_TARGET_ADDED  24        /* most keywords we add to those given */

typedef struct {
    ehr_conninfo_t  *conninfo;
    ehr_target_t    *target;
    ngx_uint_t       n;
    ngx_int_t        status;
} ehr_target_maker_t;

/* Keywords that each target sets for itself, or that do not fit us. */
static const char  *ehr_target_own[] = {
    "host", "hostaddr", "port", "options", "sslmode", "gssencmode",
    "client_encoding", "connect_timeout", "target_session_attrs",
    "load_balance_hosts", NULL
};

/* What a conninfo string gets unless it says otherwise. */
static const struct {
    const char  *keyword;
    const char  *value;
} ehr_target_defaults[] = {
    { "application_name", "nginx-ehr" },
    { "keepalives_idle", "30" },
    { "keepalives_interval", "10" },
    { "keepalives_count", "3" },
    { NULL, NULL }
};


/* Server settings of the session: after those of the string, so ours hold.
 * Where statements may take any time, transactions may too. */
ngx_int_t
ehr_target_options(ehr_conninfo_t *conninfo)
{
    char             *options;
    size_t            size;
    const char       *given;
    ehr_lane_conf_t  *lane;

    lane = conninfo->lane;

    given = ehr_conninfo_given(conninfo, "options");
    if (given == NULL) {
        given = "";
    }

    size = ngx_strlen(given) + 512;

    options = ngx_pnalloc(conninfo->cf->pool, size);
    if (options == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_snprintf((u_char *) options, size,
                        "%s -c statement_timeout=%M -c lock_timeout=%M"
                        " -c idle_in_transaction_session_timeout=%M"
                        " -c TimeZone=UTC -c DateStyle=ISO"
                        " -c bytea_output=hex -c IntervalStyle=iso_8601%Z",
                        given, lane->statement_timeout, lane->lock_timeout,
                        lane->statement_timeout ? conninfo->store->deadline
                                                : 0);

    conninfo->options = options;

    return NGX_OK;
}


/* TLS as the string says.  Without a word: none inside this machine, and no
 * plain text outside of it.  NULL if there is none to set. */
static const char *
ehr_target_sslmode(ehr_conninfo_t *conninfo, const ehr_address_t *address)
{
    const char  *given;

    given = ehr_conninfo_given(conninfo, "sslmode");

    if (given != NULL || address->hostaddr == NULL) {
        return given;
    }

    if (ngx_strncmp(address->hostaddr, "127.", 4) == 0
        || ngx_strcmp(address->hostaddr, "::1") == 0)
    {
        return "disable";
    }

    return "require";
}


/* Sets a keyword of a target; a NULL value is left out. */
static void
ehr_target_set(ehr_target_maker_t *maker, const char *keyword,
    const char *value)
{
    const char  *name, *copy;

    if (value == NULL) {
        return;
    }

    name = ehr_conninfo_copy(maker->conninfo, keyword);
    copy = ehr_conninfo_copy(maker->conninfo, value);

    if (name == NULL || copy == NULL) {
        maker->status = NGX_ERROR;
        return;
    }

    maker->target->keywords[maker->n] = name;
    maker->target->values[maker->n] = copy;
    maker->n++;
}


/* Sets the keywords that are the same for all targets. */
static void
ehr_target_set_common(ehr_target_maker_t *maker)
{
    ngx_uint_t         i;
    PQconninfoOption  *option;

    for (option = maker->conninfo->given; option->keyword; option++) {
        for (i = 0; ehr_target_own[i] != NULL; i++) {
            if (ngx_strcmp(option->keyword, ehr_target_own[i]) == 0) {
                break;
            }
        }

        if (ehr_target_own[i] == NULL) {
            ehr_target_set(maker, option->keyword, option->val);
        }
    }

    for (i = 0; ehr_target_defaults[i].keyword != NULL; i++) {
        if (ehr_conninfo_given(maker->conninfo,
                               ehr_target_defaults[i].keyword)
            == NULL)
        {
            ehr_target_set(maker, ehr_target_defaults[i].keyword,
                           ehr_target_defaults[i].value);
        }
    }

    ehr_target_set(maker, "gssencmode", "disable");
    ehr_target_set(maker, "client_encoding", "UTF8");
    ehr_target_set(maker, "options", maker->conninfo->options);
}


/* How the log calls a target. */
static const char *
ehr_target_name(ehr_conninfo_t *conninfo, const ehr_address_t *address)
{
    char    *name;
    size_t   size;

    size = NI_MAXHOST + 512;

    name = ngx_pnalloc(conninfo->cf->pool, size);
    if (name == NULL) {
        return NULL;
    }

    (void) ngx_snprintf((u_char *) name, size - 1, "%s%s%s port %s%Z",
                        address->host ? address->host : "",
                        address->host && address->hostaddr ? " " : "",
                        address->hostaddr ? address->hostaddr : "",
                        address->port ? address->port : "5432");
    name[size - 1] = '\0';

    return name;
}


ngx_int_t
ehr_target_make(ehr_conninfo_t *conninfo, ehr_target_t *target,
    const ehr_address_t *address, const char *session)
{
    ngx_uint_t           n;
    ngx_pool_t          *pool;
    PQconninfoOption    *option;
    ehr_target_maker_t   maker;

    pool = conninfo->cf->pool;

    n = EHR_TARGET_ADDED;

    for (option = conninfo->given; option->keyword != NULL; option++) {
        n++;
    }

    target->keywords = ngx_pcalloc(pool, n * sizeof(char *));
    target->values = ngx_pcalloc(pool, n * sizeof(char *));
    target->name = ehr_target_name(conninfo, address);

    if (target->keywords == NULL || target->values == NULL
        || target->name == NULL)
    {
        return NGX_ERROR;
    }

    maker.conninfo = conninfo;
    maker.target = target;
    maker.n = 0;
    maker.status = NGX_OK;

    ehr_target_set(&maker, "host", address->host);
    ehr_target_set(&maker, "hostaddr", address->hostaddr);
    ehr_target_set(&maker, "port", address->port);
    ehr_target_set(&maker, "sslmode", ehr_target_sslmode(conninfo, address));
    ehr_target_set(&maker, "target_session_attrs", session);
    ehr_target_set_common(&maker);

    return maker.status;
}
