/* ingot policy: what would be decided about a request, and why. */
#include <stdio.h>
#include <string.h>

#include "ingot/call.h"

static const char *member(json_t *result, const char *name)
{
    const char *text = json_string_value(json_object_get(result, name));
    return text ? text : "";
}

static void print_result(const struct arguments *arguments, json_t *result, bool allowed)
{
    if (arguments_value(arguments, "json")) {
        json_dumpf(result, stdout, JSON_INDENT(2));
        printf("\n");
        return;
    }
    const char *action = member(result, "action");
    printf("%s%s%s\n%s\n", allowed ? "allowed" : "denied", *action ? ": " : "", action, member(result, "reason"));
    if (!allowed)
        printf("the answer: %lld %s\n", json_integer_value(json_object_get(result, "status")), member(result, "code"));
}

/* The words behind "explain": method, target, headers. NULL: a line was written. */
static json_t *take_words(const struct command *command, const struct arguments *arguments)
{
    static const char *const flags[][2] = {{"key", "access_key"}, {"source-ip", "source_ip"}};
    json_t *values = json_pack("{s:s, s:s, s:b, s:[]}", "method", arguments->words[1], "target", arguments->words[2], "tls",
                               arguments_value(arguments, "tls") != NULL, "headers");
    int failed = !values;
    for (uint32_t i = 3; !failed && i < arguments->word_count; i++)
        failed = json_array_append_new(json_object_get(values, "headers"), json_string(arguments->words[i]));
    for (size_t i = 0; !failed && i < sizeof flags / sizeof *flags; i++) {
        const char *value = arguments_value(arguments, flags[i][0]);
        failed = value && json_object_set_new(values, flags[i][1], json_string(value));
    }
    if (failed) {
        (void)command_usage(command, "an argument is not UTF-8");
        json_decref(values);
        return NULL;
    }
    return values;
}

static int check_words(const struct command *command, const struct arguments *arguments)
{
    if (arguments->word_count < 3 || strcmp(arguments->words[0], "explain") != 0)
        return command_usage(command, "usage: ingot policy explain METHOD TARGET [HEADER]...");
    if (!arguments_value(arguments, "key") == !arguments_value(arguments, "anonymous"))
        return command_usage(command, "either --key ACCESS_KEY or --anonymous says who asks");
    for (uint32_t i = 3; i < arguments->word_count; i++)
        if (!strchr(arguments->words[i], ':') || arguments->words[i][0] == ':')
            return command_usage(command, "%s is no header: \"Name: value\"", arguments->words[i]);
    return EXIT_GOOD;
}

static int run(const struct command *command, struct arguments *arguments)
{
    struct config config;
    json_t *result = NULL;
    int status = check_words(command, arguments);
    if (status)
        return status;
    struct call_options options = {.command = "policy-explain", .arguments = take_words(command, arguments)};
    if (!options.arguments)
        return EXIT_USAGE;
    status = command_config(command, arguments, &config);
    if (status) {
        json_decref(options.arguments);
        return status;
    }
    status = call_run(command, &config, &options, &result);
    bool allowed = json_is_true(json_object_get(result, "allowed"));
    if (!status)
        print_result(arguments, result, allowed);
    json_decref(result);
    config_free(&config);
    return status ? status : allowed ? EXIT_GOOD : EXIT_BAD;
}

static const struct flag flags[] = {
    {"key", "ACCESS_KEY", "Who asks: whose access key that is. The secret key is not needed."},
    {"anonymous", NULL, "Nobody asks: no credentials."},
    {"source-ip", "ADDRESS", "Where from, for conditions on aws:SourceIp."},
    {"tls", NULL, "Over TLS, for conditions on aws:SecureTransport."},
    {"json", NULL, "Print the result as JSON."},
    {NULL, NULL, NULL},
};

const struct command command_policy = {
    "policy", "explain METHOD TARGET [HEADER]...", "Say what the running server would decide about a request, and why.",
    "TARGET is a path with its query, as in a request: /bucket/key?versionId=ID, keys percent-encoded. A HEADER is one word, such as\n"
    "'x-amz-acl: public-read'. Nothing is done, and nothing is logged. The reason names the policy and the statement that decided; exit\n"
    "status 0: allowed, 1: denied. Requests of sessions (STS) cannot be asked for.\n"
    "Denials of real requests stand in the audit log (audit_log) with the same reason.", flags, run,
};
