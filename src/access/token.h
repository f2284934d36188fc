/*
 * Access tokens as text: what token_cache.c needs of token.c.
 */

#ifndef EHR_TOKEN_H
#define EHR_TOKEN_H

#include "access.h"


#define EHR_TOKEN_MAX  4096

/*
 * Checks everything about a token that does not change while it lives: form,
 * signature, claims; not revocation and permissions.  Fills *who, but for
 * `permissions`, on EHR_TOKEN_OK only.
 */
ehr_token_result_t ehr_token_read(ehr_token_conf_t *conf,
    const ngx_str_t *token, time_t now, ehr_principal_t *who);

/* "staff" or "portal". */
const char *ehr_audience_name(ehr_audience_t audience);

/* [A-Z][A-Z0-9_]*, shorter than EHR_ROLE_NAME. */
ngx_int_t ehr_is_role_name(const char *name, size_t len);

#endif /* EHR_TOKEN_H */
