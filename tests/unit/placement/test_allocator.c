/* Chunks, groups, blocks, pins and capacity, without I/O (worlds with no buffers have no disks). */
#include <stdlib.h>
#include <string.h>

#include <stdio.h>
#include "fake.h"
#include "placement/extent_layout.h"
#include "placement/placement_private.h"

#define CHUNK (4u << 20)
#define BLOCKS (CHUNK / BLOCK_SIZE)

/* No two live extents overlap, and none lies on the chunk header. */
static void assert_disjoint(struct world *w, const struct extent *extra, uint32_t extra_count)
{
    uint32_t groups = (uint32_t)w->next_id;
    uint8_t *taken = calloc(groups, BLOCKS);
    assert_non_null(taken);
    for (uint32_t i = 0; i < w->committed_count + extra_count; i++) {
        const struct extent *e = i < w->committed_count ? &w->committed[i] : &extra[i - w->committed_count];
        assert_true(e->block >= 1 && e->block + e->block_count <= BLOCKS);
        for (uint32_t b = e->block; b < e->block + e->block_count; b++) {
            uint8_t *t = &taken[e->group_id * BLOCKS + b];
            assert_int_equal(*t, 0);
            *t = 1;
        }
    }
    free(taken);
}

static void random_reserve_commit_free_pin(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        struct world w;
        world_init(&w, 4, 2, 7, CHUNK, 12, NULL, 0);
        w.seed = (uint64_t)round;
        struct extent pinned[64];
        uint32_t pinned_count = 0, no_space = 0;
        for (int step = 0; step < 3000; step++) {
            uint64_t what = world_random(&w) % 10;
            struct extent e;
            if (what < 6) {
                int err = world_reserve(&w, 1 + world_random(&w) % (round % 2 ? 3000000 : 200000), &e);
                no_space += err == ERR_NO_SPACE;
                assert_true(err == 0 || err == ERR_NO_SPACE);
                if (err)
                    continue;
                if (world_random(&w) % 4 == 0)
                    placement_release(w.placement, &e);
                else
                    world_commit(&w, &e);
            } else if (what < 8 && w.committed_count) {
                e = w.committed[world_random(&w) % w.committed_count];
                if (pinned_count < 64 && world_random(&w) % 3 == 0) {
                    assert_int_equal(placement_pin(w.placement, e.id), 0);
                    pinned[pinned_count++] = e; /* freed, and still read */
                }
                world_delete(&w, &e);
            } else if (pinned_count) {
                placement_unpin(w.placement, pinned[--pinned_count].id);
            }
            if (step % 100 == 0)
                assert_disjoint(&w, pinned, pinned_count);
        }
        assert_disjoint(&w, pinned, pinned_count);
        assert_true(round % 2 == 0 || no_space > 0);
        while (pinned_count)
            placement_unpin(w.placement, pinned[--pinned_count].id);
        while (w.committed_count)
            world_delete(&w, &w.committed[0]);
        struct capacity c;
        assert_int_equal(placement_capacity(w.placement, &c), 0);
        assert_int_equal(c.used, 0);
        assert_int_equal(c.usable, c.available);
        world_fini(&w);
    }
}

static uint64_t fill_up(struct world *w, uint64_t len_max)
{
    uint64_t filled = 0;
    for (;;) {
        struct extent e;
        uint64_t len = len_max;
        int err = world_reserve(w, len, &e);
        if (err) {
            assert_int_equal(err, ERR_NO_SPACE);
            return filled;
        }
        filled += e.len;
        world_commit(w, &e);
    }
}

/* More groups than can be open, each left with a little less than an extent needs: they must not be loaded in turn for ever. */
static void leftovers_of_many_groups_are_used(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 4, 2, 6, CHUNK, 2 * OPEN_GROUPS_MAX + 20, NULL, 0);
    struct capacity before;
    assert_int_equal(placement_capacity(w.placement, &before), 0);
    uint64_t filled = fill_up(&w, 4u << 20); /* three to a group, and 255 blocks over */
    assert_true(filled > before.available / 100 * 97);
    world_fini(&w);
}

