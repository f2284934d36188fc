/* build: @t/unit/model/sources */

/*
 * The statements as they are sent.  Whether PostgreSQL takes those of the
 * real resources is tested against the migrated schema.
 */

#include "sample.h"

#include <stdio.h>
#include <stdlib.h>


#define COLUMNS                                                               \
    "t.id, t.patient_id, t.code, t.name, t.text, t.email, t.count, "          \
    "t.any_number, t.amount, t.ratio, t.active, t.day, t.at, t.kind, "        \
    "array_to_json(t.tags), array_to_json(t.doctor_ids), t.encounter_id, "    \
    "t.details, NULL, NULL, t.score, t.additional_data, t.version, "          \
    "t.created_at, t.updated_at, t.created_by, t.updated_by, t.deleted_at"

#define VISIBLE                                                               \
    " AND EXISTS (SELECT 1 FROM ehr.patients AS p WHERE p.id = t.patient_id " \
    "AND p.deleted_at IS NULL)"

#define INSERT                                                                \
    "INSERT INTO ehr.samples AS t (id, patient_id, code, name, text, "      \
    "email, email_index, count, any_number, amount, ratio, active, day, at, " \
    "kind, tags, doctor_ids, encounter_id, details, password, "               \
    "additional_data) VALUES ($1::uuid, $2::uuid, $3::text, $4::text, "       \
    "$5::text, $6::bytea, $7::bytea, COALESCE($8::bigint, 0), $9::bigint, "   \
    "$10::numeric, $11::numeric, COALESCE($12::boolean, true), $13::date, "   \
    "COALESCE($14::timestamptz, now()), $15::text, $16::text[], "             \
    "$17::uuid[], $18::uuid, $19::jsonb, $20::text, "                         \
    "COALESCE($21::jsonb, '{}'::jsonb))"


static const char *const  samples[EHR_SQL_KINDS] = {

    [EHR_SQL_READ] =
        "SELECT " COLUMNS
        " FROM ehr.samples AS t WHERE t.id = $1::uuid AND t.deleted_at IS "
        "NULL" VISIBLE,

    [EHR_SQL_TOGETHER] = NULL,

    [EHR_SQL_CREATE] =
        INSERT " RETURNING " COLUMNS,

    [EHR_SQL_KEEP] =
        "WITH made AS (" INSERT " RETURNING t.*), kept AS (INSERT INTO "
        "ehr.idempotency_keys (actor_id, key, route, body_hash, status, "
        "relation, row) SELECT $22::uuid, $23::text, $24::text, $25::bytea, "
        "201, 'ehr.samples'::regclass, to_jsonb(t) FROM made AS t) SELECT " COLUMNS " FROM made AS t",

    [EHR_SQL_MADE] =
        "INSERT INTO ehr.idempotency_keys (actor_id, key, route, body_hash, "
        "status, relation, row) SELECT $2::uuid, $3::text, $4::text, "
        "$5::bytea, 201, 'ehr.samples'::regclass, to_jsonb(t) FROM ehr.samples AS t WHERE t.id = $1::uuid",

    [EHR_SQL_REPLAY] =
        "SELECT " COLUMNS
        " FROM ehr.idempotency_keys AS k CROSS JOIN LATERAL "
        "jsonb_populate_record(NULL::ehr.samples, k.row) AS t WHERE "
        "k.actor_id = $1::uuid AND k.key = $2::text",

    [EHR_SQL_UPDATE] =
        "UPDATE ehr.samples AS t SET name = CASE WHEN ($3::bigint >> 3) & 1 "
        "= 1 THEN $4::text ELSE t.name END, text = CASE WHEN ($3::bigint >> "
        "4) & 1 = 1 THEN $5::text ELSE t.text END, email = CASE WHEN "
        "($3::bigint >> 5) & 1 = 1 THEN $6::bytea ELSE t.email END, "
        "email_index = CASE WHEN ($3::bigint >> 5) & 1 = 1 THEN $7::bytea "
        "ELSE t.email_index END, count = CASE WHEN ($3::bigint >> 6) & 1 = 1 "
        "THEN COALESCE($8::bigint, 0) ELSE t.count END, any_number = CASE "
        "WHEN ($3::bigint >> 7) & 1 = 1 THEN $9::bigint ELSE t.any_number "
        "END, amount = CASE WHEN ($3::bigint >> 8) & 1 = 1 THEN $10::numeric "
        "ELSE t.amount END, ratio = CASE WHEN ($3::bigint >> 9) & 1 = 1 THEN "
        "$11::numeric ELSE t.ratio END, active = CASE WHEN ($3::bigint >> "
        "10) & 1 = 1 THEN COALESCE($12::boolean, true) ELSE t.active END, "
        "day = CASE WHEN ($3::bigint >> 11) & 1 = 1 THEN $13::date ELSE "
        "t.day END, at = CASE WHEN ($3::bigint >> 12) & 1 = 1 THEN "
        "COALESCE($14::timestamptz, now()) ELSE t.at END, kind = CASE WHEN "
        "($3::bigint >> 13) & 1 = 1 THEN $15::text ELSE t.kind END, tags = "
        "CASE WHEN ($3::bigint >> 14) & 1 = 1 THEN $16::text[] ELSE t.tags "
        "END, doctor_ids = CASE WHEN ($3::bigint >> 15) & 1 = 1 THEN "
        "$17::uuid[] ELSE t.doctor_ids END, encounter_id = CASE WHEN "
        "($3::bigint >> 16) & 1 = 1 THEN $18::uuid ELSE t.encounter_id END, "
        "details = CASE WHEN ($3::bigint >> 17) & 1 = 1 THEN $19::jsonb ELSE "
        "t.details END, password = CASE WHEN ($3::bigint >> 18) & 1 = 1 THEN "
        "$20::text ELSE t.password END, additional_data = CASE WHEN "
        "($3::bigint >> 21) & 1 = 1 THEN COALESCE($21::jsonb, '{}'::jsonb) "
        "ELSE t.additional_data END WHERE t.id = $1::uuid AND t.deleted_at "
        "IS NULL" VISIBLE
        " AND ($2::bigint[] IS NULL OR t.version = ANY ($2::bigint[])) "
        "RETURNING "
        COLUMNS,

    [EHR_SQL_DELETE] =
        "UPDATE ehr.samples AS t SET deleted_at = now() WHERE t.id = "
        "$1::uuid AND t.deleted_at IS NULL" VISIBLE
        " AND ($2::bigint[] IS NULL OR t.version = ANY ($2::bigint[])) "
        "RETURNING "
        "t.version",

    [EHR_SQL_RESTORE] =
        "UPDATE ehr.samples AS t SET deleted_at = NULL WHERE t.id = $1::uuid "
        "AND t.deleted_at IS NOT NULL" VISIBLE " RETURNING " COLUMNS,

    [EHR_SQL_PARENT] =
        "SELECT 1 FROM ehr.patients AS t WHERE t.id = $1::uuid AND "
        "t.deleted_at IS NULL",

    [EHR_SQL_EXPLAIN] =
        "SELECT t.version FROM ehr.samples AS t WHERE t.id = $1::uuid AND "
        "t.deleted_at IS NULL" VISIBLE
        " FOR KEY SHARE OF t"
};

