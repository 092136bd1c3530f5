/* See reader.h. The lock guards the queue and the list of idle readers. */
#include "meta/reader.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/log.h"

struct reader {
    struct readers *all;
    struct loop *loop;
    struct connection *connection;
    pthread_t thread;
    bool running, stopped;
    bool idle;
    struct task wake;
};

struct readers {
    struct meta *meta;
    uint32_t count;
    struct reader readers[READER_COUNT_MAX];
    pthread_mutex_t lock;
    struct meta_read *head, **tail;
    uint32_t queued;
    bool stopping;
};

static struct meta_read *take(struct reader *r, bool *ret_stop)
{
    struct readers *all = r->all;
    pthread_mutex_lock(&all->lock);
    struct meta_read *request = all->head;
    if (request != NULL) {
        all->head = request->next;
        if (all->head == NULL)
            all->tail = &all->head;
        all->queued--;
    } else {
        r->idle = true;
    }
    *ret_stop = request == NULL && all->stopping;
    pthread_mutex_unlock(&all->lock);
    return request;
}

static void wake_run(struct task *task)
{
    struct reader *r = container_of(task, struct reader, wake);
    struct meta_read *request;
    bool stop;
    while ((request = take(r, &stop)) != NULL)
        meta_answer_read(request, meta_run_read(r->all->meta, r->connection, false, request));
    r->stopped = stop;
}

/* With the lock held: an idle reader to wake, or NULL. */
static struct reader *take_idle(struct readers *all)
{
    for (uint32_t i = 0; i < all->count; i++) {
        if (all->readers[i].idle) {
            all->readers[i].idle = false;
            return &all->readers[i];
        }
    }
    return NULL;
}

void readers_submit(struct readers *all, struct meta_read *request)
{
    request->next = NULL;
    struct reader *idle = NULL;
    pthread_mutex_lock(&all->lock);
    int err = all->stopping ? ERR_SHUTDOWN : all->queued >= READER_QUEUE_MAX ? ERR_OVERLOAD : 0;
    if (err == 0) {
        *all->tail = request;
        all->tail = &request->next;
        all->queued++;
        idle = take_idle(all);
    }
    pthread_mutex_unlock(&all->lock);
    if (err != 0)
        meta_answer_read(request, err);
    else if (idle != NULL)
        loop_post(idle->loop, &idle->wake);
}

static bool is_stopped(void *arg)
{
    const struct reader *r = arg;
    return r->stopped;
}

static void *thread_main(void *arg)
{
    struct reader *r = arg;
    int err = loop_run_until(r->loop, is_stopped, r);
    if (err != 0)
        log_error("metadata reader: %s", err_text(err));
    return NULL;
}

static int open_one(struct readers *all, struct reader *r)
{
    r->all = all;
    r->idle = true;
    r->wake.run = wake_run;
    r->loop = meta_new_loop(all->meta, "meta-reader");
    if (r->loop == NULL)
        return ERR_NO_MEMORY;
    int err = connection_open(&all->meta->source, r->loop, false, &r->connection);
    if (err == 0 && pthread_create(&r->thread, NULL, thread_main, r) != 0)
        err = ERR_NO_MEMORY;
    r->running = err == 0;
    return err;
}

int readers_open(struct meta *meta, uint32_t count, struct readers **ret)
{
    struct readers *all = calloc(1, sizeof *all);
    if (all == NULL)
        return ERR_NO_MEMORY;
    all->meta = meta;
    all->tail = &all->head;
    pthread_mutex_init(&all->lock, NULL);
    int err = 0;
    for (; err == 0 && all->count < count; all->count++)
        err = open_one(all, &all->readers[all->count]);
    if (err != 0) {
        readers_close(all);
        return err;
    }
    *ret = all;
    return 0;
}

static void close_one(struct reader *r, bool idle)
{
    if (r->running) {
        if (idle)
            loop_post(r->loop, &r->wake);
        pthread_join(r->thread, NULL);
    }
    connection_close(r->connection);
    if (r->loop != NULL)
        loop_free(r->loop);
}

void readers_close(struct readers *all)
{
    if (all == NULL)
        return;
    pthread_mutex_lock(&all->lock);
    all->stopping = true;
    uint64_t idle = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        if (all->readers[i].idle)
            idle |= 1ull << i;
        all->readers[i].idle = false;
    }
    pthread_mutex_unlock(&all->lock);
    for (uint32_t i = 0; i < all->count; i++)
        close_one(&all->readers[i], (idle >> i) & 1);
    pthread_mutex_destroy(&all->lock);
    free(all);
}
