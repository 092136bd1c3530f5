/* Healing, moving, readmitting and scrubbing over a whole store: five file volumes at 2+1, real metadata, one thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "meta/tables.h"
#include "placement/extent_reader.h"
#include "placement/extent_writer.h"
#include "repair/repair.h"
#include "volume/loop_uring.h"

#define VOLUMES 5
#define VOLUME_SIZE (192u << 20)
#define EXTENTS 6
#define EXTENT_LEN 700001u

struct fixture {
    char folder[64], paths[VOLUMES][96];
    struct loop *loop;
    struct store *store;
    struct placement *placement;
    struct meta *meta;
    struct buffer_pool buffers;
    struct repair *repair;
    int64_t ids[EXTENTS];
};

static uint8_t data[EXTENT_LEN];
static uint64_t return_delay_us = 3600ull * 1000000; /* longer than any test, but the one of it */

static struct loop *new_loop(void *arg, const char *name)
{
    (void)arg;
    struct loop *loop = NULL;
    return loop_new_best(name, NULL, &loop) ? NULL : loop;
}

static void pump(void *arg)
{
    while (meta_step(((struct fixture *)arg)->meta))
        ;
}

static void make_repair(struct fixture *f, uint64_t out_delay_us)
{
    struct repair_options how = {.meta = f->meta, .loop = f->loop, .buffers = &f->buffers, .rate = 100ull << 30,
                                 .out_delay_us = out_delay_us, .poll_us = 1000,
                                 .pump = pump, .pump_arg = f};
    repair_free(f->repair);
    f->repair = NULL;
    assert_int_equal(repair_new(&how, &f->repair), 0);
}

static void open_above(struct fixture *f)
{
    struct store_message message = {""};
    struct meta_options options = {.new_loop = new_loop, .return_delay_us = return_delay_us};
    assert_int_equal(placement_open(f->store, &f->placement), 0);
    assert_int_equal(meta_open(f->store, f->placement, &options, f->loop, &f->meta, &message), 0);
    assert_int_equal(meta_attach_loop(f->meta, f->loop), 0);
    assert_int_equal(buffer_pool_init(&f->buffers, f->loop, 32), 0);
    make_repair(f, 1);
}

struct turn { struct timer timer; const bool *done; bool fired; };
static void turn_fired(struct timer *t) { container_of(t, struct turn, timer)->fired = true; }
static bool turn_over(void *arg) { const struct turn *t = arg; return t->fired || *t->done; }

static void turn(struct fixture *f, const bool *done)
{
    pump(f);
    struct turn turn = {.timer.fire = turn_fired, .done = done};
    loop_timer_set(f->loop, &turn.timer, loop_now_us(f->loop) + 200);
    assert_int_equal(loop_run_until(f->loop, turn_over, &turn), 0);
    loop_timer_cancel(f->loop, &turn.timer);
}

static void until(struct fixture *f, const bool *done)
{
    for (int i = 0; !*done; i++) {
        assert_true(i < 1000000);
        turn(f, done);
    }
}

struct write_wait { struct meta_write write; struct extent *extent; int64_t id; uint32_t missing; bool done; };
static void write_done(struct meta_write *w) { container_of(w, struct write_wait, write)->done = true; }

static int run_insert(struct meta_tx *tx, struct meta_write *write)
{
    struct write_wait *w = container_of(write, struct write_wait, write);
    w->extent->id = (int64_t)meta_tx_clock(tx);
    return extent_insert(tx, w->extent, 1);
}

static int run_missing(struct meta_tx *tx, struct meta_write *write)
{
    struct write_wait *w = container_of(write, struct write_wait, write);
    return extent_set_missing(tx, w->id, w->missing);
}

static void write_row(struct fixture *f, struct write_wait *w)
{
    w->write.done = write_done;
    w->write.loop = f->loop;
    meta_write(f->meta, &w->write);
    until(f, &w->done);
    assert_int_equal(w->write.err, 0);
}

static void set_missing(struct fixture *f, int64_t id, uint32_t missing)
{
    struct write_wait w = {.write.run = run_missing, .id = id, .missing = missing};
    write_row(f, &w);
}

struct put_wait { bool ready, done; int err; };
static void put_ready(void *arg) { ((struct put_wait *)arg)->ready = true; }
static void put_done(void *arg, int err)
{
    ((struct put_wait *)arg)->done = true;
    ((struct put_wait *)arg)->err = err;
}

