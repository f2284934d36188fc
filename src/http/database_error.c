/*
 * SQLSTATE → status, message and field.
 *
 * Our own classes are raised by ehr.refuse() (sql/README.md): the primary
 * message is the symbol of a sentence, the column a list of JSON names.
 * PostgreSQL's constraints carry their column in their name:
 * <table>_<column>_key, _fkey, _check, _excl.
 */

#include "database_error.h"


typedef struct {
    const char     *state;          /* a class (2) or a whole state (5) */
    ngx_uint_t      status;
    ehr_message_t   message;
    ehr_message_t   field;          /* for the constraint's field, if any */
    time_t          retry_after;
} ehr_state_t;


static const ehr_state_t  ehr_states[] = {
    { "EH403", 403, EHR_MESSAGE_FORBIDDEN, EHR_MESSAGE_FIELD_FORBIDDEN, 0 },
    { "EH404", 404, EHR_MESSAGE_NOT_FOUND, EHR_MESSAGE_NONE, 0 },
    { "EH409", 409, EHR_MESSAGE_CONFLICT, EHR_MESSAGE_VALUE_REFUSED, 0 },
    { "EH412", 412, EHR_MESSAGE_STALE_VERSION, EHR_MESSAGE_NONE, 0 },
    { "EH422", 422, EHR_MESSAGE_INVALID_FIELDS, EHR_MESSAGE_VALUE_REFUSED,
      0 },

    /* this node lacks an index key: nothing that a client could mend */
    { "EH503", 503, EHR_MESSAGE_UNAVAILABLE, EHR_MESSAGE_NONE, 5 },

    { "23505", 409, EHR_MESSAGE_CONFLICT, EHR_MESSAGE_VALUE_TAKEN, 0 },
    { "23P01", 409, EHR_MESSAGE_CONFLICT, EHR_MESSAGE_VALUE_TAKEN, 0 },
    { "23503", 422, EHR_MESSAGE_INVALID_FIELDS,
      EHR_MESSAGE_REFERENCE_UNKNOWN, 0 },
    { "23514", 422, EHR_MESSAGE_INVALID_FIELDS, EHR_MESSAGE_VALUE_REFUSED,
      0 },
    { "23502", 422, EHR_MESSAGE_INVALID_FIELDS, EHR_MESSAGE_FIELD_REQUIRED,
      0 },
    { "22",    422, EHR_MESSAGE_INVALID_FIELDS, EHR_MESSAGE_VALUE_REFUSED,
      0 },

    /* row-level security: not there or not yours */
    { "42501", 404, EHR_MESSAGE_NOT_FOUND, EHR_MESSAGE_NONE, 0 },

    { "40",    503, EHR_MESSAGE_UNAVAILABLE, EHR_MESSAGE_NONE, 1 },
    { "55P03", 503, EHR_MESSAGE_UNAVAILABLE, EHR_MESSAGE_NONE, 1 },
    { "57",    503, EHR_MESSAGE_UNAVAILABLE, EHR_MESSAGE_NONE, 1 },
    { "53",    503, EHR_MESSAGE_UNAVAILABLE, EHR_MESSAGE_NONE, 2 },

    /* a statement and its parameters do not fit: no retry mends that */
    { "08P01", 500, EHR_MESSAGE_INTERNAL_ERROR, EHR_MESSAGE_NONE, 0 },
    { "08",    503, EHR_MESSAGE_UNAVAILABLE, EHR_MESSAGE_NONE, 1 },
    { "25006", 503, EHR_MESSAGE_UNAVAILABLE, EHR_MESSAGE_NONE, 1 },

    { "",      500, EHR_MESSAGE_INTERNAL_ERROR, EHR_MESSAGE_NONE, 0 }
};


static const ehr_state_t *ehr_state_find(const char *sqlstate);
static const char *ehr_constraint_field(const ehr_database_error_t *error,
    const ehr_resource_t *resource);
static void ehr_name_fields(const ngx_str_t *names, ehr_message_t message,
    ngx_pool_t *pool, ehr_field_errors_t *errors);
