/* build: src/access/random.c src/access/encoding.c t/unit/access/nginx_stubs.c -ljansson -lcrypto -lcmocka */

#include "../../../src/access/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../../src/access/encoding.h"


static void
uuid_has_version_variant_and_time(void **state)
{
    int         i;
    time_t      before;
    uint64_t    milliseconds;
    ehr_uuid_t  uuid;

    (void) state;

    before = time(NULL);
    assert_int_equal(ehr_uuid_new(&uuid), NGX_OK);

    milliseconds = 0;

    for (i = 0; i < 6; i++) {
        milliseconds = milliseconds << 8 | uuid.bytes[i];
    }

    assert_in_range(milliseconds / 1000, before, time(NULL));
    assert_int_equal(uuid.bytes[6] >> 4, 7);
    assert_int_equal(uuid.bytes[8] >> 6, 2);
}


static void
uuids_differ(void **state)
{
    ehr_uuid_t  one, two;

    (void) state;

    assert_int_equal(ehr_uuid_new(&one), NGX_OK);
    assert_int_equal(ehr_uuid_new(&two), NGX_OK);
    assert_memory_not_equal(&one.bytes[8], &two.bytes[8], 8);
}


/* More than are drawn at once. */
static void
many_uuids_differ(void **state)
{
    int                i, k;
    static ehr_uuid_t  ids[500];

    (void) state;

    for (i = 0; i < 500; i++) {
        assert_int_equal(ehr_uuid_new(&ids[i]), NGX_OK);

        for (k = 0; k < i; k++) {
            assert_memory_not_equal(&ids[i].bytes[6], &ids[k].bytes[6], 10);
        }
    }
}


static void
uuids_of_a_child_are_its_own(void **state)
{
    int         ends[2], status;
    pid_t       child;
    ehr_uuid_t  own, other;

    (void) state;

    assert_int_equal(ehr_uuid_new(&own), NGX_OK);
    assert_int_equal(pipe(ends), 0);

    child = fork();
    if (child == 0) {
        status = ehr_uuid_new(&other) != NGX_OK
                 || write(ends[1], &other, sizeof(other)) != sizeof(other);
        _exit(status);
    }

    assert_int_equal(ehr_uuid_new(&own), NGX_OK);
    assert_int_equal(read(ends[0], &other, sizeof(other)), sizeof(other));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_memory_not_equal(&own.bytes[6], &other.bytes[6], 10);

    close(ends[0]);
    close(ends[1]);
}


static void
uuid_text_round_trip(void **state)
{
    u_char      text[EHR_UUID_TEXT];
    ehr_uuid_t  uuid;

    static const char  lower[] = "0190a1b2-c3d4-7e5f-89ab-cdef01234567";
    static const char  upper[] = "0190A1B2-C3D4-7E5F-89AB-CDEF01234567";

    (void) state;

    assert_int_equal(ehr_uuid_parse(&uuid, (u_char *) upper, 36), NGX_OK);
    assert_ptr_equal(ehr_uuid_print(text, &uuid), text + 36);
    assert_memory_equal(text, lower, 36);
}


static void
other_forms_of_uuid_are_refused(void **state)
{
    size_t      i;
    ehr_uuid_t  uuid;

    static const char *const  wrong[] = {
        "", "0190a1b2-c3d4-7e5f-89ab-cdef0123456",
        "0190a1b2-c3d4-7e5f-89ab-cdef012345678",
        "{190a1b2-c3d4-7e5f-89ab-cdef0123456}",
        "0190a1b2c3d4-7e5f-89ab-cdef-01234567",
        "0190a1b2-c3d4-7e5f-89ab_cdef01234567",
        "0190a1b2-c3d4-7e5f-89ab-cdef0123456g",
        "0190a1b2-c3d4-7e5f-89ab-cdef0123456 ",
        "0190a1b2-c3d4-7e5f-89ab-cdef01234-67",
        "0190a1b2c3d47e5f89abcdef01234567",
    };

    (void) state;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(ehr_uuid_parse(&uuid, (u_char *) wrong[i],
                                        strlen(wrong[i])), NGX_ERROR);
    }

    assert_int_equal(ehr_uuid_parse(&uuid, (u_char *)
                     "0190a1b2-c3d4-7e5f-89ab-cdef0123456\0", 36), NGX_ERROR);
}


static void
token_is_base64url_of_n_bytes(void **state)
{
    u_char  text[44], again[43], bytes[32];

    (void) state;

    text[43] = '!';
    assert_int_equal(ehr_random_token(text, 32), NGX_OK);
    assert_int_equal(text[43], '!');
    assert_int_equal(ehr_base64url_decode(bytes, text, 43), 32);

    assert_int_equal(ehr_random_token(again, 32), NGX_OK);
    assert_memory_not_equal(text, again, 43);
}


static void
base64url_known_values(void **state)
{
    size_t   i;
    u_char   out[16];

    static const struct { const char *bytes, *text; }  known[] = {
        { "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" },
        { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" },
        { "\xfb\xff\xfe", "-__-" },
    };

    (void) state;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t  n = strlen(known[i].bytes), len = strlen(known[i].text);

        assert_ptr_equal(ehr_base64url_encode(out, (u_char *) known[i].bytes,
                                              n), out + len);
        assert_memory_equal(out, known[i].text, len);
        assert_int_equal(ehr_base64url_length(n), len);
        assert_int_equal(ehr_base64url_decode(out, (u_char *) known[i].text,
                                              len), n);
        assert_memory_equal(out, known[i].bytes, n);
    }
}


static void
base64url_other_spellings_are_refused(void **state)
{
    size_t  i;
    u_char  out[16];

    static const char *const  wrong[] = {
        "Z", "Zm9vY", "Zg==", "Zm8=", "Zh", "Zv", "Zm9", "Zm-", "+__-", "-//-",
        "Zm9v\n", " Zm9v", "Zm 9v", "Zm9v.", "\x80m9v",
    };

    (void) state;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(ehr_base64url_decode(out, (u_char *) wrong[i],
                                              strlen(wrong[i])), -1);
    }

    assert_int_equal(ehr_base64url_decode(out, (u_char *) "Zm\0v", 4), -1);
}


static void
every_length_comes_back(void **state)
{
    size_t  n, i;
    u_char  in[64], text[86], out[64];

    (void) state;

    for (n = 0; n <= 64; n++) {
        for (i = 0; i < n; i++) {
            in[i] = (u_char) (i * 37 + n * 11);
        }

        assert_ptr_equal(ehr_base64url_encode(text, in, n),
                         text + ehr_base64url_length(n));
        assert_int_equal(ehr_base64url_decode(out, text,
                                              ehr_base64url_length(n)), n);
        assert_memory_equal(in, out, n);
        assert_true(ehr_base64url_capacity(ehr_base64url_length(n)) >= n);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(uuid_has_version_variant_and_time),
        cmocka_unit_test(uuids_differ),
        cmocka_unit_test(many_uuids_differ),
        cmocka_unit_test(uuids_of_a_child_are_its_own),
        cmocka_unit_test(uuid_text_round_trip),
        cmocka_unit_test(other_forms_of_uuid_are_refused),
        cmocka_unit_test(token_is_base64url_of_n_bytes),
        cmocka_unit_test(base64url_known_values),
        cmocka_unit_test(base64url_other_spellings_are_refused),
        cmocka_unit_test(every_length_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
