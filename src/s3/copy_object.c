/* CopyObject and UploadPartCopy. */
#include <string.h>

#include "base/container.h"
#include "meta/attribute.h"
#include "s3/access.h"
#include "s3/acl.h"
#include "s3/answer.h"
#include "s3/lifecycle.h"
#include "s3/authorise.h"
#include "s3/checksum_xml.h"
#include "s3/encryption.h"
#include "s3/object_headers.h"
#include "s3/object_lock.h"
#include "s3/operations.h"
#include "s3/parameters.h"
#include "wire/copy_source.h"
#include "wire/http_date.h"
#include "wire/range.h"
#include "wire/version_id.h"
#include "wire/xml_write.h"

struct copy_state {
    struct object_copy copy;
    struct s3_request *request;
    struct copy_source source;
    struct text attributes, tags, own;
    uint8_t upload_id[16];
    bool started;
    struct access_source checked;
};

static void cleanup(struct s3_request *r)
{
    struct copy_state *s = r->state;
    if (s->started)
        object_copy_fini(&s->copy);
    text_free(&s->attributes);
    text_free(&s->tags);
    text_free(&s->own);
}

static void write_checksum(struct text *t, const struct copy_state *s)
{
    uint32_t type;
    struct slice value;
    if (s->copy.to_part) {
        enum checksum_kind kind = object_upload_checksum(s->upload_id, &type);
        checksum_xml(t, kind, 0, 0, s->copy.checksum_value);
        return;
    }
    enum checksum_kind kind = object_info_checksum(&s->copy.info, &type, &value);
    if (kind == CHECKSUM_NONE)
        return;
    checksum_xml(t, kind, type, s->copy.info.part_count, (const uint8_t *)value.data);
    checksum_xml_type(t, kind, type);
}

static void done(struct object_copy *c)
{
    struct copy_state *s = container_of(c, struct copy_state, copy);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    if (c->err == ERR_DELETE_MARKER) {
        answer_error_text(r, S3_InvalidRequest, "The source of a copy request may not specifically refer to a delete marker by version id.");
        return;
    }
    if (c->err) {
        if (!encryption_answer_err(r, c->err, c->to_part && !c->at_source))
            answer_err(r, c->err);
        return;
    }
    encryption_answer(r, c->info.attributes);
    const char *root = c->to_part ? "CopyPartResult" : "CopyObjectResult";
    char etag[48] = "\"";
    object_etag_format(c->info.etag, c->info.etag_len, etag + 1);
    strcat(etag, "\"");
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, root);
    xml_element_time(&t, "LastModified", c->info.modified_us);
    xml_element_string(&t, "ETag", etag);
    write_checksum(&t, s);
    xml_close(&t, root);
    if (!c->to_part) {
        object_answer_new_version(r, &c->info);
        lifecycle_answer_expiration(r, &c->info);
    }
    if (c->source_info.versioning != BUCKET_UNVERSIONED) {
        char text[VERSION_ID_TEXT_SIZE] = "null";
        if (!c->source_info.null_version)
            version_id_format(c->source_info.version_id, text);
        answer_header(r, "x-amz-copy-source-version-id", text);
    }
    answer_xml(r, 200, &t);
}

static void go(struct s3_request *r)
{
    struct copy_state *s = r->state;
    s->started = true;
    request_work_begin(r);
    object_copy_start(&s->copy);
}

/* The source may lie in another bucket, or be another account's. */
static void check_source(struct s3_request *r)
{
    struct copy_state *s = r->state;
    const struct object_copy *c = &s->copy;
    if (!authorise_key(r, c->source_bucket, c->source_key)) {
        access_deny(r, "the access key is not for the source of the copy");
        return;
    }
    s->checked = (struct access_source){c->source_bucket, c->source_key, c->has_version_id, c->null_version_id, {0}};
    memcpy(s->checked.version_id, c->version_id, sizeof s->checked.version_id);
    access_source(r, &s->checked, go);
}

