#include "admin/wait.h"

#include <pthread.h>

#include "base/container.h"
#include "meta/check.h"
#include "meta/job.h"

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
    int (*run)(struct meta *, struct loop *, void *arg);
    void *arg;
    struct meta_exclusive exclusive;
    struct meta_job job;
    int (*run_tx)(struct meta_tx *, void *arg);
    struct meta_write write;
    struct meta_read read;
};

static void end(struct waiting *waiting)
{
    pthread_mutex_lock(&waiting->lock);
    waiting->done = true;
    pthread_cond_signal(&waiting->ended);
    pthread_mutex_unlock(&waiting->lock);
}

static int run_exclusive(struct meta *meta, struct loop *writer, struct meta_exclusive *exclusive)
{
    struct waiting *waiting = container_of(exclusive, struct waiting, exclusive);
    return waiting->run(meta, writer, waiting->arg);
}

static void exclusive_done(struct meta_exclusive *exclusive)
{
    end(container_of(exclusive, struct waiting, exclusive));
}

static int run_job(struct meta *meta, struct loop *loop, struct meta_job *job)
{
    struct waiting *waiting = container_of(job, struct waiting, job);
    return waiting->run(meta, loop, waiting->arg);
}

static void job_done(struct meta_job *job)
{
    end(container_of(job, struct waiting, job));
}

static int run_write(struct meta_tx *tx, struct meta_write *write)
{
    struct waiting *waiting = container_of(write, struct waiting, write);
    return waiting->run_tx(tx, waiting->arg);
}

static void write_done(struct meta_write *write)
{
    end(container_of(write, struct waiting, write));
}

static int run_read(struct meta_tx *tx, struct meta_read *read)
{
    struct waiting *waiting = container_of(read, struct waiting, read);
    return waiting->run_tx(tx, waiting->arg);
}

static int read_on_job(struct meta *meta, struct loop *loop, void *arg)
{
    return check_read(meta, loop, &((struct waiting *)arg)->read);
}

static void wait_for_end(struct waiting *waiting)
{
    pthread_mutex_lock(&waiting->lock);
    while (!waiting->done)
        pthread_cond_wait(&waiting->ended, &waiting->lock);
    pthread_mutex_unlock(&waiting->lock);
}

int admin_exclusive(struct admin *admin, int (*run)(struct meta *, struct loop *, void *), void *arg)
{
    struct waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER, .run = run, .arg = arg};
    waiting.exclusive = (struct meta_exclusive){.run = run_exclusive, .done = exclusive_done, .loop = admin->control};
    meta_exclusive(admin->meta, &waiting.exclusive);
    wait_for_end(&waiting);
    return waiting.exclusive.err;
}

int admin_job(struct admin *admin, int (*run)(struct meta *, struct loop *, void *), void *arg)
{
    struct waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER, .run = run, .arg = arg};
    waiting.job = (struct meta_job){.run = run_job, .done = job_done, .loop = admin->control};
    meta_job_start(admin->meta, &waiting.job);
    wait_for_end(&waiting);
    return waiting.job.err;
}

int admin_write(struct admin *admin, int (*run)(struct meta_tx *, void *), void *arg)
{
    struct waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER, .run_tx = run, .arg = arg};
    waiting.write = (struct meta_write){.run = run_write, .done = write_done, .loop = admin->control};
    meta_write(admin->meta, &waiting.write);
    wait_for_end(&waiting);
    return waiting.write.err;
}

int admin_read(struct admin *admin, int (*run)(struct meta_tx *, void *), void *arg)
{
    struct waiting waiting = {.run_tx = run, .arg = arg, .read.run = run_read};
    return admin_job(admin, read_on_job, &waiting);
}
