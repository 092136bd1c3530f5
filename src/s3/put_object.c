/* PutObject and UploadPart: a body in. */
#include <string.h>

#include "s3/acl.h"
#include "s3/answer.h"
#include "s3/body.h"
#include "s3/encryption.h"
#include "s3/lifecycle.h"
#include "s3/object_headers.h"
#include "s3/object_lock.h"
#include "s3/operations.h"
#include "s3/parameters.h"

struct put_state {
    struct object_put *put;
    struct object_put_options options;
    uint32_t checksum_type;
    bool ended;
};

static size_t sink(struct s3_request *r, const void *data, size_t len)
{
    struct put_state *s = r->state;
    return object_put_write(s->put, data, len);
}

static void ready(void *arg)
{
    struct s3_request *r = arg;
    if (r->gone || r->answered || !r->stalled)
        return;
    r->stalled = false;
    http_resume(r->http);
}

static void finish(struct s3_request *r)
{
    struct put_state *s = r->state;
    s->ended = true;
    object_put_finish(s->put, body_md5(r), body_checksum(r));
}

static void abandon(struct s3_request *r)
{
    struct put_state *s = r->state;
    if (!s->ended)
        object_put_abort(s->put);
    s->ended = true;
}

static void cleanup(struct s3_request *r)
{
    struct put_state *s = r->state;
    object_put_free(s->put);
}

/* Those of an append in S3's words. */
static void answer_put_err(struct s3_request *r, const struct put_state *s, int err)
{
    const char *text = err == ERR_EMPTY_APPEND      ? "Request body cannot be empty when 'write offset' is specified."
                       : err == ERR_APPEND_METADATA ? "Cannot specify both a write offset value and user-defined object metadata for existing objects."
                       : err == ERR_CHECKSUM_TYPE   ? "Checksum Type mismatch occurred: the existing object has a checksum of another type." : NULL;
    if (text)
        answer_error_text(r, S3_InvalidRequest, text);
    else if (s->options.append && err == ERR_UNSUPPORTED)
        answer_error_text(r, S3_NotImplemented, "Appending to an encrypted object is not implemented.");
    else
        answer_err(r, err);
}

static bool take_write_offset(struct s3_request *r, struct object_put_options *options)
{
    struct slice value = request_header(r, "x-amz-write-offset-bytes");
    options->append = value.data != NULL;
    if (!value.data || !slice_parse_u64(value, &options->write_offset))
        return true;
    answer_bad_argument(r, "The write offset must be the size of the object in bytes", "x-amz-write-offset-bytes", value);
    return false;
}

static void done(void *arg, int err)
{
    struct s3_request *r = arg;
    struct put_state *s = r->state;
    if (!request_work_end(r))
        return;
    if (err) {
        answer_put_err(r, s, err);
        return;
    }
    const struct object_put_result *result = object_put_result(s->put);
    encryption_answer(r, result->info.attributes);
    object_answer_etag(r, &result->info);
    if (s->options.target == PUT_OBJECT) {
        object_answer_new_version(r, &result->info);
        lifecycle_answer_expiration(r, &result->info);
        object_answer_checksum(r, result->checksum_kind, result->checksum_type, result->info.part_count, result->checksum);
        if (s->options.append)
            answer_header_u64(r, "x-amz-object-size", result->info.size);
    } else if (s->options.checksum != CHECKSUM_NONE) {
        struct text t = {0};
        text_append_base64(&t, result->checksum, checksum_len(s->options.checksum));
        if (!t.failed)
            answer_header(r, checksum_header_name(s->options.checksum), t.data);
        text_free(&t);
    }
    answer_empty(r, 200);
}

static void start(struct s3_request *r, struct put_state *s)
{
    s->options.reactor = request_objects(r);
    s->options.bucket = request_bucket(r);
    s->options.key = request_key(r);
    s->options.owner_id = r->access.owner_id;
    s->options.size = r->body.size;
    s->options.ready = ready;
    s->options.done = done;
    s->options.arg = r;
    int err = object_put_new(&s->options, &s->put);
    if (err) {
        answer_err(r, err);
        return;
    }
    request_work_begin(r);
    r->sink = sink;
    r->finish = finish;
    r->abandon = abandon;
    r->cleanup = cleanup;
}

void put_object_start(struct s3_request *r)
{
    struct put_state *s = request_state(r, sizeof *s);
    struct text attributes = {0};
    if (s && take_write_offset(r, &s->options) && object_headers_storage_class(r, &s->options.storage_class)
        && encryption_headers(r, &s->options.encryption) && object_headers_attributes(r, &attributes) && object_lock_headers(r, &attributes)
        && acl_attribute(r, &attributes)
        && object_headers_tags(r, &attributes)) {
        s->options.target = PUT_OBJECT;
        s->options.attributes = slice_of(attributes.data ? attributes.data : "", attributes.len);
        s->options.checksum = r->body.payload.kind;
        if (s->options.checksum == CHECKSUM_NONE && !s->options.append)
            s->options.checksum = CHECKSUM_CRC64NVME; /* as S3 does without one */
        object_headers_conditions(r, "", &s->options.conditions);
        start(r, s);
    }
    text_free(&attributes);
}

void upload_part_start(struct s3_request *r)
{
    struct put_state *s = request_state(r, sizeof *s);
    uint8_t *id = arena_take(&r->arena, 16);
    if (!s || !id || !object_headers_no_append(r) || !parameters_part_number(r, true, &s->options.part_number))
        return;
    if (!parameters_upload_id(r, id) || !encryption_headers_key(r, "x-amz-", &s->options.encryption.customer_key))
        return;
    enum checksum_kind kind = object_upload_checksum(id, &s->checksum_type);
    enum checksum_kind sent = r->body.payload.kind;
    if (kind != CHECKSUM_NONE && sent != CHECKSUM_NONE && kind != sent) {
        struct text t = {0};
        text_append_format(&t, "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
                           checksum_name(kind), checksum_name(sent));
        answer_error_text(r, S3_InvalidRequest, t.failed ? "Checksum Type mismatch occurred" : t.data);
        text_free(&t);
        return;
    }
    s->options.target = PUT_PART;
    s->options.upload_id = slice_of((const char *)id, 16);
    s->options.checksum = kind ? kind : sent;
    start(r, s);
}
