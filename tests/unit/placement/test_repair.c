/* Checking, mending and moving the slots of an extent. */
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "placement/extent_layout.h"

#define LEN 2500001u
static uint8_t data[LEN], out[LEN];

struct whole_repair { struct extent_repair repair; bool done; };
static void repair_done(struct extent_repair *r) { container_of(r, struct whole_repair, repair)->done = true; }
static bool is_done(void *arg) { return ((struct whole_repair *)arg)->done; }

static struct extent_repair repair(struct world *w, struct extent_repair how)
{
    struct whole_repair x = {.repair = how};
    x.repair.done = repair_done;
    extent_repair_start(w->placement, &w->loop, &w->pool, &x.repair);
    assert_false(x.done);
    world_run(w, is_done, &x);
    return x.repair;
}

static void begin(struct world *w, struct extent *e, struct group *g)
{
    fill_random(data, LEN, 3);
    world_init(w, 4, 2, 7, 4u << 20, 6, NULL, 32);
    assert_int_equal(world_reserve(w, LEN, e), 0);
    assert_int_equal(e->len, LEN);
    assert_int_equal(world_write(w, e, data, LEN, LEN), 0);
    world_commit(w, e);
    assert_int_equal(placement_group(w->placement, e->group_id, g), 0);
}

static void end(struct world *w, struct extent *e)
{
    free(e->crcs);
    world_fini(w);
}

static void rot_slot(struct world *w, const struct extent *e, uint32_t slot)
{
    for (uint64_t off = 0; off < (uint64_t)e->block_count * BLOCK_SIZE; off += 4096)
        world_rot(w, e, slot, off);
}

static void assert_sound(struct world *w, const struct extent *e)
{
    struct extent_repair r = repair(w, (struct extent_repair){.extent = e, .all = true});
    assert_int_equal(r.err, 0);
    assert_int_equal(r.bad, 0);
    assert_int_equal(r.still_bad, 0);
    assert_int_equal(r.bytes_written, 0);
    for (uint32_t off = 0; off < LEN; off += EXTENT_WINDOW_MAX) {
        uint32_t n = LEN - off < EXTENT_WINDOW_MAX ? LEN - off : EXTENT_WINDOW_MAX;
        assert_int_equal(world_read(w, e, off, n, out), 0);
        assert_memory_equal(out, data + off, n);
    }
}

static void scrub_mends_rot(void **state)
{
    (void)state;
    for (uint32_t slots = 0; slots < 64; slots++) {
        if (__builtin_popcount(slots) > 2)
            continue;
        struct world w;
        struct extent e;
        struct group g;
        begin(&w, &e, &g);
        for (uint32_t i = 0; i < 6; i++) {
            if (slots & 1u << i)
                rot_slot(&w, &e, i);
        }
        struct extent_repair r = repair(&w, (struct extent_repair){.extent = &e, .all = true});
        assert_int_equal(r.err, 0);
        assert_int_equal(r.bad, slots);
        assert_int_equal(r.still_bad, 0);
        for (uint32_t i = 0; i < 6; i++) {
            const struct volume *v = &w.store.volumes[g.slots[i].volume_index];
            assert_int_equal(v->corrupt_units, slots & 1u << i ? e.crc_count / 6 : 0);
            assert_int_equal(v->repaired_units, v->corrupt_units);
        }
        assert_sound(&w, &e);
        end(&w, &e);
    }
}

static void one_bad_unit_costs_one_write(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    struct group g;
    begin(&w, &e, &g);
    world_rot(&w, &e, 5, 3 * EXTENT_UNIT_LEN + 100);
    struct extent_repair r = repair(&w, (struct extent_repair){.extent = &e, .all = true});
    assert_int_equal(r.bad, 1u << 5);
    assert_int_equal(r.still_bad, 0);
    assert_int_equal(r.bytes_written, EXTENT_UNIT_LEN);
    assert_sound(&w, &e);
    end(&w, &e);
}

static void heal_missing(void **state)
{
    (void)state;
    for (uint32_t slots = 1; slots < 64; slots++) {
        if (__builtin_popcount(slots) > 2)
            continue;
        struct world w;
        struct extent e;
        struct group g;
        begin(&w, &e, &g);
        for (uint32_t i = 0; i < 6; i++) {
            if (slots & 1u << i)
                rot_slot(&w, &e, i);
        }
        e.missing = slots;
        struct extent_repair r = repair(&w, (struct extent_repair){.extent = &e});
        assert_int_equal(r.err, 0);
        assert_int_equal(r.bad, slots);
        assert_int_equal(r.still_bad, 0);
        e.missing = 0;
        assert_sound(&w, &e);
        end(&w, &e);
    }
}

/* A source turns out to be rotten: another is taken, and it is mended on the way. */
static void heal_with_a_rotten_source(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    struct group g;
    begin(&w, &e, &g);
    rot_slot(&w, &e, 0);
    rot_slot(&w, &e, 1);
    e.missing = 1;
    struct extent_repair r = repair(&w, (struct extent_repair){.extent = &e});
    assert_int_equal(r.err, 0);
    assert_int_equal(r.bad, 3);
    assert_int_equal(r.still_bad, 0);
    e.missing = 0;
    assert_sound(&w, &e);
    end(&w, &e);
}

static void too_many_bad(void **state)
{
    (void)state;
    for (int io = 0; io < 2; io++) {
        struct world w;
        struct extent e;
        struct group g;
        begin(&w, &e, &g);
        for (uint32_t i = 1; i < 4; i++) {
            rot_slot(&w, &e, i);
            w.disks[g.slots[i].volume_index].fail_reads = io;
        }
        struct extent_repair r = repair(&w, (struct extent_repair){.extent = &e, .all = true});
        assert_int_equal(r.err, io ? ERR_IO : ERR_CORRUPT);
        assert_int_equal(r.bad, 0xe);
        assert_int_equal(r.still_bad, 0xe);
        assert_int_equal(r.bytes_written, 0);
        end(&w, &e);
    }
}

