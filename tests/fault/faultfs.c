/* A FUSE file system with one file, "disk", over a backing file: a block device that can be slow, hang, fail, or lose power.
 *
 *   faultfs BACKING MOUNTPOINT        (stays in the foreground; one process per disk)
 *
 * The file "control" takes one command per write; reading it gives counters:
 *   ok | slow MS | hang | eio          how every later operation on the disk goes; hung ones wait for "ok" or "eio"
 *   nospace                            writes fail with ENOSPC
 *   cache on | cache off               on: writes are kept revertible until a flush
 *   hold                               flushes, and writes that are to be durable, wait for the cut (or "ok")
 *   cut SEED                           power cut: every 512-byte sector written since the last flush keeps one of the values it
 *                                      had since then, chosen by SEED; later operations fail with EIO until "ok"
 *
 * Invariant of the cache: undo holds, in order, the old contents of every write completed since the last completed flush. A
 * write with O_DSYNC (RWF_DSYNC) is on its own flushed once it is answered, and revertible until then: its entry stays, marked
 * durable, and settles its sectors against older entries. */
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512
#define THREADS_MAX 256
#define WRITE_MAX (64u << 20)

enum mode { MODE_OK, MODE_SLOW, MODE_HANG, MODE_EIO, MODE_NOSPACE };

struct undo {
    struct undo *previous;
    uint64_t number;
    off_t off;
    size_t len;
    bool durable;
    char old[];
};

