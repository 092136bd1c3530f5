/* Checks, mends or moves the slots of one extent, window by window (four stripes, one slab per slot):
 *
 *   read -> (read more, while stripes lack good slots) -> rebuild -> write -> flush -> read back -> next window
 *
 * Each arrow is one batch of I/O with one deadline. A slot whose I/O does not return in time is dead for the rest of the
 * repair; the repair outlives its end until that I/O has returned (it keeps slab, pin and write count).
 *
 * Reads are paced by the caller: one repair at a time keeps at most one window in flight. */
#include "placement/extent_reader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/digest.h"
#include "erasure/erasure.h"
#include "placement/extent_layout.h"
#include "placement/placement_private.h"

#define WINDOW_STRIPES (BUFFER_SLAB_SIZE / EXTENT_UNIT_LEN)

enum phase { PHASE_READ, PHASE_WRITE, PHASE_FLUSH, PHASE_READ_BACK };

struct repair_io {
    struct io io;
    struct repairer *repairer;
    uint32_t slot, stripe;     /* stripe within the window; a flush has none */
    bool abandoned;
    struct repair_io *next;
};

struct repairer {
    struct extent_repair *request;
    struct placement *placement;
    struct loop *loop;
    struct buffer_pool *pool;
    const struct extent *extent;
    int64_t extent_id;
    uint32_t block;
    const struct erasure *erasure;
    struct group group;         /* where slots are read */
    struct group target;        /* where they are written: rebuild_slot elsewhere */
    struct group_slot rebuild_to;
    bool moving;
    struct extent_layout layout;
    enum phase phase;
    uint32_t first_stripe, stripe_count; /* of the window */
    uint32_t tried, dead;                /* slots */
    uint32_t good[WINDOW_STRIPES];       /* verified slots of each stripe */
    uint32_t wrong[WINDOW_STRIPES];      /* read, and wrong */
    uint32_t written[WINDOW_STRIPES];
    bool unreadable;                     /* an I/O failed: what is lost may come back */
    uint32_t pending, out_count;         /* of this batch; in all */
    uint32_t out_of_slot[SLOTS_MAX];
    bool finished;
    struct repair_io *flying;
    struct timer timer;
    struct buffer_waiter waiter;
    void *slabs[SLOTS_MAX];
};

static uint32_t slot_count(const struct repairer *r)
{
    return r->layout.slot_count;
}

static struct volume *volume_at(struct repairer *r, const struct group *g, uint32_t slot)
{
    return placement_volume(r->placement, g->slots[slot].volume_index);
}

static bool usable(struct repairer *r, const struct group *g, uint32_t slot)
{
    const struct volume *v = volume_at(r, g, slot);
    return v->present && (volume_writable(v) || r->request->include_volumes & 1ull << v->index);
}

static uint8_t *cell_data(struct repairer *r, uint32_t stripe, uint32_t slot)
{
    return (uint8_t *)r->slabs[slot] + (size_t)stripe * EXTENT_UNIT_LEN;
}

static uint32_t unit_len(const struct repairer *r, uint32_t stripe)
{
    return extent_unit_len(&r->layout, r->first_stripe + stripe);
}

static bool cell_right(struct repairer *r, uint32_t stripe, uint32_t slot)
{
    return crc32c(0, cell_data(r, stripe, slot), unit_len(r, stripe)) ==
           r->extent->crcs[extent_crc_index(&r->layout, r->first_stripe + stripe, slot)];
}

/* --- the end --- */

static void give_slabs(struct repairer *r)
{
    for (uint32_t i = 0; i < slot_count(r); i++) {
        if (r->slabs[i] && r->out_of_slot[i] == 0) {
            buffer_give(r->pool, 1, &r->slabs[i]);
            r->slabs[i] = NULL;
        }
    }
}

static void put(struct repairer *r)
{
    if (!r->finished)
        return;
    give_slabs(r);
    if (r->out_count)
        return;
    if (r->extent_id)
        placement_unpin(r->placement, r->extent_id);
    free(r);
}

static void finish(struct repairer *r)
{
    struct extent_repair *request = r->request;
    loop_timer_cancel(r->loop, &r->timer);
    r->finished = true;
    request->state = NULL;
    put(r);
    request->done(request);
}

/* --- batches --- */

static void batch_over(struct repairer *r);
static void io_done(struct io *io);

