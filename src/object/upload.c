/* Multipart uploads: create, complete, abort. Parts are written by put.c and copy.c; listings are in upload_list.c.
 *
 * Every part is a content of its own; CompleteMultipartUpload moves their segments into one, in one transaction, and moves no data. */
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "meta/attribute.h"
#include "object/content_cipher.h"
#include "object/info.h"
#include "object/install.h"
#include "object/journal.h"
#include "object/lifecycle_tx.h"
#include "object/lock.h"

/* --- create --- */

/* The upload's attributes; with a data key for all its parts if it is to be encrypted. */
static int make_attributes(struct upload_create *request, struct slice bucket_attributes)
{
    struct text *text = &request->row_attributes;
    struct encryption e = request->encryption;
    struct encryption_keys keys = object_keys(request->reactor);
    uint8_t data_key[DATA_KEY_LEN];
    text_clear(text);
    text_append(text, request->attributes.data, request->attributes.len);
    int err = e.mode == ENCRYPTION_NONE ? encryption_default(bucket_attributes, &e) : 0;
    request->random &= ~(uint64_t)OBJECT_UPLOAD_ENCRYPTED;
    if (!err && e.mode != ENCRYPTION_NONE) {
        err = encryption_begin(&keys, &e, text, data_key);
        explicit_bzero(data_key, sizeof(data_key));
        request->random |= OBJECT_UPLOAD_ENCRYPTED;
    }
    return err ? err : text->failed ? ERR_NO_MEMORY : 0;
}

static int run_create(struct meta_tx *tx, struct meta_write *write)
{
    struct upload_create *request = container_of(write, struct upload_create, write);
    struct bucket_row bucket;
    int err = bucket_get(tx, request->bucket, &bucket);
    if (!err)
        err = lock_check_new(bucket.attributes, request->attributes);
    if (!err)
        err = make_attributes(request, bucket.attributes);
    if (err)
        return err;
    uint64_t clock = meta_tx_clock(tx);
    object_id_make(request->upload_id, clock, request->random);
    struct upload_row row = {
        .id = (int64_t)clock,
        .upload_id = slice_of((const char *)request->upload_id, 16),
        .bucket_id = bucket.id,
        .key = request->key,
        .initiated_us = clock,
        .owner_id = request->owner_id,
        .storage_class = request->storage_class,
        .checksum_kind = request->checksum,
        .checksum_type = request->checksum_type,
        .attributes = slice_of(request->row_attributes.data ? request->row_attributes.data : "", request->row_attributes.len),
    };
    request->row = row.id;
    err = upload_insert(tx, &row);
    if (!err)
        err = lifecycle_tx_upload_created(tx, &bucket, row.key, row.id, row.initiated_us);
    return err ? err : lifecycle_tx_describe_upload(&bucket, row.key, row.initiated_us, &request->abortion);
}

static void create_done(struct meta_write *write)
{
    struct upload_create *request = container_of(write, struct upload_create, write);
    request->err = write->err;
    request->done(request);
}

void upload_create_start(struct upload_create *request)
{
    /* The last byte tells UploadPart, before any lookup, which checksum the parts need, and whether they are encrypted. */
    request->random = (loop_random(request->reactor->loop) & ~0xffull) | request->checksum | request->checksum_type << 4;
    request->write = (struct meta_write){.run = run_create, .done = create_done, .loop = request->reactor->loop};
    meta_write(request->reactor->meta, &request->write);
}

void upload_create_fini(struct upload_create *request)
{
    text_free(&request->row_attributes);
}

/* --- abort --- */

static int run_abort(struct meta_tx *tx, struct meta_write *write)
{
    struct upload_abort *request = container_of(write, struct upload_abort, write);
    struct bucket_row bucket;
    int err = bucket_get(tx, request->bucket, &bucket);
    struct upload_row upload;
    if (!err)
        err = upload_get(tx, bucket.id, request->key, slice_of((const char *)request->upload_id, 16), &upload);
    if (err)
        return err;
    int64_t id = upload.id;
    err = upload_delete(tx, id);
    return err ? err : lifecycle_tx_upload_gone(tx, &bucket, request->key, id);
}

