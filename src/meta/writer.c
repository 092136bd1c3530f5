/* See writer.h. The lock guards the queues and flags only. */
#include "meta/writer.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/log.h"
#include "meta/batch.h"
#include "meta/membership.h"
#include "meta/tables.h"
#include "meta/wants.h"

struct writer {
    struct meta *meta;
    struct loop *loop;
    bool own_loop, threaded;
    pthread_t thread;
    struct connection *connection;
    struct meta_tx tx;
    struct batch batches[2];
    uint32_t current; /* which of the two is next to commit */
    struct task wake;
    struct timer poll;
    _Atomic uint64_t commits, rows;

    pthread_mutex_t lock;
    struct meta_write *head, **tail;
    uint32_t count;
    struct meta_exclusive *exclusive_head, **exclusive_tail;
    bool woken;    /* wake is posted */
    bool stopping; /* no more requests */
    bool stopped;  /* the thread may end; its own */
};

static void wake_run(struct task *);
static void poll_fire(struct timer *);

int writer_open(struct meta *meta, struct loop *home, struct writer **ret)
{
    struct writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return ERR_NO_MEMORY;
    w->meta = meta;
    w->own_loop = meta->options.new_loop != NULL;
    w->loop = w->own_loop ? meta_new_loop(meta, "meta-writer") : home;
    pthread_mutex_init(&w->lock, NULL);
    w->tail = &w->head;
    w->exclusive_tail = &w->exclusive_head;
    w->wake.run = wake_run;
    w->poll.fire = poll_fire;
    batch_init(&w->batches[0]);
    batch_init(&w->batches[1]);
    int err = w->loop == NULL ? ERR_NO_MEMORY : connection_open(&meta->source, w->loop, true, &w->connection);
    if (err != 0) {
        writer_close(w);
        return err;
    }
    uint32_t part = meta->pages != NULL ? pages_record_max(meta->pages) / BATCH_RECORD_PART : BATCH_CHANGED_MAX;
    uint32_t most = part < BATCH_CHANGED_MAX ? part : BATCH_CHANGED_MAX;
    w->tx = (struct meta_tx){.meta = meta, .connection = w->connection, .clock = &meta->clock, .changed_max = most,
                             .request_changed_max = most / 2};
    meta->trash.due = true; /* before the last stop, perhaps */
    *ret = w;
    return 0;
}

struct connection *writer_connection(struct writer *w)
{
    return w->connection;
}

struct loop *writer_loop(struct writer *w)
{
    return w->loop;
}

/* --- queues --- */

void writer_wake(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    bool post = w->threaded && !w->woken;
    w->woken |= post;
    pthread_mutex_unlock(&w->lock);
    if (post)
        loop_post(w->loop, &w->wake);
}

static int refusal(struct writer *w)
{
    if (w->stopping)
        return ERR_SHUTDOWN;
    if (!atomic_load_explicit(&w->meta->writable, memory_order_acquire))
        return ERR_READ_ONLY;
    return w->count >= WRITER_QUEUE_MAX ? ERR_OVERLOAD : 0;
}

void writer_submit(struct writer *w, struct meta_write *request)
{
    request->next = NULL;
    request->uncertain = false;
    pthread_mutex_lock(&w->lock);
    int err = refusal(w);
    if (err == 0) {
        *w->tail = request;
        w->tail = &request->next;
        w->count++;
    }
    pthread_mutex_unlock(&w->lock);
    if (err != 0)
        meta_answer_write(request, err);
    else
        writer_wake(w);
}

static void exclusive_done(struct task *task)
{
    struct meta_exclusive *x = container_of(task, struct meta_exclusive, task);
    x->done(x);
}

static void answer_exclusive(struct meta_exclusive *x, int err)
{
    x->err = err;
    x->task.run = exclusive_done;
    loop_post(x->loop, &x->task);
}

void writer_submit_exclusive(struct writer *w, struct meta_exclusive *x)
{
    x->next = NULL;
    pthread_mutex_lock(&w->lock);
    bool refused = w->stopping;
    if (!refused) {
        *w->exclusive_tail = x;
        w->exclusive_tail = &x->next;
    }
    pthread_mutex_unlock(&w->lock);
    if (refused)
        answer_exclusive(x, ERR_SHUTDOWN);
    else
        writer_wake(w);
}

static struct meta_exclusive *take_exclusive(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    struct meta_exclusive *x = w->exclusive_head;
    if (x != NULL) {
        w->exclusive_head = x->next;
        if (w->exclusive_head == NULL)
            w->exclusive_tail = &w->exclusive_head;
    }
    pthread_mutex_unlock(&w->lock);
    return x;
}

/* Moves requests from the queue into the batch; without_data: only as long as the first one needs no flush. */
static void take_requests(struct writer *w, struct batch *b, bool without_data)
{
    pthread_mutex_lock(&w->lock);
    while (w->head != NULL && b->count < BATCH_REQUESTS_MAX && !(without_data && w->head->flush_volumes != 0)) {
        struct meta_write *request = w->head;
        w->head = request->next;
        if (w->head == NULL)
            w->tail = &w->head;
        w->count--;
        batch_add(b, request);
    }
    pthread_mutex_unlock(&w->lock);
}

/* --- steps --- */

static void stop_writing(struct writer *w)
{
    atomic_store_explicit(&w->meta->writable, false, memory_order_release);
}

static bool review_membership(struct writer *w)
{
    if (!membership_pending(w->meta->store, loop_now_us(w->loop)))
        return false;
    int err = membership_review(w->meta, w->loop);
    if (err != 0) {
        log_error("changing the members of the store: %s; writing stops", err_text(err));
        stop_writing(w);
    }
    return true;
}

