/* Superblocks, chunk headers and heartbeats: round trips, and that no damaged byte passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "volume/chunk.h"
#include "volume/lease.h"
#include "volume/superblock.h"

static uint8_t image[SUPERBLOCK_SIZE] __attribute__((aligned(4096)));
static struct superblock sb, back;

static void fill(void)
{
    memset(&sb, 0, sizeof sb);
    sb = (struct superblock){.read_only_compatible = 4, .compatible = 8, .store_uuid = {{1}}, .volume_uuid = {{3}}, .volume_index = 2,
                             .data_count = 4, .parity_count = 2, .chunk_size = CHUNK_SIZE_MIN, .log_size = 4 << 20, .generation = 9,
                             .parent_hash = 77, .created_us = 123456789, .attempt = 5, .in_force = 3, .sealing_key_here = 1,
                             .sealing_key = {{1, 2, 3}}, .meta_chunk_count = 3, .meta_chunks = {4, 0, 29}};
    for (uint32_t i = 0; i < 6; i++) {
        sb.members[i] = (struct member){.uuid = {{(uint8_t)(i + 1)}}, .size = VOLUME_SIZE_MIN, .chunk_count = 30,
                                        .state = i == 5 ? VOLUME_OFFLINE : VOLUME_IN, .mirror = i < 5 ? MIRROR_CURRENT : MIRROR_NONE};
        strcpy(sb.members[i].label, "rack");
    }
    sb.ancestors[8] = 77;
    sb.ancestors[ANCESTORS_MAX - 1] = 1;
}

static void test_round_trip(void **state)
{
    (void)state;
    fill();
    superblock_encode(&sb, image);
    memset(&back, 0, sizeof back);
    assert_int_equal(superblock_decode(image, &back), 0);
    assert_memory_equal(&sb, &back, sizeof sb);
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    fill();
    superblock_encode(&sb, image);
    for (uint32_t n = 0; n < SUPERBLOCK_SIZE; n += n < 4400 || n > SUPERBLOCK_SIZE - 64 ? 1 : 97) {
        image[n] ^= 0x10;
        assert_int_equal(superblock_decode(image, &back), n < 8 ? ERR_FOREIGN : ERR_CORRUPT);
        image[n] ^= 0x10;
    }
    assert_int_equal(superblock_decode(image, &back), 0);
}

/* A digest that fits, around something that must not be taken. */
static int decode_signed(uint32_t off, uint64_t value, uint32_t len)
{
    fill();
    superblock_encode(&sb, image);
    memcpy(image + off, &value, len);
    assert_int_equal(sha256_of(image, SUPERBLOCK_SIZE - SHA256_LEN, image + SUPERBLOCK_SIZE - SHA256_LEN), 0);
    return superblock_decode(image, &back);
}

static void test_bounds(void **state)
{
    (void)state;
    assert_int_equal(decode_signed(8, 2, 4), ERR_UNSUPPORTED);      /* version */
    assert_int_equal(decode_signed(12, 4096, 4), ERR_UNSUPPORTED);  /* size */
    assert_int_equal(decode_signed(16, 1, 8), ERR_UNSUPPORTED);     /* incompatible flag */
    assert_int_equal(decode_signed(24, 1, 8), 0);                   /* read-only flags are the store's business */
    assert_int_equal(decode_signed(72, VOLUMES_MAX, 4), ERR_CORRUPT);
    assert_int_equal(decode_signed(72, 3, 4), ERR_CORRUPT);         /* another member's slot */
    assert_int_equal(decode_signed(72, 20, 4), ERR_CORRUPT);        /* a free slot */
    assert_int_equal(decode_signed(76, 0, 1), ERR_CORRUPT);         /* k */
    assert_int_equal(decode_signed(76, DATA_MAX + 1, 1), ERR_CORRUPT);
    assert_int_equal(decode_signed(77, PARITY_MAX + 1, 1), ERR_CORRUPT);
    assert_int_equal(decode_signed(78, 2, 1), ERR_CORRUPT);         /* sealing_key_here */
    assert_int_equal(decode_signed(80, CHUNK_SIZE_MIN + 4096, 4), ERR_CORRUPT);
    assert_int_equal(decode_signed(80, 2ull * CHUNK_SIZE_MAX, 4), ERR_CORRUPT);
    assert_int_equal(decode_signed(84, 4097, 4), ERR_CORRUPT);      /* log_size */
    assert_int_equal(decode_signed(88, 0, 8), ERR_CORRUPT);         /* generation */
    assert_int_equal(decode_signed(152, META_CHUNKS_MAX + 1, 4), ERR_CORRUPT);
    assert_int_equal(decode_signed(8192, 30, 4), ERR_CORRUPT);      /* a metadata chunk past the end */
    assert_int_equal(decode_signed(256 + 16, 1 << 20, 8), ERR_CORRUPT); /* chunks that do not fit the size */
    assert_int_equal(decode_signed(256 + 28, VOLUME_OFFLINE + 1, 1), ERR_CORRUPT);
    assert_int_equal(decode_signed(256 + 29, MIRROR_LEVELLING + 1, 1), ERR_CORRUPT);
    assert_int_equal(decode_signed(256 + 32 + LABEL_SIZE - 1, 'x', 1), ERR_CORRUPT); /* a label without an end */
}

