/* A store on disks in memory: what is opened, refused, put out, survived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_loop.h"
#include "volume/chunk.h"
#include "volume/lease.h"
#include "volume/store.h"

#define DISKS_MAX 8
#define DISK_SIZE (VOLUME_SIZE_MIN + CHUNK_SIZE_MIN)

struct bench {
    struct fake_loop loop;
    struct fake_disk disks[DISKS_MAX];
    struct device devices[DISKS_MAX];
    uint32_t count;
    struct store *store;
    struct store_message message;
};

static const struct uuid here = {.bytes = {1}}, elsewhere = {.bytes = {2}};

static void bench_init(struct bench *b, uint32_t count)
{
    memset(b, 0, sizeof *b);
    fake_loop_init(&b->loop);
    b->count = count;
    for (uint32_t i = 0; i < DISKS_MAX; i++)
        fake_disk_init(&b->disks[i], &b->devices[i], DISK_SIZE, i);
}

static void bench_close(struct bench *b)
{
    store_close(b->store, &b->loop.head);
    b->store = NULL;
}

static void bench_fini(struct bench *b)
{
    bench_close(b);
    for (uint32_t i = 0; i < DISKS_MAX; i++)
        fake_disk_fini(&b->disks[i]);
}

static int format_with(struct bench *b, uint8_t k, uint8_t m, bool force)
{
    struct store_format o = {.devices = b->devices, .device_count = b->count, .data_count = k, .parity_count = m, .force = force,
                             .boot_id = &here};
    return store_format(&o, &b->loop.head, &b->store, &b->message);
}

static void bench_format(struct bench *b, uint32_t count, uint8_t k, uint8_t m)
{
    bench_init(b, count);
    assert_int_equal(format_with(b, k, m, false), 0);
    bench_close(b);
}

/* Opens the disks whose bit is set, in reverse order. */
static int open_mask(struct bench *b, uint32_t mask, const struct uuid *boot, bool read_only)
{
    struct device devices[DISKS_MAX];
    uint32_t count = 0;
    for (uint32_t i = DISKS_MAX; i-- > 0;)
        if (mask >> i & 1)
            devices[count++] = b->devices[i];
    struct store_options o = {.devices = devices, .device_count = count, .boot_id = boot, .read_only = read_only};
    return store_open(&o, &b->loop.head, &b->store, &b->message);
}

static void assert_open(struct bench *b, uint32_t mask)
{
    int err = open_mask(b, mask, &here, false);
    if (err < 0)
        print_error("open: %s\n", b->message.text);
    assert_int_equal(err, 0);
}

static uint32_t writes_of(const struct bench *b)
{
    uint32_t writes = 0;
    for (uint32_t i = 0; i < DISKS_MAX; i++)
        writes += b->disks[i].writes;
    return writes;
}

static void test_format_and_open(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 6, 4, 2);
    assert_open(&b, 0x3f);
    struct store *s = b.store;
    assert_int_equal(s->generation, 1);
    assert_int_equal(s->data_count, 4);
    assert_int_equal(s->parity_count, 2);
    assert_int_equal(s->chunk_size, CHUNK_SIZE_MIN);
    assert_int_equal(s->log_size, 4 << 20);
    assert_false(s->read_only);
    assert_true(s->sealing_key_here);
    assert_int_equal(s->volume_slots, 6);
    assert_true(store_lease_held(s, b.loop.now_us));
    for (uint32_t i = 0; i < 6; i++) {
        assert_true(volume_writable(&s->volumes[i]));
        assert_true(volume_takes_chunks(&s->volumes[i]));
        assert_ptr_equal(s->volumes[i].device.engine_data, &b.disks[i]);
        assert_int_equal(s->volumes[i].device.index, i);
        assert_int_equal(s->volumes[i].mirror, i < 5 ? MIRROR_CURRENT : MIRROR_NONE);
        assert_int_equal(s->volumes[i].meta_chunk_count, i < 5 ? 3 : 0);
    }
    struct chunk_header h;
    assert_int_equal(chunk_decode(b.disks[1].bytes + volume_chunk_off(s, 2, 0), &h), 0);
    assert_int_equal(h.chunk, 2);
    assert_int_equal(h.purpose, CHUNK_METADATA);
    assert_true(uuid_equal(&h.volume_uuid, &s->volumes[1].uuid));
    bench_fini(&b);
}

