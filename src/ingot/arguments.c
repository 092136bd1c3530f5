#include "ingot/arguments.h"

#include <assert.h>
#include <string.h>

/* Where one word of the command line stands, and what may follow it. */
struct cursor {
    int argc, at;
    char **argv;
    char *message;
    size_t message_size;
};

static bool fail(struct cursor *cursor, const char *before, const char *word, const char *behind)
{
    snprintf(cursor->message, cursor->message_size, "%s%s%s", before, word, behind);
    return false;
}

/* The value of the flag at the cursor: behind its "=", or the next word. */
static bool take_value(struct cursor *cursor, const char **ret)
{
    const char *word = cursor->argv[cursor->at], *equals = strchr(word, '=');
    if (equals) {
        *ret = equals + 1;
        return true;
    }
    if (cursor->at + 1 == cursor->argc)
        return fail(cursor, "", word, " needs a value");
    *ret = cursor->argv[++cursor->at];
    return true;
}

static bool take_own(struct arguments *arguments, struct cursor *cursor, uint32_t index)
{
    const struct flag *flag = &arguments->flags[index];
    if (arguments->values[index])
        return fail(cursor, "--", flag->name, " is given twice");
    if (flag->value)
        return take_value(cursor, &arguments->values[index]);
    if (strchr(cursor->argv[cursor->at], '='))
        return fail(cursor, "--", flag->name, " takes no value");
    arguments->values[index] = "";
    return true;
}

static bool take_config(struct arguments *arguments, struct cursor *cursor, const struct config_option *option,
                        bool as_file)
{
    if (arguments->config_count == ARGUMENTS_CONFIG_MAX)
        return fail(cursor, "too many options: ", cursor->argv[cursor->at], "");
    struct config_flag *flag = &arguments->config[arguments->config_count++];
    *flag = (struct config_flag){.option = option, .as_file = as_file, .value = "yes"};
    if (option->kind == CONFIG_BOOL && !strchr(cursor->argv[cursor->at], '='))
        return true;
    return take_value(cursor, &flag->value);
}

static bool take_flag(struct arguments *arguments, struct cursor *cursor)
{
    const char *word = cursor->argv[cursor->at];
    struct slice name = slice_of(word + 2, strcspn(word + 2, "="));
    bool as_file;
    if (slice_equal_string(name, "help")) {
        arguments->help = true;
        return true;
    }
    if (slice_equal_string(name, "config"))
        return take_value(cursor, &arguments->config_path);
    for (uint32_t i = 0; arguments->flags[i].name; i++) {
        assert(i < ARGUMENTS_FLAGS_MAX);
        if (slice_equal_string(name, arguments->flags[i].name))
            return take_own(arguments, cursor, i);
    }
    const struct config_option *option = config_find_flag(name, &as_file);
    if (!option)
        return fail(cursor, "there is no option ", word, "");
    return take_config(arguments, cursor, option, as_file);
}

bool arguments_parse(struct arguments *arguments, const struct flag *flags, int argc, char **argv, char *message,
                     size_t message_size)
{
    struct cursor cursor = {.argc = argc, .argv = argv, .message = message, .message_size = message_size};
    bool only_words = false;
    *arguments = (struct arguments){.flags = flags};
    for (; cursor.at < argc; cursor.at++) {
        const char *word = argv[cursor.at];
        if (!only_words && strcmp(word, "--") == 0) {
            only_words = true;
        } else if (!only_words && strcmp(word, "-h") == 0) {
            arguments->help = true;
        } else if (!only_words && word[0] == '-' && word[1] == '-') {
            if (!take_flag(arguments, &cursor))
                return false;
        } else if (!only_words && word[0] == '-' && word[1]) {
            return fail(&cursor, "there is no option ", word, "");
        } else if (arguments->word_count == ARGUMENTS_WORDS_MAX) {
            return fail(&cursor, "too many arguments: ", word, "");
        } else {
            arguments->words[arguments->word_count++] = word;
        }
    }
    return true;
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
    for (uint32_t i = 0; arguments->flags[i].name; i++)
        if (strcmp(arguments->flags[i].name, name) == 0)
            return arguments->values[i];
    assert(!"a flag of this subcommand");
    return NULL;
}
