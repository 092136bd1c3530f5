/* The simulator against its own rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim.h"

/* Used in children too, where cmocka's macros would jump into the runner. */
#define assert(c) ((c) ? (void)0 : abort())

#define BLOCK 4096u
#define DISK_SIZE (1u << 20)

struct tracked {
    struct io io;
    bool done;
};

static void on_done(struct io *io)
{
    ((struct tracked *)io)->done = true;
}

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static uint8_t *block_new(int fill)
{
    void *data = NULL;
    assert(posix_memalign(&data, BLOCK, BLOCK) == 0);
    memset(data, fill, BLOCK);
    return data;
}

static int do_io(struct loop *l, struct device *d, enum io_kind kind, void *data, uint64_t off)
{
    struct tracked t = {.io = {.kind = kind, .device = d, .data = data, .len = kind == IO_FLUSH ? 0 : BLOCK, .off = off, .done = on_done}};
    loop_submit(l, &t.io);
    assert(!t.done);
    assert(loop_wait(l, is_set, &t.done) == 0);
    return t.io.result;
}

static struct sim_world *world_new(uint64_t seed)
{
    struct sim_world *w;
    assert_int_equal(sim_world_new(seed, &w), 0);
    return w;
}

static void test_read_write(void **state)
{
    (void)state;
    struct sim_world *w = world_new(1);
    struct loop *l = sim_loop_new(w, "l");
    struct device *d = sim_device_new(w, "d", DISK_SIZE);
    uint8_t *data = block_new(7), *back = block_new(0);
    uint64_t before_us = loop_now_us(l);
    assert_int_equal(do_io(l, d, IO_WRITE, data, BLOCK), 0);
    assert_true(loop_now_us(l) >= before_us + 50);
    assert_int_equal(do_io(l, d, IO_READ, back, BLOCK), 0);
    assert_memory_equal(data, back, BLOCK);
    assert_int_equal(do_io(l, d, IO_WRITE, data, DISK_SIZE), ERR_NO_SPACE);
    assert_int_equal(do_io(l, d, IO_READ, data, DISK_SIZE), ERR_IO);
    uint64_t count;
    const struct sim_log_entry *log = sim_log(w, &count);
    assert_int_equal(count, 4);
    assert_int_equal(log[0].kind, IO_WRITE);
    assert_int_equal(log[0].off, BLOCK);
    assert_true(log[0].hash != 0 && log[0].completed);
    sim_world_free(w);
    free(data);
    free(back);
}

/* --- the schedule --- */

struct walker {
    struct task task;
    struct loop *loop;
    char name, *trace;
    int left;
};

static void walk(struct task *task)
{
    struct walker *k = (struct walker *)task;
    k->trace[strlen(k->trace)] = k->name;
    if (--k->left > 0)
        loop_post(k->loop, task);
}

static void trace_of(uint64_t seed, char *trace)
{
    struct sim_world *w = world_new(seed);
    struct walker walkers[3];
    for (int i = 0; i < 3; i++) {
        walkers[i] = (struct walker){{walk, NULL}, sim_loop_new(w, "l"), (char)('a' + i), trace, 20};
        loop_post(walkers[i].loop, &walkers[i].task);
    }
    assert_int_equal(sim_run(w, never, NULL), ERR_TIMEOUT); /* nothing left */
    assert_int_equal(strlen(trace), 60);
    sim_world_free(w);
}