static void abort_done(struct meta_write *write)
{
    struct upload_abort *request = container_of(write, struct upload_abort, write);
    request->err = write->err;
    request->done(request);
}

void upload_abort_start(struct upload_abort *request)
{
    request->write = (struct meta_write){.run = run_abort, .done = abort_done, .loop = request->reactor->loop};
    meta_write(request->reactor->meta, &request->write);
}

/* --- complete --- */

/* What becomes of the parts while they are joined. */
struct join {
    struct upload_complete *request;
    int64_t upload_row, content_id;
    enum checksum_kind kind;
    uint32_t type;               /* 0 FULL_OBJECT, 1 COMPOSITE */
    uint64_t size, stored;       /* stored: as they lie, in frames or not */
    bool encrypted;
    struct text md5s, checksums; /* of all parts, one behind the other */
    uint64_t crc;
    bool has_checksum;
};

static uint64_t crc_of(const uint8_t *digest, size_t len)
{
    uint64_t crc = 0;
    for (size_t i = 0; i < len; i++)
        crc = crc << 8 | digest[i];
    return crc;
}

static int join_checksum(struct join *join, const struct upload_complete_part *wanted, struct slice checksum, uint64_t size)
{
    size_t len = checksum_len(join->kind);
    if (join->kind == CHECKSUM_NONE) /* a part may carry a checksum that the upload did not ask for */
        return wanted->has_checksum && checksum.len && memcmp(wanted->checksum, checksum.data, checksum.len) != 0 ? ERR_INVALID_PART : 0;
    if (checksum.len != len)
        return ERR_CORRUPT;
    if (wanted->has_checksum && memcmp(wanted->checksum, checksum.data, len) != 0)
        return ERR_INVALID_PART;
    text_append(&join->checksums, checksum.data, len);
    if (join->type == 0)
        join->crc = checksum_crc_combine(join->kind, join->crc, crc_of((const uint8_t *)checksum.data, len), size);
    return 0;
}

static int join_part(struct meta_tx *tx, struct join *join, uint32_t index)
{
    struct upload_complete *request = join->request;
    const struct upload_complete_part *wanted = &request->parts[index];
    if (index && wanted->part_number <= request->parts[index - 1].part_number)
        return ERR_INVALID_PART_ORDER;
    struct part_row part;
    int err = part_get(tx, join->upload_row, wanted->part_number, &part);
    if (err)
        return err;
    if (part.etag.len != MD5_LEN || memcmp(part.etag.data, wanted->etag, MD5_LEN) != 0)
        return ERR_INVALID_PART;
    if (part.size < PART_SIZE_MIN && index + 1 < request->part_count)
        return ERR_PART_TOO_SMALL;
    if (part.size > OBJECT_SIZE_MAX - join->size)
        return ERR_TOO_LARGE;
    text_append(&join->md5s, part.etag.data, MD5_LEN);
    err = join_checksum(join, wanted, part.checksum, part.size);
    if (err)
        return err;
    int64_t part_content = part.content_id;
    uint64_t size = part.size;
    struct content_part_row boundary = {join->content_id, wanted->part_number, join->size, size, part.checksum};
    err = content_insert_part(tx, &boundary);
    if (!err && size)
        err = content_append(tx, part_content, join->content_id, join->stored);
    join->size += size;
    join->stored += join->encrypted ? frame_stored_size(size) : size;
    return err;
}

