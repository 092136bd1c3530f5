#include "wire/xml_request.h"

#include <stdlib.h>
#include <string.h>

#include "wire/etag.h"
#include "wire/http_date.h"

/* Parses, and holds the root to its name. */
static int parse_root(const void *data, size_t len, const char *name, struct xml_document **ret)
{
    struct xml_document *document;
    int err = xml_parse(data, len, &document);
    if (err)
        return err;
    if (!slice_equal_string(xml_root(document)->name, name)) {
        xml_document_free(document);
        return ERR_MALFORMED;
    }
    *ret = document;
    return 0;
}

static uint32_t count_children(const struct xml_node *node, const char *name)
{
    uint32_t count = 0;
    for (const struct xml_node *child = xml_child(node, name); child; child = xml_next(child))
        count++;
    return count;
}

/* --- CreateBucketConfiguration --- */

int create_bucket_document_parse(const void *data, size_t len, struct create_bucket_document *ret)
{
    struct create_bucket_document created = {0};
    if (len) {
        int err = parse_root(data, len, "CreateBucketConfiguration", &created.document);
        if (err)
            return err;
        const struct xml_node *root = xml_root(created.document), *tags = xml_child(root, "Tags");
        created.location = xml_child_text(root, "LocationConstraint");
        err = tags ? tag_set_take(tags, &created.tags) : 0;
        if (err) {
            xml_document_free(created.document);
            return err;
        }
    }
    *ret = created;
    return 0;
}

void create_bucket_document_fini(struct create_bucket_document *d)
{
    xml_document_free(d->document);
    *d = (struct create_bucket_document){0};
}

/* --- CompleteMultipartUpload --- */

static const struct { const char *name; enum checksum_kind kind; } checksum_elements[] = {
    {"ChecksumCRC32", CHECKSUM_CRC32},
    {"ChecksumCRC32C", CHECKSUM_CRC32C},
    {"ChecksumCRC64NVME", CHECKSUM_CRC64NVME},
    {"ChecksumSHA1", CHECKSUM_SHA1},
    {"ChecksumSHA256", CHECKSUM_SHA256},
    {"ChecksumSHA512", CHECKSUM_SHA512},
    {"ChecksumMD5", CHECKSUM_MD5},
    {"ChecksumXXHASH64", CHECKSUM_XXHASH64},
    {"ChecksumXXHASH3", CHECKSUM_XXHASH3},
    {"ChecksumXXHASH128", CHECKSUM_XXHASH128},
};

/* At most one of the Checksum… elements; an empty one counts as absent. */
static int parse_part_checksum(const struct xml_node *node, struct complete_part *part)
{
    for (size_t i = 0; i < sizeof(checksum_elements) / sizeof(checksum_elements[0]); i++) {
        struct slice value = xml_child_text(node, checksum_elements[i].name);
        size_t len, expected = checksum_len(checksum_elements[i].kind);
        if (value.len == 0)
            continue;
        if (part->kind != CHECKSUM_NONE || base64_decode(value, part->checksum, expected, &len) || len != expected)
            return ERR_MALFORMED;
        part->kind = checksum_elements[i].kind;
    }
    return 0;
}

static int parse_part(const struct xml_node *node, struct complete_part *ret)
{
    struct complete_part part = {0};
    uint64_t number;
    if (slice_parse_u64(xml_child_text(node, "PartNumber"), &number) || number < 1 || number > COMPLETE_PARTS_MAX)
        return ERR_MALFORMED;
    part.part_number = (uint32_t)number;
    struct slice etag = xml_child_text(node, "ETag");
    if (etag.data) {
        size_t len;
        etag = etag_unquote(etag);
        part.has_etag = true;
        part.etag_malformed = etag.len != 2 * MD5_LEN || hex_decode(etag, part.etag, MD5_LEN, &len);
    }
    int err = parse_part_checksum(node, &part);
    if (!err)
        *ret = part;
    return err;
}

static int parse_parts(const struct xml_node *root, struct complete_document *ret)
{
    uint32_t count = count_children(root, "Part"), i = 0;
    if (count == 0 || count > COMPLETE_PARTS_MAX)
        return ERR_MALFORMED;
    struct complete_part *parts = malloc(count * sizeof(*parts));
    if (!parts)
        return ERR_NO_MEMORY;
    for (const struct xml_node *node = xml_child(root, "Part"); node; node = xml_next(node)) {
        int err = parse_part(node, &parts[i++]);
        if (err) {
            free(parts);
            return err;
        }
    }
    *ret = (struct complete_document){parts, count};
    return 0;
}

