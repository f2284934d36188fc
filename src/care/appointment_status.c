/*
 * An appointment goes its way: confirmed, arrived, in progress, completed, or
 * missed.  Which moves are legal is the database's to say.
 */

#include "booking.h"


ngx_int_t
ehr_appointment_move(ehr_request_t *req)
{
    ngx_int_t      rc;
    ehr_param_t    params[4];
    ehr_values_t   values;

    rc = ehr_request_input(req, &ehr_input_status, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) req->params[0].data;
    params[2].value = ehr_input_value(&ehr_input_status, &values,
                                      "status").text;
    params[3].value = ehr_input_value(&ehr_input_status, &values,
                                      "reason").text;

    return ehr_appointment_act(req, ehr_queries[EHR_QUERY_APPOINTMENT_MOVE],
                               4, params);
}
