/* The loop over io_uring; see loop_uring.h.
 *
 * One turn: queued operations become entries, the wake-up and the watches are armed, all goes to the kernel in one call
 * (which sleeps when there is nothing else to do), then completions, timers, tasks and watches run.
 *
 * Watches are single polls that are armed again after each call of ready(): arming looks at the state of the descriptor, so
 * they are level-triggered.
 *
 * Files are not registered with the ring: a registered file outlives close(), and a volume that is detached while a loop
 * still holds it could not be opened exclusively again.
 *
 * Completions carry a pointer whose low bits say what it points to. */
#include "volume/loop_uring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "volume/loop_core.h"
#include "volume/loop_thread.h"

enum tag { TAG_IO, TAG_WATCH, TAG_WAKE, TAG_NONE, TAG_MASK = 3 };

#define RETRIES_MAX 1000u        /* in a row on one device, of EAGAIN and EINTR, before they count as failures */
#define WORKERS_MAX 256u         /* kernel threads for what cannot be done without blocking; a hung device must not use up all */
#define BUFFER_PIECE (1ull << 30) /* the kernel's limit for one registered buffer */
#define BUFFER_PIECES_MAX 64u

struct device_queue {
    struct io *head, **tail;
    uint32_t in_flight;
    uint32_t retries;
};

/* The loop's side of a watch; lives until the kernel has given its poll back. */
struct poll_watch {
    struct watch *watch; /* NULL after loop_unwatch */
    bool armed, ready;
    struct poll_watch *next;
};

struct loop_uring {
    struct loop_core core; /* first */
    struct io_uring ring;
    bool ring_open;
    bool ring_single; /* opened for one thread only */
    bool plain_ring;
    pid_t ring_thread;
    uint32_t device_in_flight;
    uint32_t in_flight;
    uint64_t queued; /* bit i: queues[i] is not empty */
    struct device_queue queues[DEVICE_INDEX_MAX];
    struct poll_watch *watches;
    bool wake_armed;
    bool watches_changed;
    uint8_t *buffers;
    size_t buffers_size;
    bool buffers_registered;
};

static struct loop_uring *uring_of(struct loop *loop)
{
    return (struct loop_uring *)loop;
}

static void *tagged(void *pointer, enum tag tag)
{
    assert(((uintptr_t)pointer & TAG_MASK) == 0);
    return (void *)((uintptr_t)pointer | tag);
}

/* --- the ring --- */

static void register_buffers(struct loop_uring *l)
{
    struct iovec pieces[BUFFER_PIECES_MAX];
    unsigned count = 0;
    for (size_t off = 0; off < l->buffers_size && count < BUFFER_PIECES_MAX; off += BUFFER_PIECE) {
        size_t left = l->buffers_size - off;
        pieces[count++] = (struct iovec){l->buffers + off, left < BUFFER_PIECE ? left : BUFFER_PIECE};
    }
    if (count == 0 || l->buffers_size > BUFFER_PIECE * BUFFER_PIECES_MAX)
        return;
    int err = io_uring_register_buffers(&l->ring, pieces, count);
    l->buffers_registered = err == 0;
    if (err) {
        log_info("%s: %zu MiB of buffers are not registered with io_uring (%s; raise LimitMEMLOCK to allow it)",
                 l->core.head.name, l->buffers_size >> 20, strerror(-err));
        l->buffers_size = 0; /* not tried again */
    }
}

/* Newer kernels do less work per completion when only one thread uses the ring. Each mode is left out where unknown. */
static int open_ring(struct loop_uring *l, bool single)
{
    static const unsigned modes[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL, /* 6.1 */
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,                               /* 5.19 */
        0,
    };
    int err = -EINVAL;
    struct io_uring_params params;
    for (unsigned i = single ? 0 : 2; i < 3 && err == -EINVAL; i++) {
        params = (struct io_uring_params){.flags = modes[i] | IORING_SETUP_CQSIZE, .cq_entries = LOOP_URING_COMPLETIONS};
        err = io_uring_queue_init_params(LOOP_URING_ENTRIES, &l->ring, &params);
    }
    if (err)
        return err;
    unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG;
    if ((params.features & needed) != needed) {
        io_uring_queue_exit(&l->ring);
        return -ENOSYS;
    }
    unsigned workers[2] = {WORKERS_MAX, WORKERS_MAX};
    (void)io_uring_register_iowq_max_workers(&l->ring, workers); /* from 5.15; older kernels keep their default */
    l->ring_open = true;
    l->ring_single = single;
    l->ring_thread = gettid();
    l->wake_armed = false;
    l->watches_changed = true;
    for (struct poll_watch *w = l->watches; w; w = w->next)
        w->armed = false;
    l->buffers_registered = false;
    if (l->buffers_size)
        register_buffers(l);
    return 0;
}

