/* The admin socket of a running server: include/ingot/admin-protocol.h. One thread per connection, a few of them. */
#ifndef ADMIN_SOCKET_H
#define ADMIN_SOCKET_H

#include "admin/admin.h"

#define ADMIN_CONNECTIONS_MAX 16

struct admin_socket;

/* Listens on path (mode 0600; a socket nobody listens on any more is replaced). ERR_EXISTS: a server answers there.
 * ERR_TOO_LARGE: the path is too long. Called on the control loop's thread. */
int admin_socket_open(struct admin *, const char *path, struct admin_socket **ret) MUST_CHECK;
/* Ends connections, waits for their commands while the control loop runs on, removes the path. */
void admin_socket_close(struct admin_socket *);

#endif
