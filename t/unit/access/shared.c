/* build: src/access/shared.c src/access/revocation.c src/access/metrics.c src/access/hash.c t/unit/access/nginx_stubs.c -ljansson -lcrypto -lcmocka */

#include "../../../src/access/shared.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "zone.h"


#define NOW  1800000000

static int
set_up(void **state)
{
    ngx_pid = getpid();
    stub_set_time(NOW);

    return zone_set_up(state);
}


static ehr_uuid_t
uuid(uint32_t n)
{
    ehr_uuid_t  id;

    memset(&id, 0x55, sizeof(id));
    memcpy(id.bytes + 12, &n, 4);

    return id;
}


static ngx_int_t
is_revoked(uint32_t user, uint32_t session, time_t issued, time_t now)
{
    ngx_int_t        revoked;
    ehr_principal_t  who;

    memset(&who, 0, sizeof(who));
    who.user = uuid(user);
    who.session = uuid(session);
    who.issued_at = issued;

    ehr_shared_lock(shared);
    revoked = ehr_is_revoked(shared, &who, now);
    ehr_shared_unlock(shared);

    return revoked;
}


static ngx_int_t
revoke_session(uint32_t n, time_t until)
{
    ehr_uuid_t  id = uuid(n);

    return ehr_revoke_session(shared, &id, until);
}


static ngx_int_t
revoke_user(uint32_t n, time_t before, time_t until)
{
    ehr_uuid_t  id = uuid(n);

    return ehr_revoke_user(shared, &id, before, until);
}


/* -- the zone -------------------------------------------------------------- */

static void
tables_lie_inside_the_zone(void **state)
{
    u_char  *end;

    (void) state;

    end = zone.shm.addr + zone.shm.size;

    assert_true((u_char *) &shared->rates.cells[shared->rates.sets
                                                * EHR_CELL_WAYS] <= end);
    assert_true((u_char *) &shared->lockouts.cells[shared->lockouts.sets
                                                   * EHR_CELL_WAYS] <= end);
    assert_true((u_char *) &shared->revocations[shared->nrevocations] <= end);
    assert_true((u_char *) &shared->revocations[shared->nrevocations]
                <= (u_char *) shared->lockouts.cells);
    assert_true((u_char *) &shared->rates.cells[shared->rates.sets
                                                * EHR_CELL_WAYS]
                <= (u_char *) shared->revocations);
    assert_int_equal((uintptr_t) &shared->generation % EHR_CACHE_LINE, 0);
    assert_int_equal((uintptr_t) shared->lockouts.cells % EHR_CACHE_LINE, 0);
}


static void
small_zone_names_the_size_it_needs(void **state)
{
    size_t          size;
    ngx_shm_zone_t  small;

    (void) state;

    /* the least that works, by trying */
    for (size = 32768; /* void */ ; size += 4096) {
        stub_zone_create(&small, size);

        if (ehr_shared_init_zone(&small, NULL) == NGX_OK) {
            break;
        }

        assert_int_equal(stub_log_level, NGX_LOG_EMERG);
        assert_non_null(strstr(stub_log, "needs at least"));
        stub_zone_destroy(&small);
    }

    assert_in_range(size, 65536, 512 * 1024);
    assert_true(ehr_shared_of(&small)->lockouts.sets > 16);
    assert_true(ehr_shared_of(&small)->rates.sets > 16);
    assert_true(ehr_shared_of(&small)->nrevocations
                >= EHR_REVOCATION_WINDOW);
    stub_zone_destroy(&small);
}


static void
reload_keeps_the_state(void **state)
{
    ngx_shm_zone_t  next;

    (void) state;

    revoke_session(1, NOW + 900);
    ehr_shared_set_loaded(shared);

    next = zone;
    next.data = NULL;
    assert_int_equal(ehr_shared_init_zone(&next, zone.data), NGX_OK);
    assert_ptr_equal(ehr_shared_of(&next), shared);
    assert_true(ehr_shared_is_loaded(ehr_shared_of(&next)));

    /* nginx finds an existing segment */
    next.data = NULL;
    next.shm.exists = 1;
    assert_int_equal(ehr_shared_init_zone(&next, NULL), NGX_OK);
    assert_ptr_equal(ehr_shared_of(&next), shared);
}


static void
other_layout_is_not_taken_over(void **state)
{
    ngx_shm_zone_t  next;

    (void) state;

    next = zone;
    shared->version++;
    assert_int_equal(ehr_shared_init_zone(&next, shared), NGX_ERROR);
    assert_non_null(strstr(stub_log, "restart"));
    shared->version--;
    shared->size++;
    assert_int_equal(ehr_shared_init_zone(&next, shared), NGX_ERROR);
    shared->size--;
    shared->magic++;
    assert_int_equal(ehr_shared_init_zone(&next, shared), NGX_ERROR);
}


