/* ingot format: makes a store of empty volumes. */
#include "ingot/format.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ingot/command.h"
#include "ingot/opened.h"
#include "ingot/progress.h"
#include "volume/lease.h"

static void show_progress(void *arg, uint32_t done, uint32_t total)
{
    progress_show(arg, done, total);
}

int format_store(const struct config *config, struct store_format *format, bool quiet, struct store_message *message)
{
    struct opened opened;
    struct progress progress;
    struct seal_key key;
    bool key_given = false;
    progress_start(&progress, "formatting");
    int err = opened_engine(&opened, config);
    if (!err)
        err = opened_sealing_key(&opened, config, &key, &key_given);
    if (err) {
        snprintf(message->text, sizeof(message->text), "%.500s", opened.message);
        opened_close(&opened);
        return err;
    }
    format->sealing_key = key_given ? &key : NULL;
    if (!quiet) {
        format->progress = show_progress;
        format->progress_arg = &progress;
    }
    message->text[0] = '\0';
    err = store_format(format, opened.control, &opened.store, message);
    if (!err) /* slow volumes may take longer than a lease for the database */
        err = lease_keeper_start(&opened.lease, opened.store, &opened.engine, LEASE_MS_DEFAULT, NULL, NULL);
    if (!err)
        err = meta_format(opened.store, opened.control, message);
    progress_end(&progress);
    if (err && !message->text[0])
        snprintf(message->text, sizeof(message->text), "%s", err_text(err));
    opened_close(&opened);
    explicit_bzero(&key, sizeof(key));
    return err;
}

static const struct flag flags[] = {
    {"data", "K", "Data slots of each group (1 to 16); by default as many as the volumes allow, up to 4."},
    {"parity", "M", "Parity slots (0 to 4): how many volumes may fail. By default 2, 1 with fewer than four volumes."},
    {"labels", "A,B,…", "Failure domains of the volumes, in their order: groups keep slots in different ones."},
    {"chunk-size", "SIZE", "Bytes of a chunk, a power of two from 4 MiB to 64 MiB; by default chosen by the smallest volume."},
    {"force", NULL, "Overwrite volumes that are not empty. What is on them is lost."},
    {"json", NULL, "Print the result as JSON."},
    {NULL, NULL, NULL},
};

static bool parse_count(const char *text, uint32_t least, uint32_t most, uint8_t *value)
{
    uint64_t number;
    if (!text)
        return true;
    if (slice_parse_u64(slice_string(text), &number) || number < least || number > most)
        return false;
    *value = (uint8_t)number;
    return true;
}

/* Splits at commas in place; false when there are not exactly count of them, or one is too long. */
static bool split_labels(char *text, const char **labels, uint32_t count)
{
    uint32_t found = 0;
    for (char *label = strtok(text, ","); label; label = strtok(NULL, ",")) {
        if (found == count || strlen(label) >= LABEL_SIZE)
            return false;
        labels[found++] = label;
    }
    return found == count;
}

static int format_volumes(const struct command *command, const struct arguments *arguments, const struct config *config,
                          struct store_format *format)
{
    struct store_message message;
    if (format_store(config, format, false, &message))
        return command_failed(command, message.text);
    if (arguments_value(arguments, "json"))
        printf("{\"volumes\": %u, \"data\": %u, \"parity\": %u, \"sealing_key\": \"%s\"}\n", format->path_count,
               format->data_count, format->parity_count, format->sealing_key ? "given" : "in the superblock");
    else
        printf("A store of %u volumes, %u+%u: any %u of them may fail.\n%s", format->path_count, format->data_count,
               format->parity_count, format->parity_count,
               format->sealing_key ? "" : "The key that seals secrets lies in the superblocks: whoever has the volumes can read "
                                          "them. Give a sealing key to keep it elsewhere.\n");
    return EXIT_GOOD;
}

static int run_format(const struct command *command, struct arguments *arguments)
{
    struct config config;
    const char *const *paths = arguments->words, *labels[VOLUMES_MAX];
    uint32_t count = arguments->word_count;
    uint64_t chunk_size = 0;
    int status = command_config(command, arguments, &config);
    if (status)
        return status;
    if (count == 0) {
        paths = (const char *const *)config.volume.items;
        count = config.volume.count;
    }
    struct store_format format = {.paths = paths, .path_count = count, .force = arguments_value(arguments, "force") != NULL};
    const char *labels_given = arguments_value(arguments, "labels"), *chunk_given = arguments_value(arguments, "chunk-size");
    char *labels_text = labels_given ? strdup(labels_given) : NULL;
    format.parity_count = count >= 4 ? 2 : count >= 2 ? 1 : 0;
    if (!parse_count(arguments_value(arguments, "parity"), 0, PARITY_MAX, &format.parity_count)) {
        status = command_usage(command, "--parity is a number from 0 to %d", PARITY_MAX);
    } else {
        uint32_t rest = count > format.parity_count ? count - format.parity_count : 1;
        format.data_count = (uint8_t)(rest < 4 ? rest : 4);
        if (!parse_count(arguments_value(arguments, "data"), 1, DATA_MAX, &format.data_count))
            status = command_usage(command, "--data is a number from 1 to %d", DATA_MAX);
        else if (count == 0 || count > VOLUMES_MAX)
            status = command_usage(command, "give 1 to %d volumes", VOLUMES_MAX);
        else if (labels_text && !split_labels(labels_text, labels, count))
            status = command_usage(command, "--labels needs one label per volume, of at most %u bytes", LABEL_SIZE - 1);
        else if (chunk_given && config_parse_size(chunk_given, &chunk_size))
            status = command_usage(command, "--chunk-size: %s is not a size such as 64MiB", chunk_given);
        else if (chunk_size > CHUNK_SIZE_MAX || (chunk_size && chunk_size < CHUNK_SIZE_MIN) || (chunk_size & (chunk_size - 1)))
            status = command_usage(command, "--chunk-size is a power of two from 4MiB to 64MiB");
    }
    if (!status) {
        format.labels = labels_text ? labels : NULL;
        format.chunk_size = (uint32_t)chunk_size;
        status = format_volumes(command, arguments, &config, &format);
    }
    free(labels_text);
    config_free(&config);
    return status;
}

const struct command command_format = {
    "format", "[--data K] [--parity M] VOLUME...", "Make a store of empty volumes.",
    "Volumes are block devices, or files for development. Anything found on them is refused without --force.", flags, run_format,
};
