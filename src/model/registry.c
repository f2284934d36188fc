/*
 * The list of resources and their complete fields, built once and checked
 * before anything is served: see model.h.
 */

#include <string.h>

#include "check.h"
#include "json_memory.h"


/* The most resources there may be. */
#define MAX_RESOURCES  128


static ehr_fields_t  field_lists[MAX_RESOURCES];
static size_t        n_resources;


static const ehr_field_t  field_id = {
    .name = "id", .column = "id", .type = EHR_TYPE_UUID,
    .flags = EHR_READ_ONLY|EHR_NOT_NULL|EHR_SORT,
    .about = "Identifies the entry."
};

static const ehr_field_t  field_additional_data = {
    .name = "additionalData", .column = "additional_data",
    .type = EHR_TYPE_OBJECT, .fallback = "'{}'::jsonb",
    .about = "Anything else worth keeping; not interpreted."
};

static const ehr_field_t  field_version = {
    .name = "version", .column = "version", .type = EHR_TYPE_INTEGER,
    .flags = EHR_READ_ONLY|EHR_NOT_NULL,
    .about = "Grows by one with every change; the ETag."
};

static const ehr_field_t  field_created_at = {
    .name = "createdAt", .column = "created_at", .type = EHR_TYPE_TIMESTAMP,
    .flags = EHR_READ_ONLY|EHR_NOT_NULL|EHR_SORT,
    .about = "When the entry was made."
};

static const ehr_field_t  field_updated_at = {
    .name = "updatedAt", .column = "updated_at", .type = EHR_TYPE_TIMESTAMP,
    .flags = EHR_READ_ONLY|EHR_NOT_NULL|EHR_SORT,
    .about = "When the entry was last changed."
};

static const ehr_field_t  field_created_by = {
    .name = "createdBy", .column = "created_by", .type = EHR_TYPE_UUID,
    .flags = EHR_READ_ONLY, .read = EHR_MAY_SEE_ALL_PATIENTS,
    .about = "The account that made the entry."
};

static const ehr_field_t  field_updated_by = {
    .name = "updatedBy", .column = "updated_by", .type = EHR_TYPE_UUID,
    .flags = EHR_READ_ONLY, .read = EHR_MAY_SEE_ALL_PATIENTS,
    .about = "The account that last changed the entry."
};

static const ehr_field_t  field_deleted_at = {
    .name = "deletedAt", .column = "deleted_at", .type = EHR_TYPE_TIMESTAMP,
    .flags = EHR_READ_ONLY, .read = EHR_MAY_RESTORE,
    .about = "When the entry was deleted; null while it is not."
};


/* -- lookups --------------------------------------------------------------- */


const ehr_resource_t *
ehr_resource_find(const char *name)
{
    size_t  i;

    for (i = 0; ehr_resources[i] != NULL; i++) {
        if (strcmp(ehr_resources[i]->name, name) == 0) {
            return ehr_resources[i];
        }
    }

    return NULL;
}


const ehr_fields_t *
ehr_fields_of(const ehr_resource_t *resource)
{
    size_t  i;

    for (i = 0; i < n_resources; i++) {
        if (field_lists[i].resource == resource) {
            return &field_lists[i];
        }
    }

    return NULL;
}


void
ehr_fields_plain(const ehr_resource_t *resource, ehr_fields_t *fields)
{
    size_t  i;

    fields->resource = resource;
    fields->index = -1;
    fields->n = resource->nfields;

    for (i = 0; i < resource->nfields; i++) {
        fields->fields[i] = &resource->fields[i];
    }
}


int
ehr_field_index(const ehr_fields_t *fields, const char *name, size_t len)
{
    size_t  i;

    for (i = 0; i < fields->n; i++) {
        if (strlen(fields->fields[i]->name) == len
            && memcmp(fields->fields[i]->name, name, len) == 0)
        {
            return (int) i;
        }
    }

    return -1;
}


int
ehr_field_is_writable(const ehr_field_t *field)
{
    return (field->flags & (EHR_READ_ONLY|EHR_HIDDEN)) == 0;
}


int
ehr_field_is_mutable(const ehr_field_t *field)
{
    return ehr_field_is_writable(field) && !(field->flags & EHR_IMMUTABLE);
}


/* -- building -------------------------------------------------------------- */


static void
add_field(ehr_fields_t *fields, const ehr_field_t *field)
{
    fields->fields[fields->n++] = field;
}


static int
build(ehr_fields_t *fields, const ehr_resource_t *resource, int index)
{
    size_t  i;

    /* eight common fields at most */
    if (resource->nfields > EHR_MAX_FIELDS - 8) {
        return ehr_check_complain(resource, "has %zu fields, at most %d are "
            "possible", resource->nfields, EHR_MAX_FIELDS - 8);
    }

    memset(fields, 0, sizeof(ehr_fields_t));
    fields->resource = resource;
    fields->index = index;

    add_field(fields, &field_id);

    for (i = 0; i < resource->nfields; i++) {
        add_field(fields, &resource->fields[i]);
    }

    if (resource->flags & EHR_ADDITIONAL_DATA) {
        add_field(fields, &field_additional_data);
    }

    if (!(resource->flags & EHR_NO_VERSION)) {
        add_field(fields, &field_version);
    }

    add_field(fields, &field_created_at);

    if (!(resource->flags & EHR_NO_VERSION)) {
        add_field(fields, &field_updated_at);
    }

    add_field(fields, &field_created_by);

    if (!(resource->flags & EHR_NO_VERSION)) {
        add_field(fields, &field_updated_by);
    }

    if (!(resource->flags & EHR_NO_DELETE)) {
        add_field(fields, &field_deleted_at);
    }

    return 0;
}


const char *
ehr_model_init(void)
{
    size_t  i;

    ehr_json_memory_init();
    n_resources = 0;

    for (i = 0; ehr_resources[i] != NULL; i++) {
        if (i == MAX_RESOURCES) {
            (void) ehr_check_complain(ehr_resources[i], "is one too many");
            return ehr_check_problem();
        }

        if (build(&field_lists[i], ehr_resources[i], (int) i) != 0) {
            return ehr_check_problem();
        }

        n_resources = i + 1;
    }

    for (i = 0; i < n_resources; i++) {
        if (ehr_check_resource(&field_lists[i]) != 0) {
            return ehr_check_problem();
        }
    }

    return NULL;
}
