/*
 * What value.c, value_number.c and value_list.c share; not for other code.
 */

#ifndef EHR_VALUE_CONVERT_H
#define EHR_VALUE_CONVERT_H

#include "value.h"


/* The value is a copy of the text; sets check->no_memory without memory.
 * Always EHR_MESSAGE_NONE. */
ehr_message_t ehr_value_copy(ehr_check_t *check, ehr_value_t *value,
    const char *text, size_t len);
/* The message, with a count or a length as its argument. */
ehr_message_t ehr_value_refuse(ehr_check_t *check, ehr_message_t message,
    size_t bound);

/* As ehr_value_convert(), for one type each. */
ehr_message_t ehr_value_convert_integer(ehr_check_t *check,
    const ehr_field_t *field, const json_t *json, ehr_value_t *value);
ehr_message_t ehr_value_convert_decimal(ehr_check_t *check,
    const ehr_field_t *field, const json_t *json, ehr_value_t *value);
ehr_message_t ehr_value_convert_texts(ehr_check_t *check,
    const ehr_field_t *field, const json_t *json, ehr_value_t *value);
ehr_message_t ehr_value_convert_uuids(ehr_check_t *check,
    const ehr_field_t *field, const json_t *json, ehr_value_t *value);
ehr_message_t ehr_value_convert_json(ehr_check_t *check,
    const ehr_field_t *field, const json_t *json, ehr_value_t *value);
ehr_message_t ehr_value_convert_object(ehr_check_t *check,
    const ehr_field_t *field, const json_t *json, ehr_value_t *value);

#endif /* EHR_VALUE_CONVERT_H */
