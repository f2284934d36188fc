/*
 * Clinical notes beyond what their descriptor says.
 */

#ifndef EHR_NOTE_H
#define EHR_NOTE_H

#include "record.h"

/* POST /notes/{id}/sign: from now on the note can only be amended. */
ngx_int_t ehr_note_sign(ehr_request_t *req);

#endif /* EHR_NOTE_H */
