/* Answers: gathered here, handed to libmicrohttpd when it can take them. */
#include <assert.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/socket.h>

#include "http/connection.h"

int http_add_header(struct http_request *r, const char *name, const char *value)
{
    if (*name == '\0' || strpbrk(name, " \t\r\n:") || strpbrk(value, "\r\n"))
        return ERR_INVALID;
    struct answer_header *h = arena_take(&r->arena, sizeof *h);
    struct slice name_copy = arena_copy(&r->arena, slice_string(name));
    /* libmicrohttpd refuses empty values; a blank is one to everybody who reads it. */
    struct slice value_copy = arena_copy(&r->arena, slice_string(*value ? value : " "));
    if (!h || !name_copy.data || !value_copy.data)
        return ERR_NO_MEMORY;
    *h = (struct answer_header){name_copy.data, value_copy.data, NULL};
    *r->answer_headers_tail = h;
    r->answer_headers_tail = &h->next;
    return 0;
}

void http_close_after(struct http_request *r)
{
    r->close_after = true;
}

const char *http_status_text(unsigned status)
{
    return MHD_get_reason_phrase_for(status);
}

static void answered(struct http_request *r, unsigned status)
{
    assert(!r->answered);
    r->status = status;
    r->answered = true;
    request_wake(r);
}

void http_respond(struct http_request *r, unsigned status, const void *body, size_t len)
{
    struct slice copy = arena_copy(&r->arena, slice_of(len ? body : "", len));
    r->cut = copy.data == NULL;
    r->body = copy.data;
    r->body_len = copy.len;
    r->stream_len = len;
    answered(r, status);
}

/* The body of an answer to HEAD is never asked for. */
static size_t pull_nothing(struct http_request *r, void *data, size_t capacity, int *err)
{
    (void)r;
    (void)data;
    (void)capacity;
    *err = ERR_INVALID;
    return 0;
}

void http_respond_head(struct http_request *r, unsigned status, uint64_t content_length)
{
    http_respond_stream(r, status, content_length, pull_nothing);
}

void http_respond_stream(struct http_request *r, unsigned status, uint64_t len,
                         size_t (*pull)(struct http_request *, void *data, size_t capacity, int *err))
{
    r->pull = pull;
    r->stream_len = len;
    answered(r, status);
}

static ssize_t read_stream(void *cls, uint64_t pos, char *data, size_t capacity)
{
    struct http_request *r = cls;
    int err = 0;
    r->resume_wanted = false;
    size_t n = r->pull(r, data, capacity, &err);
    assert(n <= capacity);
    if (n > 0)
        return (ssize_t)n;
    if (err == ERR_WOULD_BLOCK) {
        request_suspend(r);
        return 0;
    }
    if (err == 0 && (r->stream_len == UINT64_MAX || pos == r->stream_len))
        return MHD_CONTENT_READER_END_OF_STREAM;
    r->cut = true;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *make_response(struct http_request *r)
{
    if (!r->pull || r->stream_len == 0)
        return MHD_create_response_from_buffer(r->pull ? 0 : r->body_len, (void *)(uintptr_t)(r->pull ? "" : r->body),
                                               MHD_RESPMEM_PERSISTENT); /* the arena lives as long */
    bool is_head = slice_equal_string(r->method, "HEAD");
    size_t block = is_head ? 1 : r->stream_len < HTTP_STREAM_BLOCK ? (size_t)r->stream_len : HTTP_STREAM_BLOCK;
    return MHD_create_response_from_callback(r->stream_len == UINT64_MAX ? MHD_SIZE_UNKNOWN : r->stream_len, block,
                                             read_stream, r, NULL);
}

bool answer_queue(struct http_request *r)
{
    r->response = make_response(r);
    bool ok = r->response != NULL;
    for (const struct answer_header *h = r->answer_headers; h && ok; h = h->next)
        ok = MHD_add_response_header(r->response, h->name, h->value) == MHD_YES;
    if (ok && (r->close_after || r->server->draining))
        ok = MHD_add_response_header(r->response, "Connection", "close") == MHD_YES;
    r->queued = true;
    ok = ok && MHD_queue_response(r->connection, r->status, r->response) == MHD_YES;
    r->cut = !ok;
    return ok;
}

void answer_write_raw(struct http_request *r)
{
    if (r->pull)
        return;
    struct text out = {0};
    text_append_format(&out, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %zu\r\n", r->status,
                       http_status_text(r->status), r->body_len);
    for (const struct answer_header *h = r->answer_headers; h; h = h->next)
        text_append_format(&out, "%s: %s\r\n", h->name, h->value);
    text_append_string(&out, "\r\n");
    if (!slice_equal_string(r->method, "HEAD"))
        text_append(&out, r->body, r->body_len);
    if (!out.failed && r->server->tls) {
        const union MHD_ConnectionInfo *tls = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        if (tls && tls->tls_session)
            (void)!gnutls_record_send(tls->tls_session, out.data, out.len);
    } else if (!out.failed) {
        (void)!send(((struct connection *)r)->fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    text_free(&out);
}
