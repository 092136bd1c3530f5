/* ListMultipartUploads and ListParts. */
#include "base/container.h"
#include "s3/answer.h"
#include "s3/checksum_xml.h"
#include "s3/lifecycle.h"
#include "s3/object_headers.h"
#include "s3/operations.h"
#include "s3/owner.h"
#include "s3/parameters.h"
#include "wire/version_id.h"
#include "wire/xml_write.h"

struct uploads_state {
    struct upload_list_request list;
    struct s3_request *request;
    bool url;
};

static void uploads_cleanup(struct s3_request *r)
{
    struct uploads_state *s = r->state;
    upload_list_fini(&s->list);
}

static void write_upload(struct s3_request *r, struct text *t, const struct upload_list_entry *e, bool url)
{
    char id[VERSION_ID_TEXT_SIZE];
    version_id_format(e->upload_id, id);
    xml_open(t, "Upload");
    parameters_key_element(t, "Key", e->key, url);
    xml_element_string(t, "UploadId", id);
    owner_element(r, t, "Initiator", e->owner_id);
    owner_element(r, t, "Owner", e->owner_id);
    xml_element_string(t, "StorageClass", object_storage_class_name(e->storage_class));
    xml_element_time(t, "Initiated", e->initiated_us);
    checksum_xml_algorithm(t, (enum checksum_kind)e->checksum_kind);
    checksum_xml_type(t, (enum checksum_kind)e->checksum_kind, e->checksum_type);
    xml_close(t, "Upload");
}

static void write_uploads(struct s3_request *r)
{
    struct uploads_state *s = r->state;
    const struct upload_list_request *l = &s->list;
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, "ListMultipartUploadsResult");
    xml_element(&t, "Bucket", request_bucket(r));
    parameters_key_element(&t, "KeyMarker", l->key_marker, s->url);
    xml_element(&t, "UploadIdMarker", parameters_value(r, "upload-id-marker"));
    if (l->truncated && l->count) {
        const struct upload_list_entry *last = &l->entries[l->count - 1];
        char id[VERSION_ID_TEXT_SIZE] = "";
        if (!last->is_prefix)
            version_id_format(last->upload_id, id);
        parameters_key_element(&t, "NextKeyMarker", last->key, s->url);
        xml_element_string(&t, "NextUploadIdMarker", id);
    }
    parameters_key_element(&t, "Prefix", l->prefix, s->url);
    if (l->delimiter.len)
        parameters_key_element(&t, "Delimiter", l->delimiter, s->url);
    if (s->url)
        xml_element_string(&t, "EncodingType", "url");
    xml_element_u64(&t, "MaxUploads", l->max);
    xml_element_bool(&t, "IsTruncated", l->truncated);
    for (uint32_t i = 0; i < l->count; i++)
        if (!l->entries[i].is_prefix)
            write_upload(r, &t, &l->entries[i], s->url);
    for (uint32_t i = 0; i < l->count; i++)
        if (l->entries[i].is_prefix) {
            xml_open(&t, "CommonPrefixes");
            parameters_key_element(&t, "Prefix", l->entries[i].key, s->url);
            xml_close(&t, "CommonPrefixes");
        }
    xml_close(&t, "ListMultipartUploadsResult");
    answer_xml(r, 200, &t);
}

static void uploads_done(struct upload_list_request *l)
{
    struct s3_request *r = container_of(l, struct uploads_state, list)->request;
    if (!request_work_end(r))
        return;
    if (l->err) {
        answer_err(r, l->err);
        return;
    }
    int64_t ids[OWNERS_LOAD_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->count && count < OWNERS_LOAD_MAX; i++)
        if (!l->entries[i].is_prefix && (count == 0 || ids[count - 1] != l->entries[i].owner_id))
            ids[count++] = l->entries[i].owner_id;
    owner_load(r, ids, count, write_uploads);
}

