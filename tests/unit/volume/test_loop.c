/* Both real loops against the contract of base/loop.h: one body of tests, run over every engine. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "volume/loop_thread.h"
#include "volume/loop_uring.h"

#define FILE_SIZE (4u << 20)
#define BLOCK 4096u

struct fixture {
    int (*make)(struct loop **);
    struct loop *loop;
    struct device device;
    char dir[64], path[96];
};

static int make_uring(struct loop **ret)
{
    return loop_uring_new("test", NULL, ret);
}

static int make_plain_uring(struct loop **ret)
{
    const struct loop_uring_options options = {.plain_ring = true, .device_in_flight = 3};
    return loop_uring_new("test", &options, ret);
}

static int make_thread(struct loop **ret)
{
    return loop_thread_new("test", NULL, ret);
}

static struct fixture fixture_uring = {.make = make_uring};
static struct fixture fixture_plain_uring = {.make = make_plain_uring};
static struct fixture fixture_thread = {.make = make_thread};

static int set_up(void **state)
{
    struct fixture *f = *state;
    strcpy(f->dir, "/tmp/ingot-loop-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/volume", f->dir);
    int fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC | O_DIRECT, 0600);
    bool direct = fd >= 0;
    if (!direct)
        fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, FILE_SIZE), 0);
    f->device = (struct device){.fd = fd, .index = 5, .size = FILE_SIZE, .direct = direct, .path = f->path};
    assert_int_equal(f->make(&f->loop), 0);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    loop_free(f->loop);
    close(f->device.fd);
    unlink(f->path);
    rmdir(f->dir);
    return 0;
}

/* --- helpers --- */

static bool is_zero(void *arg)
{
    return *(int *)arg == 0;
}

struct counted_io {
    struct io io;
    int *left;
    int order;
};
static int done_order;

static void io_done(struct io *io)
{
    struct counted_io *c = (struct counted_io *)io;
    c->order = done_order++;
    --*c->left;
}

static void *block_new(size_t len, int fill)
{
    void *data = NULL;
    assert_int_equal(posix_memalign(&data, 4096, len), 0);
    memset(data, fill, len);
    return data;
}

static int do_io(struct fixture *f, enum io_kind kind, void *data, uint32_t len, uint64_t off, int *ret_os_error)
{
    int left = 1;
    struct counted_io c = {.io = {.kind = kind, .device = &f->device, .data = data, .len = len, .off = off, .done = io_done},
                           .left = &left};
    loop_submit(f->loop, &c.io);
    assert_int_equal(left, 1); /* never from inside submit */
    assert_int_equal(loop_wait(f->loop, is_zero, &left), 0);
    assert_true(c.io.submitted_us > 0);
    if (ret_os_error)
        *ret_os_error = c.io.os_error;
    return c.io.result;
}

struct counted_task {
    struct task task;
    int *left;
    int number;
    int *log;
    int *log_count;
};

static void task_run(struct task *task)
{
    struct counted_task *t = (struct counted_task *)task;
    if (t->log)
        t->log[(*t->log_count)++] = t->number;
    --*t->left;
}

struct counted_timer {
    struct timer timer;
    int *left;
    int number;
    int *log;
    int *log_count;
};

static void timer_fire(struct timer *timer)
{
    struct counted_timer *t = (struct counted_timer *)timer;
    t->log[(*t->log_count)++] = t->number;
    --*t->left;
}

/* --- device operations --- */

static void test_write_read(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = block_new(4 * BLOCK, 0x5a), *back = block_new(4 * BLOCK, 0);
    assert_int_equal(do_io(f, IO_WRITE, data, 4 * BLOCK, BLOCK, NULL), 0);
    assert_int_equal(do_io(f, IO_FLUSH, NULL, 0, 0, NULL), 0);
    assert_int_equal(do_io(f, IO_READ, back, 4 * BLOCK, BLOCK, NULL), 0);
    assert_memory_equal(data, back, 4 * BLOCK);
    memset(data, 0xc3, 4 * BLOCK);
    assert_int_equal(do_io(f, IO_WRITE_DURABLE, data, 4 * BLOCK, 8 * BLOCK, NULL), 0);
    assert_int_equal(do_io(f, IO_READ, back, 4 * BLOCK, 8 * BLOCK, NULL), 0);
    assert_memory_equal(data, back, 4 * BLOCK);
    free(data);
    free(back);
}

