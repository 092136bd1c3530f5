/* Multipart uploads in progress, and their parts. */
#include "meta/statement.h"
#include "meta/tables.h"
#include "meta/trash.h"

#define PARTS_AT_ONCE_MAX 4 /* deleted by the request itself */

int upload_insert(struct meta_tx *tx, const struct upload_row *row)
{
    struct statement s = statement_begin(tx, STATEMENT_UPLOAD_INSERT);
    statement_bind_int(&s, row->id);
    statement_bind_blob(&s, row->upload_id);
    statement_bind_int(&s, row->bucket_id);
    statement_bind_blob(&s, row->key);
    statement_bind_int(&s, (int64_t)row->initiated_us);
    statement_bind_int(&s, row->owner_id);
    statement_bind_int(&s, row->storage_class);
    statement_bind_int(&s, row->checksum_kind);
    statement_bind_int(&s, row->checksum_type);
    statement_bind_blob(&s, row->attributes);
    return statement_execute(&s);
}

static struct upload_row read_upload(const struct statement *s)
{
    return (struct upload_row){
        .id = statement_int(s, 0),
        .upload_id = statement_blob(s, 1),
        .bucket_id = statement_int(s, 2),
        .key = statement_blob(s, 3),
        .initiated_us = (uint64_t)statement_int(s, 4),
        .owner_id = statement_int(s, 5),
        .storage_class = (uint32_t)statement_int(s, 6),
        .checksum_kind = (uint32_t)statement_int(s, 7),
        .checksum_type = (uint32_t)statement_int(s, 8),
        .attributes = statement_blob(s, 9),
    };
}

int upload_get(struct meta_tx *tx, int64_t bucket_id, struct slice key, struct slice upload_id, struct upload_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_UPLOAD_GET);
    statement_bind_blob(&s, upload_id);
    int err = statement_row(&s);
    if (err != 0)
        return err == ERR_NOT_FOUND ? ERR_NO_SUCH_UPLOAD : err;
    struct upload_row row = read_upload(&s);
    if (row.bucket_id != bucket_id || !slice_equal(row.key, key)) {
        statement_end(&s);
        return ERR_NO_SUCH_UPLOAD;
    }
    *ret = row;
    return 0;
}

int upload_at(struct meta_tx *tx, int64_t id, struct upload_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_UPLOAD_AT);
    statement_bind_int(&s, id);
    int err = statement_row(&s);
    if (err == 0)
        *ret = read_upload(&s);
    return err == ERR_NOT_FOUND ? ERR_NO_SUCH_UPLOAD : err;
}

static int has_many_parts(struct meta_tx *tx, int64_t id, bool *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_PART_BEYOND);
    statement_bind_int(&s, id);
    statement_bind_int(&s, PARTS_AT_ONCE_MAX);
    int err = statement_row(&s);
    if (err != 0 && err != ERR_NOT_FOUND)
        return err;
    *ret = err == 0;
    statement_end(&s);
    return 0;
}

struct few_parts { int64_t contents[PARTS_AT_ONCE_MAX]; int count; };

static int note_content(void *arg, const struct part_row *part)
{
    struct few_parts *few = arg;
    few->contents[few->count++] = part->content_id;
    return 0;
}

static int delete_parts(struct meta_tx *tx, int64_t id)
{
    struct few_parts few = {.count = 0};
    int err = part_list(tx, id, 0, note_content, &few);
    for (int i = 0; err == 0 && i < few.count; i++)
        if (few.contents[i] != 0)
            err = content_delete(tx, few.contents[i]);
    if (err != 0)
        return err;
    struct statement s = statement_begin(tx, STATEMENT_PART_DELETE);
    statement_bind_int(&s, id);
    return statement_execute(&s);
}

