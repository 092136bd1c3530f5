/* The lease: one host at a time writes to a store. A heartbeat block on every volume names the holder and counts.
 * Layout and the argument: docs/FORMAT.md, "Heartbeat".
 *
 * Rules:
 *  - The holder rewrites the blocks every quarter of the lease. A renewal counts when N-m volumes have it, from the
 *    moment its writes were submitted. It stops by itself when the lease ends (store_lease_held).
 *  - A taker reads N-m blocks at least; with N > 2m one of them is a volume the holder renews. Blocks that are
 *    released, never written, or of this boot (the exclusive open has shown that no other process here has them) are
 *    free at once; else all must stand still for the longest lease seen plus one I/O deadline, on the taker's
 *    monotonic clock.
 *  - After blocks of another boot, what was written is read again one I/O deadline later: of two takers one gives
 *    up. */
#ifndef VOLUME_LEASE_H
#define VOLUME_LEASE_H

#include "volume/store.h"

#define LEASE_MS_DEFAULT 10000u
#define LEASE_MS_MIN 1000u
#define LEASE_MS_MAX 60000u

struct heartbeat {
    struct uuid store_uuid, volume_uuid;
    struct uuid holder;
    struct uuid boot_id;
    uint64_t counter;
    uint64_t wall_us;  /* for people only */
    uint32_t lease_ms;
    bool held;         /* false: given up */
};

void heartbeat_encode(const struct heartbeat *, uint8_t block[BLOCK_SIZE]);
/* ERR_NOT_FOUND: all zero. ERR_CORRUPT: anything else that is no heartbeat. */
int heartbeat_decode(const uint8_t block[BLOCK_SIZE], struct heartbeat *ret) MUST_CHECK;

/* Takes the lease on a store whose volumes are open. ERR_BUSY: held elsewhere. ERR_QUORUM: fewer than N-m blocks
 * could be read or written. Both with *message. lease_ms 0: default. boot_id NULL: the kernel's. */
int lease_take(struct store *, struct loop *, uint32_t lease_ms, const struct uuid *boot_id,
               struct store_message *) MUST_CHECK;

/* Writes that it is given up, when it is still held, and frees it. */
void lease_give(struct store *, struct loop *);

#endif