static void test_seed_is_the_schedule(void **state)
{
    (void)state;
    char first[64] = "", again[64] = "", other[64] = "";
    trace_of(5, first);
    trace_of(5, again);
    trace_of(6, other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
}

struct counted_timer {
    struct timer timer;
    struct loop *loop;
    int *order, rank;
    uint64_t fired_us;
};

static void fire(struct timer *timer)
{
    struct counted_timer *t = (struct counted_timer *)timer;
    t->rank = ++*t->order;
    t->fired_us = loop_now_us(t->loop);
}

static void test_timers(void **state)
{
    (void)state;
    struct sim_world *w = world_new(2);
    struct loop *l = sim_loop_new(w, "l");
    int order = 0;
    static const uint64_t delays_us[] = {5000000, 10, 3600000000, 10};
    struct counted_timer timers[4];
    uint64_t begin_us = loop_now_us(l);
    for (int i = 0; i < 4; i++) {
        timers[i] = (struct counted_timer){{.fire = fire}, l, &order, 0, 0};
        loop_timer_set(l, &timers[i].timer, begin_us + delays_us[i]);
    }
    loop_timer_cancel(l, &timers[3].timer);
    sim_settle(w, UINT64_MAX - 1);
    assert_int_equal(timers[1].rank, 1);
    assert_int_equal(timers[0].rank, 2);
    assert_int_equal(timers[2].rank, 3);
    assert_int_equal(timers[3].rank, 0);
    assert_true(timers[2].fired_us >= begin_us + 3600000000);
    uint64_t wall_us = loop_wall_us(l);
    sim_wall_shift(w, -3600000000);
    assert_int_equal(loop_wall_us(l), wall_us - 3600000000);
    sim_world_free(w);
}

/* loop_wait runs nothing of other loops and no tasks, but disks go on for all. */
static void test_wait_is_own_io_only(void **state)
{
    (void)state;
    struct sim_world *w = world_new(3);
    struct loop *a = sim_loop_new(w, "a"), *b = sim_loop_new(w, "b");
    struct device *d = sim_device_new(w, "d", DISK_SIZE);
    char trace[64] = "";
    struct walker own = {{walk, NULL}, a, 'a', trace, 1}, other = {{walk, NULL}, b, 'b', trace, 1};
    uint8_t *data = block_new(1), *back = block_new(0);
    struct tracked of_b = {.io = {.kind = IO_WRITE, .device = d, .data = data, .len = BLOCK, .off = 0, .done = on_done}};
    loop_post(a, &own.task);
    loop_post(b, &other.task);
    loop_submit(b, &of_b.io);
    for (int i = 0; i < 20; i++)
        assert_int_equal(do_io(a, d, IO_FLUSH, NULL, 0), 0);
    assert_string_equal(trace, "");
    assert_false(of_b.done);
    assert_int_equal(do_io(a, d, IO_READ, back, 0), 0);
    assert_memory_equal(data, back, BLOCK);
    assert_int_equal(sim_run(w, is_set, &of_b.done), 0);
    sim_settle(w, UINT64_MAX - 1);
    assert_int_equal(strlen(trace), 2);
    bool unset = false;
    assert_int_equal(loop_wait(a, is_set, &unset), ERR_TIMEOUT);
    sim_world_free(w);
    free(data);
    free(back);
}

/* --- durability --- */

static bool all_equal(const uint8_t *bytes, size_t len, uint8_t value)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

/* Over many seeds: what is flushed stays, the rest is lost, kept or torn, each at least once, by whole sectors. */
static void test_power_cut(void **state)
{
    (void)state;
    int lost = 0, kept = 0, torn = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct sim_world *w = world_new(seed);
        struct loop *l = sim_loop_new(w, "l");
        struct device *d = sim_device_new(w, "d", DISK_SIZE);
        uint8_t *old = block_new(1), *fresh = block_new(2), *sync = block_new(3);
        assert_int_equal(do_io(l, d, IO_WRITE, old, 0), 0);
        assert_int_equal(do_io(l, d, IO_WRITE, old, BLOCK), 0);
        assert_int_equal(do_io(l, d, IO_FLUSH, NULL, 0), 0);
        assert_int_equal(do_io(l, d, IO_WRITE, fresh, 0), 0);
        assert_int_equal(do_io(l, d, IO_WRITE, fresh, 2 * BLOCK), 0);
        assert_int_equal(do_io(l, d, IO_WRITE_DURABLE, sync, 2 * BLOCK), 0); /* over what is only cached */
        sim_crash_now(w, SIM_POWER_CUT);
        const uint8_t *bytes = sim_disk_bytes(d);
        assert_true(all_equal(bytes + BLOCK, BLOCK, 1));
        assert_true(all_equal(bytes + 2 * BLOCK, BLOCK, 3));
        for (size_t sector = 0; sector < BLOCK; sector += 512)
            assert_true(all_equal(bytes + sector, 512, 1) || all_equal(bytes + sector, 512, 2));
        bool is_old = all_equal(bytes, BLOCK, 1), is_fresh = all_equal(bytes, BLOCK, 2);
        lost += is_old;
        kept += is_fresh;
        torn += !is_old && !is_fresh;
        sim_world_free(w);
        free(old);
        free(fresh);
        free(sync);
    }
    assert_true(lost > 0 && kept > 0 && torn > 0);
}

