#include "object_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "volume/loop_uring.h"

#define VOLUME_SIZE (192u << 20)
#define TURNS_MAX 2000000

static struct loop *new_loop(void *arg, const char *name)
{
    (void)arg;
    struct loop *loop = NULL;
    return loop_new_best(name, NULL, &loop) ? NULL : loop;
}

static void open_above(struct object_fixture *f)
{
    struct store_message message = {""};
    struct meta_options options = {.new_loop = new_loop};
    assert_int_equal(placement_open(f->store, &f->placement), 0);
    int err = meta_open(f->store, f->placement, &options, f->loop, &f->meta, &message);
    if (err)
        fail_msg("meta_open: %s (%s)", message.text, err_text(err));
    assert_int_equal(meta_attach_loop(f->meta, f->loop), 0);
    assert_int_equal(buffer_pool_init(&f->buffers, f->loop, 64), 0);
    assert_int_equal(digest_engine_new(DIGEST_MD5, &f->md5), 0);
    f->reactor = (struct object_reactor){f->loop, f->meta, f->placement, &f->buffers, f->md5, "us-east-1", f->kms};
}

void object_fixture_open(struct object_fixture *f)
{
    memset(f, 0, sizeof(*f));
    strcpy(f->folder, "/tmp/ingot-object-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    const char *paths[OBJECT_FIXTURE_VOLUMES];
    for (int i = 0; i < OBJECT_FIXTURE_VOLUMES; i++) {
        snprintf(f->paths[i], sizeof(f->paths[i]), "%s/volume%d", f->folder, i);
        int fd = open(f->paths[i], O_CREAT | O_RDWR, 0600);
        assert_true(fd >= 0 && ftruncate(fd, VOLUME_SIZE) == 0);
        close(fd);
        paths[i] = f->paths[i];
    }
    f->loop = new_loop(NULL, "test");
    assert_non_null(f->loop);
    struct store_message message = {""};
    struct store_format format = {.paths = paths, .path_count = OBJECT_FIXTURE_VOLUMES, .data_count = 4, .parity_count = 2};
    if (store_format(&format, f->loop, &f->store, &message))
        fail_msg("store_format: %s", message.text);
    if (meta_format(f->store, f->loop, &message))
        fail_msg("meta_format: %s", message.text);
    open_above(f);
}

static void drop(struct object_fixture *f)
{
    meta_close(f->meta);
    placement_close(f->placement);
    buffer_pool_fini(&f->buffers);
    digest_engine_free(f->md5);
    store_close(f->store, f->loop);
    loop_free(f->loop);
}

void object_fixture_crash(struct object_fixture *f)
{
    drop(f);
    f->loop = new_loop(NULL, "test");
    assert_non_null(f->loop);
    const char *paths[OBJECT_FIXTURE_VOLUMES];
    for (int i = 0; i < OBJECT_FIXTURE_VOLUMES; i++)
        paths[i] = f->paths[OBJECT_FIXTURE_VOLUMES - 1 - i];
    struct store_options options = {.paths = paths, .path_count = OBJECT_FIXTURE_VOLUMES};
    struct store_message message = {""};
    if (store_open(&options, f->loop, &f->store, &message))
        fail_msg("store_open: %s", message.text);
    open_above(f);
}

void object_fixture_close(struct object_fixture *f)
{
    drop(f);
    for (int i = 0; i < OBJECT_FIXTURE_VOLUMES; i++)
        unlink(f->paths[i]);
    rmdir(f->folder);
}

struct turn { const bool *done; struct timer timer; bool fired; };

static bool turn_over(void *arg)
{
    const struct turn *turn = arg;
    return *turn->done || turn->fired;
}

static void fire(struct timer *timer)
{
    ((struct turn *)(void *)((char *)timer - offsetof(struct turn, timer)))->fired = true;
}

void object_fixture_until(struct object_fixture *f, const bool *done)
{
    for (int turns = 0; !*done; turns++) {
        if (turns > TURNS_MAX)
            fail_msg("nothing came of it");
        while (meta_step(f->meta))
            ;
        struct turn turn = {.done = done, .timer = {.fire = fire}};
        loop_timer_set(f->loop, &turn.timer, loop_now_us(f->loop) + 200);
        assert_int_equal(loop_run_until(f->loop, turn_over, &turn), 0);
        loop_timer_cancel(f->loop, &turn.timer);
    }
}

struct waited_bucket { struct bucket_request request; bool done; };

static void bucket_done(struct bucket_request *request)
{
    ((struct waited_bucket *)request)->done = true;
}

int object_fixture_bucket(struct object_fixture *f, const char *name, bool versioned)
{
    struct waited_bucket w = {.request = {.reactor = &f->reactor, .name = slice_string(name), .owner_id = 1,
                                          .region = slice_string("us-east-1"), .done = bucket_done}};
    bucket_create(&w.request);
    object_fixture_until(f, &w.done);
    int err = w.request.err;
    if (!err && versioned) {
        w.done = false;
        w.request.set_versioning = BUCKET_VERSIONING_ENABLED;
        bucket_set_versioning(&w.request);
        object_fixture_until(f, &w.done);
        err = w.request.err;
    }
    bucket_request_fini(&w.request);
    return err;
}

int object_fixture_remove_bucket(struct object_fixture *f, const char *name)
{
    struct waited_bucket w = {.request = {.reactor = &f->reactor, .name = slice_string(name), .done = bucket_done}};
    bucket_remove(&w.request);
    object_fixture_until(f, &w.done);
    bucket_request_fini(&w.request);
    return w.request.err;
}

struct waited_put { struct object_put *put; bool ready, done; int err; };

static void put_ready(void *arg)
{
    ((struct waited_put *)arg)->ready = true;
}

static void put_done(void *arg, int err)
{
    struct waited_put *w = arg;
    w->err = err;
    w->done = true;
}

int object_fixture_put(struct object_fixture *f, const struct object_put_options *given, const void *data, size_t len, struct object_put_result *ret)
{
    struct waited_put w = {0};
    struct object_put_options options = *given;
    options.reactor = &f->reactor;
    options.ready = put_ready;
    options.done = put_done;
    options.arg = &w;
    int err = object_put_new(&options, &w.put);
    if (err)
        return err;
    for (size_t put = 0; put < len;) {
        w.ready = false;
        size_t piece = len - put < 65536 ? len - put : 65536;
        size_t taken = object_put_write(w.put, (const char *)data + put, piece);
        put += taken;
        if (taken < piece)
            object_fixture_until(f, &w.ready);
    }
    object_put_finish(w.put, NULL, NULL);
    object_fixture_until(f, &w.done);
    if (ret && !w.err) {
        *ret = *object_put_result(w.put);
        ret->info.memory = NULL;
    }
    object_put_free(w.put);
    return w.err;
}

struct waited_get { bool done, ready; };

static struct waited_get *current_get; /* one at a time */

static void get_done(struct object_get *get)
{
    (void)get;
    current_get->done = true;
}

static void get_ready(void *arg)
{
    ((struct waited_get *)arg)->ready = true;
}

int object_fixture_get(struct object_fixture *f, struct object_get *get, struct text *ret_body)
{
    struct waited_get w = {0};
    current_get = &w;
    get->reactor = &f->reactor;
    get->done = get_done;
    object_get_start(get);
    object_fixture_until(f, &w.done);
    int err = get->err;
    if (!err && ret_body) {
        static char block[100000];
        object_get_on_ready(get, get_ready, &w);
        for (;;) {
            w.ready = false;
            size_t len = object_get_read(get, block, sizeof(block), &err);
            text_append(ret_body, block, len);
            if (!len && err == ERR_WOULD_BLOCK)
                object_fixture_until(f, &w.ready);
            else if (!len)
                break;
        }
    }
    return err;
}

uint64_t object_fixture_available(struct object_fixture *f)
{
    struct capacity capacity;
    assert_int_equal(placement_capacity(f->placement, &capacity), 0);
    return capacity.available;
}
