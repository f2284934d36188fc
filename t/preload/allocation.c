/*
 * LD_PRELOAD: makes allocations fail now and then, to see what a process does
 * without memory.
 *
 * EHR_ALLOCATION names a file of two 32-bit words that the test maps too: one
 * allocation of so many fails (0: none does); how many have failed.
 */

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>


typedef struct {
    uint32_t    one_of;
    uint32_t    failed;
} control_t;

/* glibc's own, under the names that nobody replaces */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static control_t  none;
static control_t *control = &none;


__attribute__((constructor)) static void
begin(void)
{
    int          fd;
    void        *map;
    const char  *path = getenv("EHR_ALLOCATION");

    fd = path ? open(path, O_RDWR|O_CLOEXEC) : -1;
    if (fd == -1) {
        return;
    }

    map = mmap(NULL, sizeof(control_t), PROT_READ|PROT_WRITE, MAP_SHARED, fd,
               0);
    close(fd);

    if (map != MAP_FAILED) {
        control = map;
    }
}


/* splitmix64 of a running number: evenly spread, and no lock */

static int
fails(void)
{
    uint64_t         z;
    static uint64_t  n;
    uint32_t         one_of = __atomic_load_n(&control->one_of,
                                              __ATOMIC_RELAXED);

    if (one_of == 0) {
        return 0;
    }

    z = __atomic_add_fetch(&n, 1, __ATOMIC_RELAXED) + (uint64_t) getpid();
    z *= 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;

    if ((z ^ (z >> 31)) % one_of) {
        return 0;
    }

    __atomic_add_fetch(&control->failed, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return 1;
}


void *
malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}


void *
realloc(void *old, size_t size)
{
    return size && fails() ? NULL : __libc_realloc(old, size);
}


int
posix_memalign(void **block, size_t alignment, size_t size)
{
    void  *made = fails() ? NULL : __libc_memalign(alignment, size);

    if (made == NULL) {
        return ENOMEM;
    }

    *block = made;
    return 0;
}
