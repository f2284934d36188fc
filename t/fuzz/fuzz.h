/*
 * What fuzz targets share.
 *
 * A target is a file t/fuzz/<name>.c that defines LLVMFuzzerTestOneInput();
 * its first line names what it is linked with, as a unit test's does (see
 * t/unit/run).  t/fuzz/corpus/<name>/ holds what it begins with.
 */

#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's entry: any bytes.  Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input was; libFuzzer keeps the input that
 * breaks it. */
#define fuzz_assert(condition)                                               \
    do {                                                                     \
        if (!(condition)) {                                                  \
            (void) fprintf(stderr, "%s:%d: not so: %s\n", __FILE__,          \
                           __LINE__, #condition);                            \
            abort();                                                         \
        }                                                                    \
    } while (0)

/* A copy in memory of exactly this size, so that ASan sees a read beyond it;
 * the caller frees it. */
static inline uint8_t *
fuzz_copy(const uint8_t *data, size_t size)
{
    uint8_t  *copy;

    copy = malloc(size ? size : 1);
    fuzz_assert(copy != NULL);

    return size ? memcpy(copy, data, size) : copy;
}

#endif /* FUZZ_H */
