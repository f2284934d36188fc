/*
 * No test by itself: linked into those beside it.
 */

#include "sample.h"

#include <stdlib.h>


typedef struct block_s {
    struct block_s  *next;
    max_align_t      data[];
} block_t;

static block_t  *blocks;
static long      until_failure = -1;


static void *
give(void *context, size_t size)
{
    block_t  *block;

    assert_ptr_equal(context, &blocks);

    if (until_failure == 0) {
        return NULL;
    }

    if (until_failure > 0) {
        until_failure--;
    }

    block = malloc(sizeof(block_t) + size);
    assert_non_null(block);
    memset(block->data, 0xa5, size);
    block->next = blocks;
    blocks = block;

    return block->data;
}


const ehr_arena_t  sample_arena = { give, &blocks };


void
sample_fail_at(long n)
{
    until_failure = n;
}


void
sample_fail_never(void)
{
    until_failure = -1;
}


int
sample_set_up(void **state)
{
    const char  *problem;

    (void) state;

    sample_fail_never();

    problem = ehr_model_init();
    if (problem != NULL) {
        print_error("%s\n", problem);
        return -1;
    }

    return 0;
}


int
sample_tear_down(void **state)
{
    block_t  *block;

    (void) state;

    while ((block = blocks) != NULL) {
        blocks = block->next;
        free(block);
    }

    return 0;
}


const ehr_fields_t *
sample_fields(void)
{
    return ehr_fields_of(&sample_samples);
}


const ehr_field_t *
sample_field(const char *name)
{
    int  i;

    i = ehr_field_index(sample_fields(), name, strlen(name));
    assert_true(i >= 0);

    return sample_fields()->fields[i];
}


uint64_t
sample_bit(const char *name)
{
    return (uint64_t) 1
           << ehr_field_index(sample_fields(), name, strlen(name));
}


static const ehr_field_t  patient_fields[] = {
    { .name = "lastName", .column = "last_name", .type = EHR_TYPE_TEXT,
      .flags = EHR_REQUIRED | EHR_SORT },
};

const ehr_resource_t  sample_patients = {
    .name = "patients", .schema = "Patient", .table = "patients",
    .flags = EHR_PATIENT_OWNED,
    .fields = patient_fields, .nfields = 1, .sort = "lastName"
};


static const ehr_field_t  doctor_fields[] = {
    { .name = "lastName", .column = "last_name", .type = EHR_TYPE_TEXT,
      .flags = EHR_REQUIRED },
};

const ehr_resource_t  sample_doctors = {
    .name = "doctors", .schema = "Doctor", .table = "doctors",
    .fields = doctor_fields, .nfields = 1
};


static const ehr_field_t  encounter_fields[] = {
    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .flags = EHR_REQUIRED | EHR_IMMUTABLE, .reference = "patients" },
};

const ehr_resource_t  sample_encounters = {
    .name = "encounters", .schema = "Encounter", .table = "encounters",
    .flags = EHR_PATIENT_OWNED,
    .parent = "patients", .parent_field = "patientId",
    .fields = encounter_fields, .nfields = 1
};


static const char *const  kinds[] = { "A", "B", NULL };

