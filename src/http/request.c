/* A request on its way through libmicrohttpd, and what a handler asks of it.
 *
 * libmicrohttpd calls request_handle once when the head has come (again while a handler holds "100 Continue" back), then for each piece of the body, then whenever the request
 * goes on after the body. An answer queued in the first call always closes the connection: so requests without a body
 * begin in the second, and a small body is read and dropped before its early answer. In the middle of a body no answer can
 * be queued: the rest is dropped up to a bound, and beyond it the answer is written to the socket directly. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "http/connection.h"

static struct connection *connection_of(struct http_request *r)
{
    return (struct connection *)r;
}

void *request_line(void *cls, const char *uri, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *c = info ? info->socket_context : NULL;
    if (!c)
        return NULL;
    struct http_request *r = &c->request;
    *r = (struct http_request){.server = cls, .connection = connection, .target_at = uri};
    r->answer_headers_tail = &r->answer_headers;
    r->target = arena_copy(&r->arena, slice_string(uri ? uri : ""));
    connection_phase(c, PHASE_HEAD);
    return r;
}

/* --- waiting --- */

void request_suspend(struct http_request *r)
{
    assert(!r->suspended);
    MHD_suspend_connection(r->connection);
    r->suspended = true;
    if (r->resume_wanted)
        request_wake(r);
}

void request_wake(struct http_request *r)
{
    if (!r->suspended) {
        r->resume_wanted = true; /* it was about to wait */
        return;
    }
    r->suspended = r->resume_wanted = false;
    MHD_resume_connection(r->connection);
    server_schedule(r->server);
}

void http_resume(struct http_request *r)
{
    request_wake(r);
}

void http_hold_continue(struct http_request *r)
{
    r->held = true;
}

/* --- libmicrohttpd's calls --- */

static enum MHD_Result send_answer(struct http_request *r)
{
    connection_phase(connection_of(r), PHASE_SEND);
    return !r->cut && answer_queue(r) ? MHD_YES : MHD_NO;
}

static enum MHD_Result handle_head(struct http_request *r, const char *method, const char *version)
{
    const char *why;
    unsigned status = head_read(r, method, version, &why);
    r->active = true;
    r->server->active_count++;
    if (status != 0) {
        http_close_after(r);
        http_respond(r, status, why, strlen(why));
        connection_of(r)->linger = true;
        return send_answer(r);
    }
    r->stage = STAGE_FULL;
    if (!r->has_body)
        return MHD_YES; /* comes again at once */
    r->stage = STAGE_BODY;
    connection_phase(connection_of(r), PHASE_BODY);
    r->began = true;
    r->server->handler->begin(r->server->argument, r);
    if (!r->answered && r->held && r->expects_continue) {
        r->stage = STAGE_HELD;
        request_suspend(r);
    }
    if (!r->answered)
        return MHD_YES;
    if (!r->expects_continue && r->content_length <= HTTP_DRAIN_EARLY_MAX && !r->close_after)
        return MHD_YES;
    connection_of(r)->linger = true;
    return send_answer(r);
}

/* Called again in place of the first time: "100 Continue" goes out when this returns without an answer. */
static enum MHD_Result handle_held(struct http_request *r)
{
    r->stage = STAGE_BODY;
    if (!r->answered)
        return MHD_YES;
    connection_of(r)->linger = true;
    return send_answer(r);
}

static enum MHD_Result drop_body(struct http_request *r, size_t *data_len)
{
    r->drained_len += *data_len;
    *data_len = 0;
    if (r->drained_len <= HTTP_DRAIN_LATE_MAX && !r->cut)
        return MHD_YES;
    connection_of(r)->linger = true;
    if (!r->cut)
        answer_write_raw(r);
    return MHD_NO;
}

static enum MHD_Result handle_body(struct http_request *r, const char *data, size_t *data_len)
{
    size_t len = *data_len;
    if (r->answered)
        return drop_body(r, data_len);
    r->resume_wanted = false;
    size_t taken = r->server->handler->body(r, data, len);
    assert(taken <= len);
    connection_of(r)->window_bytes += taken;
    *data_len = len - taken;
    if (r->answered)
        return drop_body(r, data_len);
    if (taken < len)
        request_suspend(r);
    return MHD_YES;
}

