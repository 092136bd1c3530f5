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

static void deadline_fired(struct timer *t)
{
    container_of(t, struct batch, timer)->late = true;
}

static bool settled(void *arg)
{
    const struct batch *b = arg;
    return b->late || b->pending == 0;
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

static void collect(const struct batch *b, struct device_request *requests)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct operation *o = &b->operations[i];
        requests[i].result = o->finished ? o->io.result : ERR_TIMEOUT;
        if (o->finished && o->io.result == 0 && o->io.kind == IO_READ)
            memcpy(requests[i].data, o->io.data, o->io.len);
    }
}

int device_io(struct loop *loop, struct device_request *requests, uint32_t count, uint64_t deadline_us)
{
    if (!count)
        return 0;
    struct batch *b = calloc(1, sizeof *b + count * sizeof b->operations[0]);
    if (!b)
        return ERR_NO_MEMORY;
    b->count = count;
    b->holders = 1;
    int err = prepare(b, requests);
    if (err < 0) {
        drop(b);
        return err;
    }
    b->pending = count;
    b->holders += count;
    b->timer.fire = deadline_fired;
    loop_timer_set(loop, &b->timer, loop_now_us(loop) + deadline_us);
    for (uint32_t i = 0; i < count; i++)
        loop_submit(loop, &b->operations[i].io);
    err = loop_wait(loop, settled, b);
    loop_timer_cancel(loop, &b->timer);
    if (err == 0)
        collect(b, requests);
    drop(b);
    return err;
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
