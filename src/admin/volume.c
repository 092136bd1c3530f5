/* Changes of the store's members, on the metadata writer's thread between batches. */
#include <string.h>

#include "admin/command.h"
#include "admin/wait.h"
#include "meta/volumes.h"
#include "repair/repair.h"
#include "volume/device.h"

/* One change, as it is handed to the writer's thread. */
struct change {
    struct admin_call *call;
    uint32_t index;
    const char *path, *label;
    bool force;
    int (*run)(struct meta *, struct loop *, uint32_t index, struct store_message *);
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
            (text && volume->present && device_same(text, volume->device.path))) {
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
    return volumes_add(meta, writer, change->path, change->label, change->force, &change->index,
                            &change->message);
}

static int add(struct admin_call *call, uint32_t *ret_index)
{
    struct change change = {.call = call, .path = admin_command_text(call, "path"), .label = admin_command_text(call, "label"),
                            .force = json_is_true(json_object_get(call->arguments, "force"))};
    if (!change.path)
        return admin_command_fail(call, ERR_INVALID, "which path?");
    if (change.label && strlen(change.label) >= LABEL_SIZE)
        return admin_command_fail(call, ERR_INVALID, "a label has at most %u bytes", LABEL_SIZE - 1);
    int err = run_change(&change, add_on_writer);
    *ret_index = change.index;
    return err;
}

int admin_command_volume_add(struct admin_call *call, json_t **ret)
{
    uint32_t index;
    int err = add(call, &index);
    return err ? err : admin_command_result(json_pack("{s:i}", "index", (int)index), ret);
}

static int attach_on_writer(struct meta *meta, struct loop *writer, void *arg)
{
    struct change *change = arg;
    return volumes_attach(meta, writer, change->path, &change->index, &change->message);
}

int admin_command_volume_attach(struct admin_call *call, json_t **ret)
{
    struct change change = {.call = call, .path = admin_command_text(call, "path")};
    if (!change.path)
        return admin_command_fail(call, ERR_INVALID, "which path?");
    int err = run_change(&change, attach_on_writer);
    return err ? err : admin_command_result(json_pack("{s:i}", "index", (int)change.index), ret);
}

static int run_on_writer(struct meta *meta, struct loop *writer, void *arg)
{
    struct change *change = arg;
    return change->run(meta, writer, change->index, &change->message);
}

/* A command about one volume that is a member. */
static int change_one(struct admin_call *call, int (*run)(struct meta *, struct loop *, uint32_t, struct store_message *),
                      json_t **ret)
{
    struct change change = {.call = call, .run = run};
    int err = find_volume(call, &change.index);
    if (!err)
        err = run_change(&change, run_on_writer);
    return err ? err : admin_command_result(json_object(), ret);
}

/* What it holds moves to the others; one that is out of service is rebuilt on them, and does not come back. */
int admin_command_volume_drain(struct admin_call *call, json_t **ret)
{
    return change_one(call, volumes_drain, ret);
}

/* A new volume comes, then the old one is drained: what it held moves while everything is served. */
int admin_command_volume_replace(struct admin_call *call, json_t **ret)
{
    struct change change = {.call = call, .run = volumes_drain};
    uint32_t index;
    int err = find_volume(call, &change.index); /* before anything is written to the new one */
    if (!err)
        err = add(call, &index);
    if (!err)
        err = run_change(&change, run_on_writer);
    return err ? err : admin_command_result(json_pack("{s:i}", "index", (int)index), ret);
}

int admin_command_volume_offline(struct admin_call *call, json_t **ret)
{
    return change_one(call, volumes_offline, ret);
}

/* Back as one that is behind: the repair brings it level and then into service. Ends draining, too. */
int admin_command_volume_online(struct admin_call *call, json_t **ret)
{
    return change_one(call, volumes_online, ret);
}

int admin_command_volume_grow(struct admin_call *call, json_t **ret)
{
    return change_one(call, volumes_grow, ret);
}

/* Refused while chunks of groups are still on it: forgetting them would lose shards. */
int admin_command_volume_remove(struct admin_call *call, json_t **ret)
{
    return change_one(call, volumes_remove, ret);
}
