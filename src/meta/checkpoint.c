/* See checkpoint.h. */
#include "meta/checkpoint.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/log.h"

struct checkpointer {
    struct meta *meta;
    struct loop *loop;    /* NULL without threads */
    pthread_t thread;
    bool running;
    struct task wake;
    atomic_bool woken, stopping;
    bool stopped;         /* the thread's own */
};

static bool checkpoint(struct checkpointer *c, struct loop *loop)
{
    if (!pages_checkpoint_due(c->meta->pages))
        return false;
    int err = pages_checkpoint(c->meta->pages, loop);
    if (err != 0)
        log_error("metadata checkpoint: %s", err_text(err));
    return err == 0;
}

bool checkpointer_step(struct checkpointer *c, struct loop *loop)
{
    return c->loop == NULL && checkpoint(c, loop);
}

static void wake_run(struct task *task)
{
    struct checkpointer *c = container_of(task, struct checkpointer, wake);
    atomic_store(&c->woken, false);
    while (!atomic_load(&c->stopping) && checkpoint(c, c->loop))
        ;
    c->stopped = atomic_load(&c->stopping);
}

static void wake(void *arg)
{
    struct checkpointer *c = arg;
    if (c->running && !atomic_exchange(&c->woken, true))
        loop_post(c->loop, &c->wake);
}

static bool is_stopped(void *arg)
{
    const struct checkpointer *c = arg;
    return c->stopped;
}

static void *thread_main(void *arg)
{
    struct checkpointer *c = arg;
    int err = loop_run_until(c->loop, is_stopped, c);
    if (err != 0)
        log_error("metadata checkpoint: %s", err_text(err));
    return NULL;
}

int checkpointer_open(struct meta *meta, struct checkpointer **ret)
{
    struct checkpointer *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_NO_MEMORY;
    c->meta = meta;
    c->wake.run = wake_run;
    if (meta->options.threads) {
        c->loop = meta_new_loop(meta, "meta-checkpoint");
        if (c->loop == NULL || pthread_create(&c->thread, NULL, thread_main, c) != 0) {
            checkpointer_close(c);
            return ERR_NO_MEMORY;
        }
        c->running = true;
        pages_set_notify(meta->pages, wake, c);
    }
    *ret = c;
    return 0;
}

void checkpointer_close(struct checkpointer *c)
{
    if (c == NULL)
        return;
    if (c->running) {
        pages_set_notify(c->meta->pages, NULL, NULL);
        atomic_store(&c->stopping, true);
        wake(c);
        pthread_join(c->thread, NULL);
    }
    if (c->loop != NULL)
        loop_free(c->loop);
    free(c);
}