static void test_discard_reads_zeros(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = block_new(2 * BLOCK, 0x77), *zeros = block_new(BLOCK, 0);
    assert_int_equal(do_io(f, IO_WRITE, data, 2 * BLOCK, 0, NULL), 0);
    assert_int_equal(do_io(f, IO_DISCARD, NULL, BLOCK, 0, NULL), 0);
    assert_int_equal(do_io(f, IO_READ, data, 2 * BLOCK, 0, NULL), 0);
    assert_memory_equal(data, zeros, BLOCK);
    assert_int_equal(data[BLOCK], 0x77);
    struct stat after;
    assert_int_equal(fstat(f->device.fd, &after), 0);
    assert_int_equal(after.st_size, FILE_SIZE);
    free(data);
    free(zeros);
}

static void test_short_read_is_an_error(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = block_new(2 * BLOCK, 0);
    assert_int_equal(do_io(f, IO_READ, data, 2 * BLOCK, FILE_SIZE - BLOCK, NULL), ERR_IO);
    assert_int_equal(do_io(f, IO_READ, data, BLOCK, FILE_SIZE, NULL), ERR_IO);
    free(data);
}

static void test_errors_carry_errno(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = block_new(BLOCK, 0);
    int fd = f->device.fd, os_error = 0;
    f->device.fd = open(f->path, O_RDONLY | O_CLOEXEC);
    assert_true(f->device.fd >= 0);
    assert_int_equal(do_io(f, IO_WRITE, data, BLOCK, 0, &os_error), ERR_IO);
    assert_int_equal(os_error, EBADF);
    close(f->device.fd);
    f->device.fd = -1;
    assert_int_equal(do_io(f, IO_READ, data, BLOCK, 0, &os_error), ERR_IO);
    assert_int_equal(os_error, EBADF);
    assert_int_equal(do_io(f, IO_FLUSH, NULL, 0, 0, &os_error), ERR_IO);
    assert_int_equal(os_error, EBADF);
    f->device.fd = fd;
    assert_int_equal(do_io(f, IO_READ, data, BLOCK, 0, &os_error), 0);
    assert_int_equal(os_error, 0);
    free(data);
}

/* More than the submission queue and the bound per device hold. */
static void test_many_at_once(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 1000 };
    uint8_t *data = block_new(COUNT * BLOCK, 0);
    struct counted_io *ios = calloc(COUNT, sizeof *ios);
    int left = COUNT;
    for (int i = 0; i < COUNT; i++) {
        memset(data + (size_t)i * BLOCK, i % 251, BLOCK);
        ios[i] = (struct counted_io){.io = {.kind = IO_WRITE, .device = &f->device, .data = data + (size_t)i * BLOCK,
                                            .len = BLOCK, .off = (uint64_t)i * BLOCK, .done = io_done}, .left = &left};
        loop_submit(f->loop, &ios[i].io);
    }
    assert_int_equal(loop_run_until(f->loop, is_zero, &left), 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(ios[i].io.result, 0);
    uint8_t *back = block_new(COUNT * BLOCK, 0xff);
    assert_int_equal(do_io(f, IO_READ, back, COUNT * BLOCK, 0, NULL), 0);
    assert_memory_equal(data, back, COUNT * BLOCK);
    free(ios);
    free(data);
    free(back);
}

/* A device that never answers (an empty pipe stands for it) must not hold up another, nor the loop's end. */
static void test_hung_device_holds_up_nobody(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 300 };
    int pipe_fds[2], hung_left = COUNT;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pipe_fds), 0);
    struct device hung = {.fd = pipe_fds[0], .index = 6, .size = FILE_SIZE, .path = "hung"};
    struct counted_io *ios = calloc(COUNT, sizeof *ios);
    uint8_t *data = block_new(BLOCK, 0x11);
    for (int i = 0; i < COUNT; i++) {
        ios[i] = (struct counted_io){.io = {.kind = IO_READ, .device = &hung, .data = block_new(BLOCK, 0), .len = 1,
                                            .off = (uint64_t)-1, .done = io_done}, .left = &hung_left};
        loop_submit(f->loop, &ios[i].io);
    }
    for (int i = 0; i < 50; i++)
        assert_int_equal(do_io(f, IO_WRITE, data, BLOCK, 0, NULL), 0);
    assert_true(hung_left > 0);
    close(pipe_fds[1]); /* now they end, short */
    assert_int_equal(loop_wait(f->loop, is_zero, &hung_left), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(ios[i].io.result, ERR_IO);
        free(ios[i].io.data);
    }
    close(pipe_fds[0]);
    free(ios);
    free(data);
}

