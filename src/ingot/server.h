/* The server: an opened store, reactors that serve S3 on it, the admin socket, health, the lease. For serve and dev. */
#ifndef INGOT_SERVER_H
#define INGOT_SERVER_H

#include "ingot/command.h"

/* Serves until SIGTERM or SIGINT; returns the exit status. ready_line: what to print to stdout when it serves, or NULL. */
int server_run(const struct command *, const struct config *, const char *ready_line);

#endif
