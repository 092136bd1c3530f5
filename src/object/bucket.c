/* Buckets: create, find, list, remove, and their versioning. */
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "meta/log.h"
#include "object/lifecycle_tx.h"
#include "object/lock.h"

static int copy_bucket(struct bucket_request *request, const struct bucket_row *row)
{
    request->id = row->id;
    request->found_owner_id = row->owner_id;
    request->created_us = row->created_us;
    request->versioning = row->versioning;
    text_clear(&request->found_region);
    text_append(&request->found_region, row->region.data, row->region.len);
    return request->found_region.failed ? ERR_NO_MEMORY : 0;
}

static void write_done(struct meta_write *write)
{
    struct bucket_request *request = container_of(write, struct bucket_request, write);
    request->err = write->err;
    request->done(request);
}

static void start_write(struct bucket_request *request, int (*run)(struct meta_tx *, struct meta_write *))
{
    request->write = (struct meta_write){.run = run, .done = write_done, .loop = request->reactor->loop};
    meta_write(request->reactor->meta, &request->write);
}

static int run_create(struct meta_tx *tx, struct meta_write *write)
{
    struct bucket_request *request = container_of(write, struct bucket_request, write);
    struct bucket_row row;
    int err = bucket_get(tx, request->name, &row);
    if (!err) {
        err = copy_bucket(request, &row);
        if (err)
            return err;
        return request->found_owner_id == request->owner_id ? ERR_BUCKET_OWNED : ERR_BUCKET_EXISTS;
    }
    if (err != ERR_NO_SUCH_BUCKET)
        return err;
    static const struct lock_configuration no_default;
    struct text attributes = {0};
    text_append(&attributes, request->settings.data, request->settings.len);
    if (request->object_lock)
        lock_append_configuration(&attributes, &no_default);
    row = (struct bucket_row){
        .name = request->name,
        .owner_id = request->owner_id,
        .created_us = meta_tx_clock(tx),
        .region = request->region,
        .versioning = request->object_lock ? BUCKET_VERSIONING_ENABLED : BUCKET_UNVERSIONED,
        .attributes = slice_of(attributes.data ? attributes.data : "", attributes.len),
    };
    request->created_us = row.created_us;
    err = attributes.failed ? ERR_NO_MEMORY : bucket_insert(tx, &row, &request->id);
    text_free(&attributes);
    return err;
}

void bucket_create(struct bucket_request *request)
{
    start_write(request, run_create);
}

struct first_upload { int64_t id; };

static int note_upload(void *arg, const struct upload_row *row)
{
    ((struct first_upload *)arg)->id = row->id;
    return 1;
}

/* Unfinished uploads do not keep a bucket: they go with it, unless it holds versions. */
static int abort_uploads(struct meta_tx *tx, int64_t bucket_id, bool *ret_more)
{
    int err = bucket_check_versions(tx, bucket_id);
    *ret_more = false;
    while (!err && !*ret_more) {
        struct first_upload first = {0};
        err = upload_list(tx, bucket_id, slice_of("", 0), INT64_MAX, note_upload, &first);
        if (err != 1)
            return err;
        err = upload_delete(tx, first.id);
        if (!err)
            err = meta_tx_full(tx, ret_more);
    }
    return err;
}

static int run_remove(struct meta_tx *tx, struct meta_write *write)
{
    struct bucket_request *request = container_of(write, struct bucket_request, write);
    struct bucket_row row;
    int err = bucket_get(tx, request->name, &row);
    if (err)
        return err;
    int64_t id = row.id;
    struct slice rules;
    bool has_rules = lifecycle_tx_rules(&row, &rules);
    err = abort_uploads(tx, id, &request->more);
    if (err || request->more)
        return err;
    err = bucket_delete(tx, id);
    if (!err && has_rules)
        err = lifecycle_tx_rules_changed(tx, id);
    return err ? err : log_target_gone(tx, id);
}

/* As many transactions as the uploads need; the last one deletes the bucket. */
static void remove_done(struct meta_write *write)
{
    struct bucket_request *request = container_of(write, struct bucket_request, write);
    if (!write->err && request->more)
        meta_write(request->reactor->meta, write);
    else
        write_done(write);
}

void bucket_remove(struct bucket_request *request)
{
    request->write = (struct meta_write){.run = run_remove, .done = remove_done, .loop = request->reactor->loop};
    meta_write(request->reactor->meta, &request->write);
}

