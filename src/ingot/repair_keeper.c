#include "ingot/repair_keeper.h"

#include "base/log.h"

#define BUFFERS (2 * SLOTS_MAX)

static void *keeper_main(void *arg)
{
    struct repair_keeper *keeper = arg;
    int err = repair_run(keeper->repair);
    if (err)
        log_error("the background repair ended: %s", err_text(err));
    return NULL;
}

int repair_keeper_start(struct repair_keeper *keeper, struct meta *meta, struct engine *engine)
{
    keeper->meta = meta;
    if (!(keeper->loop = engine_new_loop(engine, "repair")))
        return ERR_NO_MEMORY;
    int err = buffer_pool_init(&keeper->buffers, keeper->loop, BUFFERS);
    if (err || (err = meta_attach_loop(meta, keeper->loop)))
        return err;
    keeper->attached = true;
    const struct repair_options options = {.meta = meta, .loop = keeper->loop, .buffers = &keeper->buffers};
    if ((err = repair_new(&options, &keeper->repair)))
        return err;
    if (pthread_create(&keeper->thread, NULL, keeper_main, keeper))
        return ERR_NO_MEMORY;
    keeper->started = true;
    return 0;
}

void repair_keeper_stop(struct repair_keeper *keeper)
{
    if (keeper->started) {
        repair_stop(keeper->repair);
        pthread_join(keeper->thread, NULL);
    }
    if (keeper->repair)
        repair_free(keeper->repair);
    if (keeper->attached)
        meta_detach_loop(keeper->meta, keeper->loop);
    if (keeper->buffers.count && keeper->buffers.free_count < keeper->buffers.count)
        return; /* a hung device holds some: they stay until the process ends */
    if (keeper->loop)
        loop_free(keeper->loop);
    if (keeper->buffers.count)
        buffer_pool_fini(&keeper->buffers);
    *keeper = (struct repair_keeper){0};
}
