#include "object/append.h"

#include <string.h>

#include "meta/attribute.h"
#include "object/lifecycle_tx.h"

static uint64_t number_of(const uint8_t *digest, size_t len)
{
    uint64_t number = 0;
    for (size_t i = 0; i < len; i++)
        number = number << 8 | digest[i];
    return number;
}

static void number_to(uint64_t number, uint8_t *digest, size_t len)
{
    for (size_t i = 0; i < len; i++)
        digest[i] = (uint8_t)(number >> (8 * (len - 1 - i)));
}

/* The object's checksum, into *ret (empty: none). */
static int find_checksum(struct append *a, struct slice *ret)
{
    struct attribute attribute;
    size_t position = 0;
    int err = 0;
    a->kind = CHECKSUM_NONE;
    a->type = 0;
    *ret = slice_of("", 0);
    while (attribute_next(a->info.attributes, &position, &attribute, &err)) {
        if (attribute.kind != ATTRIBUTE_CHECKSUM || attribute.name.len != 2)
            continue;
        a->kind = (enum checksum_kind)attribute.name.data[0];
        a->type = (uint32_t)attribute.name.data[1];
        *ret = attribute.value;
        if (a->kind >= CHECKSUM_KIND_COUNT || attribute.value.len != checksum_len(a->kind))
            return ERR_CORRUPT;
    }
    return err;
}

/* Whether its bytes have to be written again, and which they are. */
static int find_bytes(struct meta_tx *tx, int64_t content_id, struct append *a)
{
    struct slice bytes;
    a->fed = 0;
    text_clear(&a->bytes);
    a->anew = !content_id;
    if (!content_id)
        return 0;
    int err = content_get_inline(tx, content_id, &bytes);
    if (err == ERR_NOT_FOUND)
        return 0;
    if (err)
        return err;
    a->anew = true;
    text_append(&a->bytes, bytes.data, bytes.len);
    return a->bytes.failed ? ERR_NO_MEMORY : 0;
}

int append_current(struct meta_tx *tx, int64_t bucket_id, struct slice key, struct version_row *ret)
{
    int err = version_current(tx, bucket_id, key, ret);
    return !err && ret->flags & VERSION_DELETE_MARKER ? ERR_NO_SUCH_KEY : err;
}

int append_look(struct meta_tx *tx, const struct bucket_row *bucket, struct slice key, struct append *a)
{
    struct version_row row;
    int err = append_current(tx, bucket->id, key, &row);
    a->there = !err;
    if (err == ERR_NO_SUCH_KEY)
        return a->offset ? ERR_WRITE_OFFSET : 0;
    if (err)
        return err;
    if (row.size != a->offset)
        return ERR_WRITE_OFFSET;
    if (row.flags & VERSION_ENCRYPTED)
        return ERR_UNSUPPORTED;
    a->rank = row.rank;
    int64_t content_id = row.content_id;
    struct slice checksum;
    err = object_info_set(&a->info, &row, bucket->versioning);
    if (!err)
        err = find_checksum(a, &checksum);
    return err ? err : find_bytes(tx, content_id, a);
}

/* --- the commit --- */

static int insert_parts(const struct append *a, struct meta_tx *tx, int64_t content_id, uint64_t added, struct slice checksum)
{
    uint32_t last = 1;
    int err;
    if (a->info.part_count) {
        err = content_last_part(tx, content_id, &last);
    } else {
        struct content_part_row first = {content_id, 1, 0, a->info.size, checksum};
        err = content_insert_part(tx, &first);
    }
    if (err)
        return err;
    if (last >= PART_NUMBER_MAX)
        return ERR_TOO_MANY_PARTS;
    struct content_part_row part = {content_id, last + 1, a->info.size, added,
                                    slice_of((const char *)a->checksum, checksum_len(a->kind))};
    return content_insert_part(tx, &part);
}

/* Where the bytes so far and the new ones meet. */
static int continue_content(const struct append *a, struct meta_tx *tx, const struct bucket_row *bucket, struct slice key, int64_t *content_id,
                            uint64_t *ret_start)
{
    int64_t old = *content_id;
    *ret_start = a->anew ? 0 : a->info.size;
    if (!a->anew && bucket->versioning == BUCKET_UNVERSIONED) { /* the row gives way to one with the same content */
        const struct version_row gone = {.bucket_id = bucket->id, .key = key, .rank = a->rank, .size = a->info.size};
        int err = version_delete(tx, &gone);
        return err ? err : lifecycle_tx_removed(tx, bucket, key, a->rank);
    }
    *content_id = (int64_t)meta_tx_clock(tx);
    if (!old)
        return 0;
    return content_share(tx, old, 0, *ret_start, true, *content_id, 0); /* parts alone when the bytes come anew */
}

