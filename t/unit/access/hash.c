/* build: src/access/hash.c -lcrypto -lcmocka */

#include "../../../src/access/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>


/* OpenSSL's SipHash, for every length up to a few words. */
static void
siphash_is_siphash(void **state)
{
    size_t          i, len, size;
    EVP_MAC        *mac;
    uint64_t        ours[2];
    OSSL_PARAM      parameters[2];
    EVP_MAC_CTX    *context;
    unsigned char   key[16], text[67], theirs[16];

    (void) state;

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (unsigned char) (i * 7 + 1);
    }

    for (i = 0; i < sizeof(key); i++) {
        key[i] = (unsigned char) i;
    }

    size = 16;
    mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    context = EVP_MAC_CTX_new(mac);
    parameters[0] = OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size);
    parameters[1] = OSSL_PARAM_construct_end();

    for (len = 0; len <= sizeof(text); len++) {
        assert_int_equal(EVP_MAC_init(context, key, 16, parameters), 1);
        assert_int_equal(EVP_MAC_update(context, text, len), 1);
        assert_int_equal(EVP_MAC_final(context, theirs, &size, 16), 1);

        ehr_siphash(key, text, len, ours);
        assert_memory_equal(ours, theirs, 16);
    }

    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
}


/* RFC 4231, test cases 2 and 6: a short and a long key, in parts. */
static void
hmac_is_hmac(void **state)
{
    ehr_bytes_t    parts[2];
    unsigned char  out[EHR_HMAC], key[131];

    static const unsigned char  two[] = {
        0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
        0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
        0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43
    };
    static const unsigned char  six[] = {
        0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f, 0x0d, 0x8a, 0x26,
        0xaa, 0xcb, 0xf5, 0xb7, 0x7f, 0x8e, 0x0b, 0xc6, 0x21, 0x37, 0x28,
        0xc5, 0x14, 0x05, 0x46, 0x04, 0x0f, 0x0e, 0xe3, 0x7f, 0x54
    };

    (void) state;

    parts[0] = (ehr_bytes_t) { "what do ya want ", 16 };
    parts[1] = (ehr_bytes_t) { "for nothing?", 12 };

    assert_int_equal(ehr_hmac((unsigned char *) "Jefe", 4, parts, 2, out), 0);
    assert_memory_equal(out, two, EHR_HMAC);

    memset(key, 0xaa, sizeof(key));
    parts[0] = (ehr_bytes_t) {
        "Test Using Larger Than Block-Size Key - Hash Key First", 54
    };

    assert_int_equal(ehr_hmac(key, sizeof(key), parts, 1, out), 0);
    assert_memory_equal(out, six, EHR_HMAC);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(siphash_is_siphash),
        cmocka_unit_test(hmac_is_hmac),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
