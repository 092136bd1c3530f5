/* GetObjectAttributes. */
#include "base/container.h"
#include "s3/answer.h"
#include "s3/checksum_xml.h"
#include "s3/encryption.h"
#include "s3/object_headers.h"
#include "s3/operations.h"
#include "s3/parameters.h"
#include "wire/http_date.h"
#include "wire/xml_write.h"

#define ATTRIBUTES_HEADER "x-amz-object-attributes"

enum wanted { WANT_ETAG = 1, WANT_CHECKSUM = 2, WANT_PARTS = 4, WANT_CLASS = 8, WANT_SIZE = 16 };

struct attributes_state {
    struct object_parts parts;
    struct s3_request *request;
    unsigned wanted;
};

static void cleanup(struct s3_request *r)
{
    struct attributes_state *s = r->state;
    object_parts_fini(&s->parts);
}

static void write_parts(struct text *t, const struct object_parts *p, enum checksum_kind kind)
{
    xml_open(t, "ObjectParts");
    xml_element_u64(t, "PartsCount", p->info.part_count);
    xml_element_u64(t, "PartNumberMarker", p->after);
    xml_element_u64(t, "NextPartNumberMarker", p->count ? p->entries[p->count - 1].part_number : 0);
    xml_element_u64(t, "MaxParts", p->max);
    xml_element_bool(t, "IsTruncated", p->truncated);
    for (uint32_t i = 0; i < p->count; i++) {
        xml_open(t, "Part");
        xml_element_u64(t, "PartNumber", p->entries[i].part_number);
        xml_element_u64(t, "Size", p->entries[i].size);
        if (p->entries[i].has_checksum)
            checksum_xml(t, kind, 0, 0, p->entries[i].checksum);
        xml_close(t, "Part");
    }
    xml_close(t, "ObjectParts");
}

static void write_attributes(struct s3_request *r, const struct attributes_state *s)
{
    const struct object_info *info = &s->parts.info;
    uint32_t type = 0;
    struct slice value;
    enum checksum_kind kind = object_info_checksum(info, &type, &value);
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, "GetObjectAttributesResponse");
    if (s->wanted & WANT_ETAG) {
        char etag[48];
        object_etag_format(info->etag, info->etag_len, etag);
        xml_element_string(&t, "ETag", etag);
    }
    if ((s->wanted & WANT_CHECKSUM) && kind != CHECKSUM_NONE) {
        xml_open(&t, "Checksum");
        checksum_xml(&t, kind, type, info->part_count, (const uint8_t *)value.data);
        checksum_xml_type(&t, kind, type);
        xml_close(&t, "Checksum");
    }
    if ((s->wanted & WANT_PARTS) && info->part_count)
        write_parts(&t, &s->parts, kind);
    if (s->wanted & WANT_CLASS)
        xml_element_string(&t, "StorageClass", object_storage_class_name(info->storage_class));
    if (s->wanted & WANT_SIZE)
        xml_element_u64(&t, "ObjectSize", info->size);
    xml_close(&t, "GetObjectAttributesResponse");
    char date[HTTP_DATE_SIZE];
    http_date_format(info->modified_us, date);
    answer_header(r, "Last-Modified", date);
    object_answer_version(r, info);
    answer_xml(r, 200, &t);
}

static void done(struct object_parts *p)
{
    struct attributes_state *s = container_of(p, struct attributes_state, parts);
    struct s3_request *r = s->request;
    if (!request_work_end(r))
        return;
    if (p->err == ERR_DELETE_MARKER) {
        object_answer_version(r, &p->info);
        answer_header(r, "x-amz-delete-marker", "true");
        answer_error(r, p->has_version_id ? S3_MethodNotAllowed : S3_NoSuchKey);
    } else if (p->err) {
        answer_err(r, p->err);
    } else {
        write_attributes(r, s);
    }
}

/* The names of one line, with commas between. False: one is none. */
static bool take_names(struct slice value, unsigned *wanted)
{
    static const char *const names[] = {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"};
    for (size_t at = 0; at <= value.len;) {
        size_t end = at;
        while (end < value.len && value.data[end] != ',')
            end++;
        struct slice name = slice_trim(slice_of(value.data + at, end - at));
        unsigned i = 0;
        while (i < 5 && !slice_equal_string(name, names[i]))
            i++;
        if (i == 5)
            return false;
        *wanted |= 1u << i;
        at = end + 1;
    }
    return true;
}

/* A list in one line, or in several (RFC 9110 5.3). */
static bool take_wanted(struct s3_request *r, unsigned *ret)
{
    bool good = true;
    *ret = 0;
    for (uint32_t i = 0; i < r->header_count && good; i++)
        if (slice_equal_string_nocase(r->headers[i].name, ATTRIBUTES_HEADER))
            good = take_names(r->headers[i].value, ret);
    if (good && *ret)
        return true;
    answer_bad_argument(r, "Invalid attribute name specified.", ATTRIBUTES_HEADER, request_header(r, ATTRIBUTES_HEADER));
    return false;
}

static bool header_count_of(struct s3_request *r, const char *name, uint32_t fallback, uint32_t max, uint32_t *ret)
{
    struct slice value = request_header(r, name);
    uint64_t number = fallback;
    if (value.data && (slice_parse_u64(value, &number) || number > INT32_MAX)) {
        answer_bad_argument(r, "The header is not an integer or not within its range", name, value);
        return false;
    }
    *ret = number > max ? max : (uint32_t)number;
    return true;
}

void get_object_attributes_start(struct s3_request *r)
{
    struct attributes_state *s = request_state(r, sizeof *s);
    if (!s || !take_wanted(r, &s->wanted))
        return;
    struct object_parts *p = &s->parts;
    if (!object_headers_version(r, &p->has_version_id, &p->null_version_id, p->version_id)
        || !header_count_of(r, "x-amz-max-parts", 1000, 1000, &p->max)
        || !header_count_of(r, "x-amz-part-number-marker", 0, INT32_MAX, &p->after) || !encryption_headers_read(r, &p->customer_key))
        return;
    s->request = r;
    p->reactor = request_objects(r);
    p->bucket = request_bucket(r);
    p->key = request_key(r);
    p->done = done;
    r->cleanup = cleanup;
    request_work_begin(r);
    object_parts_start(p);
}
