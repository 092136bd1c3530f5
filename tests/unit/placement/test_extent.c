/* Writing and reading extents over sound and faulty disks. */
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "placement/extent_layout.h"
#include "placement/volume_health.h"

#define DATA_LEN EXTENT_LEN_MAX
static uint8_t *data, *out;

static int setup(void **state)
{
    (void)state;
    data = malloc(DATA_LEN);
    out = malloc(DATA_LEN);
    if (!data || !out)
        return -1;
    fill_random(data, DATA_LEN, 7);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(data);
    free(out);
    return 0;
}

static void read_back(struct world *w, const struct extent *e, uint64_t len)
{
    for (uint64_t off = 0; off < len; off += EXTENT_WINDOW_MAX) {
        uint32_t n = len - off < EXTENT_WINDOW_MAX ? (uint32_t)(len - off) : EXTENT_WINDOW_MAX;
        memset(out, 0, n);
        assert_int_equal(world_read(w, e, off, n, out), 0);
        assert_memory_equal(out, data + off, n);
    }
}

static void round_trips(uint8_t k, uint8_t m)
{
    static const uint64_t lens[] = {1, 4095, 4096, 4097, 65535, 65536, 65537, 262144, 300000, 1048576, 1048577, 4000000};
    struct world w;
    world_init(&w, k, m, k + m, 8u << 20, 16, NULL, 64);
    for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct extent e;
        assert_int_equal(world_reserve(&w, lens[i], &e), 0);
        uint64_t len = e.len;
        assert_int_equal(world_write(&w, &e, data, len, 100000), 0);
        assert_int_equal(e.missing, 0);
        assert_int_equal(e.len, len);
        world_commit(&w, &e);
        read_back(&w, &e, len);
        for (int j = 0; j < 20; j++) {
            uint64_t off = world_random(&w) % len;
            uint32_t n = (uint32_t)(1 + world_random(&w) % (len - off < EXTENT_WINDOW_MAX ? len - off : EXTENT_WINDOW_MAX));
            assert_int_equal(world_read(&w, &e, off, n, out), 0);
            assert_memory_equal(out, data + off, n);
        }
        free(e.crcs);
    }
    world_fini(&w);
}

static void every_shape_round_trips(void **state)
{
    (void)state;
    round_trips(4, 2);
    round_trips(1, 0);
    round_trips(1, 2);
    round_trips(2, 1);
    round_trips(3, 2);
    round_trips(16, 4);
    round_trips(5, 3);
}

/* Less is put than was reserved: the last stripe, laid out for more, is laid out anew and the rest given back. */
static void short_extents(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 4, 2, 6, 8u << 20, 16, NULL, 64);
    for (int i = 0; i < 200; i++) {
        struct extent e;
        uint64_t reserve_len = 1 + world_random(&w) % (3u << 20);
        struct capacity before, after;
        assert_int_equal(placement_capacity(w.placement, &before), 0);
        assert_int_equal(world_reserve(&w, reserve_len, &e), 0);
        uint64_t len = 1 + world_random(&w) % e.len;
        assert_int_equal(world_write(&w, &e, data, len, 1 + world_random(&w) % 300000), 0);
        assert_int_equal(e.len, len);
        struct extent_layout l;
        extent_layout_init(&l, 4, 2, EXTENT_UNIT_SHIFT, len);
        assert_int_equal(e.block_count, extent_block_count(&l));
        assert_int_equal(e.crc_count, extent_crc_count(&l));
        world_commit(&w, &e);
        read_back(&w, &e, len);
        world_delete(&w, &e);
        assert_int_equal(placement_capacity(w.placement, &after), 0);
        assert_int_equal(after.used, 0);
        free(e.crcs);
    }
    world_fini(&w);
}

static void nothing_put(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    uint32_t reserved = 1;
    world_init(&w, 4, 2, 6, 8u << 20, 16, NULL, 64);
    assert_int_equal(world_reserve(&w, 100000, &e), 0);
    assert_int_equal(world_write(&w, &e, data, 0, 1), ERR_INVALID);
    assert_int_equal(e.block_count, 0);
    assert_int_equal(placement_group_reserved(w.placement, e.group_id, &reserved), 0);
    assert_int_equal(reserved, 0);
    free(e.crcs);
    world_fini(&w);
}

