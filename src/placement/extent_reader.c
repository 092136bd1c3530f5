/* Reads the units a range touches, and what it takes to rebuild those that cannot be had.
 *
 * The reader is a table of cells, one per (stripe, slot) of the stripes touched. Cells are planned, read in runs of up to one
 * slab, verified, and judged again after every event (step): a stripe is settled when all its wanted cells are good or
 * rebuilt. What is late (hedge delay) or wrong makes further cells of the stripe planned, the healthiest volumes first;
 * a cell that comes late is still used if it comes in time.
 *
 *   NONE -> PLANNED -> READING -> GOOD | ROTTEN | FAILED         wanted and not GOOD, k GOOD in the stripe -> REBUILT
 *                         `-> LATE -> GOOD | ROTTEN | FAILED
 *
 * Invariants:
 *  1. Memory that an I/O may still write to is never given back nor used for anything else; it is counted per block.
 *  2. Only bytes whose CRC was verified, rebuilt ones included, reach a span.
 *  3. The first round's memory comes from the pool, in turn. Later rounds take slabs when there are some and else plain
 *     memory, since waiting with slabs in hand could deadlock: bounded by what the stripes of one window hold.
 *  4. After done, the request's extent is not touched: what comes late is only accounted. */
#include "placement/extent_reader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/digest.h"
#include "erasure/erasure.h"
#include "placement/extent_layout.h"
#include "placement/placement_private.h"

#define MEMORY_MAX 256
#define UNITS_PER_SLAB (BUFFER_SLAB_SIZE / EXTENT_UNIT_LEN)

enum cell_state { CELL_NONE, CELL_PLANNED, CELL_READING, CELL_LATE, CELL_GOOD, CELL_ROTTEN, CELL_FAILED, CELL_REBUILT };

struct cell {
    uint8_t *data;
    uint16_t memory;
    uint8_t state;
    bool wanted;
};

struct memory {
    uint8_t *base;   /* NULL: given back */
    uint32_t used;
    uint32_t io_count;
    bool heap;
};

struct unit_io {
    struct io io;
    struct reader *reader;
    uint16_t memory;
    uint16_t slot, first, count; /* cells: count stripes from first, within the window */
    bool late;
    struct unit_io *next;        /* in flight */
};

struct write_back {
    struct io io;
    struct reader *reader;
    uint16_t memory, slot;
};

struct reader {
    struct extent_read *request;
    struct placement *placement;
    struct loop *loop;
    struct buffer_pool *pool;
    const struct erasure *erasure;
    int64_t extent_id;
    uint32_t block;
    struct group group;
    struct extent_layout layout;
    uint32_t first_stripe, stripe_count;
    uint64_t deadline_us;
    uint32_t io_count;           /* in flight, write-backs included */
    uint32_t memory_count;
    bool finished, released;
    struct unit_io *flying;
    struct timer timer;
    struct buffer_waiter waiter;
    void *first_slabs[MEMORY_MAX / 4];
    struct memory memory[MEMORY_MAX];
    struct cell cells[];         /* [stripe][slot] */
};

static uint32_t slot_count(const struct reader *r)
{
    return r->layout.slot_count;
}

static struct cell *cell_at(struct reader *r, uint32_t stripe, uint32_t slot)
{
    return &r->cells[stripe * r->layout.slot_count + slot];
}

static uint32_t unit_len(const struct reader *r, uint32_t stripe)
{
    return extent_unit_len(&r->layout, r->first_stripe + stripe);
}

static struct volume *slot_volume(struct reader *r, uint32_t slot)
{
    return placement_volume(r->placement, r->group.slots[slot].volume_index);
}

static struct volume_health *slot_health(struct reader *r, uint32_t slot)
{
    return &r->placement->health[r->group.slots[slot].volume_index];
}

/* --- memory --- */

static void memory_give(struct reader *r, struct memory *m)
{
    if (!m->base || m->io_count)
        return;
    if (m->heap) {
        free(m->base);
    } else {
        void *slab = m->base;
        buffer_give(r->pool, 1, &slab);
    }
    m->base = NULL;
}

static void memory_add(struct reader *r, void *base, bool heap)
{
    r->memory[r->memory_count++] = (struct memory){.base = base, .heap = heap};
}

