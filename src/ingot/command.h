/* The subcommands: one file each. */
#ifndef INGOT_COMMAND_H
#define INGOT_COMMAND_H

#include "ingot/arguments.h"

#define EXIT_GOOD 0
#define EXIT_BAD 1   /* it did not work */
#define EXIT_USAGE 2 /* a wrong option, argument or line of ingot.conf */

struct command {
    const char *name;
    const char *synopsis; /* behind the name */
    const char *summary;
    const char *details;  /* more lines for --help, or "" */
    const struct flag *flags;
    int (*run)(const struct command *, struct arguments *);
};

extern const struct command command_serve, command_dev, command_format, command_status, command_volume, command_scrub,
    command_fsck, command_query, command_backup, command_restore, command_user, command_key, command_kms, command_bucket, command_policy, command_completion;
/* All, in the order of --help; ends with NULL. */
extern const struct command *const commands[];

/* One line to stderr; returns EXIT_USAGE. */
int command_usage(const struct command *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "ingot NAME: message" to stderr; returns EXIT_BAD. */
int command_failed(const struct command *, const char *message);
/* Reads the configuration; EXIT_GOOD, or a line was written. */
int command_config(const struct command *, const struct arguments *, struct config *);

#endif
