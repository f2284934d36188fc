/*
 * What the files of the read audit share; nobody else includes this.
 */

#ifndef EHR_READ_AUDIT_H
#define EHR_READ_AUDIT_H

#include "body.h"


/* What a request reads, as its row of the audit log will have it. */
typedef struct {
    ngx_queue_t         queue;          /* of those that wait, or were sent */
    ehr_request_t      *req;            /* NULL: gone; still audited */
    ehr_audited_pt      then;           /* read_audit.c */

    ehr_row_read_t      read;           /* read_gather.c: the read itself */

    /* copied, for the request may go */
    ngx_uint_t          n;              /* reads */
    ngx_str_t           reads;          /* by form feeds, without their macs */
    ngx_str_t           actor;          /* ids, each with a comma behind it */
    ngx_str_t           concerns;
    u_char              text[];
} ehr_audit_entry_t;

/* The entry of n > 0 rows of the table `entity`, to be freed by
 * ehr_audit_drop(); the request waits for it.  NULL without memory. */
ehr_audit_entry_t *ehr_audit_entry(ehr_request_t *req, const char *entity,
    const ehr_audited_t *rows, ngx_uint_t n);
/* Frees it; the request does not wait any more. */
void ehr_audit_drop(ehr_audit_entry_t *entry);

/* Adds the statement that writes one row of all the entries, of which there
 * is at least one; the batch has scope 'system' by then. */
ngx_int_t ehr_audit_add_row(ehr_batch_t *batch, ngx_queue_t *entries);

#endif /* EHR_READ_AUDIT_H */
