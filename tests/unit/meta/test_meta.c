/* The store as a whole: threads, restarts, backup and restore, jobs, memory that runs out. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "meta/backup.h"
#include "meta/job.h"
#include "meta/state.h"
#include "meta/writer.h"
#include "meta_fixture.h"
#include "volume/loop_thread.h"

static struct meta_fixture f;

static int setup(void **state)
{
    (void)state;
    meta_fixture_open(&f);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    meta_fixture_close(&f);
    return 0;
}

static int set(struct meta_tx *tx, void *arg)
{
    return setting_set_u64(tx, arg, 7);
}

static int get(struct meta_tx *tx, void *arg)
{
    uint64_t value;
    int err = setting_get_u64(tx, arg, &value);
    return err == 0 && value != 7 ? ERR_CORRUPT : err;
}

static char *key(const char *name)
{
    return (char *)(uintptr_t)name;
}

/* --- with threads --- */

static struct loop *new_loop(void *arg, const char *name)
{
    (void)arg;
    struct loop *loop;
    return loop_thread_new(name, NULL, &loop) == 0 ? loop : NULL;
}

static void reopen(const struct meta_options *options)
{
    struct store_message message;
    meta_close(f.meta);
    placement_close(f.placement);
    assert_int_equal(placement_open(f.store, &f.placement), 0);
    assert_int_equal(meta_open(f.store, f.placement, options, f.loop, &f.meta, &message), 0);
}

struct many { struct meta_write write; struct meta_read read; int number, *left; };

static int many_write(struct meta_tx *tx, struct meta_write *w)
{
    char name[32];
    snprintf(name, sizeof name, "many%d", container_of(w, struct many, write)->number);
    return setting_set_u64(tx, name, 7);
}

static int many_read(struct meta_tx *tx, struct meta_read *r)
{
    char name[32];
    snprintf(name, sizeof name, "many%d", container_of(r, struct many, read)->number);
    return get(tx, name);
}

static void read_done(struct meta_read *r)
{
    struct many *m = container_of(r, struct many, read);
    assert_int_equal(r->err, 0);
    --*m->left;
}

static void write_done(struct meta_write *w)
{
    struct many *m = container_of(w, struct many, write);
    assert_int_equal(w->err, 0);
    m->read = (struct meta_read){.run = many_read, .done = read_done, .loop = f.loop};
    meta_read(f.meta, &m->read); /* sees what was acknowledged */
}

static bool none_left(void *arg) { return *(int *)arg == 0; }

static void test_threads(void **state)
{
    (void)state;
    struct meta_options options = {.page_cache_size = 1u << 20, .reader_count = 2, .new_loop = new_loop, .threads = true};
    reopen(&options);
    enum { COUNT = 200 };
    struct many *all = calloc(COUNT, sizeof *all);
    assert_non_null(all);
    int left = COUNT;
    for (int i = 0; i < COUNT; i++) {
        all[i] = (struct many){.number = i, .left = &left};
        all[i].write = (struct meta_write){.run = many_write, .done = write_done, .loop = f.loop};
        meta_write(f.meta, &all[i].write);
    }
    assert_int_equal(loop_run_until(f.loop, none_left, &left), 0);
    free(all);
    struct meta_options plain = {0};
    reopen(&plain);
    assert_int_equal(meta_fixture_read(&f, get, key("none")), ERR_NOT_FOUND);
    for (int i = 0; i < COUNT; i++) {
        char name[32];
        snprintf(name, sizeof name, "many%d", i);
        assert_int_equal(meta_fixture_read(&f, get, name), 0);
    }
}

/* --- restarts --- */

static void test_restarts(void **state)
{
    (void)state;
    assert_int_equal(meta_fixture_write(&f, set, key("a")), 0);
    meta_fixture_crash(&f);
    assert_int_equal(meta_fixture_read(&f, get, key("a")), 0);
    assert_int_equal(meta_fixture_write(&f, set, key("b")), 0);
    struct meta_options read_only = {.read_only = true};
    reopen(&read_only);
    assert_int_equal(meta_fixture_read(&f, get, key("a")), 0);
    assert_int_equal(meta_fixture_read(&f, get, key("b")), 0);
    assert_int_equal(meta_fixture_write(&f, set, key("c")), ERR_READ_ONLY);
    assert_false(meta_writable(f.meta));
}

static int raise_schema(struct meta_tx *tx, void *arg)
{
    (void)arg;
    return setting_set_u64(tx, "schema_version", 99);
}

