/*
 * What follows a booking.  The rules are functions of the database
 * (sql/migrations/0013_visits.sql); here is which of them a route calls.
 */

#include "action.h"
#include "visit.h"


static void ehr_notification_all_read(ehr_request_t *req,
    ehr_batch_t *batch);


ngx_int_t
ehr_series_create(ehr_request_t *req)
{
    return ehr_action_make(req, EHR_QUERY_SERIES_BOOK);
}


ngx_int_t
ehr_series_cancel(ehr_request_t *req)
{
    return ehr_action_change(req, EHR_QUERY_SERIES_CANCEL);
}


ngx_int_t
ehr_visit_arrive(ehr_request_t *req)
{
    return ehr_action_change(req, EHR_QUERY_VISIT_ARRIVE);
}


ngx_int_t
ehr_visit_begin(ehr_request_t *req)
{
    return ehr_action_change(req, EHR_QUERY_VISIT_BEGIN);
}


ngx_int_t
ehr_visit_complete(ehr_request_t *req)
{
    return ehr_action_change(req, EHR_QUERY_VISIT_COMPLETE);
}


ngx_int_t
ehr_visit_wait(ehr_request_t *req)
{
    return ehr_action_show(req, EHR_QUERY_VISIT_WAIT, "appointments", 1, 1);
}


ngx_int_t
ehr_visit_queue(ehr_request_t *req)
{
    return ehr_action_show(req, EHR_QUERY_VISIT_QUEUE, "appointments", 1, 2);
}


ngx_int_t
ehr_notification_read(ehr_request_t *req)
{
    return ehr_action_change(req, EHR_QUERY_NOTIFICATION_READ);
}


ngx_int_t
ehr_notification_read_all(ehr_request_t *req)
{
    ehr_batch_t  *batch;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_NOTIFICATION_READ_ALL], 0,
                      NULL)
        != NGX_OK)
    {
        ehr_batch_destroy(batch);
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_notification_all_read);
}


static void
ehr_notification_all_read(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_reply_message(req, NGX_HTTP_OK, EHR_MESSAGE_SUCCESS);
}
