/* Writes an extent window by window.
 *
 * A window is up to 256 KiB of each slot (four stripes), in slabs of the loop's pool; small extents lie packed in as few
 * slabs as hold their slots. User bytes are copied straight to where their slot's write needs them; a full window is encoded,
 * checksummed and sent as one write per slot. At most two windows of one writer are filling or in flight.
 *
 *   put -> window_open -> (waits for slabs) -> fill -> window_launch -> slot_written ... -> window_landed -> done
 *                                                         check_deadlines --^
 *
 * Invariants:
 *  1. A slab is given back only when no I/O on it is in flight.
 *  2. A window with late writes outlives its writer: it holds its blocks (placement_hold_range) from the moment it lands.
 *  3. done is called only from done_task, and only with no window filling or flying.
 *  4. A slot once missing stays missing for this extent. */
#include "placement/extent_writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/digest.h"
#include "erasure/erasure.h"
#include "placement/extent_layout.h"
#include "placement/placement_private.h"

#define WINDOWS_MAX 2
#define WINDOW_STRIPES (BUFFER_SLAB_SIZE / EXTENT_UNIT_LEN)
#define LATE_CHECK_US 50000u

struct slot_write {
    struct io io;
    struct window *window;
    uint32_t slot;
};

struct window {
    struct extent_writer *writer; /* NULL: landed, late writes are still out */
    struct placement *placement;
    struct loop *loop;
    struct buffer_pool *pool;
    struct placement_hold hold;
    struct group group;
    uint32_t first_stripe;
    uint32_t stride;              /* bytes of a slot's place in the slabs */
    uint32_t encoded;             /* stripes that have their parity and checksums */
    uint32_t used;                /* bytes of each slot that are written */
    uint32_t pending, late;       /* bit per slot */
    uint64_t launched_us;
    uint32_t slab_count, slots_per_slab;
    uint8_t slab_writes[SLOTS_MAX];
    void *slabs[SLOTS_MAX];
    struct slot_write writes[SLOTS_MAX];
};

struct extent_writer {
    struct placement *placement;
    struct loop *loop;
    struct buffer_pool *pool;
    struct extent *extent;
    struct extent_writer_callbacks callbacks;
    void *arg;
    struct group group;
    const struct erasure *erasure;
    struct extent_layout layout;  /* of the reservation; of what was put once that is known */
    uint64_t put_len;
    uint32_t next_stripe;         /* of the next window */
    uint32_t missing;
    int err;
    bool finishing, aborted, done_posted, wants_ready;
    struct window *filling, *waiting; /* waiting: for its slabs */
    struct window *flying[WINDOWS_MAX];
    uint32_t flying_count;
    struct buffer_waiter waiter;
    struct timer timer;
    struct task done_task;
};

static uint32_t slot_count(const struct group *g)
{
    return (uint32_t)g->data_count + g->parity_count;
}

/* Slots that must hold the extent before it may be acknowledged. */
static uint32_t quorum(const struct group *g)
{
    return g->data_count + (g->parity_count + 1u) / 2;
}

static uint8_t *slot_bytes(struct window *win, uint32_t slot)
{
    return (uint8_t *)win->slabs[slot / win->slots_per_slab] + (size_t)(slot % win->slots_per_slab) * win->stride;
}

/* --- windows --- */

static void window_give_idle_slabs(struct window *win)
{
    for (uint32_t i = 0; i < win->slab_count; i++) {
        if (win->slabs[i] && win->slab_writes[i] == 0) {
            buffer_give(win->pool, 1, &win->slabs[i]);
            win->slabs[i] = NULL;
        }
    }
}

static void window_free(struct window *win)
{
    window_give_idle_slabs(win);
    free(win);
}

static void slabs_granted(struct buffer_waiter *waiter)
{
    struct extent_writer *w = container_of(waiter, struct extent_writer, waiter);
    w->filling = w->waiting;
    w->waiting = NULL;
    if (w->wants_ready) {
        w->wants_ready = false;
        w->callbacks.ready(w->arg);
    }
}

