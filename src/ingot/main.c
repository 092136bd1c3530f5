/* The ingot binary: finds the subcommand. Exit codes: 0 good, 1 it did not work, 2 wrong usage or configuration. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <config.h>
#include "ingot/command.h"
#include "ingot/manual.h"

const struct command *const commands[] = {
    &command_serve, &command_dev, &command_format, &command_status, &command_volume, &command_scrub, &command_fsck, &command_query,
    &command_backup, &command_restore, &command_user, &command_key, &command_bucket, &command_kms, &command_policy, &command_completion, NULL,
};

extern char **environ;

int command_usage(const struct command *command, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "ingot %s: ", command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, " (see ingot %s --help)\n", command->name);
    return EXIT_USAGE;
}

int command_failed(const struct command *command, const char *message)
{
    fprintf(stderr, "ingot %s: %s\n", command->name, message);
    return EXIT_BAD;
}

int command_config(const struct command *command, const struct arguments *arguments, struct config *config)
{
    struct config_message message;
    int err = config_load(config, arguments->config_path, arguments->config, arguments->config_count,
                          (const char *const *)environ, &message);
    if (!err)
        return EXIT_GOOD;
    config_free(config);
    fprintf(stderr, "ingot %s: %s\n", command->name, message.text);
    return EXIT_USAGE;
}

static void write_help(void)
{
    printf("ingot: an S3-compatible object store on raw block volumes\n\nusage: ingot SUBCOMMAND [OPTION]... [ARGUMENT]...\n\n");
    for (size_t i = 0; commands[i]; i++)
        printf("  %-12s %s\n", commands[i]->name, commands[i]->summary);
    printf("\n  ingot SUBCOMMAND --help says more; ingot --version; ingot --sample-config writes an ingot.conf,\n"
           "  ingot --manual ingot and ingot --manual ingot.conf the manual pages.\n"
           "\nexit status: 0 good, 1 it did not work, 2 wrong usage or configuration\n");
}

static void write_command_help(const struct command *command)
{
    printf("usage: ingot %s %s\n\n%s\n", command->name, command->synopsis, command->summary);
    if (*command->details)
        printf("\n%s\n", command->details);
    if (command->flags[0].name)
        printf("\nflags:\n");
    for (size_t i = 0; command->flags[i].name; i++)
        printf("  --%s%s%s\n      %s\n", command->flags[i].name, command->flags[i].value ? " " : "",
               command->flags[i].value ? command->flags[i].value : "", command->flags[i].help);
    printf("\noptions, also in the environment and in ingot.conf:\n  --config FILE\n      Read FILE instead of %s.\n"
           "      [INGOT_CONFIG]\n", CONFIG_PATH_DEFAULT);
    config_write_help(stdout);
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct arguments arguments;
    char message[256];
    if (!arguments_parse(&arguments, command->flags, argc, argv, message, sizeof(message)))
        return command_usage(command, "%s", message);
    if (arguments.help) {
        write_command_help(command);
        return EXIT_GOOD;
    }
    return command->run(command, &arguments);
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "ingot: which subcommand? (see ingot --help)\n");
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        write_help();
        return EXIT_GOOD;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("ingot %s\n", PACKAGE_VERSION);
        return EXIT_GOOD;
    }
    if (strcmp(argv[1], "--sample-config") == 0) {
        config_write_file(stdout);
        return EXIT_GOOD;
    }
    if (strcmp(argv[1], "--manual") == 0) {
        if (argc == 3 && manual_write(argv[2]))
            return EXIT_GOOD;
        fprintf(stderr, "ingot: --manual ingot, or --manual ingot.conf?\n");
        return EXIT_USAGE;
    }
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return run_command(commands[i], argc - 2, argv + 2);
    fprintf(stderr, "ingot: there is no subcommand %s (see ingot --help)\n", argv[1]);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        perror("ingot: standard output");
        return status ? status : EXIT_BAD;
    }
    return status;
}
