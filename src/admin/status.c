/* What the store is and how it fares, as JSON. Figures that cannot be had are null, never invented. */
#include "admin/command.h"

#include <time.h>

#include "admin/wait.h"
#include "meta/tables.h"
#include "object/lifecycle_worker.h"

static const char *state_name(int state)
{
    switch (state) {
    case VOLUME_IN: return "in";
    case VOLUME_OUT: return "out";
    case VOLUME_DRAINING: return "draining";
    case VOLUME_OFFLINE: return "offline";
    default: return "free";
    }
}

static const char *mirror_name(int mirror)
{
    return mirror == MIRROR_CURRENT ? "current" : mirror == MIRROR_LEVELLING ? "levelling" : "none";
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* capacity NULL: unknown. */
static json_t *volume_to_json(struct volume *volume, const struct capacity *capacity)
{
    char uuid[UUID_TEXT_SIZE];
    uint32_t i = volume->index;
    bool present = volume->present;
    uuid_format(&volume->uuid, uuid);
    return json_pack(
        "{s:i, s:s, s:s?, s:b, s:s, s:s, s:s, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "index", (int)i, "uuid", uuid, "path", present ? volume->device.path : NULL, "present", present,
        "state", state_name(volume->state), "mirror", mirror_name(volume->mirror), "label", volume->label,
        "size", present ? number(volume->device.size) : json_null(), "chunks", (int)volume->chunk_count,
        "free_chunks", capacity ? number(capacity->volumes[i].free_chunks) : json_null(),
        "used_chunks", capacity ? number(capacity->volumes[i].used_chunks) : json_null(),
        "metadata_chunks", capacity ? number(capacity->volumes[i].meta_chunks) : json_null(),
        "read_errors", number(volume->read_errors), "write_errors", number(volume->write_errors),
        "corrupt_units", number(volume->corrupt_units), "repaired_units", number(volume->repaired_units),
        "read_latency_us", number(volume->read_latency_us), "write_latency_us", number(volume->write_latency_us));
}

static json_t *volumes_to_json(struct store *store, const struct capacity *capacity)
{
    json_t *list = json_array();
    uint32_t slots = store->volume_slots;
    for (uint32_t i = 0; list && i < slots; i++) {
        if (store->volumes[i].state == VOLUME_FREE)
            continue;
        if (json_array_append_new(list, volume_to_json(&store->volumes[i], capacity))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *admin_command_volumes(struct admin *admin)
{
    struct capacity capacity;
    bool known = placement_capacity(admin->placement, &capacity) == 0;
    return volumes_to_json(admin->store, known ? &capacity : NULL);
}

static json_t *capacity_to_json(const struct capacity *capacity)
{
    if (!capacity)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o}", "raw", number(capacity->raw), "usable", number(capacity->usable), "used",
                     number(capacity->used), "available", number(capacity->available));
}

static json_t *metadata_to_json(struct meta *meta)
{
    struct meta_status status;
    meta_status(meta, &status);
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "commit_sequence", number(status.commit_sequence), "checkpoint_sequence", number(status.checkpoint_sequence),
        "database_bytes", number(status.database_size), "space_bytes", number(status.space_size),
        "log_used_bytes", number(status.log_used), "log_bytes", number(status.log_size),
        "cache_bytes", number(status.cache_size), "cache_used_bytes", number(status.cache_used),
        "cache_hits", number(status.cache_hits), "cache_misses", number(status.cache_misses),
        "write_queue", number(status.write_queue), "commits", number(status.commits),
        "rows_written", number(status.rows_written));
}

static json_t *lifecycle_to_json(struct lifecycle_worker *worker)
{
    struct lifecycle_worker_status status;
    if (!worker)
        return json_null();
    lifecycle_worker_status(worker, &status);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "expired", number(status.counts.expired), "noncurrent",
                     number(status.counts.noncurrent), "markers", number(status.counts.markers), "uploads",
                     number(status.counts.uploads), "transitions", number(status.counts.transitions), "put_off",
                     number(status.failed), "walking", (int)status.walking, "looked", number(status.looked));
}

static int count_missing(struct meta_tx *tx, void *arg)
{
    return extent_count_missing(tx, arg);
}

/* How many extents lack a part of their protection. */
static json_t *missing_to_json(struct admin *admin)
{
    uint64_t missing;
    return admin_read(admin, count_missing, &missing) ? json_null() : number(missing);
}

int admin_command_status(struct admin_call *call, json_t **ret)
{
    struct admin *admin = call->admin;
    struct store *store = admin->store;
    struct capacity capacity;
    bool known = placement_capacity(admin->placement, &capacity) == 0;
    uint64_t now_us = (uint64_t)time(NULL) * 1000000;
    char uuid[UUID_TEXT_SIZE];
    uuid_format(&store->uuid, uuid);
    json_t *result = json_pack(
        "{s:s, s:s, s:o, s:i, s:i, s:i, s:s, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "version", admin->version, "store", uuid, "generation", number(store->generation), "data", (int)store->data_count,
        "parity", (int)store->parity_count, "chunk_bytes", (int)store->chunk_size, "engine", admin->engine, "read_only",
        (int)store->read_only, "read_ready", (int)admin->read_ready, "write_ready", (int)admin->write_ready,
        "can_lose", known ? number(capacity.can_lose) : json_null(), "capacity", capacity_to_json(known ? &capacity : NULL),
        "volumes", volumes_to_json(store, known ? &capacity : NULL), "metadata", metadata_to_json(admin->meta), "lifecycle",
        lifecycle_to_json(admin->lifecycle), "repair", admin_command_repair(admin), "extents_missing",
        missing_to_json(admin), "uptime_s",
        number(now_us > admin->started_us ? (now_us - admin->started_us) / 1000000 : 0));
    return admin_command_result(result, ret);
}

int admin_command_volume_list(struct admin_call *call, json_t **ret)
{
    return admin_command_result(json_pack("{s:o}", "volumes", admin_command_volumes(call->admin)), ret);
}
