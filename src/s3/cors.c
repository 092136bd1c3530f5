/* See cors.h. The document is kept as an attribute of the bucket, and looked at only for requests with an Origin. */
#include "s3/cors.h"

#include "base/container.h"
#include "s3/answer.h"
#include "s3/attribute_write.h"
#include "s3/body.h"
#include "s3/lookup.h"
#include "s3/operations.h"
#include "wire/cors.h"

#define CORS_NAME "cors" /* ATTRIBUTE_CONFIGURATION of buckets */

/* What the bucket says of this request. */
struct s3_cors {
    bool no_bucket; /* then nothing else */
    bool allowed;
    struct slice origin, methods, headers, exposed, max_age;
};

struct cors_lookup {
    struct bucket_request bucket;
    struct s3_request *request;
    void (*then)(struct s3_request *);
};

static struct slice join(struct s3_request *r, const struct xml_node *rule, const char *name)
{
    struct text t = {0};
    cors_join(rule, name, &t);
    struct slice copy = t.failed ? slice_of(NULL, 0) : arena_copy(&r->arena, slice_of(t.data ? t.data : "", t.len));
    text_free(&t);
    return copy;
}

/* A preflight's headers, allowed: in lower case, as S3 writes them. data NULL without memory. */
static struct slice lower_case(struct s3_request *r, struct slice names)
{
    char *copy = arena_take(&r->arena, names.len + 1);
    for (size_t i = 0; copy && i < names.len; i++)
        copy[i] = (char)(names.data[i] >= 'A' && names.data[i] <= 'Z' ? names.data[i] | 32 : names.data[i]);
    return slice_of(copy, names.len);
}

static int take_rule(struct s3_request *r, const struct xml_node *rule, struct s3_cors *cors)
{
    struct slice origin = cors_any_origin(rule) ? slice_string("*") : request_header(r, "origin");
    cors->allowed = true;
    cors->origin = origin;
    cors->methods = join(r, rule, "AllowedMethod");
    cors->exposed = join(r, rule, "ExposeHeader");
    cors->max_age = join(r, rule, "MaxAgeSeconds");
    cors->headers = lower_case(r, request_header(r, "access-control-request-headers"));
    return cors->methods.data && cors->exposed.data && cors->max_age.data && cors->headers.data ? 0 : ERR_NO_MEMORY;
}

static int take_document(struct s3_request *r, struct slice text)
{
    struct slice method = request_header(r, "access-control-request-method"), headers = request_header(r, "access-control-request-headers");
    struct cors_request request = {request_header(r, "origin"), method.data ? method : r->method,
                                   headers.data ? headers : slice_of("", 0)};
    struct s3_cors *cors = arena_take(&r->arena, sizeof *cors);
    struct xml_document *document;
    int err = cors ? cors_parse(text.data, text.len, &document) : ERR_NO_MEMORY;
    if (err)
        return err == ERR_NO_MEMORY ? err : ERR_CORRUPT;
    *cors = (struct s3_cors){.allowed = false};
    const struct xml_node *rule = cors_find(document, &request);
    if (rule)
        err = take_rule(r, rule, cors);
    xml_document_free(document);
    r->cors = cors;
    return err;
}

static void found(struct bucket_request *b)
{
    struct cors_lookup *l = container_of(b, struct cors_lookup, bucket);
    struct s3_request *r = l->request;
    struct slice text;
    static const struct s3_cors no_bucket = {.no_bucket = true};
    int err = b->err == ERR_NO_SUCH_BUCKET ? 0 : b->err; /* other operations find that out by themselves */
    if (b->err == ERR_NO_SUCH_BUCKET)
        r->cors = &no_bucket;
    if (!b->err) {
        err = attribute_find(slice_of(b->attributes.data ? b->attributes.data : "", b->attributes.len), ATTRIBUTE_CONFIGURATION,
                             CORS_NAME, &text);
        err = !err ? take_document(r, text) : err == ERR_NOT_FOUND ? 0 : err;
    }
    bucket_request_fini(b);
    if (!request_work_end(r))
        return;
    if (err)
        answer_err(r, err);
    else
        l->then(r);
}

void cors_load(struct s3_request *r, void (*then)(struct s3_request *))
{
    if (!r->address.bucket_len || !request_header(r, "origin").data) {
        then(r);
        return;
    }
    struct cors_lookup *l = arena_take(&r->arena, sizeof *l);
    if (!l) {
        answer_error(r, S3_SlowDown);
        return;
    }
    *l = (struct cors_lookup){.request = r, .then = then};
    l->bucket.reactor = request_objects(r);
    l->bucket.name = request_bucket(r);
    l->bucket.done = found;
    request_work_begin(r);
    bucket_find(&l->bucket);
}

