/* ingot fsck: holds what the store says about itself against everything else it says. */
#include <stdio.h>
#include <string.h>

#include "ingot/call.h"
#include "ingot/progress.h"

static const struct flag flags[] = {
    {"mend", NULL, "Put right what can be without loss. No server may run."},
    {"json", NULL, "Print the report as JSON."},
    {NULL, NULL, NULL},
};

struct showing {
    struct progress progress;
    char what[32]; /* of the bar; empty: there is none */
};

static void end_bar(struct showing *showing)
{
    if (showing->what[0])
        progress_end(&showing->progress);
    showing->what[0] = '\0';
}

static void show(void *arg, const char *member, json_t *value)
{
    struct showing *showing = arg;
    if (strcmp(member, "row") == 0) {
        end_bar(showing);
        printf("%s\n", json_string_value(value));
        return;
    }
    const char *what = json_string_value(json_object_get(value, "what"));
    if (strcmp(member, "progress") != 0 || !what)
        return;
    if (strcmp(what, showing->what) != 0) {
        end_bar(showing);
        snprintf(showing->what, sizeof(showing->what), "%s", what);
        progress_start(&showing->progress, showing->what);
    }
    progress_show(&showing->progress, (uint64_t)json_integer_value(json_object_get(value, "done")),
                  (uint64_t)json_integer_value(json_object_get(value, "total")));
}

static json_int_t number(json_t *report, const char *name)
{
    return json_integer_value(json_object_get(report, name));
}

static void print_report(json_t *report)
{
    printf("%lld volumes (%lld not there), %lld superblock copies, %lld groups, %lld chunk headers, %lld checks of rows, "
           "%lld blocks of metadata mirrors: %lld findings, %lld mended; %lld left out\n",
           number(report, "volumes"), number(report, "volumes_missing"), number(report, "superblock_copies"),
           number(report, "groups"), number(report, "chunk_headers"), number(report, "row_checks"),
           number(report, "mirror_blocks"), number(report, "findings"), number(report, "mended"), number(report, "left_out"));
}

static int run_fsck(const struct command *command, struct arguments *arguments)
{
    struct config config;
    struct showing showing = {.what = ""};
    json_t *report = NULL;
    bool mend = arguments_value(arguments, "mend") != NULL;
    if (arguments->word_count)
        return command_usage(command, "fsck takes no words");
    int status = command_config(command, arguments, &config);
    if (status)
        return status;
    const struct call_options options = {.command = "fsck", .writes = mend, .on_line = show, .arg = &showing,
                                         .arguments = json_pack("{s:b}", "mend", mend)};
    status = call_run(command, &config, &options, &report);
    end_bar(&showing);
    config_free(&config);
    if (status)
        return status;
    if (arguments_value(arguments, "json")) {
        json_dumpf(report, stdout, JSON_INDENT(2));
        printf("\n");
    } else {
        print_report(report);
    }
    if (number(report, "findings") > number(report, "mended"))
        status = EXIT_BAD;
    json_decref(report);
    return status;
}

const struct command command_fsck = {
    "fsck", "[--mend]", "Check the store's metadata and structures, while it runs or not.",
    "A line per finding, then a summary; exit status 1 when something is left to be mended. Without a server, volumes are only\n"
    "read unless --mend is given. Free counters, references, and contents and extents that nobody owns can be mended, and wrong\n"
    "copies of the metadata always are when the store is open for writing. User data is checked by ingot scrub.",
    flags, run_fsck,
};
