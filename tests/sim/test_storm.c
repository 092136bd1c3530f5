/* Storms: clients at work while up to m volumes fail in every way, then calm: everything heals, and nothing acknowledged is lost.
 *
 * SIM_STORMS: how many seeds; SIM_ALL=1: hundreds. SIM_SEED: where to begin. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "sim_model.h"

#define ROUNDS 3
#define FAULTS_MAX 8
#define KINDS (SIM_FAULT_MISDIRECT + 1)
#define CUT_EVERY 150 /* operations */
#define CUTS_MAX 4     /* in a round */

struct storm {
    struct sim_store store;
    struct sim_model model;
    struct sim_fault faults[FAULTS_MAX];
    struct device *places[FAULTS_MAX];
    uint32_t fault_count;
    enum sim_crash crash;
    uint64_t cuts, *cut_count, *cut_failures, *fired; /* the last three are shared; fired: by kind */
};

static const struct sim_shape shapes[] = {
    {6, 4, 2, 128u << 20}, {6, 4, 2, 128u << 20}, {3, 2, 1, 128u << 20}, {8, 4, 2, 128u << 20}, {5, 2, 2, 128u << 20}, {4, 2, 1, 128u << 20},
};

static struct sim_fault draw_fault(struct sim_world *w)
{
    static const enum sim_fault_kind kinds[] = {SIM_FAULT_EIO, SIM_FAULT_EIO, SIM_FAULT_HANG, SIM_FAULT_SLOW, SIM_FAULT_ENOSPC,
                                                SIM_FAULT_LOSE_WRITE, SIM_FAULT_MISDIRECT};
    struct sim_fault f = {.kind = kinds[sim_random_below(w, sizeof kinds / sizeof *kinds)]};
    if (f.kind == SIM_FAULT_EIO || f.kind == SIM_FAULT_HANG || f.kind == SIM_FAULT_SLOW)
        f.io_kinds = sim_random_below(w, 3) ? 1u << sim_random_below(w, 4) : 0;
    f.per_mille = (uint32_t[]){0, 10, 100, 500}[sim_random_below(w, 4)];
    f.count = (uint32_t[]){0, 1, 3, 20}[sim_random_below(w, 4)];
    f.delay_us = (uint64_t[]){20000, 400000, 2000000}[sim_random_below(w, 3)];
    return f;
}

static void begin(struct storm *t)
{
    struct sim_world *w = t->store.world;
    uint32_t n = t->store.shape.disk_count, m = t->store.shape.parity_count;
    uint32_t victims = 1 + (uint32_t)sim_random_below(w, m), chosen[4];
    for (uint32_t i = 0; i < victims; i++)
        chosen[i] = (uint32_t)sim_random_below(w, n);
    t->fault_count = 1 + (uint32_t)sim_random_below(w, 4);
    for (uint32_t i = 0; i < t->fault_count; i++) {
        t->faults[i] = draw_fault(w);
        t->places[i] = t->store.disks[chosen[i % victims]];
        sim_fault_add(t->places[i], &t->faults[i]);
        if (getenv("SIM_VERBOSE"))
            fprintf(stderr, "fault on %s: kind %d io %x per mille %u count %u delay %llu\n", t->places[i]->path, t->faults[i].kind,
                    t->faults[i].io_kinds, t->faults[i].per_mille, t->faults[i].count, (unsigned long long)t->faults[i].delay_us);
    }
}

static void calm(struct storm *t)
{
    for (uint32_t i = 0; i < t->fault_count; i++) {
        sim_fault_remove(t->places[i], &t->faults[i]);
        t->fired[t->faults[i].kind] += t->faults[i].fired_count;
    }
    t->fault_count = 0;
}

/* --- crashes in the middle of it --- */

static void look_after_cut(void *arg)
{
    struct storm *t = arg;
    t->model.errors_allowed = false;
    sim_store_crash(&t->store, t->crash);
    sim_model_crashed(&t->model);
    for (uint32_t i = 0; i < t->fault_count; i++)
        sim_fault_remove(t->places[i], &t->faults[i]);
    int err = sim_store_open(&t->store);
    if (err)
        fprintf(stderr, "sim: opening after a %s: %s: %s\n", t->crash == SIM_KILL ? "kill" : "power cut", err_text(err),
                t->store.message.text);
    assert(err == 0);
    struct sim_judge mending = {.bad_allowed = true}, after = {0};
    bool right = sim_judge(&t->model, &mending);
    assert(right && "after a crash in a storm");
    bool healed = sim_store_heal(&t->store, 120000000);
    assert(healed);
    right = sim_judge(&t->model, &mending) && sim_judge(&t->model, &after);
    assert(right && "after a crash in a storm, and healing");
    assert(sim_judge_alive(&t->model));
}

