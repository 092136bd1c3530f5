/* The server: its listening socket, libmicrohttpd's daemon on the loop, and its end.
 *
 * Connections are accepted here, one per turn of the loop, and given to the daemon: reactors that share a listening socket
 * then take turns, where the daemon's own accepting gives one of them whole batches. */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "http/connection.h"

#define SWEEP_US 1000000u
#define BACKLOG 1024

/* --- listening --- */

/* "HOST:PORT", "[V6]:PORT", ":PORT" */
static int split_address(const char *listen, char *host, size_t host_size, const char **ret_port)
{
    const char *colon = strrchr(listen, ':');
    uint64_t port;
    if (!colon || slice_parse_u64(slice_string(colon + 1), &port) != 0 || port > UINT16_MAX)
        return ERR_INVALID;
    size_t len = (size_t)(colon - listen);
    if (len >= 2 && listen[0] == '[' && listen[len - 1] == ']') {
        listen++;
        len -= 2;
    } else if (memchr(listen, ':', len)) {
        return ERR_INVALID;
    }
    if (len >= host_size)
        return ERR_INVALID;
    memcpy(host, listen, len);
    host[len] = '\0';
    *ret_port = colon + 1;
    return 0;
}

static int open_listening(const struct addrinfo *a, int *ret_fd)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, zero = 0;
    if (fd < 0)
        return errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        int number = errno;
        close(fd);
        return number;
    }
    *ret_fd = fd;
    return 0;
}