static void test_shared_hash(void **state)
{
    (void)state;
    fill();
    uint64_t hash = superblock_shared_hash(&sb);
    assert_int_not_equal(hash, 0);
    sb.volume_index = 1;
    sb.volume_uuid.bytes[0] = 2;
    sb.meta_chunk_count = 0;
    assert_true(superblock_shared_hash(&sb) == hash);
    sb.attempt++;
    assert_true(superblock_shared_hash(&sb) != hash);
    sb.attempt--;
    sb.members[3].state = VOLUME_OUT;
    assert_true(superblock_shared_hash(&sb) != hash);
}

static void test_places(void **state)
{
    (void)state;
    assert_int_equal(superblock_copy_off(0, 1 << 30), 0);
    assert_int_equal(superblock_copy_off(1, 1 << 30), 512 << 10);
    assert_int_equal(superblock_copy_off(2, (1 << 30) + 512), (1 << 30) - (64 << 10));
    assert_int_equal(superblock_chunk_count(VOLUME_SIZE_MIN, CHUNK_SIZE_MIN), 31);
    assert_int_equal(superblock_chunk_count(CHUNKS_OFF, CHUNK_SIZE_MIN), 0);
}

static void test_chunk(void **state)
{
    (void)state;
    struct chunk_header h = {.store_uuid = {{1}}, .volume_uuid = {{2}}, .chunk = 7, .purpose = CHUNK_GROUP, .group_id = 1ll << 40,
                             .slot = 5, .data_count = 4, .parity_count = 2, .matrix = 1, .created_us = 99}, got;
    memset(image, 0, CHUNK_HEADER_SIZE);
    assert_int_equal(chunk_decode(image, &got), ERR_FOREIGN);
    chunk_encode(&h, image);
    assert_int_equal(chunk_decode(image, &got), 0);
    assert_memory_equal(&h, &got, sizeof h);
    for (uint32_t n = 0; n < CHUNK_HEADER_SIZE; n++) {
        image[n] ^= 1;
        assert_int_equal(chunk_decode(image, &got), n < 8 ? ERR_FOREIGN : ERR_CORRUPT);
        image[n] ^= 1;
    }
    h.purpose = 3;
    chunk_encode(&h, image);
    assert_int_equal(chunk_decode(image, &got), ERR_CORRUPT);
}

static void test_heartbeat(void **state)
{
    (void)state;
    struct heartbeat h = {.store_uuid = {{1}}, .volume_uuid = {{2}}, .holder = {{3}}, .boot_id = {{4}}, .counter = 5, .wall_us = 6,
                          .lease_ms = 7000, .held = true}, got;
    memset(image, 0, BLOCK_SIZE);
    assert_int_equal(heartbeat_decode(image, &got), ERR_NOT_FOUND);
    memset(&got, 0, sizeof got);
    heartbeat_encode(&h, image);
    assert_int_equal(heartbeat_decode(image, &got), 0);
    assert_true(uuid_equal(&got.holder, &h.holder) && uuid_equal(&got.boot_id, &h.boot_id) && got.counter == 5 && got.held &&
                got.lease_ms == 7000 && got.wall_us == 6 && uuid_equal(&got.volume_uuid, &h.volume_uuid));
    for (uint32_t n = 0; n < 512; n++) {
        image[n] ^= 1;
        assert_int_equal(heartbeat_decode(image, &got), ERR_CORRUPT);
        image[n] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_every_byte_counts), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_shared_hash), cmocka_unit_test(test_places), cmocka_unit_test(test_chunk),
        cmocka_unit_test(test_heartbeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