static void test_mirror_counts(void **state)
{
    (void)state;
    static const struct { uint32_t volumes; uint8_t k, m; uint32_t mirrors; } cases[] = {
        {1, 1, 0, 1}, {3, 3, 0, 2}, {2, 1, 1, 2}, {4, 2, 1, 3}, {6, 4, 2, 5}, {4, 2, 2, 4}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct bench b;
        bench_init(&b, cases[c].volumes);
        assert_int_equal(format_with(&b, cases[c].k, cases[c].m, false), 0);
        uint32_t mirrors = 0;
        for (uint32_t i = 0; i < VOLUMES_MAX; i++)
            mirrors += b.store->volumes[i].mirror == MIRROR_CURRENT;
        assert_int_equal(mirrors, cases[c].mirrors);
        bench_fini(&b);
    }
}

static void test_format_refuses(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 3);
    b.disks[1].bytes[DISK_SIZE - 1] = 1;
    assert_int_equal(format_with(&b, 2, 1, false), ERR_EXISTS);
    assert_non_null(strstr(b.message.text, "last MiB"));
    b.disks[1].bytes[DISK_SIZE - 1] = 0;
    b.disks[2].bytes[5000] = 1;
    assert_int_equal(format_with(&b, 2, 1, false), ERR_EXISTS);
    assert_int_equal(writes_of(&b), 0);
    assert_int_equal(format_with(&b, 2, 2, false), ERR_INVALID);
    assert_int_equal(format_with(&b, 0, 1, false), ERR_INVALID);
    b.disks[0].fail_reads = true;
    assert_int_equal(format_with(&b, 2, 1, false), ERR_IO);
    b.disks[0].fail_reads = false;
    assert_int_equal(writes_of(&b), 0);
    assert_int_equal(format_with(&b, 2, 1, true), 0);
    bench_close(&b);
    assert_int_equal(format_with(&b, 2, 1, false), ERR_EXISTS);
    assert_non_null(strstr(b.message.text, "Ingot"));
    b.devices[0].size = 64 << 20;
    assert_int_equal(format_with(&b, 2, 1, true), ERR_INVALID);
    bench_fini(&b);
}

static void test_missing(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 6, 4, 2);
    assert_open(&b, 0x2e); /* 0 and 4 missing */
    assert_false(b.store->read_only);
    assert_int_equal(b.store->generation, 2);
    assert_int_equal(b.store->volumes[0].state, VOLUME_OUT);
    assert_int_equal(b.store->volumes[0].mirror, MIRROR_NONE);
    assert_int_equal(b.store->volumes[4].state, VOLUME_OUT);
    assert_int_equal(b.store->volumes[1].state, VOLUME_IN);
    bench_close(&b);
    assert_open(&b, 0x3f); /* back: behind, hence out until levelled */
    assert_int_equal(b.store->generation, 3);
    assert_true(b.store->volumes[0].present);
    assert_int_equal(b.store->volumes[0].state, VOLUME_OUT);
    struct store_change back = {.count = 2, .set = {{0, VOLUME_IN, MIRROR_CURRENT}, {4, VOLUME_IN, MIRROR_CURRENT}}};
    assert_int_equal(store_change(b.store, &b.loop.head, &back), 0);
    assert_true(volume_writable(&b.store->volumes[0]));
    bench_close(&b);
    assert_open(&b, 0x3f);
    assert_int_equal(b.store->generation, 4);
    bench_close(&b);
    uint32_t writes = writes_of(&b);
    assert_int_equal(open_mask(&b, 0x07, &here, false), ERR_QUORUM); /* three: more than m, fewer than N-m */
    assert_non_null(strstr(b.message.text, "--read-only"));
    assert_int_equal(writes_of(&b), writes);
    assert_int_equal(open_mask(&b, 0x07, &here, true), 0);
    assert_true(b.store->read_only);
    assert_non_null(strstr(b.message.text, "read-only"));
    assert_int_equal(store_change(b.store, &b.loop.head, &back), ERR_READ_ONLY);
    bench_close(&b);
    assert_int_equal(open_mask(&b, 0x03, &here, false), ERR_QUORUM);
    assert_int_equal(writes_of(&b), writes);
    bench_fini(&b);
}

