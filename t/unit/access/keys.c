/* build: src/access/keys.c src/access/encoding.c t/unit/access/nginx_stubs.c -ljansson -lcrypto -lcmocka */

#include "../../../src/access/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "nginx_stubs.h"


static char         path_text[] = "/tmp/ehr-key-XXXXXX";
static ngx_str_t    path;
static ngx_pool_t  *pool;
static ngx_conf_t   cf;
static ehr_key_t    key;

#define HEX  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"


static int
set_up(void **state)
{
    (void) state;

    (void) close(mkstemp(path_text));
    path.data = (u_char *) path_text;
    path.len = strlen(path_text);

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;

    return unlink(path_text);
}


static int
each_set_up(void **state)
{
    (void) state;

    pool = stub_pool_create();
    cf.pool = pool;
    memset(&key, 0, sizeof(key));
    stub_log[0] = '\0';

    return 0;
}


static int
each_tear_down(void **state)
{
    (void) state;

    stub_pool_destroy(pool);

    return chmod(path_text, 0600);
}


static void
put(const char *text, size_t len)
{
    int  fd;

    fd = open(path_text, O_WRONLY|O_TRUNC);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}


static void
put_pem(EVP_PKEY *pkey)
{
    FILE  *file;

    file = fopen(path_text, "w");
    assert_int_equal(PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL,
                                          NULL), 1);
    fclose(file);
    EVP_PKEY_free(pkey);
}


static void
refused_with(const char *text)
{
    assert_int_equal(ehr_key_read(&cf, &path, &key), NGX_ERROR);
    assert_int_equal(stub_log_level, NGX_LOG_EMERG);

    if (strstr(stub_log, text) == NULL) {
        fail_msg("\"%s\" says nothing of \"%s\"", stub_log, text);
    }
}


static void
jwt_refused_with(const char *algorithm, const char *text)
{
    key.algorithm = (ngx_str_t) { strlen(algorithm), (u_char *) algorithm };
    assert_int_equal(ehr_key_read_jwt(&cf, &path, &key), NGX_ERROR);

    if (strstr(stub_log, text) == NULL) {
        fail_msg("\"%s\" says nothing of \"%s\"", stub_log, text);
    }

    assert_int_equal(ERR_peek_error(), 0);
}


static void
hex_is_read(void **state)
{
    (void) state;

    put(HEX "\n", sizeof(HEX));
    assert_int_equal(ehr_key_read(&cf, &path, &key), NGX_OK);
    assert_int_equal(key.secret.len, 32);
    assert_int_equal(key.secret.data[1], 1);
    assert_int_equal(key.secret.data[31], 0xff);
}


static void
base64_is_read_in_both_alphabets(void **state)
{
    size_t  i;

    static const char *const  spellings[] = {
        "+/+/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw=\n",
        "-_-_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw",
    };

    (void) state;

    for (i = 0; i < 2; i++) {
        put(spellings[i], strlen(spellings[i]));
        assert_int_equal(ehr_key_read(&cf, &path, &key), NGX_OK);
        assert_int_equal(key.secret.len, 32);
        assert_int_equal(key.secret.data[0], 0xfb);
        assert_int_equal(key.secret.data[31], 0x1c);
    }
}


static void
short_keys_are_refused(void **state)
{
    (void) state;

    put(HEX, 62);
    refused_with("ehr needs at least");
    assert_non_null(strstr(stub_log, "at least"));

    put("AAECAwQFBgcICQoLDA0ODw==", 24);
    refused_with("at least");
}


static void
other_text_is_refused(void **state)
{
    (void) state;

    put("correct horse battery staple and so on and on and on\n", 53);
    refused_with("hex or base64");

    put(HEX "\n" HEX "\n", 130);
    refused_with("hex or base64");

    put("", 0);
    refused_with("must hold one key");
}


static void
open_files_are_refused(void **state)
{
    int  i;

    static const mode_t  modes[] = { 0640, 0604, 0610, 0602, 0620, 0666 };

    (void) state;

    put(HEX, 64);

    for (i = 0; i < 6; i++) {
        chmod(path_text, modes[i]);
        refused_with("chmod 600");
    }

    chmod(path_text, 0400);
    assert_int_equal(ehr_key_read(&cf, &path, &key), NGX_OK);
}


