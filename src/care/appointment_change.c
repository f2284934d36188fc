/*
 * An appointment is changed: to another time, doctor, room or equipment, which
 * is claimed and freed as one act, and in its other fields.
 */

#include "booking.h"


/* Fields that are claims. */
static const char *const  ehr_moving[] = {
    "doctorId", "roomId", "equipmentIds", "start", "durationMinutes", NULL
};


/* Parameters of APPOINTMENT_RESCHEDULE. */
enum {
    EHR_MOVE_ID, EHR_MOVE_START, EHR_MOVE_MINUTES, EHR_MOVE_DOCTOR,
    EHR_MOVE_ROOM, EHR_MOVE_EQUIPMENT, EHR_MOVE_HOLD, EHR_MOVE_SEAT,
    EHR_MOVE_ROOMLESS, EHR_MOVE_N
};

/* The batch has what was asked for; the engine is asked about all of it,
 * with what the appointment has now. */
typedef struct {
    ehr_booking_t           booking;
    ehr_values_t            values;         /* of what is no claim */
    ehr_param_t             move[EHR_MOVE_N];
} ehr_change_t;


static ngx_int_t ehr_change(ehr_request_t *req, ehr_write_t write);
static ehr_change_t *ehr_change_create(ehr_request_t *req);
static ngx_int_t ehr_change_input(ehr_request_t *req, ehr_write_t write,
    ehr_booking_t *booking, ehr_values_t *values);
static void ehr_change_take(ehr_request_t *req, ehr_booking_t *booking,
    ehr_values_t *values);
static ngx_int_t ehr_change_begin(ehr_request_t *req, ehr_change_t *change);
static ngx_int_t ehr_change_look(ehr_request_t *req, ehr_change_t *change);
static void ehr_change_looked(ehr_request_t *req, ehr_batch_t *batch);
static ngx_int_t ehr_change_ask(ehr_request_t *req, ehr_change_t *change,
    const PGresult *now);
static ngx_int_t ehr_change_own(ehr_request_t *req, ehr_booking_t *booking,
    const PGresult *now);
static ngx_int_t ehr_change_send(ehr_request_t *req, ehr_change_t *change);
static ngx_int_t ehr_change_add(ehr_request_t *req, ehr_change_t *change,
    ehr_batch_t *batch);
static ngx_int_t ehr_change_params(ehr_request_t *req,
    ehr_booking_t *booking, ehr_param_t params[2]);
static void ehr_change_done(ehr_request_t *req, ehr_batch_t *batch);


ngx_int_t
ehr_appointment_replace(ehr_request_t *req)
{
    return ehr_change(req, EHR_ON_REPLACE);
}


ngx_int_t
ehr_appointment_patch(ehr_request_t *req)
{
    return ehr_change(req, EHR_ON_PATCH);
}


static ngx_int_t
ehr_change(ehr_request_t *req, ehr_write_t write)
{
    ngx_int_t      rc;
    ehr_change_t  *change;

    change = ehr_change_create(req);
    if (change == NULL) {
        return NGX_ERROR;
    }

    change->booking.id = req->params[0];

    rc = ehr_change_input(req, write, &change->booking, &change->values);

    return (rc == NGX_OK) ? ehr_change_begin(req, change) : rc;
}


static ehr_change_t *
ehr_change_create(ehr_request_t *req)
{
    ehr_change_t  *change;

    change = ngx_pcalloc(req->pool, sizeof(ehr_change_t));

    if (change) {
        req->state = &change->booking;
    }

    return change;
}


static ngx_int_t
ehr_change_input(ehr_request_t *req, ehr_write_t write,
    ehr_booking_t *booking, ehr_values_t *values)
{
    ngx_int_t            rc;
    ehr_values_t         more;
    ehr_field_errors_t   errors;

    booking->is_roomless = write == EHR_ON_PATCH
                           && json_is_null(json_object_get(req->json,
                                                           "roomId"));

    rc = ehr_record_input(req, ehr_request_record(req), write,
                          &ehr_input_book, values, &more, &errors);
    if (rc != NGX_OK) {
        return rc;
    }

    ehr_change_take(req, booking, values);
    booking->hold = ehr_input_value(&ehr_input_book, &more, "holdToken").text;

    return ehr_booking_time(req, booking,
                            ehr_input_value(&ehr_input_book, &more,
                                            "slotId"), &errors);
}


/* What is a claim goes from the values to the booking. */

