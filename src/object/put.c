/* PutObject and UploadPart: a body in, a version or a part out.
 *
 * Steps: object_put_write feeds the digests and the content writer; object_put_finish compares the digests and lets the
 * content writer finish; content_done hands the commit to the metadata writer; commit_done reports. Nothing names the bytes
 * before the commit, so whatever ends early leaves nothing but free space. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/container.h"
#include "object/content_writer.h"
#include "meta/attribute.h"
#include "object/install.h"
#include "object/lifecycle_tx.h"

struct object_put {
    struct object_put_options options;
    struct arena arena;              /* holds what options points to */
    struct content_writer content;
    struct digest_stream *md5;
    struct checksum_stream checksum;
    struct object_put_result result;
    struct meta_write write;
    int err;                         /* decided before the commit */
    bool ended;                      /* finish or abort was called */
    bool keep_space;                 /* committed, or perhaps: recovery decides */
    bool checksum_started;
    uint64_t random;
    uint8_t version_id[16];
};

static void content_ready(void *arg)
{
    struct object_put *put = arg;
    put->options.ready(put->options.arg);
}

static void report(struct object_put *put, int err)
{
    content_writer_fini(&put->content, put->keep_space);
    put->options.done(put->options.arg, err);
}

static struct slice copied(struct object_put *put, struct slice slice, bool *failed)
{
    if (!slice.data)
        return slice;
    struct slice copy = arena_copy(&put->arena, slice);
    *failed = *failed || !copy.data;
    return copy;
}

/* Attributes of the new version: the request's, and the checksum behind them. */
static struct slice attributes_with_checksum(struct object_put *put, struct text *text)
{
    if (put->options.checksum == CHECKSUM_NONE)
        return put->options.attributes.data ? put->options.attributes : slice_of("", 0);
    text_append(text, put->options.attributes.data, put->options.attributes.len);
    char name[2] = {(char)put->options.checksum, 0};
    attribute_append(text, ATTRIBUTE_CHECKSUM, slice_of(name, 2),
                     slice_of((const char *)put->result.checksum, checksum_len(put->options.checksum)));
    return slice_of(text->data, text->len);
}

static int commit_object(struct object_put *put, struct meta_tx *tx)
{
    struct bucket_row bucket;
    int err = bucket_get(tx, put->options.bucket, &bucket);
    if (err)
        return err;
    struct text text = {0};
    struct version_row row = {
        .key = put->options.key,
        .size = put->content.size,
        .etag = slice_of((const char *)put->result.info.etag, MD5_LEN),
        .content_id = put->content.size ? (int64_t)meta_tx_clock(tx) : 0,
        .owner_id = put->options.owner_id,
        .storage_class = put->options.storage_class,
        .attributes = attributes_with_checksum(put, &text),
        .origin_version_id = slice_of("", 0),
    };
    err = text.failed ? ERR_NO_MEMORY : 0;
    if (!err)
        err = install_version(tx, &bucket, &put->options.conditions, put->random, &row, put->version_id);
    if (!err && row.content_id)
        err = content_writer_commit(&put->content, tx, row.content_id);
    if (!err)
        err = lifecycle_tx_describe(&put->result.info, &bucket, &row);
    text_free(&text);
    if (err)
        return err;
    struct object_info *info = &put->result.info;
    info->size = row.size;
    info->modified_us = row.modified_us;
    info->versioning = bucket.versioning;
    info->null_version = row.version_id.len == 0;
    memcpy(info->version_id, put->version_id, sizeof(info->version_id));
    info->storage_class = row.storage_class;
    info->owner_id = row.owner_id;
    return 0;
}

static int commit_part(struct object_put *put, struct meta_tx *tx)
{
    struct bucket_row bucket;
    int err = bucket_get(tx, put->options.bucket, &bucket);
    if (err)
        return err;
    struct upload_row upload;
    err = upload_get(tx, bucket.id, put->options.key, put->options.upload_id, &upload);
    if (err)
        return err;
    uint64_t clock = meta_tx_clock(tx);
    struct part_row part = {
        .upload_row = upload.id,
        .part_number = put->options.part_number,
        .content_id = (int64_t)clock,
        .size = put->content.size,
        .etag = slice_of((const char *)put->result.info.etag, MD5_LEN),
        .checksum = slice_of((const char *)put->result.checksum, checksum_len(put->options.checksum)),
        .modified_us = clock,
    };
    int64_t replaced = 0;
    err = part_put(tx, &part, &replaced);
    if (!err && replaced)
        err = content_delete(tx, replaced);
    if (!err)
        err = content_writer_commit(&put->content, tx, part.content_id);
    put->result.info.size = part.size;
    put->result.info.modified_us = clock;
    return err;
}

static int run_commit(struct meta_tx *tx, struct meta_write *write)
{
    struct object_put *put = container_of(write, struct object_put, write);
    return put->options.target == PUT_PART ? commit_part(put, tx) : commit_object(put, tx);
}