static int resolve(const char *listen, struct addrinfo **ret, char *message, size_t message_size)
{
    char host[256];
    const char *port;
    if (split_address(listen, host, sizeof host, &port) != 0) {
        snprintf(message, message_size, "\"%s\" is not HOST:PORT or [V6]:PORT", listen);
        return ERR_INVALID;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    int status = getaddrinfo(host[0] ? host : NULL, port, &hints, ret);
    if (status == 0)
        return 0;
    snprintf(message, message_size, "\"%s\" cannot be resolved: %s", listen, gai_strerror(status));
    return ERR_INVALID;
}

int http_check(const struct http_options *options, char *message, size_t message_size)
{
    struct addrinfo *addresses;
    struct tls *tls = NULL;
    int err = resolve(options->listen, &addresses, message, message_size);
    if (err)
        return err;
    freeaddrinfo(addresses);
    if (options->certificate_file)
        err = tls_new(options->certificate_file, options->key_file, &tls, message, message_size);
    tls_free(tls);
    return err;
}

int http_listen(const char *listen, int *ret_fd, char *message, size_t message_size)
{
    struct addrinfo *addresses;
    int err = resolve(listen, &addresses, message, message_size);
    if (err)
        return err;
    int number = open_listening(addresses, ret_fd);
    freeaddrinfo(addresses);
    if (number == 0)
        return 0;
    snprintf(message, message_size, "cannot listen on %s: %s", listen, strerror(number));
    return number == EADDRINUSE ? ERR_EXISTS : err_from_errno(number);
}

static void watch_listening(struct http_server *s, bool on)
{
    if (on == s->listening || s->listen_fd < 0)
        return;
    if (!on)
        loop_unwatch(s->loop, &s->listen_watch);
    else if (loop_watch(s->loop, &s->listen_watch) != 0)
        return; /* tried again by the sweep */
    s->listening = on;
}

static void sweep_arm(struct http_server *s)
{
    if (!s->sweep.armed)
        loop_timer_set(s->loop, &s->sweep, loop_now_us(s->loop) + SWEEP_US);
}

static bool has_room(const struct http_server *s)
{
    return s->options.group ? group_has_room(s->options.group) : s->load < s->options.connection_max;
}

void server_accept_again(struct http_server *s)
{
    if (!s->draining && !s->stopping && has_room(s))
        watch_listening(s, true);
}

void server_add_connection(struct http_server *s, int fd, const struct sockaddr *address, socklen_t len)
{
    uint32_t before = s->started_count;
    if (s->stopping || s->draining) {
        close(fd);
        s->load--;
        return;
    }
    /* The daemon owns the descriptor from here on, also when it refuses. */
    if (MHD_add_connection(s->daemon, fd, address, len) != MHD_YES) {
        log_warning_limited("http: a connection was refused: %s", strerror(errno));
        if (before == s->started_count)
            s->load--; /* otherwise its end has done that */
    }
    sweep_arm(s);
    server_schedule(s);
}

/* Beyond connection_max clients wait in the kernel's backlog. */
static void accept_ready(struct watch *watch)
{
    struct http_server *s = container_of(watch, struct http_server, listen_watch);
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    bool room = has_room(s);
    int one = 1, fd = room ? accept4(s->listen_fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;
    if (fd < 0 && room && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
        return;
    if (fd < 0) {
        if (room)
            log_warning_limited("http: cannot accept connections: %s", strerror(errno));
        watch_listening(s, false); /* until one closes, or the next sweep */
        sweep_arm(s);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (s->options.group) {
        group_give(s, fd, (struct sockaddr *)&address, len);
    } else {
        s->load++;
        server_add_connection(s, fd, (struct sockaddr *)&address, len);
    }
}

/* --- the daemon on the loop --- */

static void run_daemon(struct http_server *s)
{
    assert(!s->running);
    s->running = true;
    s->run_again = false;
    MHD_run(s->daemon);
    s->running = false;
    MHD_UNSIGNED_LONG_LONG wait_ms;
    if (s->run_again || (MHD_get_timeout(s->daemon, &wait_ms) == MHD_YES && wait_ms == 0))
        server_schedule(s);
}

void server_schedule(struct http_server *s)
{
    if (s->running) {
        s->run_again = true;
    } else if (!s->run_posted) {
        s->run_posted = true;
        loop_post(s->loop, &s->run_task);
    }
}

static void daemon_ready(struct watch *watch)
{
    run_daemon(container_of(watch, struct http_server, daemon_watch));
}

/* http_server_free leaves the server to the tasks that are posted still. */
void server_free_when_idle(struct http_server *s)
{
    if (s->stopping && !s->run_posted && !s->drained_posted && s->handover_count == 0)
        free(s);
}

static void run_posted(struct task *task)
{
    struct http_server *s = container_of(task, struct http_server, run_task);
    s->run_posted = false;
    if (s->stopping)
        server_free_when_idle(s);
    else
        run_daemon(s);
}

static void sweep_fired(struct timer *timer)
{
    struct http_server *s = container_of(timer, struct http_server, sweep);
    connections_sweep(s);
    server_accept_again(s);
    if (s->connections || s->lingers || (!s->listening && !s->draining))
        sweep_arm(s);
}

static void connection_notify(void *cls, struct MHD_Connection *connection, void **socket_context,
                              enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        s->started_count++;
        connection_started(s, connection, socket_context);
        return;
    }
    connection_closed(s, *socket_context);
    *socket_context = NULL;
    if (!s->listening)
        server_accept_again(s);
}

/* Targets stay as they were sent. */
static size_t unescape_nothing(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void log_daemon(void *cls, const char *format, va_list arguments)
{
    (void)cls;
    char line[256];
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\r\n")] = '\0';
    log_debug("http: %s", line);
}

static int start_daemon(struct http_server *s)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, tls_callback()},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (s->tls)
        flags |= MHD_USE_TLS;
    s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, request_handle, s,
                                 MHD_OPTION_EXTERNAL_LOGGER, log_daemon, s,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_MEMORY,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->options.connection_max,
                                 MHD_OPTION_CONNECTION_TIMEOUT, 0u,
                                 MHD_OPTION_STRICT_FOR_CLIENT, 1,
                                 MHD_OPTION_URI_LOG_CALLBACK, request_line, s,
                                 MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, s,
                                 MHD_OPTION_NOTIFY_COMPLETED, request_completed, s,
                                 MHD_OPTION_NOTIFY_CONNECTION, connection_notify, s,
                                 MHD_OPTION_ARRAY, s->tls ? tls_options : none, MHD_OPTION_END);
    if (!s->daemon)
        return ERR_IO;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    s->daemon_watch = (struct watch){.fd = info ? info->epoll_fd : -1, .ready = daemon_ready};
    int err = info ? loop_watch(s->loop, &s->daemon_watch) : ERR_IO;
    if (err) {
        MHD_stop_daemon(s->daemon);
        s->daemon = NULL;
    }
    return err;
}

static int start(struct http_server *s, char *message, size_t message_size)
{
    int err = 0;
    if (s->options.certificate_file)
        err = tls_new(s->options.certificate_file, s->options.key_file, &s->tls, message, message_size);
    if (!err && s->listen_fd < 0) {
        err = http_listen(s->options.listen, &s->listen_fd, message, message_size);
        s->owns_listen_fd = !err;
    }
    if (err)
        return err;
    err = start_daemon(s);
    if (err) {
        snprintf(message, message_size, "the HTTP server cannot start: %s", err_text(err));
        return err;
    }
    s->listen_watch = (struct watch){.fd = s->listen_fd, .ready = accept_ready};
    if (s->options.group) {
        err = group_join(s->options.group, s);
        if (err)
            return err;
    }
    watch_listening(s, true);
    if (!s->listening)
        sweep_arm(s);
    return 0;
}

int http_server_new(const struct http_options *options, struct loop *loop, const struct http_handler *handler,
                    void *server_arg, struct http_server **ret, char *message, size_t message_size)
{
    struct http_server *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NO_MEMORY;
    *s = (struct http_server){.loop = loop, .handler = handler, .argument = server_arg, .options = *options,
                              .listen_fd = options->listen_fd > 0 ? options->listen_fd : -1};
    s->run_task.run = run_posted;
    s->sweep.fire = sweep_fired;
    if (s->options.connection_max == 0)
        s->options.connection_max = 1024;
    int err = start(s, message, message_size);
    if (err) {
        http_server_free(s);
        return err;
    }
    *ret = s;
    return 0;
}

uint16_t http_server_port(const struct http_server *s)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(s->listen_fd, (struct sockaddr *)&address, &len) < 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&address)->sin_port);
    return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port) : 0;
}

