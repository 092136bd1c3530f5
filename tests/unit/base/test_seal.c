#include "check.h"

#include <string.h>

#include "base/seal.h"

static const struct seal_key key = {{1, 2, 3}};
static const uint8_t nonce[12] = {9, 8, 7};

static void round_trip(void **state)
{
    (void)state;
    uint8_t sealed[100], plain[100];
    size_t len = 0;
    assert_int_equal(seal(&key, nonce, "user", 4, "secret", 6, sealed), 0);
    assert_int_equal(sealed[0], 1);
    assert_memory_equal(sealed + 1, nonce, sizeof(nonce));
    assert_memory_not_equal(sealed + 13, "secret", 6);
    assert_int_equal(unseal(&key, "user", 4, sealed, 6 + SEAL_OVERHEAD, plain, &len), 0);
    assert_int_equal(len, 6);
    assert_memory_equal(plain, "secret", 6);
    assert_int_equal(seal(&key, nonce, NULL, 0, NULL, 0, sealed), 0);
    assert_int_equal(unseal(&key, NULL, 0, sealed, SEAL_OVERHEAD, plain, &len), 0);
    assert_int_equal(len, 0);
}

/* NIST's GCM test case 14: zero key, zero nonce, 16 zero bytes. */
static void known_answer(void **state)
{
    (void)state;
    static const uint8_t expected[32] = {
        0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18,
        0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0, 0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19,
    };
    static const uint8_t zero[32];
    uint8_t sealed[16 + SEAL_OVERHEAD];
    assert_int_equal(seal(&(struct seal_key){{0}}, zero, NULL, 0, zero, 16, sealed), 0);
    assert_memory_equal(sealed + 13, expected, sizeof(expected));
}

static void every_changed_bit_is_seen(void **state)
{
    (void)state;
    uint8_t sealed[6 + SEAL_OVERHEAD], plain[6];
    size_t len = 99;
    assert_int_equal(seal(&key, nonce, "user", 4, "secret", 6, sealed), 0);
    for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(unseal(&key, "user", 4, sealed, sizeof(sealed), plain, &len), ERR_CORRUPT);
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(unseal(&key, "user", 3, sealed, sizeof(sealed), plain, &len), ERR_CORRUPT);
    assert_int_equal(unseal(&key, "user", 4, sealed, sizeof(sealed) - 1, plain, &len), ERR_CORRUPT);
    assert_int_equal(unseal(&key, "user", 4, sealed, SEAL_OVERHEAD - 1, plain, &len), ERR_CORRUPT);
    assert_int_equal(unseal(&(struct seal_key){{2}}, "user", 4, sealed, sizeof(sealed), plain, &len), ERR_CORRUPT);
    assert_int_equal(len, 99);
    assert_memory_equal(plain, "\0\0\0\0\0\0", 6);
}

static void random_differs(void **state)
{
    (void)state;
    uint8_t a[300] = {0}, b[300] = {0};
    assert_int_equal(random_bytes(a, sizeof(a)), 0);
    assert_int_equal(random_bytes(b, sizeof(b)), 0);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a + 284, b + 284, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(known_answer), cmocka_unit_test(every_changed_bit_is_seen),
        cmocka_unit_test(random_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
