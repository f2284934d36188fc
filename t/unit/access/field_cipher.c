/* build: src/access/field_cipher.c src/access/audit.c src/access/hash.c -lcrypto -lcmocka */

#include "../../../src/access/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <openssl/err.h>

#include "../../../src/access/hash.h"


static u_char  secrets[5][40];

static ehr_key_t  field_keys[2];
static ehr_key_t  index_keys[2];
static ehr_key_t  audit_key;
static ehr_field_keys_t  keys;

static ngx_str_t  context =
    ngx_string("patients.phone:0190a1b2-c3d4-7e5f-89ab-cdef01234567");


static int
set_up(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < 5; i++) {
        memset(secrets[i], 'a' + i, sizeof(secrets[i]));
    }

    field_keys[0].version = 1;
    field_keys[0].secret = (ngx_str_t) { 32, secrets[0] };
    field_keys[1].version = 200;
    field_keys[1].secret = (ngx_str_t) { 40, secrets[1] };

    keys.keys.elts = field_keys;
    keys.keys.nelts = 2;
    keys.current = &field_keys[1];
    index_keys[0].version = 1;
    index_keys[0].secret = (ngx_str_t) { 32, secrets[2] };
    index_keys[1].version = 7;
    index_keys[1].secret = (ngx_str_t) { 32, secrets[4] };

    keys.index_keys.elts = index_keys;
    keys.index_keys.nelts = 2;
    audit_key.version = 1;
    audit_key.secret = (ngx_str_t) { 32, secrets[3] };
    keys.audit_key = &audit_key;

    return 0;
}


static void
what_goes_in_comes_out(void **state)
{
    size_t  n;
    u_char  text[300], data[300 + EHR_CIPHER_OVERHEAD], out[300];

    (void) state;
    memset(text, 'x', sizeof(text));

    for (n = 0; n <= sizeof(text); n += 50) {
        assert_int_equal(ehr_field_encrypt(&keys, &context, text, n, data),
                         NGX_OK);
        assert_int_equal(data[0], 200);
        assert_int_equal(ehr_field_decrypt(&keys, &context, data,
                                           n + EHR_CIPHER_OVERHEAD, out),
                         NGX_OK);
        assert_memory_equal(text, out, n);
    }
}


static void
same_text_never_looks_the_same(void **state)
{
    u_char  one[5 + EHR_CIPHER_OVERHEAD], two[5 + EHR_CIPHER_OVERHEAD];

    (void) state;

    ehr_field_encrypt(&keys, &context, (u_char *) "phone", 5, one);
    ehr_field_encrypt(&keys, &context, (u_char *) "phone", 5, two);
    assert_memory_not_equal(one + 1, two + 1, 12);
    assert_memory_not_equal(one + 13, two + 13, 5);
}


static void
older_keys_still_open(void **state)
{
    u_char  data[5 + EHR_CIPHER_OVERHEAD], out[5];

    (void) state;

    keys.current = &field_keys[0];
    ehr_field_encrypt(&keys, &context, (u_char *) "phone", 5, data);
    keys.current = &field_keys[1];

    assert_int_equal(data[0], 1);
    assert_int_equal(ehr_field_decrypt(&keys, &context, data, sizeof(data),
                                       out), NGX_OK);
    assert_memory_equal(out, "phone", 5);
}


static void
unknown_version_is_declined(void **state)
{
    u_char  data[5 + EHR_CIPHER_OVERHEAD], out[5];

    (void) state;

    ehr_field_encrypt(&keys, &context, (u_char *) "phone", 5, data);
    data[0] = 7;
    assert_int_equal(ehr_field_decrypt(&keys, &context, data, sizeof(data),
                                       out), NGX_DECLINED);
}


static void
every_changed_bit_is_noticed(void **state)
{
    size_t  bit;
    u_char  data[5 + EHR_CIPHER_OVERHEAD], out[5], zero[5] = { 0 };

    (void) state;

    ehr_field_encrypt(&keys, &context, (u_char *) "phone", 5, data);

    for (bit = 8; bit < sizeof(data) * 8; bit++) {
        data[bit / 8] ^= 1 << bit % 8;
        memset(out, 'x', 5);
        assert_int_equal(ehr_field_decrypt(&keys, &context, data,
                                           sizeof(data), out), NGX_ERROR);
        assert_memory_equal(out, zero, 5);
        data[bit / 8] ^= 1 << bit % 8;
    }

    /* nginx would log what is left as an alert */
    assert_int_equal(ERR_peek_error(), 0);
}


static void
another_version_does_not_open(void **state)
{
    u_char  data[5 + EHR_CIPHER_OVERHEAD], out[5];

    (void) state;

    ehr_field_encrypt(&keys, &context, (u_char *) "phone", 5, data);
    data[0] = 1;
    assert_int_equal(ehr_field_decrypt(&keys, &context, data, sizeof(data),
                                       out), NGX_ERROR);
}


static void
other_row_or_column_does_not_open(void **state)
{
    u_char     data[5 + EHR_CIPHER_OVERHEAD], out[5];
    ngx_str_t  row =
        ngx_string("patients.phone:0190a1b2-c3d4-7e5f-89ab-cdef01234568");
    ngx_str_t  column =
        ngx_string("patients.email:0190a1b2-c3d4-7e5f-89ab-cdef01234567");

    (void) state;

    ehr_field_encrypt(&keys, &context, (u_char *) "phone", 5, data);
    assert_int_equal(ehr_field_decrypt(&keys, &row, data, sizeof(data), out),
                     NGX_ERROR);
    assert_int_equal(ehr_field_decrypt(&keys, &column, data, sizeof(data),
                                       out), NGX_ERROR);
}


