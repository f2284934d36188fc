/*
 * Encryption of single fields.  Uses no function of nginx, so that tools and
 * unit tests link it alone.  The contexts are kept for the life of the
 * process and belong to its event loop: not for threads.
 */

#include "access.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "hash.h"


#define EHR_CIPHER_KEY    32
#define EHR_CIPHER_NONCE  12
#define EHR_CIPHER_TAG    16


ehr_key_t *
ehr_key_of_version(const ngx_array_t *keys, ngx_uint_t version)
{
    ehr_key_t   *key;
    ngx_uint_t   i;

    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        if (key[i].version == version) {
            return &key[i];
        }
    }

    return NULL;
}


/* A secret of 32 bytes is the AES key; a longer one is reduced to it. */
static const u_char *
ehr_cipher_key(ehr_key_t *key, u_char reduced[EHR_CIPHER_KEY])
{
    if (key->secret.len == EHR_CIPHER_KEY) {
        return key->secret.data;
    }

    return SHA256(key->secret.data, key->secret.len, reduced);
}


/* The process's context, set to a key, a nonce and the authenticated data. */
static EVP_CIPHER_CTX *
ehr_cipher_start(ehr_key_t *key, ngx_str_t *context, const u_char *nonce,
    int encrypt)
{
    static EVP_CIPHER      *cipher;
    static EVP_CIPHER_CTX  *cipher_context;

    int      n, ok;
    u_char   reduced[EHR_CIPHER_KEY];

    if (cipher == NULL) {
        cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    }

    if (cipher_context == NULL) {
        cipher_context = EVP_CIPHER_CTX_new();
    }

    if (cipher == NULL || cipher_context == NULL) {
        return NULL;
    }

    ok = EVP_CipherInit_ex2(cipher_context, cipher,
                            ehr_cipher_key(key, reduced), nonce, encrypt,
                            NULL);
    OPENSSL_cleanse(reduced, sizeof(reduced));

    if (ok != 1
        || EVP_CipherUpdate(cipher_context, NULL, &n, context->data,
                            (int) context->len) != 1)
    {
        return NULL;
    }

    return cipher_context;
}


ngx_int_t
ehr_field_encrypt(ehr_field_keys_t *keys, ngx_str_t *context,
    const u_char *text, size_t len, u_char *out)
{
    int              n, last;
    u_char          *nonce, *body;
    EVP_CIPHER_CTX  *cipher;

    if (len > INT_MAX - EHR_CIPHER_OVERHEAD) {
        return NGX_ERROR;
    }

    nonce = out + 1;
    body = nonce + EHR_CIPHER_NONCE;
    out[0] = (u_char) keys->current->version;

    /* Random nonces are safe for 2^32 fields a key: rotate before that. */
    if (RAND_bytes(nonce, EHR_CIPHER_NONCE) != 1) {
        goto failed;
    }

    cipher = ehr_cipher_start(keys->current, context, nonce, 1);

    if (cipher == NULL
        || EVP_CipherUpdate(cipher, body, &n, text, (int) len) != 1
        || EVP_CipherFinal_ex(cipher, body + n, &last) != 1
        || EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, EHR_CIPHER_TAG,
                               body + len) != 1)
    {
        goto failed;
    }

    return NGX_OK;

failed:

    ERR_clear_error();

    return NGX_ERROR;
}


ngx_int_t
ehr_field_decrypt(ehr_field_keys_t *keys, ngx_str_t *context,
    const u_char *data, size_t len, u_char *out)
{
    int              n, last;
    u_char           tag[EHR_CIPHER_TAG];
    ehr_key_t       *key;
    const u_char    *nonce, *body;
    EVP_CIPHER_CTX  *cipher;

    if (len < EHR_CIPHER_OVERHEAD || len > INT_MAX) {
        return NGX_ERROR;
    }

    key = ehr_key_of_version(&keys->keys, data[0]);

    if (key == NULL) {
        return NGX_DECLINED;
    }

    nonce = data + 1;
    body = nonce + EHR_CIPHER_NONCE;
    len -= EHR_CIPHER_OVERHEAD;
    ngx_memcpy(tag, body + len, EHR_CIPHER_TAG);

    cipher = ehr_cipher_start(key, context, nonce, 0);

    if (cipher == NULL
        || EVP_CipherUpdate(cipher, out, &n, body, (int) len) != 1
        || EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, EHR_CIPHER_TAG,
                               tag) != 1
        || EVP_CipherFinal_ex(cipher, out + n, &last) != 1)
    {
        /* what was decrypted before the tag was checked is not to be used */
        OPENSSL_cleanse(out, len);
        ERR_clear_error();
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ehr_blind_index(ehr_key_t *key, ngx_str_t *purpose, const u_char *text,
    size_t len, u_char out[EHR_BLIND_INDEX])
{
    ehr_bytes_t  parts[3];

    parts[0] = (ehr_bytes_t) { purpose->data, purpose->len };
    parts[1] = (ehr_bytes_t) { "", 1 };
    parts[2] = (ehr_bytes_t) { text, len };

    out[0] = (u_char) key->version;

    return ehr_hmac(key->secret.data, key->secret.len, parts, 3, out + 1) == 0
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ehr_blind_indexes(ehr_field_keys_t *keys, ngx_str_t *purpose,
    const u_char *text, size_t len, u_char out[EHR_BLIND_INDEXES], size_t *n)
{
    ehr_key_t   *key = keys->index_keys.elts;
    ngx_uint_t   i;

    for (i = 0; i < keys->index_keys.nelts; i++) {
        if (ehr_blind_index(&key[i], purpose, text, len,
                            out + i * EHR_BLIND_INDEX)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    *n = keys->index_keys.nelts * EHR_BLIND_INDEX;

    return NGX_OK;
}
