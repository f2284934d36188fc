/*
 * The treatment plan of an appointment.
 */

#include "treatment_plan.h"


static void ehr_treatment_plan_found(ehr_request_t *req,
    ehr_batch_t *batch);


ngx_int_t
ehr_treatment_plan_of_appointment(ehr_request_t *req)
{
    int               field;
    ngx_int_t         rc;
    const char       *sql;
    ehr_list_t        list;
    ehr_batch_t      *batch;
    ehr_param_t       params[2];
    ehr_record_t     *record = ehr_request_record(req);
    ehr_statement_t  *statement;

    rc = ehr_record_fields(req, record);
    if (rc != NGX_OK) {
        return rc;
    }

    field = ehr_field_index(record->fields, "appointmentId",
                            sizeof("appointmentId") - 1);

    /* the newest, should there be several */

    ngx_memzero(&list, sizeof(ehr_list_t));
    list.equal = (uint64_t) 1 << field;
    list.ranking = -1;
    list.sort = ehr_field_index(record->fields, "id", 2);
    list.descending = 1;

    sql = ehr_sql_list(record->fields, &list, &req->arena);
    if (sql == NULL) {
        return NGX_ERROR;
    }

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) req->params[0].data;
    params[1].value = "1";

    statement = ehr_statement_intern(ehr_worker.store, batch->pool, sql);

    if (statement == NULL
        || ehr_batch_add(batch, statement, 2, params) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_treatment_plan_found);
}


static void
ehr_treatment_plan_found(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_record_reply_row(req, ehr_request_record(req), batch->results[1],
                         NGX_HTTP_OK, EHR_MESSAGE_SUCCESS);
}