static void
ehr_change_take(ehr_request_t *req, ehr_booking_t *booking,
    ehr_values_t *values)
{
    int         field;
    ngx_uint_t  i;

    booking->doctor = ehr_record_value(req, values, "doctorId").text;
    booking->room = ehr_record_value(req, values, "roomId").text;
    booking->equipment = ehr_record_value(req, values, "equipmentIds").text;
    booking->start = ehr_record_value(req, values, "start").text;
    booking->minutes = ehr_record_value(req, values, "durationMinutes").text;

    for (i = 0; ehr_moving[i]; i++) {
        field = ehr_field_index(ehr_request_record(req)->fields,
                                ehr_moving[i], ngx_strlen(ehr_moving[i]));
        values->present &= ~((uint64_t) 1 << field);
    }
}


ngx_int_t
ehr_appointment_reschedule(ehr_request_t *req)
{
    ngx_int_t            rc;
    ehr_values_t         values;
    ehr_change_t        *change;
    ehr_booking_t       *booking;
    ehr_field_errors_t   errors;

    change = ehr_change_create(req);

    if (change == NULL
        || ehr_request_check(req, &ehr_input_reschedule, &values, &errors)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

#define ehr_reschedule_value(name)                                           \
    ehr_input_value(&ehr_input_reschedule, &values, name)

    booking = &change->booking;
    booking->id.data = (u_char *) ehr_reschedule_value("appointmentId").text;
    booking->id.len = EHR_UUID_TEXT;
    booking->doctor = ehr_reschedule_value("doctorId").text;
    booking->start = ehr_reschedule_value("start").text;
    booking->minutes = ehr_reschedule_value("durationMinutes").text;
    booking->room = ehr_reschedule_value("roomId").text;
    booking->equipment = ehr_reschedule_value("equipmentIds").text;
    booking->hold = ehr_reschedule_value("holdToken").text;
    booking->needs_start = 1;

    rc = ehr_booking_time(req, booking, ehr_reschedule_value("slotId"),
                          &errors);

#undef ehr_reschedule_value

    return (rc == NGX_OK) ? ehr_change_begin(req, change) : rc;
}


/*
 * The engine is asked before the batch is sent: at once where all is said that
 * it must know, else, or where that is taken, when it is known what the
 * appointment has itself.
 */

static ngx_int_t
ehr_change_begin(ehr_request_t *req, ehr_change_t *change)
{
    ehr_param_t    *move = change->move;
    ehr_booking_t  *booking = &change->booking;

    move[EHR_MOVE_ID].value = (char *) booking->id.data;
    move[EHR_MOVE_START].value = booking->start;
    move[EHR_MOVE_MINUTES].value = booking->minutes;
    move[EHR_MOVE_DOCTOR].value = booking->doctor;
    move[EHR_MOVE_ROOM].value = booking->room;
    move[EHR_MOVE_EQUIPMENT].value = booking->equipment;
    move[EHR_MOVE_HOLD].value = booking->hold;
    move[EHR_MOVE_ROOMLESS].value = booking->is_roomless ? "true" : NULL;

    if (ehr_slot_engine() == NULL || booking->hold
        || (booking->start == NULL && booking->minutes == NULL
            && booking->doctor == NULL && booking->room == NULL
            && booking->equipment == NULL))
    {
        return ehr_change_send(req, change);
    }

    if (booking->doctor && booking->start && booking->length
        && ehr_booking_claim(req, booking) != NGX_BUSY)
    {
        return ehr_change_send(req, change);
    }

    return ehr_change_look(req, change);
}


static ngx_int_t
ehr_change_look(ehr_request_t *req, ehr_change_t *change)
{
    ehr_batch_t  *batch;
    ehr_param_t   params[2];

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    batch->writes = 0;

    if (ehr_change_params(req, &change->booking, params) != NGX_OK
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_APPOINTMENT_LOOK], 2,
                         params)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ehr_step_send(req, batch, ehr_change_looked);
}