/* len bytes in one slab: one that is there already, else another. */
static uint8_t *memory_place(struct reader *r, uint32_t len, uint16_t *ret_memory)
{
    uint32_t last = r->memory_count;
    for (uint32_t i = 0; i < last; i++) {
        struct memory *m = &r->memory[i];
        if (m->base && m->used + len <= BUFFER_SLAB_SIZE) {
            *ret_memory = (uint16_t)i;
            m->used += len;
            return m->base + m->used - len;
        }
    }
    if (last == MEMORY_MAX)
        return NULL;
    void *base;
    bool heap = buffer_take(r->pool, 1, &base) != 0;
    if (heap)
        base = aligned_alloc(BUFFER_ALIGN, BUFFER_SLAB_SIZE);
    if (!base)
        return NULL;
    memory_add(r, base, heap);
    r->memory[last].used = len;
    *ret_memory = (uint16_t)last;
    return base;
}

static void reader_put(struct reader *r)
{
    if (!r->released)
        return;
    for (uint32_t i = 0; i < r->memory_count; i++)
        memory_give(r, &r->memory[i]);
    if (r->io_count == 0)
        free(r);
}

/* --- planning --- */

/* How gladly a slot is read: 0 is fine; 1 suspect or slow; 2 out of service, perhaps behind; 3 noted missing; -1 never. */
static int reluctance(struct reader *r, uint32_t slot)
{
    struct volume *v = slot_volume(r, slot);
    if (!v->present)
        return -1;
    if (r->request->extent->missing & 1u << slot)
        return 3;
    if (!volume_writable(v))
        return 2;
    return volume_health_read_avoid(slot_health(r, slot), v) ? 1 : 0;
}

static struct cell *next_candidate(struct reader *r, uint32_t stripe)
{
    struct cell *best = NULL;
    int best_reluctance = 4;
    for (uint32_t i = 0; i < slot_count(r); i++) {
        struct cell *c = cell_at(r, stripe, i);
        int reluctant = c->state == CELL_NONE ? reluctance(r, i) : -1;
        if (reluctant >= 0 && reluctant < best_reluctance) {
            best = c;
            best_reluctance = reluctant;
        }
    }
    return best;
}

/* Plans what the stripe needs; ERR_IO or ERR_CORRUPT when it can never be settled. */
static int plan_stripe(struct reader *r, uint32_t stripe)
{
    uint32_t coming = 0, late = 0;
    bool all_wanted = true, failed = false;
    for (uint32_t i = 0; i < slot_count(r); i++) {
        struct cell *c = cell_at(r, stripe, i);
        if (c->wanted && c->state == CELL_NONE && reluctance(r, i) == 0)
            c->state = CELL_PLANNED;
        bool comes = c->state == CELL_PLANNED || c->state == CELL_READING || c->state == CELL_GOOD;
        coming += comes;
        late += c->state == CELL_LATE;
        failed = failed || c->state == CELL_FAILED || (c->state == CELL_NONE && !slot_volume(r, i)->present);
        all_wanted = all_wanted && (!c->wanted || comes || c->state == CELL_REBUILT);
    }
    if (all_wanted)
        return 0;
    for (; coming < r->layout.data_count; coming++) {
        struct cell *c = next_candidate(r, stripe);
        if (!c)
            break;
        c->state = CELL_PLANNED;
    }
    if (coming + late >= r->layout.data_count)
        return 0;
    return failed ? ERR_IO : ERR_CORRUPT;
}

/* Runs of planned cells of one slot, at most a slab long. */
static uint32_t planned_run(struct reader *r, uint32_t slot, uint32_t stripe, uint32_t *ret_len)
{
    uint32_t count = 0, len = 0;
    while (stripe + count < r->stripe_count && count < UNITS_PER_SLAB &&
           cell_at(r, stripe + count, slot)->state == CELL_PLANNED)
        len += unit_len(r, stripe + count++);
    *ret_len = len;
    return count;
}

/* Slabs that all planned runs need, placed as memory_place places them. */
static uint32_t slabs_planned(struct reader *r)
{
    uint32_t used[MEMORY_MAX / 4], count = 0, len;
    for (uint32_t slot = 0; slot < slot_count(r); slot++) {
        for (uint32_t stripe = 0; stripe < r->stripe_count;) {
            uint32_t run = planned_run(r, slot, stripe, &len), at = 0;
            stripe += run ? run : 1;
            if (!run)
                continue;
            while (at < count && used[at] + len > BUFFER_SLAB_SIZE)
                at++;
            if (at == count) {
                assert(count < MEMORY_MAX / 4);
                used[count++] = 0;
            }
            used[at] += len;
        }
    }
    return count;
}