/* A flush covers what was completed when it was submitted, no more. */
static void test_flush_covers_completed_only(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct sim_world *w = world_new(seed);
        struct loop *l = sim_loop_new(w, "l");
        struct device *d = sim_device_new(w, "d", DISK_SIZE);
        uint8_t *data = block_new(9);
        struct tracked write = {.io = {.kind = IO_WRITE, .device = d, .data = data, .len = BLOCK, .off = 0, .done = on_done}};
        struct tracked flush = {.io = {.kind = IO_FLUSH, .device = d, .done = on_done}};
        loop_submit(l, &write.io);
        loop_submit(l, &flush.io);
        assert_int_equal(sim_run(w, is_set, &write.done), 0);
        assert_int_equal(sim_run(w, is_set, &flush.done), 0);
        sim_crash_now(w, SIM_POWER_CUT);
        lost += !all_equal(sim_disk_bytes(d), BLOCK, 9);
        sim_world_free(w);
        free(data);
    }
    assert_true(lost > 0);
}

static void test_kill_keeps_the_cache(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sim_world *w = world_new(seed);
        struct loop *l = sim_loop_new(w, "l");
        struct device *d = sim_device_new(w, "d", DISK_SIZE);
        uint8_t *data = block_new(4);
        assert_int_equal(do_io(l, d, IO_WRITE, data, 0), 0);
        sim_crash_now(w, SIM_KILL);
        assert_true(all_equal(sim_disk_bytes(d), BLOCK, 4));
        sim_world_free(w);
        free(data);
    }
}

/* --- faults --- */

static void test_faults(void **state)
{
    (void)state;
    struct sim_world *w = world_new(11);
    struct loop *l = sim_loop_new(w, "l");
    struct device *d = sim_device_new(w, "d", DISK_SIZE);
    uint8_t *data = block_new(5), *back = block_new(0);
    struct sim_fault eio = {.kind = SIM_FAULT_EIO, .io_kinds = 1u << IO_READ, .off = BLOCK, .len = BLOCK, .count = 1};
    sim_fault_add(d, &eio);
    assert_int_equal(do_io(l, d, IO_READ, back, 0), 0);
    assert_int_equal(do_io(l, d, IO_READ, back, BLOCK), ERR_IO);
    assert_int_equal(do_io(l, d, IO_READ, back, BLOCK), 0);
    assert_int_equal(eio.fired_count, 1);
    struct sim_fault full = {.kind = SIM_FAULT_ENOSPC};
    sim_fault_add(d, &full);
    assert_int_equal(do_io(l, d, IO_WRITE, data, 0), ERR_NO_SPACE);
    assert_int_equal(do_io(l, d, IO_READ, back, 0), 0);
    assert_true(all_equal(back, BLOCK, 0));
    sim_fault_remove(d, &full);
    struct sim_fault lose = {.kind = SIM_FAULT_LOSE_WRITE, .count = 1};
    sim_fault_add(d, &lose);
    assert_int_equal(do_io(l, d, IO_WRITE, data, 0), 0);
    assert_true(all_equal(sim_disk_bytes(d), BLOCK, 0));
    struct sim_fault stray = {.kind = SIM_FAULT_MISDIRECT, .count = 1, .target_off = 8 * BLOCK, .target_len = BLOCK};
    sim_fault_add(d, &stray);
    assert_int_equal(do_io(l, d, IO_WRITE, data, 0), 0);
    assert_true(all_equal(sim_disk_bytes(d), BLOCK, 0));
    assert_true(all_equal(sim_disk_bytes(d) + 8 * BLOCK, BLOCK, 5));
    struct sim_fault slow = {.kind = SIM_FAULT_SLOW, .delay_us = 1000000, .count = 1};
    sim_fault_add(d, &slow);
    uint64_t before_us = sim_now_us(w);
    assert_int_equal(do_io(l, d, IO_READ, back, 0), 0);
    assert_true(sim_now_us(w) >= before_us + 1000000);
    sim_world_free(w);
    free(data);
    free(back);
}