static const ehr_field_t  fields[] = {

    { .name = "patientId", .column = "patient_id", .type = EHR_TYPE_UUID,
      .flags = EHR_REQUIRED | EHR_NOT_NULL | EHR_IMMUTABLE | EHR_FILTER,
      .reference = "patients" },

    { .name = "code", .column = "code", .type = EHR_TYPE_TEXT,
      .flags = EHR_IMMUTABLE | EHR_FILTER, .format = EHR_FORMAT_CODE,
      .max = 5 },

    { .name = "name", .column = "name", .type = EHR_TYPE_TEXT,
      .flags = EHR_REQUIRED | EHR_SORT, .format = EHR_FORMAT_LINE,
      .min = 2, .max = 5, .about = "What it is called." },

    { .name = "text", .column = "text", .type = EHR_TYPE_TEXT },

    { .name = "email", .column = "email", .type = EHR_TYPE_TEXT,
      .flags = EHR_SENSITIVE | EHR_INDEXED | EHR_FILTER,
      .format = EHR_FORMAT_EMAIL, .max = 254,
      .read = EHR_MAY_READ_CONTACT, .write = EHR_MAY_WRITE_INSURANCE },

    { .name = "count", .column = "count", .type = EHR_TYPE_INTEGER,
      .flags = EHR_FILTER | EHR_RANGE | EHR_SORT | EHR_NOT_NULL,
      .fallback = "0", .min = -5, .max = 10, .unit = "/min" },

    { .name = "any", .column = "any_number", .type = EHR_TYPE_INTEGER },

    { .name = "amount", .column = "amount", .type = EHR_TYPE_DECIMAL,
      .min = 0.5, .max = 100.5, .scale = 2 },

    { .name = "ratio", .column = "ratio", .type = EHR_TYPE_DECIMAL,
      .scale = 6 },

    { .name = "active", .column = "active", .type = EHR_TYPE_BOOLEAN,
      .flags = EHR_NOT_NULL | EHR_FILTER, .fallback = "true" },

    { .name = "day", .column = "day", .type = EHR_TYPE_DATE,
      .flags = EHR_RANGE },

    { .name = "at", .column = "at", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_NOT_NULL | EHR_RANGE | EHR_SORT, .fallback = "now()" },

    { .name = "kind", .column = "kind", .type = EHR_TYPE_ENUM,
      .flags = EHR_FILTER, .values = kinds },

    { .name = "tags", .column = "tags", .type = EHR_TYPE_TEXT_LIST,
      .flags = EHR_FILTER, .min = 1, .max = 3 },

    { .name = "doctorIds", .column = "doctor_ids",
      .type = EHR_TYPE_UUID_LIST, .flags = EHR_FILTER,
      .reference = "doctors", .max = 3 },

    { .name = "encounterId", .column = "encounter_id",
      .type = EHR_TYPE_UUID, .reference = "encounters" },

    { .name = "details", .column = "details", .type = EHR_TYPE_OBJECT },

    { .name = "password", .column = "password", .type = EHR_TYPE_TEXT,
      .flags = EHR_WRITE_ONLY },

    { .name = "trace", .column = "trace", .type = EHR_TYPE_TEXT,
      .flags = EHR_HIDDEN },

    { .name = "score", .column = "score", .type = EHR_TYPE_INTEGER,
      .flags = EHR_READ_ONLY },
};

static const ehr_ranking_t  rankings[] = {
    { .parameter = "q", .where = "t.name LIKE $q || '%'",
      .order = "length(t.name) - length($q)" },
    { .parameter = "near", .order = "ehr.distance($q, t.name)",
      .field = "distance", .is_position = 1 },
    { .parameter = NULL }
};

static const ehr_condition_t  conditions[] = {
    { { .name = "teamId", .type = EHR_TYPE_UUID, .reference = "doctors",
        .about = "Only of this team." },
      .where = "t.name = $q OR ehr.team(t.id) = $q" },
    { { .name = "kinds", .type = EHR_TYPE_ENUM, .values = kinds,
        .about = "Of all these kinds." },
      .is_list = 1, .where = "t.kinds @> $q" },
    { .where = NULL }
};

const ehr_resource_t  sample_samples = {
    .name = "samples", .schema = "Sample", .table = "samples",
    .flags = EHR_PATIENT_OWNED | EHR_ADDITIONAL_DATA,
    .parent = "patients", .parent_field = "patientId",
    .fields = fields, .nfields = sizeof(fields) / sizeof(fields[0]),
    .sort = "-at", .rankings = rankings, .conditions = conditions,
    .about = "Something."
};


static const ehr_field_t  log_fields[] = {
    { .name = "line", .column = "line", .type = EHR_TYPE_TEXT },
};

const ehr_resource_t  sample_logs = {
    .name = "logs", .schema = "Log", .table = "logs",
    .flags = EHR_NO_VERSION | EHR_NO_DELETE,
    .fields = log_fields, .nfields = 1, .scope = "t.owner = ehr.actor()"
};


const ehr_resource_t *const  ehr_resources[] = {
    &sample_patients, &sample_doctors, &sample_encounters, &sample_samples,
    &sample_logs, NULL
};
