/* How much the store can hold: what is in groups already, and the groups that the allocator would still make, found by
 * playing its greedy choice over the present free chunks. */
#include "placement/placement_private.h"

#include <string.h>

#include "placement/extent_layout.h"

#define STEPS_MAX 4096 /* about this many choices are played; large stores make several groups of one choice */

static uint64_t group_len(const struct placement *p, uint32_t data_count)
{
    return extent_len_of_blocks(data_count, p->blocks_per_chunk - 1);
}

static uint64_t simulate(struct placement *p)
{
    struct plan_volume volumes[VOLUMES_MAX];
    uint32_t chosen[SLOTS_MAX], parity_count = p->store->parity_count;
    uint32_t count = group_plan_volumes(p, false, volumes);
    uint64_t free_chunks = 0, len = 0;
    for (uint32_t i = 0; i < count; i++)
        free_chunks += volumes[i].available;
    uint32_t stride = 1 + (uint32_t)(free_chunks / STEPS_MAX / SLOTS_MAX);
    for (;;) {
        uint32_t data_count = group_plan_choose(volumes, count, p->store->data_count, parity_count, chosen);
        if (data_count == 0)
            return len;
        uint32_t times = stride;
        for (uint32_t i = 0; i < data_count + parity_count; i++) {
            if (volumes[chosen[i]].available < times)
                times = volumes[chosen[i]].available;
        }
        for (uint32_t i = 0; i < data_count + parity_count; i++)
            volumes[chosen[i]].available -= times;
        len += times * group_len(p, data_count);
    }
}

static bool bad(struct placement *p, uint32_t index)
{
    int state = atomic_load(&placement_volume(p, index)->state);
    return !placement_volume(p, index)->present || (state != VOLUME_IN && state != VOLUME_DRAINING);
}

static uint32_t can_lose(struct placement *p)
{
    uint32_t least = p->store->parity_count, mirrors = 0;
    for (uint32_t i = 0; i < p->store->volume_slots; i++) {
        mirrors += atomic_load(&placement_volume(p, i)->mirror) == MIRROR_CURRENT && !bad(p, i);
    }
    if (least >= mirrors)
        least = mirrors ? mirrors - 1 : 0; /* the last copy of the metadata */
    for (uint32_t i = 0; i < p->group_count; i++) {
        const struct group *g = &p->groups[i]->group;
        uint32_t lost = 0;
        for (uint32_t s = 0; s < (uint32_t)g->data_count + g->parity_count; s++)
            lost += bad(p, g->slots[s].volume_index);
        uint32_t spare = lost < g->parity_count ? g->parity_count - lost : 0;
        if (spare < least)
            least = spare;
    }
    return least;
}

int placement_capacity(struct placement *p, struct capacity *ret)
{
    struct capacity c;
    memset(&c, 0, sizeof(c));
    placement_lock(p);
    uint32_t volume_count;
    uint64_t volumes = allocator_volumes(p, &volume_count);
    for (uint32_t i = 0; i < p->store->volume_slots; i++) {
        const struct chunk_space *s = &p->chunks[i];
        c.volumes[i].free_chunks = s->free_count;
        c.volumes[i].meta_chunks = s->meta_count;
        c.volumes[i].used_chunks = s->count - s->free_count - s->meta_count;
        if (!bad(p, i))
            c.raw += (uint64_t)s->count * p->store->chunk_size;
    }
    for (uint32_t i = 0; i < p->group_count; i++) {
        const struct group_entry *e = p->groups[i];
        uint32_t free_blocks = e->group.free_blocks > e->reserved ? e->group.free_blocks - e->reserved : 0;
        c.used += extent_len_of_blocks(e->group.data_count, p->blocks_per_chunk - 1 - free_blocks);
        if (allocator_usable(e, volumes))
            c.available += extent_len_of_blocks(e->group.data_count, free_blocks);
    }
    c.available += simulate(p);
    c.usable = c.used + c.available;
    c.can_lose = can_lose(p);
    placement_unlock(p);
    *ret = c;
    return 0;
}
