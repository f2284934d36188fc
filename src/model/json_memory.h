/*
 * JSON texts read and written safely when there is no memory.
 *
 * jansson 2.14 does not look whether a character it read could be kept: a
 * string whose buffer could not grow comes out shorter, without an error, and
 * one that lost its closing quote is read beyond its end.  In a patient's
 * record that is a wrong dose.  Nor does it look whether an object's key could
 * be written.  So every text is read and made through here, and none but a
 * whole one comes out.
 */

#ifndef EHR_JSON_MEMORY_H
#define EHR_JSON_MEMORY_H

#include <jansson.h>


/* Once a process, before jansson is used. */
void ehr_json_memory_init(void);

/*
 * As json_loadb(): a new reference, or NULL and why in *error, which may be
 * NULL.  Without memory the code is json_error_out_of_memory, and errno is
 * ENOMEM, always.
 */
json_t *ehr_json_load(const char *text, size_t len, size_t flags,
    json_error_t *error);

/* As json_dumps(), and uses json up; it may be NULL. */
char *ehr_json_dump(json_t *json, size_t flags);

#endif /* EHR_JSON_MEMORY_H */
