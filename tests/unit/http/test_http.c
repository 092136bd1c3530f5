/* The HTTP server with a real loop in a thread of its own, and clients that write to sockets what they like. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/http.h"
#include "volume/loop_uring.h"

/* --- the application --- */

struct app_request {
    struct task task; /* goes on later, from the loop */
    struct http_request *request;
    struct text body;
    uint64_t left;
    int step;
    bool posted, gone;
    bool holding;
};

static atomic_int begun_count, gone_count, complete_count;
static atomic_bool pressed;
static _Atomic uint64_t begun_us, gone_us; /* of the last request */

static bool target_is(struct http_request *r, const char *target)
{
    return slice_equal_string(http_target(r), target);
}

static void free_app(struct app_request *a)
{
    text_free(&a->body);
    free(a);
}

static void later(struct task *task);

static struct loop *app_loop;

static void post_later(struct app_request *a)
{
    a->posted = true;
    loop_post(app_loop, &a->task);
}

static void later(struct task *task)
{
    struct app_request *a = (struct app_request *)task;
    a->posted = false;
    if (a->gone)
        free_app(a);
    else if (target_is(a->request, "/wait"))
        http_respond(a->request, 200, "waited", 6);
    else if (target_is(a->request, "/hold-refuse"))
        http_respond(a->request, 403, "refused", 7);
    else if (a->holding) {
        a->holding = false;
        http_resume(a->request);
    } else
        http_resume(a->request);
}

static bool list_header(void *arg, struct slice name, struct slice value)
{
    text_append_format(arg, "%.*s=[%.*s]\n", (int)name.len, name.data, (int)value.len, value.data);
    return true;
}

static void app_begin(void *server_arg, struct http_request *r)
{
    assert_ptr_equal(server_arg, &begun_count);
    assert_ptr_equal(http_server_argument(r), server_arg);
    begun_count++;
    begun_us = loop_now_us(app_loop);
    struct app_request *a = calloc(1, sizeof *a);
    a->request = r;
    a->task.run = later;
    http_set_user(r, a);
    if (target_is(r, "/refuse"))
        http_respond(r, 403, "refused", 7);
    if (target_is(r, "/hold") || target_is(r, "/hold-refuse")) {
        http_hold_continue(r);
        a->holding = true;
        post_later(a);
    }
}

static size_t app_body(struct http_request *r, const void *data, size_t len)
{
    struct app_request *a = http_user(r);
    assert_true(http_has_body(r));
    if (a->holding)
        return 0;
    if (target_is(r, "/late")) {
        assert_int_equal(http_add_header(r, "X-Late", "yes"), 0);
        http_respond(r, 507, "full", 4);
        return len;
    }
    if (target_is(r, "/slow-body") && len > 1000) {
        len = 1000;
        if (a->step++ % 3 == 2)
            http_resume(r); /* before it waits */
        else
            post_later(a);
    }
    text_append(&a->body, data, len);
    return len;
}

static size_t app_pull(struct http_request *r, void *data, size_t capacity, int *err)
{
    struct app_request *a = http_user(r);
    if (a->left == 0 && target_is(r, "/cut")) {
        *err = ERR_CORRUPT;
        return 0;
    }
    if (a->left > 0 && a->step++ % 2 == 0) {
        *err = ERR_WOULD_BLOCK;
        if (a->step % 3 == 0)
            http_resume(r);
        else
            post_later(a);
        return 0;
    }
    size_t n = a->left < capacity ? (size_t)a->left : capacity;
    memset(data, 's', n);
    a->left -= n;
    return n;
}

