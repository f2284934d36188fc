/* build: @t/unit/model/sources */

#include <time.h>

#include "sample.h"
#include "../../../src/model/moment.h"


/* Against timegm(3), over four centuries and their leap days. */
static void
seconds_since_1970(void **state)
{
    int           year, month;
    struct tm     tm;
    ehr_moment_t  moment;

    (void) state;

    for (year = EHR_FIRST_YEAR; year <= EHR_LAST_YEAR; year++) {
        for (month = 1; month <= 12; month++) {
            memset(&tm, 0, sizeof(tm));
            tm.tm_year = year - 1900;
            tm.tm_mon = month - 1;
            tm.tm_mday = 28;
            tm.tm_hour = 23;
            tm.tm_min = 59;

            moment.year = year;
            moment.month = month;
            moment.day = 28;
            moment.second = 23 * 3600 + 59 * 60;
            moment.microsecond = 999999;

            assert_int_equal(ehr_moment_epoch(&moment), timegm(&tm));
        }
    }
}


static void
offsets_count(void **state)
{
    ehr_moment_t  moment;

    static const char  text[] = "2028-02-29T23:30:00-01:00";

    (void) state;

    assert_int_equal(ehr_instant_parse(text, sizeof(text) - 1,
                         EHR_INSTANT_RFC3339, &moment), 0);
    assert_int_equal(ehr_moment_epoch(&moment), 1835483400);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(seconds_since_1970),
        cmocka_unit_test(offsets_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