static void test_hang(void **state)
{
    (void)state;
    struct sim_world *w = world_new(12);
    struct loop *l = sim_loop_new(w, "l");
    struct device *d = sim_device_new(w, "d", DISK_SIZE);
    uint8_t *data = block_new(5);
    struct sim_fault hang = {.kind = SIM_FAULT_HANG};
    sim_fault_add(d, &hang);
    struct tracked t = {.io = {.kind = IO_WRITE, .device = d, .data = data, .len = BLOCK, .off = 0, .done = on_done}};
    loop_submit(l, &t.io);
    assert_int_equal(sim_run(w, is_set, &t.done), ERR_TIMEOUT);
    assert_int_equal(hang.fired_count, 1);
    sim_fault_remove(d, &hang);
    assert_int_equal(sim_run(w, is_set, &t.done), 0);
    assert_int_equal(t.io.result, 0);
    sim_world_free(w);
    free(data);
}

static void test_lying_and_failing_flush(void **state)
{
    (void)state;
    int lost_by_lie = 0, lost_by_failure = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct sim_world *w = world_new(seed);
        struct loop *l = sim_loop_new(w, "l");
        struct device *liar = sim_device_new(w, "liar", DISK_SIZE), *failing = sim_device_new(w, "failing", DISK_SIZE);
        uint8_t *data = block_new(6);
        struct sim_fault lie = {.kind = SIM_FAULT_DROP_FLUSH}, eio = {.kind = SIM_FAULT_EIO, .io_kinds = 1u << IO_FLUSH, .count = 1};
        sim_fault_add(liar, &lie);
        sim_fault_add(failing, &eio);
        assert_int_equal(do_io(l, liar, IO_WRITE_DURABLE, data, 0), 0);
        assert_int_equal(do_io(l, liar, IO_FLUSH, NULL, 0), 0);
        assert_int_equal(lie.fired_count, 2);
        assert_int_equal(do_io(l, failing, IO_WRITE, data, 0), 0);
        assert_int_equal(do_io(l, failing, IO_FLUSH, NULL, 0), ERR_IO);
        assert_int_equal(do_io(l, failing, IO_FLUSH, NULL, 0), 0); /* a retry may succeed falsely */
        sim_crash_now(w, SIM_POWER_CUT);
        lost_by_lie += !all_equal(sim_disk_bytes(liar), BLOCK, 6);
        lost_by_failure += !all_equal(sim_disk_bytes(failing), BLOCK, 6);
        sim_world_free(w);
        free(data);
    }
    assert_true(lost_by_lie > 0 && lost_by_failure > 0);
}

