/* See answer.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "s3/answer.h"
#include "s3/cors.h"
#include "s3/encryption.h"
#include "s3/explain.h"
#include "s3/object_lock.h"
#include "s3/website.h"
#include "wire/xml_write.h"

void answer_header(struct s3_request *r, const char *name, const char *value)
{
    if (r->gone || r->answered || r->explain)
        return;
    if (http_add_header(r->http, name, value))
        http_close_after(r->http); /* an answer without one of its headers: memory is short */
}

void answer_header_slice(struct s3_request *r, const char *name, struct slice value)
{
    struct slice copy = arena_copy(&r->arena, value);
    if (copy.data)
        answer_header(r, name, copy.data);
}

void answer_header_u64(struct s3_request *r, const char *name, uint64_t value)
{
    char text[21];
    snprintf(text, sizeof text, "%" PRIu64, value);
    answer_header(r, name, text);
}

/* False: there is nobody to answer, or it was done. */
static bool start_answer(struct s3_request *r, unsigned status)
{
    if (r->gone || r->answered)
        return false;
    answer_header(r, "Server", "Ingot");
    answer_header(r, "x-amz-request-id", r->id);
    answer_header(r, "x-amz-id-2", r->id);
    cors_answer(r);
    if (r->logging)
        r->answered_us = loop_now_us(request_objects(r)->loop);
    r->answered = true;
    r->status = status;
    return true;
}

void answer_empty(struct s3_request *r, unsigned status)
{
    if (start_answer(r, status))
        http_respond(r->http, status, NULL, 0);
}

void answer_head(struct s3_request *r, unsigned status, uint64_t content_length)
{
    if (start_answer(r, status))
        http_respond_head(r->http, status, content_length);
}

void answer_stream(struct s3_request *r, unsigned status, uint64_t len,
                   size_t (*pull)(struct http_request *, void *data, size_t capacity, int *err))
{
    if (start_answer(r, status))
        http_respond_stream(r->http, status, len, pull);
}

static void respond(struct s3_request *r, unsigned status, const struct text *text)
{
    if (r->is_head) {
        answer_empty(r, status);
        return;
    }
    answer_header(r, "Content-Type", r->website ? "text/html; charset=utf-8" : "application/xml");
    if (!start_answer(r, status))
        return;
    r->bytes_out = text->len;
    http_respond(r->http, status, text->data, text->len);
}

void answer_xml(struct s3_request *r, unsigned status, struct text *text)
{
    if (text->failed)
        answer_error(r, S3_SlowDown);
    else
        respond(r, status, text);
    text_free(text);
}

void answer_json(struct s3_request *r, unsigned status, struct slice document)
{
    answer_header(r, "Content-Type", "application/json");
    if (!start_answer(r, status))
        return;
    r->bytes_out = document.len;
    http_respond(r->http, status, document.data, document.len);
}

void answer_error_document(const struct s3_request *r, const char *code, const char *message, const struct answer_field *fields,
                           unsigned field_count, struct text *t)
{
    xml_open(t, "Error");
    xml_element_string(t, "Code", code);
    xml_element_string(t, "Message", message);
    for (unsigned i = 0; i < field_count; i++)
        xml_element(t, fields[i].name, fields[i].value);
    if (r->address.bucket_len)
        xml_element(t, "BucketName", request_bucket(r));
    if (r->address.key_len)
        xml_element(t, "Key", request_key(r));
    xml_element(t, "Resource", r->uri.path.data ? r->uri.path : slice_string("/"));
    xml_element_string(t, "RequestId", r->id);
    xml_element_string(t, "HostId", r->id);
    xml_close(t, "Error");
}

/* IAM's and STS's form, and their word for a key that is not there. */
static void service_error_document(const struct s3_request *r, unsigned status, const char *code, const char *message, struct text *t)
{
    bool no_key = strcmp(code, "InvalidAccessKeyId") == 0 || strcmp(code, "InvalidToken") == 0;
    xml_open(t, "ErrorResponse");
    xml_open(t, "Error");
    xml_element_string(t, "Type", status >= 500 ? "Receiver" : "Sender");
    xml_element_string(t, "Code", no_key ? "InvalidClientTokenId" : code);
    xml_element_string(t, "Message", message);
    xml_close(t, "Error");
    xml_element_string(t, "RequestId", r->id);
    xml_close(t, "ErrorResponse");
}