static const char *const  logs[EHR_SQL_KINDS] = {

    [EHR_SQL_READ] =
        "SELECT t.id, t.line, t.created_at, t.created_by FROM ehr.logs AS t "
        "WHERE t.id = $1::uuid AND (t.owner = ehr.actor())",

    [EHR_SQL_TOGETHER] = NULL,

    [EHR_SQL_CREATE] =
        "INSERT INTO ehr.logs AS t (id, line) VALUES ($1::uuid, $2::text) "
        "RETURNING t.id, t.line, t.created_at, t.created_by",

    [EHR_SQL_KEEP] =
        "WITH made AS (INSERT INTO ehr.logs AS t (id, line) VALUES "
        "($1::uuid, $2::text) RETURNING t.*), kept AS (INSERT INTO "
        "ehr.idempotency_keys (actor_id, key, route, body_hash, status, "
        "relation, row) SELECT $3::uuid, $4::text, $5::text, $6::bytea, 201, "
        "'ehr.logs'::regclass, to_jsonb(t) "
        "FROM made AS t) SELECT t.id, t.line, t.created_at, t.created_by "
        "FROM made AS t",

    [EHR_SQL_MADE] =
        "INSERT INTO ehr.idempotency_keys (actor_id, key, route, body_hash, "
        "status, relation, row) SELECT $2::uuid, $3::text, $4::text, "
        "$5::bytea, 201, 'ehr.logs'::regclass, to_jsonb(t) FROM ehr.logs AS t WHERE t.id = $1::uuid",

    [EHR_SQL_REPLAY] =
        "SELECT t.id, t.line, t.created_at, t.created_by FROM "
        "ehr.idempotency_keys AS k CROSS JOIN LATERAL "
        "jsonb_populate_record(NULL::ehr.logs, k.row) AS t WHERE k.actor_id "
        "= $1::uuid AND k.key = $2::text",

    [EHR_SQL_UPDATE] = NULL,

    [EHR_SQL_DELETE] = NULL,

    [EHR_SQL_RESTORE] = NULL,

    [EHR_SQL_PARENT] = NULL,

    [EHR_SQL_EXPLAIN] =
        "SELECT 1 AS version FROM ehr.logs AS t WHERE t.id = $1::uuid AND "
        "(t.owner = ehr.actor())"
};

