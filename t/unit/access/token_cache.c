/* build: src/access/token_cache.c src/access/token.c src/access/signature.c src/access/encoding.c src/access/random.c src/model/json_memory.c src/access/shared.c src/access/revocation.c src/access/metrics.c src/access/hash.c t/unit/access/forge.c t/unit/access/nginx_stubs.c -ljansson -lcrypto -lcmocka */

#include "../../../src/access/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "forge.h"
#include "nginx_stubs.h"


#define HEADER  "{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\"JWT\"}"
#define NOW     1800000000

static forge_t             forge;
static ngx_shm_zone_t      zone;
static ehr_shared_t       *shared;
static ngx_cycle_t         cycle;
static ehr_token_cache_t  *cache;
static ehr_principal_t    *who;


static int
set_up(void **state)
{
    static ngx_log_t  log;

    (void) state;

    forge_create(&forge);
    stub_zone_create(&zone, 1 << 20);
    assert_int_equal(ehr_shared_init_zone(&zone, NULL), NGX_OK);
    shared = ehr_shared_of(&zone);
    ehr_shared_set_loaded(shared);

    memset(&cycle, 0, sizeof(cycle));
    cycle.pool = stub_pool_create();
    cycle.log = &log;
    cache = ehr_token_cache_create(&cycle, 16);
    assert_non_null(cache);

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;

    stub_pool_destroy(cycle.pool);
    stub_zone_destroy(&zone);
    forge_destroy(&forge);

    return 0;
}


/* Token n: user and session have n as their last bytes. */
static ngx_str_t
token_of(int n, const char *roles)
{
    char  payload[1024];

    sprintf(payload, "{\"iss\":\"https://ehr.example\",\"aud\":\"staff\","
            "\"sub\":\"0190a1b2-c3d4-7e5f-89ab-00000000%04x\","
            "\"sid\":\"0190a1b2-c3d4-7e5f-89ab-11111111%04x\","
            "\"roles\":%s,\"iat\":%d,\"exp\":%d,\"jti\":\"j\"}",
            n, n, roles, NOW, NOW + 900);

    return forge_hs(&forge, HEADER, payload);
}


static ehr_token_result_t
verify_at(ngx_str_t token, time_t now)
{
    stub_set_time(now);

    return ehr_token_verify(&forge.conf, cache, shared, &token, now, &who);
}


static void
set_role(const char *name, uint64_t permissions)
{
    ehr_role_t  role;

    memset(&role, 0, sizeof(role));
    strcpy((char *) role.name, name);
    role.permissions = permissions;
    assert_int_equal(ehr_shared_set_roles(shared, &role, 1), NGX_OK);
}


/* Breaks what verifies, so that only a cached token still passes. */
static ehr_token_result_t
verify_without_keys(ngx_str_t token)
{
    ehr_token_result_t  result;

    forge.conf.keys.nelts = 0;
    result = verify_at(token, NOW);
    forge.conf.keys.nelts = 3;

    return result;
}


static void
verified_once_is_kept(void **state)
{
    ngx_str_t  token;

    (void) state;

    token = token_of(1, "[]");
    assert_int_equal(verify_without_keys(token), EHR_TOKEN_UNTRUSTED);
    assert_null(who);
    assert_int_equal(verify_at(token, NOW), EHR_TOKEN_OK);
    assert_non_null(who);
    assert_int_equal(verify_without_keys(token), EHR_TOKEN_OK);
    assert_string_equal(who->user_text,
                        "0190a1b2-c3d4-7e5f-89ab-000000000001");

    /* a text of which one character differs is another token */
    token.data[token.len - 2] ^= 1;
    assert_int_equal(verify_at(token, NOW), EHR_TOKEN_UNTRUSTED);
    assert_null(who);
}


static void
kept_tokens_expire(void **state)
{
    ngx_str_t  token;

    (void) state;

    token = token_of(1, "[]");
    assert_int_equal(verify_at(token, NOW), EHR_TOKEN_OK);
    assert_int_equal(verify_at(token, NOW + 899), EHR_TOKEN_OK);
    assert_int_equal(verify_at(token, NOW + 900), EHR_TOKEN_EXPIRED);
    assert_null(who);
    assert_int_equal(verify_at(token, NOW + 900), EHR_TOKEN_EXPIRED);
}


