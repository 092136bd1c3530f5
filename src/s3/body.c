/* See body.h. */
#include <string.h>

#include "s3/answer.h"
#include "s3/body.h"

static void fail(struct s3_request *r)
{
    if (r->abandon)
        r->abandon(r);
    r->abandon = NULL;
}

static bool refuse(struct s3_request *r, enum s3_error e, const char *message)
{
    answer_error_text(r, e, message ? message : s3_error_text(e));
    fail(r);
    return false;
}

static bool refuse_payload(struct s3_request *r, enum payload_result result)
{
    if (result == PAYLOAD_BAD_CHECKSUM) /* can match no content */
        return refuse(r, S3_BadDigest, payload_result_text(result));
    struct answer_field field = {"Content-MD5", request_header(r, "content-md5")};
    answer_failure(r, payload_result_status(result), payload_result_code(result), payload_result_text(result), &field, result == PAYLOAD_BAD_MD5);
    fail(r);
    return false;
}

static bool refuse_sha256(struct s3_request *r, const uint8_t digest[SHA256_LEN])
{
    struct text computed = {0};
    text_append_hex(&computed, digest, SHA256_LEN);
    struct answer_field fields[] = {{"ClientComputedContentSHA256", request_header(r, "x-amz-content-sha256")},
                                    {"S3ComputedContentSHA256", slice_of(computed.data ? computed.data : "", computed.len)}};
    enum s3_error e = S3_XAmzContentSHA256Mismatch;
    answer_failure(r, s3_error_status(e), s3_error_code(e), s3_error_text(e), fields, fields[0].value.data ? 2 : 0);
    text_free(&computed);
    fail(r);
    return false;
}

static bool prepare_length(struct s3_request *r)
{
    struct s3_body *b = &r->body;
    uint64_t wire = http_content_length(r->http);
    b->has_length = wire == UINT64_MAX || request_header(r, "content-length").data;
    if (payload_is_stream(b->payload.mode)) {
        b->size = b->payload.decoded_len;
        if (wire != UINT64_MAX && wire < b->size)
            return refuse(r, S3_IncompleteBody, NULL);
    } else {
        b->size = wire;
    }
    if (r->operation->body == BODY_STREAM && !b->has_length)
        return refuse(r, S3_MissingContentLength, NULL);
    if (b->size != UINT64_MAX && b->size > (r->operation->body == BODY_STREAM ? PUT_SIZE_MAX : S3_DOCUMENT_MAX))
        return refuse(r, S3_EntityTooLarge, NULL);
    return true;
}

bool body_take_claims(struct s3_request *r)
{
    enum payload_result result = payload_parse(request_headers(r), &r->body.payload);
    return result == PAYLOAD_OK || refuse_payload(r, result);
}

bool body_prepare(struct s3_request *r)
{
    struct s3_body *b = &r->body;
    bool form = r->operation == operation_get(OPERATION_PostObject) || r->operation == operation_get(OPERATION_CallService);
    if (!form && !body_take_claims(r))
        return false;
    if (!prepare_length(r))
        return false;
    if (b->payload.mode == PAYLOAD_SHA256) {
        if (digest_stream_new(r->reactor->sha256, &b->sha256))
            return refuse(r, S3_SlowDown, NULL);
    }
    if (payload_is_stream(b->payload.mode)) {
        if (b->payload.mode != PAYLOAD_STREAM_UNSIGNED_TRAILER && !r->has_chain)
            return refuse(r, S3_InvalidRequest, "Signed chunks need a request signed in its headers.");
        struct aws_chunked *chunked = arena_take(&r->arena, sizeof *chunked);
        if (!chunked)
            return refuse(r, S3_SlowDown, NULL);
        int err = aws_chunked_init(chunked, b->payload.mode, b->size, r->has_chain ? &r->chain : NULL, r->reactor->sha256);
        if (err)
            return refuse(r, s3_error_of(err), NULL);
        b->chunked = chunked;
    }
    b->prepared = true;
    return true;
}

static size_t gather(struct s3_request *r, const void *data, size_t len)
{
    struct text *t = &r->body.document;
    if (t->len + len > S3_DOCUMENT_MAX) {
        refuse(r, S3_EntityTooLarge, NULL);
        return len;
    }
    text_append(t, data, len);
    if (t->failed)
        refuse(r, S3_SlowDown, NULL);
    return len;
}

/* Decoded bytes to where they go. */
static size_t deliver(struct s3_request *r, const void *data, size_t len)
{
    struct s3_body *b = &r->body;
    size_t n = r->sink ? r->sink(r, data, len) : gather(r, data, len);
    b->taken += n;
    if (b->sha256)
        digest_stream_update(b->sha256, data, n);
    return n;
}

