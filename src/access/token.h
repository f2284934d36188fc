/*
 * Access tokens as text: what token_cache.c and token_sign.c need of token.c
 * and signature.c.
 */

#ifndef EHR_TOKEN_H
#define EHR_TOKEN_H

#include "access.h"


#define EHR_TOKEN_MAX      4096

/* of RSA keys of up to 16384 bits */
#define EHR_SIGNATURE_MAX  2048

/*
 * Checks everything about a token that does not change while it lives: form,
 * signature, claims; not revocation and permissions.  Fills *who, but for
 * `permissions`, on EHR_TOKEN_OK only.
 */
ehr_token_result_t ehr_token_read(ehr_token_conf_t *conf,
    const ngx_str_t *token, time_t now, ehr_principal_t *who);

/*
 * Signs with a JWT key by its algorithm into EHR_SIGNATURE_MAX bytes: the
 * signature's length, 0 without memory.
 */
size_t ehr_signature_make(ehr_key_t *key, const u_char *text, size_t len,
    u_char *signature);
/* Whether that is the key's signature of the text.  Without memory it is not,
 * and errno is ENOMEM. */
ngx_int_t ehr_signature_fits(ehr_key_t *key, const u_char *text, size_t len,
    const u_char *signature, size_t size);

/* "staff" or "portal". */
const char *ehr_audience_name(ehr_audience_t audience);

/* [A-Z][A-Z0-9_]*, shorter than EHR_ROLE_NAME. */
ngx_int_t ehr_is_role_name(const char *name, size_t len);

#endif /* EHR_TOKEN_H */