static void test_refused_identities(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 3, 2, 1);
    uint32_t writes = writes_of(&b);
    memcpy(b.disks[5].bytes, b.disks[1].bytes, DISK_SIZE);
    assert_int_equal(open_mask(&b, 0x27, &here, false), ERR_EXISTS);
    assert_non_null(strstr(b.message.text, "copy of"));
    assert_int_equal(open_mask(&b, 0x47, &here, false), ERR_FOREIGN); /* an empty disk */
    b.devices[2].size -= 1 << 20;
    assert_int_equal(open_mask(&b, 0x07, &here, false), ERR_CORRUPT);
    assert_non_null(strstr(b.message.text, "shrunk"));
    b.devices[2].size += 1 << 20;
    struct bench other;
    bench_format(&other, 3, 2, 1);
    other.loop.random_state = 77;
    assert_int_equal(format_with(&other, 2, 1, true), 0);
    bench_close(&other);
    memcpy(b.disks[5].bytes, other.disks[1].bytes, DISK_SIZE);
    assert_int_equal(open_mask(&b, 0x27, &here, false), ERR_FOREIGN);
    assert_non_null(strstr(b.message.text, "another store"));
    assert_int_equal(writes_of(&b), writes);
    bench_fini(&other);
    bench_fini(&b);
}

static void test_rotten_superblocks(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 3, 2, 1);
    b.disks[0].bytes[100] ^= 1;                       /* one copy: healed */
    b.disks[1].bytes[SUPERBLOCK_COPY1_OFF + 200] ^= 1;
    assert_open(&b, 0x7);
    assert_int_equal(b.store->volumes[0].state, VOLUME_IN);
    assert_int_equal(b.store->generation, 2);
    bench_close(&b);
    assert_open(&b, 0x7);
    assert_int_equal(b.store->generation, 2);
    bench_close(&b);
    static const uint64_t places[] = {100, SUPERBLOCK_COPY1_OFF + 100, DISK_SIZE - SUPERBLOCK_SIZE + 100};
    for (int c = 0; c < 3; c++)
        b.disks[2].bytes[places[c]] ^= 1;
    assert_open(&b, 0x7);                             /* all copies: as if missing */
    assert_false(b.store->volumes[2].present);
    assert_int_equal(b.store->volumes[2].state, VOLUME_OUT);
    bench_fini(&b);
}

static void test_stale(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 4, 2, 1);
    uint8_t *old = malloc(DISK_SIZE);
    memcpy(old, b.disks[0].bytes, DISK_SIZE);
    for (int n = 0; n < 3; n++) {
        assert_open(&b, 0xf);
        struct store_change change = {.count = 1, .set = {{3, n % 2 ? VOLUME_IN : VOLUME_DRAINING, MIRROR_NONE}}};
        assert_int_equal(store_change(b.store, &b.loop.head, &change), 0);
        bench_close(&b);
    }
    memcpy(b.disks[0].bytes, old, DISK_SIZE);
    assert_open(&b, 0xf);
    assert_int_equal(b.store->volumes[0].state, VOLUME_OUT);
    assert_int_equal(b.store->volumes[1].state, VOLUME_IN);
    free(old);
    bench_fini(&b);
}

/* Images put back: two histories of one store, each in force by its own count. */
static void test_fork(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 2, 1, 1);
    uint8_t *old = malloc(2 * DISK_SIZE), *other = malloc(DISK_SIZE);
    memcpy(old, b.disks[0].bytes, DISK_SIZE);
    memcpy(old + DISK_SIZE, b.disks[1].bytes, DISK_SIZE);
    struct store_change change = {.count = 1, .set = {{1, VOLUME_DRAINING, MIRROR_CURRENT}}};
    for (int n = 0; n < 2; n++) {
        assert_open(&b, 0x3);
        assert_int_equal(store_change(b.store, &b.loop.head, &change), 0);
        bench_close(&b);
        if (n == 1)
            break;
        memcpy(other, b.disks[0].bytes, DISK_SIZE);
        memcpy(b.disks[0].bytes, old, DISK_SIZE);
        memcpy(b.disks[1].bytes, old + DISK_SIZE, DISK_SIZE);
    }
    memcpy(b.disks[0].bytes, other, DISK_SIZE);
    uint32_t writes = writes_of(&b);
    assert_int_equal(open_mask(&b, 0x3, &here, false), ERR_FORK);
    assert_non_null(strstr(b.message.text, "history"));
    assert_int_equal(writes_of(&b), writes);
    free(old);
    free(other);
    bench_fini(&b);
}

