/* CopyObject and UploadPartCopy. The bytes are shared, not copied: the new content names the same extents. An encrypted object's too, where
 * the store holds both keys: the data key is sealed again.
 *
 * Where a digest has to be known that no row holds (the ETag of a part that is a range, a checksum of another kind), the source is
 * read once through object_get, and the commit holds that the source is still the version that was read. What must be
 * encrypted, decrypted, or encrypted with another key is read and written anew through object_put; so is a source that lies inline in the
 * database and becomes a part, since parts are never inline. */
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "meta/attribute.h"
#include "object/content_cipher.h"
#include "object/install.h"
#include "object/journal.h"
#include "object/lifecycle_tx.h"
#include "object/quota.h"

#define COPY_READ_SIZE (256u << 10)
#define LOOKS_MAX 4 /* a source that is replaced at every turn */

struct object_copy_state {
    struct object_copy *copy;
    struct meta_read look;          /* what is the source? */
    struct meta_write write;
    struct object_get get;          /* the reading pass */
    bool get_started;
    struct object_put *put;         /* what is written anew */
    size_t held_len, held_at;       /* of the buffer: read, not yet written */
    int stream_err;
    bool written;                   /* all of it was handed over */
    bool anew;                      /* written anew, not shared */
    struct encryption target;       /* what it is to become */
    struct text standing;           /* attributes of the target's bucket */
    struct text resealed;           /* ATTRIBUTE_ENCRYPTION of a copy that shares frames */
    uint32_t looks;
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
    case ATTRIBUTE_RENAME: return false;
    case ATTRIBUTE_ENCRYPTION: return false; /* sealed for the copy */
    case ATTRIBUTE_OBJECT_LOCK: return false;
    case ATTRIBUTE_CONFIGURATION: return false; /* the ACL: a copy is private unless it asks for something else */
    case ATTRIBUTE_WEBSITE_REDIRECT: return false; /* S3 never copies it */
    default: return !copy->replace_attributes;
    }
}

/* The target's attributes: the source's, but for what the request replaces; what stands for itself in a copy comes before and behind. */
static int make_kept_attributes(struct object_copy *copy, struct text *text)
{
    struct attribute attribute;
    size_t position = 0;
    int err = 0;
    if (copy->replace_attributes)
        text_append(text, copy->attributes.data, copy->attributes.len);
    if (copy->replace_tags)
        text_append(text, copy->tags.data, copy->tags.len);
    text_append(text, copy->own.data, copy->own.len);
    while (attribute_next(copy->source_info.attributes, &position, &attribute, &err))
        if (attribute.kind != ATTRIBUTE_CHECKSUM && carries_over(copy, &attribute))
            attribute_append(text, attribute.kind, attribute.name, attribute.value);
    return err ? err : text->failed ? ERR_NO_MEMORY : 0;
}

/* Those of a copy that shares its bytes: with their checksum, and with the data key sealed for it. */
static int make_attributes(struct object_copy *copy, struct text *text)
{
    struct object_copy_state *s = copy->state;
    struct attribute attribute;
    size_t position = 0;
    int err = make_kept_attributes(copy, text);
    text_append(text, s->resealed.data, s->resealed.len);
    if (s->kind != CHECKSUM_NONE) {
        char name[2] = {(char)s->kind, 0};
        attribute_append(text, ATTRIBUTE_CHECKSUM, slice_of(name, 2), slice_of((const char *)copy->checksum_value, checksum_len(s->kind)));
    }
    while (!err && s->kind == CHECKSUM_NONE && attribute_next(copy->source_info.attributes, &position, &attribute, &err)) {
        if (attribute.kind != ATTRIBUTE_CHECKSUM)
            continue;
        attribute_append(text, attribute.kind, attribute.name, attribute.value);
        if (attribute.name.len == 2 && attribute.value.len <= CHECKSUM_LEN_MAX) {
            copy->checksum = (enum checksum_kind)attribute.name.data[0];
            memcpy(copy->checksum_value, attribute.value.data, attribute.value.len);
        }
    }
    return err ? err : text->failed ? ERR_NO_MEMORY : 0;
}

