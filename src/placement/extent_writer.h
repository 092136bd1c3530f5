/* Writes one extent: user bytes in, encoded stripes out to all slots, checksums gathered.
 *
 * On a reactor's thread; asynchronous. Windows of k+m slabs come from the loop's buffer pool: at most two per writer.
 * When done is called with 0, every slot's writes have completed (not yet flushed), or at least k + ceil(m/2) of them have
 * and extent->missing notes the rest (failed, or past the deadline; their volumes were reported as suspect). */
#ifndef PLACEMENT_EXTENT_WRITER_H
#define PLACEMENT_EXTENT_WRITER_H

#include "base/buffer.h"
#include "placement/placement.h"

struct extent_writer;

struct extent_writer_callbacks {
    void (*ready)(void *arg);          /* room again after extent_writer_put took less than it was given */
    void (*done)(void *arg, int err);  /* after extent_writer_finish or _abort: no I/O that could touch its space in the
                                          good path is in flight, except on volumes noted missing */
};

/* extent: reserved (placement_reserve); its crcs are allocated here and belong to the extent. arg goes to the callbacks. */
int extent_writer_new(struct placement *, struct loop *, struct buffer_pool *, struct extent *extent,
                      const struct extent_writer_callbacks *, void *arg, struct extent_writer **ret) MUST_CHECK;

/* Takes up to len bytes, returns how many; fewer means: wait for ready. At most extent->len in all. Once the extent cannot be
 * written any more, bytes are taken and dropped, and done tells why. */
size_t extent_writer_put(struct extent_writer *, const void *data, size_t len);

/* The end: writes what is left; extent->len and block_count become what was put (the unused tail of the reservation is
 * released). Then done, once, from the loop. On any error the whole reservation is released before done, block_count is 0 and
 * no row may name the extent. ERR_IO: too few volumes took it; ERR_INVALID: nothing was put; ERR_NO_MEMORY, ERR_TOO_LARGE. */
void extent_writer_finish(struct extent_writer *);

/* Gives up; done(ERR_CANCELLED) comes when the space can be released safely (within a second, even with a hung volume), and
 * releases it. After finish it is fine as well, until done. */
void extent_writer_abort(struct extent_writer *);

/* After done. */
void extent_writer_free(struct extent_writer *);

/* Bit per volume index this extent was written to (not the missing ones): what the commit must flush first. */
uint64_t extent_writer_volumes(const struct extent_writer *);

#endif
