/* ingot volume: the store's members. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingot/call.h"
#include "ingot/status.h"

static const struct flag flags[] = {
    {"label", "TEXT", "add, replace: failure domain of the new volume."},
    {"force", NULL, "add, replace: overwrite a volume that is not empty. What is on it is lost."},
    {"json", NULL, "Print the result as JSON."},
    {NULL, NULL, NULL},
};

static const struct verb {
    const char *name, *command;
    uint32_t words;   /* behind the verb */
    bool takes_path;
    const char *usage;
} verbs[] = {
    {"list", "volume-list", 0, false, "list"},
    {"add", "volume-add", 1, true, "add PATH"},
    {"attach", "volume-attach", 1, true, "attach PATH"},
    {"drain", "volume-drain", 1, false, "drain VOLUME"},
    {"offline", "volume-offline", 1, false, "offline VOLUME"},
    {"online", "volume-online", 1, false, "online VOLUME"},
    {"grow", "volume-grow", 1, false, "grow VOLUME"},
    {"remove", "volume-remove", 1, false, "remove VOLUME"},
};

/* A server in another directory gets paths: they are made absolute here. */
static json_t *path_argument(const char *path)
{
    char *absolute = realpath(path, NULL);
    json_t *value = json_string(absolute ? absolute : path);
    free(absolute);
    return value;
}

static json_t *add_arguments(const struct arguments *arguments, const char *path)
{
    const char *label = arguments_value(arguments, "label");
    return json_pack("{s:o, s:s*, s:b}", "path", path_argument(path), "label", label, "force",
                     arguments_value(arguments, "force") != NULL);
}

static void print_result(const struct arguments *arguments, json_t *result)
{
    json_t *volumes = json_object_get(result, "volumes"), *index = json_object_get(result, "index");
    if (arguments_value(arguments, "json")) {
        json_dumpf(result, stdout, JSON_INDENT(2));
        printf("\n");
    } else if (volumes) {
        status_print_volumes(volumes);
    } else if (index) {
        printf("volume %lld\n", json_integer_value(index));
    }
}

static int run_one(const struct command *command, const struct arguments *arguments, const struct config *config,
                   const char *name, json_t *call_arguments, bool writes)
{
    json_t *result = NULL;
    const struct call_options options = {.command = name, .arguments = call_arguments, .writes = writes};
    int status = call_run(command, config, &options, &result);
    if (!status)
        print_result(arguments, result);
    json_decref(result);
    return status;
}

/* A new volume comes, then the old one is drained: what it held moves while everything is served. */
static int run_replace(const struct command *command, const struct arguments *arguments, const struct config *config)
{
    int status = run_one(command, arguments, config, "volume-add", add_arguments(arguments, arguments->words[2]), true);
    if (status)
        return status;
    json_t *old = json_pack("{s:o}", "volume", path_argument(arguments->words[1]));
    return run_one(command, arguments, config, "volume-drain", old, true);
}

static int run_verb(const struct command *command, const struct arguments *arguments, const struct config *config)
{
    const char *word = arguments->words[0];
    if (strcmp(word, "replace") == 0)
        return arguments->word_count == 3 ? run_replace(command, arguments, config)
                                          : command_usage(command, "usage: ingot volume replace VOLUME PATH");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        const struct verb *verb = &verbs[i];
        json_t *call_arguments = NULL;
        if (strcmp(word, verb->name) != 0)
            continue;
        if (arguments->word_count != verb->words + 1)
            return command_usage(command, "usage: ingot volume %s", verb->usage);
        if (verb->takes_path)
            call_arguments = add_arguments(arguments, arguments->words[1]);
        else if (verb->words)
            call_arguments = json_pack("{s:o}", "volume", path_argument(arguments->words[1]));
        return run_one(command, arguments, config, verb->command, call_arguments, verb->words > 0);
    }
    return command_usage(command, "there is no ingot volume %s", word);
}

static int run_volume(const struct command *command, struct arguments *arguments)
{
    struct config config;
    if (arguments->word_count == 0)
        return command_usage(command, "list, add, attach, drain, replace, offline, online, grow or remove?");
    int status = command_config(command, arguments, &config);
    if (status)
        return status;
    status = run_verb(command, arguments, &config);
    config_free(&config);
    return status;
}

const struct command command_volume = {
    "volume", "list | add PATH | attach PATH | drain|offline|online|grow|remove VOLUME | replace VOLUME PATH",
    "Show and change the volumes of the store.",
    "VOLUME is a number, a uuid or a path, as list shows them. attach: a member that was missing is back.\n"
    "drain: what the volume holds moves to the others. replace: adds PATH and drains VOLUME.", flags, run_volume,
};