static bool refuse_chunk(struct s3_request *r, int err)
{
    switch (err) {
    case ERR_SIGNATURE: return refuse(r, S3_SignatureDoesNotMatch, NULL);
    case ERR_INCOMPLETE_BODY: return refuse(r, S3_IncompleteBody, "The request body terminated unexpectedly");
    case ERR_MALFORMED:
        return aws_chunked_in_trailer(r->body.chunked)
                   ? refuse(r, S3_MalformedTrailerError, NULL)
                   : refuse(r, S3_IncompleteBody, "The chunks of the body are malformed or do not add up to x-amz-decoded-content-length.");
    case ERR_TOO_LARGE: return refuse(r, S3_InvalidRequest, "A chunk header or the trailer is too long.");
    default: return refuse(r, s3_error_of(err), NULL);
    }
}

static size_t feed_chunks(struct s3_request *r, const char *data, size_t len)
{
    struct aws_chunked *d = r->body.chunked;
    size_t at = 0;
    while (at < len && !r->answered) {
        if (aws_chunked_done(d)) {
            size_t extra = aws_chunked_extra(d, data + at, len - at);
            at += extra;
            if (extra)
                continue;
            refuse(r, S3_InvalidRequest, "There is more behind the last chunk.");
            break;
        }
        size_t used;
        struct slice span;
        int err = aws_chunked_frame(d, data + at, len - at, &used, &span);
        if (err) {
            refuse_chunk(r, err);
            break;
        }
        at += used;
        if (span.len == 0)
            continue;
        size_t n = deliver(r, span.data, span.len);
        aws_chunked_take(d, span.data, n);
        at += n;
        if (n < span.len)
            return at;
    }
    return r->answered ? len : at;
}

size_t body_feed(struct s3_request *r, const void *data, size_t len)
{
    if (r->body.chunked)
        return feed_chunks(r, data, len);
    return deliver(r, data, len);
}

/* Content-MD5 and checksum of a document. */
static bool check_document(struct s3_request *r)
{
    struct s3_body *b = &r->body;
    struct slice document = body_document(r);
    if (b->payload.has_md5) {
        uint8_t md5[MD5_LEN];
        md5_of(document.data, document.len, md5);
        if (memcmp(md5, b->payload.md5, MD5_LEN) != 0)
            return refuse(r, S3_BadDigest, NULL);
    }
    /* Of CompleteMultipartUpload the header speaks of the object. */
    if (!b->payload.has_checksum || r->operation == operation_get(OPERATION_CompleteMultipartUpload))
        return true;
    struct checksum_stream stream;
    uint8_t digest[CHECKSUM_LEN_MAX];
    if (checksum_init(&stream, b->payload.kind))
        return refuse(r, S3_SlowDown, NULL);
    checksum_update(&stream, document.data, document.len);
    checksum_final(&stream, digest);
    checksum_fini(&stream);
    return memcmp(digest, b->payload.checksum, checksum_len(b->payload.kind)) == 0 || refuse(r, S3_BadDigest, NULL);
}

bool body_finish(struct s3_request *r)
{
    struct s3_body *b = &r->body;
    if (r->answered)
        return false;
    if (b->chunked) {
        int err = aws_chunked_finish(b->chunked);
        if (err)
            return refuse_chunk(r, err);
        enum payload_result result = payload_take_trailers(&b->payload, aws_chunked_trailers(b->chunked));
        if (result != PAYLOAD_OK)
            return refuse_payload(r, result);
    }
    if (b->size != UINT64_MAX && b->taken != b->size)
        return refuse(r, S3_IncompleteBody, NULL);
    if (b->sha256) {
        uint8_t digest[SHA256_LEN];
        digest_stream_final(b->sha256, digest);
        if (!constant_time_equal(digest, b->payload.sha256, SHA256_LEN))
            return refuse_sha256(r, digest);
    }
    return r->operation->body == BODY_STREAM || check_document(r);
}

void body_fini(struct s3_request *r)
{
    struct s3_body *b = &r->body;
    digest_stream_free(b->sha256);
    if (b->chunked)
        aws_chunked_fini(b->chunked);
    text_free(&b->document);
}

const uint8_t *body_md5(const struct s3_request *r)
{
    return r->body.payload.has_md5 ? r->body.payload.md5 : NULL;
}

const uint8_t *body_checksum(const struct s3_request *r)
{
    return r->body.payload.has_checksum ? r->body.payload.checksum : NULL;
}

struct slice body_document(const struct s3_request *r)
{
    return slice_of(r->body.document.data ? r->body.document.data : "", r->body.document.len);
}