/* Onto itself: the content moves to the new row before the old row goes, so that nothing is freed between. */
static int install_copy(struct meta_tx *tx, struct object_copy *copy, const struct version_row *source, struct slice attributes)
{
    struct object_copy_state *s = copy->state;
    struct version_row row = {
        .key = copy->key,
        .flags = source->flags & VERSION_ENCRYPTED,
        .size = source->size,
        .etag = slice_of((const char *)s->etag, s->etag_len),
        .owner_id = copy->owner_id,
        .storage_class = copy->storage_class,
        .attributes = attributes,
        .origin_version_id = slice_of("", 0),
    };
    if (source->content_id) {
        uint64_t stored = source->size;
        row.content_id = (int64_t)meta_tx_clock(tx);
        int err = row.flags & VERSION_ENCRYPTED
                      ? content_stored_size(tx, source->content_id, copy->source_info.part_count > 0, source->size, &stored) : 0;
        if (!err)
            err = content_share(tx, source->content_id, 0, stored, true, row.content_id, 0);
        if (err)
            return err;
    }
    struct bucket_row bucket;
    int err = bucket_get(tx, copy->bucket, &bucket);
    if (err)
        return err;
    enum bucket_versioning versioning = bucket.versioning;
    struct journal journal;
    err = journal_open(tx, &bucket, &journal);
    if (err)
        return err;
    err = install_version(tx, &bucket, &copy->conditions, s->random, &row, s->version_id);
    if (!err)
        err = object_info_set(&copy->info, &row, versioning);
    if (!err)
        err = lifecycle_tx_describe(&copy->info, &bucket, &row);
    journal_add(&journal, "REST.PUT.OBJECT", row.key, &row);
    return journal_close(tx, &journal, err); /* ends the bucket's slices */
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
    bool encrypted = source.flags & VERSION_ENCRYPTED;
    if ((s->digested || encrypted) && source.rank != s->source_rank)
        return ERR_CONFLICT;
    err = object_info_set(&copy->source_info, &source, versioning);
    if (err)
        return err;
    memcpy(s->etag, source.etag.data, copy->source_info.etag_len);
    s->etag_len = copy->source_info.etag_len;
    struct text attributes = {0};
    err = make_attributes(copy, &attributes);
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
    err = quota_check(tx, &bucket, part.size);
    if (!err)
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

static void look(struct object_copy_state *s);

static void commit_done(struct meta_write *write)
{
    struct object_copy_state *s = container_of(write, struct object_copy_state, write);
    if (write->err == ERR_CONFLICT && !s->digested && !s->copy->to_part && s->looks < LOOKS_MAX)
        look(s); /* another version than the one looked at */
    else
        finish(s->copy, write->err);
}

static void commit(struct object_copy_state *s)
{
    struct object_copy *copy = s->copy;
    s->write = (struct meta_write){.run = copy->to_part ? run_copy_part : run_copy_object, .done = commit_done, .loop = copy->reactor->loop};
    meta_write(copy->reactor->meta, &s->write);
}

/* --- writing anew --- */

/* What the answer tells of the new version, as of one that shares its bytes. */
static int take_result(struct object_copy *copy, const struct object_put_result *result)
{
    struct text text = {0}, rule = {0};
    copy->info = result->info;
    text_append(&rule, result->info.expire_rule.data, result->info.expire_rule.len);
    copy->info.expire_rule_memory = rule.data;
    copy->info.expire_rule = slice_of(rule.data ? rule.data : "", rule.len);
    memcpy(copy->checksum_value, result->checksum, CHECKSUM_LEN_MAX);
    text_append(&text, result->info.attributes.data, result->info.attributes.len);
    if (copy->checksum != CHECKSUM_NONE) {
        char name[2] = {(char)copy->checksum, 0};
        attribute_append(&text, ATTRIBUTE_CHECKSUM, slice_of(name, 2), slice_of((const char *)result->checksum, checksum_len(copy->checksum)));
    }
    copy->info.attributes = slice_of(text.data ? text.data : "", text.len);
    copy->info.memory = text.data;
    return text.failed || rule.failed ? ERR_NO_MEMORY : 0;
}

static void put_done(void *arg, int err)
{
    struct object_copy_state *s = arg;
    if (!err)
        err = take_result(s->copy, object_put_result(s->put));
    object_put_free(s->put);
    s->put = NULL;
    finish(s->copy, s->stream_err ? s->stream_err : err);
}

/* As much as the reader has and the writer takes. */
static void pump(struct object_copy_state *s)
{
    while (!s->stream_err) {
        s->held_at += object_put_write(s->put, s->buffer + s->held_at, s->held_len - s->held_at);
        if (s->held_at < s->held_len)
            return; /* put_ready */
        int err = 0;
        s->held_at = 0;
        s->held_len = object_get_read(&s->get, s->buffer, sizeof(s->buffer), &err);
        if (err == ERR_WOULD_BLOCK)
            return; /* get_ready */
        if (!err && !s->held_len) {
            s->written = true;
            object_put_finish(s->put, NULL, NULL);
            return;
        }
        s->stream_err = err;
    }
    object_put_abort(s->put);
}

static void put_ready(void *arg)
{
    struct object_copy_state *s = arg;
    if (s->put && !s->written)
        pump(s);
}

/* The copy's checksum is of the same kind as the source's, unless another is asked for; of the whole, as there are no parts. */
static enum checksum_kind checksum_of_copy(const struct object_copy *copy)
{
    struct attribute attribute;
    size_t position = 0;
    int err;
    if (copy->checksum != CHECKSUM_NONE || copy->to_part)
        return copy->checksum;
    while (attribute_next(copy->source_info.attributes, &position, &attribute, &err))
        if (attribute.kind == ATTRIBUTE_CHECKSUM && attribute.name.len == 2 && (uint8_t)attribute.name.data[0] < CHECKSUM_KIND_COUNT)
            return (enum checksum_kind)attribute.name.data[0];
    return CHECKSUM_NONE;
}

static int new_put(struct object_copy_state *s)
{
    struct object_copy *copy = s->copy;
    struct text attributes = {0};
    s->kind = copy->checksum = checksum_of_copy(copy);
    struct object_put_options options = {
        .reactor = copy->reactor,
        .target = copy->to_part ? PUT_PART : PUT_OBJECT,
        .bucket = copy->bucket,
        .key = copy->key,
        .owner_id = copy->owner_id,
        .storage_class = copy->storage_class,
        .size = s->len,
        .checksum = copy->checksum,
        .conditions = copy->conditions,
        .upload_id = copy->upload_id,
        .part_number = copy->part_number,
        .encryption = copy->to_part ? copy->encryption : s->target,
        .ready = put_ready,
        .done = put_done,
        .arg = s,
    };
    int err = 0;
    if (!copy->to_part)
        err = make_kept_attributes(copy, &attributes);
    options.attributes = slice_of(attributes.data ? attributes.data : "", attributes.len);
    if (!err)
        err = object_put_new(&options, &s->put);
    text_free(&attributes);
    return err;
}

static void start_writing(struct object_copy_state *s)
{
    int err = new_put(s);
    if (err) {
        finish(s->copy, err);
        return;
    }
    s->held_len = s->held_at = 0;
    pump(s);
}

/* --- the reading pass --- */

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
    object_get_on_ready(get, s->anew ? put_ready : read_on, s);
    if (s->anew)
        start_writing(s);
    else
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
    int err = s->anew ? 0 : start_digests(s);
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
        .customer_key = copy->source_customer_key,
        .done = get_done,
    };
    memcpy(s->get.version_id, copy->version_id, sizeof(s->get.version_id));
    s->get_started = true;
    object_get_start(&s->get);
}

