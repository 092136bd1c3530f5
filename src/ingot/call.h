/* One admin command from a subcommand: through the socket of a running server, else on the volumes opened here. */
#ifndef INGOT_CALL_H
#define INGOT_CALL_H

#include <jansson.h>

#include "ingot/command.h"

struct call_options {
    const char *command;
    json_t *arguments;  /* taken; NULL: none */
    bool writes;        /* without a server: open the store for writing */
    void (*on_line)(void *arg, const char *member, json_t *value); /* "progress" or "row", borrowed; may be NULL */
    void *arg;
};

/* EXIT_GOOD with *ret (to be released), or a line was written. */
int call_run(const struct command *, const struct config *, const struct call_options *, json_t **ret);
/* The same, then prints the result as JSON when --json is among the arguments' flags; else only releases it. */
int call_and_print(const struct command *, const struct arguments *, const struct call_options *);

#endif