/* Requests come from the queue while nobody who came before them waits in a batch. */
static void fill_batches(struct writer *w, struct batch *b, struct batch *following)
{
    if (following->count > 0)
        return;
    take_requests(w, b, true);
    take_requests(w, following, false);
    if (following->count > 0)
        batch_submit(following, w->meta, w->loop);
}

static bool run_batch(struct writer *w)
{
    struct batch *b = &w->batches[w->current], *following = &w->batches[w->current ^ 1];
    if (b->count == 0) {
        take_requests(w, b, false);
        if (b->count == 0)
            return false;
        batch_submit(b, w->meta, w->loop);
    }
    batch_await(b, w->meta, w->loop);
    review_membership(w);
    fill_batches(w, b, following);
    struct batch_result result = {0};
    if (atomic_load_explicit(&w->meta->writable, memory_order_acquire))
        batch_commit(b, &w->tx, w->loop, &result);
    else
        batch_refuse(b, ERR_READ_ONLY);
    if (result.broken)
        stop_writing(w);
    if (result.committed) {
        atomic_fetch_add_explicit(&w->commits, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&w->rows, result.rows, memory_order_relaxed);
    }
    batch_answer(b);
    if (b->count == 0)
        w->current ^= 1;
    return true;
}

static bool run_exclusive(struct writer *w)
{
    struct meta_exclusive *x = take_exclusive(w);
    if (x == NULL)
        return false;
    answer_exclusive(x, x->run(w->meta, w->loop, x));
    return true;
}

static bool is_stopping(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    bool stopping = w->stopping;
    pthread_mutex_unlock(&w->lock);
    return stopping;
}

bool writer_step(struct writer *w)
{
    bool worked = run_exclusive(w);
    freed_settle(&w->meta->freed, w->meta->pages, w->meta->placement);
    if (atomic_load_explicit(&w->meta->writable, memory_order_acquire)) {
        worked |= review_membership(w);
        worked |= wants_serve(w->meta, w);
        worked |= !is_stopping(w) && trash_serve(w->meta, w); /* what is left then is owed at the next start */
    }
    return run_batch(w) || worked;
}

struct transact { struct meta_write write; int (*fn)(struct meta_tx *, void *); void *arg; };

static int transact_run(struct meta_tx *tx, struct meta_write *write)
{
    struct transact *t = container_of(write, struct transact, write);
    return t->fn(tx, t->arg);
}

int writer_transact(struct writer *w, int (*fn)(struct meta_tx *, void *), void *arg)
{
    if (!atomic_load_explicit(&w->meta->writable, memory_order_acquire))
        return ERR_READ_ONLY;
    struct transact t = {.write = {.run = transact_run}, .fn = fn, .arg = arg};
    struct batch b;
    batch_init(&b);
    batch_add(&b, &t.write);
    struct batch_result result;
    batch_commit(&b, &w->tx, w->loop, &result);
    if (result.broken)
        stop_writing(w);
    return t.write.err;
}

/* --- the thread --- */

static void wake_run(struct task *task)
{
    struct writer *w = container_of(task, struct writer, wake);
    pthread_mutex_lock(&w->lock);
    w->woken = false;
    bool stopping = w->stopping;
    pthread_mutex_unlock(&w->lock);
    while (writer_step(w))
        ;
    w->stopped = stopping;
}

static void poll_fire(struct timer *timer)
{
    struct writer *w = container_of(timer, struct writer, poll);
    loop_timer_set(w->loop, &w->poll, loop_now_us(w->loop) + WRITER_POLL_US);
    writer_wake(w);
}

static bool is_stopped(void *arg)
{
    const struct writer *w = arg;
    return w->stopped;
}

static void *thread_main(void *arg)
{
    struct writer *w = arg;
    loop_timer_set(w->loop, &w->poll, loop_now_us(w->loop) + WRITER_POLL_US);
    int err = loop_run_until(w->loop, is_stopped, w);
    if (err != 0)
        log_error("metadata writer: %s", err_text(err));
    loop_timer_cancel(w->loop, &w->poll);
    return NULL;
}

int writer_start(struct writer *w)
{
    if (!w->meta->options.threads)
        return 0;
    w->threaded = true;
    if (pthread_create(&w->thread, NULL, thread_main, w) != 0) {
        w->threaded = false;
        return ERR_NO_MEMORY;
    }
    writer_wake(w);
    return 0;
}

static int persist_clock(struct meta_tx *tx, void *arg)
{
    (void)arg;
    tx->clock->ceiling = tx->clock->last + 1;
    return setting_set_u64(tx, "clock_ceiling", tx->clock->ceiling);
}

static void stop(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_mutex_unlock(&w->lock);
    if (w->threaded) {
        writer_wake(w);
        pthread_join(w->thread, NULL);
        w->threaded = false;
    }
    while (writer_step(w))
        ;
    if (w->connection != NULL && atomic_load(&w->meta->writable)) {
        int err = writer_transact(w, persist_clock, NULL);
        if (err != 0)
            log_error("persisting the clock: %s", err_text(err));
    }
}

void writer_close(struct writer *w)
{
    if (w == NULL)
        return;
    if (w->connection != NULL)
        stop(w);
    connection_close(w->connection);
    freed_fini(&w->meta->freed);
    meta_tx_fini(&w->tx);
    if (w->own_loop && w->loop != NULL)
        loop_free(w->loop);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

void writer_status(struct writer *w, struct writer_status *ret)
{
    pthread_mutex_lock(&w->lock);
    ret->queued = w->count;
    pthread_mutex_unlock(&w->lock);
    ret->commits = atomic_load_explicit(&w->commits, memory_order_relaxed);
    ret->rows = atomic_load_explicit(&w->rows, memory_order_relaxed);
}
