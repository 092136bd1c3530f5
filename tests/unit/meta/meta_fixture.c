#include "meta_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "meta/state.h"
#include "volume/loop_thread.h"

#define VOLUMES 6

static struct store *new_store(struct meta_fixture *f)
{
    static char paths[VOLUMES][96];
    const char *list[VOLUMES];
    for (int i = 0; i < VOLUMES; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/volume%d", f->folder, i);
        int fd = open(paths[i], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, VOLUME_SIZE_MIN), 0);
        close(fd);
        list[i] = paths[i];
    }
    struct store_format format = {.paths = list, .path_count = VOLUMES, .data_count = 4, .parity_count = 2};
    struct store_message message;
    struct store *s;
    int err = store_format(&format, f->loop, &s, &message);
    if (err != 0)
        fail_msg("store_format: %s", message.text);
    return s;
}

static void start(struct meta_fixture *f)
{
    struct store_message message;
    struct meta_options options = {.page_cache_size = 16u << 20};
    assert_int_equal(placement_open(f->store, &f->placement), 0);
    if (meta_open(f->store, f->placement, &options, f->loop, &f->meta, &message) != 0)
        fail_msg("meta_open: %s", message.text);
}

void meta_fixture_open(struct meta_fixture *f)
{
    *f = (struct meta_fixture){0};
    snprintf(f->folder, sizeof f->folder, "/tmp/ingot-meta-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(loop_thread_new("test", NULL, &f->loop), 0);
    f->store = new_store(f);
    struct store_message message;
    if (meta_format(f->store, f->loop, &message) != 0)
        fail_msg("meta_format: %s", message.text);
    start(f);
}

static void stop(struct meta_fixture *f)
{
    meta_close(f->meta);
    placement_close(f->placement);
}

void meta_fixture_crash(struct meta_fixture *f)
{
    atomic_store(&f->meta->writable, false); /* so that nothing is written at the end */
    stop(f);
    start(f);
}

void meta_fixture_close(struct meta_fixture *f)
{
    stop(f);
    store_close(f->store, f->loop);
    loop_free(f->loop);
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", f->folder);
    assert_int_equal(system(command), 0);
}

static bool is_true(void *arg) { return *(bool *)arg; }

struct marker { struct task task; bool reached; };

static void mark(struct task *task)
{
    container_of(task, struct marker, task)->reached = true;
}

static void run_posted(struct loop *loop)
{
    struct marker m = {.task = {.run = mark}};
    loop_post(loop, &m.task);
    assert_int_equal(loop_run_until(loop, is_true, &m.reached), 0);
}

void meta_fixture_settle(struct meta_fixture *f)
{
    assert_true(f->store->lease == NULL || store_lease_renew(f->store, f->loop) == 0);
    do
        run_posted(f->loop);
    while (meta_step(f->meta));
    run_posted(f->loop);
}

struct call { struct meta_write write; struct meta_read read; int (*fn)(struct meta_tx *, void *); void *arg; bool done; };

static int write_run(struct meta_tx *tx, struct meta_write *w)
{
    struct call *c = container_of(w, struct call, write);
    return c->fn(tx, c->arg);
}
static void write_done(struct meta_write *w) { container_of(w, struct call, write)->done = true; }

static int read_run(struct meta_tx *tx, struct meta_read *r)
{
    struct call *c = container_of(r, struct call, read);
    return c->fn(tx, c->arg);
}
static void read_done(struct meta_read *r) { container_of(r, struct call, read)->done = true; }

int meta_fixture_write(struct meta_fixture *f, int (*fn)(struct meta_tx *, void *), void *arg)
{
    struct call c = {.write = {.run = write_run, .done = write_done, .loop = f->loop}, .fn = fn, .arg = arg};
    meta_write(f->meta, &c.write);
    meta_fixture_settle(f);
    assert_true(c.done);
    return c.write.err;
}

int meta_fixture_read(struct meta_fixture *f, int (*fn)(struct meta_tx *, void *), void *arg)
{
    struct call c = {.read = {.run = read_run, .done = read_done, .loop = f->loop}, .fn = fn, .arg = arg};
    meta_read(f->meta, &c.read);
    meta_fixture_settle(f);
    assert_true(c.done);
    return c.read.err;
}

struct new_bucket { const char *name; int64_t id; };

static int insert_bucket(struct meta_tx *tx, void *arg)
{
    struct new_bucket *b = arg;
    struct bucket_row row = {.name = slice_string(b->name), .owner_id = 1, .region = slice_string("here")};
    return bucket_insert(tx, &row, &b->id);
}

int64_t meta_fixture_bucket(struct meta_fixture *f, const char *name)
{
    struct new_bucket b = {.name = name};
    assert_int_equal(meta_fixture_write(f, insert_bucket, &b), 0);
    return b.id;
}
