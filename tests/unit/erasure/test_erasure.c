/* Every (k, m), every set of up to m lost slots, data and parity alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "erasure/erasure.h"

#define LEN 192
#define SLOTS 20

static uint8_t made[SLOTS][LEN], rebuilt[SLOTS][LEN];

static const struct erasure *encoded(unsigned k, unsigned m)
{
    const struct erasure *e = NULL;
    assert_int_equal(erasure_get(k, m, &e), 0);
    const uint8_t *data[16];
    uint8_t *parity[4];
    uint32_t state = k * 31 + m;
    for (unsigned i = 0; i < k; i++) {
        for (unsigned j = 0; j < LEN; j++)
            made[i][j] = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
        data[i] = made[i];
    }
    for (unsigned i = 0; i < m; i++)
        parity[i] = made[k + i];
    erasure_encode(e, LEN, data, parity);
    return e;
}

static void every_erasure_is_rebuilt(void **state)
{
    (void)state;
    for (unsigned k = 1; k <= 16; k++) {
        for (unsigned m = 0; m <= 4; m++) {
            const struct erasure *e = encoded(k, m);
            uint32_t all = (1u << (k + m)) - 1;
            for (uint32_t lost = 1; lost <= all; lost++) {
                if ((unsigned)__builtin_popcount(lost) > m)
                    continue;
                uint8_t *shards[SLOTS];
                for (unsigned i = 0; i < k + m; i++) {
                    shards[i] = lost & 1u << i ? rebuilt[i] : made[i];
                    memset(rebuilt[i], 0xee, LEN);
                }
                assert_int_equal(erasure_rebuild(e, LEN, all & ~lost, lost, shards), 0);
                for (unsigned i = 0; i < k + m; i++) {
                    if (lost & 1u << i)
                        assert_memory_equal(rebuilt[i], made[i], LEN);
                }
            }
        }
    }
}

static void parity_differs_from_data(void **state)
{
    (void)state;
    encoded(4, 2);
    for (unsigned i = 0; i < 4; i++) {
        assert_memory_not_equal(made[4], made[i], LEN);
        assert_memory_not_equal(made[4], made[5], LEN);
    }
}

static void bad_arguments(void **state)
{
    (void)state;
    const struct erasure *e = NULL, *again = NULL;
    assert_int_equal(erasure_get(0, 2, &e), ERR_INVALID);
    assert_int_equal(erasure_get(17, 2, &e), ERR_INVALID);
    assert_int_equal(erasure_get(4, 5, &e), ERR_INVALID);
    assert_null(e);
    assert_int_equal(erasure_get(4, 2, &e), 0);
    assert_int_equal(erasure_get(4, 2, &again), 0);
    assert_ptr_equal(e, again);
    uint8_t *shards[SLOTS];
    for (unsigned i = 0; i < SLOTS; i++)
        shards[i] = made[i];
    assert_int_equal(erasure_rebuild(e, LEN, 0x07, 0x08, shards), ERR_INVALID); /* three of four */
    assert_int_equal(erasure_rebuild(e, LEN, 0x0f, 0x40, shards), ERR_INVALID); /* no such slot */
    assert_int_equal(erasure_rebuild(e, LEN, 0x1f, 0x10, shards), ERR_INVALID); /* there and wanted */
    assert_int_equal(erasure_rebuild(e, LEN, 0x0f, 0, shards), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_erasure_is_rebuilt),
        cmocka_unit_test(parity_differs_from_data),
        cmocka_unit_test(bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
