/*
 * Booking: appointments and holds, which take time, and what is said when it
 * is taken already.
 */

#ifndef EHR_BOOKING_H
#define EHR_BOOKING_H

#include "record.h"
#include "slot.h"


/* Bodies, queries and answers (booking_input.c). */
extern const ehr_resource_t  ehr_input_slots_of_doctor;
extern const ehr_resource_t  ehr_input_slots;
extern const ehr_resource_t  ehr_input_book;
extern const ehr_resource_t  ehr_input_hold;
extern const ehr_resource_t  ehr_input_reschedule;
extern const ehr_resource_t  ehr_input_cancel;
extern const ehr_resource_t  ehr_input_cancel_one;
extern const ehr_resource_t  ehr_input_status;
extern const ehr_resource_t  ehr_input_calendar;
extern const ehr_resource_t  ehr_output_slot;
extern const ehr_resource_t  ehr_output_hold;
extern const ehr_resource_t  ehr_output_calendar;


/* -- what is asked for ----------------------------------------------------- */

/* Time of a doctor, and of a room and equipment, for a patient.  Texts are
 * checked parameters or NULL. */
typedef struct {
    ngx_str_t               id;             /* of the new appointment, hold */
    const char             *patient;
    const char             *doctor;
    const char             *start;
    const char             *minutes;        /* NULL: as long as the slot */
    const char             *room;
    const char             *equipment;      /* array literal */
    const char             *hold;
    const char             *earlier;        /* which one it follows */

    /* position in the batch of APPOINTMENT_LOCK or _LOOK, or 0: what is not
     * asked for is as it says */
    ngx_uint_t              before;

    unsigned                needs_doctor:1; /* must say it */
    unsigned                needs_start:1;
    unsigned                is_unasked:1;   /* not the engine's to refuse */
    unsigned                is_roomless:1;  /* gives back the room it has */
    int64_t                 second;         /* of the start */
    ngx_uint_t              length;         /* minutes, 0: unknown yet */

    /* what it has now, and is not in its own way: ids as text, and when */
    ngx_str_t               own;
    int64_t                 own_second;
    ngx_uint_t              own_length;

    /* what the engine said */
    ehr_engine_uuid_t       act;
    ehr_field_errors_t      taken;          /* names of what is busy */
    char                    seat[NGX_INT_T_LEN + 1];    /* or "" */
    unsigned                is_claimed:1;   /* held in the engine */
    unsigned                is_known:1;     /* taken, as the engine knows */
    unsigned                is_final:1;     /* by what was committed */
} ehr_booking_t;

/* The seat that is claimed in the engine, as a parameter. */
#define ehr_booking_seat(booking)                                            \
    ((booking)->seat[0] ? (booking)->seat : NULL)

/* Columns of APPOINTMENT_LOCK and _LOOK. */
enum {
    EHR_BEFORE_DOCTOR, EHR_BEFORE_ROOM, EHR_BEFORE_EQUIPMENT,
    EHR_BEFORE_MINUTES, EHR_BEFORE_START, EHR_BEFORE_IS_BOUND
};

/*
 * Fills doctor, start and minutes from a slot's id where one was given, and
 * demands doctor and start where the booking needs them.  `slot` is the value of
 * slotId.  Adds to the errors that there are and answers 422 if there are any.
 * NGX_OK, NGX_DONE (answered) or NGX_ERROR (booking_time.c).
 */
ngx_int_t ehr_booking_time(ehr_request_t *req, ehr_booking_t *booking,
    ehr_value_t slot, ehr_field_errors_t *errors);


/* -- the engine's part (booking_claim.c) ----------------------------------- */

/*
 * Claims what is wanted in the engine until the batch is over, but for what is
 * its own already.  NGX_OK: it is claimed, or PostgreSQL must be asked.
 * NGX_BUSY: it is taken for certain, booking->taken says what.
 */
ngx_int_t ehr_booking_claim(ehr_request_t *req, ehr_booking_t *booking);

/* Sends the batch of a booking; whatever becomes of request and batch, the
 * claim is settled. */
ngx_int_t ehr_booking_send(ehr_request_t *req, ehr_booking_t *booking,
    ehr_batch_t *batch, ehr_step_pt step);

