/*
 * The list of what exists.
 */

#include "resources.h"


/* A resource comes after those it refers to, except itself. */
const ehr_resource_t *const  ehr_resources[] = {

    &ehr_resource_roles,
    &ehr_resource_users,
    &ehr_resource_system_parameters,
    &ehr_resource_profile,
    &ehr_resource_sessions,
    &ehr_resource_audit_logs,

    &ehr_resource_hospitals,
    &ehr_resource_departments,
    &ehr_resource_clinics,
    &ehr_resource_specialties,
    &ehr_resource_wards,
    &ehr_resource_room_classes,
    &ehr_resource_rooms,
    &ehr_resource_ward_rooms,
    &ehr_resource_beds,

    &ehr_resource_doctors,
    &ehr_resource_staff,
    &ehr_resource_patients,
    &ehr_resource_family,
    &ehr_resource_care_team,
    &ehr_resource_calendar_feeds,

    &ehr_resource_equipment,
    &ehr_resource_schedules,
    &ehr_resource_schedule_exceptions,
    &ehr_resource_appointments,

    &ehr_resource_encounters,
    &ehr_resource_ratings,
    &ehr_resource_notes,
    &ehr_resource_vitals,
    &ehr_resource_medical_history,
    &ehr_resource_treatment_plans,
    &ehr_resource_allergies,
    &ehr_resource_medications,

    &ehr_resource_admissions,
    &ehr_resource_admission_movements,
    &ehr_resource_bed_changes,

    &ehr_resource_appointment_series,
    &ehr_resource_waiting_list,
    &ehr_resource_notifications,

    NULL
};
