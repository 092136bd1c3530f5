/* Makes chunks free when a slot has to move and there are none: groups that hold nothing go, and the group of that slot is
 * emptied into the free space of others.
 *
 *   reserve elsewhere -> copy -> one transaction, after a flush: the extent's place, and its checksums -> check every slot
 *
 * An extent keeps its id: segments do not change, and readers that found it at the old place hold that by their pins. It must be
 * whole at the new place, or it stays where it is. The emptied group goes once nothing holds on to its space any more. */
#include "repair/repair_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "placement/extent_writer.h"

#define ROOM_TRIES 100 /* of REPAIR_QUIET_US */

/* --- groups that hold nothing --- */

struct drop { struct repair_write call; int64_t group_id; };

static int found_one(void *arg, const struct extent *extent)
{
    (void)arg, (void)extent;
    return ERR_BUSY;
}

static int run_drop(struct meta_tx *tx, struct meta_write *write)
{
    struct drop *d = container_of(write, struct drop, call.write);
    int err = extent_list_group(tx, d->group_id, 0, found_one, NULL);
    return err ? err : group_delete(tx, d->group_id);
}

static int drop_group(struct repair *r, int64_t group_id)
{
    struct drop d = {.call.write.run = run_drop, .group_id = group_id};
    int err = repair_write(r, &d.call);
    if (!err)
        return placement_remove_group(r->placement, group_id);
    if (d.call.write.uncertain)
        return err; /* it stays closed: recovery decides */
    int reopen_err = placement_reopen_group(r->placement, group_id);
    return reopen_err ? reopen_err : err;
}

/* --- copying an extent --- */

struct copy {
    const struct extent *from;
    struct extent to;
    struct extent_writer *writer;
    bool ready, done;
    int err;
};

static void copy_ready(void *arg) { ((struct copy *)arg)->ready = true; }

static void copy_done(void *arg, int err)
{
    struct copy *c = arg;
    c->err = err;
    c->done = c->ready = true;
}

struct reading { struct extent_read read; bool answered; };
static void read_done(struct extent_read *read) { container_of(read, struct reading, read)->answered = true; }

/* The bytes are taken out of the reader's slabs: the writer waits for some of the same pool. */
static int read_window(struct repair *r, const struct extent *extent, uint64_t off, uint32_t len, uint8_t *bytes)
{
    struct reading x = {.read = {.extent = extent, .off = off, .len = len, .done = read_done}};
    extent_read_start(r->placement, r->loop, r->options.buffers, &x.read);
    repair_wait(r, &x.answered);
    for (uint32_t i = 0; i < x.read.span_count && !x.read.err; i++) {
        memcpy(bytes, x.read.spans[i].data, x.read.spans[i].len);
        bytes += x.read.spans[i].len;
    }
    extent_read_release(&x.read);
    return x.read.err;
}

static void put_bytes(struct repair *r, struct copy *c, const uint8_t *bytes, size_t len)
{
    while (len) {
        c->ready = false;
        size_t taken = extent_writer_put(c->writer, bytes, len);
        bytes += taken;
        len -= taken;
        if (len)
            repair_wait(r, &c->ready);
    }
}

static int copy_bytes(struct repair *r, struct copy *c)
{
    uint8_t *bytes = malloc(EXTENT_WINDOW_MAX);
    int err = bytes ? 0 : ERR_NO_MEMORY;
    for (uint64_t off = 0; off < c->from->len && !err;) {
        uint64_t rest = c->from->len - off;
        uint32_t len = rest < EXTENT_WINDOW_MAX ? (uint32_t)rest : EXTENT_WINDOW_MAX;
        err = atomic_load(&r->stopping) ? ERR_CANCELLED : read_window(r, c->from, off, len, bytes);
        if (!err)
            put_bytes(r, c, bytes, len);
        off += len;
    }
    free(bytes);
    return err;
}

/* Space for the whole extent: segments name it by its id, so that it is not cut. While the metadata takes no writes nobody makes
 * room: not waited for without end. */
static int reserve(struct repair *r, struct copy *c)
{
    int err = ERR_WOULD_BLOCK;
    for (uint32_t i = 0; i < ROOM_TRIES && err == ERR_WOULD_BLOCK && !atomic_load(&r->stopping); i++) {
        if (i != 0) {
            atomic_store(&r->woken, false);
            repair_sleep(r, REPAIR_QUIET_US);
        }
        err = placement_reserve(r->placement, c->from->len, &c->to);
    }
    if (err == ERR_WOULD_BLOCK)
        return atomic_load(&r->stopping) ? ERR_CANCELLED : ERR_BUSY;
    if (!err && c->to.len < c->from->len) {
        placement_release(r->placement, &c->to);
        err = ERR_NO_SPACE;
    }
    return err;
}

