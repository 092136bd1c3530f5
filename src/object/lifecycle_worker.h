/* Does in the background what lifecycle rules ask for: what is due (lifecycle_due), in the order of its time, and walks through buckets
 * whose rules changed (lifecycle_walk), to fill that index.
 *
 * Bounded steps: each first reads what it will touch, so that the metadata writer does not wait for a device, then writes one
 * transaction of at most LIFECYCLE_BATCH rows, then leaves the writer alone for as long as that took. All progress is in the
 * database: after a crash it goes on. What cannot be done is put off, and does not hold up the rest.
 *
 * On one loop, of its own; everything but lifecycle_worker_status() on that loop's thread. */
#ifndef OBJECT_LIFECYCLE_WORKER_H
#define OBJECT_LIFECYCLE_WORKER_H

#include <pthread.h>

#include "base/arena.h"
#include "object/lifecycle_tx.h"

#define LIFECYCLE_BATCH 64u        /* rows of the index acted on in one transaction */
#define LIFECYCLE_WALK_BATCH 256u  /* versions or uploads looked at in one step of a walk */
#define LIFECYCLE_POLL_MAX_US 10000000ull
#define LIFECYCLE_POLL_MIN_US 100000ull
#define LIFECYCLE_RETRY_US 3600000000ull /* before something that failed is tried again */

struct lifecycle_worker_options {
    struct meta *meta;
    struct loop *loop;       /* meta_attach_loop done */
    uint64_t day_us;         /* LIFECYCLE_DAY_US but for tests */
    /* After each step that did something; may be NULL. */
    void (*counted)(void *arg, const struct lifecycle_counts *);
    void *arg;
};

struct lifecycle_worker_status {
    struct lifecycle_counts counts; /* since start */
    uint64_t failed;                /* put off since start */
    bool walking;                   /* through at least one bucket: the one and how far */
    uint64_t looked;
};

struct lifecycle_worker {
    struct lifecycle_worker_options options;
    pthread_mutex_t lock;    /* of status */
    struct lifecycle_worker_status status;
    /* the rest on the loop */
    struct timer timer;
    struct task task;        /* a timer may fire where the loop waits for a device, inside a transaction */
    bool begun, busy, stopping, walk_next;
    uint64_t step_us;        /* when the write under way began */
    uint64_t now_us;         /* wall clock when the read under way began */
    struct meta_read read;
    struct meta_write write;
    struct arena arena;      /* of the step */
    uint32_t limit;          /* rows of the next batch; 1 after a failure */
    uint32_t due_count;      /* seen by the read; 0: nothing is due */
    bool has_walk;
    struct lifecycle_counts counts; /* of the transaction */
    uint64_t random;
    int64_t walk_after;              /* buckets are walked through in turns */
    struct lifecycle_walk_row walk;  /* as read; key in the arena */
    struct lifecycle_walk_row next;  /* as it will be */
    struct lifecycle_due_row *found; /* by the walk, in the arena */
    uint32_t found_count;
    bool walk_ended;
};

/* Zero-initialised before. */
int lifecycle_worker_init(struct lifecycle_worker *, const struct lifecycle_worker_options *) MUST_CHECK;
void lifecycle_worker_start(struct lifecycle_worker *);
/* No further step is begun. It has stopped once lifecycle_worker_idle(). */
void lifecycle_worker_stop(struct lifecycle_worker *);
bool lifecycle_worker_idle(const struct lifecycle_worker *);
void lifecycle_worker_fini(struct lifecycle_worker *);
/* Any thread. */
void lifecycle_worker_status(struct lifecycle_worker *, struct lifecycle_worker_status *ret);

#endif