static int run_set_versioning(struct meta_tx *tx, struct meta_write *write)
{
    struct bucket_request *request = container_of(write, struct bucket_request, write);
    struct bucket_row row;
    int err = bucket_get(tx, request->name, &row);
    if (err)
        return err;
    struct lock_configuration configuration;
    if (request->set_versioning != BUCKET_VERSIONING_ENABLED && lock_of_bucket(row.attributes, &configuration) != ERR_NO_OBJECT_LOCK)
        return ERR_BUCKET_STATE;
    struct text attributes = {0};
    text_append(&attributes, row.attributes.data, row.attributes.len);
    if (attributes.failed)
        return ERR_NO_MEMORY;
    row.versioning = request->set_versioning;
    row.attributes = slice_of(attributes.data ? attributes.data : "", attributes.len);
    row.name = request->name;
    row.region = slice_of("", 0);
    err = bucket_update(tx, &row);
    text_free(&attributes);
    return err;
}

void bucket_set_versioning(struct bucket_request *request)
{
    start_write(request, run_set_versioning);
}

static int run_find(struct meta_tx *tx, struct meta_read *read)
{
    struct bucket_request *request = container_of(read, struct bucket_request, read);
    struct bucket_row row;
    int err = bucket_get(tx, request->name, &row);
    if (err)
        return err;
    text_clear(&request->attributes);
    text_append(&request->attributes, row.attributes.data, row.attributes.len);
    return request->attributes.failed ? ERR_NO_MEMORY : copy_bucket(request, &row);
}

static void find_done(struct meta_read *read)
{
    struct bucket_request *request = container_of(read, struct bucket_request, read);
    request->err = read->err;
    request->done(request);
}

void bucket_find(struct bucket_request *request)
{
    request->read = (struct meta_read){.run = run_find, .done = find_done, .loop = request->reactor->loop};
    meta_read(request->reactor->meta, &request->read);
}

void bucket_request_fini(struct bucket_request *request)
{
    text_free(&request->found_region);
    text_free(&request->attributes);
}

/* --- ListBuckets --- */

#define BUCKET_LIST_STOP 1

static void drop_entries(struct bucket_list_request *request)
{
    for (uint32_t i = 0; i < request->count; i++) {
        free(request->entries[i].name);
        free(request->entries[i].region);
    }
    free(request->entries);
    request->entries = NULL;
    request->count = 0;
    request->truncated = false;
}

static char *copy_string(struct slice slice)
{
    char *copy = malloc(slice.len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, slice.data, slice.len);
    copy[slice.len] = '\0';
    return copy;
}

static int add_entry(void *arg, const struct bucket_row *row)
{
    struct bucket_list_request *request = arg;
    struct slice prefix = request->prefix;
    size_t common = row->name.len < prefix.len ? row->name.len : prefix.len;
    int order = common ? memcmp(row->name.data, prefix.data, common) : 0;
    if (order > 0)
        return BUCKET_LIST_STOP; /* past every name with the prefix */
    if (order < 0 || row->name.len < prefix.len)
        return 0;
    if (request->count == request->max) {
        request->truncated = true;
        return BUCKET_LIST_STOP;
    }
    if ((request->count & (request->count - 1)) == 0) {
        size_t capacity = request->count ? 2 * (size_t)request->count : 1;
        struct bucket_entry *grown = realloc(request->entries, capacity * sizeof(*grown));
        if (!grown)
            return ERR_NO_MEMORY;
        request->entries = grown;
    }
    struct bucket_entry entry = {copy_string(row->name), row->created_us, row->owner_id, copy_string(row->region)};
    if (!entry.name || !entry.region) {
        free(entry.name);
        free(entry.region);
        return ERR_NO_MEMORY;
    }
    request->entries[request->count++] = entry;
    return 0;
}

static int run_list(struct meta_tx *tx, struct meta_read *read)
{
    struct bucket_list_request *request = container_of(read, struct bucket_list_request, read);
    drop_entries(request);
    int err = bucket_list(tx, request->after, add_entry, request);
    return err == BUCKET_LIST_STOP ? 0 : err;
}

static void list_done(struct meta_read *read)
{
    struct bucket_list_request *request = container_of(read, struct bucket_list_request, read);
    request->err = read->err;
    request->done(request);
}

void bucket_list_all(struct bucket_list_request *request)
{
    request->entries = NULL;
    request->count = 0;
    request->read = (struct meta_read){.run = run_list, .done = list_done, .loop = request->reactor->loop};
    meta_read(request->reactor->meta, &request->read);
}

void bucket_list_request_fini(struct bucket_list_request *request)
{
    drop_entries(request);
}
