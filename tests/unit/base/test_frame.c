/* Frames: what is sealed opens at its place only. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/frame.h"

static const uint8_t data_key[DATA_KEY_LEN] = {1, 2, 3}, other_key[DATA_KEY_LEN] = {1, 2, 4};
static const uint8_t salt[FRAME_SALT_LEN] = {7, 8, 9}, other_salt[FRAME_SALT_LEN] = {7, 8, 10};

static void stored_sizes(void **state)
{
    (void)state;
    assert_int_equal(frame_stored_size(0), 0);
    assert_int_equal(frame_stored_size(1), 33);
    assert_int_equal(frame_stored_size(65536), 65568);
    assert_int_equal(frame_stored_size(65537), 65568 + 33);
    assert_int_equal(frame_stored_size(5ull << 40), (5ull << 40) + (5ull << 24) * 32);
}

static struct frame_cipher *cipher(const uint8_t *key, uint32_t part, const uint8_t *with)
{
    struct frame_cipher *c;
    assert_int_equal(frame_cipher_new(key, part, with, &c), 0);
    return c;
}

static void sealed(uint8_t frame[5 + FRAME_OVERHEAD], uint64_t index, bool last)
{
    struct frame_cipher *c = cipher(data_key, 3, salt);
    memcpy(frame + FRAME_SALT_LEN, "plain", 5);
    assert_int_equal(frame_seal(c, index, last, frame, 5), 0);
    assert_memory_equal(frame, salt, FRAME_SALT_LEN);
    assert_memory_not_equal(frame + FRAME_SALT_LEN, "plain", 5);
    frame_cipher_free(c);
}

static int opened(const uint8_t *key, uint32_t part, const uint8_t *with, uint64_t index, bool last, const uint8_t *frame, size_t len)
{
    uint8_t copy[64];
    struct frame_cipher *c = cipher(key, part, with);
    memcpy(copy, frame, len);
    int err = frame_open(c, index, last, copy, len);
    if (!err)
        assert_memory_equal(copy + FRAME_SALT_LEN, "plain", 5);
    else
        assert_memory_not_equal(copy + FRAME_SALT_LEN, "plain", 5);
    frame_cipher_free(c);
    return err;
}

static void a_frame_opens_at_its_place_only(void **state)
{
    (void)state;
    uint8_t frame[5 + FRAME_OVERHEAD];
    sealed(frame, 4, false);
    assert_int_equal(opened(data_key, 3, salt, 4, false, frame, sizeof(frame)), 0);
    assert_int_equal(opened(other_key, 3, salt, 4, false, frame, sizeof(frame)), ERR_CORRUPT);
    assert_int_equal(opened(data_key, 2, salt, 4, false, frame, sizeof(frame)), ERR_CORRUPT);
    assert_int_equal(opened(data_key, 3, other_salt, 4, false, frame, sizeof(frame)), ERR_CORRUPT);
    assert_int_equal(opened(data_key, 3, salt, 5, false, frame, sizeof(frame)), ERR_CORRUPT);
    assert_int_equal(opened(data_key, 3, salt, 4, true, frame, sizeof(frame)), ERR_CORRUPT);
    assert_int_equal(opened(data_key, 3, salt, 4, false, frame, sizeof(frame) - 1), ERR_CORRUPT);
    assert_int_equal(opened(data_key, 3, salt, 4, false, frame, FRAME_OVERHEAD), ERR_CORRUPT);
    for (size_t i = 0; i < sizeof(frame); i++) {
        frame[i] ^= 1;
        assert_int_equal(opened(data_key, 3, salt, 4, false, frame, sizeof(frame)), ERR_CORRUPT);
        frame[i] ^= 1;
    }
}

/* The form on the volumes must not change; this was made from FORMAT.md's words by another implementation. */
static void known_answer(void **state)
{
    (void)state;
    static const uint8_t expected[5 + FRAME_TAG_LEN] = {
        0x12, 0xb5, 0x1e, 0xdf, 0x23, 0x9b, 0xe7, 0x0f, 0x62, 0x06, 0xee, 0x0f, 0xe0, 0x9f, 0x9f, 0x1b,
        0x8b, 0x9b, 0xd7, 0x05, 0x5d};
    uint8_t frame[5 + FRAME_OVERHEAD];
    sealed(frame, 4, true);
    assert_memory_equal(frame + FRAME_SALT_LEN, expected, sizeof(expected));
}

static void lengths_have_limits(void **state)
{
    (void)state;
    uint8_t *frame = calloc(1, FRAME_PLAIN_LEN + FRAME_OVERHEAD + 1);
    struct frame_cipher *c = cipher(data_key, 0, salt);
    assert_int_equal(frame_seal(c, 0, true, frame, 0), ERR_INVALID);
    assert_int_equal(frame_seal(c, 0, true, frame, FRAME_PLAIN_LEN + 1), ERR_INVALID);
    assert_int_equal(frame_seal(c, 0, true, frame, FRAME_PLAIN_LEN), 0);
    assert_int_equal(frame_open(c, 0, true, frame, FRAME_PLAIN_LEN + FRAME_OVERHEAD + 1), ERR_CORRUPT);
    assert_int_equal(frame_open(c, 0, true, frame, FRAME_PLAIN_LEN + FRAME_OVERHEAD), 0);
    for (size_t i = 0; i < FRAME_PLAIN_LEN; i++)
        assert_int_equal(frame[FRAME_SALT_LEN + i], 0);
    frame_cipher_free(c);
    free(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_sizes), cmocka_unit_test(a_frame_opens_at_its_place_only), cmocka_unit_test(known_answer),
        cmocka_unit_test(lengths_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
