/* The other end of the admin socket, for subcommands. */
#ifndef ADMIN_CLIENT_H
#define ADMIN_CLIENT_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

struct admin_client;

/* ERR_NOT_FOUND: no server listens there. ERR_ACCESS, ERR_IO, ERR_NO_MEMORY, ERR_TOO_LARGE. */
int admin_client_open(const char *path, struct admin_client **ret) MUST_CHECK;
void admin_client_close(struct admin_client *);

/* Sends a command and waits. Takes arguments. on_line gets "progress" and "row" lines (borrowed values). An error of the
 * server's comes back as its err, with its message. */
int admin_client_run(struct admin_client *, const char *command, json_t *arguments,
                     void (*on_line)(void *arg, const char *member, json_t *value), void *arg, json_t **ret, char *message,
                     size_t message_size) MUST_CHECK;

#endif
