/* See kms_file.h. The text is wiped once its keys are taken. */
#include "ingot/kms_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whole, or an error; one byte more than may be there tells that there is too much. */
static int read_file(const char *path, char *text, size_t capacity, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && len < capacity) {
        got = read(fd, text + len, capacity - len);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            len += (size_t)got;
    }
    int err = got < 0 ? err_from_errno(errno) : 0;
    if (fd >= 0)
        close(fd);
    *ret_len = len;
    return err;
}

int kms_file_load(const char *path, struct kms *kms, char *message, size_t message_size)
{
    size_t capacity = KMS_FILE_SIZE_MAX + 1, len;
    uint32_t line = 0;
    char *text = malloc(capacity);
    int err = text ? read_file(path, text, capacity, &len) : ERR_NO_MEMORY;
    if (!err)
        err = kms_load(kms, slice_of(text, len), &line);
    if (err == ERR_INVALID)
        snprintf(message, message_size, "kms_key_file %s, line %u: neither key id, version and 64 hexadecimal digits nor a comment, or the version is there twice", path, line);
    else if (err)
        snprintf(message, message_size, "kms_key_file %s: %s", path, err_text(err));
    if (text)
        explicit_bzero(text, capacity);
    free(text);
    return err;
}