static void capacity_is_what_can_be_filled(void **state)
{
    (void)state;
    static const uint8_t shapes[][2] = {{4, 2}, {2, 1}, {8, 3}, {1, 2}, {6, 0}};
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct world w;
        struct world dice = {.seed = seed};
        uint8_t k = shapes[seed % 5][0], m = shapes[seed % 5][1];
        uint32_t n = k + m + (uint32_t)(world_random(&dice) % 5), counts[VOLUMES_MAX];
        for (uint32_t i = 0; i < n; i++)
            counts[i] = 4 + (uint32_t)(world_random(&dice) % (seed % 3 ? 60 : 600));
        world_init(&w, k, m, n, CHUNK, 0, counts, 0);
        struct capacity before, after;
        assert_int_equal(placement_capacity(w.placement, &before), 0);
        assert_int_equal(before.used, 0);
        assert_true(before.available <= before.raw);
        uint64_t filled = fill_up(&w, seed % 2 ? EXTENT_LEN_MAX : (uint64_t)k * 131072);
        double ratio = (double)filled / (double)before.available;
        assert_true(ratio > 0.97 && ratio < 1.03);
        assert_int_equal(placement_capacity(w.placement, &after), 0);
        assert_true(after.used >= filled && after.used - filled <= filled / 100); /* blocks, rounded up */
        assert_true(after.available * 100 <= filled * 3);
        world_fini(&w);
    }
}

static void reserve_is_left(void **state)
{
    (void)state;
    struct world w;
    struct capacity c;
    uint32_t chunks[VOLUMES_MAX];
    world_init(&w, 4, 2, 6, CHUNK, 20, NULL, 0);
    assert_true(fill_up(&w, 1 << 20) > 0);
    assert_int_equal(placement_capacity(w.placement, &c), 0);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(c.volumes[i].free_chunks, 2);
    /* The metadata may have it, a slot that is rebuilt as well; chunks are not handed out twice. */
    assert_int_equal(placement_take_meta_chunks(w.placement, chunks), 0);
    assert_int_equal(chunks[6], UINT32_MAX);
    assert_int_equal(placement_take_meta_chunks(w.placement, chunks), 0);
    assert_int_equal(placement_take_meta_chunks(w.placement, chunks), ERR_NO_SPACE);
    assert_int_equal(placement_capacity(w.placement, &c), 0);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(c.volumes[i].free_chunks, 0);
        assert_int_equal(c.volumes[i].meta_chunks, 2);
        assert_int_equal(c.volumes[i].used_chunks, 18);
    }
    world_fini(&w);
}

static void meta_chunks_are_all_or_none(void **state)
{
    (void)state;
    struct world w;
    struct capacity c;
    uint32_t chunks[VOLUMES_MAX], counts[3] = {1, 1, 5};
    world_init(&w, 1, 2, 3, CHUNK, 0, counts, 0);
    atomic_store(&w.store.volumes[2].mirror, MIRROR_NONE);
    assert_int_equal(placement_take_meta_chunks(w.placement, chunks), 0);
    assert_int_equal(chunks[2], UINT32_MAX);
    atomic_store(&w.store.volumes[2].mirror, MIRROR_CURRENT);
    assert_int_equal(placement_take_meta_chunks(w.placement, chunks), ERR_NO_SPACE);
    assert_int_equal(placement_capacity(w.placement, &c), 0);
    assert_int_equal(c.volumes[2].free_chunks, 5);
    for (uint32_t i = 0; i < 3; i++)
        atomic_store(&w.store.volumes[i].mirror, MIRROR_NONE);
    assert_int_equal(placement_take_meta_chunks(w.placement, chunks), ERR_QUORUM);
    world_fini(&w);
}

