/* The script (sim_script.h) killed at every operation of every disk, and opened again: what was acknowledged is there, the rest
 * whole or not at all, and no space is lost.
 *
 * SIM_STRIDE: every how many operations a kill is tried; SIM_ALL=1: after every one. SIM_SEED: another run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "sim_script.h"

#define FAILURES_MAX 3

struct kills { uint64_t stride, phase, count, failures; };

static void look(void *arg)
{
    sim_script_crash_and_look(arg, SIM_KILL);
}

static void maybe_kill(struct sim_script *r)
{
    struct kills *k = r->arg;
    if (sim_completed(r->store.world) % k->stride != k->phase || k->failures == FAILURES_MAX)
        return;
    k->count++;
    k->failures += !sim_branch(r->store.world, look, r);
}

static void test_kill_anywhere(void **state)
{
    (void)state;
    uint64_t seed = sim_amount("SIM_SEED", 1, 1);
    struct kills k = {.stride = sim_amount("SIM_STRIDE", 40, 1)};
    k.phase = seed % k.stride;
    struct sim_script *r = calloc(1, sizeof *r);
    assert_non_null(r);
    *r = (struct sim_script){.after_operation = maybe_kill, .arg = &k};
    bool good = sim_script_run(r, seed);
    print_message("seed %llu: %llu operations, %llu kills, %llu failures\n", (unsigned long long)seed,
                  (unsigned long long)sim_completed(r->store.world), (unsigned long long)k.count, (unsigned long long)k.failures);
    assert_true(good);
    assert_true(k.count > 0);
    assert_int_equal(k.failures, 0);
    sim_script_free(r);
    free(r);
}

int main(void)
{
    log_init(getenv("SIM_VERBOSE") ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, false, false);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill_anywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
