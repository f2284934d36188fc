/*
 * Contradictions in descriptors; used by ehr_model_init() alone.
 */

#ifndef EHR_CHECK_H
#define EHR_CHECK_H

#include "model.h"


/*
 * Checks one resource whose field list, and those of all others, are built.
 * Returns 0, or -1 after ehr_check_complain().
 */
int ehr_check_resource(const ehr_fields_t *fields);

/* Notes what is wrong with a descriptor; always -1. */
int ehr_check_complain(const ehr_resource_t *resource, const char *format,
    ...) __attribute__((format(printf, 2, 3)));

/* What was noted last: a static buffer. */
const char *ehr_check_problem(void);

#endif /* EHR_CHECK_H */
