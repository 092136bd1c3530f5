/* CopyObject and UploadPartCopy. The bytes are shared, never copied: the new content names the same extents.
 *
 * Where a digest has to be known that no row holds (the ETag of a part that is a range, a checksum of another kind), the source is
 * read once through object_get, and the commit holds that the source is still the version that was read. Only a source
 * that lies inline in the database becomes a part by way of object_put: parts are never inline. */
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "meta/attribute.h"
#include "object/install.h"
#include "object/lifecycle_tx.h"

#define COPY_READ_SIZE (256u << 10)

struct object_copy_state {
    struct object_copy *copy;
    struct meta_read look;          /* what is the source? */
    struct meta_write write;
    struct object_get get;          /* the reading pass */
    bool get_started;
    struct object_put *put;         /* an inline source on its way to be a part */
    struct digest_stream *md5;
    struct checksum_stream checksum;
    bool checksum_started, digested;
    uint8_t etag[20];
    uint32_t etag_len;
    enum checksum_kind kind;        /* of checksum_value; NONE: as the source has it */
    uint32_t kind_type;
    uint64_t from, len;             /* of the source, for a part */
    int64_t source_rank;            /* the version that was looked at */
    uint64_t random;
    uint8_t version_id[16];
    uint8_t buffer[COPY_READ_SIZE];
};

static void finish(struct object_copy *copy, int err)
{
    copy->err = err;
    copy->done(copy);
}

static int find_source(struct meta_tx *tx, struct object_copy *copy, struct version_row *row, enum bucket_versioning *versioning)
{
    struct bucket_row bucket;
    int err = bucket_get(tx, copy->source_bucket, &bucket);
    if (err)
        return err;
    *versioning = bucket.versioning;
    err = object_find_version(tx, bucket.id, copy->source_key, copy->has_version_id, copy->null_version_id, copy->version_id, row);
    if (err)
        return err;
    if (row->flags & VERSION_DELETE_MARKER)
        return copy->has_version_id ? ERR_DELETE_MARKER : ERR_NO_SUCH_KEY;
    row->bucket_id = bucket.id;
    struct condition_subject subject = object_subject(row);
    err = condition_check_read(&copy->source_conditions, &subject);
    return err == ERR_NOT_MODIFIED ? ERR_PRECONDITION : err; /* for a copy source both are 412 */
}

/* --- the commit of CopyObject --- */

static bool carries_over(const struct object_copy *copy, const struct attribute *attribute)
{
    switch (attribute->kind) {
    case ATTRIBUTE_CHECKSUM: return copy->state->kind == CHECKSUM_NONE;
    case ATTRIBUTE_TAG: return !copy->replace_tags;
    case ATTRIBUTE_UPLOAD: return false;
    case ATTRIBUTE_WEBSITE_REDIRECT: return false; /* S3 never copies it */
    default: return !copy->replace_attributes;
    }
}

/* The target's attributes: the source's, but for what the request replaces. */
static int make_attributes(struct object_copy *copy, struct slice source, struct text *text)
{
    struct object_copy_state *s = copy->state;
    if (copy->replace_attributes)
        text_append(text, copy->attributes.data, copy->attributes.len);
    if (copy->replace_tags)
        text_append(text, copy->tags.data, copy->tags.len);
    struct attribute attribute;
    size_t position = 0;
    int err = 0;
    while (attribute_next(source, &position, &attribute, &err)) {
        if (carries_over(copy, &attribute))
            attribute_append(text, attribute.kind, attribute.name, attribute.value);
        if (attribute.kind == ATTRIBUTE_CHECKSUM && s->kind == CHECKSUM_NONE && attribute.name.len == 2 &&
            attribute.value.len <= CHECKSUM_LEN_MAX) {
            copy->checksum = (enum checksum_kind)attribute.name.data[0];
            memcpy(copy->checksum_value, attribute.value.data, attribute.value.len);
        }
    }
    if (s->kind != CHECKSUM_NONE) {
        char name[2] = {(char)s->kind, 0};
        attribute_append(text, ATTRIBUTE_CHECKSUM, slice_of(name, 2), slice_of((const char *)copy->checksum_value, checksum_len(s->kind)));
    }
    return err ? err : text->failed ? ERR_NO_MEMORY : 0;
}

