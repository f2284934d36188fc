/*
 * The zone that a file of tests works on: set up anew for each test.
 */

#ifndef EHR_TEST_ZONE_H
#define EHR_TEST_ZONE_H

#include "nginx_stubs.h"


static ngx_shm_zone_t  zone;
static ehr_shared_t   *shared;


static int
zone_set_up(void **state)
{
    (void) state;

    stub_zone_create(&zone, 1 << 20);
    assert_int_equal(ehr_shared_init_zone(&zone, NULL), NGX_OK);
    shared = ehr_shared_of(&zone);

    return 0;
}


static int
zone_tear_down(void **state)
{
    (void) state;
    stub_zone_destroy(&zone);

    return 0;
}

#endif /* EHR_TEST_ZONE_H */
