/* Erasure coding with ISA-L: Cauchy matrices over GF(2^8). Pure; any thread once made.
 * Slot i (0..k-1: data; k..k+m-1: parity) holds row i of gf_gen_cauchy1_matrix(k+m, k): matrix id 1 of FORMAT.md. */
#ifndef ERASURE_ERASURE_H
#define ERASURE_ERASURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ERASURE_MATRIX_CAUCHY 1

struct erasure; /* tables of one (k, m); made once, kept for good */

/* k 1..16, m 0..4. Cached: the same pair gives the same tables. ERR_NO_MEMORY, ERR_INVALID. Thread-safe. */
int erasure_get(unsigned data_count, unsigned parity_count, const struct erasure **ret) MUST_CHECK;

/* parity[i] = row k+i over data[0..k-1], len bytes each. */
void erasure_encode(const struct erasure *, size_t len, const uint8_t *const *data, uint8_t *const *parity);

/* Rebuilds the slots whose bit is set in wanted from the k lowest slots set in available (which must hold at least k).
 * shards[slot]: input for available ones, output for wanted ones. ERR_INVALID when too few, or a slot is in both. */
int erasure_rebuild(const struct erasure *, size_t len, uint32_t available, uint32_t wanted, uint8_t *const *shards) MUST_CHECK;

#endif
