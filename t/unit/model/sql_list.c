/* build: @t/unit/model/sources */

#include "sample.h"

#include <stdio.h>
#include <stdlib.h>


#define COLUMNS                                                              \
    "SELECT t.id, t.last_name, t.version, t.created_at, t.updated_at, "      \
    "t.created_by, t.updated_by, t.deleted_at"


static ehr_list_t
plain_list(void)
{
    ehr_list_t  list;

    memset(&list, 0, sizeof(ehr_list_t));
    list.ranking = -1;

    return list;
}


static void
a_plain_list(void **state)
{
    ehr_list_t           list;
    const ehr_fields_t  *fields;

    (void) state;

    fields = ehr_fields_of(&sample_patients);
    list = plain_list();
    list.sort = 1;

    assert_string_equal(ehr_sql_list(fields, &list, &sample_arena),
        COLUMNS " FROM ehr.patients AS t WHERE true"
        " AND t.deleted_at IS NULL"
        " ORDER BY t.last_name, t.id LIMIT $1::bigint");

    list.after = 1;
    list.descending = 1;
    list.since = 1;
    list.until = 1;
    list.deleted = 1;

    assert_string_equal(ehr_sql_list(fields, &list, &sample_arena),
        COLUMNS " FROM ehr.patients AS t WHERE true"
        " AND t.updated_at >= $1::timestamptz"
        " AND t.updated_at < $2::timestamptz"
        " AND t.deleted_at IS NOT NULL"
        " AND (t.last_name, t.id) < ($3::text, $4::uuid)"
        " ORDER BY t.last_name DESC, t.id DESC LIMIT $5::bigint");

    list.count = 1;

    assert_string_equal(ehr_sql_list(fields, &list, &sample_arena),
        "SELECT count(*) AS n FROM ehr.patients AS t WHERE true"
        " AND t.updated_at >= $1::timestamptz"
        " AND t.updated_at < $2::timestamptz"
        " AND t.deleted_at IS NOT NULL");
}


static void
an_append_only_list(void **state)
{
    ehr_list_t  list;

    (void) state;

    list = plain_list();
    list.since = 1;
    list.deleted = 1;

    assert_string_equal(ehr_sql_list(ehr_fields_of(&sample_logs), &list,
                                     &sample_arena),
        "SELECT t.id, t.line, t.created_at, t.created_by FROM ehr.logs AS t"
        " WHERE true AND t.created_at >= $1::timestamptz AND false"
        " AND (t.owner = ehr.actor())"
        " ORDER BY t.id, t.id LIMIT $2::bigint");
}


/* What follows the columns. */
static const char *
conditions(const ehr_list_t *list)
{
    const char  *text;

    text = ehr_sql_list(sample_fields(), list, &sample_arena);
    assert_non_null(text);
    text = strstr(text, " WHERE true");
    assert_non_null(text);

    return text;
}


static void
filters_follow_the_types(void **state)
{
    ehr_list_t  list;

    (void) state;

    list = plain_list();
    list.parent = 1;
    list.sort = ehr_field_index(sample_fields(), "at", 2);
    list.equal = sample_bit("code") | sample_bit("email")
                 | sample_bit("count") | sample_bit("active")
                 | sample_bit("tags") | sample_bit("doctorIds");
    list.from = sample_bit("count") | sample_bit("at");
    list.to = sample_bit("day");

    assert_string_equal(conditions(&list),
        " WHERE true AND t.patient_id = $1::uuid"
        " AND t.code = $2::text AND t.email_index = ANY ($3::bytea[])"
        " AND t.count = $4::bigint AND t.active = $5::boolean"
        " AND t.tags @> ARRAY[$6::text] AND t.doctor_ids @> ARRAY[$7::uuid]"
        " AND t.count >= $8::bigint AND t.at >= $9::timestamptz"
        " AND t.day < $10::date"
        " AND t.deleted_at IS NULL"
        " ORDER BY t.at, t.id LIMIT $11::bigint");
}


static void
rankings_order_and_filter(void **state)
{
    ehr_list_t   list;
    const char  *text;

    (void) state;

    list = plain_list();
    list.ranking = 0;
    list.after = 1;
    list.parent = 1;
    list.descending = 1;

    text = ehr_sql_list(sample_fields(), &list, &sample_arena);
    assert_non_null(strstr(text, "t.deleted_at,"
        " (length(t.name) - length($2::text))::numeric FROM ehr.samples"));
    assert_string_equal(conditions(&list),
        " WHERE true AND t.patient_id = $1::uuid"
        " AND (t.name LIKE $2::text || '%')"
        " AND t.deleted_at IS NULL"
        " AND ((length(t.name) - length($2::text))::numeric, t.id)"
        " > ($3::numeric, $4::uuid)"
        " ORDER BY (length(t.name) - length($2::text))::numeric, t.id"
        " LIMIT $5::bigint");

    list = plain_list();
    list.ranking = 1;
    list.count = 1;

    assert_string_equal(conditions(&list),
        " WHERE true AND $1::text IS NOT NULL AND t.deleted_at IS NULL"
        " AND EXISTS (SELECT 1 FROM ehr.patients AS p"
        " WHERE p.id = t.patient_id AND p.deleted_at IS NULL)");
}


