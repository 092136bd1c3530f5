/* A subcommand's words: its own flags, those of the options in base/config.def, and what is left. */
#ifndef INGOT_ARGUMENTS_H
#define INGOT_ARGUMENTS_H

#include "base/config.h"

#define ARGUMENTS_FLAGS_MAX 16
#define ARGUMENTS_CONFIG_MAX 256
#define ARGUMENTS_WORDS_MAX 256

struct flag {
    const char *name;  /* without dashes; NULL ends the list */
    const char *value; /* what --help calls its value; NULL: it takes none */
    const char *help;
};

struct arguments {
    const struct flag *flags;
    const char *values[ARGUMENTS_FLAGS_MAX]; /* by place in flags; NULL: not given */
    struct config_flag config[ARGUMENTS_CONFIG_MAX];
    uint32_t config_count;
    const char *config_path;
    const char *words[ARGUMENTS_WORDS_MAX];
    uint32_t word_count;
    bool help;
};

/* argv: the words behind the subcommand. False when one is wrong: message says which. */
bool arguments_parse(struct arguments *, const struct flag *flags, int argc, char **argv, char *message, size_t message_size);
/* The value of the subcommand's own flag; NULL: not given, "" for one without value. */
const char *arguments_value(const struct arguments *, const char *name);

#endif