static void small_reads_touch_few_bytes(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    world_init(&w, 4, 2, 6, 8u << 20, 16, NULL, 64);
    assert_int_equal(world_reserve(&w, 8u << 20, &e), 0);
    assert_int_equal(world_write(&w, &e, data, e.len, 1 << 20), 0);
    world_commit(&w, &e);
    for (uint32_t i = 0; i < 6; i++)
        w.disks[i].read_bytes = 0;
    assert_int_equal(world_read(&w, &e, 1234567, 4096, out), 0);
    assert_memory_equal(out, data + 1234567, 4096);
    uint64_t read = 0;
    for (uint32_t i = 0; i < 6; i++)
        read += w.disks[i].read_bytes;
    assert_true(read <= 2 * EXTENT_UNIT_LEN);
    free(e.crcs);
    world_fini(&w);
}

/* A 64 KiB object costs one write of 16 KiB per slot, and one slab. */
static void small_extents_are_cheap(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    world_init(&w, 4, 2, 6, 8u << 20, 16, NULL, 1);
    assert_int_equal(world_reserve(&w, 65536, &e), 0);
    uint32_t before = 0, after = 0;
    for (uint32_t i = 0; i < 6; i++)
        before += w.disks[i].write_count;
    assert_int_equal(world_write(&w, &e, data, 65536, 65536), 0);
    for (uint32_t i = 0; i < 6; i++)
        after += w.disks[i].write_count;
    assert_int_equal(after - before, 6);
    assert_int_equal(e.block_count, 4);
    world_commit(&w, &e);
    assert_int_equal(world_read(&w, &e, 0, 65536, out), 0);
    assert_memory_equal(out, data, 65536);
    free(e.crcs);
    world_fini(&w);
}

/* --- faults of reads --- */

enum fault { FAULT_MISSING, FAULT_EIO, FAULT_ROT, FAULT_HANG, FAULT_SLOW, FAULT_OUT, FAULT_GONE, FAULT_COUNT };

static void inject(struct world *w, struct extent *e, const struct group *g, uint32_t slot, enum fault fault)
{
    uint32_t v = g->slots[slot].volume_index;
    struct fake_disk *d = &w->disks[v];
    if (fault == FAULT_MISSING)
        e->missing |= 1u << slot;
    if (fault == FAULT_OUT)
        atomic_store(&w->store.volumes[v].state, VOLUME_OUT);
    if (fault == FAULT_GONE)
        w->store.volumes[v].present = false;
    d->fail_reads = fault == FAULT_EIO;
    d->hang_reads = fault == FAULT_HANG;
    d->read_delay_us = fault == FAULT_SLOW ? 1000000 : 0;
    /* What lies in a missing slot, or on a volume that is behind, is not the extent's. */
    bool wrong = fault == FAULT_ROT || fault == FAULT_MISSING || fault == FAULT_OUT;
    for (uint64_t off = 0; wrong && off < (uint64_t)e->block_count * BLOCK_SIZE; off += 4096)
        world_rot(w, e, slot, off);
}