static void test_newer_schema_is_refused(void **state)
{
    (void)state;
    assert_int_equal(meta_fixture_write(&f, raise_schema, NULL), 0);
    struct meta_options options = {0};
    struct store_message message;
    struct meta *none = NULL;
    struct placement *placement;
    struct meta *open = f.meta;
    assert_int_equal(placement_open(f.store, &placement), 0);
    atomic_store(&open->writable, false);
    assert_int_equal(meta_open(f.store, placement, &options, f.loop, &none, &message), ERR_UNSUPPORTED);
    assert_non_null(strstr(message.text, "version 99"));
    assert_null(none);
    placement_close(placement);
}

static void test_unattached_loop(void **state)
{
    (void)state;
    struct loop *other;
    assert_int_equal(loop_thread_new("other", NULL, &other), 0);
    struct connection *before = meta_connection_of(f.meta, f.loop);
    assert_int_equal(meta_attach_loop(f.meta, f.loop), 0); /* again: the same one */
    assert_ptr_equal(meta_connection_of(f.meta, f.loop), before);
    assert_null(meta_connection_of(f.meta, other));
    assert_int_equal(meta_attach_loop(f.meta, other), 0);
    assert_non_null(meta_connection_of(f.meta, other));
    meta_detach_loop(f.meta, other);
    meta_detach_loop(f.meta, other);
    assert_null(meta_connection_of(f.meta, other));
    loop_free(other);
}

/* --- backup and restore --- */

struct progress { uint64_t calls, done, total; };

static void see_progress(void *arg, uint64_t done, uint64_t total)
{
    struct progress *p = arg;
    p->calls++;
    assert_true(done >= p->done && done <= total);
    p->done = done;
    p->total = total;
}

static int restore(const char *path, struct progress *p, struct store_message *message)
{
    struct backup_options options = {.path = path, .progress = see_progress, .arg = p};
    meta_close(f.meta);
    placement_close(f.placement);
    int err = backup_restore(f.store, f.loop, &options, message);
    struct store_message ignored;
    struct meta_options plain = {0};
    assert_int_equal(placement_open(f.store, &f.placement), 0);
    assert_int_equal(meta_open(f.store, f.placement, &plain, f.loop, &f.meta, &ignored), 0);
    return err;
}

static void test_backup_and_restore(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/backup", f.folder);
    struct progress p = {0}, q = {0};
    struct backup_options options = {.path = path, .progress = see_progress, .arg = &p, .bytes_per_second = 100u << 20};
    struct store_message message;
    assert_int_equal(meta_fixture_write(&f, set, key("a")), 0);
    assert_int_equal(backup_write(f.meta, f.loop, &options, &message), 0);
    assert_true(p.calls > 0);
    assert_int_equal(p.done, p.total);
    assert_int_equal(backup_write(f.meta, f.loop, &options, &message), ERR_EXISTS);
    assert_int_equal(meta_fixture_write(&f, set, key("b")), 0);
    int64_t bucket = meta_fixture_bucket(&f, "later");
    assert_true(bucket > 0);
    assert_int_equal(restore(path, &q, &message), 0);
    assert_int_equal(q.done, q.total);
    assert_int_equal(meta_fixture_read(&f, get, key("a")), 0);
    assert_int_equal(meta_fixture_read(&f, get, key("b")), ERR_NOT_FOUND);
    assert_int_equal(meta_fixture_write(&f, set, key("b")), 0);
    meta_fixture_crash(&f);
    assert_int_equal(meta_fixture_read(&f, get, key("b")), 0);
}

static void flip(const char *path, off_t off)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte;
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, off), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, off), 1);
    close(fd);
}

static off_t length(const char *path)
{
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    return s.st_size;
}

static void test_restore_sees_every_flipped_byte(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/backup", f.folder);
    struct store_message message;
    struct progress p = {0};
    struct backup_options options = {.path = path};
    assert_int_equal(meta_fixture_write(&f, set, key("backed-up")), 0);
    assert_int_equal(backup_write(f.meta, f.loop, &options, &message), 0);
    assert_int_equal(meta_fixture_write(&f, set, key("kept")), 0);
    off_t len = length(path);
    assert_int_equal(len % 4096, 32);
    for (off_t off = 0; off < len; off += off < len - 40 ? 1501 : 1) {
        flip(path, off);
        assert_int_equal(backup_restore(f.store, f.loop, &options, &message), ERR_CORRUPT);
        assert_non_null(strstr(message.text, path));
        flip(path, off);
    }
    assert_int_equal(truncate(path, len - 1), 0);
    assert_int_equal(backup_restore(f.store, f.loop, &options, &message), ERR_CORRUPT);
    assert_int_equal(truncate(path, 31), 0);
    assert_int_equal(restore(path, &p, &message), ERR_CORRUPT);
    assert_int_equal(p.calls, 0);
    assert_int_equal(meta_fixture_read(&f, get, key("kept")), 0);
}

