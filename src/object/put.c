/* PutObject and UploadPart: a body in, a version or a part out.
 *
 * Whether it is to be encrypted, and with which key, is known at once, or looked up first (prepare); until then nothing is taken.
 * Steps: object_put_write feeds the digests and the content writer; object_put_finish compares the digests and lets the
 * content writer finish; content_done hands the commit to the metadata writer; commit_done reports. Nothing names the bytes
 * before the commit, so whatever ends early leaves nothing but free space. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/container.h"
#include "meta/attribute.h"
#include "object/append.h"
#include "object/content_cipher.h"
#include "object/install.h"
#include "object/journal.h"
#include "object/lifecycle_tx.h"
#include "object/quota.h"

struct object_put {
    struct object_put_options options;
    struct arena arena;              /* holds what options points to */
    struct content_writer content;
    struct content_sealer sealer;    /* cipher NULL: not encrypted */
    uint8_t data_key[DATA_KEY_LEN];
    uint8_t customer_key[CUSTOMER_KEY_LEN];
    bool custom_etag;                /* not the MD5 */
    bool looking;                    /* the key is being looked up; the body waits */
    bool finishing;                  /* the last frame waits for room */
    bool has_md5, has_checksum;      /* what finish was given while looking */
    uint8_t md5_claim[MD5_LEN], checksum_claim[CHECKSUM_LEN_MAX];
    struct meta_read look;
    struct text looked;              /* attributes of the bucket or the upload */
    struct append append;            /* when options say so: what there is to go on */
    uint64_t size;                   /* plain bytes taken */
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

static void finish_content(struct object_put *put)
{
    put->finishing = put->sealer.cipher && !content_sealer_finish(&put->sealer, &put->content);
    if (!put->finishing)
        content_writer_finish(&put->content);
}

static void content_ready(void *arg)
{
    struct object_put *put = arg;
    if (put->finishing)
        finish_content(put);
    else
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

/* *row is the longer version then; or, where there is still nothing, stays as it is. */
static int append_row(struct object_put *put, struct meta_tx *tx, const struct bucket_row *bucket, struct version_row *row, struct text *text,
                      uint64_t *ret_start)
{
    struct append *a = &put->append;
    if (!a->there) {
        struct version_row current;
        int err = append_current(tx, bucket->id, row->key, &current);
        return !err ? ERR_WRITE_OFFSET : err == ERR_NO_SUCH_KEY ? 0 : err;
    }
    text_clear(text);
    int err = append_version(a, tx, bucket, &put->options.conditions, put->size, row, text, ret_start);
    if (err)
        return err;
    struct object_put_result *result = &put->result;
    result->info.etag_len = sizeof(a->etag);
    memcpy(result->info.etag, a->etag, sizeof(a->etag));
    result->info.part_count = (a->info.part_count ? a->info.part_count : 1) + 1;
    result->checksum_kind = a->kind;
    result->checksum_type = a->type;
    memcpy(result->checksum, a->whole_checksum, sizeof(result->checksum));
    return 0;
}

static int commit_object(struct object_put *put, struct meta_tx *tx)
{
    static const struct object_conditions none;
    struct bucket_row bucket;
    int err = bucket_get(tx, put->options.bucket, &bucket);
    if (err)
        return err;
    struct journal journal;
    err = journal_open(tx, &bucket, &journal);
    if (err)
        return err;
    struct text text = {0};
    uint64_t start = 0;
    struct version_row row = {
        .key = put->options.key,
        .flags = put->sealer.cipher ? VERSION_ENCRYPTED : 0,
        .size = put->size,
        .etag = slice_of((const char *)put->result.info.etag, MD5_LEN),
        .content_id = put->size ? (int64_t)meta_tx_clock(tx) : 0,
        .owner_id = put->options.owner_id,
        .storage_class = put->options.storage_class,
        .attributes = attributes_with_checksum(put, &text),
        .origin_version_id = slice_of("", 0),
    };
    err = text.failed ? ERR_NO_MEMORY : 0;
    if (!err && put->options.append)
        err = append_row(put, tx, &bucket, &row, &text, &start);
    if (!err)
        err = install_version(tx, &bucket, put->append.there ? &none : &put->options.conditions, put->random, &row, put->version_id);
    if (!err && row.content_id)
        err = content_writer_commit(&put->content, tx, row.content_id, start);
    if (!err)
        err = lifecycle_tx_describe(&put->result.info, &bucket, &row);
    journal_add(&journal, "REST.PUT.OBJECT", row.key, &row);
    err = journal_close(tx, &journal, err);
    if (!err && put->options.with)
        err = put->options.with(tx, put->options.arg);
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
        .size = put->size,
        .etag = slice_of((const char *)put->result.info.etag, MD5_LEN),
        .checksum = slice_of((const char *)put->result.checksum, checksum_len(put->options.checksum)),
        .modified_us = clock,
    };
    int64_t replaced = 0;
    err = quota_check(tx, &bucket, part.size);
    if (!err)
        err = part_put(tx, &part, &replaced);
    if (!err && replaced)
        err = content_delete(tx, replaced);
    if (!err)
        err = content_writer_commit(&put->content, tx, part.content_id, 0);
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
    put->options.encryption.key_id = copied(put, options->encryption.key_id, &failed);
    put->options.encryption.context = copied(put, options->encryption.context, &failed);
    if (options->encryption.customer_key) {
        memcpy(put->customer_key, options->encryption.customer_key, CUSTOMER_KEY_LEN);
        put->options.encryption.customer_key = put->customer_key;
    }
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
    if (put->options.checksum != CHECKSUM_NONE || kind >= CHECKSUM_KIND_COUNT)
        return kind >= CHECKSUM_KIND_COUNT ? ERR_NO_SUCH_UPLOAD : ERR_INVALID;
    put->options.checksum = kind;
    return 0;
}

