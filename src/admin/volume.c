/* Changes of the store's members, on the metadata writer's thread between batches. */
#include <string.h>

#include "admin/command.h"
#include "admin/wait.h"
#include "repair/repair.h"

/* One change, as it is handed to the writer's thread. */
struct change {
    struct admin_call *call;
    uint32_t index;
    const char *path, *label;
    bool force;
    enum volume_state state;
    struct store_message message;
};

/* volume: an index, a uuid or a path. */
static int find_volume(struct admin_call *call, uint32_t *ret_index)
{
    struct store *store = call->admin->store;
    json_t *argument = json_object_get(call->arguments, "volume");
    const char *text = json_string_value(argument);
    struct uuid uuid;
    uint64_t number = json_is_integer(argument) && json_integer_value(argument) >= 0
                          ? (uint64_t)json_integer_value(argument) : UINT64_MAX;
    bool by_uuid = text && uuid_parse(slice_string(text), &uuid) == 0;
    if (text && slice_parse_u64(slice_string(text), &number))
        number = UINT64_MAX;
    for (uint32_t i = 0; i < store->volume_slots; i++) {
        struct volume *volume = &store->volumes[i];
        if (volume->state == VOLUME_FREE)
            continue;
        if (i == number || (by_uuid && uuid_equal(&uuid, &volume->uuid)) ||
            (text && volume->present && strcmp(text, volume->device.path) == 0)) {
            *ret_index = i;
            return 0;
        }
    }
    if (!argument)
        return admin_command_fail(call, ERR_INVALID, "which volume?");
    return admin_command_fail(call, ERR_NOT_FOUND, "the store has no volume %s",
                        text ? text : "of that number");
}

static int run_change(struct change *change, int (*run)(struct meta *, struct loop *, void *))
{
    struct admin_call *call = change->call;
    int err = admin_exclusive(call->admin, run, change);
    if (err && change->message.text[0])
        return admin_command_fail(call, err, "%.500s", change->message.text);
    if (!err)
        placement_volumes_changed(call->admin->placement);
    if (!err && call->admin->repair)
        repair_wake(call->admin->repair);
    return err;
}

static int add_on_writer(struct meta *meta, struct loop *writer, void *arg)
{
    struct change *change = arg;
    return store_add_volume(meta_store(meta), writer, change->path, change->label, change->force, &change->index,
                            &change->message);
}

int admin_command_volume_add(struct admin_call *call, json_t **ret)
{
    struct change change = {.call = call, .path = admin_command_text(call, "path"), .label = admin_command_text(call, "label"),
                            .force = json_is_true(json_object_get(call->arguments, "force"))};
    if (!change.path)
        return admin_command_fail(call, ERR_INVALID, "which path?");
    if (change.label && strlen(change.label) >= LABEL_SIZE)
        return admin_command_fail(call, ERR_INVALID, "a label has at most %u bytes", LABEL_SIZE - 1);
    int err = run_change(&change, add_on_writer);
    return err ? err : admin_command_result(json_pack("{s:i}", "index", (int)change.index), ret);
}

static int attach_on_writer(struct meta *meta, struct loop *writer, void *arg)
{
    struct change *change = arg;
    return store_attach(meta_store(meta), writer, change->path, &change->index, &change->message);
}

int admin_command_volume_attach(struct admin_call *call, json_t **ret)
{
    struct change change = {.call = call, .path = admin_command_text(call, "path")};
    if (!change.path)
        return admin_command_fail(call, ERR_INVALID, "which path?");
    int err = run_change(&change, attach_on_writer);
    return err ? err : admin_command_result(json_pack("{s:i}", "index", (int)change.index), ret);
}

static int set_state_on_writer(struct meta *meta, struct loop *writer, void *arg)
{
    struct change *change = arg;
    struct store *store = meta_store(meta);
    /* A volume out of service cannot be a mirror that counts; one that comes back is behind until it was brought level. */
    enum mirror_state mirror = change->state == VOLUME_DRAINING ? (enum mirror_state)store->volumes[change->index].mirror
                                                                : MIRROR_NONE;
    struct store_change wanted = {.count = 1, .set = {{change->index, change->state, mirror}}};
    return store_change(store, writer, &wanted);
}

static int set_state(struct admin_call *call, enum volume_state state, json_t **ret)
{
    struct change change = {.call = call, .state = state};
    int err = find_volume(call, &change.index);
    if (err)
        return err;
    int now = call->admin->store->volumes[change.index].state;
    if (state == VOLUME_OUT && now != VOLUME_OFFLINE && now != VOLUME_DRAINING)
        return admin_command_fail(call, ERR_INVALID, "the volume is not offline");
    if (state == VOLUME_DRAINING && now != VOLUME_IN)
        return admin_command_fail(call, ERR_INVALID, "the volume is not in service");
    if (state == VOLUME_OFFLINE && (now == VOLUME_IN || now == VOLUME_DRAINING)) {
        struct capacity capacity;
        if ((err = placement_capacity(call->admin->placement, &capacity)))
            return err;
        if (capacity.can_lose == 0)
            return admin_command_fail(call, ERR_QUORUM, "the store cannot do without another volume");
    }
    err = run_change(&change, set_state_on_writer);
    return err ? err : admin_command_result(json_object(), ret);
}

int admin_command_volume_drain(struct admin_call *call, json_t **ret)
{
    return set_state(call, VOLUME_DRAINING, ret);
}

int admin_command_volume_offline(struct admin_call *call, json_t **ret)
{
    return set_state(call, VOLUME_OFFLINE, ret);
}

/* Back as one that is behind: the repair brings it level and then into service. */
int admin_command_volume_online(struct admin_call *call, json_t **ret)
{
    return set_state(call, VOLUME_OUT, ret);
}

static int grow_on_writer(struct meta *meta, struct loop *writer, void *arg)
{
    struct change *change = arg;
    return store_grow_volume(meta_store(meta), writer, change->index, &change->message);
}

static int remove_on_writer(struct meta *meta, struct loop *writer, void *arg)
{
    struct change *change = arg;
    return store_remove_volume(meta_store(meta), writer, change->index, &change->message);
}

int admin_command_volume_grow(struct admin_call *call, json_t **ret)
{
    struct change change = {.call = call};
    int err = find_volume(call, &change.index);
    if (!err)
        err = run_change(&change, grow_on_writer);
    return err ? err : admin_command_result(json_object(), ret);
}

/* Refused while chunks of groups are still on it: forgetting them would lose shards. */
int admin_command_volume_remove(struct admin_call *call, json_t **ret)
{
    struct change change = {.call = call};
    struct capacity capacity;
    int err = find_volume(call, &change.index);
    if (!err)
        err = placement_capacity(call->admin->placement, &capacity);
    if (err)
        return err;
    if (capacity.volumes[change.index].used_chunks > 0)
        return admin_command_fail(call, ERR_BUSY, "%u chunks are still on the volume: drain it first",
                            capacity.volumes[change.index].used_chunks);
    err = run_change(&change, remove_on_writer);
    return err ? err : admin_command_result(json_object(), ret);
}
