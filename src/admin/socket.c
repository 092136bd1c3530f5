#include "admin/socket.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include <ingot/admin-protocol.h>

/* Who takes nothing for so long is cut off: a query holds the metadata log back while it waits for its reader, and writes wait
 * 2 s for room in the log before they fail. */
static const struct timeval send_timeout = {.tv_sec = 1};

struct connection {
    struct admin_socket *socket;
    pthread_t thread;
    int fd;
    bool used;
    struct task ended; /* on the control loop: the thread is to be joined */
    json_t *id;        /* of the request being answered */
};

struct admin_socket {
    struct admin *admin;
    struct watch listening;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    unsigned connection_count;
    struct connection connections[ADMIN_CONNECTIONS_MAX]; /* control loop's thread; a used one's id is its thread's */
};

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t written = send(fd, bytes, len, MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) { /* perhaps in the middle of a line: no more may follow */
            shutdown(fd, SHUT_RDWR);
            return ERR_CANCELLED;
        }
        bytes += written;
        len -= (size_t)written;
    }
    return 0;
}

/* Sends {"id": id, member: value} as a line. Takes value. */
static int send_line(struct connection *connection, const char *member, json_t *value)
{
    json_t *line = value ? json_pack("{s:O, s:o}", "id", connection->id, member, value) : NULL;
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    int err = text ? write_all(connection->fd, text, strlen(text)) : ERR_NO_MEMORY;
    if (!err)
        err = write_all(connection->fd, "\n", 1);
    free(text);
    json_decref(line);
    return err;
}

static int emit(struct admin_call *call, const char *member, json_t *value)
{
    return send_line(call->emit_arg, member, value);
}

static json_t *error_to_json(int err, const char *message)
{
    return json_pack("{s:s, s:s}", "code", admin_error_name(err), "message", *message ? message : err_text(err));
}

static int answer(struct connection *connection, const char *line, size_t len)
{
    struct admin_call call = {.admin = connection->socket->admin, .emit = emit, .emit_arg = connection};
    json_error_t where;
    json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &where), *result = NULL;
    json_t *id = json_object_get(request, "id"), *arguments = json_object_get(request, "arguments");
    const char *command = json_string_value(json_object_get(request, "command"));
    int err = ERR_MALFORMED;
    connection->id = id ? json_incref(id) : json_null();
    call.arguments = json_is_object(arguments) ? json_incref(arguments) : json_object();
    if (command && call.arguments)
        err = admin_run(&call, command, &result);
    err = err ? send_line(connection, "error", error_to_json(err, call.message)) : send_line(connection, "result", result);
    json_decref(call.arguments);
    json_decref(connection->id);
    json_decref(request);
    return err;
}

static void serve_lines(struct connection *connection)
{
    struct text received = {0};
    char bytes[4096];
    for (;;) {
        ssize_t got = recv(connection->fd, bytes, sizeof(bytes), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        text_append(&received, bytes, (size_t)got);
        if (received.failed || received.len > ADMIN_LINE_MAX)
            break;
        char *end;
        bool broken = false;
        while (!broken && received.len && (end = memchr(received.data, '\n', received.len))) {
            size_t len = (size_t)(end - received.data) + 1;
            broken = answer(connection, received.data, len) != 0;
            memmove(received.data, received.data + len, received.len - len);
            received.len -= len;
        }
        if (broken)
            break;
    }
    text_free(&received);
}

static void *connection_main(void *arg)
{
    struct connection *connection = arg;
    serve_lines(connection);
    loop_post(connection->socket->admin->control, &connection->ended);
    return NULL;
}

static void connection_ended(struct task *task)
{
    struct connection *connection = container_of(task, struct connection, ended);
    pthread_join(connection->thread, NULL);
    close(connection->fd);
    connection->used = false;
    connection->socket->connection_count--;
}

static void accept_one(struct watch *watch)
{
    struct admin_socket *admin_socket = container_of(watch, struct admin_socket, listening);
    struct connection *connection = NULL;
    int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX && !connection; i++)
        if (!admin_socket->connections[i].used)
            connection = &admin_socket->connections[i];
    if (connection && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send_timeout, sizeof(send_timeout))) {
        log_warning_limited("the admin socket: %s; a connection was refused", strerror(errno));
        close(fd);
        return;
    }
    if (!connection) {
        log_warning_limited("the admin socket has %d connections already; one more was refused", ADMIN_CONNECTIONS_MAX);
        close(fd);
        return;
    }
    *connection = (struct connection){.socket = admin_socket, .fd = fd, .used = true, .ended = {.run = connection_ended}};
    if (pthread_create(&connection->thread, NULL, connection_main, connection)) {
        log_warning_limited("no thread for a connection to the admin socket");
        connection->used = false;
        close(fd);
        return;
    }
    admin_socket->connection_count++;
}

/* Binds; a path that is a socket nobody answers on is what a killed server left behind. */
static int bind_path(int fd, const struct sockaddr_un *address)
{
    const struct sockaddr *generic = (const struct sockaddr *)(const void *)address;
    mode_t before = umask(0177);
    int bound = bind(fd, generic, sizeof(*address)) ? errno : 0;
    if (bound == EADDRINUSE) {
        int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool stale = probe >= 0 && connect(probe, generic, sizeof(*address)) && errno == ECONNREFUSED;
        if (probe >= 0)
            close(probe);
        if (stale && unlink(address->sun_path) == 0)
            bound = bind(fd, generic, sizeof(*address)) ? errno : 0;
    }
    umask(before);
    if (bound == EADDRINUSE)
        return ERR_EXISTS;
    return err_from_errno(bound);
}

int admin_socket_open(struct admin *admin, const char *path, struct admin_socket **ret)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return ERR_TOO_LARGE;
    strcpy(address.sun_path, path);
    struct admin_socket *made = calloc(1, sizeof(*made));
    if (!made)
        return ERR_NO_MEMORY;
    strcpy(made->path, path);
    made->admin = admin;
    made->listening = (struct watch){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .ready = accept_one};
    if (made->listening.fd < 0) {
        free(made);
        return err_from_errno(errno);
    }
    int err = bind_path(made->listening.fd, &address);
    if (err) {
        close(made->listening.fd);
        free(made);
        return err;
    }
    if (listen(made->listening.fd, ADMIN_CONNECTIONS_MAX))
        err = err_from_errno(errno);
    if (!err)
        err = loop_watch(admin->control, &made->listening);
    if (err) {
        unlink(path);
        close(made->listening.fd);
        free(made);
        return err;
    }
    *ret = made;
    return 0;
}

static bool all_ended(void *arg)
{
    return ((struct admin_socket *)arg)->connection_count == 0;
}

void admin_socket_close(struct admin_socket *admin_socket)
{
    if (!admin_socket)
        return;
    loop_unwatch(admin_socket->admin->control, &admin_socket->listening);
    unlink(admin_socket->path);
    close(admin_socket->listening.fd);
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
        if (admin_socket->connections[i].used)
            shutdown(admin_socket->connections[i].fd, SHUT_RDWR);
    if (loop_run_until(admin_socket->admin->control, all_ended, admin_socket))
        log_error("the control loop broke while the admin socket closed");
    else
        free(admin_socket);
}