/* --- the key --- */

static void start_content(struct object_put *put, uint64_t stored_size)
{
    /* Parts are never inline: CompleteMultipartUpload only moves segments. */
    content_writer_init(&put->content, put->options.reactor, stored_size, put->options.target == PUT_OBJECT, content_ready, content_done, put);
}

static int start_sealing(struct object_put *put, enum encryption_mode mode)
{
    uint64_t size = put->options.size;
    uint32_t part_number = put->options.target == PUT_PART ? put->options.part_number : 0;
    put->custom_etag = mode != ENCRYPTION_S3;
    int err = content_sealer_init(&put->sealer, put->data_key, part_number, size);
    if (!err)
        start_content(put, size == UINT64_MAX ? size : frame_stored_size(size));
    return err;
}

/* A key of this object's own, sealed as asked, stands in its attributes. */
static int encrypt_object(struct object_put *put, const struct encryption *asked)
{
    struct text text = {0};
    struct encryption_keys keys = object_keys(put->options.reactor);
    text_append(&text, put->options.attributes.data, put->options.attributes.len);
    int err = encryption_begin(&keys, asked, &text, put->data_key);
    if (!err) {
        put->options.attributes = arena_copy(&put->arena, slice_of(text.data, text.len));
        put->result.info.attributes = put->options.attributes;
        err = put->options.attributes.data ? start_sealing(put, asked->mode) : ERR_NO_MEMORY;
    }
    text_free(&text);
    return err;
}

static int apply_default(struct object_put *put, struct slice bucket_attributes)
{
    struct encryption standing;
    int err = encryption_default(bucket_attributes, &standing);
    return err || standing.mode == ENCRYPTION_NONE ? err : encrypt_object(put, &standing);
}

/* All parts of an upload share its data key. */
static int encrypt_part(struct object_put *put, struct slice upload_attributes)
{
    struct encryption e;
    struct encryption_keys keys = object_keys(put->options.reactor);
    int err = encryption_of(upload_attributes, &e);
    if (!err && e.mode == ENCRYPTION_NONE)
        err = ERR_CORRUPT; /* the upload's id says otherwise */
    if (!err)
        err = encryption_open(&keys, &e, put->options.encryption.customer_key, put->data_key);
    put->result.info.attributes = upload_attributes;
    return err ? err : start_sealing(put, e.mode);
}