/* Volumes out: narrower groups with all parity, on the others; below one data slot nothing. */
static void volumes_out(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    struct group g;
    world_init(&w, 4, 2, 6, CHUNK, 40, NULL, 0);
    for (uint32_t out = 0; out < 6; out++) {
        assert_int_equal(world_reserve(&w, 100000, &e), out <= 3 ? 0 : ERR_QUORUM);
        if (out <= 3) {
            assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
            assert_int_equal(g.data_count, 4 - out);
            assert_int_equal(g.parity_count, 2);
            for (uint32_t i = 0; i < (uint32_t)g.data_count + 2; i++)
                assert_true(g.slots[i].volume_index >= out);
            world_commit(&w, &e);
        }
        struct capacity c;
        assert_int_equal(placement_capacity(w.placement, &c), 0);
        assert_int_equal(c.can_lose, out < 2 ? 2 - out : 0);
        atomic_store(&w.store.volumes[out].state, out % 2 ? VOLUME_OUT : VOLUME_OFFLINE);
        placement_volumes_changed(w.placement);
    }
    for (uint32_t i = 0; i < 6; i++)
        atomic_store(&w.store.volumes[i].state, VOLUME_IN);
    placement_volumes_changed(w.placement);
    assert_int_equal(world_reserve(&w, 100000, &e), 0);
    assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
    assert_int_equal(g.data_count, 4); /* wide again */
    placement_release(w.placement, &e);
    world_fini(&w);
}

/* A suspect volume is avoided at once, but not past the quorum. */
static void suspect_volumes(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    struct group g;
    world_init(&w, 2, 1, 4, CHUNK, 40, NULL, 0);
    atomic_store(&w.store.volumes[1].suspect_since_us, 5);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(world_reserve(&w, 1 << 20, &e), 0);
        assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
        for (uint32_t s = 0; s < 3; s++)
            assert_true(g.slots[s].volume_index != 1);
        world_commit(&w, &e);
    }
    for (uint32_t i = 0; i < 4; i++)
        atomic_store(&w.store.volumes[i].suspect_since_us, 5);
    assert_int_equal(world_reserve(&w, 1 << 20, &e), 0);
    placement_release(w.placement, &e);
    world_fini(&w);
}

static void domains(void **state)
{
    (void)state;
    struct world w;
    struct group g;
    world_init(&w, 2, 1, 6, CHUNK, 40, NULL, 0);
    for (uint32_t i = 0; i < 6; i++)
        snprintf(w.store.volumes[i].label, LABEL_SIZE, "rack%u", i / 2);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(placement_plan_group(w.placement, &g), 0);
        uint32_t racks = 0;
        for (uint32_t s = 0; s < 3; s++)
            racks |= 1u << g.slots[s].volume_index / 2;
        assert_int_equal(racks, 7); /* one each */
        g.id = 100 + i;
        assert_int_equal(placement_load_group(w.placement, &g), 0);
    }
    /* A slot that moves stays apart from the others, too. */
    struct group_slot to;
    assert_int_equal(placement_plan_slot(w.placement, g.id, 1, false, &to), 0);
    assert_int_equal(to.volume_index / 2, g.slots[1].volume_index / 2);
    assert_true(to.volume_index != g.slots[1].volume_index);
    placement_drop_chunk(w.placement, to);
    /* Two racks left: three slots must share one. */
    atomic_store(&w.store.volumes[0].state, VOLUME_OUT);
    atomic_store(&w.store.volumes[1].state, VOLUME_OUT);
    assert_int_equal(placement_plan_group(w.placement, &g), 0);
    assert_int_equal(g.data_count, 2);
    placement_drop_group(w.placement, &g);
    world_fini(&w);
}

