/* ingot restore: a backup becomes the database again, while no server runs. */
#include <stdio.h>

#include "admin/client.h"
#include "ingot/command.h"
#include "ingot/opened.h"
#include "ingot/progress.h"
#include "meta/backup.h"

static const struct flag flags[] = {
    {"yes", NULL, "Do it: what the metadata says now is lost."},
    {NULL, NULL, NULL},
};

static void show(void *arg, uint64_t done, uint64_t total)
{
    progress_show(arg, done, total);
}

static int restore(const struct command *command, const struct config *config, const char *path)
{
    struct opened opened;
    struct progress progress;
    struct store_message message = {""};
    struct seal_key key;
    bool key_given = false;
    progress_start(&progress, "restore");
    const struct backup_options options = {.path = path, .progress = show, .arg = &progress};
    int err = opened_engine(&opened, config);
    if (!err)
        err = opened_sealing_key(&opened, config, &key, &key_given);
    if (err) {
        opened_close(&opened);
        return command_failed(command, opened.message);
    }
    const struct store_options store = {.paths = (const char *const *)config->volume.items,
                                        .path_count = config->volume.count, .lease_ms = (uint32_t)config->lease,
                                        .sealing_key = key_given ? &key : NULL};
    err = store_open(&store, opened.control, &opened.store, &message);
    if (!err) {
        message.text[0] = '\0';
        err = lease_keeper_start(&opened.lease, opened.store, &opened.engine, config->lease, NULL, NULL);
    }
    if (!err)
        err = backup_restore(opened.store, opened.control, &options, &message);
    progress_end(&progress);
    opened_close(&opened);
    if (err)
        return command_failed(command, message.text[0] ? message.text : err_text(err));
    printf("The metadata is that of the backup. Objects written since are gone from it.\n");
    return EXIT_GOOD;
}

static int run_restore(const struct command *command, struct arguments *arguments)
{
    struct config config;
    struct admin_client *client;
    if (arguments->word_count != 1)
        return command_usage(command, "give the path of the backup");
    if (!arguments_value(arguments, "yes"))
        return command_usage(command, "what the metadata says now would be lost: add --yes");
    int status = command_config(command, arguments, &config);
    if (status)
        return status;
    if (config.volume.count == 0)
        status = command_usage(command, "no volumes are given (--volume)");
    else if (admin_client_open(config.socket, &client) == 0) {
        admin_client_close(client);
        status = command_failed(command, "a server runs on these volumes: stop it first");
    } else {
        status = restore(command, &config, arguments->words[0]);
    }
    config_free(&config);
    return status;
}

const struct command command_restore = {
    "restore", "--yes FILE", "Bring the metadata back from a backup, while no server runs.",
    "Only to the store it came from. What was written since the backup is lost.", flags, run_restore,
};