static int run_look(struct meta_tx *tx, struct meta_read *read)
{
    struct object_put *put = container_of(read, struct object_put, look);
    struct bucket_row bucket;
    struct upload_row upload;
    int err = bucket_get(tx, put->options.bucket, &bucket);
    if (!err && put->options.target == PUT_PART)
        err = upload_get(tx, bucket.id, put->options.key, put->options.upload_id, &upload);
    if (!err && put->options.append)
        err = append_look(tx, &bucket, put->options.key, &put->append);
    if (err)
        return err;
    struct slice attributes = put->options.target == PUT_PART ? upload.attributes : bucket.attributes;
    text_clear(&put->looked);
    text_append(&put->looked, attributes.data, attributes.len);
    return put->looked.failed ? ERR_NO_MEMORY : 0;
}

static int start_checksum(struct object_put *put)
{
    int err = put->options.checksum == CHECKSUM_NONE ? 0 : checksum_init(&put->checksum, put->options.checksum);
    put->checksum_started = !err && put->options.checksum != CHECKSUM_NONE;
    return err;
}

/* What a request may ask of an object that is there. Content headers are the object's, whatever it says. */
static int check_append(const struct object_put *put)
{
    const struct append *a = &put->append;
    struct attribute attribute;
    size_t position = 0;
    int err = 0;
    while (attribute_next(put->options.attributes, &position, &attribute, &err))
        if (attribute.kind != ATTRIBUTE_HEADER)
            return ERR_APPEND_METADATA;
    if (!err && put->options.encryption.mode != ENCRYPTION_NONE)
        err = ERR_ENCRYPTION_TYPE;
    if (!err && put->options.checksum != CHECKSUM_NONE && a->kind != CHECKSUM_NONE && put->options.checksum != a->kind)
        err = ERR_CHECKSUM_TYPE;
    return err;
}

static int start_append(struct object_put *put)
{
    struct append *a = &put->append;
    uint64_t size = put->options.size;
    int err = check_append(put);
    if (err)
        return err;
    if (put->options.checksum == CHECKSUM_NONE) {
        put->options.checksum = a->kind;
        err = start_checksum(put);
    }
    content_writer_init(&put->content, put->options.reactor, size == UINT64_MAX ? size : size + a->bytes.len, a->anew, content_ready,
                        content_done, put);
    return err;
}

/* A write at 0 where nothing is begins an object as any PUT does. */
static int start_new(struct object_put *put, struct slice bucket_attributes)
{
    int err = 0;
    if (put->options.append && put->options.checksum == CHECKSUM_NONE) {
        put->options.checksum = CHECKSUM_CRC64NVME;
        err = start_checksum(put);
    }
    if (!err && put->options.encryption.mode != ENCRYPTION_NONE)
        return encrypt_object(put, &put->options.encryption);
    return err ? err : apply_default(put, bucket_attributes);
}

static void end_body(struct object_put *put, const uint8_t *md5, const uint8_t *checksum);

static void look_done(struct meta_read *read)
{
    struct object_put *put = container_of(read, struct object_put, look);
    struct slice attributes = slice_of(put->looked.data ? put->looked.data : "", put->looked.len);
    int err = read->err;
    put->looking = false;
    if (!err && !put->err)
        err = put->options.target == PUT_PART ? encrypt_part(put, attributes) : put->append.there ? start_append(put) : start_new(put, attributes);
    put->content.err = err; /* the rest of the body is taken and dropped */
    if (put->err)
        content_writer_abort(&put->content);
    else if (put->ended)
        end_body(put, put->has_md5 ? put->md5_claim : NULL, put->has_checksum ? put->checksum_claim : NULL);
    else
        put->options.ready(put->options.arg);
}

static void look_up(struct object_put *put)
{
    put->looking = true;
    put->look = (struct meta_read){.run = run_look, .done = look_done, .loop = put->options.reactor->loop};
    meta_read(put->options.reactor->meta, &put->look);
}