static void read_with_faults(uint8_t k, uint8_t m, uint32_t slots, enum fault fault, bool tolerable)
{
    struct world w;
    struct extent e;
    struct group g;
    const uint64_t len = 700001;
    world_init(&w, k, m, k + m, 4u << 20, 4, NULL, 64);
    assert_int_equal(world_reserve(&w, len, &e), 0);
    assert_int_equal(e.len, len);
    assert_int_equal(world_write(&w, &e, data, len, len), 0);
    world_commit(&w, &e);
    assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
    for (uint32_t i = 0; i < (uint32_t)k + m; i++) {
        if (slots & 1u << i)
            inject(&w, &e, &g, i, fault);
    }
    memset(out, 0, len);
    uint64_t begun = w.now_us;
    int err = world_read(&w, &e, 0, (uint32_t)len, out);
    if (tolerable) {
        assert_int_equal(err, 0);
        assert_memory_equal(out, data, len);
        assert_true(w.now_us - begun < 100000); /* simulated: hedged, never waiting for the slow or hung */
    } else if (fault == FAULT_SLOW) {
        assert_int_equal(err, 0); /* waited for */
        assert_memory_equal(out, data, len);
    } else {
        assert_true(err == ERR_IO || err == ERR_CORRUPT);
    }
    if (tolerable && fault == FAULT_ROT) {
        /* What was rotten and read has been put back; nothing else changed. */
        world_run_for(&w, 1000);
        for (uint32_t i = 0; i < (uint32_t)k + m; i++) {
            struct volume *v = &w.store.volumes[g.slots[i].volume_index];
            bool read = slots & 1u << i && i < k;
            assert_true(!read || v->repaired_units > 0);
            assert_int_equal(v->corrupt_units, v->repaired_units);
        }
    }
    free(e.crcs);
    world_fini(&w);
}

static void every_fault_of_reads(void **state)
{
    (void)state;
    static const uint8_t shapes[][2] = {{4, 2}, {1, 1}, {2, 2}, {3, 3}};
    for (unsigned s = 0; s < 4; s++) {
        uint8_t k = shapes[s][0], m = shapes[s][1];
        for (uint32_t slots = 1; slots < 1u << (k + m); slots++) {
            uint32_t n = (uint32_t)__builtin_popcount(slots);
            for (int fault = 0; fault < FAULT_COUNT; fault++) {
                if (n <= m + 1u)
                    read_with_faults(k, m, slots, (enum fault)fault, n <= m);
            }
        }
    }
}

/* Different faults at once. */
static void mixed_faults_of_reads(void **state)
{
    (void)state;
    for (int a = 0; a < FAULT_COUNT; a++) {
        for (int b = 0; b < FAULT_COUNT; b++) {
            struct world w;
            struct extent e;
            struct group g;
            world_init(&w, 4, 2, 6, 4u << 20, 4, NULL, 64);
            assert_int_equal(world_reserve(&w, 500000, &e), 0);
            assert_int_equal(world_write(&w, &e, data, 500000, 500000), 0);
            world_commit(&w, &e);
            assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
            inject(&w, &e, &g, 1, (enum fault)a);
            inject(&w, &e, &g, 2, (enum fault)b);
            for (int i = 0; i < 10; i++) {
                uint64_t off = world_random(&w) % 400000;
                assert_int_equal(world_read(&w, &e, off, 100000, out), 0);
                assert_memory_equal(out, data + off, 100000);
            }
            free(e.crcs);
            world_fini(&w);
        }
    }
}

/* Reads that hang keep a few buffers only: further ones avoid the volume. */
static void hung_volume_keeps_few_buffers(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    struct group g;
    world_init(&w, 4, 2, 6, 4u << 20, 4, NULL, 32);
    assert_int_equal(world_reserve(&w, 500000, &e), 0);
    assert_int_equal(world_write(&w, &e, data, 500000, 500000), 0);
    world_commit(&w, &e);
    assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
    w.disks[g.slots[0].volume_index].hang_reads = true;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(world_read(&w, &e, 0, 1000, out), 0);
        assert_memory_equal(out, data, 1000);
    }
    assert_true(w.pool.free_count >= 32 - 5);
    free(e.crcs);
    world_fini(&w);
}

struct many_read { struct extent_read read; uint32_t *left; };
static void many_done(struct extent_read *r) { --*container_of(r, struct many_read, read)->left; }
static bool none_left(void *arg) { return *(uint32_t *)arg == 0; }