/* The checksum of the whole: of the object's bytes (FULL_OBJECT), or of the parts' checksums (COMPOSITE). */
static int join_final_checksum(struct join *join)
{
    struct upload_complete *request = join->request;
    request->checksum_kind = join->kind;
    request->checksum_type = join->type;
    if (join->kind == CHECKSUM_NONE)
        return request->has_checksum ? ERR_INVALID : 0;
    size_t len = checksum_len(join->kind);
    if (join->type == 0) {
        for (size_t i = 0; i < len; i++)
            request->checksum_value[i] = (uint8_t)(join->crc >> (8 * (len - 1 - i)));
    } else {
        struct checksum_stream stream;
        int err = checksum_init(&stream, join->kind);
        if (err)
            return err;
        checksum_update(&stream, join->checksums.data, join->checksums.len);
        checksum_final(&stream, request->checksum_value);
        checksum_fini(&stream);
    }
    if (request->has_checksum && memcmp(request->checksum, request->checksum_value, len) != 0)
        return ERR_BAD_DIGEST;
    return 0;
}

static void make_etag(const struct text *md5s, uint32_t part_count, uint8_t etag[20])
{
    md5_of(md5s->data, md5s->len, etag);
    for (int i = 0; i < 4; i++)
        etag[16 + i] = (uint8_t)(part_count >> (24 - 8 * i));
}

static int install_joined(struct meta_tx *tx, struct join *join, const struct bucket_row *bucket, const struct upload_row *upload)
{
    struct upload_complete *request = join->request;
    uint8_t etag[20], id[16];
    make_etag(&join->md5s, request->part_count, etag);
    struct text attributes = {0};
    text_append(&attributes, upload->attributes.data, upload->attributes.len);
    attribute_append(&attributes, ATTRIBUTE_UPLOAD, slice_of("", 0), slice_of((const char *)request->upload_id, 16));
    if (join->kind != CHECKSUM_NONE) {
        char name[2] = {(char)join->kind, (char)join->type};
        attribute_append(&attributes, ATTRIBUTE_CHECKSUM, slice_of(name, 2),
                         slice_of((const char *)request->checksum_value, checksum_len(join->kind)));
    }
    struct version_row row = {
        .key = request->key,
        .flags = join->encrypted ? VERSION_ENCRYPTED : 0,
        .size = join->size,
        .etag = slice_of((const char *)etag, sizeof(etag)),
        .content_id = join->content_id,
        .owner_id = upload->owner_id,
        .storage_class = upload->storage_class,
        .attributes = slice_of(attributes.data, attributes.len),
        .origin_version_id = slice_of("", 0),
    };
    enum bucket_versioning versioning = bucket->versioning;
    uint64_t random;
    memcpy(&random, request->upload_id + 8, sizeof(random));
    struct journal journal;
    int err = journal_open(tx, bucket, &journal);
    if (err) {
        text_free(&attributes);
        return err;
    }
    err = attributes.failed ? ERR_NO_MEMORY : install_version(tx, bucket, &request->conditions, random, &row, id);
    if (!err)
        err = object_info_set(&request->info, &row, versioning);
    if (!err)
        err = lifecycle_tx_describe(&request->info, bucket, &row);
    journal_add(&journal, "REST.POST.UPLOAD", row.key, &row);
    err = journal_close(tx, &journal, err); /* ends the bucket's slices */
    text_free(&attributes);
    return err;
}

