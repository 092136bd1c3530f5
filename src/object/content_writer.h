/* The bytes of one content on their way to the volumes: small ones gathered for the database, others cut into extents.
 *
 * On a reactor's loop. At most two extents are in work: the one being filled and the one before it, finishing.
 * Life: init, put…, finish or abort, done (once), [commit in the transaction], fini. */
#ifndef OBJECT_CONTENT_WRITER_H
#define OBJECT_CONTENT_WRITER_H

#include "object/object.h"
#include "placement/extent_writer.h"

struct content_extent;

struct content_writer {
    struct object_reactor *reactor;
    void (*ready)(void *arg);         /* room again after a put that took less than it was given */
    void (*done)(void *arg, int err); /* after finish or abort, from the loop */
    void *arg;

    uint64_t size_expected;           /* UINT64_MAX: unknown */
    uint64_t size;                    /* taken so far */
    int err;                          /* the first error: what comes after is taken and dropped */
    bool may_inline, ended, waiting, starved;
    struct text inline_bytes;
    struct content_extent *first, *last; /* in order of their bytes */
    uint32_t working;                 /* extents whose writer is not done */
    struct placement_waiter waiter;
    struct task done_task;
    bool done_posted;
};

/* may_inline: contents of up to INLINE_CONTENT_MAX bytes go into the database. */
void content_writer_init(struct content_writer *, struct object_reactor *, uint64_t size_expected, bool may_inline,
                         void (*ready)(void *), void (*done)(void *, int), void *arg);
size_t content_writer_put(struct content_writer *, const void *data, size_t len);
void content_writer_finish(struct content_writer *);
void content_writer_abort(struct content_writer *);

/* After done(0). Bit per volume to flush before the commit. */
uint64_t content_writer_volumes(const struct content_writer *);

/* In the transaction: inserts the extents, segments or inline bytes of content_id; segments from start on, inline bytes are all there
 * are (start 0). Shards on volumes whose flush failed are
 * noted missing; ERR_QUORUM when too few are left. May run again in a later transaction. */
int content_writer_commit(struct content_writer *, struct meta_tx *, int64_t content_id, uint64_t start) MUST_CHECK;

/* After done. keep_space: the rows are durable, or may be; otherwise the space is given back. */
void content_writer_fini(struct content_writer *, bool keep_space);

#endif
