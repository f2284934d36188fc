/*
 * A growing text in an arena.  Adding never fails visibly: without memory
 * the text is marked, and ehr_text_done() answers NULL.
 */

#ifndef EHR_TEXT_H
#define EHR_TEXT_H

#include "model.h"


typedef struct {
    const ehr_arena_t      *arena;
    char                   *data;
    size_t                  len;
    size_t                  size;
    int                     failed;      /* no memory: nothing is added */
} ehr_text_t;


void ehr_text_init(ehr_text_t *text, const ehr_arena_t *arena);

void ehr_text_add_bytes(ehr_text_t *text, const char *data, size_t len);
void ehr_text_add(ehr_text_t *text, const char *string);
/* For short pieces: what is printed is at most 255 bytes, the rest is cut. */
void ehr_text_print(ehr_text_t *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The text, NUL-terminated and valid as long as the arena; NULL if there was
 * no memory for all of it. */
const char *ehr_text_done(ehr_text_t *text);

#endif /* EHR_TEXT_H */
