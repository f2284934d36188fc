/*
 * No target by itself: the texts of nginx that src/http needs beside what
 * t/unit/access/nginx_stubs.c has.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <strings.h>


/* nginx's formats are not printf's: the text is kept unfilled. */

u_char * ngx_cdecl
ngx_snprintf(u_char *buf, size_t max, const char *fmt, ...)
{
    size_t  len = ngx_min(strlen(fmt), max ? max - 1 : 0);

    memcpy(buf, fmt, len);
    buf[len] = '\0';

    return buf + len;
}


u_char * ngx_cdecl
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    return ngx_snprintf(buf, strlen(fmt) + 1, fmt);
}


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    return strncasecmp((char *) s1, (char *) s2, n);
}
