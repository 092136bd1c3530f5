/* Which volumes and chunks a new group, or a slot that has to move, gets. Greedy: the volumes with most free chunks first. */
#include "placement/placement_private.h"

#include <assert.h>
#include <string.h>

/* Volumes with one label share a domain; a volume without is its own. */
static uint32_t domain_of(struct placement *p, uint32_t index)
{
    const char *label = placement_volume(p, index)->label;
    for (uint32_t i = 0; label[0] && i < index; i++) {
        if (p->chunks[i].count && strncmp(placement_volume(p, i)->label, label, LABEL_SIZE) == 0)
            return i;
    }
    return index;
}

uint32_t group_plan_volumes(struct placement *p, bool use_reserve, struct plan_volume volumes[VOLUMES_MAX])
{
    uint32_t count = 0, usable_count;
    uint64_t usable = allocator_volumes(p, &usable_count);
    for (uint32_t i = 0; i < p->store->volume_slots; i++) {
        if (!(usable & 1ull << i))
            continue;
        const struct chunk_space *c = &p->chunks[i];
        uint32_t kept = use_reserve ? 0 : chunk_space_reserve(c);
        volumes[count++] = (struct plan_volume){i, c->free_count > kept ? c->free_count - kept : 0, domain_of(p, i)};
    }
    return count;
}

uint32_t group_plan_choose(const struct plan_volume *volumes, uint32_t count, uint32_t data_count, uint32_t parity_count,
                           uint32_t chosen[SLOTS_MAX])
{
    uint32_t order[VOLUMES_MAX], candidates = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (volumes[i].available == 0)
            continue;
        uint32_t at = candidates++; /* insertion sort, most available first, stable */
        while (at > 0 && volumes[order[at - 1]].available < volumes[i].available) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    if (candidates < parity_count + 1)
        return 0;
    uint32_t width = data_count + parity_count < candidates ? data_count + parity_count : candidates;
    uint8_t in_domain[VOLUMES_MAX] = {0};
    bool used[VOLUMES_MAX] = {0};
    uint32_t picked = 0;
    /* One volume per domain, then, only if there are too few domains, a second of each, and so on. */
    for (uint32_t round = 0; picked < width; round++) {
        for (uint32_t i = 0; i < candidates && picked < width; i++) {
            if (used[i] || in_domain[volumes[order[i]].domain] > round)
                continue;
            used[i] = true;
            in_domain[volumes[order[i]].domain]++;
            chosen[picked++] = order[i];
        }
    }
    return width - parity_count;
}

int placement_plan_group(struct placement *p, struct group *ret)
{
    struct plan_volume volumes[VOLUMES_MAX];
    uint32_t chosen[SLOTS_MAX];
    uint32_t parity_count = p->store->parity_count;
    placement_lock(p);
    uint32_t count = group_plan_volumes(p, false, volumes);
    uint32_t data_count = group_plan_choose(volumes, count, p->store->data_count, parity_count, chosen);
    int err = data_count ? 0 : count < parity_count + 1 ? ERR_QUORUM : ERR_NO_SPACE;
    if (!err) {
        struct group g = {.data_count = (uint8_t)data_count, .parity_count = (uint8_t)parity_count, .matrix = 1,
                          .free_blocks = p->blocks_per_chunk - 1};
        uint32_t width = data_count + parity_count;
        uint32_t turn = p->slot_rotor++; /* so that parity is spread over the volumes */
        for (uint32_t i = 0; i < width; i++) {
            uint32_t v = volumes[chosen[(i + turn) % width]].volume_index;
            g.slots[i].volume_index = v;
            bool taken = chunk_space_take(p, v, CHUNK_PLANNED, &g.slots[i].chunk);
            assert(taken);
            (void)taken;
        }
        *ret = g;
    }
    placement_unlock(p);
    return err;
}

void placement_drop_group(struct placement *p, const struct group *g)
{
    placement_lock(p);
    for (uint32_t i = 0; i < (uint32_t)g->data_count + g->parity_count; i++)
        chunk_space_give(p, g->slots[i]);
    want_wake_all(p);
    placement_unlock(p);
}

int placement_plan_slot(struct placement *p, int64_t group_id, uint32_t slot, bool use_reserve, struct group_slot *ret)
{
    struct plan_volume volumes[VOLUMES_MAX];
    placement_lock(p);
    struct group_entry *e = placement_find(p, group_id);
    uint32_t width = e ? (uint32_t)e->group.data_count + e->group.parity_count : 0;
    int err = slot < width ? ERR_NO_SPACE : ERR_NOT_FOUND;
    uint32_t count = slot < width ? group_plan_volumes(p, use_reserve, volumes) : 0;
    const struct plan_volume *best = NULL;
    bool best_apart = false;
    for (uint32_t i = 0; i < count; i++) {
        bool member = false, apart = true;
        for (uint32_t s = 0; s < width; s++) {
            uint32_t v = e->group.slots[s].volume_index;
            member = member || v == volumes[i].volume_index;
            apart = apart && (s == slot || domain_of(p, v) != volumes[i].domain);
        }
        if (member || volumes[i].available == 0)
            continue;
        if (!best || apart > best_apart || (apart == best_apart && volumes[i].available > best->available)) {
            best = &volumes[i];
            best_apart = apart;
        }
    }
    if (best && chunk_space_take(p, best->volume_index, CHUNK_PLANNED, &ret->chunk)) {
        ret->volume_index = best->volume_index;
        err = 0;
    }
    placement_unlock(p);
    return err;
}

/* Each move takes one chunk from the emptiest and gives one to the fullest: with a difference of EVEN_GAP at least, none is
 * moved back. EVEN_FREE chunks are a few groups ahead of the writers. */
#define EVEN_GAP 4u
#define EVEN_FREE 4u

bool placement_uneven(struct placement *p, uint32_t *ret_fullest, uint32_t *ret_emptiest)
{
    struct plan_volume volumes[VOLUMES_MAX];
    uint32_t full = 0, empty = 0, ample = 0;
    placement_lock(p);
    uint32_t count = group_plan_volumes(p, false, volumes);
    uint32_t width = (uint32_t)p->store->data_count + p->store->parity_count;
    for (uint32_t i = 0; i < count; i++) {
        ample += volumes[i].available >= EVEN_FREE;
        full = volumes[i].available < volumes[full].available ? i : full;
        empty = volumes[i].available > volumes[empty].available ? i : empty;
    }
    bool uneven = count > 0 && ample < (width < count ? width : count) && volumes[full].available < EVEN_FREE &&
                  volumes[empty].available >= volumes[full].available + EVEN_GAP;
    if (uneven) {
        *ret_fullest = volumes[full].volume_index;
        *ret_emptiest = volumes[empty].volume_index;
    }
    placement_unlock(p);
    return uneven;
}

void placement_drop_chunk(struct placement *p, struct group_slot slot)
{
    placement_lock(p);
    chunk_space_give(p, slot);
    want_wake_all(p);
    placement_unlock(p);
}
