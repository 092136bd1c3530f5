/* ingot query: read-only SQL on the metadata. */
#include <stdio.h>
#include <string.h>

#include "ingot/call.h"

static const struct flag flags[] = {
    {"json", NULL, "Print rows as JSON arrays, one a line, the column names first."},
    {NULL, NULL, NULL},
};

struct printing {
    bool json;
};

static void print_cell(json_t *value)
{
    if (json_is_integer(value))
        printf("%lld", json_integer_value(value));
    else if (json_is_real(value))
        printf("%.17g", json_real_value(value));
    else if (json_is_string(value))
        for (const char *c = json_string_value(value); *c; c++)
            printf((unsigned char)*c < 0x20 ? "\\x%02x" : "%c", (unsigned char)*c);
}

static void print_row(void *arg, const char *member, json_t *row)
{
    struct printing *printing = arg;
    json_t *value;
    size_t i;
    if (strcmp(member, "row") != 0)
        return;
    if (printing->json) {
        json_dumpf(row, stdout, JSON_COMPACT);
    } else {
        json_array_foreach(row, i, value) {
            if (i)
                printf("\t");
            print_cell(value);
        }
    }
    printf("\n");
}

static int run_query(const struct command *command, struct arguments *arguments)
{
    struct config config;
    struct printing printing = {.json = arguments_value(arguments, "json") != NULL};
    json_t *result = NULL;
    if (arguments->word_count != 1)
        return command_usage(command, "give one statement of SQL");
    int status = command_config(command, arguments, &config);
    if (status)
        return status;
    const struct call_options options = {.command = "query", .on_line = print_row, .arg = &printing,
                                         .arguments = json_pack("{s:s}", "sql", arguments->words[0])};
    status = call_run(command, &config, &options, &result);
    config_free(&config);
    json_decref(result);
    return status;
}

const struct command command_query = {
    "query", "[--json] SQL", "Ask the metadata, read-only, without secrets, for at most 10 seconds.",
    "The first line has the names of the columns; columns are separated by tabs. It is broken off when "
    "writes fill the metadata log meanwhile.", flags, run_query,
};