/* --- reading --- */

static void step(struct reader *r);
static void unit_read(struct io *io);

static int submit_run(struct reader *r, uint32_t slot, uint32_t stripe, uint32_t count, uint32_t len)
{
    uint16_t memory;
    struct unit_io *u = malloc(sizeof(*u));
    uint8_t *data = u ? memory_place(r, len, &memory) : NULL;
    if (!data) {
        free(u);
        return ERR_NO_MEMORY;
    }
    struct group_slot at = r->group.slots[slot];
    uint64_t off = (uint64_t)r->block * BLOCK_SIZE + (uint64_t)(r->first_stripe + stripe) * r->layout.unit_len;
    *u = (struct unit_io){.reader = r, .memory = memory, .slot = (uint16_t)slot, .first = (uint16_t)stripe,
                          .count = (uint16_t)count, .next = r->flying, .io = {
        .kind = IO_READ, .device = &slot_volume(r, slot)->device, .data = data, .len = len,
        .off = volume_chunk_off(r->placement->store, at.chunk, off), .done = unit_read}};
    for (uint32_t i = 0; i < count; i++) {
        struct cell *c = cell_at(r, stripe + i, slot);
        c->data = data;
        c->memory = memory;
        c->state = CELL_READING;
        data += unit_len(r, stripe + i);
    }
    r->flying = u;
    r->io_count++;
    r->memory[memory].io_count++;
    loop_submit(r->loop, &u->io);
    return 0;
}

/* When the volumes beside it would long have answered: four times the average of all but the slowest. */
static uint64_t hedge_delay(struct reader *r)
{
    uint64_t sum = 0, most = 0;
    for (uint32_t i = 0; i < slot_count(r); i++) {
        uint64_t us = atomic_load_explicit(&slot_volume(r, i)->read_latency_us, memory_order_relaxed);
        sum += us;
        most = us > most ? us : most;
    }
    uint64_t delay = slot_count(r) > 1 ? 4 * (sum - most) / (slot_count(r) - 1) : 0;
    return delay > READ_HEDGE_US ? delay : READ_HEDGE_US;
}

static void arm_timer(struct reader *r)
{
    bool waiting_for_timely = false;
    for (struct unit_io *u = r->flying; u; u = u->next)
        waiting_for_timely = waiting_for_timely || !u->late;
    uint64_t at = loop_now_us(r->loop) + hedge_delay(r);
    if (!waiting_for_timely || at > r->deadline_us)
        at = r->deadline_us;
    loop_timer_set(r->loop, &r->timer, at);
}

static int submit_planned(struct reader *r)
{
    uint32_t len;
    bool any = false;
    for (uint32_t slot = 0; slot < slot_count(r); slot++) {
        for (uint32_t stripe = 0; stripe < r->stripe_count;) {
            uint32_t run = planned_run(r, slot, stripe, &len);
            int err = run ? submit_run(r, slot, stripe, run, len) : 0;
            if (err)
                return err;
            any = any || run;
            stripe += run ? run : 1;
        }
    }
    if (any)
        arm_timer(r);
    return 0;
}

static void verify(struct reader *r, struct unit_io *u)
{
    const struct extent *extent = r->request->extent;
    uint8_t *data = u->io.data;
    for (uint32_t i = 0; i < u->count; i++) {
        uint32_t stripe = u->first + i, len = unit_len(r, stripe);
        struct cell *c = cell_at(r, stripe, u->slot);
        if (c->state == CELL_READING || c->state == CELL_LATE) {
            if (u->io.result) {
                c->state = CELL_FAILED;
            } else if (crc32c(0, data, len) ==
                       extent->crcs[extent_crc_index(&r->layout, r->first_stripe + stripe, u->slot)]) {
                c->state = CELL_GOOD;
            } else {
                c->state = CELL_ROTTEN;
                if (!(extent->missing & 1u << u->slot) && volume_writable(slot_volume(r, u->slot)))
                    atomic_fetch_add_explicit(&slot_volume(r, u->slot)->corrupt_units, 1, memory_order_relaxed);
            }
        }
        data += len;
    }
}