static void maybe_cut(void *arg)
{
    struct storm *t = arg;
    uint64_t n = (sim_completed(t->store.world) + sim_seed(t->store.world)) * 0x9e3779b97f4a7c15ull;
    if ((n >> 33) % CUT_EVERY != 0 || t->cuts == 0)
        return;
    t->cuts--;
    ++*t->cut_count;
    t->crash = n >> 21 & 1 ? SIM_KILL : SIM_POWER_CUT;
    *t->cut_failures += !sim_branch(t->store.world, look_after_cut, t);
}

static void reopen(struct storm *t)
{
    sim_store_close(&t->store);
    int err = sim_store_open(&t->store);
    if (err)
        fprintf(stderr, "sim: opening again: %s: %s\n", err_text(err), t->store.message.text);
    assert(err == 0);
}

static void weather(struct storm *t)
{
    t->model.errors_allowed = true;
    begin(t);
    t->cuts = CUTS_MAX;
    sim_observe(t->store.world, maybe_cut, t);
    bool ended = sim_model_run(&t->model, 80);
    if (!ended) { /* hung volumes may hold them */
        calm(t);
        ended = sim_model_run(&t->model, 0);
    }
    assert(ended);
    sim_observe(t->store.world, NULL, NULL);
    bool writable = meta_writable(t->store.meta);
    struct sim_judge during = {.bad_allowed = true, .skip_units = true, .skip_space = true, .skip_buffers = true};
    bool right = sim_judge(&t->model, &during);
    assert(right && "while the faults are there");
    calm(t);
    t->model.errors_allowed = false;
    if (!writable) {
        fprintf(stderr, "sim: seed %llu: writing stopped\n", (unsigned long long)sim_seed(t->store.world));
        reopen(t);
    }
    sim_store_pass(&t->store, 5000000); /* what was slow is back */
    sim_observe(t->store.world, maybe_cut, t); /* while volumes come back */
    t->cuts = CUTS_MAX;
    bool healed = sim_store_heal(&t->store, 120000000);
    sim_observe(t->store.world, NULL, NULL);
    if (!healed)
        fprintf(stderr, "sim: seed %llu: not healed: %u out, %s\n", (unsigned long long)sim_seed(t->store.world),
                sim_store_out(&t->store), err_text(t->store.last_repair_err));
    assert(healed);
    struct sim_judge mending = {.bad_allowed = true}, after = {0};
    right = sim_judge(&t->model, &mending) && sim_judge(&t->model, &after);
    assert(right && "after all is healed");
    assert(sim_judge_alive(&t->model));
}

static void one(void *arg)
{
    struct storm *t = arg;
    for (int round = 0; round < ROUNDS; round++)
        weather(t);
    reopen(t);
    struct sim_judge judge = {0};
    bool right = sim_judge(&t->model, &judge);
    assert(right);
}

static void test_storms(void **state)
{
    (void)state;
    uint64_t seed = sim_amount("SIM_SEED", 1000, 1000), count = sim_amount("SIM_STORMS", 12, 400), failures = 0, cuts = 0, fired[KINDS] = {0};
    for (uint64_t end = seed + count; seed < end; seed++) {
        struct storm *t = calloc(1, sizeof *t);
        assert_non_null(t);
        if (getenv("SIM_VERBOSE"))
            fprintf(stderr, "storm %llu\n", (unsigned long long)seed);
        sim_store_new(&t->store, seed, shapes[seed % (sizeof shapes / sizeof *shapes)]);
        sim_model_new(&t->model, &t->store, 4, 8);
        uint64_t *shared = sim_shared(t->store.world, 4096);
        t->cut_count = &shared[0];
        t->cut_failures = &shared[1];
        t->fired = &shared[2];
        assert_true(sim_model_run(&t->model, 60));
        failures += !sim_branch(t->store.world, one, t) + *t->cut_failures;
        cuts += *t->cut_count;
        for (int kind = 0; kind < KINDS; kind++)
            fired[kind] += t->fired[kind];
        sim_store_close(&t->store);
        sim_model_free(&t->model);
        sim_store_free(&t->store);
        free(t);
    }
    print_message("%llu storms, %llu crashes in them\n", (unsigned long long)count, (unsigned long long)cuts);
    assert_int_equal(failures, 0);
    assert_true(cuts > 0);
    for (int kind = 0; kind < KINDS && count >= 10; kind++)
        assert_true(fired[kind] > 0 || kind == SIM_FAULT_DROP_FLUSH); /* that one is test_faults' */
}

int main(void)
{
    log_init(getenv("SIM_VERBOSE") ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, false, false);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_storms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
