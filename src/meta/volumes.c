/* See volumes.h. */
#include "meta/volumes.h"

#include <stdio.h>

#include "meta/membership.h"
#include "meta/mirror_role.h"
#include "meta/tables.h"
#include "meta/volume_keeper.h"
#include "meta/writer.h"

static int refuse(struct store_message *message, int err, const char *text)
{
    snprintf(message->text, sizeof message->text, "%s", text);
    return err;
}

bool volumes_ready(struct meta *meta, uint32_t index)
{
    return meta->keeper != NULL && volume_keeper_ready(meta->keeper, index);
}

void volumes_refused(struct meta *meta, uint32_t index)
{
    if (meta->keeper != NULL)
        volume_keeper_refused(meta->keeper, index);
}

bool volumes_leaving(struct meta *meta, uint32_t index)
{
    return meta->keeper != NULL && volume_keeper_leaving(meta->keeper) >> index & 1;
}

void volumes_levelling(struct meta *meta, uint32_t *ret_index, uint64_t *ret_done, uint64_t *ret_total)
{
    *ret_index = VOLUMES_MAX;
    *ret_done = *ret_total = 0;
    if (meta->keeper != NULL)
        volume_keeper_progress(meta->keeper, ret_index, ret_done, ret_total);
}

static int store_leaving(struct meta_tx *tx, void *arg)
{
    return setting_set_u64(tx, LEAVING_SETTING, *(uint64_t *)arg);
}

static int set_leaving(struct meta *meta, uint32_t index, bool leaving)
{
    uint64_t before = volume_keeper_leaving(meta->keeper), bit = 1ull << index;
    uint64_t after = leaving ? before | bit : before & ~bit;
    int err = after != before ? writer_transact(meta->writer, store_leaving, &after) : 0;
    if (err == 0)
        volume_keeper_set_leaving(meta->keeper, after);
    return err;
}

static int check(struct meta *meta, uint32_t index, struct store_message *message)
{
    message->text[0] = '\0';
    if (meta->keeper == NULL)
        return refuse(message, ERR_READ_ONLY, "the store is open read-only");
    if (index >= VOLUMES_MAX || atomic_load(&meta->store->volumes[index].state) == VOLUME_FREE)
        return refuse(message, ERR_NOT_FOUND, "there is no such volume");
    return 0;
}

static int change_state(struct meta *meta, struct loop *loop, uint32_t index, enum volume_state state, bool keeps_mirror)
{
    struct volume *v = &meta->store->volumes[index];
    struct store_change change = {.count = 1};
    change.set[0].index = index;
    change.set[0].state = state;
    change.set[0].mirror = keeps_mirror ? (enum mirror_state)atomic_load(&v->mirror) : MIRROR_NONE;
    int err = store_change(meta->store, loop, &change);
    placement_volumes_changed(meta->placement);
    return err;
}

int volumes_drain(struct meta *meta, struct loop *loop, uint32_t index, struct store_message *message)
{
    int err = check(meta, index, message);
    if (err == 0)
        err = set_leaving(meta, index, true);
    if (err == 0 && atomic_load(&meta->store->volumes[index].state) == VOLUME_IN)
        err = change_state(meta, loop, index, VOLUME_DRAINING, true);
    return err;
}

int volumes_offline(struct meta *meta, struct loop *loop, uint32_t index, struct store_message *message)
{
    int err = check(meta, index, message);
    if (err != 0)
        return err;
    struct volume *v = &meta->store->volumes[index];
    if (atomic_load(&v->state) == VOLUME_OFFLINE)
        return 0;
    if (!membership_can_lose(meta->store, 1ull << index) && (volume_writable(v) || atomic_load(&v->mirror) == MIRROR_CURRENT))
        return refuse(message, ERR_QUORUM, "the store cannot do without this volume now");
    return change_state(meta, loop, index, VOLUME_OFFLINE, false);
}

int volumes_online(struct meta *meta, struct loop *loop, uint32_t index, struct store_message *message)
{
    int err = check(meta, index, message);
    if (err == 0)
        err = set_leaving(meta, index, false);
    if (err != 0)
        return err;
    int state = atomic_load(&meta->store->volumes[index].state);
    if (state == VOLUME_DRAINING)
        return change_state(meta, loop, index, VOLUME_IN, true);
    return state == VOLUME_OFFLINE ? change_state(meta, loop, index, VOLUME_OUT, false) : 0;
}

static int give_up_role(struct meta *meta, struct loop *loop, uint32_t index, struct store_message *message)
{
    struct store *store = meta->store;
    uint64_t leaving = volume_keeper_leaving(meta->keeper) | 1ull << index;
    if (atomic_load(&store->volumes[index].mirror) == MIRROR_NONE)
        return 0;
    for (uint32_t i = 0; i < store->volume_slots; i++)
        if (volume_takes_chunks(&store->volumes[i]) && atomic_load(&store->volumes[i].mirror) != MIRROR_CURRENT &&
            mirror_role_count(store, leaving, false) < mirror_role_wanted(store, leaving))
            return refuse(message, ERR_BUSY, "another volume is still being made a mirror of the metadata: try again later");
    int err = mirror_role_drop(meta, loop, index);
    return err == ERR_QUORUM ? refuse(message, err, "it holds a copy of the metadata that the store cannot do without") : err;
}

int volumes_remove(struct meta *meta, struct loop *loop, uint32_t index, struct store_message *message)
{
    struct capacity capacity;
    int err = check(meta, index, message);
    if (err == 0 && atomic_load(&meta->store->volumes[index].state) == VOLUME_IN)
        return refuse(message, ERR_BUSY, "the volume is in use: drain it first");
    if (err == 0)
        err = placement_capacity(meta->placement, &capacity);
    if (err != 0)
        return err;
    if (capacity.volumes[index].used_chunks > 0) {
        snprintf(message->text, sizeof message->text, "%u chunks are still on the volume: drain it first",
                 capacity.volumes[index].used_chunks);
        return ERR_BUSY;
    }
    err = give_up_role(meta, loop, index, message);
    if (err == 0)
        err = store_remove_volume(meta->store, loop, index, message);
    placement_volumes_changed(meta->placement);
    return err != 0 ? err : set_leaving(meta, index, false);
}

int volumes_add(struct meta *meta, struct loop *loop, const char *path, const char *label, bool force, uint32_t *ret_index,
                struct store_message *message)
{
    int err = store_add_volume(meta->store, loop, path, label, force, ret_index, message);
    placement_volumes_changed(meta->placement);
    return err;
}

int volumes_attach(struct meta *meta, struct loop *loop, const char *path, uint32_t *ret_index, struct store_message *message)
{
    int err = store_attach(meta->store, loop, path, ret_index, message);
    placement_volumes_changed(meta->placement);
    return err;
}

int volumes_grow(struct meta *meta, struct loop *loop, uint32_t index, struct store_message *message)
{
    int err = store_grow_volume(meta->store, loop, index, message);
    placement_volumes_changed(meta->placement);
    return err;
}