/* Makes w->filling; false: it has to wait, or failed (w->err). */
static bool window_open(struct extent_writer *w)
{
    if (w->waiting || w->flying_count == WINDOWS_MAX)
        return false;
    struct window *win = malloc(sizeof(*win));
    if (!win) {
        w->err = ERR_NO_MEMORY;
        return false;
    }
    memset(win, 0, offsetof(struct window, slabs));
    uint64_t rest = extent_slot_len(&w->layout) - (uint64_t)w->next_stripe * EXTENT_UNIT_LEN;
    win->writer = w;
    win->placement = w->placement;
    win->loop = w->loop;
    win->pool = w->pool;
    win->group = w->group;
    win->first_stripe = w->next_stripe;
    win->stride = rest < BUFFER_SLAB_SIZE ? (uint32_t)rest : BUFFER_SLAB_SIZE;
    win->slots_per_slab = BUFFER_SLAB_SIZE / win->stride;
    win->slab_count = (slot_count(&w->group) + win->slots_per_slab - 1) / win->slots_per_slab;
    int err = buffer_take(w->pool, win->slab_count, win->slabs);
    if (err == 0) {
        w->filling = win;
        return true;
    }
    if (err != ERR_WOULD_BLOCK) {
        free(win);
        w->err = err;
        return false;
    }
    w->waiting = win;
    w->waiter = (struct buffer_waiter){.count = win->slab_count, .slabs = win->slabs, .granted = slabs_granted};
    buffer_wait(w->pool, &w->waiter);
    return false;
}

/* Drops what has not been sent. */
static void windows_drop(struct extent_writer *w)
{
    if (w->waiting) {
        buffer_wait_cancel(w->pool, &w->waiter);
        free(w->waiting);
        w->waiting = NULL;
    }
    if (w->filling) {
        window_free(w->filling);
        w->filling = NULL;
    }
}

/* --- the end --- */

static void post_done(struct extent_writer *w)
{
    if (!(w->finishing || w->aborted) || w->done_posted || w->filling || w->flying_count)
        return;
    w->done_posted = true;
    loop_post(w->loop, &w->done_task);
}

static void run_done(struct task *task)
{
    struct extent_writer *w = container_of(task, struct extent_writer, done_task);
    struct extent *extent = w->extent;
    loop_timer_cancel(w->loop, &w->timer);
    int err = w->aborted ? ERR_CANCELLED : w->err;
    if (err) {
        placement_release(w->placement, extent);
        extent->block_count = 0;
    } else {
        uint32_t used = extent_block_count(&w->layout);
        placement_trim(w->placement, extent, used);
        extent->block_count = used;
        extent->len = w->put_len;
        extent->crc_count = extent_crc_count(&w->layout);
        extent->missing = w->missing;
    }
    w->callbacks.done(w->arg, err);
}

static void slots_missing(struct extent_writer *w, uint32_t slots)
{
    w->missing |= slots;
    if (slot_count(&w->group) - (uint32_t)__builtin_popcount(w->missing) < quorum(&w->group) && !w->err)
        w->err = ERR_IO;
}

/* Everything of the window has returned or was given up: its place is free for the next. */
static void window_landed(struct window *win)
{
    struct extent_writer *w = win->writer;
    for (uint32_t i = 0; i < w->flying_count; i++) {
        if (w->flying[i] == win) {
            w->flying[i] = w->flying[--w->flying_count];
            break;
        }
    }
    if (win->pending) {
        win->writer = NULL;
        placement_hold_range(win->placement, &win->hold, (struct block_range){
            w->group.id, w->extent->block + win->first_stripe * (EXTENT_UNIT_LEN / BLOCK_SIZE), win->used / BLOCK_SIZE});
        window_give_idle_slabs(win);
    } else {
        window_free(win);
    }
    if (w->flying_count == 0)
        loop_timer_cancel(w->loop, &w->timer);
    post_done(w);
    if (w->wants_ready && !w->done_posted && !w->filling && (w->err || window_open(w) || w->err)) {
        w->wants_ready = false;
        w->callbacks.ready(w->arg);
    }
}

static void slot_written(struct io *io)
{
    struct slot_write *write = container_of(io, struct slot_write, io);
    struct window *win = write->window;
    uint32_t bit = 1u << write->slot, index = win->group.slots[write->slot].volume_index;
    uint64_t now = loop_now_us(win->loop);
    struct volume *v = placement_volume(win->placement, index);
    volume_health_write_done(&win->placement->health[index], v, now, now - io->submitted_us, io->result);
    placement_writes_end(win->placement, &win->group, bit);
    win->pending &= ~bit;
    win->slab_writes[write->slot / win->slots_per_slab]--;
    if (!win->writer) {
        if (win->pending == 0) {
            placement_unhold(win->placement, &win->hold);
            window_free(win);
        } else {
            window_give_idle_slabs(win);
        }
        return;
    }
    if (io->result && !(win->late & bit))
        slots_missing(win->writer, bit);
    if (!(win->pending & ~win->late))
        window_landed(win);
}

