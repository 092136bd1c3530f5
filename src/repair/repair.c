/* The repair's life, its order of work, and its status. */
#include "repair/repair_private.h"

#include <stdlib.h>

#include "base/container.h"

static void woken(struct task *task)
{
    atomic_store(&container_of(task, struct repair, wake_task)->wake_posted, false);
}

int repair_new(const struct repair_options *options, struct repair **ret)
{
    struct repair *r = calloc(1, sizeof(*r));
    if (!r)
        return ERR_NO_MEMORY;
    if (pthread_mutex_init(&r->lock, NULL) != 0) {
        free(r);
        return ERR_NO_MEMORY;
    }
    r->options = *options;
    r->meta = options->meta;
    r->loop = options->loop;
    r->store = meta_store(options->meta);
    r->placement = meta_placement(options->meta);
    r->wake_task.run = woken;
    if (!r->options.rate)
        r->options.rate = REPAIR_RATE_DEFAULT;
    if (!r->options.out_delay_us)
        r->options.out_delay_us = REPAIR_OUT_DELAY_US;
    if (!r->options.poll_us)
        r->options.poll_us = REPAIR_POLL_US;
    *ret = r;
    return 0;
}

void repair_free(struct repair *r)
{
    if (!r)
        return;
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void repair_set_activity(struct repair *r, enum repair_activity activity)
{
    pthread_mutex_lock(&r->lock);
    r->status.activity = activity;
    pthread_mutex_unlock(&r->lock);
}

int repair_step(struct repair *r, bool *ret_worked)
{
    /* Dearest first: what has lost redundancy, then what will, then what may have without anybody knowing. */
    static const struct { int (*step)(struct repair *, bool *); const char *doing; } work[] = {
        {heal_step, "healing extents"},
        {readmit_step, "readmitting a volume"},
        {relocate_step, "moving slots to other volumes"},
        {scrub_step, "scrubbing"},
    };
    bool worked = false;
    int err = 0;
    if (atomic_exchange(&r->woken, false))
        r->heal_at_us = r->move_at_us = 0;
    for (unsigned i = 0; i < sizeof(work) / sizeof(work[0]) && !worked; i++) {
        int step_err = work[i].step(r, &worked);
        if (step_err && step_err != ERR_CANCELLED) {
            repair_note_error(r, step_err, work[i].doing);
            err = step_err;
        }
    }
    if (!worked)
        repair_set_activity(r, REPAIR_IDLE);
    *ret_worked = worked;
    return err;
}

int repair_run(struct repair *r)
{
    while (!atomic_load(&r->stopping)) {
        bool worked;
        int err = repair_step(r, &worked);
        if (!worked || err)
            repair_sleep(r, r->options.poll_us);
    }
    while (atomic_load(&r->wake_posted)) /* its task lies in this struct */
        repair_run_loop(r, 1000);
    return 0;
}

void repair_wake(struct repair *r)
{
    atomic_store(&r->woken, true);
    if (!atomic_exchange(&r->wake_posted, true))
        loop_post(r->loop, &r->wake_task);
}

void repair_stop(struct repair *r)
{
    atomic_store(&r->stopping, true);
    repair_wake(r);
}

void repair_scrub(struct repair *r)
{
    atomic_store(&r->scrub_wanted, true);
    repair_wake(r);
}

void repair_scrub_stop(struct repair *r)
{
    atomic_store(&r->scrub_wanted, false);
    atomic_store(&r->scrub_stop, true);
    repair_wake(r);
}

void repair_status(struct repair *r, struct repair_status *ret)
{
    pthread_mutex_lock(&r->lock);
    *ret = r->status;
    pthread_mutex_unlock(&r->lock);
}