static void commit_done(struct meta_write *write)
{
    struct object_put *put = container_of(write, struct object_put, write);
    put->keep_space = !write->err || write->uncertain;
    report(put, write->err);
}

static void content_done(void *arg, int err)
{
    struct object_put *put = arg;
    if (put->err || err) {
        report(put, put->err ? put->err : err);
        return;
    }
    put->write = (struct meta_write){
        .run = run_commit,
        .done = commit_done,
        .loop = put->options.reactor->loop,
        .flush_volumes = content_writer_volumes(&put->content),
    };
    meta_write(put->options.reactor->meta, &put->write);
}

static int copy_options(struct object_put *put, const struct object_put_options *options)
{
    bool failed = false;
    put->options = *options;
    put->options.bucket = copied(put, options->bucket, &failed);
    put->options.key = copied(put, options->key, &failed);
    put->options.attributes = copied(put, options->attributes, &failed);
    put->options.upload_id = copied(put, options->upload_id, &failed);
    put->options.conditions.if_match = copied(put, options->conditions.if_match, &failed);
    put->options.conditions.if_none_match = copied(put, options->conditions.if_none_match, &failed);
    return failed ? ERR_NO_MEMORY : 0;
}

/* All parts of an upload with a checksum need that checksum, whether or not the client sends it. */
static int checksum_of_part(struct object_put *put)
{
    if (put->options.target != PUT_PART)
        return 0;
    if (put->options.upload_id.len != 16)
        return ERR_NO_SUCH_UPLOAD;
    uint32_t type;
    enum checksum_kind kind = object_upload_checksum((const uint8_t *)put->options.upload_id.data, &type);
    if (kind == CHECKSUM_NONE || kind == put->options.checksum)
        return 0;
    if (put->options.checksum != CHECKSUM_NONE || kind > CHECKSUM_SHA256)
        return kind > CHECKSUM_SHA256 ? ERR_NO_SUCH_UPLOAD : ERR_INVALID;
    put->options.checksum = kind;
    return 0;
}

int object_put_new(const struct object_put_options *options, struct object_put **ret)
{
    if (options->size != UINT64_MAX && options->size > PUT_SIZE_MAX)
        return ERR_TOO_LARGE;
    struct object_put *put = calloc(1, sizeof(*put));
    if (!put)
        return ERR_NO_MEMORY;
    int err = copy_options(put, options);
    if (!err)
        err = checksum_of_part(put);
    if (!err)
        err = digest_stream_new(options->reactor->md5, &put->md5);
    if (!err && put->options.checksum != CHECKSUM_NONE) {
        err = checksum_init(&put->checksum, put->options.checksum);
        put->checksum_started = !err;
    }
    if (err) {
        object_put_free(put);
        return err;
    }
    put->random = loop_random(options->reactor->loop);
    /* Parts are never inline: CompleteMultipartUpload only moves segments. */
    content_writer_init(&put->content, options->reactor, options->size, options->target == PUT_OBJECT, content_ready, content_done, put);
    *ret = put;
    return 0;
}

size_t object_put_write(struct object_put *put, const void *data, size_t len)
{
    assert(!put->ended);
    if (put->content.size + len > PUT_SIZE_MAX)
        put->content.err = put->content.err ? put->content.err : ERR_TOO_LARGE;
    size_t taken = content_writer_put(&put->content, data, len);
    if (!put->content.err) {
        digest_stream_update(put->md5, data, taken);
        if (put->options.checksum != CHECKSUM_NONE)
            checksum_update(&put->checksum, data, taken);
    }
    return taken;
}

void object_put_finish(struct object_put *put, const uint8_t *md5, const uint8_t *checksum)
{
    assert(!put->ended);
    put->ended = true;
    put->result.info.etag_len = MD5_LEN;
    digest_stream_final(put->md5, put->result.info.etag);
    if (md5 && memcmp(md5, put->result.info.etag, MD5_LEN) != 0)
        put->err = ERR_BAD_DIGEST;
    if (put->options.checksum != CHECKSUM_NONE) {
        checksum_final(&put->checksum, put->result.checksum);
        if (checksum && memcmp(checksum, put->result.checksum, checksum_len(put->options.checksum)) != 0)
            put->err = ERR_BAD_DIGEST;
    }
    if (put->err && !put->content.err)
        content_writer_abort(&put->content);
    else
        content_writer_finish(&put->content);
}

void object_put_abort(struct object_put *put)
{
    if (put->ended)
        return; /* the commit decides; done is on its way */
    put->ended = true;
    put->err = ERR_CANCELLED;
    content_writer_abort(&put->content);
}

const struct object_put_result *object_put_result(const struct object_put *put)
{
    return &put->result;
}

void object_put_free(struct object_put *put)
{
    if (!put)
        return;
    digest_stream_free(put->md5);
    if (put->checksum_started)
        checksum_fini(&put->checksum);
    object_info_fini(&put->result.info);
    arena_free(&put->arena);
    free(put);
}
