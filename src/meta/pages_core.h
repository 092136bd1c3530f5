/* Inside of pages.h: shared by pages_*.c alone.
 *
 * Invariants (cited in the code as P1…):
 *  P1  A checkpoint goes up to target T, never above the oldest snapshot. So the home of a page with no version in memory that
 *      a snapshot may see does not change while the snapshot lives.
 *  P2  A version newer than its home (dirty) stays in memory until a root that covers it is durable, or a newer version of
 *      the page is durable and no snapshot needs it.
 *  P3  A map block or root is written only to the slot that the newest durable root does not use.
 *  P4  A root whose write failed may be in force: it is written again, unchanged, before anything else of a checkpoint.
 *  P5  A record is written only when all before it are durable on every CURRENT mirror: a valid record behind a hole proves
 *      that something acknowledged was lost.
 *  P6  Log space is used again only after a root that no longer needs it is durable on every CURRENT mirror.
 *
 * lock covers everything below it; it is held for memory work only. The checkpoint slot (slot_taken) is held by whoever may
 * write homes, map blocks and roots. */
#ifndef META_PAGES_CORE_H
#define META_PAGES_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "meta/pages.h"
#include "meta/pages_format.h"

enum queue { QUEUE_NONE, QUEUE_DIRTY, QUEUE_SMALL, QUEUE_MAIN, QUEUE_COUNT };

/* One image of one page. number, crc, sequence and data never change. */
struct page_version {
    uint32_t number, crc;
    uint64_t sequence;
    uint64_t superseded_at;       /* sequence of the next newer version; 0: newest */
    struct page_version *older;        /* of the same page */
    struct page_version *bucket_next;  /* of the newest version only */
    struct page_version *prev, *next;  /* in its queue */
    struct page_version *old_prev, *old_next; /* in the list of superseded versions kept for snapshots */
    bool in_old;
    uint8_t queue;
    uint8_t heat;
    _Atomic uint32_t pins;        /* readers copying from it outside the lock */
    uint8_t data[PAGE_SIZE];
};

/* Where versions lie: mapped for them alone. Among the heap's other blocks, which come and go, they would break it into pieces
 * that fit nothing. What is free is used again, the last one first; it goes back when the store closes. */
struct page_version_block;
struct page_version_pool { pthread_mutex_t lock; struct page_version *free; struct page_version_block *blocks; };

struct page_version_list { struct page_version *head, *tail; uint64_t count; };

struct log_record { uint64_t off, len, span; uint64_t epoch; uint32_t crc, database_pages; };

struct checkpoint_plan;

struct pages {
    struct mirror *mirror;
    struct store *store;
    struct pages_options options;
    uint64_t log_size, record_max;
    void (*notify)(void *);
    void *notify_arg;

    struct page_version_pool pool; /* has a lock of its own, a leaf */

    pthread_mutex_t lock;
    pthread_cond_t slot_free;
    bool slot_taken;
    bool failed;
    _Atomic bool level_stop;
    uint64_t sequence, epoch;
    uint32_t database_pages;
    uint32_t last_crc;            /* of the newest record's header */

    uint64_t log_head, log_used;  /* offset of the next record; bytes of live records and skips */
    bool commit_waits;            /* for room in the log */
    struct log_record *records;   /* ring: live records, first is sequence root.checkpoint_sequence + 1 */
    uint32_t record_first, record_count, record_capacity;

    struct pages_snapshot *oldest, *newest; /* in order of sequence */

    struct page_version **buckets;
    uint32_t bucket_mask;
    struct page_version_list queues[QUEUE_COUNT];
    struct page_version *old_head, *old_tail; /* in order of superseded_at */

    struct root_header root;      /* newest durable one */
    struct map_block **map;
    uint8_t *map_slots;
    uint32_t map_count, map_capacity;
    struct checkpoint_plan *plan; /* its root's write failed (P4) */

    uint64_t hits, misses, log_bytes, checkpoint_bytes, checkpoints, log_wraps;
};

/* CRC of an image: over its number and sequence too, so that the right bytes in the wrong place are wrong. */
uint32_t page_crc(uint32_t number, uint64_t sequence, const void *data);
uint64_t page_map_entry_sequence(const struct map_entry *);

