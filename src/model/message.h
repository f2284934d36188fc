/*
 * The sentences clients read, in the languages we speak.
 */

#ifndef EHR_MESSAGE_H
#define EHR_MESSAGE_H

#include <stddef.h>

typedef enum {
    EHR_MESSAGE_NONE = 0,
#define EHR_MESSAGE(symbol, english, spanish)  EHR_MESSAGE_##symbol,
#include "messages.def"
#undef EHR_MESSAGE
    EHR_MESSAGES
} ehr_message_t;

typedef enum { EHR_ENGLISH, EHR_SPANISH, EHR_LANGUAGES } ehr_language_t;

/* The text; may hold one %s.  Never NULL. */
const char *ehr_message_text(ehr_message_t message, ehr_language_t language);

/* "field_required" → EHR_MESSAGE_FIELD_REQUIRED; NONE if there is none. */
ehr_message_t ehr_message_find(const char *symbol, size_t len);

/* Best language for an Accept-Language header; English if none fits. */
ehr_language_t ehr_language_of(const char *header, size_t len);

#endif /* EHR_MESSAGE_H */
