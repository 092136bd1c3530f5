/* The page store: commits, checkpoints, recovery, snapshots, faults of single mirrors. Power cuts at every operation are in
 * test_pages_cut.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pages_fixture.h"

static void commits_survive_reopening(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 1, 5);
    for (int i = 0; i < 40; i++)
        assert_int_equal(fixture_commit(&f, 5, 300), 0);
    assert_true(fixture_is_right(&f));
    fixture_close(&f);
    assert_int_equal(fixture_open(&f), 0);
    assert_true(fixture_is_right(&f));
    assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
    assert_true(fixture_is_right(&f));
    fixture_close(&f);
    assert_int_equal(fixture_open(&f), 0);
    assert_true(fixture_is_right(&f));
    fixture_fini(&f);
}

static void the_log_wraps_and_the_space_grows(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 2, 5);
    for (uint32_t i = 0; i < 400; i++) {
        assert_int_equal(fixture_commit(&f, 1 + i % 20, 100 + i * 10), 0);
        if (pages_checkpoint_due(f.pages))
            assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
    }
    struct pages_status status;
    pages_status(f.pages, &status);
    assert_true(status.log_wraps > 2);
    assert_true(status.checkpoints > 5);
    assert_true(f.store->volumes[0].meta_chunk_count > 14);
    assert_true(status.cache_used <= status.cache_size);
    assert_true(fixture_is_right(&f));
    fixture_close(&f);
    assert_int_equal(fixture_open(&f), 0);
    assert_true(fixture_is_right(&f));
    fixture_fini(&f);
}

static void a_full_log_is_checkpointed_by_the_commit(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 3, 3);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(fixture_commit(&f, 20, 400), 0);
    struct pages_status status;
    pages_status(f.pages, &status);
    assert_true(status.checkpoints > 5);
    assert_true(fixture_is_right(&f));
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commits_survive_reopening),
        cmocka_unit_test(the_log_wraps_and_the_space_grows),
        cmocka_unit_test(a_full_log_is_checkpointed_by_the_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
