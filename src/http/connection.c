/* The clocks of connections, and their end.
 *
 * libmicrohttpd's own time-outs count inactivity only, and not while suspended: they are off. Once a second every connection
 * is looked at: heads and idle connections have a time, bodies both ways a floor of bytes per window, of which
 * seconds that we kept the client waiting do not count. What is too slow loses its socket; libmicrohttpd then ends it.
 *
 * A connection closed while its client still sends would be reset, and the answer lost with it: so a copy of the descriptor
 * is read to its end, for a while. */
#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "http/connection.h"

/* What the peer has acknowledged so far, or 0 when the socket is not TCP's. */
static uint64_t bytes_acknowledged(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return 0;
    return info.tcpi_bytes_acked;
}

static void window_begin(struct connection *c)
{
    c->window_s = 0;
    c->window_bytes = c->phase == PHASE_SEND ? bytes_acknowledged(c->fd) : 0;
}

void connection_phase(struct connection *c, enum phase phase)
{
    c->phase = phase;
    c->phase_since_us = loop_now_us(c->request.server->loop);
    c->window_s = 0;
    c->window_bytes = 0; /* for sending: counted from the first second on */
}

static void name_peer(struct connection *c, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char text[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr *address = info ? info->client_addr : NULL;
    if (address && address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        snprintf(c->peer, sizeof c->peer, "%s:%u", text, ntohs(in->sin_port));
    } else if (address && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
        if (mapped)
            inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text, sizeof text);
        else
            inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
        snprintf(c->peer, sizeof c->peer, mapped ? "%s:%u" : "[%s]:%u", text, ntohs(in6->sin6_port));
    } else {
        snprintf(c->peer, sizeof c->peer, "local");
    }
}

void connection_started(struct http_server *server, struct MHD_Connection *connection, void **socket_context)
{
    server->connection_count++;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *c = calloc(1, sizeof *c);
    *socket_context = c;
    if (!c) {
        if (info)
            shutdown(info->connect_fd, SHUT_RDWR);
        return;
    }
    c->request.server = server;
    c->fd = info ? info->connect_fd : -1;
    name_peer(c, connection);
    connection_phase(c, PHASE_FRESH);
    c->next = server->connections;
    if (c->next)
        c->next->prev = c;
    server->connections = c;
}

/* --- closing while the client sends --- */

static void linger_close(struct lingering *l)
{
    struct lingering **at = &l->server->lingers;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    l->server->linger_count--;
    loop_unwatch(l->server->loop, &l->watch);
    close(l->watch.fd);
    free(l);
}

static void linger_ready(struct watch *watch)
{
    struct lingering *l = container_of(watch, struct lingering, watch);
    char dropped[64 << 10];
    ssize_t n = recv(l->watch.fd, dropped, sizeof dropped, MSG_DONTWAIT);
    if (n <= 0 || (uint64_t)n >= l->left)
        linger_close(l);
    else
        l->left -= (uint64_t)n;
}

static void linger_begin(struct http_server *server, const struct connection *c)
{
    if (server->stopping || server->linger_count >= HTTP_LINGER_MAX)
        return;
    struct lingering *l = calloc(1, sizeof *l);
    if (!l)
        return;
    *l = (struct lingering){.watch = {.fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 0), .ready = linger_ready}, .server = server,
                         .until_us = loop_now_us(server->loop) + HTTP_LINGER_S * 1000000ull, .left = HTTP_LINGER_BYTES};
    if (l->watch.fd < 0 || loop_watch(server->loop, &l->watch) != 0) {
        if (l->watch.fd >= 0)
            close(l->watch.fd);
        free(l);
        return;
    }
    shutdown(l->watch.fd, SHUT_WR);
    l->next = server->lingers;
    server->lingers = l;
    server->linger_count++;
}

void lingers_close(struct http_server *server, bool all)
{
    uint64_t now_us = loop_now_us(server->loop);
    for (struct lingering *l = server->lingers, *next; l; l = next) {
        next = l->next;
        if (all || now_us >= l->until_us)
            linger_close(l);
    }
}

void connection_closed(struct http_server *server, struct connection *c)
{
    server->connection_count--;
    server->load--;
    if (!c)
        return;
    if (c->linger)
        linger_begin(server, c);
    if (c->prev)
        c->prev->next = c->next;
    else
        server->connections = c->next;
    if (c->next)
        c->next->prev = c->prev;
    arena_free(&c->request.arena);
    free(c);
}

/* --- clocks --- */

static uint64_t window_progress(const struct connection *c)
{
    return c->phase == PHASE_SEND ? bytes_acknowledged(c->fd) - c->window_bytes : c->window_bytes;
}

static bool is_too_slow(struct connection *c, bool pressed)
{
    const struct http_options *o = &c->request.server->options;
    uint32_t window_s = o->body_rate_min ? HTTP_RATE_WINDOW_S : o->idle_timeout_s;
    uint64_t floor = o->body_rate_min ? (uint64_t)o->body_rate_min * HTTP_RATE_WINDOW_S : 1;
    if (c->request.suspended || window_s == 0)
        return false;
    if (c->window_s == 0 && c->phase == PHASE_SEND)
        window_begin(c);
    if (++c->window_s <= window_s)
        return pressed && c->window_s > HTTP_RATE_WINDOW_PRESSED_S &&
               window_progress(c) < (uint64_t)o->body_rate_min * c->window_s;
    uint64_t bytes = window_progress(c);
    window_begin(c);
    return bytes < floor;
}

static bool is_over(struct connection *c, uint64_t now_us, bool pressed)
{
    const struct http_options *o = &c->request.server->options;
    uint64_t age_us = now_us > c->phase_since_us ? now_us - c->phase_since_us : 0;
    switch (c->phase) {
    case PHASE_FRESH:
    case PHASE_HEAD: return o->header_timeout_s && age_us > o->header_timeout_s * 1000000ull;
    case PHASE_IDLE: return c->request.server->draining || (o->idle_timeout_s && age_us > o->idle_timeout_s * 1000000ull);
    case PHASE_BODY:
    case PHASE_SEND: return is_too_slow(c, pressed);
    case PHASE_WORK: return false;
    }
    return false;
}

/* Whether the client has left while nothing of what it sent is unread. libmicrohttpd takes a short read for the last one and
 * waits for an edge that came together with the data: it would not see such an end. */
static bool has_left(const struct connection *c)
{
    char byte;
    return !c->request.suspended && c->phase != PHASE_SEND && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void connections_sweep(struct http_server *server)
{
    uint64_t now_us = loop_now_us(server->loop);
    bool pressed = server->handler->pressed && server->handler->pressed(server->argument);
    for (struct connection *c = server->connections; c; c = c->next)
        if (is_over(c, now_us, pressed) || has_left(c))
            shutdown(c->fd, SHUT_RDWR);
    lingers_close(server, false);
}

void connections_kill(struct http_server *server, bool idle_only)
{
    for (struct connection *c = server->connections; c; c = c->next)
        if (!idle_only || c->phase == PHASE_IDLE || c->phase == PHASE_FRESH)
            shutdown(c->fd, SHUT_RDWR);
}