/* Onto itself: the content moves to the new row before the old row goes, so that nothing is freed between. */
static int install_copy(struct meta_tx *tx, struct object_copy *copy, const struct version_row *source, struct slice attributes)
{
    struct object_copy_state *s = copy->state;
    struct version_row row = {
        .key = copy->key,
        .size = source->size,
        .etag = slice_of((const char *)s->etag, s->etag_len),
        .owner_id = copy->owner_id,
        .storage_class = copy->storage_class,
        .attributes = attributes,
        .origin_version_id = slice_of("", 0),
    };
    if (source->content_id) {
        row.content_id = (int64_t)meta_tx_clock(tx);
        int err = content_share(tx, source->content_id, 0, source->size, true, row.content_id, 0);
        if (err)
            return err;
    }
    struct bucket_row bucket;
    int err = bucket_get(tx, copy->bucket, &bucket);
    if (err)
        return err;
    enum bucket_versioning versioning = bucket.versioning;
    err = install_version(tx, &bucket, &copy->conditions, s->random, &row, s->version_id);
    if (!err)
        err = object_info_set(&copy->info, &row, versioning);
    return err ? err : lifecycle_tx_describe(&copy->info, &bucket, &row);
}

static int run_copy_object(struct meta_tx *tx, struct meta_write *write)
{
    struct object_copy_state *s = container_of(write, struct object_copy_state, write);
    struct object_copy *copy = s->copy;
    struct version_row source;
    enum bucket_versioning versioning;
    int err = find_source(tx, copy, &source, &versioning);
    if (err)
        return err;
    if (s->digested && source.rank != s->source_rank)
        return ERR_CONFLICT;
    err = object_info_set(&copy->source_info, &source, versioning);
    if (err)
        return err;
    memcpy(s->etag, source.etag.data, copy->source_info.etag_len);
    s->etag_len = copy->source_info.etag_len;
    struct text attributes = {0};
    err = make_attributes(copy, copy->source_info.attributes, &attributes);
    if (!err)
        err = install_copy(tx, copy, &source, slice_of(attributes.data ? attributes.data : "", attributes.len));
    text_free(&attributes);
    return err;
}

/* --- the commit of UploadPartCopy --- */

static int run_copy_part(struct meta_tx *tx, struct meta_write *write)
{
    struct object_copy_state *s = container_of(write, struct object_copy_state, write);
    struct object_copy *copy = s->copy;
    struct version_row source;
    enum bucket_versioning versioning;
    int err = find_source(tx, copy, &source, &versioning);
    if (err)
        return err;
    if (source.rank != s->source_rank)
        return ERR_CONFLICT;
    int64_t source_content = source.content_id;
    struct bucket_row bucket;
    err = bucket_get(tx, copy->bucket, &bucket);
    struct upload_row upload;
    if (!err)
        err = upload_get(tx, bucket.id, copy->key, copy->upload_id, &upload);
    if (err)
        return err;
    uint64_t clock = meta_tx_clock(tx);
    struct part_row part = {
        .upload_row = upload.id,
        .part_number = copy->part_number,
        .content_id = (int64_t)clock,
        .size = s->len,
        .etag = slice_of((const char *)s->etag, MD5_LEN),
        .checksum = slice_of((const char *)copy->checksum_value, checksum_len(s->kind)),
        .modified_us = clock,
    };
    int64_t replaced = 0;
    err = part_put(tx, &part, &replaced);
    if (!err && replaced)
        err = content_delete(tx, replaced);
    if (!err && s->len)
        err = content_share(tx, source_content, s->from, s->len, false, part.content_id, 0);
    copy->info.size = s->len;
    copy->info.modified_us = clock;
    copy->info.etag_len = MD5_LEN;
    memcpy(copy->info.etag, s->etag, MD5_LEN);
    return err;
}

