/* Block bitmap of an open group: next-fit search, word by word. */
#include "placement/group_space.h"

#include <assert.h>
#include <stdlib.h>

int group_space_new(uint32_t block_count, struct group_space **ret)
{
    assert(block_count >= 2);
    uint32_t words = (block_count + 63) / 64;
    struct group_space *s = calloc(1, sizeof(*s) + words * sizeof(s->taken[0]));
    if (!s)
        return ERR_NO_MEMORY;
    s->block_count = block_count;
    s->free_count = s->longest = block_count - 1;
    s->cursor = 1;
    s->taken[0] = 1;
    for (uint32_t b = block_count; b < words * 64; b++)
        s->taken[b / 64] |= 1ull << b % 64;
    *ret = s;
    return 0;
}

/* First block at or after from whose taken bit is wanted; block_count when there is none. */
static uint32_t next_block(const struct group_space *s, uint32_t from, bool wanted)
{
    uint32_t words = (s->block_count + 63) / 64;
    for (uint32_t w = from / 64; w < words; w++) {
        uint64_t bits = wanted ? s->taken[w] : ~s->taken[w];
        if (w == from / 64)
            bits &= ~0ull << from % 64;
        if (bits) {
            uint32_t block = w * 64 + (uint32_t)__builtin_ctzll(bits);
            return block < s->block_count ? block : s->block_count;
        }
    }
    return s->block_count;
}

static void set_run(struct group_space *s, uint32_t block, uint32_t count, bool taken)
{
    for (uint32_t b = block, left = count; left;) {
        uint32_t n = 64 - b % 64 < left ? 64 - b % 64 : left;
        uint64_t mask = (n == 64 ? ~0ull : (1ull << n) - 1) << b % 64;
        if (taken) {
            assert(!(s->taken[b / 64] & mask));
            s->taken[b / 64] |= mask;
        } else {
            assert((s->taken[b / 64] & mask) == mask);
            s->taken[b / 64] &= ~mask;
        }
        b += n;
        left -= n;
    }
}

int group_space_mark(struct group_space *s, uint32_t block, uint32_t count)
{
    if (block == 0 || count == 0 || block >= s->block_count || count > s->block_count - block ||
        next_block(s, block, true) < block + count)
        return ERR_CORRUPT;
    set_run(s, block, count, true);
    s->free_count -= count;
    return 0;
}

static void take(struct group_space *s, uint32_t block, uint32_t count)
{
    set_run(s, block, count, true);
    s->free_count -= count;
    s->cursor = block + count;
}

bool group_space_take(struct group_space *s, uint32_t count, uint32_t *ret_block)
{
    if (count == 0 || count > s->free_count || count > s->longest)
        return false;
    uint32_t longest = 0;
    /* From the cursor to the end, then everything: a run may lie across the cursor. */
    for (int pass = 0; pass < 2; pass++) {
        uint32_t from = pass == 0 ? s->cursor : 1;
        while ((from = next_block(s, from, false)) < s->block_count) {
            uint32_t end = next_block(s, from, true);
            if (end - from >= count) {
                take(s, from, count);
                *ret_block = from;
                return true;
            }
            if (end - from > longest)
                longest = end - from;
            from = end;
        }
    }
    s->longest = longest;
    return false;
}

void group_space_take_longest(struct group_space *s, uint32_t max, uint32_t *ret_block, uint32_t *ret_count)
{
    uint32_t best = 0, best_len = 0;
    for (uint32_t from = 1; (from = next_block(s, from, false)) < s->block_count;) {
        uint32_t end = next_block(s, from, true);
        if (end - from > best_len) {
            best = from;
            best_len = end - from;
        }
        from = end;
    }
    s->longest = best_len;
    *ret_count = best_len < max ? best_len : max;
    *ret_block = best;
    if (*ret_count)
        take(s, best, *ret_count);
}

void group_space_give(struct group_space *s, uint32_t block, uint32_t count)
{
    assert(block > 0 && count > 0 && block < s->block_count && count <= s->block_count - block);
    set_run(s, block, count, false);
    s->free_count += count;
    s->longest = s->block_count - 1; /* unknown again */
}
