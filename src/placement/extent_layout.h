/* Where the bytes of an extent lie: pure arithmetic.
 *
 * User bytes fill stripes of data_count units of 64 KiB, slot by slot; the last stripe's unit is the smallest multiple of 4 KiB
 * whose data_count hold the rest. In a slot the units of all stripes follow one another, so that stripe s begins at s * 64 KiB
 * in every slot. Parity slots have the same lengths. */
#ifndef PLACEMENT_EXTENT_LAYOUT_H
#define PLACEMENT_EXTENT_LAYOUT_H

#include <stdint.h>

#include "placement/placement.h"

#define EXTENT_UNIT_LEN (1u << EXTENT_UNIT_SHIFT)

struct extent_layout {
    uint32_t data_count, slot_count;
    uint64_t len;           /* user bytes */
    uint32_t unit_len;      /* of every stripe but the last */
    uint32_t stripe_count;
    uint32_t last_unit_len; /* of the last stripe; unit_len when it is full */
};

/* Where one user byte lies. */
struct extent_place { uint32_t stripe, slot, unit_off; };

void extent_layout_init(struct extent_layout *, uint32_t data_count, uint32_t parity_count, uint8_t unit_shift, uint64_t len);

static inline uint32_t extent_unit_len(const struct extent_layout *l, uint32_t stripe)
{
    return stripe + 1 == l->stripe_count ? l->last_unit_len : l->unit_len;
}
/* Bytes in each slot. */
static inline uint64_t extent_slot_len(const struct extent_layout *l)
{
    return l->stripe_count ? (uint64_t)(l->stripe_count - 1) * l->unit_len + l->last_unit_len : 0;
}
static inline uint32_t extent_block_count(const struct extent_layout *l)
{
    return (uint32_t)(extent_slot_len(l) / BLOCK_SIZE);
}
static inline uint32_t extent_crc_count(const struct extent_layout *l) { return l->stripe_count * l->slot_count; }
static inline uint32_t extent_crc_index(const struct extent_layout *l, uint32_t stripe, uint32_t slot)
{
    return stripe * l->slot_count + slot;
}

/* off < len. */
struct extent_place extent_locate(const struct extent_layout *, uint64_t off);

/* User bytes that block_count blocks per slot can hold. */
uint64_t extent_len_of_blocks(uint32_t data_count, uint32_t block_count);

#endif
