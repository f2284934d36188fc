/*
 * Signing a note.  Who may and what follows is decided by the table's
 * trigger; a signed note is amended by a new one (amendsId).
 */

#include "note.h"


static void ehr_note_signed(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_note_sign(ehr_request_t *req)
{
    ehr_batch_t   *batch;
    ehr_param_t    id;
    ehr_record_t  *record = ehr_request_record(req);

    ngx_memzero(&id, sizeof(ehr_param_t));
    id.value = (char *) req->params[0].data;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_NOTE_SIGN], 1, &id)
           != NGX_OK
        || ehr_batch_add(batch, record->statements[EHR_SQL_READ], 1, &id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_note_signed);
}


static void
ehr_note_signed(ehr_request_t *req, ehr_batch_t *batch)
{
    /* visible, but not the actor's to sign: as unknown as a missing one */

    ehr_record_reply_row(req, ehr_request_record(req),
                         batch->results[PQntuples(batch->results[1]) ? 2 : 1],
                         NGX_HTTP_OK, EHR_MESSAGE_SUCCESS);
}
