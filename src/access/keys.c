/*
 * Key files.  Read by the master while it reads the configuration, so that
 * workers never open one; wiped from memory with the cycle they belong to.
 */

#include "access.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "encoding.h"


#define EHR_KEY_MIN       32
#define EHR_KEY_FILE_MAX  16384
#define EHR_RSA_BITS_MIN  2048


static ngx_uint_t ehr_key_is(const ehr_key_t *key, const char *algorithm);
static const char *ehr_key_recipe(const ehr_key_t *key);
static ngx_int_t ehr_key_file(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *text, const ehr_key_t *key);
static ngx_int_t ehr_key_check_file(ngx_conf_t *cf, ngx_str_t *path,
    struct stat *info);
static ngx_int_t ehr_key_secret(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *text, ehr_key_t *key);
static ssize_t ehr_key_decode(u_char *out, ngx_str_t *text);
static ssize_t ehr_key_decode_hex(u_char *out, ngx_str_t *text);
static ssize_t ehr_key_decode_base64(u_char *out, ngx_str_t *text);
static ngx_int_t ehr_key_pem(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *text, ehr_key_t *key);
static ngx_int_t ehr_key_fits(ngx_conf_t *cf, ngx_str_t *path,
    ehr_key_t *key);
static ngx_int_t ehr_key_keep(ngx_conf_t *cf, ngx_str_t *out,
    const void *data, size_t len);


ngx_int_t
ehr_key_read(ngx_conf_t *cf, ngx_str_t *path, ehr_key_t *key)
{
    ngx_int_t  rc;
    ngx_str_t  text;
    u_char     buffer[EHR_KEY_FILE_MAX];

    text.data = buffer;
    text.len = sizeof(buffer);

    rc = ehr_key_file(cf, path, &text, key);

    if (rc == NGX_OK) {
        rc = ehr_key_secret(cf, path, &text, key);
    }

    ngx_explicit_memzero(buffer, sizeof(buffer));

    return rc;
}


ngx_int_t
ehr_key_read_jwt(ngx_conf_t *cf, ngx_str_t *path, ehr_key_t *key)
{
    ngx_int_t  rc;
    ngx_str_t  text;
    u_char     buffer[EHR_KEY_FILE_MAX];

    if (ehr_key_is(key, "HS256")) {
        return ehr_key_read(cf, path, key);
    }

    text.data = buffer;
    text.len = sizeof(buffer);

    rc = ehr_key_file(cf, path, &text, key);

    if (rc == NGX_OK) {
        rc = ehr_key_pem(cf, path, &text, key);
    }

    ngx_explicit_memzero(buffer, sizeof(buffer));

    /* nginx logs whatever is left in OpenSSL's error queue as an alert */
    ERR_clear_error();

    return rc;
}


static ngx_uint_t
ehr_key_is(const ehr_key_t *key, const char *algorithm)
{
    return key->algorithm.len == ngx_strlen(algorithm)
           && ngx_memcmp(key->algorithm.data, algorithm,
                         key->algorithm.len) == 0;
}


/* What makes such a key: all but the file's name. */
static const char *
ehr_key_recipe(const ehr_key_t *key)
{
    if (ehr_key_is(key, "RS256")) {
        return "openssl genpkey -algorithm RSA "
               "-pkeyopt rsa_keygen_bits:3072 -out";
    }

    if (ehr_key_is(key, "ES256")) {
        return "openssl genpkey -algorithm EC "
               "-pkeyopt ec_paramgen_curve:P-256 -out";
    }

    return "openssl rand -hex 32 >";
}


/* Reads the file into text, which comes with the buffer's size as len, and
 * makes *path absolute (relative ones start at nginx.conf's folder). */
static ngx_int_t
ehr_key_file(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *text,
    const ehr_key_t *key)
{
    int          fd;
    ssize_t      n;
    ngx_int_t    rc;
    struct stat  info;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    /* nonblocking: opening a FIFO must not hang the start */
    fd = open((char *) path->data, O_RDONLY|O_NONBLOCK|O_CLOEXEC|O_NOCTTY);

    if (fd == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot open key file \"%V\"; make one with: "
                           "(umask 077; %s %V)",
                           path, ehr_key_recipe(key), path);
        return NGX_ERROR;
    }

    if (fstat(fd, &info) == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "fstat() of key file \"%V\" failed", path);
        (void) close(fd);
        return NGX_ERROR;
    }

    rc = ehr_key_check_file(cf, path, &info);

    if (rc == NGX_OK) {
        n = read(fd, text->data, text->len);

        if (n != (ssize_t) info.st_size) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, n == -1 ? ngx_errno : 0,
                               "cannot read key file \"%V\" as a whole",
                               path);
            rc = NGX_ERROR;
        }

        text->len = (size_t) info.st_size;
    }

    (void) close(fd);

    return rc;
}


