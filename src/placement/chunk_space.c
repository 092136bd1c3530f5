/* Which chunks of each volume are free, and writes in flight to each: a chunk given back while a write to it has not
 * returned is parked until it has, so that a late write never lands in another group's bytes. */
#include "placement/placement_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

uint32_t chunk_space_reserve(const struct chunk_space *c)
{
    uint32_t percent = c->count / 100;
    return percent > 2 ? percent : 2;
}

static int resize(struct chunk_space *c, uint32_t count)
{
    uint8_t *state = realloc(c->state, count ? count : 1);
    if (!state)
        return ERR_NO_MEMORY;
    c->state = state;
    uint32_t *writes = realloc(c->writes, (count ? count : 1) * sizeof(*writes));
    if (!writes)
        return ERR_NO_MEMORY;
    c->writes = writes;
    for (uint32_t i = c->count; i < count; i++) {
        c->state[i] = CHUNK_FREE;
        c->writes[i] = 0;
    }
    c->free_count += count - c->count;
    c->count = count;
    return 0;
}

static bool has_writes(const struct chunk_space *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->writes[i])
            return true;
    }
    return false;
}

static int sync_volume(struct placement *p, uint32_t index)
{
    struct volume *v = placement_volume(p, index);
    struct chunk_space *c = &p->chunks[index];
    bool gone = atomic_load(&v->state) == VOLUME_FREE;
    if (c->count && (gone || memcmp(&c->uuid, &v->uuid, sizeof(c->uuid)) != 0)) {
        /* Another volume in this slot: nothing of the former one counts, except that its writes may not have returned. */
        if (has_writes(c))
            return ERR_BUSY;
        c->count = c->free_count = c->meta_count = c->cursor = 0;
    }
    if (gone)
        return 0;
    c->uuid = v->uuid;
    if (v->chunk_count > c->count) {
        int err = resize(c, v->chunk_count);
        if (err)
            return err;
    }
    for (uint32_t i = 0; i < v->meta_chunk_count; i++) {
        uint32_t chunk = v->meta_chunks[i];
        if (chunk >= c->count)
            return ERR_CORRUPT;
        if (c->state[chunk] == CHUNK_FREE) {
            c->state[chunk] = CHUNK_META;
            c->free_count--;
            c->meta_count++;
        } else if (c->state[chunk] != CHUNK_META) {
            return ERR_CORRUPT;
        }
    }
    return 0;
}

int chunk_space_sync(struct placement *p)
{
    for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
        int err = i < p->store->volume_slots || p->chunks[i].count ? sync_volume(p, i) : 0;
        if (err)
            return err;
    }
    return 0;
}

bool chunk_space_take(struct placement *p, uint32_t volume_index, enum chunk_state state, uint32_t *ret_chunk)
{
    struct chunk_space *c = &p->chunks[volume_index];
    if (c->free_count == 0)
        return false;
    if (c->cursor >= c->count)
        c->cursor = 0;
    while (c->state[c->cursor] != CHUNK_FREE)
        c->cursor = c->cursor + 1 == c->count ? 0 : c->cursor + 1;
    c->state[c->cursor] = (uint8_t)state;
    c->free_count--;
    c->meta_count += state == CHUNK_META;
    *ret_chunk = c->cursor;
    return true;
}

int chunk_space_use(struct placement *p, struct group_slot slot)
{
    if (slot.volume_index >= VOLUMES_MAX)
        return ERR_CORRUPT;
    struct chunk_space *c = &p->chunks[slot.volume_index];
    if (slot.chunk >= c->count)
        return ERR_CORRUPT;
    if (c->state[slot.chunk] == CHUNK_FREE)
        c->free_count--;
    else if (c->state[slot.chunk] != CHUNK_PLANNED)
        return ERR_CORRUPT;
    c->state[slot.chunk] = CHUNK_USED;
    return 0;
}

static void make_free(struct chunk_space *c, uint32_t chunk)
{
    c->state[chunk] = CHUNK_FREE;
    c->free_count++;
    if (chunk < c->cursor)
        c->cursor = chunk;
}

