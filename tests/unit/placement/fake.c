#include "fake.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"

/* --- the loop --- */

static struct world *world_of(struct loop *l) { return container_of(l, struct world, loop); }

static void fake_submit(struct loop *l, struct io *io)
{
    struct world *w = world_of(l);
    struct fake_disk *d = io->device->engine_data;
    bool write = io->kind == IO_WRITE || io->kind == IO_WRITE_DURABLE;
    assert_int_equal(io->off % 4096, 0);
    assert_int_equal(io->len % 4096, 0);
    assert_true((uintptr_t)io->data % 4096 == 0);
    assert_true(io->kind == IO_FLUSH || io->len > 0);
    assert_true(io->off + io->len <= d->size);
    assert_true(w->io_count < FAKE_IO_MAX);
    io->submitted_us = w->now_us;
    w->ios[w->io_count++] = (struct fake_io){io, w->now_us + 1 + (write ? d->write_delay_us : d->read_delay_us),
                                             w->order++, write ? d->hang_writes : d->hang_reads};
    if (io->kind == IO_READ) {
        d->read_count++;
        d->read_bytes += io->len;
    }
    d->write_count += write;
}

static void complete(struct world *w, uint32_t index)
{
    struct io *io = w->ios[index].io;
    struct fake_disk *d = io->device->engine_data;
    w->ios[index] = w->ios[--w->io_count];
    io->result = 0;
    if (io->kind == IO_READ) {
        io->result = d->fail_reads ? ERR_IO : 0;
        if (!io->result)
            memcpy(io->data, d->data + io->off, io->len);
    } else if (io->kind == IO_WRITE || io->kind == IO_WRITE_DURABLE) {
        if (d->fail_write_after && --d->fail_write_after == 0)
            d->fail_writes = true;
        io->result = d->fail_writes ? ERR_IO : 0;
        if (!io->result && !d->drop_writes)
            memcpy(d->data + io->off, io->data, io->len);
    } else if (io->kind == IO_FLUSH) {
        io->result = d->fail_writes ? ERR_IO : 0;
    }
    io->done(io);
}

static void fake_post(struct loop *l, struct task *t)
{
    struct world *w = world_of(l);
    t->next = NULL;
    *w->tasks_tail = t;
    w->tasks_tail = &t->next;
}

static uint64_t fake_now(struct loop *l) { return world_of(l)->now_us; }

static uint64_t fake_random(struct loop *l) { return world_random(world_of(l)); }

static void fake_timer_cancel(struct loop *l, struct timer *t)
{
    struct world *w = world_of(l);
    for (struct timer **link = &w->timers; *link; link = &(*link)->next) {
        if (*link == t) {
            *link = t->next;
            break;
        }
    }
    t->armed = false;
}

static void fake_timer_set(struct loop *l, struct timer *t, uint64_t at_us)
{
    struct world *w = world_of(l);
    fake_timer_cancel(l, t);
    struct timer **link = &w->timers;
    while (*link && (*link)->at_us <= at_us)
        link = &(*link)->next;
    t->at_us = at_us;
    t->next = *link;
    t->armed = true;
    *link = t;
}

/* The next thing that happens, at most at until_us; false when there is none. */
static bool happen(struct world *w, uint64_t until_us, bool only_own_io)
{
    if (w->tasks && !only_own_io) {
        struct task *t = w->tasks;
        w->tasks = t->next;
        if (!w->tasks)
            w->tasks_tail = &w->tasks;
        t->run(t);
        return true;
    }
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < w->io_count; i++) {
        if (w->ios[i].hung)
            continue;
        if (best == UINT32_MAX || w->ios[i].at_us < w->ios[best].at_us ||
            (w->ios[i].at_us == w->ios[best].at_us && w->ios[i].order < w->ios[best].order))
            best = i;
    }
    uint64_t io_at = best == UINT32_MAX ? UINT64_MAX : w->ios[best].at_us;
    uint64_t timer_at = w->timers ? w->timers->at_us : UINT64_MAX;
    uint64_t at = io_at <= timer_at ? io_at : timer_at;
    if (at > until_us || at == UINT64_MAX)
        return false;
    if (at > w->now_us)
        w->now_us = at;
    if (io_at <= timer_at) {
        complete(w, best);
    } else {
        struct timer *t = w->timers;
        w->timers = t->next;
        t->armed = false;
        t->fire(t);
    }
    return true;
}

static int fake_run_until(struct loop *l, bool (*stop)(void *), void *arg, bool only_own_io)
{
    while (!stop(arg)) {
        if (!happen(world_of(l), UINT64_MAX - 1, only_own_io))
            return ERR_IO;
    }
    return 0;
}

