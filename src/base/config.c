/* Options from ingot.conf (inih), the environment and flags. Sources are applied from the weakest to the strongest; a stronger
 * source replaces a list, it does not add to it. */
#include "base/config.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config_value.h"

#define LINE_MAX_LEN 199 /* what inih takes */

const struct config_option config_options[] = {
#define OPTION(name, flag, environment, value, choices, help, kind, least, most) \
    {#name, flag, environment, value, choices, help, kind, least, most, offsetof(struct config, name)},
#define STRING(name, flag, environment, value, help) OPTION(name, flag, environment, value, "", help, CONFIG_STRING, 0, 0)
#define SECRET(name, flag, environment, value, help) OPTION(name, flag, environment, value, "", help, CONFIG_SECRET, 0, 0)
#define KEY(name, flag, environment, value, len, help) OPTION(name, flag, environment, value, "", help, CONFIG_SECRET, len, len)
#define LIST(name, flag, environment, value, help) OPTION(name, flag, environment, value, "", help, CONFIG_LIST, 0, 0)
#define SIZE(name, flag, environment, value, least, most, help) \
    OPTION(name, flag, environment, value, "", help, CONFIG_SIZE, least, most)
#define DURATION(name, flag, environment, value, least, most, help) \
    OPTION(name, flag, environment, value, "", help, CONFIG_DURATION, least, most)
#define COUNT(name, flag, environment, value, least, most, help) \
    OPTION(name, flag, environment, value, "", help, CONFIG_COUNT, least, most)
#define BOOL(name, flag, environment, value, help) OPTION(name, flag, environment, value, "", help, CONFIG_BOOL, 0, 1)
#define CHOICE(name, flag, environment, value, choices, help) \
    OPTION(name, flag, environment, value, choices, help, CONFIG_CHOICE, 0, 0)
#include "base/config.def"
#undef OPTION
};
#define OPTION_COUNT (sizeof(config_options) / sizeof(config_options[0]))
const uint32_t config_option_count = OPTION_COUNT;

/* What MinIO's start-up sections set; weaker than Ingot's own variables. */
static const struct {
    const char *environment, *name;
} aliases[] = {
    {"MINIO_ROOT_USER", "root_user"},
    {"MINIO_ROOT_PASSWORD", "root_password"},
};
#define ALIAS_COUNT (sizeof(aliases) / sizeof(aliases[0]))

/* How far loading has come: which options the present source has set already. */
struct loading {
    struct config *config;
    struct config_message *message;
    const char *path;
    unsigned line;
    bool line_too_long;
    bool seen[OPTION_COUNT];
    FILE *file;
    int err; /* the first one */
};

__attribute__((format(printf, 3, 4)))
static int fail(struct loading *loading, int err, const char *format, ...)
{
    va_list arguments;
    if (loading->err)
        return loading->err;
    va_start(arguments, format);
    vsnprintf(loading->message->text, sizeof(loading->message->text), format, arguments);
    va_end(arguments);
    return loading->err = err;
}

static const struct config_option *find_option(struct slice name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (slice_equal_string(name, config_options[i].name))
            return &config_options[i];
    return NULL;
}

const struct config_option *config_find_flag(struct slice flag, bool *ret_as_file)
{
    struct slice stem = flag;
    bool as_file = flag.len > 5 && memcmp(flag.data + flag.len - 5, "-file", 5) == 0;
    if (as_file)
        stem.len -= 5;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct config_option *option = &config_options[i];
        bool secret = option->kind == CONFIG_SECRET;
        /* Flags can be read by everybody on the machine: a secret's value is none. */
        if ((!secret || as_file) && slice_equal_string(secret ? stem : flag, option->flag)) {
            *ret_as_file = secret;
            return option;
        }
    }
    return NULL;
}

/* The first line of a file, without the line's end. */
static int read_secret(struct loading *loading, const char *where, const char *path, char value[CONFIG_SECRET_MAX])
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fail(loading, ERR_INVALID, "%s: %s: %s", where, path, strerror(errno));
    size_t len = fread(value, 1, CONFIG_SECRET_MAX, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed || len == CONFIG_SECRET_MAX || memchr(value, '\0', len))
        return fail(loading, ERR_INVALID, "%s: %s: %s", where, path, failed ? "cannot be read" : "is not a secret's file");
    value[len] = '\0';
    value[strcspn(value, "\r\n")] = '\0';
    return 0;
}