static int64_t put_extent(struct fixture *f)
{
    static const struct extent_writer_callbacks callbacks = {put_ready, put_done};
    struct extent e = {0};
    int err;
    while ((err = placement_reserve(f->placement, EXTENT_LEN, &e)) == ERR_WOULD_BLOCK)
        pump(f);
    assert_int_equal(err, 0);
    struct extent_writer *writer;
    struct put_wait x = {0};
    assert_int_equal(extent_writer_new(f->placement, f->loop, &f->buffers, &e, &callbacks, &x, &writer), 0);
    for (size_t put = 0; put < EXTENT_LEN;) {
        x.ready = false;
        put += extent_writer_put(writer, data + put, EXTENT_LEN - put);
        if (put < EXTENT_LEN)
            until(f, &x.ready);
    }
    extent_writer_finish(writer);
    until(f, &x.done);
    assert_int_equal(x.err, 0);
    struct write_wait w = {.write = {.run = run_insert, .flush_volumes = extent_writer_volumes(writer)}, .extent = &e};
    write_row(f, &w);
    extent_writer_free(writer);
    free(e.crcs);
    return e.id;
}

static void fixture_open(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    strcpy(f->folder, "/tmp/ingot-repair-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    const char *paths[VOLUMES];
    for (int i = 0; i < VOLUMES; i++) {
        snprintf(f->paths[i], sizeof(f->paths[i]), "%s/volume%d", f->folder, i);
        int fd = open(f->paths[i], O_CREAT | O_RDWR, 0600);
        assert_true(fd >= 0 && ftruncate(fd, VOLUME_SIZE) == 0);
        close(fd);
        paths[i] = f->paths[i];
    }
    for (size_t i = 0; i < EXTENT_LEN; i++)
        data[i] = (uint8_t)((i * 2654435761u) >> 13);
    f->loop = new_loop(NULL, "test");
    assert_non_null(f->loop);
    struct store_message message = {""};
    struct store_format format = {.paths = paths, .path_count = VOLUMES, .data_count = 2, .parity_count = 1};
    assert_int_equal(store_format(&format, f->loop, &f->store, &message), 0);
    assert_int_equal(meta_format(f->store, f->loop, &message), 0);
    open_above(f);
    for (int i = 0; i < EXTENTS; i++)
        f->ids[i] = put_extent(f);
}

static void drop(struct fixture *f)
{
    repair_free(f->repair);
    f->repair = NULL;
    meta_close(f->meta);
    placement_close(f->placement);
    buffer_pool_fini(&f->buffers);
    store_close(f->store, f->loop);
    loop_free(f->loop);
}

static void fixture_restart(struct fixture *f)
{
    drop(f);
    f->loop = new_loop(NULL, "test");
    const char *paths[VOLUMES];
    for (int i = 0; i < VOLUMES; i++)
        paths[i] = f->paths[i];
    struct store_options options = {.paths = paths, .path_count = VOLUMES};
    struct store_message message = {""};
    assert_int_equal(store_open(&options, f->loop, &f->store, &message), 0);
    open_above(f);
}

static void fixture_close(struct fixture *f)
{
    drop(f);
    for (int i = 0; i < VOLUMES; i++)
        unlink(f->paths[i]);
    rmdir(f->folder);
}

struct row_wait { struct meta_read read; int64_t id; struct extent extent; bool done; };
static void row_done(struct meta_read *r) { container_of(r, struct row_wait, read)->done = true; }
static int run_row(struct meta_tx *tx, struct meta_read *read)
{
    struct row_wait *w = container_of(read, struct row_wait, read);
    free(w->extent.crcs);
    w->extent.crcs = NULL;
    return extent_get(tx, w->id, &w->extent);
}

/* crcs are the caller's. */
static struct extent row(struct fixture *f, int64_t id)
{
    struct row_wait w = {.read = {.run = run_row, .done = row_done, .loop = f->loop}, .id = id};
    meta_read(f->meta, &w.read);
    until(f, &w.done);
    assert_int_equal(w.read.err, 0);
    return w.extent;
}

/* Damages the whole slot in the volume's file. */
static void rot(struct fixture *f, int64_t id, uint32_t slot)
{
    struct extent e = row(f, id);
    struct group g;
    assert_int_equal(placement_group(f->placement, e.group_id, &g), 0);
    size_t len = (size_t)e.block_count * BLOCK_SIZE;
    uint8_t *junk = aligned_alloc(BLOCK_SIZE, len);
    assert_non_null(junk);
    memset(junk, 0x77, len);
    const struct volume *v = &f->store->volumes[g.slots[slot].volume_index];
    off_t off = (off_t)volume_chunk_off(f->store, g.slots[slot].chunk, (uint64_t)e.block * BLOCK_SIZE);
    assert_int_equal(pwrite(v->device.fd, junk, len, off), (ssize_t)len);
    free(junk);
    free(e.crcs);
}

static uint32_t slot_on(struct fixture *f, int64_t id, uint32_t volume_index)
{
    struct extent e = row(f, id);
    struct group g;
    free(e.crcs);
    assert_int_equal(placement_group(f->placement, e.group_id, &g), 0);
    for (uint32_t i = 0; i < 3; i++) {
        if (g.slots[i].volume_index == volume_index)
            return i;
    }
    return UINT32_MAX;
}

static uint32_t step_until_idle(struct fixture *f, int expected)
{
    uint32_t steps = 0;
    bool worked = true;
    for (int quiet = 0; quiet < 3; quiet = worked ? 0 : quiet + 1) {
        repair_wake(f->repair);
        int err = repair_step(f->repair, &worked);
        assert_true(err == 0 || err == expected);
        assert_true(++steps < 1000);
    }
    return steps;
}

static struct repair_status status(struct fixture *f)
{
    struct repair_status s;
    repair_status(f->repair, &s);
    return s;
}

static void assert_all_sound(struct fixture *f)
{
    uint64_t before = status(f).scrubs_finished;
    repair_scrub(f->repair);
    step_until_idle(f, 0);
    struct repair_status s = status(f);
    assert_int_equal(s.scrubs_finished, before + 1);
    assert_int_equal(s.scrub_extents, EXTENTS);
    assert_int_equal(s.scrub_bad, 0);
    for (int i = 0; i < EXTENTS; i++) {
        struct extent e = row(f, f->ids[i]);
        assert_int_equal(e.missing, 0);
        free(e.crcs);
    }
}

static void scrubs(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    assert_all_sound(&f);
    rot(&f, f.ids[0], 0);
    rot(&f, f.ids[3], 2);
    repair_scrub(f.repair);
    step_until_idle(&f, 0);
    assert_int_equal(status(&f).scrub_bad, 2);
    assert_int_equal(status(&f).scrub_still_bad, 0);
    assert_all_sound(&f);
    /* Beyond what parity can do: counted, and nothing is touched. */
    rot(&f, f.ids[1], 0);
    rot(&f, f.ids[1], 1);
    repair_scrub(f.repair);
    step_until_idle(&f, ERR_CORRUPT);
    assert_int_equal(status(&f).scrub_bad, 1);
    assert_int_equal(status(&f).scrub_still_bad, 1);
    assert_int_equal(status(&f).extents_unrecoverable, 1);
    assert_int_equal(status(&f).last_error, ERR_CORRUPT);
    fixture_close(&f);
}

static void scrub_goes_on_after_a_restart(void **state)
{
    (void)state;
    struct fixture f;
    bool worked;
    fixture_open(&f);
    repair_scrub(f.repair);
    assert_int_equal(repair_step(f.repair, &worked), 0);
    assert_true(status(&f).scrub_running);
    fixture_restart(&f);
    assert_false(status(&f).scrub_running);
    step_until_idle(&f, 0);
    assert_int_equal(status(&f).scrubs_finished, 1);
    /* Stopped: does not come back. */
    repair_scrub(f.repair);
    assert_int_equal(repair_step(f.repair, &worked), 0);
    repair_scrub_stop(f.repair);
    step_until_idle(&f, 0);
    assert_false(status(&f).scrub_running);
    fixture_restart(&f);
    step_until_idle(&f, 0);
    assert_int_equal(status(&f).scrubs_finished, 0);
    fixture_close(&f);
}

static void heals(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    for (uint32_t i = 0; i < 3; i++) {
        rot(&f, f.ids[i], i);
        set_missing(&f, f.ids[i], 1u << i);
    }
    step_until_idle(&f, 0);
    assert_int_equal(status(&f).extents_healed, 3);
    assert_all_sound(&f);
    fixture_close(&f);
}

static void set_state(struct fixture *f, uint32_t volume_index, enum volume_state state)
{
    atomic_store(&f->store->volumes[volume_index].state, state);
    placement_volumes_changed(f->placement);
}

static void leaves(uint32_t volume_index, enum volume_state state)
{
    struct fixture f;
    fixture_open(&f);
    uint32_t on_it = 0;
    for (int i = 0; i < EXTENTS; i++) {
        uint32_t slot = slot_on(&f, f.ids[i], volume_index);
        if (slot == UINT32_MAX)
            continue;
        on_it++;
        if (state == VOLUME_OUT) {
            rot(&f, f.ids[i], slot);
            set_missing(&f, f.ids[i], 1u << slot);
        }
    }
    assert_true(on_it > 0);
    set_state(&f, volume_index, state);
    step_until_idle(&f, 0);
    assert_true(status(&f).slots_moved > 0);
    assert_int_equal(status(&f).extents_moved, on_it);
    for (int i = 0; i < EXTENTS; i++)
        assert_int_equal(slot_on(&f, f.ids[i], volume_index), UINT32_MAX);
    assert_all_sound(&f);
    struct capacity c;
    assert_int_equal(placement_capacity(f.placement, &c), 0);
    assert_int_equal(c.volumes[volume_index].used_chunks, 0);
    set_state(&f, volume_index, VOLUME_IN);
    fixture_restart(&f); /* the rows say the same */
    for (int i = 0; i < EXTENTS; i++)
        assert_int_equal(slot_on(&f, f.ids[i], volume_index), UINT32_MAX);
    assert_all_sound(&f);
    fixture_close(&f);
}

/* A volume that some of the extents are on, and others are not; *ret_on: one that is. */
static uint32_t volume_of_some(struct fixture *f, int *ret_on)
{
    for (uint32_t volume = 0; volume < VOLUMES; volume++) {
        uint32_t on = 0;
        for (int i = 0; i < EXTENTS; i++) {
            if (slot_on(f, f->ids[i], volume) == UINT32_MAX)
                continue;
            *ret_on = i;
            on++;
        }
        if (on != 0 && on < EXTENTS)
            return volume;
    }
    fail();
    return 0;
}

static void take_all_chunks(struct fixture *f)
{
    uint32_t chunk;
    for (uint32_t i = 0; i < VOLUMES; i++)
        while (placement_take_volume_meta_chunks(f->placement, i, &chunk, 1) == 0)
            ;
}

struct look { struct extent_repair repair; bool done; };
static void looked(struct extent_repair *repair) { container_of(repair, struct look, repair)->done = true; }

/* No chunk is free: the extents go into the free space of other groups, and their group goes once nobody reads there. */
static void leaves_a_full_store(void **state)
{
    (void)state;
    struct fixture f;
    struct group g;
    int one = 0;
    fixture_open(&f);
    uint32_t volume = volume_of_some(&f, &one);
    struct extent before = row(&f, f.ids[one]);
    take_all_chunks(&f);
    assert_int_equal(placement_pin(f.placement, before.id), 0);
    set_state(&f, volume, VOLUME_DRAINING);
    for (int i = 0; i < 50; i++) {
        bool worked;
        int err = repair_step(f.repair, &worked);
        assert_true(err == 0 || err == ERR_NO_SPACE);
    }
    for (int i = 0; i < EXTENTS; i++)
        assert_int_equal(slot_on(&f, f.ids[i], volume), UINT32_MAX);
    assert_int_equal(placement_group(f.placement, before.group_id, &g), 0);
    struct look look = {.repair = {.extent = &before, .all = true, .done = looked}};
    extent_repair_start(f.placement, f.loop, &f.buffers, &look.repair);
    until(&f, &look.done);
    assert_int_equal(look.repair.err, 0);
    assert_int_equal(look.repair.bad, 0); /* still there for who found it there */
    placement_unpin(f.placement, before.id);
    step_until_idle(&f, 0);
    assert_int_equal(placement_group(f.placement, before.group_id, &g), ERR_NOT_FOUND);
    struct capacity c;
    assert_int_equal(placement_capacity(f.placement, &c), 0);
    assert_int_equal(c.volumes[volume].used_chunks, 0);
    assert_all_sound(&f);
    set_state(&f, volume, VOLUME_IN);
    fixture_restart(&f); /* the rows say the same */
    assert_int_equal(placement_group(f.placement, before.group_id, &g), ERR_NOT_FOUND);
    for (int i = 0; i < EXTENTS; i++)
        assert_int_equal(slot_on(&f, f.ids[i], volume), UINT32_MAX);
    assert_all_sound(&f);
    free(before.crcs);
    fixture_close(&f);
}

static uint32_t some_volume(void)
{
    struct fixture f;
    fixture_open(&f);
    uint32_t volume = 0;
    while (slot_on(&f, f.ids[0], volume) == UINT32_MAX)
        volume++;
    fixture_close(&f);
    return volume;
}

static void draining(void **state)
{
    (void)state;
    leaves(some_volume(), VOLUME_DRAINING);
}

static void lost(void **state)
{
    (void)state;
    leaves(some_volume(), VOLUME_OUT);
}

struct out_wait { struct meta_exclusive exclusive; uint32_t volume_index; bool done; };
static void out_done(struct meta_exclusive *x) { container_of(x, struct out_wait, exclusive)->done = true; }

static int run_out(struct meta *meta, struct loop *loop, struct meta_exclusive *exclusive)
{
    struct store_change change = {.count = 1};
    change.set[0].index = container_of(exclusive, struct out_wait, exclusive)->volume_index;
    change.set[0].state = VOLUME_OUT;
    change.set[0].mirror = MIRROR_NONE;
    return store_change(meta_store(meta), loop, &change);
}

static void readmits(void **state)
{
    (void)state;
    uint32_t volume = some_volume();
    struct fixture f;
    return_delay_us = 10000;
    fixture_open(&f);
    make_repair(&f, 3600ull * 1000000);
    struct out_wait out = {.exclusive = {.run = run_out, .done = out_done, .loop = f.loop}, .volume_index = volume};
    meta_exclusive(f.meta, &out.exclusive);
    until(&f, &out.done);
    assert_int_equal(out.exclusive.err, 0);
    placement_volumes_changed(f.placement);
    assert_int_equal(atomic_load(&f.store->volumes[volume].state), VOLUME_OUT);
    uint32_t behind = 0;
    for (int i = 0; i < EXTENTS; i++) {
        uint32_t slot = slot_on(&f, f.ids[i], volume);
        if (slot == UINT32_MAX)
            continue;
        rot(&f, f.ids[i], slot);
        set_missing(&f, f.ids[i], 1u << slot);
        behind++;
    }
    assert_true(behind > 0);
    const bool never = false;
    for (int i = 0; atomic_load(&f.store->volumes[volume].state) != VOLUME_IN; i++) {
        assert_true(i < 100000);
        step_until_idle(&f, 0);
        turn(&f, &never);
    }
    assert_int_equal(status(&f).volumes_readmitted, 1);
    assert_int_equal(status(&f).extents_healed, behind);
    assert_int_equal(status(&f).slots_moved, 0);
    assert_int_equal(atomic_load(&f.store->volumes[volume].state), VOLUME_IN);
    assert_all_sound(&f);
    fixture_restart(&f);
    assert_int_equal(atomic_load(&f.store->volumes[volume].state), VOLUME_IN);
    assert_all_sound(&f);
    fixture_close(&f);
    return_delay_us = 3600ull * 1000000;
}

struct stopper { struct task task; struct repair *repair; };
static void stop_task(struct task *task) { repair_stop(container_of(task, struct stopper, task)->repair); }

static void runs_and_stops(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct stopper stopper = {.task.run = stop_task, .repair = f.repair};
    repair_scrub(f.repair);
    loop_post(f.loop, &stopper.task); /* in the midst of the first extent */
    assert_int_equal(repair_run(f.repair), 0);
    make_repair(&f, 1);
    step_until_idle(&f, 0); /* and goes on */
    assert_int_equal(status(&f).scrubs_finished, 1);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scrubs), cmocka_unit_test(scrub_goes_on_after_a_restart), cmocka_unit_test(heals),
        cmocka_unit_test(draining), cmocka_unit_test(lost), cmocka_unit_test(leaves_a_full_store), cmocka_unit_test(readmits), cmocka_unit_test(runs_and_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
