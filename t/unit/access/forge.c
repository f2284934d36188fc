/*
 * No test by itself: linked into those of tokens.
 */

#include "forge.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "../../../src/access/encoding.h"
#include "nginx_stubs.h"


static ngx_str_t
forge_pem(forge_t *forge, BIO *bio)
{
    char       *text;
    ngx_str_t   pem;

    pem.len = (size_t) BIO_get_mem_data(bio, &text);
    pem.data = ngx_palloc(forge->pool, pem.len);
    memcpy(pem.data, text, pem.len);
    BIO_free(bio);

    return pem;
}


static void
forge_key(forge_t *forge, int i, EVP_PKEY *pkey)
{
    BIO  *bio;

    forge->keys[i].pkey = pkey;

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, pkey);
    forge->public_pem[i] = forge_pem(forge, bio);
}


void
forge_create(forge_t *forge)
{
    memset(forge, 0, sizeof(forge_t));
    memset(forge->secret, 's', sizeof(forge->secret));

    forge->pool = stub_pool_create();
    forge->now = 1800000000;
    stub_set_time(forge->now);

    ngx_str_set(&forge->keys[0].id, "hs");
    ngx_str_set(&forge->keys[0].algorithm, "HS256");
    forge->keys[0].secret = (ngx_str_t) { 32, forge->secret };

    ngx_str_set(&forge->keys[1].id, "rs");
    ngx_str_set(&forge->keys[1].algorithm, "RS256");
    forge_key(forge, 1, EVP_RSA_gen(2048));

    ngx_str_set(&forge->keys[2].id, "es");
    ngx_str_set(&forge->keys[2].algorithm, "ES256");
    forge_key(forge, 2, EVP_EC_gen("P-256"));

    forge->conf.keys.elts = forge->keys;
    forge->conf.keys.nelts = 3;
    forge->conf.signer = &forge->keys[0];
    forge->conf.lifetime = 900;
    forge->conf.leeway = 5;
    ngx_str_set(&forge->conf.issuer, "https://ehr.example");
}


void
forge_destroy(forge_t *forge)
{
    EVP_PKEY_free(forge->keys[1].pkey);
    EVP_PKEY_free(forge->keys[2].pkey);
    stub_pool_destroy(forge->pool);
}


/* ECDSA in JOSE is r and s of 32 bytes each. */
static size_t
forge_raw_ecdsa(u_char *out, const u_char *der, size_t len)
{
    ECDSA_SIG  *signature;

    signature = d2i_ECDSA_SIG(NULL, &der, (long) len);
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + 32, 32);
    ECDSA_SIG_free(signature);

    return 64;
}


static size_t
forge_signature(u_char *out, const u_char *text, size_t len, EVP_PKEY *pkey)
{
    size_t       n;
    u_char       der[512];
    EVP_MD_CTX  *context;

    n = sizeof(der);
    context = EVP_MD_CTX_new();
    assert(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pkey) == 1);
    assert(EVP_DigestSign(context, der, &n, text, len) == 1);
    EVP_MD_CTX_free(context);

    if (EVP_PKEY_is_a(pkey, "EC")) {
        return forge_raw_ecdsa(out, der, n);
    }

    memcpy(out, der, n);

    return n;
}


ngx_str_t
forge_token(forge_t *forge, const char *header, const char *payload,
    const void *secret, size_t len, EVP_PKEY *pkey)
{
    u_char     *p, signature[512];
    size_t      n;
    unsigned    size;
    ngx_str_t   token;

    token.data = ngx_palloc(forge->pool,
                            (strlen(header) + strlen(payload)) * 2 + 1024);
    p = ehr_base64url_encode(token.data, (u_char *) header, strlen(header));
    *p++ = '.';
    p = ehr_base64url_encode(p, (u_char *) payload, strlen(payload));

    if (pkey) {
        n = forge_signature(signature, token.data, p - token.data, pkey);

    } else {
        HMAC(EVP_sha256(), secret, (int) len, token.data, p - token.data,
             signature, &size);
        n = size;
    }

    *p++ = '.';
    p = ehr_base64url_encode(p, signature, n);
    *p = '\0';
    token.len = p - token.data;

    return token;
}


ngx_str_t
forge_hs(forge_t *forge, const char *header, const char *payload)
{
    return forge_token(forge, header, payload, forge->secret, 32, NULL);
}