static void answer_if_any(struct s3_request *r, const char *name, struct slice value)
{
    if (value.data && value.len)
        answer_header_slice(r, name, value);
}

void cors_answer(struct s3_request *r)
{
    const struct s3_cors *c = r->cors;
    if (!c || !c->allowed)
        return;
    answer_header_slice(r, "Access-Control-Allow-Origin", c->origin);
    answer_header_slice(r, "Access-Control-Allow-Methods", c->methods);
    answer_if_any(r, "Access-Control-Allow-Headers", c->headers);
    answer_if_any(r, "Access-Control-Expose-Headers", c->exposed);
    answer_if_any(r, "Access-Control-Max-Age", c->max_age);
    if (!slice_equal_string(c->origin, "*"))
        answer_header(r, "Access-Control-Allow-Credentials", "true");
    answer_header(r, "Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
}

static bool allowable(struct slice method)
{
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD"};
    for (unsigned i = 0; i < sizeof methods / sizeof *methods; i++)
        if (method.data && slice_equal_string(method, methods[i]))
            return true;
    return false;
}

static void refuse_method(struct s3_request *r, struct slice method)
{
    struct text t = {0};
    text_append_format(&t, "Invalid Access-Control-Request-Method: %.*s", (int)method.len, method.data);
    if (t.failed)
        answer_error(r, S3_SlowDown);
    else
        answer_error_text(r, S3_BadRequest, t.data);
    text_free(&t);
}

void preflight_start(struct s3_request *r)
{
    struct slice method = request_header(r, "access-control-request-method");
    if (!request_header(r, "origin").len)
        answer_error_text(r, S3_BadRequest, "Insufficient information. Origin request header needed.");
    else if (!allowable(method))
        refuse_method(r, method.data ? method : slice_string("null"));
    else if (r->cors && r->cors->no_bucket)
        answer_error(r, S3_NoSuchBucket);
    else if (!r->cors)
        answer_error_text(r, S3_AccessForbidden, "CORSResponse: CORS is not enabled for this bucket.");
    else if (!r->cors->allowed)
        answer_error_text(r, S3_AccessForbidden, "CORSResponse: This CORS request is not allowed: no rule of the bucket has its origin, method and headers.");
    else
        answer_empty(r, 200);
}

/* --- the configuration --- */

static void got(struct s3_request *r, const struct object_info *info)
{
    struct slice text;
    struct text t = {0};
    if (attribute_find(info->attributes, ATTRIBUTE_CONFIGURATION, CORS_NAME, &text)) {
        answer_error(r, S3_NoSuchCORSConfiguration);
        return;
    }
    text_append(&t, text.data, text.len);
    answer_xml(r, 200, &t);
}

void get_bucket_cors_start(struct s3_request *r)
{
    lookup(r, got);
}

static void put_done(struct s3_request *r)
{
    answer_empty(r, 200);
}

void put_bucket_cors_start(struct s3_request *r)
{
    struct slice body = body_document(r);
    struct xml_document *document;
    struct text t = {0}, entry = {0};
    int err = cors_parse(body.data, body.len, &document);
    if (err) {
        if (err == ERR_INVALID)
            answer_error_text(r, S3_InvalidRequest, "A rule has a method that S3 does not support, or an origin or a header with more than one wildcard.");
        else
            answer_error(r, err == ERR_NO_MEMORY ? S3_SlowDown : S3_MalformedXML);
        return;
    }
    cors_format(document, &t);
    xml_document_free(document);
    if (!t.failed && t.len <= CORS_SIZE_MAX)
        attribute_append(&entry, ATTRIBUTE_CONFIGURATION, slice_string(CORS_NAME), slice_of(t.data, t.len));
    if (t.failed || entry.failed)
        answer_error(r, S3_SlowDown);
    else if (t.len > CORS_SIZE_MAX)
        answer_error_text(r, S3_InvalidRequest, "The CORS configuration is larger than 64 KB.");
    else
        attribute_write(r, ATTRIBUTE_CONFIGURATION, CORS_NAME, slice_of(entry.data, entry.len), put_done);
    text_free(&t);
    text_free(&entry);
}

static void delete_done(struct s3_request *r)
{
    answer_empty(r, 204);
}

void delete_bucket_cors_start(struct s3_request *r)
{
    attribute_write(r, ATTRIBUTE_CONFIGURATION, CORS_NAME, slice_of("", 0), delete_done);
}