static void app_end(struct http_request *r)
{
    struct app_request *a = http_user(r);
    if (target_is(r, "/wait")) {
        post_later(a);
    } else if (target_is(r, "/stream") || target_is(r, "/cut")) {
        a->left = target_is(r, "/cut") ? 100000 : 1000000;
        http_respond_stream(r, 200, 1000000, app_pull);
    } else if (target_is(r, "/chunked")) {
        a->left = 600000;
        http_respond_stream(r, 200, UINT64_MAX, app_pull);
    } else if (target_is(r, "/empty-stream")) {
        http_respond_stream(r, 200, 0, app_pull);
    } else if (target_is(r, "/head")) {
        http_respond_head(r, 200, 12345678901);
    } else if (target_is(r, "/headers")) {
        struct slice joined = http_header(r, "x-REPEATED"), none = http_header(r, "x-none"), empty = http_header(r, "x-empty");
        assert_null(none.data);
        text_append_format(&a->body, "joined=%.*s\nempty=%s\n", (int)joined.len, joined.data, empty.data && !empty.len ? "yes" : "no");
        http_headers_each(r, list_header, &a->body);
        http_respond(r, 200, a->body.data, a->body.len);
    } else if (target_is(r, "/answer-headers")) {
        assert_int_equal(http_add_header(r, "x-amz-meta-empty", ""), 0);
        assert_int_equal(http_add_header(r, "ETag", "\"abc\""), 0);
        assert_int_equal(http_add_header(r, "X-Bad", "a\r\nb: c"), ERR_INVALID);
        assert_int_equal(http_add_header(r, "X Bad", "a"), ERR_INVALID);
        http_close_after(r);
        http_respond(r, 404, NULL, 0);
    } else if (target_is(r, "/not-modified")) {
        http_respond(r, 304, NULL, 0);
    } else if (target_is(r, "/peer")) {
        assert_false(http_is_tls(r));
        http_respond(r, 200, http_peer(r), strlen(http_peer(r)));
    } else if (target_is(r, "/echo") || target_is(r, "/hold") || target_is(r, "/slow-body")) {
        http_respond(r, 200, a->body.data, a->body.len);
    } else {
        text_append(&a->body, http_method(r).data, http_method(r).len);
        text_append_string(&a->body, " ");
        text_append(&a->body, http_target(r).data, http_target(r).len);
        http_respond(r, 200, a->body.data, a->body.len);
    }
}

static void app_gone(struct http_request *r, bool complete)
{
    struct app_request *a = http_user(r);
    a->gone = true;
    gone_us = loop_now_us(app_loop);
    gone_count++;
    complete_count += complete;
    if (!a->posted)
        free_app(a);
}

static bool app_pressed(void *server_arg)
{
    (void)server_arg;
    return pressed;
}

static const struct http_handler app = {app_begin, app_body, app_end, app_gone, app_pressed};

/* --- the server in its thread --- */

struct server {
    struct loop *loop;
    struct http_server *http;
    struct http_options options;
    uint16_t port;
    pthread_t thread;
    struct task task;
    bool stop;
    bool drain;
};
static struct server server;

static bool stopped(void *arg)
{
    return ((struct server *)arg)->stop;
}

static void *server_main(void *arg)
{
    struct server *s = arg;
    assert_int_equal(loop_run_until(s->loop, stopped, s), 0);
    http_server_free(s->http);
    s->stop = false;
    struct task last = {.run = s->task.run};
    loop_post(s->loop, &last); /* lets what the server had posted run first */
    assert_int_equal(loop_run_until(s->loop, stopped, s), 0);
    return NULL;
}

static void stop_task(struct task *task)
{
    (void)task;
    server.stop = true;
}

static void drained(void *arg)
{
    ((struct server *)arg)->stop = true;
}

static void drain_task(struct task *task)
{
    (void)task;
    http_server_drain(server.http, drained, &server);
}

static int start_with(const struct http_options *options, struct loop *loop)
{
    char message[256] = "";
    server = (struct server){.loop = loop, .options = *options, .task.run = stop_task};
    app_loop = loop;
    begun_count = gone_count = complete_count = 0;
    assert_int_equal(http_server_new(options, loop, &app, &begun_count, &server.http, message, sizeof message), 0);
    server.port = http_server_port(server.http);
    assert_int_equal(pthread_create(&server.thread, NULL, server_main, &server), 0);
    return 0;
}

static const struct http_options usual = {.listen = "127.0.0.1:0", .listen_fd = -1, .connection_max = 100, .header_timeout_s = 60,
                                          .idle_timeout_s = 60};

