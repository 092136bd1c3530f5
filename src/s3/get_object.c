/* GetObject and HeadObject. */
#include <inttypes.h>
#include <stdio.h>

#include "base/container.h"
#include "s3/access.h"
#include "s3/answer.h"
#include "s3/encryption.h"
#include "s3/get_object.h"
#include "s3/object_headers.h"
#include "s3/operations.h"
#include "s3/parameters.h"
#include "wire/http_date.h"
#include "wire/range.h"
#include "wire/version_id.h"

struct get_state {
    struct object_get get; /* first: get_object.h */
    struct s3_request *request;
    bool started;
};

static void cleanup(struct s3_request *r)
{
    struct get_state *s = r->state;
    object_get_fini(&s->get);
}

static void ready(void *arg)
{
    struct s3_request *r = arg;
    if (!r->gone)
        http_resume(r->http);
}

static size_t pull(struct http_request *http, void *data, size_t capacity, int *err)
{
    struct s3_request *r = http_user(http);
    struct object_get *get = r->state;
    size_t n = object_get_read(get, data, capacity, err);
    r->bytes_out += n;
    return n;
}

static void answer_marker(struct s3_request *r, const struct object_get *g)
{
    object_answer_version(r, &g->info);
    answer_header(r, "x-amz-delete-marker", "true");
    if (!g->has_version_id) {
        answer_error(r, S3_NoSuchKey);
        return;
    }
    answer_header(r, "Allow", "DELETE");
    char date[HTTP_DATE_SIZE];
    http_date_format(g->info.modified_us, date);
    answer_header(r, "Last-Modified", date);
    answer_error(r, S3_MethodNotAllowed);
}

void get_object_answer_failed(struct s3_request *r, const struct object_get *g)
{
    char size[21];
    snprintf(size, sizeof size, "%" PRIu64, g->info.size);
    switch (g->err) {
    case ERR_DELETE_MARKER:
        answer_marker(r, g);
        return;
    case ERR_NOT_MODIFIED:
        object_answer_etag(r, &g->info);
        object_answer_version(r, &g->info);
        char date[HTTP_DATE_SIZE];
        http_date_format(g->info.modified_us, date);
        answer_header(r, "Last-Modified", date);
        answer_error(r, S3_NotModified);
        return;
    case ERR_INVALID_RANGE: {
        struct answer_field fields[] = {{"RangeRequested", request_header(r, "range")}, {"ActualObjectSize", slice_string(size)}};
        struct text t = {0};
        text_append_format(&t, "bytes */%s", size);
        if (!t.failed)
            answer_header(r, "Content-Range", t.data);
        text_free(&t);
        answer_failure(r, 416, "InvalidRange", s3_error_text(S3_InvalidRange), fields, fields[0].value.data ? 2 : 0);
        return;
    }
    case ERR_NO_SUCH_VERSION: {
        struct answer_field field = {"VersionId", parameters_value(r, "versionId")};
        answer_failure(r, 404, "NoSuchVersion", s3_error_text(S3_NoSuchVersion), &field, 1);
        return;
    }
    default:
        answer_err(r, g->err);
    }
}

/* A part of a multipart object has a checksum of its own; the whole's says nothing about it. */
static void answer_part_checksum(struct s3_request *r, const struct object_get *g)
{
    uint32_t type;
    struct slice value;
    enum checksum_kind kind = object_info_checksum(&g->info, &type, &value);
    if (kind != CHECKSUM_NONE && g->part_checksum_len == checksum_len(kind))
        object_answer_checksum(r, kind, type, 0, g->part_checksum);
}

void get_object_answer(struct s3_request *r, struct object_get *g, unsigned status)
{
    struct slice mode = request_header(r, "x-amz-checksum-mode");
    bool partial = g->has_range || g->part_number;
    bool whole = g->first == 0 && g->len == g->info.size, of_part = g->part_number && g->info.part_count;
    bool checked = mode.data && slice_equal_string_nocase(mode, "ENABLED");
    if (!r->is_head)
        object_get_on_ready(g, ready, r);
    object_answer_info(r, &g->info, checked && whole && !of_part);
    if (checked && of_part)
        answer_part_checksum(r, g);
    if (g->part_number && g->info.part_count)
        answer_header_u64(r, "x-amz-mp-parts-count", g->info.part_count);
    if (partial && g->info.size) {
        char range[80];
        snprintf(range, sizeof range, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, g->first, g->first + g->len - 1, g->info.size);
        answer_header(r, "Content-Range", range);
    }
    if (partial && g->info.size)
        status = 206;
    if (r->is_head)
        answer_head(r, status, g->len);
    else if (g->len == 0)
        answer_empty(r, status);
    else
        answer_stream(r, status, g->len, pull);
}

/* Whether the caller may have this answer; what is wrong with its conditions tells of the object, too. */
static bool permitted(struct s3_request *r, const struct object_get *g)
{
    switch (g->err) {
    case 0:
    case ERR_NOT_MODIFIED:
    case ERR_PRECONDITION:
    case ERR_INVALID_RANGE:
        return access_object(r, &g->info);
    case ERR_NO_SUCH_KEY:
    case ERR_NO_SUCH_VERSION:
    case ERR_DELETE_MARKER:
        return access_missing(r);
    default:
        return true;
    }
}

static void done(struct object_get *g)
{
    struct s3_request *r = container_of(g, struct get_state, get)->request;
    if (!request_work_end(r) || !permitted(r, g))
        return;
    if (g->err)
        get_object_answer_failed(r, g);
    else
        get_object_answer(r, g, 200);
}

void get_object_take_range(struct s3_request *r, struct object_get *g)
{
    struct slice value = request_header(r, "range");
    struct range range;
    object_headers_conditions(r, "", &g->conditions);
    if (!value.data || range_parse(value, &range))
        return;
    g->has_range = true;
    g->range_is_suffix = range.suffix;
    g->range_first = range.first;
    g->range_last = range.last;
}

static bool has_override(const struct s3_request *r)
{
    for (uint32_t i = 0; i < r->query.count; i++)
        if (slice_starts_with(r->query.items[i].name, "response-"))
            return true;
    return false;
}

void get_object_start(struct s3_request *r)
{
    struct get_state *s = request_state(r, sizeof *s);
    if (!s)
        return;
    s->request = r;
    struct object_get *g = &s->get;
    g->reactor = request_objects(r);
    g->bucket = request_bucket(r);
    g->key = request_key(r);
    if (!object_headers_version(r, &g->has_version_id, &g->null_version_id, g->version_id)
        || !parameters_part_number(r, false, &g->part_number))
        return;
    if (r->identity.anonymous && has_override(r)) {
        answer_error_text(r, S3_InvalidRequest, "Request specific response headers cannot be used for anonymous GET requests.");
        return;
    }
    if (!object_headers_overrides(r) || !encryption_headers_read(r, &g->customer_key))
        return;
    get_object_take_range(r, g);
    if (g->has_range && g->part_number) {
        answer_error_text(r, S3_InvalidRequest, "Cannot specify both Range header and partNumber query parameter");
        return;
    }
    g->head_only = r->is_head;
    g->done = done;
    r->cleanup = cleanup;
    request_work_begin(r);
    object_get_start(g);
}
