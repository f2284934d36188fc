/*
 * A bed is cleaned, or out of service.  Which moves are legal is the
 * database's to say.
 */

#include "action.h"
#include "admission.h"


ngx_int_t
ehr_bed_status(ehr_request_t *req)
{
    return ehr_action_change_version(req, EHR_QUERY_BED_STATUS);
}