static void close_ring(struct loop_uring *l)
{
    if (l->ring_open)
        io_uring_queue_exit(&l->ring);
    l->ring_open = false;
}

/* Sees to it that this thread may use the ring. A loop begins with a ring that any thread may use (stores are opened before
 * their threads start); the first full run gets one of its own thread, which is faster, unless something is in flight then.
 * A ring of one thread whose operations hang when another thread takes over is left behind with them. */
static int claim_ring(struct loop_uring *l, bool only_own_io)
{
    bool here = l->ring_open && l->ring_thread == gettid(), want_single = !only_own_io && !l->plain_ring;
    if (l->ring_open && (l->ring_single ? here : !want_single || l->in_flight > 0))
        return 0;
    if (l->in_flight > 0)
        l->ring_open = false;
    else
        close_ring(l);
    int err = open_ring(l, want_single);
    return err ? err_from_errno(-err) : 0;
}

static int entry_get(struct loop_uring *l, struct io_uring_sqe **ret_entry)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&l->ring);
    if (!entry) {
        int n = io_uring_submit(&l->ring);
        entry = io_uring_get_sqe(&l->ring);
        if (!entry)
            return n < 0 && n != -EAGAIN && n != -EBUSY && n != -EINTR ? err_from_errno(-n) : ERR_WOULD_BLOCK;
    }
    *ret_entry = entry;
    return 0;
}

/* --- device operations --- */

static void submit(struct loop *loop, struct io *io)
{
    struct loop_uring *l = uring_of(loop);
    uint32_t index = io->device->index;
    assert(index < DEVICE_INDEX_MAX);
    assert(io->kind == IO_DISCARD || io->len <= IO_LEN_MAX);
    io->submitted_us = loop_core_now_us(loop);
    io->next = NULL;
    *l->queues[index].tail = io;
    l->queues[index].tail = &io->next;
    l->queued |= 1ull << index;
}

/* The registered piece that holds all of data, or -1. */
static int buffer_index(const struct loop_uring *l, const void *data, size_t len)
{
    uintptr_t at = (uintptr_t)data, base = (uintptr_t)l->buffers;
    if (!l->buffers_registered || at < base || at - base >= l->buffers_size || len > l->buffers_size - (at - base))
        return -1;
    size_t off = at - base;
    return off / BUFFER_PIECE == (off + len - 1) / BUFFER_PIECE ? (int)(off / BUFFER_PIECE) : -1;
}

static void prepare(const struct loop_uring *l, struct io_uring_sqe *entry, struct io *io)
{
    int fd = io->device->fd, buffer = buffer_index(l, io->data, io->len);
    switch (io->kind) {
    case IO_READ:
        if (buffer >= 0)
            io_uring_prep_read_fixed(entry, fd, io->data, io->len, io->off, buffer);
        else
            io_uring_prep_read(entry, fd, io->data, io->len, io->off);
        break;
    case IO_WRITE:
    case IO_WRITE_DURABLE:
        if (buffer >= 0)
            io_uring_prep_write_fixed(entry, fd, io->data, io->len, io->off, buffer);
        else
            io_uring_prep_write(entry, fd, io->data, io->len, io->off);
        if (io->kind == IO_WRITE_DURABLE)
            entry->rw_flags = RWF_DSYNC;
        if (io->device->is_file) /* behind a write that hangs, the next would hang this thread while it is submitted */
            entry->flags |= IOSQE_ASYNC;
        break;
    case IO_FLUSH: io_uring_prep_fsync(entry, fd, IORING_FSYNC_DATASYNC); break;
    case IO_DISCARD:
        io_uring_prep_fallocate(entry, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)io->off, io->len);
        break;
    }
    io_uring_sqe_set_data(entry, tagged(io, TAG_IO));
}

/* Moves queued operations to the ring, as far as the devices' bounds allow. */
static int fill(struct loop_uring *l)
{
    for (uint64_t left = l->queued; left; left &= left - 1) {
        struct device_queue *q = &l->queues[__builtin_ctzll(left)];
        while (q->head && q->in_flight < l->device_in_flight) {
            struct io_uring_sqe *entry;
            int err = entry_get(l, &entry);
            if (err)
                return err == ERR_WOULD_BLOCK ? 0 : err;
            struct io *io = q->head;
            q->head = io->next;
            io->next = NULL;
            prepare(l, entry, io);
            q->in_flight++;
            l->in_flight++;
        }
        if (!q->head) {
            q->tail = &q->head;
            l->queued &= ~(left & -left);
        }
    }
    return 0;
}

