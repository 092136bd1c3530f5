/* Volumes that come, come back, grow and go. All on the metadata writer's thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "volume/device.h"
#include "volume/probe.h"
#include "volume/store_inside.h"

static int refuse_read_only(const struct store *s, struct store_message *message)
{
    message->text[0] = '\0';
    if (s->read_only)
        store_say(message, NULL, NULL, "the store is open read-only");
    return s->read_only ? ERR_READ_ONLY : 0;
}

static int raise_members(struct store *s, struct loop *loop, const struct member *members,
                         struct store_message *message)
{
    int err = store_raise(s, loop, members);
    if (err < 0)
        store_say(message, NULL, NULL, "the new state of the store could not be written to enough volumes: %s",
                  err_text(err));
    return err;
}

static int changed_member(struct store *s, struct loop *loop, uint32_t index, const struct member *m,
                          struct store_message *message)
{
    struct member members[VOLUMES_MAX];
    memcpy(members, store_inside(s)->table.members, sizeof members);
    members[index] = *m;
    return raise_members(s, loop, members, message);
}

/* A slot never used before comes first: threads may still look at the device of a removed member. */
static int free_slot(struct store *s, uint32_t *ret)
{
    const struct store_inside *in = store_inside(s);
    for (uint32_t i = 0; i < VOLUMES_MAX; i++)
        if (in->table.members[i].state == VOLUME_FREE && s->volumes[i].device.fd < 0 &&
            !s->volumes[i].device.engine_data) {
            *ret = i;
            return 0;
        }
    return ERR_NO_SPACE;
}

static int present_as(struct store *s, const char *path, uint32_t *ret_index)
{
    for (uint32_t i = 0; i < VOLUMES_MAX; i++)
        if (atomic_load(&s->volumes[i].present) && s->volumes[i].device.fd >= 0 && device_same(path,
            s->volumes[i].device.path)) {
            *ret_index = i;
            return ERR_EXISTS;
        }
    return 0;
}

static int say_open_error(struct store_message *message, const char *path, int err)
{
    store_say(message, path, NULL, "cannot be opened: %s", device_open_text(err));
    return err;
}

static int fill_member(struct store *s, struct loop *loop, const struct device *d, const char *label, struct member *m,
                       struct store_message *message)
{
    *m = (struct member){.uuid = store_random_uuid(loop), .size = d->size, .state = VOLUME_IN,
                         .chunk_count = superblock_chunk_count(d->size, s->chunk_size)};
    if (d->size < VOLUME_SIZE_MIN || m->chunk_count < 2) {
        store_say(message, d->path, NULL, "is too small: a volume has at least %u MiB", VOLUME_SIZE_MIN >> 20);
        return ERR_INVALID;
    }
    if (label && strlen(label) >= LABEL_SIZE) {
        store_say(message, d->path, NULL, "its label is longer than %u bytes", LABEL_SIZE - 1);
        return ERR_INVALID;
    }
    if (label)
        snprintf(m->label, LABEL_SIZE, "%s", label);
    return 0;
}

static int clear_heartbeat(struct loop *loop, struct device *d, struct store_message *message, bool *ret_hung)
{
    uint8_t block[BLOCK_SIZE] = {0};
    struct device_request r = {.device = d, .kind = IO_WRITE_DURABLE, .off = HEARTBEAT_OFF, .data = block,
                               .len = BLOCK_SIZE};
    int err = device_io(loop, &r, 1, DEVICE_DEADLINE_US);
    err = err < 0 ? err : r.result;
    *ret_hung = err == ERR_TIMEOUT;
    if (err < 0)
        store_say(message, d->path, NULL, "cannot be written: %s", err_text(err));
    return err;
}

int store_add_device(struct store *s, struct loop *loop, struct device *d, const char *label, bool force,
                     uint32_t *ret_index,
                     struct store_message *message)
{
    uint32_t index = 0;
    struct member m;
    bool hung = false;
    int err = refuse_read_only(s, message);
    if (err == 0 && (err = free_slot(s, &index)) < 0)
        store_say(message, d->path, NULL, "no place is free among the %u members", VOLUMES_MAX);
    if (err == 0)
        err = fill_member(s, loop, d, label, &m, message);
    if (err == 0 && !force)
        err = probe_empty(loop, d, message);
    if (err == 0)
        err = clear_heartbeat(loop, d, message, &hung);
    if (err < 0) {
        device_close(d, hung);
        return err;
    }
    struct store_inside *in = store_inside(s);
    struct volume *v = &s->volumes[index];
    v->uuid = m.uuid;
    memcpy(v->label, m.label, LABEL_SIZE);
    in->failed[index] = false;
    in->hung[index] = false;
    store_place(s, index, d, NULL, 0);
    err = changed_member(s, loop, index, &m, message);
    if (err < 0)
        return err;
    if (in->table.members[index].state == VOLUME_IN) {
        *ret_index = index;
        return 0;
    }
    store_say(message, d->path, NULL, "its superblocks could not be written: it was not added");
    m = (struct member){.state = VOLUME_FREE};
    struct store_message ignored;
    err = changed_member(s, loop, index, &m, &ignored);
    atomic_store(&v->present, false);
    return err < 0 ? err : ERR_IO;
}

