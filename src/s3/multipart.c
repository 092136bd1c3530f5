/* CreateMultipartUpload, CompleteMultipartUpload, AbortMultipartUpload. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "s3/acl.h"
#include "s3/answer.h"
#include "s3/body.h"
#include "s3/checksum_xml.h"
#include "s3/encryption.h"
#include "s3/lifecycle.h"
#include "s3/object_headers.h"
#include "s3/object_lock.h"
#include "s3/operations.h"
#include "s3/parameters.h"
#include "wire/version_id.h"
#include "wire/xml_request.h"
#include "wire/xml_write.h"

/* --- CreateMultipartUpload --- */

struct create_state {
    struct upload_create create;
    struct s3_request *request;
    struct text attributes;
};

static void create_cleanup(struct s3_request *r)
{
    struct create_state *s = r->state;
    upload_create_fini(&s->create);
    text_free(&s->attributes);
}

static void create_done(struct upload_create *c)
{
    struct s3_request *r = container_of(c, struct create_state, create)->request;
    if (!request_work_end(r))
        return;
    if (c->err) {
        answer_err(r, c->err);
        return;
    }
    char id[VERSION_ID_TEXT_SIZE];
    encryption_answer(r, slice_of(c->row_attributes.data ? c->row_attributes.data : "", c->row_attributes.len));
    version_id_format(c->upload_id, id);
    struct text t = {0};
    xml_declaration(&t);
    xml_open_root(&t, "InitiateMultipartUploadResult");
    xml_element(&t, "Bucket", request_bucket(r));
    xml_element(&t, "Key", request_key(r));
    xml_element_string(&t, "UploadId", id);
    xml_close(&t, "InitiateMultipartUploadResult");
    if (c->checksum != CHECKSUM_NONE) {
        answer_header(r, "x-amz-checksum-algorithm", checksum_name(c->checksum));
        answer_header(r, "x-amz-checksum-type", c->checksum_type == 1 ? "COMPOSITE" : "FULL_OBJECT");
    }
    lifecycle_answer_abortion(r, &c->abortion);
    answer_xml(r, 200, &t);
}

/* Only CRCs can be joined; CRC64NVME is always of the whole, CRC32 and CRC32C may be either. */
static bool take_checksum(struct s3_request *r, struct upload_create *c)
{
    struct slice algorithm = request_header(r, "x-amz-checksum-algorithm"), type = request_header(r, "x-amz-checksum-type");
    if (algorithm.data) {
        c->checksum = checksum_kind_parse(algorithm);
        if (c->checksum == CHECKSUM_NONE) {
            answer_error_text(r, S3_InvalidRequest, payload_result_text(PAYLOAD_BAD_ALGORITHM));
            return false;
        }
    }
    c->checksum_type = checksum_composes(c->checksum);
    if (!type.data)
        return true;
    bool full = slice_equal_string_nocase(type, "FULL_OBJECT"), composite = slice_equal_string_nocase(type, "COMPOSITE");
    char message[128] = "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.";
    if (!full && !composite)
        snprintf(message, sizeof message, "%s", payload_result_text(PAYLOAD_BAD_CHECKSUM_TYPE));
    else if (c->checksum != CHECKSUM_NONE)
        snprintf(message, sizeof message, "The %s checksum type cannot be used with the %s checksum algorithm.",
                 full ? "FULL_OBJECT" : "COMPOSITE", checksum_name(c->checksum));
    if (full ? !checksum_is_crc(c->checksum) : !composite || !checksum_composes(c->checksum)) {
        answer_error_text(r, S3_InvalidRequest, message);
        return false;
    }
    c->checksum_type = composite;
    return true;
}

void create_upload_start(struct s3_request *r)
{
    struct create_state *s = request_state(r, sizeof *s);
    if (!s)
        return;
    r->cleanup = create_cleanup;
    s->request = r;
    if (!object_headers_no_append(r) || !object_headers_storage_class(r, &s->create.storage_class)
        || !encryption_headers(r, &s->create.encryption)
        || !object_headers_attributes(r, &s->attributes) || !object_lock_headers(r, &s->attributes)
        || !acl_attribute(r, &s->attributes) || !object_headers_tags(r, &s->attributes) || !take_checksum(r, &s->create))
        return;
    s->create.reactor = request_objects(r);
    s->create.bucket = request_bucket(r);
    s->create.key = request_key(r);
    s->create.attributes = slice_of(s->attributes.data ? s->attributes.data : "", s->attributes.len);
    s->create.owner_id = r->access.owner_id;
    s->create.done = create_done;
    request_work_begin(r);
    upload_create_start(&s->create);
}

