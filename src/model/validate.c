/*
 * A request's body against a descriptor: see model.h.
 */

#include <stdio.h>
#include <string.h>

#include "value.h"


/* What is shown of a key nobody knows. */
#define UNKNOWN_KEY_MAX  64

#define bit_of(i)  ((uint64_t) 1 << (i))


/* A body under way. */
typedef struct {
    const ehr_fields_t     *fields;
    ehr_write_t             write;
    uint64_t                permissions;
    ehr_values_t           *values;
    ehr_field_errors_t     *errors;
    uint64_t                named;       /* fields of the body, good or bad */
    ehr_check_t             check;
} validation_t;


/* -- errors ---------------------------------------------------------------- */


/* An argument is copied: the check's buffer is used again.  0, or -2 without
 * memory. */
static int
add_error(validation_t *v, const char *field, ehr_message_t message)
{
    char               *argument;
    size_t              len;
    ehr_field_error_t  *error;

    if (v->errors->n == EHR_MAX_FIELD_ERRORS) {
        return 0;
    }

    argument = NULL;
    len = strlen(v->check.argument);

    if (len > 0) {
        argument = v->check.arena->alloc(v->check.arena->context, len + 1);
        if (argument == NULL) {
            return -2;
        }

        memcpy(argument, v->check.argument, len + 1);
        v->check.argument[0] = '\0';
    }

    error = &v->errors->items[v->errors->n++];
    error->field = field;
    error->message = (int) message;
    error->argument = argument;

    return 0;
}


/* The key as it may be shown: a copy, cut between characters. */
static const char *
copy_key(validation_t *v, const char *key, size_t len)
{
    char    *copy;
    size_t   shown;

    shown = len;

    if (len > UNKNOWN_KEY_MAX) {
        for (shown = UNKNOWN_KEY_MAX;
             ((unsigned char) key[shown] & 0xc0) == 0x80;
             shown--)
        { /* void */ }
    }

    copy = v->check.arena->alloc(v->check.arena->context,
        shown + sizeof("…"));
    if (copy == NULL) {
        return NULL;
    }

    memcpy(copy, key, shown);
    memcpy(copy + shown, shown < len ? "…" : "",
        shown < len ? sizeof("…") : 1);

    return copy;
}


/* Two long keys may be cut to the same text: it is reported once. */
static int
add_unknown(validation_t *v, const char *key, size_t len)
{
    size_t       i;
    const char  *name;

    if (v->errors->n == EHR_MAX_FIELD_ERRORS) {
        return 0;
    }

    name = copy_key(v, key, len);
    if (name == NULL) {
        return -2;
    }

    for (i = 0; i < v->errors->n; i++) {
        if (strcmp(v->errors->items[i].field, name) == 0) {
            return 0;
        }
    }

    return add_error(v, name, EHR_MESSAGE_FIELD_UNKNOWN);
}


/* -- what was named -------------------------------------------------------- */


/* 0 is "no narrower permission". */
static int
has_permission(const validation_t *v, ehr_permission_t permission)
{
    return permission == EHR_MAY_NOTHING_SPECIAL
           || (v->permissions & ehr_permission_bit(permission)) != 0;
}


/* PUT takes what GET showed, so it passes over what cannot change. */
static int
is_ignored(const validation_t *v, const ehr_field_t *field)
{
    return v->write == EHR_ON_REPLACE
           && (field->flags & (EHR_READ_ONLY|EHR_IMMUTABLE));
}


/* Whether the field may be set at all, whatever the value. */
static ehr_message_t
check_access(validation_t *v, const ehr_field_t *field)
{
    if (field->flags & EHR_READ_ONLY) {
        return EHR_MESSAGE_FIELD_READ_ONLY;
    }

    if (v->write != EHR_ON_CREATE && (field->flags & EHR_IMMUTABLE)) {
        return EHR_MESSAGE_FIELD_IMMUTABLE;
    }

    if (!has_permission(v, field->write)) {
        v->errors->forbidden = 1;
        return EHR_MESSAGE_FIELD_FORBIDDEN;
    }

    return EHR_MESSAGE_NONE;
}


static ehr_message_t
convert(validation_t *v, const ehr_field_t *field, const json_t *json,
    ehr_value_t *value)
{
    if (json_is_null(json)) {
        return (field->flags & (EHR_REQUIRED|EHR_NOT_NULL))
               ? EHR_MESSAGE_FIELD_NOT_NULL : EHR_MESSAGE_NONE;
    }

    return ehr_value_convert(&v->check, field, json, value);
}


/* "object.member" */
static const char *
inner_name(validation_t *v, const char *object, const char *member)
{
    char    *name;
    size_t   size;

    size = strlen(object) + strlen(member) + 2;

    name = v->check.arena->alloc(v->check.arena->context, size);
    if (name != NULL) {
        (void) snprintf(name, size, "%s.%s", object, member);
    }

    return name;
}