static void
permissions_follow_roles(void **state)
{
    ngx_str_t  token;

    (void) state;

    token = token_of(1, "[\"DOCTOR\",\"NOBODY_KNOWS\"]");
    assert_int_equal(verify_at(token, NOW), EHR_TOKEN_OK);
    assert_int_equal(who->permissions, 0);

    set_role("DOCTOR", 6);
    assert_int_equal(verify_at(token, NOW), EHR_TOKEN_OK);
    assert_int_equal(who->permissions, 6);

    set_role("DOCTOR", 4);
    assert_int_equal(verify_at(token, NOW), EHR_TOKEN_OK);
    assert_int_equal(who->permissions, 4);
}


static void
revoked_session_is_refused_at_once(void **state)
{
    ngx_str_t        one, two;
    ehr_principal_t  copy;

    (void) state;

    one = token_of(1, "[]");
    two = token_of(2, "[]");
    assert_int_equal(verify_at(one, NOW), EHR_TOKEN_OK);
    copy = *who;
    assert_int_equal(verify_at(two, NOW), EHR_TOKEN_OK);

    assert_int_equal(ehr_revoke_session(shared, &copy.session, NOW + 900),
                     NGX_OK);
    assert_int_equal(verify_at(one, NOW), EHR_TOKEN_REVOKED);
    assert_null(who);
    assert_int_equal(verify_at(one, NOW + 899), EHR_TOKEN_REVOKED);
    assert_int_equal(verify_at(two, NOW), EHR_TOKEN_OK);
}


static void
revoked_before_first_use_is_refused(void **state)
{
    ehr_uuid_t  session;

    (void) state;

    ehr_uuid_parse(&session, (u_char *)
                   "0190a1b2-c3d4-7e5f-89ab-111111110007", 36);
    ehr_revoke_session(shared, &session, NOW + 900);
    assert_int_equal(verify_at(token_of(7, "[]"), NOW), EHR_TOKEN_REVOKED);
}


static void
revoked_user_keeps_newer_tokens(void **state)
{
    ngx_str_t   token;
    ehr_uuid_t  user;

    (void) state;

    token = token_of(1, "[]");
    assert_int_equal(verify_at(token, NOW), EHR_TOKEN_OK);
    user = who->user;

    /* the token has no `issued`: iat stands for it */
    ehr_revoke_user(shared, &user, NOW * 1000000LL - 1, NOW + 900);
    assert_int_equal(verify_at(token, NOW), EHR_TOKEN_OK);

    ehr_revoke_user(shared, &user, NOW * 1000000LL, NOW + 900);
    assert_int_equal(verify_at(token, NOW), EHR_TOKEN_REVOKED);
}


static void
nobody_is_let_in_before_loading(void **state)
{
    (void) state;

    shared->loaded = 0;
    assert_int_equal(verify_at(token_of(1, "[]"), NOW), EHR_TOKEN_NOT_READY);
    assert_null(who);
    ehr_shared_set_loaded(shared);
    assert_int_equal(verify_at(token_of(1, "[]"), NOW), EHR_TOKEN_OK);
}


/* More tokens than entries, of all lengths: right answers, bounded memory. */
static void
more_tokens_than_room(void **state)
{
    int         i, round;
    ngx_str_t   tokens[200];

    (void) state;

    for (i = 0; i < 200; i++) {
        tokens[i] = token_of(i, i % 2 ? "[\"DOCTOR\"]"
                                      : "[\"DOCTOR\",\"NURSE\",\"CLERK\","
                                        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
                                        "\"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBB\","
                                        "\"CCCCCCCCCCCCCCCCCCCCCCCCCCCCCC\"]");
    }

    for (round = 0; round < 3; round++) {
        for (i = 0; i < 200; i++) {
            assert_int_equal(verify_at(tokens[i], NOW), EHR_TOKEN_OK);
            assert_int_equal(who->user.bytes[15], i);
            assert_int_equal(who->nroles, i % 2 ? 1 : 6);
        }
    }
}


static void
wrong_sizes_are_malformed(void **state)
{
    ngx_str_t  token;
    u_char     text[4097];

    (void) state;

    memset(text, 'A', sizeof(text));
    token.data = text;
    token.len = sizeof(text);
    assert_int_equal(verify_at(token, NOW), EHR_TOKEN_MALFORMED);
    token.len = 0;
    assert_int_equal(verify_at(token, NOW), EHR_TOKEN_MALFORMED);
}


#define each(test)  cmocka_unit_test_setup_teardown(test, set_up, tear_down)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        each(verified_once_is_kept),
        each(kept_tokens_expire),
        each(permissions_follow_roles),
        each(revoked_session_is_refused_at_once),
        each(revoked_before_first_use_is_refused),
        each(revoked_user_keeps_newer_tokens),
        each(nobody_is_let_in_before_loading),
        each(more_tokens_than_room),
        each(wrong_sizes_are_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
