/* What the files of repair/ share. Everything on the repair's thread but the atomics and what is under the lock. */
#ifndef REPAIR_REPAIR_PRIVATE_H
#define REPAIR_REPAIR_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "meta/tables.h"
#include "placement/extent_reader.h"
#include "repair/repair.h"

#define REPAIR_CURSOR_EVERY 64          /* extents between two savings of the scrub's cursor */
#define REPAIR_QUIET_TRIES 600          /* how often a closed group is looked at until nothing is reserved in it */
#define REPAIR_QUIET_US 50000u

struct repair {
    struct repair_options options;
    struct meta *meta;
    struct loop *loop;
    struct store *store;
    struct placement *placement;

    _Atomic bool stopping, woken, wake_posted, scrub_wanted, scrub_stop;
    struct task wake_task;
    pthread_mutex_t lock;               /* of status */
    struct repair_status status;

    int64_t heal_after;
    bool heal_progress;
    uint64_t heal_at_us, move_at_us;    /* not before */
    int64_t move_after;                 /* group: those up to it had no room elsewhere */
    uint64_t out_since_us[VOLUMES_MAX]; /* 0: not out */
    uint64_t readmit_at_us[VOLUMES_MAX]; /* not before, after a failure */
    bool scrub_loaded;                  /* the cursor has been looked for */
    uint32_t scrub_unsaved;
};

/* An extent found in the database, pinned, with its checksums. */
struct repair_find {
    struct meta_read read;
    struct repair *repair;
    /* in: extents with missing slots that can be written now (only_missing; on these volumes, unless 0), or of a group, or all */
    bool only_missing;
    uint64_t volumes;
    int64_t group_id;
    uint32_t from_block;
    int64_t after;
    /* out */
    bool found, answered;
    struct extent extent;
};

struct repair_write { struct meta_write write; bool answered; };
struct repair_exclusive { struct meta_exclusive exclusive; bool answered; };

/* repair_call.c: synchronous calls. */
void repair_wait(struct repair *, const bool *done);
void repair_run_loop(struct repair *, uint64_t us);
void repair_sleep(struct repair *, uint64_t us); /* shorter when woken or stopped */
int repair_find(struct repair *, struct repair_find *) MUST_CHECK; /* repair_find_drop after, when found */
void repair_find_drop(struct repair_find *);
int repair_write(struct repair *, struct repair_write *) MUST_CHECK; /* sets done and loop */
int repair_exclusive(struct repair *, struct repair_exclusive *) MUST_CHECK;
/* Runs it, accounts it, and pays for it by sleeping. */
int repair_extent(struct repair *, struct extent_repair *) MUST_CHECK;
int repair_set_missing(struct repair *, int64_t extent_id, uint32_t missing) MUST_CHECK;
void repair_note_error(struct repair *, int err, const char *doing);

/* One piece of work each; *ret_worked as in repair_step. */
int heal_step(struct repair *, bool *ret_worked) MUST_CHECK;
/* All extents with slots missing on that volume, which is out of service. ERR_IO when one could not be mended. */
int heal_volume(struct repair *, uint32_t volume_index) MUST_CHECK;
int relocate_step(struct repair *, bool *ret_worked) MUST_CHECK;
/* A step towards chunks that are free: some group that holds nothing goes, or the extents of this one move to others.
 * ERR_NO_SPACE: not all of them. */
int empty_group(struct repair *, const struct group *) MUST_CHECK;
/* Until nothing is reserved any more in the group, which is closed; ERR_BUSY. */
int repair_wait_until_quiet(struct repair *, int64_t group_id) MUST_CHECK;
int readmit_step(struct repair *, bool *ret_worked) MUST_CHECK;
int scrub_step(struct repair *, bool *ret_worked) MUST_CHECK;

void repair_set_activity(struct repair *, enum repair_activity);

#endif
