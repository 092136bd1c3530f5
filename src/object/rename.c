/* RenameObject: the newest version of a key becomes the newest of another key of the bucket, in one transaction, with everything it
 * carries, its time included. No byte of it is read or copied.
 *
 * Where the bucket has no versions the row moves, and its content with it. Otherwise the old key keeps its versions behind a
 * delete marker, as after DeleteObject, and the new version shares their extents.
 *
 * A client token stands in the renamed object's attributes with the key it came from: a request that is sent again finds it
 * there, and has nothing to do. */
#include <string.h>

#include "base/container.h"
#include "meta/attribute.h"
#include "object/content_cipher.h"
#include "object/install.h"
#include "object/journal.h"
#include "object/lifecycle_tx.h"

/* Whether this very request was carried out before: 1; ERR_EXISTS: another one with its token was. */
static int look_for_token(struct meta_tx *tx, struct object_rename *rename, const struct bucket_row *bucket)
{
    struct version_row row;
    struct attribute attribute;
    size_t position = 0;
    if (!rename->client_token.len)
        return 0;
    int err = version_current(tx, bucket->id, rename->key, &row);
    if (err)
        return err == ERR_NO_SUCH_KEY ? 0 : err;
    while (attribute_next(row.attributes, &position, &attribute, &err)) {
        if (attribute.kind != ATTRIBUTE_RENAME || !slice_equal(attribute.name, rename->client_token))
            continue;
        if (!slice_equal(attribute.value, rename->source_key))
            return ERR_EXISTS;
        err = object_info_set(&rename->info, &row, bucket->versioning);
        return err ? err : 1;
    }
    return err;
}

static int find_source(struct meta_tx *tx, const struct object_rename *rename, const struct bucket_row *bucket, struct version_row *ret)
{
    int err = version_current(tx, bucket->id, rename->source_key, ret);
    if (err)
        return err;
    if (ret->flags & VERSION_DELETE_MARKER)
        return ERR_NO_SUCH_KEY;
    struct condition_subject subject = object_subject(ret);
    err = condition_check_read(&rename->source_conditions, &subject);
    return err == ERR_NOT_MODIFIED ? ERR_PRECONDITION : err;
}

static int make_attributes(const struct object_rename *rename, struct slice source, struct text *ret)
{
    struct attribute attribute;
    size_t position = 0;
    int err = 0;
    while (attribute_next(source, &position, &attribute, &err))
        if (attribute.kind != ATTRIBUTE_RENAME)
            attribute_append(ret, attribute.kind, attribute.name, attribute.value);
    if (rename->client_token.len)
        attribute_append(ret, ATTRIBUTE_RENAME, rename->client_token, rename->source_key);
    return err ? err : ret->failed ? ERR_NO_MEMORY : 0;
}

static int share_content(struct meta_tx *tx, struct version_row *row, bool multipart)
{
    uint64_t stored = row->size;
    int64_t source = row->content_id;
    if (!source)
        return 0;
    row->content_id = (int64_t)meta_tx_clock(tx);
    int err = row->flags & VERSION_ENCRYPTED ? content_stored_size(tx, source, multipart, row->size, &stored) : 0;
    return err ? err : content_share(tx, source, 0, stored, true, row->content_id, 0);
}

/* row: the source's, whose content is the target's from here on. */
static int leave_source(struct meta_tx *tx, struct object_rename *rename, const struct bucket_row *bucket, struct version_row *row)
{
    struct version_row marker;
    uint8_t id[16];
    if (bucket->versioning == BUCKET_UNVERSIONED) {
        row->key = rename->source_key;
        int err = version_delete(tx, row);
        return err ? err : lifecycle_tx_removed(tx, bucket, rename->source_key, row->rank);
    }
    int err = share_content(tx, row, rename->info.part_count > 0);
    return err ? err : install_delete_marker(tx, bucket, rename->source_key, rename->deleter_id, rename->random, &marker, id);
}

static int move_version(struct meta_tx *tx, struct object_rename *rename, const struct bucket_row *bucket, struct journal *journal)
{
    struct version_row row;
    struct text attributes = {0};
    uint8_t id[16];
    int err = find_source(tx, rename, bucket, &row);
    if (!err)
        err = object_info_set(&rename->info, &row, bucket->versioning); /* the row's slices end with the next call on its table */
    if (!err)
        err = make_attributes(rename, rename->info.attributes, &attributes);
    if (!err)
        err = leave_source(tx, rename, bucket, &row);
    uint8_t etag[sizeof(rename->info.etag)];
    memcpy(etag, rename->info.etag, sizeof(etag));
    row.key = rename->key;
    row.etag = slice_of((const char *)etag, rename->info.etag_len);
    row.attributes = slice_of(attributes.data ? attributes.data : "", attributes.len);
    row.origin_version_id = slice_of("", 0);
    if (!err)
        err = install_version(tx, bucket, &rename->conditions, rename->random, &row, id);
    if (!err)
        err = object_info_set(&rename->info, &row, bucket->versioning);
    text_free(&attributes);
    if (err)
        return err;
    struct version_row gone = {.etag = slice_of("", 0), .version_id = slice_of("", 0), .size = row.size};
    journal_add(journal, "REST.PUT.OBJECT", rename->key, &row);
    journal_add(journal, "REST.DELETE.OBJECT", rename->source_key, &gone);
    return 0;
}

static int run(struct meta_tx *tx, struct meta_write *write)
{
    struct object_rename *rename = container_of(write, struct object_rename, write);
    struct bucket_row bucket;
    struct journal journal;
    int err = bucket_get(tx, rename->bucket, &bucket);
    if (err)
        return err;
    err = look_for_token(tx, rename, &bucket);
    if (err)
        return err > 0 ? 0 : err;
    err = journal_open(tx, &bucket, &journal);
    if (err)
        return err;
    return journal_close(tx, &journal, move_version(tx, rename, &bucket, &journal));
}

static void done(struct meta_write *write)
{
    struct object_rename *rename = container_of(write, struct object_rename, write);
    rename->err = write->err;
    rename->done(rename);
}

void object_rename_start(struct object_rename *rename)
{
    rename->random = loop_random(rename->reactor->loop);
    rename->write = (struct meta_write){.run = run, .done = done, .loop = rename->reactor->loop};
    meta_write(rename->reactor->meta, &rename->write);
}

void object_rename_fini(struct object_rename *rename)
{
    object_info_fini(&rename->info);
}
