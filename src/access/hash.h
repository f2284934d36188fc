/*
 * Keyed hashes: SipHash for tables in memory, HMAC-SHA256 for what is stored.
 */

#ifndef EHR_HASH_H
#define EHR_HASH_H

#include <stddef.h>
#include <stdint.h>

#define EHR_SIPHASH_KEY  16
#define EHR_HMAC         32

/* SipHash-2-4 with 128 bits of output (two words). */
void ehr_siphash(const unsigned char key[EHR_SIPHASH_KEY],
    const unsigned char *in, size_t len, uint64_t out[2]);

typedef struct {
    const void             *data;
    size_t                  len;
} ehr_bytes_t;

/*
 * HMAC-SHA256 over the parts, one after the other.  0, or -1 without memory,
 * in which case out is all zero bytes.  Not for threads.
 */
int ehr_hmac(const unsigned char *key, size_t key_len,
    const ehr_bytes_t *parts, size_t n, unsigned char out[EHR_HMAC]);

#endif /* EHR_HASH_H */
