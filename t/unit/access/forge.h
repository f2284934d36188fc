/*
 * Tokens as an attacker would make them: any header, any payload, any key.
 */

#ifndef FORGE_H
#define FORGE_H

#include "../../../src/access/access.h"
#include <openssl/evp.h>

typedef struct {
    ngx_pool_t         *pool;
    ehr_token_conf_t    conf;
    ehr_key_t           keys[3];        /* "hs" HS256, "rs" RS256, "es" ES256 */
    ngx_str_t           public_pem[3];  /* of "rs" and "es" */
    u_char              secret[32];
    time_t              now;
} forge_t;

/* Three keys and a configuration; HS256 signs. */
void forge_create(forge_t *forge);
void forge_destroy(forge_t *forge);

/*
 * The token with these JSON texts, signed with HMAC-SHA256 (pkey NULL) or
 * with pkey; NUL-terminated, of the forge's pool.
 */
ngx_str_t forge_token(forge_t *forge, const char *header, const char *payload,
    const void *secret, size_t len, EVP_PKEY *pkey);

/* The same signed with the HS256 key of the configuration. */
ngx_str_t forge_hs(forge_t *forge, const char *header, const char *payload);

#endif /* FORGE_H */