struct gathered { struct text text; size_t each; };

static int gather_checksum(void *arg, const struct content_part_row *part)
{
    struct gathered *g = arg;
    if (part->checksum.len != g->each)
        return ERR_CHECKSUM_TYPE;
    text_append(&g->text, part->checksum.data, part->checksum.len);
    return 0;
}

/* Of the bytes where the algorithm lets two be combined, of the parts' checksums elsewhere. */
static int whole_checksum(struct append *a, struct meta_tx *tx, int64_t content_id, uint64_t added, struct slice checksum)
{
    size_t len = checksum_len(a->kind);
    if (a->kind == CHECKSUM_NONE)
        return 0;
    if (a->type == 0 && checksum_is_crc(a->kind)) {
        number_to(checksum_crc_combine(a->kind, number_of((const uint8_t *)checksum.data, len), number_of(a->checksum, len), added),
                  a->whole_checksum, len);
        return 0;
    }
    struct gathered g = {.each = len};
    struct checksum_stream stream;
    int err = content_parts(tx, content_id, 0, gather_checksum, &g);
    if (!err)
        err = g.text.failed ? ERR_NO_MEMORY : checksum_init(&stream, a->kind);
    if (!err) {
        checksum_update(&stream, g.text.data, g.text.len);
        checksum_final(&stream, a->whole_checksum);
        checksum_fini(&stream);
        a->type = 1;
    }
    text_free(&g.text);
    return err;
}

/* Of two halves, as CompleteMultipartUpload makes it of two parts. */
static void make_etag(struct append *a)
{
    uint32_t count = (a->info.part_count ? a->info.part_count : 1) + 1;
    uint8_t halves[2 * MD5_LEN];
    memcpy(halves, a->info.etag, MD5_LEN);
    memcpy(halves + MD5_LEN, a->md5, MD5_LEN);
    md5_of(halves, sizeof(halves), a->etag);
    number_to(count, a->etag + MD5_LEN, 4);
}

static int make_attributes(const struct append *a, struct text *ret)
{
    struct attribute attribute;
    size_t position = 0;
    int err = 0;
    char name[2] = {(char)a->kind, (char)a->type};
    while (attribute_next(a->info.attributes, &position, &attribute, &err))
        if (attribute.kind != ATTRIBUTE_CHECKSUM && attribute.kind != ATTRIBUTE_UPLOAD && attribute.kind != ATTRIBUTE_RENAME)
            attribute_append(ret, attribute.kind, attribute.name, attribute.value);
    if (a->kind != CHECKSUM_NONE)
        attribute_append(ret, ATTRIBUTE_CHECKSUM, slice_of(name, 2), slice_of((const char *)a->whole_checksum, checksum_len(a->kind)));
    return err ? err : ret->failed ? ERR_NO_MEMORY : 0;
}

/* The version that was looked at; its tags and ACL may be others by now. */
static int find_again(struct append *a, struct meta_tx *tx, const struct bucket_row *bucket, const struct object_conditions *conditions,
                      struct version_row *row)
{
    int err = append_current(tx, bucket->id, row->key, row);
    if (err)
        return err == ERR_NO_SUCH_KEY ? ERR_WRITE_OFFSET : err;
    if (row->rank != a->rank)
        return row->size == a->offset ? ERR_CONFLICT : ERR_WRITE_OFFSET;
    struct condition_subject subject = object_subject(row);
    err = condition_check_write(conditions, &subject);
    return err ? err : object_info_set(&a->info, row, bucket->versioning);
}

int append_version(struct append *a, struct meta_tx *tx, const struct bucket_row *bucket, const struct object_conditions *conditions, uint64_t added,
                   struct version_row *row, struct text *attributes, uint64_t *ret_start)
{
    struct slice key = row->key, checksum;
    int err = find_again(a, tx, bucket, conditions, row);
    if (!err && added > OBJECT_SIZE_MAX - a->info.size)
        err = ERR_TOO_LARGE;
    if (!err)
        err = find_checksum(a, &checksum);
    if (!err)
        err = continue_content(a, tx, bucket, key, &row->content_id, ret_start);
    if (!err)
        err = insert_parts(a, tx, row->content_id, added, checksum);
    if (!err)
        err = whole_checksum(a, tx, row->content_id, added, checksum);
    if (!err)
        err = make_attributes(a, attributes);
    if (err)
        return err;
    make_etag(a);
    row->key = key;
    row->size += added;
    row->modified_us = 0;
    row->etag = slice_of((const char *)a->etag, sizeof(a->etag));
    row->attributes = slice_of(attributes->data ? attributes->data : "", attributes->len);
    row->origin_version_id = slice_of("", 0);
    return 0;
}

void append_fini(struct append *a)
{
    object_info_fini(&a->info);
    text_free(&a->bytes);
}
