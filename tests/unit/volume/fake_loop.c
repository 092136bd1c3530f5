/* See fake_loop.h. */
#include "fake_loop.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

static void fake_submit(struct loop *l, struct io *io)
{
    struct fake_loop *f = (struct fake_loop *)l;
    assert(io->off % 4096 == 0 && io->len % 4096 == 0);
    io->next = NULL;
    *f->last = io;
    f->last = &io->next;
}

static uint64_t fake_now(struct loop *l)
{
    return ((struct fake_loop *)l)->now_us;
}

static uint64_t fake_wall(struct loop *l)
{
    return ((struct fake_loop *)l)->now_us + 1700000000000000ull;
}

static uint64_t fake_random(struct loop *l)
{
    struct fake_loop *f = (struct fake_loop *)l;
    f->random_state = f->random_state * 6364136223846793005ull + 1442695040888963407ull;
    return f->random_state ^ f->random_state >> 29;
}

static void fake_timer_cancel(struct loop *l, struct timer *t)
{
    (void)l;
    if (!t->armed)
        return;
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->armed = false;
}

static void fake_timer_set(struct loop *l, struct timer *t, uint64_t at_us)
{
    struct fake_loop *f = (struct fake_loop *)l;
    fake_timer_cancel(l, t);
    t->at_us = at_us;
    struct timer *before = f->timers.prev;
    while (before != &f->timers && before->at_us > at_us)
        before = before->prev;
    t->prev = before;
    t->next = before->next;
    before->next->prev = t;
    before->next = t;
    t->armed = true;
}

static void run_io(struct fake_loop *f, struct io *io)
{
    struct fake_disk *d = io->device->engine_data;
    bool reads = io->kind == IO_READ, writes = io->kind == IO_WRITE || io->kind == IO_WRITE_DURABLE;
    uint64_t number = reads ? 0 : ++f->operations;
    io->result = 0;
    if (io->off + io->len > d->size || (reads && d->fail_reads) || (!reads && d->fail_writes) || (number && number == f->fail_at)) {
        io->result = ERR_IO;
    } else if (f->die_at && number >= f->die_at) {
        if (number == f->die_at && writes)
            memcpy(d->bytes + io->off, io->data, io->len / 1024 * 512); /* torn: about half */
    } else if (reads) {
        memcpy(io->data, d->bytes + io->off, io->len);
    } else if (writes) {
        memcpy(d->bytes + io->off, io->data, io->len);
        d->writes++;
    }
    io->done(io);
}

/* The next that does not hang. */
static struct io *take_io(struct fake_loop *f)
{
    for (struct io **at = &f->first; *at; at = &(*at)->next) {
        struct io *io = *at;
        if (((struct fake_disk *)io->device->engine_data)->hang)
            continue;
        *at = io->next;
        if (!io->next)
            f->last = at;
        return io;
    }
    return NULL;
}

static int fake_run_until(struct loop *l, bool (*stop)(void *), void *arg, bool only_own_io)
{
    struct fake_loop *f = (struct fake_loop *)l;
    (void)only_own_io;
    while (!stop(arg)) {
        struct io *io = take_io(f);
        if (io) {
            run_io(f, io);
            continue;
        }
        struct timer *t = f->timers.next;
        if (t == &f->timers)
            return ERR_IO; /* would wait for ever */
        f->now_us = t->at_us > f->now_us ? t->at_us : f->now_us;
        fake_timer_cancel(l, t);
        if (f->on_time)
            f->on_time(f);
        t->fire(t);
    }
    return 0;
}

static const struct loop_ops ops = {
    .submit = fake_submit,
    .now_us = fake_now,
    .wall_us = fake_wall,
    .random = fake_random,
    .timer_set = fake_timer_set,
    .timer_cancel = fake_timer_cancel,
    .run_until = fake_run_until,
};

void fake_loop_init(struct fake_loop *f)
{
    *f = (struct fake_loop){.head = {.ops = &ops, .name = "fake"}, .now_us = 1000000, .random_state = 42};
    f->last = &f->first;
    f->timers.prev = f->timers.next = &f->timers;
}

void fake_disk_init(struct fake_disk *d, struct device *device, uint64_t size, uint32_t index)
{
    *d = (struct fake_disk){.size = size};
    d->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(d->bytes != MAP_FAILED);
    *device = (struct device){.fd = -1, .index = index, .size = size, .engine_data = d};
}

void fake_disk_fini(struct fake_disk *d)
{
    munmap(d->bytes, d->size);
}
