/* ingot completion: scripts for shells, made from the tables of subcommands, flags and options. */
#include <stdio.h>
#include <string.h>

#include "ingot/command.h"

static const struct flag flags[] = {{NULL, NULL, NULL}};

static void write_words(const struct command *command, const char *separator)
{
    for (size_t i = 0; command->flags[i].name; i++)
        printf("%s--%s", separator, command->flags[i].name);
    printf("%s--config%s--help", separator, separator);
    for (uint32_t i = 0; i < config_option_count; i++)
        printf("%s--%s%s", separator, config_options[i].flag, config_options[i].kind == CONFIG_SECRET ? "-file" : "");
}

static void write_bash(void)
{
    printf("_ingot() {\n    local word=${COMP_WORDS[COMP_CWORD]} words\n    case ${COMP_WORDS[1]-} in\n");
    for (size_t i = 0; commands[i]; i++) {
        printf("    %s) words='", commands[i]->name);
        write_words(commands[i], " ");
        printf("' ;;\n");
    }
    printf("    *) words='--help --version'\n    esac\n    [ \"$COMP_CWORD\" -gt 1 ] || words='");
    for (size_t i = 0; commands[i]; i++)
        printf("%s ", commands[i]->name);
    printf("--help --version'\n    case $word in\n    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;;\n"
           "    *) if [ \"$COMP_CWORD\" -gt 1 ]; then COMPREPLY=($(compgen -f -- \"$word\"))\n"
           "       else COMPREPLY=($(compgen -W \"$words\" -- \"$word\")); fi ;;\n    esac\n}\n"
           "complete -o filenames -F _ingot ingot\n");
}

static void write_zsh(void)
{
    printf("#compdef ingot\n_ingot() {\n    if (( CURRENT == 2 )); then\n        compadd --");
    for (size_t i = 0; commands[i]; i++)
        printf(" %s", commands[i]->name);
    printf(" --help --version\n        return\n    fi\n    case $words[2] in\n");
    for (size_t i = 0; commands[i]; i++) {
        printf("    %s) [[ $PREFIX == -* ]] && compadd --", commands[i]->name);
        write_words(commands[i], " ");
        printf(" || _files ;;\n");
    }
    printf("    esac\n}\ncompdef _ingot ingot\n");
}

static void write_fish(void)
{
    for (size_t i = 0; commands[i]; i++) {
        printf("complete -c ingot -n __fish_use_subcommand -f -a %s -d '%s'\n", commands[i]->name, commands[i]->summary);
        for (size_t k = 0; commands[i]->flags[k].name; k++)
            printf("complete -c ingot -n '__fish_seen_subcommand_from %s' -l %s\n", commands[i]->name,
                   commands[i]->flags[k].name);
    }
    for (uint32_t i = 0; i < config_option_count; i++)
        printf("complete -c ingot -n 'not __fish_use_subcommand' -l %s%s\n", config_options[i].flag,
               config_options[i].kind == CONFIG_SECRET ? "-file" : "");
}

static int run_completion(const struct command *command, struct arguments *arguments)
{
    static const struct {
        const char *shell;
        void (*write)(void);
    } shells[] = {{"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}};
    if (arguments->word_count == 1)
        for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
            if (strcmp(arguments->words[0], shells[i].shell) == 0) {
                shells[i].write();
                return EXIT_GOOD;
            }
    return command_usage(command, "bash, zsh or fish?");
}

const struct command command_completion = {
    "completion", "bash|zsh|fish", "Write a completion script for a shell to standard output.", "", flags, run_completion,
};
