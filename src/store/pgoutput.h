/*
 * The messages of PostgreSQL's logical replication, plug-in pgoutput,
 * protocol version 1, and the frames they come in.
 *
 * Pure C over the bytes of one message.  A message is checked to its last
 * byte before it is given out, so what walks through its parts afterwards
 * cannot leave it, and its texts and tuples point into it.
 * https://www.postgresql.org/docs/15/protocol-logicalrep-message-formats.html
 */

#ifndef EHR_PGOUTPUT_H
#define EHR_PGOUTPUT_H

#include <stddef.h>
#include <stdint.h>


/* Seconds from 1970 to 2000, where PostgreSQL's clock begins. */
#define EHR_PGOUTPUT_EPOCH  946684800

typedef struct {
    const unsigned char    *data;
    size_t                  len;
} ehr_pgoutput_bytes_t;


/* -- frames ---------------------------------------------------------------- */

typedef enum {
    EHR_FRAME_DATA,         /* payload is one message */
    EHR_FRAME_KEEPALIVE
} ehr_frame_type_t;

typedef struct {
    ehr_frame_type_t        type;
    uint64_t                start;      /* of data in the log; of a keepalive
                                           the same as end */
    uint64_t                end;        /* the server has sent all before */
    int64_t                 clock;      /* the server's, µs since 2000 */
    int                     wants_reply;
    ehr_pgoutput_bytes_t    payload;
} ehr_frame_t;

/* 0, or -1: no frame. */
int ehr_frame_read(const unsigned char *data, size_t len, ehr_frame_t *frame);

/* What a receiver tells the server: everything before `position` is done.
 * `clock` as above.  Always EHR_FRAME_STATUS bytes. */
#define EHR_FRAME_STATUS  34

void ehr_frame_write_status(unsigned char out[EHR_FRAME_STATUS],
    uint64_t position, int64_t clock, int wants_reply);


/* -- messages -------------------------------------------------------------- */

typedef enum {
    EHR_PGOUTPUT_BEGIN = 'B',
    EHR_PGOUTPUT_COMMIT = 'C',
    EHR_PGOUTPUT_ORIGIN = 'O',
    EHR_PGOUTPUT_RELATION = 'R',
    EHR_PGOUTPUT_TYPE = 'Y',
    EHR_PGOUTPUT_INSERT = 'I',
    EHR_PGOUTPUT_UPDATE = 'U',
    EHR_PGOUTPUT_DELETE = 'D',
    EHR_PGOUTPUT_TRUNCATE = 'T',
    EHR_PGOUTPUT_MESSAGE = 'M'
} ehr_pgoutput_type_t;

/* A list of columns or of values: walk through it with the functions below. */
typedef struct {
    unsigned                n;
    ehr_pgoutput_bytes_t    left;
} ehr_pgoutput_list_t;

typedef enum {
    EHR_OLD_NONE = 0,
    EHR_OLD_KEY = 'K',      /* only the columns of the key have values */
    EHR_OLD_ROW = 'O'       /* REPLICA IDENTITY FULL */
} ehr_pgoutput_old_t;

typedef struct {
    ehr_pgoutput_type_t     type;

    uint32_t                relation;   /* R I U D, and Y: the type's oid */
    ehr_pgoutput_bytes_t    schema;     /* R Y; empty: pg_catalog */
    ehr_pgoutput_bytes_t    name;       /* R Y O, and M: the prefix */
    unsigned char           identity;   /* R: 'd', 'n', 'f' or 'i' */
    ehr_pgoutput_list_t     columns;    /* R */

    ehr_pgoutput_old_t      old_is;     /* U D */
    ehr_pgoutput_list_t     old_row;
    ehr_pgoutput_list_t     new_row;    /* I U */

    ehr_pgoutput_list_t     relations;  /* T */
    unsigned char           flags;      /* T: 1 cascade, 2 restart identity;
                                           M: 1 transactional */

    uint64_t                position;   /* B: of the commit; C: behind it;
                                           O M: of itself */
    int64_t                 clock;      /* B C: of the commit, µs since 2000 */
    uint32_t                transaction;    /* B */
    ehr_pgoutput_bytes_t    content;    /* M */
} ehr_pgoutput_t;

/* 0 and *message is filled, or -1: malformed, or of a type that version 1
 * does not have. */
int ehr_pgoutput_read(const unsigned char *data, size_t len,
    ehr_pgoutput_t *message);

typedef struct {
    ehr_pgoutput_bytes_t    name;
    uint32_t                type;       /* oid */
    unsigned char           is_key;
} ehr_pgoutput_column_t;

typedef enum {
    EHR_VALUE_NULL = 'n',
    EHR_VALUE_UNCHANGED = 'u',  /* stored out of line and not written: not
                                   sent */
    EHR_VALUE_TEXT = 't',
    EHR_VALUE_BINARY = 'b'
} ehr_pgoutput_value_type_t;

typedef struct {
    ehr_pgoutput_value_type_t   type;
    ehr_pgoutput_bytes_t        bytes;  /* of text and binary */
} ehr_pgoutput_value_t;

/* Takes the next item off a list.  1, or 0 at its end. */
int ehr_pgoutput_column(ehr_pgoutput_list_t *columns,
    ehr_pgoutput_column_t *column);
int ehr_pgoutput_value(ehr_pgoutput_list_t *row, ehr_pgoutput_value_t *value);
int ehr_pgoutput_relation(ehr_pgoutput_list_t *relations, uint32_t *relation);

#endif /* EHR_PGOUTPUT_H */