static void test_registered_buffers(void **state)
{
    struct fixture *f = *state;
    size_t size = 1u << 20;
    uint8_t *pool = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pool, MAP_FAILED);
    loop_uring_register_buffers(f->loop, pool, size);
    uint8_t *outside = block_new(BLOCK, 0);
    memset(pool + size - BLOCK, 0x3c, BLOCK);
    assert_int_equal(do_io(f, IO_WRITE_DURABLE, pool + size - BLOCK, BLOCK, 0, NULL), 0);
    assert_int_equal(do_io(f, IO_READ, outside, BLOCK, 0, NULL), 0);
    assert_int_equal(outside[0], 0x3c);
    assert_int_equal(do_io(f, IO_READ, pool, BLOCK, 0, NULL), 0);
    assert_memory_equal(pool, outside, BLOCK);
    int left = 0;
    assert_int_equal(loop_run_until(f->loop, is_zero, &left), 0); /* the ring changes hands here: still registered */
    memset(pool, 0, BLOCK);
    assert_int_equal(do_io(f, IO_READ, pool, BLOCK, 0, NULL), 0);
    assert_memory_equal(pool, outside, BLOCK);
    free(outside);
    loop_free(f->loop);
    munmap(pool, size);
    assert_int_equal(f->make(&f->loop), 0);
}

/* --- tasks --- */

static void test_tasks_in_order(void **state)
{
    struct fixture *f = *state;
    int log[100], log_count = 0, left = 100;
    struct counted_task tasks[100];
    for (int i = 0; i < 100; i++) {
        tasks[i] = (struct counted_task){.task.run = task_run, .left = &left, .number = i, .log = log, .log_count = &log_count};
        loop_post(f->loop, &tasks[i].task);
    }
    assert_int_equal(log_count, 0);
    assert_int_equal(loop_run_until(f->loop, is_zero, &left), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(log[i], i);
}

struct poster {
    struct loop *loop;
    struct counted_task *tasks;
    int count;
};

static void *poster_main(void *arg)
{
    struct poster *p = arg;
    for (int i = 0; i < p->count; i++)
        loop_post(p->loop, &p->tasks[i].task);
    return NULL;
}

static void test_posts_from_threads(void **state)
{
    struct fixture *f = *state;
    enum { THREADS = 3, COUNT = 20000 };
    int left = THREADS * COUNT, log_counts[THREADS] = {0};
    int *logs[THREADS];
    struct poster posters[THREADS];
    pthread_t threads[THREADS];
    for (int t = 0; t < THREADS; t++) {
        posters[t] = (struct poster){f->loop, calloc(COUNT, sizeof(struct counted_task)), COUNT};
        logs[t] = calloc(COUNT, sizeof *logs[t]);
        for (int i = 0; i < COUNT; i++)
            posters[t].tasks[i] = (struct counted_task){.task.run = task_run, .left = &left, .number = i, .log = logs[t],
                                                        .log_count = &log_counts[t]};
        assert_int_equal(pthread_create(&threads[t], NULL, poster_main, &posters[t]), 0);
    }
    assert_int_equal(loop_run_until(f->loop, is_zero, &left), 0);
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(logs[t][i], i);
        free(posters[t].tasks);
        free(logs[t]);
    }
}

struct ping_pong {
    struct task task;
    struct loop *other;
    struct ping_pong *reply;
    int *left;
};

static void ping(struct task *task)
{
    struct ping_pong *p = (struct ping_pong *)task;
    if (*p->left > 0)
        --*p->left;
    loop_post(p->other, &p->reply->task);
}

static void *loop_main(void *arg)
{
    struct ping_pong *p = arg;
    assert_int_equal(loop_run_until(p->reply->other, is_zero, p->left), 0);
    return NULL;
}

