/* build: src/documents/calendar.c -l:libical.a -licui18n -licuuc -lpthread -lcmocka @t/unit/memory */

/*
 * Calendars without memory.  Each allocation fails, alone or with all that
 * follow it: a text is then whole, or not there, or libical dies of it; it is
 * never half there.  Where memory only comes to its end, nobody dies.
 */

#include "../../../src/documents/calendar.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../memory.h"


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


/* Deaths are looked at here. */
const char *
__asan_default_options(void)
{
    return "handle_segv=0";
}


static char *
make(int head)
{
    return head ? ehr_calendar_head("Dr. Ana Núñez")
                : ehr_calendar_event(&visit);
}


/* What becomes of it when allocation `n` fails (and all after it), or when
 * there are `bytes` of memory (-1: enough of both); *enough: none failed. */
static int
outcome(int head, const char *whole, long n, int all_after, long bytes,
    int *enough)
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

        memory_fails_after(n, all_after);
        memory_ends_after(bytes);
        text = make(head);
        *enough = !memory_comes_back();
        status = text == NULL ? ABSENT : strcmp(text, whole) ? WRONG : WHOLE;
        _exit(status + (*enough ? 16 : 0));
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
    int    head, all_after, enough, was, seen[OUTCOMES] = { 0 };
    long   n;
    char  *whole;

    (void) state;

    for (head = 0; head < 2; head++) {
        whole = make(head);
        assert_non_null(whole);

        for (all_after = 0; all_after < 2; all_after++) {
            enough = 0;

            for (n = 0; !enough; n++) {
                was = outcome(head, whole, n, all_after, -1, &enough);
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
            was = outcome(head, whole, -1, 0, bytes, &enough);
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