int http_server_reload(struct http_server *s, char *message, size_t message_size)
{
    return s->tls ? tls_reload(s->tls, message, message_size) : 0;
}

/* --- the end --- */

static void run_drained(struct task *task)
{
    struct http_server *s = container_of(task, struct http_server, drained_task);
    s->drained_posted = false;
    if (s->stopping)
        server_free_when_idle(s);
    else
        s->drained(s->drained_arg);
}

static void check_drained(struct http_server *s)
{
    if (!s->draining || s->active_count > 0 || s->drained_posted || !s->drained)
        return;
    s->drained_posted = true;
    s->drained_task.run = run_drained;
    loop_post(s->loop, &s->drained_task);
}

void server_request_ended(struct http_server *s)
{
    s->active_count--;
    check_drained(s);
}

void http_server_drain(struct http_server *s, void (*drained)(void *), void *arg)
{
    s->draining = true;
    s->drained = drained;
    s->drained_arg = arg;
    if (s->options.group)
        group_leave(s->options.group, s);
    watch_listening(s, false);
    connections_kill(s, true);
    check_drained(s);
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    assert(!s->running);
    s->stopping = true;
    if (s->options.group)
        group_leave(s->options.group, s);
    watch_listening(s, false);
    loop_timer_cancel(s->loop, &s->sweep);
    if (s->daemon) {
        for (struct connection *c = s->connections; c; c = c->next)
            if (c->request.suspended)
                request_wake(&c->request);
        loop_unwatch(s->loop, &s->daemon_watch);
        MHD_stop_daemon(s->daemon);
    }
    lingers_close(s, true);
    if (s->owns_listen_fd)
        close(s->listen_fd);
    tls_free(s->tls);
    server_free_when_idle(s);
}
