/*
 * Records: everything that a descriptor alone can answer.  List, create,
 * read, replace, patch, delete and restore of any resource; other
 * capabilities add their own statements to the same batch.
 */

#ifndef EHR_RECORD_H
#define EHR_RECORD_H

#include "../http/http.h"


/* What a resource needs at run time; built once before fork. */
typedef struct {
    const ehr_resource_t   *resource;
    const ehr_fields_t     *fields;
    ehr_statement_t        *statements[EHR_SQL_KINDS];
    ehr_statement_t        *references;     /* NULL: refers to nothing */
    uint64_t                shown;          /* fields that are ever shown */
    ngx_str_t               keys[EHR_MAX_FIELDS];    /* "name": */
    ngx_str_t               purposes[EHR_MAX_FIELDS];/* table.column: */
    int                     patient;        /* field with the patient's id,
                                               -1: not about a patient */
    unsigned                audited:1;      /* reads are */
    int                     version;        /* field, or -1 */
    int                     parent;         /* field, or -1 */
    const char             *item_path;      /* of GET one, or NULL */
} ehr_record_t;

/* Builds the statements of all resources.  NULL, or what is wrong. */
const char *ehr_records_init(ngx_cycle_t *cycle);
ehr_record_t *ehr_record_of(const ehr_resource_t *resource);

/* The request's record (of its route's resource). */
#define ehr_request_record(req)  ehr_record_of((req)->route->resource)


/* -- handlers, named in routes.c ------------------------------------------- */

ngx_int_t ehr_record_list(ehr_request_t *req);
ngx_int_t ehr_record_export(ehr_request_t *req);
ngx_int_t ehr_record_create(ehr_request_t *req);
ngx_int_t ehr_record_read(ehr_request_t *req);
ngx_int_t ehr_record_replace(ehr_request_t *req);
ngx_int_t ehr_record_patch(ehr_request_t *req);
ngx_int_t ehr_record_delete(ehr_request_t *req);
ngx_int_t ehr_record_restore(ehr_request_t *req);


/* -- pieces for other capabilities ----------------------------------------- */

/*
 * Adds what creating a row takes, from values that were checked: idempotency,
 * references, the insert (the batch's last statement).  `id` is set to the new
 * row's id.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ehr_record_add_checked(ehr_request_t *req, ehr_record_t *record,
    const ehr_values_t *values, ehr_batch_t *batch, ngx_str_t *id);

/*
 * The same around a row `id` that a function makes: begin the batch with
 * ehr_step_idempotency(), call the function, then this keeps the row for
 * repetitions and reads it (the batch's last statement).  The step is
 * ehr_record_made_done(), which answers 201 with the last statement's row;
 * req->failed is set.
 */
ngx_int_t ehr_record_add_made(ehr_request_t *req, ehr_record_t *record,
    ngx_str_t *id, ehr_batch_t *batch);
void ehr_record_made_done(ehr_request_t *req, ehr_batch_t *batch);

/* A new row's id, NUL-terminated. */
ngx_int_t ehr_record_new_id(ehr_request_t *req, ngx_str_t *id);

/*
 * Adds the statement that names every reference among the values that leads
 * nowhere, if there is one to check.  `owner`: whose row a referenced
 * patient's row must be, as ehr_sql_references() says.
 */
ngx_int_t ehr_record_add_references(ehr_request_t *req, ehr_record_t *record,
    const ehr_values_t *values, const char *owner, ehr_batch_t *batch);

/* Replies 201 with the one row of the result. */
void ehr_record_reply_created(ehr_request_t *req, ehr_record_t *record,
    PGresult *result);

/* failed handler of creating routes: answers a repeated request as the first
 * time, everything else as ehr_step_failed() does. */
void ehr_record_create_failed(ehr_request_t *req, ehr_batch_t *batch);

/*
 * Replies with one row; audited first when it is a patient's and the request
 * is a read.  Without a row: 404.
 */
void ehr_record_reply_row(ehr_request_t *req, ehr_record_t *record,
    PGresult *result, ngx_uint_t status, ehr_message_t message);

/* Checks the body, which is a row.  NGX_OK, NGX_DONE (answered) or NGX_ERROR
 * (record_input.c, as what follows). */
ngx_int_t ehr_record_body(ehr_request_t *req, ehr_record_t *record,
    ehr_write_t write, ehr_values_t *values);

/*
 * Checks a body that is a row and some fields of `beside`; what is wrong is in
 * errors.  Those fields are taken out of the body.  The path's parent is put
 * into it.  NGX_OK, NGX_DONE (answered) or NGX_ERROR.
 */