/* --- AbortMultipartUpload --- */

struct abort_state {
    struct upload_abort abort;
    struct s3_request *request;
};

static void abort_done(struct upload_abort *a)
{
    struct s3_request *r = container_of(a, struct abort_state, abort)->request;
    if (!request_work_end(r))
        return;
    if (a->err)
        answer_err(r, a->err);
    else
        answer_empty(r, 204);
}

void abort_upload_start(struct s3_request *r)
{
    struct abort_state *s = request_state(r, sizeof *s);
    if (!s || !parameters_upload_id(r, s->abort.upload_id))
        return;
    s->request = r;
    s->abort.reactor = request_objects(r);
    s->abort.bucket = request_bucket(r);
    s->abort.key = request_key(r);
    s->abort.done = abort_done;
    request_work_begin(r);
    upload_abort_start(&s->abort);
}

/* --- CompleteMultipartUpload --- */

#define KEEP_ALIVE_US 5000000ull /* a client that waits longer gets a blank, then one each time again */

struct complete_state {
    struct upload_complete complete;
    struct s3_request *request;
    struct timer timer;
    bool streaming, finished, started;
    struct text tail;  /* what is left to send when streaming */
    size_t tail_sent;
};

static void complete_cleanup(struct s3_request *r)
{
    struct complete_state *s = r->state;
    loop_timer_cancel(request_objects(r)->loop, &s->timer);
    if (s->started)
        upload_complete_fini(&s->complete);
    free(s->complete.parts);
    text_free(&s->tail);
}

static size_t pull(struct http_request *http, void *data, size_t capacity, int *err)
{
    struct s3_request *r = http_user(http);
    struct complete_state *s = r->state;
    size_t left = s->tail.len - s->tail_sent;
    if (left) {
        size_t n = left < capacity ? left : capacity;
        memcpy(data, s->tail.data + s->tail_sent, n);
        s->tail_sent += n;
        return n;
    }
    *err = s->finished ? (s->tail.failed ? ERR_NO_MEMORY : 0) : ERR_WOULD_BLOCK;
    return 0;
}

static void keep_alive(struct timer *timer)
{
    struct complete_state *s = container_of(timer, struct complete_state, timer);
    struct s3_request *r = s->request;
    if (r->gone || s->finished)
        return;
    struct loop *loop = request_objects(r)->loop;
    loop_timer_set(loop, &s->timer, loop_now_us(loop) + KEEP_ALIVE_US);
    if (!s->streaming) {
        s->streaming = true;
        xml_declaration(&s->tail);
        answer_header(r, "Content-Type", "application/xml");
        answer_stream(r, 200, UINT64_MAX, pull);
        return;
    }
    text_append_string(&s->tail, " ");
    http_resume(r->http);
}

static void write_location(struct s3_request *r, struct text *t)
{
    struct slice host = request_header(r, "host");
    xml_open(t, "Location");
    text_append_string(t, http_is_tls(r->http) ? "https://" : "http://");
    xml_escape(t, host.data ? host : slice_of("", 0));
    text_append_string(t, "/");
    if (!r->address.virtual_host) {
        uri_encode(t, request_bucket(r), true);
        text_append_string(t, "/");
    }
    uri_encode(t, request_key(r), true);
    xml_close(t, "Location");
}

static void write_result(struct s3_request *r, const struct upload_complete *c, struct text *t)
{
    char etag[48];
    object_etag_format(c->info.etag, c->info.etag_len, etag);
    xml_open_root(t, "CompleteMultipartUploadResult");
    write_location(r, t);
    xml_element(t, "Bucket", request_bucket(r));
    xml_element(t, "Key", request_key(r));
    text_append_format(t, "<ETag>&quot;%s&quot;</ETag>", etag);
    checksum_xml(t, c->checksum_kind, c->checksum_type, c->part_count, c->checksum_value);
    checksum_xml_type(t, c->checksum_kind, c->checksum_type);
    xml_close(t, "CompleteMultipartUploadResult");
}