static void test_restore_refuses(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/backup", f.folder);
    struct store_message message;
    struct progress p = {0};
    assert_int_not_equal(restore(path, &p, &message), 0); /* there is none */
    struct backup_options options = {.path = path};
    assert_int_equal(backup_write(f.meta, f.loop, &options, &message), 0);
    f.store->uuid.bytes[0] ^= 1;
    struct backup_options back = {.path = path};
    assert_int_equal(backup_restore(f.store, f.loop, &back, &message), ERR_FOREIGN);
    f.store->uuid.bytes[0] ^= 1;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    static const char rot[4096] = "rot";
    assert_int_equal(pwrite(fd, rot, sizeof rot, 4096), (ssize_t)sizeof rot);
    close(fd);
    assert_int_equal(meta_fixture_write(&f, set, key("kept")), 0);
    assert_int_equal(restore(path, &p, &message), ERR_CORRUPT);
    assert_int_equal(p.calls, 0);
    assert_int_equal(meta_fixture_read(&f, get, key("kept")), 0);
}

/* Writes past the fixture, which would wait for a checkpoint that the backup holds up. */
struct pressing { int left, err; uint64_t until_part; };

static int fill(struct meta_tx *tx, void *arg)
{
    (void)arg;
    static uint64_t number;
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "fill%llu", (unsigned long long)number++);
        int err = setting_set_u64(tx, name, number);
        if (err != 0)
            return err;
    }
    return 0;
}

static uint64_t log_part(void) /* quarters of it that are in use */
{
    struct pages_status s;
    pages_status(f.meta->pages, &s);
    return s.log_used * 4 / s.log_size;
}

static void press(void *arg, uint64_t done, uint64_t total)
{
    (void)done, (void)total;
    struct pressing *p = arg;
    for (; p->err == 0 && p->left > 0 && log_part() < p->until_part; p->left--)
        p->err = writer_transact(f.meta->writer, fill, NULL);
}

static void test_backup_while_the_log_fills(void **state)
{
    (void)state;
    char path[128], part[140];
    snprintf(path, sizeof path, "%s/backup", f.folder);
    snprintf(part, sizeof part, "%s.part", path);
    for (int i = 0; i < 20; i++)
        assert_int_equal(meta_fixture_write(&f, fill, NULL), 0);
    struct store_message message;
    struct pressing p = {.left = 10000, .until_part = 3};
    struct backup_options options = {.path = path, .progress = press, .arg = &p};
    assert_int_equal(backup_write(f.meta, f.loop, &options, &message), ERR_BUSY);
    assert_int_equal(p.err, 0);
    assert_true(p.left > 0 && p.left < 10000);
    assert_non_null(strstr(message.text, "metadata log"));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(part, F_OK), 0);
    assert_int_equal(meta_fixture_write(&f, fill, NULL), 0);
    p = (struct pressing){.left = 10000, .until_part = 1};
    options.bytes_per_second = 1; /* would take days, and ends: the rate is given up */
    assert_int_equal(backup_write(f.meta, f.loop, &options, &message), 0);
    assert_int_equal(p.err, 0);
    struct progress q = {0};
    assert_int_equal(restore(path, &q, &message), 0);
}

static void test_backup_where_it_cannot_be(void **state)
{
    (void)state;
    struct store_message message;
    char path[128];
    snprintf(path, sizeof path, "%s/no/such/folder", f.folder);
    struct backup_options options = {.path = path};
    assert_int_equal(backup_write(f.meta, f.loop, &options, &message), ERR_NOT_FOUND);
    assert_true(message.text[0] != '\0');
}

/* --- jobs --- */

struct job { struct meta_job job; int done; };

static int job_run(struct meta *meta, struct loop *loop, struct meta_job *job)
{
    (void)job;
    assert_non_null(loop);
    return meta_job_cancelled(meta) ? ERR_CANCELLED : ERR_BUSY;
}