static void test_rot_and_edit(void **state)
{
    (void)state;
    struct sim_world *w = world_new(13);
    struct loop *l = sim_loop_new(w, "l");
    struct device *d = sim_device_new(w, "d", DISK_SIZE), *clone = sim_device_new(w, "clone", DISK_SIZE);
    uint8_t *data = block_new(5);
    assert_int_equal(do_io(l, d, IO_WRITE_DURABLE, data, 0), 0);
    sim_disk_copy(clone, d);
    sim_disk_rot(d, 0, BLOCK, 1);
    int differing_bits = 0;
    for (unsigned i = 0; i < BLOCK; i++)
        differing_bits += __builtin_popcount(sim_disk_bytes(d)[i] ^ 5u);
    assert_int_equal(differing_bits, 1);
    assert_true(all_equal(sim_disk_bytes(clone), BLOCK, 5));
    sim_disk_edit(d, 0, data, BLOCK);
    sim_crash_now(w, SIM_POWER_CUT);
    assert_true(all_equal(sim_disk_bytes(d), BLOCK, 5));
    sim_world_free(w);
    free(data);
}

/* --- a small store that keeps its promise, crashed at every operation --- */

struct acks {
    uint64_t count; /* numbers 1..count were acknowledged */
};

struct counter_store {
    struct sim_world *world;
    struct loop *loop;
    struct device *device;
    struct acks *acks;
    bool flushes; /* without: a bug that the crashes must find */
};

/* Number n goes to slot n: data, flush, acknowledge. */
static void count_up(void *arg)
{
    struct counter_store *s = arg;
    for (uint64_t n = 1; n <= 5; n++) {
        uint8_t *data = block_new((int)n);
        assert(do_io(s->loop, s->device, IO_WRITE, data, n * BLOCK) == 0);
        if (s->flushes)
            assert(do_io(s->loop, s->device, IO_FLUSH, NULL, 0) == 0);
        s->acks->count = n;
        free(data);
    }
}

/* How many crashes lost an acknowledged number. */
static int crash_everywhere(uint64_t seed, bool flushes, enum sim_crash crash, uint64_t *ret_crashes)
{
    struct sim_world *w = world_new(seed);
    struct counter_store s = {w, sim_loop_new(w, "l"), sim_device_new(w, "d", DISK_SIZE), sim_shared(w, sizeof(struct acks)), flushes};
    int failures = 0;
    uint64_t n = 1;
    for (;; n++) {
        sim_disks_clear(w);
        memset(s.acks, 0, sizeof *s.acks);
        sim_crash_at(w, n, crash);
        bool finished = sim_fork(w, count_up, &s) == SIM_FINISHED;
        bool lost = false;
        for (uint64_t i = 1; i <= s.acks->count; i++)
            lost = lost || !all_equal(sim_disk_bytes(s.device) + i * BLOCK, BLOCK, (uint8_t)i);
        failures += lost;
        if (finished) {
            assert_int_equal(s.acks->count, 5);
            break;
        }
    }
    *ret_crashes = n - 1;
    sim_world_free(w);
    return failures;
}

static void test_crash_at_every_operation(void **state)
{
    (void)state;
    uint64_t crashes, found = 0;
    for (uint64_t seed = 0; seed < 5; seed++) {
        assert_int_equal(crash_everywhere(seed, true, SIM_POWER_CUT, &crashes), 0);
        assert_int_equal(crashes, 10);
        assert_int_equal(crash_everywhere(seed, true, SIM_KILL, &crashes), 0);
        assert_int_equal(crash_everywhere(seed, false, SIM_KILL, &crashes), 0);
        found += (uint64_t)crash_everywhere(seed, false, SIM_POWER_CUT, &crashes);
        assert_int_equal(crashes, 5);
    }
    assert_true(found > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_write), cmocka_unit_test(test_seed_is_the_schedule), cmocka_unit_test(test_timers),
        cmocka_unit_test(test_wait_is_own_io_only), cmocka_unit_test(test_power_cut),
        cmocka_unit_test(test_flush_covers_completed_only), cmocka_unit_test(test_kill_keeps_the_cache),
        cmocka_unit_test(test_faults), cmocka_unit_test(test_hang), cmocka_unit_test(test_lying_and_failing_flush),
        cmocka_unit_test(test_rot_and_edit), cmocka_unit_test(test_crash_at_every_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