/* --- pages_cache.c, under the lock --- */
int page_cache_init(struct pages *) MUST_CHECK;
void page_cache_fini(struct pages *);
/* Outside the lock too. data NULL: the caller fills it. NULL: no memory. */
struct page_version *page_version_new(struct pages *, uint32_t number, uint64_t sequence, const void *data);
void page_version_free(struct pages *, struct page_version *); /* NULL is fine */
/* The version a snapshot of that sequence sees, if it is in memory. */
struct page_version *page_cache_find(struct pages *, uint32_t number, uint64_t sequence);
/* A commit's version: becomes the newest, dirty. */
void page_cache_add_dirty(struct pages *, struct page_version *);
/* An image read from its home; freed if somebody else was faster. */
void page_cache_add_clean(struct pages *, struct page_version *);
/* Its home has it now. */
void page_cache_make_clean(struct pages *, struct page_version *);
void page_cache_touch(struct page_version *);
void page_cache_evict(struct pages *);
/* Drops superseded versions that no snapshot needs. */
void page_cache_prune(struct pages *);
void pages_snapshot_insert(struct pages *, struct pages_snapshot *);
void pages_snapshot_remove(struct pages *, struct pages_snapshot *);
bool page_is_dirty(struct pages *, uint32_t number, uint64_t sequence); /* a version up to sequence is not yet at home */

/* --- pages_map.c --- */
void pages_root_seal(struct root_header *, struct root_leaf *leaves);
bool pages_root_header_valid(const struct pages *, const struct root_header *);
bool pages_root_valid(const struct pages *, const void *image);
static inline uint64_t pages_root_slot_off(uint64_t root_sequence) { return (root_sequence & 1) * (uint64_t)ROOT_SLOT_SIZE; }
static inline uint32_t pages_root_len(const struct root_header *r) { return (1 + r->leaf_count) * 4096u; }
/* Image of the root in force, with leaves, for levelling and scrubbing: caller frees. The slot is taken. */
int pages_root_image(struct pages *, void **ret, uint32_t *ret_len) MUST_CHECK;
/* One root slot of one mirror: NULL when it holds no valid root, cannot be read, or there is no memory. */
struct root_header *pages_root_read(struct pages *, struct loop *, uint32_t volume_index, uint32_t slot);
/* Makes one mirror's root slots say what want says: want itself in its slot; in the other, unless it holds a valid older root,
 * nothing. *ret_written (or NULL) counts roots rewritten. An err: the mirror cannot be written. */
int pages_root_level(struct pages *, struct loop *, uint32_t volume_index, const struct root_header *want,
                     uint32_t *ret_written) MUST_CHECK;
void page_map_seal(struct map_block *);
uint32_t page_map_crc(const struct map_block *);
int page_map_reserve(struct pages *, uint32_t count) MUST_CHECK; /* room for that many in the arrays */
int page_map_load(struct pages *, struct loop *, const struct root_leaf *) MUST_CHECK;
struct map_entry page_map_get(struct pages *, uint32_t number); /* all 0 beyond the map; under the lock */
uint32_t page_map_blocks_for(uint32_t database_pages);

/* --- pages_log.c --- */
uint32_t page_log_header_crc(const struct log_header *, uint32_t header_len);
/* Header blocks of a record, sealed: caller frees. */
struct log_header *page_log_header_new(const struct uuid *store, uint64_t sequence, uint64_t epoch, uint32_t previous_crc,
                                  uint32_t database_pages, const struct log_entry *, uint32_t count);
bool page_log_first_block_plausible(const struct pages *, const void *block, uint64_t off);
int page_log_record_push(struct pages *, const struct log_record *) MUST_CHECK;
struct log_record *page_log_record_at(struct pages *, uint64_t sequence); /* live records only */
void page_log_records_drop(struct pages *, uint64_t up_to_sequence);

/* --- pages_recover.c --- */
int pages_recover(struct pages *, struct loop *, struct store_message *) MUST_CHECK;

/* --- pages_commit.c --- */
/* An empty record, into the reserve if need be: begins an epoch. */
int pages_commit_epoch(struct pages *, struct loop *) MUST_CHECK;

/* --- pages_checkpoint.c --- */
int pages_checkpoint_run(struct pages *, struct loop *, bool writer) MUST_CHECK;
void pages_plan_free(struct pages *, struct checkpoint_plan *);
void pages_slot_take(struct pages *);
void pages_slot_give(struct pages *);

/* --- pages_verify.c: one mirror's copies against what they should be, mended where they are not --- */
/* The pages of one map block. */
int pages_verify_homes(struct pages *, struct loop *, uint32_t volume_index, uint32_t block, struct pages_scrub *) MUST_CHECK;
/* The map blocks and the root. The slot is taken. */
int pages_verify_maps(struct pages *, struct loop *, uint32_t volume_index, struct pages_scrub *) MUST_CHECK;

/* Pages the space holds. */
uint64_t pages_capacity(const struct pages *);

#define CHECKPOINT_DIRTY_MAX (16u << 20)
#define LOG_RESERVE (16u * LOG_BLOCK) /* left for the empty records of recoveries */

#endif