static void complete_done(struct upload_complete *c)
{
    struct complete_state *s = container_of(c, struct complete_state, complete);
    struct s3_request *r = s->request;
    s->finished = true;
    loop_timer_cancel(request_objects(r)->loop, &s->timer);
    bool live = !r->gone;
    bool unanswered = request_work_end(r);
    if (!live)
        return;
    if (s->streaming) {
        if (c->err) {
            enum s3_error e = s3_error_of(c->err);
            answer_error_document(r, s3_error_code(e), s3_error_text(e), NULL, 0, &s->tail);
        } else {
            write_result(r, c, &s->tail);
        }
        http_resume(r->http);
        return;
    }
    if (!unanswered)
        return;
    if (c->err) {
        answer_err(r, c->err);
        return;
    }
    struct text t = {0};
    xml_declaration(&t);
    write_result(r, c, &t);
    encryption_answer(r, c->info.attributes);
    object_answer_new_version(r, &c->info);
    lifecycle_answer_expiration(r, &c->info);
    answer_xml(r, 200, &t);
}

static bool take_parts(struct s3_request *r, struct upload_complete *c)
{
    struct complete_document document;
    struct slice body = body_document(r);
    int err = complete_document_parse(body.data, body.len, &document);
    if (err) {
        answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : S3_MalformedXML);
        return false;
    }
    uint32_t type;
    enum checksum_kind kind = object_upload_checksum(c->upload_id, &type);
    enum s3_error e = S3_OK;
    c->parts = calloc(document.part_count, sizeof *c->parts);
    if (!c->parts)
        e = S3_SlowDown;
    for (uint32_t i = 0; i < document.part_count && e == S3_OK; i++) {
        const struct complete_part *p = &document.parts[i];
        bool again = i > 0 && p->part_number == document.parts[i - 1].part_number; /* a part sent twice: the last one counts */
        struct upload_complete_part *to = &c->parts[again ? c->part_count - 1 : c->part_count];
        if (!p->has_etag && !p->etag_malformed)
            e = S3_MalformedXML;
        else if (p->etag_malformed)
            e = S3_InvalidPart;
        if (kind != CHECKSUM_NONE && p->kind != CHECKSUM_NONE && p->kind != kind)
            e = S3_BadDigest;
        if (i > 0 && p->part_number < document.parts[i - 1].part_number && e == S3_OK)
            e = S3_InvalidPartOrder;
        to->part_number = p->part_number;
        memcpy(to->etag, p->etag, sizeof to->etag);
        to->has_checksum = p->kind != CHECKSUM_NONE && (kind == CHECKSUM_NONE || p->kind == kind);
        memcpy(to->checksum, p->checksum, sizeof to->checksum);
        c->part_count += !again;
    }
    complete_document_fini(&document);
    if (e != S3_OK)
        answer_error(r, e);
    return e == S3_OK;
}

/* What the client claims about the whole. */
static bool take_claims(struct s3_request *r, struct upload_complete *c)
{
    const struct payload *p = &r->body.payload;
    uint32_t type;
    enum checksum_kind kind = object_upload_checksum(c->upload_id, &type);
    if (p->has_checksum && kind == p->kind) {
        if (p->composite && (type != 1 || p->composite_parts != c->part_count)) { /* MinIO's clients leave "-3" out */
            answer_error(r, S3_BadDigest);
            return false;
        }
        c->has_checksum = true;
        memcpy(c->checksum, p->checksum, sizeof c->checksum);
    }
    if (p->type != CHECKSUM_TYPE_NONE && kind != CHECKSUM_NONE && (p->type == CHECKSUM_COMPOSITE) != (type == 1)) {
        answer_error_text(r, S3_InvalidRequest, "The upload was created with another checksum type.");
        return false;
    }
    struct slice size = request_header(r, "x-amz-mp-object-size");
    c->has_size = size.data != NULL;
    if (c->has_size && slice_parse_u64(size, &c->size)) {
        answer_bad_argument(r, "Invalid value for x-amz-mp-object-size", "x-amz-mp-object-size", size);
        return false;
    }
    return true;
}

void complete_upload_start(struct s3_request *r)
{
    struct complete_state *s = request_state(r, sizeof *s);
    if (!s)
        return;
    r->cleanup = complete_cleanup;
    s->request = r;
    struct upload_complete *c = &s->complete;
    if (!parameters_upload_id(r, c->upload_id) || !take_parts(r, c) || !take_claims(r, c) || !encryption_headers_key(r, "x-amz-", &c->customer_key))
        return;
    c->reactor = request_objects(r);
    c->bucket = request_bucket(r);
    c->key = request_key(r);
    object_headers_conditions(r, "", &c->conditions);
    c->done = complete_done;
    struct loop *loop = request_objects(r)->loop;
    s->timer.fire = keep_alive;
    loop_timer_set(loop, &s->timer, loop_now_us(loop) + KEEP_ALIVE_US);
    s->started = true;
    request_work_begin(r);
    upload_complete_start(c);
}
