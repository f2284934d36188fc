/*
 * Between conninfo.c, which reads a conninfo string, and target.c, which makes
 * of each address what libpq is given.
 */

#ifndef EHR_CONNINFO_H
#define EHR_CONNINFO_H

#include "store_private.h"


typedef struct {
    const char        *host;            /* null: the default socket */
    const char        *hostaddr;        /* null: host is a directory */
    const char        *port;            /* null: the default */
} ehr_address_t;

typedef struct {
    ngx_conf_t        *cf;
    ehr_store_conf_t  *store;
    ehr_lane_conf_t   *lane;
    PQconninfoOption  *given;
    ngx_array_t        addresses;       /* of ehr_address_t */
    const char        *options;         /* server settings */
} ehr_conninfo_t;


/* A keyword's value as given, or NULL. */
const char *ehr_conninfo_given(ehr_conninfo_t *conninfo, const char *keyword);
/* A copy that lives as long as the configuration; NULL without memory. */
const char *ehr_conninfo_copy(ehr_conninfo_t *conninfo, const char *value);

/* Sets conninfo->options.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_target_options(ehr_conninfo_t *conninfo);
/* Fills a target for an address; `session` is its target_session_attrs, NULL
 * for none.  NGX_OK or NGX_ERROR. */
ngx_int_t ehr_target_make(ehr_conninfo_t *conninfo, ehr_target_t *target,
    const ehr_address_t *address, const char *session);

#endif /* EHR_CONNINFO_H */