int upload_delete(struct meta_tx *tx, int64_t id)
{
    struct statement s = statement_begin(tx, STATEMENT_UPLOAD_DELETE);
    statement_bind_int(&s, id);
    int err = statement_execute(&s);
    if (err == 0 && statement_changes(&s) == 0)
        return ERR_NO_SUCH_UPLOAD;
    bool many;
    if (err == 0)
        err = has_many_parts(tx, id, &many);
    if (err != 0)
        return err;
    return many ? trash_parts(tx, id) : delete_parts(tx, id);
}

int upload_set_attributes(struct meta_tx *tx, int64_t id, struct slice attributes)
{
    struct statement s = statement_begin(tx, STATEMENT_UPLOAD_SET_ATTRIBUTES);
    statement_bind_blob(&s, attributes);
    statement_bind_int(&s, id);
    int err = statement_execute(&s);
    return err == 0 && statement_changes(&s) == 0 ? ERR_NO_SUCH_UPLOAD : err;
}

int upload_list(struct meta_tx *tx, int64_t bucket_id, struct slice key_after, int64_t id_after,
                int (*fn)(void *, const struct upload_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_UPLOAD_LIST);
    statement_bind_int(&s, bucket_id);
    statement_bind_copy(&s, key_after);
    statement_bind_int(&s, id_after);
    int err;
    while ((err = statement_row(&s)) == 0) {
        struct upload_row row = read_upload(&s);
        err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}

static int replaced_content(struct meta_tx *tx, const struct part_row *row, int64_t *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_PART_CONTENT);
    statement_bind_int(&s, row->upload_row);
    statement_bind_int(&s, row->part_number);
    int err = statement_row(&s);
    if (err == 0 || err == ERR_NOT_FOUND)
        *ret = err == 0 ? statement_int(&s, 0) : 0;
    if (err == 0)
        statement_end(&s);
    return err == ERR_NOT_FOUND ? 0 : err;
}

int part_put(struct meta_tx *tx, const struct part_row *row, int64_t *ret_replaced_content_id)
{
    int64_t replaced;
    int err = replaced_content(tx, row, &replaced);
    if (err != 0)
        return err;
    struct statement s = statement_begin(tx, STATEMENT_PART_PUT);
    statement_bind_int(&s, row->upload_row);
    statement_bind_int(&s, row->part_number);
    statement_bind_int(&s, row->content_id);
    statement_bind_int(&s, (int64_t)row->size);
    statement_bind_blob(&s, row->etag);
    statement_bind_blob(&s, row->checksum);
    statement_bind_int(&s, (int64_t)row->modified_us);
    err = statement_execute(&s);
    if (err == 0)
        *ret_replaced_content_id = replaced;
    return err;
}

static struct part_row read_part(const struct statement *s)
{
    return (struct part_row){
        .upload_row = statement_int(s, 0),
        .part_number = (uint32_t)statement_int(s, 1),
        .content_id = statement_int(s, 2),
        .size = (uint64_t)statement_int(s, 3),
        .etag = statement_blob(s, 4),
        .checksum = statement_blob(s, 5),
        .modified_us = (uint64_t)statement_int(s, 6),
    };
}

int part_get(struct meta_tx *tx, int64_t upload_row, uint32_t part_number, struct part_row *ret)
{
    struct statement s = statement_begin(tx, STATEMENT_PART_GET);
    statement_bind_int(&s, upload_row);
    statement_bind_int(&s, part_number);
    int err = statement_row(&s);
    if (err == 0)
        *ret = read_part(&s);
    return err == ERR_NOT_FOUND ? ERR_INVALID_PART : err;
}

int part_list(struct meta_tx *tx, int64_t upload_row, uint32_t after, int (*fn)(void *, const struct part_row *), void *arg)
{
    struct statement s = statement_begin(tx, STATEMENT_PART_LIST);
    statement_bind_int(&s, upload_row);
    statement_bind_int(&s, after);
    int err;
    while ((err = statement_row(&s)) == 0) {
        struct part_row row = read_part(&s);
        err = fn(arg, &row);
        if (err != 0)
            break;
    }
    return statement_end_walk(&s, err);
}
