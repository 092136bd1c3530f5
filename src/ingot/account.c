/* ingot user, ingot key: accounts and their access keys. */
#include <stdio.h>
#include <string.h>

#include "ingot/call.h"

#define SECRET_LINE_MAX 256

struct verb {
    const char *name, *command;
    const char *word;      /* the argument of the protocol that the word behind the verb is; NULL: it takes none */
    bool optional;
    const char *usage;
};

static const struct verb user_verbs[] = {
    {"add", "user-add", "name", false, "add NAME"},
    {"list", "user-list", NULL, false, "list"},
    {"remove", "user-remove", "name", false, "remove NAME"},
    {"disable", "user-disable", "name", false, "disable NAME"},
    {"enable", "user-enable", "name", false, "enable NAME"},
    {NULL, NULL, NULL, false, NULL},
};
static const struct verb key_verbs[] = {
    {"add", "key-add", "account", true, "add [NAME]"},
    {"list", "key-list", "account", true, "list [NAME]"},
    {"remove", "key-remove", "access_key", false, "remove ACCESS_KEY"},
    {"disable", "key-disable", "access_key", false, "disable ACCESS_KEY"},
    {"enable", "key-enable", "access_key", false, "enable ACCESS_KEY"},
    {NULL, NULL, NULL, false, NULL},
};

/* Flags that belong to add, and what the protocol calls them. */
static const struct { const char *flag, *argument; } add_arguments[] = {
    {"display-name", "display_name"}, {"email", "email"}, {"access-key", "access_key"}, {"bucket", "bucket"},
    {"prefix", "prefix"}, {"policy", "policy"}, {"expires", "expires"},
};

static bool has_flag(const struct command *command, const char *name)
{
    for (size_t i = 0; command->flags[i].name; i++)
        if (strcmp(command->flags[i].name, name) == 0)
            return true;
    return false;
}

/* The secret is the first line of the file: on the command line others could see it. */
static int read_secret(const struct command *command, const char *path, json_t *values)
{
    char line[SECRET_LINE_MAX];
    FILE *file = fopen(path, "r");
    if (!file)
        return command_usage(command, "--secret-file: %s cannot be read", path);
    bool got = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    line[got ? strcspn(line, "\r\n") : 0] = '\0';
    if (!line[0])
        return command_usage(command, "--secret-file: %s begins with no secret key", path);
    int failed = json_object_set_new(values, "secret_key", json_string(line));
    explicit_bzero(line, sizeof line);
    return failed ? command_usage(command, "--secret-file: %s is not UTF-8", path) : EXIT_GOOD;
}

static int add_flags(const struct command *command, const struct arguments *arguments, bool adds, json_t *values)
{
    for (size_t i = 0; i < sizeof add_arguments / sizeof *add_arguments; i++) {
        const char *value = has_flag(command, add_arguments[i].flag) ? arguments_value(arguments, add_arguments[i].flag) : NULL;
        if (!value)
            continue;
        if (!adds)
            return command_usage(command, "--%s goes with add", add_arguments[i].flag);
        if (json_object_set_new(values, add_arguments[i].argument, json_string(value)))
            return command_usage(command, "--%s: not UTF-8", add_arguments[i].flag);
    }
    const char *path = arguments_value(arguments, "secret-file");
    if (path && !adds)
        return command_usage(command, "--secret-file goes with add");
    return path ? read_secret(command, path, values) : EXIT_GOOD;
}

static const char *text_of(json_t *entry, const char *member)
{
    json_t *value = json_object_get(entry, member);
    return json_is_string(value) ? json_string_value(value) : "-";
}

static void print_list(json_t *users, json_t *keys)
{
    size_t i;
    json_t *entry;
    if (users)
        printf("%-24s %-12s %-8s %5s %s\n", "NAME", "NUMBER", "STATE", "KEYS", "CANONICAL ID");
    json_array_foreach(users, i, entry)
        printf("%-24s %-12s %-8s %5lld %s\n", text_of(entry, "name"), text_of(entry, "number"),
               json_is_true(json_object_get(entry, "enabled")) ? "enabled" : "disabled",
               json_integer_value(json_object_get(entry, "keys")), text_of(entry, "canonical_id"));
    if (keys)
        printf("%-24s %-24s %-8s %-24s %-24s %-10s %s\n", "ACCESS KEY", "USER", "STATE", "EXPIRES", "BUCKET", "POLICY", "PREFIX");
    json_array_foreach(keys, i, entry)
        printf("%-24s %-24s %-8s %-24s %-24s %-10s %s\n", text_of(entry, "access_key"), text_of(entry, "account"),
               json_is_true(json_object_get(entry, "enabled")) ? "enabled" : "disabled", text_of(entry, "expires"),
               text_of(entry, "bucket"), text_of(entry, "policy"), text_of(entry, "prefix"));
}

