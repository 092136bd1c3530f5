/* ingot dev: a store of file volumes in one folder, made if need be, and served. For development only. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingot/format.h"
#include "ingot/server.h"

#define DEV_VOLUMES 6
#define DEV_SIZE (16ull << 30) /* sparse */
#define DEV_CREDENTIAL "ingotadmin"

static const struct flag flags[] = {
    {"dir", "DIR", "Folder of the file volumes (made if it is not there)."},
    {"size", "SIZE", "Size of each volume when they are made; the files are sparse. 16GiB by default."},
    {NULL, NULL, NULL},
};

struct dev {
    char directory[PATH_MAX];
    char paths[DEV_VOLUMES][PATH_MAX + 16];
    unsigned found;
};

static int make_file(const char *path, uint64_t size)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int failed = ftruncate(fd, (off_t)size) ? errno : 0;
    close(fd);
    if (failed)
        unlink(path);
    return failed;
}

/* Files are made only when there are none: with some missing, the store starts without them. */
static int find_volumes(const struct command *command, struct dev *dev, const char *directory, uint64_t size)
{
    char message[PATH_MAX + 128];
    if ((mkdir(directory, 0700) && errno != EEXIST) || !realpath(directory, dev->directory)) {
        snprintf(message, sizeof(message), "%s: %s", directory, strerror(errno));
        return command_failed(command, message);
    }
    for (int i = 0; i < DEV_VOLUMES; i++) {
        snprintf(dev->paths[i], sizeof(dev->paths[i]), "%s/volume%d", dev->directory, i);
        dev->found += access(dev->paths[i], F_OK) == 0;
    }
    for (int i = 0; i < DEV_VOLUMES && dev->found == 0; i++) {
        int failed = make_file(dev->paths[i], size);
        if (!failed)
            continue;
        snprintf(message, sizeof(message), "%s: %s", dev->paths[i], strerror(failed));
        while (i-- > 0)
            unlink(dev->paths[i]);
        return command_failed(command, message);
    }
    return EXIT_GOOD;
}

/* A weaker setting than any that the operator made. */
static void set_default(const char *variable, const char *value)
{
    setenv(variable, value, 0);
}

static bool any_set(const char *const *variables)
{
    for (; *variables; variables++)
        if (getenv(*variables))
            return true;
    return false;
}

static void set_defaults(struct arguments *arguments, const struct dev *dev)
{
    static const char *const users[] = {"INGOT_ROOT_USER", "INGOT_ROOT_USER_FILE", "MINIO_ROOT_USER", "MINIO_ROOT_USER_FILE", NULL};
    static const char *const passwords[] = {"INGOT_ROOT_PASSWORD", "INGOT_ROOT_PASSWORD_FILE", "MINIO_ROOT_PASSWORD",
                                            "MINIO_ROOT_PASSWORD_FILE", NULL};
    struct text text = {0};
    if (!arguments->config_path && !getenv("INGOT_CONFIG"))
        arguments->config_path = "/dev/null";
    set_default("INGOT_LISTEN", "127.0.0.1:9000");
    text_append_format(&text, "%s/ingot.socket", dev->directory);
    if (!text.failed)
        set_default("INGOT_SOCKET", text.data);
    text_clear(&text);
    for (int i = 0; i < DEV_VOLUMES; i++)
        if (access(dev->paths[i], F_OK) == 0)
            text_append_format(&text, "%s ", dev->paths[i]);
    if (!text.failed && text.data)
        setenv("INGOT_VOLUMES", text.data, 1);
    text_free(&text);
    if (!any_set(users))
        set_default("INGOT_ROOT_USER", DEV_CREDENTIAL);
    if (!any_set(passwords))
        set_default("INGOT_ROOT_PASSWORD", DEV_CREDENTIAL);
}

static int format_dev(const struct command *command, const struct config *config, const struct dev *dev)
{
    const char *paths[DEV_VOLUMES];
    struct store_message message;
    for (int i = 0; i < DEV_VOLUMES; i++)
        paths[i] = dev->paths[i];
    struct store_format format = {.paths = paths, .path_count = DEV_VOLUMES, .data_count = 4, .parity_count = 2};
    if (format_store(config, &format, true, &message) == 0)
        return EXIT_GOOD;
    for (int i = 0; i < DEV_VOLUMES; i++)
        unlink(dev->paths[i]); /* made by this run, and nothing else has been written to them */
    return command_failed(command, message.text);
}

static int run_dev(const struct command *command, struct arguments *arguments)
{
    struct config config;
    struct dev dev = {.found = 0};
    struct text ready = {0};
    uint64_t size = DEV_SIZE;
    const char *directory = arguments_value(arguments, "dir"), *size_given = arguments_value(arguments, "size");
    if (!directory || arguments->word_count)
        return command_usage(command, "dev needs --dir DIR, and no arguments");
    if (size_given && (config_parse_size(size_given, &size) || size < VOLUME_SIZE_MIN || size > 1ull << 50))
        return command_usage(command, "--size: %s is not a size from 128MiB up", size_given);
    int status = find_volumes(command, &dev, directory, size / BLOCK_SIZE * BLOCK_SIZE);
    if (status)
        return status;
    set_defaults(arguments, &dev);
    status = command_config(command, arguments, &config);
    if (!status && dev.found == 0)
        status = format_dev(command, &config, &dev);
    if (status)
        return status;
    bool shown = strcmp(config.root_password, DEV_CREDENTIAL) == 0;
    text_append_format(&ready, "S3 at http%s://%s  access key %s  secret key %s\n", *config.tls_certificate ? "s" : "",
                       config.listen, config.root_user, shown ? DEV_CREDENTIAL : "as configured");
    status = server_run(command, &config, ready.failed ? NULL : ready.data);
    text_free(&ready);
    config_free(&config);
    return status;
}

const struct command command_dev = {
    "dev", "--dir DIR [--size SIZE]", "Make six file volumes (4+2) in a folder and serve them, for development.",
    "Listens on 127.0.0.1:9000; the keys are " DEV_CREDENTIAL " and " DEV_CREDENTIAL " unless others are set.\n"
    "Files that are there are served as they are; /etc/ingot/ingot.conf is not read.", flags, run_dev,
};
