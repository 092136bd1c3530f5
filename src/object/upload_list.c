/* ListMultipartUploads, ListParts, and the parts of a completed object (GetObjectAttributes). */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/container.h"
#include "object/info.h"
#include "object/lifecycle_tx.h"

/* A callback's way to end a walk early: the list is full, or what follows cannot belong to it. */
#define WALK_STOP 1

/* Grows an array by doubling; NULL when memory is out. */
static void *grow(void *array, uint32_t count, size_t size)
{
    if (count & (count - 1) || (count && count < 16))
        return array;
    return realloc(array, (count ? 2 * (size_t)count : 16) * size);
}

/* --- ListMultipartUploads --- */

struct upload_walk {
    struct upload_list_request *request;
    struct arena *arena;
};

static struct slice upload_prefix(const struct upload_list_request *request, struct slice key)
{
    if (!request->delimiter.len)
        return slice_of(NULL, 0);
    const char *rest = key.data + request->prefix.len;
    const char *found = memmem(rest, key.len - request->prefix.len, request->delimiter.data, request->delimiter.len);
    return found ? slice_of(key.data, (size_t)(found - key.data) + request->delimiter.len) : slice_of(NULL, 0);
}

static int add_upload(void *arg, const struct upload_row *row)
{
    struct upload_walk *walk = arg;
    struct upload_list_request *request = walk->request;
    struct slice prefix = request->prefix;
    size_t common = row->key.len < prefix.len ? row->key.len : prefix.len;
    int order = common ? memcmp(row->key.data, prefix.data, common) : 0;
    if (order > 0)
        return WALK_STOP;
    if (order < 0 || row->key.len < prefix.len)
        return 0;
    struct slice group = upload_prefix(request, row->key);
    if (group.len && request->count) {
        struct upload_list_entry *last = &request->entries[request->count - 1];
        if (last->is_prefix && slice_equal(last->key, group))
            return 0;
    }
    /* A marker that is a common prefix stands for all under it. */
    if (group.len && slice_equal(group, request->key_marker))
        return 0;
    if (request->count == request->max) {
        request->truncated = true;
        return WALK_STOP;
    }
    void *grown = grow(request->entries, request->count, sizeof(*request->entries));
    if (!grown)
        return ERR_NO_MEMORY;
    request->entries = grown;
    struct upload_list_entry *entry = &request->entries[request->count];
    memset(entry, 0, sizeof(*entry));
    entry->key = arena_copy(walk->arena, group.len ? group : row->key);
    if (!entry->key.data)
        return ERR_NO_MEMORY;
    entry->is_prefix = group.len;
    if (row->upload_id.len == sizeof(entry->upload_id))
        memcpy(entry->upload_id, row->upload_id.data, sizeof(entry->upload_id));
    entry->initiated_us = row->initiated_us;
    entry->owner_id = row->owner_id;
    entry->storage_class = row->storage_class;
    entry->checksum_kind = row->checksum_kind;
    entry->checksum_type = row->checksum_type;
    request->count++;
    return 0;
}

static void clear_uploads(struct upload_list_request *request)
{
    if (request->memory)
        arena_free(request->memory);
    free(request->memory);
    free(request->entries);
    request->memory = NULL;
    request->entries = NULL;
    request->count = 0;
    request->truncated = false;
}

static int run_uploads(struct meta_tx *tx, struct meta_read *read)
{
    struct upload_list_request *request = container_of(read, struct upload_list_request, read);
    clear_uploads(request);
    struct bucket_row bucket;
    int err = bucket_get(tx, request->bucket, &bucket);
    if (err || !request->max)
        return err;
    request->memory = calloc(1, sizeof(struct arena));
    if (!request->memory)
        return ERR_NO_MEMORY;
    struct upload_walk walk = {.request = request, .arena = request->memory};
    int64_t id_after = request->has_upload_id_marker ? (int64_t)object_id_clock(request->upload_id_marker) : INT64_MAX;
    err = upload_list(tx, bucket.id, request->key_marker.data ? request->key_marker : slice_of("", 0), id_after, add_upload, &walk);
    return err == WALK_STOP ? 0 : err;
}

static void uploads_done(struct meta_read *read)
{
    struct upload_list_request *request = container_of(read, struct upload_list_request, read);
    request->err = read->err;
    request->done(request);
}

void upload_list_start(struct upload_list_request *request)
{
    request->memory = NULL;
    request->entries = NULL;
    request->read = (struct meta_read){.run = run_uploads, .done = uploads_done, .loop = request->reactor->loop};
    meta_read(request->reactor->meta, &request->read);
}

void upload_list_fini(struct upload_list_request *request)
{
    clear_uploads(request);
}

/* --- ListParts --- */

