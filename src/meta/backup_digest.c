#include "meta/backup_digest.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_SIZE (1u << 20)

static int hash(int fd, uint64_t len, struct checksum_stream *stream, uint8_t *buffer)
{
    for (uint64_t off = 0; off < len;) {
        size_t most = len - off < READ_SIZE ? (size_t)(len - off) : READ_SIZE;
        ssize_t got = pread(fd, buffer, most, (off_t)off);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? err_from_errno(errno) : ERR_CORRUPT;
        checksum_update(stream, buffer, (size_t)got);
        off += (uint64_t)got;
    }
    return 0;
}

int backup_digest(int fd, uint64_t len, uint8_t digest[SHA256_LEN])
{
    struct checksum_stream stream;
    uint8_t *buffer = malloc(READ_SIZE);
    int err = buffer != NULL ? checksum_init(&stream, CHECKSUM_SHA256) : ERR_NO_MEMORY;
    if (err == 0) {
        err = hash(fd, len, &stream, buffer);
        if (err == 0)
            checksum_final(&stream, digest);
        checksum_fini(&stream);
    }
    free(buffer);
    return err;
}
