/* The loop over plain threads; see loop_thread.h.
 *
 * Each device has a queue with a lock; its threads take operations, do them and push them on the loop's list of completed
 * ones, then wake the loop through its eventfd. Watches sit in an epoll. */
#include "volume/loop_thread.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "volume/loop_core.h"

#define RETRIES_MAX 1000u
#define EVENTS_MAX 64

struct device_queue {
    struct loop_thread *loop;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct io *head, **tail;
    uint32_t idle_count, thread_count;
    bool stopping;
    pthread_t *threads;
};

struct epoll_watch {
    struct watch *watch; /* NULL after loop_unwatch */
    struct epoll_watch *next;
};

struct loop_thread {
    struct loop_core core; /* first */
    int epoll_fd;
    uint32_t threads_per_device;
    uint32_t in_flight; /* submitted, done not yet called */
    struct io *_Atomic completed; /* newest first; pushed by the devices' threads */
    struct io *done_head; /* taken from completed, oldest first */
    struct device_queue *queues[DEVICE_INDEX_MAX];
    struct epoll_watch *removed; /* freed when no event that names them can be pending */
    struct epoll_event events[EVENTS_MAX]; /* not yet handled: event_index .. event_count */
    int event_index, event_count;
};

static struct loop_thread *thread_of(struct loop *loop)
{
    return (struct loop_thread *)loop;
}

/* --- the devices' threads --- */

static ssize_t perform(struct io *io)
{
    int fd = io->device->fd;
    struct iovec piece = {io->data, io->len};
    switch (io->kind) {
    case IO_READ: return preadv2(fd, &piece, 1, (off_t)io->off, 0);
    case IO_WRITE: return pwritev2(fd, &piece, 1, (off_t)io->off, 0);
    case IO_WRITE_DURABLE: return pwritev2(fd, &piece, 1, (off_t)io->off, RWF_DSYNC);
    case IO_FLUSH: return fdatasync(fd);
    case IO_DISCARD: break;
    }
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)io->off, io->len) == 0)
        return 0;
    if (errno != EOPNOTSUPP)
        return -1;
    uint64_t range[2] = {io->off, io->len};
    if (ioctl(fd, BLKDISCARD, range) == 0)
        return 0;
    errno = EOPNOTSUPP; /* ENOTTY for a regular file says no more than that */
    return -1;
}

static void perform_and_judge(struct io *io)
{
    ssize_t n;
    unsigned tries = 0;
    do
        n = perform(io);
    while (n < 0 && (errno == EINTR || errno == EAGAIN) && tries++ < RETRIES_MAX);
    bool transfers = io->kind != IO_FLUSH && io->kind != IO_DISCARD;
    io->os_error = n < 0 ? errno : 0;
    io->result = n < 0 ? loop_core_io_error(errno) : transfers && (size_t)n != io->len ? ERR_IO : 0;
}

static void push_completed(struct loop_thread *l, struct io *io)
{
    struct io *newest = atomic_load_explicit(&l->completed, memory_order_relaxed);
    do
        io->next = newest;
    while (!atomic_compare_exchange_weak(&l->completed, &newest, io));
    loop_core_kick(&l->core);
}

static void *device_thread(void *arg)
{
    struct device_queue *q = arg;
    pthread_mutex_lock(&q->lock);
    for (;;) {
        while (!q->head && !q->stopping) {
            q->idle_count++;
            pthread_cond_wait(&q->more, &q->lock);
            q->idle_count--;
        }
        if (q->stopping)
            break;
        struct io *io = q->head;
        q->head = io->next;
        if (!q->head)
            q->tail = &q->head;
        pthread_mutex_unlock(&q->lock);
        perform_and_judge(io);
        push_completed(q->loop, io);
        pthread_mutex_lock(&q->lock);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

static struct device_queue *queue_new(struct loop_thread *l)
{
    struct device_queue *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->threads = calloc(l->threads_per_device, sizeof *q->threads);
    if (!q->threads) {
        free(q);
        return NULL;
    }
    q->loop = l;
    q->tail = &q->head;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->more, NULL);
    return q;
}

/* Starts one more thread for a queue (its lock held). Fine to fail when there is one already. Signals stay with the
 * program's own threads. */
static int start_thread(struct device_queue *q)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&q->threads[q->thread_count], NULL, device_thread, q);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number == 0)
        q->thread_count++;
    return number;
}