int store_add_volume(struct store *s, struct loop *loop, const char *path, const char *label, bool force,
                     uint32_t *ret_index,
                     struct store_message *message)
{
    int err = refuse_read_only(s, message);
    uint32_t present;
    if (err == 0 && (err = present_as(s, path, &present)) < 0)
        store_say(message, path, &s->volumes[present].uuid, "is a volume of this store already");
    if (err < 0)
        return err;
    struct device d;
    err = device_open(loop, path, false, DEVICE_CLAIM_US, &d);
    if (err < 0)
        return say_open_error(message, path, err);
    d.index = DEVICE_INDEX_MAX - 1; /* until it has its slot */
    return store_add_device(s, loop, &d, label, force, ret_index, message);
}

/* True when this superblock's generation does not lead to the one in force and yet may have been in force, with the
 * members that are out of sight (docs/FORMAT.md "Generations", G4). */
static bool other_history(struct store *s, const struct superblock *sb)
{
    const struct store_inside *in = store_inside(s);
    uint64_t hash = superblock_shared_hash(sb);
    if (hash == s->hash || sb->generation + ANCESTORS_MAX <= s->generation)
        return false;
    if (sb->generation < s->generation && in->table.ancestors[sb->generation % ANCESTORS_MAX] == hash)
        return false;
    uint32_t holders = 1;
    for (uint32_t i = 0; i < VOLUMES_MAX; i++)
        holders += i != sb->volume_index && sb->members[i].state != VOLUME_FREE && !atomic_load(&s->volumes[i].present);
    return holders + sb->parity_count >= superblock_member_count(sb);
}

/* Which missing member this superblock is. */
static int identify(struct store *s, const struct device *d, const struct superblock *sb, uint32_t *ret_index,
                    struct store_message *message)
{
    struct store_inside *in = store_inside(s);
    uint32_t i = sb->volume_index;
    const struct member *m = &in->table.members[i];
    if (!uuid_equal(&sb->store_uuid, &s->uuid)) {
        store_say(message, d->path, &sb->volume_uuid, "belongs to another store");
        return ERR_FOREIGN;
    }
    if (m->state == VOLUME_FREE || !uuid_equal(&m->uuid, &sb->volume_uuid)) {
        store_say(message, d->path, &sb->volume_uuid,
                  "was removed from the store: add it as a new volume with --force");
        return ERR_FOREIGN;
    }
    if (atomic_load(&s->volumes[i].present)) {
        store_say(message, d->path, &sb->volume_uuid, "is there already as %s: of two copies take one away",
                  s->volumes[i].device.path ? s->volumes[i].device.path : "another device");
        return ERR_EXISTS;
    }
    if (d->size < m->size) {
        store_say(message, d->path, &sb->volume_uuid, "has shrunk: give it its size back, or replace it");
        return ERR_CORRUPT;
    }
    if (other_history(s, sb)) {
        store_say(message, d->path, &sb->volume_uuid,
                  "has another history than the store: format it and add it as a new volume");
        return ERR_FORK;
    }
    in->highest = sb->generation > in->highest ? sb->generation : in->highest;
    *ret_index = i;
    return 0;
}

int store_attach_device(struct store *s, struct loop *loop, struct device *d, uint32_t *ret_index,
                        struct store_message *message)
{
    struct superblock_read read = {0};
    struct device *devices[1] = {d};
    message->text[0] = '\0';
    int err = d->size < VOLUME_SIZE_MIN ? ERR_FOREIGN : store_read_superblocks(loop, devices, 1, &read);
    if (err == 0 && !read.superblock)
        err = read.err;
    if (err < 0)
        store_say(message, d->path, NULL, err == ERR_FOREIGN ? "is not a volume of an Ingot store"
                  : "its superblock cannot be read: %s",
                  err_text(err));
    uint32_t index = 0;
    if (err == 0)
        err = identify(s, d, read.superblock, &index, message);
    if (err < 0) {
        device_close(d, read.hung);
    } else {
        struct store_inside *in = store_inside(s);
        in->failed[index] = false;
        in->hung[index] = read.hung;
        s->volumes[index].suspect_since_us = 0;
        store_place(s, index, d, read.superblock->meta_chunks, read.superblock->meta_chunk_count);
        *ret_index = index;
    }
    free(read.superblock);
    return err;
}

