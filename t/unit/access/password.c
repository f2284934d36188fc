/* build: src/access/password.c src/access/pace.c src/access/encoding.c t/unit/access/nginx_stubs.c -ljansson -lcrypto -lcrypt -lcmocka -lpthread */

#include "../../../src/access/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <crypt.h>

#include "nginx_stubs.h"


typedef struct {
    int                 calls;
    ngx_int_t           ok;
    char                hash[64];
} answer_t;

/* any pool that is not NULL: see nginx_stubs.c */
static ehr_password_conf_t  conf = {
    .pool = (ngx_thread_pool_t *) &conf, .cost = 4, .queue = 3
};

static answer_t             answer;
static ehr_password_job_t  *job;


static int
set_up(void **state)
{
    (void) state;
    memset(&answer, 0, sizeof(answer));

    return 0;
}


static void
done(void *data, ngx_int_t ok, const char *hash)
{
    answer_t  *result = data;

    result->calls++;
    result->ok = ok;
    strcpy(result->hash, hash ? hash : "");
}


static const char *
hash_of(const char *password)
{
    ngx_str_t  text = { strlen(password), (u_char *) password };

    assert_int_equal(ehr_password_hash(&conf, &text, done, &answer, &job),
                     NGX_OK);
    stub_run_tasks(1);
    assert_true(answer.ok);

    return answer.hash;
}


static ngx_int_t
matches(const char *password, const char *hash)
{
    answer_t   result = { 0 };
    ngx_str_t  text = { strlen(password), (u_char *) password };

    assert_int_equal(ehr_password_check(&conf, &text, hash, done, &result,
                                        &job), NGX_OK);
    stub_run_tasks(1);
    assert_int_equal(result.calls, 1);
    assert_string_equal(result.hash, "");

    return result.ok;
}


static void
hash_matches_its_password_only(void **state)
{
    char  hash[64];

    (void) state;

    strcpy(hash, hash_of("Demo-Pass-2026!"));
    assert_memory_equal(hash, "$2b$04$", 7);
    assert_int_equal(strlen(hash), 60);

    assert_true(matches("Demo-Pass-2026!", hash));
    assert_false(matches("demo-Pass-2026!", hash));
    assert_false(matches("", hash));

    /* salted */
    assert_string_not_equal(hash_of("Demo-Pass-2026!"), hash);
}


static void
hashes_made_elsewhere_match(void **state)
{
    (void) state;

    /* crypt_blowfish's own test vectors */
    assert_true(matches("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC."
                               "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    assert_true(matches("U*U*U", "$2y$05$XXXXXXXXXXXXXXXXXXXXXO"
                                 "AcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"));
    assert_false(matches("U*U*", "$2y$05$XXXXXXXXXXXXXXXXXXXXXO"
                                 "AcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"));
}


static void
every_character_of_a_long_password_counts(void **state)
{
    int   i;
    char  hash[64], text[1025];

    static const int  lengths[] = { 71, 72, 73, 256, 1024 };

    (void) state;

    for (i = 0; i < 5; i++) {
        memset(text, 'x', lengths[i]);
        text[lengths[i]] = '\0';
        strcpy(hash, hash_of(text));
        assert_true(matches(text, hash));

        text[lengths[i] - 1] = 'y';
        assert_false(matches(text, hash));
        text[lengths[i] - 1] = '\0';
        assert_false(matches(text, hash));
    }
}


static void
unknown_user_never_matches(void **state)
{
    (void) state;

    assert_false(matches("Demo-Pass-2026!", NULL));
    assert_false(matches("", NULL));
}


/* Whatever the database holds, what is no bcrypt hash lets nobody in. */
static void
broken_hash_never_matches(void **state)
{
    size_t  i;

    static const char *const  hashes[] = {
        "", "*0", "*1", "x", "$2b$", "$1$abc$def", "$6$salt$hash",
        "$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$xx$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$05$CCCCCCCCCCCCCCCCCCCCC",
        "$2b$05$                                                     ",
        "$2z$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    };

    (void) state;

    for (i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        assert_false(matches("U*U", hashes[i]));
        assert_false(matches("", hashes[i]));
    }
}


static void
what_a_caller_must_not_pass_is_refused(void **state)
{
    u_char     text[1025];
    ngx_str_t  password = { 1025, text };

    (void) state;

    memset(text, 'x', sizeof(text));
    assert_int_equal(ehr_password_hash(&conf, &password, done, &answer, &job),
                     NGX_ERROR);

    password.len = 10;
    text[5] = '\0';
    assert_int_equal(ehr_password_check(&conf, &password, NULL, done, &answer,
                                        &job), NGX_ERROR);
}


static void
cap_holds_until_threads_are_done(void **state)
{
    int                  i;
    ngx_str_t            text = ngx_string("x");
    ehr_password_job_t  *jobs[3];

    (void) state;

    for (i = 0; i < 3; i++) {
        assert_int_equal(ehr_password_check(&conf, &text, NULL, done, &answer,
                                            &jobs[i]), NGX_OK);
    }

    assert_int_equal(ehr_password_check(&conf, &text, NULL, done, &answer,
                                        &job), NGX_BUSY);

    /* a cancelled job still has its thread */
    ehr_password_cancel(jobs[0]);
    assert_int_equal(ehr_password_check(&conf, &text, NULL, done, &answer,
                                        &job), NGX_BUSY);

    stub_run_tasks(3);
    assert_int_equal(answer.calls, 2);
    assert_int_equal(ehr_password_check(&conf, &text, NULL, done, &answer,
                                        &job), NGX_OK);
    stub_run_tasks(1);
}


static void
cancelled_job_says_nothing(void **state)
{
    ngx_str_t  text = ngx_string("x");

    (void) state;

    assert_int_equal(ehr_password_hash(&conf, &text, done, &answer, &job),
                     NGX_OK);
    ehr_password_cancel(job);
    stub_run_tasks(1);
    assert_int_equal(answer.calls, 0);
}


static void
full_pool_is_an_error(void **state)
{
    ngx_str_t            text = ngx_string("x");
    ehr_password_conf_t  full = { .pool = NULL, .cost = 4, .queue = 3 };

    (void) state;

    assert_int_equal(ehr_password_hash(&full, &text, done, &answer, &job),
                     NGX_ERROR);
    assert_int_equal(ehr_password_check(&full, &text, NULL, done, &answer,
                                        &job), NGX_ERROR);
    assert_int_equal(answer.calls, 0);
}


#define each(test)  cmocka_unit_test_setup(test, set_up)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        each(hash_matches_its_password_only),
        each(hashes_made_elsewhere_match),
        each(every_character_of_a_long_password_counts),
        each(unknown_user_never_matches),
        each(broken_hash_never_matches),
        each(what_a_caller_must_not_pass_is_refused),
        each(cap_holds_until_threads_are_done),
        each(cancelled_job_says_nothing),
        each(full_pool_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
