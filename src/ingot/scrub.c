/* ingot scrub: has the server read and check everything. */
#include <stdio.h>
#include <string.h>

#include "ingot/call.h"

static const struct flag flags[] = {
    {"json", NULL, "Print the state as JSON."},
    {NULL, NULL, NULL},
};

static void print_state(json_t *state)
{
    printf("%s; %s: %lld extents checked, %lld bad, %lld of them not mended; scrubs finished: %lld\n",
           json_string_value(json_object_get(state, "activity")),
           json_is_true(json_object_get(state, "scrub_running")) ? "a scrub runs" : "no scrub runs",
           json_integer_value(json_object_get(state, "scrub_extents")),
           json_integer_value(json_object_get(state, "scrub_bad")),
           json_integer_value(json_object_get(state, "scrub_still_bad")),
           json_integer_value(json_object_get(state, "scrubs_finished")));
}

static int run_scrub(const struct command *command, struct arguments *arguments)
{
    struct config config;
    json_t *result = NULL;
    const char *verb = arguments->word_count ? arguments->words[0] : "status";
    const char *name = strcmp(verb, "start") == 0 ? "scrub" : strcmp(verb, "stop") == 0 ? "scrub-stop"
                     : strcmp(verb, "status") == 0 ? "repair-status" : NULL;
    if (!name || arguments->word_count > 1)
        return command_usage(command, "start, stop or status?");
    int status = command_config(command, arguments, &config);
    if (status)
        return status;
    const struct call_options options = {.command = name};
    status = call_run(command, &config, &options, &result);
    config_free(&config);
    if (!status && arguments_value(arguments, "json")) {
        json_dumpf(result, stdout, JSON_INDENT(2));
        printf("\n");
    } else if (!status && strcmp(verb, "status") == 0) {
        print_state(result);
    }
    json_decref(result);
    return status;
}

const struct command command_scrub = {
    "scrub", "[start|stop|status]", "Have the server read and check everything; or say how far it has come.",
    "A scrub goes on after a restart of the server. What is wrong is mended from the other slots.", flags, run_scrub,
};
