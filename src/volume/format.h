/* Persistent layout of a volume (docs/FORMAT.md, "Volume"). All integers little-endian. Every offset is a multiple of 4096.
 *
 *   0          superblock copy 0            (SUPERBLOCK_SIZE)
 *   512 KiB    superblock copy 1
 *   768 KiB    heartbeat block              (4096)
 *   772 KiB    probe block                  (4096): written and read to see whether the volume answers; means nothing
 *   1 MiB      chunk 0, chunk 1, …          (chunk_size each; chunk_count of them)
 *   end        superblock copy 2: the last SUPERBLOCK_SIZE bytes of the volume, rounded down to 4096
 */
#ifndef VOLUME_FORMAT_H
#define VOLUME_FORMAT_H

#include <stdint.h>

#include "base/uuid.h"

#define BLOCK_SIZE 4096u
#define SUPERBLOCK_SIZE (64u << 10)
#define SUPERBLOCK_COPIES 3
#define SUPERBLOCK_COPY1_OFF (512u << 10)
#define HEARTBEAT_OFF (768u << 10)
#define PROBE_OFF (772u << 10)
#define CHUNKS_OFF (1u << 20)
#define VOLUMES_MAX 64       /* members of a store, removed ones included until their slot is reused */
#define DATA_MAX 16          /* k */
#define PARITY_MAX 4         /* m */
#define SLOTS_MAX (DATA_MAX + PARITY_MAX)
#define CHUNK_SIZE_MIN (4u << 20)
#define CHUNK_SIZE_MAX (64u << 20)
#define VOLUME_SIZE_MIN (128u << 20)
#define CHUNK_HEADER_SIZE 4096u /* first block of every chunk; data begins behind it */
#define LABEL_SIZE 32        /* failure domain, NUL-padded */
#define META_CHUNKS_MAX 8192 /* metadata chunks one volume can list in its superblock */

/* Format flags: a reader that does not know an incompatible bit refuses; a read-only one opens read-only. */
#define FORMAT_INCOMPATIBLE_KNOWN 0ull
#define FORMAT_READ_ONLY_COMPATIBLE_KNOWN 0ull

enum volume_state {
    VOLUME_FREE = 0,     /* the slot of the member table is unused */
    VOLUME_IN = 1,       /* in service */
    VOLUME_OUT = 2,      /* not written to: missing, failed, slow or behind. Counts as bad */
    VOLUME_DRAINING = 3, /* in service, takes no new chunks; its chunks move away */
    VOLUME_OFFLINE = 4,  /* put out by the operator; stays out until told */
};

enum mirror_state {
    MIRROR_NONE = 0,
    MIRROR_CURRENT = 1,   /* holds every acknowledged commit of this generation */
    MIRROR_LEVELLING = 2, /* written to, but still being brought level; not read, does not count */
};

#endif
