/*
 * What exists: one descriptor per resource.
 *
 * A descriptor says which fields a resource has, what each may hold, where it
 * is stored and who may see or change it.  Validation, SQL, JSON, the OpenAPI
 * document and the test matrix are derived from it.  This folder is plain C11
 * with jansson: no nginx, no libpq, no clock, no global mutable state, so it
 * is linked into the module and into the unit tests alike.
 */

#ifndef EHR_MODEL_H
#define EHR_MODEL_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "permission.h"


/* The most fields a descriptor may have: a field set is one 64-bit mask. */
#define EHR_MAX_FIELDS  60


typedef enum {
    EHR_TYPE_UUID,
    EHR_TYPE_TEXT,
    EHR_TYPE_INTEGER,       /* bigint range of a C int64_t */
    EHR_TYPE_DECIMAL,       /* numeric(_, scale): see ehr_field_t.scale */
    EHR_TYPE_BOOLEAN,
    EHR_TYPE_DATE,          /* YYYY-MM-DD */
    EHR_TYPE_TIMESTAMP,     /* RFC 3339, stored and shown in UTC */
    EHR_TYPE_ENUM,          /* text, one of ehr_field_t.values */
    EHR_TYPE_TEXT_LIST,     /* text[] */
    EHR_TYPE_UUID_LIST,     /* uuid[], each an id of ehr_field_t.reference */
    EHR_TYPE_OBJECT,        /* jsonb object; of ehr_field_t.shape */
    EHR_TYPE_OBJECT_LIST,   /* jsonb array of such; only shown */
    EHR_TYPE_JSON           /* jsonb of any kind but null */
} ehr_type_t;


/* ehr_field_t.flags */
#define EHR_REQUIRED    0x0001  /* must be there on create and on PUT */
#define EHR_IMMUTABLE   0x0002  /* may be set on create, never changed */
#define EHR_READ_ONLY   0x0004  /* set by the server; refused in bodies */
#define EHR_NOT_NULL    0x0008  /* an explicit null is refused */
#define EHR_SENSITIVE   0x0010  /* bytea column, AES-256-GCM */
#define EHR_INDEXED     0x0020  /* sensitive: <column>_index holds the keyed
                                   blind index (HMAC-SHA256, bytea) */
#define EHR_FILTER      0x0040  /* ?name=value filters a list by equality
                                   (UUID_LIST, TEXT_LIST: contains) */
#define EHR_RANGE       0x0080  /* ?nameFrom= (>=) and ?nameTo= (<) too */
#define EHR_SORT        0x0100  /* ?sort=name or ?sort=-name;
                                   the column is NOT NULL */
#define EHR_WRITE_ONLY  0x0200  /* accepted, never shown */
#define EHR_HIDDEN      0x0400  /* stored; neither accepted nor shown */


/* Well-known text formats; NONE is any text without control characters but
 * tab, CR and LF.  Each has one checker (validate.c) and one OpenAPI
 * rendering (format or pattern). */
typedef enum {
    EHR_FORMAT_NONE,
    EHR_FORMAT_LINE,        /* no control character at all */
    EHR_FORMAT_EMAIL,
    EHR_FORMAT_PHONE,       /* + and 5 to 20 digits, spaces . - ( ) allowed */
    EHR_FORMAT_URL,         /* https:// or http:// */
    EHR_FORMAT_CODE,        /* [A-Za-z0-9][A-Za-z0-9._:/-]* */
    EHR_FORMAT_NAME_KEY,    /* [A-Z][A-Z0-9_]* : role names */
    EHR_FORMAT_TIME_ZONE,   /* IANA name, shape only */
    EHR_FORMAT_LANGUAGE,    /* BCP 47 subset: xx or xx-XX */
    EHR_FORMAT_CURRENCY,    /* ISO 4217: three capitals */
    EHR_FORMAT_WALL_TIME    /* HH:MM, 00:00 to 24:00, in steps of 5 minutes */
} ehr_format_t;


typedef struct ehr_resource_s  ehr_resource_t;


typedef struct {
    const char             *name;        /* JSON key, camelCase */
    const char             *column;      /* SQL column, snake_case */
    ehr_type_t              type;
    unsigned                flags;
    ehr_format_t            format;      /* TEXT only */

    /* TEXT: length in characters; lists: number of elements (each element
     * is at most 200 characters); INTEGER and DECIMAL: value, inclusive;
     * DATE, TIMESTAMP: unused.  max == 0 means: 200 for TEXT, 50 for
     * lists, no bound for numbers.  An OBJECT is at most 16 KiB of JSON. */
    double                  min;
    double                  max;
    int                     scale;       /* DECIMAL: digits after the point */

    const char *const      *values;      /* ENUM: NULL-terminated; TEXT_LIST:
                                            the same, or NULL for any text */
    const char             *reference;   /* UUID, UUID_LIST: resource name */
    const ehr_resource_t   *shape;       /* OBJECT, OBJECT_LIST: its fields (a
                                            list without a table); NULL: any
                                            object */

    /* SQL expression used when the field is absent or null on create, and on
     * PUT for absent fields; NULL: SQL null. */
    const char             *fallback;

    /* 0: whoever may read or write the resource.  On reading without `read`
     * the field is left out; on writing without `write` it is a 403. */
    ehr_permission_t        read;
    ehr_permission_t        write;

    const char             *unit;        /* UCUM, for the documentation */
    const char             *about;       /* one sentence, for OpenAPI */
} ehr_field_t;