static int add_io(struct repairer *r, enum io_kind kind, uint32_t stripe, uint32_t slot)
{
    const struct group *g = r->phase == PHASE_READ ? &r->group : &r->target;
    struct repair_io *x = calloc(1, sizeof(*x));
    if (!x)
        return ERR_NO_MEMORY;
    x->repairer = r;
    x->slot = slot;
    x->stripe = stripe;
    x->io.kind = kind;
    x->io.device = &volume_at(r, g, slot)->device;
    x->io.done = io_done;
    if (kind != IO_FLUSH) {
        uint64_t off = (uint64_t)r->block * BLOCK_SIZE + (uint64_t)(r->first_stripe + stripe) * r->layout.unit_len;
        x->io.data = cell_data(r, stripe, slot);
        x->io.len = unit_len(r, stripe);
        x->io.off = volume_chunk_off(r->placement->store, g->slots[slot].chunk, off);
    }
    if (kind == IO_WRITE &&
        !placement_writes_begin(r->placement, g, 1u << slot, r->moving ? &r->rebuild_to : NULL)) {
        free(x); /* the slot has moved: not ours to write any more */
        return ERR_STALE;
    }
    x->next = r->flying;
    r->flying = x;
    r->pending++;
    r->out_count++;
    r->out_of_slot[slot]++;
    loop_submit(r->loop, &x->io);
    return 0;
}

/* Results of one I/O that came in time. */
static void account(struct repairer *r, struct repair_io *x)
{
    struct extent_repair *request = r->request;
    uint32_t bit = 1u << x->slot;
    bool failed = x->io.result != 0;
    switch (r->phase) {
    case PHASE_READ:
        request->bytes_read += x->io.len;
        r->unreadable = r->unreadable || failed;
        if (!failed && cell_right(r, x->stripe, x->slot))
            r->good[x->stripe] |= bit;
        else
            r->wrong[x->stripe] |= bit;
        if (!failed && r->wrong[x->stripe] & bit)
            atomic_fetch_add(&volume_at(r, &r->group, x->slot)->corrupt_units, 1);
        break;
    case PHASE_WRITE:
        request->bytes_written += x->io.len;
        if (failed)
            request->still_bad |= bit;
        else
            r->written[x->stripe] |= bit;
        break;
    case PHASE_FLUSH:
        if (failed)
            request->still_bad |= bit;
        break;
    case PHASE_READ_BACK:
        request->bytes_read += x->io.len;
        if (failed || !cell_right(r, x->stripe, x->slot))
            request->still_bad |= bit;
        else if (r->wrong[x->stripe] & bit && !r->moving)
            atomic_fetch_add(&volume_at(r, &r->target, x->slot)->repaired_units, 1);
        break;
    }
}

static void io_done(struct io *io)
{
    struct repair_io *x = container_of(io, struct repair_io, io);
    struct repairer *r = x->repairer;
    struct volume *v = container_of(io->device, struct volume, device);
    struct volume_health *h = &r->placement->health[v->index];
    uint64_t now = loop_now_us(r->loop);
    if (io->kind == IO_READ)
        volume_health_read_done(h, v, now, now - io->submitted_us, io->result);
    else if (io->result)
        volume_suspect(v, now);
    if (io->kind == IO_WRITE)
        placement_writes_end(r->placement, &r->target, 1u << x->slot);
    struct repair_io **link = &r->flying;
    while (*link != x)
        link = &(*link)->next;
    *link = x->next;
    r->out_count--;
    r->out_of_slot[x->slot]--;
    bool counts = !x->abandoned && !r->finished;
    if (counts)
        account(r, x);
    free(x);
    if (r->finished)
        put(r);
    else if (counts && --r->pending == 0)
        batch_over(r);
}

static void batch_late(struct timer *timer)
{
    struct repairer *r = container_of(timer, struct repairer, timer);
    uint64_t now = loop_now_us(r->loop);
    for (struct repair_io *x = r->flying; x; x = x->next) {
        if (x->abandoned)
            continue;
        x->abandoned = true;
        r->dead |= 1u << x->slot;
        r->unreadable = true;
        if (r->phase != PHASE_READ)
            r->request->still_bad |= 1u << x->slot;
        volume_suspect(container_of(x->io.device, struct volume, device), now);
    }
    r->pending = 0;
    batch_over(r);
}

/* After the I/Os of a batch were added. */
static void batch_begin(struct repairer *r)
{
    if (r->pending == 0) {
        batch_over(r);
        return;
    }
    loop_timer_set(r->loop, &r->timer, loop_now_us(r->loop) + READ_DEADLINE_US);
}

static void fail(struct repairer *r, int err)
{
    r->request->err = err;
    for (struct repair_io *x = r->flying; x; x = x->next)
        x->abandoned = true;
    finish(r);
}

/* --- reading --- */

