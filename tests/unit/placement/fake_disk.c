#include "fake_disk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct fake_io { struct io *io; uint64_t at_us; struct fake_io *next; };

struct fake_loop {
    struct loop loop;
    struct fake_world *world;
    uint64_t now_us;
    struct fake_io *queue; /* by time */
    struct timer *timers;
    struct task *tasks, **tasks_tail;
};

uint64_t fake_random(struct fake_world *w)
{
    w->random_state += 0x9e3779b97f4a7c15ull;
    uint64_t z = w->random_state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static void *map(uint64_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(p != MAP_FAILED);
    return p;
}

struct fake_world *fake_world_new(uint64_t seed, uint32_t disk_count, uint64_t disk_size)
{
    struct fake_world *w = calloc(1, sizeof *w);
    assert(w != NULL);
    pthread_mutex_init(&w->lock, NULL);
    w->random_state = seed;
    w->size = disk_size;
    w->disk_count = disk_count;
    for (uint32_t i = 0; i < disk_count; i++) {
        struct fake_disk *d = &w->disks[i];
        d->world = w;
        d->device = (struct device){.fd = -1, .index = i, .size = disk_size, .path = "fake", .engine_data = d};
        d->current = map(disk_size);
        d->durable = map(disk_size);
        d->unflushed = map(disk_size / 4096);
        d->unflushed_list = map(disk_size / 4096 * sizeof(uint32_t));
    }
    return w;
}

void fake_world_free(struct fake_world *w)
{
    for (uint32_t i = 0; i < w->disk_count; i++) {
        munmap(w->disks[i].current, w->size);
        munmap(w->disks[i].durable, w->size);
        munmap(w->disks[i].unflushed, w->size / 4096);
        munmap(w->disks[i].unflushed_list, w->size / 4096 * sizeof(uint32_t));
    }
    if (w->store != NULL)
        for (uint32_t i = 0; i < VOLUMES_MAX; i++)
            free(w->store->volumes[i].meta_chunks);
    free(w->store);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void mark_unflushed(struct fake_disk *d, uint64_t off, uint32_t len)
{
    for (uint64_t b = off / 4096; b < (off + len) / 4096; b++) {
        if (!d->unflushed[b]) {
            d->unflushed[b] = 1;
            d->unflushed_list[d->unflushed_count++] = (uint32_t)b;
        }
    }
}

static void flush_all(struct fake_disk *d)
{
    for (uint32_t i = 0; i < d->unflushed_count; i++) {
        uint64_t off = (uint64_t)d->unflushed_list[i] * 4096;
        memcpy(d->durable + off, d->current + off, 4096);
        d->unflushed[d->unflushed_list[i]] = 0;
    }
    d->unflushed_count = 0;
}

static int perform(struct fake_disk *d, struct io *io)
{
    if (io->kind == IO_READ) {
        d->reads++;
        if (d->fail_reads || io->off + io->len > d->world->size)
            return ERR_IO;
        memcpy(io->data, d->current + io->off, io->len);
        return 0;
    }
    d->writes++;
    if (d->fail_writes || io->off + io->len > d->world->size)
        return ERR_IO;
    if (io->kind == IO_FLUSH) {
        if (!d->lying_flush)
            flush_all(d);
        return 0;
    }
    if (d->drop_writes > 0) {
        d->drop_writes--;
        return 0;
    }
    memcpy(d->current + io->off, io->data, io->len);
    if (io->kind == IO_WRITE_DURABLE && !d->lying_flush)
        memcpy(d->durable + io->off, io->data, io->len);
    else
        mark_unflushed(d, io->off, io->len);
    return 0;
}

static void take_sectors(struct fake_world *w, uint8_t *to, const uint8_t *from, uint64_t len)
{
    uint64_t mode = fake_random(w) % 4; /* all, none, or a mix */
    for (uint64_t s = 0; s < len; s += 512)
        if (mode == 0 || (mode > 1 && fake_random(w) % 2 == 0))
            memcpy(to + s, from + s, 512);
}

void fake_world_crash(struct fake_world *w)
{
    for (uint32_t i = 0; i < w->disk_count; i++) {
        struct fake_disk *d = &w->disks[i];
        for (uint32_t k = 0; k < d->unflushed_count; k++) {
            uint64_t off = (uint64_t)d->unflushed_list[k] * 4096;
            take_sectors(w, d->durable + off, d->current + off, 4096);
            memcpy(d->current + off, d->durable + off, 4096);
            d->unflushed[d->unflushed_list[k]] = 0;
        }
        d->unflushed_count = 0;
        for (struct io *io = d->flying; io != NULL; io = io->next) {
            take_sectors(w, d->durable + io->off, io->data, io->len);
            memcpy(d->current + io->off, d->durable + io->off, io->len);
        }
        d->flying = NULL;
    }
    w->power_off = false;
    w->cut_at = 0;
}

static void unfly(struct fake_disk *d, struct io *io)
{
    struct io **at = &d->flying;
    while (*at != NULL && *at != io)
        at = &(*at)->next;
    if (*at != NULL)
        *at = io->next;
}

static void submit(struct loop *loop, struct io *io)
{
    struct fake_loop *l = (struct fake_loop *)loop;
    struct fake_world *w = l->world;
    struct fake_disk *d = io->device->engine_data;
    if (io->kind != IO_READ && w->before_op != NULL && !w->power_off)
        w->before_op(w, w->before_op_arg);
    pthread_mutex_lock(&w->lock);
    struct fake_io *f = calloc(1, sizeof *f);
    assert(f != NULL);
    f->io = io;
    io->submitted_us = l->now_us;
    bool hang = io->kind == IO_READ ? d->hang_reads : d->hang_writes;
    f->at_us = hang ? UINT64_MAX : l->now_us + 20 + fake_random(w) % 200 + d->delay_us;
    if (io->kind != IO_READ) {
        w->op_count++;
        if (w->cut_at != 0 && w->op_count >= w->cut_at)
            w->power_off = true;
        if (io->kind != IO_FLUSH && !(w->power_off && w->op_count > w->cut_at)) {
            io->next = d->flying;
            d->flying = io;
        }
    }
    pthread_mutex_unlock(&w->lock);
    struct fake_io **at = &l->queue;
    while (*at != NULL && (*at)->at_us <= f->at_us)
        at = &(*at)->next;
    f->next = *at;
    *at = f;
}

static void complete(struct fake_loop *l, struct fake_io *f, bool perform_it)
{
    struct fake_disk *d = f->io->device->engine_data;
    pthread_mutex_lock(&l->world->lock);
    unfly(d, f->io);
    f->io->next = NULL;
    f->io->result = perform_it ? perform(d, f->io) : ERR_IO;
    pthread_mutex_unlock(&l->world->lock);
    f->io->done(f->io);
    free(f);
}

static int run_until(struct loop *loop, bool (*stop)(void *), void *arg, bool only_own_io)
{
    struct fake_loop *l = (struct fake_loop *)loop;
    (void)only_own_io;
    while (!stop(arg)) {
        if (l->world->power_off)
            return ERR_CANCELLED;
        struct timer *t = l->timers;
        struct fake_io *f = l->queue;
        if (f != NULL && f->at_us != UINT64_MAX && (t == NULL || f->at_us <= t->at_us)) {
            l->queue = f->next;
            l->now_us = f->at_us > l->now_us ? f->at_us : l->now_us;
            complete(l, f, true);
        } else if (t != NULL) {
            l->timers = t->next;
            t->armed = false;
            l->now_us = t->at_us > l->now_us ? t->at_us : l->now_us;
            t->fire(t);
        } else {
            return ERR_TIMEOUT; /* nothing can ever happen */
        }
    }
    return 0;
}

static uint64_t now_us(struct loop *loop) { return ((struct fake_loop *)loop)->now_us; }
static uint64_t loop_rand(struct loop *loop) { return fake_random(((struct fake_loop *)loop)->world); }

static void timer_cancel(struct loop *loop, struct timer *t)
{
    struct timer **at = &((struct fake_loop *)loop)->timers;
    while (*at != NULL && *at != t)
        at = &(*at)->next;
    if (*at != NULL)
        *at = t->next;
    t->armed = false;
}

static void timer_set(struct loop *loop, struct timer *t, uint64_t at_us)
{
    if (t->armed)
        timer_cancel(loop, t);
    struct timer **at = &((struct fake_loop *)loop)->timers;
    while (*at != NULL && (*at)->at_us <= at_us)
        at = &(*at)->next;
    t->at_us = at_us;
    t->armed = true;
    t->next = *at;
    *at = t;
}

/* What was still under way comes back as failed, so that its memory goes. */
static void free_loop(struct loop *loop)
{
    struct fake_loop *l = (struct fake_loop *)loop;
    while (l->queue != NULL) {
        struct fake_io *f = l->queue;
        l->queue = f->next;
        complete(l, f, false);
    }
    free(l);
}

struct loop *fake_loop_new(struct fake_world *w)
{
    static const struct loop_ops ops = {.submit = submit, .now_us = now_us, .wall_us = now_us, .random = loop_rand,
                                        .timer_set = timer_set, .timer_cancel = timer_cancel, .run_until = run_until, .free = free_loop};
    struct fake_loop *l = calloc(1, sizeof *l);
    assert(l != NULL);
    l->loop = (struct loop){.ops = &ops, .name = "fake"};
    l->world = w;
    l->now_us = 1000000;
    return &l->loop;
}

/* --- the store --- */

static struct fake_world *store_world(struct store *s)
{
    return (struct fake_world *)s->lease;
}

struct store *fake_store_new(struct fake_world *w, uint8_t data_count, uint8_t parity_count, uint32_t chunk_size, uint32_t log_size,
                             uint32_t meta_chunks)
{
    struct store *s = calloc(1, sizeof *s);
    assert(s != NULL);
    memset(s->uuid.bytes, 0x5a, sizeof s->uuid.bytes);
    s->data_count = data_count;
    s->parity_count = parity_count;
    s->chunk_size = chunk_size;
    s->log_size = log_size;
    s->generation = 1;
    s->volume_slots = w->disk_count;
    s->lease = (struct lease *)w; /* nobody else looks at it */
    for (uint32_t i = 0; i < w->disk_count; i++) {
        struct volume *v = &s->volumes[i];
        v->index = i;
        v->present = true;
        v->device = w->disks[i].device;
        v->state = VOLUME_IN;
        v->mirror = MIRROR_CURRENT;
        v->chunk_count = (uint32_t)((w->size - CHUNKS_OFF) / chunk_size);
        v->meta_chunks = calloc(META_CHUNKS_MAX, sizeof(uint32_t));
        assert(v->meta_chunks != NULL);
        v->meta_chunk_count = meta_chunks;
        for (uint32_t c = 0; c < meta_chunks; c++)
            v->meta_chunks[c] = (c * 2 + i) % v->chunk_count; /* not in order, not the same everywhere */
    }
    w->store = s;
    return s;
}

int fake_take_chunks(void *arg, uint32_t chunks[VOLUMES_MAX])
{
    struct store *s = arg;
    for (uint32_t i = 0; i < s->volume_slots; i++) {
        chunks[i] = (s->volumes[i].meta_chunk_count * 2 + i) % s->volumes[i].chunk_count;
        if (s->volumes[i].meta_chunk_count * 2 + 2 > s->volumes[i].chunk_count)
            return ERR_NO_SPACE;
    }
    return 0;
}

int store_add_meta_chunks(struct store *s, struct loop *loop, const uint32_t chunks[VOLUMES_MAX])
{
    (void)loop;
    for (uint32_t i = 0; i < s->volume_slots; i++)
        if (s->volumes[i].mirror != MIRROR_NONE)
            s->volumes[i].meta_chunks[s->volumes[i].meta_chunk_count++] = chunks[i];
    return 0;
}

int store_change(struct store *s, struct loop *loop, const struct store_change *c)
{
    (void)loop;
    struct fake_world *w = store_world(s);
    if (w->change_err != 0)
        return w->change_err;
    if (w->power_off)
        return ERR_QUORUM;
    w->changes++;
    s->generation++;
    for (uint32_t i = 0; i < c->count; i++) {
        atomic_store(&s->volumes[c->set[i].index].state, (int)c->set[i].state);
        atomic_store(&s->volumes[c->set[i].index].mirror, (int)c->set[i].mirror);
    }
    return 0;
}

bool store_lease_held(struct store *s, uint64_t now)
{
    (void)now;
    return !store_world(s)->lease_lost;
}

void volume_suspect(struct volume *v, uint64_t now)
{
    atomic_store(&v->suspect_since_us, now);
}

uint8_t *fake_space(struct fake_world *w, uint32_t disk, uint64_t space_off)
{
    struct store *s = w->store;
    uint64_t room = s->chunk_size - CHUNK_HEADER_SIZE;
    return w->disks[disk].current +
           volume_chunk_off(s, s->volumes[disk].meta_chunks[space_off / room], CHUNK_HEADER_SIZE + space_off % room);
}

void fake_rot(struct fake_world *w, uint32_t disk, uint64_t space_off, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        uint8_t *at = fake_space(w, disk, space_off + i);
        *at ^= 0x41;
        w->disks[disk].durable[at - w->disks[disk].current] = *at;
    }
}
