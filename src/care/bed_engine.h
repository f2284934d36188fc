/*
 * Beds in the engine: of many who want the last one, one goes on to PostgreSQL
 * and the others are refused here.
 */

#ifndef EHR_BED_ENGINE_H
#define EHR_BED_ENGINE_H

#include "admission.h"


/* "{MONITOR,OXYGEN}", an array literal, as the bits that the engine knows
 * equipment by.  NGX_ERROR: there is no such thing. */
ngx_int_t ehr_bed_equipment_bits(const char *list, size_t size,
    uint16_t *bits);

/*
 * Holds the bed that is named, or the best that meets the criteria, until the
 * batch is over, and says which in admission->advice.  NGX_OK: it is held, or
 * PostgreSQL must be asked.  NGX_BUSY: it is refused for certain, which
 * ehr_bed_refuse() answers; or it calls go_on, which asks PostgreSQL all the
 * same.
 */
ngx_int_t ehr_bed_hold(ehr_request_t *req, ehr_admission_t *admission);
ngx_int_t ehr_bed_refuse(ehr_request_t *req, ehr_admission_t *admission,
    ehr_handler_pt go_on);

/* Sends the batch of an act that takes a bed; whatever becomes of request and
 * batch, what is held is settled. */
ngx_int_t ehr_bed_send(ehr_request_t *req, ehr_admission_t *admission,
    ehr_batch_t *batch, ehr_step_pt step);

/* Lets go of what is held, when nothing was sent. */
void ehr_bed_drop(ehr_admission_t *admission);

/* This worker has changed the boards of these wards (rows of ADMISSION_WARDS
 * or BED_WARDS), and it is committed: who asks now sees it. */
void ehr_wards_changed(const PGresult *result);

/* This worker has changed a bed's status: nobody is refused for the old one. */
void ehr_bed_released(const ngx_str_t *bed);

#endif /* EHR_BED_ENGINE_H */