/* where: what the message begins with, such as "ingot.conf:3" or a variable's name. */
static int apply(struct loading *loading, const struct config_option *option, const char *value, bool as_file,
                 const char *where)
{
    char why[256] = "", secret[CONFIG_SECRET_MAX];
    size_t index = (size_t)(option - config_options);
    int err = 0;
    if (loading->err)
        return loading->err;
    if (loading->seen[index] && option->kind != CONFIG_LIST)
        return fail(loading, ERR_INVALID, "%s: %s is given twice", where, option->name);
    if (as_file && read_secret(loading, where, value, secret))
        return loading->err;
    if (!loading->seen[index])
        err = config_value_clear(loading->config, option);
    if (!err)
        err = config_value_set(loading->config, option, as_file ? secret : value, why, sizeof(why));
    loading->seen[index] = true;
    explicit_bzero(secret, sizeof(secret));
    if (err == ERR_INVALID)
        return fail(loading, err, "%s: %s: %s", where, option->name, why);
    return err ? fail(loading, err, "%s: %s", where, err_text(err)) : 0;
}

static void next_source(struct loading *loading)
{
    memset(loading->seen, 0, sizeof(loading->seen));
}

/* --- The file --- */

/* inih as packaged tells no line numbers and cuts long lines: both are seen to here. */
static char *read_line(char *line, int size, void *stream)
{
    struct loading *loading = stream;
    if (!fgets(line, size, loading->file))
        return NULL;
    loading->line++;
    if (!strchr(line, '\n') && !feof(loading->file))
        fail(loading, ERR_INVALID, "%s:%u: longer than %d bytes", loading->path, loading->line, LINE_MAX_LEN);
    return line;
}

static int take_line(void *user, const char *section, const char *name, const char *value)
{
    struct loading *loading = user;
    char where[320];
    struct slice key = slice_string(name);
    snprintf(where, sizeof(where), "%s:%u", loading->path, loading->line);
    if (*section) {
        fail(loading, ERR_INVALID, "%s: there are no sections ([%s])", where, section);
        return 1;
    }
    const struct config_option *option = find_option(key);
    bool as_file = !option && key.len > 5 && strcmp(name + key.len - 5, "_file") == 0;
    if (as_file)
        option = find_option(slice_of(name, key.len - 5));
    if (!option || (as_file && option->kind != CONFIG_SECRET))
        fail(loading, ERR_INVALID, "%s: no option is called %s", where, name);
    else
        apply(loading, option, value, as_file, where);
    return 1;
}

static int load_file(struct loading *loading, const char *path, bool must_exist)
{
    next_source(loading);
    loading->path = path;
    loading->file = fopen(path, "re");
    if (!loading->file) {
        if (errno == ENOENT && !must_exist)
            return 0;
        return fail(loading, ERR_INVALID, "%s: %s", path, strerror(errno));
    }
    int bad_line = ini_parse_stream(read_line, loading, take_line, loading);
    bool failed = ferror(loading->file) != 0;
    fclose(loading->file);
    if (failed)
        return fail(loading, ERR_INVALID, "%s: cannot be read", path);
    if (bad_line)
        return fail(loading, ERR_INVALID, "%s:%d: neither \"name = value\" nor a comment", path, bad_line);
    return loading->err;
}

/* --- The environment --- */

static const char *find_variable(const char *const *environment, const char *name, const char *suffix)
{
    size_t name_len = strlen(name), suffix_len = strlen(suffix);
    for (; environment && *environment; environment++) {
        const char *entry = *environment;
        if (strncmp(entry, name, name_len) == 0 && strncmp(entry + name_len, suffix, suffix_len) == 0 &&
            entry[name_len + suffix_len] == '=')
            return entry + name_len + suffix_len + 1;
    }
    return NULL;
}

static int apply_variable(struct loading *loading, const char *const *environment, const struct config_option *option,
                          const char *name)
{
    char where[128];
    const char *value = find_variable(environment, name, "");
    if (value && apply(loading, option, value, false, name))
        return loading->err;
    if (option->kind != CONFIG_SECRET || !(value = find_variable(environment, name, "_FILE")))
        return 0;
    snprintf(where, sizeof(where), "%s_FILE", name);
    return apply(loading, option, value, true, where);
}

static int load_environment(struct loading *loading, const char *const *environment)
{
    next_source(loading);
    for (size_t i = 0; i < ALIAS_COUNT && !loading->err; i++)
        apply_variable(loading, environment, find_option(slice_string(aliases[i].name)), aliases[i].environment);
    next_source(loading);
    for (size_t i = 0; i < OPTION_COUNT && !loading->err; i++)
        apply_variable(loading, environment, &config_options[i], config_options[i].environment);
    return loading->err;
}