/* --- deadlines --- */

/* How long the window's writes may take: by the average of the volumes that are done with theirs. */
static uint64_t late_after(const struct extent_writer *w, const struct window *win)
{
    uint64_t sum = 0, count = 0;
    for (uint32_t i = 0; i < slot_count(&w->group); i++) {
        if ((win->pending | w->missing) & 1u << i)
            continue;
        struct volume *v = placement_volume(w->placement, w->group.slots[i].volume_index);
        sum += atomic_load_explicit(&v->write_latency_us, memory_order_relaxed);
        count++;
    }
    uint64_t limit = count ? 10 * (sum / count) : WRITE_DEADLINE_US;
    return limit < WRITE_LATE_US ? WRITE_LATE_US : limit > WRITE_DEADLINE_US ? WRITE_DEADLINE_US : limit;
}

static void check_window(struct extent_writer *w, struct window *win, uint64_t now)
{
    uint32_t overdue = win->pending & ~win->late;
    uint64_t age = now - win->launched_us;
    uint32_t good = slot_count(&w->group) - (uint32_t)__builtin_popcount(w->missing | overdue);
    bool enough = good >= quorum(&w->group);
    if (age < (enough ? late_after(w, win) : WRITE_DEADLINE_US))
        return;
    /* More than m late at once are no fault of theirs: the whole machine stands still. */
    for (uint32_t i = 0; i < slot_count(&w->group); i++) {
        if (overdue & 1u << i && __builtin_popcount(overdue) <= w->group.parity_count)
            volume_suspect(placement_volume(w->placement, w->group.slots[i].volume_index), now);
    }
    if (!enough && age < WRITE_GIVE_UP_US)
        return;
    win->late |= overdue;
    slots_missing(w, overdue);
}

static void check_deadlines(struct timer *timer)
{
    struct extent_writer *w = container_of(timer, struct extent_writer, timer);
    struct window *over[WINDOWS_MAX];
    uint32_t over_count = 0;
    uint64_t now = loop_now_us(w->loop), next = UINT64_MAX;
    for (uint32_t i = 0; i < w->flying_count; i++) {
        struct window *win = w->flying[i];
        check_window(w, win, now);
        if (!(win->pending & ~win->late)) {
            over[over_count++] = win;
            continue;
        }
        uint64_t at = win->launched_us + WRITE_LATE_US > now ? win->launched_us + WRITE_LATE_US : now + LATE_CHECK_US;
        next = at < next ? at : next;
    }
    if (next != UINT64_MAX)
        loop_timer_set(w->loop, &w->timer, next);
    /* The callbacks of landing may launch another window (which arms the timer) but cannot free the writer before done. */
    for (uint32_t i = 0; i < over_count; i++)
        window_landed(over[i]);
}

/* --- filling and sending --- */

/* The last stripe was filled for units of `from` bytes and has become shorter: spreads its `len` bytes over units of `to`.
 * Bytes only move to later slots, so the last ones go first. */
static void respread(struct window *win, size_t base, uint32_t from, uint32_t to, uint64_t len)
{
    while (from != to && len > 0) {
        uint64_t last = len - 1;
        uint32_t source = (uint32_t)(last / from), target = (uint32_t)(last / to);
        uint64_t begin = (uint64_t)source * from > (uint64_t)target * to ? (uint64_t)source * from : (uint64_t)target * to;
        memmove(slot_bytes(win, target) + base + (begin - (uint64_t)target * to),
                slot_bytes(win, source) + base + (begin - (uint64_t)source * from), len - begin);
        len = begin;
    }
}

/* What was put is all there is: the last stripe's unit shrinks to it, and is filled up with zeros. */
static void close_last_stripe(struct extent_writer *w, struct window *win)
{
    uint32_t stripe = w->layout.stripe_count - 1;
    if (w->finishing && w->put_len < w->layout.len) {
        uint32_t filled_stripe = (uint32_t)((w->put_len - 1) / ((uint64_t)w->layout.data_count * EXTENT_UNIT_LEN));
        uint32_t from = extent_unit_len(&w->layout, filled_stripe);
        extent_layout_init(&w->layout, w->group.data_count, w->group.parity_count, EXTENT_UNIT_SHIFT, w->put_len);
        stripe = w->layout.stripe_count - 1;
        assert(stripe == filled_stripe);
        uint64_t rest = w->put_len - (uint64_t)stripe * w->layout.data_count * EXTENT_UNIT_LEN;
        respread(win, (size_t)(stripe - win->first_stripe) * EXTENT_UNIT_LEN, from, w->layout.last_unit_len, rest);
    }
    uint32_t unit = w->layout.last_unit_len;
    uint64_t rest = w->put_len - (uint64_t)stripe * w->layout.data_count * EXTENT_UNIT_LEN;
    size_t base = (size_t)(stripe - win->first_stripe) * EXTENT_UNIT_LEN;
    for (uint32_t i = 0; i < w->layout.data_count; i++) {
        uint64_t begin = (uint64_t)i * unit, have = rest > begin ? rest - begin : 0;
        if (have < unit)
            memset(slot_bytes(win, i) + base + have, 0, unit - have);
    }
}