static void
ehr_change_looked(ehr_request_t *req, ehr_batch_t *batch)
{
    ehr_change_t  *change = req->state;

    if (ehr_change_ask(req, change, batch->results[batch->n - 1])
        == NGX_ERROR)
    {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


/* What the appointment has is as it was a moment ago: good enough to be
 * refused by, but no parameter of the change. */

static ngx_int_t
ehr_change_ask(ehr_request_t *req, ehr_change_t *change, const PGresult *now)
{
    ehr_booking_t  *booking = &change->booking;

    /* not there, of another version, not to be moved any more, or squeezed
     * in: PostgreSQL's to say */

    if (PQntuples(now) == 0
        || *PQgetvalue(now, 0, EHR_BEFORE_IS_BOUND) != 't')
    {
        return ehr_change_send(req, change);
    }

    if (ehr_change_own(req, booking, now) != NGX_OK) {
        return NGX_ERROR;
    }

    return (ehr_booking_claim(req, booking) == NGX_BUSY)
           ? ehr_booking_taken(req, booking) : ehr_change_send(req, change);
}


/* What is not asked for stays; what it has is not in its own way. */

static ngx_int_t
ehr_change_own(ehr_request_t *req, ehr_booking_t *booking,
    const PGresult *now)
{
    size_t     len;
    ngx_str_t  doctor, room, equipment, value;

    doctor = ehr_result_value(now, 0, EHR_BEFORE_DOCTOR);
    room = ehr_result_value(now, 0, EHR_BEFORE_ROOM);
    equipment = ehr_result_value(now, 0, EHR_BEFORE_EQUIPMENT);

    len = doctor.len + room.len + equipment.len + 3;
    booking->own.data = ngx_pnalloc(req->pool, len);

    if (booking->own.data == NULL) {
        return NGX_ERROR;
    }

    booking->own.len = ngx_sprintf(booking->own.data, "%V %V %V%Z", &doctor,
                                   &room, &equipment)
                       - booking->own.data - 1;

    if (booking->equipment == NULL) {
        booking->equipment = (char *) booking->own.data + doctor.len + 1
                             + room.len + 1;
    }

    value = ehr_result_value(now, 0, EHR_BEFORE_MINUTES);
    booking->own_length = ngx_atoi(value.data, value.len);
    value = ehr_result_value(now, 0, EHR_BEFORE_START);
    booking->own_second = ngx_atotm(value.data, value.len);

    ehr_booking_complete(req, booking, now);

    return NGX_OK;
}


static ngx_int_t
ehr_change_send(ehr_request_t *req, ehr_change_t *change)
{
    ehr_batch_t    *batch;
    ehr_booking_t  *booking = &change->booking;

    change->move[EHR_MOVE_SEAT].value = ehr_booking_seat(booking);

    batch = ehr_step_begin(req, EHR_LANE_MAIN, EHR_AS_ACTOR);

    if (batch == NULL || ehr_change_add(req, change, batch) != NGX_OK) {
        ehr_booking_drop(booking);
        return NGX_ERROR;
    }

    req->failed = ehr_booking_failed;

    return ehr_booking_send(req, booking, batch, ehr_change_done);
}


/* Lock, move, the other fields, read: the last statement has the row. */

static ngx_int_t
ehr_change_add(ehr_request_t *req, ehr_change_t *change, ehr_batch_t *batch)
{
    ehr_param_t     params[2];
    ehr_record_t   *record = ehr_request_record(req);
    ehr_booking_t  *booking = &change->booking;

    booking->before = batch->n;

    if (ehr_change_params(req, booking, params) != NGX_OK
        || ehr_batch_add(batch, ehr_queries[EHR_QUERY_APPOINTMENT_LOCK], 2,
                         params)
           != NGX_OK
        || ehr_batch_add(batch,
                         ehr_queries[EHR_QUERY_APPOINTMENT_RESCHEDULE],
                         EHR_MOVE_N, change->move)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (change->values.present
        && (ehr_record_add_update(req, record, &booking->id, NULL,
                                  &change->values, batch)
            != NGX_OK
            || ehr_batch_add(batch,
                             ehr_queries[EHR_QUERY_APPOINTMENT_MEETING], 1,
                             params)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ehr_batch_add(batch, record->statements[EHR_SQL_READ], 1, params);
}


/* The appointment and the version it must have. */

static ngx_int_t
ehr_change_params(ehr_request_t *req, ehr_booking_t *booking,
    ehr_param_t params[2])
{
    ngx_memzero(params, 2 * sizeof(ehr_param_t));
    params[0].value = (char *) booking->id.data;

    return ehr_record_expected(req, &params[1]);
}


static void
ehr_change_done(ehr_request_t *req, ehr_batch_t *batch)
{
    PGresult       *before;
    ehr_booking_t  *booking = req->state;

    before = batch->results[booking->before];

    /* visible, but not the actor's to change: as unknown as a missing one */

    if (PQntuples(before) == 0) {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return;
    }

    ehr_booking_released(ehr_result_value(before, 0, EHR_BEFORE_DOCTOR),
                         ehr_result_value(before, 0, EHR_BEFORE_ROOM),
                         ehr_result_value(before, 0, EHR_BEFORE_EQUIPMENT));

    ehr_record_reply_row(req, ehr_request_record(req),
                         batch->results[batch->n - 1], NGX_HTTP_OK,
                         EHR_MESSAGE_SUCCESS);
}
