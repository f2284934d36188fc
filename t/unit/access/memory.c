/* build: src/access/field_cipher.c src/access/token.c src/access/token_sign.c src/access/signature.c src/access/encoding.c src/access/hash.c src/access/random.c src/model/json_memory.c t/unit/access/forge.c t/unit/access/nginx_stubs.c -ljansson -lcrypto -lcmocka @t/unit/memory */

/*
 * Without memory: each allocation fails, ours, jansson's and OpenSSL's, alone
 * or with all that follow it.  A token is then whole or not there and never
 * taken for a bad one, a field is under its key or not encrypted; and when
 * there is memory again, all is as before.
 */

#include "../../../src/access/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "../../../src/access/encoding.h"
#include "../../../src/access/hash.h"
#include "../../../src/model/json_memory.h"
#include "../memory.h"
#include "forge.h"
#include "nginx_stubs.h"


static forge_t  forge;


static void *
openssl_malloc(size_t size, const char *file, int line)
{
    (void) file;
    (void) line;
    return malloc(size);
}


static void *
openssl_realloc(void *old, size_t size, const char *file, int line)
{
    (void) file;
    (void) line;
    return realloc(old, size);
}


static void
openssl_free(void *block, const char *file, int line)
{
    (void) file;
    (void) line;
    free(block);
}


static ngx_int_t
sign(ngx_str_t *token)
{
    ngx_str_t        email = ngx_string("somebody@test.example");
    ehr_principal_t  who;

    memset(&who, 0, sizeof(who));
    who.audience = EHR_AUDIENCE_PORTAL;
    strcpy((char *) who.roles[0], "PATIENT");
    who.nroles = 1;

    return ehr_token_sign(&forge.conf, forge.pool, &who, &email, token);
}


static ehr_token_result_t
read_token(ngx_str_t *token)
{
    ehr_principal_t  who;

    return ehr_token_read(&forge.conf, token, forge.now, &who);
}


/* Whether so many allocations were enough. */
static int
were_enough(void)
{
    int  enough = !memory_comes_back();

    assert_int_equal(ERR_peek_error(), 0);

    return enough;
}


/* How many allocations a signature takes.  What OpenSSL can do without one
 * may be whole nevertheless, and what failed leaves nothing behind. */
static long
each_of_signing_fails(int all_after)
{
    long       n;
    ngx_int_t  rc;
    ngx_str_t  token;

    for (n = 0; ; n++) {
        memory_fails_after(n, all_after);
        rc = sign(&token);

        if (were_enough()) {
            assert_int_equal(rc, NGX_OK);
            return n;
        }

        if (rc == NGX_OK) {
            assert_int_equal(read_token(&token), EHR_TOKEN_OK);
        }

        assert_int_equal(sign(&token), NGX_OK);
        assert_int_equal(read_token(&token), EHR_TOKEN_OK);
    }
}


static long
each_of_reading_fails(int all_after)
{
    long                n;
    ngx_str_t           token;
    ehr_token_result_t  result;

    assert_int_equal(sign(&token), NGX_OK);

    for (n = 0; ; n++) {
        memory_fails_after(n, all_after);
        result = read_token(&token);

        if (were_enough()) {
            assert_int_equal(result, EHR_TOKEN_OK);
            return n;
        }

        assert_true(result == EHR_TOKEN_OK || result == EHR_TOKEN_NOT_READY);
        assert_int_equal(read_token(&token), EHR_TOKEN_OK);
    }
}


static void
tokens_are_whole_or_not_there(void **state)
{
    int  key, all_after;

    (void) state;

    for (all_after = 0; all_after < 2; all_after++) {
        for (key = 0; key < 3; key++) {
            forge.conf.signer = &forge.keys[key];
            assert_true(each_of_signing_fails(all_after) > 20);
            assert_true(each_of_reading_fails(all_after) > 20);
        }
    }
}


#define FIELD  "+1 555 010 2030"

static u_char            field_secret[2][40] = { "first", "second" };
static ehr_key_t         field_keys[2] = {
    { .version = 1, .secret = { 32, field_secret[0] } },
    { .version = 2, .secret = { 40, field_secret[1] } },
};
static ehr_field_keys_t  fields = { .keys = { field_keys, 2, 0, 2, NULL } };
static ngx_str_t         field = ngx_string("patients.phone:");


static ngx_int_t
encrypt(int version, u_char *out)
{
    fields.current = &field_keys[version - 1];
    return ehr_field_encrypt(&fields, &field, (u_char *) FIELD, sizeof(FIELD),
                             out);
}


static void
assert_opens(const u_char *data)
{
    u_char  text[sizeof(FIELD)];

    assert_int_equal(ehr_field_decrypt(&fields, &field, data,
                                       sizeof(FIELD) + EHR_CIPHER_OVERHEAD,
                                       text), NGX_OK);
    assert_string_equal(text, FIELD);
}


/* The second key is not used as it is, but its hash. */
static void
fields_are_under_their_key(void **state)
{
    int        version, enough, all_after;
    long       n;
    u_char     data[sizeof(FIELD) + EHR_CIPHER_OVERHEAD];
    ngx_int_t  rc;

    (void) state;

    for (all_after = 0; all_after < 2; all_after++) {
        for (version = 1; version <= 2; version++) {
            for (n = 0; ; n++) {
                assert_int_equal(encrypt(3 - version, data), NGX_OK);

                memory_fails_after(n, all_after);
                rc = encrypt(version, data);
                enough = were_enough();

                if (rc == NGX_OK) {
                    assert_opens(data);
                }

                if (enough) {
                    assert_int_equal(rc, NGX_OK);
                    break;
                }
            }

            assert_true(n >= version - 1);
        }
    }
}


/* HMAC-SHA256 of RFC 4231, test case 2: what is wrong each time alike shows. */
static void
hmacs_are_right(void **state)
{
    int          rc, all_after;
    long         n;
    u_char       mac[EHR_HMAC], right[EHR_HMAC];
    ehr_bytes_t  part = { "what do ya want for nothing?", 28 };

    static const u_char  expected[] =
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    (void) state;
    assert_int_equal(ehr_hex_decode(right, expected, EHR_HMAC), 0);

    for (all_after = 0; all_after < 2; all_after++) {
        for (n = 0; ; n++) {
            memory_fails_after(n, all_after);
            rc = ehr_hmac((u_char *) "Jefe", 4, &part, 1, mac);

            if (rc == 0) {
                assert_memory_equal(mac, right, EHR_HMAC);
            }

            if (were_enough()) {
                assert_int_equal(rc, 0);
                break;
            }

            assert_int_equal(ehr_hmac((u_char *) "Jefe", 4, &part, 1, mac),
                             0);
            assert_memory_equal(mac, right, EHR_HMAC);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(hmacs_are_right),
        cmocka_unit_test(tokens_are_whole_or_not_there),
        cmocka_unit_test(fields_are_under_their_key),
    };

    int  rc;

    CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free);
    ehr_json_memory_init();
    forge_create(&forge);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    forge_destroy(&forge);

    return rc;
}
