/*
 * JSON texts read safely when there is no memory.
 *
 * jansson 2.14 does not look whether a character it read could be kept: a
 * string whose buffer could not grow comes out shorter, without an error, and
 * one that lost its closing quote is read beyond its end.  In a patient's
 * record that is a wrong dose; so every text is read through here, and none
 * but a whole one comes out.
 */

#ifndef EHR_JSON_MEMORY_H
#define EHR_JSON_MEMORY_H

#include <jansson.h>


/* Once a process, before jansson is used. */
void ehr_json_memory_init(void);

/*
 * As json_loadb(): a new reference, or NULL and why in *error, which may be
 * NULL.  Without memory the code is json_error_out_of_memory, always.
 */
json_t *ehr_json_load(const char *text, size_t len, size_t flags,
    json_error_t *error);

/*
 * Whether jansson lacked memory since ehr_json_memory_watch(): for libraries
 * that use it and do not tell.
 */
void ehr_json_memory_watch(void);
int ehr_json_memory_lacked(void);

#endif /* EHR_JSON_MEMORY_H */