/* Lets go of what was claimed, when nothing was sent. */
void ehr_booking_drop(ehr_booking_t *booking);

/* Calls a function of the database that takes the appointment's id, the
 * version expected (filled in here) and more, and answers with the row
 * (appointment_act.c).  NGX_OK, or NGX_ERROR without memory. */
ngx_int_t ehr_appointment_act(ehr_request_t *req, ehr_statement_t *statement,
    ngx_uint_t n, ehr_param_t *params);

/* 200 with the row of an appointment that was cancelled, missed or moved
 * along; what is free now is told to the engine. */
void ehr_booking_reply_freed(ehr_request_t *req, PGresult *result);

/* This worker has just freed time of these (columns doctor_id, room_id,
 * equipment_ids of a row; NULL or empty: nothing). */
void ehr_booking_released(ngx_str_t doctor, ngx_str_t room,
    ngx_str_t equipment);


/* -- taking it (booking_take.c) -------------------------------------------- */

/* What takes time: `input` fills the booking, its id too, and the values from
 * the body (NGX_OK, NGX_DONE: answered, or NGX_ERROR); `add` adds its
 * statements, whose ends are `step` and `failed`. */
typedef struct {
    ngx_int_t             (*input)(ehr_request_t *req,
                                   ehr_booking_t *booking,
                                   ehr_values_t *values);
    ngx_int_t             (*add)(ehr_request_t *req, ehr_booking_t *booking,
                                 const ehr_values_t *values,
                                 ehr_batch_t *batch);
    ehr_step_pt             step;
    ehr_step_pt             failed;
} ehr_booking_act_t;

/* Makes the booking, which becomes req->state, and asks the engine, unless
 * booking->is_unasked, then PostgreSQL.  NGX_OK, NGX_DONE (answered) or
 * NGX_ERROR. */
ngx_int_t ehr_booking_take(ehr_request_t *req, const ehr_booking_act_t *act);


/* -- refusals (booking_refused.c) ------------------------------------------ */

/* 409 that names what is taken and offers the next free slots. */
ngx_int_t ehr_booking_taken(ehr_request_t *req, ehr_booking_t *booking);

/* The same in a step, which answers whatever happens. */
void ehr_booking_taken_step(ehr_request_t *req, ehr_booking_t *booking);

/* What is not asked for is as `before`, a row of APPOINTMENT_LOCK or _LOOK,
 * says. */
void ehr_booking_complete(ehr_request_t *req, ehr_booking_t *booking,
    const PGresult *before);

/* failed handler of what books: the above when time was taken, the first
 * answer to a repetition, else as ehr_step_failed().  req->state is the
 * booking. */
void ehr_booking_failed(ehr_request_t *req, ehr_batch_t *batch);


/* -- handlers -------------------------------------------------------------- */

/* POST /appointments, /patients/{patientId}/appointments, /booking/schedule
 * (appointment_book.c) */
ngx_int_t ehr_appointment_book(ehr_request_t *req);

/* POST /follow-up/appointment (follow_up.c) */
ngx_int_t ehr_follow_up_create(ehr_request_t *req);

/* PUT and PATCH /appointments/{id}, POST /booking/reschedule
 * (appointment_change.c) */
ngx_int_t ehr_appointment_replace(ehr_request_t *req);
ngx_int_t ehr_appointment_patch(ehr_request_t *req);
ngx_int_t ehr_appointment_reschedule(ehr_request_t *req);

/* DELETE /appointments/{id}, POST /booking/cancel (appointment_cancel.c) */
ngx_int_t ehr_appointment_cancel(ehr_request_t *req);
ngx_int_t ehr_appointment_cancel_one(ehr_request_t *req);

/* POST and PATCH /appointments/{id}/status (appointment_status.c) */
ngx_int_t ehr_appointment_move(ehr_request_t *req);

/* GET /history/appointments (appointment_history.c) */
ngx_int_t ehr_appointment_history(ehr_request_t *req);

/* POST and DELETE /appointments/holds (hold.c) */
ngx_int_t ehr_hold_take(ehr_request_t *req);
ngx_int_t ehr_hold_release(ehr_request_t *req);

/* GET /calendar (calendar_view.c) */
ngx_int_t ehr_calendar_view(ehr_request_t *req);

#endif /* EHR_BOOKING_H */