/* An upload that is gone may be one that this very request completed before, and whose answer was lost. */
static int completed_before(struct meta_tx *tx, struct upload_complete *request, const struct bucket_row *bucket)
{
    enum bucket_versioning versioning = bucket->versioning;
    struct version_row row;
    int err = version_current(tx, bucket->id, request->key, &row);
    if (err)
        return err == ERR_NO_SUCH_KEY ? ERR_NO_SUCH_UPLOAD : err;
    struct slice upload_id;
    if (attribute_find(row.attributes, ATTRIBUTE_UPLOAD, "", &upload_id) ||
        !slice_equal(upload_id, slice_of((const char *)request->upload_id, 16)))
        return ERR_NO_SUCH_UPLOAD;
    struct text md5s = {0};
    for (uint32_t i = 0; i < request->part_count; i++)
        text_append(&md5s, request->parts[i].etag, MD5_LEN);
    uint8_t etag[20];
    err = md5s.failed ? ERR_NO_MEMORY : 0;
    if (!err)
        make_etag(&md5s, request->part_count, etag);
    text_free(&md5s);
    if (!err && !slice_equal(row.etag, slice_of((const char *)etag, sizeof(etag))))
        err = ERR_NO_SUCH_UPLOAD;
    if (err)
        return err;
    struct attribute attribute;
    size_t position = 0;
    while (attribute_next(row.attributes, &position, &attribute, &err)) {
        if (attribute.kind == ATTRIBUTE_CHECKSUM && attribute.name.len == 2 && attribute.value.len <= CHECKSUM_LEN_MAX) {
            request->checksum_kind = (enum checksum_kind)attribute.name.data[0];
            request->checksum_type = (uint32_t)attribute.name.data[1];
            memcpy(request->checksum_value, attribute.value.data, attribute.value.len);
        }
    }
    return err ? err : object_info_set(&request->info, &row, versioning);
}

static int join_parts(struct meta_tx *tx, struct join *join)
{
    struct upload_complete *request = join->request;
    int err = 0;
    for (uint32_t i = 0; !err && i < request->part_count; i++)
        err = join_part(tx, join, i);
    if (!err && (join->md5s.failed || join->checksums.failed))
        err = ERR_NO_MEMORY;
    if (!err)
        err = join_final_checksum(join);
    if (!err && request->has_size && request->size != join->size)
        err = ERR_INVALID;
    return err;
}

/* S3 asks for the client's key again when the upload has a checksum, and takes no other one. */
static int check_key(const struct upload_complete *request, const struct upload_row *upload)
{
    struct encryption e;
    struct encryption_keys keys = object_keys(request->reactor);
    int err = encryption_of(upload->attributes, &e);
    if (!err && !request->customer_key && upload->checksum_kind == CHECKSUM_NONE)
        return 0;
    return err ? err : encryption_check(&keys, &e, request->customer_key);
}

/* The parts that were joined have no content of their own any more; the rest goes with the upload. */
static int run_complete(struct meta_tx *tx, struct meta_write *write)
{
    struct upload_complete *request = container_of(write, struct upload_complete, write);
    struct bucket_row bucket;
    int err = bucket_get(tx, request->bucket, &bucket);
    if (err)
        return err;
    struct upload_row upload;
    err = upload_get(tx, bucket.id, request->key, slice_of((const char *)request->upload_id, 16), &upload);
    if (err == ERR_NO_SUCH_UPLOAD)
        return completed_before(tx, request, &bucket);
    if (err)
        return err;
    if (!request->part_count)
        return ERR_MALFORMED;
    err = check_key(request, &upload);
    if (err)
        return err;
    struct join join = {
        .request = request,
        .upload_row = upload.id,
        .content_id = (int64_t)meta_tx_clock(tx),
        .kind = (enum checksum_kind)upload.checksum_kind,
        .type = upload.checksum_type,
        .encrypted = object_upload_encrypted(request->upload_id),
    };
    err = join_parts(tx, &join);
    if (!err)
        err = install_joined(tx, &join, &bucket, &upload);
    if (!err)
        err = upload_delete(tx, join.upload_row);
    if (!err)
        err = lifecycle_tx_upload_gone(tx, &bucket, request->key, join.upload_row);
    text_free(&join.md5s);
    text_free(&join.checksums);
    return err;
}

static void complete_done(struct meta_write *write)
{
    struct upload_complete *request = container_of(write, struct upload_complete, write);
    request->err = write->err;
    request->done(request);
}

void upload_complete_start(struct upload_complete *request)
{
    request->write = (struct meta_write){.run = run_complete, .done = complete_done, .loop = request->reactor->loop};
    meta_write(request->reactor->meta, &request->write);
}

void upload_complete_fini(struct upload_complete *request)
{
    object_info_fini(&request->info);
}