/* -- revocations ----------------------------------------------------------- */

static void
session_is_revoked_until_its_time(void **state)
{
    (void) state;

    assert_int_equal(revoke_session(1, NOW + 900), NGX_OK);
    assert_true(is_revoked(9, 1, NOW, NOW));
    assert_true(is_revoked(9, 1, NOW + 1, NOW + 900));
    assert_false(is_revoked(9, 2, NOW, NOW));

    /* a session's id revokes no user, and the other way round */
    assert_false(is_revoked(1, 9, NOW, NOW));
    assert_int_equal(revoke_user(5, NOW, NOW + 900), NGX_OK);
    assert_false(is_revoked(9, 5, NOW, NOW));

    assert_false(is_revoked(9, 1, NOW, NOW + 903));
}


static void
user_is_revoked_up_to_before(void **state)
{
    (void) state;

    revoke_user(1, NOW, NOW + 900);
    assert_true(is_revoked(1, 9, NOW - 1, NOW));
    assert_true(is_revoked(1, 9, NOW, NOW));
    assert_false(is_revoked(1, 9, NOW + 1, NOW));

    /* later revocations only add */
    revoke_user(1, NOW - 100, NOW + 10);
    assert_true(is_revoked(1, 9, NOW, NOW + 900));
    revoke_user(1, NOW + 5, NOW + 905);
    assert_true(is_revoked(1, 9, NOW + 5, NOW + 905));
}


static void
generation_rises_with_each_change_only(void **state)
{
    uint64_t  before;

    (void) state;

    before = shared->generation;
    revoke_session(1, NOW + 900);
    assert_int_equal(shared->generation, before + 1);
    revoke_session(1, NOW + 900);
    revoke_session(1, NOW + 800);
    assert_int_equal(shared->generation, before + 1);
    revoke_session(1, NOW + 901);
    assert_int_equal(shared->generation, before + 2);

    /* nothing to refuse any more */
    assert_int_equal(revoke_session(2, NOW - 10), NGX_OK);
    assert_int_equal(shared->generation, before + 2);
}


static void
full_table_says_so_and_recovers(void **state)
{
    uint32_t  i, kept;

    (void) state;

    for (i = 0; i < 10 * shared->nrevocations; i++) {
        if (revoke_session(i, NOW + 900) != NGX_OK) {
            break;
        }
    }

    /* long before that it is not full: windows are wide enough */
    assert_true(i > shared->nrevocations / 2);
    assert_true(i <= shared->nrevocations);
    assert_int_equal(stub_log_level, NGX_LOG_CRIT);
    assert_int_equal(ehr_metrics_counter(shared, EHR_COUNT_ZONE_FULL), 1);

    kept = i;
    for (i = 0; i < kept; i++) {
        assert_true(is_revoked(0xffffffff, i, NOW, NOW));
    }

    /* once they are past, there is room again */
    stub_set_time(NOW + 1000);
    for (i = 0; i < kept / 2; i++) {
        assert_int_equal(revoke_session(1000000 + i, NOW + 1900), NGX_OK);
    }
}


/* -- roles ----------------------------------------------------------------- */

static void
roles_are_replaced_as_a_whole(void **state)
{
    int         i;
    uint64_t    before;
    ehr_role_t  roles[EHR_ROLES + 1];

    (void) state;

    memset(roles, 0, sizeof(roles));

    for (i = 0; i <= EHR_ROLES; i++) {
        sprintf((char *) roles[i].name, "ROLE_%d", (i * 7919) % 1000);
        roles[i].permissions = (i * 7919) % 1000 + 1;
    }

    before = shared->generation;
    assert_int_equal(ehr_shared_set_roles(shared, roles, EHR_ROLES), NGX_OK);
    assert_int_equal(shared->generation, before + 1);

    for (i = 0; i < EHR_ROLES; i++) {
        assert_int_equal(ehr_shared_permissions(shared, roles[i].name),
                         roles[i].permissions);
    }

    assert_int_equal(ehr_shared_permissions(shared, (u_char *) "ROLE"), 0);
    assert_int_equal(ehr_shared_permissions(shared, (u_char *) ""), 0);

    /* the same again changes nothing */
    assert_int_equal(ehr_shared_set_roles(shared, roles, EHR_ROLES), NGX_OK);
    assert_int_equal(shared->generation, before + 1);

    assert_int_equal(ehr_shared_set_roles(shared, roles, 1), NGX_OK);
    assert_int_equal(shared->generation, before + 2);
    assert_int_equal(ehr_shared_permissions(shared, roles[1].name), 0);

    assert_int_equal(ehr_shared_set_roles(shared, roles, EHR_ROLES + 1),
                     NGX_ERROR);
}


