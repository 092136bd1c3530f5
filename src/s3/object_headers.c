/* See object_headers.h. */
#include <stdio.h>
#include <string.h>

#include "meta/attribute.h"
#include "s3/answer.h"
#include "s3/website.h"
#include "s3/encryption.h"
#include "s3/lifecycle.h"
#include "s3/object_headers.h"
#include "s3/object_lock.h"
#include "s3/tagging.h"
#include "wire/http_date.h"
#include "wire/storage_class.h"
#include "wire/version_id.h"
#include "wire/xml_request.h"

static const char *const content_headers[] = {"content-type", "cache-control", "content-disposition", "content-encoding",
                                              "content-language", "expires"};

const char *object_storage_class_name(uint32_t class)
{
    return storage_class_name(class);
}

bool object_headers_storage_class(struct s3_request *r, uint32_t *ret)
{
    struct slice value = request_header(r, "x-amz-storage-class");
    *ret = 0;
    if (!value.data || !value.len)
        return true;
    if (storage_class_parse(value, ret))
        return true;
    answer_error(r, S3_InvalidStorageClass);
    return false;
}

bool object_headers_no_append(struct s3_request *r)
{
    if (!request_header(r, "x-amz-write-offset-bytes").data)
        return true;
    struct answer_field field = {"Header", slice_string("x-amz-write-offset-bytes")};
    answer_failure(r, 501, "NotImplemented", s3_error_text(S3_NotImplemented), &field, 1);
    return false;
}

/* Values of headers of one name are one value, with commas between them (RFC 9110, 5.3); memory holds it when there are several.
 * data NULL: an earlier header of that name has brought it. */
static struct slice joined_value(const struct s3_request *r, uint32_t at, struct text *memory)
{
    const struct header *h = &r->headers[at];
    for (uint32_t i = 0; i < at; i++)
        if (slice_equal_nocase(r->headers[i].name, h->name))
            return (struct slice){0};
    for (uint32_t i = at + 1; i < r->header_count; i++) {
        if (!slice_equal_nocase(r->headers[i].name, h->name))
            continue;
        if (!memory->len)
            text_append(memory, h->value.data, h->value.len);
        text_append(memory, ",", 1);
        text_append(memory, r->headers[i].value.data, r->headers[i].value.len);
    }
    return memory->len ? slice_of(memory->data, memory->len) : h->value;
}

/* x-amz-meta-NAME, byte for byte. */
static bool append_user_metadata(struct s3_request *r, struct text *attributes)
{
    size_t total = 0;
    for (uint32_t i = 0; i < r->header_count; i++) {
        const struct header *h = &r->headers[i];
        if (!header_name_starts_with(h->name, "x-amz-meta-"))
            continue;
        struct text memory = {0};
        struct slice value = joined_value(r, i, &memory);
        if (!value.data)
            continue;
        char name[USER_METADATA_MAX];
        size_t len = h->name.len - 11;
        total += len + value.len;
        if (total > USER_METADATA_MAX) {
            text_free(&memory);
            answer_error(r, S3_MetadataTooLarge);
            return false;
        }
        for (size_t k = 0; k < len; k++) {
            char c = h->name.data[11 + k];
            name[k] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        }
        attribute_append(attributes, ATTRIBUTE_USER_METADATA, slice_of(name, len), value);
        attributes->failed |= memory.failed;
        text_free(&memory);
    }
    return true;
}

bool object_headers_redirect(struct s3_request *r, struct text *attributes)
{
    struct slice redirect = request_header(r, "x-amz-website-redirect-location");
    if (!redirect.data || !redirect.len)
        return true;
    if (!website_location_valid(redirect)) {
        answer_error(r, S3_InvalidRedirectLocation);
        return false;
    }
    attribute_append(attributes, ATTRIBUTE_WEBSITE_REDIRECT, slice_of("", 0), redirect);
    return true;
}

bool object_headers_attributes(struct s3_request *r, struct text *attributes)
{
    for (unsigned i = 0; i < sizeof content_headers / sizeof *content_headers; i++) {
        struct slice value = request_header(r, content_headers[i]);
        struct text stripped = {0};
        if (value.data && slice_equal_string(slice_string(content_headers[i]), "content-encoding")) {
            payload_strip_aws_chunked(value, &stripped);
            value = slice_of(stripped.data, stripped.len);
            attributes->failed |= stripped.failed;
        }
        if (value.data && value.len)
            attribute_append(attributes, ATTRIBUTE_HEADER, slice_string(content_headers[i]), value);
        text_free(&stripped);
    }
    if (!object_headers_redirect(r, attributes) || !append_user_metadata(r, attributes))
        return false;
    if (attributes->failed)
        answer_error(r, S3_SlowDown);
    return !attributes->failed;
}

