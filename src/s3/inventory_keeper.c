/* See inventory_keeper.h. */
#include "s3/inventory_keeper.h"

#include "base/container.h"
#include "base/log.h"
#include "meta/inventory.h"

#define PAUSE_MAX_US 10000000u
#define RETRY_MAX_US 3600000000ull

static void look(struct inventory_keeper *k);

static bool ended(struct inventory_keeper *k)
{
    k->busy = false;
    if (k->stopping)
        k->stopped(k->stopped_arg);
    return k->stopping;
}

static void rest(struct inventory_keeper *k)
{
    if (ended(k))
        return;
    uint64_t pause = k->day_us / 10 < PAUSE_MAX_US ? k->day_us / 10 : PAUSE_MAX_US;
    loop_timer_set(k->reactor->loop, &k->timer, loop_now_us(k->reactor->loop) + pause);
}

/* --- what could not be written is tried again later --- */

static int run_postpone(struct meta_tx *tx, struct meta_write *write)
{
    struct inventory_keeper *k = container_of(write, struct inventory_keeper, write);
    int err = inventory_set_due(tx, k->report.bucket_id, slice_of(k->report.id.data, k->report.id.len), k->retry_us);
    return err == ERR_NOT_FOUND ? 0 : err;
}

static void end_report(struct inventory_keeper *k)
{
    inventory_report_fini(&k->report);
    k->report = (struct inventory_report){0};
}

static void postponed(struct meta_write *write)
{
    struct inventory_keeper *k = container_of(write, struct inventory_keeper, write);
    int err = write->err;
    end_report(k);
    if (err) {
        log_warning_limited("an inventory cannot be put off: %s", err_text(err));
        rest(k);
    } else if (!ended(k)) {
        look(k);
    }
}

static void postpone(struct inventory_keeper *k)
{
    uint64_t wait = k->day_us < RETRY_MAX_US ? k->day_us : RETRY_MAX_US;
    k->retry_us = loop_wall_us(k->reactor->loop) + wait;
    k->write = (struct meta_write){.run = run_postpone, .done = postponed, .loop = k->reactor->loop};
    meta_write(k->reactor->meta, &k->write);
}

static void reported(struct inventory_report *r)
{
    struct inventory_keeper *k = container_of(r, struct inventory_keeper, report);
    k->reporting = false;
    if (r->err && r->err != ERR_NOT_FOUND && !k->stopping) {
        log_warning("inventory %s of bucket %s: %s; it is tried again within an hour", r->id.data, r->source.len ? r->source.data : "?",
                    r->why ? r->why : err_text(r->err));
        postpone(k);
        return;
    }
    end_report(k);
    if (!ended(k))
        look(k);
}

/* --- what is due --- */

static int run_look(struct meta_tx *tx, struct meta_read *read)
{
    struct inventory_keeper *k = container_of(read, struct inventory_keeper, read);
    struct inventory_row row;
    int err = inventory_due(tx, loop_wall_us(k->reactor->loop), &row);
    k->found = !err;
    if (err)
        return err == ERR_NOT_FOUND ? 0 : err;
    k->report.bucket_id = row.bucket_id;
    text_clear(&k->report.id);
    text_append(&k->report.id, row.id.data, row.id.len);
    return k->report.id.failed ? ERR_NO_MEMORY : 0;
}

static void looked(struct meta_read *read)
{
    struct inventory_keeper *k = container_of(read, struct inventory_keeper, read);
    if (read->err)
        log_warning_limited("inventories that are due: %s", err_text(read->err));
    if (read->err || !k->found || k->stopping) {
        end_report(k);
        rest(k);
        return;
    }
    k->report.reactor = k->reactor;
    k->report.day_us = k->day_us;
    k->report.done = reported;
    k->reporting = true;
    inventory_report_start(&k->report);
}

static void look(struct inventory_keeper *k)
{
    k->busy = true;
    k->read = (struct meta_read){.run = run_look, .done = looked, .loop = k->reactor->loop};
    meta_read(k->reactor->meta, &k->read);
}

static void fire(struct timer *timer)
{
    look(container_of(timer, struct inventory_keeper, timer));
}

void inventory_keeper_start(struct inventory_keeper *k, struct object_reactor *reactor, uint64_t day_us)
{
    *k = (struct inventory_keeper){.reactor = reactor, .day_us = day_us, .timer = {.fire = fire}};
    rest(k);
}

void inventory_keeper_stop(struct inventory_keeper *k, void (*stopped)(void *arg), void *arg)
{
    k->stopping = true;
    k->stopped = stopped;
    k->stopped_arg = arg;
    loop_timer_cancel(k->reactor->loop, &k->timer);
    if (!k->busy)
        stopped(arg);
    else if (k->reporting)
        inventory_report_stop(&k->report);
}
