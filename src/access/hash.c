#include "hash.h"

#include <endian.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>


#define ehr_rotate(x, n)  ((x) << (n) | (x) >> (64 - (n)))


static uint64_t
ehr_little_endian(const unsigned char *in)
{
    uint64_t  value;

    memcpy(&value, in, 8);

    return le64toh(value);
}


static void
ehr_siphash_rounds(uint64_t v[4], int n)
{
    while (n--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = ehr_rotate(v[1], 13) ^ v[0];
        v[3] = ehr_rotate(v[3], 16) ^ v[2];
        v[0] = ehr_rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = ehr_rotate(v[1], 17) ^ v[2];
        v[3] = ehr_rotate(v[3], 21) ^ v[0];
        v[2] = ehr_rotate(v[2], 32);
    }
}


void
ehr_siphash(const unsigned char key[EHR_SIPHASH_KEY],
    const unsigned char *in, size_t len, uint64_t out[2])
{
    size_t    left;
    uint64_t  k0, k1, word, v[4];

    k0 = ehr_little_endian(key);
    k1 = ehr_little_endian(key + 8);

    v[0] = k0 ^ 0x736f6d6570736575;
    v[1] = k1 ^ 0x646f72616e646f6d ^ 0xee;
    v[2] = k0 ^ 0x6c7967656e657261;
    v[3] = k1 ^ 0x7465646279746573;

    for (left = len; left >= 8; left -= 8, in += 8) {
        word = ehr_little_endian(in);
        v[3] ^= word;
        ehr_siphash_rounds(v, 2);
        v[0] ^= word;
    }

    word = (uint64_t) len << 56;

    while (left--) {
        word |= (uint64_t) in[left] << 8 * left;
    }

    v[3] ^= word;
    ehr_siphash_rounds(v, 2);
    v[0] ^= word;

    v[2] ^= 0xee;
    ehr_siphash_rounds(v, 4);
    out[0] = v[0] ^ v[1] ^ v[2] ^ v[3];

    v[1] ^= 0xdd;
    ehr_siphash_rounds(v, 4);
    out[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}


/* Looking an algorithm up costs more than using it, so one context is kept
 * for the life of the process. */
static EVP_MAC_CTX *
ehr_hmac_context(void)
{
    static EVP_MAC_CTX  *context;

    EVP_MAC    *mac;
    OSSL_PARAM  parameters[2];

    if (context) {
        return context;
    }

    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    if (mac == NULL) {
        return NULL;
    }

    context = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);

    parameters[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                     "SHA256", 0);
    parameters[1] = OSSL_PARAM_construct_end();

    if (context && EVP_MAC_CTX_set_params(context, parameters) != 1) {
        EVP_MAC_CTX_free(context);
        context = NULL;
    }

    return context;
}


int
ehr_hmac(const unsigned char *key, size_t key_len, const ehr_bytes_t *parts,
    size_t n, unsigned char out[EHR_HMAC])
{
    size_t        i, len;
    EVP_MAC_CTX  *context;

    context = ehr_hmac_context();

    if (context == NULL || EVP_MAC_init(context, key, key_len, NULL) != 1) {
        goto failed;
    }

    for (i = 0; i < n; i++) {
        if (EVP_MAC_update(context, parts[i].data, parts[i].len) != 1) {
            goto failed;
        }
    }

    if (EVP_MAC_final(context, out, &len, EHR_HMAC) != 1 || len != EHR_HMAC) {
        goto failed;
    }

    return 0;

failed:

    /* nginx logs whatever is left in OpenSSL's error queue as an alert */
    ERR_clear_error();
    memset(out, 0, EHR_HMAC);

    return -1;
}
