/* ingot kms: the keys of SSE-KMS. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ingot/call.h"

static const struct flag flags[] = {
    {"json", NULL, "Print the result as JSON."},
    {NULL, NULL, NULL},
};

/* How much there is to look at nobody knows before: the counts so far. */
static void show(void *arg, const char *member, json_t *value)
{
    (void)arg;
    if (strcmp(member, "progress") == 0 && isatty(STDERR_FILENO))
        fprintf(stderr, "\r%lld looked at, %lld sealed again", json_integer_value(json_object_get(value, "looked")),
                json_integer_value(json_object_get(value, "sealed")));
}

static void print_keys(json_t *keys)
{
    size_t i;
    json_t *key;
    printf("%-40s %8s %8s\n", "KEY", "NEWEST", "VERSIONS");
    json_array_foreach(keys, i, key)
        printf("%-40s %8lld %8lld\n", json_string_value(json_object_get(key, "id")), json_integer_value(json_object_get(key, "newest")),
               json_integer_value(json_object_get(key, "versions")));
}

/* Something that no key opens is worth a bad status: its old version must come back before it is too late. */
static int print_rewrapped(json_t *result)
{
    json_int_t unreadable = json_integer_value(json_object_get(result, "unreadable"));
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    printf("%lld versions and uploads looked at, %lld sealed again\n", json_integer_value(json_object_get(result, "looked")),
           json_integer_value(json_object_get(result, "sealed")));
    if (unreadable)
        fprintf(stderr, "ingot kms: %lld have a key, or a version of it, that kms_key_file does not: nobody can read them until it is back\n",
                unreadable);
    return unreadable ? EXIT_BAD : EXIT_GOOD;
}

static int print_result(const struct arguments *arguments, json_t *result)
{
    if (arguments_value(arguments, "json")) {
        json_dumpf(result, stdout, JSON_INDENT(2));
        printf("\n");
        return json_integer_value(json_object_get(result, "unreadable")) ? EXIT_BAD : EXIT_GOOD;
    }
    if (!json_object_get(result, "keys"))
        return print_rewrapped(result);
    print_keys(json_object_get(result, "keys"));
    return EXIT_GOOD;
}

static int run(const struct command *command, struct arguments *arguments)
{
    struct config config;
    json_t *result = NULL;
    bool rewrap = arguments->word_count == 1 && strcmp(arguments->words[0], "rewrap") == 0;
    if (!rewrap && (arguments->word_count != 1 || strcmp(arguments->words[0], "list") != 0))
        return command_usage(command, "list or rewrap?");
    int status = command_config(command, arguments, &config);
    if (status)
        return status;
    const struct call_options options = {.command = rewrap ? "kms-rewrap" : "kms-list", .on_line = show};
    status = call_run(command, &config, &options, &result);
    if (!status)
        status = print_result(arguments, result);
    json_decref(result);
    config_free(&config);
    return status;
}

const struct command command_kms = {
    "kms", "list | rewrap", "Show the keys of SSE-KMS; seal again what older versions of them sealed.",
    "To rotate a key, add a line with its next version to kms_key_file and send SIGHUP: new objects use it at once. rewrap then seals\n"
    "the data keys of all that there is with the newest version of their key; no content is read or written. When it has ended with\n"
    "status 0, older versions can go out of the file. Backups made before still need them.", flags, run,
};
