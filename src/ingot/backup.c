/* ingot backup: the database as an ordinary SQLite file. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ingot/call.h"
#include "ingot/progress.h"

static const struct flag flags[] = {
    {"rate", "SIZE", "Bytes per second at most, unless writes fill the metadata log; without it, as fast as it goes."},
    {"json", NULL, "Print the result as JSON."},
    {NULL, NULL, NULL},
};

static void show(void *arg, const char *member, json_t *value)
{
    if (strcmp(member, "progress") == 0)
        progress_show(arg, (uint64_t)json_integer_value(json_object_get(value, "done")),
                      (uint64_t)json_integer_value(json_object_get(value, "total")));
}

/* The server writes the file: its path must not depend on where this process stands. */
static bool absolute_path(const char *path, char absolute[PATH_MAX])
{
    char here[PATH_MAX];
    if (path[0] == '/')
        return (size_t)snprintf(absolute, PATH_MAX, "%s", path) < PATH_MAX;
    return getcwd(here, sizeof(here)) && (size_t)snprintf(absolute, PATH_MAX, "%s/%s", here, path) < PATH_MAX;
}

static int run_backup(const struct command *command, struct arguments *arguments)
{
    const char *rate = arguments_value(arguments, "rate");
    uint64_t bytes_per_second = 0;
    char path[PATH_MAX];
    struct progress progress;
    if (arguments->word_count != 1 || !absolute_path(arguments->words[0], path))
        return command_usage(command, "give the path of the file to write");
    if (rate && config_parse_size(rate, &bytes_per_second))
        return command_usage(command, "--rate: %s is not a size such as 64MiB", rate);
    progress_start(&progress, "backup");
    const struct call_options options = {
        .command = "backup", .on_line = show, .arg = &progress,
        .arguments = json_pack("{s:s, s:I}", "path", path, "bytes_per_second", (json_int_t)bytes_per_second),
    };
    int status = call_and_print(command, arguments, &options);
    progress_end(&progress);
    return status;
}

const struct command command_backup = {
    "backup", "[--rate SIZE] FILE", "Write the metadata to a file, consistently, while everything is served.",
    "The server writes FILE, with mode 0600. Secrets in it stay sealed. A backup holds back the "
    "metadata log: it is broken off, and no file left, when writes would fail otherwise.", flags, run_backup,
};