static int enqueue(struct loop_thread *l, struct io *io)
{
    struct device_queue **at = &l->queues[io->device->index];
    if (!*at && !(*at = queue_new(l)))
        return ENOMEM;
    struct device_queue *q = *at;
    pthread_mutex_lock(&q->lock);
    int number = 0;
    if (q->idle_count == 0 && q->thread_count < l->threads_per_device)
        number = start_thread(q);
    if (q->thread_count > 0) {
        number = 0;
        *q->tail = io;
        q->tail = &io->next;
        pthread_cond_signal(&q->more);
    }
    pthread_mutex_unlock(&q->lock);
    return number;
}

static void submit(struct loop *loop, struct io *io)
{
    struct loop_thread *l = thread_of(loop);
    assert(io->device->index < DEVICE_INDEX_MAX);
    assert(io->kind == IO_DISCARD || io->len <= IO_LEN_MAX);
    io->submitted_us = loop_core_now_us(loop);
    io->next = NULL;
    l->in_flight++;
    int number = enqueue(l, io);
    if (number == 0)
        return;
    io->os_error = number;
    io->result = ERR_NO_MEMORY;
    push_completed(l, io);
}

/* --- watches --- */

static int watch_add(struct loop *loop, struct watch *watch)
{
    struct loop_thread *l = thread_of(loop);
    struct epoll_watch *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NO_MEMORY;
    w->watch = watch;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = w};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) < 0) {
        int number = errno;
        free(w);
        return number == ENOMEM || number == ENOSPC ? ERR_NO_MEMORY : ERR_IO;
    }
    watch->engine_data = w;
    return 0;
}

static void watch_remove(struct loop *loop, struct watch *watch)
{
    struct loop_thread *l = thread_of(loop);
    struct epoll_watch *w = watch->engine_data;
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL); /* fails only when the descriptor is closed already */
    w->watch = NULL;
    w->next = l->removed;
    l->removed = w;
    watch->engine_data = NULL;
}

static void free_removed(struct loop_thread *l)
{
    while (l->removed) {
        struct epoll_watch *w = l->removed;
        l->removed = w->next;
        free(w);
    }
}

static void run_watches(struct loop_thread *l, bool (*stop)(void *), void *arg)
{
    if (l->event_index == l->event_count) {
        free_removed(l);
        int n = epoll_wait(l->epoll_fd, l->events, EVENTS_MAX, 0);
        l->event_index = 0;
        l->event_count = n > 0 ? n : 0;
    }
    while (l->event_index < l->event_count) {
        struct epoll_watch *w = l->events[l->event_index++].data.ptr;
        if (!w->watch)
            continue;
        w->watch->ready(w->watch);
        if (stop(arg))
            return;
    }
}

/* --- the turn --- */

static void run_completions(struct loop_thread *l, bool (*stop)(void *), void *arg)
{
    if (!l->done_head) {
        struct io *newest = atomic_exchange(&l->completed, NULL);
        while (newest) {
            struct io *next = newest->next;
            newest->next = l->done_head;
            l->done_head = newest;
            newest = next;
        }
    }
    while (l->done_head) {
        struct io *io = l->done_head;
        l->done_head = io->next;
        io->next = NULL;
        l->in_flight--;
        io->done(io);
        if (stop(arg))
            return;
    }
}