/* Two loops in two threads wake each other: a lost wake-up would hang this. */
static void test_loops_wake_each_other(void **state)
{
    struct fixture *f = *state;
    struct loop *second;
    assert_int_equal(f->make(&second), 0);
    int left_first = 5000, left_second = 5000;
    struct ping_pong a = {.task.run = ping, .other = second, .left = &left_first};
    struct ping_pong b = {.task.run = ping, .other = f->loop, .left = &left_second};
    a.reply = &b;
    b.reply = &a;
    /* a runs on f->loop and posts b to second; b runs on second and posts a to f->loop. */
    pthread_t thread;
    struct ping_pong start = {.reply = &a, .left = &left_second};
    assert_int_equal(pthread_create(&thread, NULL, loop_main, &start), 0);
    loop_post(f->loop, &a.task);
    assert_int_equal(loop_run_until(f->loop, is_zero, &left_first), 0);
    pthread_join(thread, NULL);
    loop_free(second);
}

struct waiting_task {
    struct task task;
    struct fixture *fixture;
    struct counted_task *behind;
    uint8_t *data;
    int *left;
    int behind_left_after;
};

static void waiting_run(struct task *task)
{
    struct waiting_task *t = (struct waiting_task *)task;
    assert_int_equal(do_io(t->fixture, IO_WRITE, t->data, BLOCK, 0, NULL), 0);
    t->behind_left_after = *t->behind->left;
    --*t->left;
}

/* loop_wait inside a task runs completions and timers, and keeps tasks and watches for later. */
static void test_wait_defers_tasks(void **state)
{
    struct fixture *f = *state;
    int left = 1, behind_left = 1;
    struct counted_task behind = {.task.run = task_run, .left = &behind_left};
    struct waiting_task waiting = {.task.run = waiting_run, .fixture = f, .behind = &behind, .left = &left};
    waiting.data = block_new(BLOCK, 1);
    loop_post(f->loop, &waiting.task);
    loop_post(f->loop, &behind.task);
    assert_int_equal(loop_run_until(f->loop, is_zero, &left), 0);
    assert_int_equal(waiting.behind_left_after, 1);
    assert_int_equal(loop_run_until(f->loop, is_zero, &behind_left), 0);
    free(waiting.data);
}

/* A loop used on one thread, with something hanging there, goes on on another. */
static void *run_elsewhere(void *arg)
{
    struct fixture *f = arg;
    uint8_t *data = block_new(BLOCK, 9);
    int left = 1;
    struct counted_task t = {.task.run = task_run, .left = &left};
    loop_post(f->loop, &t.task);
    assert_int_equal(loop_run_until(f->loop, is_zero, &left), 0);
    assert_int_equal(do_io(f, IO_WRITE, data, BLOCK, 0, NULL), 0);
    free(data);
    return NULL;
}

static void test_changes_threads(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = block_new(BLOCK, 7), *hung_data = block_new(BLOCK, 0);
    int fds[2], hung_left = 1;
    assert_int_equal(do_io(f, IO_WRITE, data, BLOCK, 0, NULL), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct device hung = {.fd = fds[0], .index = 6, .size = FILE_SIZE, .path = "hung"};
    struct counted_io io = {.io = {.kind = IO_READ, .device = &hung, .data = hung_data, .len = 1, .off = (uint64_t)-1,
                                   .done = io_done}, .left = &hung_left};
    loop_submit(f->loop, &io.io);
    assert_int_equal(do_io(f, IO_WRITE, data, BLOCK, 0, NULL), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_elsewhere, f), 0);
    pthread_join(thread, NULL);
    assert_int_equal(hung_left, 1);
    close(fds[1]);
    assert_int_equal(loop_wait(f->loop, is_zero, &hung_left), 0);
    assert_int_equal(io.io.result, ERR_IO);
    assert_int_equal(pthread_create(&thread, NULL, run_elsewhere, f), 0);
    pthread_join(thread, NULL);
    assert_int_equal(do_io(f, IO_READ, data, BLOCK, 0, NULL), 0);
    assert_int_equal(data[0], 9);
    close(fds[0]);
    free(data);
    free(hung_data);
}

/* --- timers --- */

