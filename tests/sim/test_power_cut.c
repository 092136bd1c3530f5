/* The script (sim_script.h) with the power cut at seeded moments: unflushed writes are kept, lost or torn. Half of the cuts are
 * followed by another during recovery, and that one by a third.
 *
 * SIM_CUTS: how many; SIM_ALL=1: a thousand. SIM_SEED: another run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "sim_script.h"

#define FAILURES_MAX 3
#define OPERATIONS 7000 /* of the script, about */
#define DEPTH_MAX 3

struct cuts { uint64_t wanted, count, failures, depth, again_at, *recoveries_cut; };

static void look(void *arg);

/* Cut while a recovery goes on: from here in a world of its own. */
static void recovery_operation(void *arg)
{
    struct sim_script *r = arg;
    struct cuts *c = r->arg;
    if (sim_completed(r->store.world) != c->again_at)
        return;
    sim_observe(r->store.world, NULL, NULL);
    ++*c->recoveries_cut;
    if (!sim_branch(r->store.world, look, r))
        abort();
}

static void look(void *arg)
{
    struct sim_script *r = arg;
    struct cuts *c = r->arg;
    sim_reseed(r->store.world, sim_seed(r->store.world) * 31 + c->count);
    if (++c->depth < DEPTH_MAX && sim_random_below(r->store.world, 2)) {
        c->again_at = sim_completed(r->store.world) + 1 + sim_random_below(r->store.world, 120);
        sim_observe(r->store.world, recovery_operation, r);
    }
    sim_script_crash_and_look(r, SIM_POWER_CUT);
}

static void maybe_cut(struct sim_script *r)
{
    struct cuts *c = r->arg;
    uint64_t n = sim_completed(r->store.world) * 0x9e3779b97f4a7c15ull + sim_seed(r->store.world);
    n = (n ^ n >> 29) * 0xbf58476d1ce4e5b9ull;
    if ((n >> 20) % OPERATIONS >= c->wanted || c->failures == FAILURES_MAX)
        return;
    c->count++;
    c->failures += !sim_branch(r->store.world, look, r);
}

static void cut(uint64_t seed, uint64_t wanted, uint64_t *count, uint64_t *recoveries)
{
    struct sim_script *r = calloc(1, sizeof *r);
    struct cuts c = {.wanted = wanted};
    assert_non_null(r);
    static const struct sim_shape shapes[] = {{6, 4, 2, 128u << 20}, {3, 2, 1, 128u << 20}, {5, 2, 2, 128u << 20}};
    *r = (struct sim_script){.after_operation = maybe_cut, .arg = &c, .shape = shapes[seed % 3]};
    static struct sim_world *shared; /* lends the counter that branches write */
    if (!shared)
        assert_int_equal(sim_world_new(0, &shared), 0);
    c.recoveries_cut = sim_shared(shared, sizeof *c.recoveries_cut);
    bool good = sim_script_run(r, seed);
    print_message("seed %llu: %llu operations, %llu cuts, %llu in recovery, %llu failures\n", (unsigned long long)seed,
                  (unsigned long long)sim_completed(r->store.world), (unsigned long long)c.count,
                  (unsigned long long)*c.recoveries_cut, (unsigned long long)c.failures);
    assert_true(good);
    assert_int_equal(c.failures, 0);
    *count += c.count;
    *recoveries += *c.recoveries_cut;
    sim_script_free(r);
    free(r);
}

static void test_power_cuts(void **state)
{
    (void)state;
    uint64_t seed = sim_amount("SIM_SEED", 100, 100), wanted = sim_amount("SIM_CUTS", 100, 1000);
    uint64_t count = 0, recoveries = 0;
    for (; count < wanted; seed++)
        cut(seed, wanted < 250 ? wanted / 2 : 250, &count, &recoveries);
    assert_true(recoveries > 0);
}

int main(void)
{
    log_init(getenv("SIM_VERBOSE") ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, false, false);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
