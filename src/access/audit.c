#include "access.h"

#include <stdio.h>


ngx_int_t
ehr_audit_mac_by(const ehr_key_t *key, const ehr_bytes_t *parts, size_t n,
    u_char out[EHR_AUDIT_MAC])
{
    int          rc;
    char         version[sizeof("255\n")];
    size_t       i, first;
    u_char       mac[EHR_HMAC];
    ehr_bytes_t  all[1 + EHR_AUDIT_PARTS];

    static const u_char  digits[] = "0123456789abcdef";

    /* those of version 1 were there before there were versions */
    first = (key->version > 1) ? 1 : 0;

    all[0].data = version;
    all[0].len = snprintf(version, sizeof(version), "%u\n",
                          (unsigned) key->version);
    ngx_memcpy(&all[first], parts, n * sizeof(ehr_bytes_t));

    rc = ehr_hmac(key->secret.data, key->secret.len, all, first + n, mac);

    for (i = 0; i < EHR_HMAC; i++) {
        *out++ = digits[mac[i] >> 4];
        *out++ = digits[mac[i] & 15];
    }

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ehr_audit_mac(ehr_field_keys_t *keys, const ehr_bytes_t *parts, size_t n,
    u_char out[EHR_AUDIT_MAC])
{
    return ehr_audit_mac_by(keys->audit_key, parts, n, out);
}


u_char *
ehr_audit_signature(ehr_field_keys_t *keys, const ehr_bytes_t *parts, size_t n,
    u_char out[EHR_AUDIT_SIGNATURE])
{
    if (keys->audit_key->version > 1) {
        out += sprintf((char *) out, "%u:",
                       (unsigned) keys->audit_key->version);
    }

    return ehr_audit_mac(keys, parts, n, out) == NGX_OK ? out + EHR_AUDIT_MAC
                                                        : NULL;
}
