/* Erasure coding over ISA-L. The tables of a (k, m) are expanded once and then only read; rebuilding inverts the k rows that
 * are there, which costs a few microseconds at most and is not cached.
 *
 * The cache is the one write-once global of this folder: 85 pointers, each set by one compare-and-exchange. */
#include "erasure/erasure.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/erasure_code.h>

#define DATA_COUNT_MAX 16
#define PARITY_COUNT_MAX 4
#define SLOT_COUNT_MAX (DATA_COUNT_MAX + PARITY_COUNT_MAX)
#define TABLE_SIZE 32 /* bytes of ISA-L's expanded table per coefficient */

struct erasure {
    unsigned data_count, parity_count;
    uint8_t matrix[SLOT_COUNT_MAX * DATA_COUNT_MAX];                   /* row i: slot i */
    uint8_t tables[TABLE_SIZE * PARITY_COUNT_MAX * DATA_COUNT_MAX];    /* of the parity rows */
};

static struct erasure *_Atomic cache[DATA_COUNT_MAX + 1][PARITY_COUNT_MAX + 1];

int erasure_get(unsigned data_count, unsigned parity_count, const struct erasure **ret)
{
    if (data_count < 1 || data_count > DATA_COUNT_MAX || parity_count > PARITY_COUNT_MAX)
        return ERR_INVALID;
    struct erasure *found = atomic_load_explicit(&cache[data_count][parity_count], memory_order_acquire);
    if (found) {
        *ret = found;
        return 0;
    }
    struct erasure *made = calloc(1, sizeof(*made));
    if (!made)
        return ERR_NO_MEMORY;
    made->data_count = data_count;
    made->parity_count = parity_count;
    gf_gen_cauchy1_matrix(made->matrix, (int)(data_count + parity_count), (int)data_count);
    if (parity_count)
        ec_init_tables((int)data_count, (int)parity_count, made->matrix + data_count * data_count, made->tables);
    if (atomic_compare_exchange_strong(&cache[data_count][parity_count], &found, made)) {
        *ret = made;
    } else {
        free(made);
        *ret = found;
    }
    return 0;
}

void erasure_encode(const struct erasure *e, size_t len, const uint8_t *const *data, uint8_t *const *parity)
{
    if (e->parity_count == 0 || len == 0)
        return;
    /* ISA-L declares its inputs without const but only reads them. */
    ec_encode_data((int)len, (int)e->data_count, (int)e->parity_count, (uint8_t *)e->tables, (uint8_t **)(uintptr_t)data,
                   (uint8_t **)(uintptr_t)parity);
}

/* Row of slot, expressed in the k available slots: its matrix row times the inverse. */
static void row_of(const struct erasure *e, const uint8_t *inverse, unsigned slot, uint8_t *row)
{
    unsigned k = e->data_count;
    if (slot < k) {
        memcpy(row, inverse + slot * k, k);
        return;
    }
    for (unsigned column = 0; column < k; column++) {
        uint8_t sum = 0;
        for (unsigned i = 0; i < k; i++)
            sum ^= gf_mul(e->matrix[slot * k + i], inverse[i * k + column]);
        row[column] = sum;
    }
}

int erasure_rebuild(const struct erasure *e, size_t len, uint32_t available, uint32_t wanted, uint8_t *const *shards)
{
    unsigned k = e->data_count, slots = k + e->parity_count;
    uint32_t known = (1u << slots) - 1;
    if ((wanted & ~known) || (available & ~known) || (wanted & available) ||
        (unsigned)__builtin_popcount(available) < k)
        return ERR_INVALID;
    if (wanted == 0 || len == 0)
        return 0;

    uint8_t rows[DATA_COUNT_MAX * DATA_COUNT_MAX], inverse[DATA_COUNT_MAX * DATA_COUNT_MAX];
    uint8_t *inputs[DATA_COUNT_MAX], *outputs[SLOT_COUNT_MAX];
    unsigned input_count = 0;
    for (unsigned slot = 0; slot < slots && input_count < k; slot++) {
        if (!(available & 1u << slot))
            continue;
        memcpy(rows + input_count * k, e->matrix + slot * k, k);
        inputs[input_count++] = shards[slot];
    }
    int singular = gf_invert_matrix(rows, inverse, (int)k);
    assert(!singular); /* every k rows of a Cauchy matrix are independent */
    (void)singular;

    uint8_t wanted_rows[SLOT_COUNT_MAX * DATA_COUNT_MAX], tables[TABLE_SIZE * SLOT_COUNT_MAX * DATA_COUNT_MAX];
    unsigned output_count = 0;
    for (unsigned slot = 0; slot < slots; slot++) {
        if (!(wanted & 1u << slot))
            continue;
        row_of(e, inverse, slot, wanted_rows + output_count * k);
        outputs[output_count++] = shards[slot];
    }
    ec_init_tables((int)k, (int)output_count, wanted_rows, tables);
    ec_encode_data((int)len, (int)k, (int)output_count, tables, inputs, outputs);
    return 0;
}
