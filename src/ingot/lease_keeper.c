#include "ingot/lease_keeper.h"

#include "base/container.h"
#include "base/log.h"

static void due(struct timer *timer)
{
    struct lease_keeper *keeper = container_of(timer, struct lease_keeper, timer);
    loop_post(keeper->loop, &keeper->renew_task);
}

static void renew(struct task *task)
{
    struct lease_keeper *keeper = container_of(task, struct lease_keeper, renew_task);
    uint64_t started_us = loop_now_us(keeper->loop);
    bool late = !store_lease_held(keeper->store, started_us);
    int err = store_lease_renew(keeper->store, keeper->loop);
    bool held = store_lease_held(keeper->store, loop_now_us(keeper->loop));
    if (err && held && err != ERR_ACCESS)
        log_warning_limited("the lease was not renewed: %s", err_text(err));
    if ((err == ERR_ACCESS || !held) && !keeper->told) {
        log_error("the lease on the store %s: writing stops", late ? "ended before this host came to renew it"
                  : err == ERR_ACCESS ? "is lost to another host" : "ended while it was being renewed");
        keeper->told = true;
        if (keeper->lost)
            keeper->lost(keeper->arg);
        return;
    }
    loop_timer_set(keeper->loop, &keeper->timer, started_us + keeper->pause_us);
}

static void stop(struct task *task)
{
    container_of(task, struct lease_keeper, stop_task)->stop = true;
}

static bool must_stop(void *arg)
{
    return ((struct lease_keeper *)arg)->stop;
}

static void *keeper_main(void *arg)
{
    struct lease_keeper *keeper = arg;
    int err;
    loop_timer_set(keeper->loop, &keeper->timer, loop_now_us(keeper->loop) + keeper->pause_us);
    if ((err = loop_run_until(keeper->loop, must_stop, keeper))) {
        log_error("the lease's event loop broke: %s", err_text(err));
        if (keeper->lost)
            keeper->lost(keeper->arg);
    }
    return NULL;
}

int lease_keeper_start(struct lease_keeper *keeper, struct store *store, struct engine *engine, uint64_t lease_ms,
                       void (*lost)(void *), void *arg)
{
    *keeper = (struct lease_keeper){.store = store, .pause_us = lease_ms * 1000 / 4, .lost = lost, .arg = arg,
                                    .timer = {.fire = due}, .renew_task = {.run = renew}, .stop_task = {.run = stop}};
    if (!(keeper->loop = engine_new_loop(engine, "lease")))
        return ERR_NO_MEMORY;
    if (pthread_create(&keeper->thread, NULL, keeper_main, keeper)) {
        loop_free(keeper->loop);
        return ERR_NO_MEMORY;
    }
    keeper->started = true;
    return 0;
}

void lease_keeper_stop(struct lease_keeper *keeper)
{
    if (!keeper->started)
        return;
    loop_post(keeper->loop, &keeper->stop_task);
    pthread_join(keeper->thread, NULL);
    loop_timer_cancel(keeper->loop, &keeper->timer);
    loop_free(keeper->loop);
    keeper->started = false;
}
