/*
 * Allocations that fail on command, those of what is linked into the test
 * statically: its build line has @t/unit/memory.
 */

#ifndef EHR_TEST_MEMORY_H
#define EHR_TEST_MEMORY_H

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>


static struct {
    long    left;       /* allocations before one fails; -1: none does */
    int     all_after;  /* those behind it fail, too */
    long    room;       /* bytes there are; -1: as many as wanted */
    int     lacked;
} memory = { -1, 0, -1, 0 };

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


/* After `left` allocations one fails, or all that follow. */
static inline void
memory_fails_after(long left, int all_after)
{
    memory.left = left;
    memory.all_after = all_after;
    memory.lacked = 0;
}


/* Of so many bytes, with what is freed: a larger one may fail before. */
static inline void
memory_ends_after(long room)
{
    memory.room = room;
    memory.lacked = 0;
}


/* There is memory again.  Returns whether it was lacked. */
static inline int
memory_comes_back(void)
{
    memory.left = memory.room = -1;
    return memory.lacked;
}


static int
memory_fails(size_t size)
{
    int  fails;

    fails = memory.left == 0 || (memory.room >= 0 && (long) size > memory.room);

    if (memory.left > 0 || (memory.left == 0 && !memory.all_after)) {
        memory.left--;
    }

    if (fails) {
        memory.lacked = 1;
        errno = ENOMEM;
    }

    return fails;
}


static void *
memory_given(void *block)
{
    if (memory.room >= 0) {
        memory.room -= malloc_usable_size(block);
    }

    return block;
}


void
__wrap_free(void *block)
{
    if (memory.room >= 0) {
        memory.room += malloc_usable_size(block);
    }

    __real_free(block);
}


void *
__wrap_malloc(size_t size)
{
    return memory_fails(size) ? NULL : memory_given(__real_malloc(size));
}


void *
__wrap_calloc(size_t n, size_t size)
{
    return memory_fails(n * size) ? NULL
                                  : memory_given(__real_calloc(n, size));
}


void *
__wrap_realloc(void *old, size_t size)
{
    if (memory_fails(size)) {
        return NULL;
    }

    memory.room += (memory.room >= 0) ? (long) malloc_usable_size(old) : 0;

    return memory_given(__real_realloc(old, size));
}


char *
__wrap_strdup(const char *text)
{
    return memory_fails(strlen(text) + 1) ? NULL
                                          : memory_given(__real_strdup(text));
}

#endif /* EHR_TEST_MEMORY_H */
