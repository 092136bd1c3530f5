/* Devices and files behind volumes (see device.h). */
#include "volume/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#undef BLOCK_SIZE /* the kernel's own of that name means something else */

#include "base/log.h"
#include "volume/device_io.h"
#include "volume/format.h"

static int size_of(int fd, const struct stat *st, uint64_t *ret)
{
    uint64_t size = (uint64_t)st->st_size;
    if (S_ISBLK(st->st_mode) && ioctl(fd, BLKGETSIZE64, &size) < 0)
        return err_from_errno(errno);
    *ret = size / BLOCK_SIZE * BLOCK_SIZE;
    return 0;
}

/* A partition has its queue in its disk's folder. */
static bool block_can_discard(dev_t device)
{
    for (int i = 0; i < 2; i++) {
        char path[96];
        snprintf(path, sizeof path, "/sys/dev/block/%u:%u%s/queue/discard_max_bytes", major(device), minor(device),
                 i == 0 ? "" : "/..");
        FILE *file = fopen(path, "re");
        if (!file)
            continue;
        unsigned long long bytes = 0;
        bool known = fscanf(file, "%llu", &bytes) == 1;
        fclose(file);
        return known && bytes > 0;
    }
    return false;
}

/* One try. A regular file is opened without O_EXCL (which means nothing for it) and locked. */
static int try_claim(const char *path, bool read_only, bool block, bool *direct, int *ret_fd)
{
    int flags = (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | (block ? O_EXCL : 0);
    int fd = open(path, flags | O_DIRECT);
    *direct = fd >= 0;
    if (fd < 0 && errno == EINVAL && !block)
        fd = open(path, flags);
    if (fd < 0)
        return err_from_errno(errno);
    int write_protected = 0; /* such a device can be opened for writing; only the writes fail */
    if (block && !read_only && ioctl(fd, BLKROGET, &write_protected) == 0 && write_protected) {
        close(fd);
        return ERR_READ_ONLY;
    }
    if (!block && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int err = errno == EWOULDBLOCK ? ERR_BUSY : err_from_errno(errno);
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

static int claim(struct loop *loop, const char *path, bool read_only, bool block, uint64_t claim_us, bool *direct,
                 int *ret_fd)
{
    uint64_t until = loop_now_us(loop) + claim_us;
    for (;;) {
        int err = try_claim(path, read_only, block, direct, ret_fd);
        if (err != ERR_BUSY || loop_now_us(loop) >= until)
            return err;
        err = device_sleep(loop, DEVICE_CLAIM_PAUSE_US);
        if (err < 0)
            return err;
    }
}

int device_open(struct loop *loop, const char *path, bool read_only, uint64_t claim_us, struct device *ret)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return err_from_errno(errno);
    if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
        return ERR_FOREIGN;
    bool block = S_ISBLK(st.st_mode), direct = false;
    int fd = -1;
    int err = claim(loop, path, read_only, block, claim_us, &direct, &fd);
    if (err < 0)
        return err;
    char *name = strdup(path);
    uint64_t size = 0;
    err = !name ? ERR_NO_MEMORY : fstat(fd, &st) < 0 ? err_from_errno(errno) : size_of(fd, &st, &size);
    if (err < 0) {
        free(name);
        close(fd);
        return err;
    }
    if (!direct)
        log_notice("%s: the file system refuses direct I/O: using its page cache", path);
    *ret = (struct device){.fd = fd, .size = size, .direct = direct, .path = name,
                           .is_file = !block,
                           .can_discard = block ? block_can_discard(st.st_rdev) : true};
    return 0;
}

const char *device_open_text(int err)
{
    return err == ERR_BUSY ? "in use by another process, or mounted" : err == ERR_READ_ONLY ? "read-only" : err_text(err);
}

void device_close(struct device *d, bool hung)
{
    if (d->fd >= 0) {
        if (!hung)
            close(d->fd);
        free((char *)(uintptr_t)d->path);
    }
    d->fd = -1;
    d->path = NULL;
}

int device_current_size(const struct device *d, uint64_t *ret)
{
    if (d->fd < 0) {
        *ret = d->size / BLOCK_SIZE * BLOCK_SIZE;
        return 0;
    }
    struct stat st;
    if (fstat(d->fd, &st) < 0)
        return err_from_errno(errno);
    return size_of(d->fd, &st, ret);
}

bool device_same(const char *path, const char *other)
{
    struct stat a, b;
    if (stat(path, &a) < 0 || stat(other, &b) < 0)
        return false;
    if (S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode))
        return a.st_rdev == b.st_rdev;
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}
