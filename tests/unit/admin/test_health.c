/* The answers of the health addresses; the figures behind them are set by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "admin/health.h"

static struct admin admin;
static struct health_state state = {.admin = &admin, .metrics_token = ""};

static int setup(void **unused)
{
    (void)unused;
    state.metrics = metrics_new();
    return state.metrics ? 0 : -1;
}

static int teardown(void **unused)
{
    (void)unused;
    metrics_free(state.metrics);
    return 0;
}

static void expect(const char *path, const char *authorization, unsigned status, const char *begins_with)
{
    struct health_answer answer;
    assert_int_equal(health_answer(&state, slice_string(path), authorization ? slice_string(authorization) : slice_of(NULL, 0),
                                   &answer), 0);
    assert_int_equal(answer.status, status);
    assert_memory_equal(answer.body.data, begins_with, strlen(begins_with));
    text_free(&answer.body);
}

static void readiness_of_reads_and_writes(void **unused)
{
    (void)unused;
    admin.read_ready = admin.write_ready = false;
    expect("/-/live", NULL, 200, "live\n");
    expect("/-/ready", NULL, 503, "not ready\n");
    admin.read_ready = true;
    expect("/-/ready", NULL, 503, "not ready for writes, ready for reads\n");
    expect("/-/ready/read", NULL, 200, "ready for reads\n");
    expect("/-/ready/write", NULL, 503, "not ready for writes\n");
    expect("/minio/health/cluster", NULL, 503, "not ready");
    expect("/minio/health/cluster/read", NULL, 200, "ready for reads\n");
    admin.write_ready = true;
    expect("/-/ready", NULL, 200, "ready\n");
    expect("/minio/health/ready", NULL, 200, "ready\n");
}

static void metrics_ask_for_their_token(void **unused)
{
    (void)unused;
    expect("/-/metrics", NULL, 200, "# HELP ingot_");
    expect("/minio/v2/metrics/cluster", NULL, 200, "# HELP minio_");
    state.metrics_token = "abc";
    expect("/-/metrics", NULL, 401, "a bearer");
    expect("/-/metrics", "Bearer abd", 401, "a bearer");
    expect("/-/metrics", "Bearer abcd", 401, "a bearer");
    expect("/-/metrics", "Bearer abc", 200, "# HELP ingot_");
    state.metrics_token = "";
}

static void other_paths_are_not_ours(void **unused)
{
    (void)unused;
    struct health_answer answer;
    static const char *const paths[] = {"/", "/-/", "/-/live/", "/bucket/-/live", "/minio/health/"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_int_equal(health_answer(&state, slice_string(paths[i]), slice_of(NULL, 0), &answer), ERR_NOT_FOUND);
}

static void errors_have_names(void **unused)
{
    (void)unused;
    assert_string_equal(admin_error_name(0), "OK");
    assert_string_equal(admin_error_name(ERR_NO_SPACE), "NO_SPACE");
    assert_string_equal(admin_error_name(-10000), "UNKNOWN");
    assert_string_equal(admin_error_name(1), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readiness_of_reads_and_writes), cmocka_unit_test(metrics_ask_for_their_token),
        cmocka_unit_test(other_paths_are_not_ours), cmocka_unit_test(errors_have_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