/* --- the start: which way? --- */

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
    err = object_info_set(&copy->source_info, &source, versioning);
    struct bucket_row bucket;
    if (!err)
        err = bucket_get(tx, copy->bucket, &bucket);
    if (err)
        return err;
    text_clear(&s->standing);
    text_append(&s->standing, bucket.attributes.data, bucket.attributes.len);
    return s->standing.failed ? ERR_NO_MEMORY : 0;
}

/* What the copy is to be encrypted with: as asked, else as its bucket says; and it does not come out plain by silence. */
static int choose_target(struct object_copy_state *s)
{
    struct object_copy *copy = s->copy;
    s->target = copy->encryption;
    if (s->target.mode != ENCRYPTION_NONE)
        return 0;
    int err = encryption_default(slice_of(s->standing.data ? s->standing.data : "", s->standing.len), &s->target);
    if (!err && s->target.mode == ENCRYPTION_NONE && copy->source_info.encrypted)
        s->target.mode = ENCRYPTION_S3;
    return err;
}

/* Whether frames can be shared, and if so the data key sealed again; else, the source is read with its key. */
static int reseal(struct object_copy_state *s)
{
    struct object_copy *copy = s->copy;
    struct encryption e;
    struct encryption_keys keys = object_keys(copy->reactor);
    uint8_t data_key[DATA_KEY_LEN];
    int err = encryption_of(copy->source_info.attributes, &e);
    if (!err)
        err = encryption_check(&keys, &e, copy->source_customer_key);
    copy->at_source = err;
    if (err)
        return err;
    s->anew = copy->to_part || e.mode == ENCRYPTION_CUSTOMER || s->target.mode == ENCRYPTION_CUSTOMER || e.mode == ENCRYPTION_NONE;
    if (s->anew)
        return 0;
    err = encryption_open(&keys, &e, NULL, data_key);
    if (!err)
        err = encryption_seal(&keys, &s->target, data_key, &s->resealed);
    explicit_bzero(data_key, sizeof(data_key));
    return err;
}

/* Sets anew, and what the commit needs. */
static int choose_way(struct object_copy_state *s)
{
    struct object_copy *copy = s->copy;
    bool encrypted_upload = copy->to_part && copy->upload_id.len == 16 && object_upload_encrypted((const uint8_t *)copy->upload_id.data);
    int err = copy->to_part ? 0 : choose_target(s);
    text_clear(&s->resealed);
    s->anew = copy->to_part && (encrypted_upload || copy->source_info.size <= INLINE_CONTENT_MAX);
    if (!err && !encrypted_upload && copy->to_part && copy->encryption.customer_key)
        err = ERR_KEY_UNWANTED;
    if (!err && (copy->source_info.encrypted || copy->source_customer_key || s->target.mode != ENCRYPTION_NONE))
        err = reseal(s);
    return err;
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
    int err = read->err ? read->err : choose_way(s);
    if (err)
        finish(copy, err);
    else if (s->anew || copy->to_part || (copy->checksum != CHECKSUM_NONE && !checksum_is_there(copy)))
        start_reading(s);
    else
        commit(s);
}

static void look(struct object_copy_state *s)
{
    s->looks++;
    s->look = (struct meta_read){.run = run_look, .done = look_done, .loop = s->copy->reactor->loop};
    meta_read(s->copy->reactor->meta, &s->look);
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
    look(s);
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
    text_free(&s->standing);
    text_free(&s->resealed);
    if (s->get_started)
        explicit_bzero(s->buffer, sizeof(s->buffer));
    free(s);
    copy->state = NULL;
}
