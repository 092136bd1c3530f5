/* The metadata store: one SQLite database on the volumes (meta/vfs.h), one writer with group commit, many readers.
 *
 * Writes: a meta_write is queued from any loop; the writer's thread gathers a batch, flushes the volumes its requests wrote
 * data to (the flush of the next batch overlaps the commit of this one), runs each request in a savepoint of one
 * transaction, commits durably on every current mirror, then posts done to each request's loop. A request that fails is
 * rolled back to its savepoint and reported alone; a commit that fails is reported to all.
 * Reads: a meta_read is run at once on the calling loop's own connection if every page it needs is in the page cache, else on
 * a reader thread that may wait for a device. It sees one snapshot, durable rows only.
 * Lock order: none is held across calls out of this module. */
#ifndef META_META_H
#define META_META_H

#include "base/seal.h"
#include "placement/mirror.h"
#include "placement/placement.h"

struct meta;
struct meta_tx; /* an open read or write transaction, given to run; tables take it as their first parameter */

struct meta_read {
    /* Runs inside the transaction, perhaps twice (first on the page cache alone): sets outputs afresh each time, passes on
     * ERR_WOULD_BLOCK as it got it. On another thread than the owner's: touches only this request. */
    int (*run)(struct meta_tx *, struct meta_read *);
    void (*done)(struct meta_read *); /* on loop */
    struct loop *loop;
    int err;                          /* what run returned */
    struct task task;                 /* private */
    struct meta_read *next;           /* private */
};

struct meta_write {
    /* Runs in the writer's thread inside a savepoint; perhaps again in a later transaction if the batch had to be redone:
     * sets outputs afresh each time. */
    int (*run)(struct meta_tx *, struct meta_write *);
    void (*done)(struct meta_write *); /* on loop; err 0 means durable */
    struct loop *loop;
    uint64_t flush_volumes;            /* bit per volume that holds data of this request not yet flushed */
    int err;
    /* With an err: the commit failed half-way and recovery decides whether it counts. Extents it added or freed must then
     * neither be released nor written to; the store writes nothing more until it is opened again. */
    bool uncertain;
    struct task task;                  /* private */
    struct meta_write *next;           /* private */
};

void meta_read(struct meta *, struct meta_read *);
/* A counter that changes with every change of a bucket; 0 while one is being committed. What was read from buckets while it was
 * the same before and after is as they are until it changes. Any thread. */
uint64_t meta_bucket_epoch(const struct meta *);
uint64_t meta_identity_epoch(const struct meta *); /* the same of accounts, access keys, users, roles and their policies */
/* May answer ERR_OVERLOAD (queue bound), ERR_READ_ONLY, ERR_SHUTDOWN through done. */
void meta_write(struct meta *, struct meta_write *);

uint64_t meta_tx_read_epoch(const struct meta_tx *); /* the one that the read began with */

/* In run of a write: */
/* A unique, ever-growing number: microseconds since 1970, pushed on when the wall clock stands or jumps back. Ids of
 * contents, extents, versions' ranks and uploads come from it; it never repeats, not even after a crash. */
uint64_t meta_tx_clock(struct meta_tx *);
/* Bit per volume whose flush for this batch failed or was late: shards there count as missing. */
uint64_t meta_tx_failed_volumes(struct meta_tx *);
struct meta *meta_tx_meta(struct meta_tx *);
/* Whether this request has changed as much as one transaction should (*ret). What it has left to do then is for another: one
 * request that changes more than a commit can hold fails with ERR_COMMIT_TOO_LARGE. */
int meta_tx_full(struct meta_tx *, bool *ret) MUST_CHECK;
/* The extent's space is free once this transaction is durable (called by meta/extent.c). */
int meta_tx_freed(struct meta_tx *, const struct extent *) MUST_CHECK;
/* The same, of an extent whose row names another place now. */
int meta_tx_moved(struct meta_tx *, const struct extent *) MUST_CHECK;
/* The extent's row was inserted, or names that space now: placement_commit() once durable, nothing otherwise. */
int meta_tx_added(struct meta_tx *, const struct extent *) MUST_CHECK;

struct meta_options {
    uint64_t page_cache_size;   /* bytes; 0: default */
    uint32_t reader_count;      /* threads; 0: none (all reads run on the caller: simulator and offline tools) */
    /* Makes the loop of a metadata thread (writer, checkpoint, reader); in the simulator, simulated ones. */
    struct loop *(*new_loop)(void *arg, const char *name);
    void *new_loop_arg;
    bool threads;               /* false: the simulator steps writer, readers and checkpoint itself: meta_step() */
    bool read_only;
    /* Members that are missing are looked for here while the store runs; NULL: nowhere. Outlive the store. */
    const char *const *volume_paths;
    uint32_t volume_path_count;
    uint64_t return_delay_us;   /* a volume that was out is well for so long before it comes back; 0: default */
    uint64_t mirror_delay_us;   /* a mirror is out for so long before another volume takes its place; 0: default */
};

/* Makes an empty database on a freshly formatted store, with schema, root settings and the first user. */
int meta_format(struct store *, struct loop *, struct store_message *) MUST_CHECK;

/* Recovers (highest generation and sequence, mirrors levelled), loads groups into placement, starts the threads. */
int meta_open(struct store *, struct placement *, const struct meta_options *, struct loop *, struct meta **ret,
              struct store_message *) MUST_CHECK;
/* Finishes queued writes, checkpoints, stops the threads. */
void meta_close(struct meta *);
/* A connection for reads on the page cache alone must exist per calling loop: made here, once per reactor, before use. */
int meta_attach_loop(struct meta *, struct loop *) MUST_CHECK;
void meta_detach_loop(struct meta *, struct loop *);

/* Without threads: runs one pending step (a write batch, a checkpoint, a want of placement, a membership change). False
 * when there was nothing to do. */
bool meta_step(struct meta *);

struct store *meta_store(struct meta *);
struct placement *meta_placement(struct meta *);
/* Writes would succeed now. */
bool meta_writable(struct meta *);

/* Runs fn on the writer's thread between batches (membership changes, growth); synchronous for the caller's done. */
struct meta_exclusive {
    int (*run)(struct meta *, struct loop *writer_loop, struct meta_exclusive *);
    void (*done)(struct meta_exclusive *);
    struct loop *loop;
    int err;
    struct task task;
    struct meta_exclusive *next;
};
void meta_exclusive(struct meta *, struct meta_exclusive *);

struct meta_status {
    uint64_t commit_sequence, checkpoint_sequence;
    uint64_t database_size, space_size, log_used, log_size;
    uint64_t cache_size, cache_used, cache_hits, cache_misses;
    uint64_t write_queue, commits, rows_written, log_bytes, checkpoint_bytes;
};
void meta_status(struct meta *, struct meta_status *);

#endif
