/* See job.h. */
#include "meta/job.h"

#include "base/container.h"
#include "meta/state.h"

static void job_done(struct task *task)
{
    struct meta_job *job = container_of(task, struct meta_job, task);
    job->done(job);
}

static void answer(struct meta_job *job, int err)
{
    job->err = err;
    job->task.run = job_done;
    loop_post(job->loop, &job->task);
}

static int enter(struct meta *meta)
{
    pthread_mutex_lock(&meta->job_lock);
    int err = atomic_load(&meta->closing) ? ERR_SHUTDOWN : meta->jobs >= META_JOBS_MAX ? ERR_OVERLOAD : 0;
    meta->jobs += err == 0;
    pthread_mutex_unlock(&meta->job_lock);
    return err;
}

static void leave(struct meta *meta)
{
    pthread_mutex_lock(&meta->job_lock);
    meta->jobs--;
    pthread_cond_broadcast(&meta->job_ended);
    pthread_mutex_unlock(&meta->job_lock);
}

static void *thread_main(void *arg)
{
    struct meta_job *job = arg;
    struct meta *meta = job->meta;
    struct loop *loop = meta_new_loop(meta, "meta-job");
    int err = loop != NULL ? job->run(meta, loop, job) : ERR_NO_MEMORY;
    if (loop != NULL)
        loop_free(loop);
    answer(job, err);
    leave(meta);
    return NULL;
}

static int start_thread(struct meta_job *job)
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0)
        return ERR_NO_MEMORY;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&thread, &attributes, thread_main, job);
    pthread_attr_destroy(&attributes);
    return failed != 0 ? ERR_NO_MEMORY : 0;
}

void meta_job_start(struct meta *meta, struct meta_job *job)
{
    job->meta = meta;
    int err = enter(meta);
    if (err != 0) {
        answer(job, err);
        return;
    }
    if (meta->options.threads) {
        err = start_thread(job);
        if (err == 0)
            return;
    } else {
        err = job->run(meta, meta->home_loop, job);
    }
    answer(job, err);
    leave(meta);
}

bool meta_job_cancelled(struct meta *meta)
{
    return atomic_load_explicit(&meta->closing, memory_order_relaxed);
}

bool meta_job_pressed(struct meta *meta)
{
    return meta->pages != NULL && pages_pressed(meta->pages);
}
