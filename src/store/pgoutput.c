/*
 * Reading pgoutput's messages: see pgoutput.h.
 *
 * Everything is taken through a reader that knows what is left.  Once it had
 * to give more than there was, it gives zeros and stays `failed`, so a
 * message is read straight through and judged at its end.
 */

#include "pgoutput.h"

#include <string.h>


typedef struct {
    const unsigned char    *next;
    size_t                  left;
    int                     failed;
} ehr_reader_t;


/* The next n bytes, or NULL. */
static const unsigned char *
ehr_reader_bytes(ehr_reader_t *reader, size_t n)
{
    const unsigned char  *bytes;

    if (reader->failed || reader->left < n) {
        reader->failed = 1;
        return NULL;
    }

    bytes = reader->next;
    reader->next += n;
    reader->left -= n;

    return bytes;
}


/* The next n bytes as a big-endian number, or 0. */
static uint64_t
ehr_reader_number(ehr_reader_t *reader, size_t n)
{
    size_t                i;
    uint64_t              number = 0;
    const unsigned char  *bytes;

    bytes = ehr_reader_bytes(reader, n);

    for (i = 0; bytes != NULL && i < n; i++) {
        number = number << 8 | bytes[i];
    }

    return number;
}


/* A text that ends with a NUL. */
static ehr_pgoutput_bytes_t
ehr_reader_text(ehr_reader_t *reader)
{
    const unsigned char   *end;
    ehr_pgoutput_bytes_t   text = { NULL, 0 };

    end = reader->failed || reader->left == 0
          ? NULL : memchr(reader->next, '\0', reader->left);

    if (end == NULL) {
        reader->failed = 1;
        return text;
    }

    text.len = end - reader->next;
    text.data = ehr_reader_bytes(reader, text.len + 1);

    return text;
}


/* Bytes after their number. */
static ehr_pgoutput_bytes_t
ehr_reader_counted(ehr_reader_t *reader)
{
    ehr_pgoutput_bytes_t  bytes;

    bytes.len = ehr_reader_number(reader, 4);
    bytes.data = ehr_reader_bytes(reader, bytes.len);

    if (bytes.data == NULL) {
        bytes.len = 0;
    }

    return bytes;
}


/* -- lists ----------------------------------------------------------------- */

static void
ehr_read_column(ehr_reader_t *reader, ehr_pgoutput_column_t *column)
{
    column->is_key = ehr_reader_number(reader, 1) & 1;
    column->name = ehr_reader_text(reader);
    column->type = ehr_reader_number(reader, 4);
    (void) ehr_reader_bytes(reader, 4);             /* type modifier */
}


static void
ehr_read_value(ehr_reader_t *reader, ehr_pgoutput_value_t *value)
{
    value->type = ehr_reader_number(reader, 1);
    value->bytes.data = NULL;
    value->bytes.len = 0;

    switch (value->type) {

    case EHR_VALUE_NULL:
    case EHR_VALUE_UNCHANGED:
        return;

    case EHR_VALUE_TEXT:
    case EHR_VALUE_BINARY:
        value->bytes = ehr_reader_counted(reader);
        return;

    default:
        reader->failed = 1;
    }
}


/* Takes n items of a list that begins here; `skip` reads one. */
static ehr_pgoutput_list_t
ehr_read_list(ehr_reader_t *reader, unsigned n,
    void (*skip)(ehr_reader_t *reader))
{
    unsigned             i;
    ehr_pgoutput_list_t  list;

    list.n = n;
    list.left.data = reader->next;
    list.left.len = reader->left;

    for (i = 0; i < n && !reader->failed; i++) {
        skip(reader);
    }

    list.left.len -= reader->left;

    return list;
}


static void
ehr_skip_column(ehr_reader_t *reader)
{
    ehr_pgoutput_column_t  column;

    ehr_read_column(reader, &column);
}


static void
ehr_skip_value(ehr_reader_t *reader)
{
    ehr_pgoutput_value_t  value;

    ehr_read_value(reader, &value);
}


static void
ehr_skip_relation(ehr_reader_t *reader)
{
    (void) ehr_reader_bytes(reader, 4);
}