static int add_part(void *arg, const struct part_row *row)
{
    struct upload_parts *request = arg;
    if (request->count == request->max) {
        request->truncated = true;
        return WALK_STOP;
    }
    void *grown = grow(request->entries, request->count, sizeof(*request->entries));
    if (!grown)
        return ERR_NO_MEMORY;
    request->entries = grown;
    struct upload_part_entry *entry = &request->entries[request->count];
    *entry = (struct upload_part_entry){.part_number = row->part_number, .size = row->size, .modified_us = row->modified_us};
    if (row->etag.len != sizeof(entry->etag) || row->checksum.len > sizeof(entry->checksum))
        return ERR_CORRUPT;
    memcpy(entry->etag, row->etag.data, sizeof(entry->etag));
    entry->has_checksum = row->checksum.len;
    if (row->checksum.len)
        memcpy(entry->checksum, row->checksum.data, row->checksum.len);
    request->count++;
    return 0;
}

static int run_parts(struct meta_tx *tx, struct meta_read *read)
{
    struct upload_parts *request = container_of(read, struct upload_parts, read);
    upload_parts_fini(request);
    struct bucket_row bucket;
    struct upload_row upload;
    int err = bucket_get(tx, request->bucket, &bucket);
    if (!err)
        err = upload_get(tx, bucket.id, request->key, slice_of((const char *)request->upload_id, 16), &upload);
    if (err)
        return err;
    request->owner_id = upload.owner_id;
    request->storage_class = upload.storage_class;
    request->checksum_kind = (enum checksum_kind)upload.checksum_kind;
    request->checksum_type = upload.checksum_type;
    err = lifecycle_tx_describe_upload(&bucket, request->key, upload.initiated_us, &request->abortion);
    if (err)
        return err;
    err = part_list(tx, upload.id, request->after, add_part, request);
    return err == WALK_STOP ? 0 : err;
}

static void parts_done(struct meta_read *read)
{
    struct upload_parts *request = container_of(read, struct upload_parts, read);
    request->err = read->err;
    request->done(request);
}

void upload_parts_start(struct upload_parts *request)
{
    request->entries = NULL;
    request->read = (struct meta_read){.run = run_parts, .done = parts_done, .loop = request->reactor->loop};
    meta_read(request->reactor->meta, &request->read);
}

void upload_parts_fini(struct upload_parts *request)
{
    free(request->entries);
    request->entries = NULL;
    request->count = 0;
    request->truncated = false;
}

/* --- the parts of a completed object --- */

static int add_object_part(void *arg, const struct content_part_row *row)
{
    struct object_parts *request = arg;
    if (request->count == request->max) {
        request->truncated = true;
        return WALK_STOP;
    }
    void *grown = grow(request->entries, request->count, sizeof(*request->entries));
    if (!grown)
        return ERR_NO_MEMORY;
    request->entries = grown;
    struct object_part_entry *entry = &request->entries[request->count];
    *entry = (struct object_part_entry){.part_number = row->part_number, .size = row->size};
    if (row->checksum.len > sizeof(entry->checksum))
        return ERR_CORRUPT;
    entry->has_checksum = row->checksum.len;
    if (row->checksum.len)
        memcpy(entry->checksum, row->checksum.data, row->checksum.len);
    request->count++;
    return 0;
}

static void clear_object_parts(struct object_parts *request)
{
    free(request->entries);
    request->entries = NULL;
    request->count = 0;
    request->truncated = false;
}

static int run_object_parts(struct meta_tx *tx, struct meta_read *read)
{
    struct object_parts *request = container_of(read, struct object_parts, read);
    clear_object_parts(request);
    struct bucket_row bucket;
    int err = bucket_get(tx, request->bucket, &bucket);
    if (err)
        return err;
    enum bucket_versioning versioning = bucket.versioning;
    struct version_row row;
    err = object_find_version(tx, bucket.id, request->key, request->has_version_id, request->null_version_id, request->version_id, &row);
    if (err)
        return err;
    int64_t content_id = row.content_id;
    err = object_info_set(&request->info, &row, versioning);
    if (err)
        return err;
    if (request->info.delete_marker)
        return ERR_DELETE_MARKER;
    if (!request->info.part_count)
        return 0;
    err = content_parts(tx, content_id, request->after, add_object_part, request);
    return err == WALK_STOP ? 0 : err;
}

static void object_parts_done(struct meta_read *read)
{
    struct object_parts *request = container_of(read, struct object_parts, read);
    struct encryption e;
    struct encryption_keys keys = object_keys(request->reactor);
    request->err = read->err;
    if (!request->err)
        request->err = encryption_of(request->info.attributes, &e);
    if (!request->err)
        request->err = encryption_check(&keys, &e, request->customer_key);
    request->done(request);
}

void object_parts_start(struct object_parts *request)
{
    request->entries = NULL;
    request->info = (struct object_info){0};
    request->read = (struct meta_read){.run = run_object_parts, .done = object_parts_done, .loop = request->reactor->loop};
    meta_read(request->reactor->meta, &request->read);
}

void object_parts_fini(struct object_parts *request)
{
    clear_object_parts(request);
    object_info_fini(&request->info);
}