void list_uploads_start(struct s3_request *r)
{
    struct uploads_state *s = request_state(r, sizeof *s);
    if (!s || !parameters_encoding(r, &s->url) || !parameters_count(r, "max-uploads", 1000, 1000, &s->list.max))
        return;
    s->request = r;
    s->list.reactor = request_objects(r);
    s->list.bucket = request_bucket(r);
    s->list.prefix = parameters_value(r, "prefix");
    s->list.delimiter = parameters_value(r, "delimiter");
    s->list.key_marker = parameters_value(r, "key-marker");
    struct slice marker = parameters_value(r, "upload-id-marker");
    if (marker.len && s->list.key_marker.len) {
        if (version_id_parse(marker, s->list.upload_id_marker)) {
            answer_bad_argument(r, "Invalid uploadId marker", "upload-id-marker", marker);
            return;
        }
        s->list.has_upload_id_marker = true;
    }
    s->list.done = uploads_done;
    r->cleanup = uploads_cleanup;
    request_work_begin(r);
    upload_list_start(&s->list);
}

/* --- ListParts --- */

struct parts_state {
    struct upload_parts parts;
    struct s3_request *request;
};

static void parts_cleanup(struct s3_request *r)
{
    struct parts_state *s = r->state;
    upload_parts_fini(&s->parts);
}

static void write_part(struct text *t, const struct upload_parts *p, const struct upload_part_entry *e)
{
    char etag[48];
    object_etag_format(e->etag, MD5_LEN, etag);
    xml_open(t, "Part");
    xml_element_u64(t, "PartNumber", e->part_number);
    xml_element_time(t, "LastModified", e->modified_us);
    text_append_format(t, "<ETag>&quot;%s&quot;</ETag>", etag);
    xml_element_u64(t, "Size", e->size);
    if (e->has_checksum)
        checksum_xml(t, p->checksum_kind, 0, 0, e->checksum);
    xml_close(t, "Part");
}

static void write_parts(struct s3_request *r)
{
    struct parts_state *s = r->state;
    const struct upload_parts *p = &s->parts;
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, "ListPartsResult");
    xml_element(&t, "Bucket", request_bucket(r));
    xml_element(&t, "Key", request_key(r));
    xml_element(&t, "UploadId", parameters_value(r, "uploadId"));
    owner_element(r, &t, "Initiator", p->owner_id);
    owner_element(r, &t, "Owner", p->owner_id);
    xml_element_string(&t, "StorageClass", object_storage_class_name(p->storage_class));
    checksum_xml_algorithm(&t, p->checksum_kind);
    checksum_xml_type(&t, p->checksum_kind, p->checksum_type);
    xml_element_u64(&t, "PartNumberMarker", p->after);
    xml_element_u64(&t, "NextPartNumberMarker", p->count ? p->entries[p->count - 1].part_number : 0);
    xml_element_u64(&t, "MaxParts", p->max);
    xml_element_bool(&t, "IsTruncated", p->truncated);
    for (uint32_t i = 0; i < p->count; i++)
        write_part(&t, p, &p->entries[i]);
    xml_close(&t, "ListPartsResult");
    lifecycle_answer_abortion(r, &p->abortion);
    answer_xml(r, 200, &t);
}

static void parts_done(struct upload_parts *p)
{
    struct s3_request *r = container_of(p, struct parts_state, parts)->request;
    if (!request_work_end(r))
        return;
    if (p->err)
        answer_err(r, p->err);
    else
        owner_load(r, &p->owner_id, 1, write_parts);
}

void list_parts_start(struct s3_request *r)
{
    struct parts_state *s = request_state(r, sizeof *s);
    if (!s || !parameters_upload_id(r, s->parts.upload_id) || !parameters_count(r, "max-parts", 1000, 1000, &s->parts.max)
        || !parameters_count(r, "part-number-marker", 0, INT32_MAX, &s->parts.after))
        return;
    s->request = r;
    s->parts.reactor = request_objects(r);
    s->parts.bucket = request_bucket(r);
    s->parts.key = request_key(r);
    s->parts.done = parts_done;
    r->cleanup = parts_cleanup;
    request_work_begin(r);
    upload_parts_start(&s->parts);
}