static const char  references[] =
    "SELECT ehr.refuse('EH422', 'reference_unknown', dangling.list) FROM "
    "(SELECT concat_ws(',', CASE WHEN EXISTS (SELECT 1 FROM "
    "unnest($1::uuid[]) AS wanted (id) WHERE NOT EXISTS (SELECT 1 FROM "
    "ehr.doctors AS t WHERE t.id = wanted.id AND t.deleted_at IS NULL)) THEN "
    "'doctorIds' END, CASE WHEN $2::uuid IS NOT NULL AND NOT EXISTS (SELECT "
    "1 FROM ehr.encounters AS t WHERE t.id = $2::uuid AND t.deleted_at IS "
    "NULL" VISIBLE
    " AND t.patient_id IN ($3::uuid, (SELECT o.patient_id FROM ehr.samples "
    "AS o WHERE o.id = $3::uuid))) THEN 'encounterId' END) AS list OFFSET 0) "
    "AS dangling WHERE dangling.list <> ''";


static void
check(const char *text, const char *expected)
{
    if (expected == NULL) {
        assert_null(text);

    } else {
        assert_non_null(text);
        assert_string_equal(text, expected);
    }
}


static void
statements_of_a_patients_resource(void **state)
{
    int  kind;

    (void) state;

    for (kind = 0; kind < EHR_SQL_KINDS; kind++) {
        check(ehr_sql(sample_fields(), (ehr_sql_t) kind, &sample_arena),
            samples[kind]);
    }
}


static void
statements_of_an_append_only_resource(void **state)
{
    int  kind;

    (void) state;

    for (kind = 0; kind < EHR_SQL_KINDS; kind++) {
        check(ehr_sql(ehr_fields_of(&sample_logs), (ehr_sql_t) kind,
                      &sample_arena),
            logs[kind]);
    }

    assert_null(ehr_sql(sample_fields(), EHR_SQL_KINDS, &sample_arena));
}


static void
patients_are_read_together(void **state)
{
    const char  *text;

    (void) state;

    text = ehr_sql(ehr_fields_of(&sample_patients), EHR_SQL_TOGETHER,
                   &sample_arena);
    assert_non_null(text);
    assert_non_null(strstr(text, "SELECT t.id, "));
    assert_non_null(strstr(text, " FROM ehr.patients_as($1::text[], "
        "$2::text[], $3::uuid[]) AS t"));
}


static void
references_are_checked(void **state)
{
    const ehr_fields_t  *fields;

    (void) state;

    fields = sample_fields();
    check(ehr_sql_references(fields, &sample_arena), references);
    assert_true(ehr_sql_references_owner(fields));
    assert_false(ehr_field_is_checked(fields, 1));
    assert_true(ehr_field_is_checked(fields, 15));

    fields = ehr_fields_of(&sample_encounters);
    assert_null(ehr_sql_references(fields, &sample_arena));
    assert_false(ehr_sql_references_owner(fields));
}


/* Every parameter from 1 to the highest is there: the writer of parameters
 * counts the same way. */
static void
parameters_have_no_gaps(void **state)
{
    int          kind;
    char         wanted[16];
    unsigned     n, highest;
    const char  *text, *at;

    (void) state;

    for (kind = 0; kind < EHR_SQL_KINDS; kind++) {
        text = samples[kind];
        highest = 0;

        if (text == NULL) {
            continue;
        }

        for (at = text; (at = strchr(at, '$')) != NULL; at++) {
            n = (unsigned) strtoul(at + 1, NULL, 10);
            highest = n > highest ? n : highest;
        }

        assert_true(highest > 0);

        for (n = 1; n <= highest; n++) {
            (void) snprintf(wanted, sizeof(wanted), "$%u::", n);
            assert_non_null(strstr(text, wanted));
        }
    }
}


static void
no_memory_is_null(void **state)
{
    (void) state;

    sample_fail_at(0);
    assert_null(ehr_sql(sample_fields(), EHR_SQL_READ, &sample_arena));
    sample_fail_at(1);
    assert_null(ehr_sql(sample_fields(), EHR_SQL_UPDATE, &sample_arena));
    sample_fail_at(1);
    assert_null(ehr_sql_references(sample_fields(), &sample_arena));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        SAMPLE_TEST(statements_of_a_patients_resource),
        SAMPLE_TEST(statements_of_an_append_only_resource),
        SAMPLE_TEST(patients_are_read_together),
        SAMPLE_TEST(references_are_checked),
        SAMPLE_TEST(parameters_have_no_gaps),
        SAMPLE_TEST(no_memory_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
