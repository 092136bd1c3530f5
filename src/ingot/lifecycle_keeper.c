#include "ingot/lifecycle_keeper.h"

#include "base/container.h"
#include "base/log.h"

#define METRIC_SLOT 0 /* shared with the first reactor: it counts rarely */

static bool ended(void *arg)
{
    return lifecycle_worker_idle(&((struct lifecycle_keeper *)arg)->worker);
}

static void *keeper_main(void *arg)
{
    struct lifecycle_keeper *keeper = arg;
    lifecycle_worker_start(&keeper->worker);
    int err = loop_run_until(keeper->loop, ended, keeper);
    if (err)
        log_error("the work for lifecycle rules ended: %s", err_text(err));
    return NULL;
}

static void stop_on_loop(struct task *task)
{
    lifecycle_worker_stop(&container_of(task, struct lifecycle_keeper, stop_task)->worker);
}

static void count(void *arg, const struct lifecycle_counts *c)
{
    struct lifecycle_keeper *keeper = arg;
    metric_add(keeper->metrics, METRIC_SLOT, COUNTER_lifecycle_expired, c->expired);
    metric_add(keeper->metrics, METRIC_SLOT, COUNTER_lifecycle_noncurrent, c->noncurrent);
    metric_add(keeper->metrics, METRIC_SLOT, COUNTER_lifecycle_markers, c->markers);
    metric_add(keeper->metrics, METRIC_SLOT, COUNTER_lifecycle_uploads, c->uploads);
    metric_add(keeper->metrics, METRIC_SLOT, COUNTER_lifecycle_transitions, c->transitions);
}

int lifecycle_keeper_start(struct lifecycle_keeper *keeper, struct meta *meta, struct engine *engine, struct metrics *metrics,
                           uint64_t day_us)
{
    keeper->meta = meta;
    keeper->metrics = metrics;
    keeper->stop_task.run = stop_on_loop;
    if (!(keeper->loop = engine_new_loop(engine, "lifecycle")))
        return ERR_NO_MEMORY;
    int err = meta_attach_loop(meta, keeper->loop);
    if (err)
        return err;
    keeper->attached = true;
    const struct lifecycle_worker_options options = {
        .meta = meta, .loop = keeper->loop, .day_us = day_us ? day_us : LIFECYCLE_DAY_US, .counted = count, .arg = keeper,
    };
    if ((err = lifecycle_worker_init(&keeper->worker, &options)))
        return err;
    keeper->made = true;
    if (pthread_create(&keeper->thread, NULL, keeper_main, keeper))
        return ERR_NO_MEMORY;
    keeper->started = true;
    return 0;
}

void lifecycle_keeper_stop(struct lifecycle_keeper *keeper)
{
    if (keeper->started) {
        loop_post(keeper->loop, &keeper->stop_task);
        pthread_join(keeper->thread, NULL);
    }
    if (keeper->made)
        lifecycle_worker_fini(&keeper->worker);
    if (keeper->attached)
        meta_detach_loop(keeper->meta, keeper->loop);
    if (keeper->loop)
        loop_free(keeper->loop);
    *keeper = (struct lifecycle_keeper){0};
}