void chunk_space_give(struct placement *p, struct group_slot slot)
{
    struct chunk_space *c = &p->chunks[slot.volume_index];
    if (slot.chunk >= c->count)
        return; /* of a volume that was removed */
    assert(c->state[slot.chunk] == CHUNK_USED || c->state[slot.chunk] == CHUNK_PLANNED);
    if (c->writes[slot.chunk])
        c->state[slot.chunk] = CHUNK_PARKED;
    else
        make_free(c, slot.chunk);
}

static bool same_place(struct group_slot a, struct group_slot b)
{
    return a.volume_index == b.volume_index && a.chunk == b.chunk;
}

uint32_t placement_writes_begin(struct placement *p, const struct group *g, uint32_t mask, const struct group_slot *planned)
{
    uint32_t granted = 0;
    placement_lock(p);
    struct group_entry *e = placement_find(p, g->id);
    for (uint32_t i = 0; e && i < (uint32_t)g->data_count + g->parity_count; i++) {
        struct group_slot at = g->slots[i];
        if (!(mask & 1u << i))
            continue;
        if (!same_place(at, e->group.slots[i]) && !(planned && same_place(at, *planned)))
            continue;
        p->chunks[at.volume_index].writes[at.chunk]++;
        granted |= 1u << i;
    }
    placement_unlock(p);
    return granted;
}

void placement_writes_end(struct placement *p, const struct group *g, uint32_t mask)
{
    placement_lock(p);
    for (uint32_t i = 0; i < (uint32_t)g->data_count + g->parity_count; i++) {
        if (!(mask & 1u << i))
            continue;
        struct chunk_space *c = &p->chunks[g->slots[i].volume_index];
        uint32_t chunk = g->slots[i].chunk;
        assert(chunk < c->count && c->writes[chunk] > 0);
        if (--c->writes[chunk] == 0 && c->state[chunk] == CHUNK_PARKED) {
            make_free(c, chunk);
            want_wake_all(p);
        }
    }
    placement_unlock(p);
}

int placement_take_meta_chunks(struct placement *p, uint32_t chunks[VOLUMES_MAX])
{
    uint32_t taken[VOLUMES_MAX];
    int err = ERR_QUORUM; /* no mirror at all */
    memset(taken, 0xff, sizeof(taken));
    placement_lock(p);
    for (uint32_t i = 0; i < p->store->volume_slots; i++) {
        if (atomic_load(&placement_volume(p, i)->mirror) == MIRROR_NONE)
            continue;
        err = chunk_space_take(p, i, CHUNK_META, &taken[i]) ? 0 : ERR_NO_SPACE;
        if (err)
            break;
    }
    for (uint32_t i = 0; err && i < p->store->volume_slots; i++) {
        if (taken[i] != UINT32_MAX) {
            make_free(&p->chunks[i], taken[i]);
            p->chunks[i].meta_count--;
        }
    }
    placement_unlock(p);
    if (!err)
        memcpy(chunks, taken, sizeof(taken));
    return err;
}

void placement_give_meta_chunks(struct placement *p, uint32_t volume_index, const uint32_t *chunks, uint32_t count)
{
    struct chunk_space *c = &p->chunks[volume_index];
    placement_lock(p);
    for (uint32_t i = 0; i < count; i++) {
        if (chunks[i] >= c->count || c->state[chunks[i]] != CHUNK_META)
            continue; /* of a volume that was removed */
        make_free(c, chunks[i]);
        c->meta_count--;
    }
    want_wake_all(p);
    placement_unlock(p);
}

int placement_take_volume_meta_chunks(struct placement *p, uint32_t volume_index, uint32_t *chunks, uint32_t count)
{
    uint32_t taken = 0;
    placement_lock(p);
    while (taken < count && chunk_space_take(p, volume_index, CHUNK_META, &chunks[taken]))
        taken++;
    placement_unlock(p);
    if (taken == count)
        return 0;
    placement_give_meta_chunks(p, volume_index, chunks, taken);
    return ERR_NO_SPACE;
}
