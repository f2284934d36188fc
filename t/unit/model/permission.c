/* build: src/model/permission.c -lcmocka */

#include "../../../src/model/permission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>


static void
names_and_numbers_agree(void **state)
{
    int          i;
    const char  *name;

    (void) state;

    for (i = 1; i < EHR_PERMISSIONS; i++) {
        name = ehr_permission_name((ehr_permission_t) i);
        assert_int_equal(ehr_permission_find(name, strlen(name)), i);
        assert_int_equal(ehr_permission_find(name, strlen(name) - 1), 0);
    }

    assert_int_equal(ehr_permission_find("", 0), 0);
    assert_int_equal(ehr_permission_find("nothing", 7), 0);
    assert_string_equal(ehr_permission_name(EHR_PERMISSIONS), "");
    assert_int_equal(ehr_permission_find("patients.read", 13),
        EHR_MAY_READ_PATIENTS);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(names_and_numbers_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
