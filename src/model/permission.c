/*
 * Names of permissions: see permission.h.
 */

#include <string.h>

#include "permission.h"


static const char *const  names[EHR_PERMISSIONS] = {
    [EHR_MAY_NOTHING_SPECIAL] = "",
#define EHR_PERMISSION(symbol, name, about)  [EHR_MAY_##symbol] = name,
#include "permission.def"
#undef EHR_PERMISSION
};


ehr_permission_t
ehr_permission_find(const char *name, size_t len)
{
    int  i;

    for (i = 1; i < EHR_PERMISSIONS; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
            return (ehr_permission_t) i;
        }
    }

    return EHR_MAY_NOTHING_SPECIAL;
}


const char *
ehr_permission_name(ehr_permission_t permission)
{
    if ((unsigned) permission >= EHR_PERMISSIONS) {
        return "";
    }

    return names[permission];
}
