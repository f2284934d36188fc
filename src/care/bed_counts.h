/*
 * How many beds of each ward and room class have which status, now.
 */

#ifndef EHR_BED_COUNTS_H
#define EHR_BED_COUNTS_H

#include "../http/http.h"


/* In the order of OCCUPANCY_NOW. */
enum {
    EHR_BEDS_AVAILABLE, EHR_BEDS_OCCUPIED, EHR_BEDS_RESERVED,
    EHR_BEDS_CLEANING, EHR_BEDS_OUT_OF_SERVICE, EHR_BEDS_STATES
};

typedef struct {
    ehr_uuid_t              hospital;
    ehr_uuid_t              ward;
    ehr_uuid_t              room_class;
    uint64_t                n[EHR_BEDS_STATES];
} ehr_bed_count_t;

/* What is counted: uuid texts, NULL for any. */
typedef struct {
    const char             *hospital;
    const char             *ward;
    const char             *room_class;
} ehr_bed_filter_t;

/*
 * Counts in *n elements at *counts, by hospital, ward and class, those without
 * beds left out.  NGX_OK; NGX_DECLINED: PostgreSQL has to be asked, and
 * ehr_bed_counts_rows() told what it said; NGX_ERROR without memory.
 */
ngx_int_t ehr_bed_counts(ngx_pool_t *pool, const ehr_bed_filter_t *filter,
    ehr_bed_count_t **counts, ngx_uint_t *n);

/* The same of the rows of OCCUPANCY_NOW; which wards and classes have beds is
 * remembered. */
ngx_int_t ehr_bed_counts_rows(ngx_pool_t *pool,
    const ehr_bed_filter_t *filter, const PGresult *result,
    ehr_bed_count_t **counts, ngx_uint_t *n);

/* Beds by status as a metric; nothing while the engine cannot tell. */
void ehr_bed_metrics(ehr_out_t *out);

#endif /* EHR_BED_COUNTS_H */
