/*
 * What follows a booking.  The rules are functions of the database
 * (sql/migrations/0013_visits.sql); here is which of them a route calls.
 */

#include "action.h"
#include "visit.h"


static void ehr_notification_all_read(ehr_request_t *req,
    ehr_batch_t *batch);


/* Handlers that one statement carries out. */
#define EHR_VISIT(handler, action, ...)                                      \
    ngx_int_t                                                                \
    handler(ehr_request_t *req)                                              \
    {                                                                        \
        return action(req, __VA_ARGS__);                                     \
    }

EHR_VISIT(ehr_series_create, ehr_action_make, EHR_QUERY_SERIES_BOOK)
EHR_VISIT(ehr_series_cancel, ehr_action_change, EHR_QUERY_SERIES_CANCEL)
EHR_VISIT(ehr_visit_arrive, ehr_action_change, EHR_QUERY_VISIT_ARRIVE)
EHR_VISIT(ehr_visit_begin, ehr_action_change, EHR_QUERY_VISIT_BEGIN)
EHR_VISIT(ehr_visit_complete, ehr_action_change, EHR_QUERY_VISIT_COMPLETE)
EHR_VISIT(ehr_visit_wait, ehr_action_show, EHR_QUERY_VISIT_WAIT,
          "appointments", 1, 1)
EHR_VISIT(ehr_visit_queue, ehr_action_show, EHR_QUERY_VISIT_QUEUE,
          "appointments", 1, 2)
EHR_VISIT(ehr_notification_read, ehr_action_change,
          EHR_QUERY_NOTIFICATION_READ)


ngx_int_t
ehr_notification_read_all(ehr_request_t *req)
{
    ehr_batch_t  *batch;

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_NOTIFICATION_READ_ALL],
                         0, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_notification_all_read);
}


static void
ehr_notification_all_read(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_reply_message(req, NGX_HTTP_OK, EHR_MESSAGE_SUCCESS);
}
