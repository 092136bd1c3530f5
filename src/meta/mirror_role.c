/* See mirror_role.h. A crash between two steps leaves a shorter or longer chunk list on a volume that is no mirror, which the
 * next begin or release puts right, or a mirror that is LEVELLING, which is levelled anew. */
#include "meta/mirror_role.h"

#include <stdlib.h>
#include <string.h>

#include "placement/mirror.h"

static bool stays(const struct store *store, uint32_t i, uint64_t leaving)
{
    int state = atomic_load(&store->volumes[i].state);
    return state != VOLUME_FREE && state != VOLUME_DRAINING && !(leaving >> i & 1);
}

uint32_t mirror_role_wanted(const struct store *store, uint64_t leaving)
{
    uint32_t members = 0, most = 2u * store->parity_count + 1;
    if (store->parity_count == 0)
        most = 2; /* as format does */
    for (uint32_t i = 0; i < store->volume_slots; i++)
        members += stays(store, i, leaving);
    return members < most ? members : most;
}

uint32_t mirror_role_count(const struct store *store, uint64_t leaving, bool levelling_too)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < store->volume_slots; i++) {
        int mirror = atomic_load(&store->volumes[i].mirror);
        bool counts = mirror == MIRROR_CURRENT || (levelling_too && mirror == MIRROR_LEVELLING);
        count += counts && store->volumes[i].present && stays(store, i, leaving);
    }
    return count;
}

static int change_mirror(struct store *store, struct loop *loop, uint32_t index, enum mirror_state mirror)
{
    struct volume *v = &store->volumes[index];
    struct store_change change = {.count = 1};
    change.set[0].index = index;
    change.set[0].state = (enum volume_state)atomic_load(&v->state);
    change.set[0].mirror = mirror;
    int err = store_change(store, loop, &change);
    if (err != 0)
        return err;
    return atomic_load(&v->mirror) == (int)mirror ? 0 : ERR_IO; /* it did not take the change, and is out */
}

/* Makes the volume's chunk list as long as the space is; what it has is kept, so that only what is behind is copied. */
static int fit_list(struct meta *meta, struct loop *loop, struct volume *v)
{
    struct store *store = meta->store;
    uint32_t space = (uint32_t)(mirror_size(meta->mirror) / (store->chunk_size - CHUNK_HEADER_SIZE));
    uint32_t have = v->meta_chunk_count, kept = have < space ? have : space;
    if (have == space)
        return 0;
    uint32_t *chunks = malloc((size_t)(have > space ? have : space) * sizeof *chunks);
    if (chunks == NULL)
        return ERR_NO_MEMORY;
    memcpy(chunks, v->meta_chunks, (size_t)have * sizeof *chunks);
    int err = space > kept ? placement_take_volume_meta_chunks(meta->placement, v->index, chunks + kept, space - kept) : 0;
    if (err == 0) {
        err = store_set_meta_chunks(store, loop, v->index, chunks, space);
        if (err != 0)
            placement_give_meta_chunks(meta->placement, v->index, chunks + kept, space - kept);
        else if (have > space)
            placement_give_meta_chunks(meta->placement, v->index, chunks + space, have - space);
    }
    free(chunks);
    return err;
}

int mirror_role_begin(struct meta *meta, struct loop *loop, uint32_t index)
{
    struct volume *v = &meta->store->volumes[index];
    if (atomic_load(&v->mirror) != MIRROR_NONE)
        return 0;
    if (!v->present)
        return ERR_NOT_FOUND;
    if (mirror_late(meta->mirror, index) != 0)
        return ERR_BUSY;
    int err = fit_list(meta, loop, v);
    if (err == 0)
        err = mirror_adopt(meta->mirror, index);
    return err != 0 ? err : change_mirror(meta->store, loop, index, MIRROR_LEVELLING);
}

int mirror_role_finish(struct meta *meta, struct loop *loop, uint32_t index)
{
    struct volume *v = &meta->store->volumes[index];
    if (atomic_load(&v->mirror) != MIRROR_LEVELLING)
        return ERR_IO;
    return change_mirror(meta->store, loop, index, MIRROR_CURRENT);
}

int mirror_role_drop(struct meta *meta, struct loop *loop, uint32_t index)
{
    struct store *store = meta->store;
    int mirror = atomic_load(&store->volumes[index].mirror);
    uint32_t left = 0;
    if (mirror == MIRROR_NONE)
        return 0;
    for (uint32_t i = 0; i < store->volume_slots; i++)
        left += i != index && store->volumes[i].present && atomic_load(&store->volumes[i].mirror) == MIRROR_CURRENT;
    if (mirror == MIRROR_CURRENT && left <= store->parity_count)
        return ERR_QUORUM;
    return change_mirror(store, loop, index, MIRROR_NONE);
}

int mirror_role_release(struct meta *meta, struct loop *loop, uint32_t index)
{
    struct volume *v = &meta->store->volumes[index];
    uint32_t count = v->meta_chunk_count;
    if (atomic_load(&v->mirror) != MIRROR_NONE || count == 0)
        return 0;
    if (mirror_late(meta->mirror, index) != 0)
        return ERR_BUSY;
    int err = store_set_meta_chunks(meta->store, loop, index, v->meta_chunks, 0);
    if (err == 0 && volume_writable(v)) /* else it did not take the change, and its superblock may list them still */
        placement_give_meta_chunks(meta->placement, index, v->meta_chunks, count);
    return err;
}