static void job_done(struct meta_job *job)
{
    container_of(job, struct job, job)->done++;
}

static bool job_is_done(void *arg) { return ((struct job *)arg)->done > 0; }

static void test_jobs(void **state)
{
    (void)state;
    struct job a = {.job = {.run = job_run, .done = job_done, .loop = f.loop}}, b = a;
    meta_job_start(f.meta, &a.job);
    meta_fixture_settle(&f);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.job.err, ERR_BUSY);
    struct meta_options threaded = {.new_loop = new_loop, .threads = true};
    reopen(&threaded);
    meta_job_start(f.meta, &b.job);
    assert_int_equal(loop_run_until(f.loop, job_is_done, &b), 0);
    assert_int_equal(b.job.err, ERR_BUSY);
    struct meta_options plain = {0};
    reopen(&plain);
}

/* --- memory runs out --- */

static sqlite3_mem_methods real;
static int fail_at, allocations;

static void *failing_malloc(int size)
{
    return ++allocations == fail_at ? NULL : real.xMalloc(size);
}

static void *failing_realloc(void *old, int size)
{
    return ++allocations == fail_at ? NULL : real.xRealloc(old, size);
}

static int put_object(struct meta_tx *tx, void *arg)
{
    struct version_row v = {.bucket_id = 9, .key = slice_string("key"), .rank = version_rank(meta_tx_clock(tx)),
                            .content_id = (int64_t)meta_tx_clock(tx)};
    int err = content_insert_inline(tx, v.content_id, slice_string("bytes"));
    if (err == 0)
        err = version_insert(tx, &v);
    int64_t id;
    struct bucket_row b = {.name = slice_string(arg), .region = slice_string("r")};
    return err != 0 ? err : bucket_insert(tx, &b, &id);
}

static int count_versions(struct meta_tx *tx, void *arg)
{
    int *count = arg;
    struct version_cursor c = {0};
    struct version_row row;
    *count = 0;
    int err = version_seek(tx, 9, slice_string(""), true, NULL, &c);
    while (err == 0 && (err = version_next(&c, &row)) == 0)
        ++*count;
    version_cursor_close(&c);
    return err == ERR_NOT_FOUND ? 0 : err;
}

static void test_nth_allocation_fails(void **state)
{
    (void)state;
    int expected = 0, failures = 0;
    bool fired = true;
    for (int n = 1; fired && n < 5000; n++) {
        char name[32];
        snprintf(name, sizeof name, "bucket%d", n);
        fail_at = n;
        allocations = 0;
        int err = meta_fixture_write(&f, put_object, name);
        fired = allocations >= fail_at;
        fail_at = 0;
        if (err != 0)
            assert_int_equal(err, ERR_NO_MEMORY);
        failures += err != 0;
        expected += err == 0;
        int count = -1;
        assert_int_equal(meta_fixture_read(&f, count_versions, &count), 0);
        assert_int_equal(count, expected);
        assert_true(meta_writable(f.meta));
        if (n % 7 == 0)
            meta_fixture_crash(&f); /* statements are prepared again */
    }
    assert_false(fired);
    assert_true(failures > 10);
}

static void test_nth_allocation_of_a_read_fails(void **state)
{
    (void)state;
    assert_int_equal(meta_fixture_write(&f, put_object, key("b")), 0);
    bool fired = true;
    int failures = 0;
    for (int n = 1; fired && n < 5000; n++) {
        meta_fixture_crash(&f);
        fail_at = n;
        allocations = 0;
        int count = -1, err = meta_fixture_read(&f, count_versions, &count);
        fired = allocations >= fail_at;
        fail_at = 0;
        assert_true(err == ERR_NO_MEMORY || (err == 0 && count == 1));
        failures += err != 0;
    }
    assert_false(fired);
    assert_true(failures > 3);
}

int main(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
    sqlite3_mem_methods failing = real;
    failing.xMalloc = failing_malloc;
    failing.xRealloc = failing_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_threads), TEST(test_restarts), TEST(test_newer_schema_is_refused), TEST(test_unattached_loop),
        TEST(test_backup_and_restore), TEST(test_restore_refuses), TEST(test_restore_sees_every_flipped_byte),
        TEST(test_backup_while_the_log_fills), TEST(test_backup_where_it_cannot_be), TEST(test_jobs),
        TEST(test_nth_allocation_fails), TEST(test_nth_allocation_of_a_read_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
