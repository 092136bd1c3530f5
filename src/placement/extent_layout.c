/* The arithmetic of extents; see the header. */
#include "placement/extent_layout.h"

#include <assert.h>

void extent_layout_init(struct extent_layout *l, uint32_t data_count, uint32_t parity_count, uint8_t unit_shift, uint64_t len)
{
    assert(data_count >= 1 && data_count <= DATA_MAX && parity_count <= PARITY_MAX);
    l->data_count = data_count;
    l->slot_count = data_count + parity_count;
    l->len = len;
    l->unit_len = 1u << unit_shift;
    uint64_t stripe_len = (uint64_t)data_count << unit_shift;
    uint64_t full = len / stripe_len, rest = len % stripe_len;
    l->stripe_count = (uint32_t)(full + (rest != 0));
    l->last_unit_len = l->unit_len;
    if (rest) {
        uint64_t part = (rest + data_count - 1) / data_count;
        l->last_unit_len = (uint32_t)((part + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE);
    }
}

struct extent_place extent_locate(const struct extent_layout *l, uint64_t off)
{
    assert(off < l->len);
    uint64_t stripe_len = (uint64_t)l->data_count * l->unit_len;
    uint32_t stripe = (uint32_t)(off / stripe_len);
    uint64_t in_stripe = off % stripe_len;
    uint32_t unit_len = extent_unit_len(l, stripe);
    return (struct extent_place){stripe, (uint32_t)(in_stripe / unit_len), (uint32_t)(in_stripe % unit_len)};
}

uint64_t extent_len_of_blocks(uint32_t data_count, uint32_t block_count)
{
    return (uint64_t)block_count * BLOCK_SIZE * data_count;
}
