#include "access.h"


ngx_int_t
ehr_audit_mac(ehr_field_keys_t *keys, const ehr_bytes_t *parts, size_t n,
    u_char out[EHR_AUDIT_MAC])
{
    int     rc;
    size_t  i;
    u_char  mac[EHR_HMAC];

    static const u_char  digits[] = "0123456789abcdef";

    rc = ehr_hmac(keys->audit_key.secret.data, keys->audit_key.secret.len,
                  parts, n, mac);

    for (i = 0; i < EHR_HMAC; i++) {
        *out++ = digits[mac[i] >> 4];
        *out++ = digits[mac[i] & 15];
    }

    return rc == 0 ? NGX_OK : NGX_ERROR;
}
