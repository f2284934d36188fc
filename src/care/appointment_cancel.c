/*
 * An appointment is cancelled: its time is free again.
 */

#include "booking.h"


static ngx_int_t ehr_cancel_send(ehr_request_t *req, const char *id,
    const char *reason);


/* The reason is in the body or in the query. */

ngx_int_t
ehr_appointment_cancel(ehr_request_t *req)
{
    ngx_int_t      rc;
    ehr_values_t   asked, values;

    rc = ehr_request_query(req, &ehr_input_cancel, &asked);

    if (rc == NGX_OK) {
        rc = ehr_request_input(req, &ehr_input_cancel, &values);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ehr_cancel_send(req, (char *) req->params[0].data,
                           values.values[0].text ? values.values[0].text
                                                 : asked.values[0].text);
}


ngx_int_t
ehr_appointment_cancel_one(ehr_request_t *req)
{
    ngx_int_t      rc;
    ehr_values_t   values;

    rc = ehr_request_input(req, &ehr_input_cancel_one, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    return ehr_cancel_send(req,
        ehr_input_value(&ehr_input_cancel_one, &values, "appointmentId").text,
        ehr_input_value(&ehr_input_cancel_one, &values, "reason").text);
}


static ngx_int_t
ehr_cancel_send(ehr_request_t *req, const char *id, const char *reason)
{
    ehr_param_t  params[3];

    ngx_memzero(params, sizeof(params));
    params[0].value = id;
    params[2].value = reason;

    return ehr_appointment_act(req, ehr_queries[EHR_QUERY_APPOINTMENT_CANCEL],
                               3, params);
}