static bool nothing_to_do(const struct loop_thread *l, bool only_own_io)
{
    if (l->done_head || atomic_load(&l->completed))
        return false;
    return only_own_io ||
           (!l->core.ready_head && !atomic_load(&l->core.posted) && l->event_index == l->event_count);
}

/* Sleeps until something is completed, posted, due or readable. */
static int wait_for_more(struct loop_thread *l, bool only_own_io)
{
    uint64_t timer_us = loop_core_next_timer_us(&l->core);
    if (timer_us == 0)
        return 0;
    atomic_store(&l->core.sleeping, true);
    int number = 0;
    if (nothing_to_do(l, only_own_io)) {
        struct pollfd fds[2] = {{.fd = l->core.wake_fd, .events = POLLIN}, {.fd = l->epoll_fd, .events = POLLIN}};
        struct timespec limit = {(time_t)(timer_us / 1000000), (long)(timer_us % 1000000) * 1000};
        if (ppoll(fds, only_own_io ? 1 : 2, timer_us == UINT64_MAX ? NULL : &limit, NULL) < 0 && errno != EINTR)
            number = errno;
    }
    /* Whoever found it sleeping has written, or is about to: the count is read so that the next sleep is a real one. */
    if (!atomic_exchange(&l->core.sleeping, false))
        loop_core_wake_consume(&l->core);
    return err_from_errno(number);
}

static int turn(struct loop_thread *l, bool (*stop)(void *), void *arg, bool only_own_io)
{
    int err = wait_for_more(l, only_own_io);
    if (err)
        return err;
    run_completions(l, stop, arg);
    if (stop(arg))
        return 0;
    loop_core_run_timers(&l->core, stop, arg);
    if (only_own_io || stop(arg))
        return 0;
    loop_core_run_tasks(&l->core, stop, arg);
    if (stop(arg))
        return 0;
    run_watches(l, stop, arg);
    return 0;
}

static int run_until(struct loop *loop, bool (*stop)(void *), void *arg, bool only_own_io)
{
    int err = 0;
    while (!err && !stop(arg))
        err = turn(thread_of(loop), stop, arg, only_own_io);
    return err;
}

static void queue_stop(struct device_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stopping = true;
    pthread_cond_broadcast(&q->more);
    pthread_mutex_unlock(&q->lock);
    for (uint32_t i = 0; i < q->thread_count; i++)
        pthread_join(q->threads[i], NULL);
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->more);
    free(q->threads);
    free(q);
}

static void thread_free(struct loop *loop)
{
    struct loop_thread *l = thread_of(loop);
    if (l->in_flight > 0)
        return; /* threads that hang in a device still use all of this: it stays until the process ends */
    for (unsigned i = 0; i < DEVICE_INDEX_MAX; i++)
        if (l->queues[i])
            queue_stop(l->queues[i]);
    free_removed(l);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    loop_core_fini(&l->core);
    free(l);
}

static const struct loop_ops thread_ops = {
    .submit = submit,
    .post = loop_core_post,
    .now_us = loop_core_now_us,
    .wall_us = loop_core_wall_us,
    .random = loop_core_random,
    .timer_set = loop_core_timer_set,
    .timer_cancel = loop_core_timer_cancel,
    .watch = watch_add,
    .unwatch = watch_remove,
    .run_until = run_until,
    .free = thread_free,
};

int loop_thread_new(const char *name, const struct loop_thread_options *options, struct loop **ret)
{
    struct loop_thread *l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NO_MEMORY;
    l->epoll_fd = -1;
    l->threads_per_device = options && options->threads_per_device ? options->threads_per_device : LOOP_THREAD_PER_DEVICE;
    int err = loop_core_init(&l->core, &thread_ops, name);
    if (!err) {
        l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        err = l->epoll_fd < 0 ? err_from_errno(errno) : 0;
    }
    if (err) {
        thread_free(&l->core.head);
        return err;
    }
    *ret = &l->core.head;
    return 0;
}