/* The members of an object of a known shape; its text is the value already.
 * 0, or -2 without memory. */
static int
take_inner(validation_t *v, const ehr_field_t *field, const json_t *json)
{
    int                  rc;
    size_t               i;
    ehr_fields_t         fields;
    ehr_values_t         values;
    ehr_field_errors_t   errors;

    ehr_fields_plain(field->shape, &fields);

    rc = ehr_validate(&fields, json, EHR_ON_CREATE, v->permissions,
        v->check.arena, &values, &errors);

    for (i = 0; rc == -1 && i < errors.n
         && v->errors->n < EHR_MAX_FIELD_ERRORS; i++)
    {
        errors.items[i].field = inner_name(v, field->name,
            errors.items[i].field);

        if (errors.items[i].field == NULL) {
            return -2;
        }

        v->errors->items[v->errors->n++] = errors.items[i];
    }

    return rc == -2 ? -2 : 0;
}


/* One member of the body.  0, or -2 without memory. */
static int
take_member(validation_t *v, const char *key, size_t len, const json_t *json)
{
    int                 i;
    ehr_message_t       message;
    const ehr_field_t  *field;

    i = ehr_field_index(v->fields, key, len);

    if (i < 0 || (v->fields->fields[i]->flags & EHR_HIDDEN)) {
        return add_unknown(v, key, len);
    }

    field = v->fields->fields[i];

    if (is_ignored(v, field)) {
        return 0;
    }

    v->named |= bit_of(i);

    message = check_access(v, field);
    if (message == EHR_MESSAGE_NONE) {
        message = convert(v, field, json, &v->values->values[i]);
    }

    if (v->check.no_memory) {
        return -2;
    }

    if (message != EHR_MESSAGE_NONE) {
        return add_error(v, field->name, message);
    }

    v->values->present |= bit_of(i);

    return field->shape != NULL && !json_is_null(json)
           ? take_inner(v, field, json) : 0;
}


/* -- what was not ---------------------------------------------------------- */


/*
 * Whether PUT without the field clears it.  Not if the writer cannot have
 * known that it was there, may not touch it, or it cannot be empty.
 */
static int
is_cleared(const validation_t *v, const ehr_field_t *field)
{
    if (!ehr_field_is_mutable(field) || (field->flags & EHR_WRITE_ONLY)
        || !has_permission(v, field->read)
        || !has_permission(v, field->write))
    {
        return 0;
    }

    return (field->flags & EHR_REQUIRED) || !(field->flags & EHR_NOT_NULL)
           || field->fallback != NULL;
}


/* One field that the body does not name.  0, or -2 without memory. */
static int
take_absent(validation_t *v, size_t i)
{
    const ehr_field_t  *field;

    field = v->fields->fields[i];

    if (v->write == EHR_ON_REPLACE && !is_cleared(v, field)) {
        return 0;
    }

    if (field->flags & EHR_REQUIRED) {
        return add_error(v, field->name, EHR_MESSAGE_FIELD_REQUIRED);
    }

    if (v->write == EHR_ON_REPLACE) {
        v->values->present |= bit_of(i);
    }

    return 0;
}


/* -- the body -------------------------------------------------------------- */


static int
take_body(validation_t *v, json_t *body)
{
    void    *member;
    size_t   i;

    for (member = json_object_iter(body); member != NULL;
         member = json_object_iter_next(body, member))
    {
        if (take_member(v, json_object_iter_key(member),
                        json_object_iter_key_len(member),
                        json_object_iter_value(member))
            != 0)
        {
            return -2;
        }
    }

    if (v->write == EHR_ON_PATCH) {
        return 0;
    }

    for (i = 0; i < v->fields->n; i++) {
        if (!(v->named & bit_of(i)) && take_absent(v, i) != 0) {
            return -2;
        }
    }

    return 0;
}


int
ehr_validate(const ehr_fields_t *fields, const json_t *body,
    ehr_write_t write, uint64_t permissions, const ehr_arena_t *arena,
    ehr_values_t *values, ehr_field_errors_t *errors)
{
    int           rc;
    validation_t  v;

    memset(values, 0, sizeof(ehr_values_t));
    memset(errors, 0, sizeof(ehr_field_errors_t));

    v.fields = fields;
    v.write = write;
    v.permissions = permissions;
    v.values = values;
    v.errors = errors;
    v.named = 0;
    v.check.arena = arena;
    v.check.argument[0] = '\0';
    v.check.no_memory = 0;

    if (json_is_object(body)) {
        /* jansson's iterators take no const, but change nothing */
        rc = take_body(&v, (json_t *) body);

    } else {
        rc = add_error(&v, "body", EHR_MESSAGE_VALUE_NOT_OBJECT);
    }

    if (rc != 0) {
        return rc;
    }

    return errors->n > 0 ? -1 : 0;
}
