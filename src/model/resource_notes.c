/*
 * Clinical notes: drafted, signed, and then never changed; a correction is
 * a new note that amends a signed one.
 */

#include "describe.h"


static const char *const  types[] = {
    "PROGRESS", "CONSULTATION", "DISCHARGE", "NURSING", "PROCEDURE",
    "REFERRAL", "OTHER", NULL
};

static const char *const  statuses[] = { "DRAFT", "SIGNED", NULL };


static const ehr_field_t  fields[] = {

    EHR_FIELD_PATIENT,

    EHR_FIELD_ENCOUNTER,

    { .name = "type", .column = "type", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_FILTER, .values = types,
      .fallback = "'PROGRESS'", .about = "What kind of note it is." },

    { .name = "title", .column = "title", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_LINE, .max = 200, .about = "A heading." },

    { .name = "content", .column = "content", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST, .min = 1, .max = 20000,
      .about = "The note; only its author changes it, and nobody once it "
               "is signed." },

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN | EHR_FILTER, .values = statuses,
      .about = "DRAFT until its author signs it." },

    { .name = "writtenBy", .column = "written_by", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY | EHR_FILTER, .reference = "users",
      .about = "The account of the author." },

    { .name = "signedAt", .column = "signed_at",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_READ_ONLY,
      .about = "When it was signed." },

    { .name = "signedBy", .column = "signed_by", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY, .reference = "users",
      .about = "The account that signed it." },

    { .name = "amendsId", .column = "amends_id", .type = EHR_TYPE_UUID,
      .flags = EHR_IMMUTABLE | EHR_FILTER, .reference = "notes",
      .about = "The signed note of the same patient that this corrects." },

    { .name = "amendmentReason", .column = "amendment_reason",
      .type = EHR_TYPE_TEXT, .min = 1, .max = 2000,
      .about = "Why it is corrected; required with amendsId." },
};


const ehr_resource_t  ehr_resource_notes = {
    .name = "notes", .schema = "Note", .table = "notes",
    .flags = EHR_PATIENT_OWNED | EHR_ADDITIONAL_DATA,
    .parent = "patients", .parent_field = "patientId",
    EHR_FIELDS(fields),
    .sort = "-createdAt",
    .about = "A clinical note, signed and amended but never overwritten."
};