static void unit_read(struct io *io)
{
    struct unit_io *u = container_of(io, struct unit_io, io);
    struct reader *r = u->reader;
    uint64_t now = loop_now_us(r->loop);
    volume_health_read_done(slot_health(r, u->slot), slot_volume(r, u->slot), now, now - io->submitted_us, io->result);
    if (u->late)
        volume_health_late_read_back(slot_health(r, u->slot));
    struct unit_io **link = &r->flying;
    while (*link != u)
        link = &(*link)->next;
    *link = u->next;
    r->io_count--;
    r->memory[u->memory].io_count--;
    bool finished = r->finished;
    if (!finished)
        verify(r, u);
    free(u);
    if (finished)
        reader_put(r);
    else
        step(r);
}

/* --- rebuilding and writing back --- */

static void written_back(struct io *io)
{
    struct write_back *b = container_of(io, struct write_back, io);
    struct reader *r = b->reader;
    struct volume *v = slot_volume(r, b->slot);
    uint64_t now = loop_now_us(r->loop);
    volume_health_write_done(slot_health(r, b->slot), v, now, now - io->submitted_us, io->result);
    if (io->result == 0)
        atomic_fetch_add_explicit(&v->repaired_units, 1, memory_order_relaxed);
    placement_writes_end(r->placement, &r->group, 1u << b->slot);
    placement_unpin(r->placement, r->extent_id);
    r->io_count--;
    r->memory[b->memory].io_count--;
    free(b);
    reader_put(r);
}

/* Puts a rebuilt unit back where it was wrong. The pin keeps the place from being reused under the write, however late it
 * lands; a slot that has moved meanwhile is left alone. Whatever prevents it: the next reader or the scrub tries again. */
static void write_back(struct reader *r, uint32_t stripe, uint32_t slot)
{
    struct volume *v = slot_volume(r, slot);
    struct cell *c = cell_at(r, stripe, slot);
    if (r->extent_id == 0 || r->placement->store->read_only || volume_health_write_avoid(v))
        return;
    struct write_back *b = malloc(sizeof(*b));
    if (!b || placement_pin(r->placement, r->extent_id) != 0) {
        free(b);
        return;
    }
    if (!placement_writes_begin(r->placement, &r->group, 1u << slot, NULL)) {
        placement_unpin(r->placement, r->extent_id);
        free(b);
        return;
    }
    uint64_t off = (uint64_t)r->block * BLOCK_SIZE + (uint64_t)(r->first_stripe + stripe) * r->layout.unit_len;
    *b = (struct write_back){.reader = r, .memory = c->memory, .slot = (uint16_t)slot, .io = {
        .kind = IO_WRITE, .device = &v->device, .data = c->data, .len = unit_len(r, stripe),
        .off = volume_chunk_off(r->placement->store, r->group.slots[slot].chunk, off), .done = written_back}};
    r->io_count++;
    r->memory[c->memory].io_count++;
    loop_submit(r->loop, &b->io);
}

/* k cells are good: makes those that are wanted, and those found wrong. */
static int rebuild(struct reader *r, uint32_t stripe, uint32_t good)
{
    uint8_t *shards[SLOTS_MAX] = {0};
    uint32_t outputs = 0, wrong = 0, len = unit_len(r, stripe);
    for (uint32_t i = 0; i < slot_count(r); i++) {
        struct cell *c = cell_at(r, stripe, i);
        bool is_wrong = (c->state == CELL_ROTTEN || c->state == CELL_FAILED) && c->data &&
                        !(r->request->extent->missing & 1u << i);
        if (c->state != CELL_GOOD && (c->wanted || is_wrong)) {
            outputs |= 1u << i;
            wrong |= is_wrong ? 1u << i : 0;
            /* A cell whose I/O is still out keeps its memory for it. */
            if (!is_wrong)
                c->data = memory_place(r, len, &c->memory);
            if (!c->data)
                return ERR_NO_MEMORY;
        }
        shards[i] = c->data;
    }
    int err = erasure_rebuild(r->erasure, len, good, outputs, shards);
    for (uint32_t i = 0; !err && i < slot_count(r); i++) {
        if (!(outputs & 1u << i))
            continue;
        if (crc32c(0, shards[i], len) !=
            r->request->extent->crcs[extent_crc_index(&r->layout, r->first_stripe + stripe, i)])
            return ERR_CORRUPT;
        cell_at(r, stripe, i)->state = CELL_REBUILT;
        if (wrong & 1u << i)
            write_back(r, stripe, i);
    }
    return err;
}

