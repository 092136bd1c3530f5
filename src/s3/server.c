/* The handler that http calls: a request's head, body, end and going; see request.h for its life. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "s3/access.h"
#include "s3/access_log.h"
#include "s3/answer.h"
#include "s3/authorise.h"
#include "s3/bucket_logging.h"
#include "s3/caller.h"
#include "s3/cors.h"
#include "s3/body.h"
#include "s3/owner.h"

#define SPARE_MAX 64u

int s3_reactor_init(struct s3_reactor *reactor, const struct s3_server *server, struct object_reactor *object)
{
    memset(reactor, 0, sizeof *reactor);
    int err = digest_engine_new(DIGEST_SHA256, &reactor->sha256);
    if (err)
        return err;
    reactor->server = server;
    reactor->object = object;
    reactor->id_base = loop_random(object->loop);
    return 0;
}

bool s3_reactor_busy(const struct s3_reactor *reactor)
{
    return reactor->request_count > 0;
}

void s3_reactor_fini(struct s3_reactor *reactor)
{
    assert(reactor->request_count == 0);
    while (reactor->spare) {
        struct s3_request *r = reactor->spare;
        reactor->spare = r->state;
        free(r);
    }
    sigv4_key_cache_fini(&reactor->keys);
    authorise_forget(reactor);
    owner_forget(reactor);
    access_bucket_forget(reactor);
    access_log_forget(reactor);
    digest_engine_free(reactor->sha256);
}

/* --- life --- */

static struct s3_request *request_new(struct s3_reactor *reactor)
{
    struct s3_request *r = reactor->spare;
    if (r) {
        reactor->spare = r->state;
        reactor->spare_count--;
    } else {
        r = malloc(sizeof *r);
    }
    if (!r)
        return NULL;
    memset(r, 0, sizeof *r);
    reactor->request_count++;
    r->reactor = reactor;
    return r;
}

static void request_free(struct s3_request *r)
{
    struct s3_reactor *reactor = r->reactor;
    if (r->cleanup)
        r->cleanup(r);
    access_release(r);
    body_fini(r);
    access_log_release(r->logging);
    caller_release(r->caller);
    if (r->query_parsed)
        query_fini(&r->query);
    arena_free(&r->arena);
    reactor->request_count--;
    if (reactor->spare_count == SPARE_MAX) {
        free(r);
        return;
    }
    r->state = reactor->spare;
    reactor->spare = r;
    reactor->spare_count++;
}

void *request_state(struct s3_request *r, size_t size)
{
    r->state = arena_take(&r->arena, size);
    if (r->state)
        memset(r->state, 0, size);
    else
        answer_error(r, S3_SlowDown);
    return r->state;
}

void request_work_begin(struct s3_request *r)
{
    r->pending++;
}

bool request_work_end(struct s3_request *r)
{
    assert(r->pending > 0);
    r->pending--;
    if (!r->gone)
        return !r->answered;
    if (r->pending == 0)
        request_free(r);
    return false;
}

/* --- the head --- */

static bool take_header(void *arg, struct slice name, struct slice value)
{
    struct s3_request *r = arg;
    if (r->header_count == HEADERS_MAX)
        return false;
    /* Copies: object/ may still look at them when the connection is gone. */
    struct header h = {arena_copy(&r->arena, name), arena_copy(&r->arena, value)};
    r->headers[r->header_count++] = h;
    return h.name.data && h.value.data;
}

static bool hooked(struct s3_request *r)
{
    const struct s3_server *server = r->reactor->server;
    if (!server->hook || r->address.virtual_host)
        return false;
    if (!slice_starts_with(r->uri.path, "/-/") && !slice_starts_with(r->uri.path, "/minio/"))
        return false;
    struct s3_hook_answer a = {.status = 200, .content_type = "text/plain",
                               .authorization = http_header(r->http, "Authorization")};
    if (!server->hook(server->hook_arg, r->uri.path, r->uri.query, &a))
        return false;
    answer_header(r, "Content-Type", a.content_type);
    if (r->is_head)
        answer_empty(r, a.status);
    else if (!a.body.failed) {
        answer_header(r, "Server", "Ingot");
        r->answered = true;
        r->status = a.status;
        http_respond(r->http, a.status, a.body.data, a.body.len);
    } else
        answer_empty(r, 503);
    text_free(&a.body);
    return true;
}

