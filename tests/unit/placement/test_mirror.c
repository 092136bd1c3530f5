/* The metadata space: chunk boundaries, deadlines and the quorum, hedged and checked reads, growth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_disk.h"
#include "placement/mirror.h"

#define CHUNK (64u << 10)
#define ROOM (CHUNK - CHUNK_HEADER_SIZE)
#define DEADLINE_US 700000u

struct bench { struct fake_world *world; struct store *store; struct loop *loop; struct mirror *mirror; };

static void init(struct bench *b, uint32_t disks)
{
    b->world = fake_world_new(7, disks, 8u << 20);
    b->store = fake_store_new(b->world, 2, (uint8_t)(disks / 2), CHUNK, 0, 10);
    b->loop = fake_loop_new(b->world);
    assert_int_equal(mirror_open(b->store, DEADLINE_US, &b->mirror), 0);
}

static void fini(struct bench *b)
{
    mirror_close(b->mirror); /* before what hangs comes back: it must not be missed */
    loop_free(b->loop);
    fake_world_free(b->world);
}

static void fill(uint8_t *data, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)((i * 131 + i / 4096 * 17 + seed) >> 1);
}

static int write_at(struct bench *b, uint64_t off, const void *data, uint32_t len)
{
    struct mirror_range range = {off, data, len};
    return mirror_write(b->mirror, b->loop, &range, 1, true);
}

static void requests_cross_chunks(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 3);
    assert_int_equal(mirror_size(b.mirror), 10 * ROOM);
    uint32_t len = 3 * CHUNK;
    uint8_t *data = malloc(len), *got = malloc(len);
    assert_true(data != NULL && got != NULL);
    fill(data, len, 1);
    uint64_t off = ROOM - 8192;
    assert_int_equal(write_at(&b, off, data, len), 0);
    assert_int_equal(mirror_flush(b.mirror, b.loop), 0);
    assert_int_equal(mirror_read(b.mirror, b.loop, off, got, len, NULL, NULL, false), 0);
    assert_memory_equal(data, got, len);
    for (uint32_t d = 0; d < 3; d++) {
        memset(got, 0, len);
        assert_int_equal(mirror_read_one(b.mirror, b.loop, d, off, got, len), 0);
        assert_memory_equal(data, got, len);
        for (uint32_t i = 0; i < len; i += 4096)
            assert_memory_equal(fake_space(b.world, d, off + i), data + i, 4096);
    }
    /* Past the end of the space nothing is written and nobody is blamed alone. */
    assert_int_equal(write_at(&b, 10 * ROOM, data, 4096), ERR_QUORUM);
    assert_int_equal(mirror_read_one(b.mirror, b.loop, 0, 10 * ROOM, got, 4096), ERR_IO);
    free(data);
    free(got);
    fini(&b);
}

static void several_ranges_are_one_write(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 3);
    uint8_t data[3][4096], got[4096];
    for (uint32_t i = 0; i < 3; i++)
        fill(data[i], 4096, i);
    struct mirror_range ranges[3] = {{0, data[0], 4096}, {4096, data[1], 4096}, {40960, data[2], 4096}};
    uint64_t before = b.world->disks[0].writes;
    assert_int_equal(mirror_write(b.mirror, b.loop, ranges, 3, false), 0);
    assert_int_equal(b.world->disks[0].writes - before, 2); /* neighbours go together */
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(mirror_read(b.mirror, b.loop, ranges[i].off, got, 4096, NULL, NULL, false), 0);
        assert_memory_equal(got, data[i], 4096);
    }
    fini(&b);
}

