/* Reads a range of an extent: only the units it touches, each checked against its CRC, rebuilt from parity where a volume
 * is missing, failing, slow (hedged) or rotten, and written back where it was rotten.
 *
 * Asynchronous, on the caller's loop. One reader reads one window (at most EXTENT_WINDOW_MAX bytes) at a time. */
#ifndef PLACEMENT_EXTENT_READER_H
#define PLACEMENT_EXTENT_READER_H

#include "base/buffer.h"
#include "placement/placement.h"
#include "base/text.h"

#define EXTENT_WINDOW_MAX (1u << 20)
#define EXTENT_SPANS_MAX 32

struct extent_read {
    /* in */
    const struct extent *extent; /* stays valid until done; the caller holds the pin */
    uint64_t off;                /* within the extent's user data */
    uint32_t len;                /* 1..EXTENT_WINDOW_MAX, off + len <= extent->len */
    void (*done)(struct extent_read *);
    /* out, when done */
    int err;                     /* 0; ERR_CORRUPT, ERR_IO: more than m slots of a stripe cannot be had; ERR_NO_MEMORY */
    uint32_t span_count;
    struct slice spans[EXTENT_SPANS_MAX]; /* the bytes in order; valid until extent_read_release */
    void *state;                 /* private */
    struct loop *loop;           /* private */
    struct task task;            /* private */
};

/* Starts; done runs later from the loop. Waits for buffers in turn. */
void extent_read_start(struct placement *, struct loop *, struct buffer_pool *, struct extent_read *);
/* Gives the buffers back (those of reads that hang when they return). After done, whatever err; the extent and its pin are
 * not needed any more then. */
void extent_read_release(struct extent_read *);

/* For scrub and heal: checks every unit of the extent in every slot (all = true) or only rebuilds those marked missing;
 * rewrites the wrong or missing ones from the others to the slots' present places, flushes, reads back. bad: slots that were
 * wrong or missing; still_bad after: those that could not be mended (bits of bad). Asynchronous; done as above with err: 0 when
 * everything could be read or rebuilt, whether or not it could be written; ERR_CORRUPT or ERR_IO when some stripe has fewer than
 * k good slots. Slots on volumes out of service are neither read nor written, except those in include_volumes.
 * The extent is pinned inside for as long as any of its writes is out. */
struct extent_repair {
    const struct extent *extent;
    bool all;
    void (*done)(struct extent_repair *);
    int err;
    uint32_t bad, still_bad;      /* bit per slot */
    uint64_t bytes_read, bytes_written;
    void *state;
    /* When not NULL: slot rebuild_slot is written to this chunk (planned by placement_plan_slot) instead, whole (moving or
     * replacing a slot); from its old place if that is sound, else from the others. all is ignored. */
    const struct group_slot *rebuild_to;
    uint32_t rebuild_slot;
    uint64_t include_volumes;     /* bit per volume: out of service, but to be brought level */
    struct task task;             /* private */
};
void extent_repair_start(struct placement *, struct loop *, struct buffer_pool *, struct extent_repair *);

#endif
