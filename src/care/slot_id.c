/*
 * Ids of slots: see slot.h.
 *
 *   byte  0      version
 *         1-16   doctor
 *        17-20   start, in steps since 1970, big-endian
 *        21-22   minutes
 *        23-31   the first bytes of an HMAC of the above
 *
 * While two index keys are active the older one makes it, and both are good.
 */

#include <openssl/crypto.h>

#include "../access/encoding.h"
#include "slot.h"


#define EHR_SLOT_VERSION   1
#define EHR_SLOT_SAID     23
#define EHR_SLOT_BYTES    32


static ngx_int_t ehr_slot_id_seal(u_char bytes[EHR_SLOT_BYTES],
    ehr_key_t *key);


u_char *
ehr_slot_id_print(u_char *out, const ehr_slot_t *slot)
{
    u_char    bytes[EHR_SLOT_BYTES];
    uint32_t  step = (uint32_t) (slot->start / EHR_SLOT_STEP);

    bytes[0] = EHR_SLOT_VERSION;
    ngx_memcpy(bytes + 1, slot->doctor.bytes, sizeof(slot->doctor.bytes));
    bytes[17] = (u_char) (step >> 24);
    bytes[18] = (u_char) (step >> 16);
    bytes[19] = (u_char) (step >> 8);
    bytes[20] = (u_char) step;
    bytes[21] = (u_char) (slot->minutes >> 8);
    bytes[22] = (u_char) slot->minutes;

    if (ehr_slot_id_seal(bytes, ehr_worker.conf->keys.index_keys.elts)
        != NGX_OK)
    {
        return NULL;
    }

    return ehr_base64url_encode(out, bytes, EHR_SLOT_BYTES);
}


ngx_int_t
ehr_slot_id_parse(const char *text, size_t len, ehr_slot_t *slot)
{
    u_char        bytes[EHR_SLOT_BYTES], sealed[EHR_SLOT_BYTES];
    ngx_uint_t    i;
    ngx_array_t  *keys = &ehr_worker.conf->keys.index_keys;

    if (len != EHR_SLOT_ID
        || ehr_base64url_decode(bytes, (const u_char *) text, len)
           != EHR_SLOT_BYTES
        || bytes[0] != EHR_SLOT_VERSION)
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(sealed, bytes, EHR_SLOT_SAID);

    for (i = 0; i < keys->nelts; i++) {

        if (ehr_slot_id_seal(sealed, (ehr_key_t *) keys->elts + i) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (CRYPTO_memcmp(bytes, sealed, EHR_SLOT_BYTES) == 0) {
            break;
        }
    }

    if (i == keys->nelts) {
        return NGX_DECLINED;
    }

    ngx_memcpy(slot->doctor.bytes, bytes + 1, sizeof(slot->doctor.bytes));
    slot->start = ((int64_t) bytes[17] << 24 | bytes[18] << 16
                   | bytes[19] << 8 | bytes[20])
                  * EHR_SLOT_STEP;
    slot->minutes = bytes[21] << 8 | bytes[22];

    return NGX_OK;
}


/* Fills in the hash of what the bytes say. */

static ngx_int_t
ehr_slot_id_seal(u_char bytes[EHR_SLOT_BYTES], ehr_key_t *key)
{
    u_char            hash[EHR_BLIND_INDEX];
    static ngx_str_t  purpose = ngx_string("slot");

    if (ehr_blind_index(key, &purpose, bytes, EHR_SLOT_SAID, hash) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(bytes + EHR_SLOT_SAID, hash + 1,
               EHR_SLOT_BYTES - EHR_SLOT_SAID);

    return NGX_OK;
}
