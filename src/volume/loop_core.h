/* What the real loops share: tasks posted from any thread, timers, clocks, random numbers and the wake-up.
 *
 * Invariants:
 *  - posted is the only thing other threads touch, with sleeping and wake_fd. A poster pushes first and looks at sleeping
 *    afterwards; the loop says that it sleeps first and looks at posted afterwards: so no post is slept over.
 *  - Timers lie in lists by the order of magnitude of their delay, each sorted: arming is an append in practice, because
 *    timers of one kind have one delay. */
#ifndef VOLUME_LOOP_CORE_H
#define VOLUME_LOOP_CORE_H

#include <stdatomic.h>

#include "base/error.h"
#include "base/loop.h"

#define LOOP_TIMER_CLASSES 40

struct loop_core {
    struct loop head; /* first: a loop is its core */
    struct task *_Atomic posted; /* newest first */
    struct task *ready_head, **ready_tail; /* taken from posted, in order */
    atomic_bool sleeping;
    int wake_fd; /* eventfd */
    struct timer timers[LOOP_TIMER_CLASSES]; /* heads of circular lists */
    uint64_t random_state[4];
};

int loop_core_init(struct loop_core *, const struct loop_ops *, const char *name) MUST_CHECK;
void loop_core_fini(struct loop_core *);

/* struct loop_ops that every real loop has in common. */
void loop_core_post(struct loop *, struct task *);
uint64_t loop_core_now_us(struct loop *);
uint64_t loop_core_wall_us(struct loop *);
uint64_t loop_core_random(struct loop *);
void loop_core_timer_set(struct loop *, struct timer *, uint64_t at_us);
void loop_core_timer_cancel(struct loop *, struct timer *);

/* Wakes the loop if it sleeps; any thread. */
void loop_core_kick(struct loop_core *);

/* Reads the eventfd after a kick; waits for the kick when it is still to come. */
void loop_core_wake_consume(struct loop_core *);

/* Moves what was posted to the ready list; true when there is something to run. */
bool loop_core_take_posted(struct loop_core *);

/* Runs tasks that were ready when it was called, until stop. Tasks they post run in the next turn. */
void loop_core_run_tasks(struct loop_core *, bool (*stop)(void *), void *arg);

/* Fires the timers that are due, until stop. */
void loop_core_run_timers(struct loop_core *, bool (*stop)(void *), void *arg);

/* Microseconds until the next timer: 0 when one is due, UINT64_MAX when there is none. */
uint64_t loop_core_next_timer_us(struct loop_core *);

/* The err of a failed device operation. */
int loop_core_io_error(int number);

#endif