/* With m+1 > N-m, one half alone is never written to: no two histories can come of unplugging. */
static void test_half_is_read_only(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 2, 1, 1);
    uint32_t writes = writes_of(&b);
    assert_open(&b, 0x1);
    assert_true(b.store->read_only);
    bench_close(&b);
    assert_int_equal(writes_of(&b), writes);
    bench_fini(&b);
}

/* A change is killed at its n-th operation, for all n: one generation is chosen afterwards, and the store goes on. */
static void test_change_killed(void **state)
{
    (void)state;
    bool old_seen = false, new_seen = false;
    for (uint64_t n = 1;; n++) {
        struct bench b;
        bench_format(&b, 6, 4, 2);
        assert_open(&b, 0x3f);
        uint64_t before = b.loop.operations;
        b.loop.die_at = before + n;
        struct store_change change = {.count = 1, .set = {{5, VOLUME_DRAINING, MIRROR_NONE}}};
        assert_int_equal(store_change(b.store, &b.loop.head, &change), 0);
        bool over = b.loop.operations < b.loop.die_at;
        bench_close(&b);
        b.loop.die_at = 0;
        assert_open(&b, 0x3f);
        int now = b.store->volumes[5].state;
        assert_true(now == VOLUME_IN || now == VOLUME_DRAINING);
        old_seen |= now == VOLUME_IN;
        new_seen |= now == VOLUME_DRAINING;
        for (uint32_t i = 0; i < 5; i++) {
            assert_int_equal(b.store->volumes[i].state, VOLUME_IN);
            assert_int_equal(b.store->volumes[i].mirror, MIRROR_CURRENT);
        }
        uint64_t generation = b.store->generation;
        bench_close(&b);
        assert_open(&b, 0x3f);
        assert_int_equal(b.store->generation, generation); /* settled */
        assert_int_equal(b.store->volumes[5].state, now);
        bench_close(&b);
        assert_open(&b, 0x1e); /* and with m missing, the same is chosen */
        assert_int_equal(b.store->volumes[5].state, VOLUME_OUT);
        bench_fini(&b);
        if (over)
            break;
    }
    assert_true(old_seen && new_seen);
}

/* Opening with members missing is itself killed at every operation; so is growing the metadata space. */
static void test_recovery_killed(void **state)
{
    (void)state;
    for (uint64_t n = 1, over = 0; !over; n++) {
        struct bench b;
        bench_format(&b, 6, 4, 2);
        b.loop.die_at = b.loop.operations + n;
        assert_open(&b, 0x1f);
        over = b.loop.operations < b.loop.die_at;
        store_close(b.store, &b.loop.head);
        b.loop.die_at = 0;
        assert_open(&b, 0x3e); /* another one is missing now */
        assert_false(b.store->read_only);
        for (uint32_t i = 1; i < 5; i++)
            assert_int_equal(b.store->volumes[i].mirror, MIRROR_CURRENT);
        assert_int_equal(b.store->volumes[0].state, VOLUME_OUT);
        uint64_t generation = b.store->generation;
        bench_close(&b);
        assert_open(&b, 0x3e);
        assert_int_equal(b.store->generation, generation);
        bench_fini(&b);
    }
}

static void test_meta_chunks_killed(void **state)
{
    (void)state;
    for (uint64_t n = 1, over = 0; !over; n++) {
        struct bench b;
        bench_format(&b, 4, 2, 1);
        assert_open(&b, 0xf);
        b.loop.die_at = b.loop.operations + n;
        uint32_t chunks[VOLUMES_MAX] = {7, 8, 9};
        assert_int_equal(store_add_meta_chunks(b.store, &b.loop.head, chunks), 0);
        over = b.loop.operations < b.loop.die_at;
        bench_close(&b);
        b.loop.die_at = 0;
        assert_open(&b, 0xf);
        uint32_t count = b.store->volumes[0].meta_chunk_count;
        assert_true(count == 3 || (count == 4 && b.store->volumes[0].meta_chunks[3] == 7));
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(b.store->volumes[i].meta_chunk_count, count);
            assert_int_equal(b.store->volumes[i].mirror, MIRROR_CURRENT);
        }
        bench_fini(&b);
    }
}

