#include "access.h"

#include "hash.h"


ngx_int_t
ehr_audit_mac(ehr_field_keys_t *keys, ngx_str_t *canonical, u_char out[64])
{
    int          rc;
    size_t       i;
    u_char       mac[EHR_HMAC];
    ehr_bytes_t  part;

    static const u_char  digits[] = "0123456789abcdef";

    part = (ehr_bytes_t) { canonical->data, canonical->len };

    rc = ehr_hmac(keys->audit_key.secret.data, keys->audit_key.secret.len,
                  &part, 1, mac);

    for (i = 0; i < EHR_HMAC; i++) {
        *out++ = digits[mac[i] >> 4];
        *out++ = digits[mac[i] & 15];
    }

    return rc == 0 ? NGX_OK : NGX_ERROR;
}
