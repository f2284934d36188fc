/*
 * Lists: what a request asked for, shared by the query's reader, the list and
 * the export.
 */

#ifndef EHR_RECORD_LIST_H
#define EHR_RECORD_LIST_H

#include "record.h"


#define EHR_LIST_LIMIT      20
#define EHR_LIST_MOST      100

/* What a list request asked for. */
typedef struct {
    ehr_record_t           *record;
    ehr_list_t              list;
    uint64_t                mask;           /* fields to show */
    ngx_uint_t              limit;
    unsigned                total:1;

    ehr_value_t             ranking;
    ehr_value_t             conditions[EHR_MAX_CONDITIONS];
    ehr_value_t             equal[EHR_MAX_FIELDS];
    ehr_value_t             from[EHR_MAX_FIELDS];
    ehr_value_t             to[EHR_MAX_FIELDS];
    ehr_value_t             since;
    ehr_value_t             until;
    ehr_cursor_t            cursor;

    ngx_uint_t              rows_at;        /* position in the batch */
    ngx_uint_t              total_at;       /* 0: not asked for */
    ngx_uint_t              parent_at;      /* 0: no parent */

    ehr_reply_t             reply;
    ehr_out_t               data;
    ehr_out_t               meta;
} ehr_listing_t;


/* A listing with its defaults, in req->state; NULL without memory. */
ehr_listing_t *ehr_listing_create(ehr_request_t *req, ngx_uint_t limit);

/* Reads the query string (record_query.c).  NGX_OK, NGX_DONE (answered) or
 * NGX_ERROR. */
ngx_int_t ehr_list_parse(ehr_request_t *req, ehr_listing_t *listing);

/* Sends its statements (record_list.c); `lane` and what to do with them. */
ngx_int_t ehr_list_send(ehr_request_t *req, ehr_listing_t *listing,
    ehr_lane_t lane, ehr_step_pt step);
/* The step that answers with the page of rows. */
void ehr_list_done(ehr_request_t *req, ehr_batch_t *batch);

/*
 * Audits what a result shows, if that is due, then goes on: a list below a
 * patient is one read of that record, any other of patients a read of each
 * record in it.  What is nobody's record is a read of the patient whom its
 * query names, for the answer says something about that one.
 */
ngx_int_t ehr_list_audit(ehr_request_t *req, ehr_listing_t *listing,
    PGresult *result, ehr_audited_pt then);

/* Page mark behind row `row` of a result. */
ngx_int_t ehr_list_next(ehr_request_t *req, ehr_listing_t *listing,
    PGresult *result, int row, ngx_str_t *text);

#endif /* EHR_RECORD_LIST_H */