static void commit_done(struct meta_write *write)
{
    struct object_copy_state *s = container_of(write, struct object_copy_state, write);
    finish(s->copy, write->err);
}

static void commit(struct object_copy_state *s)
{
    struct object_copy *copy = s->copy;
    s->write = (struct meta_write){.run = copy->to_part ? run_copy_part : run_copy_object, .done = commit_done, .loop = copy->reactor->loop};
    meta_write(copy->reactor->meta, &s->write);
}

/* --- the reading pass --- */

static void put_ready(void *arg);

static void put_done(void *arg, int err)
{
    struct object_copy_state *s = arg;
    struct object_copy *copy = s->copy;
    if (!err) {
        const struct object_put_result *result = object_put_result(s->put);
        copy->info.size = result->info.size;
        copy->info.modified_us = result->info.modified_us;
        copy->info.etag_len = MD5_LEN;
        memcpy(copy->info.etag, result->info.etag, MD5_LEN);
        memcpy(copy->checksum_value, result->checksum, CHECKSUM_LEN_MAX);
    }
    object_put_free(s->put);
    s->put = NULL;
    finish(copy, err);
}

/* An inline source is at most INLINE_CONTENT_MAX bytes: it is in the buffer whole. */
static void put_inline(struct object_copy_state *s)
{
    struct object_copy *copy = s->copy;
    struct object_put_options options = {
        .reactor = copy->reactor,
        .target = PUT_PART,
        .bucket = copy->bucket,
        .key = copy->key,
        .owner_id = copy->owner_id,
        .size = s->len,
        .checksum = copy->checksum,
        .upload_id = copy->upload_id,
        .part_number = copy->part_number,
        .ready = put_ready,
        .done = put_done,
        .arg = s,
    };
    int err = object_put_new(&options, &s->put);
    if (err) {
        finish(copy, err);
        return;
    }
    s->from = 0;
    put_ready(s);
}

static void put_ready(void *arg)
{
    struct object_copy_state *s = arg;
    s->from += object_put_write(s->put, s->buffer + s->from, (size_t)(s->len - s->from));
    if (s->from == s->len)
        object_put_finish(s->put, NULL, NULL);
}

static void read_on(void *arg)
{
    struct object_copy_state *s = arg;
    int err = 0;
    size_t len;
    while ((len = object_get_read(&s->get, s->buffer, sizeof(s->buffer), &err)) > 0) {
        digest_stream_update(s->md5, s->buffer, len);
        if (s->checksum_started)
            checksum_update(&s->checksum, s->buffer, len);
    }
    if (err == ERR_WOULD_BLOCK)
        return;
    if (err) {
        finish(s->copy, err);
        return;
    }
    s->digested = true;
    s->etag_len = MD5_LEN;
    digest_stream_final(s->md5, s->etag);
    if (s->checksum_started)
        checksum_final(&s->checksum, s->copy->checksum_value);
    if (s->copy->to_part && s->get.info.size <= INLINE_CONTENT_MAX)
        put_inline(s);
    else
        commit(s);
}

static void get_done(struct object_get *get)
{
    struct object_copy_state *s = container_of(get, struct object_copy_state, get);
    if (get->err) {
        finish(s->copy, get->err == ERR_NOT_MODIFIED ? ERR_PRECONDITION : get->err);
        return;
    }
    if (get->info.modified_us != s->copy->source_info.modified_us) { /* replaced since it was looked at */
        finish(s->copy, ERR_CONFLICT);
        return;
    }
    s->from = get->first;
    s->len = get->len;
    object_get_on_ready(get, read_on, s);
    read_on(s);
}