int complete_document_parse(const void *data, size_t len, struct complete_document *ret)
{
    struct xml_document *document;
    int err = parse_root(data, len, "CompleteMultipartUpload", &document);
    if (err)
        return err;
    err = parse_parts(xml_root(document), ret);
    xml_document_free(document);
    return err;
}

void complete_document_fini(struct complete_document *d)
{
    free(d->parts);
    *d = (struct complete_document){0};
}

/* --- Delete --- */

static int parse_bool(struct slice text, bool *ret)
{
    if (slice_equal_string_nocase(text, "true"))
        *ret = true;
    else if (slice_equal_string_nocase(text, "false"))
        *ret = false;
    else
        return ERR_MALFORMED;
    return 0;
}

static int parse_delete_object(const struct xml_node *node, struct delete_object *ret)
{
    struct delete_object object = {.key = xml_child_raw_text(node, "Key")};
    if (!object.key.data)
        return ERR_MALFORMED;
    struct slice version_id = xml_child_text(node, "VersionId");
    if (version_id.len) /* some clients send the element empty */
        object.version_id = version_id;
    object.etag = xml_child_text(node, "ETag");
    struct slice modified = xml_child_text(node, "LastModifiedTime"), size = xml_child_text(node, "Size");
    if (modified.data) {
        if (iso_date_parse(modified, &object.modified_us) && http_date_parse(modified, 0, &object.modified_us))
            return ERR_MALFORMED;
        object.has_modified = true;
    }
    if (size.data) {
        if (slice_parse_u64(size, &object.size))
            return ERR_MALFORMED;
        object.has_size = true;
    }
    *ret = object;
    return 0;
}

static int parse_delete(const struct xml_node *root, struct delete_document *d)
{
    struct slice quiet = xml_child_text(root, "Quiet");
    uint32_t count = count_children(root, "Object");
    if (count == 0 || count > DELETE_OBJECTS_MAX || (quiet.data && parse_bool(quiet, &d->quiet)))
        return ERR_MALFORMED;
    d->objects = malloc(count * sizeof(*d->objects));
    if (!d->objects)
        return ERR_NO_MEMORY;
    for (const struct xml_node *node = xml_child(root, "Object"); node; node = xml_next(node)) {
        int err = parse_delete_object(node, &d->objects[d->object_count]);
        if (err)
            return err;
        d->object_count++;
    }
    return 0;
}

int delete_document_parse(const void *data, size_t len, struct delete_document *ret)
{
    struct delete_document d = {0};
    int err = parse_root(data, len, "Delete", &d.document);
    if (err)
        return err;
    err = parse_delete(xml_root(d.document), &d);
    if (err) {
        delete_document_fini(&d);
        return err;
    }
    *ret = d;
    return 0;
}

void delete_document_fini(struct delete_document *d)
{
    free(d->objects);
    xml_document_free(d->document);
    *d = (struct delete_document){0};
}

/* --- VersioningConfiguration --- */

static int parse_versioning(const struct xml_node *root, struct versioning_document *ret)
{
    struct versioning_document v = {0};
    struct slice status = xml_child_text(root, "Status"), mfa_delete = xml_child_text(root, "MfaDelete");
    if (slice_equal_string(status, "Enabled"))
        v.status = VERSIONING_ENABLED;
    else if (slice_equal_string(status, "Suspended"))
        v.status = VERSIONING_SUSPENDED;
    else if (status.data)
        return ERR_MALFORMED;
    if (mfa_delete.data) {
        v.has_mfa_delete = true;
        v.mfa_delete = slice_equal_string(mfa_delete, "Enabled");
        if (!v.mfa_delete && !slice_equal_string(mfa_delete, "Disabled"))
            return ERR_MALFORMED;
    }
    *ret = v;
    return 0;
}

int versioning_document_parse(const void *data, size_t len, struct versioning_document *ret)
{
    struct xml_document *document;
    int err = parse_root(data, len, "VersioningConfiguration", &document);
    if (err)
        return err;
    err = parse_versioning(xml_root(document), ret);
    xml_document_free(document);
    return err;
}