static bool take_source(struct s3_request *r, struct copy_state *s)
{
    struct slice value = request_header(r, "x-amz-copy-source");
    int err = copy_source_parse(value, &s->source);
    if (err) {
        answer_bad_argument(r, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", "x-amz-copy-source", value);
        return false;
    }
    struct object_copy *c = &s->copy;
    c->source_bucket = slice_of(s->source.bucket, s->source.bucket_len);
    c->source_key = slice_of(s->source.key, s->source.key_len);
    if (s->source.version_id.data) {
        c->has_version_id = true;
        c->null_version_id = version_id_is_null(s->source.version_id);
        if (!c->null_version_id && version_id_parse_any(s->source.version_id, c->version_id)) {
            answer_bad_argument(r, "Invalid version id specified", "x-amz-copy-source", value);
            return false;
        }
    }
    if (!encryption_headers_key(r, "x-amz-copy-source-", &c->source_customer_key))
        return false;
    object_headers_conditions(r, "x-amz-copy-source-", &c->source_conditions);
    c->reactor = request_objects(r);
    c->bucket = request_bucket(r);
    c->key = request_key(r);
    c->owner_id = r->access.owner_id;
    c->done = done;
    s->request = r;
    r->cleanup = cleanup;
    return true;
}

/* COPY (the default) or REPLACE. */
static bool take_directive(struct s3_request *r, const char *header, bool *ret_replace)
{
    struct slice value = request_header(r, header);
    *ret_replace = value.data && slice_equal_string(value, "REPLACE");
    if (!value.data || *ret_replace || slice_equal_string(value, "COPY"))
        return true;
    answer_bad_argument(r, "Unknown directive.", header, value);
    return false;
}

/* Onto itself something must change. */
static bool changes_something(struct s3_request *r, const struct copy_state *s)
{
    const struct object_copy *c = &s->copy;
    if (!slice_equal(c->source_bucket, c->bucket) || !slice_equal(c->source_key, c->key) || c->has_version_id)
        return true;
    if (c->replace_attributes || c->replace_tags || request_header(r, "x-amz-storage-class").data
        || request_header(r, "x-amz-website-redirect-location").data || c->encryption.mode != ENCRYPTION_NONE
        || c->source_customer_key) /* the client's key is left, or changed */
        return true;
    answer_error_text(r, S3_InvalidRequest, "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.");
    return false;
}

void copy_object_start(struct s3_request *r)
{
    struct copy_state *s = request_state(r, sizeof *s);
    if (!s || !take_source(r, s) || !object_headers_no_append(r))
        return;
    struct object_copy *c = &s->copy;
    if (!take_directive(r, "x-amz-metadata-directive", &c->replace_attributes)
        || !take_directive(r, "x-amz-tagging-directive", &c->replace_tags)
        || !object_headers_storage_class(r, &c->storage_class) || !encryption_headers(r, &c->encryption) || !changes_something(r, s))
        return;
    if (c->replace_attributes && !object_headers_attributes(r, &s->attributes))
        return;
    if (c->replace_tags && !object_headers_tags(r, &s->tags))
        return;
    if (!c->replace_attributes && !object_headers_redirect(r, &s->own))
        return;
    if (!object_lock_headers(r, &s->own) || !acl_attribute(r, &s->own))
        return;
    c->own = slice_of(s->own.data ? s->own.data : "", s->own.len);
    c->attributes = slice_of(s->attributes.data ? s->attributes.data : "", s->attributes.len);
    c->tags = slice_of(s->tags.data ? s->tags.data : "", s->tags.len);
    struct slice algorithm = request_header(r, "x-amz-checksum-algorithm");
    if (algorithm.data) {
        c->checksum = checksum_kind_parse(algorithm);
        if (c->checksum == CHECKSUM_NONE) {
            answer_error_text(r, S3_InvalidRequest, payload_result_text(PAYLOAD_BAD_ALGORITHM));
            return;
        }
    }
    object_headers_conditions(r, "", &c->conditions);
    check_source(r);
}

void upload_part_copy_start(struct s3_request *r)
{
    struct copy_state *s = request_state(r, sizeof *s);
    if (!s || !take_source(r, s) || !object_headers_no_append(r))
        return;
    struct object_copy *c = &s->copy;
    if (!parameters_part_number(r, true, &c->part_number) || !parameters_upload_id(r, s->upload_id)
        || !encryption_headers_key(r, "x-amz-", &c->encryption.customer_key))
        return;
    c->to_part = true;
    c->upload_id = slice_of((const char *)s->upload_id, sizeof s->upload_id);
    struct slice value = request_header(r, "x-amz-copy-source-range");
    if (value.data) {
        struct range range;
        if (range_parse_copy_source(value, &range)) {
            answer_bad_argument(r, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
                                "x-amz-copy-source-range", value);
            return;
        }
        c->has_range = true;
        c->range_first = range.first;
        c->range_last = range.last;
    }
    check_source(r);
}
