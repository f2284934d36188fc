/*
 * The waiting list: who wants a slot that is not free yet.
 */

#include "describe.h"


static const char *const  statuses[] = {
    "WAITING", "OFFERED", "BOOKED", "EXPIRED", NULL
};


static const ehr_field_t  fields[] = {

    EHR_FIELD_PATIENT,

    { .name = "doctorId", .column = "doctor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "doctors",
      .about = "Who is waited for; null: any doctor." },

    { .name = "specialtyId", .column = "specialty_id",
      .type = EHR_TYPE_UUID, .flags = EHR_FILTER,
      .reference = "specialties",
      .about = "What the doctor must be able to; one of doctor, specialty "
               "and clinic must be there." },

    { .name = "clinicId", .column = "clinic_id", .type = EHR_TYPE_UUID,
      .flags = EHR_FILTER, .reference = "clinics",
      .about = "Where it must be." },

    { .name = "earliest", .column = "earliest", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_NOT_NULL | EHR_RANGE, .fallback = "now()",
      .about = "The appointment begins then or later." },

    { .name = "latest", .column = "latest", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_MUST | EHR_RANGE,
      .about = "The appointment is over by then." },

    { .name = "durationMinutes", .column = "duration_minutes",
      .type = EHR_TYPE_INTEGER, .flags = EHR_MUST, .min = 5, .max = 480,
      .unit = "min", .about = "How long it takes, in steps of five." },

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .max = 2000, .about = "Why the patient wants to come." },

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN | EHR_FILTER, .values = statuses,
      .about = "OFFERED: a slot is held until offerExpiresAt; book it with "
               "holdToken.  EXPIRED: latest has passed." },

    { .name = "holdToken", .column = "hold_token", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY,
      .about = "The hold of the slot that is offered." },

    { .name = "offeredDoctorId", .column = "offered_doctor_id",
      .type = EHR_TYPE_UUID, .flags = EHR_READ_ONLY, .reference = "doctors",
      .about = "The doctor of that slot." },

    { .name = "offeredStart", .column = "offered_start",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_READ_ONLY,
      .about = "When that slot begins." },

    { .name = "offerExpiresAt", .column = "offer_expires_at",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_READ_ONLY,
      .about = "Until when it is held; then it goes to the next in line." },

    { .name = "appointmentId", .column = "appointment_id",
      .type = EHR_TYPE_UUID, .flags = EHR_READ_ONLY | EHR_FILTER,
      .about = "The appointment it led to." },
};


const ehr_resource_t  ehr_resource_waiting_list = {
    .name = "waiting-list", .schema = "WaitingListEntry",
    .table = "waiting_list",
    .flags = EHR_PATIENT_OWNED,
    EHR_FIELDS(fields),
    .sort = "createdAt",
    .about = "A patient who waits for a slot; first come, first offered."
};