/* Parity and checksums of the window's stripes up to stripes. Called with every stripe that is full, while its bytes are still in
 * the processor's cache. */
static void encode(struct extent_writer *w, struct window *win, uint32_t stripes)
{
    for (; win->encoded < stripes; win->encoded++) {
        uint32_t stripe = win->first_stripe + win->encoded, unit_len = extent_unit_len(&w->layout, stripe);
        uint8_t *units[SLOTS_MAX];
        for (uint32_t i = 0; i < w->layout.slot_count; i++)
            units[i] = slot_bytes(win, i) + (size_t)win->encoded * EXTENT_UNIT_LEN;
        erasure_encode(w->erasure, unit_len, (const uint8_t *const *)units, units + w->layout.data_count);
        for (uint32_t i = 0; i < w->layout.slot_count; i++)
            w->extent->crcs[extent_crc_index(&w->layout, stripe, i)] = crc32c(0, units[i], unit_len);
    }
}

/* The slots to write: not those that are missing already, and not to volumes that went out or became suspect meanwhile,
 * unless too few would be left. */
static uint32_t slots_to_write(struct extent_writer *w)
{
    uint32_t all = (1u << slot_count(&w->group)) - 1, avoided = 0, gone = 0;
    for (uint32_t i = 0; i < slot_count(&w->group); i++) {
        const struct volume *v = placement_volume(w->placement, w->group.slots[i].volume_index);
        if (!volume_writable(v))
            gone |= 1u << i;
        else if (volume_health_write_avoid(v))
            avoided |= 1u << i;
    }
    uint32_t left = all & ~w->missing & ~gone;
    if ((uint32_t)__builtin_popcount(left & ~avoided) >= quorum(&w->group))
        left &= ~avoided;
    return placement_writes_begin(w->placement, &w->group, left, NULL);
}

static void window_launch(struct extent_writer *w)
{
    struct window *win = w->filling;
    w->filling = NULL;
    uint32_t last = w->layout.stripe_count, stripes = last - win->first_stripe;
    if (w->finishing || w->put_len == w->layout.len) {
        close_last_stripe(w, win);
        stripes = w->layout.stripe_count - win->first_stripe;
    }
    if (stripes > WINDOW_STRIPES)
        stripes = WINDOW_STRIPES;
    win->used = (stripes - 1) * EXTENT_UNIT_LEN + extent_unit_len(&w->layout, win->first_stripe + stripes - 1);
    w->next_stripe += stripes;
    encode(w, win, stripes);

    uint32_t slots = slots_to_write(w);
    slots_missing(w, ((1u << slot_count(&w->group)) - 1) & ~slots & ~w->missing);
    win->pending = slots;
    win->launched_us = loop_now_us(w->loop);
    w->flying[w->flying_count++] = win;
    if (w->flying_count == 1)
        loop_timer_set(w->loop, &w->timer, win->launched_us + WRITE_LATE_US);
    uint64_t off = (uint64_t)w->extent->block * BLOCK_SIZE + (uint64_t)win->first_stripe * EXTENT_UNIT_LEN;
    for (uint32_t i = 0; i < slot_count(&w->group); i++) {
        if (!(slots & 1u << i))
            continue;
        struct slot_write *write = &win->writes[i];
        struct group_slot at = w->group.slots[i];
        *write = (struct slot_write){.window = win, .slot = i, .io = {
            .kind = IO_WRITE, .device = &placement_volume(w->placement, at.volume_index)->device, .data = slot_bytes(win, i),
            .len = win->used, .off = volume_chunk_off(w->placement->store, at.chunk, off), .done = slot_written}};
        win->slab_writes[i / win->slots_per_slab]++;
        loop_submit(w->loop, &write->io);
    }
    if (slots == 0)
        window_landed(win);
}