static const struct loop_ops fake_ops = {
    .submit = fake_submit, .post = fake_post, .now_us = fake_now, .wall_us = fake_now, .random = fake_random,
    .timer_set = fake_timer_set, .timer_cancel = fake_timer_cancel, .run_until = fake_run_until,
};

void world_run(struct world *w, bool (*stop)(void *), void *arg)
{
    assert_int_equal(fake_run_until(&w->loop, stop, arg, false), 0);
}

void world_run_for(struct world *w, uint64_t us)
{
    uint64_t until = w->now_us + us;
    while (happen(w, until, false))
        ;
    w->now_us = until;
}

void world_unhang(struct world *w, uint32_t disk)
{
    struct fake_disk *d = &w->disks[disk];
    d->hang_reads = d->hang_writes = false;
    for (uint32_t i = 0; i < w->io_count; i++) {
        if (w->ios[i].io->device->engine_data == d)
            w->ios[i].hung = false;
    }
}

uint64_t world_random(struct world *w)
{
    uint64_t z = (w->seed += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

void fill_random(uint8_t *data, size_t len, uint64_t seed)
{
    struct world w = {.seed = seed};
    for (size_t i = 0; i < len; i += 8) {
        uint64_t r = world_random(&w);
        memcpy(data + i, &r, len - i < 8 ? len - i : 8);
    }
}

/* --- the store --- */

/* The store's own does more; these tests have no metadata writer to tell. */
__attribute__((weak)) void volume_suspect(struct volume *v, uint64_t now_us)
{
    uint64_t none = 0;
    atomic_compare_exchange_strong(&v->suspect_since_us, &none, now_us ? now_us : 1);
}

static void notified(void *arg) { ((struct world *)arg)->want_notified = true; }

void world_init(struct world *w, uint8_t k, uint8_t m, uint32_t n, uint32_t chunk_size, uint32_t chunk_count,
                const uint32_t *chunk_counts, uint32_t slab_count)
{
    memset(w, 0, sizeof(*w));
    w->loop.ops = &fake_ops;
    w->loop.name = "fake";
    w->tasks_tail = &w->tasks;
    w->now_us = 1000000;
    w->seed = 42;
    w->next_id = 1;
    w->ios = malloc(FAKE_IO_MAX * sizeof(*w->ios));
    assert_non_null(w->ios);
    w->store.data_count = k;
    w->store.parity_count = m;
    w->store.chunk_size = chunk_size;
    w->store.volume_slots = n;
    for (uint32_t i = 0; i < n; i++) {
        struct volume *v = &w->store.volumes[i];
        v->index = i;
        v->uuid.bytes[0] = (uint8_t)(i + 1);
        v->present = true;
        v->chunk_count = chunk_counts ? chunk_counts[i] : chunk_count;
        atomic_store(&v->state, VOLUME_IN);
        atomic_store(&v->mirror, MIRROR_CURRENT);
        struct fake_disk *d = &w->disks[i];
        d->size = CHUNKS_OFF + (uint64_t)v->chunk_count * chunk_size;
        d->data = slab_count ? calloc(1, d->size) : NULL;
        v->device = (struct device){.fd = -1, .index = i, .size = d->size, .engine_data = d};
    }
    assert_int_equal(placement_open(&w->store, &w->placement), 0);
    placement_set_notify(w->placement, notified, w);
    if (slab_count)
        assert_int_equal(buffer_pool_init(&w->pool, &w->loop, slab_count), 0);
}

void world_fini(struct world *w)
{
    for (uint32_t i = 0; i < w->store.volume_slots; i++)
        world_unhang(w, i);
    world_run_for(w, 100000000);
    assert_int_equal(w->io_count, 0);
    if (w->pool.count) {
        assert_int_equal(w->pool.free_count, w->pool.count); /* every slab came back */
        buffer_pool_fini(&w->pool);
    }
    placement_close(w->placement);
    for (uint32_t i = 0; i < w->store.volume_slots; i++)
        free(w->disks[i].data);
    free(w->ios);
    free(w->committed);
}

/* --- metadata --- */

static void serve_new_group(struct world *w)
{
    struct group g;
    int err = placement_plan_group(w->placement, &g);
    if (!err) {
        g.id = w->next_id++;
        if (w->pool.count)
            err = placement_write_headers(w->placement, &w->loop, &g);
        if (err)
            placement_drop_group(w->placement, &g);
    }
    if (err) {
        placement_fail_want(w->placement, err);
        return;
    }
    assert_int_equal(placement_load_group(w->placement, &g), 0);
    assert_int_equal(placement_open_group(w->placement, g.id, NULL, 0), 0);
}

static void serve_load(struct world *w, int64_t id)
{
    struct block_run *used = malloc((w->committed_count + 1) * sizeof(*used));
    uint32_t count = 0;
    assert_non_null(used);
    for (uint32_t i = 0; i < w->committed_count; i++) {
        if (w->committed[i].group_id == id)
            used[count++] = (struct block_run){w->committed[i].block, w->committed[i].block_count};
    }
    int err = placement_open_group(w->placement, id, used, count);
    assert_int_equal(err, 0);
    free(used);
}

void world_serve_wants(struct world *w)
{
    struct placement_want want;
    while (placement_take_want(w->placement, &want)) {
        if (want.load_group_id)
            serve_load(w, want.load_group_id);
        else
            serve_new_group(w);
    }
}

int world_reserve(struct world *w, uint64_t len, struct extent *ret)
{
    int err;
    memset(ret, 0, sizeof(*ret));
    for (uint32_t i = 0; (err = placement_reserve(w->placement, len, ret)) == ERR_WOULD_BLOCK; i++) {
        assert_true(i < 100000);
        struct placement_want want;
        (void)want;
        world_serve_wants(w);
    }
    return err;
}

void world_commit(struct world *w, struct extent *e)
{
    e->id = w->next_id++;
    placement_commit(w->placement, e);
    if (w->committed_count == w->committed_capacity) {
        w->committed_capacity = w->committed_capacity ? w->committed_capacity * 2 : 64;
        w->committed = realloc(w->committed, w->committed_capacity * sizeof(*w->committed));
        assert_non_null(w->committed);
    }
    w->committed[w->committed_count++] = *e;
}

void world_delete(struct world *w, const struct extent *e)
{
    for (uint32_t i = 0; i < w->committed_count; i++) {
        if (w->committed[i].id == e->id) {
            struct extent gone = w->committed[i];
            w->committed[i] = w->committed[--w->committed_count];
            placement_free(w->placement, &gone);
            return;
        }
    }
    fail();
}

/* --- whole writes and reads --- */

struct whole_write { bool ready, done; int err; };
static void write_ready(void *arg) { ((struct whole_write *)arg)->ready = true; }
static void write_done(void *arg, int err)
{
    struct whole_write *x = arg;
    assert_false(x->done);
    x->done = true;
    x->err = err;
}
static bool is_ready(void *arg) { return ((struct whole_write *)arg)->ready; }
static bool is_done(void *arg) { return ((struct whole_write *)arg)->done; }

int world_write(struct world *w, struct extent *e, const uint8_t *data, uint64_t len, size_t step)
{
    static const struct extent_writer_callbacks callbacks = {write_ready, write_done};
    struct whole_write x = {0};
    struct extent_writer *writer;
    assert_int_equal(extent_writer_new(w->placement, &w->loop, &w->pool, e, &callbacks, &x, &writer), 0);
    for (uint64_t off = 0; off < len;) {
        size_t n = len - off < step ? (size_t)(len - off) : step;
        x.ready = false;
        size_t taken = extent_writer_put(writer, data + off, n);
        off += taken;
        if (taken < n)
            world_run(w, is_ready, &x);
    }
    extent_writer_finish(writer);
    assert_false(x.done);
    world_run(w, is_done, &x);
    extent_writer_free(writer);
    return x.err;
}

struct whole_read { struct extent_read read; bool done; };
static void read_done(struct extent_read *r) { container_of(r, struct whole_read, read)->done = true; }
static bool is_read(void *arg) { return ((struct whole_read *)arg)->done; }

int world_read(struct world *w, const struct extent *e, uint64_t off, uint32_t len, uint8_t *out)
{
    struct whole_read x = {.read = {.extent = e, .off = off, .len = len, .done = read_done}};
    if (e->id)
        assert_int_equal(placement_pin(w->placement, e->id), 0);
    extent_read_start(w->placement, &w->loop, &w->pool, &x.read);
    assert_false(x.done);
    world_run(w, is_read, &x);
    size_t at = 0;
    for (uint32_t i = 0; i < x.read.span_count; i++) {
        memcpy(out + at, x.read.spans[i].data, x.read.spans[i].len);
        at += x.read.spans[i].len;
    }
    if (x.read.err == 0)
        assert_int_equal(at, len);
    int err = x.read.err;
    extent_read_release(&x.read);
    if (e->id)
        placement_unpin(w->placement, e->id);
    return err;
}

void world_rot(struct world *w, const struct extent *e, uint32_t slot, uint64_t slot_off)
{
    struct group g;
    assert_int_equal(placement_group(w->placement, e->group_id, &g), 0);
    struct fake_disk *d = &w->disks[g.slots[slot].volume_index];
    d->data[volume_chunk_off(&w->store, g.slots[slot].chunk, (uint64_t)e->block * BLOCK_SIZE + slot_off)] ^= 0x5a;
}
