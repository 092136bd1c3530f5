/* HTTP/1.1 server over libmicrohttpd, one listener per reactor loop; libmicrohttpd's ways stay behind this file.
 *
 * libmicrohttpd runs on its external epoll, which the loop watches; connections are suspended while their request waits. All
 * calls and callbacks are on the loop's thread. Bodies are never gathered here: body() hands them on as they come.
 * Bounds: connections, header bytes (one connection's memory), header time, idle time and a floor for body rates, both ways;
 * past them 503 SlowDown or a closed connection. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/loop.h"
#include "base/text.h"

struct http_server;
struct http_request;

struct http_handler {
    /* The head has arrived. May answer already (then the body is not read: the connection closes if there is one, and
     * "100 Continue" is never sent). Sets the request's user pointer. */
    void (*begin)(void *server_arg, struct http_request *);
    /* Bytes of the body; returns how many it took; fewer: the connection waits for http_resume(). Not called once answered. */
    size_t (*body)(struct http_request *, const void *data, size_t len);
    /* The whole body has come (also when there is none). Not called once answered. */
    void (*end)(struct http_request *);
    /* The last call: answer sent, or the connection is gone (complete = false). No call about it follows; if the handler
     * has work in flight for it, it may keep its user pointer, not the request. */
    void (*gone)(struct http_request *, bool complete);
    /* Whether others wait for what slow clients hold: then body_rate_min counts over a shorter time. May be NULL. */
    bool (*pressed)(void *server_arg);
};

/* Servers that share a listening socket, one per reactor: each connection goes to the one that has fewest. Any thread; outlives
 * its servers. A loop must still run what was posted to it after its server is freed. */
struct http_group;
int http_group_new(struct http_group **ret) MUST_CHECK;
void http_group_free(struct http_group *);

struct http_options {
    const char *listen;            /* "HOST:PORT", "[V6]:PORT"; port 0: any, see http_server_port */
    int listen_fd;                 /* or an open listening socket, -1 none (shared by all reactors) */
    const char *certificate_file, *key_file; /* TLS when set; re-read by http_server_reload */
    uint32_t connection_max;
    uint32_t header_timeout_s, idle_timeout_s;
    uint32_t body_rate_min;        /* bytes/s over 30 s; 0: no floor */
    struct http_group *group;      /* or NULL: alone on its socket */
};

/* That the address and the certificate can be used, before anything is opened: ERR_INVALID, *message says. */
int http_check(const struct http_options *, char *message, size_t message_size) MUST_CHECK;
/* Opens, binds and listens (shared socket for several servers); ERR_EXISTS when the address is in use, *message says. */
int http_listen(const char *listen, int *ret_fd, char *message, size_t message_size) MUST_CHECK;
int http_server_new(const struct http_options *, struct loop *, const struct http_handler *, void *server_arg,
                    struct http_server **ret, char *message, size_t message_size) MUST_CHECK;
uint16_t http_server_port(const struct http_server *);
/* Reads certificate and key again for new connections; keeps the old ones when they are bad (ERR_INVALID, *message says). */
int http_server_reload(struct http_server *, char *message, size_t message_size) MUST_CHECK;
/* Stops accepting; idle connections close; drained(arg) when the last request has ended. */
void http_server_drain(struct http_server *, void (*drained)(void *), void *arg);
void http_server_free(struct http_server *);

/* What was sent. Slices live as long as the request. */
struct slice http_method(const struct http_request *);
struct slice http_target(const struct http_request *);      /* raw, as received: path and query, nothing decoded */
struct slice http_header(const struct http_request *, const char *name); /* case-insensitive; data NULL when absent; repeats joined with "," */
/* Every header as received, in order; stops when fn returns false. */
void http_headers_each(const struct http_request *, bool (*fn)(void *arg, struct slice name, struct slice value), void *arg);
bool http_has_body(const struct http_request *);
/* Content-Length; UINT64_MAX for chunked transfer coding, 0 when there is no body. */
uint64_t http_content_length(const struct http_request *);
bool http_is_tls(const struct http_request *);
/* What TLS agreed on, by OpenSSL's names ("ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2"); empty without TLS. */
#define HTTP_TLS_NAME_SIZE 64
void http_tls_names(const struct http_request *, char cipher[HTTP_TLS_NAME_SIZE], char version[HTTP_TLS_NAME_SIZE]);
const char *http_status_text(unsigned status); /* "Not Found" */
const char *http_peer(const struct http_request *);         /* "address:port" */
void http_set_user(struct http_request *, void *user);
void *http_user(const struct http_request *);
void *http_server_argument(const struct http_request *);

/* The answer: once per request. Headers first, in any order. */
int http_add_header(struct http_request *, const char *name, const char *value) MUST_CHECK;
/* Copies the body. HEAD: pass the body's length as content length without sending it: http_respond_head. */
void http_respond(struct http_request *, unsigned status, const void *body, size_t len);
void http_respond_head(struct http_request *, unsigned status, uint64_t content_length);
/* Body of len bytes drawn from pull: it returns how many bytes it put, 0 with *err = ERR_WOULD_BLOCK (then http_resume() must
 * follow), or another err: the connection is cut. len UINT64_MAX: until pull returns 0 with *err = 0 (chunked). */
void http_respond_stream(struct http_request *, unsigned status, uint64_t len,
                         size_t (*pull)(struct http_request *, void *data, size_t capacity, int *err));
/* In begin(): no "100 Continue" before http_resume() or an answer. A client that does not wait for it may be read all the same. */
void http_hold_continue(struct http_request *);
/* Goes on with a request whose body() took less than all or whose pull would block. Loop's thread. */
void http_resume(struct http_request *);
/* Answered but the client's connection must not be used again. Before http_respond*. */
void http_close_after(struct http_request *);
bool http_answered(const struct http_request *);

#endif