/* Copies what fits before the end of one unit. */
static size_t fill_unit(struct extent_writer *w, const uint8_t *data, size_t len)
{
    struct extent_place at = extent_locate(&w->layout, w->put_len);
    size_t room = extent_unit_len(&w->layout, at.stripe) - at.unit_off;
    size_t rest = w->layout.len - w->put_len;
    if (len > room)
        len = room;
    if (len > rest)
        len = rest;
    memcpy(slot_bytes(w->filling, at.slot) + (size_t)(at.stripe - w->filling->first_stripe) * EXTENT_UNIT_LEN + at.unit_off,
           data, len);
    w->put_len += len;
    return len;
}

size_t extent_writer_put(struct extent_writer *w, const void *data, size_t len)
{
    assert(!w->finishing && !w->aborted && len <= w->layout.len - w->put_len);
    const uint64_t stripe_len = (uint64_t)EXTENT_UNIT_LEN * w->layout.data_count, window_len = WINDOW_STRIPES * stripe_len;
    size_t taken = 0;
    while (taken < len) {
        if (!w->filling && !w->err && !window_open(w) && !w->err) {
            w->wants_ready = true;
            return taken;
        }
        if (w->err) {
            /* Nothing can come of it; finish tells. */
            w->put_len += len - taken;
            return len;
        }
        taken += fill_unit(w, (const uint8_t *)data + taken, len - taken);
        uint64_t in_window = w->put_len - w->filling->first_stripe * stripe_len;
        if (in_window == window_len || w->put_len == w->layout.len)
            window_launch(w);
        else if (in_window % stripe_len == 0)
            encode(w, w->filling, (uint32_t)(in_window / stripe_len));
    }
    return len;
}

void extent_writer_finish(struct extent_writer *w)
{
    assert(!w->finishing && !w->aborted);
    w->finishing = true;
    w->wants_ready = false;
    uint64_t stripe_len = (uint64_t)w->layout.data_count * EXTENT_UNIT_LEN;
    if (w->put_len == 0 && !w->err)
        w->err = ERR_INVALID;
    if (w->filling && !w->err && w->put_len > w->filling->first_stripe * stripe_len)
        window_launch(w);
    windows_drop(w);
    /* What was put ended with a window: the layout has not seen that yet. */
    if (!w->err && w->put_len < w->layout.len)
        extent_layout_init(&w->layout, w->group.data_count, w->group.parity_count, EXTENT_UNIT_SHIFT, w->put_len);
    post_done(w);
}

void extent_writer_abort(struct extent_writer *w)
{
    assert(!w->aborted);
    w->aborted = true;
    w->wants_ready = false;
    windows_drop(w);
    post_done(w);
}

int extent_writer_new(struct placement *p, struct loop *loop, struct buffer_pool *pool, struct extent *extent,
                      const struct extent_writer_callbacks *callbacks, void *arg, struct extent_writer **ret)
{
    struct extent_writer *w = calloc(1, sizeof(*w));
    if (!w)
        return ERR_NO_MEMORY;
    int err = placement_group(p, extent->group_id, &w->group);
    if (!err)
        err = erasure_get(w->group.data_count, w->group.parity_count, &w->erasure);
    if (err) {
        free(w);
        return err;
    }
    extent_layout_init(&w->layout, w->group.data_count, w->group.parity_count, extent->unit_shift, extent->len);
    assert(extent->unit_shift == EXTENT_UNIT_SHIFT && extent_block_count(&w->layout) <= extent->block_count);
    extent->crc_count = extent_crc_count(&w->layout);
    extent->missing = 0;
    extent->crcs = calloc(extent->crc_count, sizeof(*extent->crcs));
    if (!extent->crcs) {
        free(w);
        return ERR_NO_MEMORY;
    }
    w->placement = p;
    w->loop = loop;
    w->pool = pool;
    w->extent = extent;
    w->callbacks = *callbacks;
    w->arg = arg;
    w->timer.fire = check_deadlines;
    w->done_task.run = run_done;
    *ret = w;
    return 0;
}

void extent_writer_free(struct extent_writer *w)
{
    if (!w)
        return;
    assert(!w->filling && !w->waiting && w->flying_count == 0);
    free(w);
}

uint64_t extent_writer_volumes(const struct extent_writer *w)
{
    uint64_t volumes = 0;
    for (uint32_t i = 0; i < slot_count(&w->group); i++) {
        if (!(w->missing & 1u << i))
            volumes |= 1ull << w->group.slots[i].volume_index;
    }
    return volumes;
}
