/* Reads and checks every unit of every extent, in order of their ids, mending what is wrong. Its cursor is saved now and
 * then, so that a restart goes on. Extents written while it runs have higher ids and are checked too, to the end. */
#include "repair/repair_private.h"

#include "base/container.h"
#include "base/log.h"

#define CURSOR "scrub"

struct cursor_read { struct meta_read read; int64_t position, total; bool there, answered; };

static int run_cursor_get(struct meta_tx *tx, struct meta_read *read)
{
    struct cursor_read *c = container_of(read, struct cursor_read, read);
    int err = cursor_get(tx, CURSOR, &c->position, &c->total);
    c->there = err == 0;
    return err == ERR_NOT_FOUND ? 0 : err;
}

static void cursor_done(struct meta_read *read)
{
    container_of(read, struct cursor_read, read)->answered = true;
}

struct cursor_write { struct repair_write call; int64_t position, total; bool remove; };

static int run_cursor_set(struct meta_tx *tx, struct meta_write *write)
{
    struct cursor_write *c = container_of(write, struct cursor_write, call.write);
    if (!c->remove)
        return cursor_set(tx, CURSOR, c->position, c->total);
    int err = cursor_delete(tx, CURSOR);
    return err == ERR_NOT_FOUND ? 0 : err;
}

static int save_cursor(struct repair *r, bool remove)
{
    struct cursor_write c = {.call.write.run = run_cursor_set, .position = r->status.scrub_position,
                             .total = (int64_t)r->status.scrub_extents, .remove = remove};
    int err = repair_write(r, &c.call);
    if (!err)
        r->scrub_unsaved = 0;
    return err;
}

/* A scrub that a restart interrupted goes on. */
static int load_cursor(struct repair *r)
{
    struct cursor_read c = {.read = {.run = run_cursor_get, .done = cursor_done, .loop = r->loop}};
    meta_read(r->meta, &c.read);
    repair_wait(r, &c.answered);
    if (c.read.err)
        return c.read.err;
    r->scrub_loaded = true;
    if (c.there) {
        pthread_mutex_lock(&r->lock);
        r->status.scrub_running = true;
        r->status.scrub_position = c.position;
        r->status.scrub_extents = (uint64_t)c.total;
        pthread_mutex_unlock(&r->lock);
    }
    return 0;
}

static int begin_scrub(struct repair *r)
{
    pthread_mutex_lock(&r->lock);
    r->status.scrub_running = true;
    r->status.scrub_position = 0;
    r->status.scrub_extents = r->status.scrub_bad = r->status.scrub_still_bad = 0;
    pthread_mutex_unlock(&r->lock);
    return save_cursor(r, false);
}

static int end_scrub(struct repair *r, bool finished)
{
    int err = save_cursor(r, true);
    if (err)
        return err;
    pthread_mutex_lock(&r->lock);
    r->status.scrub_running = false;
    r->status.scrubs_finished += finished;
    pthread_mutex_unlock(&r->lock);
    if (finished)
        log_notice("scrub finished: %llu extents, %llu with damage, %llu of them not mended",
                   (unsigned long long)r->status.scrub_extents, (unsigned long long)r->status.scrub_bad,
                   (unsigned long long)r->status.scrub_still_bad);
    return 0;
}

static int scrub_extent(struct repair *r, const struct extent *extent)
{
    struct extent_repair how = {.extent = extent, .all = true};
    int lost = repair_extent(r, &how);
    uint32_t found = how.bad & ~extent->missing;
    /* What is mended is not missing any more; what could not be written where it belongs is rebuilt elsewhere. */
    uint32_t missing = (extent->missing & ~(how.bad & ~how.still_bad)) | (lost ? 0 : how.still_bad);
    int err = missing != extent->missing ? repair_set_missing(r, extent->id, missing) : 0;
    pthread_mutex_lock(&r->lock);
    r->status.scrub_position = extent->id;
    r->status.scrub_extents++;
    r->status.scrub_bad += found != 0 || lost != 0;
    r->status.scrub_still_bad += (found & how.still_bad) != 0 || lost != 0;
    pthread_mutex_unlock(&r->lock);
    return err ? err : lost;
}

int scrub_step(struct repair *r, bool *ret_worked)
{
    *ret_worked = false;
    int err = r->scrub_loaded ? 0 : load_cursor(r);
    if (err)
        return err;
    if (atomic_exchange(&r->scrub_stop, false) && r->status.scrub_running)
        return end_scrub(r, false);
    if (atomic_exchange(&r->scrub_wanted, false) && !r->status.scrub_running)
        err = begin_scrub(r);
    if (err || !r->status.scrub_running)
        return err;
    repair_set_activity(r, REPAIR_SCRUBBING);
    *ret_worked = true;
    struct repair_find f = {.after = r->status.scrub_position};
    err = repair_find(r, &f);
    if (err)
        return err;
    if (!f.found)
        return end_scrub(r, true);
    err = scrub_extent(r, &f.extent);
    repair_find_drop(&f);
    if (++r->scrub_unsaved >= REPAIR_CURSOR_EVERY) {
        int save_err = save_cursor(r, false);
        err = err ? err : save_err;
    }
    return err;
}
