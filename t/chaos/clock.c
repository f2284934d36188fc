/*
 * For LD_PRELOAD: moves a process's wall clock by as many seconds as stand, as
 * eight bytes, in the file that EHR_TEST_CLOCK names.  The file is mapped, so
 * the clock moves when somebody writes to it.  Intervals are as they were.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


static const volatile int64_t  *seconds;


__attribute__((constructor))
static void
map_clock(void)
{
    int          fd;
    void        *map;
    const char  *path = getenv("EHR_TEST_CLOCK");

    fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd == -1) {
        return;
    }

    map = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    (void) close(fd);

    if (map != MAP_FAILED) {
        seconds = map;
    }
}


int
clock_gettime(clockid_t clock, struct timespec *now)
{
    int  rc;

    rc = (int) syscall(SYS_clock_gettime, clock, now);

    if (rc == 0 && seconds
        && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    {
        now->tv_sec += *seconds;
    }

    return rc;
}


int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec  exact;

    (void) zone;
    (void) clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *out)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_REALTIME, &now);

    if (out) {
        *out = now.tv_sec;
    }

    return now.tv_sec;
}
