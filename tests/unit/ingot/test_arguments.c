#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "ingot/arguments.h"

static const struct flag flags[] = {{"json", NULL, ""}, {"data", "K", ""}, {NULL, NULL, NULL}};

static struct arguments arguments;
static char message[256];

static bool parse(const char *line)
{
    static char copy[256];
    char *words[32];
    int count = 0;
    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    return arguments_parse(&arguments, flags, count, words, message, sizeof(message));
}

static void flags_options_and_words(void **state)
{
    (void)state;
    assert_true(parse("--data 4 /a --json --listen=1:2 /b --volume /c --log-json --audit-log=no --config f - -- --x"));
    assert_string_equal(arguments_value(&arguments, "data"), "4");
    assert_string_equal(arguments_value(&arguments, "json"), "");
    assert_int_equal(arguments.word_count, 4);
    assert_string_equal(arguments.words[1], "/b");
    assert_string_equal(arguments.words[2], "-");
    assert_string_equal(arguments.words[3], "--x");
    assert_int_equal(arguments.config_count, 4);
    assert_string_equal(arguments.config[0].option->name, "listen");
    assert_string_equal(arguments.config[0].value, "1:2");
    assert_string_equal(arguments.config[2].value, "yes");
    assert_string_equal(arguments.config[3].value, "no");
    assert_string_equal(arguments.config_path, "f");
    assert_false(arguments.help);
    assert_true(parse("/a -h"));
    assert_true(arguments.help);
    assert_null(arguments_value(&arguments, "data"));
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"--nope", "there is no option --nope"},
        {"-x", "there is no option -x"},
        {"--data", "--data needs a value"},
        {"--data 1 --data 2", "--data is given twice"},
        {"--json=1", "--json takes no value"},
        {"--listen", "--listen needs a value"},
        {"--root-password secret", "there is no option --root-password"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_false(parse(cases[i][0]));
        assert_string_equal(message, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(flags_options_and_words), cmocka_unit_test(what_is_wrong_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