static void complete_io(struct loop_uring *l, struct io *io, int result)
{
    struct device_queue *q = &l->queues[io->device->index];
    q->in_flight--;
    l->in_flight--;
    if ((result == -EAGAIN || result == -EINTR) && q->retries++ < RETRIES_MAX) {
        io->next = q->head;
        if (!q->head)
            q->tail = &io->next;
        q->head = io;
        l->queued |= 1ull << io->device->index;
        return;
    }
    q->retries = 0;
    bool transfers = io->kind != IO_FLUSH && io->kind != IO_DISCARD;
    io->os_error = result < 0 ? -result : 0;
    if (result < 0)
        io->result = loop_core_io_error(-result);
    else
        io->result = transfers && (uint32_t)result != io->len ? ERR_IO : 0;
    io->done(io);
}

/* --- watches and the wake-up --- */

static int watch_add(struct loop *loop, struct watch *watch)
{
    struct loop_uring *l = uring_of(loop);
    struct poll_watch *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NO_MEMORY;
    w->watch = watch;
    w->next = l->watches;
    l->watches = w;
    l->watches_changed = true;
    watch->engine_data = w;
    return 0;
}

static void watch_remove(struct loop *loop, struct watch *watch)
{
    struct loop_uring *l = uring_of(loop);
    struct poll_watch *w = watch->engine_data;
    w->watch = NULL;
    watch->engine_data = NULL;
    l->watches_changed = true;
}

/* Frees watches that are gone and given back, takes back those that are gone, arms the others. */
static int arm_watches(struct loop_uring *l)
{
    if (!l->watches_changed)
        return 0;
    bool again = false;
    for (struct poll_watch **at = &l->watches; *at;) {
        struct poll_watch *w = *at;
        if (!w->watch && !w->armed) {
            *at = w->next;
            free(w);
            continue;
        }
        if (w->armed == (w->watch != NULL) || w->ready) {
            at = &w->next;
            continue;
        }
        struct io_uring_sqe *entry;
        int err = entry_get(l, &entry);
        if (err == ERR_WOULD_BLOCK) {
            again = true;
            break;
        }
        if (err)
            return err;
        if (w->watch) {
            io_uring_prep_poll_add(entry, w->watch->fd, POLLIN);
            io_uring_sqe_set_data(entry, tagged(w, TAG_WATCH));
            w->armed = true;
        } else {
            io_uring_prep_poll_remove(entry, (uintptr_t)tagged(w, TAG_WATCH));
            io_uring_sqe_set_data(entry, (void *)(uintptr_t)TAG_NONE);
        }
        at = &w->next;
    }
    l->watches_changed = again;
    return 0;
}

static int arm_wake(struct loop_uring *l)
{
    if (l->wake_armed)
        return 0;
    struct io_uring_sqe *entry;
    int err = entry_get(l, &entry);
    if (err)
        return err == ERR_WOULD_BLOCK ? 0 : err;
    io_uring_prep_poll_add(entry, l->core.wake_fd, POLLIN); /* a read could outlive its ring and take the next one's count */
    io_uring_sqe_set_data(entry, (void *)(uintptr_t)TAG_WAKE);
    l->wake_armed = true;
    return 0;
}

static struct poll_watch *next_ready_watch(struct loop_uring *l)
{
    for (struct poll_watch *w = l->watches; w; w = w->next)
        if (w->ready)
            return w;
    return NULL;
}

static void run_watches(struct loop_uring *l, bool (*stop)(void *), void *arg)
{
    /* ready() may add and remove watches and run the loop itself, so each round begins at the head. */
    for (struct poll_watch *w = next_ready_watch(l); w; w = next_ready_watch(l)) {
        w->ready = false;
        l->watches_changed = true;
        if (!w->watch)
            continue;
        w->watch->ready(w->watch);
        if (stop(arg))
            return;
    }
}

/* --- the turn --- */

static void complete(struct loop_uring *l, uintptr_t data, int result)
{
    void *pointer = (void *)(data & ~(uintptr_t)TAG_MASK);
    switch ((enum tag)(data & TAG_MASK)) {
    case TAG_IO: complete_io(l, pointer, result); break;
    case TAG_WATCH: {
        struct poll_watch *w = pointer;
        w->armed = false;
        w->ready = w->watch && result != -ECANCELED;
        l->watches_changed = true;
        break;
    }
    case TAG_WAKE:
        l->wake_armed = false;
        if (result > 0)
            loop_core_wake_consume(&l->core);
        break;
    default: break;
    }
}

static void run_completions(struct loop_uring *l, bool (*stop)(void *), void *arg)
{
    struct io_uring_cqe *cqe;
    for (unsigned i = 0; i < LOOP_URING_COMPLETIONS && io_uring_peek_cqe(&l->ring, &cqe) == 0; i++) {
        uintptr_t data = (uintptr_t)cqe->user_data;
        int result = cqe->res;
        io_uring_cqe_seen(&l->ring, cqe); /* before the callback, which may wait in the loop itself */
        complete(l, data, result);
        if ((data & TAG_MASK) == TAG_IO && stop(arg))
            return;
    }
}