static ehr_pgoutput_list_t
ehr_read_row(ehr_reader_t *reader)
{
    unsigned  n;

    n = ehr_reader_number(reader, 2);

    return ehr_read_list(reader, n, ehr_skip_value);
}


/* Begins to read the next item of a list: 0 at its end. */
static int
ehr_list_next(ehr_pgoutput_list_t *list, ehr_reader_t *reader)
{
    if (list->n == 0) {
        return 0;
    }

    reader->next = list->left.data;
    reader->left = list->left.len;
    reader->failed = 0;

    return 1;
}


static int
ehr_list_taken(ehr_pgoutput_list_t *list, const ehr_reader_t *reader)
{
    list->n--;
    list->left.data = reader->next;
    list->left.len = reader->left;

    return !reader->failed;
}


int
ehr_pgoutput_column(ehr_pgoutput_list_t *columns,
    ehr_pgoutput_column_t *column)
{
    ehr_reader_t  reader;

    if (!ehr_list_next(columns, &reader)) {
        return 0;
    }

    ehr_read_column(&reader, column);

    return ehr_list_taken(columns, &reader);
}


int
ehr_pgoutput_value(ehr_pgoutput_list_t *row, ehr_pgoutput_value_t *value)
{
    ehr_reader_t  reader;

    if (!ehr_list_next(row, &reader)) {
        return 0;
    }

    ehr_read_value(&reader, value);

    return ehr_list_taken(row, &reader);
}


int
ehr_pgoutput_relation(ehr_pgoutput_list_t *relations, uint32_t *relation)
{
    ehr_reader_t  reader;

    if (!ehr_list_next(relations, &reader)) {
        return 0;
    }

    *relation = ehr_reader_number(&reader, 4);

    return ehr_list_taken(relations, &reader);
}


/* -- messages -------------------------------------------------------------- */

static void
ehr_read_relation(ehr_reader_t *reader, ehr_pgoutput_t *message)
{
    unsigned  n;

    message->relation = ehr_reader_number(reader, 4);
    message->schema = ehr_reader_text(reader);
    message->name = ehr_reader_text(reader);
    message->identity = ehr_reader_number(reader, 1);
    n = ehr_reader_number(reader, 2);
    message->columns = ehr_read_list(reader, n, ehr_skip_column);
}


/* The row as it is now, behind its mark. */
static void
ehr_read_new(ehr_reader_t *reader, ehr_pgoutput_t *message, unsigned mark)
{
    if (mark != 'N') {
        reader->failed = 1;
        return;
    }

    message->new_row = ehr_read_row(reader);
}


/* Reads what was before, if the mark says so, and the next mark. */
static unsigned
ehr_read_old(ehr_reader_t *reader, ehr_pgoutput_t *message)
{
    unsigned  mark;

    message->relation = ehr_reader_number(reader, 4);
    mark = ehr_reader_number(reader, 1);

    if (mark != EHR_OLD_KEY && mark != EHR_OLD_ROW) {
        return mark;
    }

    message->old_is = mark;
    message->old_row = ehr_read_row(reader);

    return message->type == EHR_PGOUTPUT_UPDATE
           ? ehr_reader_number(reader, 1) : 0;
}


static void
ehr_read_change(ehr_reader_t *reader, ehr_pgoutput_t *message)
{
    unsigned  mark;

    switch (message->type) {

    case EHR_PGOUTPUT_INSERT:
        message->relation = ehr_reader_number(reader, 4);
        ehr_read_new(reader, message, ehr_reader_number(reader, 1));
        return;

    case EHR_PGOUTPUT_UPDATE:
        mark = ehr_read_old(reader, message);
        ehr_read_new(reader, message, mark);
        return;

    default:                                        /* DELETE */
        (void) ehr_read_old(reader, message);

        if (message->old_is == EHR_OLD_NONE) {
            reader->failed = 1;
        }
    }
}


static void
ehr_read_truncate(ehr_reader_t *reader, ehr_pgoutput_t *message)
{
    unsigned  n;

    n = ehr_reader_number(reader, 4);
    message->flags = ehr_reader_number(reader, 1);
    message->relations = ehr_read_list(reader, n, ehr_skip_relation);
}