static enum MHD_Result handle_full(struct http_request *r)
{
    if (r->stage == STAGE_BODY)
        r->stage = STAGE_FULL;
    if (connection_of(r)->phase != PHASE_WORK)
        connection_phase(connection_of(r), PHASE_WORK);
    if (!r->began) {
        r->began = true;
        r->server->handler->begin(r->server->argument, r);
    }
    r->resume_wanted = false;
    if (!r->answered && !r->ended) {
        r->ended = true;
        r->server->handler->end(r);
    }
    if (r->answered)
        return send_answer(r);
    r->resume_wanted = false; /* only an answer ends this wait */
    request_suspend(r);
    return MHD_YES;
}

enum MHD_Result request_handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                               const char *version, const char *data, size_t *data_len, void **context)
{
    (void)cls;
    (void)connection;
    (void)url;
    struct http_request *r = *context;
    if (!r || r->server->stopping)
        return MHD_NO;
    if (r->stage == STAGE_HEAD)
        return handle_head(r, method, version);
    if (r->stage == STAGE_HELD)
        return handle_held(r);
    if (*data_len > 0)
        return handle_body(r, data, data_len);
    return handle_full(r);
}

void request_completed(void *cls, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code)
{
    (void)connection;
    struct http_server *server = cls;
    struct http_request *r = *context;
    *context = NULL;
    if (!r)
        return;
    r->suspended = false;
    bool complete = r->queued && !r->cut && code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    if (r->began)
        server->handler->gone(r, complete);
    if (r->response)
        MHD_destroy_response(r->response);
    arena_free(&r->arena);
    bool was_active = r->active;
    *r = (struct http_request){.server = server};
    connection_phase(connection_of(r), PHASE_IDLE);
    if (was_active)
        server_request_ended(server);
}

/* --- what was sent --- */

struct slice http_method(const struct http_request *r)
{
    return r->method;
}

struct slice http_target(const struct http_request *r)
{
    return r->target;
}

struct slice http_header(const struct http_request *r, const char *name)
{
    struct slice found = {NULL, 0};
    size_t len = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->header_count; i++)
        if (slice_equal_string_nocase(r->headers[i].name, name)) {
            found = r->headers[i].value;
            len += found.len + 1;
            count++;
        }
    if (count < 2)
        return found;
    /* The arena is the request's own store for what its accessors make; that does not change the request. */
    char *joined = arena_take(&((struct http_request *)(uintptr_t)r)->arena, len);
    if (!joined)
        return found;
    size_t at = 0;
    for (uint32_t i = 0; i < r->header_count; i++)
        if (slice_equal_string_nocase(r->headers[i].name, name)) {
            if (at > 0)
                joined[at++] = ',';
            memcpy(joined + at, r->headers[i].value.data, r->headers[i].value.len);
            at += r->headers[i].value.len;
        }
    return slice_of(joined, at);
}

void http_headers_each(const struct http_request *r, bool (*fn)(void *arg, struct slice name, struct slice value), void *arg)
{
    for (uint32_t i = 0; i < r->header_count; i++)
        if (!fn(arg, r->headers[i].name, r->headers[i].value))
            return;
}

bool http_has_body(const struct http_request *r)
{
    return r->has_body;
}

uint64_t http_content_length(const struct http_request *r)
{
    return r->content_length;
}

bool http_is_tls(const struct http_request *r)
{
    return r->server->tls != NULL;
}

const char *http_peer(const struct http_request *r)
{
    return ((const struct connection *)r)->peer;
}

void http_set_user(struct http_request *r, void *user)
{
    r->user = user;
}

void *http_user(const struct http_request *r)
{
    return r->user;
}

void *http_server_argument(const struct http_request *r)
{
    return r->server->argument;
}

bool http_answered(const struct http_request *r)
{
    return r->answered;
}
