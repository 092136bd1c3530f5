#include "admin/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/admin.h"
#include <ingot/admin-protocol.h>

struct admin_client {
    FILE *stream;
    char *line;
    size_t capacity;
};

int admin_client_open(const char *path, struct admin_client **ret)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return ERR_TOO_LARGE;
    strcpy(address.sun_path, path);
    struct admin_client *client = calloc(1, sizeof(*client));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!client || fd < 0) {
        int err = client ? err_from_errno(errno) : ERR_NO_MEMORY;
        free(client);
        if (fd >= 0)
            close(fd);
        return err;
    }
    if (connect(fd, (const struct sockaddr *)(const void *)&address, sizeof(address))) {
        int err = errno == ECONNREFUSED ? ERR_NOT_FOUND : err_from_errno(errno);
        close(fd);
        free(client);
        return err;
    }
    if (!(client->stream = fdopen(fd, "r+"))) {
        close(fd);
        free(client);
        return ERR_NO_MEMORY;
    }
    *ret = client;
    return 0;
}

void admin_client_close(struct admin_client *client)
{
    if (!client)
        return;
    fclose(client->stream);
    free(client->line);
    free(client);
}

static int error_by_name(const char *name)
{
    for (int err = -1; err > -ERR_INDEX_COUNT; err--)
        if (name && strcmp(name, admin_error_name(err)) == 0)
            return err;
    return ERR_IO;
}

static int send_request(struct admin_client *client, const char *command, json_t *arguments)
{
    json_t *request = json_pack("{s:i, s:s, s:o}", "id", 1, "command", command, "arguments", arguments);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (!text)
        return ERR_NO_MEMORY;
    int err = fprintf(client->stream, "%s\n", text) < 0 || fflush(client->stream) ? ERR_IO : 0;
    free(text);
    return err;
}

int admin_client_run(struct admin_client *client, const char *command, json_t *arguments,
                     void (*on_line)(void *, const char *, json_t *), void *arg, json_t **ret, char *message,
                     size_t message_size)
{
    int err = send_request(client, command, arguments);
    snprintf(message, message_size, "the server ended the connection");
    while (!err) {
        ssize_t len = getline(&client->line, &client->capacity, client->stream);
        if (len <= 0)
            return ERR_IO;
        json_t *answer = json_loadb(client->line, (size_t)len, 0, NULL);
        json_t *result = json_object_get(answer, "result"), *error = json_object_get(answer, "error");
        if (!answer) {
            snprintf(message, message_size, "the server's answer is not JSON");
            return ERR_MALFORMED;
        }
        if (result) {
            *ret = json_incref(result);
            json_decref(answer);
            return 0;
        }
        if (error) {
            const char *text = json_string_value(json_object_get(error, "message"));
            snprintf(message, message_size, "%s", text ? text : "");
            err = error_by_name(json_string_value(json_object_get(error, "code")));
        }
        static const char *const members[] = {"progress", "row"};
        for (size_t i = 0; i < 2; i++)
            if (json_object_get(answer, members[i]))
                on_line(arg, members[i], json_object_get(answer, members[i]));
        json_decref(answer);
    }
    return err;
}