static void a_late_mirror_is_out_before_success(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 5);
    uint8_t data[4096];
    fill(data, sizeof data, 3);
    b.world->disks[2].hang_writes = true;
    uint64_t start = loop_now_us(b.loop);
    assert_int_equal(write_at(&b, 0, data, 4096), 0);
    uint64_t took = loop_now_us(b.loop) - start;
    assert_in_range(took, DEADLINE_US, DEADLINE_US + 10000);
    assert_int_equal(b.store->volumes[2].mirror, MIRROR_NONE);
    assert_int_equal(b.world->changes, 1);
    assert_int_equal(mirror_late(b.mirror, 2), 1);
    assert_int_equal(mirror_late(b.mirror, 1), 0);
    memset(data, 0, sizeof data); /* the hung write has its own copy; the sanitizer would tell */
    start = loop_now_us(b.loop);
    assert_int_equal(mirror_flush(b.mirror, b.loop), 0);
    assert_true(loop_now_us(b.loop) - start < 10000);
    fini(&b);
}

static void below_the_quorum_it_waits_on_and_then_fails(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 3); /* m = 1: two must be CURRENT */
    uint8_t data[4096] = {1};
    b.world->disks[0].fail_writes = true;
    b.world->disks[1].delay_us = 2000000;
    assert_int_equal(write_at(&b, 0, data, 4096), 0); /* the failed one is out, the slow one was waited for */
    assert_int_equal(b.store->volumes[0].mirror, MIRROR_NONE);
    assert_int_equal(b.store->volumes[1].mirror, MIRROR_CURRENT);
    b.world->disks[1].hang_writes = true;
    uint64_t start = loop_now_us(b.loop);
    assert_int_equal(write_at(&b, 0, data, 4096), ERR_QUORUM);
    assert_true(loop_now_us(b.loop) - start < 10000000);
    assert_int_equal(b.store->volumes[1].mirror, MIRROR_CURRENT);
    fini(&b);
}

static void a_change_that_is_not_in_force_is_no_success(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 5);
    uint8_t data[4096] = {1};
    b.world->disks[0].fail_writes = true;
    b.world->change_err = ERR_QUORUM;
    assert_int_equal(write_at(&b, 0, data, 4096), ERR_QUORUM);
    b.world->change_err = 0;
    b.world->disks[0].fail_writes = false;
    b.world->lease_lost = true;
    assert_int_equal(write_at(&b, 0, data, 4096), ERR_ACCESS);
    assert_int_equal(mirror_flush(b.mirror, b.loop), ERR_ACCESS);
    fini(&b);
}

static void aside_only_suspects(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 5);
    uint8_t data[4096] = {1};
    struct mirror_range range = {0, data, 4096};
    b.world->disks[3].fail_writes = true;
    assert_int_equal(mirror_write_aside(b.mirror, b.loop, &range, 1, false), ERR_BUSY);
    assert_int_equal(mirror_flush_aside(b.mirror, b.loop), ERR_BUSY);
    assert_int_equal(b.store->volumes[3].mirror, MIRROR_CURRENT);
    assert_int_not_equal(b.store->volumes[3].suspect_since_us, 0);
    assert_int_equal(b.world->changes, 0);
    assert_int_equal(mirror_review(b.mirror, b.loop), 0);
    assert_int_equal(b.store->volumes[3].mirror, MIRROR_NONE);
    assert_int_equal(mirror_write_aside(b.mirror, b.loop, &range, 1, false), 0);
    assert_int_equal(mirror_flush_aside(b.mirror, b.loop), 0);
    for (uint32_t d = 0; d < 3; d++)
        b.store->volumes[d].suspect_since_us = 1;
    assert_int_equal(mirror_review(b.mirror, b.loop), 0); /* four are left, three must stay */
    uint32_t left = 0;
    for (uint32_t d = 0; d < 5; d++)
        left += b.store->volumes[d].mirror == MIRROR_CURRENT;
    assert_int_equal(left, 3);
    fini(&b);
}

