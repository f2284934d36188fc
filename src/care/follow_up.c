/*
 * A follow-up: an appointment that has from an earlier one what is not said of
 * it, at a time or at the first that is free some days later.
 */

#include "../model/resources.h"
#include "booking.h"


static ngx_int_t ehr_follow_up_input(ehr_request_t *req,
    ehr_booking_t *booking, ehr_values_t *values);
static ngx_int_t ehr_follow_up_add(ehr_request_t *req,
    ehr_booking_t *booking, const ehr_values_t *values, ehr_batch_t *batch);


static const ehr_booking_act_t  ehr_follow_up = {
    .input = ehr_follow_up_input, .add = ehr_follow_up_add,
    .step = ehr_record_made_done, .failed = ehr_booking_failed
};

#define ehr_follow_up_value(values, name)                                    \
    ehr_input_value(&ehr_input_follow_up, values, name).text


ngx_int_t
ehr_follow_up_create(ehr_request_t *req)
{
    return ehr_booking_take(req, &ehr_follow_up);
}


static ngx_int_t
ehr_follow_up_input(ehr_request_t *req, ehr_booking_t *booking,
    ehr_values_t *values)
{
    ngx_int_t            rc;
    ehr_field_errors_t   errors;

    if (ehr_request_check(req, &ehr_input_follow_up, values, &errors)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    booking->earlier = ehr_follow_up_value(values, "appointmentId");
    booking->patient = ehr_follow_up_value(values, "patientId");
    booking->doctor = ehr_follow_up_value(values, "doctorId");
    booking->start = ehr_follow_up_value(values, "start");
    booking->minutes = ehr_follow_up_value(values, "durationMinutes");
    booking->room = ehr_follow_up_value(values, "roomId");
    booking->equipment = ehr_follow_up_value(values, "equipmentIds");
    booking->hold = ehr_follow_up_value(values, "holdToken");

    rc = ehr_booking_time(req, booking,
                          ehr_input_value(&ehr_input_follow_up, values,
                                          "slotId"), &errors);

    /* as long as the earlier one, which the engine does not know */
    booking->is_unasked = booking->earlier && booking->minutes == NULL;

    return (rc == NGX_OK) ? ehr_record_new_id(req, &booking->id) : rc;
}


static ngx_int_t
ehr_follow_up_add(ehr_request_t *req, ehr_booking_t *booking,
    const ehr_values_t *values, ehr_batch_t *batch)
{
    ehr_param_t  params[13], earlier[2];

    ngx_memzero(earlier, sizeof(earlier));
    earlier[0].value = booking->earlier;

    ngx_memzero(params, sizeof(params));

    params[0].value = (char *) booking->id.data;
    params[1].value = booking->earlier;
    params[2].value = booking->patient;
    params[3].value = booking->doctor;
    params[4].value = booking->start;
    params[5].value = ehr_follow_up_value(values, "afterDays");
    params[6].value = booking->minutes;
    params[7].value = ehr_follow_up_value(values, "reason");
    params[8].value = booking->room;
    params[9].value = booking->equipment;
    params[10].value = ehr_follow_up_value(values, "isVirtual");
    params[11].value = booking->hold;
    params[12].value = ehr_booking_seat(booking);

    booking->before = batch->n;

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_APPOINTMENT_LOOK], 2,
                      earlier)
        != NGX_OK
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_FOLLOW_UP_BOOK], 13,
                         params)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_record_add_made(req, ehr_request_record(req), &booking->id,
                               batch);
}
