/* Which blocks of an open group are taken: one bitmap for all slots, since an extent lies at one offset in every slot. */
#ifndef PLACEMENT_GROUP_SPACE_H
#define PLACEMENT_GROUP_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct group_space {
    uint32_t block_count; /* block 0 (the header) included, always taken */
    uint32_t free_count;
    uint32_t cursor;      /* where the next search begins */
    uint32_t longest;     /* no free run is longer than this */
    uint64_t taken[];     /* bit per block */
};

/* All free but block 0. Freed with free(). */
int group_space_new(uint32_t block_count, struct group_space **ret) MUST_CHECK;

/* Marks a run taken; ERR_CORRUPT when it is out of range or partly taken already (then nothing is changed). */
int group_space_mark(struct group_space *, uint32_t block, uint32_t count) MUST_CHECK;

/* Takes count contiguous blocks, next fit; false when there is no such run (longest then says how long the longest is). */
bool group_space_take(struct group_space *, uint32_t count, uint32_t *ret_block);

/* Takes the longest free run, at most max blocks; *ret_count 0 when nothing is free. */
void group_space_take_longest(struct group_space *, uint32_t max, uint32_t *ret_block, uint32_t *ret_count);

/* Must be taken. */
void group_space_give(struct group_space *, uint32_t block, uint32_t count);

#endif