static void print_result(const struct arguments *arguments, json_t *result)
{
    json_t *users = json_object_get(result, "users"), *keys = json_object_get(result, "keys");
    if (arguments_value(arguments, "json")) {
        json_dumpf(result, stdout, JSON_INDENT(2));
        printf("\n");
    } else if (users || keys) {
        print_list(users, keys);
    } else if (json_object_get(result, "secret_key")) {
        if (json_object_get(result, "canonical_id"))
            printf("canonical id: %s\n", text_of(result, "canonical_id"));
        printf("access key: %s\nsecret key: %s\n", text_of(result, "access_key"), text_of(result, "secret_key"));
    }
}

static int run_verb(const struct command *command, const struct arguments *arguments, const struct config *config,
                    const struct verb *verb)
{
    bool adds = strcmp(verb->name, "add") == 0;
    const char *word = arguments->word_count > 1 ? arguments->words[1] : NULL;
    if (arguments->word_count > (verb->word ? 2u : 1u) || (verb->word && !verb->optional && !word))
        return command_usage(command, "usage: ingot %s %s", command->name, verb->usage);
    json_t *values = json_object(), *result = NULL;
    if (!values)
        return command_failed(command, err_text(ERR_NO_MEMORY));
    int status = add_flags(command, arguments, adds, values);
    if (!status && word && json_object_set_new(values, verb->word, json_string(word)))
        status = command_usage(command, "%s is not UTF-8", word);
    if (status) {
        json_decref(values);
        return status;
    }
    const struct call_options options = {.command = verb->command, .arguments = values, .writes = strcmp(verb->name, "list") != 0};
    status = call_run(command, config, &options, &result);
    if (!status)
        print_result(arguments, result);
    json_decref(result);
    return status;
}

static int run(const struct command *command, struct arguments *arguments, const struct verb *verbs)
{
    struct config config;
    if (arguments->word_count == 0)
        return command_usage(command, "add, list, remove, disable or enable?");
    while (verbs->name && strcmp(verbs->name, arguments->words[0]) != 0)
        verbs++;
    if (!verbs->name)
        return command_usage(command, "there is no ingot %s %s", command->name, arguments->words[0]);
    int status = command_config(command, arguments, &config);
    if (status)
        return status;
    status = run_verb(command, arguments, &config, verbs);
    config_free(&config);
    return status;
}

static int run_user(const struct command *command, struct arguments *arguments)
{
    return run(command, arguments, user_verbs);
}

static int run_key(const struct command *command, struct arguments *arguments)
{
    return run(command, arguments, key_verbs);
}

#define KEY_FLAGS \
    {"access-key", "KEY", "add: this access key instead of a made one."}, \
    {"secret-file", "FILE", "add: the secret key is the first line of FILE instead of a made one."}, \
    {"json", NULL, "Print the result as JSON."}, \
    {NULL, NULL, NULL}

static const struct flag user_flags[] = {
    {"display-name", "TEXT", "add: the name that lists of objects show; NAME by default."},
    {"email", "ADDRESS", "add: by which ACLs can name the account."},
    KEY_FLAGS,
};
static const struct flag key_flags[] = {
    {"bucket", "BUCKET", "add: the key reaches this bucket alone."},
    {"prefix", "TEXT", "add: with --bucket: and of it only keys that begin so."},
    {"policy", "POLICY", "add: readonly, readwrite (the default) or writeonly."},
    {"expires", "WHEN", "add: after a time such as 12h or 30d, or at a date such as 2030-12-31."},
    KEY_FLAGS,
};

const struct command command_user = {
    "user", "add NAME | list | remove|disable|enable NAME", "Show and change the accounts that own buckets and objects.",
    "add prints the account's canonical id, an access key and its secret key, which is never shown again. An account reaches its own\n"
    "buckets; users, groups and roles inside it are its own to make, by the IAM API. disable: none of its keys counts until enable.\n"
    "remove: an account that owns no buckets. A change counts for every request within two seconds.", user_flags, run_user,
};

const struct command command_key = {
    "key", "add [NAME] | list [NAME] | remove|disable|enable ACCESS_KEY", "Show and change the access keys of accounts.",
    "NAME is an account as ingot user list shows it; for add, the store's own account (root) by default.\n"
    "add prints the access key and its secret key, which is never shown again.", key_flags, run_key,
};
