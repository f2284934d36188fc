/*
 * Well-known text formats: one checker each, and how OpenAPI says it.
 */

#ifndef EHR_FORMAT_H
#define EHR_FORMAT_H

#include "message.h"
#include "model.h"


/*
 * Checks valid UTF-8 against a format: EHR_MESSAGE_NONE if it fits, otherwise
 * what is wrong.  Linear in len; lengths are not checked here.
 */
ehr_message_t ehr_format_check(ehr_format_t format, const char *text,
    size_t len);

/* JSON Schema's "format" and "pattern" (ECMA 262),
 * NULL where there is none.  A pattern matches all the checker accepts and,
 * but for length limits within the text, nothing else. */
const char *ehr_format_name(ehr_format_t format);
const char *ehr_format_pattern(ehr_format_t format);

/* How many characters a text has; -1 if it is not valid UTF-8. */
long ehr_utf8_length(const char *text, size_t len);

#endif /* EHR_FORMAT_H */