/* -- lease ----------------------------------------------------------------- */

static void
lease_has_one_holder(void **state)
{
    pid_t  child;
    int    status;

    (void) state;

    assert_true(ehr_lease_take_at(shared, 1000, 5000));
    assert_true(ehr_lease_take_at(shared, 1000, 5500));

    child = fork();
    if (child == 0) {
        ngx_pid = getpid();
        /* not before the deadline, then yes */
        _exit(ehr_lease_take_at(shared, 1000, 6499) == 0
              && ehr_lease_take_at(shared, 100000, 6500) ? 0 : 1);
    }

    waitpid(child, &status, 0);
    assert_int_equal(status, 0);

    /* the child is dead: its deadline does not matter */
    assert_true(ehr_lease_take_at(shared, 1000, 6501));
}


static void
lease_is_released_by_its_holder_only(void **state)
{
    pid_t  child;
    int    status;

    (void) state;

    assert_true(ehr_lease_take_at(shared, 1000, 5000));

    child = fork();
    if (child == 0) {
        ngx_pid = getpid();
        ehr_lease_release(shared);
        _exit(ehr_lease_take_at(shared, 1000, 5000) ? 1 : 0);
    }

    waitpid(child, &status, 0);
    assert_int_equal(status, 0);

    ehr_lease_release(shared);
    assert_int_equal(shared->holder, 0);
    assert_true(ehr_lease_take(shared, 1000));
}


/* -- death ----------------------------------------------------------------- */

static void
change_cut_short_still_raises_the_generation(void **state)
{
    uint64_t  before;

    (void) state;

    before = shared->generation;

    /* as a dead worker leaves it */
    ehr_shared_change(shared);
    (void) is_revoked(1, 1, NOW, NOW);
    assert_int_equal(shared->generation, before + 1);
    (void) is_revoked(1, 1, NOW, NOW);
    assert_int_equal(shared->generation, before + 1);
}


static void
churn(void)
{
    uint32_t    i;
    ehr_role_t  roles[2];

    memset(roles, 0, sizeof(roles));
    strcpy((char *) roles[0].name, "A");
    strcpy((char *) roles[1].name, "B");

    for (i = 0; /* void */ ; i++) {
        roles[0].permissions = roles[1].permissions = i % 2 + 1;
        ehr_shared_set_roles(shared, roles, 2);
        revoke_session(i % 500, NOW + 100 + i);
        revoke_user(i % 500, NOW + i, NOW + 100 + i);
    }
}


static int
both_roles_agree(void)
{
    uint64_t  a, b;

    ehr_shared_lock(shared);
    a = ehr_shared_role(shared, (u_char *) "A");
    b = ehr_shared_role(shared, (u_char *) "B");
    ehr_shared_unlock(shared);

    return a == b;
}


/* Kills a writer at random many times and looks at what it left. */
static void
killed_writers_leave_a_whole_zone(void **state)
{
    int                i, n;
    pid_t              child;
    ngx_uint_t         slot;
    ehr_uuid_t         id;
    ehr_revocation_t  *entry;

    (void) state;

    for (n = 0; n < 200; n++) {
        child = fork();

        if (child == 0) {
            ngx_pid = getpid();
            churn();
        }

        for (i = 0; i < 1 + n % 20; i++) {
            usleep(50);
            assert_true(both_roles_agree());
        }

        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        stub_zone_unlock(&zone, child);

        assert_true(both_roles_agree());
        assert_int_equal(shared->changing, 0);

        for (slot = 0; slot < shared->nrevocations; slot++) {
            entry = &shared->revocations[slot];

            if (entry->until) {
                memcpy(&i, entry->id.bytes + 12, 4);
                id = uuid((uint32_t) i);
                assert_memory_equal(&id, &entry->id, sizeof(id));
                assert_in_range(i, 0, 1000);
                assert_in_range(entry->kind, EHR_REVOKED_SESSION,
                                EHR_REVOKED_USER);
                assert_true(entry->before >= NOW);
            }
        }

        assert_int_equal(revoke_session(1000, NOW + 900 + n), NGX_OK);
    }
}


#define each(test) \
    cmocka_unit_test_setup_teardown(test, set_up, zone_tear_down)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        each(tables_lie_inside_the_zone),
        each(small_zone_names_the_size_it_needs),
        each(reload_keeps_the_state),
        each(other_layout_is_not_taken_over),
        each(session_is_revoked_until_its_time),
        each(user_is_revoked_up_to_before),
        each(generation_rises_with_each_change_only),
        each(full_table_says_so_and_recovers),
        each(roles_are_replaced_as_a_whole),
        each(lease_has_one_holder),
        each(lease_is_released_by_its_holder_only),
        each(change_cut_short_still_raises_the_generation),
        each(killed_writers_leave_a_whole_zone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