static void test_timers_in_order(void **state)
{
    struct fixture *f = *state;
    static const int delays_us[] = {5000, 100, 0, 70000, 3000, 100, 20000, 1};
    enum { COUNT = 8 };
    int log[COUNT], log_count = 0, left = COUNT;
    struct counted_timer timers[COUNT];
    uint64_t begin_us = loop_now_us(f->loop);
    for (int i = 0; i < COUNT; i++) {
        timers[i] = (struct counted_timer){.timer.fire = timer_fire, .left = &left, .number = i, .log = log,
                                           .log_count = &log_count};
        loop_timer_set(f->loop, &timers[i].timer, begin_us + (uint64_t)delays_us[i]);
    }
    assert_int_equal(loop_run_until(f->loop, is_zero, &left), 0);
    assert_true(loop_now_us(f->loop) >= begin_us + 70000);
    for (int i = 1; i < COUNT; i++)
        assert_true(delays_us[log[i - 1]] <= delays_us[log[i]]);
    for (int i = 0; i < COUNT; i++)
        assert_false(timers[i].timer.armed);
}

static void test_timer_cancel_and_rearm(void **state)
{
    struct fixture *f = *state;
    int log[4], log_count = 0, left = 1, never = 1;
    struct counted_timer cancelled = {.timer.fire = timer_fire, .left = &never, .number = 1, .log = log, .log_count = &log_count};
    struct counted_timer moved = {.timer.fire = timer_fire, .left = &never, .number = 2, .log = log, .log_count = &log_count};
    struct counted_timer last = {.timer.fire = timer_fire, .left = &left, .number = 3, .log = log, .log_count = &log_count};
    uint64_t now_us = loop_now_us(f->loop);
    loop_timer_cancel(f->loop, &cancelled.timer); /* not armed: nothing happens */
    loop_timer_set(f->loop, &cancelled.timer, now_us + 100);
    loop_timer_set(f->loop, &moved.timer, now_us + 100);
    loop_timer_set(f->loop, &last.timer, now_us + 5000);
    loop_timer_cancel(f->loop, &cancelled.timer);
    loop_timer_set(f->loop, &moved.timer, now_us + 60000000);
    assert_int_equal(loop_wait(f->loop, is_zero, &left), 0);
    assert_int_equal(log_count, 1);
    assert_int_equal(log[0], 3);
    assert_true(moved.timer.armed);
    loop_timer_cancel(f->loop, &moved.timer);
}

/* --- watches --- */

struct reading_watch {
    struct watch watch;
    struct loop *loop;
    int read_per_call, *left;
    bool unwatch_at_end;
};

static void watch_ready(struct watch *watch)
{
    struct reading_watch *w = (struct reading_watch *)watch;
    char c;
    assert_int_equal(read(watch->fd, &c, 1), 1);
    if (--*w->left == 0 && w->unwatch_at_end)
        loop_unwatch(w->loop, watch);
}

static void test_watch_is_level_triggered(void **state)
{
    struct fixture *f = *state;
    int fds[2], left = 5;
    assert_int_equal(pipe(fds), 0);
    struct reading_watch w = {.watch = {.fd = fds[0], .ready = watch_ready}, .loop = f->loop, .left = &left};
    assert_int_equal(loop_watch(f->loop, &w.watch), 0);
    assert_int_equal(write(fds[1], "abcde", 5), 5);
    assert_int_equal(loop_run_until(f->loop, is_zero, &left), 0);
    left = 2;
    assert_int_equal(write(fds[1], "fgh", 3), 3);
    assert_int_equal(loop_run_until(f->loop, is_zero, &left), 0);
    loop_unwatch(f->loop, &w.watch); /* with a byte still to read: ready must not be called again */
    int task_left = 1;
    struct counted_task t = {.task.run = task_run, .left = &task_left};
    for (int i = 0; i < 3; i++) {
        task_left = 1;
        loop_post(f->loop, &t.task);
        assert_int_equal(loop_run_until(f->loop, is_zero, &task_left), 0);
    }
    assert_int_equal(left, 0);
    assert_int_equal(loop_watch(f->loop, &w.watch), 0);
    left = 1;
    w.unwatch_at_end = true;
    assert_int_equal(loop_run_until(f->loop, is_zero, &left), 0);
    close(fds[0]);
    close(fds[1]);
}

static void epoll_ready(struct watch *watch)
{
    struct reading_watch *w = (struct reading_watch *)watch;
    struct epoll_event event;
    assert_int_equal(epoll_wait(watch->fd, &event, 1, 0), 1);
    char c;
    assert_int_equal(read(event.data.fd, &c, 1), 1);
    --*w->left;
}

