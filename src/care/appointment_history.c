/*
 * GET /history/appointments: the list of appointments, but for those to come.
 */

#include "booking.h"
#include "record_list.h"


/* The place of the condition `past` in the resource. */
#define EHR_APPOINTMENT_PAST  0


ngx_int_t
ehr_appointment_history(ehr_request_t *req)
{
    ngx_int_t       rc;
    ehr_value_t    *past;
    ehr_listing_t  *listing;

    listing = ehr_listing_create(req, EHR_LIST_LIMIT);
    if (listing == NULL) {
        return NGX_ERROR;
    }

    rc = ehr_list_parse(req, listing);
    if (rc != NGX_OK) {
        return rc;
    }

    past = &listing->conditions[EHR_APPOINTMENT_PAST];
    listing->list.conditions |= 1u << EHR_APPOINTMENT_PAST;
    past->text = "true";
    past->len = sizeof("true") - 1;

    return ehr_list_send(req, listing, EHR_LANE_MAIN, ehr_list_done);
}
