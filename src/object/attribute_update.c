/* Tags, ACLs and whatever else lies in attributes, changed in place: data, ETag, version id and modification time stay.
 * The row is replaced inside one transaction. */
#include <string.h>

#include "base/arena.h"
#include "base/container.h"
#include "object/info.h"
#include "object/journal.h"
#include "object/lifecycle_tx.h"
#include "object/lock.h"

static int rebuild(const struct object_attribute_update *u, struct slice old, struct text *fresh)
{
    struct attribute a;
    size_t position = 0;
    int err = 0;
    while (attribute_next(old, &position, &a, &err))
        if (a.kind != u->kind || (u->name.data && !slice_equal(a.name, u->name)))
            attribute_append(fresh, a.kind, a.name, a.value);
    text_append(fresh, u->replacement.data, u->replacement.len);
    return err ? err : fresh->failed ? ERR_NO_MEMORY : 0;
}

/* Slices of a row end with the next call on its table. */
static int copy_row(struct version_row *row, struct arena *arena)
{
    struct slice *slices[] = {&row->key, &row->version_id, &row->etag, &row->origin_version_id};
    for (unsigned i = 0; i < sizeof slices / sizeof *slices; i++) {
        struct slice copy = arena_copy(arena, *slices[i]);
        if (!copy.data)
            return ERR_NO_MEMORY;
        *slices[i] = copy;
    }
    return 0;
}

/* What a journal calls it; NULL: none has it. */
static const char *operation_of(const struct object_attribute_update *u)
{
    static const struct { enum attribute_kind kind; const char *name, *operation; } of[] = {
        {ATTRIBUTE_CONFIGURATION, "acl", "REST.PUT.ACL"},
        {ATTRIBUTE_OBJECT_LOCK, LOCK_RETENTION_NAME, "REST.PUT.RETENTION"},
        {ATTRIBUTE_OBJECT_LOCK, LOCK_LEGAL_HOLD_NAME, "REST.PUT.LEGAL_HOLD"}};
    if (u->kind == ATTRIBUTE_TAG)
        return u->replacement.len ? "REST.PUT.OBJECT_TAGGING" : "REST.DELETE.OBJECT_TAGGING";
    for (unsigned i = 0; i < sizeof of / sizeof *of; i++)
        if (of[i].kind == u->kind && slice_equal_string(u->name, of[i].name))
            return of[i].operation;
    return NULL;
}

static int update_version(struct meta_tx *tx, struct object_attribute_update *u, const struct bucket_row *bucket, struct text *fresh)
{
    struct version_row row;
    struct arena arena = {0};
    const char *operation = operation_of(u);
    struct journal journal;
    int err = object_find_version(tx, bucket->id, u->key, u->has_version_id, u->null_version_id, u->version_id, &row);
    if (err)
        return err;
    if (row.flags & VERSION_DELETE_MARKER)
        return u->has_version_id ? ERR_DELETE_MARKER : ERR_NO_SUCH_KEY;
    if (u->owned && row.owner_id != u->owner_id)
        return ERR_CONFLICT; /* it took the place of the one that may be changed */
    err = u->check ? u->check(u, bucket, row.attributes, meta_tx_clock(tx)) : 0;
    if (!err)
        err = rebuild(u, row.attributes, fresh);
    if (!err)
        err = copy_row(&row, &arena);
    row.attributes = slice_of(fresh->data ? fresh->data : "", fresh->len);
    if (!err)
        err = version_delete(tx, &row);
    if (!err)
        err = version_insert(tx, &row);
    if (!err && u->kind == ATTRIBUTE_TAG)
        err = lifecycle_tx_changed(tx, bucket, row.key, row.rank);
    if (!err)
        err = journal_open(tx, bucket, &journal);
    if (!err) {
        if (operation)
            journal_add(&journal, operation, row.key, &row);
        err = journal_close(tx, &journal, 0);
    }
    u->info = (struct object_info){.versioning = bucket->versioning, .null_version = row.version_id.len == 0};
    if (!err && row.version_id.len == sizeof u->info.version_id)
        memcpy(u->info.version_id, row.version_id.data, sizeof u->info.version_id);
    arena_free(&arena);
    return err;
}

static int update_bucket(struct meta_tx *tx, const struct object_attribute_update *u, struct bucket_row *bucket, struct text *fresh)
{
    int err = u->check ? u->check(u, bucket, bucket->attributes, meta_tx_clock(tx)) : 0;
    if (!err)
        err = rebuild(u, bucket->attributes, fresh);
    bucket->attributes = slice_of(fresh->data ? fresh->data : "", fresh->len);
    bucket->name = u->bucket;
    bucket->region = slice_of("", 0); /* not written */
    if (!err)
        err = bucket_update(tx, bucket);
    if (!err && u->kind == ATTRIBUTE_CONFIGURATION && u->name.data && slice_equal_string(u->name, LIFECYCLE_NAME))
        err = lifecycle_tx_rules_changed(tx, bucket->id);
    return err;
}

static int run_update(struct meta_tx *tx, struct meta_write *write)
{
    struct object_attribute_update *u = container_of(write, struct object_attribute_update, write);
    struct bucket_row bucket;
    int err = bucket_get(tx, u->bucket, &bucket);
    if (err)
        return err;
    if (u->bucket_owner_id && bucket.owner_id != u->bucket_owner_id)
        return ERR_CONFLICT;
    struct text fresh = {0};
    err = u->key.len ? update_version(tx, u, &bucket, &fresh) : update_bucket(tx, u, &bucket, &fresh);
    text_free(&fresh);
    return err;
}

static void update_done(struct meta_write *write)
{
    struct object_attribute_update *u = container_of(write, struct object_attribute_update, write);
    u->err = write->err;
    u->done(u);
}

void object_attribute_update_start(struct object_attribute_update *u)
{
    u->write = (struct meta_write){.run = run_update, .done = update_done, .loop = u->reactor->loop};
    meta_write(u->reactor->meta, &u->write);
}
