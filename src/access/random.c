#include "access.h"

#include <pthread.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "encoding.h"


/* The most bytes a random token has; all of ours have 32. */
#define EHR_RANDOM_TOKEN_MAX  128

/* Every request takes an id, and a call of OpenSSL costs as much for 16 bytes
 * as for some hundred: ids take theirs from what was drawn before.  Secrets do
 * not. */
#define EHR_RANDOM_IDS        64
#define EHR_RANDOM_ID         10

static u_char  ehr_random_drawn[EHR_RANDOM_IDS * EHR_RANDOM_ID];
static size_t  ehr_random_left;


static ngx_int_t
ehr_random_bytes(u_char *out, size_t n)
{
    if (RAND_bytes(out, (int) n) != 1) {
        ERR_clear_error();
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* A child does not give out what its parent drew. */

static void
ehr_random_forked(void)
{
    ehr_random_left = 0;
}


static ngx_int_t
ehr_random_id(u_char out[EHR_RANDOM_ID])
{
    static int  watches;

    if (!watches) {
        if (pthread_atfork(NULL, NULL, ehr_random_forked) != 0) {
            return NGX_ERROR;
        }

        watches = 1;
    }

    if (ehr_random_left == 0) {
        if (ehr_random_bytes(ehr_random_drawn, sizeof(ehr_random_drawn))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ehr_random_left = sizeof(ehr_random_drawn);
    }

    ehr_random_left -= EHR_RANDOM_ID;
    ngx_memcpy(out, ehr_random_drawn + ehr_random_left, EHR_RANDOM_ID);

    return NGX_OK;
}


ngx_int_t
ehr_uuid_new(ehr_uuid_t *uuid)
{
    int              i;
    uint64_t         milliseconds;
    struct timespec  now;

    if (clock_gettime(CLOCK_REALTIME, &now) == -1
        || ehr_random_id(uuid->bytes + 6) != NGX_OK)
    {
        return NGX_ERROR;
    }

    milliseconds = (uint64_t) now.tv_sec * 1000
                   + (uint64_t) now.tv_nsec / 1000000;

    for (i = 5; i >= 0; i--) {
        uuid->bytes[i] = milliseconds & 0xff;
        milliseconds >>= 8;
    }

    uuid->bytes[6] = 0x70 | (uuid->bytes[6] & 0x0f);
    uuid->bytes[8] = 0x80 | (uuid->bytes[8] & 0x3f);

    return NGX_OK;
}


static int
ehr_hex_value(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


ngx_int_t
ehr_uuid_parse(ehr_uuid_t *uuid, const u_char *text, size_t len)
{
    int     high, low;
    size_t  i, n;

    if (len != EHR_UUID_TEXT) {
        return NGX_ERROR;
    }

    for (i = 0, n = 0; i < len; /* void */ ) {

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-') {
                return NGX_ERROR;
            }

            continue;
        }

        high = ehr_hex_value(text[i++]);
        low = ehr_hex_value(text[i++]);

        if (high == -1 || low == -1) {
            return NGX_ERROR;
        }

        uuid->bytes[n++] = high << 4 | low;
    }

    return NGX_OK;
}


u_char *
ehr_uuid_print(u_char *out, const ehr_uuid_t *uuid)
{
    size_t  i;

    static const u_char  digits[] = "0123456789abcdef";

    for (i = 0; i < sizeof(uuid->bytes); i++) {

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *out++ = '-';
        }

        *out++ = digits[uuid->bytes[i] >> 4];
        *out++ = digits[uuid->bytes[i] & 15];
    }

    return out;
}


ngx_int_t
ehr_random_token(u_char *out, size_t n)
{
    u_char  bytes[EHR_RANDOM_TOKEN_MAX];

    if (n > sizeof(bytes) || ehr_random_bytes(bytes, n) != NGX_OK) {
        return NGX_ERROR;
    }

    (void) ehr_base64url_encode(out, bytes, n);
    ngx_explicit_memzero(bytes, sizeof(bytes));

    return NGX_OK;
}