/* Reads that rebuild need more than they waited for, and never wait with slabs in hand: a pool for one serves all. */
static void rebuilding_in_a_small_pool(void **state)
{
    (void)state;
    enum { READS = 8 };
    const uint32_t len = 900000;
    struct world w;
    struct extent e;
    struct many_read reads[READS];
    uint32_t left = READS;
    world_init(&w, 4, 2, 6, 4u << 20, 4, NULL, 6);
    assert_int_equal(world_reserve(&w, len, &e), 0);
    assert_int_equal(world_write(&w, &e, data, len, len), 0);
    for (uint64_t off = 0; off < (uint64_t)e.block_count * BLOCK_SIZE; off += 4096) {
        world_rot(&w, &e, 0, off);
        world_rot(&w, &e, 3, off);
    }
    for (uint32_t i = 0; i < READS; i++) {
        reads[i] = (struct many_read){.read = {.extent = &e, .len = len, .done = many_done}, .left = &left};
        extent_read_start(w.placement, &w.loop, &w.pool, &reads[i].read);
    }
    uint32_t released = 0;
    while (released < READS) { /* each is released when it is done, so that the next gets its slabs */
        uint32_t before = left;
        left = 1;
        world_run(&w, none_left, &left);
        left = before - 1;
        for (uint32_t i = 0; i < READS; i++) {
            if (!reads[i].read.span_count)
                continue;
            assert_int_equal(reads[i].read.err, 0);
            uint64_t at = 0;
            for (uint32_t s = 0; s < reads[i].read.span_count; s++) {
                assert_memory_equal(reads[i].read.spans[s].data, data + at, reads[i].read.spans[s].len);
                at += reads[i].read.spans[s].len;
            }
            assert_int_equal(at, len);
            extent_read_release(&reads[i].read);
            released++;
        }
    }
    free(e.crcs);
    world_fini(&w);
}

static void pools_that_are_too_small(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    world_init(&w, 4, 2, 6, 4u << 20, 4, NULL, 2);
    assert_int_equal(world_reserve(&w, 1u << 20, &e), 0);
    assert_int_equal(world_write(&w, &e, data, 1u << 20, 1u << 20), ERR_TOO_LARGE);
    assert_int_equal(e.block_count, 0);
    free(e.crcs);
    struct capacity c;
    assert_int_equal(placement_capacity(w.placement, &c), 0);
    assert_int_equal(c.used, 0);
    world_fini(&w);
}

/* --- faults of writes --- */

static void failing_writes(void **state)
{
    (void)state;
    for (uint32_t failing = 0; failing <= 2; failing++) {
        for (uint32_t after = 0; after < 5; after++) {
            for (int hang = 0; hang < 2; hang++) {
                struct world w;
                struct extent e;
                struct group g;
                const uint64_t len = 3u << 20;
                world_init(&w, 4, 2, 6, 4u << 20, 8, NULL, 64);
                assert_int_equal(world_reserve(&w, len, &e), 0);
                assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
                for (uint32_t i = 0; i < failing; i++) {
                    struct fake_disk *d = &w.disks[g.slots[2 + i].volume_index];
                    if (hang)
                        d->hang_writes = true;
                    else if (after)
                        d->fail_write_after = after;
                    else
                        d->fail_writes = true;
                }
                uint64_t begun = w.now_us;
                int err = world_write(&w, &e, data, len, len);
                if (failing <= 1) {
                    assert_int_equal(err, 0);
                    uint32_t expected = failing && (hang || after < 4) ? 1u << 2 : 0;
                    assert_int_equal(e.missing, expected);
                    assert_true(w.now_us - begun < 400000);
                    world_commit(&w, &e);
                    read_back(&w, &e, len);
                    if (expected)
                        assert_true(w.store.volumes[g.slots[2].volume_index].suspect_since_us != 0);
                } else if (hang || after < 4) {
                    assert_int_equal(err, ERR_IO);
                    assert_int_equal(e.block_count, 0);
                }
                free(e.crcs);
                world_fini(&w);
            }
        }
    }
}