/* Says that the loop sleeps, unless there is something to run already. */
static bool sleep_begin(struct loop_uring *l, bool only_own_io)
{
    if (only_own_io)
        return true; /* tasks wait anyway, so posters need not wake it */
    if (l->core.ready_head || next_ready_watch(l))
        return false;
    atomic_store(&l->core.sleeping, true);
    if (!atomic_load(&l->core.posted))
        return true;
    atomic_store(&l->core.sleeping, false);
    return false;
}

/* Hands everything to the kernel, and waits there when there is nothing else to do. */
static int enter(struct loop_uring *l, bool only_own_io)
{
    uint64_t timer_us = loop_core_next_timer_us(&l->core);
    int n;
    if (timer_us > 0 && io_uring_cq_ready(&l->ring) == 0 && sleep_begin(l, only_own_io)) {
        struct __kernel_timespec limit = {(long long)(timer_us / 1000000), (long long)(timer_us % 1000000) * 1000};
        struct io_uring_cqe *cqe;
        n = io_uring_submit_and_wait_timeout(&l->ring, &cqe, 1, timer_us == UINT64_MAX ? NULL : &limit, NULL);
        atomic_store_explicit(&l->core.sleeping, false, memory_order_relaxed);
    } else {
        n = io_uring_submit_and_get_events(&l->ring);
    }
    if (n >= 0 || n == -ETIME || n == -EINTR || n == -EAGAIN || n == -EBUSY)
        return 0;
    return err_from_errno(-n);
}

static int turn(struct loop_uring *l, bool (*stop)(void *), void *arg, bool only_own_io)
{
    int err = arm_wake(l);
    if (!err)
        err = arm_watches(l);
    if (!err)
        err = fill(l);
    if (!err)
        err = enter(l, only_own_io);
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
    struct loop_uring *l = uring_of(loop);
    int err = claim_ring(l, only_own_io);
    while (!err && !stop(arg))
        err = turn(l, stop, arg, only_own_io);
    return err;
}

static void uring_free(struct loop *loop)
{
    struct loop_uring *l = uring_of(loop);
    close_ring(l);
    while (l->watches) {
        struct poll_watch *w = l->watches;
        l->watches = w->next;
        free(w);
    }
    loop_core_fini(&l->core);
    free(l);
}

static const struct loop_ops uring_ops = {
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
    .free = uring_free,
};

static void explain(const struct loop_uring_options *options, int number)
{
    if (!options || !options->message || options->message_size == 0)
        return;
    const char *why = number == EPERM || number == EACCES ? "a sandbox or kernel.io_uring_disabled forbids it"
                      : number == ENOSYS                  ? "the kernel does not have what is needed (Linux 5.11)"
                                                          : strerror(number);
    snprintf(options->message, options->message_size, "io_uring cannot be used: %s", why);
}

int loop_uring_new(const char *name, const struct loop_uring_options *options, struct loop **ret)
{
    struct loop_uring *l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NO_MEMORY;
    int err = loop_core_init(&l->core, &uring_ops, name);
    if (err) {
        uring_free(&l->core.head);
        return err;
    }
    l->plain_ring = options && options->plain_ring;
    l->device_in_flight = options && options->device_in_flight ? options->device_in_flight : LOOP_URING_DEVICE_IN_FLIGHT;
    for (unsigned i = 0; i < DEVICE_INDEX_MAX; i++)
        l->queues[i].tail = &l->queues[i].head;
    err = open_ring(l, false);
    if (err) {
        explain(options, -err);
        uring_free(&l->core.head);
        return err == -EPERM || err == -EACCES || err == -ENOSYS || err == -EINVAL ? ERR_UNSUPPORTED : err_from_errno(-err);
    }
    *ret = &l->core.head;
    return 0;
}

void loop_uring_register_buffers(struct loop *loop, void *base, size_t size)
{
    if (loop->ops != &uring_ops)
        return;
    struct loop_uring *l = uring_of(loop);
    assert(!l->buffers);
    l->buffers = base;
    l->buffers_size = size;
    if (l->ring_open && (!l->ring_single || l->ring_thread == gettid()))
        register_buffers(l); /* a later ring takes them over when it is opened */
}

int loop_new_best(const char *name, const struct loop_uring_options *options, struct loop **ret)
{
    if (options && options->message && options->message_size)
        options->message[0] = '\0';
    int err = loop_uring_new(name, options, ret);
    return err == ERR_UNSUPPORTED ? loop_thread_new(name, NULL, ret) : err;
}
