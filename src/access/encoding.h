/*
 * Base64url (RFC 4648 section 5) without padding, one spelling per value; and
 * hexadecimal.
 */

#ifndef EHR_ENCODING_H
#define EHR_ENCODING_H

#include <stddef.h>
#include <sys/types.h>

/* Characters that n bytes take, and the most bytes that n characters give. */
#define ehr_base64url_length(n)   (((n) * 8 + 5) / 6)
#define ehr_base64url_capacity(n) ((n) * 6 / 8)

/* Writes ehr_base64url_length(n) characters, not terminated; returns the
 * end. */
unsigned char *ehr_base64url_encode(unsigned char *out,
    const unsigned char *in, size_t n);

/*
 * Decodes n characters into at most ehr_base64url_capacity(n) bytes and
 * returns how many; -1 for anything the encoder would not have written:
 * other characters (padding and white space too), an impossible length, or
 * bits left over that are not zero.
 */
ssize_t ehr_base64url_decode(unsigned char *out, const unsigned char *in,
    size_t n);

/* Decodes 2 * n hexadecimal digits of either case into n bytes; -1 for
 * anything else. */
int ehr_hex_decode(unsigned char *out, const unsigned char *in, size_t n);

#endif /* EHR_ENCODING_H */