static struct {
    int fd;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum mode mode;
    unsigned slow_ms;
    bool caching, holding;
    struct undo *undo;           /* newest first */
    uint64_t writes, written;    /* written: bytes */
    unsigned long reads, flushes, delayed, hung, failed, cuts, reverted;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* Waits as the mode says; 0 or -errno. */
static int pass(bool is_write)
{
    pthread_mutex_lock(&disk.lock);
    if (disk.mode == MODE_SLOW) {
        unsigned ms = disk.slow_ms;
        disk.delayed++;
        pthread_mutex_unlock(&disk.lock);
        usleep(ms * 1000);
        pthread_mutex_lock(&disk.lock);
    }
    if (disk.mode == MODE_HANG)
        disk.hung++;
    while (disk.mode == MODE_HANG)
        pthread_cond_wait(&disk.changed, &disk.lock);
    int result = 0;
    if (disk.mode == MODE_EIO)
        result = -EIO;
    else if (disk.mode == MODE_NOSPACE && is_write)
        result = -ENOSPC;
    disk.failed += result != 0;
    pthread_mutex_unlock(&disk.lock);
    return result;
}

static int get_attributes(const char *path, struct stat *st, struct fuse_file_info *info)
{
    (void)info;
    memset(st, 0, sizeof(*st));
    if (strcmp(path, "/") == 0) {
        st->st_mode = S_IFDIR | 0755;
        st->st_nlink = 2;
        return 0;
    }
    st->st_nlink = 1;
    st->st_mode = S_IFREG | 0600;
    if (strcmp(path, "/control") == 0) {
        st->st_size = 4096;
        return 0;
    }
    if (strcmp(path, "/disk") != 0)
        return -ENOENT;
    struct stat backing;
    if (fstat(disk.fd, &backing) < 0)
        return -errno;
    st->st_size = backing.st_size;
    st->st_blocks = backing.st_blocks;
    st->st_ino = 2;
    return 0;
}

static int list(const char *path, void *buffer, fuse_fill_dir_t fill, off_t off, struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
    (void)path, (void)off, (void)info, (void)flags;
    fill(buffer, "disk", NULL, 0, 0);
    fill(buffer, "control", NULL, 0, 0);
    return 0;
}

static int open_file(const char *path, struct fuse_file_info *info)
{
    if (strcmp(path, "/disk") != 0 && strcmp(path, "/control") != 0)
        return -ENOENT;
    info->direct_io = 1;
    return 0;
}

static int read_control(char *buffer, size_t size, off_t off)
{
    char text[512];
    pthread_mutex_lock(&disk.lock);
    int len = snprintf(text, sizeof(text), "reads %lu writes %llu written %llu flushes %lu delayed %lu hung %lu failed %lu cuts %lu reverted %lu\n", disk.reads,
                       (unsigned long long)disk.writes, (unsigned long long)disk.written, disk.flushes, disk.delayed, disk.hung, disk.failed,
                       disk.cuts, disk.reverted);
    pthread_mutex_unlock(&disk.lock);
    if (off >= len)
        return 0;
    size_t some = (size_t)(len - off) < size ? (size_t)(len - off) : size;
    memcpy(buffer, text + off, some);
    return (int)some;
}

static int read_file(const char *path, char *buffer, size_t size, off_t off, struct fuse_file_info *info)
{
    (void)info;
    if (strcmp(path, "/control") == 0)
        return read_control(buffer, size, off);
    int result = pass(false);
    if (result)
        return result;
    pthread_mutex_lock(&disk.lock);
    disk.reads++;
    pthread_mutex_unlock(&disk.lock);
    ssize_t got = pread(disk.fd, buffer, size, off);
    return got < 0 ? -errno : (int)got;
}

static void drop_undo_through(uint64_t number)
{
    struct undo **link = &disk.undo;
    while (*link && (*link)->number > number)
        link = &(*link)->previous;
    struct undo *gone = *link;
    *link = NULL;
    while (gone) {
        struct undo *previous = gone->previous;
        free(gone);
        gone = previous;
    }
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* From the newest write to the oldest: a sector is settled once one of its writes is kept. */
static void cut(uint64_t seed)
{
    struct stat st;
    fstat(disk.fd, &st);
    unsigned char *settled = calloc((size_t)(st.st_size / SECTOR / 8 + 1), 1);
    uint64_t whole = next_random(&seed) % 3; /* a third of the cuts drops whole writes, a third tears, a third keeps most */
    for (struct undo *u = disk.undo; u; u = u->previous) {
        bool drop_write = next_random(&seed) % 2;
        for (size_t at = 0; at < u->len; at += SECTOR) {
            uint64_t sector = (uint64_t)(u->off + (off_t)at) / SECTOR;
            if (settled[sector / 8] >> (sector % 8) & 1)
                continue;
            bool drop = u->durable ? false : whole == 0 ? drop_write : whole == 1 ? next_random(&seed) % 2 : next_random(&seed) % 8 == 0;
            if (!drop) {
                settled[sector / 8] |= (unsigned char)(1 << (sector % 8));
                continue;
            }
            size_t len = u->len - at < SECTOR ? u->len - at : SECTOR;
            if (pwrite(disk.fd, u->old + at, len, u->off + (off_t)at) != (ssize_t)len)
                perror("faultfs: revert");
            disk.reverted++;
        }
    }
    free(settled);
    drop_undo_through(UINT64_MAX);
    disk.cuts++;
    disk.holding = false;
    disk.mode = MODE_EIO;
}

static int write_control(const char *buffer, size_t size)
{
    char command[64];
    size_t len = size < sizeof(command) - 1 ? size : sizeof(command) - 1;
    memcpy(command, buffer, len);
    command[len] = '\0';
    command[strcspn(command, "\n")] = '\0';
    int result = (int)size;
    unsigned long long number = 0;
    pthread_mutex_lock(&disk.lock);
    if (strcmp(command, "ok") == 0)
        disk.mode = MODE_OK, disk.holding = false;
    else if (strcmp(command, "hold") == 0)
        disk.holding = true;
    else if (sscanf(command, "slow %u", &disk.slow_ms) == 1)
        disk.mode = MODE_SLOW;
    else if (strcmp(command, "hang") == 0)
        disk.mode = MODE_HANG;
    else if (strcmp(command, "eio") == 0)
        disk.mode = MODE_EIO;
    else if (strcmp(command, "nospace") == 0)
        disk.mode = MODE_NOSPACE;
    else if (strcmp(command, "cache on") == 0)
        disk.caching = true;
    else if (strcmp(command, "cache off") == 0)
        disk.caching = false, drop_undo_through(UINT64_MAX);
    else if (sscanf(command, "cut %llu", &number) == 1)
        cut(number);
    else
        result = -EINVAL;
    pthread_cond_broadcast(&disk.changed);
    pthread_mutex_unlock(&disk.lock);
    return result;
}

/* The write of that number is flushed now; -EIO when the power was cut before. */
static int make_durable(uint64_t number, unsigned long cuts)
{
    usleep(100); /* a cut may come between the write and its answer */
    pthread_mutex_lock(&disk.lock);
    while (disk.holding)
        pthread_cond_wait(&disk.changed, &disk.lock);
    int result = disk.cuts == cuts ? 0 : -EIO;
    for (struct undo *u = disk.undo; u && result == 0; u = u->previous)
        u->durable |= u->number == number;
    pthread_mutex_unlock(&disk.lock);
    return result;
}

static int write_disk(const char *buffer, size_t size, off_t off, bool durable)
{
    struct undo *undo = NULL;
    if (size > WRITE_MAX)
        return -EINVAL;
    pthread_mutex_lock(&disk.lock); /* writes are serialised: undo must see each one's old contents */
    if (disk.mode == MODE_EIO) {
        pthread_mutex_unlock(&disk.lock);
        return -EIO;
    }
    if (disk.caching) {
        undo = malloc(sizeof(*undo) + size);
        ssize_t got = undo ? pread(disk.fd, undo->old, size, off) : -1;
        if (got != (ssize_t)size) {
            free(undo);
            pthread_mutex_unlock(&disk.lock);
            return -EIO;
        }
    }
    ssize_t put = pwrite(disk.fd, buffer, size, off);
    int error = errno;
    disk.writes++;
    disk.written += put > 0 ? (uint64_t)put : 0;
    if (undo) {
        undo->off = off;
        undo->durable = false;
        undo->len = size;
        undo->number = disk.writes;
        undo->previous = disk.undo;
        disk.undo = undo;
    }
    uint64_t number = disk.writes;
    unsigned long cuts = disk.cuts;
    pthread_mutex_unlock(&disk.lock);
    int result = undo && durable && put > 0 ? make_durable(number, cuts) : 0;
    return put < 0 ? -error : result < 0 ? result : (int)put;
}

static int write_file(const char *path, const char *buffer, size_t size, off_t off, struct fuse_file_info *info)
{
    if (strcmp(path, "/control") == 0)
        return write_control(buffer, size);
    int result = pass(true);
    return result ? result : write_disk(buffer, size, off, info->flags & (O_DSYNC | O_SYNC));
}

static int flush_disk(const char *path, int data_only, struct fuse_file_info *info)
{
    (void)data_only, (void)info;
    if (strcmp(path, "/disk") != 0)
        return 0;
    pthread_mutex_lock(&disk.lock);
    uint64_t covered = disk.writes;
    unsigned long cuts = disk.cuts;
    pthread_mutex_unlock(&disk.lock);
    int result = pass(true);
    if (result)
        return result;
    pthread_mutex_lock(&disk.lock);
    while (disk.holding)
        pthread_cond_wait(&disk.changed, &disk.lock);
    if (disk.mode == MODE_EIO || disk.cuts != cuts)
        result = -EIO;
    else
        drop_undo_through(covered);
    disk.flushes++;
    pthread_mutex_unlock(&disk.lock);
    return result;
}

static int truncate_file(const char *path, off_t size, struct fuse_file_info *info)
{
    (void)info;
    if (strcmp(path, "/disk") != 0)
        return 0;
    return ftruncate(disk.fd, size) < 0 ? -errno : 0;
}

static int allocate(const char *path, int mode, off_t off, off_t len, struct fuse_file_info *info)
{
    (void)info, (void)off, (void)len;
    return strcmp(path, "/disk") == 0 && (mode & FALLOC_FL_PUNCH_HOLE) ? 0 : -EOPNOTSUPP; /* a discard is a hint */
}

static void *start(struct fuse_conn_info *connection, struct fuse_config *config)
{
    connection->max_background = 4096;
    connection->congestion_threshold = 4096;
    config->use_ino = 1;
    config->direct_io = 1;
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: faultfs BACKING MOUNTPOINT\n");
        return 2;
    }
    disk.fd = open(argv[1], O_RDWR | O_CLOEXEC);
    if (disk.fd < 0) {
        perror(argv[1]);
        return 1;
    }
    static const struct fuse_operations operations = {
        .init = start, .getattr = get_attributes, .readdir = list, .open = open_file, .read = read_file,
        .write = write_file, .fsync = flush_disk, .truncate = truncate_file, .fallocate = allocate,
    };
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    fuse_opt_add_arg(&args, "faultfs");
    fuse_opt_add_arg(&args, "-oauto_unmount");
    struct fuse *fuse = fuse_new(&args, &operations, sizeof(operations), NULL);
    if (!fuse || fuse_mount(fuse, argv[2]) != 0)
        return 1;
    fuse_set_signal_handlers(fuse_get_session(fuse));
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
    fuse_loop_cfg_set_clone_fd(config, 1);
    int result = fuse_loop_mt(fuse, config);
    fuse_unmount(fuse);
    fuse_destroy(fuse);
    return result ? 1 : 0;
}