static void
truncated_is_refused(void **state)
{
    size_t  n;
    u_char  data[5 + EHR_CIPHER_OVERHEAD], out[5];

    (void) state;

    ehr_field_encrypt(&keys, &context, (u_char *) "phone", 5, data);

    for (n = 0; n < sizeof(data); n++) {
        assert_int_equal(ehr_field_decrypt(&keys, &context, data, n, out),
                         NGX_ERROR);
    }
}


static void
blind_index_depends_on_all_it_should(void **state)
{
    u_char      one[EHR_BLIND_INDEX], two[EHR_BLIND_INDEX];
    ehr_key_t  *key = index_keys;
    ngx_str_t   phone = ngx_string("patients.phone");
    ngx_str_t   email = ngx_string("patients.email");
    ngx_str_t   shorter = ngx_string("patients.pho");

    (void) state;

    assert_int_equal(ehr_blind_index(key, &phone, (u_char *) "1", 1, one),
                     NGX_OK);
    assert_int_equal(one[0], 1);
    ehr_blind_index(key, &phone, (u_char *) "1", 1, two);
    assert_memory_equal(one, two, EHR_BLIND_INDEX);

    ehr_blind_index(key, &phone, (u_char *) "2", 1, two);
    assert_memory_not_equal(one + 1, two + 1, EHR_HMAC);

    ehr_blind_index(key, &email, (u_char *) "1", 1, two);
    assert_memory_not_equal(one + 1, two + 1, EHR_HMAC);

    ehr_blind_index(key + 1, &phone, (u_char *) "1", 1, two);
    assert_memory_not_equal(one + 1, two + 1, EHR_HMAC);

    /* the purpose's end cannot become the value's start */
    ehr_blind_index(key, &shorter, (u_char *) "ne1", 3, two);
    assert_memory_not_equal(one + 1, two + 1, EHR_HMAC);
}


static void
blind_indexes_are_of_all_keys(void **state)
{
    size_t     n, i;
    u_char     all[EHR_BLIND_INDEXES], one[EHR_BLIND_INDEX];
    ngx_str_t  phone = ngx_string("patients.phone");

    (void) state;

    assert_int_equal(ehr_blind_indexes(&keys, &phone, (u_char *) "1", 1, all,
                                       &n),
                     NGX_OK);
    assert_int_equal(n, 2 * EHR_BLIND_INDEX);

    for (i = 0; i < 2; i++) {
        ehr_blind_index(&index_keys[i], &phone, (u_char *) "1", 1, one);
        assert_memory_equal(all + i * EHR_BLIND_INDEX, one, EHR_BLIND_INDEX);
    }

    assert_int_equal(all[EHR_BLIND_INDEX], 7);
}


static void
audit_mac_is_hex_hmac(void **state)
{
    u_char             out[EHR_AUDIT_MAC];
    const ehr_bytes_t  text[] = { { "Hi ", 3 }, { "There", 5 } };

    (void) state;

    /* RFC 4231, test case 1 */
    audit_key.secret.len = 20;
    memset(secrets[3], 0x0b, 20);

    assert_int_equal(ehr_audit_mac(&keys, text, 2, out), NGX_OK);
    assert_memory_equal(out, "b0344c61d8db38535ca8afceaf0bf12b"
                             "881dc200c9833da726e9376c2e32cff7", 64);
}


/* What it covers is what another key of the same bytes would sign, but for
 * the version. */

static void
audit_mac_names_its_version(void **state)
{
    u_char             *end;
    u_char             out[EHR_AUDIT_SIGNATURE], first[EHR_AUDIT_MAC];
    const ehr_bytes_t  text[] = { { "Hi ", 3 }, { "There", 5 } };
    const ehr_bytes_t  covered[] = { { "255\nHi There", 12 } };

    (void) state;

    end = ehr_audit_signature(&keys, text, 2, out);
    assert_int_equal(ehr_audit_mac(&keys, text, 2, first), NGX_OK);
    assert_int_equal(end - out, EHR_AUDIT_MAC);
    assert_memory_equal(out, first, EHR_AUDIT_MAC);

    assert_int_equal(ehr_audit_mac(&keys, covered, 1, first), NGX_OK);
    audit_key.version = 255;
    end = ehr_audit_signature(&keys, text, 2, out);
    assert_int_equal(end - out, EHR_AUDIT_SIGNATURE);
    assert_memory_equal(out, "255:", 4);
    assert_memory_equal(out + 4, first, EHR_AUDIT_MAC);
    audit_key.version = 1;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(same_text_never_looks_the_same),
        cmocka_unit_test(older_keys_still_open),
        cmocka_unit_test(unknown_version_is_declined),
        cmocka_unit_test(every_changed_bit_is_noticed),
        cmocka_unit_test(another_version_does_not_open),
        cmocka_unit_test(other_row_or_column_does_not_open),
        cmocka_unit_test(truncated_is_refused),
        cmocka_unit_test(blind_index_depends_on_all_it_should),
        cmocka_unit_test(blind_indexes_are_of_all_keys),
        cmocka_unit_test(audit_mac_is_hex_hmac),
        cmocka_unit_test(audit_mac_names_its_version),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