/*
 * A ranking is a way to order (and filter) a list by what the client asks
 * for instead of by a column: relevance of a search, distance to a point.
 * It is active when its query parameter is present.  `where` and `order` are
 * SQL over the resource's row `t`; `$q` in them is replaced by the parameter
 * number.  `order` yields a NOT NULL numeric, ascending is better.
 */
typedef struct {
    const char             *parameter;   /* "q", "near" */
    const char             *where;       /* NULL: keeps every row */
    const char             *order;
    const char             *field;       /* JSON name under which the value
                                            of `order` is shown, or NULL */
    ehr_format_t            format;      /* of the parameter's value */
    int                     is_position; /* value is "latitude,longitude";
                                            bound as text "lat,lon" */
    const char             *about;
} ehr_ranking_t;


/*
 * A condition narrows a list by what is no column of its table: what a
 * reference leads to, or what the database works out.  Any number of them may
 * be asked for at once.  `where` is SQL over the resource's row `t`; `$q` in
 * it is replaced by the parameter, cast to what the field is stored as.
 */
typedef struct {
    ehr_field_t             field;       /* name, type and what the type needs,
                                            about; no column, no flags */
    int                     is_list;     /* several values, comma-separated;
                                            $q is their text[] */
    const char             *where;
} ehr_condition_t;

/* The most conditions a descriptor may have. */
#define EHR_MAX_CONDITIONS  16


/*
 * Where rows are looked for that have a value in a field, instead of in the
 * table: `rows` is SQL that yields rows of the table, those with this value
 * among them; `$q` in it is replaced by the parameter.  For a view through
 * which no index is seen.
 */
typedef struct {
    const char             *field;       /* JSON name: "id" for what asks for
                                            one row, else one to filter by */
    const char             *rows;
} ehr_lookup_t;


/* ehr_resource_t.flags */
#define EHR_PATIENT_OWNED   0x01  /* reads are audited; rows belong to the
                                     patient in column patient_id (or are
                                     the patient) */
#define EHR_ADDITIONAL_DATA 0x02  /* has additionalData / additional_data */
#define EHR_NO_DELETE       0x04  /* has no deleted_at: cannot be deleted */
#define EHR_AUDITED_READS   0x10  /* not a patient's, but reads are audited */
#define EHR_NO_VERSION      0x08  /* append-only: no version, no ETag, none
                                     of the updated columns */


struct ehr_resource_s {
    const char             *name;        /* key: "room-classes" */
    const char             *schema;      /* OpenAPI schema: "RoomClass" */
    const char             *table;       /* "room_classes", schema ehr */
    unsigned                flags;

    /* The resource whose id is in the path of the collection, and the field
     * that holds it: {"patients", "patientId"}.  NULL for top resources. */
    const char             *parent;
    const char             *parent_field;

    /* Own fields.  The common ones (id, additionalData, version, createdAt,
     * updatedAt, createdBy, updatedBy, deletedAt) are not listed: see
     * ehr_common_fields(). */
    const ehr_field_t      *fields;
    size_t                  nfields;

    const char             *sort;        /* default: "lastName" or
                                            "-recordedAt"; NULL: "id" */
    const ehr_ranking_t    *rankings;    /* ends with parameter == NULL */
    const ehr_condition_t  *conditions;  /* ends with where == NULL */
    const ehr_lookup_t     *lookups;     /* best first; ends with field ==
                                            NULL */

    /* Extra SQL condition over row `t` every statement of this resource
     * carries, or NULL: "t.user_id = ehr.actor()". */
    const char             *scope;
    const char             *about;
};


/* -- registry (registry.c) ------------------------------------------------ */

/* All resources, NULL-terminated, in dependency order. */
extern const ehr_resource_t *const  ehr_resources[];

/* By name; NULL where there is none. */
const ehr_resource_t *ehr_resource_find(const char *name);

/*
 * The complete field list of a resource: id, own fields, additionalData,
 * version, createdAt, updatedAt, createdBy, updatedBy, deletedAt, as its
 * flags say.  Bit n of every field mask is field n of this list.  Built by
 * ehr_model_init(), valid for the life of the process.
 */
