/* ingot serve. */
#include "ingot/server.h"

static const struct flag flags[] = {{NULL, NULL, NULL}};

static int run_serve(const struct command *command, struct arguments *arguments)
{
    struct config config;
    if (arguments->word_count)
        return command_usage(command, "serve takes options only, not %s (volumes: --volume)", arguments->words[0]);
    int status = command_config(command, arguments, &config);
    if (status)
        return status;
    status = server_run(command, &config, NULL);
    config_free(&config);
    return status;
}

const struct command command_serve = {
    "serve", "[OPTION]...", "Serve S3 on a store's volumes.",
    "SIGTERM lets requests under way finish; SIGHUP reads certificates and keys again.", flags, run_serve,
};
