/* Chunk groups and the space in them.
 *
 * A group: slot -> (volume, chunk), data_count + parity_count slots on distinct volumes (distinct failure domains while
 * there are enough of them). Slot i holds row i of the group's code matrix. An extent is one run of blocks, at one offset
 * in every slot of its group, immutable once written.
 *
 * Who knows what: the database holds groups and extents; this module mirrors the groups in memory, knows which chunks and
 * blocks are free, and hands out space. Space handed out is in memory only until its extent's row is committed; after a
 * crash it is simply free. Space of a freed extent is handed out again only when the commit that freed it is durable on
 * every mirror (placement_free is called then), no I/O on it is in flight, and no reader has it pinned.
 *
 * Thread-safe: one lock inside, never held across I/O or calls out. */
#ifndef PLACEMENT_PLACEMENT_H
#define PLACEMENT_PLACEMENT_H

#include "volume/store.h"

struct placement;

struct group_slot { uint32_t volume_index; uint32_t chunk; };

struct group {
    int64_t id;
    uint8_t data_count, parity_count;
    uint8_t matrix;        /* 1: ISA-L Cauchy */
    uint8_t closed;        /* takes no new extents (being emptied, rebuilt or moved) */
    uint32_t free_blocks;  /* per slot, as the database has it */
    struct group_slot slots[SLOTS_MAX];
};

#define EXTENT_LEN_MAX (16u << 20)
#define EXTENT_UNIT_SHIFT 16 /* stripe unit: 64 KiB; the last stripe's is the smallest multiple of 4 KiB that holds it */

/* One extent: a row, and what is needed to read it. crcs: CRC32C of every unit, stripe by stripe, slot by slot:
 * crcs[stripe * (k+m) + slot]; zero-padding of the last stripe is covered. Plain data; crcs owned by whoever made it. */
struct extent {
    int64_t id;           /* 0 until its row exists */
    int64_t group_id;
    uint32_t block;       /* first block in every slot; block 0 is the chunk's header */
    uint32_t block_count; /* per slot */
    uint64_t len;         /* bytes of user data */
    uint8_t unit_shift;
    uint32_t missing;     /* bit per slot: not (yet) there, to be rebuilt */
    uint32_t crc_count;
    uint32_t *crcs;
};

int placement_open(struct store *, struct placement **ret) MUST_CHECK;
void placement_close(struct placement *);
struct store *placement_store(struct placement *);

/* While the database is loaded at start: a group's row; and the chunks it names stop being free. */
int placement_load_group(struct placement *, const struct group *) MUST_CHECK;

/* Space for an extent of len bytes (1..EXTENT_LEN_MAX) of user data: sets group_id, block, block_count, len, unit_shift.
 * len may come back smaller: the caller takes further extents for the rest.
 * ERR_WOULD_BLOCK: a group has to be made or its free space loaded first; a placement_want() will tell. ERR_NO_SPACE.
 * ERR_QUORUM: too few volumes in service for one data and all parity slots. */
int placement_reserve(struct placement *, uint64_t len, struct extent *ret) MUST_CHECK;

/* Gives back reserved space that no row names. No I/O on it may be in flight. */
void placement_release(struct placement *, const struct extent *);

/* Called on a loop when reserve may succeed. Intrusive. */
struct placement_waiter { struct loop *loop; struct task task; struct placement_waiter *next; bool queued; };
void placement_wait(struct placement *, struct placement_waiter *);
void placement_wait_cancel(struct placement *, struct placement_waiter *); /* on its loop; fine when not queued any more */

/* The metadata side serves these wants (meta/, on its writer's thread): what the allocator needs from the database. */
struct placement_want {
    bool new_group;         /* make one: placement_plan_group, headers, row, placement_load_group + placement_open_group */
    int64_t load_group_id;  /* 0, or a group whose extents are to be given by placement_open_group */
};
/* notify(arg) is called (any thread, no lock held) when there is something to take with placement_take_want. */
void placement_set_notify(struct placement *, void (*notify)(void *arg), void *arg);
bool placement_take_want(struct placement *, struct placement_want *ret);

/* Chooses volumes and chunks for a new group (id 0): the widest k' with m, from the volumes with most free chunks, leaving
 * each its reserve. The chunks are taken in memory; placement_drop_group gives them back. */
int placement_plan_group(struct placement *, struct group *ret) MUST_CHECK;
void placement_drop_group(struct placement *, const struct group *);
/* Writes the chunk headers of a planned group (id set), synchronously, flushed. Writer's thread. */
int placement_write_headers(struct placement *, struct loop *, const struct group *) MUST_CHECK;
/* The header of one new chunk, before placement_move_slot. */
int placement_write_slot_header(struct placement *, struct loop *, const struct group *, uint32_t slot,
                                struct group_slot at) MUST_CHECK;