bool object_headers_tags(struct s3_request *r, struct text *attributes)
{
    struct slice value = request_header(r, "x-amz-tagging");
    if (!value.data || !value.len)
        return true;
    struct tagging_document *tags = arena_take(&r->arena, sizeof *tags);
    int err = tags ? tagging_header_parse(value, tags) : ERR_NO_MEMORY;
    if (err == ERR_NO_MEMORY || err == ERR_INVALID) {
        tagging_answer_err(r, err);
        return false;
    }
    if (err || tags->tag_count > 10) {
        if (!err)
            tagging_document_fini(tags);
        answer_bad_argument(r, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.", "x-amz-tagging", value);
        return false;
    }
    for (uint32_t i = 0; i < tags->tag_count; i++)
        attribute_append(attributes, ATTRIBUTE_TAG, tags->tags[i].key, tags->tags[i].value);
    tagging_document_fini(tags);
    if (attributes->failed)
        answer_error(r, S3_SlowDown);
    return !attributes->failed;
}

static struct slice prefixed(struct s3_request *r, const char *prefix, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return request_header(r, full);
}

void object_headers_conditions(struct s3_request *r, const char *prefix, struct object_conditions *c)
{
    uint64_t now = loop_wall_us(request_objects(r)->loop);
    c->if_match = prefixed(r, prefix, "if-match");
    c->if_none_match = prefixed(r, prefix, "if-none-match");
    struct slice date = prefixed(r, prefix, "if-modified-since");
    c->has_modified_since = date.data && !http_date_parse(date, now, &c->modified_since_us);
    date = prefixed(r, prefix, "if-unmodified-since");
    c->has_unmodified_since = date.data && !http_date_parse(date, now, &c->unmodified_since_us);
    if (*prefix)
        return;
    struct slice size = request_header(r, "x-amz-if-match-size");
    c->has_match_size = size.data && !slice_parse_u64(size, &c->match_size);
    date = request_header(r, "x-amz-if-match-last-modified-time");
    c->has_match_modified = date.data && (!http_date_parse(date, now, &c->match_modified_us) || !iso_date_parse(date, &c->match_modified_us));
}

bool object_headers_version(struct s3_request *r, bool *has, bool *is_null, uint8_t id[16])
{
    struct slice value = query_value(&r->query, "versionId");
    *has = value.data != NULL;
    *is_null = value.data && version_id_is_null(value);
    if (!*has || *is_null || !version_id_parse_any(value, id))
        return true;
    answer_bad_argument(r, value.len ? "Invalid version id specified" : "Version id cannot be the empty string", "versionId", value);
    return false;
}

/* --- answers --- */

void object_answer_etag(struct s3_request *r, const struct object_info *info)
{
    char text[48] = "\"";
    r->has_object_size = true;
    r->object_size = info->size;
    if (!info->etag_len)
        return;
    object_etag_format(info->etag, info->etag_len, text + 1);
    strcat(text, "\"");
    answer_header(r, "ETag", text);
}

void object_answer_version(struct s3_request *r, const struct object_info *info)
{
    if (info->versioning == BUCKET_UNVERSIONED)
        return;
    char text[VERSION_ID_TEXT_SIZE] = "null";
    if (!info->null_version)
        version_id_format(info->version_id, text);
    answer_header(r, "x-amz-version-id", text);
}

void object_answer_new_version(struct s3_request *r, const struct object_info *info)
{
    r->has_object_size = true;
    r->object_size = info->size;
    if (info->versioning == BUCKET_VERSIONING_ENABLED)
        object_answer_version(r, info);
}

void object_checksum_text(struct text *t, enum checksum_kind kind, uint32_t type, uint32_t part_count, const uint8_t *value)
{
    text_append_base64(t, value, checksum_len(kind));
    if (type == 1 && part_count)
        text_append_format(t, "-%u", part_count);
}

void object_answer_checksum(struct s3_request *r, enum checksum_kind kind, uint32_t type, uint32_t part_count, const uint8_t *value)
{
    if (kind == CHECKSUM_NONE)
        return;
    struct text t = {0};
    object_checksum_text(&t, kind, type, part_count, value);
    if (!t.failed)
        answer_header(r, checksum_header_name(kind), t.data);
    answer_header(r, "x-amz-checksum-type", type == 1 ? "COMPOSITE" : "FULL_OBJECT");
    text_free(&t);
}

enum checksum_kind object_info_checksum(const struct object_info *info, uint32_t *ret_type, struct slice *ret_value)
{
    struct attribute a;
    size_t position = 0;
    int err;
    while (attribute_next(info->attributes, &position, &a, &err)) {
        if (a.kind != ATTRIBUTE_CHECKSUM || a.name.len != 2)
            continue;
        enum checksum_kind kind = (enum checksum_kind)(uint8_t)a.name.data[0];
        if (checksum_len(kind) != a.value.len)
            continue;
        *ret_type = (uint8_t)a.name.data[1];
        *ret_value = a.value;
        return kind;
    }
    return CHECKSUM_NONE;
}

struct override { const char *parameter, *header; };
static const struct override overrides[] = {
    {"response-content-type", "content-type"}, {"response-cache-control", "cache-control"},
    {"response-content-disposition", "content-disposition"}, {"response-content-encoding", "content-encoding"},
    {"response-content-language", "content-language"}, {"response-expires", "expires"}};

bool object_headers_overrides(struct s3_request *r)
{
    for (unsigned i = 0; i < sizeof overrides / sizeof *overrides; i++) {
        struct slice value = query_value(&r->query, overrides[i].parameter);
        for (size_t k = 0; value.data && k < value.len; k++) {
            uint8_t c = (uint8_t)value.data[k];
            if ((c >= 32 && c != 127) || c == '\t')
                continue;
            answer_bad_argument(r, "A header cannot have this value.", overrides[i].parameter,
                                slice_of("", 0)); /* nor can XML have all of them */;
            return false;
        }
    }
    return true;
}

static bool overridden(struct s3_request *r, struct slice header)
{
    for (unsigned i = 0; i < sizeof overrides / sizeof *overrides; i++)
        if (slice_equal_string(header, overrides[i].header))
            return query_has(&r->query, overrides[i].parameter);
    return false;
}

/* Names as S3 writes them. */
static const char *header_spelling(struct slice name)
{
    static const char *const spelled[] = {"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding",
                                          "Content-Language", "Expires"};
    for (unsigned i = 0; i < sizeof spelled / sizeof *spelled; i++)
        if (slice_equal_string_nocase(name, spelled[i]))
            return spelled[i];
    return NULL;
}

static void answer_attribute(struct s3_request *r, const struct attribute *a, uint32_t *tags, bool *typed)
{
    if (a->kind == ATTRIBUTE_HEADER && header_spelling(a->name)) {
        *typed |= slice_equal_string(a->name, "content-type");
        if (!overridden(r, a->name))
            answer_header_slice(r, header_spelling(a->name), a->value);
    } else if (a->kind == ATTRIBUTE_USER_METADATA) {
        char name[USER_METADATA_MAX + 16];
        snprintf(name, sizeof name, "x-amz-meta-%.*s", (int)a->name.len, a->name.data);
        answer_header_slice(r, name, a->value);
    } else if (a->kind == ATTRIBUTE_TAG) {
        (*tags)++;
    } else if (a->kind == ATTRIBUTE_WEBSITE_REDIRECT) {
        answer_header_slice(r, "x-amz-website-redirect-location", a->value);
    }
}

void object_answer_info(struct s3_request *r, const struct object_info *info, bool with_checksum)
{
    struct attribute a;
    size_t position = 0;
    int err;
    uint32_t tags = 0;
    bool typed = false;
    while (attribute_next(info->attributes, &position, &a, &err))
        answer_attribute(r, &a, &tags, &typed);
    for (unsigned i = 0; i < sizeof overrides / sizeof *overrides; i++) {
        struct slice value = query_value(&r->query, overrides[i].parameter);
        if (value.data) {
            typed |= i == 0;
            answer_header_slice(r, header_spelling(slice_string(overrides[i].header)), value);
        }
    }
    if (!typed)
        answer_header(r, "Content-Type", "binary/octet-stream");
    if (tags)
        answer_header_u64(r, "x-amz-tagging-count", tags);
    char date[HTTP_DATE_SIZE];
    http_date_format(info->modified_us, date);
    answer_header(r, "Last-Modified", date);
    object_answer_etag(r, info);
    object_answer_version(r, info);
    if (info->encrypted)
        encryption_answer(r, info->attributes);
    object_lock_answer(r, info->attributes);
    answer_header(r, "Accept-Ranges", "bytes");
    lifecycle_answer_expiration(r, info);
    if (info->storage_class)
        answer_header(r, "x-amz-storage-class", object_storage_class_name(info->storage_class));
    uint32_t type;
    struct slice value;
    enum checksum_kind kind = with_checksum ? object_info_checksum(info, &type, &value) : CHECKSUM_NONE;
    if (kind != CHECKSUM_NONE)
        object_answer_checksum(r, kind, type, info->part_count, (const uint8_t *)value.data);
}