static void loading_checks_rows(void **state)
{
    (void)state;
    struct world w;
    struct group g, bad;
    world_init(&w, 2, 1, 4, CHUNK, 10, NULL, 0);
    assert_int_equal(placement_plan_group(w.placement, &g), 0);
    g.id = 5;
    bad = g, bad.slots[0].chunk = 10;
    assert_int_equal(placement_load_group(w.placement, &bad), ERR_CORRUPT);
    bad = g, bad.slots[0].volume_index = 64;
    assert_int_equal(placement_load_group(w.placement, &bad), ERR_CORRUPT);
    bad = g, bad.slots[0] = bad.slots[1];
    assert_int_equal(placement_load_group(w.placement, &bad), ERR_CORRUPT);
    bad = g, bad.matrix = 2;
    assert_int_equal(placement_load_group(w.placement, &bad), ERR_CORRUPT);
    bad = g, bad.free_blocks = BLOCKS;
    assert_int_equal(placement_load_group(w.placement, &bad), ERR_CORRUPT);
    assert_int_equal(placement_load_group(w.placement, &g), 0);
    bad = g, bad.id = 6; /* the same chunks in two groups */
    assert_int_equal(placement_load_group(w.placement, &bad), ERR_CORRUPT);
    bad = g, bad.data_count = 1, bad.slots[0].chunk = 9, bad.slots[1].chunk = 9;
    assert_int_equal(placement_load_group(w.placement, &bad), ERR_CORRUPT); /* the same id twice */
    const struct block_run overlapping[] = {{1, 10}, {5, 3}}, outside[] = {{1000, 100}}, header[] = {{0, 1}};
    assert_int_equal(placement_open_group(w.placement, 5, overlapping, 2), ERR_CORRUPT);
    assert_int_equal(placement_open_group(w.placement, 5, outside, 1), ERR_CORRUPT);
    assert_int_equal(placement_open_group(w.placement, 5, header, 1), ERR_CORRUPT);
    assert_int_equal(placement_open_group(w.placement, 6, NULL, 0), ERR_NOT_FOUND);
    assert_int_equal(placement_open_group(w.placement, 5, NULL, 0), 0);
    world_fini(&w);
}

static void pins_of_freed_extents(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    world_init(&w, 2, 1, 3, CHUNK, 10, NULL, 0);
    for (int pinned = 0; pinned < 2; pinned++) {
        assert_int_equal(world_reserve(&w, 1000, &e), 0);
        world_commit(&w, &e);
        if (pinned)
            assert_int_equal(placement_pin(w.placement, e.id), 0);
        world_delete(&w, &e);
        if (pinned) {
            assert_int_equal(placement_pin(w.placement, e.id), 0); /* held yet */
            placement_unpin(w.placement, e.id);
            placement_unpin(w.placement, e.id);
        }
        assert_int_equal(placement_pin(w.placement, e.id), ERR_STALE);
    }
    world_fini(&w);
}

/* The writer keeps a suspect volume that it cannot do without: good answers clear it. */
/* The place a moved extent had is free when those have gone who may read it there; the extent is as alive as before. */
static void pins_of_moved_extents(void **state)
{
    (void)state;
    struct world w;
    struct extent e, to;
    struct group g;
    int64_t empty;
    world_init(&w, 2, 1, 4, CHUNK, 10, NULL, 0);
    assert_int_equal(world_reserve(&w, 1000, &e), 0);
    assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
    uint32_t all = g.free_blocks;
    world_commit(&w, &e);
    for (int pinned = 0; pinned < 2; pinned++) {
        assert_int_equal(placement_close_group(w.placement, e.group_id), 0);
        assert_int_equal(world_reserve(&w, 1000, &to), 0);
        assert_true(to.group_id != e.group_id);
        placement_commit(w.placement, &to);
        if (pinned)
            assert_int_equal(placement_pin(w.placement, e.id), 0);
        placement_free_moved(w.placement, &e);
        assert_int_equal(placement_reopen_group(w.placement, e.group_id), 0);
        assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
        assert_int_equal(g.free_blocks, pinned ? all - e.block_count : all);
        assert_int_equal(placement_pin(w.placement, e.id), 0); /* of a new reader, at the new place */
        placement_unpin(w.placement, e.id);
        if (pinned)
            placement_unpin(w.placement, e.id);
        assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
        assert_int_equal(g.free_blocks, all);
        to.id = e.id;
        e = to;
    }
    /* Whatever holds nothing goes; the group of the extent stays. */
    while (placement_close_empty_group(w.placement, &empty)) {
        assert_true(empty != e.group_id);
        assert_int_equal(placement_remove_group(w.placement, empty), 0);
    }
    assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
    w.committed[0] = e;
    world_fini(&w);
}

