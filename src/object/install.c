#include "object/install.h"

#include "object/lifecycle_tx.h"
#include "object/lock.h"
#include "object/quota.h"

int install_remove(struct meta_tx *tx, const struct bucket_row *bucket, const struct version_row *row, bool bypass_governance)
{
    int64_t rank = row->rank, content_id = row->content_id;
    struct slice key = row->key;
    int err = lock_check_removal(tx, row->attributes, bypass_governance);
    if (!err)
        err = version_delete(tx, row);
    if (!err && content_id)
        err = content_delete(tx, content_id);
    return err ? err : lifecycle_tx_removed(tx, bucket, key, rank);
}

/* The null version, if there is one, gives way to a new one. */
static int remove_null_version(struct meta_tx *tx, const struct bucket_row *bucket, struct slice key)
{
    struct version_row old;
    int err = version_get(tx, bucket->id, key, slice_of("", 0), &old);
    if (err == ERR_NO_SUCH_VERSION || err == ERR_NO_SUCH_KEY)
        return 0;
    if (err)
        return err;
    old.key = key; /* the row's own slice ends with the next call on its table */
    return install_remove(tx, bucket, &old, false);
}

/* With the bucket's default retention, where it has one. */
static int insert(struct meta_tx *tx, const struct bucket_row *bucket, struct version_row *row)
{
    struct text locked = {0};
    struct slice own = row->attributes;
    bool changed = false;
    int err = row->flags & VERSION_DELETE_MARKER ? 0 : lock_apply_default(tx, bucket->attributes, own, &locked, &changed);
    if (changed)
        row->attributes = slice_of(locked.data, locked.len);
    if (!err)
        err = version_insert(tx, row);
    row->attributes = own;
    text_free(&locked);
    return err ? err : quota_check(tx, bucket, 0);
}

int install_version(struct meta_tx *tx, const struct bucket_row *bucket, const struct object_conditions *conditions, uint64_t random,
                    struct version_row *row, uint8_t id[16])
{
    /* What the bucket says is copied first: its slices end with the next lookup. */
    int64_t bucket_id = bucket->id;
    enum bucket_versioning versioning = bucket->versioning;
    struct version_row current;
    int err = 0;
    bool conditional = condition_is_any(conditions);
    if (conditional || versioning == BUCKET_UNVERSIONED) {
        err = version_current(tx, bucket_id, row->key, &current);
        if (err && err != ERR_NO_SUCH_KEY)
            return err;
    }
    bool there = !err;
    if (conditional) {
        struct condition_subject subject = object_subject(there ? &current : NULL);
        err = condition_check_write(conditions, &subject);
        if (err)
            return err;
    }
    if (versioning == BUCKET_UNVERSIONED && there) {
        current.key = row->key;
        err = install_remove(tx, bucket, &current, false);
    } else if (versioning == BUCKET_VERSIONING_SUSPENDED) {
        err = remove_null_version(tx, bucket, row->key);
    } else {
        err = 0;
    }
    if (err)
        return err;
    uint64_t clock = meta_tx_clock(tx);
    row->bucket_id = bucket_id;
    row->rank = version_rank(clock);
    row->modified_us = row->modified_us ? row->modified_us : clock;
    row->origin_clock = clock;
    row->version_id = slice_of("", 0);
    if (versioning == BUCKET_VERSIONING_ENABLED) {
        object_id_make(id, clock, random);
        row->version_id = slice_of((const char *)id, 16);
    }
    err = insert(tx, bucket, row);
    return err ? err : lifecycle_tx_installed(tx, bucket, row->key, row->rank);
}

int install_delete_marker(struct meta_tx *tx, const struct bucket_row *bucket, struct slice key, int64_t owner_id, uint64_t random,
                          struct version_row *row, uint8_t id[16])
{
    static const struct object_conditions none;
    *row = (struct version_row){
        .key = key,
        .flags = VERSION_DELETE_MARKER,
        .etag = slice_of("", 0),
        .owner_id = owner_id,
        .attributes = slice_of("", 0),
        .origin_version_id = slice_of("", 0),
    };
    return install_version(tx, bucket, &none, random, row, id);
}
