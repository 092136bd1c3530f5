/* What the files of the store share and nobody else sees. */
#ifndef VOLUME_STORE_INSIDE_H
#define VOLUME_STORE_INSIDE_H

#include "base/container.h"
#include "volume/device_io.h"
#include "volume/store.h"

struct store_inside {
    struct store store;
    struct superblock table;          /* of the generation in force: what its members share. Writer's thread */
    uint64_t highest;                 /* no generation at or below this number is ever written again */
    uint64_t in_force;                /* the newest generation known to have been in force */
    bool broken;                      /* a change did not get in force: nothing may be changed any more */
    _Atomic uint32_t quorum;          /* N-m */
    _Atomic bool hung[VOLUMES_MAX];   /* an operation never returned: not asked again, its descriptor never closed */
    bool failed[VOLUMES_MAX];         /* a superblock write failed: not asked again until store_attach */
    uint32_t next_meta_count[VOLUMES_MAX]; /* of the lists that the next generation writes */
};

static inline struct store_inside *store_inside(struct store *s)
{
    return container_of(s, struct store_inside, store);
}

/* True when the volume is there and answers. */
static inline bool store_reachable(struct store_inside *in, uint32_t index)
{
    return atomic_load(&in->store.volumes[index].present) && !atomic_load(&in->hung[index]) && !in->failed[index];
}

/* An empty store around a table: volumes filled from the members, none present, chunk lists allocated. NULL: no
 * memory. */
struct store *store_new(const struct superblock *table);

/* Gives slot index its device and its chunk list. */
void store_place(struct store *, uint32_t index, const struct device *, const uint32_t *meta_chunks, uint32_t count);

/* Raises the generation to one with these members, until the table written is true (store_change). ERR_QUORUM:
 * broken. */
int store_raise(struct store *, struct loop *, const struct member members[VOLUMES_MAX]) MUST_CHECK;

/* The uuid for a new store or volume, from the loop's random numbers. */
struct uuid store_random_uuid(struct loop *);

/* "path (volume UUID)" in words for a message. */
void store_say(struct store_message *, const char *path, const struct uuid *, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

struct superblock_read {
    struct superblock *superblock; /* NULL: none could be read; freed by the caller */
    int err;                       /* why: ERR_FOREIGN, ERR_CORRUPT, ERR_UNSUPPORTED, ERR_IO, ERR_TIMEOUT */
    bool whole;                    /* all copies are there and alike */
    bool hung;                     /* a read never returned */
};

/* Reads the superblocks of all devices at once. 0, ERR_NO_MEMORY, or the loop's error. */
int store_read_superblocks(struct loop *, struct device *const *devices, uint32_t count,
                           struct superblock_read *ret) MUST_CHECK;

/* Free of the heap of a store whose devices were closed or taken away. */
void store_free(struct store *);

#endif
