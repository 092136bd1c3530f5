/* The power goes before every single write and flush of a run that crosses checkpoints, log wraps and growth: whatever
 * sectors of the unflushed writes survive, recovery must bring exactly what was acknowledged, with or without the whole of the
 * commit under way; and so it must when recovery itself is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pages_fixture.h"

enum verdict { RIGHT, NOT_OPENED, WRONG, WRONG_LATER };

static void forget_suspects(struct fixture *f)
{
    for (uint32_t i = 0; i < f->store->volume_slots; i++)
        f->store->volumes[i].suspect_since_us = 0;
}

/* The power comes back: what the old loop, mirror and pages were is simply gone. */
static int power_on(struct fixture *f)
{
    fake_world_crash(f->world);
    forget_suspects(f);
    f->loop = fake_loop_new(f->world);
    return fixture_open(f);
}

/* Whether the state is right; the model follows what became of the commit under way. */
static bool settle(struct fixture *f)
{
    int result = fixture_compare(f, &f->acknowledged);
    if (result != 0 && f->is_pending && fixture_compare(f, &f->pending) == 0) {
        f->acknowledged = f->pending;
        result = 0;
    }
    f->is_pending = false;
    return result == 0;
}

/* In the child: recovers, perhaps cut once more while at it or soon after, and goes on. */
static enum verdict come_up(struct fixture f)
{
    struct fake_world *w = f.world;
    w->before_op = NULL;
    fake_world_crash(w);
    f.loop = fake_loop_new(w);
    w->cut_at = w->op_count + 1 + fake_random(w) % 60;
    bool open = fixture_open(&f) == 0;
    if (open && !w->power_off) {
        if (!settle(&f))
            return WRONG;
        while (fixture_commit(&f, 3, 200) == 0)
            ;
    }
    if (!w->power_off)
        return WRONG_LATER;
    if (power_on(&f) != 0)
        return NOT_OPENED;
    if (!settle(&f) || w->changes != 0) /* no mirror failed: none may have been put out */
        return WRONG;
    for (int i = 0; i < 3; i++)
        if (fixture_commit(&f, 10, 500) != 0)
            return WRONG_LATER;
    return power_on(&f) == 0 && settle(&f) ? RIGHT : WRONG_LATER;
}

struct cutter { struct fixture *f; uint64_t stride, cuts; };

static void cut(struct fake_world *w, void *arg)
{
    struct cutter *c = arg;
    if (w->op_count % c->stride != 0)
        return;
    c->cuts++;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        w->random_state += w->op_count * 977;
        _exit((int)come_up(*c->f));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != RIGHT)
        fail_msg("cut before operation %llu: %s %d", (unsigned long long)w->op_count, WIFEXITED(status) ? "verdict" : "status",
                 WIFEXITED(status) ? WEXITSTATUS(status) : status);
}

static void run(uint64_t seed, uint32_t disks, uint64_t stride)
{
    struct fixture f;
    fixture_init(&f, seed, disks);
    struct cutter c = {.f = &f, .stride = stride};
    f.world->before_op = cut;
    f.world->before_op_arg = &c;
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(fixture_commit(&f, 1 + (i * 7) % 23, 100 + i * 20), 0);
        if (i % 16 == 15)
            assert_int_equal(pages_checkpoint(f.pages, f.loop), 0);
    }
    struct pages_status status;
    pages_status(f.pages, &status);
    assert_true(c.cuts > 20);
    assert_true(status.log_wraps >= 2);
    assert_true(status.checkpoints >= 5);
    assert_true(f.store->volumes[0].meta_chunk_count > 14);
    f.world->before_op = NULL;
    fixture_fini(&f);
}

/* INGOT_TEST_STRIDE=1 cuts before every operation; by default every few, each run others. */
static uint64_t stride(uint64_t by_default)
{
    const char *text = getenv("INGOT_TEST_STRIDE");
    return text != NULL ? strtoull(text, NULL, 10) : by_default;
}

static void power_cut_on_one_disk(void **state)
{
    (void)state;
    run(11, 1, stride(9));
}

static void power_cut_on_three_disks(void **state)
{
    (void)state;
    run(12, 3, stride(29));
}

static void power_cut_on_five_disks(void **state)
{
    (void)state;
    run(13, 5, stride(67));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cut_on_one_disk),
        cmocka_unit_test(power_cut_on_three_disks),
        cmocka_unit_test(power_cut_on_five_disks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
