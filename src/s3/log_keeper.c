/* See log_keeper.h. */
#include "s3/log_keeper.h"

#include "base/container.h"
#include "base/log.h"

#define PAUSE_US 1000000u
#define PAUSE_FAILED_US 30000000u

static void turn(struct log_keeper *k);

static void rest(struct log_keeper *k)
{
    k->busy = false;
    if (k->stopping) {
        turn(k);
        return;
    }
    struct loop *loop = k->reactor->loop;
    loop_timer_set(loop, &k->timer, loop_now_us(loop) + (k->failed ? PAUSE_FAILED_US : PAUSE_US));
}

static void deliver_next(struct log_keeper *k);

static void delivered(struct log_delivery *d)
{
    struct log_keeper *k = container_of(d, struct log_keeper, delivery);
    int err = d->err;
    if (err && err != ERR_NO_SUCH_BUCKET) {
        log_warning("an access log cannot be delivered now: %s", err_text(err));
        k->failed = true;
    }
    log_delivery_fini(d);
    deliver_next(k);
}

static void deliver_next(struct log_keeper *k)
{
    if (k->index == k->due.count || k->stopping) {
        rest(k);
        return;
    }
    k->delivery = (struct log_delivery){.reactor = k->reactor, .stream = {.id = k->due.ids[k->index++]}, .done = delivered};
    log_delivery_start(&k->delivery);
}

static void due_found(struct log_due *due)
{
    struct log_keeper *k = container_of(due, struct log_keeper, due);
    k->index = 0;
    if (due->err) {
        log_warning("access logs that are due: %s", err_text(due->err));
        k->failed = true;
        due->count = 0;
    }
    deliver_next(k);
}

static void find_due(struct log_keeper *k)
{
    k->due = (struct log_due){.reactor = k->reactor, .done = due_found};
    log_due_start(&k->due);
}

static void drained(struct log_drain *d)
{
    struct log_keeper *k = container_of(d, struct log_keeper, drain);
    if (d->err)
        log_warning("access log records cannot be written now: %s", err_text(d->err));
    if (k->stopping) {
        k->busy = false;
        k->stopped(k->stopped_arg);
        return;
    }
    if (d->err) {
        rest(k);
        return;
    }
    find_due(k);
}

static void turn(struct log_keeper *k)
{
    k->busy = true;
    k->failed = false;
    if (!k->stopping && log_buffer_empty(k->buffer)) { /* an idle store writes nothing */
        find_due(k);
        return;
    }
    k->drain = (struct log_drain){.reactor = k->reactor, .buffer = k->buffer, .done = drained};
    log_drain_start(&k->drain);
}

static void fire(struct timer *timer)
{
    turn(container_of(timer, struct log_keeper, timer));
}

void log_keeper_start(struct log_keeper *k, struct object_reactor *reactor, struct log_buffer *buffer)
{
    *k = (struct log_keeper){.reactor = reactor, .buffer = buffer, .timer = {.fire = fire}};
    rest(k);
}

void log_keeper_stop(struct log_keeper *k, void (*stopped)(void *arg), void *arg)
{
    k->stopping = true;
    k->stopped = stopped;
    k->stopped_arg = arg;
    loop_timer_cancel(k->reactor->loop, &k->timer);
    if (!k->busy)
        turn(k);
}
