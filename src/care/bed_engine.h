/*
 * Beds in the engine: of many who want the last one, one goes on to PostgreSQL
 * and the others are refused here; and what is counted without asking.
 */

#ifndef EHR_BED_ENGINE_H
#define EHR_BED_ENGINE_H

#include "admission.h"


/* "{MONITOR,OXYGEN}" as the bits that the engine knows equipment by.
 * NGX_ERROR: there is no such thing. */
ngx_int_t ehr_bed_equipment_bits(const char *list, uint16_t *bits);

/*
 * Holds the bed that is named, or the best that meets the criteria, until the
 * batch is over, and says which in admission->advice.  NGX_OK: it is held, or
 * PostgreSQL must be asked.  NGX_BUSY: it is refused for certain, which
 * ehr_bed_refuse() answers.
 */
ngx_int_t ehr_bed_hold(ehr_request_t *req, ehr_admission_t *admission);
ngx_int_t ehr_bed_refuse(ehr_request_t *req, ehr_admission_t *admission);

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

/*
 * How many beds there are now, by status, of all that are in each of these
 * that is not NULL (uuid texts).  NGX_OK, or NGX_DECLINED: BED_COUNTS of
 * PostgreSQL has to be asked.
 */
typedef struct {
    ngx_uint_t              available;
    ngx_uint_t              occupied;
    ngx_uint_t              reserved;
    ngx_uint_t              cleaning;
    ngx_uint_t              out_of_service;
} ehr_bed_counts_t;

ngx_int_t ehr_bed_counts(const char *hospital, const char *ward,
    const char *room_class, ehr_bed_counts_t *counts);
/* The same from a row of BED_COUNTS. */
void ehr_bed_counts_of_row(const PGresult *result, int row,
    ehr_bed_counts_t *counts);

#endif /* EHR_BED_ENGINE_H */