/* Slots that could be read and have not been, best first; marks them tried. */
static uint32_t pick_sources(struct repairer *r, uint32_t count)
{
    uint32_t picked = 0;
    for (int pass = 0; pass < 2 && count; pass++) {
        for (uint32_t i = 0; i < slot_count(r) && count; i++) {
            const struct volume *v = volume_at(r, &r->group, i);
            bool avoid = volume_health_read_avoid(&r->placement->health[v->index], v);
            if ((r->tried | r->dead | r->extent->missing | picked) & 1u << i || !usable(r, &r->group, i) ||
                (pass == 0 && avoid))
                continue;
            picked |= 1u << i;
            count--;
        }
    }
    return picked;
}

static void read_slots(struct repairer *r, uint32_t slots)
{
    r->phase = PHASE_READ;
    r->tried |= slots;
    for (uint32_t i = 0; i < slot_count(r); i++) {
        for (uint32_t s = 0; slots & 1u << i && s < r->stripe_count; s++) {
            int err = add_io(r, IO_READ, s, i);
            if (err) {
                fail(r, err);
                return;
            }
        }
    }
    batch_begin(r);
}

static void next_window(struct repairer *r)
{
    r->first_stripe += r->stripe_count;
    if (r->first_stripe >= r->layout.stripe_count) {
        finish(r);
        return;
    }
    uint32_t rest = r->layout.stripe_count - r->first_stripe;
    r->stripe_count = rest < WINDOW_STRIPES ? rest : WINDOW_STRIPES;
    r->tried = 0;
    memset(r->good, 0, sizeof(r->good));
    memset(r->wrong, 0, sizeof(r->wrong));
    memset(r->written, 0, sizeof(r->written));
    uint32_t slots = 0;
    uint32_t own = 1u << r->request->rebuild_slot;
    if (r->moving && usable(r, &r->group, r->request->rebuild_slot) && !((r->extent->missing | r->dead) & own)) {
        slots = own;
    } else if (r->request->all && !r->moving) {
        for (uint32_t i = 0; i < slot_count(r); i++)
            slots |= usable(r, &r->group, i) ? 1u << i : 0;
        slots &= ~(r->extent->missing | r->dead);
    } else {
        slots = pick_sources(r, r->layout.data_count);
    }
    read_slots(r, slots);
}

/* --- rebuilding and writing --- */

/* Slots of a stripe that have to be written. */
static uint32_t outputs_of(struct repairer *r, uint32_t stripe)
{
    if (r->moving)
        return 1u << r->request->rebuild_slot;
    return (r->extent->missing | r->wrong[stripe]) & ~r->good[stripe];
}

/* More slots to read, or 0: every stripe can be rebuilt, or never can. */
static uint32_t more_sources(struct repairer *r)
{
    uint32_t lacking = 0;
    for (uint32_t s = 0; s < r->stripe_count; s++) {
        uint32_t have = (uint32_t)__builtin_popcount(r->good[s]);
        if (outputs_of(r, s) & ~r->good[s] && have < r->layout.data_count && r->layout.data_count - have > lacking)
            lacking = r->layout.data_count - have;
    }
    return lacking ? pick_sources(r, lacking) : 0;
}

/* Makes the outputs of a stripe in memory; those that cannot be made are still bad. Returns what is to be written. */
static uint32_t rebuild_stripe(struct repairer *r, uint32_t stripe)
{
    struct extent_repair *request = r->request;
    uint32_t outputs = outputs_of(r, stripe), wanted = outputs & ~r->good[stripe] & ~r->dead, len = unit_len(r, stripe);
    request->bad |= r->moving ? r->wrong[stripe] : outputs;
    request->still_bad |= outputs & r->dead;
    outputs &= ~r->dead;
    if (!wanted)
        return outputs;
    uint8_t *shards[SLOTS_MAX] = {0};
    for (uint32_t i = 0; i < slot_count(r); i++)
        shards[i] = cell_data(r, stripe, i);
    if (erasure_rebuild(r->erasure, len, r->good[stripe], wanted, shards) != 0) {
        /* Slots that could not be asked (or did not answer) may come back with what is lost. */
        uint32_t unasked = ((1u << slot_count(r)) - 1) & ~r->tried & ~r->extent->missing;
        request->err = r->unreadable || unasked ? ERR_IO : ERR_CORRUPT;
        request->still_bad |= wanted;
        return outputs & ~wanted;
    }
    for (uint32_t i = 0; i < slot_count(r); i++) {
        if (!(wanted & 1u << i) || cell_right(r, stripe, i))
            continue;
        request->err = ERR_CORRUPT; /* rebuilt of sound units, and wrong: the row is */
        request->still_bad |= 1u << i;
        outputs &= ~(1u << i);
    }
    return outputs;
}

