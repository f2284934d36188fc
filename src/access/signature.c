/*
 * Signatures of tokens (RFC 7518): HS256, RS256, ES256.
 */

#include "token.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "hash.h"


/* ES256's signature is two numbers of this length; OpenSSL's is their DER. */
#define EHR_ES256_NUMBER  32
#define EHR_ES256_DER     80


static ngx_int_t ehr_signature_is_ecdsa(ehr_key_t *key);
static size_t ehr_signature_from_der(u_char *signature, size_t len);
static size_t ehr_signature_to_der(u_char *der, const u_char *signature);


/*
 * By a copy of the key: OpenSSL 3.0 keeps what blinds an RSA key against timing
 * in the key, half changed when memory was short, and the next signatures by
 * it are wrong.
 */
size_t
ehr_signature_make(ehr_key_t *key, const u_char *text, size_t len,
    u_char *signature)
{
    size_t        n;
    EVP_PKEY     *copy;
    EVP_MD_CTX   *context;
    ehr_bytes_t   part = { text, len };

    if (key->pkey == NULL) {
        return ehr_hmac(key->secret.data, key->secret.len, &part, 1,
                        signature) == 0 ? EHR_HMAC : 0;
    }

    n = EHR_SIGNATURE_MAX;
    copy = EVP_PKEY_dup(key->pkey);
    context = EVP_MD_CTX_new();

    if (copy == NULL
        || context == NULL
        || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, copy) != 1
        || EVP_DigestSign(context, signature, &n, text, len) != 1)
    {
        n = 0;
    }

    if (n && ehr_signature_is_ecdsa(key)) {
        n = ehr_signature_from_der(signature, n);
    }

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(copy);
    /* nginx logs whatever is left in OpenSSL's error queue as an alert */
    ERR_clear_error();

    return n;
}


static ngx_int_t
ehr_signature_fits_hmac(ehr_key_t *key, const u_char *text, size_t len,
    const u_char *signature, size_t size)
{
    u_char       mac[EHR_HMAC];
    ehr_bytes_t  part = { text, len };

    /* with an empty key anybody could sign */
    return key->secret.len
           && size == EHR_HMAC
           && ehr_hmac(key->secret.data, key->secret.len, &part, 1, mac) == 0
           && CRYPTO_memcmp(mac, signature, EHR_HMAC) == 0;
}


ngx_int_t
ehr_signature_fits(ehr_key_t *key, const u_char *text, size_t len,
    const u_char *signature, size_t size)
{
    u_char       der[EHR_ES256_DER];
    ngx_int_t    fits;
    EVP_MD_CTX  *context;

    if (key->pkey == NULL) {
        return ehr_signature_fits_hmac(key, text, len, signature, size);
    }

    if (ehr_signature_is_ecdsa(key)) {
        size = size == 2 * EHR_ES256_NUMBER
               ? ehr_signature_to_der(der, signature) : 0;
        signature = der;
    }

    context = EVP_MD_CTX_new();

    fits = size
           && context
           && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL,
                                   key->pkey) == 1
           && EVP_DigestVerify(context, signature, size, text, len) == 1;

    EVP_MD_CTX_free(context);
    ERR_clear_error();

    return fits;
}


static ngx_int_t
ehr_signature_is_ecdsa(ehr_key_t *key)
{
    return key->algorithm.data[0] == 'E';
}


/* In place; 0 without memory. */
static size_t
ehr_signature_from_der(u_char *signature, size_t len)
{
    size_t         n;
    ECDSA_SIG     *ecdsa;
    const u_char  *der = signature;

    n = 0;
    ecdsa = d2i_ECDSA_SIG(NULL, &der, (long) len);

    if (ecdsa
        && BN_bn2binpad(ECDSA_SIG_get0_r(ecdsa), signature, EHR_ES256_NUMBER)
           == EHR_ES256_NUMBER
        && BN_bn2binpad(ECDSA_SIG_get0_s(ecdsa), signature + EHR_ES256_NUMBER,
                        EHR_ES256_NUMBER) == EHR_ES256_NUMBER)
    {
        n = 2 * EHR_ES256_NUMBER;
    }

    ECDSA_SIG_free(ecdsa);

    return n;
}


/* Fills EHR_ES256_DER bytes or less and returns how many; 0 without memory. */
static size_t
ehr_signature_to_der(u_char *der, const u_char *signature)
{
    int         n;
    BIGNUM     *r, *s;
    ECDSA_SIG  *ecdsa;

    n = 0;
    ecdsa = ECDSA_SIG_new();
    r = BN_bin2bn(signature, EHR_ES256_NUMBER, NULL);
    s = BN_bin2bn(signature + EHR_ES256_NUMBER, EHR_ES256_NUMBER, NULL);

    if (ecdsa && r && s && ECDSA_SIG_set0(ecdsa, r, s) == 1) {
        r = s = NULL;
        n = i2d_ECDSA_SIG(ecdsa, &der);
    }

    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(ecdsa);

    return n > 0 ? (size_t) n : 0;
}
