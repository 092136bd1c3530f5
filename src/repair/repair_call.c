/* The asynchronous calls of meta/ and placement/, waited for on the repair's own loop. */
#include "repair/repair_private.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/log.h"

#define PUMP_US 200u

struct pause { struct timer timer; const bool *done; const struct repair *repair; bool fired; };

static void pause_over(struct timer *timer)
{
    container_of(timer, struct pause, timer)->fired = true;
}

static bool pause_ends(void *arg)
{
    const struct pause *p = arg;
    if (p->fired)
        return true;
    return p->done ? *p->done : atomic_load(&p->repair->stopping) || atomic_load(&p->repair->woken);
}

/* Runs the loop until done, or (done NULL) until woken or stopped; at most us. */
static void run_for(struct repair *r, const bool *done, uint64_t us)
{
    struct pause p = {.timer.fire = pause_over, .done = done, .repair = r};
    loop_timer_set(r->loop, &p.timer, loop_now_us(r->loop) + us);
    int err = loop_run_until(r->loop, pause_ends, &p);
    loop_timer_cancel(r->loop, &p.timer);
    if (err) {
        log_error("repair: its loop failed: %s", err_text(err));
        abort(); /* what it waits for lies on this stack, and can neither be had nor be given up */
    }
}

void repair_run_loop(struct repair *r, uint64_t us)
{
    const bool never = false;
    run_for(r, &never, us);
}

void repair_wait(struct repair *r, const bool *done)
{
    while (!*done) {
        if (r->options.pump)
            r->options.pump(r->options.pump_arg);
        run_for(r, done, r->options.pump ? PUMP_US : 60000000);
    }
}

void repair_sleep(struct repair *r, uint64_t us)
{
    uint64_t until = loop_now_us(r->loop) + us, now;
    while (!atomic_load(&r->stopping) && !atomic_load(&r->woken) && (now = loop_now_us(r->loop)) < until) {
        if (r->options.pump)
            r->options.pump(r->options.pump_arg);
        run_for(r, NULL, r->options.pump && until - now > PUMP_US ? PUMP_US : until - now);
    }
}

/* --- finding --- */

void repair_find_drop(struct repair_find *f)
{
    if (!f->found)
        return;
    placement_unpin(f->repair->placement, f->extent.id);
    free(f->extent.crcs);
    f->extent.crcs = NULL;
    f->found = false;
}

#define STOP 1

static int look_at(void *arg, const struct extent *extent)
{
    struct repair_find *f = arg;
    struct group g;
    if (f->only_missing) {
        bool some = false;
        if (placement_group(f->repair->placement, extent->group_id, &g) != 0)
            return 0;
        for (uint32_t i = 0; i < (uint32_t)g.data_count + g.parity_count; i++) {
            uint32_t v = g.slots[i].volume_index;
            bool can = f->volumes ? f->volumes >> v & 1 : volume_writable(&f->repair->store->volumes[v]);
            some = some || (extent->missing >> i & 1 && can);
        }
        if (!some)
            return 0;
    }
    f->extent = *extent;
    f->found = true;
    return STOP;
}

static int run_find(struct meta_tx *tx, struct meta_read *read)
{
    struct repair_find *f = container_of(read, struct repair_find, read);
    repair_find_drop(f); /* of a first run */
    int err = f->group_id ? extent_list_group(tx, f->group_id, f->from_block, look_at, f)
                          : extent_list(tx, f->after, f->only_missing, look_at, f);
    if (!f->found)
        return err;
    f->found = false;
    if (err != STOP)
        return err;
    struct extent extent;
    err = extent_get(tx, f->extent.id, &extent);
    if (err)
        return err;
    err = placement_pin(f->repair->placement, extent.id);
    if (err) {
        free(extent.crcs);
        return err;
    }
    f->extent = extent;
    f->found = true;
    return 0;
}

/* --- calls --- */

static void read_done(struct meta_read *read)
{
    struct repair_find *f = container_of(read, struct repair_find, read);
    f->answered = true;
}

int repair_find(struct repair *r, struct repair_find *f)
{
    f->repair = r;
    f->found = false;
    f->answered = false;
    f->read = (struct meta_read){.run = run_find, .done = read_done, .loop = r->loop};
    meta_read(r->meta, &f->read);
    repair_wait(r, &f->answered);
    if (f->read.err)
        repair_find_drop(f);
    return f->read.err;
}

static void write_done(struct meta_write *write)
{
    container_of(write, struct repair_write, write)->answered = true;
}

int repair_write(struct repair *r, struct repair_write *w)
{
    w->answered = false;
    w->write.done = write_done;
    w->write.loop = r->loop;
    meta_write(r->meta, &w->write);
    repair_wait(r, &w->answered);
    return w->write.err;
}

static void exclusive_done(struct meta_exclusive *exclusive)
{
    container_of(exclusive, struct repair_exclusive, exclusive)->answered = true;
}

int repair_exclusive(struct repair *r, struct repair_exclusive *x)
{
    x->answered = false;
    x->exclusive.done = exclusive_done;
    x->exclusive.loop = r->loop;
    meta_exclusive(r->meta, &x->exclusive);
    repair_wait(r, &x->answered);
    return x->exclusive.err;
}

struct extent_call { struct extent_repair repair; bool answered; };

static void extent_done(struct extent_repair *repair)
{
    container_of(repair, struct extent_call, repair)->answered = true;
}

int repair_extent(struct repair *r, struct extent_repair *how)
{
    struct extent_call call = {.repair = *how};
    call.repair.done = extent_done;
    extent_repair_start(r->placement, r->loop, r->options.buffers, &call.repair);
    repair_wait(r, &call.answered);
    *how = call.repair;
    uint64_t bytes = how->bytes_read + how->bytes_written;
    pthread_mutex_lock(&r->lock);
    r->status.bytes_read += how->bytes_read;
    r->status.bytes_written += how->bytes_written;
    r->status.units_mended += (how->bad & ~how->still_bad) != 0;
    r->status.extents_unrecoverable += how->err == ERR_CORRUPT || how->err == ERR_IO;
    pthread_mutex_unlock(&r->lock);
    if (how->err)
        log_warning_limited("extent %lld cannot be rebuilt: %s", (long long)how->extent->id, err_text(how->err));
    repair_sleep(r, bytes * 1000000 / r->options.rate);
    return how->err;
}

struct missing_write { struct repair_write call; int64_t extent_id; uint32_t missing; };

static int run_set_missing(struct meta_tx *tx, struct meta_write *write)
{
    struct missing_write *m = container_of(write, struct missing_write, call.write);
    int err = extent_set_missing(tx, m->extent_id, m->missing);
    return err == ERR_NOT_FOUND ? 0 : err; /* deleted meanwhile */
}

int repair_set_missing(struct repair *r, int64_t extent_id, uint32_t missing)
{
    struct missing_write m = {.call.write.run = run_set_missing, .extent_id = extent_id, .missing = missing};
    return repair_write(r, &m.call);
}

void repair_note_error(struct repair *r, int err, const char *doing)
{
    pthread_mutex_lock(&r->lock);
    r->status.last_error = err;
    r->status.last_error_us = loop_wall_us(r->loop);
    pthread_mutex_unlock(&r->lock);
    log_warning_limited("%s: %s", doing, err_text(err));
}
