/* Inside http/: a connection, the one request it carries at a time, and the server they belong to.
 *
 *   accept -> FRESH -> (request line) HEAD -> BODY -> WORK -> SEND -> IDLE -> HEAD ... -> closed
 *
 * connection.c keeps the clocks of these phases and closes what is too slow; request.c drives a request through
 * libmicrohttpd's handler calls; answer.c builds answers; head.c judges what was sent; tls.c holds certificates. */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "http/http.h"

#define HTTP_CONNECTION_MEMORY (64u << 10)  /* the head must fit; libmicrohttpd clears it between requests */
#define HTTP_STREAM_BLOCK (256u << 10)      /* bytes asked of pull at once */
#define HTTP_HEADERS_MAX 200u
#define HTTP_RATE_WINDOW_S 30u
#define HTTP_RATE_WINDOW_PRESSED_S 3u       /* while others wait for what slow clients hold */
#define HTTP_DRAIN_EARLY_MAX (1u << 20)     /* body read and dropped to keep the connection, answered before it began */
#define HTTP_DRAIN_LATE_MAX (16u << 20)     /* the same, answered in its middle */
#define HTTP_GROUP_MAX 64u
#define HTTP_LINGER_MAX 64u                 /* closed connections whose clients still send */
#define HTTP_LINGER_S 10u
#define HTTP_LINGER_BYTES (64u << 20)

enum stage { STAGE_HEAD, STAGE_HELD, STAGE_BODY, STAGE_FULL };

struct header {
    struct slice name, value;
};

/* A header of the answer. */
struct answer_header {
    const char *name, *value;
    struct answer_header *next;
};

struct http_request {
    struct http_server *server;
    struct MHD_Connection *connection;
    void *user;
    struct arena arena;
    struct slice method, target;
    const char *target_at; /* where the target stood in the connection's memory */
    struct header *headers;
    uint32_t header_count;
    uint64_t content_length;
    bool has_body, expects_continue, held;
    enum stage stage;
    bool active, began, ended, answered, queued, cut;
    bool suspended, resume_wanted;
    bool close_after;
    uint64_t drained_len;
    /* The answer. */
    unsigned status;
    struct answer_header *answer_headers, **answer_headers_tail;
    struct MHD_Response *response;
    const void *body; /* of a plain answer; the arena's */
    size_t body_len;
    uint64_t stream_len;
    size_t (*pull)(struct http_request *, void *data, size_t capacity, int *err);
};

enum phase { PHASE_FRESH, PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_WORK, PHASE_SEND };

struct connection {
    struct http_request request; /* first */
    struct connection *prev, *next;
    int fd;
    enum phase phase;
    uint64_t phase_since_us;
    uint32_t window_s;       /* seconds of the rate window that have passed, not counting those we kept it waiting */
    uint64_t window_bytes;   /* received since it began; or what had been acknowledged then */
    bool linger;             /* the client may still be sending when this closes */
    char peer[INET6_ADDRSTRLEN + 10];
};

struct lingering {
    struct watch watch;
    struct http_server *server;
    uint64_t until_us;
    uint64_t left;
    struct lingering *next;
};

struct http_server {
    struct loop *loop;
    const struct http_handler *handler;
    void *argument;
    struct http_options options;
    struct MHD_Daemon *daemon;
    struct tls *tls; /* NULL without */
    int listen_fd;
    bool owns_listen_fd;
    bool listening;      /* listen_watch is on */
    bool draining, stopping;
    bool running;        /* inside MHD_run */
    bool run_posted, run_again;
    struct watch listen_watch, daemon_watch;
    struct task run_task, drained_task;
    bool drained_posted;
    void (*drained)(void *);
    void *drained_arg;
    struct timer sweep;
    struct connection *connections;
    uint32_t connection_count;
    uint32_t started_count;
    _Atomic uint32_t load;           /* connections, and those on their way from another server of the group */
    _Atomic uint32_t handover_count; /* those on their way */
    uint32_t active_count; /* requests between their head and their end */
    struct lingering *lingers;
    uint32_t linger_count;
};

/* connection.c */
void connection_started(struct http_server *, struct MHD_Connection *, void **socket_context);
void connection_closed(struct http_server *, struct connection *);
void connection_phase(struct connection *, enum phase);
void connections_sweep(struct http_server *);
void connections_kill(struct http_server *, bool idle_only);
void lingers_close(struct http_server *, bool all);

/* request.c: libmicrohttpd's callbacks */
void *request_line(void *cls, const char *uri, struct MHD_Connection *);
enum MHD_Result request_handle(void *cls, struct MHD_Connection *, const char *url, const char *method,
                               const char *version, const char *data, size_t *data_len, void **context);
void request_completed(void *cls, struct MHD_Connection *, void **context, enum MHD_RequestTerminationCode);
void request_suspend(struct http_request *);
void request_wake(struct http_request *);

/* head.c: 0, or the status of the refusal with *why. */
unsigned head_read(struct http_request *, const char *method, const char *version, const char **why);

/* answer.c: false when memory is out or a header cannot be sent: the connection is cut. */
bool answer_queue(struct http_request *);
/* Writes a plain answer to the socket itself, in the middle of a body; as much as the socket takes at once. */
void answer_write_raw(struct http_request *);

/* server.c */
void server_schedule(struct http_server *);
void server_request_ended(struct http_server *);
void server_accept_again(struct http_server *);
/* Takes the descriptor, for which load counts one already. */
void server_add_connection(struct http_server *, int fd, const struct sockaddr *, socklen_t);
/* Frees a stopping server when no task that names it is left. */
void server_free_when_idle(struct http_server *);

/* group.c */
int group_join(struct http_group *, struct http_server *) MUST_CHECK;
void group_leave(struct http_group *, struct http_server *);
bool group_has_room(struct http_group *);
/* Gives an accepted connection to the member with fewest. */
void group_give(struct http_server *from, int fd, const struct sockaddr *, socklen_t);

/* tls.c */
int tls_new(const char *certificate_file, const char *key_file, struct tls **ret, char *message, size_t message_size) MUST_CHECK;
int tls_reload(struct tls *, char *message, size_t message_size) MUST_CHECK;
void tls_free(struct tls *);
/* libmicrohttpd's MHD_OPTION_HTTPS_CERT_CALLBACK, a gnutls_certificate_retrieve_function2. */
void *tls_callback(void);

#endif