ngx_int_t ehr_record_input(ehr_request_t *req, ehr_record_t *record,
    ehr_write_t write, const ehr_resource_t *beside, ehr_values_t *values,
    ehr_values_t *more, ehr_field_errors_t *errors);

/* The checked value of a field of the request's resource. */
ehr_value_t ehr_record_value(ehr_request_t *req, const ehr_values_t *values,
    const char *name);

/* Puts the parent's id, which comes from the path, into the body, which may
 * repeat it.  NGX_OK, NGX_DONE (answered) or NGX_ERROR. */
ngx_int_t ehr_record_parent_field(ehr_request_t *req, ehr_record_t *record,
    json_t *body);

/* Adds the update of the fields that are present in the values; versions:
 * those it may have, as ehr_record_expected() gives them, or NULL. */
ngx_int_t ehr_record_add_update(ehr_request_t *req, ehr_record_t *record,
    ngx_str_t *id, const char *versions, const ehr_values_t *values,
    ehr_batch_t *batch);

/* The versions that If-Match allows as a parameter, bigint[], or null. */
ngx_int_t ehr_record_expected(ehr_request_t *req, ehr_param_t *param);

/* The item's id: last path parameter, or the actor's on ROUTE_SELF. */
ngx_str_t *ehr_record_id(ehr_request_t *req);

/* Fields this request may see. */
uint64_t ehr_record_readable(ehr_request_t *req, ehr_record_t *record);

/*
 * Reads `fields=a,b`, and nothing else, of a single item's query into
 * req->fields.  NGX_OK, NGX_DONE (answered 400) or NGX_ERROR.
 */
ngx_int_t ehr_record_fields(ehr_request_t *req, ehr_record_t *record);
/* The same of a list's query: takes `fields` only, and sets *mask. */
ngx_int_t ehr_record_parse_fields(ehr_request_t *req, ehr_record_t *record,
    ngx_array_t *arguments, uint64_t *mask);

/* Writes one row as a JSON object.  `extra` names the column behind the last
 * field (a ranking's value), or is NULL. */
void ehr_record_write_row(ehr_request_t *req, ehr_record_t *record,
    ehr_out_t *out, const PGresult *result, int row, uint64_t mask,
    const char *extra);

/* Parameters of CREATE ($1 …) or UPDATE ($4 …) from checked values, with
 * sensitive ones encrypted for the row `id`.  Pushes to params. */
ngx_int_t ehr_record_push_values(ehr_request_t *req, ehr_record_t *record,
    const ehr_values_t *values, ngx_str_t *id, int only_mutable,
    ngx_array_t *params);

/* Pushes one sensitive value, and its blind indexes where it has one. */
ngx_int_t ehr_record_push_sensitive(ehr_request_t *req, ehr_record_t *record,
    size_t field, const ehr_value_t *value, ngx_str_t *id,
    ngx_array_t *params);

/* Blind indexes of a sensitive value under all index keys, as
 * ehr_blind_indexes() gives them.  Their size; 0 without memory. */
size_t ehr_record_indexes(ehr_record_t *record, size_t field,
    const char *text, size_t len, ngx_pool_t *pool,
    u_char indexes[EHR_BLIND_INDEXES]);
/* One of them as the database keeps it. */
ngx_str_t ehr_record_stored(u_char index[EHR_BLIND_INDEX]);
/* All that a row with the value may have, as a parameter, bytea[]. */
ngx_int_t ehr_record_sought(ehr_request_t *req, ehr_record_t *record,
    size_t field, const char *text, size_t len, ehr_param_t *param);

/* Decrypts a sensitive value of a row ("\x…" as PostgreSQL prints bytea). */
ngx_int_t ehr_record_decrypt(ehr_request_t *req, ehr_record_t *record,
    size_t field, const ngx_str_t *id, ngx_str_t hex, ngx_str_t *text);

/* A list's page mark (record_cursor.c): opaque, encrypted, so that it neither
 * shows nor accepts anything a client made up. */
typedef struct {
    int                     ranking;
    int                     sort;
    int                     descending;
    ngx_str_t               value;          /* NUL-terminated */
    ngx_str_t               id;
} ehr_cursor_t;

ngx_int_t ehr_cursor_print(ehr_request_t *req, ehr_record_t *record,
    const ehr_cursor_t *cursor, ngx_str_t *text);
/* NGX_DECLINED: not a cursor of this list. */
ngx_int_t ehr_cursor_parse(ehr_request_t *req, ehr_record_t *record,
    ngx_str_t *text, ehr_cursor_t *cursor);

#endif /* EHR_RECORD_H */