/* --- the course of a read --- */

static void make_spans(struct reader *r)
{
    struct extent_read *request = r->request;
    uint64_t off = request->off, end = off + request->len;
    request->span_count = 0;
    while (off < end) {
        struct extent_place at = extent_locate(&r->layout, off);
        uint64_t len = extent_unit_len(&r->layout, at.stripe) - at.unit_off;
        len = len < end - off ? len : end - off;
        struct cell *c = cell_at(r, at.stripe - r->first_stripe, at.slot);
        assert(c->state == CELL_GOOD || c->state == CELL_REBUILT);
        assert(request->span_count < EXTENT_SPANS_MAX);
        request->spans[request->span_count++] = slice_of((const char *)c->data + at.unit_off, (size_t)len);
        off += len;
    }
}

static void finish(struct reader *r, int err)
{
    r->finished = true;
    loop_timer_cancel(r->loop, &r->timer);
    r->request->err = err;
    r->request->span_count = 0;
    if (!err)
        make_spans(r);
    r->request->done(r->request);
}

/* Rebuilds or plans; *ret_settled: all wanted cells are there. */
static int step_stripe(struct reader *r, uint32_t stripe, bool *ret_settled)
{
    uint32_t good = 0;
    bool settled = true, unavailable = false;
    for (uint32_t i = 0; i < slot_count(r); i++) {
        struct cell *c = cell_at(r, stripe, i);
        good |= c->state == CELL_GOOD ? 1u << i : 0;
        if (!c->wanted || c->state == CELL_GOOD || c->state == CELL_REBUILT)
            continue;
        settled = false;
        unavailable = unavailable || c->state != CELL_READING;
    }
    *ret_settled = settled;
    if (settled)
        return 0;
    if (unavailable && (uint32_t)__builtin_popcount(good) >= r->layout.data_count) {
        *ret_settled = true;
        return rebuild(r, stripe, good);
    }
    return plan_stripe(r, stripe);
}

static void step(struct reader *r)
{
    bool all = true;
    int err = 0;
    for (uint32_t s = 0; s < r->stripe_count && !err; s++) {
        bool settled;
        err = step_stripe(r, s, &settled);
        all = all && settled;
    }
    if (!err && !all)
        err = submit_planned(r);
    if (err || all)
        finish(r, err);
}

/* Whether more slots are out than parity could stand in for: then not a volume is slow, but all are busy, and reading
 * more would only make it worse. */
static bool all_are_slow(const struct reader *r)
{
    uint32_t slots = 0;
    for (const struct unit_io *u = r->flying; u; u = u->next)
        slots |= u->late ? 0 : 1u << u->slot;
    return (uint32_t)__builtin_popcount(slots) > r->layout.slot_count - r->layout.data_count;
}

/* The hedge delay of the present round has passed, or the last deadline. */
static void too_late(struct timer *timer)
{
    struct reader *r = container_of(timer, struct reader, timer);
    uint64_t now = loop_now_us(r->loop);
    bool last = now >= r->deadline_us;
    if (now < r->deadline_us - READ_DEADLINE_US + READ_PATIENCE_US && all_are_slow(r)) {
        loop_timer_set(r->loop, &r->timer, now + hedge_delay(r));
        return;
    }
    for (struct unit_io *u = r->flying; u; u = u->next) {
        if (!u->late)
            volume_health_late_read(slot_health(r, u->slot), slot_volume(r, u->slot), now);
        u->late = true;
        if (last)
            volume_suspect(slot_volume(r, u->slot), now);
        for (uint32_t i = 0; i < u->count; i++) {
            struct cell *c = cell_at(r, u->first + i, u->slot);
            if (c->state == CELL_READING)
                c->state = CELL_LATE;
            if (last && c->state == CELL_LATE)
                c->state = CELL_FAILED;
        }
    }
    if (!last)
        loop_timer_set(r->loop, &r->timer, r->deadline_us); /* another round arms it anew */
    step(r);
}

static void fail_later(struct task *task)
{
    struct extent_read *request = container_of(task, struct extent_read, task);
    request->done(request);
}

