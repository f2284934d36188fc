/*
 * Positions as they come in a query: "52.52,13.405".
 */

#include "model.h"


static const char *degrees(const char *p, int most);


/* Reads [-]d{1,3}[.d{1,8}] between -most and most; NULL if it is not one. */

static const char *
degrees(const char *p, int most)
{
    int  whole = 0, digits = 0, fraction = 0;

    if (*p == '-') {
        p++;
    }

    for ( /* void */ ; *p >= '0' && *p <= '9' && digits < 3; p++, digits++) {
        whole = whole * 10 + (*p - '0');
    }

    if (digits == 0 || whole > most) {
        return NULL;
    }

    if (*p != '.') {
        return p;
    }

    for (p++, digits = 0; *p >= '0' && *p <= '9' && digits < 8;
         p++, digits++)
    {
        fraction |= *p - '0';
    }

    return (digits == 0 || (whole == most && fraction)) ? NULL : p;
}


int
ehr_is_position(const char *text)
{
    text = degrees(text, 90);

    if (text == NULL || *text != ',') {
        return 0;
    }

    text = degrees(text + 1, 180);

    return text != NULL && *text == '\0';
}
