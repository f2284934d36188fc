/*
 * Lying in: admissions and the beds that they take.
 */

#ifndef EHR_ADMISSION_H
#define EHR_ADMISSION_H

#include "record.h"


/*
 * An act, in req->state: what was asked for, and what the engine said to that
 * if it takes a bed.  ehr_admission_wish() reads single fields.
 */
typedef struct {
    ngx_str_t               id;             /* of the admission */
    ehr_values_t            values;         /* the route's input, checked */
    const char             *advice;         /* beds that the engine found, best
                                               first, an array literal; NULL:
                                               PostgreSQL searches */
    ngx_uint_t              query;          /* the act's statement */
    ngx_uint_t              wards;          /* the one that tells which wards
                                               were changed */
    unsigned                creates:1;      /* the admission is new */
    unsigned                takes:1;        /* a bed is taken */
    unsigned                moves:1;        /* the patient lies somewhere */

    /* the engine's part (bed_engine.c) */
    ehr_engine_uuid_t       act;
    ehr_uuid_t              hospital;       /* of the criteria */
    ehr_uuid_t              ward;
    ehr_uuid_t              room_class;
    ehr_message_t           refusal;
    ehr_handler_pt          go_on;          /* asks PostgreSQL */
    unsigned                is_held:1;      /* a bed is */
} ehr_admission_t;

/* Field of what was asked for: "bedId", "wardId", "equipment" …; NULL: not
 * given. */
#define ehr_admission_wish(req, admission, name)                             \
    ehr_input_value((req)->route->input, &(admission)->values, name).text


/* Route handlers (admission.c, bed.c).  POST /admissions and below: */
ngx_int_t ehr_admission_create(ehr_request_t *req);
ngx_int_t ehr_admission_admit(ehr_request_t *req);
ngx_int_t ehr_admission_transfer(ehr_request_t *req);
ngx_int_t ehr_admission_swap(ehr_request_t *req);
ngx_int_t ehr_admission_discharge(ehr_request_t *req);
ngx_int_t ehr_admission_leave(ehr_request_t *req);
ngx_int_t ehr_admission_return(ehr_request_t *req);
ngx_int_t ehr_admission_cancel(ehr_request_t *req);

/* POST /beds/{id}/status */
ngx_int_t ehr_bed_status(ehr_request_t *req);

#endif /* EHR_ADMISSION_H */
