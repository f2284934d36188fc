/*
 * The audit log: who did what, when and from where.
 */

#include "describe.h"


static const ehr_field_t  fields[] = {

    { .name = "actorId", .column = "actor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY | EHR_FILTER, .reference = "users",
      .about = "The account that acted; null where nobody was signed in." },

    { .name = "action", .column = "action", .type = EHR_TYPE_TEXT,
      .flags = EHR_SHOWN | EHR_FILTER, .format = EHR_FORMAT_NAME_KEY,
      .max = 40,
      .about = "CREATE, UPDATE, DELETE, RESTORE, READ, LOGIN and others." },

    { .name = "entity", .column = "entity", .type = EHR_TYPE_TEXT,
      .flags = EHR_SHOWN | EHR_FILTER, .format = EHR_FORMAT_LINE,
      .about = "The kind of entry it was done to." },

    { .name = "entityId", .column = "entity_id", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY | EHR_FILTER,
      .about = "The entry it was done to." },

    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY | EHR_FILTER, .reference = "patients",
      .about = "The patient whose record the entry belongs to." },

    { .name = "before", .column = "before", .type = EHR_TYPE_OBJECT,
      .flags = EHR_READ_ONLY,
      .about = "What changed, as it was; encrypted values are not told." },

    { .name = "after", .column = "after", .type = EHR_TYPE_OBJECT,
      .flags = EHR_READ_ONLY,
      .about = "What changed, as it became; encrypted values are not told." },

    { .name = "requestId", .column = "request_id", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY | EHR_FILTER, .format = EHR_FORMAT_LINE,
      .about = "The request, as in the access log." },

    { .name = "ip", .column = "ip", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY | EHR_FILTER, .format = EHR_FORMAT_LINE,
      .about = "The client's address." },

    { .name = "userAgent", .column = "user_agent", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY, .format = EHR_FORMAT_LINE, .max = 1000,
      .about = "What the client called itself." },

    { .name = "method", .column = "method", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY | EHR_FILTER, .format = EHR_FORMAT_LINE,
      .about = "The request's method." },

    { .name = "route", .column = "route", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY | EHR_FILTER, .format = EHR_FORMAT_LINE,
      .about = "The request's route." },
};


/* One stored row may be many reads. */
static const ehr_lookup_t  lookups[] = {
    { "id", "ehr.audit_logs_with($q)" },
    { "entityId", "ehr.audit_logs_about('entityId', $q)" },
    { "patientId", "ehr.audit_logs_about('patientId', $q)" },
    { "actorId", "ehr.audit_logs_about('actorId', $q)" },
    { NULL, NULL }
};


const ehr_resource_t  ehr_resource_audit_logs = {
    .name = "audit-logs", .schema = "AuditEntry", .table = "audit_logs",
    .flags = EHR_NO_DELETE | EHR_NO_VERSION | EHR_AUDITED_READS,
    EHR_FIELDS(fields),
    .sort = "-createdAt", .lookups = lookups,
    .about = "One entry of the audit log, which nobody can change."
};