static void write_window(struct repairer *r)
{
    r->phase = PHASE_WRITE;
    for (uint32_t s = 0; s < r->stripe_count; s++) {
        uint32_t outputs = rebuild_stripe(r, s);
        for (uint32_t i = 0; i < slot_count(r); i++) {
            if (!(outputs & 1u << i))
                continue;
            int err = usable(r, &r->target, i) && !r->placement->store->read_only ? add_io(r, IO_WRITE, s, i) : ERR_STALE;
            if (err == ERR_NO_MEMORY) {
                fail(r, err);
                return;
            }
            if (err)
                r->request->still_bad |= 1u << i;
        }
    }
    batch_begin(r);
}

static void flush_window(struct repairer *r)
{
    r->phase = PHASE_FLUSH;
    uint32_t slots = 0;
    for (uint32_t s = 0; s < r->stripe_count; s++)
        slots |= r->written[s];
    for (uint32_t i = 0; i < slot_count(r); i++) {
        int err = slots & 1u << i ? add_io(r, IO_FLUSH, 0, i) : 0;
        if (err) {
            fail(r, err);
            return;
        }
    }
    batch_begin(r);
}

static void read_back_window(struct repairer *r)
{
    r->phase = PHASE_READ_BACK;
    for (uint32_t s = 0; s < r->stripe_count; s++) {
        for (uint32_t i = 0; i < slot_count(r); i++) {
            if (!(r->written[s] & ~r->dead & 1u << i))
                continue;
            memset(cell_data(r, s, i), 0, unit_len(r, s));
            int err = add_io(r, IO_READ, s, i);
            if (err) {
                fail(r, err);
                return;
            }
        }
    }
    batch_begin(r);
}

static void batch_over(struct repairer *r)
{
    loop_timer_cancel(r->loop, &r->timer);
    uint32_t more;
    switch (r->phase) {
    case PHASE_READ:
        more = more_sources(r);
        if (more)
            read_slots(r, more);
        else
            write_window(r);
        break;
    case PHASE_WRITE: flush_window(r); break;
    case PHASE_FLUSH: read_back_window(r); break;
    case PHASE_READ_BACK: next_window(r); break;
    }
}

/* --- the start --- */

static void slabs_granted(struct buffer_waiter *waiter)
{
    next_window(container_of(waiter, struct repairer, waiter));
}

static void fail_later(struct task *task)
{
    struct extent_repair *request = container_of(task, struct extent_repair, task);
    request->done(request);
}

static int make_repairer(struct placement *p, struct extent_repair *request, struct repairer **ret)
{
    const struct extent *extent = request->extent;
    struct repairer *r = calloc(1, sizeof(*r));
    if (!r)
        return ERR_NO_MEMORY;
    int err = placement_group(p, extent->group_id, &r->group) ? ERR_CORRUPT : 0;
    if (!err)
        err = erasure_get(r->group.data_count, r->group.parity_count, &r->erasure);
    if (!err) {
        extent_layout_init(&r->layout, r->group.data_count, r->group.parity_count, extent->unit_shift, extent->len);
        if (extent->len == 0 || extent->unit_shift != EXTENT_UNIT_SHIFT ||
            extent->crc_count != extent_crc_count(&r->layout) || extent_block_count(&r->layout) > extent->block_count ||
            (request->rebuild_to && request->rebuild_slot >= r->layout.slot_count))
            err = ERR_CORRUPT;
    }
    if (!err && extent->id)
        err = placement_pin(p, extent->id);
    if (err) {
        free(r);
        return err;
    }
    r->request = request;
    r->placement = p;
    r->extent = extent;
    r->extent_id = extent->id;
    r->block = extent->block;
    r->target = r->group;
    if (request->rebuild_to) {
        r->moving = true;
        r->rebuild_to = *request->rebuild_to;
        r->target.slots[request->rebuild_slot] = r->rebuild_to;
    }
    r->timer.fire = batch_late;
    *ret = r;
    return 0;
}

void extent_repair_start(struct placement *p, struct loop *loop, struct buffer_pool *pool, struct extent_repair *request)
{
    struct repairer *r = NULL;
    request->err = 0;
    request->bad = request->still_bad = 0;
    request->bytes_read = request->bytes_written = 0;
    int err = make_repairer(p, request, &r);
    if (!err) {
        r->loop = loop;
        r->pool = pool;
        request->state = r;
        r->waiter = (struct buffer_waiter){.count = slot_count(r), .slabs = r->slabs, .granted = slabs_granted};
        /* Through the queue even when there are slabs: granted runs from the loop, so done does, too. */
        if (slot_count(r) <= pool->count) {
            buffer_wait(pool, &r->waiter);
            return;
        }
        if (r->extent_id)
            placement_unpin(p, r->extent_id);
        free(r);
        request->state = NULL;
        err = ERR_TOO_LARGE;
    }
    request->err = err;
    request->task = (struct task){.run = fail_later};
    loop_post(loop, &request->task);
}
