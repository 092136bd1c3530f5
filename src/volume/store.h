/* A store: the volumes of one Ingot, opened, with the generation in force.
 *
 * Membership (docs/FORMAT.md "Generations"; rules from the fault model):
 *  - A generation is in force once its superblocks are durable on N-m members (N: members not FREE). One that was never in
 *    force is superseded; two in force with different hashes are a fork: store_open refuses.
 *  - The generation is raised, durably, before the first acknowledgement that a missing volume has not seen.
 *  - Only the metadata writer's thread raises it (store_change); any thread may read volume states (atomic).
 */
#ifndef VOLUME_STORE_H
#define VOLUME_STORE_H

#include <stdatomic.h>

#include "base/loop.h"
#include "volume/superblock.h"

struct volume {
    uint32_t index;              /* slot in the member table; also the device's registered index */
    struct uuid uuid;
    _Atomic bool present;        /* opened: device is usable (set after device, before state says so) */
    struct device device;
    _Atomic int state;           /* enum volume_state */
    _Atomic int mirror;          /* enum mirror_state */
    _Atomic uint32_t chunk_count;
    char label[LABEL_SIZE];
    _Atomic uint32_t meta_chunk_count; /* raised by the metadata writer's thread only, once the generation is in force */
    uint32_t *meta_chunks;       /* room for META_CHUNKS_MAX; never moves; entries below the count never change while mirror != NONE */
    _Atomic uint64_t read_latency_us;  /* moving averages, for hedging and ejection */
    _Atomic uint64_t write_latency_us;
    _Atomic uint64_t read_errors, write_errors, corrupt_units, repaired_units;
    _Atomic uint64_t suspect_since_us; /* not 0: the data path asked for it to be put out; the writer decides */
};

struct store {
    struct uuid uuid;
    uint8_t data_count, parity_count;
    uint32_t chunk_size;
    uint32_t log_size;
    _Atomic uint64_t generation;
    _Atomic uint64_t hash;       /* shared hash of the generation */
    uint64_t created_us;
    struct seal_key sealing_key;
    bool sealing_key_here;
    bool read_only;              /* a read-only-compatible flag is unknown, or too few volumes */
    struct volume volumes[VOLUMES_MAX];
    _Atomic uint32_t volume_slots; /* 1 + the highest slot in use */
    struct lease *lease;         /* volume/lease.h; NULL: read-only */
};

struct store_options {
    const char *const *paths;    /* any order */
    uint32_t path_count;
    bool read_only;              /* open without taking the lease; nothing is written */
    const struct seal_key *sealing_key; /* from a credential, or NULL */
    uint32_t lease_ms;           /* 0: default */
    /* For the simulator: devices opened already, instead of paths. */
    struct device *devices;
    uint32_t device_count;
    const struct uuid *boot_id;  /* NULL: the kernel's */
};

/* Where messages for people go: one clear line that names the volume and what to do. */
struct store_message { char text[512]; };

/* With N-m members at hand and fewer than m+1 current mirrors, but one, the store opens with read_only set; with fewer members,
 * but more than m, when the options ask for that (docs/decisions): *message says so then, else it is empty on success. */

/* Opens the volumes, picks the generation in force, takes the lease. Starts with up to m members missing; a member that is
 * not there, or carries an older generation, is raised out of service (VOLUME_OUT) before this returns unless read_only.
 * Errors, each with *message filled and nothing written: ERR_FOREIGN (not a volume, or of another store), ERR_CORRUPT,
 * ERR_EXISTS (one volume twice), ERR_QUORUM (too few), ERR_FORK, ERR_STALE (too many old copies), ERR_BUSY (in use here or by another host),
 * ERR_UNSUPPORTED (format flags), ERR_IO, ERR_NO_MEMORY. *ret: free with store_close. */
int store_open(const struct store_options *, struct loop *, struct store **ret, struct store_message *) MUST_CHECK;

/* Gives up the lease (if clean) and closes the devices. */
void store_close(struct store *, struct loop *);

struct store_format {
    const char *const *paths;
    uint32_t path_count;
    uint8_t data_count, parity_count;
    const char *const *labels;   /* per path, or NULL */
    uint32_t chunk_size;         /* 0: chosen by the smallest volume */
    bool force;                  /* overwrite what libblkid or a non-zero head or tail shows */
    const struct seal_key *sealing_key;
    struct device *devices;      /* for the simulator */
    uint32_t device_count;
    const struct uuid *boot_id;  /* NULL: the kernel's */
    void (*progress)(void *arg, uint32_t done, uint32_t total);
    void *progress_arg;
};

