/*
 * Treatment plans beyond what their descriptor says.
 */

#ifndef EHR_TREATMENT_PLAN_H
#define EHR_TREATMENT_PLAN_H

#include "record.h"

/* GET /treatment-plan/{appointmentId}: the plan made at an appointment. */
ngx_int_t ehr_treatment_plan_of_appointment(ehr_request_t *req);

#endif /* EHR_TREATMENT_PLAN_H */
