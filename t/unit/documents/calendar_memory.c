/* build: src/documents/calendar.c -l:libical.a -licui18n -licuuc -lpthread -lcmocka -Wl,--wrap=malloc,--wrap=realloc,--wrap=calloc,--wrap=strdup,--wrap=free */

/*
 * Calendars without memory.  Each allocation fails, alone or with all that
 * follow it: a text is then whole, or not there, or libical dies of it; it is
 * never half there.  Where memory only comes to its end, nobody dies.
 */

#include "../../../src/documents/calendar.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>


enum { WHOLE, ABSENT, DIED, OUTCOMES, WRONG };

static const ehr_calendar_event_t  visit = {
    .id = "3f2f0b52-9d1c-4b7a-8f10-0a54b1c7d001",
    .starts = 1795249800, .ends = 1795251600,
    .changed = 1790000000, .version = 3,
    .summary = "Appointment with Ana Núñez",
    .location = "Clínica Norte, Calle Mayor 1; Madrid",
    .organizer_id = "7b0a2c4e-1111-4222-8333-444455556666",
    .organizer = "Clínica \"Norte\": Madrid",
};

static long  left = -1;         /* allocations before one fails; -1: none does */
static int   all_after, lacked;
static long  room = -1;         /* bytes that are left; -1: as many as wanted */

void __real_free(void *block);
void __wrap_free(void *block);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);


/* Deaths are looked at here. */
const char *
__asan_default_options(void)
{
    return "handle_segv=0";
}


static int
fails(size_t size)
{
    if (room >= 0 && (long) size > room) {
        lacked = 1;
        errno = ENOMEM;
        return 1;
    }

    if (left == 0) {
        left = all_after ? 0 : -1;
        lacked = 1;
        errno = ENOMEM;
        return 1;
    }

    if (left > 0) {
        left--;
    }

    return 0;
}


static void *
given(void *block)
{
    if (room >= 0) {
        room -= malloc_usable_size(block);
    }

    return block;
}


void
__wrap_free(void *block)
{
    if (room >= 0) {
        room += malloc_usable_size(block);
    }

    __real_free(block);
}


void *
__wrap_malloc(size_t size)
{
    return fails(size) ? NULL : given(__real_malloc(size));
}


void *
__wrap_calloc(size_t n, size_t size)
{
    return fails(n * size) ? NULL : given(__real_calloc(n, size));
}


void *
__wrap_realloc(void *old, size_t size)
{
    if (fails(size)) {
        return NULL;
    }

    room += (room >= 0) ? (long) malloc_usable_size(old) : 0;

    return given(__real_realloc(old, size));
}


char *
__wrap_strdup(const char *text)
{
    return fails(strlen(text) + 1) ? NULL : given(__real_strdup(text));
}


static char *
make(int head)
{
    return head ? ehr_calendar_head("Dr. Ana Núñez")
                : ehr_calendar_event(&visit);
}


/* What becomes of it when allocation `n` fails, or when there are `bytes` of
 * memory (-1: enough of both); *enough: none failed. */
static int
outcome(int head, const char *whole, long n, long bytes, int *enough)
{
    int    status;
    char  *text;
    pid_t  pid;

    pid = fork();
    assert_true(pid != -1);

    if (pid == 0) {
        /* cmocka would take it for the test's own */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);

        left = n;
        room = bytes;
        text = make(head);
        left = room = -1;
        status = text == NULL ? ABSENT : strcmp(text, whole) ? WRONG : WHOLE;
        _exit(status + (lacked ? 0 : 16));
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    *enough = WIFEXITED(status) && WEXITSTATUS(status) >= 16;

    if (WIFSIGNALED(status)) {
        assert_true(WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGABRT);
        return DIED;
    }

    return WEXITSTATUS(status) & 15;
}


static void
texts_are_never_half_there(void **state)
{
    int    head, enough, was, seen[OUTCOMES] = { 0 };
    long   n;
    char  *whole;

    (void) state;

    for (head = 0; head < 2; head++) {
        whole = make(head);
        assert_non_null(whole);

        for (all_after = 0; all_after < 2; all_after++) {
            enough = 0;

            for (n = 0; !enough; n++) {
                was = outcome(head, whole, n, -1, &enough);
                assert_in_range(was, WHOLE, DIED);
                seen[was]++;
            }
        }

        free(whole);
    }

    print_message("# %d whole, %d absent, %d died\n", seen[WHOLE],
                  seen[ABSENT], seen[DIED]);
    assert_true(seen[ABSENT] > 50);
}


static void
nobody_dies_of_the_end_of_memory(void **state)
{
    int    head, enough, was;
    long   bytes;
    char  *whole;

    (void) state;

    for (head = 0; head < 2; head++) {
        whole = make(head);
        enough = 0;

        for (bytes = 0; !enough; bytes += 512) {
            was = outcome(head, whole, -1, bytes, &enough);
            assert_int_equal(was, enough ? WHOLE : ABSENT);
        }

        free(whole);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(texts_are_never_half_there),
        cmocka_unit_test(nobody_dies_of_the_end_of_memory),
    };

    ehr_calendar_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
