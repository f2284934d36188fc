/*
 * Killing the process at a named place: see crash_point.h.
 *
 * The file is mapped, so that the test can choose the point while nginx runs:
 * a count, the process that died, and the point's name.  The count says which
 * passing is the last; 0: none is.
 */

#include "crash_point.h"

#ifdef EHR_CRASH_POINTS

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


#define EHR_CRASH_POINT_NAME  56

typedef struct {
    int32_t     passes;
    int32_t     killed;
    char        name[EHR_CRASH_POINT_NAME];     /* ends with NUL */
} ehr_crash_control_t;


static ehr_crash_control_t  *ehr_crash_control;
static int                   ehr_crash_is_locked;


/* The master loads the module before it gives up the environment; workers
 * have the mapping from it. */

__attribute__((constructor)) static void
ehr_crash_begin(void)
{
    int          fd;
    void        *map;
    const char  *path = getenv("EHR_CRASH_POINT");

    fd = path ? open(path, O_RDWR|O_CLOEXEC) : -1;
    if (fd == -1) {
        return;
    }

    map = mmap(NULL, sizeof(ehr_crash_control_t), PROT_READ|PROT_WRITE,
               MAP_SHARED, fd, 0);
    (void) close(fd);

    if (map != MAP_FAILED) {
        ehr_crash_control = map;
    }
}


void
ehr_crash_point(const char *name)
{
    ehr_crash_control_t  *control = ehr_crash_control;

    if (control == NULL
        || __atomic_load_n(&control->passes, __ATOMIC_ACQUIRE) <= 0
        || strncmp(control->name, name, EHR_CRASH_POINT_NAME) != 0
        || __atomic_sub_fetch(&control->passes, 1, __ATOMIC_ACQ_REL) != 0)
    {
        return;
    }

    __atomic_store_n(&control->killed, (int32_t) getpid(), __ATOMIC_RELEASE);
    (void) kill(getpid(), SIGKILL);
}


void
ehr_crash_locked(int is_locked)
{
    ehr_crash_is_locked = is_locked;
}


/* What is not under the mutex is the feed's. */

void
ehr_crash_in_engine(void)
{
    ehr_crash_point(ehr_crash_is_locked ? "engine-locked" : "engine-fed");
}

#endif