/* Makes a loaded group ready to give out space: its used runs (block, count), in any order. Wakes waiters. */
struct block_run { uint32_t block, count; };
/* ERR_NOT_FOUND: it was removed meanwhile, and is not wanted any more. */
int placement_open_group(struct placement *, int64_t group_id, const struct block_run *used, uint32_t count) MUST_CHECK;
/* A want could not be served: waiters get err from their next reserve. */
void placement_fail_want(struct placement *, int err);

/* Pins: a reader holds the extent's space. Taken inside the read that found the row. ERR_STALE: the row has been deleted
 * since, and the space may be in use again (the last 16384 or so freed extents are remembered): look the object up anew. */
int placement_pin(struct placement *, int64_t extent_id) MUST_CHECK;
void placement_unpin(struct placement *, int64_t extent_id);

/* After the commit that deleted the extent's row is durable. Deferred until unpinned. */
void placement_free(struct placement *, const struct extent *);

/* After the commit that moved the extent is durable: frees the place it had. Deferred until unpinned: some of its readers may
 * have found it there. */
void placement_free_moved(struct placement *, const struct extent *);

/* The extent's row is committed: accounts it (free_blocks of the group). */
void placement_commit(struct placement *, const struct extent *);

/* Copies the group; ERR_NOT_FOUND. Any thread. */
int placement_group(struct placement *, int64_t group_id, struct group *ret) MUST_CHECK;
/* After a commit that moved a slot to another chunk. The old chunk is free afterwards. */
int placement_move_slot(struct placement *, int64_t group_id, uint32_t slot, struct group_slot to) MUST_CHECK;
/* Takes a free chunk for slot of the group, on a volume that is not in it (its domain too, if possible). */
int placement_plan_slot(struct placement *, int64_t group_id, uint32_t slot, bool use_reserve, struct group_slot *ret) MUST_CHECK;
/* New groups need data + parity volumes with free chunks above their reserves. When fewer have some, and another volume has
 * plenty: the fullest volume, and the emptiest, to which slots are to move. False: nothing to gain. */
bool placement_uneven(struct placement *, uint32_t *ret_fullest, uint32_t *ret_emptiest);
void placement_drop_chunk(struct placement *, struct group_slot);
int placement_close_group(struct placement *, int64_t group_id) MUST_CHECK; /* no new extents */
int placement_reopen_group(struct placement *, int64_t group_id) MUST_CHECK; /* after close: takes extents again */
/* Blocks per slot that are handed out and not yet committed: a closed group is still once this is 0. ERR_NOT_FOUND. */
int placement_group_reserved(struct placement *, int64_t group_id, uint32_t *ret_blocks) MUST_CHECK;
/* Closes some group that holds nothing, not even what readers or late writes keep from being free. False: there is none. */
bool placement_close_empty_group(struct placement *, int64_t *ret_group_id);
/* ERR_BUSY while some are reserved. */
int placement_remove_group(struct placement *, int64_t group_id) MUST_CHECK; /* its row is deleted; chunks are free */

/* Volumes went in or out, or were added: open groups are reviewed, wants raised. Any thread. */
void placement_volumes_changed(struct placement *);
/* Chunks for the metadata space, one per mirror (UINT32_MAX for volumes that are none); from the reserve if need be.
 * ERR_NO_SPACE when one has none, ERR_QUORUM when there is no mirror. */
int placement_take_meta_chunks(struct placement *, uint32_t chunks[VOLUMES_MAX]) MUST_CHECK;
/* The same for one volume: count chunks, or none (ERR_NO_SPACE). */
int placement_take_volume_meta_chunks(struct placement *, uint32_t volume_index, uint32_t *chunks, uint32_t count) MUST_CHECK;
/* Metadata chunks that no superblock lists any more, and to which no write is in flight. */
void placement_give_meta_chunks(struct placement *, uint32_t volume_index, const uint32_t *chunks, uint32_t count);

struct capacity {
    uint64_t raw;          /* bytes of all chunks of volumes in service */
    uint64_t usable;       /* user bytes the store can hold in all: used + available */
    uint64_t used;         /* user bytes that allocated blocks stand for */
    uint64_t available;    /* user bytes that can still be written, by simulating the allocator */
    uint32_t can_lose;     /* volumes that may still fail without loss */
    struct { uint32_t free_chunks, used_chunks, meta_chunks; } volumes[VOLUMES_MAX];
};
int placement_capacity(struct placement *, struct capacity *ret) MUST_CHECK;

#endif
