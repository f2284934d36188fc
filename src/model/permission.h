/*
 * What a role may do.  A role is a name and a set of these; a route and,
 * where it is narrower than its resource, a field names one.  Sets are masks:
 * bit p of a uint64_t is permission p.
 */

#ifndef EHR_PERMISSION_H
#define EHR_PERMISSION_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    EHR_MAY_NOTHING_SPECIAL = 0,    /* "no narrower permission" in a field */
#define EHR_PERMISSION(symbol, name, about)  EHR_MAY_##symbol,
#include "permission.def"
#undef EHR_PERMISSION
    EHR_PERMISSIONS
} ehr_permission_t;

_Static_assert(EHR_PERMISSIONS <= 64, "permission sets are 64-bit masks");

#define ehr_permission_bit(p)  ((uint64_t) 1 << (p))

/* "patients.read" → EHR_MAY_READ_PATIENTS; 0 if there is no such name. */
ehr_permission_t ehr_permission_find(const char *name, size_t len);
/* The other way round. */
const char *ehr_permission_name(ehr_permission_t permission);

#endif /* EHR_PERMISSION_H */
