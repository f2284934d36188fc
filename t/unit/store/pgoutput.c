/* build: src/store/pgoutput.c -lcmocka */

/*
 * Every type of message as the documentation lays it out, and each cut off at
 * every byte.
 */

#include "store/pgoutput.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>


/* A message: exactly as much memory as it has bytes, so that the sanitizer
 * sees a step too far. */
typedef struct {
    unsigned char  *data;
    size_t          len;
} bytes_t;

#define BYTES(text)  bytes_of(text, sizeof(text) - 1)

static bytes_t
bytes_of(const char *text, size_t len)
{
    bytes_t  bytes = { malloc(len ? len : 1), len };

    memcpy(bytes.data, text, len);

    return bytes;
}


static int
is(ehr_pgoutput_bytes_t bytes, const char *text)
{
    return bytes.len == strlen(text)
           && (bytes.len == 0
               || memcmp(bytes.data, text, bytes.len) == 0);
}


/* Reads a message and, first, each of its beginnings, which are none. */
static void
read_whole(bytes_t bytes, ehr_pgoutput_t *message)
{
    size_t   len;
    bytes_t  part;

    for (len = 0; len < bytes.len; len++) {
        part = bytes_of((char *) bytes.data, len);
        assert_int_equal(ehr_pgoutput_read(part.data, len, message), -1);
        free(part.data);
    }

    assert_int_equal(ehr_pgoutput_read(bytes.data, bytes.len, message), 0);
}


static void
value_is(ehr_pgoutput_list_t *row, ehr_pgoutput_value_type_t type,
    const char *text)
{
    ehr_pgoutput_value_t  value;

    assert_int_equal(ehr_pgoutput_value(row, &value), 1);
    assert_int_equal(value.type, type);
    assert_true(is(value.bytes, text));
}


static void
row_ends(ehr_pgoutput_list_t *row)
{
    ehr_pgoutput_value_t  value;

    assert_int_equal(ehr_pgoutput_value(row, &value), 0);
    assert_int_equal(row->left.len, 0);
}


static void
begin_and_commit_have_their_place_and_time(void **state)
{
    bytes_t         bytes;
    ehr_pgoutput_t  message;

    (void) state;

    bytes = BYTES("B" "\0\0\0\1\0\0\0\2" "\0\2\x90\0\0\0\0\1" "\0\0\3\xe9");
    read_whole(bytes, &message);
    assert_int_equal(message.type, EHR_PGOUTPUT_BEGIN);
    assert_int_equal(message.position, 0x100000002);
    assert_int_equal(message.clock, 0x2900000000001);
    assert_int_equal(message.transaction, 1001);
    free(bytes.data);

    bytes = BYTES("C" "\0" "\0\0\0\1\0\0\0\2" "\0\0\0\1\0\0\0\x20"
                  "\xff\xff\xff\xff\xff\xff\xff\xff");
    read_whole(bytes, &message);
    assert_int_equal(message.type, EHR_PGOUTPUT_COMMIT);
    assert_int_equal(message.position, 0x100000020);
    assert_int_equal(message.clock, -1);
    free(bytes.data);
}


static void
a_relation_lists_its_columns(void **state)
{
    bytes_t                bytes;
    ehr_pgoutput_t         message;
    ehr_pgoutput_column_t  column;

    (void) state;

    bytes = BYTES("R" "\0\0\x40\1" "ehr\0" "claims\0" "f" "\0\2"
                  "\1" "id\0" "\0\0\x0b\x86" "\xff\xff\xff\xff"
                  "\0" "seat\0" "\0\0\0\x17" "\xff\xff\xff\xff");
    read_whole(bytes, &message);

    assert_int_equal(message.type, EHR_PGOUTPUT_RELATION);
    assert_int_equal(message.relation, 0x4001);
    assert_true(is(message.schema, "ehr"));
    assert_true(is(message.name, "claims"));
    assert_int_equal(message.identity, 'f');
    assert_int_equal(message.columns.n, 2);

    assert_int_equal(ehr_pgoutput_column(&message.columns, &column), 1);
    assert_true(is(column.name, "id"));
    assert_int_equal(column.type, 2950);
    assert_int_equal(column.is_key, 1);

    assert_int_equal(ehr_pgoutput_column(&message.columns, &column), 1);
    assert_true(is(column.name, "seat"));
    assert_int_equal(column.type, 23);
    assert_int_equal(column.is_key, 0);

    assert_int_equal(ehr_pgoutput_column(&message.columns, &column), 0);
    free(bytes.data);
}