/* Writes superblocks for a new store (generation 1, in force, every volume IN, the first min(N, 2m+1) volumes mirrors with
 * enough metadata chunks for an empty log and the first pages; see placement/mirror.h). The caller then makes the database.
 * Errors as store_open, with *message; on error nothing was written unless the error is ERR_IO. */
int store_format(const struct store_format *, struct loop *, struct store **ret, struct store_message *) MUST_CHECK;

/* A change of membership: applied to a copy of the member table, written in two rounds with a flush between to every
 * reachable member, in force when N-m have it; then *store shows it. Metadata writer's thread only (or before threads).
 * ERR_QUORUM: not in force; the store must stop acknowledging. Volumes that fail the write are put OUT in the same call
 * (it goes round until the table it wrote is true). */
struct store_change {
    uint32_t count;
    struct { uint32_t index; enum volume_state state; enum mirror_state mirror; } set[VOLUMES_MAX];
};
int store_change(struct store *, struct loop *, const struct store_change *) MUST_CHECK;

/* Appends chunks to the metadata space: chunk numbers per mirror volume, all of one count; durable when this returns. */
int store_add_meta_chunks(struct store *, struct loop *, const uint32_t chunks[VOLUMES_MAX]) MUST_CHECK;

/* Gives one volume that is no mirror (MIRROR_NONE) a whole list of metadata chunks, as long as the other mirrors', before it
 * becomes LEVELLING; durable when this returns. ERR_BUSY: it is a mirror. Writer's thread. */
int store_set_meta_chunks(struct store *, struct loop *, uint32_t index, const uint32_t *chunks, uint32_t count) MUST_CHECK;

/* Adds a volume (must not be in use; formatted here) to a running store: its slot number. Chunks
 * are moved to it by repair/. */
int store_add_volume(struct store *, struct loop *, const char *path, const char *label, bool force, uint32_t *ret_index,
                     struct store_message *) MUST_CHECK;

/* Opens a member that was missing (it came back under any path). ERR_FOREIGN, ERR_BUSY, ERR_EXISTS as store_open.
 * The volume stays OUT until repair/ has brought it level and calls store_change. */
int store_attach(struct store *, struct loop *, const char *path, uint32_t *ret_index, struct store_message *) MUST_CHECK;

/* Asks a member that is present but out of service again, after it failed or hung: its superblocks can be read. It stays out of
 * service, and is written to again from the next change on. ERR_EXISTS: it is in service. Writer's thread. */
int store_revive(struct store *, struct loop *, uint32_t index, struct store_message *) MUST_CHECK;

/* The same for devices opened already (the simulator's); the device is the store's from then on, or closed. */
int store_add_device(struct store *, struct loop *, struct device *, const char *label, bool force, uint32_t *ret_index,
                     struct store_message *) MUST_CHECK;
int store_attach_device(struct store *, struct loop *, struct device *, uint32_t *ret_index, struct store_message *) MUST_CHECK;

/* Takes the device's grown size: moves the end superblock, raises chunk_count. Writer's thread. */
int store_grow_volume(struct store *, struct loop *, uint32_t index, struct store_message *) MUST_CHECK;

/* Forgets a drained or replaced member (DRAINING, OUT or OFFLINE, no mirror: else ERR_BUSY). Its device stays open until the
 * store is closed, since other threads may still use it. Writer's thread. */
int store_remove_volume(struct store *, struct loop *, uint32_t index, struct store_message *) MUST_CHECK;

/* False once the lease may have ended: nothing may be acknowledged any more. Any thread, no I/O. */
bool store_lease_held(struct store *, uint64_t now_us);
/* Renews the heartbeat; called every lease/4 by the server. ERR_ACCESS: another host took the store: stop. */
int store_lease_renew(struct store *, struct loop *) MUST_CHECK;

static inline bool volume_writable(const struct volume *v)
{
    int state = atomic_load_explicit(&v->state, memory_order_acquire);
    return v->present && (state == VOLUME_IN || state == VOLUME_DRAINING);
}
static inline bool volume_takes_chunks(const struct volume *v)
{
    return v->present && atomic_load_explicit(&v->state, memory_order_acquire) == VOLUME_IN;
}

/* Asks the metadata writer to put a volume out: any thread. */
void volume_suspect(struct volume *, uint64_t now_us);

/* Byte offset on the device of offset off of a chunk (off 0 is the chunk's header). */
static inline uint64_t volume_chunk_off(const struct store *s, uint32_t chunk, uint64_t off)
{
    return CHUNKS_OFF + (uint64_t)chunk * s->chunk_size + off;
}

#endif