static void
others_files_are_refused(void **state)
{
    (void) state;

    if (geteuid() != 0) {
        skip();
    }

    put(HEX, 64);
    assert_int_equal(chown(path_text, 12345, 0), 0);
    refused_with("chown");
    assert_int_equal(chown(path_text, 0, 0), 0);
}


static void
what_is_no_file_is_refused(void **state)
{
    ngx_str_t  missing = ngx_string("/tmp/ehr-there-is-no-such-key");
    ngx_str_t  folder = ngx_string("/tmp");
    ngx_str_t  device = ngx_string("/dev/zero");

    (void) state;

    assert_int_equal(ehr_key_read(&cf, &missing, &key), NGX_ERROR);
    assert_non_null(strstr(stub_log, "make one with"));
    assert_int_equal(ehr_key_read(&cf, &folder, &key), NGX_ERROR);
    assert_non_null(strstr(stub_log, "regular file"));
    assert_int_equal(ehr_key_read(&cf, &device, &key), NGX_ERROR);
    assert_non_null(strstr(stub_log, "regular file"));
}


static void
fifo_does_not_hang(void **state)
{
    (void) state;

    assert_int_equal(unlink(path_text), 0);
    assert_int_equal(mkfifo(path_text, 0600), 0);
    refused_with("regular file");
    assert_int_equal(unlink(path_text), 0);
    close(open(path_text, O_CREAT|O_WRONLY, 0600));
}


static void
jwt_keys_must_fit_their_algorithm(void **state)
{
    (void) state;

    put_pem(EVP_RSA_gen(1024));
    jwt_refused_with("RS256", "bits or more");
    jwt_refused_with("ES256", "P-256");
    jwt_refused_with("HS256", "hex or base64");
    jwt_refused_with("RS384", "unknown algorithm");
    jwt_refused_with("none", "unknown algorithm");

    put_pem(EVP_EC_gen("P-384"));
    jwt_refused_with("ES256", "P-256");
    jwt_refused_with("RS256", "bits or more");

    put_pem(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    jwt_refused_with("ES256", "P-256");

    put(HEX, 64);
    jwt_refused_with("RS256", "private key in PEM");
}


static void
encrypted_pem_is_refused_without_asking(void **state)
{
    FILE      *file;
    EVP_PKEY  *pkey;

    (void) state;

    pkey = EVP_EC_gen("P-256");
    file = fopen(path_text, "w");
    PEM_write_PrivateKey(file, pkey, EVP_aes_256_cbc(), (u_char *) "x", 1,
                         NULL, NULL);
    fclose(file);
    EVP_PKEY_free(pkey);

    jwt_refused_with("ES256", "without passphrase");
}


static void
jwt_keys_are_read(void **state)
{
    (void) state;

    put_pem(EVP_RSA_gen(2048));
    ngx_str_set(&key.algorithm, "RS256");
    assert_int_equal(ehr_key_read_jwt(&cf, &path, &key), NGX_OK);
    assert_int_equal(key.secret.len, 0);
    assert_non_null(key.pkey);

    put_pem(EVP_EC_gen("P-256"));
    ngx_str_set(&key.algorithm, "ES256");
    assert_int_equal(ehr_key_read_jwt(&cf, &path, &key), NGX_OK);

    memset(&key, 0, sizeof(key));
    put(HEX, 64);
    ngx_str_set(&key.algorithm, "HS256");
    assert_int_equal(ehr_key_read_jwt(&cf, &path, &key), NGX_OK);
    assert_int_equal(key.secret.len, 32);
    assert_null(key.pkey);
}


#define each(test)                                                            \
    cmocka_unit_test_setup_teardown(test, each_set_up, each_tear_down)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        each(hex_is_read),
        each(base64_is_read_in_both_alphabets),
        each(short_keys_are_refused),
        each(other_text_is_refused),
        each(open_files_are_refused),
        each(others_files_are_refused),
        each(what_is_no_file_is_refused),
        each(fifo_does_not_hang),
        each(jwt_keys_must_fit_their_algorithm),
        each(encrypted_pem_is_refused_without_asking),
        each(jwt_keys_are_read),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
