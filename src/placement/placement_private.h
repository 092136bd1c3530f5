/* What the files of placement/ share: the struct behind placement.h. Not for other folders.
 *
 * Life of a chunk:   FREE -> PLANNED (plan_*) -> USED (load_group, move_slot) -> FREE, by way of PARKED while a write to it is
 *                    in flight (chunk_space.c). META: of the metadata space.
 * Life of a group:   loaded -> open (has a block bitmap, gives out space) -> loaded (full, or its bitmap made room).
 * Life of a block:   free -> reserved (bitmap) -> committed -> freed; freed waits for pins (pins.c) and for holds: late writes.
 *
 * Everything here is under placement.lock, except what says otherwise. */
#ifndef PLACEMENT_PLACEMENT_PRIVATE_H
#define PLACEMENT_PLACEMENT_PRIVATE_H

#include <pthread.h>

#include "placement/group_space.h"
#include "placement/placement.h"
#include "placement/volume_health.h"

#define OPEN_GROUPS_MAX 128     /* with a bitmap in memory */
#define PARALLEL_GROUPS_MAX 8   /* new extents spread over this many */
#define RUN_WORTHWHILE 16       /* blocks: shorter runs are used only when nothing else is left */
#define PIN_BUCKETS 4096
#define FREED_REMEMBERED 16384

enum chunk_state { CHUNK_FREE, CHUNK_PLANNED, CHUNK_USED, CHUNK_META, CHUNK_PARKED };

/* The chunks of one volume. */
struct chunk_space {
    struct uuid uuid;
    uint32_t count, free_count, meta_count;
    uint32_t cursor;
    uint8_t *state;    /* enum chunk_state */
    uint32_t *writes;  /* in flight */
};

struct group_entry {
    struct group group;
    struct group_space *space; /* NULL: not open */
    uint32_t reserved;         /* blocks handed out and not committed */
    uint32_t longest;          /* while not open: no free run is longer */
    uint32_t index;            /* in placement.groups */
    struct group_entry *hash_next;
};

struct block_range { int64_t group_id; uint32_t block, count; };

/* Space that a moved extent had. */
struct moved_range { struct block_range range; struct moved_range *next; };

/* An extent somebody reads. */
struct pin {
    int64_t extent_id;
    uint32_t count;
    bool freed;                /* its row is gone: the range is free once count is 0 */
    struct block_range range;
    struct moved_range *moved; /* free once count is 0; the row is elsewhere */
    struct pin *next;
};

/* Blocks to which a late write may still come. Intrusive: lies in the owner of that write. */
struct placement_hold {
    struct block_range range;
    struct block_range freed;  /* count 0, or what is free when no hold overlaps it any more */
    bool freed_committed;      /* freed by a commit (free_blocks counts it), or only reserved */
    struct placement_hold *next;
};

struct want_state { bool raised, taken; };

struct placement {
    pthread_mutex_t lock;
    struct store *store;
    uint32_t blocks_per_chunk;
    struct chunk_space chunks[VOLUMES_MAX];
    struct volume_health health[VOLUMES_MAX]; /* atomic; not under the lock */

    struct group_entry **groups;
    uint32_t group_count, group_capacity;
    struct group_entry **buckets;
    uint32_t bucket_count;
    struct group_entry *open[OPEN_GROUPS_MAX];
    uint32_t open_count, rotor, slot_rotor;

    struct pin *pins[PIN_BUCKETS];
    struct pin *pin_spares;
    struct placement_hold *holds;
    int64_t freed[FREED_REMEMBERED]; /* by hash of the extent's id: the last one freed */

    struct want_state want_new, want_load;
    int64_t want_load_id;
    int fail_err;
    uint32_t fail_count;  /* how many reserves get fail_err yet */
    bool want_failed;     /* nothing is wanted in advance until something changed */
    struct placement_waiter *waiters, **waiters_tail;

    /* Done by placement_unlock, after the lock. */
    bool notify_due;
    struct placement_waiter *wake;
    void (*notify)(void *);
    void *notify_arg;
};

/* placement.c */
void placement_lock(struct placement *);
void placement_unlock(struct placement *); /* then wakes waiters and notifies */
struct group_entry *placement_find(struct placement *, int64_t group_id);
void placement_shut(struct placement *, struct group_entry *); /* drops the bitmap; nothing may be reserved */
static inline struct volume *placement_volume(struct placement *p, uint32_t index) { return &p->store->volumes[index]; }

/* chunk_space.c */
int chunk_space_sync(struct placement *) MUST_CHECK; /* takes over volumes added, grown or gone */
bool chunk_space_take(struct placement *, uint32_t volume_index, enum chunk_state, uint32_t *ret_chunk);
/* FREE or PLANNED becomes USED; ERR_CORRUPT otherwise. */
int chunk_space_use(struct placement *, struct group_slot) MUST_CHECK;
void chunk_space_give(struct placement *, struct group_slot);
uint32_t chunk_space_reserve(const struct chunk_space *); /* chunks kept for repair and metadata */

/* group_plan.c */
struct plan_volume { uint32_t volume_index, available, domain; };
/* Volumes a new group may use now (full ones included), with their free chunks above the reserve. */
uint32_t group_plan_volumes(struct placement *, bool use_reserve, struct plan_volume volumes[VOLUMES_MAX]);
/* Greedy: the widest data_count' up to data_count with parity_count, most available first, domains apart while there are
 * enough. Returns data_count', 0 when there are too few; chosen: indices into volumes, data_count' + parity_count of them. */
uint32_t group_plan_choose(const struct plan_volume *volumes, uint32_t count, uint32_t data_count, uint32_t parity_count,
                           uint32_t chosen[SLOTS_MAX]);

/* want.c */
void want_new_group(struct placement *);
void want_load_group(struct placement *, int64_t group_id);
void want_load_gone(struct placement *, int64_t group_id); /* the group was removed */
bool want_outstanding(const struct placement *);
void want_wake_all(struct placement *);

/* pins.c */
bool pin_defer(struct placement *, const struct extent *); /* true: pinned; the last unpin frees it */
bool pin_defer_moved(struct placement *, const struct extent *);
bool hold_defer(struct placement *, struct block_range, bool committed); /* true: held; the last unhold frees it */
/* Marks what pins and holds keep from being free, while a group is being opened. */
int pins_mark(struct placement *, int64_t group_id, struct group_space *) MUST_CHECK;

/* allocator.c */
void allocator_free_range(struct placement *, struct block_range, bool committed);
/* Volumes that new extents may use: in service and not suspect; suspect ones too when there would be too few without. */
uint64_t allocator_volumes(struct placement *, uint32_t *ret_count);
bool allocator_usable(const struct group_entry *, uint64_t volumes);

/* For the writer, reader and repair of this folder; these take the lock themselves. */

/* Counts a write in flight to each slot of the mask, unless the slot has moved since the caller copied the group: the
 * result is the mask of slots that may be written. placement_writes_end for each of them. planned (may be NULL): a chunk
 * the caller has planned for a slot, which may be written before the group shows it. */
uint32_t placement_writes_begin(struct placement *, const struct group *, uint32_t mask, const struct group_slot *planned);
void placement_writes_end(struct placement *, const struct group *, uint32_t mask);
/* Keeps blocks from reuse until placement_unhold. */
void placement_hold_range(struct placement *, struct placement_hold *, struct block_range);
void placement_unhold(struct placement *, struct placement_hold *);
/* Gives back what a reservation has behind its first block_count blocks. */
void placement_trim(struct placement *, const struct extent *, uint32_t block_count);

#endif
