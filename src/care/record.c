/*
 * What every resource needs at run time, from its descriptor.
 */

#include "record.h"


#define EHR_MAX_RECORDS  128

static ehr_record_t  ehr_records[EHR_MAX_RECORDS];


static const char *ehr_record_init(ngx_cycle_t *cycle, ehr_record_t *record,
    const ehr_resource_t *resource, const ehr_arena_t *arena);
static const char *ehr_record_keys(ngx_pool_t *pool, ehr_record_t *record);
static const char *ehr_record_statements(ngx_cycle_t *cycle,
    ehr_record_t *record, const ehr_arena_t *arena);
static const char *ehr_record_name(ngx_pool_t *pool, const char *resource,
    const char *kind);
static int ehr_record_field(ehr_record_t *record, const char *name);
static const char *ehr_record_item_path(const ehr_resource_t *resource);
static void *ehr_record_alloc(void *pool, size_t size);


static void *
ehr_record_alloc(void *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


const char *
ehr_records_init(ngx_cycle_t *cycle)
{
    size_t                 i;
    const char            *fault;
    ehr_arena_t            arena;
    const ehr_resource_t  *resource;

    arena.alloc = ehr_record_alloc;
    arena.context = cycle->pool;

    for (i = 0; ehr_resources[i]; i++) {

        if (i == EHR_MAX_RECORDS) {
            return "there are more resources than EHR_MAX_RECORDS";
        }

        resource = ehr_resources[i];

        fault = ehr_record_init(cycle, &ehr_records[i], resource, &arena);
        if (fault) {
            return fault;
        }
    }

    return NULL;
}


ehr_record_t *
ehr_record_of(const ehr_resource_t *resource)
{
    return &ehr_records[ehr_fields_of(resource)->index];
}


static const char *
ehr_record_init(ngx_cycle_t *cycle, ehr_record_t *record,
    const ehr_resource_t *resource, const ehr_arena_t *arena)
{
    const char  *fault;

    record->resource = resource;
    record->fields = ehr_fields_of(resource);

    fault = ehr_record_keys(cycle->pool, record);
    if (fault) {
        return fault;
    }

    record->version = ehr_record_field(record, "version");
    record->parent = resource->parent
                     ? ehr_record_field(record, resource->parent_field) : -1;
    record->patient = -1;

    if (resource->flags & EHR_PATIENT_OWNED) {
        record->patient = ehr_record_field(record, "patientId");

        if (record->patient == -1) {
            record->patient = ehr_record_field(record, "id");
        }
    }

    record->audited = (resource->flags
                       & (EHR_PATIENT_OWNED|EHR_AUDITED_READS)) != 0;
    record->item_path = ehr_record_item_path(resource);

    return ehr_record_statements(cycle, record, arena);
}


static int
ehr_record_field(ehr_record_t *record, const char *name)
{
    return ehr_field_index(record->fields, name, ngx_strlen(name));
}


static const char *
ehr_record_keys(ngx_pool_t *pool, ehr_record_t *record)
{
    u_char             *p;
    size_t              i;
    const ehr_field_t  *field;

    for (i = 0; i < record->fields->n; i++) {
        field = record->fields->fields[i];

        p = ngx_pnalloc(pool, ngx_strlen(field->name) + sizeof("\"\":"));
        if (p == NULL) {
            return "out of memory";
        }

        record->keys[i].data = p;
        record->keys[i].len = ngx_sprintf(p, "\"%s\":", field->name) - p;

        p = ngx_pnalloc(pool, ngx_strlen(record->resource->table)
                              + ngx_strlen(field->column) + sizeof(".:"));
        if (p == NULL) {
            return "out of memory";
        }

        record->purposes[i].data = p;
        record->purposes[i].len = ngx_sprintf(p, "%s.%s:",
                                              record->resource->table,
                                              field->column)
                                  - p;

        if ((field->flags & (EHR_HIDDEN|EHR_WRITE_ONLY)) == 0) {
            record->shown |= (uint64_t) 1 << i;
        }
    }

    return NULL;
}


static const char *
ehr_record_name(ngx_pool_t *pool, const char *resource, const char *kind)
{
    u_char  *name;
    size_t   len;

    len = ngx_strlen(resource) + ngx_strlen(kind) + sizeof("record  ");

    name = ngx_pnalloc(pool, len);
    if (name) {
        ngx_sprintf(name, "record %s %s%Z", resource, kind);
    }

    return (char *) name;
}


static const char *
ehr_record_statements(ngx_cycle_t *cycle, ehr_record_t *record,
    const ehr_arena_t *arena)
{
    int               kind;
    const char       *sql, *name;

    static const char  *kinds[EHR_SQL_KINDS] = {
        [EHR_SQL_READ] = "read",       [EHR_SQL_TOGETHER] = "together",
        [EHR_SQL_CREATE] = "create",
        [EHR_SQL_KEEP] = "keep",       [EHR_SQL_MADE] = "made",
        [EHR_SQL_REPLAY] = "replay",   [EHR_SQL_UPDATE] = "update",
        [EHR_SQL_DELETE] = "delete",   [EHR_SQL_RESTORE] = "restore",
        [EHR_SQL_PARENT] = "parent",   [EHR_SQL_EXPLAIN] = "explain"
    };

    for (kind = 0; kind < EHR_SQL_KINDS; kind++) {

        record->statements[kind] = NULL;

        sql = ehr_sql(record->fields, kind, arena);
        if (sql == NULL) {
            continue;
        }

        name = ehr_record_name(cycle->pool, record->resource->name,
                               kinds[kind]);
        if (name == NULL) {
            return "out of memory";
        }

        record->statements[kind] = ehr_statement_register(cycle, name, sql);
        if (record->statements[kind] == NULL) {
            return "out of memory";
        }
    }

    record->references = NULL;

    sql = ehr_sql_references(record->fields, arena);
    if (sql) {
        name = ehr_record_name(cycle->pool, record->resource->name,
                               "references");
        if (name) {
            record->references = ehr_statement_register(cycle, name, sql);
        }

        if (record->references == NULL) {
            return "out of memory";
        }
    }

    return NULL;
}


/* Where a single one is read, for Location. */

static const char *
ehr_record_item_path(const ehr_resource_t *resource)
{
    const ehr_route_t  *route;

    for (route = ehr_routes; route->path; route++) {
        if (route->resource == resource && route->method == NGX_HTTP_GET
            && route->handler == ehr_record_read
            && (route->flags & EHR_ROUTE_SELF) == 0)
        {
            return route->path;
        }
    }

    return NULL;
}


ngx_str_t *
ehr_record_id(ehr_request_t *req)
{
    static ngx_str_t  self;

    if (req->route->flags & EHR_ROUTE_SELF) {
        self.data = req->who.user_text;
        self.len = EHR_UUID_TEXT;

        return &self;
    }

    return &req->params[req->nparams - 1];
}


uint64_t
ehr_record_readable(ehr_request_t *req, ehr_record_t *record)
{
    size_t              i;
    uint64_t            mask = record->shown;
    const ehr_field_t  *field;

    for (i = 0; i < record->fields->n; i++) {
        field = record->fields->fields[i];

        if (field->read && !ehr_may(req, field->read)) {
            mask &= ~((uint64_t) 1 << i);
        }
    }

    return mask;
}
