/* build: src/access/token.c src/access/signature.c src/access/token_sign.c src/access/encoding.c src/access/hash.c src/access/random.c src/model/json_memory.c t/unit/access/forge.c t/unit/access/nginx_stubs.c -ljansson -lcrypto */

/*
 * Access tokens.  Even first byte: the rest is a token as it came, which
 * nobody signed.  Odd: it is a header and, behind a zero byte, claims that
 * somebody with our HS256 key has signed.
 */

#include "fuzz.h"

#include "../../src/access/token.h"
#include "../unit/access/forge.h"
#include "../unit/access/nginx_stubs.h"


static forge_t  forge;


/* What a token that is accepted has told. */
static void
check_principal(const ehr_principal_t *who)
{
    ngx_uint_t  i;

    fuzz_assert(strlen((const char *) who->user_text) == 36);
    fuzz_assert(strlen((const char *) who->session_text) == 36);
    fuzz_assert(who->audience == EHR_AUDIENCE_STAFF
                || who->audience == EHR_AUDIENCE_PORTAL);
    fuzz_assert(who->nroles <= EHR_MAX_ROLES);
    fuzz_assert(who->expires > forge.now);
    fuzz_assert(who->issued <= forge.now + forge.conf.leeway);

    for (i = 0; i < who->nroles; i++) {
        fuzz_assert(ehr_is_role_name((const char *) who->roles[i],
                            strnlen((const char *) who->roles[i],
                                    EHR_ROLE_NAME)));
    }
}


static void
unsigned_token(const uint8_t *data, size_t size)
{
    uint8_t          *copy;
    ngx_str_t         token;
    ehr_principal_t   who;

    copy = fuzz_copy(data, size);
    token.data = copy;
    token.len = size;

    fuzz_assert(ehr_token_read(&forge.conf, &token, forge.now, &who)
                != EHR_TOKEN_OK);
    free(copy);
}


static void
signed_token(const uint8_t *data, size_t size)
{
    char             *text;
    size_t            len;
    ngx_str_t         token;
    ngx_pool_t       *pool;
    ehr_principal_t   who;

    text = malloc(size + 2);
    memcpy(text, data, size);
    text[size] = text[size + 1] = '\0';
    len = strlen(text);

    pool = forge.pool;
    forge.pool = stub_pool_create();
    token = forge_hs(&forge, text, text + len + 1);

    if (ehr_token_read(&forge.conf, &token, forge.now, &who) == EHR_TOKEN_OK) {
        check_principal(&who);
    }

    stub_pool_destroy(forge.pool);
    forge.pool = pool;
    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (forge.pool == NULL) {
        forge_create(&forge);
    }

    if (size == 0) {
        return 0;
    }

    if (data[0] & 1) {
        signed_token(data + 1, size - 1);

    } else {
        unsigned_token(data + 1, size - 1);
    }

    return 0;
}