static void
conditions_join_the_filters(void **state)
{
    ehr_list_t  list;

    (void) state;

    list = plain_list();
    list.count = 1;
    list.parent = 1;
    list.ranking = 0;
    list.conditions = 3;
    list.equal = sample_bit("kind");

    assert_string_equal(conditions(&list),
        " WHERE true AND t.patient_id = $1::uuid"
        " AND (t.name LIKE $2::text || '%')"
        " AND (t.name = $3::uuid OR ehr.team(t.id) = $3::uuid)"
        " AND (t.kinds @> string_to_array($4::text, ','))"
        " AND t.kind = $5::text AND t.deleted_at IS NULL");

    list = plain_list();
    list.count = 1;
    list.parent = 1;
    list.conditions = 2;

    assert_string_equal(conditions(&list),
        " WHERE true AND t.patient_id = $1::uuid"
        " AND (t.kinds @> string_to_array($2::text, ','))"
        " AND t.deleted_at IS NULL");
}


/* -- any list -------------------------------------------------------------- */


static uint64_t
random_fields(unsigned flag)
{
    size_t               i;
    uint64_t             mask;
    const ehr_fields_t  *fields;

    fields = sample_fields();

    for (mask = 0, i = 0; i < fields->n; i++) {
        if ((fields->fields[i]->flags & flag) && random() % 2) {
            mask |= (uint64_t) 1 << i;
        }
    }

    return mask;
}


static ehr_list_t
random_list(void)
{
    ehr_list_t           list;
    const ehr_fields_t  *fields;

    fields = sample_fields();

    list.equal = random_fields(EHR_FILTER);
    list.from = random_fields(EHR_RANGE);
    list.to = random_fields(EHR_RANGE);
    list.conditions = (unsigned) random() % 4;
    list.ranking = (int) (random() % 3) - 1;
    list.descending = random() % 2;
    list.after = random() % 2;
    list.parent = random() % 2;
    list.since = random() % 2;
    list.until = random() % 2;
    list.deleted = random() % 2;
    list.count = random() % 2;

    do {
        list.sort = (int) (random() % (long) fields->n);
    } while (!(fields->fields[list.sort]->flags & EHR_SORT));

    return list;
}


/* What the writer of parameters counts. */
static unsigned
count_parameters(const ehr_list_t *list)
{
    return (unsigned) __builtin_popcountll(list->equal)
           + (unsigned) __builtin_popcountll(list->from)
           + (unsigned) __builtin_popcountll(list->to)
           + (unsigned) __builtin_popcount(list->conditions)
           + (list->parent != 0) + (list->ranking >= 0)
           + (list->since != 0) + (list->until != 0)
           + (list->count ? 0 : 1 + (list->after ? 2 : 0));
}


static void
parameters_are_as_many_as_counted(void **state)
{
    int          i;
    char         wanted[16];
    unsigned     n, highest;
    ehr_list_t   list;
    const char  *text, *at;

    (void) state;
    srandom(1);

    for (i = 0; i < 5000; i++) {
        list = random_list();
        text = ehr_sql_list(sample_fields(), &list, &sample_arena);
        assert_non_null(text);
        highest = 0;

        for (at = text; (at = strchr(at, '$')) != NULL; at++) {
            n = (unsigned) strtoul(at + 1, NULL, 10);
            assert_true(n > 0);
            highest = n > highest ? n : highest;
        }

        assert_int_equal(highest, count_parameters(&list));

        for (n = 1; n <= highest; n++) {
            (void) snprintf(wanted, sizeof(wanted), "$%u::", n);
            assert_non_null(strstr(text, wanted));
        }

        (void) sample_tear_down(state);
    }
}


/* The first that is asked for, whichever of them was named first. */
static void
lookups_take_the_place_of_the_table(void **state)
{
    ehr_list_t      list;
    ehr_fields_t    fields;
    ehr_resource_t  resource;

    static const ehr_lookup_t  lookups[] = {
        { "encounterId", "ehr.samples_of('encounter', $q)" },
        { "patientId", "ehr.samples_of('patient', $q)" },
        { NULL, NULL }
    };

    (void) state;

    resource = sample_samples;
    resource.lookups = lookups;
    fields = *sample_fields();
    fields.resource = &resource;

    list = plain_list();
    list.conditions = 3;
    list.equal = sample_bit("patientId");
    assert_non_null(strstr(ehr_sql_list(&fields, &list, &sample_arena),
        " FROM ehr.samples_of('patient', $3::uuid) AS t WHERE true"));

    list.equal |= sample_bit("encounterId") | sample_bit("active");
    assert_non_null(strstr(ehr_sql_list(&fields, &list, &sample_arena),
        " FROM ehr.samples_of('encounter', $5::uuid) AS t WHERE true"));
    assert_non_null(strstr(ehr_sql_list(&fields, &list, &sample_arena),
        " AND t.encounter_id = $5::uuid"));

    list.equal = 0;
    list.after = 1;
    assert_non_null(strstr(ehr_sql_list(&fields, &list, &sample_arena),
        " FROM ehr.samples AS t WHERE true"));
    assert_non_null(strstr(ehr_sql_list(&fields, &list, &sample_arena),
        " AND t.id >= $3::uuid AND (t.id, t.id) > ($3::uuid, $4::uuid)"));
}


static void
no_memory_is_null(void **state)
{
    int         n;
    ehr_list_t  list;

    (void) state;

    list = plain_list();

    for (n = 0; n < 2; n++) {
        sample_fail_at(n);
        assert_null(ehr_sql_list(sample_fields(), &list, &sample_arena));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        SAMPLE_TEST(a_plain_list),
        SAMPLE_TEST(an_append_only_list),
        SAMPLE_TEST(filters_follow_the_types),
        SAMPLE_TEST(rankings_order_and_filter),
        SAMPLE_TEST(conditions_join_the_filters),
        SAMPLE_TEST(parameters_are_as_many_as_counted),
        SAMPLE_TEST(lookups_take_the_place_of_the_table),
        SAMPLE_TEST(no_memory_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