static void
an_insert_has_a_row(void **state)
{
    bytes_t         bytes;
    ehr_pgoutput_t  message;

    (void) state;

    bytes = BYTES("I" "\0\0\x40\1" "N" "\0\4"
                  "t" "\0\0\0\3" "abc" "n" "u" "b" "\0\0\0\2" "\1\2");
    read_whole(bytes, &message);

    assert_int_equal(message.type, EHR_PGOUTPUT_INSERT);
    assert_int_equal(message.relation, 0x4001);
    assert_int_equal(message.new_row.n, 4);
    value_is(&message.new_row, EHR_VALUE_TEXT, "abc");
    value_is(&message.new_row, EHR_VALUE_NULL, "");
    value_is(&message.new_row, EHR_VALUE_UNCHANGED, "");
    value_is(&message.new_row, EHR_VALUE_BINARY, "\1\2");
    row_ends(&message.new_row);
    free(bytes.data);
}


static void
an_update_may_have_the_old_row_too(void **state)
{
    bytes_t         bytes;
    ehr_pgoutput_t  message;

    (void) state;

    bytes = BYTES("U" "\0\0\x40\1" "N" "\0\1" "t" "\0\0\0\1" "b");
    read_whole(bytes, &message);
    assert_int_equal(message.old_is, EHR_OLD_NONE);
    assert_int_equal(message.old_row.n, 0);
    value_is(&message.new_row, EHR_VALUE_TEXT, "b");
    free(bytes.data);

    bytes = BYTES("U" "\0\0\x40\1" "O" "\0\1" "t" "\0\0\0\1" "a"
                  "N" "\0\1" "t" "\0\0\0\1" "b");
    read_whole(bytes, &message);
    assert_int_equal(message.old_is, EHR_OLD_ROW);
    value_is(&message.old_row, EHR_VALUE_TEXT, "a");
    row_ends(&message.old_row);
    value_is(&message.new_row, EHR_VALUE_TEXT, "b");
    row_ends(&message.new_row);
    free(bytes.data);
}


static void
a_delete_has_the_key_or_the_old_row(void **state)
{
    bytes_t         bytes;
    ehr_pgoutput_t  message;

    (void) state;

    bytes = BYTES("D" "\0\0\x40\1" "K" "\0\2" "t" "\0\0\0\1" "a" "n");
    read_whole(bytes, &message);
    assert_int_equal(message.type, EHR_PGOUTPUT_DELETE);
    assert_int_equal(message.old_is, EHR_OLD_KEY);
    value_is(&message.old_row, EHR_VALUE_TEXT, "a");
    value_is(&message.old_row, EHR_VALUE_NULL, "");
    row_ends(&message.old_row);
    free(bytes.data);

    bytes = BYTES("D" "\0\0\x40\1" "N" "\0\0");
    assert_int_equal(ehr_pgoutput_read(bytes.data, bytes.len, &message), -1);
    free(bytes.data);
}


static void
a_truncate_lists_relations(void **state)
{
    bytes_t         bytes;
    uint32_t        relation;
    ehr_pgoutput_t  message;

    (void) state;

    bytes = BYTES("T" "\0\0\0\2" "\1" "\0\0\x40\1" "\0\0\x40\2");
    read_whole(bytes, &message);
    assert_int_equal(message.relations.n, 2);
    assert_int_equal(message.flags, 1);
    assert_int_equal(ehr_pgoutput_relation(&message.relations, &relation), 1);
    assert_int_equal(relation, 0x4001);
    assert_int_equal(ehr_pgoutput_relation(&message.relations, &relation), 1);
    assert_int_equal(relation, 0x4002);
    assert_int_equal(ehr_pgoutput_relation(&message.relations, &relation), 0);
    free(bytes.data);
}


static void
origin_type_and_message_are_read(void **state)
{
    bytes_t         bytes;
    ehr_pgoutput_t  message;

    (void) state;

    bytes = BYTES("O" "\0\0\0\0\0\0\0\7" "north\0");
    read_whole(bytes, &message);
    assert_int_equal(message.position, 7);
    assert_true(is(message.name, "north"));
    free(bytes.data);

    bytes = BYTES("Y" "\0\0\x40\5" "ehr\0" "mood\0");
    read_whole(bytes, &message);
    assert_int_equal(message.relation, 0x4005);
    assert_true(is(message.name, "mood"));
    free(bytes.data);

    bytes = BYTES("M" "\1" "\0\0\0\0\0\0\0\x09" "ehr\0" "\0\0\0\4" "beat");
    read_whole(bytes, &message);
    assert_int_equal(message.flags, 1);
    assert_true(is(message.name, "ehr"));
    assert_true(is(message.content, "beat"));
    free(bytes.data);
}