static void test_watch_of_an_epoll(void **state)
{
    struct fixture *f = *state;
    int fds[2], left = 3, epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert_int_equal(pipe(fds), 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fds[0]};
    assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[0], &event), 0);
    struct reading_watch w = {.watch = {.fd = epoll_fd, .ready = epoll_ready}, .left = &left};
    assert_int_equal(loop_watch(f->loop, &w.watch), 0);
    while (left > 0) {
        int before = left--;
        left = 1;
        assert_int_equal(write(fds[1], "x", 1), 1);
        assert_int_equal(loop_run_until(f->loop, is_zero, &left), 0);
        left = before - 1;
    }
    loop_unwatch(f->loop, &w.watch);
    close(epoll_fd);
    close(fds[0]);
    close(fds[1]);
}

static void test_wait_defers_watches(void **state)
{
    struct fixture *f = *state;
    int fds[2], left = 1;
    uint8_t *data = block_new(BLOCK, 1);
    assert_int_equal(pipe(fds), 0);
    struct reading_watch w = {.watch = {.fd = fds[0], .ready = watch_ready}, .left = &left};
    assert_int_equal(loop_watch(f->loop, &w.watch), 0);
    assert_int_equal(write(fds[1], "a", 1), 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(do_io(f, IO_WRITE, data, BLOCK, 0, NULL), 0);
    assert_int_equal(left, 1);
    assert_int_equal(loop_run_until(f->loop, is_zero, &left), 0);
    loop_unwatch(f->loop, &w.watch);
    close(fds[0]);
    close(fds[1]);
    free(data);
}

/* --- the rest --- */

static void test_clocks_and_random(void **state)
{
    struct fixture *f = *state;
    uint64_t first = loop_now_us(f->loop);
    assert_true(loop_now_us(f->loop) >= first);
    assert_true(loop_wall_us(f->loop) > 1600000000000000);
    uint64_t a = loop_random(f->loop), b = loop_random(f->loop), c = loop_random(f->loop);
    assert_true(a != b || b != c);
}

static void test_best_names_no_reason_when_fine(void **state)
{
    (void)state;
    char message[128] = "untouched";
    const struct loop_uring_options options = {.message = message, .message_size = sizeof message};
    struct loop *best, *uring;
    assert_int_equal(loop_new_best("best", &options, &best), 0);
    bool has_uring = loop_uring_new("uring", NULL, &uring) == 0;
    assert_int_equal(message[0] == '\0', has_uring);
    if (has_uring)
        loop_free(uring);
    loop_free(best);
}

#define CASES(f) \
    cmocka_unit_test_prestate_setup_teardown(test_write_read, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_discard_reads_zeros, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_short_read_is_an_error, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_errors_carry_errno, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_many_at_once, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_registered_buffers, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_tasks_in_order, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_posts_from_threads, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_loops_wake_each_other, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_wait_defers_tasks, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_timers_in_order, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_timer_cancel_and_rearm, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_watch_is_level_triggered, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_watch_of_an_epoll, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_wait_defers_watches, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_clocks_and_random, set_up, tear_down, &f)

/* Reads of a socket at no offset: what only io_uring offers as a device that hangs. */
#define URING_CASES(f) \
    cmocka_unit_test_prestate_setup_teardown(test_hung_device_holds_up_nobody, set_up, tear_down, &f), \
    cmocka_unit_test_prestate_setup_teardown(test_changes_threads, set_up, tear_down, &f)

int main(void)
{
    const struct CMUnitTest thread_tests[] = {CASES(fixture_thread), cmocka_unit_test(test_best_names_no_reason_when_fine)};
    const struct CMUnitTest uring_tests[] = {CASES(fixture_uring), URING_CASES(fixture_uring)};
    const struct CMUnitTest plain_uring_tests[] = {CASES(fixture_plain_uring), URING_CASES(fixture_plain_uring)};
    int failed = cmocka_run_group_tests_name("threads", thread_tests, NULL, NULL);
    struct loop *probe;
    if (loop_uring_new("probe", NULL, &probe) != 0) {
        print_message("io_uring is forbidden here: its tests are left out\n");
        return failed;
    }
    loop_free(probe);
    failed += cmocka_run_group_tests_name("io_uring", uring_tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("io_uring, plain ring", plain_uring_tests, NULL, NULL);
}
