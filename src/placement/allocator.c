/* Hands out space in open groups and takes it back.
 *
 * Order of preference for a new extent: the widest usable group that has a run for all of it; a group that could be loaded
 * or made and is wider than what is open; then, with the store nearly full, the longest run there is. */
#include "placement/placement_private.h"

#include <assert.h>

#include "placement/extent_layout.h"

uint64_t allocator_volumes(struct placement *p, uint32_t *ret_count)
{
    uint64_t sound = 0, all = 0;
    for (uint32_t i = 0; i < p->store->volume_slots; i++) {
        struct volume *v = placement_volume(p, i);
        if (p->chunks[i].count == 0 || !volume_takes_chunks(v))
            continue;
        all |= 1ull << i;
        if (!volume_health_write_avoid(v))
            sound |= 1ull << i;
    }
    uint64_t volumes = (uint32_t)__builtin_popcountll(sound) > p->store->parity_count ? sound : all;
    *ret_count = (uint32_t)__builtin_popcountll(volumes);
    return volumes;
}

bool allocator_usable(const struct group_entry *e, uint64_t volumes)
{
    if (e->group.closed)
        return false;
    for (uint32_t i = 0; i < (uint32_t)e->group.data_count + e->group.parity_count; i++) {
        if (!(volumes & 1ull << e->group.slots[i].volume_index))
            return false;
    }
    return true;
}

/* Blocks per slot that len bytes need in a group: all of them in one extent, unless a small chunk bounds that. */
static uint32_t blocks_needed(const struct placement *p, const struct group *g, uint64_t len, uint64_t *ret_len)
{
    uint32_t most = (p->blocks_per_chunk - 1) / 2;
    uint64_t fits = extent_len_of_blocks(g->data_count, most);
    struct extent_layout l;
    *ret_len = len < fits ? len : fits;
    extent_layout_init(&l, g->data_count, g->parity_count, EXTENT_UNIT_SHIFT, *ret_len);
    return extent_block_count(&l);
}

static void hand_out(struct group_entry *e, uint32_t block, uint32_t count, uint64_t len, struct extent *ret)
{
    e->reserved += count;
    ret->group_id = e->group.id;
    ret->block = block;
    ret->block_count = count;
    ret->len = len;
    ret->unit_shift = EXTENT_UNIT_SHIFT;
}

/* Takes from the widest open group, at least min_data_count wide, that has a run for all of len; groups in turn. */
static bool take_whole(struct placement *p, uint64_t volumes, uint32_t min_data_count, uint64_t len, struct extent *ret)
{
    uint64_t tried[OPEN_GROUPS_MAX / 64] = {0};
    for (;;) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < p->open_count; i++) {
            uint32_t at = (p->rotor + i) % p->open_count;
            struct group_entry *e = p->open[at];
            if (tried[at / 64] & 1ull << at % 64 || e->group.data_count < min_data_count ||
                (best != UINT32_MAX && e->group.data_count <= p->open[best]->group.data_count) ||
                !allocator_usable(e, volumes))
                continue;
            best = at;
        }
        if (best == UINT32_MAX)
            return false;
        struct group_entry *e = p->open[best];
        uint64_t fits;
        uint32_t block, need = blocks_needed(p, &e->group, len, &fits);
        if (group_space_take(e->space, need, &block)) {
            p->rotor = best + 1;
            hand_out(e, block, need, fits, ret);
            return true;
        }
        tried[best / 64] |= 1ull << best % 64;
    }
}

/* The group to load: usable, at least min_data_count wide, with room for at least the smaller of len and min_blocks. */
static struct group_entry *loadable(struct placement *p, uint64_t volumes, uint32_t min_data_count, uint32_t min_blocks)
{
    struct group_entry *best = NULL;
    for (uint32_t i = 0; i < p->group_count; i++) {
        struct group_entry *e = p->groups[i];
        uint32_t room = e->group.free_blocks < e->longest ? e->group.free_blocks : e->longest;
        if (e->space || e->group.data_count < min_data_count || room < min_blocks ||
            (best && e->group.free_blocks <= best->group.free_blocks) || !allocator_usable(e, volumes))
            continue;
        best = e;
    }
    return best;
}

static uint32_t plan_width(struct placement *p)
{
    struct plan_volume candidates[VOLUMES_MAX];
    uint32_t chosen[SLOTS_MAX];
    uint32_t count = group_plan_volumes(p, false, candidates);
    return group_plan_choose(candidates, count, p->store->data_count, p->store->parity_count, chosen);
}

/* The longest run of at least min blocks, of all usable open groups. */
static bool take_part(struct placement *p, uint64_t volumes, uint32_t min, uint64_t len, struct extent *ret)
{
    for (uint32_t i = 0; i < p->open_count; i++) {
        uint32_t at = (p->rotor + i) % p->open_count;
        struct group_entry *e = p->open[at];
        if (e->space->free_count < min || e->space->longest < min || !allocator_usable(e, volumes))
            continue;
        uint64_t fits;
        uint32_t block, count, need = blocks_needed(p, &e->group, len, &fits);
        group_space_take_longest(e->space, need, &block, &count);
        if (count < min) {
            if (count)
                group_space_give(e->space, block, count);
            e->space->longest = count;
            continue;
        }
        uint64_t part = extent_len_of_blocks(e->group.data_count, count);
        hand_out(e, block, count, part < fits ? part : fits, ret);
        return true;
    }
    return false;
}