static int set_up(void **state)
{
    (void)state;
    struct loop *loop;
    assert_int_equal(loop_new_best("http", NULL, &loop), 0);
    return start_with(&usual, loop);
}

static int tear_down(void **state)
{
    (void)state;
    loop_post(server.loop, &server.task);
    pthread_join(server.thread, NULL);
    loop_free(server.loop);
    assert_int_equal(begun_count, gone_count);
    return 0;
}

/* --- the client --- */

/* io_uring may interrupt calls of the thread that made the ring. */
static ssize_t receive(int fd, void *data, size_t len)
{
    ssize_t n;
    do
        n = recv(fd, data, len, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    struct timeval limit = {20, 0}; /* only so that a failing test ends */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return fd;
}

static void send_bytes(int fd, const void *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        assert_true(n > 0);
        data = (const char *)data + n;
        len -= (size_t)n;
    }
}

static void send_text(int fd, const char *text)
{
    send_bytes(fd, text, strlen(text));
}

/* Reads head and body of one answer; body_len SIZE_MAX: by Content-Length. Returns the status. */
static int read_answer(int fd, struct text *head, struct text *body, bool has_body)
{
    text_clear(head);
    text_clear(body);
    char c;
    while (head->len < 4 || memcmp(head->data + head->len - 4, "\r\n\r\n", 4) != 0) {
        ssize_t n = receive(fd, &c, 1);
        if (n <= 0)
            return -1;
        text_append(head, &c, 1);
    }
    const char *length = strstr(head->data, "Content-Length: ");
    size_t left = has_body && length ? strtoul(length + 16, NULL, 10) : 0;
    while (left > 0) {
        char piece[65536];
        ssize_t n = receive(fd, piece, left < sizeof piece ? left : sizeof piece);
        if (n <= 0)
            return -1;
        text_append(body, piece, (size_t)n);
        left -= (size_t)n;
    }
    return atoi(head->data + 9);
}

static bool is_closed(int fd)
{
    char c;
    return receive(fd, &c, 1) == 0;
}

/* One request on a connection of its own; -1 when there was no answer. */
static int status_of(const char *request)
{
    int fd = dial();
    struct text head = {0}, body = {0};
    send_text(fd, request);
    int status = read_answer(fd, &head, &body, false);
    close(fd);
    text_free(&head);
    text_free(&body);
    return status;
}

struct client {
    int fd;
    struct text head, body;
};

static struct client client_open(void)
{
    return (struct client){.fd = dial()};
}

static int client_answer(struct client *c, bool has_body)
{
    return read_answer(c->fd, &c->head, &c->body, has_body);
}

static void client_close(struct client *c)
{
    close(c->fd);
    text_free(&c->head);
    text_free(&c->body);
}

static void assert_body(const struct client *c, const char *expected)
{
    assert_string_equal(c->body.data ? c->body.data : "", expected);
}

/* --- tests: requests --- */