static int prepare_key(struct object_put *put)
{
    const struct object_put_options *o = &put->options;
    start_content(put, o->size);
    if (o->target == PUT_PART) {
        if (object_upload_encrypted((const uint8_t *)o->upload_id.data))
            look_up(put);
        else if (o->encryption.customer_key)
            return ERR_KEY_UNWANTED;
        return 0;
    }
    if (o->append) {
        put->append.offset = o->write_offset;
        look_up(put);
        return 0;
    }
    if (o->encryption.mode != ENCRYPTION_NONE)
        return encrypt_object(put, &o->encryption);
    const struct bucket_row *bucket = bucket_known(o->reactor->meta, o->reactor->loop, o->bucket);
    if (bucket)
        return apply_default(put, bucket->attributes);
    look_up(put);
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
    if (!err)
        err = start_checksum(put);
    put->random = loop_random(options->reactor->loop);
    if (!err)
        err = prepare_key(put);
    if (err) {
        object_put_free(put);
        return err;
    }
    *ret = put;
    return 0;
}

/* The bytes that come before the body. False: no room. */
static bool feed(struct object_put *put)
{
    struct append *a = &put->append;
    a->fed += content_writer_put(&put->content, a->bytes.data + a->fed, a->bytes.len - a->fed);
    return a->fed == a->bytes.len;
}

size_t object_put_write(struct object_put *put, const void *data, size_t len)
{
    assert(!put->ended);
    if (put->looking || (put->append.fed < put->append.bytes.len && !feed(put)))
        return 0;
    if (put->size + len > PUT_SIZE_MAX)
        put->content.err = put->content.err ? put->content.err : ERR_TOO_LARGE;
    size_t taken = put->sealer.cipher ? content_sealer_put(&put->sealer, &put->content, data, len)
                                      : content_writer_put(&put->content, data, len);
    if (!put->content.err) {
        put->size += taken;
        digest_stream_update(put->md5, data, taken);
        if (put->options.checksum != CHECKSUM_NONE)
            checksum_update(&put->checksum, data, taken);
    }
    return taken;
}

static void end_body(struct object_put *put, const uint8_t *md5, const uint8_t *checksum)
{
    if (put->content.err) { /* of what was dropped the digests know nothing */
        content_writer_abort(&put->content);
        return;
    }
    if (put->options.append && !put->size)
        put->err = ERR_EMPTY_APPEND;
    put->result.info.etag_len = MD5_LEN;
    digest_stream_final(put->md5, put->result.info.etag);
    if (md5 && memcmp(md5, put->result.info.etag, MD5_LEN) != 0)
        put->err = ERR_BAD_DIGEST;
    if (put->options.checksum != CHECKSUM_NONE) {
        checksum_final(&put->checksum, put->result.checksum);
        if (checksum && memcmp(checksum, put->result.checksum, checksum_len(put->options.checksum)) != 0)
            put->err = ERR_BAD_DIGEST;
    }
    memcpy(put->append.md5, put->result.info.etag, MD5_LEN);
    memcpy(put->append.checksum, put->result.checksum, CHECKSUM_LEN_MAX);
    put->result.checksum_kind = put->options.checksum;
    if (!put->err && put->custom_etag)
        put->err = encryption_etag(put->data_key, put->result.info.etag);
    if (put->err)
        content_writer_abort(&put->content);
    else
        finish_content(put);
}

void object_put_finish(struct object_put *put, const uint8_t *md5, const uint8_t *checksum)
{
    assert(!put->ended);
    put->ended = true;
    if (!put->looking) {
        end_body(put, md5, checksum);
        return;
    }
    put->has_md5 = md5 != NULL;
    put->has_checksum = checksum != NULL && put->options.checksum != CHECKSUM_NONE;
    if (md5)
        memcpy(put->md5_claim, md5, MD5_LEN);
    if (put->has_checksum)
        memcpy(put->checksum_claim, checksum, checksum_len(put->options.checksum));
}

void object_put_abort(struct object_put *put)
{
    if (put->ended)
        return; /* the commit decides; done is on its way */
    put->ended = true;
    put->err = ERR_CANCELLED;
    if (!put->looking)
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
    content_sealer_fini(&put->sealer);
    explicit_bzero(put->data_key, sizeof(put->data_key));
    explicit_bzero(put->customer_key, sizeof(put->customer_key));
    text_free(&put->looked);
    append_fini(&put->append);
    object_info_fini(&put->result.info);
    arena_free(&put->arena);
    free(put);
}