/* Lengths that lie, bytes that are left over, types that are not there. */
static void
what_is_no_message_is_refused(void **state)
{
    size_t          i;
    ehr_pgoutput_t  message;

    static const struct {
        const char  *text;
        size_t       len;
    } none[] = {
        { "", 0 },
        { "S", 1 },
        { "X\0\0\0\0", 5 },
        { "I\0\0\0\1N\0\1t\xff\xff\xff\xff" "a", 13 },
        { "I\0\0\0\1N\0\1x", 9 },
        { "I\0\0\0\1N\0\1n!", 10 },
        { "I\0\0\0\1O\0\0", 8 },
        { "I\0\0\0\1N\xff\xffn", 9 },
        { "U\0\0\0\1N\0\0N\0\0", 11 },
        { "T\xff\xff\xff\xff\0", 6 },
        { "M\0\0\0\0\0\0\0\0\0a\0\x7f\xff\xff\xff", 16 },
        { "R\0\0\0\1ehr", 8 }
    };

    (void) state;

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        bytes_t  bytes = bytes_of(none[i].text, none[i].len);

        if (ehr_pgoutput_read(bytes.data, bytes.len, &message) != -1) {
            fail_msg("number %zu was taken for a message", i);
        }

        free(bytes.data);
    }
}


static void
frames_are_read(void **state)
{
    size_t       len;
    bytes_t      bytes, part;
    ehr_frame_t  frame;

    (void) state;

    bytes = BYTES("k" "\0\0\0\0\0\0\0\5" "\0\0\0\0\0\0\0\6" "\1");

    for (len = 0; len < bytes.len; len++) {
        part = bytes_of((char *) bytes.data, len);
        assert_int_equal(ehr_frame_read(part.data, len, &frame), -1);
        free(part.data);
    }

    assert_int_equal(ehr_frame_read(bytes.data, bytes.len, &frame), 0);
    assert_int_equal(frame.type, EHR_FRAME_KEEPALIVE);
    assert_int_equal(frame.end, 5);
    assert_int_equal(frame.clock, 6);
    assert_int_equal(frame.wants_reply, 1);
    free(bytes.data);

    bytes = BYTES("w" "\0\0\0\0\0\0\0\5" "\0\0\0\0\0\0\0\6"
                  "\0\0\0\0\0\0\0\7" "B...");
    assert_int_equal(ehr_frame_read(bytes.data, 24, &frame), -1);
    assert_int_equal(ehr_frame_read(bytes.data, bytes.len, &frame), 0);
    assert_int_equal(frame.type, EHR_FRAME_DATA);
    assert_int_equal(frame.start, 5);
    assert_int_equal(frame.end, 6);
    assert_int_equal(frame.clock, 7);
    assert_true(is(frame.payload, "B..."));
    free(bytes.data);

    bytes = BYTES("z" "\0\0\0\0\0\0\0\5");
    assert_int_equal(ehr_frame_read(bytes.data, bytes.len, &frame), -1);
    free(bytes.data);
}


static void
a_status_names_the_position_three_times(void **state)
{
    unsigned char  out[EHR_FRAME_STATUS];

    (void) state;

    ehr_frame_write_status(out, 0x0102030405060708, -2, 1);

    assert_memory_equal(out, "r\1\2\3\4\5\6\7\x08\1\2\3\4\5\6\7\x08"
                        "\1\2\3\4\5\6\7\x08"
                        "\xff\xff\xff\xff\xff\xff\xff\xfe\1",
                        EHR_FRAME_STATUS);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(begin_and_commit_have_their_place_and_time),
        cmocka_unit_test(a_relation_lists_its_columns),
        cmocka_unit_test(an_insert_has_a_row),
        cmocka_unit_test(an_update_may_have_the_old_row_too),
        cmocka_unit_test(a_delete_has_the_key_or_the_old_row),
        cmocka_unit_test(a_truncate_lists_relations),
        cmocka_unit_test(origin_type_and_message_are_read),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(frames_are_read),
        cmocka_unit_test(a_status_names_the_position_three_times)
    };

    return cmocka_run_group_tests_name("pgoutput", tests, NULL, NULL);
}