/* C1 control characters are no part of a URI that S3 takes. */
static bool has_c1_control(struct slice key)
{
    for (size_t i = 0; i + 1 < key.len; i++)
        if ((uint8_t)key.data[i] == 0xc2 && (uint8_t)key.data[i + 1] >= 0x80 && (uint8_t)key.data[i + 1] < 0xa0)
            return true;
    return false;
}

static enum s3_error parse_target(struct s3_request *r, struct slice sent)
{
    const struct s3_server *server = r->reactor->server;
    struct slice target = arena_copy(&r->arena, sent);
    if (!target.data || uri_split(target, &r->uri))
        return S3_InvalidURI;
    struct slice host = request_header(r, "host");
    if (r->uri.authority.data)
        host = r->uri.authority;
    if (!host.data)
        host = slice_of("", 0);
    int err = uri_address_parse(r->uri.path, host, server->website_domains, server->website_domain_count, &r->address);
    r->website = r->address.virtual_host;
    if (!r->website)
        err = uri_address_parse(r->uri.path, host, server->domains, server->domain_count, &r->address);
    if (err) {
        r->address.bucket_len = r->address.key_len = 0;
        return err == ERR_INVALID ? S3_InvalidBucketName : err == ERR_TOO_LARGE ? S3_KeyTooLongError : S3_InvalidURI;
    }
    if (query_parse(r->uri.query, &r->query))
        return S3_InvalidURI;
    r->query_parsed = true;
    return S3_OK;
}

/* Also in a presigned query, where it counts once the signature is found right (authorise.c); as a header's name, in any case. */
static bool has_copy_source(const struct s3_request *r)
{
    if (request_header(r, "x-amz-copy-source").data)
        return true;
    if (!query_has(&r->query, "X-Amz-Signature"))
        return false;
    for (uint32_t i = 0; i < r->query.count; i++)
        if (slice_equal_string_nocase(r->query.items[i].name, "x-amz-copy-source"))
            return true;
    return false;
}

static enum s3_error route(struct s3_request *r)
{
    const struct s3_server *server = r->reactor->server;
    if (has_c1_control(request_key(r)))
        return S3_InvalidURI;
    enum operation_id id = OPERATION_Website;
    enum s3_error e = r->website ? router_website(r->method) : router_find(r->method, r->address.bucket_len > 0, r->address.key_len > 0, &r->query,
                                                                           has_copy_source(r), &id);
    if (e != S3_OK)
        return e;
    r->operation = operation_get(id);
    /* Creating answers InvalidBucketName; nothing else can find such a bucket. */
    if (r->address.bucket_len && !uri_bucket_valid(request_bucket(r), server->allow_underscore))
        return id == OPERATION_CreateBucket ? S3_InvalidBucketName : S3_NoSuchBucket;
    if (id == OPERATION_CreateBucket && slice_equal_string(request_bucket(r), "minio"))
        return S3_InvalidBucketName;
    return S3_OK;
}

static void name_request(struct s3_request *r, struct slice method)
{
    struct s3_reactor *reactor = r->reactor;
    r->started_us = loop_now_us(reactor->object->loop);
    snprintf(r->id, sizeof r->id, "%016llX", (unsigned long long)(reactor->id_base++ * 0x9e3779b97f4a7c15ull));
    r->method = method;
    r->is_head = slice_equal_string(method, "HEAD");
}

struct s3_request *request_made(struct s3_reactor *reactor, struct slice method)
{
    struct s3_request *r = request_new(reactor);
    if (r)
        name_request(r, method);
    return r;
}

enum s3_error request_parse(struct s3_request *r, struct slice target)
{
    enum s3_error e = parse_target(r, target);
    return e == S3_OK ? route(r) : e;
}

void request_leave(struct s3_request *r)
{
    r->gone = true;
    if (r->pending == 0)
        request_free(r);
}

static void logging_known(struct s3_request *r)
{
    cors_load(r, r->operation == operation_get(OPERATION_Preflight) ? request_admit : authorise);
}