static void test_keep_alive_and_raw_target(void **state)
{
    (void)state;
    struct client c = client_open();
    send_text(c.fd, "GET /a%2Fb+c%20?list-type=2&prefix=%41+&x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "GET /a%2Fb+c%20?list-type=2&prefix=%41+&x");
    assert_non_null(strstr(c.head.data, "Date: "));
    assert_null(strstr(c.head.data, "Connection"));
    send_text(c.fd, "DELETE /second HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "DELETE /second");
    send_text(c.fd, "GET /third HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_true(is_closed(c.fd));
    client_close(&c);
}

static void test_pipelined(void **state)
{
    (void)state;
    struct client c = client_open();
    send_text(c.fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                    "GET /wait HTTP/1.1\r\nHost: h\r\n\r\nGET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
    static const char *const expected[] = {"GET /1", "abc", "waited", "GET /4"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(client_answer(&c, true), 200);
        assert_body(&c, expected[i]);
    }
    client_close(&c);
}

static void test_odd_targets(void **state)
{
    (void)state;
    struct client c = client_open();
    send_text(c.fd, "GET http://host/path?q HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "GET http://host/path?q");
    send_text(c.fd, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "OPTIONS *");
    send_text(c.fd, "GET //a/../b/./c// HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "GET //a/../b/./c//");
    client_close(&c);
}

static void test_headers(void **state)
{
    (void)state;
    struct client c = client_open();
    send_text(c.fd, "GET /headers HTTP/1.1\r\nhOsT: h\r\nX-Repeated: a\r\nx-empty:\r\nx-repeated:  b \t\r\nX-UTF: \xc3\xa4\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "joined=a,b\nempty=yes\nhOsT=[h]\nX-Repeated=[a]\nx-empty=[]\nx-repeated=[b]\nX-UTF=[\xc3\xa4]\n");
    send_text(c.fd, "GET /peer HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    getsockname(c.fd, (struct sockaddr *)&own, &len);
    char peer[64];
    snprintf(peer, sizeof peer, "127.0.0.1:%u", ntohs(own.sin_port));
    assert_body(&c, peer);
    client_close(&c);
}

static void test_answer_headers(void **state)
{
    (void)state;
    struct client c = client_open();
    send_text(c.fd, "GET /answer-headers HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 404);
    assert_non_null(strstr(c.head.data, "\r\nETag: \"abc\"\r\n"));
    assert_non_null(strstr(c.head.data, "\r\nx-amz-meta-empty:"));
    assert_non_null(strstr(c.head.data, "Connection: close"));
    assert_non_null(strstr(c.head.data, "Content-Length: 0"));
    assert_true(is_closed(c.fd));
    client_close(&c);
}

static void test_head_and_not_modified(void **state)
{
    (void)state;
    struct client c = client_open();
    send_text(c.fd, "HEAD /head HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, false), 200);
    assert_non_null(strstr(c.head.data, "Content-Length: 12345678901\r\n"));
    send_text(c.fd, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, false), 200);
    assert_non_null(strstr(c.head.data, "Content-Length: 1000000\r\n"));
    send_text(c.fd, "HEAD /plain HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, false), 200);
    assert_non_null(strstr(c.head.data, "Content-Length: 11\r\n"));
    send_text(c.fd, "GET /not-modified HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, false), 304);
    send_text(c.fd, "GET /empty-stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "");
    send_text(c.fd, "GET /still-here HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "GET /still-here");
    client_close(&c);
}

/* What could be understood in two ways, or is no HTTP, never reaches a handler. */
static void test_malformed(void **state)
{
    (void)state;
    static const struct { const char *request; int status; } cases[] = {
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\na", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: abc\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 3\r\n\r\nabc", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\n Content-Length: 3\r\n\r\nabc", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\nabc", 413},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encodi: chunked\r\n ng\r\n\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\nX: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: h\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: a\x01\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX{: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nNoColon\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400},
        {"G{T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = status_of(cases[i].request);
        if (status != cases[i].status)
            print_error("%s\n", cases[i].request);
        assert_int_equal(status, cases[i].status);
    }
    int fd = dial();
    struct text head = {0}, body = {0};
    send_bytes(fd, "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 36);
    assert_int_equal(read_answer(fd, &head, &body, true), 400);
    assert_true(is_closed(fd));
    close(fd);
    text_free(&head);
    text_free(&body);
    assert_int_equal(begun_count, 0);
}

/* No answer, or a refusal: what matters is that no handler sees it. */
static void test_not_http(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET / HTTP/1.1 x\r\nHost: h\r\n\r\n", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", "GET /\r\n\r\n", "GET\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "GET / FTP/1.1\r\nHost: h\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        int status = status_of(requests[i]);
        if (status != -1 && status < 400)
            print_error("%s: %d\n", requests[i], status);
        assert_true(status == -1 || status >= 400);
    }
    assert_int_equal(begun_count, 0);
}

static void test_too_much_head(void **state)
{
    (void)state;
    struct text request = {0};
    text_append_string(&request, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 201; i++)
        text_append_format(&request, "X-%d: y\r\n", i);
    text_append_string(&request, "\r\n");
    assert_int_equal(status_of(request.data), 431);
    text_clear(&request);
    text_append_string(&request, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    for (int i = 0; i < 70000; i++)
        text_append_string(&request, "y");
    text_append_string(&request, "\r\n\r\n");
    int status = status_of(request.data);
    assert_true(status == 431 || status == -1); /* the connection closes on what it has not read */
    assert_int_equal(begun_count, 0);
    text_free(&request);
}

/* --- tests: bodies --- */

static void test_bodies(void **state)
{
    (void)state;
    struct client c = client_open();
    send_text(c.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "");
    send_text(c.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nX: y\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "abc0123456789");
    assert_true(is_closed(c.fd)); /* a smuggled request ends here */
    client_close(&c);
    c = client_open();
    send_text(c.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "");
    client_close(&c);
    c = client_open();
    size_t len = 3000000;
    char *data = malloc(len);
    for (size_t i = 0; i < len; i++)
        data[i] = (char)('a' + i % 23);
    const char *targets[] = {"/echo", "/slow-body"};
    for (int i = 0; i < 2; i++) {
        char head[128];
        size_t n = i ? 100000 : len;
        snprintf(head, sizeof head, "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", targets[i], n);
        send_text(c.fd, head);
        send_bytes(c.fd, data, n);
        assert_int_equal(client_answer(&c, true), 200);
        assert_int_equal(c.body.len, n);
        assert_memory_equal(c.body.data, data, n);
    }
    free(data);
    client_close(&c);
}

static void test_bad_chunks(void **state)
{
    (void)state;
    static const char *const bodies[] = {"x\r\nabc\r\n", "-1\r\n", "3\r\nabcd\r\n0\r\n\r\n", "ffffffffffffffffff\r\n", "\r\n0\r\n\r\n"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char request[256];
        snprintf(request, sizeof request, "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%s", bodies[i]);
        int status = status_of(request);
        assert_true(status == 400 || status == 413);
    }
    assert_int_equal(complete_count, 0);
}

static void test_expect(void **state)
{
    (void)state;
    struct client c = client_open();
    send_text(c.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(client_answer(&c, false), 100);
    send_text(c.fd, "abc");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "abc");
    send_text(c.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 200\r\n\r\nxyz");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "xyz");
    send_text(c.fd, "PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 403);
    assert_body(&c, "refused");
    assert_true(is_closed(c.fd));
    client_close(&c);
}

/* What decides about the body later holds "100 Continue" back until then. */
static void test_held_continue(void **state)
{
    (void)state;
    struct client c = client_open();
    send_text(c.fd, "PUT /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(client_answer(&c, false), 100);
    send_text(c.fd, "abc");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "abc");
    send_text(c.fd, "PUT /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz"); /* nothing to hold back */
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "xyz");
    send_text(c.fd, "PUT /hold-refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 403);
    assert_body(&c, "refused");
    assert_true(is_closed(c.fd));
    client_close(&c);
}

static void test_refused_small_body_keeps_connection(void **state)
{
    (void)state;
    struct client c = client_open();
    send_text(c.fd, "PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345");
    assert_int_equal(client_answer(&c, true), 403);
    assert_body(&c, "refused");
    send_text(c.fd, "GET /refuse HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 403);
    send_text(c.fd, "PUT /late HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345");
    assert_int_equal(client_answer(&c, true), 507);
    send_text(c.fd, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, true), 200);
    assert_body(&c, "GET /next");
    client_close(&c);
}

/* A client that writes its whole big body before it reads must find the answer, not a reset. */
static void test_refused_big_body_gets_its_answer(void **state)
{
    (void)state;
    static const char *const targets[] = {"/refuse", "/late"};
    static const int statuses[] = {403, 507};
    size_t len = 40u << 20;
    char *data = calloc(1, len);
    for (int i = 0; i < 2; i++) {
        struct client c = client_open();
        char head[128];
        snprintf(head, sizeof head, "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", targets[i], len);
        send_text(c.fd, head);
        send_bytes(c.fd, data, len);
        assert_int_equal(client_answer(&c, true), statuses[i]);
        assert_non_null(strstr(c.head.data, "Connection: close"));
        assert_true(is_closed(c.fd));
        client_close(&c);
    }
    free(data);
}

static void test_client_leaves_in_body(void **state)
{
    (void)state;
    struct client c = client_open();
    send_text(c.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
    client_close(&c);
    while (gone_count == 0) /* the server sees it or the test hangs */
        usleep(1000);
    assert_int_equal(complete_count, 0);
}

/* --- tests: streams --- */

static void test_streams(void **state)
{
    (void)state;
    struct client c = client_open();
    for (int i = 0; i < 3; i++) {
        send_text(c.fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_int_equal(client_answer(&c, true), 200);
        assert_int_equal(c.body.len, 1000000);
        assert_int_equal(c.body.data[999999], 's');
    }
    send_text(c.fd, "GET /chunked HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_int_equal(client_answer(&c, false), 200);
    assert_non_null(strstr(c.head.data, "Transfer-Encoding: chunked\r\n"));
    size_t count = 0;
    char piece[65536], last[6] = "";
    for (ssize_t n; (n = receive(c.fd, piece, sizeof piece)) > 0;) {
        for (ssize_t i = 0; i < n; i++) {
            count += piece[i] == 's';
            memmove(last, last + 1, 4);
            last[4] = piece[i];
        }
    }
    assert_int_equal(count, 600000);
    assert_string_equal(last, "0\r\n\r\n");
    client_close(&c);
}

static void test_stream_cut(void **state)
{
    (void)state;
    struct client c = client_open();
    send_text(c.fd, "GET /cut HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&c, true), -1);
    assert_true(c.body.len <= 100000);
    client_close(&c);
    while (gone_count == 0)
        usleep(1000);
    assert_int_equal(complete_count, 0);
}

/* --- tests: bounds --- */

static void test_connection_limit(void **state)
{
    (void)state;
    struct loop *loop;
    struct http_options options = usual;
    options.connection_max = 2;
    assert_int_equal(loop_new_best("http", NULL, &loop), 0);
    start_with(&options, loop);
    struct client a = client_open(), b = client_open(), c = client_open();
    struct client *all[] = {&a, &b, &c};
    for (int i = 0; i < 3; i++)
        send_text(all[i]->fd, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&a, true), 200);
    assert_int_equal(client_answer(&b, true), 200);
    client_close(&a); /* makes room for the third */
    assert_int_equal(client_answer(&c, true), 200);
    client_close(&b);
    client_close(&c);
    tear_down(NULL);
}

static void test_drain(void **state)
{
    (void)state;
    struct client idle = client_open(), busy = client_open();
    send_text(idle.fd, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&idle, true), 200);
    send_text(busy.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(client_answer(&busy, false), 100);
    struct task drain = {.run = drain_task};
    loop_post(server.loop, &drain);
    assert_true(is_closed(idle.fd));
    send_text(busy.fd, "abc");
    assert_int_equal(client_answer(&busy, true), 200);
    assert_non_null(strstr(busy.head.data, "Connection: close"));
    pthread_join(server.thread, NULL);
    loop_free(server.loop);
    assert_int_equal(begun_count, gone_count);
    client_close(&idle);
    client_close(&busy);
    set_up(NULL); /* for tear_down */
}

static void test_stop_with_requests_waiting(void **state)
{
    (void)state;
    struct client c = client_open(), d = client_open();
    send_text(c.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(client_answer(&c, false), 100);
    send_text(d.fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&d, false), 200);
    tear_down(NULL);
    client_close(&c);
    client_close(&d);
    set_up(NULL);
}

/* --- tests: clocks, on a loop whose time runs fast --- */

#define SPEED 100

struct fast_loop {
    struct loop head; /* first */
    struct loop_ops ops;
    struct loop *real;
};
static struct fast_loop fast;

static uint64_t fast_now_us(struct loop *l)
{
    (void)l;
    return loop_now_us(fast.real) * SPEED;
}

static void fast_post(struct loop *l, struct task *t)
{
    (void)l;
    loop_post(fast.real, t);
}

static void fast_timer_set(struct loop *l, struct timer *t, uint64_t at_us)
{
    (void)l;
    loop_timer_set(fast.real, t, at_us / SPEED + 1);
}

static void fast_timer_cancel(struct loop *l, struct timer *t)
{
    (void)l;
    loop_timer_cancel(fast.real, t);
}

static int fast_watch(struct loop *l, struct watch *w)
{
    (void)l;
    return loop_watch(fast.real, w);
}

static void fast_unwatch(struct loop *l, struct watch *w)
{
    (void)l;
    loop_unwatch(fast.real, w);
}

static int fast_run_until(struct loop *l, bool (*stop)(void *), void *arg, bool only_own_io)
{
    (void)l;
    return fast.real->ops->run_until(fast.real, stop, arg, only_own_io);
}

static void fast_free(struct loop *l)
{
    (void)l;
    loop_free(fast.real);
}

static void start_fast(struct http_options options)
{
    fast.ops = (struct loop_ops){.post = fast_post, .now_us = fast_now_us, .timer_set = fast_timer_set,
                                 .timer_cancel = fast_timer_cancel, .watch = fast_watch, .unwatch = fast_unwatch,
                                 .run_until = fast_run_until, .free = fast_free};
    fast.head = (struct loop){&fast.ops, "fast"};
    assert_int_equal(loop_new_best("http", NULL, &fast.real), 0);
    start_with(&options, &fast.head);
}

/* Each of these hangs (and fails by the client's time limit) when its clock does not work. */
static void test_slow_clients_are_closed(void **state)
{
    (void)state;
    struct http_options options = usual;
    options.header_timeout_s = 5;
    options.idle_timeout_s = 10;
    options.body_rate_min = 1000;
    start_fast(options);
    struct client silent = client_open(), half = client_open(), idle = client_open(), slow = client_open();
    send_text(half.fd, "GET / HTTP/1.1\r\nHost: h\r\n");
    send_text(idle.fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(client_answer(&idle, true), 200);
    send_text(slow.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc");
    struct client *all[] = {&silent, &half, &idle, &slow};
    for (int i = 0; i < 4; i++) {
        assert_true(is_closed(all[i]->fd));
        client_close(all[i]);
    }
    tear_down(NULL);
}

/* Who is slow while others wait has no half minute. */
static void test_slow_client_is_closed_early_under_pressure(void **state)
{
    (void)state;
    struct http_options options = usual;
    options.body_rate_min = 1000;
    pressed = true;
    start_fast(options);
    struct client slow = client_open();
    send_text(slow.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc");
    assert_true(is_closed(slow.fd));
    client_close(&slow);
    tear_down(NULL);
    pressed = false;
    assert_true(gone_us - begun_us < 10 * 1000000ull);
}

static void test_slow_reader_is_closed(void **state)
{
    (void)state;
    struct http_options options = usual;
    options.body_rate_min = 1000;
    start_fast(options);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    for (int i = 0; i < 20; i++) /* more than the socket's buffers hold */
        send_text(fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    while (gone_count == 0 || gone_count == complete_count)
        usleep(1000);
    assert_true(gone_count > complete_count);
    close(fd);
    tear_down(NULL);
}

/* --- tests: listening --- */

static void test_listen_errors(void **state)
{
    (void)state;
    char message[256];
    int fd, second;
    assert_int_equal(http_listen("nonsense", &fd, message, sizeof message), ERR_INVALID);
    assert_int_equal(http_listen("::1:80", &fd, message, sizeof message), ERR_INVALID);
    assert_int_equal(http_listen("127.0.0.1:99999999", &fd, message, sizeof message), ERR_INVALID);
    assert_int_equal(http_listen("127.0.0.1:0", &fd, message, sizeof message), 0);
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &len);
    char taken[32];
    snprintf(taken, sizeof taken, "127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(http_listen(taken, &second, message, sizeof message), ERR_EXISTS);
    assert_non_null(strstr(message, taken));
    close(fd);
    struct http_options options = usual;
    struct http_server *s;
    options.certificate_file = "/nonexistent";
    options.key_file = "/nonexistent";
    assert_int_equal(http_server_new(&options, server.loop, &app, NULL, &s, message, sizeof message), ERR_INVALID);
    assert_non_null(strstr(message, "/nonexistent"));
}

/* --- tests: several servers on one socket --- */

static void nothing_begin(void *arg, struct http_request *r)
{
    (void)arg;
    (void)r;
}

static void who_end(struct http_request *r)
{
    const char *name = http_server_argument(r);
    http_respond(r, 200, name, strlen(name));
}

static void nothing_gone(struct http_request *r, bool complete)
{
    (void)r;
    (void)complete;
}

static const struct http_handler who = {nothing_begin, app_body, who_end, nothing_gone, NULL};

struct member {
    struct loop *loop;
    struct http_server *http;
    pthread_t thread;
    struct task stop_task;
    bool stop;
};

static void member_stop(struct task *task)
{
    struct member *m = (struct member *)((char *)task - offsetof(struct member, stop_task));
    m->stop = true;
}

static bool member_stopped(void *arg)
{
    return ((struct member *)arg)->stop;
}

static void *member_main(void *arg)
{
    struct member *m = arg;
    assert_int_equal(loop_run_until(m->loop, member_stopped, m), 0);
    http_server_free(m->http);
    m->stop = false;
    loop_post(m->loop, &m->stop_task);
    assert_int_equal(loop_run_until(m->loop, member_stopped, m), 0);
    return NULL;
}

static void test_group_shares_evenly(void **state)
{
    (void)state;
    enum { MEMBERS = 2, CLIENTS = 16 };
    char message[256];
    static char names[MEMBERS][2] = {"0", "1"};
    struct member members[MEMBERS];
    struct http_options options = usual;
    assert_int_equal(http_group_new(&options.group), 0);
    assert_int_equal(http_listen("127.0.0.1:0", &options.listen_fd, message, sizeof message), 0);
    for (int i = 0; i < MEMBERS; i++) {
        members[i] = (struct member){.stop_task.run = member_stop};
        assert_int_equal(loop_new_best("member", NULL, &members[i].loop), 0);
        assert_int_equal(http_server_new(&options, members[i].loop, &who, names[i], &members[i].http, message, sizeof message), 0);
    }
    server.port = http_server_port(members[0].http);
    for (int i = 0; i < MEMBERS; i++)
        assert_int_equal(pthread_create(&members[i].thread, NULL, member_main, &members[i]), 0);
    struct client clients[CLIENTS];
    int counts[MEMBERS] = {0};
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open();
        send_text(clients[i].fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_int_equal(client_answer(&clients[i], true), 200);
        counts[atoi(clients[i].body.data)]++;
    }
    for (int i = 0; i < MEMBERS; i++)
        assert_int_equal(counts[i], CLIENTS / MEMBERS);
    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
    for (int i = 0; i < MEMBERS; i++) {
        loop_post(members[i].loop, &members[i].stop_task);
        pthread_join(members[i].thread, NULL);
        loop_free(members[i].loop);
    }
    close(options.listen_fd);
    http_group_free(options.group);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(test_keep_alive_and_raw_target), CASE(test_pipelined), CASE(test_odd_targets), CASE(test_headers),
        CASE(test_answer_headers), CASE(test_head_and_not_modified), CASE(test_malformed), CASE(test_not_http),
        CASE(test_too_much_head), CASE(test_bodies), CASE(test_bad_chunks), CASE(test_expect), CASE(test_held_continue),
        CASE(test_refused_small_body_keeps_connection), CASE(test_refused_big_body_gets_its_answer),
        CASE(test_client_leaves_in_body), CASE(test_streams), CASE(test_stream_cut),
        cmocka_unit_test(test_connection_limit), CASE(test_drain), CASE(test_stop_with_requests_waiting),
        cmocka_unit_test(test_slow_clients_are_closed), cmocka_unit_test(test_slow_reader_is_closed),
        cmocka_unit_test(test_slow_client_is_closed_early_under_pressure),
        CASE(test_listen_errors), cmocka_unit_test(test_group_shares_evenly),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
