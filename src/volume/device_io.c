/* Requests with a deadline (see device_io.h).
 *
 * Ownership: the batch is counted: one for the caller while it waits, one for each operation in flight. Who drops
 * the last one frees it: so a late completion finds its memory, and finds that nobody waits. */
#include "volume/device_io.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"

struct batch;

struct operation {
    struct io io;
    struct device device; /* a copy: the caller's may go or change while this one hangs */
    struct batch *batch;
    bool finished;
};

struct batch {
    struct timer timer;
    struct device_request *requests; /* the caller's, while it waits */
    device_enough *enough;           /* NULL: all of them, or the deadline */
    void *enough_arg;
    bool asking;                     /* late_us is over */
    uint32_t holders;
    uint32_t pending;
    bool late;
    uint32_t count;
    struct operation operations[];
};

static void drop(struct batch *b)
{
    if (--b->holders > 0)
        return;
    for (uint32_t i = 0; i < b->count; i++)
        free(b->operations[i].io.data);
    free(b);
}

static void operation_done(struct io *io)
{
    struct operation *o = container_of(io, struct operation, io);
    o->finished = true;
    o->batch->pending--;
    drop(o->batch);
}

static int prepare(struct batch *b, const struct device_request *requests)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct device_request *r = &requests[i];
        struct operation *o = &b->operations[i];
        o->batch = b;
        o->device = *r->device;
        o->io = (struct io){.kind = r->kind, .device = &o->device, .len = r->len, .off = r->off,
                            .done = operation_done};
        if (!r->data)
            continue;
        o->io.data = aligned_alloc(4096, r->len);
        if (!o->io.data)
            return ERR_NO_MEMORY;
        if (r->kind == IO_WRITE || r->kind == IO_WRITE_DURABLE)
            memcpy(o->io.data, r->data, r->len);
    }
    return 0;
}

static void collect(const struct batch *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        b->requests[i].result = b->operations[i].finished ? b->operations[i].io.result : ERR_TIMEOUT;
}

static void collect_data(const struct batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct operation *o = &b->operations[i];
        if (o->finished && o->io.result == 0 && o->io.kind == IO_READ)
            memcpy(b->requests[i].data, o->io.data, o->io.len);
    }
}

static void timer_fired(struct timer *t)
{
    struct batch *b = container_of(t, struct batch, timer);
    b->late = b->asking || !b->enough;
    b->asking = true;
}

static bool first_over(void *arg)
{
    const struct batch *b = arg;
    return b->asking || b->pending == 0;
}

static bool settled(void *arg)
{
    struct batch *b = arg;
    if (b->late || b->pending == 0)
        return true;
    if (!b->asking)
        return false;
    collect(b);
    return b->enough(b->enough_arg, b->requests, b->count);
}

static int wait(struct batch *b, struct loop *loop, uint64_t late_us, uint64_t deadline_us)
{
    uint64_t start_us = loop_now_us(loop);
    int err = 0;
    b->timer.fire = timer_fired;
    if (b->enough) {
        loop_timer_set(loop, &b->timer, start_us + late_us);
        err = loop_wait(loop, first_over, b);
        loop_timer_cancel(loop, &b->timer);
    }
    if (err == 0 && b->pending > 0) {
        loop_timer_set(loop, &b->timer, start_us + deadline_us);
        err = loop_wait(loop, settled, b);
        loop_timer_cancel(loop, &b->timer);
    }
    return err;
}

int device_io_enough(struct loop *loop, struct device_request *requests, uint32_t count, uint64_t late_us,
                     uint64_t deadline_us, device_enough *enough, void *arg)
{
    if (!count)
        return 0;
    struct batch *b = calloc(1, sizeof *b + count * sizeof b->operations[0]);
    if (!b)
        return ERR_NO_MEMORY;
    b->count = count;
    b->holders = 1;
    b->requests = requests;
    b->enough = enough;
    b->enough_arg = arg;
    int err = prepare(b, requests);
    if (err < 0) {
        drop(b);
        return err;
    }
    b->pending = count;
    b->holders += count;
    for (uint32_t i = 0; i < count; i++)
        loop_submit(loop, &b->operations[i].io);
    err = wait(b, loop, late_us, deadline_us);
    if (err == 0) {
        collect(b);
        collect_data(b);
    }
    drop(b);
    return err;
}

int device_io(struct loop *loop, struct device_request *requests, uint32_t count, uint64_t deadline_us)
{
    return device_io_enough(loop, requests, count, deadline_us, deadline_us, NULL, NULL);
}

struct nap {
    struct timer timer;
    bool over;
};

static void nap_over(struct timer *t)
{
    container_of(t, struct nap, timer)->over = true;
}

static bool nap_done(void *arg)
{
    return ((struct nap *)arg)->over;
}

int device_sleep(struct loop *loop, uint64_t duration_us)
{
    struct nap nap = {.timer.fire = nap_over};
    loop_timer_set(loop, &nap.timer, loop_now_us(loop) + duration_us);
    int err = loop_wait(loop, nap_done, &nap);
    loop_timer_cancel(loop, &nap.timer);
    return err;
}