static void moving(void **state)
{
    (void)state;
    enum { SOUND, ROTTEN, GONE, NOTED_MISSING, CASES };
    for (int how = 0; how < CASES; how++) {
        for (uint32_t slot = 0; slot < 6; slot++) {
            struct world w;
            struct extent e;
            struct group g;
            struct group_slot to;
            begin(&w, &e, &g);
            struct volume *old = &w.store.volumes[g.slots[slot].volume_index];
            if (how == ROTTEN || how == NOTED_MISSING)
                rot_slot(&w, &e, slot);
            if (how == NOTED_MISSING)
                e.missing = 1u << slot;
            if (how == GONE)
                old->present = false;
            assert_int_equal(placement_plan_slot(w.placement, g.id, slot, true, &to), 0);
            assert_int_equal(placement_write_slot_header(w.placement, &w.loop, &g, slot, to), 0);
            struct extent_repair r = repair(&w, (struct extent_repair){.extent = &e, .rebuild_to = &to, .rebuild_slot = slot});
            assert_int_equal(r.err, 0);
            assert_int_equal(r.still_bad, 0);
            assert_int_equal(r.bytes_written, (uint64_t)e.block_count * BLOCK_SIZE);
            if (how == SOUND) /* copied, not rebuilt; and read back */
                assert_int_equal(r.bytes_read, 2 * r.bytes_written);
            assert_int_equal(placement_move_slot(w.placement, g.id, slot, to), 0);
            e.missing = 0;
            assert_sound(&w, &e);
            old->present = true;
            end(&w, &e);
        }
    }
}

/* Writes that fail, vanish or hang are noticed; nothing is reported as mended that is not. */
static void bad_writes(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct world w;
        struct extent e;
        struct group g;
        begin(&w, &e, &g);
        struct fake_disk *d = &w.disks[g.slots[2].volume_index];
        rot_slot(&w, &e, 2);
        rot_slot(&w, &e, 4);
        d->fail_writes = how == 0;
        d->drop_writes = how == 1;
        d->hang_writes = how == 2;
        uint64_t begun = w.now_us;
        struct extent_repair r = repair(&w, (struct extent_repair){.extent = &e, .all = true});
        assert_int_equal(r.err, 0);
        assert_int_equal(r.bad, 1u << 2 | 1u << 4);
        assert_int_equal(r.still_bad, 1u << 2);
        assert_true(w.now_us - begun < 10000000);
        assert_int_equal(w.store.volumes[g.slots[2].volume_index].repaired_units, 0);
        end(&w, &e);
    }
}

static void hung_reads(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    struct group g;
    begin(&w, &e, &g);
    e.missing = 1;
    rot_slot(&w, &e, 0);
    w.disks[g.slots[1].volume_index].hang_reads = true;
    struct extent_repair r = repair(&w, (struct extent_repair){.extent = &e});
    assert_int_equal(r.err, 0);
    assert_int_equal(r.still_bad, 0);
    /* The extent stays pinned only as long as its reads are out. */
    assert_true(w.pool.free_count < 32);
    world_unhang(&w, g.slots[1].volume_index);
    world_run_for(&w, 1000000);
    assert_int_equal(w.pool.free_count, 32);
    e.missing = 0;
    atomic_store(&w.store.volumes[g.slots[1].volume_index].suspect_since_us, 0);
    assert_sound(&w, &e);
    end(&w, &e);
}

static void volumes_out_of_service(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    struct group g;
    begin(&w, &e, &g);
    uint32_t v = g.slots[3].volume_index;
    rot_slot(&w, &e, 3);
    e.missing = 1u << 3;
    atomic_store(&w.store.volumes[v].state, VOLUME_OUT);
    struct extent_repair r = repair(&w, (struct extent_repair){.extent = &e});
    assert_int_equal(r.err, 0);
    assert_int_equal(r.still_bad, 1u << 3);
    assert_int_equal(r.bytes_written, 0);
    r = repair(&w, (struct extent_repair){.extent = &e, .include_volumes = 1ull << v});
    assert_int_equal(r.err, 0);
    assert_int_equal(r.bad, 1u << 3);
    assert_int_equal(r.still_bad, 0);
    atomic_store(&w.store.volumes[v].state, VOLUME_IN);
    e.missing = 0;
    assert_sound(&w, &e);
    end(&w, &e);
}

static void wrong_rows(void **state)
{
    (void)state;
    struct world w;
    struct extent e;
    struct group g;
    begin(&w, &e, &g);
    struct extent wrong = e;
    wrong.group_id = 77;
    assert_int_equal(repair(&w, (struct extent_repair){.extent = &wrong, .all = true}).err, ERR_CORRUPT);
    wrong = e;
    wrong.crc_count++;
    assert_int_equal(repair(&w, (struct extent_repair){.extent = &wrong, .all = true}).err, ERR_CORRUPT);
    end(&w, &e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scrub_mends_rot), cmocka_unit_test(one_bad_unit_costs_one_write),
        cmocka_unit_test(heal_missing), cmocka_unit_test(heal_with_a_rotten_source), cmocka_unit_test(too_many_bad),
        cmocka_unit_test(moving), cmocka_unit_test(bad_writes), cmocka_unit_test(hung_reads),
        cmocka_unit_test(volumes_out_of_service), cmocka_unit_test(wrong_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