typedef struct {
    const ehr_resource_t   *resource;
    const ehr_field_t      *fields[EHR_MAX_FIELDS];
    size_t                  n;
    int                     index;       /* position in ehr_resources[] */
} ehr_fields_t;

const ehr_fields_t *ehr_fields_of(const ehr_resource_t *resource);

/* A field list without common fields, as bodies and answers of actions and
 * the shapes of objects are. */
void ehr_fields_plain(const ehr_resource_t *resource, ehr_fields_t *fields);

/* Index of the field with this JSON name (length len), or -1. */
int ehr_field_index(const ehr_fields_t *fields, const char *name, size_t len);

/*
 * Checks all descriptors for contradictions (unknown reference, sortable
 * sensitive field, more than EHR_MAX_FIELDS, …) and builds the field lists.
 * Called once, before fork (again after a reload).  Returns NULL, or a static
 * buffer that says what is wrong and where.
 */
const char *ehr_model_init(void);


/* -- memory --------------------------------------------------------------- */

/* Where results are allocated; never freed one by one.  alloc returns NULL
 * when there is no memory. */
typedef struct {
    void                 *(*alloc)(void *context, size_t size);
    void                   *context;
} ehr_arena_t;


/* -- validation (validate.c) ---------------------------------------------- */

typedef enum {
    EHR_ON_CREATE,      /* required fields must be there, rest get fallback */
    EHR_ON_REPLACE,     /* PUT: as create, but immutable and read-only fields
                           are ignored: what GET showed may be sent back.
                           Fields the writer may not read or not write, and
                           write-only ones, keep their value when absent */
    EHR_ON_PATCH        /* only what is named */
} ehr_write_t;

/* Why a field was refused.  Texts per language are in messages.def. */
typedef struct {
    const char             *field;       /* JSON name; "a.b": b of object a */
    int                     message;     /* ehr_message_t */
    const char             *argument;    /* for %s in the text, or NULL */
} ehr_field_error_t;

#define EHR_MAX_FIELD_ERRORS  64

typedef struct {
    ehr_field_error_t       items[EHR_MAX_FIELD_ERRORS];
    size_t                  n;
    int                     forbidden;   /* a field the writer may not set was
                                            among them: answer 403 */
} ehr_field_errors_t;

/* One value as PostgreSQL's text format, ready to be a parameter. */
typedef struct {
    const char             *text;        /* NULL: SQL null */
    size_t                  len;
} ehr_value_t;

typedef struct {
    uint64_t                present;     /* fields that were named; on PUT
                                            all the writer may replace */
    ehr_value_t             values[EHR_MAX_FIELDS];   /* by field index */
} ehr_values_t;

/*
 * Checks a body against a descriptor and converts it to SQL texts.  All
 * errors are collected, one a field, up to EHR_MAX_FIELD_ERRORS.  Unknown
 * keys are errors.  A parent's id that came in the path is put into the body
 * first.  Sensitive values are left in plain text here; access/ encrypts
 * them.  Texts are UTF-8 without NUL, as jansson parses it by default.
 * Returns 0, -1 with errors filled, or -2 without memory.  Errors and values
 * point into the arena and the descriptor, not into the body.
 */
int ehr_validate(const ehr_fields_t *fields, const json_t *body,
    ehr_write_t write, uint64_t permissions, const ehr_arena_t *arena,
    ehr_values_t *values, ehr_field_errors_t *errors);

/*
 * A check of one value that came as text (filter, range, cursor): whether
 * PostgreSQL will take it as the field's type, or a list's element.  Lengths
 * and formats count, but not the bounds of numbers, which a range may pass.
 * A timestamp may also look as PostgreSQL prints it, for cursors.
 * Returns 0, or the ehr_message_t of what is wrong; *argument is then NULL or
 * a text in a static buffer, valid until the next call.
 */
int ehr_validate_text(const ehr_field_t *field, const char *text, size_t len,
    const char **argument);

/* Whether text is "latitude,longitude" in decimal degrees (position.c). */
int ehr_is_position(const char *text);

/* Canonical form under which a sensitive value is indexed and compared:
 * e-mail lower-cased, phone without separators, others trimmed.  Writes at
 * most len bytes to out and returns how many. */
size_t ehr_normalize(const ehr_field_t *field, const char *text, size_t len,
    char *out);


/* -- SQL (sql.c) ---------------------------------------------------------- */

