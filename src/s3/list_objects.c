/* ListObjects, ListObjectsV2 and ListObjectVersions. */
#include <endian.h>
#include <string.h>

#include "base/container.h"
#include "s3/answer.h"
#include "s3/checksum_xml.h"
#include "s3/object_headers.h"
#include "s3/operations.h"
#include "s3/owner.h"
#include "s3/parameters.h"
#include "s3/token.h"
#include "wire/version_id.h"
#include "wire/xml_write.h"

enum list_kind { LIST_V1, LIST_V2, LIST_VERSIONS };

struct list_state {
    struct object_list list;
    struct s3_request *request;
    enum list_kind kind;
    bool url, owners;
    char after[TOKEN_KEY_MAX];
};

static void cleanup(struct s3_request *r)
{
    struct list_state *s = r->state;
    object_list_fini(&s->list);
}

static void write_version_id(struct text *t, const char *name, bool is_null, const uint8_t id[16])
{
    char text[VERSION_ID_TEXT_SIZE] = "null";
    if (!is_null)
        version_id_format(id, text);
    xml_element_string(t, name, text);
}

static void write_entry(struct s3_request *r, const struct list_state *s, struct text *t, const struct object_list_entry *e)
{
    const char *element = s->kind != LIST_VERSIONS ? "Contents" : e->delete_marker ? "DeleteMarker" : "Version";
    xml_open(t, element);
    parameters_key_element(t, "Key", e->key, s->url);
    if (s->kind == LIST_VERSIONS) {
        write_version_id(t, "VersionId", e->null_version, e->version_id);
        xml_element_bool(t, "IsLatest", e->is_latest);
    }
    xml_element_time(t, "LastModified", e->modified_us);
    if (!e->delete_marker) {
        char etag[48];
        object_etag_format(e->etag, e->etag_len, etag);
        text_append_string(t, "<ETag>&quot;");
        text_append_string(t, etag);
        text_append_string(t, "&quot;</ETag>");
        checksum_xml_algorithm(t, (enum checksum_kind)e->checksum_kind);
        checksum_xml_type(t, (enum checksum_kind)e->checksum_kind, e->checksum_type);
        xml_element_u64(t, "Size", e->size);
        xml_element_string(t, "StorageClass", object_storage_class_name(e->storage_class));
    }
    if (s->owners)
        owner_element(r, t, "Owner", e->owner_id);
    xml_close(t, element);
}

static void write_next(const struct list_state *s, struct text *t)
{
    const struct object_list *l = &s->list;
    if (!l->truncated)
        return;
    if (s->kind == LIST_V1 && l->delimiter.len)
        parameters_key_element(t, "NextMarker", l->next_after, s->url);
    if (s->kind == LIST_V2) {
        xml_open(t, "NextContinuationToken");
        token_format(t, l->next_after, l->next_after_is_prefix);
        xml_close(t, "NextContinuationToken");
    }
    if (s->kind != LIST_VERSIONS)
        return;
    parameters_key_element(t, "NextKeyMarker", l->next_after, s->url);
    if (l->next_after_is_prefix)
        return;
    /* The null version has no id that tells its place: the marker does. */
    uint8_t id[16] = {0};
    uint64_t clock = htobe64((uint64_t)(INT64_MAX - l->next_rank));
    memcpy(id, &clock, sizeof clock);
    write_version_id(t, "NextVersionIdMarker", false, l->next_null_version ? id : l->next_version_id);
}

static void write_head(struct s3_request *r, const struct list_state *s, struct text *t)
{
    const struct object_list *l = &s->list;
    xml_element(t, "Name", request_bucket(r));
    /* Version 1 gives the prefix back as it was sent: clients do not decode it there. */
    parameters_key_element(t, "Prefix", l->prefix, s->url && s->kind != LIST_V1);
    if (s->kind == LIST_V1)
        parameters_key_element(t, "Marker", parameters_value(r, "marker"), s->url);
    if (s->kind == LIST_VERSIONS) {
        parameters_key_element(t, "KeyMarker", parameters_value(r, "key-marker"), s->url);
        xml_element(t, "VersionIdMarker", parameters_value(r, "version-id-marker"));
    }
    if (s->kind == LIST_V2) {
        if (query_has(&r->query, "start-after"))
            parameters_key_element(t, "StartAfter", parameters_value(r, "start-after"), s->url);
        if (query_has(&r->query, "continuation-token"))
            xml_element(t, "ContinuationToken", parameters_value(r, "continuation-token"));
        xml_element_u64(t, "KeyCount", l->count);
    }
    xml_element_u64(t, "MaxKeys", l->max);
    if (l->delimiter.len)
        parameters_key_element(t, "Delimiter", l->delimiter, s->url);
    if (s->url)
        xml_element_string(t, "EncodingType", "url");
    xml_element_bool(t, "IsTruncated", l->truncated);
}

