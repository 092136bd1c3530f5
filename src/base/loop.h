/* The event loop, seen from below: the seam through which object/ and everything under it meets time, threads and devices.
 *
 * A loop belongs to one thread. It runs tasks, timers and completions of device I/O, one at a time. Real loops are in
 * volume/ (loop_uring.c: io_uring; loop_thread.c: plain threads); a simulated one (tests/sim) runs many loops in one
 * thread on a seeded schedule with a simulated clock and simulated devices. Code above this line must take time only
 * from loop_now_us() and loop_wall_us(), randomness only from loop_random(), and do I/O only through loop_submit().
 *
 * Invariants:
 *  - Everything but loop_post() is called on the loop's own thread.
 *  - An io and its data belong to the loop from loop_submit() until io->done runs: a hung device may keep them for ever,
 *    so neither may live on a stack that can unwind. There is no cancel.
 *  - io->done, task->run and timer->fire run from loop_run*(), never from inside loop_submit() or loop_post().
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/* A device as a loop sees it. Opened by volume/device.c, or by the simulator. */
struct device {
    int fd;            /* -1 in the simulator */
    uint32_t index;    /* slot in each loop's table of registered files, 0..DEVICE_INDEX_MAX-1 */
    uint64_t size;     /* bytes, multiple of 4096 */
    bool direct;       /* opened with O_DIRECT */
    bool is_file;      /* a regular file: submitting a write to it may block, on its inode's lock */
    bool can_discard;
    const char *path;  /* for messages; owned by the opener */
    void *engine_data; /* the simulator's disk */
};
#define DEVICE_INDEX_MAX 64

enum io_kind {
    IO_READ,
    IO_WRITE,
    IO_WRITE_DURABLE, /* RWF_DSYNC: this write, and only this, is durable when done */
    IO_FLUSH,         /* everything completed before it was submitted is durable when done */
    IO_DISCARD,       /* a hint; len and off in bytes */
};

/* One device operation. Address, length and offset are multiples of 4096, len at most IO_LEN_MAX. */
struct io {
    enum io_kind kind;
    struct device *device;
    void *data;
    uint32_t len;
    uint64_t off;
    int result;             /* when done: 0, or an err. A short transfer is ERR_IO. */
    int os_error;           /* when done: errno of the failure, or 0 */
    uint64_t submitted_us;  /* set by loop_submit() */
    void (*done)(struct io *);
    struct io *next;        /* the owner's between calls, the loop's while submitted */
};
#define IO_LEN_MAX (8u << 20)

/* Something to run on a loop, once per post. Intrusive: the owner keeps it alive until run is called. */
struct task {
    void (*run)(struct task *);
    struct task *next;
};

/* Calls fire once, at or after at_us. Intrusive; cancelled before its owner goes. */
struct timer {
    void (*fire)(struct timer *);
    uint64_t at_us;
    struct timer *prev, *next;
    bool armed;
};

/* Runs ready whenever fd is readable (level-triggered: called again while it stays so). */
struct watch {
    int fd;
    void (*ready)(struct watch *);
    void *engine_data;
};

struct loop_ops {
    void (*submit)(struct loop *, struct io *);
    void (*post)(struct loop *, struct task *);
    uint64_t (*now_us)(struct loop *);
    uint64_t (*wall_us)(struct loop *);
    uint64_t (*random)(struct loop *);
    void (*timer_set)(struct loop *, struct timer *, uint64_t at_us);
    void (*timer_cancel)(struct loop *, struct timer *);
    int (*watch)(struct loop *, struct watch *);
    void (*unwatch)(struct loop *, struct watch *);
    int (*run_until)(struct loop *, bool (*stop)(void *), void *arg, bool only_own_io);
    void (*free)(struct loop *);
};

/* The head of every loop. */
struct loop {
    const struct loop_ops *ops;
    const char *name;
};

static inline void loop_submit(struct loop *l, struct io *io) { l->ops->submit(l, io); }

/* From any thread. Tasks posted by one thread run in the order posted. */
static inline void loop_post(struct loop *l, struct task *t) { l->ops->post(l, t); }

/* Monotonic microseconds. */
static inline uint64_t loop_now_us(struct loop *l) { return l->ops->now_us(l); }

/* Microseconds since 1970 by the wall clock; may jump. */
static inline uint64_t loop_wall_us(struct loop *l) { return l->ops->wall_us(l); }

static inline uint64_t loop_random(struct loop *l) { return l->ops->random(l); }

/* Arms or re-arms. */
static inline void loop_timer_set(struct loop *l, struct timer *t, uint64_t at_us) { l->ops->timer_set(l, t, at_us); }
static inline void loop_timer_cancel(struct loop *l, struct timer *t) { l->ops->timer_cancel(l, t); }

/* 0, or ERR_NO_MEMORY, ERR_IO; ERR_UNSUPPORTED in the simulator. */
static inline int loop_watch(struct loop *l, struct watch *w) { return l->ops->watch(l, w); }
static inline void loop_unwatch(struct loop *l, struct watch *w) { l->ops->unwatch(l, w); }

/* Runs the loop until stop(arg) is true (checked between callbacks). Returns 0, or the err that broke the loop. */
static inline int loop_run_until(struct loop *l, bool (*stop)(void *), void *arg)
{
    return l->ops->run_until(l, stop, arg, false);
}

/* Blocks the loop's thread until stop(arg) is true, running only I/O completions and timers of this loop, not tasks and
 * watches: how the metadata threads wait for their devices. May be called from inside a task. */
static inline int loop_wait(struct loop *l, bool (*stop)(void *), void *arg)
{
    return l->ops->run_until(l, stop, arg, true);
}

static inline void loop_free(struct loop *l) { l->ops->free(l); }

#endif