static int start_digests(struct object_copy_state *s)
{
    struct object_copy *copy = s->copy;
    s->kind = copy->checksum;
    if (copy->to_part && s->kind == CHECKSUM_NONE && copy->upload_id.len == 16)
        s->kind = object_upload_checksum((const uint8_t *)copy->upload_id.data, &s->kind_type);
    int err = digest_stream_new(copy->reactor->md5, &s->md5);
    if (!err && s->kind != CHECKSUM_NONE) {
        err = checksum_init(&s->checksum, s->kind);
        s->checksum_started = !err;
    }
    return err;
}

static void start_reading(struct object_copy_state *s)
{
    struct object_copy *copy = s->copy;
    int err = start_digests(s);
    if (err) {
        finish(copy, err);
        return;
    }
    s->get = (struct object_get){
        .reactor = copy->reactor,
        .bucket = copy->source_bucket,
        .key = copy->source_key,
        .has_version_id = copy->has_version_id,
        .null_version_id = copy->null_version_id,
        .conditions = copy->source_conditions,
        .has_range = copy->to_part && copy->has_range,
        .range_first = copy->range_first,
        .range_last = copy->range_last,
        .done = get_done,
    };
    memcpy(s->get.version_id, copy->version_id, sizeof(s->get.version_id));
    s->get_started = true;
    object_get_start(&s->get);
}

/* --- the start: which of the two ways? --- */

static int run_look(struct meta_tx *tx, struct meta_read *read)
{
    struct object_copy_state *s = container_of(read, struct object_copy_state, look);
    struct object_copy *copy = s->copy;
    struct version_row source;
    enum bucket_versioning versioning;
    int err = find_source(tx, copy, &source, &versioning);
    if (err)
        return err;
    s->source_rank = source.rank;
    if (copy->has_range && (copy->range_last >= source.size || copy->range_first > copy->range_last))
        return ERR_INVALID_RANGE;
    return object_info_set(&copy->source_info, &source, versioning);
}

/* Whether the source's row already holds the digest asked for, over the whole object. */
static bool checksum_is_there(const struct object_copy *copy)
{
    struct attribute attribute;
    size_t position = 0;
    int err = 0;
    while (attribute_next(copy->source_info.attributes, &position, &attribute, &err))
        if (attribute.kind == ATTRIBUTE_CHECKSUM && attribute.name.len == 2)
            return attribute.name.data[0] == (char)copy->checksum && attribute.name.data[1] == 0;
    return false;
}

static void look_done(struct meta_read *read)
{
    struct object_copy_state *s = container_of(read, struct object_copy_state, look);
    struct object_copy *copy = s->copy;
    if (read->err)
        finish(copy, read->err);
    else if (copy->to_part || (copy->checksum != CHECKSUM_NONE && !checksum_is_there(copy)))
        start_reading(s);
    else
        commit(s);
}

void object_copy_start(struct object_copy *copy)
{
    struct object_copy_state *s = calloc(1, sizeof(*s));
    copy->state = s;
    if (!s) {
        finish(copy, ERR_NO_MEMORY);
        return;
    }
    s->copy = copy;
    s->random = loop_random(copy->reactor->loop);
    if (!copy->to_part && copy->checksum == CHECKSUM_NONE) {
        commit(s);
        return;
    }
    s->look = (struct meta_read){.run = run_look, .done = look_done, .loop = copy->reactor->loop};
    meta_read(copy->reactor->meta, &s->look);
}

void object_copy_fini(struct object_copy *copy)
{
    struct object_copy_state *s = copy->state;
    object_info_fini(&copy->info);
    object_info_fini(&copy->source_info);
    if (!s)
        return;
    if (s->get_started)
        object_get_fini(&s->get);
    digest_stream_free(s->md5);
    if (s->checksum_started)
        checksum_fini(&s->checksum);
    object_put_free(s->put);
    free(s);
    copy->state = NULL;
}
