/* What is owed to the data at rest, done in the background, one extent at a time, below the foreground:
 *
 *   heal      extents with missing slots get them back (at once when there are any)
 *   relocate  slots on volumes that are DRAINING, or OUT for longer than out_delay_us or leaving, move to free chunks of other volumes,
 *             group by group, or where no chunk is free, extents into free space of other groups; and slots from full volumes to
 *             emptier ones, when too few have room for new groups
 *   readmit   a volume that was OUT and is ready again (meta/volumes.h: it answers, its metadata is level) gets the slots noted
 *             missing on it and is put IN; nobody else does that
 *   scrub     every unit of every extent is read and checked; resumes after a restart (cursor "scrub")
 *
 * Everything is verified after it was written, and every step is one transaction: a restart goes on where it stopped.
 * What cannot be mended is counted, logged, and tried again.
 *
 * Synchronous, on a loop and thread of its own: repair_run blocks until repair_stop. Knows meta/ and placement/ only. The
 * metadata mirrors are meta/'s own to bring level. */
#ifndef REPAIR_REPAIR_H
#define REPAIR_REPAIR_H

#include "base/buffer.h"
#include "meta/meta.h"

struct repair;

struct repair_options {
    struct meta *meta;
    struct loop *loop;             /* its own, with meta_attach_loop done; outlives the repair */
    struct buffer_pool *buffers;   /* of that loop; at least k + m slabs */
    uint64_t rate;                 /* bytes read and written per second; 0: default */
    uint64_t out_delay_us;         /* before the slots of a volume that is OUT move elsewhere; 0: default */
    uint64_t poll_us;              /* how often to look when nothing is to be done; 0: default */
    /* For a store without threads (simulator, tests): called while waiting, to step what others' threads would do. */
    void (*pump)(void *arg);
    void *pump_arg;
};
#define REPAIR_RATE_DEFAULT (64u << 20)
#define REPAIR_OUT_DELAY_US (900ull * 1000000)
#define REPAIR_POLL_US (5ull * 1000000)

enum repair_activity { REPAIR_IDLE, REPAIR_HEALING, REPAIR_MOVING, REPAIR_SCRUBBING };

struct repair_status {
    enum repair_activity activity;
    uint64_t extents_healed, extents_moved, slots_moved, volumes_readmitted;
    uint64_t units_mended;         /* extents in which heal or scrub found and mended wrong slots */
    uint64_t extents_unrecoverable; /* seen with fewer than k good slots, since start (the same ones again each time) */
    uint64_t bytes_read, bytes_written;
    bool scrub_running;
    int64_t scrub_position;        /* id of the last extent checked */
    uint64_t scrub_extents;        /* checked in this scrub */
    uint64_t scrub_bad, scrub_still_bad; /* extents */
    uint64_t scrubs_finished;
    uint64_t last_error_us;        /* wall clock; 0: none */
    int last_error;
};

int repair_new(const struct repair_options *, struct repair **ret) MUST_CHECK;
void repair_free(struct repair *); /* after repair_run has returned */

/* Works until repair_stop. Returns 0, or the loop's error. */
int repair_run(struct repair *) MUST_CHECK;
/* One piece of work: an extent healed or checked, a slot of a group moved, a volume readmitted. *ret_worked false: there was
 * nothing to do. An error has been counted, and is no reason not to go on. For the simulator and tests; repair_run calls it. */
int repair_step(struct repair *, bool *ret_worked) MUST_CHECK;

/* Any thread: repair_run returns after the extent in hand. */
void repair_stop(struct repair *);
/* Any thread: look for work now (volumes changed, a write noted missing slots). */
void repair_wake(struct repair *);
/* Any thread: begins a scrub unless one runs. */
void repair_scrub(struct repair *);
void repair_scrub_stop(struct repair *);
/* Any thread. */
void repair_status(struct repair *, struct repair_status *ret);

#endif