static void
ehr_read_boundary(ehr_reader_t *reader, ehr_pgoutput_t *message)
{
    if (message->type == EHR_PGOUTPUT_COMMIT) {
        message->flags = ehr_reader_number(reader, 1);
        (void) ehr_reader_bytes(reader, 8);         /* of the commit itself */
    }

    message->position = ehr_reader_number(reader, 8);
    message->clock = ehr_reader_number(reader, 8);

    if (message->type == EHR_PGOUTPUT_BEGIN) {
        message->transaction = ehr_reader_number(reader, 4);
    }
}


static void
ehr_read_rest(ehr_reader_t *reader, ehr_pgoutput_t *message)
{
    switch (message->type) {

    case EHR_PGOUTPUT_ORIGIN:
        message->position = ehr_reader_number(reader, 8);
        message->name = ehr_reader_text(reader);
        return;

    case EHR_PGOUTPUT_TYPE:
        message->relation = ehr_reader_number(reader, 4);
        message->schema = ehr_reader_text(reader);
        message->name = ehr_reader_text(reader);
        return;

    case EHR_PGOUTPUT_MESSAGE:
        message->flags = ehr_reader_number(reader, 1);
        message->position = ehr_reader_number(reader, 8);
        message->name = ehr_reader_text(reader);
        message->content = ehr_reader_counted(reader);
        return;

    default:
        reader->failed = 1;
    }
}


int
ehr_pgoutput_read(const unsigned char *data, size_t len,
    ehr_pgoutput_t *message)
{
    ehr_reader_t  reader = { data, len, 0 };

    memset(message, 0, sizeof(ehr_pgoutput_t));
    message->type = ehr_reader_number(&reader, 1);

    switch (message->type) {

    case EHR_PGOUTPUT_BEGIN:
    case EHR_PGOUTPUT_COMMIT:
        ehr_read_boundary(&reader, message);
        break;

    case EHR_PGOUTPUT_INSERT:
    case EHR_PGOUTPUT_UPDATE:
    case EHR_PGOUTPUT_DELETE:
        ehr_read_change(&reader, message);
        break;

    case EHR_PGOUTPUT_RELATION:
        ehr_read_relation(&reader, message);
        break;

    case EHR_PGOUTPUT_TRUNCATE:
        ehr_read_truncate(&reader, message);
        break;

    default:
        ehr_read_rest(&reader, message);
    }

    return (reader.failed || reader.left > 0) ? -1 : 0;
}


/* -- frames ---------------------------------------------------------------- */

int
ehr_frame_read(const unsigned char *data, size_t len, ehr_frame_t *frame)
{
    ehr_reader_t  reader = { data, len, 0 };

    memset(frame, 0, sizeof(ehr_frame_t));

    switch (ehr_reader_number(&reader, 1)) {

    case 'w':
        frame->type = EHR_FRAME_DATA;
        frame->start = ehr_reader_number(&reader, 8);
        frame->end = ehr_reader_number(&reader, 8);
        frame->clock = ehr_reader_number(&reader, 8);
        frame->payload.data = reader.next;
        frame->payload.len = reader.left;
        break;

    case 'k':
        frame->type = EHR_FRAME_KEEPALIVE;
        frame->end = ehr_reader_number(&reader, 8);
        frame->start = frame->end;
        frame->clock = ehr_reader_number(&reader, 8);
        frame->wants_reply = ehr_reader_number(&reader, 1) != 0;
        break;

    default:
        return -1;
    }

    return reader.failed ? -1 : 0;
}


static unsigned char *
ehr_frame_number(unsigned char *out, uint64_t number)
{
    int  shift;

    for (shift = 56; shift >= 0; shift -= 8) {
        *out++ = number >> shift;
    }

    return out;
}


void
ehr_frame_write_status(unsigned char out[EHR_FRAME_STATUS],
    uint64_t position, int64_t clock, int wants_reply)
{
    *out++ = 'r';
    out = ehr_frame_number(out, position);          /* written, */
    out = ehr_frame_number(out, position);          /* flushed, */
    out = ehr_frame_number(out, position);          /* applied */
    out = ehr_frame_number(out, clock);
    *out = wants_reply ? 1 : 0;
}
