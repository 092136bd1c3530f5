#include "base/config_value.h"

#include <stdlib.h>
#include <string.h>

static void *member(struct config *config, const struct config_option *option)
{
    return (char *)config + option->off;
}

struct unit {
    const char *name;
    uint64_t factor;
};
static const struct unit size_units[] = {
    {"", 1}, {"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {"TiB", 1ull << 40},
    {"K", 1ull << 10}, {"M", 1ull << 20}, {"G", 1ull << 30}, {"T", 1ull << 40}, {NULL, 0},
};
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {NULL, 0},
};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static int parse_number(const struct config_option *option, const char *text, uint64_t *ret, char *why, size_t why_size)
{
    const struct unit *units = option->kind == CONFIG_SIZE ? size_units
                             : option->kind == CONFIG_DURATION ? duration_units : no_units;
    size_t digits = strspn(text, "0123456789");
    uint64_t value;
    while (units->name && strcmp(units->name, text + digits + strspn(text + digits, " ")) != 0)
        units++;
    if (!units->name || slice_parse_u64(slice_of(text, digits), &value)) {
        snprintf(why, why_size, "\"%s\" is not %s", text,
                 option->kind == CONFIG_SIZE ? "a size such as 64MiB"
                 : option->kind == CONFIG_DURATION ? "a duration such as 30s" : "a number");
        return ERR_INVALID;
    }
    if (__builtin_mul_overflow(value, units->factor, &value) || value < option->least || value > option->most) {
        snprintf(why, why_size, "\"%s\" is not between %llu and %llu%s", text, (unsigned long long)option->least,
                 (unsigned long long)option->most,
                 option->kind == CONFIG_SIZE ? " bytes" : option->kind == CONFIG_DURATION ? " ms" : "");
        return ERR_INVALID;
    }
    *ret = value;
    return 0;
}

int config_parse_size(const char *text, uint64_t *ret)
{
    static const struct config_option any_size = {.kind = CONFIG_SIZE, .most = UINT64_MAX};
    char why[64];
    return parse_number(&any_size, text, ret, why, sizeof(why));
}

static int parse_bool(const char *text, bool *ret, char *why, size_t why_size)
{
    static const char *const words[2][4] = {{"no", "false", "off", "0"}, {"yes", "true", "on", "1"}};
    for (int value = 0; value < 2; value++)
        for (int i = 0; i < 4; i++)
            if (slice_equal_string_nocase(slice_string(text), words[value][i])) {
                *ret = value != 0;
                return 0;
            }
    snprintf(why, why_size, "\"%s\" is neither yes nor no", text);
    return ERR_INVALID;
}

static int parse_choice(const struct config_option *option, const char *text, uint32_t *ret, char *why, size_t why_size)
{
    uint32_t index = 0;
    for (const char *at = option->choices; *at; index++) {
        size_t len = strcspn(at, "|");
        if (slice_equal_string(slice_of(at, len), text)) {
            *ret = index;
            return 0;
        }
        at += len + (at[len] == '|');
    }
    snprintf(why, why_size, "\"%s\" is none of %s", text, option->choices);
    return ERR_INVALID;
}

static int append_items(struct config_list *list, const char *text, char *why, size_t why_size)
{
    static const char separators[] = " \t,";
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        size_t len = strcspn(text, separators);
        if (list->count == CONFIG_LIST_MAX) {
            snprintf(why, why_size, "more than %d values", CONFIG_LIST_MAX);
            return ERR_INVALID;
        }
        char **items = realloc(list->items, (list->count + 1) * sizeof(*items));
        if (!items)
            return ERR_NO_MEMORY;
        list->items = items;
        if (!(items[list->count] = strndup(text, len)))
            return ERR_NO_MEMORY;
        list->count++;
        text += len;
    }
    return 0;
}

static int set_text(char **place, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return ERR_NO_MEMORY;
    free(*place);
    *place = copy;
    return 0;
}

/* What is wrong does not say what was given: it is nearly a secret. */
static int set_secret(const struct config_option *option, char **place, const char *text, char *why, size_t why_size)
{
    bool is_hex = text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
    if (option->most && *text && (!is_hex || strlen(text) != 2 * option->most)) {
        snprintf(why, why_size, "not %llu hexadecimal digits", (unsigned long long)(2 * option->most));
        return ERR_INVALID;
    }
    return set_text(place, text);
}

int config_value_set(struct config *config, const struct config_option *option, const char *text, char *why,
                     size_t why_size)
{
    void *place = member(config, option);
    switch (option->kind) {
    case CONFIG_STRING: return set_text(place, text);
    case CONFIG_SECRET: return set_secret(option, place, text, why, why_size);
    case CONFIG_LIST: return append_items(place, text, why, why_size);
    case CONFIG_SIZE:
    case CONFIG_DURATION:
    case CONFIG_COUNT: return parse_number(option, text, place, why, why_size);
    case CONFIG_BOOL: return parse_bool(text, place, why, why_size);
    case CONFIG_CHOICE: return parse_choice(option, text, place, why, why_size);
    }
    return ERR_INVALID;
}

int config_value_clear(struct config *config, const struct config_option *option)
{
    if (option->kind == CONFIG_STRING || option->kind == CONFIG_SECRET)
        return set_text(member(config, option), "");
    if (option->kind == CONFIG_LIST) {
        struct config_list *list = member(config, option);
        for (uint32_t i = 0; i < list->count; i++)
            free(list->items[i]);
        free(list->items);
        *list = (struct config_list){0};
    }
    return 0;
}