/* On failure the reservation is released. */
static int write_copy(struct repair *r, struct copy *c)
{
    static const struct extent_writer_callbacks callbacks = {copy_ready, copy_done};
    int err = extent_writer_new(r->placement, r->loop, r->options.buffers, &c->to, &callbacks, c, &c->writer);
    if (err) {
        placement_release(r->placement, &c->to);
        return err;
    }
    err = copy_bytes(r, c);
    if (err)
        extent_writer_abort(c->writer);
    else
        extent_writer_finish(c->writer);
    repair_wait(r, &c->done);
    if (!err && !c->err && c->to.missing) {
        placement_release(r->placement, &c->to);
        return ERR_IO;
    }
    return err ? err : c->err;
}

/* --- moving it --- */

struct move { struct repair_write call; const struct extent *from, *to; };

static int run_move(struct meta_tx *tx, struct meta_write *write)
{
    const struct move *m = container_of(write, struct move, call.write);
    if (meta_tx_failed_volumes(tx) & write->flush_volumes)
        return ERR_IO;
    return extent_move(tx, m->from, m->to);
}

static int commit_move(struct repair *r, struct copy *c)
{
    c->to.id = c->from->id;
    struct move m = {.call.write = {.run = run_move, .flush_volumes = extent_writer_volumes(c->writer)},
                     .from = c->from, .to = &c->to};
    int err = repair_write(r, &m.call);
    if (err && !m.call.write.uncertain)
        placement_release(r->placement, &c->to);
    return err;
}

static void account(struct repair *r, const struct copy *c)
{
    struct group g;
    int err = placement_group(r->placement, c->to.group_id, &g);
    uint64_t slots = err ? 0 : (uint64_t)g.data_count + g.parity_count;
    pthread_mutex_lock(&r->lock);
    r->status.extents_moved++;
    r->status.bytes_read += c->from->len;
    r->status.bytes_written += slots * c->to.block_count * BLOCK_SIZE;
    pthread_mutex_unlock(&r->lock);
}

/* At its new place, which the row names by now: what is wrong there is mended, or missing. Paces the moves, too. */
static int verify(struct repair *r, const struct extent *extent)
{
    struct extent_repair how = {.extent = extent, .all = true};
    int err = repair_extent(r, &how);
    return !err && how.still_bad ? repair_set_missing(r, extent->id, how.still_bad) : err;
}

static int move_extent(struct repair *r, const struct extent *extent)
{
    struct copy c = {.from = extent};
    int err = reserve(r, &c);
    if (err)
        return err;
    err = write_copy(r, &c);
    if (!err)
        err = commit_move(r, &c);
    if (!err) {
        account(r, &c);
        err = verify(r, &c.to);
    } else if (err == ERR_NOT_FOUND) {
        err = 0; /* deleted meanwhile */
    }
    extent_writer_free(c.writer);
    free(c.to.crcs);
    return err;
}

/* Extents for which there is no room elsewhere stay: ERR_NO_SPACE, after the others have gone. */
static int move_extents(struct repair *r, int64_t group_id)
{
    int result = 0;
    for (uint32_t from = 0;;) {
        struct repair_find f = {.group_id = group_id, .from_block = from};
        int err = repair_find(r, &f);
        if (err || !f.found)
            return err ? err : result;
        err = move_extent(r, &f.extent);
        from = f.extent.block + f.extent.block_count;
        repair_find_drop(&f);
        if (err == ERR_NO_SPACE)
            result = err;
        else if (err)
            return err;
    }
}

int empty_group(struct repair *r, const struct group *g)
{
    int64_t group_id;
    if (placement_close_empty_group(r->placement, &group_id))
        return drop_group(r, group_id);
    int err = placement_close_group(r->placement, g->id);
    if (!err)
        err = repair_wait_until_quiet(r, g->id);
    if (!err)
        err = move_extents(r, g->id);
    /* Its space is free when no snapshot and no reader finds it any more. */
    if (!err)
        repair_sleep(r, REPAIR_QUIET_US);
    int reopen_err = g->closed ? 0 : placement_reopen_group(r->placement, g->id);
    return err ? err : reopen_err;
}
