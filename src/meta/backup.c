/* backup_write; see backup.h. SQLite's backup copies page by page under one open read transaction, so that it never has to
 * start again; the file appears under its name only when it is whole and on the disk. */
#include "meta/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "meta/backup_digest.h"
#include "meta/connection.h"
#include "meta/job.h"
#include "meta/state.h"

#define PAGES_PER_STEP 64
#define PART_SUFFIX ".part"
#define PAUSE_POLL_US 100000u
#define MAX_US 9e18
#define PRESSED_TEXT "broken off, because writes fill the metadata log meanwhile: back up when less is " \
    "written, without a rate or to a faster disk"

static int fail(struct store_message *message, int err, const char *what, const char *why)
{
    snprintf(message->text, sizeof message->text, "%.300s: %.200s", what, why);
    return err;
}

struct pause { struct meta *meta; struct loop *loop; uint64_t until_us; struct timer timer; };

static bool pause_over(void *arg)
{
    struct pause *p = arg;
    uint64_t now_us = loop_now_us(p->loop);
    if (now_us >= p->until_us || meta_job_cancelled(p->meta) || (p->meta->pages != NULL && pages_checkpoint_due(p->meta->pages)))
        return true;
    if (!p->timer.armed) {
        uint64_t poll_us = now_us + PAUSE_POLL_US;
        loop_timer_set(p->loop, &p->timer, poll_us < p->until_us ? poll_us : p->until_us);
    }
    return false;
}

static void pause_fire(struct timer *timer)
{
    (void)timer; /* it only wakes the loop */
}

/* Waits until `done` bytes are what the rate allows since started_us; not while the snapshot may hold up a checkpoint. */
static int throttle(struct meta *meta, struct loop *loop, uint64_t started_us, uint64_t done, uint64_t rate)
{
    if (rate == 0)
        return 0;
    double until_us = (double)started_us + (double)done / (double)rate * 1e6;
    struct pause p = {.meta = meta, .loop = loop, .until_us = until_us < MAX_US ? (uint64_t)until_us : (uint64_t)MAX_US,
                      .timer.fire = pause_fire};
    int err = loop_wait(loop, pause_over, &p);
    loop_timer_cancel(loop, &p.timer);
    return err;
}

static int copy_steps(struct meta *meta, struct loop *loop, sqlite3_backup *backup, struct connection *from,
                      const struct backup_options *options)
{
    uint64_t started_us = loop_now_us(loop);
    int code;
    do {
        if (meta_job_cancelled(meta))
            return ERR_CANCELLED;
        code = sqlite3_backup_step(backup, PAGES_PER_STEP);
        uint64_t total = (uint64_t)sqlite3_backup_pagecount(backup);
        uint64_t done = total - (uint64_t)sqlite3_backup_remaining(backup);
        if (options->progress != NULL && (code == SQLITE_OK || code == SQLITE_DONE))
            options->progress(options->arg, done, total);
        int err = code == SQLITE_OK ? throttle(meta, loop, started_us, done * PAGE_SIZE, options->bytes_per_second) : 0;
        if (err != 0)
            return err;
        if (code == SQLITE_OK && meta_job_pressed(meta))
            return ERR_BUSY;
    } while (code == SQLITE_OK);
    return statement_error(from, code);
}

static int copy_to(struct meta *meta, struct loop *loop, struct connection *from, sqlite3 *to,
                   const struct backup_options *options, struct store_message *message)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from->db, "main");
    if (backup == NULL)
        return fail(message, ERR_IO, "starting the backup", sqlite3_errmsg(to));
    int err = copy_steps(meta, loop, backup, from, options);
    int code = sqlite3_backup_finish(backup);
    if (err == 0)
        err = statement_error(from, code);
    return err != 0 ? fail(message, err, "copying the database", err == ERR_BUSY ? PRESSED_TEXT : err_text(err)) : 0;
}

static int open_file(const char *path, sqlite3 **ret, struct store_message *message)
{
    sqlite3 *to = NULL;
    int code = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        int err = fail(message, (code & 0xff) == SQLITE_NOMEM ? ERR_NO_MEMORY : ERR_IO, path, sqlite3_errstr(code));
        sqlite3_close(to);
        return err;
    }
    *ret = to;
    return 0;
}

static int copy_snapshot(struct meta *meta, struct loop *loop, const char *part, const struct backup_options *options,
                         struct store_message *message)
{
    sqlite3 *to;
    int err = open_file(part, &to, message);
    if (err != 0)
        return err;
    struct connection *from;
    err = connection_open(&meta->source, loop, false, &from);
    if (err != 0) {
        sqlite3_close(to);
        return fail(message, err, "opening the database", err_text(err));
    }
    err = connection_script(from, "BEGIN; SELECT count(*) FROM setting");
    if (err != 0)
        err = fail(message, err, "reading the database", err_text(err));
    else
        err = copy_to(meta, loop, from, to, options, message);
    connection_close(from);
    sqlite3_close(to);
    return err;
}

static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s/", (int)(slash - path), path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int number = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return number;
}

/* The digest goes behind the pages. */
static int add_digest(int fd, const char *part, struct store_message *message)
{
    uint8_t digest[SHA256_LEN];
    off_t len = lseek(fd, 0, SEEK_END);
    if (len < 0)
        return fail(message, err_from_errno(errno), part, strerror(errno));
    int err = backup_digest(fd, (uint64_t)len, digest);
    if (err != 0)
        return fail(message, err, part, err_text(err));
    ssize_t written = pwrite(fd, digest, sizeof digest, len);
    if (written == (ssize_t)sizeof digest)
        return 0;
    int number = written < 0 ? errno : ENOSPC;
    return fail(message, err_from_errno(number), part, strerror(number));
}

/* The file gets its name, unless something has that name. */
static int publish(int fd, const char *part, const char *path)
{
    if (fsync(fd) != 0 || link(part, path) != 0)
        return errno;
    int number = sync_folder(path);
    if (number != 0)
        unlink(path);
    return number;
}

int backup_write(struct meta *meta, struct loop *loop, const struct backup_options *options, struct store_message *message)
{
    char part[PATH_MAX];
    message->text[0] = '\0';
    if (strlen(options->path) + sizeof PART_SUFFIX > sizeof part)
        return fail(message, ERR_INVALID, "the path of the backup", "too long");
    if (access(options->path, F_OK) == 0)
        return fail(message, ERR_EXISTS, options->path, err_text(ERR_EXISTS));
    snprintf(part, sizeof part, "%s%s", options->path, PART_SUFFIX);
    int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(message, err_from_errno(errno), part, strerror(errno));
    int err = copy_snapshot(meta, loop, part, options, message);
    if (err == 0)
        err = add_digest(fd, part, message);
    if (err == 0) {
        int number = publish(fd, part, options->path);
        if (number != 0)
            err = fail(message, err_from_errno(number), options->path, strerror(number));
    }
    close(fd);
    unlink(part);
    return err;
}