int store_revive(struct store *s, struct loop *loop, uint32_t index, struct store_message *message)
{
    struct store_inside *in = store_inside(s);
    struct volume *v = &s->volumes[index];
    int state = atomic_load(&v->state);
    message->text[0] = '\0';
    if (!atomic_load(&v->present) || state == VOLUME_FREE) {
        store_say(message, NULL, NULL, "volume %u is not there", index);
        return ERR_NOT_FOUND;
    }
    if (state == VOLUME_IN || state == VOLUME_DRAINING) {
        store_say(message, v->device.path, &v->uuid, "is in service already");
        return ERR_EXISTS;
    }
    struct superblock_read read = {0};
    struct device *devices[1] = {&v->device};
    int err = store_read_superblocks(loop, devices, 1, &read);
    err = err < 0 ? err : read.superblock ? 0 : read.err;
    if (err < 0 || read.hung) {
        store_say(message, v->device.path, &v->uuid, "still does not answer rightly");
        err = err < 0 ? err : ERR_TIMEOUT;
    } else {
        in->failed[index] = false;
        in->hung[index] = false;
        v->suspect_since_us = 0;
    }
    free(read.superblock);
    return err;
}

int store_attach(struct store *s, struct loop *loop, const char *path, uint32_t *ret_index,
                 struct store_message *message)
{
    uint32_t present;
    message->text[0] = '\0';
    if (present_as(s, path, &present) < 0) {
        int err = store_revive(s, loop, present, message);
        if (err == 0)
            *ret_index = present;
        return err;
    }
    struct device d;
    int err = device_open(loop, path, s->read_only, DEVICE_CLAIM_US, &d);
    if (err < 0)
        return say_open_error(message, path, err);
    d.index = DEVICE_INDEX_MAX - 1;
    return store_attach_device(s, loop, &d, ret_index, message);
}

int store_grow_volume(struct store *s, struct loop *loop, uint32_t index, struct store_message *message)
{
    struct store_inside *in = store_inside(s);
    int err = refuse_read_only(s, message);
    if (err < 0)
        return err;
    if (index >= VOLUMES_MAX || in->table.members[index].state == VOLUME_FREE || !store_reachable(in, index)) {
        store_say(message, NULL, NULL, "volume %u is not there", index);
        return ERR_NOT_FOUND;
    }
    struct volume *v = &s->volumes[index];
    struct member m = in->table.members[index];
    uint64_t size;
    err = device_current_size(&v->device, &size);
    if (err < 0) {
        store_say(message, v->device.path, &v->uuid, "its size cannot be read");
        return err;
    }
    if (size <= m.size) {
        store_say(message, v->device.path, &v->uuid, "has not grown: it has %llu bytes", (unsigned long long)size);
        return ERR_INVALID;
    }
    m.size = size;
    m.chunk_count = superblock_chunk_count(size, s->chunk_size);
    v->device.size = size;
    err = changed_member(s, loop, index, &m, message);
    if (err == 0 && in->failed[index]) {
        store_say(message, v->device.path, &v->uuid,
                  "failed while its superblocks were moved: it was put out of service");
        err = ERR_IO;
    }
    return err;
}

int store_remove_volume(struct store *s, struct loop *loop, uint32_t index, struct store_message *message)
{
    struct store_inside *in = store_inside(s);
    int err = refuse_read_only(s, message);
    if (err < 0)
        return err;
    if (index >= VOLUMES_MAX || in->table.members[index].state == VOLUME_FREE) {
        store_say(message, NULL, NULL, "there is no volume %u", index);
        return ERR_NOT_FOUND;
    }
    struct volume *v = &s->volumes[index];
    if (in->table.members[index].mirror != MIRROR_NONE || in->table.members[index].state == VOLUME_IN) {
        store_say(message, v->device.path, &v->uuid, "is in use: drain it first");
        return ERR_BUSY;
    }
    if (superblock_member_count(&in->table) <= s->parity_count + 1u) {
        store_say(message, v->device.path, &v->uuid, "is one of the last %u volumes: it cannot be removed",
                  s->parity_count + 1u);
        return ERR_QUORUM;
    }
    struct member m = {.state = VOLUME_FREE};
    err = changed_member(s, loop, index, &m, message);
    if (err == 0)
        atomic_store(&v->present, false);
    return err;
}