void answer_failure(struct s3_request *r, unsigned status, const char *code, const char *message,
                    const struct answer_field *fields, unsigned field_count)
{
    if (r->gone || r->answered)
        return;
    r->error_code = code;
    if (r->explain) {
        explain_refused(r, status, code, message);
        return;
    }
    if (status == 503)
        answer_header(r, "Retry-After", "1");
    if (status == 304 || r->is_head) {
        answer_empty(r, status);
        return;
    }
    struct text t = {0};
    if (!r->website)
        xml_declaration(&t);
    if (r->website)
        website_error_page(r, status, code, message, &t);
    else if (r->operation == operation_get(OPERATION_CallService))
        service_error_document(r, status, code, message, &t);
    else
        answer_error_document(r, code, message, fields, field_count, &t);
    if (t.failed)
        answer_empty(r, 503);
    else
        respond(r, status, &t);
    text_free(&t);
}

/* The one condition that was sent; where there are several, no name. */
static struct slice condition_of(const struct s3_request *r)
{
    static const char *const names[] = {"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
                                        "x-amz-copy-source-If-Match", "x-amz-copy-source-If-None-Match",
                                        "x-amz-copy-source-If-Modified-Since", "x-amz-copy-source-If-Unmodified-Since",
                                        "x-amz-if-match-size", "x-amz-if-match-last-modified-time"};
    struct slice found = {0};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (!request_header(r, names[i]).data)
            continue;
        if (found.data)
            return (struct slice){0};
        found = slice_string(names[i]);
    }
    return found;
}

/* What S3 tells besides the message; those without data are left out. */
static unsigned fields_of(const struct s3_request *r, enum s3_error e, struct answer_field fields[2])
{
    struct answer_field all[2] = {0};
    unsigned count = 0;
    switch (e) {
    case S3_NoSuchUpload: all[0] = (struct answer_field){"UploadId", query_value(&r->query, "uploadId")}; break;
    case S3_NoSuchVersion: all[0] = (struct answer_field){"VersionId", query_value(&r->query, "versionId")}; break;
    case S3_PreconditionFailed: all[0] = (struct answer_field){"Condition", condition_of(r)}; break;
    case S3_MethodNotAllowed:
        all[0] = (struct answer_field){"Method", r->method};
        all[1] = (struct answer_field){"ResourceType", slice_string(r->address.key_len ? "OBJECT" : r->address.bucket_len ? "BUCKET" : "SERVICE")};
        break;
    default: break;
    }
    for (unsigned i = 0; i < 2; i++)
        if (all[i].value.data)
            fields[count++] = all[i];
    return count;
}

void answer_error_text(struct s3_request *r, enum s3_error e, const char *message)
{
    struct answer_field fields[2];
    unsigned count = r->query_parsed ? fields_of(r, e, fields) : 0;
    answer_failure(r, s3_error_status(e), s3_error_code(e), message, fields, count);
}

void answer_error(struct s3_request *r, enum s3_error e)
{
    answer_error_text(r, e, s3_error_text(e));
}

void answer_bad_argument(struct s3_request *r, const char *message, const char *name, struct slice value)
{
    struct answer_field fields[] = {{"ArgumentName", slice_string(name)}, {"ArgumentValue", value.data ? value : slice_of("", 0)}};
    answer_failure(r, 400, "InvalidArgument", message, fields, 2);
}

void answer_err(struct s3_request *r, int err)
{
    if (encryption_answer_err(r, err, r->operation == operation_get(OPERATION_UploadPart)
                                          || r->operation == operation_get(OPERATION_CompleteMultipartUpload)))
        return;
    if (object_lock_answer_err(r, err))
        return;
    enum s3_error e = s3_error_of(err);
    if (e == S3_BadDigest && r->body.payload.has_checksum && !r->body.payload.has_md5) {
        char message[96];
        snprintf(message, sizeof message, "The %s you specified did not match the calculated checksum.", checksum_name(r->body.payload.kind));
        answer_error_text(r, e, message);
        return;
    }
    if (e == S3_InternalError)
        log_error("request %s, %s: %s", r->id, r->operation ? r->operation->name : "?", err_text(err));
    answer_error(r, e);
}
