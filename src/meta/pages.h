/* Pages: the versioned store of 4 KiB database pages on the metadata space (placement/mirror.h).
 *
 * A commit is one log record: header (magic, store uuid, sequence, page count, database size in pages, CRC32C of each page and
 * of the header, CRC of the previous record) and the new images of its pages, written durably to every mirror, then
 * published. Sequences are 64 bits, never reset. The log is a ring; records older than the last checkpoint are dead.
 * A checkpoint writes the newest images no snapshot can still need an older one of to their home places, flushes, writes the
 * changed map blocks (sequence and CRC32C of each home page) to their spare slots, flushes, writes the root durably, and only
 * then lets the log go on past those records. It never stops commits, except when the log is full.
 * Every page read from a device is checked against the map, so lost, misdirected and rotten writes are seen, answered from
 * another mirror, and repaired.
 *
 * Layout and recovery: docs/FORMAT.md "Metadata space". Invariants are numbered there and cited in pages_*.c.
 *
 * Threads: reads from any thread on its own loop; commits from the writer's; checkpoints from one more. One mutex inside,
 * never held across I/O. */
#ifndef META_PAGES_H
#define META_PAGES_H

#include "placement/mirror.h"

#define PAGE_SIZE 4096u

struct pages;

struct pages_options {
    uint64_t cache_size;     /* bytes of pages kept in memory; dirty ones may need more */
    bool read_only;          /* recover in memory only */
    /* Called on the writer's thread when the space must grow: gives one free chunk per mirror volume. */
    int (*take_chunks)(void *arg, uint32_t chunks[VOLUMES_MAX]);
    void *take_chunks_arg;
};

/* An empty database (0 pages) with sequence 1, on a new metadata space. */
int pages_format(struct mirror *, struct store *, struct loop *) MUST_CHECK;

/* Recovers: the mirror with the highest sequence of the generation in force, mirrors levelled, before this returns (unless
 * read_only). ERR_CORRUPT with *message when a committed record is lost on all mirrors. */
int pages_open(struct mirror *, struct store *, const struct pages_options *, struct loop *, struct pages **ret,
               struct store_message *) MUST_CHECK;
void pages_close(struct pages *); /* does not checkpoint */

/* A snapshot: the newest durable state when taken. */
struct pages_snapshot { uint64_t sequence; uint32_t page_count; struct pages_snapshot *prev, *next; };
void pages_snapshot_begin(struct pages *, struct pages_snapshot *);
void pages_snapshot_end(struct pages *, struct pages_snapshot *);
/* The newest durable sequence, and that of the oldest snapshot (the newest durable one when there is none). */
uint64_t pages_sequence(struct pages *);
uint64_t pages_oldest(struct pages *);

/* Copies [off, off+len) of page number (from 1) as of the snapshot. ERR_WOULD_BLOCK: cache_only and not in the cache. */
int pages_read(struct pages *, struct loop *, const struct pages_snapshot *, uint32_t number, uint32_t off, void *data,
               uint32_t len, bool cache_only) MUST_CHECK;

/* Reads those of the pages that are not in the cache into it, all at once; nothing when the first one is there. What cannot
 * be had this way is left to pages_read. count: 64 at most. */
void pages_read_ahead(struct pages *, struct loop *, const struct pages_snapshot *, const uint32_t *numbers, uint32_t count);

struct page_image { uint32_t number; const void *data; };
/* Commits; when it returns 0 the pages are durable and published as *ret_sequence. Writer's thread. After any failure every
 * later commit fails with ERR_READ_ONLY until pages_open: what reached the mirrors is decided by recovery. ERR_NO_SPACE is the
 * exception, and so are ERR_COMMIT_TOO_LARGE (pages_record_max), ERR_NO_MEMORY and ERR_BUSY (an old snapshot keeps the log
 * full): nothing was written, the store goes on. */
int pages_commit(struct pages *, struct loop *, const struct page_image *, uint32_t count, uint32_t database_pages,
                 uint64_t *ret_sequence) MUST_CHECK;

/* Most pages one commit can hold. */
uint32_t pages_record_max(const struct pages *);

/* True when enough is dirty that a checkpoint is worth its while. */
bool pages_checkpoint_due(struct pages *);
/* True when snapshots should end: a commit waits for room in the log, or soon will. */
bool pages_pressed(struct pages *);
/* Waits a moment for snapshots older than the newest commit, then goes as far as the oldest one lets it. ERR_BUSY: a mirror
 * failed and is marked suspect; again once the writer has put it out. Any thread but the writer's. */
int pages_checkpoint(struct pages *, struct loop *) MUST_CHECK;
/* The same on the writer's thread: puts failing mirrors out itself. */
int pages_checkpoint_writer(struct pages *, struct loop *) MUST_CHECK;
/* Called (any thread) when a checkpoint becomes due. */
void pages_set_notify(struct pages *, void (*notify)(void *), void *arg);

/* Brings one mirror (LEVELLING: already written to by commits and checkpoints) level, reading only what its map says is
 * behind; verified by reading back. progress(arg, done, total) in pages. On 0 the caller makes it CURRENT (store_change). */
int pages_level(struct pages *, struct loop *, uint32_t volume_index, void (*progress)(void *, uint64_t, uint64_t), void *arg) MUST_CHECK;

/* Any thread: levelling ends soon with ERR_CANCELLED, until stop is false again. */
void pages_level_stop(struct pages *, bool stop);

/* Reads every page, map block, root and log record of every mirror and mends what is wrong. */
struct pages_scrub { uint64_t checked, bad, mended; };
int pages_scrub(struct pages *, struct loop *, struct pages_scrub *ret, void (*progress)(void *, uint64_t, uint64_t), void *arg) MUST_CHECK;

struct pages_status {
    uint64_t sequence, checkpoint_sequence, database_pages, space_size, log_size, log_used, cache_size, cache_used, dirty, hits, misses,
        log_bytes, checkpoint_bytes, checkpoints, log_wraps;
};
void pages_status(struct pages *, struct pages_status *);

#endif
