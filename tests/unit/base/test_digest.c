#include "check.h"

#include <string.h>

#include "base/digest.h"
#include "base/text.h"

static uint8_t bytes[5000];

static int fill(void **state)
{
    (void)state;
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(x >> 24);
    }
    return 0;
}

static void expect_checksum(enum checksum_kind kind, const char *data, const char *hex)
{
    struct checksum_stream stream;
    uint8_t digest[CHECKSUM_LEN_MAX];
    struct text text = {0};
    assert_int_equal(checksum_init(&stream, kind), 0);
    checksum_update(&stream, NULL, 0);
    for (; *data; data++)
        checksum_update(&stream, data, 1);
    checksum_final(&stream, digest);
    checksum_fini(&stream);
    text_append_hex(&text, digest, checksum_len(kind));
    assert_string_equal(text.data, hex);
    text_free(&text);
}

static void check_values(void **state)
{
    (void)state;
    expect_checksum(CHECKSUM_CRC32, "123456789", "cbf43926");
    expect_checksum(CHECKSUM_CRC32C, "123456789", "e3069283");
    expect_checksum(CHECKSUM_CRC64NVME, "123456789", "ae8b14860a799888");
    expect_checksum(CHECKSUM_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
    expect_checksum(CHECKSUM_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect_checksum(CHECKSUM_SHA512, "abc", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                                            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    expect_checksum(CHECKSUM_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72");
    expect_checksum(CHECKSUM_XXHASH64, "abc", "44bc2cf5ad770999");
    expect_checksum(CHECKSUM_XXHASH3, "abc", "78af5f94892f3950");
    expect_checksum(CHECKSUM_XXHASH128, "abc", "06b05ab6733a618578af5f94892f3950");
    expect_checksum(CHECKSUM_CRC32, "", "00000000");
    expect_checksum(CHECKSUM_CRC64NVME, "", "0000000000000000");
}

static void names_and_lengths(void **state)
{
    (void)state;
    struct checksum_stream stream;
    assert_string_equal(checksum_name(CHECKSUM_CRC64NVME), "CRC64NVME");
    assert_null(checksum_name(CHECKSUM_NONE));
    assert_null(checksum_name((enum checksum_kind)77));
    assert_int_equal(checksum_len(CHECKSUM_NONE), 0);
    assert_int_equal(checksum_len((enum checksum_kind)77), 0);
    for (int kind = CHECKSUM_CRC32; kind < CHECKSUM_KIND_COUNT; kind++) {
        assert_int_equal(checksum_is_crc(kind), strncmp(checksum_name(kind), "CRC", 3) == 0);
        assert_int_equal(checksum_composes(kind), kind != CHECKSUM_CRC64NVME);
        assert_in_range(checksum_len(kind), 4, CHECKSUM_LEN_MAX);
    }
    assert_false(checksum_composes(CHECKSUM_NONE) || checksum_is_crc(CHECKSUM_NONE));
    assert_int_equal(checksum_init(&stream, (enum checksum_kind)77), ERR_INVALID);
    assert_int_equal(checksum_init(&stream, CHECKSUM_NONE), 0);
    checksum_update(&stream, "x", 1);
    checksum_fini(&stream);
}

/* Bit by bit, as the specification says it. */
static uint64_t slow_crc64nvme(const uint8_t *at, size_t len)
{
    uint64_t crc = ~0ull;
    while (len--) {
        crc ^= *at++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x9a6c9329ac4bc9b5ull : crc >> 1;
    }
    return ~crc;
}

static void crc64nvme_of_every_length(void **state)
{
    (void)state;
    for (size_t len = 0; len < 1100; len++)
        for (size_t start = 0; start < 4; start++)
            assert_true(crc64nvme(0, bytes + start * 5, len) == slow_crc64nvme(bytes + start * 5, len));
    uint64_t in_small_pieces = 0; /* too short for folding */
    for (size_t at = 0; at < sizeof(bytes); at += 50)
        in_small_pieces = crc64nvme(in_small_pieces, bytes + at, 50);
    assert_true(in_small_pieces == slow_crc64nvme(bytes, sizeof(bytes)));
    for (size_t cut = 0; cut < sizeof(bytes); cut += 37)
        assert_true(crc64nvme(crc64nvme(0, bytes, cut), bytes + cut, sizeof(bytes) - cut) ==
                    slow_crc64nvme(bytes, sizeof(bytes)));
}

static uint64_t crc_of(enum checksum_kind kind, const uint8_t *at, size_t len)
{
    struct checksum_stream stream;
    assert_int_equal(checksum_init(&stream, kind), 0);
    checksum_update(&stream, at, len);
    checksum_fini(&(struct checksum_stream){0});
    return stream.crc;
}

static void crcs_combine(void **state)
{
    (void)state;
    for (enum checksum_kind kind = CHECKSUM_CRC32; kind <= CHECKSUM_CRC64NVME; kind++)
        for (size_t cut = 0; cut <= sizeof(bytes); cut += 50)
            assert_true(checksum_crc_combine(kind, crc_of(kind, bytes, cut), crc_of(kind, bytes + cut, sizeof(bytes) - cut),
                                             sizeof(bytes) - cut) == crc_of(kind, bytes, sizeof(bytes)));
}

static void crc32c_chains(void **state)
{
    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
    assert_int_equal(crc32c(5, NULL, 0), 5);
}

static void hmac_and_compare(void **state)
{
    (void)state;
    uint8_t mac[SHA256_LEN];
    struct text text = {0};
    /* RFC 4231, test case 2; and the empty key. */
    assert_int_equal(hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac), 0);
    text_append_hex(&text, mac, sizeof(mac));
    assert_string_equal(text.data, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    text_clear(&text);
    assert_int_equal(hmac_sha256(NULL, 0, NULL, 0, mac), 0);
    text_append_hex(&text, mac, sizeof(mac));
    assert_string_equal(text.data, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    assert_int_equal(hmac_sha256("k", SIZE_MAX, "", 0, mac), ERR_TOO_LARGE);
    text_clear(&text);
    assert_int_equal(hmac_sha1("Jefe", 4, "what do ya want for nothing?", 28, mac), 0); /* RFC 2202 */
    text_append_hex(&text, mac, SHA1_LEN);
    assert_string_equal(text.data, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    text_clear(&text);
    assert_int_equal(sha256_of(NULL, 0, mac), 0);
    text_append_hex(&text, mac, sizeof(mac));
    assert_string_equal(text.data, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    text_free(&text);
    assert_true(constant_time_equal("abc", "abd", 2));
    assert_false(constant_time_equal("abc", "abd", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_values), cmocka_unit_test(names_and_lengths), cmocka_unit_test(crc64nvme_of_every_length),
        cmocka_unit_test(crcs_combine), cmocka_unit_test(crc32c_chains), cmocka_unit_test(hmac_and_compare),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
