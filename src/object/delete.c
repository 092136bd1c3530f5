/* DeleteObject and DeleteObjects: each key has its own outcome. A request's keys are deleted in as few transactions as the
 * bound on what one may change allows (meta_tx_full), in their order. */
#include <string.h>

#include "base/container.h"
#include "object/install.h"
#include "object/journal.h"

static void result_version(struct object_delete_item *item, const struct version_row *row)
{
    item->has_result_version = true;
    item->result_null_version = row->version_id.len == 0;
    if (row->version_id.len == sizeof(item->result_version_id))
        memcpy(item->result_version_id, row->version_id.data, sizeof(item->result_version_id));
}

/* Deleting what is not there succeeds, whatever it should have been, and so does deleting a marker under "*". */
static int check_conditions(const struct object_delete_item *item, const struct version_row *row)
{
    const struct object_conditions *c = &item->conditions;
    if (!row || !condition_is_any(c))
        return 0;
    struct condition_subject subject = object_subject(row);
    int err = condition_check_write(c, &subject);
    if (err != ERR_NO_SUCH_KEY)
        return err;
    return slice_equal_string(slice_trim(c->if_match), "*") ? 0 : ERR_PRECONDITION;
}

static int remove_version(struct meta_tx *tx, const struct bucket_row *bucket, struct object_delete_item *item, const struct version_row *row)
{
    item->removed = true;
    item->removed_size = row->size;
    return install_remove(tx, bucket, row, item->bypass_governance);
}

static void log_change(struct journal *journal, const struct object_delete *request, const struct object_delete_item *item)
{
    struct version_row version = {.size = item->removed_size, .etag = slice_of("", 0), .version_id = slice_of("", 0)};
    if (item->has_result_version && !item->result_null_version)
        version.version_id = slice_of((const char *)item->result_version_id, sizeof(item->result_version_id));
    if (item->removed || item->marker_created)
        journal_add(journal, request->operation ? request->operation : "REST.DELETE.OBJECT", item->key, &version);
}

/* Exactly that version, marker or not. What is not there is deleted already. */
static int delete_version(struct meta_tx *tx, const struct bucket_row *bucket, struct object_delete_item *item)
{
    struct version_row row;
    int err = object_find_version(tx, bucket->id, item->key, true, item->null_version_id, item->version_id, &row);
    bool there = !err;
    if (err && err != ERR_NO_SUCH_VERSION && err != ERR_NO_SUCH_KEY)
        return err;
    err = check_conditions(item, there ? &row : NULL);
    if (err)
        return err;
    item->has_result_version = true;
    item->result_null_version = item->null_version_id;
    memcpy(item->result_version_id, item->version_id, sizeof(item->result_version_id));
    if (!there)
        return 0;
    item->delete_marker = row.flags & VERSION_DELETE_MARKER;
    row.bucket_id = bucket->id;
    row.key = item->key;
    return remove_version(tx, bucket, item, &row);
}

static int insert_marker(struct meta_tx *tx, const struct bucket_row *bucket, struct object_delete *request, struct object_delete_item *item)
{
    struct version_row row;
    uint8_t id[16];
    int err = install_delete_marker(tx, bucket, item->key, request->owner_id, request->random, &row, id);
    if (err)
        return err;
    item->delete_marker = item->marker_created = true;
    result_version(item, &row);
    return 0;
}

static int delete_current(struct meta_tx *tx, const struct bucket_row *bucket, struct object_delete *request, struct object_delete_item *item)
{
    struct version_row row;
    int err = version_current(tx, bucket->id, item->key, &row);
    bool there = !err;
    if (err && err != ERR_NO_SUCH_KEY)
        return err;
    err = check_conditions(item, there ? &row : NULL);
    if (err)
        return err;
    if (!there && (bucket->versioning == BUCKET_UNVERSIONED || condition_is_any(&item->conditions)))
        return 0;
    if (bucket->versioning != BUCKET_UNVERSIONED)
        return insert_marker(tx, bucket, request, item);
    row.bucket_id = bucket->id;
    row.key = item->key;
    return remove_version(tx, bucket, item, &row);
}

/* What one key may end with without undoing the others. */
static bool is_outcome(int err)
{
    return err == 0 || err == ERR_PRECONDITION || err == ERR_NO_SUCH_KEY || err == ERR_NO_SUCH_VERSION || err == ERR_OBJECT_LOCKED;
}

static int run_delete(struct meta_tx *tx, struct meta_write *write)
{
    struct object_delete *request = container_of(write, struct object_delete, write);
    struct bucket_row bucket;
    struct journal journal;
    int err = bucket_get(tx, request->bucket, &bucket);
    if (!err)
        err = journal_open(tx, &bucket, &journal);
    if (err)
        return err;
    bool full = false;
    uint32_t i = request->deleted;
    for (; !err && !full && i < request->count; i++) {
        struct object_delete_item *item = &request->items[i];
        item->delete_marker = item->marker_created = item->has_result_version = item->result_null_version = item->removed = false;
        item->removed_size = 0;
        int outcome = item->has_version_id ? delete_version(tx, &bucket, item) : delete_current(tx, &bucket, request, item);
        item->err = outcome;
        err = is_outcome(outcome) ? 0 : outcome;
        if (!outcome)
            log_change(&journal, request, item);
        if (!err)
            err = meta_tx_full(tx, &full);
    }
    request->reached = i;
    return journal_close(tx, &journal, err);
}

static void delete_done(struct meta_write *write)
{
    struct object_delete *request = container_of(write, struct object_delete, write);
    if (!write->err)
        request->deleted = request->reached;
    if (!write->err && request->deleted < request->count) {
        meta_write(request->reactor->meta, &request->write);
        return;
    }
    /* What was deleted before stays so: the failure is that of the other keys. */
    for (uint32_t i = request->deleted; request->deleted && i < request->count; i++)
        request->items[i].err = write->err;
    request->err = request->deleted ? 0 : write->err;
    request->done(request);
}

void object_delete_start(struct object_delete *request)
{
    request->random = loop_random(request->reactor->loop);
    request->deleted = request->reached = 0;
    request->write = (struct meta_write){.run = run_delete, .done = delete_done, .loop = request->reactor->loop};
    meta_write(request->reactor->meta, &request->write);
}