/*
 * Statement texts of a resource, each in one arena string.  Table rows are
 * aliased `t`; all names are schema-qualified; the only inputs are the
 * descriptor and numbers, so a text can hold nothing a client sent.
 *
 * The order of output columns of every statement that returns rows is the
 * order of ehr_fields_of(): one column per field that is not HIDDEN or
 * WRITE_ONLY (those are NULL), sensitive ones as raw bytea, lists through
 * array_to_json(), everything else as PostgreSQL prints it.  A ranking's value
 * follows as the last column where it is active.
 *
 * Parameters are numbered as documented per kind:
 *
 * READ     $1 id
 * TOGETHER $1 actors, $2 their scopes, $3 ids: for each id what READ gives
 *          that actor, in their order; EH404 if that is nothing.  Of patients.
 * CREATE   $1 id, then one for each writable field in field order, a
 *          sensitive field's blind index directly after it.
 * KEEP     as CREATE, then: idempotency actor, key, route, body hash
 *          (bytea): inserts the record ehr.idempotency_keys too, with
 *          status 201.
 * MADE     $1 id of a row that a function made, then as the last of KEEP:
 *          inserts that idempotency record.
 * REPLAY   $1 idempotency actor, $2 key: the columns of the row as it was
 *          created, from ehr.idempotency_keys.row.
 * UPDATE   $1 id, $2 expected versions or null, $3 bigint mask of present
 *          fields, then as CREATE from the first writable field (immutable
 *          ones excluded).  Sets only masked fields.  Returns the new row,
 *          none if the id or the version does not match.
 * DELETE   $1 id, $2 expected versions or null   → "version"
 * RESTORE  $1 id
 * PARENT   $1 parent id                         → one row if it is visible
 * EXPLAIN  $1 id                                → "version" if it is there;
 *          tells 404 from 412 after an UPDATE or DELETE that hit nothing
 */
typedef enum {
    EHR_SQL_READ,
    EHR_SQL_TOGETHER,
    EHR_SQL_CREATE,
    EHR_SQL_KEEP,
    EHR_SQL_MADE,
    EHR_SQL_REPLAY,
    EHR_SQL_UPDATE,
    EHR_SQL_DELETE,
    EHR_SQL_RESTORE,
    EHR_SQL_PARENT,
    EHR_SQL_EXPLAIN,
    EHR_SQL_KINDS
} ehr_sql_t;

/* NULL where the kind does not exist for the resource (no parent, cannot be
 * deleted, append-only or without any mutable field; created where it has
 * lookups, for it is a view) or without memory. */
const char *ehr_sql(const ehr_fields_t *fields, ehr_sql_t kind,
    const ehr_arena_t *arena);

/* Whether CREATE, KEEP and UPDATE take a parameter for this field. */
int ehr_field_is_writable(const ehr_field_t *field);
/* Whether UPDATE may set it. */
int ehr_field_is_mutable(const ehr_field_t *field);

/*
 * Statement that checks references and raises SQLSTATE EH422 with message
 * reference_unknown and, in COLUMN, the JSON names of the dangling fields,
 * comma-separated.  A row that is deleted, or not visible to the actor, or of
 * another patient, is as unknown as a missing one.
 *
 * One parameter for each field ehr_field_is_checked() in field order (null:
 * not checked; lists as array literals).  Where this resource and one of the
 * referenced ones (other than patients) are patient-owned, a last parameter
 * follows that says whose row it must be: the patient's id, or the id of the
 * row being changed; ehr_sql_references_owner() tells whether it does.
 *
 * NULL if the resource has no such field, or without memory.
 */
const char *ehr_sql_references(const ehr_fields_t *fields,
    const ehr_arena_t *arena);
/* Whether field i is a writable reference, other than to the parent. */
int ehr_field_is_checked(const ehr_fields_t *fields, size_t i);
/* Whether the statement has the last parameter. */
int ehr_sql_references_owner(const ehr_fields_t *fields);

typedef struct {
    uint64_t                equal;       /* fields filtered by equality */
    uint64_t                from;        /* fields with a lower bound */
    uint64_t                to;          /* fields with an upper bound */
    unsigned                conditions;  /* those asked for, by index */
    int                     ranking;     /* index, or -1 */
    int                     sort;        /* field index; ignored if ranking */
    int                     descending;
    int                     after;       /* continues behind a cursor */
    int                     parent;      /* restricted to a parent id */
    int                     since;       /* since=: updated_at (created_at if
                                            NO_VERSION) >= */
    int                     until;       /* until=: the same < */
    int                     deleted;     /* only the deleted rows */
    int                     count;       /* instead of rows: count(*) AS n of
                                            all that match (no cursor) */
} ehr_list_t;

/*
 * List statement.  Parameters in this order: parent id; ranking value;
 * conditions in their order; equal in field order (sensitive: blind
 * indexes); from; to; since; until; cursor sort value (in the sort field's text
 * form; ranking: numeric), cursor id; limit (absent with count).  Ordered by the sort value, then id.
 * Returns NULL without memory.
 */
const char *ehr_sql_list(const ehr_fields_t *fields, const ehr_list_t *list,
    const ehr_arena_t *arena);

#endif /* EHR_MODEL_H */
