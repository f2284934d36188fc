/* build: src/store/pgoutput.c */

/*
 * Frames and messages of the change feed: whatever the bytes, nothing outside
 * of them is touched, and what was taken for a message can be walked through
 * to its end.
 */

#include "store/pgoutput.h"

#include <stdlib.h>


int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static volatile unsigned  seen;     /* so that each byte is really read */


static void
look_at(ehr_pgoutput_bytes_t bytes)
{
    size_t  i;

    for (i = 0; i < bytes.len; i++) {
        seen += bytes.data[i];
    }
}


/* A list that was checked ends exactly where it was said to. */
static void
walk_row(ehr_pgoutput_list_t row)
{
    ehr_pgoutput_value_t  value;

    while (ehr_pgoutput_value(&row, &value)) {
        look_at(value.bytes);
    }

    if (row.n != 0 || row.left.len != 0) {
        abort();
    }
}


static void
walk(ehr_pgoutput_t *message)
{
    uint32_t               relation;
    ehr_pgoutput_column_t  column;

    look_at(message->schema);
    look_at(message->name);
    look_at(message->content);
    walk_row(message->old_row);
    walk_row(message->new_row);

    while (ehr_pgoutput_column(&message->columns, &column)) {
        look_at(column.name);
    }

    while (ehr_pgoutput_relation(&message->relations, &relation)) {
        seen += relation;
    }

    if (message->columns.n != 0 || message->relations.n != 0) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
    ehr_frame_t     frame;
    ehr_pgoutput_t  message;

    if (ehr_pgoutput_read(data, len, &message) == 0) {
        walk(&message);
    }

    if (ehr_frame_read(data, len, &frame) == 0
        && ehr_pgoutput_read(frame.payload.data, frame.payload.len, &message)
           == 0)
    {
        walk(&message);
    }

    return 0;
}