static void write_list(struct s3_request *r)
{
    struct list_state *s = r->state;
    const struct object_list *l = &s->list;
    const char *root = s->kind == LIST_VERSIONS ? "ListVersionsResult" : "ListBucketResult";
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, root);
    write_head(r, s, &t);
    write_next(s, &t);
    for (uint32_t i = 0; i < l->count; i++)
        if (!l->entries[i].is_prefix)
            write_entry(r, s, &t, &l->entries[i]);
    for (uint32_t i = 0; i < l->count; i++)
        if (l->entries[i].is_prefix) {
            xml_open(&t, "CommonPrefixes");
            parameters_key_element(&t, "Prefix", l->entries[i].key, s->url);
            xml_close(&t, "CommonPrefixes");
        }
    xml_close(&t, root);
    answer_xml(r, 200, &t);
}

static void done(struct object_list *l)
{
    struct list_state *s = container_of(l, struct list_state, list);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    if (l->err) {
        answer_err(r, l->err);
        return;
    }
    int64_t ids[OWNERS_LOAD_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->count && s->owners && count < OWNERS_LOAD_MAX; i++)
        if (!l->entries[i].is_prefix && (count == 0 || ids[count - 1] != l->entries[i].owner_id))
            ids[count++] = l->entries[i].owner_id;
    owner_load(r, ids, count, write_list);
}

/* A marker that is itself a common prefix of this listing was on the page before: what is under it is done. */
static bool is_common_prefix(const struct object_list *l)
{
    if (!l->delimiter.len || l->after.len < l->prefix.len + l->delimiter.len || memcmp(l->after.data, l->prefix.data, l->prefix.len) != 0)
        return false;
    const char *found = memmem(l->after.data + l->prefix.len, l->after.len - l->prefix.len, l->delimiter.data, l->delimiter.len);
    return found && found + l->delimiter.len == l->after.data + l->after.len;
}

static struct list_state *make(struct s3_request *r, enum list_kind kind)
{
    struct list_state *s = request_state(r, sizeof *s);
    if (!s || !parameters_encoding(r, &s->url) || !parameters_count(r, "max-keys", 1000, 1000, &s->list.max))
        return NULL;
    if (slice_equal_string(parameters_value(r, "allow-unordered"), "true") && parameters_value(r, "delimiter").len) {
        answer_bad_argument(r, "allow-unordered goes with no delimiter", "allow-unordered", parameters_value(r, "allow-unordered"));
        return NULL;
    }
    s->request = r;
    s->kind = kind;
    s->owners = kind != LIST_V2;
    s->list.reactor = request_objects(r);
    s->list.bucket = request_bucket(r);
    s->list.prefix = parameters_value(r, "prefix");
    s->list.delimiter = parameters_value(r, "delimiter");
    s->list.done = done;
    return s;
}

static void start(struct s3_request *r, struct list_state *s)
{
    r->cleanup = cleanup;
    request_work_begin(r);
    object_list_start(&s->list);
}

void list_objects_start(struct s3_request *r)
{
    struct list_state *s = make(r, LIST_V1);
    if (!s)
        return;
    s->list.after = parameters_value(r, "marker");
    s->list.after_is_prefix = is_common_prefix(&s->list);
    start(r, s);
}

void list_objects_v2_start(struct s3_request *r)
{
    struct list_state *s = make(r, LIST_V2);
    if (!s)
        return;
    s->owners = slice_equal_string_nocase(parameters_value(r, "fetch-owner"), "true");
    s->list.after = parameters_value(r, "start-after");
    s->list.after_is_prefix = is_common_prefix(&s->list);
    struct slice token = parameters_value(r, "continuation-token");
    if (token.len) {
        size_t len;
        if (token_parse(token, s->after, &len, &s->list.after_is_prefix)) {
            answer_bad_argument(r, "The continuation token provided is incorrect", "continuation-token", token);
            return;
        }
        s->list.after = slice_of(s->after, len);
    }
    start(r, s);
}

void list_versions_start(struct s3_request *r)
{
    struct list_state *s = make(r, LIST_VERSIONS);
    if (!s)
        return;
    s->list.versions = true;
    s->list.after = parameters_value(r, "key-marker");
    s->list.after_is_prefix = is_common_prefix(&s->list);
    struct slice marker = parameters_value(r, "version-id-marker");
    if (marker.len) {
        uint8_t id[16];
        if (!s->list.after.len) {
            answer_bad_argument(r, "A version-id marker cannot be specified without a key marker.", "version-id-marker", marker);
            return;
        }
        s->list.null_after = version_id_is_null(marker);
        if (s->list.null_after) {
            start(r, s);
            return;
        }
        if (version_id_parse(marker, id) || object_version_rank(id, &s->list.rank_after)) {
            answer_bad_argument(r, "Invalid version id specified", "version-id-marker", marker);
            return;
        }
        s->list.has_rank_after = true;
    }
    start(r, s);
}