/* Below the quorum late writes are waited for; up to m late ones are suspects meanwhile, more are a machine that stands still. */
static void late_below_quorum(void **state)
{
    (void)state;
    for (uint32_t hanging = 2; hanging <= 3; hanging++) {
        struct world w;
        struct extent e;
        struct group g;
        world_init(&w, 4, 2, 6, 4u << 20, 8, NULL, 64);
        assert_int_equal(world_reserve(&w, 1u << 20, &e), 0);
        assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
        for (uint32_t i = 0; i < hanging; i++)
            w.disks[g.slots[i].volume_index].hang_writes = true;
        uint64_t begun = w.now_us;
        assert_int_equal(world_write(&w, &e, data, 1u << 20, 1u << 20), ERR_IO);
        assert_in_range(w.now_us - begun, WRITE_GIVE_UP_US, WRITE_GIVE_UP_US + 100000);
        for (uint32_t i = 0; i < 6; i++) {
            uint64_t since = w.store.volumes[g.slots[i].volume_index].suspect_since_us;
            assert_int_equal(since != 0, hanging == 2 && i < 2);
            if (since)
                assert_in_range(since - begun, WRITE_LATE_US, WRITE_DEADLINE_US + 100000);
        }
        free(e.crcs);
        world_fini(&w);
    }
}

/* A write that comes back late must not land in what was put there since. */
static void late_writes_hit_nothing_new(void **state)
{
    (void)state;
    struct world w;
    struct extent e, others[300];
    struct group g;
    world_init(&w, 4, 2, 6, 4u << 20, 6, NULL, 64);
    assert_int_equal(world_reserve(&w, 1u << 20, &e), 0);
    assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
    struct volume *v = &w.store.volumes[g.slots[0].volume_index];
    w.disks[v->index].hang_writes = true;
    assert_int_equal(world_write(&w, &e, data, 1u << 20, 1u << 20), 0);
    assert_int_equal(e.missing, 1);
    world_commit(&w, &e);
    world_delete(&w, &e);
    free(e.crcs);
    /* The volume is forgiven, and everything is filled: none of it may get the blocks of e. */
    w.disks[v->index].hang_writes = false;
    atomic_store(&v->suspect_since_us, 0);
    uint32_t count = 0;
    while (count < 300 && world_reserve(&w, 300000, &others[count]) == 0) {
        struct extent *o = &others[count++];
        assert_false(o->group_id == e.group_id && o->block < e.block + e.block_count && e.block < o->block + o->block_count);
        assert_int_equal(world_write(&w, o, data, o->len, o->len), 0);
        world_commit(&w, o);
    }
    assert_true(count > 10 && count < 300);
    world_unhang(&w, v->index);
    world_run_for(&w, 1000000);
    struct extent again;
    assert_int_equal(world_reserve(&w, 300000, &again), 0); /* now they are free */
    assert_int_equal(again.group_id, e.group_id);
    placement_release(w.placement, &again);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(world_read(&w, &others[i], 0, (uint32_t)others[i].len, out), 0);
        assert_memory_equal(out, data, others[i].len);
        free(others[i].crcs);
    }
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(w.store.volumes[i].corrupt_units, 0);
    world_fini(&w);
}

struct abort_state { bool ready, done; int err; };
static void abort_ready(void *arg) { ((struct abort_state *)arg)->ready = true; }
static void abort_done(void *arg, int err)
{
    ((struct abort_state *)arg)->done = true;
    ((struct abort_state *)arg)->err = err;
}
static bool abort_is_done(void *arg) { return ((struct abort_state *)arg)->done; }

static void abort_anywhere(void **state)
{
    (void)state;
    static const struct extent_writer_callbacks callbacks = {abort_ready, abort_done};
    for (uint64_t put = 0; put <= 5u << 20; put += 150000) {
        for (int hang = 0; hang < 2; hang++) {
            struct world w;
            struct extent e;
            struct group g;
            struct extent_writer *writer;
            struct abort_state x = {0};
            world_init(&w, 4, 2, 6, 8u << 20, 8, NULL, put % 4 ? 13 : 6);
            assert_int_equal(world_reserve(&w, 5u << 20, &e), 0);
            assert_int_equal(placement_group(w.placement, e.group_id, &g), 0);
            w.disks[g.slots[3].volume_index].hang_writes = hang;
            assert_int_equal(extent_writer_new(w.placement, &w.loop, &w.pool, &e, &callbacks, &x, &writer), 0);
            size_t taken = extent_writer_put(writer, data, put);
            assert_true(taken <= put);
            extent_writer_abort(writer);
            world_run(&w, abort_is_done, &x);
            assert_int_equal(x.err, ERR_CANCELLED);
            extent_writer_free(writer);
            world_unhang(&w, g.slots[3].volume_index);
            world_run_for(&w, 1000000);
            struct capacity c;
            assert_int_equal(placement_capacity(w.placement, &c), 0);
            assert_int_equal(c.used, 0);
            free(e.crcs);
            world_fini(&w);
        }
    }
}