/* One failing operation: its volume is put out by a further generation. */
static void test_change_fails(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 24; n++) {
        struct bench b;
        bench_format(&b, 6, 4, 2);
        assert_open(&b, 0x3f);
        b.loop.fail_at = b.loop.operations + n;
        struct store_change change = {.count = 1, .set = {{5, VOLUME_DRAINING, MIRROR_NONE}}};
        assert_int_equal(store_change(b.store, &b.loop.head, &change), 0);
        assert_int_equal(b.store->generation, 3);
        uint32_t out = 0;
        for (uint32_t i = 0; i < 6; i++)
            out += b.store->volumes[i].state == VOLUME_OUT;
        assert_int_equal(out, 1);
        bench_close(&b);
        assert_open(&b, 0x3f);
        uint32_t out_again = 0;
        for (uint32_t i = 0; i < 6; i++)
            out_again += b.store->volumes[i].state == VOLUME_OUT;
        assert_int_equal(out_again, 1);
        bench_fini(&b);
    }
}

static void test_quorum_lost(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 4, 2, 1);
    assert_open(&b, 0xf);
    b.disks[0].fail_writes = b.disks[1].fail_writes = true;
    struct store_change change = {.count = 1, .set = {{3, VOLUME_DRAINING, MIRROR_NONE}}};
    assert_int_equal(store_change(b.store, &b.loop.head, &change), ERR_QUORUM);
    assert_int_equal(b.store->generation, 1);
    assert_int_equal(b.store->volumes[3].state, VOLUME_IN);
    b.disks[0].fail_writes = b.disks[1].fail_writes = false;
    assert_int_equal(store_change(b.store, &b.loop.head, &change), ERR_QUORUM); /* until it is opened again */
    bench_close(&b);
    assert_open(&b, 0xf);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(b.store->volumes[i].state, VOLUME_IN);
    bench_fini(&b);
}

static void test_hang(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 4, 2, 1);
    assert_open(&b, 0xf);
    b.disks[2].hang = true;
    uint64_t before = b.loop.now_us;
    struct store_change change = {.count = 1, .set = {{3, VOLUME_DRAINING, MIRROR_NONE}}};
    assert_int_equal(store_change(b.store, &b.loop.head, &change), 0);
    assert_int_equal(b.store->volumes[2].state, VOLUME_OUT);
    assert_in_range(b.loop.now_us - before, 1, 600000); /* late, not the whole deadline: commits wait for this */
    before = b.loop.now_us;
    change.set[0].state = VOLUME_IN;
    assert_int_equal(store_change(b.store, &b.loop.head, &change), 0);
    assert_int_equal(b.loop.now_us, before); /* skipped */
    bench_close(&b);
    assert_open(&b, 0xf); /* with it hanging from the start */
    assert_false(b.store->volumes[2].present);
    bench_close(&b);
    b.disks[2].hang = false;
    assert_int_equal(open_mask(&b, 0xf, &here, false), 0); /* lets the late operations finish */
    bench_fini(&b);
}

/* Without the late ones there are too few: they are waited for. */
static void test_hang_past_quorum(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 4, 2, 1);
    assert_open(&b, 0xf);
    b.disks[1].hang = b.disks[2].hang = true;
    uint64_t before = b.loop.now_us;
    struct store_change change = {.count = 1, .set = {{3, VOLUME_DRAINING, MIRROR_NONE}}};
    assert_int_equal(store_change(b.store, &b.loop.head, &change), ERR_QUORUM);
    assert_in_range(b.loop.now_us - before, 5000000, 6000000);
    bench_close(&b);
    b.disks[1].hang = b.disks[2].hang = false;
    assert_open(&b, 0xf); /* lets the late operations finish */
    bench_fini(&b);
}

