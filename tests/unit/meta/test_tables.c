#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "meta_fixture.h"

static struct meta_fixture f;

static int get_bucket(struct meta_tx *tx, void *arg)
{
    struct bucket_row row;
    int err = bucket_get(tx, slice_string("photos"), &row);
    if (err == 0)
        *(int64_t *)arg = row.id;
    return err;
}

static void test_bucket(void **state)
{
    (void)state;
    meta_fixture_open(&f);
    int64_t id = meta_fixture_bucket(&f, "photos"), found = 0;
    assert_int_equal(meta_fixture_read(&f, get_bucket, &found), 0);
    assert_int_equal(found, id);
    meta_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