/* Before the first read has come back: done must not be called from inside extent_read_start. */
static void fail_at_start(struct extent_read *request, struct reader *r, int err)
{
    if (r) {
        r->finished = true;
        loop_timer_cancel(r->loop, &r->timer);
    }
    request->err = err;
    request->task = (struct task){.run = fail_later};
    loop_post(request->loop, &request->task);
}

static void begin(struct reader *r, uint32_t slabs)
{
    for (uint32_t i = 0; i < slabs; i++)
        memory_add(r, r->first_slabs[i], false);
    r->deadline_us = loop_now_us(r->loop) + READ_DEADLINE_US;
    int err = submit_planned(r);
    if (err)
        fail_at_start(r->request, r, err);
}

static void slabs_granted(struct buffer_waiter *waiter)
{
    struct reader *r = container_of(waiter, struct reader, waiter);
    begin(r, waiter->count);
}

static int make_reader(struct placement *p, struct extent_read *request, struct reader **ret)
{
    const struct extent *extent = request->extent;
    struct extent_layout layout;
    struct group group;
    const struct erasure *erasure;
    int err = placement_group(p, extent->group_id, &group);
    if (err)
        return ERR_CORRUPT; /* a row names a group that is not there */
    err = erasure_get(group.data_count, group.parity_count, &erasure);
    if (err)
        return err;
    extent_layout_init(&layout, group.data_count, group.parity_count, extent->unit_shift, extent->len);
    if (extent->unit_shift != EXTENT_UNIT_SHIFT || extent->crc_count != extent_crc_count(&layout) ||
        extent_block_count(&layout) > extent->block_count)
        return ERR_CORRUPT;
    uint32_t first = extent_locate(&layout, request->off).stripe;
    uint32_t count = extent_locate(&layout, request->off + request->len - 1).stripe - first + 1;
    size_t cells = (size_t)count * layout.slot_count;
    struct reader *r = malloc(sizeof(*r) + cells * sizeof(r->cells[0]));
    if (!r)
        return ERR_NO_MEMORY;
    memset(r, 0, offsetof(struct reader, first_slabs));
    memset(r->cells, 0, cells * sizeof(r->cells[0]));
    r->request = request;
    r->placement = p;
    r->erasure = erasure;
    r->extent_id = extent->id;
    r->block = extent->block;
    r->group = group;
    r->layout = layout;
    r->first_stripe = first;
    r->stripe_count = count;
    r->timer.fire = too_late;
    *ret = r;
    return 0;
}

static int plan_first(struct reader *r)
{
    uint64_t end = r->request->off + r->request->len;
    for (uint64_t off = r->request->off; off < end;) {
        struct extent_place at = extent_locate(&r->layout, off);
        cell_at(r, at.stripe - r->first_stripe, at.slot)->wanted = true;
        off += extent_unit_len(&r->layout, at.stripe) - at.unit_off;
    }
    int err = 0;
    for (uint32_t s = 0; s < r->stripe_count && !err; s++)
        err = plan_stripe(r, s);
    return err;
}

void extent_read_start(struct placement *p, struct loop *loop, struct buffer_pool *pool, struct extent_read *request)
{
    assert(request->len >= 1 && request->len <= EXTENT_WINDOW_MAX && request->off < request->extent->len &&
           request->len <= request->extent->len - request->off);
    struct reader *r = NULL;
    request->state = NULL;
    request->span_count = 0;
    request->loop = loop;
    int err = make_reader(p, request, &r);
    if (r) {
        r->loop = loop;
        r->pool = pool;
        request->state = r;
        err = plan_first(r);
    }
    uint32_t slabs = err ? 0 : slabs_planned(r);
    if (!err) {
        err = buffer_take(pool, slabs, r->first_slabs);
        if (err == ERR_WOULD_BLOCK) {
            r->waiter = (struct buffer_waiter){.count = slabs, .slabs = r->first_slabs, .granted = slabs_granted};
            buffer_wait(pool, &r->waiter);
            return;
        }
    }
    if (err)
        fail_at_start(request, r, err);
    else
        begin(r, slabs);
}

void extent_read_release(struct extent_read *request)
{
    struct reader *r = request->state;
    request->state = NULL;
    request->span_count = 0;
    if (!r)
        return;
    assert(r->finished);
    r->released = true;
    reader_put(r);
}
