/* Buckets: what is in them, and their quotas. */
#include <string.h>

#include "admin/command.h"
#include "admin/wait.h"
#include "object/quota.h"

#define PAGE 256

/* A page of buckets: their rows end with each next one, and usage and owners are looked up between two pages. */
struct listed { json_t *bucket; int64_t id, owner_id; };
struct page { struct listed entries[PAGE]; size_t count; struct text last; };

static int add_bucket(void *arg, const struct bucket_row *row)
{
    static const char *const versioning[] = {"off", "enabled", "suspended"};
    struct page *page = arg;
    struct quota quota;
    if (page->count == PAGE)
        return ERR_CANCELLED;
    int err = quota_of_bucket(row->attributes, &quota);
    if (err)
        return err;
    json_t *bucket = json_pack("{s:s%, s:I, s:s, s:I, s:I}", "name", row->name.data, row->name.len, "created", (json_int_t)(row->created_us / 1000000),
                               "versioning", versioning[row->versioning], "quota_bytes", (json_int_t)quota.bytes, "quota_objects",
                               (json_int_t)quota.objects);
    if (!bucket)
        return ERR_NO_MEMORY;
    page->entries[page->count++] = (struct listed){bucket, row->id, row->owner_id};
    text_clear(&page->last);
    text_append(&page->last, row->name.data, row->name.len);
    return page->last.failed ? ERR_NO_MEMORY : 0;
}

static int complete(struct meta_tx *tx, const struct listed *entry)
{
    struct bucket_usage usage;
    struct account_row owner;
    int err = usage_get(tx, entry->id, &usage);
    if (err)
        return err;
    err = account_get(tx, entry->owner_id, &owner);
    if (err && err != ERR_NOT_FOUND)
        return err;
    struct slice name = err ? slice_string("") : owner.name;
    return json_object_update_new(entry->bucket, json_pack("{s:s%, s:I, s:I}", "owner", name.data, name.len, "objects", (json_int_t)usage.versions,
                                                           "bytes", (json_int_t)usage.bytes)) == 0 ? 0 : ERR_NO_MEMORY;
}

static int list_page(struct meta_tx *tx, struct page *page, json_t *list)
{
    page->count = 0;
    int err = bucket_list(tx, slice_of(page->last.data ? page->last.data : "", page->last.len), add_bucket, page);
    err = err == ERR_CANCELLED ? 0 : err;
    for (size_t i = 0; i < page->count; i++) {
        if (!err)
            err = complete(tx, &page->entries[i]);
        if (json_array_append_new(list, page->entries[i].bucket) != 0)
            err = ERR_NO_MEMORY;
    }
    return err;
}

static int list_buckets(struct meta_tx *tx, void *arg)
{
    json_t *list = arg;
    struct page page = {0};
    int err;
    json_array_clear(list);
    do {
        err = list_page(tx, &page, list);
    } while (!err && page.count == PAGE);
    text_free(&page.last);
    return err;
}

int admin_command_bucket_list(struct admin_call *call, json_t **ret)
{
    json_t *list = json_array();
    int err = list ? admin_read(call->admin, list_buckets, list) : ERR_NO_MEMORY;
    if (err) {
        json_decref(list);
        return err;
    }
    return admin_command_result(json_pack("{s:o}", "buckets", list), ret);
}

struct change { struct slice bucket; struct quota quota; };

static int set_quota(struct meta_tx *tx, void *arg)
{
    const struct change *change = arg;
    return quota_set(tx, change->bucket, &change->quota);
}

static int take_limit(struct admin_call *call, const char *name, uint64_t *ret)
{
    json_t *value = json_object_get(call->arguments, name);
    if (value && (!json_is_integer(value) || json_integer_value(value) < 0))
        return admin_command_fail(call, ERR_INVALID, "%s is a number, 0 for no limit", name);
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

int admin_command_bucket_quota(struct admin_call *call, json_t **ret)
{
    const char *bucket = admin_command_text(call, "bucket");
    struct change change = {.bucket = slice_string(bucket ? bucket : "")};
    int err = take_limit(call, "bytes", &change.quota.bytes);
    if (!err)
        err = take_limit(call, "objects", &change.quota.objects);
    if (!err)
        err = admin_write(call->admin, set_quota, &change);
    if (err == ERR_NO_SUCH_BUCKET)
        return admin_command_fail(call, err, "there is no bucket %.64s", change.bucket.data);
    return err ? err : admin_command_result(json_object(), ret);
}