/* Asks for more groups before the present ones are full, so that extents seldom wait, and load is spread. */
static void keep_groups_ready(struct placement *p, uint64_t volumes, uint32_t volume_count, uint32_t target)
{
    uint32_t width = target + p->store->parity_count;
    uint32_t wanted = 2 * (volume_count / width ? volume_count / width : 1), ready = 0;
    if (wanted > PARALLEL_GROUPS_MAX)
        wanted = PARALLEL_GROUPS_MAX;
    for (uint32_t i = 0; i < p->open_count && ready < wanted; i++) {
        const struct group_entry *e = p->open[i];
        ready += e->group.data_count >= target && e->space->free_count >= p->blocks_per_chunk / 8 &&
                 allocator_usable(e, volumes);
    }
    if (ready >= wanted || want_outstanding(p) || p->want_failed)
        return;
    struct group_entry *e = loadable(p, volumes, target, p->blocks_per_chunk / 8);
    if (e)
        want_load_group(p, e->group.id);
    else if (plan_width(p) >= target)
        want_new_group(p);
}

/* A store that is nearly full: nothing has room for the whole extent. */
static int reserve_part(struct placement *p, uint64_t volumes, bool may_want, uint64_t len, struct extent *ret)
{
    const uint32_t least[] = {RUN_WORTHWHILE, 1};
    for (unsigned i = 0; i < 2; i++) {
        if (take_part(p, volumes, least[i], len, ret))
            return 0;
        struct group_entry *e = may_want ? loadable(p, volumes, 1, least[i]) : NULL;
        if (e) {
            want_load_group(p, e->group.id);
            return ERR_WOULD_BLOCK;
        }
    }
    return ERR_NO_SPACE;
}

/* The room a group of that width must have to be worth loading for len bytes: for all of it, and not for scraps. Groups with
 * less are loaded over and over in a store where every group has a little left. */
static uint32_t room_worth_loading(const struct placement *p, uint32_t width, uint64_t len)
{
    const struct group g = {.data_count = (uint8_t)width, .parity_count = p->store->parity_count};
    uint64_t fits;
    uint32_t need = blocks_needed(p, &g, len, &fits), scraps = p->blocks_per_chunk / 8;
    return need > scraps ? need : scraps;
}

/* may_want false: only what is open already. */
static int reserve(struct placement *p, bool may_want, uint64_t len, struct extent *ret)
{
    uint32_t volume_count;
    uint64_t volumes = allocator_volumes(p, &volume_count);
    if (volume_count < (uint32_t)p->store->parity_count + 1)
        return ERR_QUORUM;
    uint32_t target = volume_count - p->store->parity_count;
    if (target > p->store->data_count)
        target = p->store->data_count;
    if (take_whole(p, volumes, target, len, ret)) {
        keep_groups_ready(p, volumes, volume_count, target);
        return 0;
    }
    /* Of target's width there is none open with room. Full width by loading or making one, else the next narrower. */
    uint32_t planned = may_want ? plan_width(p) : 0;
    for (uint32_t width = target; width >= 1; width--) {
        if (width < target && take_whole(p, volumes, width, len, ret))
            return 0;
        struct group_entry *e = may_want ? loadable(p, volumes, width, room_worth_loading(p, width, len)) : NULL;
        if (e)
            want_load_group(p, e->group.id);
        else if (planned >= width)
            want_new_group(p);
        else
            continue;
        return ERR_WOULD_BLOCK;
    }
    return reserve_part(p, volumes, may_want, len, ret);
}

int placement_reserve(struct placement *p, uint64_t len, struct extent *ret)
{
    assert(len >= 1);
    if (len > EXTENT_LEN_MAX)
        len = EXTENT_LEN_MAX;
    placement_lock(p);
    int err = reserve(p, p->fail_count == 0, len, ret);
    if (err && p->fail_count) {
        p->fail_count--;
        err = p->fail_err;
    }
    placement_unlock(p);
    return err;
}

/* --- giving back --- */

void allocator_free_range(struct placement *p, struct block_range range, bool committed)
{
    if (range.count == 0 || hold_defer(p, range, committed))
        return;
    struct group_entry *e = placement_find(p, range.group_id);
    if (!e)
        return; /* the group went with its last extent */
    if (committed)
        e->group.free_blocks += range.count;
    else
        e->reserved -= range.count;
    if (e->space)
        group_space_give(e->space, range.block, range.count);
    e->longest = p->blocks_per_chunk - 1;
    want_wake_all(p);
}

void placement_release(struct placement *p, const struct extent *extent)
{
    placement_lock(p);
    allocator_free_range(p, (struct block_range){extent->group_id, extent->block, extent->block_count}, false);
    placement_unlock(p);
}

void placement_trim(struct placement *p, const struct extent *extent, uint32_t block_count)
{
    assert(block_count <= extent->block_count);
    placement_lock(p);
    allocator_free_range(p, (struct block_range){extent->group_id, extent->block + block_count,
                                                 extent->block_count - block_count}, false);
    placement_unlock(p);
}

void placement_free(struct placement *p, const struct extent *extent)
{
    placement_lock(p);
    if (!pin_defer(p, extent))
        allocator_free_range(p, (struct block_range){extent->group_id, extent->block, extent->block_count}, true);
    placement_unlock(p);
}

void placement_free_moved(struct placement *p, const struct extent *extent)
{
    placement_lock(p);
    if (!pin_defer_moved(p, extent))
        allocator_free_range(p, (struct block_range){extent->group_id, extent->block, extent->block_count}, true);
    placement_unlock(p);
}

void placement_commit(struct placement *p, const struct extent *extent)
{
    placement_lock(p);
    struct group_entry *e = placement_find(p, extent->group_id);
    if (e && e->space) {
        assert(e->reserved >= extent->block_count && e->group.free_blocks >= extent->block_count);
        e->reserved -= extent->block_count;
        e->group.free_blocks -= extent->block_count;
        if (e->reserved == 0 && e->space->free_count == 0)
            placement_shut(p, e);
    }
    placement_unlock(p);
}