static void a_hung_read_is_hedged_and_asked_last_afterwards(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 3);
    uint8_t data[4096], got[4096];
    fill(data, sizeof data, 9);
    assert_int_equal(write_at(&b, 0, data, 4096), 0);
    for (uint32_t d = 0; d < 3; d++)
        b.store->volumes[d].read_latency_us = 100 + d;
    b.world->disks[0].hang_reads = true;
    uint64_t start = loop_now_us(b.loop);
    assert_int_equal(mirror_read(b.mirror, b.loop, 0, got, 4096, NULL, NULL, false), 0);
    assert_in_range(loop_now_us(b.loop) - start, 20000, 25000);
    assert_memory_equal(data, got, 4096);
    assert_int_equal(mirror_late(b.mirror, 0), 1);
    start = loop_now_us(b.loop);
    assert_int_equal(mirror_read(b.mirror, b.loop, 0, got, 4096, NULL, NULL, false), 0);
    assert_true(loop_now_us(b.loop) - start < 5000);
    for (uint32_t d = 1; d < 3; d++)
        b.world->disks[d].hang_reads = true;
    assert_int_equal(mirror_read(b.mirror, b.loop, 0, got, 4096, NULL, NULL, false), ERR_IO);
    assert_true(b.store->volumes[1].suspect_since_us != 0);
    fini(&b);
}

static bool is_nine(void *arg, const void *data)
{
    (void)arg;
    uint8_t right[4096];
    fill(right, sizeof right, 9);
    return memcmp(right, data, sizeof right) == 0;
}

static void wrong_copies_are_passed_over_and_mended(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 3);
    uint8_t data[4096], got[4096];
    fill(data, sizeof data, 9);
    assert_int_equal(write_at(&b, 8192, data, 4096), 0);
    for (uint32_t d = 0; d < 3; d++)
        b.store->volumes[d].read_latency_us = 100 + d;
    fake_rot(b.world, 0, 8192 + 50, 1);
    b.world->disks[1].fail_reads = true;
    assert_int_equal(mirror_read(b.mirror, b.loop, 8192, got, 4096, is_nine, NULL, false), 0);
    assert_memory_equal(got, data, 4096);
    assert_int_equal(b.store->volumes[0].corrupt_units, 1);
    assert_int_equal(b.store->volumes[0].repaired_units, 0);
    for (uint32_t d = 0; d < 3; d++)
        b.store->volumes[d].read_latency_us = 100 + d;
    assert_int_equal(mirror_read(b.mirror, b.loop, 8192, got, 4096, is_nine, NULL, true), 0);
    assert_int_equal(b.store->volumes[0].repaired_units, 1);
    assert_memory_equal(fake_space(b.world, 0, 8192), data, 4096);
    fake_rot(b.world, 0, 8192, 1);
    fake_rot(b.world, 2, 8192, 1);
    assert_int_equal(mirror_read(b.mirror, b.loop, 8192, got, 4096, is_nine, NULL, true), ERR_CORRUPT);
    b.world->disks[0].fail_reads = b.world->disks[2].fail_reads = true;
    assert_int_equal(mirror_read(b.mirror, b.loop, 8192, got, 4096, is_nine, NULL, true), ERR_IO);
    fini(&b);
}

static void it_grows(void **state)
{
    (void)state;
    struct bench b;
    init(&b, 3);
    uint32_t chunks[VOLUMES_MAX];
    uint8_t data[8192], got[8192];
    fill(data, sizeof data, 4);
    assert_int_equal(fake_take_chunks(b.store, chunks), 0);
    assert_int_equal(mirror_grow(b.mirror, b.loop, chunks), 0);
    assert_int_equal(mirror_size(b.mirror), 11 * ROOM);
    assert_int_equal(write_at(&b, 10 * ROOM - 4096, data, sizeof data), 0);
    assert_int_equal(mirror_read(b.mirror, b.loop, 10 * ROOM - 4096, got, sizeof got, NULL, NULL, false), 0);
    assert_memory_equal(got, data, sizeof data);
    fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_cross_chunks),
        cmocka_unit_test(several_ranges_are_one_write),
        cmocka_unit_test(a_late_mirror_is_out_before_success),
        cmocka_unit_test(below_the_quorum_it_waits_on_and_then_fails),
        cmocka_unit_test(a_change_that_is_not_in_force_is_no_success),
        cmocka_unit_test(aside_only_suspects),
        cmocka_unit_test(a_hung_read_is_hedged_and_asked_last_afterwards),
        cmocka_unit_test(wrong_copies_are_passed_over_and_mended),
        cmocka_unit_test(it_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