/* A mirror that hangs while the metadata grows costs no more than being late. */
static void test_meta_chunks_hang(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 4, 2, 1);
    assert_open(&b, 0xf);
    b.disks[1].hang = true;
    uint64_t before = b.loop.now_us;
    uint32_t chunks[VOLUMES_MAX] = {7, 8, 9, UINT32_MAX};
    assert_int_equal(store_add_meta_chunks(b.store, &b.loop.head, chunks), 0);
    assert_in_range(b.loop.now_us - before, 1, 600000);
    assert_int_equal(b.store->volumes[1].state, VOLUME_OUT);
    bench_close(&b);
    b.disks[1].hang = false;
    assert_open(&b, 0xf);
    bench_fini(&b);
}

static void test_meta_chunks(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 4, 2, 1);
    assert_open(&b, 0xf);
    uint32_t chunks[VOLUMES_MAX] = {7, 8, 9, UINT32_MAX};
    assert_int_equal(store_add_meta_chunks(b.store, &b.loop.head, chunks), 0);
    struct chunk_header head;
    assert_int_equal(chunk_decode(b.disks[1].bytes + volume_chunk_off(b.store, 8, 0), &head), 0);
    assert_int_equal(head.chunk, 8);
    assert_int_equal(head.slot, 3);
    bench_close(&b);
    assert_open(&b, 0xe);
    assert_int_equal(b.store->volumes[1].meta_chunk_count, 4);
    assert_int_equal(b.store->volumes[1].meta_chunks[3], 8);
    assert_int_equal(b.store->volumes[2].meta_chunks[3], 9);
    assert_int_equal(b.store->volumes[3].meta_chunk_count, 0);
    const uint32_t list[] = {3, 4, 5, 6};
    assert_int_equal(store_set_meta_chunks(b.store, &b.loop.head, 1, list, 4), ERR_BUSY);
    assert_int_equal(store_set_meta_chunks(b.store, &b.loop.head, 3, list, 4), 0);
    struct store_change change = {.count = 1, .set = {{3, VOLUME_IN, MIRROR_LEVELLING}}};
    assert_int_equal(store_change(b.store, &b.loop.head, &change), 0);
    chunks[1] = UINT32_MAX - 1;
    assert_int_equal(store_add_meta_chunks(b.store, &b.loop.head, chunks), ERR_INVALID);
    bench_close(&b);
    assert_open(&b, 0xe);
    assert_int_equal(b.store->volumes[3].meta_chunk_count, 4);
    assert_int_equal(b.store->volumes[3].meta_chunks[2], 5);
    assert_int_equal(b.store->volumes[3].mirror, MIRROR_LEVELLING);
    bench_fini(&b);
}

static void test_add_attach_remove(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 4, 2, 1);
    assert_open(&b, 0xe); /* 0 is away */
    uint32_t index;
    struct device d = b.devices[5];
    assert_int_equal(store_add_device(b.store, &b.loop.head, &d, "rack1", false, &index, &b.message), 0);
    assert_int_equal(index, 4);
    assert_string_equal(b.store->volumes[4].label, "rack1");
    assert_true(volume_takes_chunks(&b.store->volumes[4]));
    d = b.devices[0];
    assert_int_equal(store_attach_device(b.store, &b.loop.head, &d, &index, &b.message), 0);
    assert_int_equal(index, 0);
    assert_int_equal(b.store->volumes[0].state, VOLUME_OUT);
    d = b.devices[0];
    assert_int_equal(store_attach_device(b.store, &b.loop.head, &d, &index, &b.message), ERR_EXISTS);
    d = b.devices[6];
    assert_int_equal(store_attach_device(b.store, &b.loop.head, &d, &index, &b.message), ERR_FOREIGN);
    assert_int_equal(store_remove_volume(b.store, &b.loop.head, 4, &b.message), ERR_BUSY);
    assert_int_equal(store_remove_volume(b.store, &b.loop.head, 0, &b.message), 0);
    assert_false(b.store->volumes[0].present);
    bench_close(&b);
    assert_int_equal(open_mask(&b, 0x2f, &here, false), ERR_FOREIGN);
    assert_non_null(strstr(b.message.text, "was removed"));
    assert_open(&b, 0x2e);
    assert_false(b.store->read_only);
    d = b.devices[6];
    b.disks[6].fail_writes = true;
    assert_int_equal(store_add_device(b.store, &b.loop.head, &d, NULL, false, &index, &b.message), ERR_IO);
    bench_fini(&b);
}