static void ehr_add_field(ehr_field_errors_t *errors, const char *field,
    ehr_message_t message);


static const ehr_state_t *
ehr_state_find(const char *sqlstate)
{
    const ehr_state_t  *state;

    for (state = ehr_states; state->state[0]; state++) {
        if (ngx_strncmp(sqlstate, state->state, ngx_strlen(state->state))
            == 0)
        {
            break;
        }
    }

    return state;
}


void
ehr_database_refusal(const ehr_database_error_t *error,
    const ehr_resource_t *resource, ngx_pool_t *pool, ehr_refusal_t *refusal,
    ehr_field_errors_t *errors)
{
    const char         *field;
    ehr_message_t       own;
    const ehr_state_t  *state;

    errors->n = 0;
    errors->forbidden = 0;

    state = ehr_state_find(error->sqlstate);

    refusal->status = state->status;
    refusal->message = state->message;
    refusal->retry_after = state->retry_after;

    if (error->sqlstate[0] == 'E' && error->sqlstate[1] == 'H') {

        own = ehr_message_find((char *) error->message.data,
                               error->message.len);

        if (error->column.len) {
            ehr_name_fields(&error->column, own ? own : state->field, pool,
                            errors);

        } else if (own) {
            refusal->message = own;
        }

        return;
    }

    if (state->field != EHR_MESSAGE_NONE) {
        field = ehr_constraint_field(error, resource);

        if (field) {
            ehr_add_field(errors, field, state->field);
        }
    }
}


static void
ehr_add_field(ehr_field_errors_t *errors, const char *field,
    ehr_message_t message)
{
    if (errors->n < EHR_MAX_FIELD_ERRORS) {
        errors->items[errors->n].field = field;
        errors->items[errors->n].message = message;
        errors->items[errors->n].argument = NULL;
        errors->n++;
    }
}


/* "doctorId,wardId" → one error each. */

static void
ehr_name_fields(const ngx_str_t *names, ehr_message_t message,
    ngx_pool_t *pool, ehr_field_errors_t *errors)
{
    u_char  *p, *end, *comma, *name;

    end = names->data + names->len;

    for (p = names->data; p < end; p = comma + 1) {

        comma = ngx_strlchr(p, end, ',');
        comma = comma ? comma : end;

        name = ngx_pnalloc(pool, comma - p + 1);
        if (name == NULL) {
            return;
        }

        *ngx_cpymem(name, p, comma - p) = '\0';
        ehr_add_field(errors, (char *) name, message);
    }
}


/*
 * JSON name of the field that a constraint or a not-null violation is about;
 * NULL if it is about none of this resource.
 */

static const char *
ehr_constraint_field(const ehr_database_error_t *error,
    const ehr_resource_t *resource)
{
    size_t               i, prefix, len;
    ngx_str_t            column;
    const ehr_fields_t  *fields;

    if (resource == NULL || resource->table == NULL) {
        return NULL;
    }

    column = error->column;

    if (column.len == 0) {
        prefix = ngx_strlen(resource->table) + 1;

        if (error->constraint.len <= prefix
            || ngx_strncmp(error->constraint.data, resource->table,
                           prefix - 1)
               != 0)
        {
            return NULL;
        }

        column.data = error->constraint.data + prefix;
        column.len = error->constraint.len - prefix;
    }

    fields = ehr_fields_of(resource);

    for (i = 0; i < fields->n; i++) {
        len = ngx_strlen(fields->fields[i]->column);

        if (column.len >= len
            && ngx_strncmp(column.data, fields->fields[i]->column, len) == 0
            && (column.len == len || column.data[len] == '_')
            && (column.len == len
                || ngx_strncmp(column.data + len, "_key", 4) == 0
                || ngx_strncmp(column.data + len, "_fkey", 5) == 0
                || ngx_strncmp(column.data + len, "_check", 6) == 0
                || ngx_strncmp(column.data + len, "_excl", 5) == 0))
        {
            return fields->fields[i]->name;
        }
    }

    return NULL;
}
