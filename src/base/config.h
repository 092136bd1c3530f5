/* Options, from config.def: a flag beats the environment, the environment beats ingot.conf, and that the default.
 *
 * Sizes take KiB, MiB, GiB, TiB (or K, M, G, T: the same); durations ms, s, min, h; booleans yes, no, true, false, on, off,
 * 1, 0. Read once before threads start; only read afterwards. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"

#define CONFIG_PATH_DEFAULT "/etc/ingot/ingot.conf"
#define CONFIG_LIST_MAX 256
#define CONFIG_SECRET_MAX 4096

struct config_list {
    char **items;
    uint32_t count;
};

/* One member per line of config.def. Texts are never NULL; durations in milliseconds; a choice is its place in the list. */
struct config {
#define STRING(name, flag, environment, value, help) char *name;
#define SECRET(name, flag, environment, value, help) char *name;
#define LIST(name, flag, environment, value, help) struct config_list name;
#define SIZE(name, flag, environment, value, least, most, help) uint64_t name;
#define DURATION(name, flag, environment, value, least, most, help) uint64_t name;
#define COUNT(name, flag, environment, value, least, most, help) uint64_t name;
#define BOOL(name, flag, environment, value, help) bool name;
#define CHOICE(name, flag, environment, value, choices, help) uint32_t name;
#include "base/config.def"
};

enum config_kind {
    CONFIG_STRING, CONFIG_SECRET, CONFIG_LIST, CONFIG_SIZE, CONFIG_DURATION, CONFIG_COUNT, CONFIG_BOOL, CONFIG_CHOICE
};

struct config_option {
    const char *name, *flag, *environment, *value, *choices, *help;
    enum config_kind kind;
    uint64_t least, most;
    size_t off; /* in struct config */
};
extern const struct config_option config_options[];
extern const uint32_t config_option_count;

/* A flag as given: --flag value. as_file: --flag-file value (secrets only). */
struct config_flag {
    const struct config_option *option;
    const char *value;
    bool as_file;
};

/* The option of a flag without its dashes; NULL: not one of these. A boolean's flag needs no value. */
const struct config_option *config_find_flag(struct slice flag, bool *ret_as_file);

/* A size as options take it, such as 64MiB. ERR_INVALID. */
int config_parse_size(const char *text, uint64_t *ret) MUST_CHECK;

/* One line for people: what is wrong, in which line of which file. */
struct config_message { char text[512]; };

/* Fills *config. path: the file, which must be there; NULL: INGOT_CONFIG, else CONFIG_PATH_DEFAULT if it is there.
 * environment: as environ. ERR_INVALID with *message; ERR_NO_MEMORY. config_free in any case. */
int config_load(struct config *, const char *path, const struct config_flag *flags, uint32_t flag_count,
                const char *const *environment, struct config_message *message) MUST_CHECK;
void config_free(struct config *);

/* The options for --help; and ingot.conf with every option explained and commented out. */
void config_write_help(FILE *);
void config_write_file(FILE *);

#endif
