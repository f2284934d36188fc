#include "encoding.h"


static const unsigned char  ehr_base64url_alphabet[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


unsigned char *
ehr_base64url_encode(unsigned char *out, const unsigned char *in, size_t n)
{
    unsigned  bits, group;

    bits = 0;
    group = 0;

    while (n--) {
        group = (group << 8 | *in++) & 0xffff;
        bits += 8;

        while (bits >= 6) {
            bits -= 6;
            *out++ = ehr_base64url_alphabet[group >> bits & 63];
        }
    }

    if (bits) {
        *out++ = ehr_base64url_alphabet[group << (6 - bits) & 63];
    }

    return out;
}


static int
ehr_base64url_value(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    if (c == '-') {
        return 62;
    }

    return c == '_' ? 63 : -1;
}


ssize_t
ehr_base64url_decode(unsigned char *out, const unsigned char *in, size_t n)
{
    int             value;
    unsigned        bits, group;
    unsigned char  *start;

    if (n % 4 == 1) {
        return -1;
    }

    start = out;
    bits = 0;
    group = 0;

    while (n--) {
        value = ehr_base64url_value(*in++);

        if (value == -1) {
            return -1;
        }

        group = (group << 6 | (unsigned) value) & 0xffff;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            *out++ = group >> bits & 0xff;
        }
    }

    if (group & ((1u << bits) - 1)) {
        return -1;
    }

    return out - start;
}


static int
ehr_hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


int
ehr_hex_decode(unsigned char *out, const unsigned char *in, size_t n)
{
    int     high, low;
    size_t  i;

    for (i = 0; i < n; i++) {
        high = ehr_hex_digit(in[2 * i]);
        low = ehr_hex_digit(in[2 * i + 1]);

        if (high < 0 || low < 0) {
            return -1;
        }

        out[i] = (unsigned char) (high << 4 | low);
    }

    return 0;
}
