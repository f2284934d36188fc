/*
 * GET /history/appointments: the list of appointments, but for those to come.
 */

#include "booking.h"
#include "record_list.h"


ngx_int_t
ehr_appointment_history(ehr_request_t *req)
{
    int             start;
    u_char         *now;
    ngx_int_t       rc;
    ehr_listing_t  *listing;

    listing = ehr_listing_create(req, EHR_LIST_LIMIT);
    now = ngx_pcalloc(req->pool, EHR_SLOT_INSTANT + 1);

    if (listing == NULL || now == NULL) {
        return NGX_ERROR;
    }

    rc = ehr_list_parse(req, listing);
    if (rc != NGX_OK) {
        return rc;
    }

    start = ehr_field_index(listing->record->fields, "start",
                            sizeof("start") - 1);

    if ((listing->list.to & ((uint64_t) 1 << start)) == 0) {
        ehr_slot_instant_print(now, ngx_time());

        listing->list.to |= (uint64_t) 1 << start;
        listing->to[start].text = (char *) now;
        listing->to[start].len = EHR_SLOT_INSTANT;
    }

    return ehr_list_send(req, listing, EHR_LANE_MAIN, ehr_list_done);
}
