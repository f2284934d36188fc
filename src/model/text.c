/*
 * A growing text in an arena: see text.h.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"


#define FIRST_SIZE  256
#define PIECE_SIZE  256


void
ehr_text_init(ehr_text_t *text, const ehr_arena_t *arena)
{
    memset(text, 0, sizeof(ehr_text_t));
    text->arena = arena;
}


/* Makes room for `more` bytes and the terminator.  An arena cannot give
 * back, so the size doubles: at most half of what is taken is lost. */
static int
make_room(ehr_text_t *text, size_t more)
{
    char    *data;
    size_t   size;

    if (text->failed) {
        return -1;
    }

    if (more < text->size - text->len) {
        return 0;
    }

    size = text->size == 0 ? FIRST_SIZE : text->size;

    while (size - text->len <= more) {
        if (size > SIZE_MAX / 2) {
            text->failed = 1;
            return -1;
        }

        size *= 2;
    }

    data = text->arena->alloc(text->arena->context, size);
    if (data == NULL) {
        text->failed = 1;
        return -1;
    }

    if (text->len > 0) {
        memcpy(data, text->data, text->len);
    }

    text->data = data;
    text->size = size;

    return 0;
}


void
ehr_text_add_bytes(ehr_text_t *text, const char *data, size_t len)
{
    if (len > 0 && make_room(text, len) == 0) {
        memcpy(text->data + text->len, data, len);
        text->len += len;
    }
}


void
ehr_text_add(ehr_text_t *text, const char *string)
{
    ehr_text_add_bytes(text, string, strlen(string));
}


void
ehr_text_print(ehr_text_t *text, const char *format, ...)
{
    int      len;
    char     piece[PIECE_SIZE];
    va_list  arguments;

    va_start(arguments, format);
    len = vsnprintf(piece, sizeof(piece), format, arguments);
    va_end(arguments);

    if (len >= (int) sizeof(piece)) {
        len = sizeof(piece) - 1;
    }

    if (len > 0) {
        ehr_text_add_bytes(text, piece, (size_t) len);
    }
}


const char *
ehr_text_done(ehr_text_t *text)
{
    if (make_room(text, 0) != 0) {
        return NULL;
    }

    text->data[text->len] = '\0';

    return text->data;
}