/* systemd's LoadCredential= puts it in a directory of its own; only for a sealing key that nothing else gives. */
static int load_credential(struct loading *loading, const char *const *environment)
{
    char path[PATH_MAX];
    const char *directory = find_variable(environment, "CREDENTIALS_DIRECTORY", "");
    next_source(loading);
    if (*loading->config->sealing_key || !directory)
        return 0;
    if ((size_t)snprintf(path, sizeof(path), "%s/sealing_key", directory) >= sizeof(path))
        return fail(loading, ERR_INVALID, "CREDENTIALS_DIRECTORY: %.64s...: too long", directory);
    if (access(path, F_OK) && errno == ENOENT)
        return 0;
    return apply(loading, find_option(slice_string("sealing_key")), path, true, "credential");
}

int config_load(struct config *config, const char *path, const struct config_flag *flags, uint32_t flag_count,
                const char *const *environment, struct config_message *message)
{
    struct loading loading = {.config = config, .message = message};
    char where[128];
    const char *file = path ? path : find_variable(environment, "INGOT_CONFIG", "");
    *config = (struct config){0};
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (apply(&loading, &config_options[i], config_options[i].value, false, "default"))
            return loading.err;
    if (load_file(&loading, file ? file : CONFIG_PATH_DEFAULT, file != NULL))
        return loading.err;
    if (load_environment(&loading, environment))
        return loading.err;
    next_source(&loading);
    for (uint32_t i = 0; i < flag_count && !loading.err; i++) {
        snprintf(where, sizeof(where), "--%s%s", flags[i].option->flag, flags[i].as_file ? "-file" : "");
        apply(&loading, flags[i].option, flags[i].value, flags[i].as_file, where);
    }
    return loading.err ? loading.err : load_credential(&loading, environment);
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char **text = (char **)(void *)((char *)config + config_options[i].off);
        if (config_options[i].kind == CONFIG_LIST) {
            int err = config_value_clear(config, &config_options[i]);
            (void)err; /* clearing a list cannot fail */
        } else if (config_options[i].kind == CONFIG_STRING || config_options[i].kind == CONFIG_SECRET) {
            if (*text)
                explicit_bzero(*text, strlen(*text));
            free(*text);
        }
    }
    *config = (struct config){0};
}

/* --- What people read --- */

/* Breaks help into lines of at most width bytes, each behind prefix. */
static void write_wrapped(FILE *out, const char *prefix, const char *help, size_t width)
{
    while (*help) {
        size_t len = strlen(help);
        if (len > width)
            for (len = width; len > 1 && help[len] != ' ';)
                len--;
        fprintf(out, "%s%.*s\n", prefix, (int)len, help);
        help += len + (help[len] == ' ');
    }
}

void config_write_help(FILE *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct config_option *option = &config_options[i];
        bool secret = option->kind == CONFIG_SECRET;
        fprintf(out, "  --%s%s%s\n", option->flag, secret ? "-file" : "",
                secret ? " FILE" : option->kind == CONFIG_BOOL ? "[=no]" : " VALUE");
        write_wrapped(out, "      ", option->help, 100);
        fprintf(out, "      [%s%s", option->environment, secret ? ", also with _FILE" : "");
        if (*option->choices)
            fprintf(out, "; %s", option->choices);
        fprintf(out, "%s%s]\n", *option->value ? "; default: " : "", option->value);
    }
}

void config_write_file(FILE *out)
{
    fprintf(out, "# Ingot's options, each with its default. A flag beats the environment variable, and that this file.\n"
                 "# Lines: name = value; comments begin with # or ;. Lists may be repeated or separated by blanks.\n"
                 "# The server reads this file at start; certificates and the keys of SSE-KMS are read again at SIGHUP.\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct config_option *option = &config_options[i];
        fprintf(out, "\n");
        write_wrapped(out, "# ", option->help, 100);
        if (*option->choices)
            fprintf(out, "# One of %s.\n", option->choices);
        fprintf(out, "# Flag: --%s%s. Environment: %s%s.\n", option->flag, option->kind == CONFIG_SECRET ? "-file" : "",
                option->environment, option->kind == CONFIG_SECRET ? ", or a file's path in _FILE" : "");
        fprintf(out, "#%s =%s%s\n", option->name, *option->value ? " " : "", option->value);
        if (option->kind == CONFIG_SECRET)
            fprintf(out, "#%s_file =\n", option->name);
    }
}