/* A group that is to be loaded goes before it is: nobody waits for it in vain, and nobody gets an error. */
static void a_wanted_group_goes(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    struct placement_want want;
    world_init(&w, 2, 1, 3, CHUNK, 10, NULL, 0);
    struct group g = {.id = 70, .data_count = 2, .parity_count = 1, .matrix = 1, .free_blocks = CHUNK / BLOCK_SIZE - 1,
                      .slots = {{0, 1}, {1, 1}, {2, 1}}};
    assert_int_equal(placement_load_group(w.placement, &g), 0);
    assert_int_equal(placement_reserve(w.placement, 1000, &e), ERR_WOULD_BLOCK);
    assert_true(placement_take_want(w.placement, &want));
    assert_int_equal(want.load_group_id, 70);
    int64_t empty;
    assert_true(placement_close_empty_group(w.placement, &empty));
    assert_int_equal(empty, 70);
    assert_int_equal(placement_remove_group(w.placement, 70), 0);
    assert_int_equal(placement_open_group(w.placement, 70, NULL, 0), ERR_NOT_FOUND);
    assert_int_equal(world_reserve(&w, 1000, &e), 0); /* in a new one */
    placement_release(w.placement, &e);
    world_fini(&w);
}

static void suspicion(void **state)
{
    (void)state;
    struct volume_health h = {0};
    struct volume v = {.present = true};
    atomic_store(&v.state, VOLUME_IN);
    for (int i = 0; i < 100; i++) { /* one bad read among many good ones is forgiven */
        volume_health_read_done(&h, &v, 1000, 500, i % 10 ? 0 : ERR_IO);
    }
    assert_int_equal(v.suspect_since_us, 0);
    for (int i = 0; i < 16; i++)
        volume_health_late_read(&h, &v, 2000);
    assert_int_equal(v.suspect_since_us, 2000);
    volume_health_read_done(&h, &v, 3000, 500, 0);
    assert_int_equal(v.suspect_since_us, 2000); /* not decided yet */
    atomic_store(&v.suspect_since_us, 900000);
    volume_health_write_done(&h, &v, 4000, WRITE_DEADLINE_US, 0);
    assert_int_equal(v.suspect_since_us, 900000); /* slow is not good */
    volume_health_write_done(&h, &v, 4000, 500, 0);
    assert_int_equal(v.suspect_since_us, 0);
    volume_health_write_done(&h, &v, 5000, 500, ERR_IO);
    assert_int_equal(v.suspect_since_us, 5000);
    assert_int_equal(v.write_errors, 1);
    assert_int_equal(v.read_errors, 10);
    assert_true(volume_health_write_avoid(&v));
}

struct waiter { struct placement_waiter waiter; uint32_t runs; };
static void woken(struct task *t) { container_of(t, struct waiter, waiter.task)->runs++; }

static void waiters(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    struct placement_want want;
    world_init(&w, 2, 1, 3, CHUNK, 10, NULL, 0);
    struct waiter a = {.waiter = {.loop = &w.loop, .task.run = woken}}, b = a;
    assert_false(placement_take_want(w.placement, &want));
    assert_int_equal(placement_reserve(w.placement, 1000, &e), ERR_WOULD_BLOCK);
    assert_true(w.want_notified);
    placement_wait(w.placement, &a.waiter);
    placement_wait(w.placement, &b.waiter);
    world_run_for(&w, 10);
    assert_int_equal(a.runs, 0);
    assert_true(placement_take_want(w.placement, &want));
    assert_true(want.new_group);
    assert_false(placement_take_want(w.placement, &want));
    /* It cannot be done: each waiter is told once. */
    placement_fail_want(w.placement, ERR_IO);
    world_run_for(&w, 10);
    assert_int_equal(a.runs, 1);
    assert_int_equal(b.runs, 1);
    assert_int_equal(placement_reserve(w.placement, 1000, &e), ERR_IO);
    assert_int_equal(placement_reserve(w.placement, 1000, &e), ERR_IO);
    assert_int_equal(placement_reserve(w.placement, 1000, &e), ERR_WOULD_BLOCK);
    placement_wait(w.placement, &a.waiter);
    placement_wait(w.placement, &b.waiter);
    placement_wait_cancel(w.placement, &b.waiter);
    world_serve_wants(&w);
    world_run_for(&w, 10);
    assert_int_equal(a.runs, 2);
    assert_int_equal(b.runs, 1);
    assert_int_equal(placement_reserve(w.placement, 1000, &e), 0);
    placement_release(w.placement, &e);
    world_serve_wants(&w);
    /* Answered between reserve and wait: woken at once. */
    placement_wait(w.placement, &a.waiter);
    world_run_for(&w, 10);
    assert_int_equal(a.runs, 3);
    world_fini(&w);
}

