/*
 * Every resource by name, for code that is about one of them.
 */

#ifndef EHR_RESOURCES_H
#define EHR_RESOURCES_H

#include "model.h"


/* Accounts (resource_users.c, resource_account.c, resource_audit.c) */
extern const ehr_resource_t  ehr_resource_roles;
extern const ehr_resource_t  ehr_resource_users;
extern const ehr_resource_t  ehr_resource_system_parameters;
extern const ehr_resource_t  ehr_resource_profile;
extern const ehr_resource_t  ehr_resource_family;
extern const ehr_resource_t  ehr_resource_sessions;
extern const ehr_resource_t  ehr_resource_audit_logs;

/* Organisation (resource_organisation.c, resource_wards.c) */
extern const ehr_resource_t  ehr_resource_hospitals;
extern const ehr_resource_t  ehr_resource_departments;
extern const ehr_resource_t  ehr_resource_clinics;
extern const ehr_resource_t  ehr_resource_specialties;
extern const ehr_resource_t  ehr_resource_wards;
extern const ehr_resource_t  ehr_resource_room_classes;
extern const ehr_resource_t  ehr_resource_rooms;
extern const ehr_resource_t  ehr_resource_ward_rooms;
extern const ehr_resource_t  ehr_resource_beds;
extern const ehr_resource_t  ehr_resource_bed_changes;
extern const ehr_resource_t  ehr_input_bed_status;
extern const char *const     ehr_bed_equipment[];

/* People (resource_doctors.c, resource_staff.c, resource_patients.c,
 * resource_care_team.c) */
extern const char *const     ehr_genders[];
extern const ehr_resource_t  ehr_resource_doctors;
extern const ehr_resource_t  ehr_resource_staff;
extern const ehr_resource_t  ehr_resource_patients;
extern const ehr_resource_t  ehr_resource_care_team;
extern const ehr_resource_t  ehr_resource_ratings;

/* Scheduling (resource_scheduling.c) */
extern const ehr_resource_t  ehr_resource_equipment;
extern const ehr_resource_t  ehr_resource_schedules;
extern const ehr_resource_t  ehr_resource_schedule_exceptions;
extern const ehr_resource_t  ehr_resource_appointments;

/* Calendars (resource_calendar.c) */
extern const ehr_resource_t  ehr_resource_calendar_feeds;

/* The clinical record (resource_encounters.c, resource_notes.c,
 * resource_vitals.c, resource_history.c, resource_medications.c) */
extern const ehr_resource_t  ehr_resource_encounters;
extern const ehr_resource_t  ehr_resource_notes;
extern const ehr_resource_t  ehr_resource_vitals;
extern const ehr_resource_t  ehr_resource_medical_history;
extern const ehr_resource_t  ehr_resource_treatment_plans;
extern const ehr_resource_t  ehr_resource_allergies;
extern const ehr_resource_t  ehr_resource_medications;

/* What follows a booking (resource_series.c, resource_waiting_list.c,
 * resource_notifications.c) and what its actions take and give, too
 * (resource_visits.c) */
extern const ehr_resource_t  ehr_resource_appointment_series;
extern const ehr_resource_t  ehr_resource_waiting_list;
extern const ehr_resource_t  ehr_resource_notifications;
extern const ehr_resource_t  ehr_input_series;
extern const ehr_resource_t  ehr_input_series_cancel;
extern const ehr_resource_t  ehr_input_follow_up;
extern const ehr_resource_t  ehr_input_visit;
extern const ehr_resource_t  ehr_input_wait;
extern const ehr_resource_t  ehr_output_wait;
extern const ehr_resource_t  ehr_input_queue;
extern const ehr_resource_t  ehr_output_queue;

/* Lying in: admissions, and what their actions take (resource_admissions.c) */
extern const ehr_resource_t  ehr_resource_admissions;
extern const ehr_resource_t  ehr_resource_admission_movements;
extern const ehr_resource_t  ehr_input_admission;
extern const ehr_resource_t  ehr_input_admit;
extern const ehr_resource_t  ehr_input_transfer;
extern const ehr_resource_t  ehr_input_swap;
extern const ehr_resource_t  ehr_input_discharge;
extern const ehr_resource_t  ehr_input_leave;
extern const ehr_resource_t  ehr_input_cancel_admission;

/* The ward board (resource_board.c) */
extern const ehr_resource_t  ehr_output_board;

/* How full wards are. */
extern const ehr_resource_t  ehr_input_occupancy;
extern const ehr_resource_t  ehr_output_occupancy;

#endif /* EHR_RESOURCES_H */
