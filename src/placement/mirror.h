/* The metadata space: a linear space of 4 KiB blocks, a whole copy of it on each mirror volume. Block b lies at the same
 * offset of the space on every mirror; each volume's superblock lists the chunks that make up its copy, in order (the
 * first 4096 bytes of each chunk are its header and are not part of the space).
 *
 * Synchronous, on the caller's own loop (loop_wait): for the metadata threads, not for reactors.
 *
 * Invariant: when a write or flush returns 0, it is done on every volume whose mirror state is CURRENT or LEVELLING; one
 * that failed or passed the deadline was first put out by raising the generation (store_change), which only the metadata
 * writer's thread may do: mirror_write and mirror_flush are for that thread and, while it waits, for the checkpoint.
 * An I/O that never returns keeps its own copy of the data. */
#ifndef PLACEMENT_MIRROR_H
#define PLACEMENT_MIRROR_H

#include "volume/store.h"

struct mirror;

/* deadline_us: how late a mirror may be before it is put out (see DESIGN: never past the quorum of m+1 CURRENT mirrors). */
int mirror_open(struct store *, uint64_t deadline_us, struct mirror **ret) MUST_CHECK;
void mirror_close(struct mirror *);

/* Bytes of the space now. */
uint64_t mirror_size(const struct mirror *);

struct mirror_range { uint64_t off; const void *data; uint32_t len; }; /* multiples of 4096 */

/* Writes the ranges to every mirror; durable: each as IO_WRITE_DURABLE. ERR_QUORUM below m+1 (then nothing may be
 * acknowledged until the metadata was recovered again); ERR_ACCESS when the lease is lost. */
int mirror_write(struct mirror *, struct loop *, const struct mirror_range *, uint32_t count, bool durable) MUST_CHECK;
int mirror_flush(struct mirror *, struct loop *) MUST_CHECK;

/* The same from another thread than the writer's (the checkpoint): a mirror that fails or is late is marked with
 * volume_suspect() and the answer is ERR_BUSY. Try the whole again once the writer has put it out (mirror_review). */
int mirror_write_aside(struct mirror *, struct loop *, const struct mirror_range *, uint32_t count, bool durable) MUST_CHECK;
int mirror_flush_aside(struct mirror *, struct loop *) MUST_CHECK;

/* Puts out the mirrors that were marked suspect, as far as m+1 CURRENT ones remain. Writer's thread. */
int mirror_review(struct mirror *, struct loop *) MUST_CHECK;

/* Reads into data from the mirror that answers best, hedged to another after its deadline; check (may be NULL) decides
 * whether bytes are right: wrong ones count as corrupt, the next mirror is asked, and the wrong copies are rewritten from
 * the right one (where may_repair: only when no writer can be writing that range). ERR_CORRUPT: all copies read are
 * wrong; ERR_IO: none could be read and none was wrong. Any thread, on its own loop. */
typedef bool mirror_check(void *arg, const void *data);
int mirror_read(struct mirror *, struct loop *, uint64_t off, void *data, uint32_t len, mirror_check *, void *arg,
                bool may_repair) MUST_CHECK;

/* Reads one volume's copy, whatever its state: recovery and levelling. */
int mirror_read_one(struct mirror *, struct loop *, uint32_t volume_index, uint64_t off, void *data, uint32_t len) MUST_CHECK;
/* Writes one volume's copy only: levelling. */
int mirror_write_one(struct mirror *, struct loop *, uint32_t volume_index, const struct mirror_range *, uint32_t count) MUST_CHECK;
int mirror_flush_one(struct mirror *, struct loop *, uint32_t volume_index) MUST_CHECK;

/* Adds at least one chunk to the space on every mirror. The free chunks come from the caller (placement's allocator). */
int mirror_grow(struct mirror *, struct loop *, const uint32_t chunks[VOLUMES_MAX]) MUST_CHECK;

/* Takes up the chunk list that the store has for a volume: before it becomes LEVELLING. Writer's thread. */
int mirror_adopt(struct mirror *, uint32_t volume_index) MUST_CHECK;

/* Reads pieces of len bytes all at once, spread over the CURRENT mirrors that answer fast. For what would be read soon: nothing
 * is checked, repaired or asked for again, and what is late is left; read says which have come. */
#define MIRROR_READ_AHEAD_MAX 64u
struct mirror_piece { uint64_t off; void *data; bool read; };
void mirror_read_ahead(struct mirror *, struct loop *, struct mirror_piece *, uint32_t count, uint32_t len);

/* I/O to that volume that a caller stopped waiting for and that may still land. While not 0 the volume must not come
 * back: a late write could undo a newer one. */
uint32_t mirror_late(const struct mirror *, uint32_t volume_index);

struct store *mirror_store(const struct mirror *);

#endif