static void test_grow(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 3);
    for (int i = 0; i < 3; i++)
        b.devices[i].size = DISK_SIZE;
    struct fake_disk big;
    struct device device;
    fake_disk_init(&big, &device, 2ull * DISK_SIZE, 2);
    b.devices[2] = device;
    b.devices[2].size = DISK_SIZE;
    assert_int_equal(format_with(&b, 2, 1, false), 0);
    bench_close(&b);
    assert_open(&b, 0x7);
    assert_int_equal(store_grow_volume(b.store, &b.loop.head, 2, &b.message), ERR_INVALID);
    uint32_t chunks = b.store->volumes[2].chunk_count;
    bench_close(&b);
    b.devices[2].size = 2ull * DISK_SIZE;
    assert_open(&b, 0x7);
    assert_int_equal(b.store->volumes[2].chunk_count, chunks);
    assert_int_equal(store_grow_volume(b.store, &b.loop.head, 2, &b.message), 0);
    assert_int_equal(b.store->volumes[2].chunk_count, chunks + DISK_SIZE / CHUNK_SIZE_MIN);
    bench_close(&b);
    memset(big.bytes, 0, CHUNKS_OFF - (256 << 10)); /* only the moved end copy is left */
    assert_open(&b, 0x7);
    assert_int_equal(b.store->volumes[2].state, VOLUME_IN);
    assert_int_equal(b.store->volumes[2].chunk_count, chunks + DISK_SIZE / CHUNK_SIZE_MIN);
    bench_fini(&b);
    fake_disk_fini(&big);
}

/* --- lease --- */

static void test_lease_same_boot(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 3, 2, 1);
    assert_open(&b, 0x7);
    struct store *crashed = b.store;
    uint64_t before = b.loop.now_us;
    assert_open(&b, 0x7); /* of this boot, and the open was exclusive: at once */
    assert_int_equal(b.loop.now_us, before);
    assert_int_equal(store_lease_renew(crashed, &b.loop.head), ERR_ACCESS);
    assert_false(store_lease_held(crashed, b.loop.now_us));
    assert_int_equal(store_lease_renew(b.store, &b.loop.head), 0);
    store_close(crashed, &b.loop.head);
    bench_fini(&b);
}

static void test_lease_other_boot_still(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 3, 2, 1);
    assert_open(&b, 0x7);
    struct store *crashed = b.store;
    uint64_t before = b.loop.now_us;
    assert_int_equal(open_mask(&b, 0x7, &elsewhere, false), 0);
    assert_true(b.loop.now_us - before >= LEASE_MS_DEFAULT * 1000ull + 5000000);
    assert_false(store_lease_held(crashed, b.loop.now_us));
    assert_true(store_lease_held(b.store, b.loop.now_us));
    store_close(crashed, &b.loop.head);
    bench_fini(&b);
}

static struct store *holder;
static void holder_renews(struct fake_loop *f)
{
    struct bench *b = f->arg;
    struct heartbeat h;
    for (int i = 0; i < 3; i++) {
        uint8_t *block = b->disks[i].bytes + HEARTBEAT_OFF;
        assert_int_equal(heartbeat_decode(block, &h), 0);
        h.counter++;
        heartbeat_encode(&h, block);
    }
}

static void test_lease_other_boot_alive(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 3, 2, 1);
    assert_open(&b, 0x7);
    holder = b.store;
    b.loop.arg = &b;
    b.loop.on_time = holder_renews;
    uint32_t writes = writes_of(&b);
    assert_int_equal(open_mask(&b, 0x7, &elsewhere, false), ERR_BUSY);
    assert_int_equal(writes_of(&b), writes);
    b.loop.on_time = NULL;
    b.store = holder;
    bench_fini(&b);
}

static void test_lease_ends(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 3, 2, 1);
    assert_open(&b, 0x7);
    b.loop.now_us += 9999999;
    assert_true(store_lease_held(b.store, b.loop.now_us));
    assert_int_equal(store_lease_renew(b.store, &b.loop.head), 0);
    b.disks[0].fail_writes = true;
    b.loop.now_us += 9000000;
    assert_int_equal(store_lease_renew(b.store, &b.loop.head), 0); /* N-m are enough */
    b.disks[1].fail_writes = true;
    b.loop.now_us += 9000000;
    assert_int_equal(store_lease_renew(b.store, &b.loop.head), ERR_QUORUM);
    assert_true(store_lease_held(b.store, b.loop.now_us));
    b.loop.now_us += 1000000;
    assert_false(store_lease_held(b.store, b.loop.now_us));
    b.disks[0].fail_writes = b.disks[1].fail_writes = false;
    assert_int_equal(store_lease_renew(b.store, &b.loop.head), ERR_ACCESS);
    bench_fini(&b);
}

