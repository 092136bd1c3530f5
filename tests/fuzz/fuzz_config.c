/* ingot.conf, and the environment: what comes before a NUL byte is the file, lines after it are variables. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/config.h"
#include "fuzz.h"

#define VARIABLES_MAX 8

static void check(const struct config *config)
{
    for (uint32_t i = 0; i < config_option_count; i++) {
        const struct config_option *o = &config_options[i];
        const char *member = (const char *)config + o->off;
        uint64_t number;
        if (o->kind == CONFIG_STRING || o->kind == CONFIG_SECRET) {
            must(*(char *const *)member != NULL);
        } else if (o->kind == CONFIG_LIST) {
            const struct config_list *list = (const void *)member;
            must(list->count <= CONFIG_LIST_MAX);
            for (uint32_t j = 0; j < list->count; j++)
                must(list->items[j] != NULL);
        } else if (o->kind == CONFIG_SIZE || o->kind == CONFIG_DURATION || o->kind == CONFIG_COUNT) {
            memcpy(&number, member, sizeof number);
            must(number >= o->least && number <= o->most);
        }
    }
}

/* A copy of the lines that may be changed; each becomes a variable. */
static char *split(const uint8_t *data, size_t len, const char **variables)
{
    char *lines = strndup((const char *)data, len), *rest = lines;
    uint32_t count = 0;
    must(lines != NULL);
    for (char *line; count < VARIABLES_MAX && (line = strsep(&rest, "\n"));) {
        if (!strstr(line, "_FILE=")) /* it would be read, and may be a device */
            variables[count++] = line;
    }
    variables[count] = NULL;
    return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *end = len ? memchr(data, 0, len) : NULL;
    size_t file_len = end ? (size_t)(end - data) : len;
    const char *variables[VARIABLES_MAX + 1];
    if (memmem(data, file_len, "_file", 5))
        return 0; /* likewise */
    char *lines = split(data + file_len + (end != NULL), end ? len - file_len - 1 : 0, variables), path[64];
    int fd = memfd_create("ingot.conf", MFD_CLOEXEC);
    must(fd >= 0 && write(fd, data, file_len) == (ssize_t)file_len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct config config;
    struct config_message message = {""};
    int err = config_load(&config, path, NULL, 0, variables, &message);
    must(err == 0 || err == ERR_INVALID);
    if (err)
        must(message.text[0] != '\0' && memchr(message.text, '\0', sizeof message.text) && !strchr(message.text, '\n'));
    else
        check(&config);
    config_free(&config);
    free(lines);
    close(fd);
    return 0;
}