static void moving_and_removing(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    struct group g, now;
    struct group_slot to;
    struct capacity c;
    uint32_t reserved;
    world_init(&w, 2, 1, 4, CHUNK, 10, NULL, 0);
    assert_int_equal(world_reserve(&w, 1000, &e), 0);
    assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
    assert_int_equal(placement_close_group(w.placement, g.id), 0);
    assert_int_equal(placement_group_reserved(w.placement, g.id, &reserved), 0);
    assert_int_equal(reserved, 1);
    assert_int_equal(placement_remove_group(w.placement, g.id), ERR_BUSY);
    world_commit(&w, &e);
    assert_int_equal(placement_group_reserved(w.placement, g.id, &reserved), 0);
    assert_int_equal(reserved, 0);
    struct extent other;
    assert_int_equal(world_reserve(&w, 1000, &other), 0);
    assert_true(other.group_id != g.id); /* closed */
    placement_release(w.placement, &other);

    assert_int_equal(placement_plan_slot(w.placement, g.id, 0, false, &to), 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(to.volume_index != g.slots[i].volume_index);
    /* A write to the old chunk has not returned: the chunk stays out of use until it has. */
    assert_int_equal(placement_writes_begin(w.placement, &g, 1, NULL), 1);
    assert_int_equal(placement_move_slot(w.placement, g.id, 0, to), 0);
    assert_int_equal(placement_writes_begin(w.placement, &g, 1, NULL), 0);
    uint32_t from = g.slots[0].volume_index;
    assert_int_equal(placement_capacity(w.placement, &c), 0);
    uint32_t free_before = c.volumes[from].free_chunks;
    placement_writes_end(w.placement, &g, 1);
    assert_int_equal(placement_capacity(w.placement, &c), 0);
    assert_int_equal(c.volumes[from].free_chunks, free_before + 1);
    assert_int_equal(placement_group(w.placement, g.id, &now), 0);
    assert_int_equal(now.slots[0].volume_index, to.volume_index);
    assert_int_equal(placement_move_slot(w.placement, g.id, 1, to), ERR_CORRUPT);
    assert_int_equal(placement_move_slot(w.placement, g.id, 9, to), ERR_NOT_FOUND);
    assert_int_equal(placement_plan_slot(w.placement, 999, 0, false, &to), ERR_NOT_FOUND);

    assert_int_equal(placement_reopen_group(w.placement, g.id), 0);
    world_delete(&w, &e);
    assert_int_equal(placement_remove_group(w.placement, g.id), 0);
    assert_int_equal(placement_remove_group(w.placement, g.id), ERR_NOT_FOUND);
    assert_int_equal(placement_close_group(w.placement, g.id), ERR_NOT_FOUND);
    assert_int_equal(placement_group(w.placement, g.id, &now), ERR_NOT_FOUND);
    world_fini(&w);
}

/* What the repair does: a slot of a group that is not on the emptiest goes there. Returns the moves. */
static uint32_t move_until_even(struct world *w)
{
    uint32_t moves = 0, from, to;
    while (placement_uneven(w->placement, &from, &to)) {
        assert_int_equal(to, 3);
        bool moved = false;
        for (int64_t id = 1; id < w->next_id && !moved; id++) {
            struct group g;
            struct group_slot at;
            if (placement_group(w->placement, id, &g) != 0)
                continue;
            uint32_t slot = UINT32_MAX;
            bool there = false;
            for (uint32_t s = 0; s < (uint32_t)g.data_count + g.parity_count; s++) {
                slot = g.slots[s].volume_index == from ? s : slot;
                there |= g.slots[s].volume_index == to;
            }
            if (slot == UINT32_MAX || there)
                continue;
            assert_int_equal(placement_plan_slot(w->placement, id, slot, false, &at), 0);
            assert_int_equal(at.volume_index, to);
            assert_int_equal(placement_move_slot(w->placement, id, slot, at), 0);
            moved = true;
        }
        assert_true(moved && ++moves < 40);
    }
    return moves;
}

/* Added and grown volumes are of use at once: also one beside full ones, together with what those keep. */
static void volumes_grow(void **state)
{
    (void)state;
    struct world w;
    struct capacity before, after;
    world_init(&w, 2, 1, 3, CHUNK, 12, NULL, 0);
    assert_true(fill_up(&w, 1 << 20) > 0);
    for (uint32_t i = 0; i < 3; i++)
        w.store.volumes[i].chunk_count = 20;
    placement_volumes_changed(w.placement);
    assert_int_equal(placement_capacity(w.placement, &before), 0);
    assert_true(before.available > 0);
    uint64_t filled = fill_up(&w, 1 << 20);
    assert_true(filled > before.available * 97 / 100 && filled <= before.available);
    struct volume *v = &w.store.volumes[3];
    v->index = 3;
    v->present = true;
    v->chunk_count = 30;
    v->uuid.bytes[0] = 9;
    atomic_store(&v->state, VOLUME_IN);
    w.store.volume_slots = 4;
    placement_volumes_changed(w.placement);
    assert_int_equal(placement_capacity(w.placement, &after), 0);
    assert_int_equal(after.volumes[3].free_chunks, 30);
    assert_true(move_until_even(&w) > 0);
    assert_true(fill_up(&w, 1 << 20) > 0);
    world_fini(&w);
}

static void spaces(void **state)
{
    (void)state;
    struct group_space *s;
    uint32_t block, count;
    assert_int_equal(group_space_new(200, &s), 0);
    assert_int_equal(s->free_count, 199);
    assert_false(group_space_take(s, 200, &block));
    assert_true(group_space_take(s, 199, &block));
    assert_int_equal(block, 1);
    assert_false(group_space_take(s, 1, &block));
    group_space_give(s, 60, 10);
    group_space_give(s, 128, 72);
    assert_int_equal(s->free_count, 82);
    assert_true(group_space_take(s, 10, &block));
    group_space_give(s, block, 10);
    assert_false(group_space_take(s, 73, &block));
    assert_int_equal(s->longest, 72);
    group_space_take_longest(s, 100, &block, &count);
    assert_int_equal(block, 128);
    assert_int_equal(count, 72);
    group_space_take_longest(s, 4, &block, &count);
    assert_int_equal(block, 60);
    assert_int_equal(count, 4);
    assert_int_equal(group_space_mark(s, 64, 6), 0);
    assert_int_equal(group_space_mark(s, 64, 1), ERR_CORRUPT);
    group_space_take_longest(s, 4, &block, &count);
    assert_int_equal(count, 0);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spaces), cmocka_unit_test(random_reserve_commit_free_pin),
        cmocka_unit_test(leftovers_of_many_groups_are_used), cmocka_unit_test(capacity_is_what_can_be_filled), cmocka_unit_test(reserve_is_left),
        cmocka_unit_test(meta_chunks_are_all_or_none), cmocka_unit_test(volumes_out),
        cmocka_unit_test(suspect_volumes), cmocka_unit_test(domains), cmocka_unit_test(loading_checks_rows),
        cmocka_unit_test(waiters), cmocka_unit_test(pins_of_freed_extents),
        cmocka_unit_test(pins_of_moved_extents), cmocka_unit_test(a_wanted_group_goes), cmocka_unit_test(suspicion), cmocka_unit_test(moving_and_removing), cmocka_unit_test(volumes_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