/* Many writers share a pool that holds two windows: all end, in order. */
static void pool_exhaustion(void **state)
{
    (void)state;
    enum { WRITERS = 12 };
    static const struct extent_writer_callbacks callbacks = {abort_ready, abort_done};
    struct world w;
    struct extent e[WRITERS];
    struct extent_writer *writers[WRITERS];
    struct abort_state x[WRITERS];
    uint64_t put[WRITERS] = {0};
    bool finished[WRITERS] = {0};
    const uint64_t len = 2500000;
    memset(x, 0, sizeof(x));
    world_init(&w, 4, 2, 6, 16u << 20, 8, NULL, 13);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(world_reserve(&w, len, &e[i]), 0);
        assert_int_equal(extent_writer_new(w.placement, &w.loop, &w.pool, &e[i], &callbacks, &x[i], &writers[i]), 0);
        x[i].ready = true;
    }
    for (int rounds = 0, left = WRITERS; left > 0; rounds++) {
        assert_true(rounds < 10000);
        for (int i = 0; i < WRITERS; i++) {
            if (!finished[i] && x[i].ready) {
                x[i].ready = false;
                put[i] += extent_writer_put(writers[i], data + put[i], len - put[i]);
                if (put[i] == len) {
                    extent_writer_finish(writers[i]);
                    finished[i] = true;
                    left--;
                }
            }
        }
        world_run_for(&w, 10);
    }
    for (int i = 0; i < WRITERS; i++) {
        world_run(&w, abort_is_done, &x[i]);
        assert_int_equal(x[i].err, 0);
        extent_writer_free(writers[i]);
        world_commit(&w, &e[i]);
        read_back(&w, &e[i], len);
        free(e[i].crcs);
    }
    world_fini(&w);
}

static void bad_rows_are_errors(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    world_init(&w, 4, 2, 6, 8u << 20, 8, NULL, 64);
    assert_int_equal(world_reserve(&w, 100000, &e), 0);
    assert_int_equal(world_write(&w, &e, data, 100000, 100000), 0);
    world_commit(&w, &e);
    struct extent wrong = e;
    wrong.group_id = 999;
    assert_int_equal(world_read(&w, &wrong, 0, 10, out), ERR_CORRUPT);
    wrong = e;
    wrong.crc_count--;
    assert_int_equal(world_read(&w, &wrong, 0, 10, out), ERR_CORRUPT);
    wrong = e;
    wrong.unit_shift = 20;
    assert_int_equal(world_read(&w, &wrong, 0, 10, out), ERR_CORRUPT);
    free(e.crcs);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_round_trips), cmocka_unit_test(short_extents),
        cmocka_unit_test(nothing_put), cmocka_unit_test(small_reads_touch_few_bytes),
        cmocka_unit_test(small_extents_are_cheap), cmocka_unit_test(every_fault_of_reads),
        cmocka_unit_test(mixed_faults_of_reads), cmocka_unit_test(hung_volume_keeps_few_buffers),
        cmocka_unit_test(failing_writes), cmocka_unit_test(rebuilding_in_a_small_pool),
        cmocka_unit_test(pools_that_are_too_small), cmocka_unit_test(late_writes_hit_nothing_new),
        cmocka_unit_test(late_below_quorum),
        cmocka_unit_test(abort_anywhere), cmocka_unit_test(pool_exhaustion), cmocka_unit_test(bad_rows_are_errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
