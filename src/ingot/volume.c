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

#define ADDED "Put the new path into the configuration: the next start opens what is named there.\n"
#define DRAINING "A volume that drains can be removed when `ingot volume list` says drained.\n"

static const struct verb {
    const char *name, *command;
    bool takes_volume, takes_path; /* behind the verb, in this order */
    const char *usage;
    const char *then; /* what is still to be done, or "" */
} verbs[] = {
    {"list", "volume-list", false, false, "list", ""},
    {"add", "volume-add", false, true, "add PATH", ADDED},
    {"attach", "volume-attach", false, true, "attach PATH", ADDED},
    {"drain", "volume-drain", true, false, "drain VOLUME", DRAINING},
    {"replace", "volume-replace", true, true, "replace VOLUME PATH", ADDED DRAINING},
    {"offline", "volume-offline", true, false, "offline VOLUME", ""},
    {"online", "volume-online", true, false, "online VOLUME", "It is in service again when it is level.\n"},
    {"grow", "volume-grow", true, false, "grow VOLUME", ""},
    {"remove", "volume-remove", true, false, "remove VOLUME", "Take its path out of the configuration.\n"},
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

static void print_result(const struct arguments *arguments, json_t *result, const char *then)
{
    json_t *volumes = json_object_get(result, "volumes"), *index = json_object_get(result, "index");
    if (arguments_value(arguments, "json")) {
        json_dumpf(result, stdout, JSON_INDENT(2));
        printf("\n");
    } else if (volumes) {
        status_print_volumes(volumes);
    } else {
        if (index)
            printf("volume %lld\n", json_integer_value(index));
        printf("%s", then);
    }
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    return NULL;
}

static int run_verb(const struct command *command, const struct arguments *arguments, const struct config *config)
{
    const struct verb *verb = find_verb(arguments->words[0]);
    json_t *values = NULL, *result = NULL;
    if (!verb)
        return command_usage(command, "there is no ingot volume %s", arguments->words[0]);
    if (arguments->word_count != 1u + verb->takes_volume + verb->takes_path)
        return command_usage(command, "usage: ingot volume %s", verb->usage);
    if (verb->takes_path)
        values = add_arguments(arguments, arguments->words[1 + verb->takes_volume]);
    if (verb->takes_volume && (values || (values = json_object())))
        json_object_set_new(values, "volume", path_argument(arguments->words[1]));
    const struct call_options options = {.command = verb->command, .arguments = values,
                                         .writes = verb->takes_volume || verb->takes_path};
    int status = call_run(command, config, &options, &result);
    if (!status)
        print_result(arguments, result, verb->then);
    json_decref(result);
    return status;
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
    "drain: what the volume holds moves to the others; remove: forgets it then. replace: adds PATH and drains VOLUME.\n"
    "offline: takes it out of service until online. grow: uses what its device has gained.", flags, run_volume,
};