static ngx_int_t
ehr_key_check_file(ngx_conf_t *cf, ngx_str_t *path, struct stat *info)
{
    if (!S_ISREG(info->st_mode)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key file \"%V\" is not a regular file", path);
        return NGX_ERROR;
    }

    if (info->st_mode & (S_IRWXG|S_IRWXO)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key file \"%V\" is open to group or others; "
                           "fix it with: chmod 600 %V", path, path);
        return NGX_ERROR;
    }

    if (info->st_uid != 0 && info->st_uid != geteuid()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key file \"%V\" belongs to user %ud, who could "
                           "change it; fix it with: chown %ud %V",
                           path, (uint32_t) info->st_uid,
                           (uint32_t) geteuid(), path);
        return NGX_ERROR;
    }

    if (info->st_size == 0 || info->st_size > EHR_KEY_FILE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key file \"%V\" has %O bytes: it must hold one "
                           "key of at most %d bytes",
                           path, (off_t) info->st_size, EHR_KEY_FILE_MAX);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ehr_key_secret(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *text,
    ehr_key_t *key)
{
    ssize_t    n;
    ngx_int_t  rc;
    u_char     secret[EHR_KEY_FILE_MAX];

    while (text->len && ngx_strchr("\r\n\t ", text->data[text->len - 1])) {
        text->len--;
    }

    n = ehr_key_decode(secret, text);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key file \"%V\" is not one line of hex or base64; "
                           "make one with: "
                           "(umask 077; %s %V)",
                           path, ehr_key_recipe(key), path);
        rc = NGX_ERROR;

    } else if (n < EHR_KEY_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key file \"%V\" holds %z bytes, ehr needs at "
                           "least %d; make one with: "
                           "(umask 077; %s %V)",
                           path, n, EHR_KEY_MIN, ehr_key_recipe(key), path);
        rc = NGX_ERROR;

    } else {
        rc = ehr_key_keep(cf, &key->secret, secret, (size_t) n);
    }

    ngx_explicit_memzero(secret, sizeof(secret));

    return rc;
}


/* Hex if every character is a hex digit and their number is even, otherwise
 * base64 in either alphabet, padded or not. */
static ssize_t
ehr_key_decode(u_char *out, ngx_str_t *text)
{
    ssize_t  n;

    n = ehr_key_decode_hex(out, text);

    return n != -1 ? n : ehr_key_decode_base64(out, text);
}


static ssize_t
ehr_key_decode_hex(u_char *out, ngx_str_t *text)
{
    if (text->len % 2
        || ehr_hex_decode(out, text->data, text->len / 2) != 0)
    {
        return -1;
    }

    return (ssize_t) (text->len / 2);
}


static ssize_t
ehr_key_decode_base64(u_char *out, ngx_str_t *text)
{
    size_t  i, len;

    len = text->len;

    while (len && text->len - len < 2 && text->data[len - 1] == '=') {
        len--;
    }

    for (i = 0; i < len; i++) {
        if (text->data[i] == '+') {
            text->data[i] = '-';

        } else if (text->data[i] == '/') {
            text->data[i] = '_';
        }
    }

    return ehr_base64url_decode(out, text->data, len);
}


/* An encrypted PEM file is refused instead of asking on the terminal. */
static int
ehr_key_no_passphrase(char *buffer, int size, int writing, void *data)
{
    (void) buffer;
    (void) size;
    (void) writing;
    (void) data;

    return -1;
}


static void
ehr_key_free_pkey(void *data)
{
    EVP_PKEY_free(data);
}


static ngx_int_t
ehr_key_pem(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *text, ehr_key_t *key)
{
    BIO                 *bio;
    EVP_PKEY            *pkey;
    ngx_pool_cleanup_t  *cleanup;

    bio = BIO_new_mem_buf(text->data, (int) text->len);

    if (bio == NULL) {
        return NGX_ERROR;
    }

    pkey = PEM_read_bio_PrivateKey(bio, NULL, ehr_key_no_passphrase, NULL);
    BIO_free(bio);

    if (pkey == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key file \"%V\" is not a private key in PEM "
                           "without passphrase, as %V needs; make one "
                           "with: (umask 077; %s %V)", path,
                           &key->algorithm, ehr_key_recipe(key), path);
        return NGX_ERROR;
    }

    cleanup = ngx_pool_cleanup_add(cf->pool, 0);

    if (cleanup == NULL) {
        EVP_PKEY_free(pkey);
        return NGX_ERROR;
    }

    cleanup->handler = ehr_key_free_pkey;
    cleanup->data = pkey;
    key->pkey = pkey;

    return ehr_key_fits(cf, path, key);
}


static ngx_int_t
ehr_key_fits(ngx_conf_t *cf, ngx_str_t *path, ehr_key_t *key)
{
    char  group[64];

    if (ehr_key_is(key, "RS256")) {
        if (EVP_PKEY_is_a(key->pkey, "RSA")
            && EVP_PKEY_get_bits(key->pkey) >= EHR_RSA_BITS_MIN)
        {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key file \"%V\" is not an RSA key of %d bits or "
                           "more; make one with: (umask 077; %s %V)",
                           path, EHR_RSA_BITS_MIN, ehr_key_recipe(key), path);
        return NGX_ERROR;
    }

    if (ehr_key_is(key, "ES256")) {
        if (EVP_PKEY_is_a(key->pkey, "EC")
            && EVP_PKEY_get_group_name(key->pkey, group, sizeof(group), NULL)
            && ngx_strcmp(group, "prime256v1") == 0)
        {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key file \"%V\" is not an EC key on P-256; make "
                           "one with: (umask 077; %s %V)",
                           path, ehr_key_recipe(key), path);
        return NGX_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown algorithm \"%V\" of key file \"%V\": it is "
                       "HS256, RS256 or ES256", &key->algorithm, path);

    return NGX_ERROR;
}


static void
ehr_key_wipe(void *data)
{
    ngx_str_t  *secret = data;

    ngx_explicit_memzero(secret->data, secret->len);
}


/* Copies to pool memory that is wiped when the pool goes. */
static ngx_int_t
ehr_key_keep(ngx_conf_t *cf, ngx_str_t *out, const void *data, size_t len)
{
    ngx_pool_cleanup_t  *cleanup;

    cleanup = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_str_t));

    if (cleanup == NULL) {
        return NGX_ERROR;
    }

    out->len = len;
    out->data = ngx_pnalloc(cf->pool, len);

    if (out->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(out->data, data, len);
    *(ngx_str_t *) cleanup->data = *out;
    cleanup->handler = ehr_key_wipe;

    return NGX_OK;
}