static void test_lease_released_elsewhere(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 3, 2, 1);
    assert_int_equal(open_mask(&b, 0x7, &elsewhere, false), 0);
    bench_close(&b);
    uint64_t before = b.loop.now_us;
    assert_open(&b, 0x7);
    assert_in_range(b.loop.now_us - before, 1, 5000000); /* only the second look */
    bench_fini(&b);
}

/* A volume that comes back carries the heartbeat of a holder long gone: no reason to stop. */
static void test_lease_old_block_returns(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 3, 2, 1);
    assert_open(&b, 0x7);
    struct store *crashed = b.store;
    assert_open(&b, 0x6);
    struct device d = b.devices[0];
    uint32_t index;
    assert_int_equal(store_attach_device(b.store, &b.loop.head, &d, &index, &b.message), 0);
    assert_int_equal(store_lease_renew(b.store, &b.loop.head), 0);
    struct heartbeat h;
    assert_int_equal(heartbeat_decode(b.disks[0].bytes + HEARTBEAT_OFF, &h), 0);
    assert_int_equal(h.counter, 2); /* the new holder's */
    b.loop.now_us += 20000000;
    store_close(crashed, &b.loop.head);
    bench_fini(&b);
}

static void test_read_only_writes_nothing(void **state)
{
    (void)state;
    struct bench b;
    bench_format(&b, 3, 2, 1);
    uint32_t writes = writes_of(&b);
    assert_int_equal(open_mask(&b, 0x6, &here, true), 0);
    assert_true(b.store->read_only);
    assert_int_equal(b.store->volumes[0].state, VOLUME_OUT);
    assert_false(store_lease_held(b.store, b.loop.now_us));
    bench_close(&b);
    assert_int_equal(writes_of(&b), writes);
    bench_fini(&b);
}

static void test_sealing_key_outside(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 3);
    struct seal_key key = {.bytes = {9, 8, 7}};
    struct store_format f = {.devices = b.devices, .device_count = 3, .data_count = 2, .parity_count = 1, .sealing_key = &key,
                             .boot_id = &here};
    assert_int_equal(store_format(&f, &b.loop.head, &b.store, &b.message), 0);
    assert_memory_equal(&b.store->sealing_key, &key, sizeof key);
    bench_close(&b);
    assert_int_equal(open_mask(&b, 0x7, &here, false), ERR_ACCESS);
    struct store_options o = {.devices = b.devices, .device_count = 3, .boot_id = &here, .sealing_key = &key};
    assert_int_equal(store_open(&o, &b.loop.head, &b.store, &b.message), 0);
    assert_memory_equal(&b.store->sealing_key, &key, sizeof key);
    assert_false(b.store->sealing_key_here);
    assert_null(memmem(b.disks[0].bytes, SUPERBLOCK_SIZE, "\x09\x08\x07", 3));
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_and_open),
        cmocka_unit_test(test_mirror_counts),
        cmocka_unit_test(test_format_refuses),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_refused_identities),
        cmocka_unit_test(test_rotten_superblocks),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_half_is_read_only),
        cmocka_unit_test(test_change_killed),
        cmocka_unit_test(test_recovery_killed),
        cmocka_unit_test(test_meta_chunks_killed),
        cmocka_unit_test(test_change_fails),
        cmocka_unit_test(test_quorum_lost),
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_hang_past_quorum),
        cmocka_unit_test(test_meta_chunks_hang),
        cmocka_unit_test(test_meta_chunks),
        cmocka_unit_test(test_add_attach_remove),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_lease_same_boot),
        cmocka_unit_test(test_lease_other_boot_still),
        cmocka_unit_test(test_lease_other_boot_alive),
        cmocka_unit_test(test_lease_ends),
        cmocka_unit_test(test_lease_released_elsewhere),
        cmocka_unit_test(test_lease_old_block_returns),
        cmocka_unit_test(test_read_only_writes_nothing),
        cmocka_unit_test(test_sealing_key_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