static void begin(void *server_arg, struct http_request *http)
{
    struct s3_reactor *reactor = server_arg;
    struct s3_request *r = request_new(reactor);
    http_set_user(http, r);
    if (!r) {
        http_close_after(http);
        http_respond(http, 503, NULL, 0);
        return;
    }
    r->http = http;
    name_request(r, http_method(http));
    http_headers_each(http, take_header, r);
    enum s3_error e = parse_target(r, http_target(http));
    if (e == S3_OK && hooked(r))
        return;
    if (e == S3_OK)
        e = route(r);
    if (e == S3_OK && r->header_count == HEADERS_MAX) {
        answer_error_text(r, S3_BadRequest, "Too many header fields.");
        return;
    }
    if (e != S3_OK)
        answer_error(r, e);
    else {
        access_log_load(r, logging_known);
        if (!r->admitted && !r->answered) { /* the access key or the bucket's owner is being looked up */
            r->stalled = true;
            http_hold_continue(http);
        }
    }
}

/* --- the body --- */

static void run_end(struct s3_request *r)
{
    if (r->answered)
        return;
    switch (r->operation->body) {
    case BODY_NONE:
        r->operation->start(r);
        return;
    case BODY_DOCUMENT:
        if (body_finish(r))
            r->operation->start(r);
        return;
    case BODY_STREAM:
        if (body_finish(r))
            r->finish(r);
        return;
    }
}

static void admit(struct s3_request *r)
{
    if (r->operation->body != BODY_NONE && !body_prepare(r))
        return;
    r->admitted = true;
    if (r->operation->body == BODY_STREAM)
        r->operation->start(r);
    if (r->stalled && !r->gone) {
        r->stalled = false;
        http_resume(r->http);
    }
    if (r->ended)
        run_end(r);
}

/* Who it is, for the access log. */
static void requester_known(struct s3_request *r)
{
    r->requester = owner_canonical_id(r, r->identity.account_id);
    admit(r);
}

void request_admit(struct s3_request *r)
{
    if (!bucket_logging_admits(r))
        return;
    if (r->logging && r->identity.account_id)
        owner_load(r, &r->identity.account_id, 1, requester_known);
    else
        admit(r);
}

static size_t body(struct http_request *http, const void *data, size_t len)
{
    struct s3_request *r = http_user(http);
    if (r->answered)
        return len;
    size_t taken = 0;
    if (r->admitted)
        taken = r->operation->body == BODY_NONE ? len : body_feed(r, data, len);
    r->bytes_in += taken;
    r->stalled = taken < len;
    return taken;
}

static void end(struct http_request *http)
{
    struct s3_request *r = http_user(http);
    r->ended = true;
    if (r->logging)
        r->ended_us = loop_now_us(request_objects(r)->loop);
    if (r->admitted)
        run_end(r);
}

/* --- the end --- */

static void report(struct s3_request *r, bool complete)
{
    const struct s3_server *server = r->reactor->server;
    uint64_t us = loop_now_us(r->reactor->object->loop) - r->started_us;
    const char *name = r->operation ? r->operation->name : "-";
    if (server->observe)
        server->observe(server->observe_arg, name, r->status, r->bytes_in, r->bytes_out, us);
    if (!server->access_log)
        return;
    log_info("access id=%s peer=%s key=%s op=%s method=%.*s path=%.*s status=%u code=%s in=%llu out=%llu us=%llu%s%s%s%s", r->id,
             http_peer(r->http), r->identity.access_key[0] ? r->identity.access_key : "-", name, (int)r->method.len,
             r->method.data, (int)r->uri.path.len, r->uri.path.data ? r->uri.path.data : "", r->status,
             r->error_code ? r->error_code : "-", (unsigned long long)r->bytes_in, (unsigned long long)r->bytes_out,
             (unsigned long long)us, complete ? "" : " cut", r->access.reason[0] && r->status == 403 ? " denied=\"" : "",
             r->status == 403 ? r->access.reason : "", r->access.reason[0] && r->status == 403 ? "\"" : "");
}

static void gone(struct http_request *http, bool complete)
{
    struct s3_request *r = http_user(http);
    if (!r)
        return;
    report(r, complete);
    if (r->logging)
        access_log_write(r);
    r->gone = true;
    r->http = NULL;
    if (r->abandon)
        r->abandon(r);
    r->abandon = NULL;
    request_leave(r);
}

/* Bodies that nobody takes on or sends hold the buffers that other requests wait for. */
static bool pressed(void *server_arg)
{
    const struct s3_reactor *reactor = server_arg;
    return reactor->object->buffers->waiters_head != NULL;
}

static const struct http_handler handler = {.begin = begin, .body = body, .end = end, .gone = gone, .pressed = pressed};

const struct http_handler *s3_http_handler(void)
{
    return &handler;
}
